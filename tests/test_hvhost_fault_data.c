/* SPDX-License-Identifier: BSD-3-Clause */
/* The same for frames, for completions of the guest's frames, and for the ring itself. */
#include "raw_guest.h"

/* ---- frames ----------------------------------------------------------------------------- */

enum where { IN_PACKET, IN_MESSAGE };

static const struct {
    enum hvhost_fault_act act;
    uint64_t arg;
    enum where where;
    unsigned word; /* of packet, descriptor included, or message */
    uint32_t value;
} data_rows[] = {
    {HVH_ACT_SET_ID, 0xBEEF, IN_PACKET, 4, 0xBEEF},
    {HVH_ACT_RANGE_COUNT, 3, IN_PACKET, 5, 3},
    {HVH_ACT_RANGE_LEN, UINT32_MAX, IN_PACKET, 6, UINT32_MAX},
    {HVH_ACT_RANGE_OFF, 0xFFFFFF00, IN_PACKET, 7, 0xFFFFFF00},
    {HVH_ACT_NVS_TYPE, 108, IN_PACKET, 8, 108},
    {HVH_ACT_WRONG_TYPE, 0, IN_PACKET, 8, 0x7F},
    {HVH_ACT_WRONG_ID, 0, IN_PACKET, 2, 16 ^ 0x5A5A},
    {HVH_ACT_MSG_TYPE, 9, IN_MESSAGE, 0, 9},
    {HVH_ACT_MSG_LEN, 7, IN_MESSAGE, 1, 7},
    {HVH_ACT_DATA_OFF, UINT32_MAX, IN_MESSAGE, 2, UINT32_MAX},
    {HVH_ACT_DATA_LEN, 13, IN_MESSAGE, 3, 13},
    {HVH_ACT_PPI_OFF, 38, IN_MESSAGE, 7, 38},
    {HVH_ACT_PPI_SIZE, 0, IN_MESSAGE, 11, 0},
};

static void frames_are_spoilt_where_named(void **state)
{
    static const uint8_t data[60] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2};
    const struct hvhost_frame frame = {
        .data = data, .len_bytes = sizeof(data), .tci = 100, .has_tci = true};

    (void)state;
    for (unsigned i = 0; i < countof(data_rows); i++) {
        struct raw_guest *g = raw_guest_create(NULL);
        struct raw_packet pkt;
        const uint8_t *at;

        raw_bring_up(g);
        raw_step(g);
        raw_fault_once(g, HVH_ON_RX_DATA, data_rows[i].act, data_rows[i].arg);
        hvhost_port_send(g->port, &frame);
        raw_expect(g, &pkt);
        at = data_rows[i].where == IN_PACKET ? pkt.raw : g->t.recv.base + 16 * 1806;
        if (raw_word(at, data_rows[i].word) != data_rows[i].value)
            fail_msg("row %u: word is %#x", i, raw_word(at, data_rows[i].word));
        assert_int_equal(raw_stat(g, faults), 1);
        raw_guest_destroy(g);
    }
}

static void silent_late_twice_and_short_spoil_frames(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    for (unsigned i = 0; i < 200; i++) { /* more than there are sections */
        raw_fault_once(g, HVH_ON_RX_DATA, HVH_ACT_SILENT, 0);
        raw_port_send(g, 60, NULL);
        raw_expect_none(g);
    }
    assert_int_equal(raw_stat(g, rx_drop_section), 0);

    raw_fault_once(g, HVH_ON_RX_DATA, HVH_ACT_LATE, 1);
    raw_port_send(g, 60, NULL);
    raw_expect_none(g);
    g->now_ns += 1000000;
    raw_expect(g, &pkt);
    raw_complete(g, pkt.desc.xid);

    raw_fault_once(g, HVH_ON_RX_DATA, HVH_ACT_TWICE, 0);
    raw_port_send(g, 60, NULL);
    raw_expect(g, &pkt);
    assert_true(raw_take(g, &pkt));
    raw_complete(g, pkt.desc.xid);

    raw_fault_once(g, HVH_ON_RX_DATA, HVH_ACT_SHORT, 0);
    raw_port_send(g, 60, NULL);
    raw_expect(g, &pkt);
    assert_int_equal(pkt.payload_bytes, 0);
    raw_guest_destroy(g);
}

/* ---- completions of the guest's frames -------------------------------------------------- */

