/* SPDX-License-Identifier: BSD-3-Clause */
/* An access log whose reader stands still, comes back, or goes away: it costs lines, never time. */
#define _GNU_SOURCE /* F_SETPIPE_SZ */
#include "http_site.h"
#include "port_log.h"
#include "stderr_catcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUESTS 3000u
#define BATCH 10u
#define LINE_START "10.0.0.1 - - ["

static struct {
    struct http_log log;
    struct stderr_catcher catcher;
    struct wire_client client;
    int read_fd, write_fd; /* of a pipe */
    char path[32];
    char *text; /* what the reader got */
    size_t len_bytes;
} f;

static int make_pipe(void **state)
{
    int fds[2];

    memset(&f, 0, sizeof(f));
    f.read_fd = f.write_fd = -1;
    if (site_open(state) || pipe(fds))
        return -1;
    f.read_fd = fds[0];
    f.write_fd = fds[1];
    fcntl(f.read_fd, F_SETFL, O_NONBLOCK);
    fcntl(f.write_fd, F_SETPIPE_SZ, 4096);
    snprintf(f.path, sizeof(f.path), "/proc/self/fd/%d", f.write_fd);
    return 0;
}

static int drop_pipe(void **state)
{
    stderr_release(&f.catcher);
    http_log_close(&server);
    wire_close(&f.client);
    if (f.read_fd >= 0)
        close(f.read_fd);
    close(f.write_fd);
    free(f.text);
    return site_close(state);
}

static void open_log(void)
{
    assert_int_equal(http_log_open(&f.log, f.path), 0);
    server.config.access_log = &f.log;
}

/* (count) requests, all answered. */
static void ask(unsigned count)
{
    static char text[BATCH * 64];

    text[0] = '\0';
    for (unsigned i = 0; i < BATCH; i++)
        strcat(text, "GET /one HTTP/1.1\r\n" H "\r\n");
    for (unsigned i = 0; i < count; i += BATCH) {
        wire_send(&f.client, text);
        wire_clear(&f.client);
    }
    assert_int_equal(server.stats.status_2xx, server.stats.requests);
}

/* All that is in the pipe now. */
static void read_pipe(void)
{
    ssize_t got;

    do {
        f.text = realloc(f.text, f.len_bytes + 65536);
        assert_non_null(f.text);
        got = read(f.read_fd, f.text + f.len_bytes, 65535);
        if (got > 0)
            f.len_bytes += (size_t)got;
    } while (got > 0);
    f.text[f.len_bytes] = '\0';
}

/* Lines of the reader; each is whole. */
static unsigned lines_read(void)
{
    unsigned lines = 0;

    for (const char *at = f.text; *at; at = strchr(at, '\n') + 1) {
        assert_int_equal(strncmp(at, LINE_START, sizeof(LINE_START) - 1), 0);
        assert_non_null(strchr(at, '\n'));
        lines++;
    }
    return lines;
}

static unsigned lines_in(const char *text)
{
    unsigned lines = 0;

    while ((text = strchr(text, '\n'))) {
        text++;
        lines++;
    }
    return lines;
}

static void a_reader_that_stands_still_costs_lines_which_are_counted(void **state)
{
    const char *said;

    (void)state;
    open_log();
    wire_open(&f.client, SITE_PORT);
    stderr_catch(&f.catcher);
    ask(REQUESTS);
    http_log_flush(&server);
    said = stderr_caught(&f.catcher);
    assert_int_equal(server.stats.requests, REQUESTS);
    assert_in_range(server.stats.log_lost, 1, REQUESTS - 1);
    assert_int_equal(lines_in(said), 1);
    assert_non_null(strstr(said, "its reader does not keep up, lines are lost, see log_lost"));
    /* It reads again: what waited comes, in whole lines, and what follows. */
    for (unsigned i = 0; i < 100; i++) {
        read_pipe();
        http_log_flush(&server);
    }
    assert_int_equal(lines_read() + server.stats.log_lost, REQUESTS);
    ask(BATCH);
    http_log_flush(&server);
    read_pipe();
    assert_int_equal(lines_read() + server.stats.log_lost, REQUESTS + BATCH);
}

static void a_reader_that_keeps_up_loses_nothing(void **state)
{
    (void)state;
    open_log();
    wire_open(&f.client, SITE_PORT);
    for (unsigned i = 0; i < REQUESTS; i += BATCH) {
        ask(BATCH);
        http_log_flush(&server);
        read_pipe();
    }
    assert_int_equal(lines_read(), REQUESTS);
    assert_int_equal(server.stats.log_lost, 0);
}

