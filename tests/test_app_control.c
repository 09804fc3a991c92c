/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket against clients that are slow, mute, too many or wrong. */
#define _GNU_SOURCE
#include "check.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app_control.h"

#define LONG_BYTES (4u << 20) /* more than a socket buffers */

static struct {
    struct app_control control;
    char folder[32], path[64];
    uint64_t now_ns;
} f;

static bool answer(void *ctx, const struct app_control_request *request, FILE *out)
{
    (void)ctx;
    if (strcmp(request->command, "long") == 0) {
        for (unsigned i = 0; i < LONG_BYTES; i++)
            fputc('x', out);
        return true;
    }
    if (strcmp(request->command, "short") != 0)
        return false;
    fputs(request->json ? "{\"json\": true}\n" : "text\n", out);
    return true;
}

static int setup(void **state)
{
    (void)state;
    f.now_ns = 1000000000;
    strcpy(f.folder, "/tmp/nvt-ctl-XXXXXX");
    if (!mkdtemp(f.folder))
        return -1;
    snprintf(f.path, sizeof(f.path), "%s/s", f.folder);
    f.control.answer = answer;
    return app_control_open(&f.control, f.path);
}

static int teardown(void **state)
{
    (void)state;
    app_control_close(&f.control);
    assert_int_equal(access(f.path, F_OK), -1);
    return rmdir(f.folder);
}

static void turn(unsigned count)
{
    const struct port_loop_peer peer = app_control_peer(&f.control);

    for (unsigned i = 0; i < count; i++) {
        f.now_ns += APP_CONTROL_LOOK_NS;
        peer.step(peer.ctx, f.now_ns);
    }
}

static int client(void)
{
    const int fd = app_control_connect(f.path);

    assert_true(fd >= 0);
    turn(1);
    return fd;
}

static void put(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    turn(2);
}

/* What is there now: bytes, 0 the end, -1 nothing. */
static ssize_t get(int fd, char *out, size_t room)
{
    const ssize_t got = recv(fd, out, room - 1, MSG_DONTWAIT);

    out[got > 0 ? got : 0] = '\0';
    return got;
}

static void expect(int fd, const char *want)
{
    char text[256];

    assert_true(get(fd, text, sizeof(text)) > 0);
    assert_string_equal(text, want);
    assert_int_equal(get(fd, text, sizeof(text)), 0);
    close(fd);
}

static void requests_are_answered_as_json_or_text(void **state)
{
    int fd = client();

    (void)state;
    put(fd, "{\"command\": \"short\"}\n");
    expect(fd, "{\"json\": true}\n");
    fd = client();
    put(fd, "{\"format\":\"text\",\"command\":\"short\"}\n");
    expect(fd, "text\n");
}

static void a_request_may_come_in_pieces(void **state)
{
    const int fd = client();
    char text[8];

    (void)state;
    put(fd, "{\"comm");
    assert_int_equal(get(fd, text, sizeof(text)), -1);
    put(fd, "and\": \"short\"}\n");
    expect(fd, "{\"json\": true}\n");
}

static void what_is_no_request_is_told_so(void **state)
{
    static const char *const bad[] = {"\n",
                                      "{\n",
                                      "{\"command\"}\n",
                                      "{\"command\": 5}\n",
                                      "{\"command\": \"short\"\n",
                                      "{\"command\": \"sh\\\"ort\"}\n",
                                      "{\"format\": \"json\"}\n"};
    char long_one[APP_CONTROL_REQUEST_BYTES + 1];
    int fd;

    (void)state;
    for (unsigned i = 0; i < countof(bad); i++) {
        fd = client();
        put(fd, bad[i]);
        expect(fd, "{\"error\": \"not a request\"}\n");
    }
    memset(long_one, 'x', sizeof(long_one));
    long_one[sizeof(long_one) - 2] = '\0'; /* as much as is read, and no end of line */
    fd = client();
    put(fd, long_one);
    expect(fd, "{\"error\": \"not a request\"}\n");
    fd = client();
    put(fd, "{\"command\": \"nonsense\"}\n");
    expect(fd, "{\"error\": \"no such command\"}\n");
}

