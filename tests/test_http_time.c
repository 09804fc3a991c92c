/* SPDX-License-Identifier: BSD-3-Clause */
/* How long clients may take: to ask, to take what they asked for, to leave. */
#include "http_site.h"

static void half_a_request_times_out_with_408(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, SITE_PORT);
    wire_wait_s(8);
    wire_send(&c, "GET /ten HTTP/1.1\r\nHo");
    wire_wait_s(1); /* nine since the connection's start */
    assert_int_equal(c.len_bytes, 0);
    wire_wait_s(2);
    assert_refusal(&c, "408");
    assert_true(c.got_fin);
    assert_int_equal(server.stats.timeouts_header, 1);
    wire_close(&c);
}

static void a_byte_now_and_then_does_not_help(void **state)
{
    static struct wire_client c;

    (void)state;
    site_ask(&c, "GET /ten HTTP/1.1\r\n" H "\r\n");
    assert_answer(&c, 200, 0, 10);
    wire_wait_s(20); /* idle, which is allowed */
    for (int i = 0; i < 12 && !c.got_fin; i++) {
        wire_send(&c, "G");
        wire_wait_s(1);
    }
    assert_refusal(&c, "408");
    wire_close(&c);
}

static void a_body_that_never_comes_times_out(void **state)
{
    static struct wire_client c;

    (void)state;
    site_ask(&c, "GET /ten HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nab");
    wire_wait_s(11);
    assert_refusal(&c, "408");
    wire_close(&c);
}

static void silence_is_closed_without_a_word(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, SITE_PORT);
    wire_wait_s(11);
    assert_true(c.got_fin);
    assert_int_equal(c.len_bytes, 0);
    assert_int_equal(server.stats.timeouts_idle, 1);
    wire_close(&c);
}

static void idle_connections_are_closed_after_their_time(void **state)
{
    static struct wire_client c;

    (void)state;
    site_ask(&c, "GET /ten HTTP/1.1\r\n" H "\r\n");
    wire_wait_s(29);
    assert_false(c.got_fin);
    wire_send(&c, "GET /ten HTTP/1.1\r\n" H "\r\n");
    wire_wait_s(29);
    assert_false(c.got_fin);
    wire_wait_s(2);
    assert_true(c.got_fin);
    assert_int_equal(server.stats.timeouts_idle, 1);
    wire_close(&c);
}

