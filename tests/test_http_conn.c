/* SPDX-License-Identifier: BSD-3-Clause */
#include "http_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lwip/priv/tcp_priv.h"

#define PORT 80
#define H "Host: a\r\n"
#define CONNECTIONS 4

static char tree[] = "/tmp/test_http_conn.XXXXXX";
static struct http_server server;
static const struct http_config defaults = {
    .port = PORT,
    .backlog = 16,
    .connections = CONNECTIONS,
    .header_ms = 10000,
    .idle_ms = 30000,
    .write_ms = 20000,
};
static int fds_before;

static int count_fds(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Byte (i) of every file made here. */
static char byte_at(size_t i)
{
    return (char)('a' + (i * 7 + i / 251) % 26);
}

static void make(const char *name, size_t len)
{
    char *data = malloc(len + 1);
    int fd = openat(server.site.root.fd, name, O_CREAT | O_TRUNC | O_WRONLY, 0644);

    assert_true(fd >= 0);
    assert_non_null(data);
    for (size_t i = 0; i < len; i++)
        data[i] = byte_at(i);
    assert_int_equal(write(fd, data, len), len);
    close(fd);
    free(data);
}

static int set_up_all(void **state)
{
    (void)state;
    wire_init();
    if (!mkdtemp(tree) || http_root_open(&server.site.root, tree))
        return -1;
    make("one", 1);
    make("ten", 10);
    make("big", 8 << 20);
    return 0;
}

static int tear_down_all(void **state)
{
    char command[128];

    (void)state;
    http_root_close(&server.site.root);
    snprintf(command, sizeof(command), "rm -rf %s", tree);
    return system(command);
}

static int set_up(void **state)
{
    (void)state;
    fds_before = count_fds();
    server.stats = (struct http_stats){0};
    return http_server_open(&server, &defaults);
}

/* Whatever a test did: no connection, descriptor or pcb is left. */
static int tear_down(void **state)
{
    (void)state;
    http_server_close(&server);
    wire_run();
    wire_wait_s(150); /* lwIP's goodbyes */
    if (server.open != 0 || count_fds() != fds_before || tcp_active_pcbs || tcp_tw_pcbs)
        return -1;
    return 0;
}

/* ---- looking at answers -------------------------------------------------------------------- */

/* Takes one answer with status (status) and (len) bytes of a file from (off) on at (*at). */
static void take_answer(const char **at, const char *end, int status, size_t off, size_t len)
{
    char want[32];
    const char *body = strstr(*at, "\r\n\r\n");

    assert_non_null(body);
    body += 4;
    snprintf(want, sizeof(want), "HTTP/1.1 %d ", status);
    assert_memory_equal(*at, want, strlen(want));
    assert_true((size_t)(end - body) >= len);
    for (size_t i = 0; i < len; i++) {
        if (body[i] != byte_at(off + i))
            fail_msg("byte %zu differs", i);
    }
    *at = body + len;
}

/* Everything received is exactly this one answer. Then it is forgotten. */
static void assert_answer(struct wire_client *client, int status, size_t off, size_t len)
{
    const char *at = client->data;

    take_answer(&at, client->data + client->len_bytes, status, off, len);
    assert_int_equal(client->data + client->len_bytes - at, 0);
    wire_clear(client);
}

/* An error: status only, its text is not ours to check. */
static void assert_refusal(struct wire_client *client, const char *status)
{
    assert_true(client->len_bytes > 12);
    assert_memory_equal(client->data + 9, status, 3);
    wire_clear(client);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void requests_share_a_connection(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, PORT);
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
    wire_open(&c, PORT);
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
    static const size_t sizes[] = {0,     1,      1200,   1213,   1214,   1215,  1459,
                                   1460,  1461,   2919,   2920,   2921,   5000,  8760,
                                   14600, 32767,  32768,  32769,  65535,  65536, 65537,
                                   99999, 131072, 131073, 262144, 1000000};
    static struct wire_client c;

    (void)state;
    wire_open(&c, PORT);
    for (size_t i = 0; i < countof(sizes); i++) {
        make("sized", sizes[i]);
        wire_send(&c, "GET /sized HTTP/1.1\r\n" H "\r\n");
        assert_answer(&c, 200, 0, sizes[i]);
    }
    wire_close(&c);
}

static void each_size_up_to_two_segments_arrives_at_once(void **state)
{
    char request[64];
    static struct wire_client c;

    (void)state;
    wire_open(&c, PORT);
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
        make("sized", sizes[i]);
        wire_open(&c, PORT);
        wire_send(&c, "GET /sized HTTP/1.1\r\n" H "\r\n");
        assert_answer(&c, 200, 0, sizes[i]);
        wire_close(&c);
    }
}

