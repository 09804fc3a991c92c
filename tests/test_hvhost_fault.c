/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers to control: every misbehaviour does what hvhost_fault.h says, seen as bytes, and no more
 * than it was armed for. */
#include "raw_guest.h"

/* ---- NVSP completions ------------------------------------------------------------------- */

/* Bring up to where (on) is answered and ask. Returns the request's transaction id. */
static uint64_t ask_nvs(struct raw_guest *g, enum hvhost_fault_on on)
{
    const struct nvs_init init = {NVS_MSG_INIT, NVS_VERSION_1, NVS_VERSION_1};
    struct nvs_buf buf = {
        .type = NVS_MSG_RECV_BUF, .gpadl = g->t.recv_gpadl, .id = NVS_RECV_BUF_ID};
    struct raw_packet pkt;

    raw_nvs(g, &init, sizeof(init), 1);
    if (on == HVH_ON_NVS_INIT)
        return g->xid;
    raw_expect(g, &pkt);
    if (on == HVH_ON_SEND_BUF) {
        buf.type = NVS_MSG_SEND_BUF;
        buf.gpadl = g->t.send_gpadl;
    }
    raw_nvs(g, &buf, sizeof(buf), 1);
    return g->xid;
}

struct nvs_row {
    enum hvhost_fault_on on;
    enum hvhost_fault_act act;
    uint64_t arg;
    unsigned word; /* of the payload */
    uint32_t value;
};

static const struct nvs_row nvs_rows[] = {
    {HVH_ON_NVS_INIT, HVH_ACT_REFUSE, 0, 3, NVS_STATUS_FAILURE},
    {HVH_ON_RECV_BUF, HVH_ACT_REFUSE, 0, 1, NVS_STATUS_FAILURE},
    {HVH_ON_SEND_BUF, HVH_ACT_REFUSE, 0, 1, NVS_STATUS_FAILURE},
    {HVH_ON_NVS_INIT, HVH_ACT_WRONG_TYPE, 0, 0, 0x7F},
    {HVH_ON_RECV_BUF, HVH_ACT_WRONG_TYPE, 0, 0, 0x7F},
    {HVH_ON_SEND_BUF, HVH_ACT_WRONG_TYPE, 0, 0, 0x7F},
    {HVH_ON_RECV_BUF, HVH_ACT_GROUPS, 2, 2, 2},
    {HVH_ON_RECV_BUF, HVH_ACT_OFFSET, 4096, 3, 4096},
    {HVH_ON_RECV_BUF, HVH_ACT_SECTION_BYTES, 0, 4, 0},
    {HVH_ON_RECV_BUF, HVH_ACT_SECTION_COUNT, UINT32_MAX, 5, UINT32_MAX},
    {HVH_ON_SEND_BUF, HVH_ACT_SECTION_BYTES, 67, 2, 67},
};

static void nvs_answers_are_spoilt_where_named(void **state)
{
    (void)state;
    for (unsigned i = 0; i < countof(nvs_rows); i++) {
        struct raw_guest *g = raw_guest_create(NULL);
        struct raw_packet pkt;

        raw_guest_open(g);
        raw_fault_once(g, nvs_rows[i].on, nvs_rows[i].act, nvs_rows[i].arg);
        ask_nvs(g, nvs_rows[i].on);
        raw_expect(g, &pkt);
        if (raw_word(pkt.payload, nvs_rows[i].word) != nvs_rows[i].value)
            fail_msg("row %u: word is %#x", i, raw_word(pkt.payload, nvs_rows[i].word));
        assert_int_equal(raw_stat(g, faults), 1);
        raw_check_strict(g, NULL);
        raw_guest_destroy(g);
    }
}

static const enum hvhost_fault_on nvs_ons[] = {HVH_ON_NVS_INIT, HVH_ON_RECV_BUF, HVH_ON_SEND_BUF};

static void silent_late_wrong_id_twice_and_short_spoil_any_nvs_answer(void **state)
{
    (void)state;
    for (unsigned i = 0; i < countof(nvs_ons); i++) {
        for (unsigned act = HVH_ACT_SILENT; act <= HVH_ACT_SHORT; act++) {
            struct raw_guest *g = raw_guest_create(NULL);
            struct raw_packet pkt;
            uint64_t xid;

            raw_guest_open(g);
            raw_fault_once(g, nvs_ons[i], act, 5);
            xid = ask_nvs(g, nvs_ons[i]);
            if (act == HVH_ACT_SILENT || act == HVH_ACT_LATE)
                raw_expect_none(g);
            if (act == HVH_ACT_LATE) {
                assert_in_range(hvhost_next_deadline(g->host, g->now_ns), 4900000, 5000000);
                g->now_ns += 4900000;
                raw_expect_none(g);
                g->now_ns += 100000;
            }
            if (act != HVH_ACT_SILENT) {
                raw_expect(g, &pkt);
                assert_int_equal(pkt.desc.xid == xid, act != HVH_ACT_WRONG_ID);
                assert_int_equal(pkt.payload_bytes, act == HVH_ACT_SHORT ? 8 : 40);
                assert_int_equal(raw_take(g, &pkt), act == HVH_ACT_TWICE);
            }
            assert_int_equal(raw_stat(g, faults), 1);
            raw_guest_destroy(g);
        }
    }
}

