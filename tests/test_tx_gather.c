/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames sent from where they are, end to end with the emulated host, which gathers them from guest
 * pages, and is strict about how they are named. The pieces lie far apart in shared memory, so that
 * none merges with the next unless a test wants it.
 */
#include <errno.h>
#include <string.h>

#include "burst.h"
#include "netif_fixture.h"
#include "netvsc_gather.h"
#include "netvsc_queue.h"
#include "vmbus_memory.h"

#define PAGE 4096u
#define SECTION_MTU (6144 - 44 - 48 - 14)
#define PIECES 40u

static struct vmbus_memory memory;
static struct netvsc_piece piece[PIECES + 1];
static unsigned told;
static void *told_last;

static void on_done(void *ctx, void *const *owners, unsigned count)
{
    (void)ctx;
    assert_in_range(count, 1, NETVSC_BATCH_MAX);
    told += count;
    told_last = owners[count - 1];
}

static void prepare(struct netif_fixture *f)
{
    told = 0;
    told_last = NULL;
    bench_init(f);
    f->config.memory = &memory;
    f->config.tx_done = on_done;
    f->config.tx_copy_bytes = 256;
    f->config.mtu_bytes = 65522;
    f->card_config.mtu_max_bytes = 65522;
    f->card_config.recv_buf_bytes = 4u << 20;
}

static void up(struct netif_fixture *f)
{
    bench_start(f);
    bench_attach(f);
    bench_until(f, NETVSC_UP);
}

/* Byte (i) of the frames of these tests, as bench_check_frame() wants it. */
static uint8_t body(uint32_t i)
{
    static const uint8_t head[14] = {2,    0xfa, 0,    0,    0,    1,    0,
                                     0x15, 0x5d, 0xaa, 0xbb, 0xcc, 0x88, 0xb5};

    return i < sizeof(head) ? head[i] : (uint8_t)(7 + i);
}

/* The next (len) bytes of the frame at (off) of shared memory, as piece (n). */
static uint32_t put(unsigned n, size_t off, uint32_t from, uint32_t len)
{
    uint8_t *at = memory.region.base + off;

    for (uint32_t i = 0; i < len; i++)
        at[i] = body(from + i);
    piece[n] = (struct netvsc_piece){at, len};
    return from + len;
}

static int send(struct netif_fixture *f, unsigned count, void *owner)
{
    const struct netvsc_vector v = {.piece = piece, .count = count, .owner = owner};

    f->begins++;
    return netvsc_queue_tx_vector(f->nic, 0, &v);
}

/* The far end got one frame, of (bytes), and it is whole. */
static void check_arrived(struct netif_fixture *f, unsigned before, uint32_t bytes)
{
    assert_int_equal(f->far_count, before + 1);
    bench_check_frame(f->far_frame, f->far_bytes, bytes, 7);
}

