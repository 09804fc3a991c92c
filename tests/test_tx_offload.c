/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the NIC leaves to the host, end to end: the emulated host sums, cuts and tags for real, and
 * is strict about how it is asked.
 */
#include <errno.h>
#include <string.h>

#include "burst.h"
#include "netif_fixture.h"
#include "netvsc_queue.h"

#define MSS 1400u

static struct burst burst;

static struct {
    unsigned frames;
    uint32_t payload_bytes;
    uint16_t tci;
    bool has_tci;
    uint8_t order[64];
} seen;

static void look(void *ctx, const struct hvhost_frame *frame)
{
    (void)ctx;
    if (frame->len_bytes > burst.head_bytes && burst.head_bytes) {
        uint32_t all = burst.head_bytes + burst.payload_bytes; /* without padding */
        uint32_t len = frame->len_bytes < all ? frame->len_bytes : all;
        uint32_t bytes = len - burst.head_bytes;

        burst_check_sums(frame->data, len, burst.v6, frame->data[burst.v6 ? 20 : 23]);
        assert_memory_equal(frame->data + burst.head_bytes,
                            burst.frame + burst.head_bytes + seen.payload_bytes, bytes);
        seen.payload_bytes += bytes;
    }
    seen.tci = frame->tci;
    seen.has_tci = frame->has_tci;
    seen.order[seen.frames % sizeof(seen.order)] = frame->data[14];
    seen.frames++;
}

static void start(struct netif_fixture *f, uint32_t offload, enum netvsc_switch csum)
{
    struct hvhost_port *port;

    memset(&seen, 0, sizeof(seen));
    memset(&burst, 0, sizeof(burst));
    bench_init(f);
    f->card_config.offload = offload;
    f->config.tx_csum = csum;
    bench_start(f);
    assert_int_equal(hvhost_port_add(f->host, look, NULL, &port), 0);
    bench_attach(f);
    bench_until(f, NETVSC_UP);
}

static uint8_t kind_of(bool v6, uint32_t proto)
{
    if (proto == 6)
        return v6 ? NETVSC_CSUM_TCP6 : NETVSC_CSUM_TCP4 | NETVSC_CSUM_IP4;
    return v6 ? NETVSC_CSUM_UDP6 : NETVSC_CSUM_UDP4 | NETVSC_CSUM_IP4;
}

/* The packet in (burst), its sum fields spoilt, as (meta) says. */
static int send_meta(struct netif_fixture *f, struct netvsc_tx_meta meta)
{
    uint32_t bytes = burst.head_bytes + burst.payload_bytes;
    struct netvsc_slot slot;
    int rc;

    meta.l4_off = burst.v6 ? 54 : 34;
    seen.payload_bytes = 0;
    f->begins++;
    rc = netvsc_queue_tx_begin_meta(f->nic, 0, bytes, &meta, &slot);
    if (rc)
        return rc;
    memcpy(slot.data, burst.frame, bytes);
    netvsc_tx_commit(f->nic, &slot, bytes);
    bench_turn(f, 2);
    return 0;
}

static void sums_of_every_kind_are_left_to_the_host(void **state)
{
    struct netif_fixture f;

    (void)state;
    start(&f, HVHOST_OFFLOAD_ALL, NETVSC_AUTO);
    assert_int_equal(netvsc_info(f.nic)->offload.csum, 0x1F);
    for (unsigned kind = 0; kind < 4; kind++) {
        bool v6 = kind & 1;
        uint32_t proto = kind & 2 ? 17 : 6;

        for (uint32_t bytes = 1; bytes < 1400; bytes += 77) {
            burst_packet(&burst, v6, proto, bytes);
            burst_put16(burst.frame + (v6 ? 54 : 34) + (proto == 6 ? 16 : 6), 0xBEEF);
            assert_int_equal(send_meta(&f, (struct netvsc_tx_meta){.csum = kind_of(v6, proto)}), 0);
            assert_true(seen.payload_bytes >= bytes);
        }
    }
    assert_int_equal(bench_stats(&f).tx_csum, seen.frames);
    assert_int_equal(bench_host_stats(&f).tx_csum, seen.frames);
    bench_check_strict(&f);
    bench_stop(&f);
}

static void what_the_host_does_not_offer_is_refused(void **state)
{
    struct netif_fixture f;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        /* Not offered, and not wanted. */
        start(&f, i ? HVHOST_OFFLOAD_ALL : HVHOST_OFFLOAD_NONE, i ? NETVSC_OFF : NETVSC_AUTO);
        burst_packet(&burst, false, 6, 100);
        assert_int_equal(netvsc_info(f.nic)->offload.csum, 0);
        assert_int_equal(netvsc_info(f.nic)->offload.lso4_bytes, 0);
        assert_int_equal(send_meta(&f, (struct netvsc_tx_meta){.csum = NETVSC_CSUM_TCP4}),
                         -EOPNOTSUPP);
        assert_int_equal(bench_stats(&f).tx_drop_offload, 1);
        bench_check_strict(&f);
        bench_stop(&f);
    }
}

