/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames sent from where they are, end to end with the emulated host, which gathers them from guest
 * pages, and is strict about how they are named: pieces of any shape, and what is copied after all.
 */
#include <errno.h>
#include <string.h>

#include "gather_fixture.h"
#include "netvsc_queue.h"

#define SECTION_MTU (6144 - 44 - 48 - 14)

/* ---- shapes ---------------------------------------------------------------------------------- */

static void chains_of_1_to_40_pieces_at_odd_offsets_arrive_whole(void **state)
{
    struct netif_fixture f;

    (void)state;
    gather_prepare(&f);
    bench_come_up(&f);
    assert_true(netvsc_info(f.nic)->tx_gpa);
    for (unsigned count = 1; count <= GATHER_PIECES; count++) {
        unsigned before = f.far_count, told_before = gather_told;
        uint32_t bytes = gather_put(0, 77, 0, 400);
        int rc;

        for (unsigned n = 1; n < count; n++)
            bytes = gather_put(n, n * 3 * VMBUS_PAGE_BYTES + n * 13 + 1, bytes, 1 + (n * 37) % 100);
        rc = gather_send(&f, count, &gather_memory);
        assert_int_equal(rc, count <= NETVSC_PIECES_MAX ? 0 : -E2BIG);
        bench_turn(&f, 2);
        if (rc == 0)
            gather_check_arrived(&f, before, bytes);
        assert_int_equal(gather_told, told_before + (rc == 0));
    }
    assert_ptr_equal(gather_told_last, &gather_memory);
    assert_int_equal(bench_host_stats(&f).tx_gpa_packets, NETVSC_PIECES_MAX);
    assert_int_equal(bench_stats(&f).tx_gpa, NETVSC_PIECES_MAX);
    assert_int_equal(bench_stats(&f).tx_cancelled, GATHER_PIECES - NETVSC_PIECES_MAX);
    gather_stop(&f);
}

/* A second piece from (start) of a page to before (end) of the (pages)th after it. */
static void send_from_to(struct netif_fixture *f, uint32_t start, uint32_t pages, uint32_t end)
{
    unsigned before = f->far_count;
    uint32_t bytes = gather_put(0, 9 * VMBUS_PAGE_BYTES + 5, 0, 300);

    bytes =
        gather_put(1, 20 * VMBUS_PAGE_BYTES + start, bytes, pages * VMBUS_PAGE_BYTES + end - start);
    assert_int_equal(gather_send(f, 2, NULL), 0);
    bench_turn(f, 2);
    gather_check_arrived(f, before, bytes);
}

static void a_piece_may_start_and_end_at_any_byte_of_its_pages(void **state)
{
    static const uint32_t start[] = {0, 1, 4094, 4095}, end[] = {0, 1, 2, 4095};
    struct netif_fixture f;

    (void)state;
    gather_prepare(&f);
    bench_come_up(&f);
    for (unsigned s = 0; s < countof(start); s++) {
        for (unsigned e = 0; e < countof(end); e++) {
            for (uint32_t pages = 1; pages <= 3; pages++)
                send_from_to(&f, start[s], pages, end[e]);
        }
    }
    gather_stop(&f);
}

static void neighbours_become_one_piece_but_never_across_a_page(void **state)
{
    struct netif_fixture f;
    uint32_t bytes = 0;

    (void)state;
    gather_prepare(&f);
    bench_come_up(&f);
    /* 128 bytes of head, then 10 x 100 and 28 without a gap, ending 4 bytes into the next page. */
    for (unsigned n = 0; n < 11; n++)
        bytes = gather_put(n, 2 * VMBUS_PAGE_BYTES - 1152 + n * 100, bytes, 100);
    bytes = gather_put(11, 2 * VMBUS_PAGE_BYTES - 52, bytes, 56);
    assert_int_equal(gather_send(&f, 12, NULL), 0);
    bench_turn(&f, 2);
    gather_check_arrived(&f, 0, bytes);
    assert_int_equal(bench_stats(&f).tx_gpa_pieces, 2);
    assert_int_equal(bench_stats(&f).tx_gpa_bytes, bytes - 128);
    /* One ends where its page ends, the next begins there. */
    bytes = gather_put(0, 5 * VMBUS_PAGE_BYTES - 600, 0, 600);
    bytes = gather_put(1, 5 * VMBUS_PAGE_BYTES, bytes, 100);
    assert_int_equal(gather_send(&f, 2, NULL), 0);
    bench_turn(&f, 2);
    gather_check_arrived(&f, 1, bytes);
    assert_int_equal(bench_stats(&f).tx_gpa_pieces, 4);
    gather_stop(&f);
}