static void refused_version_can_be_followed_by_another(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;

    (void)state;
    raw_guest_open(g);
    raw_fault_once(g, HVH_ON_NVS_INIT, HVH_ACT_REFUSE, 0);
    ask_nvs(g, HVH_ON_NVS_INIT);
    raw_expect(g, &pkt);
    raw_bring_ready(g, NVS_VERSION_5, RAW_MTU);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

/* ---- RNDIS replies ---------------------------------------------------------------------- */

/* Ask what (on) answers; returns the reply's bytes, 0 when none came. */
static uint32_t ask_rndis(struct raw_guest *g, enum hvhost_fault_on on, uint8_t *reply)
{
    const struct rndis_initialize init = {RNDIS_MSG_INITIALIZE, sizeof(init), 99, 1, 0, 0x4000};
    struct rndis_request msg = {.type = on == HVH_ON_RNDIS_QUERY ? RNDIS_MSG_QUERY : RNDIS_MSG_SET,
                                .len_bytes = sizeof(msg),
                                .request_id = 99,
                                .oid = OID_PERMANENT_MAC,
                                .info_off = RNDIS_REQUEST_INFO_OFF};
    struct vmbus_xfer_range range;
    struct raw_packet pkt;

    if (on == HVH_ON_RNDIS_SET)
        msg.oid = OID_MULTICAST_LIST; /* of none */
    if (on == HVH_ON_RNDIS_INIT)
        raw_control_send(g, &init, sizeof(init));
    else
        raw_control_send(g, &msg, sizeof(msg));
    raw_expect(g, &pkt);
    assert_int_equal(pkt.desc.type, VMBUS_PKT_COMPLETION);
    if (!raw_take(g, &pkt))
        return 0;
    memcpy(&range, pkt.header + 8, sizeof(range));
    memcpy(reply, g->t.recv.base + range.off_bytes, range.len_bytes);
    return range.len_bytes;
}

static struct raw_guest *ready_for(enum hvhost_fault_on on)
{
    struct raw_guest *g = raw_guest_create(NULL);

    if (on == HVH_ON_RNDIS_INIT) {
        raw_guest_open(g);
        raw_bring_ready(g, NVS_VERSION_61, RAW_MTU);
    } else {
        raw_bring_up(g);
    }
    return g;
}

static const struct nvs_row rndis_rows[] = {
    {HVH_ON_RNDIS_INIT, HVH_ACT_REFUSE, 0, 3, RNDIS_STATUS_FAILURE},
    {HVH_ON_RNDIS_QUERY, HVH_ACT_REFUSE, 0, 3, RNDIS_STATUS_FAILURE},
    {HVH_ON_RNDIS_SET, HVH_ACT_REFUSE, 0, 3, RNDIS_STATUS_FAILURE},
    {HVH_ON_RNDIS_INIT, HVH_ACT_WRONG_ID, 0, 2, 99 ^ 0x5A5A},
    {HVH_ON_RNDIS_QUERY, HVH_ACT_WRONG_ID, 0, 2, 99 ^ 0x5A5A},
    {HVH_ON_RNDIS_SET, HVH_ACT_WRONG_ID, 0, 2, 99 ^ 0x5A5A},
    {HVH_ON_RNDIS_INIT, HVH_ACT_WRONG_TYPE, 0, 0, 0x7F},
    {HVH_ON_RNDIS_QUERY, HVH_ACT_WRONG_TYPE, 0, 0, 0x7F},
    {HVH_ON_RNDIS_SET, HVH_ACT_WRONG_TYPE, 0, 0, 0x7F},
    {HVH_ON_RNDIS_INIT, HVH_ACT_ALIGN_SHIFT, 40, 10, 40},
    {HVH_ON_RNDIS_INIT, HVH_ACT_MAX_PACKETS, 0, 8, 0},
    {HVH_ON_RNDIS_QUERY, HVH_ACT_INFO_BYTES, 5000, 4, 5000},
    {HVH_ON_RNDIS_QUERY, HVH_ACT_INFO_OFF, 8, 5, 8},
};

static void rndis_replies_are_spoilt_where_named(void **state)
{
    (void)state;
    for (unsigned i = 0; i < countof(rndis_rows); i++) {
        struct raw_guest *g = ready_for(rndis_rows[i].on);
        uint8_t reply[4096] = {0};

        raw_fault_once(g, rndis_rows[i].on, rndis_rows[i].act, rndis_rows[i].arg);
        assert_true(ask_rndis(g, rndis_rows[i].on, reply) >= 16);
        if (raw_word(reply, rndis_rows[i].word) != rndis_rows[i].value)
            fail_msg("row %u: word is %#x", i, raw_word(reply, rndis_rows[i].word));
        raw_check_strict(g, NULL);
        raw_guest_destroy(g);
    }
}

static void silent_late_twice_and_short_spoil_any_rndis_reply(void **state)
{
    static const enum hvhost_fault_on ons[] = {HVH_ON_RNDIS_INIT, HVH_ON_RNDIS_QUERY,
                                               HVH_ON_RNDIS_SET};

    (void)state;
    for (unsigned i = 0; i < countof(ons); i++) {
        struct raw_guest *g = ready_for(ons[i]);
        uint8_t reply[4096];
        struct raw_packet pkt;

        raw_fault_once(g, ons[i], HVH_ACT_SILENT, 0);
        assert_int_equal(ask_rndis(g, ons[i], reply), 0);
        raw_guest_destroy(g);

        g = ready_for(ons[i]);
        raw_fault_once(g, ons[i], HVH_ACT_LATE, 20);
        assert_int_equal(ask_rndis(g, ons[i], reply), 0);
        g->now_ns += 20000000;
        raw_expect(g, &pkt);
        assert_int_equal(pkt.desc.type, VMBUS_PKT_XFER_PAGES);
        raw_guest_destroy(g);

        g = ready_for(ons[i]);
        raw_fault_once(g, ons[i], HVH_ACT_TWICE, 0);
        assert_true(ask_rndis(g, ons[i], reply) > 0);
        assert_true(raw_take(g, &pkt));
        raw_guest_destroy(g);

        g = ready_for(ons[i]);
        raw_fault_once(g, ons[i], HVH_ACT_SHORT, 11);
        assert_int_equal(ask_rndis(g, ons[i], reply), 11);
        raw_guest_destroy(g);
    }
}

static void silent_replies_cost_no_section(void **state)
{
    struct raw_guest *g = ready_for(HVH_ON_RNDIS_QUERY);
    uint8_t reply[4096];

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        raw_fault_once(g, HVH_ON_RNDIS_QUERY, HVH_ACT_SILENT, 0);
        assert_int_equal(ask_rndis(g, HVH_ON_RNDIS_QUERY, reply), 0);
    }
    assert_true(ask_rndis(g, HVH_ON_RNDIS_QUERY, reply) > 0);
    raw_guest_destroy(g);
}