static void old_hosts_are_not_asked_for_udp(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_init(&f);
    f.card_config.nvs_version_max = 0x00040000;
    bench_come_up(&f);
    assert_int_equal(netvsc_info(f.nic)->offload.csum,
                     NETVSC_CSUM_IP4 | NETVSC_CSUM_TCP4 | NETVSC_CSUM_TCP6);
    bench_check_strict(&f);
    bench_stop(&f);
}

static void bursts_are_cut_by_the_host(void **state)
{
    struct netif_fixture f;

    (void)state;
    start(&f, HVHOST_OFFLOAD_ALL, NETVSC_AUTO);
    for (unsigned v6 = 0; v6 < 2; v6++) {
        burst_packet(&burst, v6, 6, 5900);
        assert_int_equal(
            send_meta(&f, (struct netvsc_tx_meta){.lso4 = !v6, .lso6 = v6, .mss_bytes = MSS}), 0);
        assert_int_equal(seen.payload_bytes, 5900);
        assert_int_equal(bench_host_stats(&f).tx_lso_segments, 5 * (v6 + 1));
    }
    assert_int_equal(bench_stats(&f).tx_lso, 2);
    bench_check_strict(&f);
    /* One segment is none to cut, and one longer than the MTU nobody takes. */
    burst_packet(&burst, false, 6, 1000);
    assert_int_equal(send_meta(&f, (struct netvsc_tx_meta){.lso4 = true, .mss_bytes = MSS}),
                     -EOPNOTSUPP);
    burst_packet(&burst, false, 6, 5000);
    assert_int_equal(send_meta(&f, (struct netvsc_tx_meta){.lso4 = true, .mss_bytes = 1461}),
                     -EOPNOTSUPP);
    assert_int_equal(send_meta(&f, (struct netvsc_tx_meta){.lso4 = true}), -EOPNOTSUPP);
    bench_stop(&f);
}

/* ---- VLAN ------------------------------------------------------------------------------------ */

static void tagged(struct netif_fixture *f, uint32_t bytes, uint16_t tci)
{
    struct netvsc_slot slot;

    f->begins++;
    assert_int_equal(netvsc_tx_begin(f->nic, bytes, &slot), 0);
    for (uint32_t i = 0; i < bytes; i++)
        slot.data[i] = (uint8_t)(i + 1);
    slot.data[0] = 2; /* nobody's address */
    burst_put16(slot.data + 12, 0x8100);
    burst_put16(slot.data + 14, tci);
    netvsc_tx_commit(f->nic, &slot, bytes);
    bench_turn(f, 2);
}

static void a_tag_inside_the_frame_leaves_beside_it(void **state)
{
    struct netif_fixture f;

    (void)state;
    start(&f, HVHOST_OFFLOAD_ALL, NETVSC_AUTO);
    for (uint32_t bytes = 18; bytes <= 1514; bytes += 17) {
        tagged(&f, bytes, 0xBABE); /* priority 5, DEI, id 0xABE */
        assert_true(seen.has_tci);
        assert_int_equal(seen.tci, 0xBABE);
        assert_int_equal(f.far_bytes, bytes < 64 ? 60 : bytes - 4);
        for (uint32_t i = 1; i < bytes - 4; i++)
            assert_int_equal(f.far_frame[i], (uint8_t)(i < 12 ? i + 1 : i + 5));
    }
    assert_int_equal(bench_stats(&f).tx_untagged, seen.frames);
    assert_int_equal(bench_host_stats(&f).tx_vlan, seen.frames);
    bench_check_strict(&f);
    bench_stop(&f);
}

static void a_default_tag_gives_way_to_one_in_the_frame(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_init(&f);
    f.config.tx_tci = 0x2007;
    bench_start(&f);
    struct hvhost_port *port;
    memset(&seen, 0, sizeof(seen));
    memset(&burst, 0, sizeof(burst));
    assert_int_equal(hvhost_port_add(f.host, look, NULL, &port), 0);
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    assert_int_equal(bench_send(&f, 100, 1), 0);
    bench_turn(&f, 2);
    assert_int_equal(seen.tci, 0x2007);
    bench_check_frame(f.far_frame, f.far_bytes, 100, 1);
    tagged(&f, 100, 0x3001);
    assert_int_equal(seen.tci, 0x3001);
    assert_int_equal(f.far_bytes, 96);
    assert_int_equal(f.far_frame[95], 100);
    bench_check_strict(&f);
    bench_stop(&f);
}

/* ---- aggregation ----------------------------------------------------------------------------- */

static void aggregate(struct netif_fixture *f, uint32_t limit_bytes)
{
    struct hvhost_port *port;

    memset(&seen, 0, sizeof(seen));
    memset(&burst, 0, sizeof(burst));
    bench_init(f);
    f->config.tx_aggregate_bytes = limit_bytes;
    bench_start(f);
    assert_int_equal(hvhost_port_add(f->host, look, NULL, &port), 0);
    bench_attach(f);
    bench_until(f, NETVSC_UP);
}