static void check_and_stop(struct netif_fixture *f)
{
    bench_check_strict(f);
    bench_stop(f);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static void chains_of_1_to_40_pieces_at_odd_offsets_arrive_whole(void **state)
{
    struct netif_fixture f;

    (void)state;
    prepare(&f);
    up(&f);
    assert_true(netvsc_info(f.nic)->tx_gpa);
    for (unsigned count = 1; count <= PIECES; count++) {
        unsigned before = f.far_count, told_before = told;
        uint32_t bytes = put(0, 77, 0, 400);
        int rc;

        for (unsigned n = 1; n < count; n++)
            bytes = put(n, n * 3 * PAGE + n * 13 + 1, bytes, 1 + (n * 37) % 100);
        rc = send(&f, count, &memory);
        assert_int_equal(rc, count <= NETVSC_PIECES_MAX ? 0 : -E2BIG);
        bench_turn(&f, 2);
        if (rc == 0)
            check_arrived(&f, before, bytes);
        assert_int_equal(told, told_before + (rc == 0));
    }
    assert_ptr_equal(told_last, &memory);
    assert_int_equal(bench_host_stats(&f).tx_gpa_packets, NETVSC_PIECES_MAX);
    assert_int_equal(bench_stats(&f).tx_gpa, NETVSC_PIECES_MAX);
    assert_int_equal(bench_stats(&f).tx_cancelled, PIECES - NETVSC_PIECES_MAX);
    check_and_stop(&f);
}

static void a_piece_may_start_and_end_at_any_byte_of_its_pages(void **state)
{
    static const uint32_t start[] = {0, 1, 4094, 4095}, end[] = {0, 1, 2, 4095};
    struct netif_fixture f;

    (void)state;
    prepare(&f);
    up(&f);
    for (unsigned s = 0; s < countof(start); s++) {
        for (unsigned e = 0; e < countof(end); e++) {
            for (uint32_t pages = 1; pages <= 3; pages++) {
                unsigned before = f.far_count;
                uint32_t bytes = put(0, 9 * PAGE + 5, 0, 300);

                if (pages * PAGE + end[e] <= start[s])
                    continue;
                bytes = put(1, 20 * PAGE + start[s], bytes, pages * PAGE + end[e] - start[s]);
                assert_int_equal(send(&f, 2, NULL), 0);
                bench_turn(&f, 2);
                check_arrived(&f, before, bytes);
            }
        }
    }
    check_and_stop(&f);
}

static void neighbours_become_one_piece_but_never_across_a_page(void **state)
{
    struct netif_fixture f;
    uint32_t bytes = 0;

    (void)state;
    prepare(&f);
    up(&f);
    /* 128 bytes of head, then 10 x 100 and 28 without a gap, ending 4 bytes into the next page. */
    for (unsigned n = 0; n < 11; n++)
        bytes = put(n, 2 * PAGE - 1152 + n * 100, bytes, 100);
    bytes = put(11, 2 * PAGE - 52, bytes, 56);
    assert_int_equal(send(&f, 12, NULL), 0);
    bench_turn(&f, 2);
    check_arrived(&f, 0, bytes);
    assert_int_equal(bench_stats(&f).tx_gpa_pieces, 2);
    assert_int_equal(bench_stats(&f).tx_gpa_bytes, bytes - 128);
    /* One ends where its page ends, the next begins there. */
    bytes = put(0, 5 * PAGE - 600, 0, 600);
    bytes = put(1, 5 * PAGE, bytes, 100);
    assert_int_equal(send(&f, 2, NULL), 0);
    bench_turn(&f, 2);
    check_arrived(&f, 1, bytes);
    assert_int_equal(bench_stats(&f).tx_gpa_pieces, 4);
    check_and_stop(&f);
}

static void sizes_up_to_65536_go_through_small_sections(void **state)
{
    static const uint32_t edges[] = {60,   256,  257,   4095,  4096,  6143,  6144,
                                     6145, 9014, 16384, 32768, 65534, 65535, 65536};
    struct netif_fixture f;

    (void)state;
    prepare(&f);
    up(&f);
    assert_int_equal(netvsc_info(f.nic)->mtu_bytes, 65522);
    for (unsigned i = 0; i < countof(edges); i++) {
        put(0, 3 * PAGE + i, 0, edges[i]);
        assert_int_equal(send(&f, 1, NULL), edges[i] <= 256 ? NETVSC_TX_COPIED : 0);
        bench_far_send(&f, edges[i], (uint8_t)i);
        bench_turn(&f, 2);
        check_arrived(&f, i, edges[i]);
        bench_check_frame(f.rx_frame, f.rx_bytes, edges[i], (uint8_t)i);
    }
    assert_int_equal(f.rx_count, countof(edges));
    piece[0].len_bytes = 13;
    assert_int_equal(send(&f, 1, NULL), -EMSGSIZE);
    piece[0].len_bytes = 65537;
    assert_int_equal(send(&f, 1, NULL), -EMSGSIZE);
    assert_int_equal(send(&f, 0, NULL), -EMSGSIZE);
    assert_int_equal(bench_send(&f, 7000, 1), -EMSGSIZE); /* begin has no more than a section */
    assert_int_equal(bench_stats(&f).tx_drop_size, 4);
    check_and_stop(&f);
}

/* ---- what is copied -------------------------------------------------------------------------- */

static void memory_the_host_does_not_know_is_refused_and_leaves_no_trace(void **state)
{
    static uint8_t own[9000];
    struct netif_fixture f;

    (void)state;
    prepare(&f);
    up(&f);
    put(0, 50, 0, 300);
    piece[1] = (struct netvsc_piece){own, 9000};
    assert_int_equal(send(&f, 2, own), -EFAULT);
    /* The last byte of it, and one more. */
    put(1, memory.region.len_bytes - 100, 300, 100);
    assert_int_equal(send(&f, 2, own), 0);
    piece[1].len_bytes = 101;
    assert_int_equal(send(&f, 2, own), -EFAULT);
    piece[1] = (struct netvsc_piece){memory.region.base - 1, 100};
    assert_int_equal(send(&f, 2, own), -EFAULT);
    bench_turn(&f, 2);
    assert_int_equal(f.far_count, 1);
    assert_int_equal(told, 1);
    assert_int_equal(bench_stats(&f).tx_cancelled, 3);
    /* The head is copied from wherever it is. */
    for (uint32_t i = 0; i < 128; i++)
        own[i] = body(i);
    piece[0] = (struct netvsc_piece){own, 128};
    put(1, 50, 128, 900);
    assert_int_equal(send(&f, 2, own), 0);
    memset(own, 0, sizeof(own));
    bench_turn(&f, 2);
    check_arrived(&f, 1, 1028);
    check_and_stop(&f);
}

static void what_may_change_is_copied_whatever_its_length(void **state)
{
    struct netvsc_vector v = {.piece = piece, .count = 1, .copy = true, .owner = piece};
    struct netif_fixture f;

    (void)state;
    prepare(&f);
    up(&f);
    put(0, 1, 0, 5000);
    f.begins += 2;
    assert_int_equal(netvsc_queue_tx_vector(f.nic, 0, &v), NETVSC_TX_COPIED);
    memset(memory.region.base, 0, 6000);
    bench_turn(&f, 2);
    check_arrived(&f, 0, 5000);
    piece[0].len_bytes = 7000;
    assert_int_equal(netvsc_queue_tx_vector(f.nic, 0, &v), -EMSGSIZE);
    assert_int_equal(told, 0);
    check_and_stop(&f);
}

static void without_page_numbers_everything_goes_through_sections(void **state)
{
    struct netif_fixture f;

    (void)state;
    for (unsigned how = 0; how < 2; how++) {
        prepare(&f);
        if (how == 0)
            f.card_config.dma_bytes = UINT32_MAX; /* they are not known */
        else
            f.config.tx_copy_bytes = NETVSC_TX_COPY_ALL; /* not wanted */
        up(&f);
        assert_false(netvsc_info(f.nic)->tx_gpa);
        assert_int_equal(netvsc_info(f.nic)->mtu_bytes, SECTION_MTU);
        put(0, 1, 0, 3000);
        put(1, 5 * PAGE, 3000, 3052);
        assert_int_equal(send(&f, 2, NULL), NETVSC_TX_COPIED);
        bench_turn(&f, 2);
        check_arrived(&f, 0, 6052);
        piece[1].len_bytes++;
        assert_int_equal(send(&f, 2, NULL), -EMSGSIZE);
        assert_int_equal(bench_stats(&f).tx_gpa, 0);
        assert_int_equal(bench_host_stats(&f).tx_section_packets > 0, true);
        check_and_stop(&f);
    }
}

/* ---- what goes with it ----------------------------------------------------------------------- */

static struct burst burst;
static struct {
    unsigned frames;
    uint32_t bytes;
    uint16_t tci;
} seen;

static void look(void *ctx, const struct hvhost_frame *frame)
{
    (void)ctx;
    seen.tci = frame->has_tci ? frame->tci : 0;
    if (!burst.head_bytes || frame->len_bytes <= burst.head_bytes)
        return;
    burst_check_sums(frame->data, frame->len_bytes, burst.v6, 6);
    assert_memory_equal(frame->data + burst.head_bytes, burst.frame + burst.head_bytes + seen.bytes,
                        frame->len_bytes - burst.head_bytes);
    seen.bytes += frame->len_bytes - burst.head_bytes;
    seen.frames++;
}

static void segments_of_60000_bytes_are_cut_by_the_host(void **state)
{
    struct netvsc_tx_meta meta = {.mss_bytes = 1400};
    struct hvhost_port *port;
    struct netif_fixture f;

    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        const struct netvsc_vector v = {.piece = piece, .count = 2, .meta = &meta, .owner = piece};

        prepare(&f);
        f.config.mtu_bytes = 1500;
        bench_start(&f);
        assert_int_equal(hvhost_port_add(f.host, look, NULL, &port), 0);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        memset(&seen, 0, sizeof(seen));
        burst_packet(&burst, v6, 6, 60000);
        meta.lso4 = !v6;
        meta.lso6 = v6;
        meta.l4_off = v6 ? 54 : 34;
        memcpy(memory.region.base + 100, burst.frame, 20000);
        memcpy(memory.region.base + 10 * PAGE + 3, burst.frame + 20000, burst.head_bytes + 40000);
        piece[0] = (struct netvsc_piece){memory.region.base + 100, 20000};
        piece[1] =
            (struct netvsc_piece){memory.region.base + 10 * PAGE + 3, burst.head_bytes + 40000};
        f.begins++;
        assert_int_equal(netvsc_queue_tx_vector(f.nic, 0, &v), 0);
        bench_turn(&f, 2);
        assert_int_equal(seen.bytes, 60000);
        assert_int_equal(seen.frames, (60000 + 1399) / 1400);
        assert_int_equal(told, 1);
        burst.head_bytes = 0;
        check_and_stop(&f);
    }
}

