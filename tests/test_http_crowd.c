/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients by chance: requests good and bad, pipelined, cut anywhere, with pauses, losses, closed
 * windows, half closes and resets, four of them at a time. Each gets the answers to what it asked,
 * in that order, byte by byte, and nothing behind one that ends the connection; at the end no
 * connection, file or buffer is left.
 */
#define _GNU_SOURCE /* memmem */
#include "chance.h"
#include "http_site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CROWDS 120u
#define CLIENTS SITE_CONNECTIONS
#define REQUESTS 12u
#define TEXT_BYTES 65536u
#define MID_BYTES 60000u
#define GET(path) "GET " path " HTTP/1.1\r\n" H

/* What is asked, and the answer: 4 stands for any 4xx, whose text is not ours to check. */
static const struct ask {
    const char *text;
    int status;
    size_t off, len;
} asks[] = {
    {GET("/one") "\r\n", 200, 0, 1},
    {GET("/ten") "\r\n", 200, 0, 10},
    {GET("//./ten") "\r\n", 200, 0, 10},
    {GET("/%74en?x=%00") "\r\n", 200, 0, 10},
    {GET("/mid") "\r\n", 200, 0, MID_BYTES},
    {GET("/big") "Range: bytes=100000-299999\r\n\r\n", 206, 100000, 200000},
    {GET("/ten") "Range: bytes=3-6\r\n\r\n", 206, 3, 4},
    {GET("/ten") "Range: bytes=-2\r\n\r\n", 206, 8, 2},
    {GET("/ten") "Range: bytes=99-\r\n\r\n", 4, 0, 0},
    {"HEAD /big HTTP/1.1\r\n" H "\r\n", 200, 0, 0},
    {GET("/ten") "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n\r\n", 304, 0, 0},
    {GET("/none") "\r\n", 4, 0, 0},
    {GET("/../ten/../../etc/passwd") "\r\n", 4, 0, 0},
    {GET("/%00") "\r\n", 4, 0, 0},
    {GET("/ten/") "\r\n", 4, 0, 0},
    {GET("/ten") "Connection: close\r\n\r\n", 200, 0, 10},
    {"GET /ten HTTP/1.1\r\n\r\n", 4, 0, 0},
    {"GET /ten\r\n\r\n", 4, 0, 0},
    {"\x01\x02\r\n\r\n", 4, 0, 0},
};

static struct client {
    struct wire_client wire;
    unsigned ask[REQUESTS];
    unsigned asks;
    char text[TEXT_BYTES];
    size_t bytes, sent;
    bool reset, shut;
} clients[CLIENTS];

static void script(struct client *c)
{
    memset(c, 0, sizeof(*c));
    c->asks = 1 + below(REQUESTS);
    for (unsigned i = 0; i < c->asks; i++) {
        c->ask[i] = below(happens(700) ? 11 : countof(asks));
        strcpy(c->text + c->bytes, asks[c->ask[i]].text);
        c->bytes += strlen(asks[c->ask[i]].text);
    }
}

/* ---- clients --------------------------------------------------------------------------------- */

static void send_some(struct client *c)
{
    char part[TEXT_BYTES];
    const size_t left = c->bytes - c->sent;
    size_t bytes = 1 + below(happens(500) ? 20 : 2000);

    bytes = bytes < left ? bytes : left;
    memcpy(part, c->text + c->sent, bytes);
    part[bytes] = '\0';
    wire_send(&c->wire, part);
    c->sent += bytes;
}

static void act(struct client *c)
{
    if (c->reset || !c->wire.pcb)
        return;
    if (c->sent < c->bytes)
        send_some(c);
    if (happens(30))
        c->wire.is_paused = true;
    else if (c->wire.is_paused && happens(300))
        wire_resume(&c->wire);
    if (c->sent == c->bytes && !c->shut && happens(20)) {
        wire_shut(&c->wire);
        c->shut = true;
    }
    if (happens(5)) {
        wire_close(&c->wire);
        c->reset = true;
    }
}

static bool all_sent(void)
{
    bool all = true;

    for (unsigned i = 0; i < CLIENTS; i++)
        all = all &&
              (clients[i].reset || !clients[i].wire.pcb || clients[i].sent == clients[i].bytes);
    return all;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* The value of Content-Length in the head at (at), which ends at (body); 0: there is none. */
static size_t said_bytes(const char *at, const char *body)
{
    static const char name[] = "\r\nContent-Length: ";
    const char *field = memmem(at, (size_t)(body - at), name, sizeof(name) - 1);

    return field ? strtoul(field + sizeof(name) - 1, NULL, 10) : 0;
}

static bool says_close(const char *at, const char *body)
{
    static const char text[] = "\r\nConnection: close\r\n";

    return memmem(at, (size_t)(body - at), text, sizeof(text) - 1) != NULL;
}

/* One answer; false: it was the last. */
static bool check_answer(const char **at, const char *end, const struct ask *ask)
{
    const char *head = *at, *body = memmem(head, (size_t)(end - head), "\r\n\r\n", 4);

    if (!body)
        fail_msg("no answer to %s", ask->text);
    body += 4;
    if (ask->status != 4) {
        take_answer(at, end, ask->status, ask->off, ask->len);
        return !says_close(head, body);
    }
    if (head[9] != '4')
        fail_msg("%.12s to %s", head, ask->text);
    *at = body + said_bytes(head, body);
    assert_true(*at <= end);
    return !says_close(head, body);
}

static void check_answers(const struct client *c)
{
    const char *at = c->wire.data, *end = at + c->wire.len_bytes;
    bool goes_on = true;

    for (unsigned i = 0; i < c->asks && goes_on; i++)
        goes_on = check_answer(&at, end, &asks[c->ask[i]]);
    if (at != end)
        fail_msg("%zu bytes too many", (size_t)(end - at));
}

static void every_client_gets_what_it_asked_for(unsigned number)
{
    (void)number;
    assert_int_equal(site_open(NULL), 0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        script(&clients[i]);
        wire_open(&clients[i].wire, SITE_PORT);
    }
    wire_lose(pick(0, 0, 7, 30));
    for (unsigned turns = 0; !all_sent() && turns < 4000; turns++) {
        act(&clients[below(CLIENTS)]);
        if (happens(50))
            wire_wait_ms(1);
    }
    wire_lose(0);
    for (unsigned i = 0; i < CLIENTS; i++)
        if (!clients[i].reset && clients[i].wire.pcb)
            wire_resume(&clients[i].wire);
    wire_wait_s(5);
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (!clients[i].reset)
            check_answers(&clients[i]);
        wire_close(&clients[i].wire);
    }
    assert_int_equal(site_close(NULL), 0);
}

int main(int argc, char **argv)
{
    int rc;

    if (site_open_all(NULL))
        return 1;
    site_make("mid", MID_BYTES);
    rc = chance_main(argc, argv, CROWDS, every_client_gets_what_it_asked_for);
    return site_close_all(NULL) ? 1 : rc;
}
