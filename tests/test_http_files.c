/* SPDX-License-Identifier: BSD-3-Clause */
/* Large files in memory the card sends from: whose room is whose, and that nobody gets a mixture.
 */
#define _GNU_SOURCE /* AT_EMPTY_PATH */
#include "http_site.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u
#define MEMORY (64u * PAGE)
#define NOW_MS INT64_C(1700000000123)
#define LONG_AGO_S 1600000000

static uint8_t memory[MEMORY] __attribute__((aligned(PAGE)));
static struct http_files *files;

static struct http_files_stats stats(void)
{
    struct http_files_stats s;

    http_files_stats(files, &s);
    return s;
}

static struct http_file_id file(uint64_t inode, uint64_t bytes)
{
    return (struct http_file_id){.device = 1,
                                 .inode = inode,
                                 .size_bytes = bytes,
                                 .modified.tv_sec = LONG_AGO_S,
                                 .changed.tv_sec = LONG_AGO_S};
}

static struct http_held *take(uint64_t inode, uint64_t bytes)
{
    const struct http_file_id id = file(inode, bytes);

    return http_files_take(files, &id, NOW_MS);
}

/* As somebody who read and sent all of it. */
static void use(uint64_t inode, uint64_t bytes)
{
    struct http_held *held = take(inode, bytes);

    assert_non_null(held);
    held->loaded_bytes = bytes;
    http_files_release(held);
}

static bool is_there(uint64_t inode, uint64_t bytes)
{
    const uint64_t before = stats().file_hits;
    struct http_held *held = take(inode, bytes);

    if (held)
        http_files_release(held);
    return stats().file_hits > before;
}

static int files_open(void **state)
{
    (void)state;
    files = http_files_create(memory, MEMORY);
    return files ? 0 : -1;
}

static int files_close(void **state)
{
    (void)state;
    http_files_destroy(files);
    return 0;
}

/* ---- alone ----------------------------------------------------------------------------------- */

static void a_file_is_found_again_as_long_as_nothing_about_it_has_changed(void **state)
{
    const struct http_file_id id = file(7, 3 * PAGE);
    struct http_file_id other[5] = {id, id, id, id, id};
    struct http_held *held = http_files_take(files, &id, NOW_MS), *again;

    (void)state;
    assert_non_null(held);
    other[0].device++;
    other[1].inode++;
    other[2].size_bytes++;
    other[3].modified.tv_nsec++;
    other[4].changed.tv_nsec++;
    again = http_files_take(files, &id, NOW_MS);
    assert_ptr_equal(again, held);
    http_files_release(again);
    for (unsigned i = 0; i < countof(other); i++) {
        again = http_files_take(files, &other[i], NOW_MS);
        assert_non_null(again);
        assert_ptr_not_equal(again, held);
        http_files_release(again);
    }
    http_files_release(held);
    assert_null(http_files_create(memory, 0));
}

static void a_file_is_read_again_after_its_time(void **state)
{
    const struct http_file_id id = file(7, PAGE);
    struct http_held *held = http_files_take(files, &id, NOW_MS);

    (void)state;
    held->loaded_bytes = PAGE;
    http_files_release(held);
    held = http_files_take(files, &id, NOW_MS + HTTP_FILES_LIFE_MS - 1);
    assert_int_equal(held->loaded_bytes, PAGE);
    http_files_release(held);
    held = http_files_take(files, &id, NOW_MS + HTTP_FILES_LIFE_MS);
    assert_int_equal(held->loaded_bytes, 0);
    http_files_release(held);
}

static void what_changed_just_now_or_is_too_large_is_not_held(void **state)
{
    const int64_t now_s = NOW_MS / 1000;
    struct http_file_id id = file(7, MEMORY / 2 + 1);

    (void)state;
    assert_null(http_files_take(files, &id, NOW_MS));
    id = file(8, PAGE);
    id.modified.tv_sec = now_s - 1;
    assert_null(http_files_take(files, &id, NOW_MS));
    id = file(9, PAGE);
    id.changed.tv_sec = now_s + 100; /* another machine's clock */
    assert_null(http_files_take(files, &id, NOW_MS));
    assert_int_equal(stats().file_refused, 3);
    assert_non_null(take(10, MEMORY / 2));
}

static void the_longest_unused_leaves_first_and_nobody_in_use(void **state)
{
    struct http_held *sent, *read_by_card;

    (void)state;
    for (uint64_t i = 0; i < 4; i++)
        use(i, MEMORY / 4);
    assert_true(is_there(0, MEMORY / 4));
    use(4, MEMORY / 4);
    assert_false(is_there(1, MEMORY / 4)); /* and it is back, in the place of 2 */
    assert_true(is_there(0, MEMORY / 4));
    assert_true(is_there(3, MEMORY / 4));
    sent = take(0, MEMORY / 4);
    read_by_card = take(3, MEMORY / 4);
    read_by_card->loans = 1;
    http_files_release(read_by_card);
    use(5, MEMORY / 2);
    assert_true(is_there(0, MEMORY / 4));
    assert_true(is_there(3, MEMORY / 4));
    read_by_card->loans = 0;
    http_files_release(sent);
}