static void a_tag_inside_leaves_beside_the_frame(void **state)
{
    struct hvhost_port *port;
    struct netif_fixture f;

    (void)state;
    prepare(&f);
    bench_start(&f);
    assert_int_equal(hvhost_port_add(f.host, look, NULL, &port), 0);
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    put(0, 8, 0, 12);
    memcpy(memory.region.base + 20, "\x81\x00\x61\x23", 4);
    piece[0].len_bytes = 16;
    put(1, PAGE, 12, 3000);
    assert_int_equal(send(&f, 2, NULL), 0);
    bench_turn(&f, 2);
    check_arrived(&f, 0, 3012);
    assert_int_equal(seen.tci, 0x6123);
    assert_int_equal(bench_stats(&f).tx_untagged, 1);
    check_and_stop(&f);
}

static unsigned captured;

static void on_capture(void *ctx, bool sent, const struct netvsc_frame *frame)
{
    (void)ctx;
    assert_true(sent);
    bench_check_frame(frame->data, frame->len_bytes, 9014, 7);
    captured++;
}

static void a_capture_sees_the_frame_in_one_piece(void **state)
{
    struct netif_fixture f;

    (void)state;
    prepare(&f);
    f.config.capture = on_capture;
    up(&f);
    put(0, PAGE - 7, 0, 5000);
    put(1, 10 * PAGE - 1, 5000, 4014);
    assert_int_equal(send(&f, 2, NULL), 0);
    assert_int_equal(captured, 1);
    bench_turn(&f, 2);
    check_and_stop(&f);
}

