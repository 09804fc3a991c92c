/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames sent from where they are: what goes with them, and who is told when the host has read
 * them.
 */
#include <errno.h>
#include <string.h>

#include "burst.h"
#include "gather_fixture.h"
#include "netvsc_hold.h"
#include "netvsc_queue.h"
#include "netvsc_var.h"

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
        const struct netvsc_vector v = {
            .piece = gather_piece, .count = 2, .meta = &meta, .owner = gather_piece};

        gather_prepare(&f);
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
        memcpy(gather_memory.region.base + 100, burst.frame, 20000);
        memcpy(gather_memory.region.base + 10 * VMBUS_PAGE_BYTES + 3, burst.frame + 20000,
               burst.head_bytes + 40000);
        gather_piece[0] = (struct netvsc_piece){gather_memory.region.base + 100, 20000};
        gather_piece[1] = (struct netvsc_piece){
            gather_memory.region.base + 10 * VMBUS_PAGE_BYTES + 3, burst.head_bytes + 40000};
        f.begins++;
        assert_int_equal(netvsc_queue_tx_vector(f.nic, 0, &v), 0);
        bench_turn(&f, 2);
        assert_int_equal(seen.bytes, 60000);
        assert_int_equal(seen.frames, (60000 + 1399) / 1400);
        assert_int_equal(gather_told, 1);
        burst.head_bytes = 0;
        gather_stop(&f);
    }
}

static void a_tag_inside_leaves_beside_the_frame(void **state)
{
    struct hvhost_port *port;
    struct netif_fixture f;

    (void)state;
    gather_prepare(&f);
    bench_start(&f);
    assert_int_equal(hvhost_port_add(f.host, look, NULL, &port), 0);
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    gather_put(0, 8, 0, 12);
    memcpy(gather_memory.region.base + 20, "\x81\x00\x61\x23", 4);
    gather_piece[0].len_bytes = 16;
    gather_put(1, VMBUS_PAGE_BYTES, 12, 3000);
    assert_int_equal(gather_send(&f, 2, NULL), 0);
    bench_turn(&f, 2);
    gather_check_arrived(&f, 0, 3012);
    assert_int_equal(seen.tci, 0x6123);
    assert_int_equal(bench_stats(&f).tx_untagged, 1);
    gather_stop(&f);
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
    gather_prepare(&f);
    f.config.capture = on_capture;
    bench_come_up(&f);
    gather_put(0, VMBUS_PAGE_BYTES - 7, 0, 5000);
    gather_put(1, 10 * VMBUS_PAGE_BYTES - 1, 5000, 4014);
    assert_int_equal(gather_send(&f, 2, NULL), 0);
    assert_int_equal(captured, 1);
    bench_turn(&f, 2);
    gather_stop(&f);
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
    gather_prepare(&f);
    bench_come_up(&f);
    fault(&f, HVH_ACT_WRONG_ID);
    gather_put(0, 0, 0, 900);
    assert_int_equal(gather_send(&f, 1, &a), 0);
    assert_int_equal(gather_send(&f, 1, &b), 0);
    netvsc_flush(f.nic);
    assert_int_equal(gather_told, 0); /* the host has not looked yet */
    bench_turn(&f, 3);
    assert_int_equal(f.far_count, 2);
    assert_int_equal(gather_told, 1);
    assert_ptr_equal(gather_told_last, &b);
    assert_int_equal(bench_stats(&f).host_bad_xid, 1);
    assert_int_equal(netvsc_tx_outstanding(f.nic), 1);
    netvsc_destroy(f.nic);
    assert_int_equal(gather_told, 2); /* at the latest when the device closes */
    assert_ptr_equal(gather_told_last, &a);
    hvhost_destroy(f.host);
}

static void a_repeated_completion_and_one_of_failure_tell_once(void **state)
{
    struct netif_fixture f;

    (void)state;
    gather_prepare(&f);
    bench_come_up(&f);
    fault(&f, HVH_ACT_TWICE);
    gather_put(0, 0, 0, 900);
    assert_int_equal(gather_send(&f, 1, &f), 0);
    bench_turn(&f, 3);
    assert_int_equal(gather_told, 1);
    fault(&f, HVH_ACT_REFUSE);
    assert_int_equal(gather_send(&f, 1, &f), 0);
    bench_turn(&f, 3);
    assert_int_equal(gather_told, 2);
    assert_int_equal(bench_stats(&f).tx_failed, 1);
    assert_int_equal(bench_stats(&f).tx_gpa_done, 2);
    bench_stop(&f);
}