static void a_large_file_arrives_exactly(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, PORT);
    wire_send(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
    assert_answer(&c, 200, 0, 8 << 20);
    assert_true(server.stats.bytes > 8 << 20);
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
    wire_open(&c, PORT);
    wire_send(&c, text);
    at = c.data;
    for (unsigned i = 0; i < 200; i++)
        take_answer(&at, c.data + c.len_bytes, i % 5 ? 206 : 200, i * 1000, i % 5 ? i + 1 : 0);
    assert_int_equal(c.data + c.len_bytes - at, 0);
    wire_close(&c);
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
    wire_open(&c, PORT);
    c.is_paused = true;
    wire_send(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
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
    take_answer(&at, c.data + c.len_bytes, 200, 0, 8 << 20);
    for (size_t i = 0; i < sent; i++)
        take_answer(&at, c.data + c.len_bytes, 200, 0, 10);
    assert_int_equal(c.data + c.len_bytes - at, 0);
    wire_close(&c);
}

static void a_slow_reader_gets_everything(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, PORT);
    c.is_paused = true;
    wire_send(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
    assert_true(c.len_bytes < 1 << 20);
    for (int i = 0; i < 60; i++) {
        wire_wait_s(15);
        wire_resume(&c);
        c.is_paused = true;
    }
    assert_answer(&c, 200, 0, 8 << 20);
    assert_int_equal(server.stats.timeouts_write, 0);
    wire_close(&c);
}

static void bodies_are_skipped(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, PORT);
    wire_send(&c, "POST /ten HTTP/1.1\r\n" H "Content-Length: 30\r\n\r\nGET /one HTTP/1.1\r\n");
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
    wire_open(&c, PORT);
    wire_send(&c, "POST / HTTP/1.1\r\n" H "Content-Length: 1000000\r\n\r\n");
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
    wire_open(&c, PORT);
    wire_send(&c, "GET /\r\n");
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
    wire_open(&c, PORT);
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
    wire_open(&c, PORT);
    c.is_paused = true;
    wire_send(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
    wire_shut(&c);
    wire_resume(&c);
    assert_answer(&c, 200, 0, 8 << 20);
    assert_true(c.got_fin);
    assert_int_equal(server.open, 0);
    wire_close(&c);
}

static void a_client_that_goes_away_leaves_nothing(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, PORT);
    c.is_paused = true;
    wire_send(&c, "GET /big HTTP/1.1\r\n" H "\r\nGET /ten HTTP/1.1\r\n" H "\r\n");
    assert_int_equal(count_fds(), fds_before + 1);
    wire_close(&c);
    assert_int_equal(count_fds(), fds_before);
    assert_int_equal(server.open, 0);
    assert_int_equal(server.stats.aborted_peer, 1);
}

static void a_file_that_shrinks_ends_in_a_reset(void **state)
{
    static struct wire_client c;

    (void)state;
    make("shrinks", 4 << 20);
    wire_open(&c, PORT);
    c.is_paused = true;
    wire_send(&c, "GET /shrinks HTTP/1.1\r\n" H "\r\n");
    make("shrinks", 100000);
    wire_resume(&c);
    assert_true(c.got_reset);
    assert_int_equal(server.stats.aborted_file, 1);
    assert_int_equal(server.open, 0);
    wire_close(&c);
}

/* ---- time ---------------------------------------------------------------------------------- */

static void half_a_request_times_out_with_408(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, PORT);
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
    wire_open(&c, PORT);
    wire_send(&c, "GET /ten HTTP/1.1\r\n" H "\r\n");
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
    wire_open(&c, PORT);
    wire_send(&c, "GET /ten HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nab");
    wire_wait_s(11);
    assert_refusal(&c, "408");
    wire_close(&c);
}

static void silence_is_closed_without_a_word(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, PORT);
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
    wire_open(&c, PORT);
    wire_send(&c, "GET /ten HTTP/1.1\r\n" H "\r\n");
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
    wire_open(&c, PORT);
    c.is_paused = true;
    wire_send(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
    wire_wait_s(18);
    assert_int_equal(server.open, 1);
    wire_wait_s(4);
    assert_int_equal(server.open, 0);
    assert_int_equal(server.stats.timeouts_write, 1);
    assert_true(c.got_reset);
    wire_close(&c);
}

static void a_client_that_never_closes_is_let_go(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, PORT);
    wire_send(&c, "GET /ten HTTP/1.0\r\n\r\n");
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
    wire_open(&c, PORT);
    c.is_paused = true;
    wire_send(&c, "GET /big HTTP/1.1\r\n" H "\r\n");
    wire_cut(true);
    wire_wait_s(22);
    assert_int_equal(server.open, 0);
    wire_cut(false);
    wire_close(&c);
}

/* ---- many ---------------------------------------------------------------------------------- */

