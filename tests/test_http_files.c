/* SPDX-License-Identifier: BSD-3-Clause */
/* Large files in memory the card sends from: what is held and what leaves, and whose room is whose.
 * What TCP makes of them is in test_http_files_sent.c. */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_files.h"

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

#define A(name) cmocka_unit_test_setup_teardown(name, files_open, files_close)

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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