static bool answer_to_frame(struct raw_guest *g, struct raw_packet *pkt)
{
    uint8_t msg[256];

    raw_section_send(g, 0, msg, raw_frame_message(msg, 60, 0));
    raw_step(g);
    return raw_take(g, pkt);
}

static void answers_to_frames_and_halt_are_spoilt(void **state)
{
    const struct rndis_simple halt = {RNDIS_MSG_HALT, 12, 1};
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;

    (void)state;
    raw_bring_up(g);
    raw_fault_once(g, HVH_ON_TX_DONE, HVH_ACT_SILENT, 0);
    assert_false(answer_to_frame(g, &pkt));
    raw_fault_once(g, HVH_ON_TX_DONE, HVH_ACT_REFUSE, 0);
    assert_true(answer_to_frame(g, &pkt));
    assert_int_equal(raw_word(pkt.payload, 1), NVS_STATUS_FAILURE);
    raw_fault_once(g, HVH_ON_TX_DONE, HVH_ACT_WRONG_ID, 0);
    assert_true(answer_to_frame(g, &pkt));
    assert_int_equal(pkt.desc.xid, g->xid ^ 0x5A5A);
    raw_fault_once(g, HVH_ON_TX_DONE, HVH_ACT_TWICE, 0);
    assert_true(answer_to_frame(g, &pkt));
    assert_true(raw_take(g, &pkt));
    assert_int_equal(g->port_frames, 4); /* sent all the same */

    raw_fault_once(g, HVH_ON_RNDIS_HALT, HVH_ACT_SILENT, 0);
    raw_control_send(g, &halt, sizeof(halt));
    raw_expect_none(g);
    raw_guest_destroy(g);
}

/* ---- the ring --------------------------------------------------------------------------- */

static void descriptors_are_falsified_as_named(void **state)
{
    static const struct {
        enum hvhost_fault_act act;
        unsigned off;
    } rows[] = {{HVH_ACT_PKT_TYPE, 0}, {HVH_ACT_DESC_HEADER, 2}, {HVH_ACT_DESC_LEN, 4}};

    (void)state;
    for (unsigned i = 0; i < countof(rows); i++) {
        struct raw_guest *g = raw_guest_create(NULL);
        uint8_t msg[256];
        uint16_t value;

        raw_bring_up(g);
        raw_fault_once(g, HVH_ON_TX_DONE, rows[i].act, 0xFFFF);
        raw_section_send(g, 0, msg, raw_frame_message(msg, 60, 0));
        raw_step(g);
        memcpy(&value, g->rx_data + g->rx_read + rows[i].off, sizeof(value));
        assert_int_equal(value, 0xFFFF);
        /* Only the descriptor lies: the next packet is where it should be. */
        assert_int_equal(atomic_load(&g->rx_ctl->write_index), g->rx_read + 64);
        raw_guest_destroy(g);
    }
}

static void ring_index_is_falsified_and_the_host_is_done(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t msg[256];

    (void)state;
    raw_bring_up(g);
    raw_fault_once(g, HVH_ON_TX_DONE, HVH_ACT_RING_INDEX, 0x12345);
    for (unsigned i = 0; i < 3; i++) {
        raw_section_send(g, 0, msg, raw_frame_message(msg, 60, 0));
        raw_step(g);
        assert_int_equal(atomic_load(&g->rx_ctl->write_index), 0x12345);
    }
    assert_int_equal(g->port_frames, 1);
    raw_guest_destroy(g);
}

static void more_late_answers_than_the_queue_holds_come_at_once(void **state)
{
    const struct hvhost_fault fault = {.on = HVH_ON_TX_DONE, .act = HVH_ACT_LATE, .arg = 1000};
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;
    unsigned at_once = 0, late = 0;

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    hvhost_fault_arm(g->nic, &fault);
    for (unsigned i = 0; i < 200; i++)
        at_once += answer_to_frame(g, &pkt);
    assert_int_equal(at_once, 200 - 128);
    hvhost_fault_arm(g->nic, NULL);
    g->now_ns += UINT64_C(1000000000);
    raw_step(g);
    while (raw_take(g, &pkt))
        late++;
    assert_int_equal(late, 128);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_spoilt_where_named),
        cmocka_unit_test(silent_late_twice_and_short_spoil_frames),
        cmocka_unit_test(answers_to_frames_and_halt_are_spoilt),
        cmocka_unit_test(descriptors_are_falsified_as_named),
        cmocka_unit_test(ring_index_is_falsified_and_the_host_is_done),
        cmocka_unit_test(more_late_answers_than_the_queue_holds_come_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