static void small_frames_share_packets_within_the_hosts_limits(void **state)
{
    struct netif_fixture f;

    (void)state;
    aggregate(&f, 0);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(bench_send(&f, 61 + i, (uint8_t)i), 0);
    assert_int_equal(netvsc_tx_outstanding(f.nic), 20);
    bench_turn(&f, 2);
    assert_int_equal(seen.frames, 20);
    assert_int_equal(bench_stats(&f).tx_frames, 20);
    assert_int_equal(bench_stats(&f).tx_completed, 20);
    assert_int_equal(bench_stats(&f).tx_packets, 3); /* 8, 8, 4 */
    assert_int_equal(bench_stats(&f).tx_aggregated, 17);
    assert_int_equal(bench_host_stats(&f).tx_packets, 3);
    assert_int_equal(bench_host_stats(&f).tx_frames, 20);
    bench_check_strict(&f);
    bench_stop(&f);
}

/* A frame too large for the pile sends the pile ahead of it. */
static void order_is_kept_among_small_and_large_frames(void **state)
{
    static const uint32_t sizes[] = {60, 100, 1514, 512, 513, 60, 1000, 300, 300};
    struct netif_fixture f;

    (void)state;
    aggregate(&f, 0);
    for (unsigned i = 0; i < countof(sizes); i++)
        assert_int_equal(bench_send(&f, sizes[i], (uint8_t)(10 * i)), 0);
    bench_turn(&f, 2);
    assert_int_equal(seen.frames, countof(sizes));
    for (unsigned i = 1; i < countof(sizes); i++)
        assert_int_equal((uint8_t)(seen.order[i] - seen.order[i - 1]), 10);
    assert_int_equal(bench_stats(&f).tx_packets, 7);
    bench_check_strict(&f);
    bench_stop(&f);
}

static void a_section_takes_no_more_than_it_holds(void **state)
{
    struct netif_fixture f;

    (void)state;
    aggregate(&f, 2000);
    for (unsigned i = 0; i < 9; i++)
        assert_int_equal(bench_send(&f, 1514, (uint8_t)i), 0);
    bench_turn(&f, 2);
    assert_int_equal(seen.frames, 9);
    assert_int_equal(bench_stats(&f).tx_packets, 3); /* 3 x 1558 + padding in 6144 */
    bench_check_strict(&f);
    bench_stop(&f);
}

static void frames_waiting_for_company_are_lost_with_the_device_and_counted(void **state)
{
    struct netif_fixture f;

    (void)state;
    aggregate(&f, 0);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(bench_send(&f, 60, 0), 0);
    hvhost_nic_rescind(f.card);
    bench_until(&f, NETVSC_GONE);
    assert_int_equal(bench_stats(&f).tx_lost, 3);
    assert_int_equal(netvsc_tx_outstanding(f.nic), 0);
    bench_stop(&f);
}

/* Else who may send on one VLAN, or passes its frames on, reaches another by a second tag. */
static void a_tag_given_beside_stays_and_so_does_one_inside(void **state)
{
    const struct netvsc_tx_meta meta = {.has_tci = true, .tci = 0x2007};
    struct netif_fixture f;
    struct netvsc_slot slot;

    (void)state;
    for (unsigned by_default = 0; by_default < 2; by_default++) {
        bench_init(&f);
        f.config.tx_tci = by_default ? meta.tci : 0;
        struct hvhost_port *port;
        bench_start(&f);
        memset(&seen, 0, sizeof(seen));
        memset(&burst, 0, sizeof(burst));
        assert_int_equal(hvhost_port_add(f.host, look, NULL, &port), 0);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        for (uint32_t bytes = 60; bytes <= 1514; bytes += 727) {
            f.begins++;
            assert_int_equal(netvsc_queue_tx_begin_meta(f.nic, 0, bytes, &meta, &slot), 0);
            memset(slot.data, 2, bytes);
            slot.data[0] = 4; /* nobody's address */
            burst_put16(slot.data + 12, 0x8100);
            burst_put16(slot.data + 14, 0x3001);
            netvsc_tx_commit(f.nic, &slot, bytes);
            bench_turn(&f, 2);
            assert_int_equal(seen.tci, meta.tci);
            assert_int_equal(f.far_bytes, bytes);
            assert_int_equal(burst_get32(f.far_frame + 12), 0x81003001);
        }
        assert_int_equal(bench_stats(&f).tx_untagged, 0);
        bench_check_strict(&f);
        bench_stop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_of_every_kind_are_left_to_the_host),
        cmocka_unit_test(what_the_host_does_not_offer_is_refused),
        cmocka_unit_test(old_hosts_are_not_asked_for_udp),
        cmocka_unit_test(bursts_are_cut_by_the_host),
        cmocka_unit_test(a_tag_inside_the_frame_leaves_beside_it),
        cmocka_unit_test(a_default_tag_gives_way_to_one_in_the_frame),
        cmocka_unit_test(a_tag_given_beside_stays_and_so_does_one_inside),
        cmocka_unit_test(small_frames_share_packets_within_the_hosts_limits),
        cmocka_unit_test(order_is_kept_among_small_and_large_frames),
        cmocka_unit_test(a_section_takes_no_more_than_it_holds),
        cmocka_unit_test(frames_waiting_for_company_are_lost_with_the_device_and_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