/* ---- until the host is done ------------------------------------------------------------------ */

static void fault(struct netif_fixture *f, enum hvhost_fault_act act)
{
    const struct hvhost_fault spoil = {.on = HVH_ON_TX_DONE, .act = act, .count = 1};

    hvhost_fault_arm(f->card, &spoil);
}

static void owners_wait_for_the_completion_of_their_own_frame(void **state)
{
    struct netif_fixture f;
    int a, b;

    (void)state;
    prepare(&f);
    up(&f);
    fault(&f, HVH_ACT_WRONG_ID);
    put(0, 0, 0, 900);
    assert_int_equal(send(&f, 1, &a), 0);
    assert_int_equal(send(&f, 1, &b), 0);
    netvsc_flush(f.nic);
    assert_int_equal(told, 0); /* the host has not looked yet */
    bench_turn(&f, 3);
    assert_int_equal(f.far_count, 2);
    assert_int_equal(told, 1);
    assert_ptr_equal(told_last, &b);
    assert_int_equal(bench_stats(&f).host_bad_xid, 1);
    assert_int_equal(netvsc_tx_outstanding(f.nic), 1);
    netvsc_destroy(f.nic);
    assert_int_equal(told, 2); /* at the latest when the device closes */
    assert_ptr_equal(told_last, &a);
    hvhost_destroy(f.host);
}