static void what_has_lost_its_name_leaves_before_all_others(void **state)
{
    struct http_file_id id = file(3, MEMORY / 4);

    (void)state;
    for (uint64_t i = 0; i < 4; i++)
        use(i, MEMORY / 4);
    id.modified.tv_nsec++;
    http_files_release(http_files_take(files, &id, NOW_MS));
    for (uint64_t i = 0; i < 3; i++)
        assert_true(is_there(i, MEMORY / 4));
    assert_int_equal(stats().file_evicted, 0);
}

static void with_everything_in_use_a_file_is_not_held(void **state)
{
    struct http_held *a = take(1, MEMORY / 2), *b = take(2, MEMORY / 2);

    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    assert_null(take(3, 1));
    assert_int_equal(stats().file_evicted, 0);
    http_files_release(b);
    assert_non_null(take(3, 1));
    assert_int_equal(stats().file_evicted, 1);
    http_files_release(a);
}

static void more_files_than_there_are_places_for_take_turns(void **state)
{
    static uint8_t much[(HTTP_FILES_MAX + 10) * PAGE];

    (void)state;
    http_files_destroy(files);
    files = http_files_create(much, sizeof(much));
    for (uint64_t i = 0; i < HTTP_FILES_MAX + 10; i++)
        use(i, 1);
    assert_int_equal(stats().file_evicted, 10);
    assert_true(is_there(HTTP_FILES_MAX + 9, 1));
    assert_true(is_there(10, 1));
    assert_false(is_there(9, 1));
}

static void a_file_that_changes_while_it_is_read_is_given_up(void **state)
{
    char name[] = "/tmp/test_http_files.XXXXXX";
    const int fd = mkstemp(name);
    struct http_file_id id;
    struct http_held *held;

    (void)state;
    unlink(name);
    assert_int_equal(ftruncate(fd, 2 * PAGE), 0);
    assert_int_equal(http_file_identify(fd, &id), 0);
    held = http_files_take(files, &id, INT64_MAX / 2);
    assert_non_null(held);
    assert_true(http_files_loaded(files, held, fd, PAGE));
    assert_int_equal(held->loaded_bytes, PAGE);
    assert_int_equal(ftruncate(fd, 3 * PAGE), 0);
    assert_false(http_files_loaded(files, held, fd, PAGE));
    assert_int_equal(held->loaded_bytes, PAGE);
    assert_true(held->changed);
    assert_int_equal(stats().file_changed, 1);
    assert_ptr_not_equal(http_files_take(files, &id, INT64_MAX / 2), held);
    close(fd);
}

#define TAKEN_MAX 40

/* Files of any size come, are used a while, and go: what is in use never has another's bytes. */
static void no_two_files_ever_have_the_same_room(void **state)
{
    struct {
        struct http_held *held;
        size_t bytes;
        uint8_t mark;
    } taken[TAKEN_MAX] = {0};

    (void)state;
    srand(5);
    for (unsigned round = 0; round < 20000; round++) {
        const unsigned i = (unsigned)rand() % TAKEN_MAX;
        struct http_held *held = taken[i].held;
        const uint64_t inode = (uint64_t)rand() % 300;

        if (held) {
            for (size_t at = 0; at < taken[i].bytes; at += 512)
                assert_int_equal(held->bytes[at], taken[i].mark);
            held->loans = 0;
            taken[i].held = NULL;
            continue;
        }
        taken[i].bytes = 1 + inode * inode * 97 % (6 * PAGE);
        held = take(inode, taken[i].bytes);
        if (!held)
            continue;
        http_files_release(held);
        if (held->loans > 0)
            continue;
        assert_true(held->bytes >= memory && held->bytes + taken[i].bytes <= memory + MEMORY);
        taken[i].mark = (uint8_t)round;
        memset(held->bytes, taken[i].mark, taken[i].bytes);
        held->loans = 1;
        taken[i].held = held;
    }
    assert_true(stats().file_hits > 100 && stats().file_evicted > 1000);
    assert_true(stats().file_refused > 100);
    for (unsigned i = 0; i < TAKEN_MAX; i++) {
        if (taken[i].held)
            taken[i].held->loans = 0;
    }
}

/* ---- sent from, over a real TCP ---------------------------------------------------------------
 */

#define SIZE 150000u
#define ROOM (4u << 20)
#define WIDE (1500u << 10) /* more than a paused client's window and the send buffer */

static uint8_t room[ROOM] __attribute__((aligned(PAGE)));

static time_t changed_s = LONG_AGO_S;
static int (*before_look)(int fd);

/* Files are as old as the test says. */
int fstat(int fd, struct stat *st)
{
    const int rc = before_look && before_look(fd) ? -1 : fstatat(fd, "", st, AT_EMPTY_PATH);

    st->st_mtim = st->st_ctim = (struct timespec){.tv_sec = changed_s};
    return rc;
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

#define A(name) cmocka_unit_test_setup_teardown(name, files_open, files_close)
#define S(name) cmocka_unit_test_setup_teardown(name, sending_open, sending_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        A(a_file_is_found_again_as_long_as_nothing_about_it_has_changed),
        A(a_file_is_read_again_after_its_time),
        A(what_changed_just_now_or_is_too_large_is_not_held),
        A(the_longest_unused_leaves_first_and_nobody_in_use),
        A(what_has_lost_its_name_leaves_before_all_others),
        A(with_everything_in_use_a_file_is_not_held),
        A(more_files_than_there_are_places_for_take_turns),
        A(a_file_that_changes_while_it_is_read_is_given_up),
        A(no_two_files_ever_have_the_same_room),
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