static void sizes_up_to_65536_go_through_small_sections(void **state)
{
    static const uint32_t edges[] = {60,   256,  257,   4095,  4096,  6143,  6144,
                                     6145, 9014, 16384, 32768, 65534, 65535, 65536};
    struct netif_fixture f;

    (void)state;
    gather_prepare(&f);
    bench_come_up(&f);
    assert_int_equal(netvsc_info(f.nic)->mtu_bytes, 65522);
    for (unsigned i = 0; i < countof(edges); i++) {
        gather_put(0, 3 * VMBUS_PAGE_BYTES + i, 0, edges[i]);
        assert_int_equal(gather_send(&f, 1, NULL), edges[i] <= 256 ? NETVSC_TX_COPIED : 0);
        bench_far_send(&f, edges[i], (uint8_t)i);
        bench_turn(&f, 2);
        gather_check_arrived(&f, i, edges[i]);
        bench_check_frame(f.rx_frame, f.rx_bytes, edges[i], (uint8_t)i);
    }
    assert_int_equal(f.rx_count, countof(edges));
    gather_piece[0].len_bytes = 13;
    assert_int_equal(gather_send(&f, 1, NULL), -EMSGSIZE);
    gather_piece[0].len_bytes = 65537;
    assert_int_equal(gather_send(&f, 1, NULL), -EMSGSIZE);
    assert_int_equal(gather_send(&f, 0, NULL), -EMSGSIZE);
    assert_int_equal(bench_send(&f, 7000, 1), -EMSGSIZE); /* begin has no more than a section */
    assert_int_equal(bench_stats(&f).tx_drop_size, 4);
    gather_stop(&f);
}

/* ---- what is copied -------------------------------------------------------------------------- */

static void memory_the_host_does_not_know_is_refused_and_leaves_no_trace(void **state)
{
    static uint8_t own[9000];
    struct netif_fixture f;

    (void)state;
    gather_prepare(&f);
    bench_come_up(&f);
    gather_put(0, 50, 0, 300);
    gather_piece[1] = (struct netvsc_piece){own, 9000};
    assert_int_equal(gather_send(&f, 2, own), -EFAULT);
    /* The last byte of it, and one more. */
    gather_put(1, gather_memory.region.len_bytes - 100, 300, 100);
    assert_int_equal(gather_send(&f, 2, own), 0);
    gather_piece[1].len_bytes = 101;
    assert_int_equal(gather_send(&f, 2, own), -EFAULT);
    gather_piece[1] = (struct netvsc_piece){gather_memory.region.base - 1, 100};
    assert_int_equal(gather_send(&f, 2, own), -EFAULT);
    bench_turn(&f, 2);
    assert_int_equal(f.far_count, 1);
    assert_int_equal(gather_told, 1);
    assert_int_equal(bench_stats(&f).tx_cancelled, 3);
    /* The head is copied from wherever it is. */
    for (uint32_t i = 0; i < 128; i++)
        own[i] = gather_byte(i);
    gather_piece[0] = (struct netvsc_piece){own, 128};
    gather_put(1, 50, 128, 900);
    assert_int_equal(gather_send(&f, 2, own), 0);
    memset(own, 0, sizeof(own));
    bench_turn(&f, 2);
    gather_check_arrived(&f, 1, 1028);
    gather_stop(&f);
}

static void what_may_change_is_copied_whatever_its_length(void **state)
{
    struct netvsc_vector v = {
        .piece = gather_piece, .count = 1, .copy = true, .owner = gather_piece};
    struct netif_fixture f;

    (void)state;
    gather_prepare(&f);
    bench_come_up(&f);
    gather_put(0, 1, 0, 5000);
    f.begins += 2;
    assert_int_equal(netvsc_queue_tx_vector(f.nic, 0, &v), NETVSC_TX_COPIED);
    memset(gather_memory.region.base, 0, 6000);
    bench_turn(&f, 2);
    gather_check_arrived(&f, 0, 5000);
    gather_piece[0].len_bytes = 7000;
    assert_int_equal(netvsc_queue_tx_vector(f.nic, 0, &v), -EMSGSIZE);
    assert_int_equal(gather_told, 0);
    gather_stop(&f);
}

static void without_page_numbers_everything_goes_through_sections(void **state)
{
    struct netif_fixture f;

    (void)state;
    for (unsigned how = 0; how < 2; how++) {
        gather_prepare(&f);
        if (how == 0)
            f.card_config.dma_bytes = UINT32_MAX; /* they are not known */
        else
            f.config.tx_copy_bytes = NETVSC_TX_COPY_ALL; /* not wanted */
        bench_come_up(&f);
        assert_false(netvsc_info(f.nic)->tx_gpa);
        assert_int_equal(netvsc_info(f.nic)->mtu_bytes, SECTION_MTU);
        gather_put(0, 1, 0, 3000);
        gather_put(1, 5 * VMBUS_PAGE_BYTES, 3000, 3052);
        assert_int_equal(gather_send(&f, 2, NULL), NETVSC_TX_COPIED);
        bench_turn(&f, 2);
        gather_check_arrived(&f, 0, 6052);
        gather_piece[1].len_bytes++;
        assert_int_equal(gather_send(&f, 2, NULL), -EMSGSIZE);
        assert_int_equal(bench_stats(&f).tx_gpa, 0);
        assert_int_equal(bench_host_stats(&f).tx_section_packets > 0, true);
        gather_stop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_of_1_to_40_pieces_at_odd_offsets_arrive_whole),
        cmocka_unit_test(a_piece_may_start_and_end_at_any_byte_of_its_pages),
        cmocka_unit_test(neighbours_become_one_piece_but_never_across_a_page),
        cmocka_unit_test(sizes_up_to_65536_go_through_small_sections),
        cmocka_unit_test(memory_the_host_does_not_know_is_refused_and_leaves_no_trace),
        cmocka_unit_test(what_may_change_is_copied_whatever_its_length),
        cmocka_unit_test(without_page_numbers_everything_goes_through_sections),
    };

    return cmocka_run_group_tests(tests, gather_make_memory, gather_free_memory);
}
