/* SPDX-License-Identifier: BSD-3-Clause */
/* Large files in memory the card sends from, sent over a real TCP: nobody gets a mixture of two
 * states of a file. */
#define _GNU_SOURCE /* AT_EMPTY_PATH */
#include "http_site.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW_MS INT64_C(1700000000123)
#define LONG_AGO_S 1600000000
#define SIZE 150000u
#define ROOM (4u << 20)
#define WIDE (1500u << 10) /* more than a paused client's window and the send buffer */

static uint8_t room[ROOM] __attribute__((aligned(4096)));
static struct http_files *files;

static time_t changed_s = LONG_AGO_S;
static int (*before_look)(int fd);

/* Files are as old as the test says. */
int fstat(int fd, struct stat *st)
{
    const int rc = before_look && before_look(fd) ? -1 : fstatat(fd, "", st, AT_EMPTY_PATH);

    st->st_mtim = st->st_ctim = (struct timespec){.tv_sec = changed_s};
    return rc;
}

static struct http_files_stats stats(void)
{
    struct http_files_stats s;

    http_files_stats(files, &s);
    return s;
}

static int sending_open(void **state)
{
    changed_s = LONG_AGO_S;
    before_look = NULL;
    if (site_open(state))
        return -1;
    files = server.site.files = http_files_create(room, sizeof(room));
    site_make("large", SIZE);
    site_make("wide", WIDE);
    wire_takes_long(true);
    return files ? 0 : -1;
}

static int sending_close(void **state)
{
    wire_takes_long(false);
    wire_lose(0);
    wire_cut(false);
    return site_close(state);
}

/* The file as it is now. */
static struct http_held *take_large(void)
{
    struct http_held *held;
    struct http_file large;

    assert_int_equal(http_file_open(&server.site.root, "large", &large), 200);
    held = http_files_take(files, &large.id, NOW_MS);
    close(large.fd);
    assert_non_null(held);
    return held;
}

static void a_file_asked_for_again_is_not_read_again(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, SITE_PORT);
    for (unsigned i = 0; i < 5; i++) {
        wire_send(&c, "GET /large HTTP/1.1\r\n" H "\r\n");
        assert_answer(&c, 200, 0, SIZE);
        wire_send(&c, "GET /large HTTP/1.1\r\n" H "Range: bytes=60001-140000\r\n\r\n");
        assert_answer(&c, 206, 60001, 80000);
        wire_send(&c, "HEAD /large HTTP/1.1\r\n" H "\r\n");
        wire_clear(&c);
    }
    assert_int_equal(stats().file_loads, 1);
    assert_int_equal(stats().file_hits, 9);
    wire_close(&c);
}

/* The rest of the file is not there yet, and is not waited for. */
static void a_range_of_what_nobody_has_read_is_sent_all_the_same(void **state)
{
    static struct wire_client c, d;
    struct http_held *held;

    (void)state;
    site_ask(&c, "GET /large HTTP/1.1\r\n" H "Range: bytes=100001-140000\r\n\r\n");
    assert_answer(&c, 206, 100001, 40000);
    held = take_large();
    assert_int_equal(held->loaded_bytes, 0);
    http_files_release(held);
    site_ask(&d, "GET /large HTTP/1.1\r\n" H "\r\n");
    assert_answer(&d, 200, 0, SIZE);
    wire_close(&c);
    wire_close(&d);
}

static void those_who_come_while_it_is_read_get_it_whole(void **state)
{
    static struct wire_client slow, c[2];

    (void)state;
    site_ask_paused(&slow, "GET /wide HTTP/1.1\r\n" H "\r\n");
    for (unsigned i = 0; i < countof(c); i++) {
        site_ask(&c[i], "GET /wide HTTP/1.1\r\n" H "\r\n");
        assert_answer(&c[i], 200, 0, WIDE);
        wire_close(&c[i]);
    }
    wire_resume(&slow);
    wire_wait_s(1);
    assert_answer(&slow, 200, 0, WIDE);
    assert_int_equal(stats().file_loads, 1);
    wire_close(&slow);
}

static void what_is_lost_is_sent_again_from_there(void **state)
{
    static struct wire_client c;

    (void)state;
    wire_open(&c, SITE_PORT);
    for (unsigned i = 0; i < 6; i++) {
        wire_lose(2 * i + 9);
        wire_send(&c, "GET /large HTTP/1.1\r\n" H "\r\n");
        wire_wait_s(20);
        wire_lose(0);
        assert_answer(&c, 200, 0, SIZE);
    }
    wire_close(&c);
}