static void a_reader_that_has_gone_is_said_once_and_every_line_counted(void **state)
{
    const char *said;

    (void)state;
    open_log();
    wire_open(&f.client, SITE_PORT);
    close(f.read_fd);
    f.read_fd = -1;
    stderr_catch(&f.catcher);
    ask(BATCH);
    http_log_flush(&server);
    ask(BATCH);
    http_log_flush(&server);
    said = stderr_caught(&f.catcher);
    assert_int_equal(server.stats.log_lost, 2 * BATCH);
    assert_int_equal(lines_in(said), 1);
    assert_non_null(strstr(said, "Broken pipe, lines are lost"));
}

static void what_is_left_at_the_end_is_counted(void **state)
{
    unsigned waiting;

    (void)state;
    open_log();
    wire_open(&f.client, SITE_PORT);
    ask(100);
    assert_int_equal(server.stats.log_lost, 0);
    stderr_catch(&f.catcher);
    http_log_close(&server);
    stderr_caught(&f.catcher);
    read_pipe();
    waiting = 100 - lines_read();
    assert_true(waiting > 0);
    assert_int_equal(server.stats.log_lost, waiting);
}

static void the_last_answers_of_a_server_are_written_at_once(void **state)
{
    (void)state;
    open_log();
    wire_open(&f.client, SITE_PORT);
    f.client.is_paused = true;
    wire_send(&f.client, "GET /big HTTP/1.1\r\n" H "\r\n");
    http_server_stop(&server);
    wire_resume(&f.client);
    read_pipe();
    assert_int_equal(lines_read(), 1);
}

static void a_pipe_without_reader_is_refused_at_once(void **state)
{
    char name[] = "/tmp/http-log-XXXXXX";

    (void)state;
    assert_non_null(mkdtemp(name));
    snprintf(f.path, sizeof(f.path), "%s/fifo", name);
    assert_int_equal(mkfifo(f.path, 0600), 0);
    assert_int_equal(http_log_open(&f.log, f.path), -ENXIO);
    unlink(f.path);
    rmdir(name);
}

/* Runs (what) with standard output at (fd). */
static void with_output(int fd, void (*what)(void))
{
    const int saved = dup(STDOUT_FILENO);

    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    what();
    dup2(saved, STDOUT_FILENO);
    close(saved);
}

static void open_output(void)
{
    if (http_log_open(&f.log, "-") == 0)
        server.config.access_log = &f.log;
}

static void standard_output_waits_for_others_as_before(void **state)
{
    (void)state;
    with_output(f.write_fd, open_output);
    assert_ptr_equal(server.config.access_log, &f.log);
    assert_int_equal(fcntl(f.write_fd, F_GETFL) & O_NONBLOCK, 0);
    wire_open(&f.client, SITE_PORT);
    stderr_catch(&f.catcher);
    ask(REQUESTS);
    stderr_caught(&f.catcher);
    assert_in_range(server.stats.log_lost, 1, REQUESTS - 1);
}

static void a_socket_as_standard_output_does_not_wait_either(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    with_output(fds[1], open_output);
    assert_ptr_equal(server.config.access_log, &f.log);
    assert_int_equal(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
    wire_open(&f.client, SITE_PORT);
    stderr_catch(&f.catcher);
    ask(4 * REQUESTS);
    stderr_caught(&f.catcher);
    assert_in_range(server.stats.log_lost, 1, 4 * REQUESTS - 1);
    stderr_catch(&f.catcher);
    http_log_close(&server);
    stderr_caught(&f.catcher);
    close(fds[0]);
    close(fds[1]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_pipe, drop_pipe)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_reader_that_stands_still_costs_lines_which_are_counted),
        T(a_reader_that_keeps_up_loses_nothing),
        T(a_reader_that_has_gone_is_said_once_and_every_line_counted),
        T(what_is_left_at_the_end_is_counted),
        T(the_last_answers_of_a_server_are_written_at_once),
        T(a_pipe_without_reader_is_refused_at_once),
        T(standard_output_waits_for_others_as_before),
        T(a_socket_as_standard_output_does_not_wait_either),
    };

    signal(SIGPIPE, SIG_IGN); /* as in every program */
    return cmocka_run_group_tests(tests, site_open_all, site_close_all);
}