static void a_long_answer_leaves_as_fast_as_it_is_read(void **state)
{
    static char text[65536];
    const int fd = client();
    size_t sum = 0;
    ssize_t got;

    (void)state;
    put(fd, "{\"command\": \"long\"}\n");
    for (unsigned i = 0; i < 10000; i++) {
        got = get(fd, text, sizeof(text));
        if (got == 0)
            break;
        sum += got > 0 ? (size_t)got : 0;
        f.now_ns -= APP_CONTROL_LOOK_NS - 1; /* all of it within the client's time */
        f.control.look_at_ns = 0;
        turn(1);
    }
    assert_int_equal(sum, LONG_BYTES);
    close(fd);
}

static void who_comes_when_it_is_full_gets_the_place_of_the_oldest(void **state)
{
    int mute[APP_CONTROL_CLIENTS], fd;
    char text[8];

    (void)state;
    for (unsigned i = 0; i < APP_CONTROL_CLIENTS; i++)
        mute[i] = client();
    fd = client();
    put(fd, "{\"command\": \"short\"}\n");
    expect(fd, "{\"json\": true}\n");
    assert_int_equal(get(mute[0], text, sizeof(text)), 0);
    for (unsigned i = 1; i < APP_CONTROL_CLIENTS; i++)
        assert_int_equal(get(mute[i], text, sizeof(text)), -1);
    for (unsigned i = 0; i < APP_CONTROL_CLIENTS; i++)
        close(mute[i]);
}

static void who_says_nothing_is_sent_away(void **state)
{
    const struct port_loop_peer peer = app_control_peer(&f.control);
    const int fd = client();
    char text[8];

    (void)state;
    assert_int_equal(peer.next_deadline(peer.ctx, f.now_ns), APP_CONTROL_PATIENCE_NS);
    f.now_ns += APP_CONTROL_PATIENCE_NS - 2 * APP_CONTROL_LOOK_NS;
    turn(1);
    assert_int_equal(get(fd, text, sizeof(text)), -1);
    turn(1);
    assert_int_equal(get(fd, text, sizeof(text)), 0);
    assert_true(peer.next_deadline(peer.ctx, f.now_ns) == UINT64_MAX);
    close(fd);
}

static void a_path_in_use_is_not_taken(void **state)
{
    struct app_control second = {.answer = answer};
    struct stat st;

    (void)state;
    assert_int_equal(app_control_open(&second, f.path), -EADDRINUSE);
    assert_int_equal(stat(f.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(app_control_open(&second, "/nonexistent/socket"), -ENOENT);
    app_control_close(&second);
}

/* connect() says of a plain file what it says of a socket nobody listens on. */
static void a_file_in_the_way_is_nobodys_socket(void **state)
{
    struct app_control second = {.answer = answer};
    char path[sizeof(f.path) + 2];
    FILE *file;

    (void)state;
    snprintf(path, sizeof(path), "%s.d", f.path);
    file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(app_control_open(&second, path), -EADDRINUSE);
    assert_int_equal(unlink(path), 0); /* it is still there */
}

#define SOCKET_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SOCKET_TEST(requests_are_answered_as_json_or_text),
        SOCKET_TEST(a_request_may_come_in_pieces),
        SOCKET_TEST(what_is_no_request_is_told_so),
        SOCKET_TEST(a_long_answer_leaves_as_fast_as_it_is_read),
        SOCKET_TEST(who_comes_when_it_is_full_gets_the_place_of_the_oldest),
        SOCKET_TEST(who_says_nothing_is_sent_away),
        SOCKET_TEST(a_path_in_use_is_not_taken),
        SOCKET_TEST(a_file_in_the_way_is_nobodys_socket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
