/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients that ask again and again on connections that stay: 64 bytes to have back (rr), a file by
 * HTTP (http); or that acknowledge what nobody sent (ack). Each asks once before the first one asks
 * again, in a random order, as many at a time as a batch has.
 */
#define _GNU_SOURCE /* memmem */
#include "bench_gen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_server.h"

#define ECHO_BYTES 64u
#define FILES_BYTES (1u << 20)
#define UNANSWERED UINT32_MAX /* nothing of the answer is here */

static struct {
    uint32_t *order; /* whose turn it is */
    uint32_t next, batch, waiting;
    uint32_t request_bytes, answer_bytes; /* 0: the first one will tell */
} ask;

/* ---- clients --------------------------------------------------------------------------------- */

static bool in_random_order(uint32_t request_bytes, uint32_t answer_bytes)
{
    ask.request_bytes = request_bytes;
    ask.answer_bytes = answer_bytes;
    ask.batch = gen.count > GEN_BATCH_MAX ? GEN_BATCH_MAX : gen.count;
    ask.order = calloc(gen.count, sizeof(*ask.order));
    if (!ask.order)
        return false;
    for (uint32_t i = 0; i < gen.count; i++)
        ask.order[i] = i;
    for (uint32_t i = gen.count; i > 1; i--) {
        const uint32_t k = gen_rnd(i), other = ask.order[k];

        ask.order[k] = ask.order[i - 1];
        ask.order[i - 1] = other;
    }
    return true;
}

/* Not one that waits for its answer: fewer than there are do, but answers may change places. */
static uint32_t next_client(void)
{
    uint32_t i;

    do {
        i = ask.order[ask.next];
        ask.next = ask.next + 1 == gen.count ? 0 : ask.next + 1;
    } while (gen.client[i].left_bytes > 0);
    return i;
}

/*
 * On as many connections as may wait. When all have their answers they ask at once, within the
 * host's step that brought the last one, and what they say goes with it: as a kernel's client does
 * beyond a TAP device, for which the host is not stepped twice either.
 */
static void ask_more(void)
{
    for (; ask.waiting < ask.batch; ask.waiting++) {
        const uint32_t i = next_client();

        gen.client[i].asked_ns = (uint32_t)gen.turn_ns;
        gen.client[i].left_bytes = UNANSWERED;
        if (gen.work == &gen_rr)
            memcpy(gen_data(), &i, sizeof(i));
        gen_send(i, &gen.client[i], TCP_ACK | TCP_PSH, ask.request_bytes);
    }
}

static void acknowledge(void)
{
    for (uint32_t n = 0; n < GEN_BATCH_MAX; n++) {
        const uint32_t i = next_client();

        gen_send(i, &gen.client[i], TCP_ACK | TCP_PSH, 0);
    }
    gen_done(GEN_BATCH_MAX);
}

/* The first (bytes) of an answer to (i): how long will it be? 0: it is no answer. */
static uint32_t answer_begins(uint32_t i, const char *data, uint32_t bytes)
{
    const char *length, *end;

    if (gen.work == &gen_rr)
        return bytes == ECHO_BYTES && memcmp(data, &i, sizeof(i)) == 0 ? ECHO_BYTES : 0;
    if (bytes < 13 || memcmp(data, "HTTP/1.1 200 ", 13) != 0)
        return 0;
    if (ask.answer_bytes)
        return ask.answer_bytes;
    length = memmem(data, bytes, "\r\nContent-Length: ", 18);
    end = memmem(data, bytes, "\r\n\r\n", 4);
    if (length && end && length < end)
        ask.answer_bytes = (uint32_t)(end + 4 - data) + (uint32_t)strtoul(length + 18, NULL, 10);
    return ask.answer_bytes;
}

static void on_answer(uint32_t i, const struct tcp_hdr *tcp, uint32_t bytes)
{
    struct gen_client *c = &gen.client[i];

    if (i >= gen.count || bytes == 0)
        return;
    if (lwip_ntohl(tcp->seqno) - c->ack > INT32_MAX) {
        gen.again++; /* it was not acknowledged for 200 ms */
        return;
    }
    if (c->left_bytes == UNANSWERED)
        c->left_bytes = answer_begins(i, (const char *)tcp + TCPH_HDRLEN_BYTES(tcp), bytes);
    if (lwip_ntohl(tcp->seqno) != c->ack || bytes > c->left_bytes) {
        gen.wrong++;
        return;
    }
    c->ack += bytes;
    c->left_bytes -= bytes;
    if (c->left_bytes > 0)
        return;
    gen_done_one(c->asked_ns);
    if (--ask.waiting == 0)
        ask_more();
}

/* Each has had its turn, or it was not about so many. */
static bool all_asked(void)
{
    return gen.served >= gen.count;
}

/* ---- servers --------------------------------------------------------------------------------- */

static bool begin_echo(void)
{
    memset(gen_data(), 'x', ECHO_BYTES);
    return in_random_order(ECHO_BYTES, ECHO_BYTES) && gen_listen(gen.work->port, gen_echo_accept);
}

static struct http_server server;

bool gen_http_site(const char *dir, const char *path)
{
    const int bytes =
        snprintf((char *)gen_data(), GEN_MSS, "GET /%s HTTP/1.1\r\nHost: b\r\n\r\n", path);

    ask.request_bytes = bytes > 0 && bytes < (int)GEN_MSS ? (uint32_t)bytes : 0;
    return ask.request_bytes && http_root_open(&server.site.root, dir) == 0;
}

static bool begin_http(void)
{
    static char files[FILES_BYTES];
    const struct http_config config = {.port = gen.work->port,
                                       .backlog = 255,
                                       .connections = gen.count,
                                       .header_ms = 10000,
                                       .idle_ms = 60000,
                                       .write_ms = 60000,
                                       .files = files,
                                       .files_bytes = sizeof(files)};

    return in_random_order(ask.request_bytes, 0) && http_server_open(&server, &config) == 0;
}

const struct gen_work gen_rr = {.name = "rr",
                                .port = 7,
                                .begin = begin_echo,
                                .turn = ask_more,
                                .on_segment = on_answer,
                                .over = all_asked};
const struct gen_work gen_ack = {.name = "ack",
                                 .port = 7,
                                 .begin = begin_echo,
                                 .turn = acknowledge,
                                 .on_segment = on_answer,
                                 .over = all_asked};
const struct gen_work gen_http = {.name = "http",
                                  .port = 80,
                                  .begin = begin_http,
                                  .turn = ask_more,
                                  .on_segment = on_answer,
                                  .over = all_asked};
