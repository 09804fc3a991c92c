/* SPDX-License-Identifier: BSD-3-Clause */
/* Message 128 and 129 as a guest that uses the VF sees them. */
#include "raw_guest.h"

static void expect_message(struct raw_guest *g, uint32_t type, uint32_t value)
{
    struct raw_packet pkt;

    raw_expect(g, &pkt);
    assert_int_equal(pkt.desc.type, VMBUS_PKT_INBAND);
    assert_int_equal(raw_word(pkt.payload, 0), type);
    assert_int_equal(raw_word(pkt.payload, 1), value);
}

static void switch_path(struct raw_guest *g, uint32_t path, uint16_t flags)
{
    const struct nvs_switch_data_path msg = {NVS_MSG_SWITCH_DATA_PATH, path};

    raw_nvs(g, &msg, sizeof(msg), flags);
    raw_step(g);
}

static struct raw_guest *up_with_vf(void)
{
    struct raw_guest *g = raw_guest_create(NULL);

    raw_bring_up(g);
    hvhost_nic_indicate(g->nic, HVHOST_VF, 1);
    expect_message(g, NVS_MSG_VF_ASSOCIATION, 1);
    return g;
}

/* Does a unicast frame from the far end come by the synthetic path? */
static bool comes(struct raw_guest *g)
{
    static const uint8_t mac[6] = {0x00, 0x15, 0x5d, 0x00, 0x00, 0x01};
    struct raw_packet pkt;

    raw_port_send(g, 100, mac);
    raw_step(g);
    if (!raw_take(g, &pkt))
        return false;
    raw_complete(g, pkt.desc.xid);
    raw_step(g);
    return true;
}

static void unicast_follows_the_switch_both_ways(void **state)
{
    struct raw_guest *g = up_with_vf();
    struct raw_packet pkt;

    (void)state;
    assert_true(comes(g));
    switch_path(g, NVS_DATA_PATH_VF, 0);
    raw_expect_none(g);
    assert_false(comes(g));
    assert_int_equal(raw_stat(g, rx_drop_vf), 1);
    raw_port_send(g, 100, NULL); /* broadcast stays here */
    raw_expect(g, &pkt);
    raw_complete(g, pkt.desc.xid);
    switch_path(g, NVS_DATA_PATH_SYNTHETIC, 0);
    assert_true(comes(g));
    assert_int_equal(raw_stat(g, vf_switches), 2);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void a_flagged_switch_has_an_empty_completion(void **state)
{
    struct raw_guest *g = up_with_vf();
    struct raw_packet pkt;

    (void)state;
    switch_path(g, NVS_DATA_PATH_VF, VMBUS_PKT_FLAG_COMPLETION);
    raw_expect(g, &pkt);
    assert_int_equal(pkt.desc.type, VMBUS_PKT_COMPLETION);
    assert_int_equal(pkt.payload_bytes, 0);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void withdrawing_takes_the_path_back_and_says_so(void **state)
{
    struct raw_guest *g = up_with_vf();

    (void)state;
    switch_path(g, NVS_DATA_PATH_VF, 0);
    hvhost_nic_indicate(g->nic, HVHOST_VF, 0);
    expect_message(g, NVS_MSG_SWITCH_DATA_PATH, NVS_DATA_PATH_SYNTHETIC);
    expect_message(g, NVS_MSG_VF_ASSOCIATION, 0);
    assert_true(comes(g));
    raw_guest_destroy(g);
}

static void a_switch_to_no_vf_is_answered_by_the_way_back(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);

    (void)state;
    raw_bring_up(g);
    switch_path(g, NVS_DATA_PATH_VF, 0);
    expect_message(g, NVS_MSG_SWITCH_DATA_PATH, NVS_DATA_PATH_SYNTHETIC);
    assert_true(comes(g));
    raw_check_strict(g, NULL);
    switch_path(g, 2, 0);
    assert_int_equal(raw_stat(g, strict_nvs), 1);
    raw_guest_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unicast_follows_the_switch_both_ways),
        cmocka_unit_test(a_flagged_switch_has_an_empty_completion),
        cmocka_unit_test(withdrawing_takes_the_path_back_and_says_so),
        cmocka_unit_test(a_switch_to_no_vf_is_answered_by_the_way_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