static void refused_set_has_no_effect(void **state)
{
    const uint32_t none = 0;
    struct raw_guest *g = raw_guest_create(NULL);

    (void)state;
    raw_bring_up(g);
    raw_fault_once(g, HVH_ON_RNDIS_SET, HVH_ACT_REFUSE, 0);
    assert_int_equal(raw_set(g, OID_PACKET_FILTER, &none, 4), RNDIS_STATUS_FAILURE);
    raw_port_send(g, 60, NULL);
    assert_int_equal(raw_stat(g, rx_frames), 1);
    raw_guest_destroy(g);
}

static void fault_for_one_oid_leaves_the_others_alone(void **state)
{
    const struct hvhost_fault fault = {.on = HVH_ON_RNDIS_QUERY,
                                       .act = HVH_ACT_REFUSE,
                                       .oid = OID_MAX_FRAME_SIZE,
                                       .after = 1,
                                       .count = 2};
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t info[1024];
    uint32_t bytes;

    (void)state;
    raw_bring_up(g);
    hvhost_fault_arm(g->nic, &fault);
    for (unsigned i = 0; i < 4; i++) {
        bool spoilt = i == 1 || i == 2;

        assert_int_equal(raw_query(g, OID_PERMANENT_MAC, NULL, 0, info, &bytes), 0);
        assert_int_equal(raw_query(g, OID_MAX_FRAME_SIZE, NULL, 0, info, &bytes),
                         spoilt ? RNDIS_STATUS_FAILURE : RNDIS_STATUS_SUCCESS);
    }
    assert_int_equal(raw_stat(g, faults), 2);
    raw_guest_destroy(g);
}

static void disarming_ends_an_endless_fault(void **state)
{
    const struct hvhost_fault fault = {.on = HVH_ON_RNDIS_QUERY, .act = HVH_ACT_REFUSE};
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t info[1024];
    uint32_t bytes;

    (void)state;
    raw_bring_up(g);
    hvhost_fault_arm(g->nic, &fault);
    for (unsigned i = 0; i < 20; i++)
        assert_int_not_equal(raw_query(g, OID_LINK_SPEED, NULL, 0, info, &bytes), 0);
    hvhost_fault_arm(g->nic, NULL);
    assert_int_equal(raw_query(g, OID_LINK_SPEED, NULL, 0, info, &bytes), 0);
    raw_guest_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nvs_answers_are_spoilt_where_named),
        cmocka_unit_test(silent_late_wrong_id_twice_and_short_spoil_any_nvs_answer),
        cmocka_unit_test(refused_version_can_be_followed_by_another),
        cmocka_unit_test(rndis_replies_are_spoilt_where_named),
        cmocka_unit_test(silent_late_twice_and_short_spoil_any_rndis_reply),
        cmocka_unit_test(silent_replies_cost_no_section),
        cmocka_unit_test(refused_set_has_no_effect),
        cmocka_unit_test(fault_for_one_oid_leaves_the_others_alone),
        cmocka_unit_test(disarming_ends_an_endless_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
