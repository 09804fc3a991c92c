/* SPDX-License-Identifier: BSD-3-Clause */
/* What clients may take of the server: connections and memory. */
#include "http_site.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "http_conn.h"
#include "lwip/memp.h"
#include "port_heap.h"

/* ---- many ---------------------------------------------------------------------------------- */

static void idle_connections_make_room_for_new_ones(void **state)
{
    static struct wire_client c[SITE_CONNECTIONS + 1];

    (void)state;
    for (unsigned i = 0; i < countof(c); i++) {
        site_ask(&c[i], "GET /ten HTTP/1.1\r\n" H "\r\n");
        assert_answer(&c[i], 200, 0, 10);
        wire_wait_s(1); /* for the acknowledgement */
    }
    assert_int_equal(server.open, SITE_CONNECTIONS);
    assert_int_equal(server.stats.evicted, 1);
    assert_true(c[0].got_fin);
    assert_false(c[1].got_fin);
    for (unsigned i = 0; i < countof(c); i++)
        wire_close(&c[i]);
}

/* What has been answered and not been taken is no reason to forget who owes the taking. */
static void connections_with_data_on_its_way_make_no_room(void **state)
{
    static struct wire_client c[SITE_CONNECTIONS + 1];

    (void)state;
    site_make("late", SITE_LATE);
    for (unsigned i = 0; i < countof(c); i++) {
        site_ask_paused(&c[i], "GET /late HTTP/1.1\r\n" H "\r\n");
    }
    assert_int_equal(server.stats.evicted, 0);
    assert_int_equal(server.stats.refused, 1);
    http_server_stop(&server);
    wire_run();
    for (unsigned i = 0; i < SITE_CONNECTIONS; i++) {
        assert_false(c[i].got_fin);
        wire_resume(&c[i]);
        wire_wait_s(1);
        assert_answer(&c[i], 200, 0, SITE_LATE);
        assert_true(c[i].got_fin);
    }
    for (unsigned i = 0; i < countof(c); i++)
        wire_close(&c[i]);
}

static void when_all_connections_are_busy_more_are_refused(void **state)
{
    static struct wire_client c[SITE_CONNECTIONS + 1];

    (void)state;
    for (unsigned i = 0; i < countof(c); i++) {
        site_ask(&c[i], "GET /te");
    }
    assert_true(c[SITE_CONNECTIONS].got_reset);
    assert_int_equal(server.stats.refused, 1);
    for (unsigned i = 0; i < SITE_CONNECTIONS; i++) {
        wire_send(&c[i], "n HTTP/1.1\r\n" H "\r\n");
        assert_answer(&c[i], 200, 0, 10);
    }
    for (unsigned i = 0; i < countof(c); i++)
        wire_close(&c[i]);
    site_ask(&c[0], "GET /ten HTTP/1.1\r\n" H "\r\n");
    assert_answer(&c[0], 200, 0, 10);
    wire_close(&c[0]);
}

static void stopping_ends_idle_connections_at_once_and_busy_ones_after_their_answer(void **state)
{
    static struct wire_client idle, busy, late;

    (void)state;
    wire_open(&idle, SITE_PORT);
    site_ask_paused(&busy, "GET /big HTTP/1.1\r\n" H "\r\n");
    http_server_stop(&server);
    wire_run();
    assert_true(idle.got_fin);
    assert_false(busy.got_fin);
    wire_open(&late, SITE_PORT);
    assert_false(late.connected);
    wire_resume(&busy);
    assert_answer(&busy, 200, 0, SITE_BIG);
    assert_true(busy.got_fin);
    wire_close(&idle);
    wire_close(&busy);
    wire_close(&late);
}

