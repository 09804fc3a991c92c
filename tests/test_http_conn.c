/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests and answers over a real TCP. Limits of time and number: test_http_limits.c. */
#define _GNU_SOURCE /* memfd_create() */
#include "http_site.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- tests --------------------------------------------------------------------------------- */

static void requests_share_a_connection(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, SITE_PORT);
    for (int i = 0; i < 10; i++) {
        wire_send(&c, "GET /ten HTTP/1.1\r\n" H "\r\n");
        assert_answer(&c, 200, 0, 10);
    }
    assert_int_equal(server.stats.connections, 1);
    assert_int_equal(server.stats.requests, 10);
    assert_int_equal(server.stats.status_2xx, 10);
    assert_false(c.got_fin);
    wire_close(&c);
    assert_int_equal(server.open, 0);
}

static void a_request_may_come_in_segments_of_one_byte(void **state)
{
    static const char text[] = "GET /ten HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc";
    static struct wire_client c;

    (void)state;
    wire_open(&c, SITE_PORT);
    for (size_t i = 0; i + 1 < sizeof(text); i++) {
        const char byte[2] = {text[i], '\0'};

        assert_int_equal(c.len_bytes, 0);
        wire_send(&c, byte);
    }
    assert_answer(&c, 200, 0, 10);
    wire_close(&c);
}

/* Sizes around segments, scratch and send buffer; the clock stands still meanwhile. */
static void files_of_all_sizes_arrive_exactly_and_at_once(void **state)
{
    static const size_t sizes[] = {
        0,     1,     1200,  1213,   1214,   1215,   1459,    1460,  1461,  2919,  2920,
        2921,  5000,  8760,  14600,  32767,  32768,  32769,   65535, 65536, 65537, 99999,
        61320, 61321, 40000, 131072, 131073, 262144, 1000000, 40000, 61320, 61321,
    };
    static struct wire_client c;

    (void)state;
    wire_open(&c, SITE_PORT);
    for (size_t i = 0; i < countof(sizes); i++) {
        site_make("sized", sizes[i]);
        wire_wait_ms(1); /* what a file was is believed until then */
        wire_send(&c, "GET /sized HTTP/1.1\r\n" H "\r\n");
        assert_answer(&c, 200, 0, sizes[i]);
    }
    wire_close(&c);
}

/*
 * The longest of what is sent is one segment of 61,320 bytes; a large file before opens the window.
 */
static void files_of_all_sizes_arrive_in_long_segments(void **state)
{
    wire_takes_long(true);
    files_of_all_sizes_arrive_exactly_and_at_once(state);
    wire_takes_long(false);
}

static void each_size_up_to_two_segments_arrives_at_once(void **state)
{
    char request[64];
    static struct wire_client c;

    (void)state;
    wire_open(&c, SITE_PORT);
    for (size_t size = 1; size < 3000; size += 13) {
        snprintf(request, sizeof(request), "GET /big HTTP/1.1\r\n" H "Range: bytes=5-%zu\r\n\r\n",
                 size + 4);
        wire_send(&c, request);
        assert_answer(&c, 206, 5, size);
    }
    wire_close(&c);
}

static void a_new_connection_waits_for_nothing_either(void **state)
{
    static const size_t sizes[] = {1,    1000, 1460, 3000,  4000,  4400,
                                   5000, 6000, 9000, 20000, 300000};
    static struct wire_client c;

    (void)state;
    for (size_t i = 0; i < countof(sizes); i++) {
        site_make("sized", sizes[i]);
        wire_wait_ms(1); /* what a file was is believed until then */
        site_ask(&c, "GET /sized HTTP/1.1\r\n" H "\r\n");
        assert_answer(&c, 200, 0, sizes[i]);
        wire_close(&c);
    }
}

