/* SPDX-License-Identifier: BSD-3-Clause */
/* What comes beside frames: control messages, in-band packets, indications, metadata; and before
 * up. */
#include "check.h"

#include <string.h>

#include "netif_wire.h"

static uint64_t counter(const struct wire *w, const char *name)
{
    struct netvsc_stats stats = wire_stats(w);

    return netvsc_counter(&stats, name);
}

static void an_unreadable_message_of_a_control_packet_is_no_lost_frame(void **state)
{
    const uint32_t keepalive[3] = {RNDIS_MSG_KEEPALIVE, 12, 1};
    struct vmbus_xfer_range range = {.len_bytes = 12, .off_bytes = 0xFFFFFFF0};
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    wire_control(&w, 1, keepalive, sizeof(keepalive));
    wire_xfer(&w, 2, NVS_RNDIS_CONTROL, &range, 1);
    wire_poll(&w);
    assert_int_equal(counter(&w, "host_bad_packet"), 2);
    assert_int_equal(counter(&w, "rx_messages"), 0);
    wire_expect_ack(&w, 1, NVS_STATUS_FAILURE);
    wire_expect_ack(&w, 2, NVS_STATUS_FAILURE);
    wire_close(&w);
}

static void in_band_packets_of_a_newer_host_do_no_harm(void **state)
{
    struct {
        struct vmbus_pkt_desc desc;
        uint32_t msg[10];
    } pkt = {.desc = {VMBUS_PKT_INBAND, 2, 7, 1, 0x8000000000000000ull}};
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    pkt.msg[0] = NVS_MSG_VF_ASSOCIATION;
    wire_put(&w, &pkt, sizeof(pkt));
    pkt.msg[0] = NVS_MSG_SEND_TABLE;
    wire_put(&w, &pkt, sizeof(pkt));
    wire_poll(&w);
    assert_int_equal(counter(&w, "host_bad_packet"), 0);
    pkt.msg[0] = 4711;
    wire_put(&w, &pkt, sizeof(pkt));
    pkt.desc.total_qwords = 2; /* no payload at all */
    wire_put(&w, &pkt, 16);
    wire_poll(&w);
    assert_int_equal(counter(&w, "host_bad_packet"), 2);
    pkt.desc.total_qwords = 3; /* an association without the function's number */
    pkt.msg[0] = NVS_MSG_VF_ASSOCIATION;
    pkt.msg[1] = 1;
    wire_put(&w, &pkt, 24);
    wire_poll(&w);
    assert_int_equal(counter(&w, "host_bad_packet"), 3);
    assert_int_equal(counter(&w, "vf_offered"), 0);
    wire_expect_nothing(&w); /* nobody answers an in-band packet, flag or not */
    wire_close(&w);
}

/* ---- not up, indications, metadata ----------------------------------------------------------- */

static void data_before_up_is_acked_and_counted(void **state)
{
    struct wire_packet pkt;
    struct wire w;

    (void)state;
    wire_open(&w, NULL);
    wire_attach(&w);
    for (unsigned i = 0; i < 6; i++) { /* until the receive buffer is known */
        wire_poll(&w);
        while (wire_get(&w, &pkt))
            wire_answer(&w, &pkt);
    }
    assert_int_equal(netvsc_state(w.nic), NETVSC_ATTACHING);
    wire_deliver(&w, 40, 60, 1);
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).rx_drop_down, 1);
    assert_int_equal(w.rx_count, 0);
    while (wire_get(&w, &pkt)) {
        if (pkt.desc.type == VMBUS_PKT_COMPLETION && pkt.desc.xid == 40)
            w.link_events++; /* any counter that is zero */
    }
    assert_int_equal(w.link_events, 1);
    wire_close(&w);
}

static void indication(struct wire *w, uint32_t section, uint32_t status, uint32_t value)
{
    const struct {
        struct rndis_indicate head;
        uint32_t value;
    } msg = {{RNDIS_MSG_INDICATE_STATUS, 24, status, 4, RNDIS_INDICATE_BUFFER_OFF}, value};

    wire_control(w, section, &msg, sizeof(msg));
}

static void indicate(struct wire *w, uint32_t status, uint32_t value)
{
    indication(w, 1, status, value);
    wire_poll(w);
    wire_expect_ack(w, 1, NVS_STATUS_SUCCESS);
}

static void indications_become_events(void **state)
{
    const struct rndis_indicate no_speed = {RNDIS_MSG_INDICATE_STATUS, sizeof(no_speed),
                                            RNDIS_IND_LINK_SPEED, 0, 0};
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    assert_true(netvsc_info(w.nic)->link_up);
    indicate(&w, RNDIS_IND_MEDIA_CONNECT, 0); /* no change, no event */
    assert_int_equal(w.link_events, 0);
    indicate(&w, RNDIS_IND_MEDIA_DISCONNECT, 0);
    assert_int_equal(w.link_events, 1);
    assert_false(netvsc_info(w.nic)->link_up);
    indicate(&w, RNDIS_IND_MEDIA_CONNECT, 0);
    assert_int_equal(w.link_events, 2);
    assert_true(netvsc_info(w.nic)->link_up);
    indicate(&w, RNDIS_IND_LINK_SPEED, 400000000);
    assert_int_equal(w.speed_events, 1);
    assert_int_equal(netvsc_info(w.nic)->link_speed_bps, 40000000000);
    indicate(&w, RNDIS_IND_NETWORK_CHANGE, 2);
    assert_int_equal(w.network_events, 1);
    indicate(&w, RNDIS_IND_OFFLOAD_CONFIG, 0);
    assert_int_equal(wire_stats(&w).ctl_indications, 6);
    wire_control(&w, 1, &no_speed, sizeof(no_speed)); /* a speed without a number */
    wire_poll(&w);
    assert_int_equal(w.speed_events, 1);
    wire_control(&w, 1, &no_speed, sizeof(no_speed) - 1);
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).host_bad_packet, 1);
    wire_close(&w);
}

