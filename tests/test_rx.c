/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive, with the test as host: what becomes a frame, in which batches, and that each packet is
 * acked once. */
#include <string.h>

#include "check.h"
#include "hex.h"
#include "netif_wire.h"
#include "netvsc_var.h"

#define RANGES_TOO_MANY (VMBUS_XFER_RANGES_MAX + 1u)

/* ---- golden bytes ---------------------------------------------------------------------------- */

static const char V7_PACKET[] = "07 00 05 00 0a 00 01 00  14 00 00 00 00 00 00 00"
                                "fe ca 00 00 02 00 00 00  0e 07 00 00 18 8d 00 00"
                                "0e 07 00 00 26 94 00 00  6b 00 00 00 00 00 00 00"
                                "ff ff ff ff 00 00 00 00  00 00 00 00 00 00 00 00"
                                "00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00";

static const char V7_SECTION[] = "01 00 00 00 0e 07 00 00  f8 00 00 00 3c 00 00 00"
                                 "00 00 00 00 00 00 00 00  00 00 00 00 24 00 00 00"
                                 "20 00 00 00 00 00 00 00  00 00 00 00 10 00 00 00"
                                 "00 00 00 00 0c 00 00 00  28 00 00 00 10 00 00 00"
                                 "06 00 00 00 0c 00 00 00  45 06 00 00";

static const char V8_ACK[] = "0b 00 02 00 03 00 00 00  14 00 00 00 00 00 00 00"
                             "6c 00 00 00 01 00 00 00";

static void vector_7_becomes_two_frames_and_is_acked_as_in_vector_8(void **state)
{
    const struct wire_options options = {.recv_section_bytes = 1806};
    uint8_t packet[80], section[76];
    struct wire_packet ack;
    struct wire w;

    (void)state;
    wire_up(&w, &options);
    hex_parse(V7_PACKET, packet, sizeof(packet));
    hex_parse(V7_SECTION, section, sizeof(section));
    for (uint32_t i = 20; i < 22; i++) {
        memcpy(w.t.recv.base + i * 1806, section, sizeof(section));
        memset(w.t.recv.base + i * 1806 + 256, (int)i, 60);
    }
    wire_put(&w, packet, sizeof(packet));
    wire_poll(&w);

    assert_int_equal(w.rx_calls, 1);
    assert_int_equal(w.rx_count, 2);
    for (uint8_t i = 0; i < 2; i++) {
        const struct wire_frame *f = &w.frames[i];

        assert_int_equal(f->frame.len_bytes, 60);
        assert_true(f->frame.has_tci);
        assert_int_equal(f->frame.tci, 5 << 13 | 100);
        assert_int_equal(f->frame.csum, NETVSC_CSUM_IP_OK | NETVSC_CSUM_L4_OK);
        assert_int_equal(f->head[0], 20 + i);
        assert_int_equal(f->head[59], 20 + i);
    }
    assert_true(wire_get(&w, &ack));
    check_hex(ack.raw, ack.bytes - VMBUS_PKT_TRAILER_BYTES, V8_ACK);
    wire_expect_nothing(&w);
    wire_close(&w);
}

/* ---- batches and budget ---------------------------------------------------------------------- */

static void no_ack_yet(struct wire *w)
{
    wire_expect_nothing(w);
}

static void deliver_ranges(struct wire *w, unsigned count)
{
    struct vmbus_xfer_range ranges[VMBUS_XFER_RANGES_MAX];

    for (unsigned i = 0; i < count; i++)
        ranges[i] = wire_message(w, i, 60 + i, (uint8_t)i);
    wire_xfer(w, 3, NVS_RNDIS_DATA, ranges, count);
}

static void a_packet_of_any_number_of_ranges_is_acked_once_after_its_last_frame(void **state)
{
    static const unsigned counts[] = {1, 2, 63, 64, 65, 127, 128, 129, 375, 562};
    const struct wire_options options = {.recv_sections = 600};

    (void)state;
    for (size_t c = 0; c < countof(counts); c++) {
        unsigned count = counts[c];
        struct wire w;

        wire_up(&w, &options);
        w.on_rx = no_ack_yet;
        deliver_ranges(&w, count);
        wire_poll(&w);
        assert_int_equal(w.rx_count, count);
        assert_int_equal(w.rx_calls, (count + NETVSC_BATCH_MAX - 1) / NETVSC_BATCH_MAX);
        for (unsigned i = 0; i < count; i++) {
            assert_int_equal(w.frames[i].frame.len_bytes, 60 + i);
            assert_int_equal(w.frames[i].head[0], (uint8_t)i);
        }
        wire_expect_ack(&w, 3, NVS_STATUS_SUCCESS);
        wire_expect_nothing(&w);
        assert_int_equal(wire_stats(&w).rx_packets, 1);
        wire_close(&w);
    }
}