static void a_large_file_arrives_exactly(void **state)
{
    static struct wire_client c;

    (void)state;
    site_ask(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
    assert_answer(&c, 200, 0, SITE_BIG);
    assert_true(server.stats.bytes > SITE_BIG);
    wire_close(&c);
}

static void a_lossy_wire_changes_no_byte(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, SITE_PORT);
    wire_lose(37);
    wire_send(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
    wire_wait_s(120);
    wire_lose(0);
    wire_wait_s(10);
    assert_answer(&c, 200, 0, SITE_BIG);
    wire_close(&c);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    static char text[200 * 80];
    const char *at;
    static struct wire_client c;

    (void)state;
    text[0] = '\0';
    for (unsigned i = 0; i < 200; i++)
        sprintf(text + strlen(text), "%s /big HTTP/1.1\r\n" H "Range: bytes=%u-%u\r\n\r\n",
                i % 5 ? "GET" : "HEAD", i * 1000, i * 1000 + i);
    site_ask(&c, text);
    at = c.data;
    for (unsigned i = 0; i < 200; i++)
        take_answer(&at, c.data + c.len_bytes, i % 5 ? 206 : 200, i * 1000, i % 5 ? i + 1 : 0);
    assert_int_equal(c.data + c.len_bytes - at, 0);
    wire_close(&c);
}

static void bodies_are_skipped(void **state)
{
    static struct wire_client c;

    (void)state;
    site_ask(&c, "POST /ten HTTP/1.1\r\n" H "Content-Length: 30\r\n\r\nGET /one HTTP/1.1\r\n");
    assert_int_equal(c.len_bytes, 0);
    wire_send(&c, H "\r\n"); /* the last of the 30 bytes */
    assert_refusal(&c, "405");
    wire_send(&c, "GET /ten HTTP/1.1\r\n" H "\r\n");
    assert_answer(&c, 200, 0, 10);
    wire_close(&c);
}

static void a_body_too_large_is_refused_and_the_refusal_arrives(void **state)
{
    static char body[100000];
    static struct wire_client c;

    (void)state;
    memset(body, 'b', sizeof(body) - 1);
    site_ask(&c, "POST / HTTP/1.1\r\n" H "Content-Length: 1000000\r\n\r\n");
    for (int i = 0; i < 5; i++)
        wire_send(&c, body);
    assert_refusal(&c, "413");
    assert_true(c.got_fin);
    assert_non_null(c.pcb);
    wire_shut(&c);
    assert_int_equal(server.open, 0);
    wire_close(&c);
}

static void endless_input_after_a_refusal_ends_in_a_reset(void **state)
{
    static char body[32001];
    static struct wire_client c;

    (void)state;
    memset(body, 'b', sizeof(body) - 1);
    site_ask(&c, "GET /\r\n");
    for (int i = 0; i < 300 && c.pcb; i++)
        wire_send(&c, body);
    assert_refusal(&c, "400");
    assert_true(c.got_reset);
    assert_int_equal(server.stats.aborted_input, 1);
    wire_close(&c);
}

static void close_is_said_and_done(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, SITE_PORT);
    wire_send(&c,
              "GET /ten HTTP/1.1\r\n" H "Connection: close\r\n\r\nGET /one HTTP/1.1\r\n" H "\r\n");
    assert_non_null(strstr(c.data, "Connection: close\r\n"));
    assert_answer(&c, 200, 0, 10);
    assert_true(c.got_fin);
    assert_int_equal(server.open, 1);
    wire_shut(&c);
    assert_int_equal(server.open, 0);
    wire_close(&c);
}

static void a_client_that_closed_its_direction_gets_its_answer(void **state)
{
    static struct wire_client c;

    (void)state;
    site_ask_paused(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
    wire_shut(&c);
    wire_resume(&c);
    assert_answer(&c, 200, 0, SITE_BIG);
    assert_true(c.got_fin);
    assert_int_equal(server.open, 0);
    wire_close(&c);
}

static void a_client_that_goes_away_leaves_nothing(void **state)
{
    static struct wire_client c;

    (void)state;
    site_ask_paused(&c, "GET /big HTTP/1.1\r\n" H "\r\nGET /ten HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(site_open_files(), 1);
    wire_close(&c);
    assert_int_equal(site_open_files(), 0);
    assert_int_equal(server.open, 0);
    assert_int_equal(server.stats.aborted_peer, 1);
}

static void a_file_that_shrinks_ends_in_a_reset(void **state)
{
    static struct wire_client c;

    (void)state;
    site_make("shrinks", 4 << 20);
    site_ask_paused(&c, "GET /shrinks HTTP/1.1\r\n" H "\r\n");
    site_make("shrinks", 100000);
    wire_resume(&c);
    assert_true(c.got_reset);
    assert_int_equal(server.stats.aborted_file, 1);
    assert_int_equal(server.open, 0);
    wire_close(&c);
}

static void a_port_is_listened_on_once(void **state)
{
    static struct http_server second;

    (void)state;
    assert_int_equal(http_server_open(&second, &site_config), -EADDRINUSE);
}

static void the_access_log_has_a_line_per_answer(void **state)
{
    static struct wire_client c;
    static struct http_log log;
    char text[1024] = "", path[32];
    const int file = memfd_create("log", 0);

    (void)state;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    assert_int_equal(http_log_open(&log, path), 0);
    server.config.access_log = &log;
    site_ask(&c, "GET /ten\"x HTTP/1.1\r\n" H "\r\nGET /ten HTTP/1.1\r\n" H "\r\n\x01");
    wire_close(&c);
    http_log_close(&server);
    assert_true(pread(file, text, sizeof(text) - 1, 0) > 0);
    close(file);
    assert_non_null(strstr(text, "10.0.0.1 - - [14/Nov/2023:"));
    assert_non_null(strstr(text, "\"GET /ten\\x22x HTTP/1.1\" 404 "));
    assert_non_null(strstr(text, "\"GET /ten HTTP/1.1\" 200 10\n"));
    assert_non_null(strstr(text, "\"-\" 400 "));
}

#define T(name) cmocka_unit_test_setup_teardown(name, site_open, site_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(requests_share_a_connection),
        T(a_request_may_come_in_segments_of_one_byte),
        T(files_of_all_sizes_arrive_exactly_and_at_once),
        T(files_of_all_sizes_arrive_in_long_segments),
        T(each_size_up_to_two_segments_arrives_at_once),
        T(a_new_connection_waits_for_nothing_either),
        T(a_large_file_arrives_exactly),
        T(a_lossy_wire_changes_no_byte),
        T(pipelined_requests_are_answered_in_order),
        T(bodies_are_skipped),
        T(a_body_too_large_is_refused_and_the_refusal_arrives),
        T(endless_input_after_a_refusal_ends_in_a_reset),
        T(close_is_said_and_done),
        T(a_client_that_closed_its_direction_gets_its_answer),
        T(a_client_that_goes_away_leaves_nothing),
        T(a_file_that_shrinks_ends_in_a_reset),
        T(a_port_is_listened_on_once),
        T(the_access_log_has_a_line_per_answer),
    };

    return cmocka_run_group_tests(tests, site_open_all, site_close_all);
}