static void a_client_that_takes_nothing_is_reset(void **state)
{
    static struct wire_client c;

    (void)state;
    site_ask_paused(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
    wire_wait_s(18);
    assert_int_equal(server.open, 1);
    wire_wait_s(4);
    assert_int_equal(server.open, 0);
    assert_int_equal(server.stats.timeouts_write, 1);
    assert_true(c.got_reset);
    wire_close(&c);
}

/* A window's worth every 15 seconds, for eight minutes in all. */
static void a_slow_reader_gets_everything(void **state)
{
    static struct wire_client c;

    (void)state;
    site_ask_paused(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
    assert_true(c.len_bytes <= TCP_WND);
    for (unsigned i = 0; i < SITE_BIG / TCP_WND; i++) {
        assert_true(c.len_bytes < SITE_BIG);
        wire_wait_s(15);
        wire_give(&c);
    }
    assert_answer(&c, 200, 0, SITE_BIG);
    assert_int_equal(server.stats.timeouts_write, 0);
    wire_close(&c);
}

/* Some 400 bytes a second: for eight megabytes it would keep the connection for six hours. */
static void a_client_that_takes_next_to_nothing_is_reset(void **state)
{
    static struct wire_client c;

    (void)state;
    site_ask_paused(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
    for (int i = 0; i < 4; i++) {
        wire_wait_s(15);
        if (c.pcb)
            tcp_recved(c.pcb, 6000);
        wire_run();
    }
    assert_int_equal(server.open, 0);
    assert_int_equal(server.stats.timeouts_write, 1);
    wire_close(&c);
}

/* All of the answer is lwIP's, and the client has closed its direction: it still has to take it. */
static void a_client_that_shuts_and_takes_nothing_is_reset(void **state)
{
    static struct wire_client c;

    (void)state;
    site_make("late", SITE_LATE);
    site_ask_paused(&c, "GET /late HTTP/1.1\r\n" H "\r\n");
    wire_shut(&c);
    assert_int_equal(server.open, 1);
    wire_wait_s(22);
    assert_int_equal(server.open, 0);
    assert_int_equal(server.stats.timeouts_write, 1);
    assert_true(c.got_reset);
    wire_close(&c);
}

static void a_client_that_shuts_early_gets_everything(void **state)
{
    static struct wire_client c;

    (void)state;
    site_make("late", SITE_LATE);
    site_ask_paused(&c, "GET /late HTTP/1.1\r\n" H "\r\n");
    wire_shut(&c);
    wire_wait_s(10);
    wire_resume(&c);
    wire_wait_s(1);
    assert_answer(&c, 200, 0, SITE_LATE);
    assert_true(c.got_fin);
    assert_int_equal(server.open, 0);
    wire_close(&c);
}

static void the_time_to_close_begins_when_all_has_arrived(void **state)
{
    static struct wire_client c;

    (void)state;
    site_make("late", SITE_LATE);
    site_ask_paused(&c, "GET /late HTTP/1.0\r\n\r\n");
    wire_wait_s(8);
    wire_resume(&c);
    wire_wait_s(1);
    assert_answer(&c, 200, 0, SITE_LATE);
    wire_wait_s(3);
    assert_int_equal(server.open, 1);
    wire_wait_s(3);
    assert_int_equal(server.open, 0);
    wire_close(&c);
}

static void the_idle_time_begins_when_all_has_arrived(void **state)
{
    static struct wire_client c;

    (void)state;
    site_make("late", SITE_LATE);
    site_ask_paused(&c, "GET /late HTTP/1.1\r\n" H "\r\n");
    wire_wait_s(15);
    wire_resume(&c);
    wire_wait_s(25);
    assert_answer(&c, 200, 0, SITE_LATE);
    assert_false(c.got_fin);
    wire_wait_s(7);
    assert_true(c.got_fin);
    wire_close(&c);
}

static void a_client_that_never_closes_is_let_go(void **state)
{
    static struct wire_client c;

    (void)state;
    site_ask(&c, "GET /ten HTTP/1.0\r\n\r\n");
    assert_true(c.got_fin);
    wire_wait_s(4);
    assert_int_equal(server.open, 1);
    wire_wait_s(2);
    assert_int_equal(server.open, 0);
    wire_close(&c);
}

/* The wire breaks in mid-answer: nothing comes back, not even a reset. */
static void a_vanished_client_is_given_up(void **state)
{
    static struct wire_client c;

    (void)state;
    site_ask_paused(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
    wire_cut(true);
    wire_wait_s(22);
    assert_int_equal(server.open, 0);
    wire_cut(false);
    wire_close(&c);
}

#define T(name) cmocka_unit_test_setup_teardown(name, site_open, site_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(half_a_request_times_out_with_408),
        T(a_byte_now_and_then_does_not_help),
        T(a_body_that_never_comes_times_out),
        T(silence_is_closed_without_a_word),
        T(idle_connections_are_closed_after_their_time),
        T(a_client_that_takes_nothing_is_reset),
        T(a_slow_reader_gets_everything),
        T(a_client_that_takes_next_to_nothing_is_reset),
        T(a_client_that_shuts_and_takes_nothing_is_reset),
        T(a_client_that_shuts_early_gets_everything),
        T(the_time_to_close_begins_when_all_has_arrived),
        T(the_idle_time_begins_when_all_has_arrived),
        T(a_client_that_never_closes_is_let_go),
        T(a_vanished_client_is_given_up),
    };

    return cmocka_run_group_tests(tests, site_open_all, site_close_all);
}