static void a_repeated_completion_and_one_of_failure_tell_once(void **state)
{
    struct netif_fixture f;

    (void)state;
    prepare(&f);
    up(&f);
    fault(&f, HVH_ACT_TWICE);
    put(0, 0, 0, 900);
    assert_int_equal(send(&f, 1, &f), 0);
    bench_turn(&f, 3);
    assert_int_equal(told, 1);
    fault(&f, HVH_ACT_REFUSE);
    assert_int_equal(send(&f, 1, &f), 0);
    bench_turn(&f, 3);
    assert_int_equal(told, 2);
    assert_int_equal(bench_stats(&f).tx_failed, 1);
    assert_int_equal(bench_stats(&f).tx_gpa_done, 2);
    bench_stop(&f);
}

static void a_device_that_goes_gives_everything_back_once(void **state)
{
    struct netif_fixture f;

    (void)state;
    prepare(&f);
    up(&f);
    put(0, 0, 0, 900);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(send(&f, 1, &piece[i % PIECES]), 0);
    hvhost_nic_rescind(f.card);
    bench_until(&f, NETVSC_GONE);
    assert_int_equal(told, 100);
    assert_int_equal(bench_stats(&f).tx_lost, 100);
    assert_int_equal(send(&f, 1, &f), -ENETDOWN);
    /* And the same memory serves the next device. */
    hvhost_nic_offer(f.card);
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    assert_int_equal(send(&f, 1, &f), 0);
    bench_turn(&f, 3);
    check_arrived(&f, 0, 900);
    assert_int_equal(told, 101);
    bench_stop(&f);
}

static void a_full_ring_is_busy_and_loses_nothing(void **state)
{
    struct netif_fixture f;
    unsigned sent = 0;
    int rc;

    (void)state;
    prepare(&f);
    f.card_config.ring_bytes = 6 * PAGE;
    up(&f);
    for (unsigned n = 0; n < NETVSC_PIECES_MAX; n++)
        put(n, n * 2 * PAGE, n * 300, 300);
    for (unsigned round = 0; round < 20; round++) {
        while ((rc = send(&f, NETVSC_PIECES_MAX, &f)) == 0)
            sent++;
        assert_int_equal(rc, -EAGAIN);
        bench_turn(&f, 2);
        assert_int_equal(told, sent);
    }
    assert_in_range(sent, 20 * 7, 20 * 14); /* of 584 bytes, in 8192 less the reserve */
    assert_int_equal(f.far_count, sent);
    assert_int_equal(bench_stats(&f).tx_lost, 0);
    check_and_stop(&f);
}

static int make_memory(void **state)
{
    (void)state;
    return vmbus_memory_create(4u << 20, &memory);
}

static int free_memory(void **state)
{
    (void)state;
    vmbus_memory_destroy(&memory);
    return 0;
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
        cmocka_unit_test(segments_of_60000_bytes_are_cut_by_the_host),
        cmocka_unit_test(a_tag_inside_leaves_beside_the_frame),
        cmocka_unit_test(a_capture_sees_the_frame_in_one_piece),
        cmocka_unit_test(owners_wait_for_the_completion_of_their_own_frame),
        cmocka_unit_test(a_repeated_completion_and_one_of_failure_tell_once),
        cmocka_unit_test(a_device_that_goes_gives_everything_back_once),
        cmocka_unit_test(a_full_ring_is_busy_and_loses_nothing),
    };

    return cmocka_run_group_tests(tests, make_memory, free_memory);
}