static void packets_of_one_poll_come_in_one_call_with_one_doorbell(void **state)
{
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    w.signals = 0;
    for (uint32_t i = 0; i < 30; i++)
        wire_deliver(&w, i, 100 + i, 7);
    wire_poll(&w);
    assert_int_equal(w.rx_calls, 1);
    assert_int_equal(w.rx_count, 30);
    assert_int_equal(w.signals, 1);
    for (uint32_t i = 0; i < 30; i++) {
        assert_int_equal(w.frames[i].frame.len_bytes, 100 + i);
        wire_expect_ack(&w, i, NVS_STATUS_SUCCESS);
    }
    wire_close(&w);
}

static void the_budget_bounds_one_poll(void **state)
{
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    for (uint32_t i = 0; i < 10; i++)
        wire_deliver(&w, i, 60, 7);
    assert_int_equal(netvsc_poll(w.nic, w.now_ns, 4), 4);
    assert_int_equal(w.rx_count, 4);
    assert_int_equal(netvsc_poll(w.nic, w.now_ns, 100), 6);
    assert_int_equal(netvsc_poll(w.nic, w.now_ns, 100), 0);
    wire_close(&w);
}

/* They are taken off the ring several at a time. */
static void packets_the_budget_leaves_come_in_the_next_poll(void **state)
{
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    for (unsigned i = 0; i < 5; i++)
        deliver_ranges(&w, 3);
    assert_int_equal(netvsc_poll(w.nic, w.now_ns, 4), 6);
    assert_int_equal(w.rx_count, 6);
    for (unsigned i = 0; i < 2; i++)
        wire_expect_ack(&w, 3, NVS_STATUS_SUCCESS);
    wire_expect_nothing(&w);
    assert_int_equal(netvsc_poll(w.nic, w.now_ns, 100), 9);
    for (unsigned i = 0; i < 3; i++)
        wire_expect_ack(&w, 3, NVS_STATUS_SUCCESS);
    assert_int_equal(w.rx_count, 15);
    assert_int_equal(wire_stats(&w).rx_packets, 5);
    wire_close(&w);
}

/* ---- acks and a full ring -------------------------------------------------------------------- */

static unsigned fill_ring(struct wire *w)
{
    unsigned sent = 0;

    while (wire_send(w, 60, 1) == 0)
        sent++;
    netvsc_flush(w->nic);
    return sent;
}

/* Deliver in two polls 90 packets to a guest whose ring has room for little more than 64 acks. */
static void receiving_goes_on_while_acks_wait_and_none_is_lost(void **state)
{
    const struct wire_options options = {
        .ring_pages = 3, .recv_sections = 100, .send_sections = 200};
    struct wire_packet pkt;
    struct wire w;
    unsigned sent;

    (void)state;
    wire_up(&w, &options);
    sent = fill_ring(&w);
    assert_in_range(sent, 60, 199);
    for (uint32_t i = 0; i < 90; i++)
        wire_deliver(&w, i, 60, 1);
    wire_poll(&w);
    wire_poll(&w);
    assert_int_equal(w.rx_count, 90);
    assert_true(wire_stats(&w).rx_acks < 90);
    assert_true(wire_stats(&w).rx_ack_wait > 0);
    assert_int_equal(netvsc_next_deadline(w.nic, w.now_ns), 1000000);

    for (unsigned i = 0; i < sent; i++) {
        assert_true(wire_get(&w, &pkt));
        assert_int_equal(pkt.desc.type, VMBUS_PKT_INBAND);
    }
    wire_poll(&w);
    for (uint32_t i = 0; i < 90; i++)
        wire_expect_ack(&w, i, NVS_STATUS_SUCCESS);
    wire_expect_nothing(&w);
    assert_int_equal(wire_stats(&w).rx_acks, wire_stats(&w).rx_packets + 8); /* control replies */
    assert_int_equal(netvsc_next_deadline(w.nic, w.now_ns), UINT64_MAX);
    wire_close(&w);
}