static void idle_connections_make_room_for_new_ones(void **state)
{
    static struct wire_client c[CONNECTIONS + 1];

    (void)state;
    for (unsigned i = 0; i < countof(c); i++) {
        wire_open(&c[i], PORT);
        wire_send(&c[i], "GET /ten HTTP/1.1\r\n" H "\r\n");
        assert_answer(&c[i], 200, 0, 10);
    }
    assert_int_equal(server.open, CONNECTIONS);
    assert_int_equal(server.stats.evicted, 1);
    assert_true(c[0].got_fin);
    assert_false(c[1].got_fin);
    for (unsigned i = 0; i < countof(c); i++)
        wire_close(&c[i]);
}

static void when_all_connections_are_busy_more_are_refused(void **state)
{
    static struct wire_client c[CONNECTIONS + 1];

    (void)state;
    for (unsigned i = 0; i < countof(c); i++) {
        wire_open(&c[i], PORT);
        wire_send(&c[i], "GET /te");
    }
    assert_true(c[CONNECTIONS].got_reset);
    assert_int_equal(server.stats.refused, 1);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        wire_send(&c[i], "n HTTP/1.1\r\n" H "\r\n");
        assert_answer(&c[i], 200, 0, 10);
    }
    for (unsigned i = 0; i < countof(c); i++)
        wire_close(&c[i]);
    wire_open(&c[0], PORT);
    wire_send(&c[0], "GET /ten HTTP/1.1\r\n" H "\r\n");
    assert_answer(&c[0], 200, 0, 10);
    wire_close(&c[0]);
}

static void stopping_ends_idle_connections_at_once_and_busy_ones_after_their_answer(void **state)
{
    static struct wire_client idle, busy, late;

    (void)state;
    wire_open(&idle, PORT);
    wire_open(&busy, PORT);
    busy.is_paused = true;
    wire_send(&busy, "GET /big HTTP/1.1\r\n" H "\r\n");
    http_server_stop(&server);
    wire_run();
    assert_true(idle.got_fin);
    assert_false(busy.got_fin);
    wire_open(&late, PORT);
    assert_false(late.connected);
    wire_resume(&busy);
    assert_answer(&busy, 200, 0, 8 << 20);
    assert_true(busy.got_fin);
    wire_close(&idle);
    wire_close(&busy);
    wire_close(&late);
}

static void a_port_is_listened_on_once(void **state)
{
    static struct http_server second;

    (void)state;
    assert_int_equal(http_server_open(&second, &defaults), -EADDRINUSE);
}

static void the_access_log_has_a_line_per_answer(void **state)
{
    char *text = NULL;
    size_t len = 0;
    static struct wire_client c;
    FILE *log = open_memstream(&text, &len);

    (void)state;
    assert_non_null(log);
    server.config.access_log = log;
    wire_open(&c, PORT);
    wire_send(&c, "GET /ten\"x HTTP/1.1\r\n" H "\r\nGET /ten HTTP/1.1\r\n" H "\r\n\x01");
    wire_close(&c);
    server.config.access_log = NULL;
    fclose(log);
    assert_non_null(strstr(text, "10.0.0.1 - - [14/Nov/2023:"));
    assert_non_null(strstr(text, "\"GET /ten\\x22x HTTP/1.1\" 404 "));
    assert_non_null(strstr(text, "\"GET /ten HTTP/1.1\" 200 10\n"));
    assert_non_null(strstr(text, "\"-\" 400 "));
    free(text);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(requests_share_a_connection),
        T(a_request_may_come_in_segments_of_one_byte),
        T(files_of_all_sizes_arrive_exactly_and_at_once),
        T(each_size_up_to_two_segments_arrives_at_once),
        T(a_new_connection_waits_for_nothing_either),
        T(a_large_file_arrives_exactly),
        T(pipelined_requests_are_answered_in_order),
        T(pipelining_without_reading_meets_a_closed_window),
        T(a_slow_reader_gets_everything),
        T(bodies_are_skipped),
        T(a_body_too_large_is_refused_and_the_refusal_arrives),
        T(endless_input_after_a_refusal_ends_in_a_reset),
        T(close_is_said_and_done),
        T(a_client_that_closed_its_direction_gets_its_answer),
        T(a_client_that_goes_away_leaves_nothing),
        T(a_file_that_shrinks_ends_in_a_reset),
        T(half_a_request_times_out_with_408),
        T(a_byte_now_and_then_does_not_help),
        T(a_body_that_never_comes_times_out),
        T(silence_is_closed_without_a_word),
        T(idle_connections_are_closed_after_their_time),
        T(a_client_that_takes_nothing_is_reset),
        T(a_client_that_never_closes_is_let_go),
        T(a_vanished_client_is_given_up),
        T(idle_connections_make_room_for_new_ones),
        T(when_all_connections_are_busy_more_are_refused),
        T(stopping_ends_idle_connections_at_once_and_busy_ones_after_their_answer),
        T(a_port_is_listened_on_once),
        T(the_access_log_has_a_line_per_answer),
    };

    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