/* The cable out and a slower network, (before) or after the answer that says otherwise. */
static void change_around_answer(struct wire *w, const struct wire_packet *pkt, bool before)
{
    struct rndis_request r;

    memcpy(&r, w->t.dma.base, sizeof(r));
    if (!before)
        wire_answer(w, pkt);
    if (pkt->desc.type == VMBUS_PKT_GPA_DIRECT && r.oid == OID_MEDIA_CONNECT_STATUS)
        indication(w, 2, RNDIS_IND_MEDIA_DISCONNECT, 0);
    if (pkt->desc.type == VMBUS_PKT_GPA_DIRECT && r.oid == OID_LINK_SPEED)
        indication(w, 2, RNDIS_IND_LINK_SPEED, 10000000);
    if (before)
        wire_answer(w, pkt);
}

static void the_last_word_on_the_cable_counts_while_attaching(void **state)
{
    (void)state;
    for (unsigned before = 0; before < 2; before++) {
        struct wire_packet pkt;
        struct wire w;

        wire_open(&w, NULL);
        wire_attach(&w);
        for (unsigned i = 0; i < 100 && netvsc_state(w.nic) != NETVSC_UP; i++) {
            wire_poll(&w);
            while (wire_get(&w, &pkt))
                change_around_answer(&w, &pkt, before);
        }
        assert_int_equal(netvsc_info(w.nic)->link_up, before);
        assert_int_equal(netvsc_info(w.nic)->link_speed_bps, before ? 10000000000 : 1000000000);
        wire_close(&w);
    }
}

static void a_reply_nobody_waits_for_is_late(void **state)
{
    const struct rndis_set_complete set = {RNDIS_MSG_SET | RNDIS_MSG_COMPLETE, sizeof(set), 1, 0};
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    wire_control(&w, 1, &set, sizeof(set));
    wire_complete_rndis(&w, 1ull << 32 | 0x80000000, NVS_STATUS_SUCCESS);
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).ctl_late, 2);
    wire_close(&w);
}

static void checksum_words_become_verdicts(void **state)
{
    static const struct {
        uint32_t word;
        uint8_t want;
    } cases[] = {
        {0, 0},
        {RNDIS_RXCSUM_TCP_OK, NETVSC_CSUM_L4_OK},
        {RNDIS_RXCSUM_UDP_OK | RNDIS_RXCSUM_IP_OK, NETVSC_CSUM_L4_OK | NETVSC_CSUM_IP_OK},
        {RNDIS_RXCSUM_TCP_BAD, NETVSC_CSUM_L4_BAD},
        {RNDIS_RXCSUM_UDP_BAD | RNDIS_RXCSUM_IP_BAD, NETVSC_CSUM_L4_BAD | NETVSC_CSUM_IP_BAD},
    };
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    for (unsigned i = 0; i < countof(cases); i++) {
        const struct rndis_packet head = {
            RNDIS_MSG_PACKET, 44 + 32 + 60, 68, 60, 0, 0, 0, 36, 32, 0, 0};
        const uint32_t ppis[8] = {16, RNDIS_PPI_CSUM, 12, cases[i].word,
                                  16, RNDIS_PPI_HASH, 12, 0xC0FFEE00 + i};
        const struct vmbus_xfer_range range = {head.len_bytes, i * 1728};

        memcpy(w.t.recv.base + range.off_bytes, &head, sizeof(head));
        memcpy(w.t.recv.base + range.off_bytes + 44, ppis, sizeof(ppis));
        wire_xfer(&w, i, NVS_RNDIS_DATA, &range, 1);
    }
    wire_poll(&w);
    for (unsigned i = 0; i < countof(cases); i++) {
        assert_int_equal(w.frames[i].frame.csum, cases[i].want);
        assert_int_equal(w.frames[i].frame.hash, 0xC0FFEE00 + i);
        assert_false(w.frames[i].frame.has_tci);
    }
    wire_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unreadable_message_of_a_control_packet_is_no_lost_frame),
        cmocka_unit_test(in_band_packets_of_a_newer_host_do_no_harm),
        cmocka_unit_test(data_before_up_is_acked_and_counted),
        cmocka_unit_test(indications_become_events),
        cmocka_unit_test(the_last_word_on_the_cable_counts_while_attaching),
        cmocka_unit_test(a_reply_nobody_waits_for_is_late),
        cmocka_unit_test(checksum_words_become_verdicts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