/* The same file with other bytes, all (c), and a new time. */
static void overwrite(char c)
{
    const int fd = openat(server.site.root.fd, "large", O_WRONLY);
    char *bytes = malloc(SIZE);

    assert_non_null(bytes);
    memset(bytes, c, SIZE);
    assert_int_equal(pwrite(fd, bytes, SIZE, 0), SIZE);
    close(fd);
    free(bytes);
    changed_s++;
}

/* All of an answer is with TCP, the file has new states, and these ask for all the room. */
static void nobody_gets_the_room_of_what_tcp_has_still_to_send(void **state)
{
    static struct wire_client slow, c;
    struct http_held *old;
    const char *at;

    (void)state;
    http_files_destroy(files);
    files = server.site.files = http_files_create(room, 304u << 10); /* two of these files */
    site_ask_paused(&slow, "GET /large HTTP/1.1\r\n" H "\r\nGET /large HTTP/1.1\r\n" H "\r\n");
    old = take_large();
    http_files_release(old);
    assert_int_equal(old->users, 0);
    assert_true(old->loans > 0);
    site_make("other", SIZE);
    site_ask(&c, "GET /other HTTP/1.1\r\n" H "\r\n");
    assert_answer(&c, 200, 0, SIZE);
    for (char mark = 'A'; mark < 'E'; mark++) {
        overwrite(mark);
        wire_clear(&c);
        wire_send(&c, "GET /large HTTP/1.1\r\n" H "\r\n");
        assert_true(c.len_bytes > SIZE);
        for (unsigned i = 1; i <= SIZE; i++)
            assert_int_equal(c.data[c.len_bytes - i], mark);
    }
    assert_true(stats().file_loads > 3);
    wire_resume(&slow);
    wire_wait_s(10);
    at = slow.data;
    take_answer(&at, slow.data + slow.len_bytes, 200, 0, SIZE);
    take_answer(&at, slow.data + slow.len_bytes, 200, 0, SIZE);
    assert_int_equal(old->loans, 0);
    wire_close(&slow);
    wire_close(&c);
}

static unsigned looks_left;

static int change_once(int fd)
{
    (void)fd;
    if (--looks_left == 0)
        changed_s++;
    return 0;
}

static void a_change_while_it_is_read_reaches_nobody_else(void **state)
{
    static struct wire_client slow, c;

    (void)state;
    site_ask_paused(&slow, "GET /wide HTTP/1.1\r\n" H "\r\n");
    looks_left = 4; /* one to open it, the others behind what is read */
    before_look = change_once;
    wire_open(&c, SITE_PORT);
    wire_send(&c, "GET /wide HTTP/1.1\r\n" H "\r\n");
    assert_answer(&c, 200, 0, WIDE);
    assert_int_equal(looks_left, 0);
    before_look = NULL;
    assert_int_equal(stats().file_changed, 1);
    wire_send(&c, "GET /wide HTTP/1.1\r\n" H "\r\n");
    assert_answer(&c, 200, 0, WIDE);
    assert_int_equal(stats().file_loads, 2);
    assert_int_equal(stats().file_hits, 1);
    wire_resume(&slow);
    wire_wait_s(1);
    assert_answer(&slow, 200, 0, WIDE);
    wire_close(&slow);
    wire_close(&c);
}

static void a_reset_gives_all_of_it_back(void **state)
{
    static struct wire_client c;
    struct http_held *held;

    (void)state;
    site_ask_paused(&c, "GET /large HTTP/1.1\r\n" H "\r\nGET /large HTTP/1.1\r\n" H "\r\n");
    held = take_large();
    assert_true(held->loans > 0);
    wire_close(&c);
    wire_run();
    assert_int_equal(held->loans, 0);
    assert_int_equal(held->users, 1);
    http_files_release(held);
}

#define S(name) cmocka_unit_test_setup_teardown(name, sending_open, sending_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S(a_file_asked_for_again_is_not_read_again),
        S(a_range_of_what_nobody_has_read_is_sent_all_the_same),
        S(those_who_come_while_it_is_read_get_it_whole),
        S(what_is_lost_is_sent_again_from_there),
        S(nobody_gets_the_room_of_what_tcp_has_still_to_send),
        S(a_change_while_it_is_read_reaches_nobody_else),
        S(a_reset_gives_all_of_it_back),
    };

    return cmocka_run_group_tests(tests, site_open_all, site_close_all);
}