/* Megabytes of requests to a server that cannot answer: they wait with the client, not with us. */
static void pipelining_without_reading_meets_a_closed_window(void **state)
{
    static char text[900 * 40];
    static struct wire_client c;
    const char *at;
    size_t sent = 0;

    (void)state;
    text[0] = '\0';
    for (unsigned i = 0; i < 900; i++)
        strcat(text, "GET /ten HTTP/1.1\r\n" H "X: 5678\r\n\r\n");
    site_ask_paused(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
    for (int i = 0; i < 20; i++, sent += 900) {
        wire_send(&c, text);
        if (tcp_sndbuf(c.pcb) < strlen(text))
            break;
    }
    sent += 900;
    assert_true(sent < 20 * 900); /* the client's own buffer filled: nobody took it */
    wire_resume(&c);
    wire_wait_s(30);
    at = c.data;
    take_answer(&at, c.data + c.len_bytes, 200, 0, SITE_BIG);
    for (size_t i = 0; i < sent; i++)
        take_answer(&at, c.data + c.len_bytes, 200, 0, 10);
    assert_int_equal(c.data + c.len_bytes - at, 0);
    wire_close(&c);
}

/* Segments of one byte take a whole buffer each: 256 wait, the rest is the client's matter. */
static void tiny_segments_do_not_pile_up(void **state)
{
    static struct wire_client c;
    const char *at;

    (void)state;
    site_ask_paused(&c, "GET /big HTTP/1.1\r\n" H "\r\nGET /ten HTTP/1.1\r\nX: ");
    for (int i = 0; i < 340; i++)
        wire_send(&c, "x");
    assert_true(server.conns[0].in_count <= HTTP_INPUT_PBUFS_MAX);
    wire_send(&c, "\r\n" H "\r\n");
    wire_resume(&c);
    wire_wait_s(60);
    at = c.data;
    take_answer(&at, c.data + c.len_bytes, 200, 0, SITE_BIG);
    take_answer(&at, c.data + c.len_bytes, 200, 0, 10);
    wire_close(&c);
}

/* Nor do those of many clients, which together would leave lwIP nothing to receive into. */
static void tiny_segments_of_many_do_not_pile_up(void **state)
{
    static struct wire_client c[SITE_CONNECTIONS];
    unsigned waiting = 0;
    const char *at;

    (void)state;
    for (unsigned i = 0; i < countof(c); i++) {
        site_ask_paused(&c[i], "GET /big HTTP/1.1\r\n" H "\r\nGET /ten HTTP/1.1\r\nX: ");
        for (int k = 0; k < 200; k++)
            wire_send(&c[i], "x");
    }
    for (unsigned i = 0; i < countof(c); i++)
        waiting += server.conns[i].in_count;
    assert_true(waiting <= HTTP_INPUT_PBUFS_ALL + SITE_CONNECTIONS);
    for (unsigned i = 0; i < countof(c); i++) {
        wire_send(&c[i], "\r\n" H "\r\n");
        wire_resume(&c[i]);
    }
    wire_wait_s(60);
    for (unsigned i = 0; i < countof(c); i++) {
        at = c[i].data;
        take_answer(&at, c[i].data + c[i].len_bytes, 200, 0, SITE_BIG);
        take_answer(&at, c[i].data + c[i].len_bytes, 200, 0, 10);
        wire_close(&c[i]);
    }
    assert_int_equal(server.in_count, 0);
}

#define SEGMENTS_MAX 131072u /* more than MEMP_NUM_TCP_SEG */

/*
 * Sends (request) while lwIP has no segment free but the one the request is in, which serves for
 * the answer, a piece at a time, once it was acknowledged.
 */
static void send_without_memory(struct wire_client *client, const char *request)
{
    static void *kept[SEGMENTS_MAX];
    size_t count = 0;

    wire_cut(true); /* the request comes when there are no more */
    wire_send(client, request);
    while (count < SEGMENTS_MAX && (kept[count] = memp_malloc(MEMP_TCP_SEG)))
        count++;
    wire_cut(false);
    wire_wait_s(60);
    while (count > 0)
        memp_free(MEMP_TCP_SEG, kept[--count]);
}

static void without_memory_an_answer_takes_longer(void **state)
{
    static struct wire_client c;

    (void)state;
    site_make("waits", 30000);
    wire_open(&c, SITE_PORT);
    send_without_memory(&c, "GET /waits HTTP/1.1\r\n" H "\r\n");
    assert_answer(&c, 200, 0, 30000);
    wire_close(&c);
}

/* A head of some 1300 bytes, and memory for 400 of them. */
static void without_memory_a_head_goes_in_pieces(void **state)
{
    static struct wire_client c;
    char request[1200];
    const char *zeros;

    (void)state;
    assert_int_equal(mkdirat(server.site.root.fd, "dir", 0755), 0);
    snprintf(request, sizeof(request), "GET /dir?%0980d HTTP/1.1\r\n" H "\r\n", 0);
    wire_open(&c, SITE_PORT);
    server.conns[0].pcb->mss = 400;
    send_without_memory(&c, request);
    zeros = strstr(c.data, "Location: /dir/?0");
    assert_non_null(zeros);
    assert_int_equal(strspn(zeros + strlen("Location: /dir/?"), "0"), 980);
    assert_string_equal(c.data + c.len_bytes - 6, "</h1>\n");
    wire_close(&c);
}

/* A file is read into segments for a client that takes none. The heap stays for the others. */
static void where_the_heap_is_scarce_one_client_gets_a_share_of_it(void **state)
{
    static struct wire_client c;
    struct port_heap_stats stats;
    void *others[24];

    (void)state;
    assert_int_equal(port_heap_open(8u << 20, 0), 0);
    assert_false(port_heap_is_scarce());
    for (unsigned i = 0; i < countof(others); i++)
        others[i] = port_heap_malloc(128u << 10);
    assert_true(port_heap_is_scarce());
    site_ask_paused(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
    assert_in_range(server.conns[0].unacked_bytes, 90000, 165000);
    for (unsigned i = 0; i < countof(others); i++)
        port_heap_free(others[i]);
    wire_resume(&c);
    assert_answer(&c, 200, 0, SITE_BIG);
    wire_close(&c);
    wire_wait_s(150);
    port_heap_stats(&stats);
    assert_int_equal(stats.used_bytes, 0);
    port_heap_close();
}

static void closing_the_server_resets_what_is_open(void **state)
{
    static struct wire_client busy, idle;

    (void)state;
    wire_open(&busy, SITE_PORT);
    wire_open(&idle, SITE_PORT);
    busy.is_paused = true;
    wire_send(&busy, "GET /big HTTP/1.1\r\n" H "\r\n");
    http_server_close(&server);
    wire_run();
    assert_true(busy.got_reset);
    assert_true(idle.got_fin || idle.got_reset);
    assert_int_equal(site_open_files(), 0);
    wire_close(&busy);
    wire_close(&idle);
}

#define T(name) cmocka_unit_test_setup_teardown(name, site_open, site_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(idle_connections_make_room_for_new_ones),
        T(connections_with_data_on_its_way_make_no_room),
        T(when_all_connections_are_busy_more_are_refused),
        T(stopping_ends_idle_connections_at_once_and_busy_ones_after_their_answer),
        T(pipelining_without_reading_meets_a_closed_window),
        T(tiny_segments_do_not_pile_up),
        T(tiny_segments_of_many_do_not_pile_up),
        T(without_memory_an_answer_takes_longer),
        T(without_memory_a_head_goes_in_pieces),
        T(where_the_heap_is_scarce_one_client_gets_a_share_of_it),
        T(closing_the_server_resets_what_is_open),
    };

    return cmocka_run_group_tests(tests, site_open_all, site_close_all);
}