static void acks_owed_to_a_host_that_is_gone_do_not_go_to_the_next(void **state)
{
    const struct wire_options options = {
        .ring_pages = 3, .recv_sections = 100, .send_sections = 200};
    struct wire_packet pkt;
    struct wire w;

    (void)state;
    wire_up(&w, &options);
    fill_ring(&w);
    for (uint32_t i = 0; i < 90; i++)
        wire_deliver(&w, i, 60, 1);
    for (unsigned i = 0; i < 20; i++) {
        w.gone = i > 2;
        wire_poll(&w);
    }
    assert_int_equal(netvsc_state(w.nic), NETVSC_GONE);
    wire_attach(&w);
    wire_poll(&w);
    assert_true(wire_get(&w, &pkt));
    assert_int_equal(wire_word(&pkt, 0), NVS_MSG_INIT);
    wire_expect_nothing(&w);
    wire_close(&w);
}

/* Sixteen packets a poll, or one; nobody reads what they are answered. */
static unsigned lend_until_it_stops(struct wire *w, unsigned at_once)
{
    unsigned lent = 0;

    for (unsigned i = 0; i < 2 * NETVSC_ACKS_MAX; i++) {
        for (unsigned k = 0; k < at_once; k++)
            wire_deliver(w, k, 60, 1);
        lent += at_once;
        w->rx_count = 0;
        if (wire_poll(w) == 0)
            break;
    }
    return lent;
}

static void a_host_that_lends_more_than_it_has_is_not_listened_to_until_it_listens(void **state)
{
    (void)state;
    for (unsigned at_once = 1; at_once <= 16; at_once += 15) {
        struct wire_packet pkt;
        struct wire w;
        unsigned lent, acked = 0;

        wire_up(&w, NULL);
        lent = lend_until_it_stops(&w, at_once);
        assert_in_range(w.nic->queue[0]->ack_count, NETVSC_ACKS_MAX / 2,
                        NETVSC_ACKS_MAX - NETVSC_HOLDS_MAX);
        for (unsigned i = 0; i < 2 * lent && acked < lent; i++) {
            w.rx_count = 0;
            wire_poll(&w);
            while (wire_get(&w, &pkt))
                acked += pkt.desc.type == VMBUS_PKT_COMPLETION;
        }
        assert_int_equal(acked, lent);
        wire_close(&w);
    }
}

/* One message more than there may be, in a packet as long as may be. */
static void ranges_beyond_the_limit_are_refused_even_if_the_packet_holds_them(void **state)
{
    const struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_XFER_PAGES,
                                        .header_qwords = 3 + RANGES_TOO_MANY,
                                        .total_qwords = 3 + RANGES_TOO_MANY + 1,
                                        .flags = VMBUS_PKT_FLAG_COMPLETION,
                                        .xid = 5};
    const struct vmbus_xfer_header set = {.set_id = NVS_RECV_BUF_ID,
                                          .range_count = RANGES_TOO_MANY};
    const uint32_t nvs[2] = {NVS_MSG_RNDIS, NVS_RNDIS_DATA};
    uint8_t bytes[VMBUS_PKT_BYTES_MAX] = {0};
    struct vmbus_xfer_range range;
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    range = wire_message(&w, 0, 60, 1);
    memcpy(bytes, &desc, sizeof(desc));
    memcpy(bytes + 16, &set, sizeof(set));
    for (unsigned i = 0; i < RANGES_TOO_MANY; i++)
        memcpy(bytes + 24 + sizeof(range) * i, &range, sizeof(range));
    memcpy(bytes + desc.header_qwords * 8u, nvs, sizeof(nvs));
    wire_put(&w, bytes, desc.total_qwords * 8u);
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).host_bad_set, 1);
    assert_int_equal(w.rx_count, 0);
    wire_expect_ack(&w, 5, NVS_STATUS_FAILURE);
    wire_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_7_becomes_two_frames_and_is_acked_as_in_vector_8),
        cmocka_unit_test(a_packet_of_any_number_of_ranges_is_acked_once_after_its_last_frame),
        cmocka_unit_test(packets_of_one_poll_come_in_one_call_with_one_doorbell),
        cmocka_unit_test(the_budget_bounds_one_poll),
        cmocka_unit_test(packets_the_budget_leaves_come_in_the_next_poll),
        cmocka_unit_test(receiving_goes_on_while_acks_wait_and_none_is_lost),
        cmocka_unit_test(acks_owed_to_a_host_that_is_gone_do_not_go_to_the_next),
        cmocka_unit_test(a_host_that_lends_more_than_it_has_is_not_listened_to_until_it_listens),
        cmocka_unit_test(ranges_beyond_the_limit_are_refused_even_if_the_packet_holds_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
