/* SPDX-License-Identifier: BSD-3-Clause */
/* Large pages under the buffers of an emulated card: when they come, and life without them. */
#define _GNU_SOURCE /* memfd_create() */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hvh_large.h"
#include "raw_guest.h"

#define LARGE HVH_LARGE_BYTES
#define EIGHTH (LARGE / 8)

/* Does this kernel give such pages for shared memory? */
static bool kernel_can(void)
{
    uint8_t *at = hvh_large_map(-1, LARGE, PROT_READ | PROT_WRITE);
    struct hvh_large large;
    bool can;

    assert_ptr_not_equal(at, MAP_FAILED);
    hvh_large_watch(&large, &(struct vmbus_region){at, LARGE});
    can = hvh_large_grow(&large);
    munmap(at, LARGE);
    return can;
}

/* KiB of the mapping at (at) that are mapped as large pages. */
static unsigned long large_kib(const uint8_t *at)
{
    unsigned long begin, end, kib = 0;
    bool here = false;
    char line[512];
    FILE *maps = fopen("/proc/self/smaps", "r");

    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps)) {
        if (sscanf(line, "%lx-%lx", &begin, &end) == 2)
            here = begin == (uintptr_t)at;
        else if (here && sscanf(line, "ShmemPmdMapped: %lu", &kib) == 1)
            break;
    }
    fclose(maps);
    return kib;
}

static void memory_begins_where_a_large_page_can(void **state)
{
    const size_t sizes[] = {LARGE, 16 << 20, 5 * LARGE / 2};

    (void)state;
    for (unsigned i = 0; i < countof(sizes); i++) {
        uint8_t *at = hvh_large_map(-1, sizes[i], PROT_READ | PROT_WRITE);

        assert_ptr_not_equal(at, MAP_FAILED);
        assert_int_equal((uintptr_t)at % LARGE, 0);
        at[sizes[i] - 1] = 1;
        assert_int_equal(munmap(at, sizes[i]), 0);
    }
}

static void a_piece_becomes_large_once_an_eighth_of_it_is_used(void **state)
{
    uint8_t *at = hvh_large_map(-1, 5 * LARGE / 2, PROT_READ | PROT_WRITE);
    struct hvh_large large;

    (void)state;
    if (!kernel_can())
        skip();
    hvh_large_watch(&large, &(struct vmbus_region){at, 5 * LARGE / 2});
    assert_int_equal(large.due, EIGHTH);
    at[LARGE - 1] = 7;
    assert_true(hvh_large_grow(&large));
    assert_int_equal(at[LARGE - 1], 7);
    assert_int_equal(large_kib(at), LARGE >> 10);
    assert_int_equal(large.due, LARGE + EIGHTH);
    assert_true(hvh_large_grow(&large)); /* nothing is in it: that is no reason to refuse */
    assert_true(large.due == SIZE_MAX);  /* the rest is no whole piece */
    munmap(at, 5 * LARGE / 2);
}

static void what_is_refused_stays_as_it_is_and_is_not_tried_again(void **state)
{
    uint8_t *at = hvh_large_map(-1, 2 * LARGE, PROT_READ | PROT_WRITE);
    const int fd = memfd_create("test", MFD_CLOEXEC);
    struct hvh_large large;

    (void)state;
    /* A page further in the file than in memory: no kernel can make that one page. */
    assert_int_equal(ftruncate(fd, 3 * (off_t)LARGE), 0);
    assert_ptr_equal(mmap(at, 2 * LARGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 4096),
                     at);
    hvh_large_watch(&large, &(struct vmbus_region){at, 2 * LARGE});
    at[5] = 7;
    assert_false(hvh_large_grow(&large));
    assert_true(large.due == SIZE_MAX);
    assert_int_equal(at[5], 7);
    munmap(at, 2 * LARGE);
    close(fd);
}

static void memory_shorter_than_a_piece_never_grows(void **state)
{
    uint8_t *at = hvh_large_map(-1, LARGE / 2, PROT_READ | PROT_WRITE);
    const int fd = memfd_create("test", MFD_CLOEXEC);
    struct hvh_large large;
    struct stat st;

    (void)state;
    hvh_large_watch(&large, &(struct vmbus_region){at, LARGE / 2});
    assert_true(large.due == SIZE_MAX);
    assert_int_equal(hvh_large_fill(fd, LARGE / 2), 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_blocks, 0);
    munmap(at, LARGE / 2);
    close(fd);
}

static void a_file_is_filled_with_whole_pieces_of_zeroes(void **state)
{
    const size_t bytes = 5 * LARGE / 2;
    const int fd = memfd_create("test", MFD_CLOEXEC);
    struct stat st;
    uint8_t *at;

    (void)state;
    assert_int_equal(hvh_large_fill(fd, bytes), kernel_can() ? 2 : 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, bytes);
    assert_true((size_t)st.st_blocks * 512 <= 2 * LARGE);
    at = hvh_large_map(fd, bytes, PROT_READ | PROT_WRITE);
    assert_int_equal((uintptr_t)at % LARGE, 0);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(at[i], 0);
    if (kernel_can())
        assert_int_equal(large_kib(at), 2 * LARGE >> 10);
    munmap(at, bytes);
    close(fd);
}

/* ---- a card ---------------------------------------------------------------------------------- */

/* Frames under way until an eighth of a piece has been used, and some more. */
static void fill_receive_buffer(struct raw_guest *g)
{
    for (unsigned i = 0; i < EIGHTH / RAW_MTU + 8; i++) {
        struct raw_packet pkt;

        raw_port_send(g, 1000, NULL);
        raw_expect(g, &pkt);
    }
}

static void an_idle_card_has_no_large_pages_and_a_busy_one_has(void **state)
{
    const struct hvhost_nic_config config = {.recv_buf_bytes = 2 * LARGE,
                                             .send_buf_bytes = 2 * LARGE};
    struct raw_guest *g = raw_guest_create(&config);
    uint8_t msg[2048];

    (void)state;
    assert_int_equal((uintptr_t)g->t.recv.base % LARGE, 0);
    assert_int_equal((uintptr_t)g->t.send.base % LARGE, 0);
    raw_bring_up(g);
    raw_section_send(g, 0, msg, raw_frame_message(msg, 1000, 1));
    raw_step(g);
    assert_int_equal(raw_stat(g, large_pages), 0);
    raw_section_send(g, EIGHTH / 6144 + 1, msg, raw_frame_message(msg, 1000, 2));
    raw_step(g);
    assert_int_equal(raw_stat(g, large_pages), kernel_can() ? 1 : 0);
    raw_guest_destroy(g);
    g = raw_guest_create(&config);
    raw_bring_up(g);
    fill_receive_buffer(g);
    assert_int_equal(raw_stat(g, large_pages), kernel_can() ? 1 : 0);
    raw_guest_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_begins_where_a_large_page_can),
        cmocka_unit_test(a_piece_becomes_large_once_an_eighth_of_it_is_used),
        cmocka_unit_test(what_is_refused_stays_as_it_is_and_is_not_tried_again),
        cmocka_unit_test(memory_shorter_than_a_piece_never_grows),
        cmocka_unit_test(a_file_is_filled_with_whole_pieces_of_zeroes),
        cmocka_unit_test(an_idle_card_has_no_large_pages_and_a_busy_one_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