static struct netvsc_hold *kept;

static void keep(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    struct netif_fixture *f = ctx;

    (void)count;
    kept = netvsc_frame_hold(f->nic, frames);
}

static void a_device_that_goes_gives_everything_back_once(void **state)
{
    struct netif_fixture f;

    (void)state;
    gather_prepare(&f);
    bench_come_up(&f);
    gather_put(0, 0, 0, 900);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(gather_send(&f, 1, &gather_piece[i % GATHER_PIECES]), 0);
    hvhost_nic_rescind(f.card);
    bench_until(&f, NETVSC_GONE);
    assert_int_equal(gather_told, 100);
    assert_int_equal(bench_stats(&f).tx_lost, 100);
    assert_int_equal(gather_send(&f, 1, &f), -ENETDOWN);
    /* And the same memory serves the next device. */
    hvhost_nic_offer(f.card);
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    assert_int_equal(gather_send(&f, 1, &f), 0);
    bench_turn(&f, 3);
    gather_check_arrived(&f, 0, 900);
    assert_int_equal(gather_told, 101);
    bench_stop(&f);
}

/* Its packets are in the ring still, and its host reads them as long as it is open. */
static void a_device_kept_open_by_a_frame_keeps_what_it_was_sent(void **state)
{
    struct netif_fixture f;

    (void)state;
    for (unsigned destroyed = 0; destroyed < 2; destroyed++) {
        gather_prepare(&f);
        bench_come_up(&f);
        f.nic->config.rx = keep;
        bench_far_send(&f, 100, 1);
        bench_turn(&f, 2);
        assert_non_null(kept);
        gather_put(0, 0, 0, 900);
        assert_int_equal(gather_send(&f, 1, &f), 0);
        netvsc_flush(f.nic);
        netvsc_detach(f.nic, f.now_ns);
        netvsc_detach(f.nic, f.now_ns); /* without waiting for the host */
        assert_int_equal(netvsc_state(f.nic), NETVSC_DOWN);
        assert_int_equal(gather_told, 0);
        bench_turn(&f, 2);
        gather_check_arrived(&f, 0, 900);
        assert_int_equal(gather_told, 0);
        if (!destroyed) {
            netvsc_hold_release(kept);
            assert_int_equal(bench_host_stats(&f).closes, 0);
            netvsc_poll(f.nic, f.now_ns, 64);
            assert_int_equal(bench_host_stats(&f).closes, 1);
            assert_int_equal(gather_told, 1);
        }
        netvsc_destroy(f.nic);
        assert_int_equal(gather_told, 1);
        if (destroyed)
            netvsc_hold_release(kept);
        assert_int_equal(bench_host_stats(&f).closes, 1);
        hvhost_destroy(f.host);
        kept = NULL;
    }
}

static void a_full_ring_is_busy_and_loses_nothing(void **state)
{
    struct netif_fixture f;
    unsigned sent = 0;
    int rc;

    (void)state;
    gather_prepare(&f);
    f.card_config.ring_bytes = 6 * VMBUS_PAGE_BYTES;
    bench_come_up(&f);
    for (unsigned n = 0; n < NETVSC_PIECES_MAX; n++)
        gather_put(n, n * 2 * VMBUS_PAGE_BYTES, n * 300, 300);
    for (unsigned round = 0; round < 20; round++) {
        while ((rc = gather_send(&f, NETVSC_PIECES_MAX, &f)) == 0)
            sent++;
        assert_int_equal(rc, -EAGAIN);
        bench_turn(&f, 2);
        assert_int_equal(gather_told, sent);
    }
    assert_in_range(sent, 20 * 7, 20 * 14); /* of 584 bytes, in 8192 less the reserve */
    assert_int_equal(f.far_count, sent);
    assert_int_equal(bench_stats(&f).tx_lost, 0);
    gather_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_of_60000_bytes_are_cut_by_the_host),
        cmocka_unit_test(a_tag_inside_leaves_beside_the_frame),
        cmocka_unit_test(a_capture_sees_the_frame_in_one_piece),
        cmocka_unit_test(owners_wait_for_the_completion_of_their_own_frame),
        cmocka_unit_test(a_repeated_completion_and_one_of_failure_tell_once),
        cmocka_unit_test(a_device_that_goes_gives_everything_back_once),
        cmocka_unit_test(a_device_kept_open_by_a_frame_keeps_what_it_was_sent),
        cmocka_unit_test(a_full_ring_is_busy_and_loses_nothing),
    };

    return cmocka_run_group_tests(tests, gather_make_memory, gather_free_memory);
}
