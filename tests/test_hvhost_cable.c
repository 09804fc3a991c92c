/* SPDX-License-Identifier: BSD-3-Clause */
/* The cable out and in, and what a guest is told that does not, or cannot, listen. */
#include "hvh_sections.h"
#include "hvhost_fault.h"
#include "raw_guest.h"

static uint32_t indication(struct raw_guest *g)
{
    struct vmbus_xfer_range range;
    struct rndis_indicate msg;
    struct raw_packet pkt;

    raw_expect(g, &pkt);
    assert_int_equal(pkt.desc.type, VMBUS_PKT_XFER_PAGES);
    memcpy(&range, pkt.header + 8, sizeof(range));
    memcpy(&msg, g->t.recv.base + range.off_bytes, sizeof(msg));
    assert_int_equal(msg.type, RNDIS_MSG_INDICATE_STATUS);
    assert_int_equal(msg.len_bytes, range.len_bytes);
    raw_complete(g, pkt.desc.xid);
    return msg.status;
}

static void cable_out_and_in_is_indicated(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t msg[256], info[64];
    uint32_t bytes;

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    hvhost_nic_link(g->nic, false);
    assert_int_equal(hvhost_next_deadline(g->host, g->now_ns), 0);
    assert_int_equal(indication(g), RNDIS_IND_MEDIA_DISCONNECT);
    assert_int_equal(raw_query(g, OID_MEDIA_CONNECT_STATUS, NULL, 0, info, &bytes), 0);
    assert_int_equal(info[0], NDIS_MEDIA_DISCONNECTED);
    raw_port_send(g, 60, NULL);
    assert_int_equal(raw_stat(g, rx_drop_down), 1);
    raw_section_send(g, 0, msg, raw_frame_message(msg, 60, 0));
    raw_step(g);
    assert_int_equal(raw_stat(g, tx_drop_link), 1);
    hvhost_nic_link(g->nic, true);
    raw_step(g);
    raw_guest_destroy(g);
}

static void cable_out_before_the_guest_came_is_told_after_initialize(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    struct rndis_initialize msg = {RNDIS_MSG_INITIALIZE, sizeof(msg), 8, 1, 0, 0x4000};
    uint8_t reply[4096];

    (void)state;
    hvhost_nic_link(g->nic, false);
    raw_guest_open(g);
    raw_bring_ready(g, NVS_VERSION_61, RAW_MTU);
    raw_control(g, &msg, sizeof(msg), reply);
    assert_int_equal(indication(g), RNDIS_IND_MEDIA_DISCONNECT);
    raw_guest_destroy(g);
}

/* However often the cable moves while nobody listens, the guest ends up knowing how it is. */
static void last_state_of_the_cable_arrives(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;
    uint32_t status = 0;

    (void)state;
    raw_bring_up(g);
    for (unsigned i = 0; i < 101; i++) {
        hvhost_nic_link(g->nic, i % 2);
        raw_step(g);
    }
    for (unsigned i = 0; i < 40; i++) {
        raw_step(g);
        while (raw_take(g, &pkt)) {
            struct vmbus_xfer_range range;
            struct rndis_indicate msg;

            memcpy(&range, pkt.header + 8, sizeof(range));
            memcpy(&msg, g->t.recv.base + range.off_bytes, sizeof(msg));
            status = msg.status;
            raw_complete(g, pkt.desc.xid);
        }
    }
    assert_int_equal(status, RNDIS_IND_MEDIA_DISCONNECT);
    raw_guest_destroy(g);
}

static void ask_for_cable(struct raw_guest *g)
{
    const struct rndis_request msg = {.type = RNDIS_MSG_QUERY,
                                      .len_bytes = sizeof(msg),
                                      .oid = OID_MEDIA_CONNECT_STATUS,
                                      .info_off = RNDIS_REQUEST_INFO_OFF};

    raw_control_send(g, &msg, sizeof(msg));
    raw_step(g);
}

/* It asked while there was no room to tell it, and the cable is back before there is any. */
static void a_guest_that_heard_of_the_cable_by_asking_hears_the_rest(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;

    (void)state;
    raw_bring_up(g);
    for (unsigned i = 0; i < HVH_SECTIONS_CONTROL; i++) {
        if (i == HVH_SECTIONS_CONTROL - 1)
            hvhost_nic_link(g->nic, false);
        ask_for_cable(g);
    }
    hvhost_nic_link(g->nic, true);
    for (unsigned i = 0; i < HVH_SECTIONS_CONTROL; i++) {
        assert_true(raw_take(g, &pkt));
        assert_int_equal(pkt.desc.type, VMBUS_PKT_COMPLETION);
        assert_true(raw_take(g, &pkt));
        raw_complete(g, pkt.desc.xid);
    }
    g->now_ns += 1000000; /* it tries again */
    assert_int_equal(indication(g), RNDIS_IND_MEDIA_CONNECT);
    raw_guest_destroy(g);
}

/* Nothing that only the guest could change keeps the host awake. */
static void a_guest_that_takes_nothing_is_told_now_and_then(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    uint64_t left_ns = UINT64_MAX;

    (void)state;
    raw_bring_up(g);
    for (unsigned i = 0; i < 1000 && left_ns == UINT64_MAX; i++) {
        hvhost_nic_link(g->nic, i % 2);
        raw_step(g);
        left_ns = hvhost_next_deadline(g->host, g->now_ns);
    }
    assert_in_range(left_ns, 1, 1000000);
    raw_guest_destroy(g);
}

static void give_up(struct raw_guest *g)
{
    g->tx_ctl->write_index = 3;
    g->t.ops->signal(g->t.ctx, g->t.primary.relid);
    raw_step(g);
    assert_int_equal(raw_stat(g, bad_ring), 1);
}

static void a_channel_given_up_is_told_nothing(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    give_up(g);
    hvhost_nic_link(g->nic, false);
    raw_step(g);
    assert_true(hvhost_next_deadline(g->host, g->now_ns) == UINT64_MAX);
    raw_guest_destroy(g);
}

static void late_answers_of_a_channel_given_up_are_forgotten(void **state)
{
    const struct hvhost_fault late = {.on = HVH_ON_TX_DONE, .act = HVH_ACT_LATE, .arg = 5};
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t msg[256];

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    hvhost_fault_arm(g->nic, &late);
    raw_section_send(g, 0, msg, raw_frame_message(msg, 60, 0));
    raw_step(g);
    give_up(g);
    g->now_ns += 10000000;
    raw_step(g);
    assert_true(hvhost_next_deadline(g->host, g->now_ns) == UINT64_MAX);
    raw_guest_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cable_out_and_in_is_indicated),
        cmocka_unit_test(cable_out_before_the_guest_came_is_told_after_initialize),
        cmocka_unit_test(last_state_of_the_cable_arrives),
        cmocka_unit_test(a_guest_that_heard_of_the_cable_by_asking_hears_the_rest),
        cmocka_unit_test(a_guest_that_takes_nothing_is_told_now_and_then),
        cmocka_unit_test(a_channel_given_up_is_told_nothing),
        cmocka_unit_test(late_answers_of_a_channel_given_up_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
