/* SPDX-License-Identifier: BSD-3-Clause */
/* RNDIS control: the OIDs that guests ask for, requests in the wrong form, indications. */
#include "raw_guest.h"

static void numbers_are_as_configured(void **state)
{
    const struct hvhost_nic_config config = {.link_speed_100bps = 250000000};
    static const struct {
        uint32_t oid, value;
    } rows[] = {
        {OID_MEDIA_SUPPORTED, 0},
        {OID_MEDIA_IN_USE, 0},
        {OID_MAX_FRAME_SIZE, RAW_MTU},
        {OID_MAX_TOTAL_SIZE, RAW_MTU + 14},
        {OID_LINK_SPEED, 250000000},
        {OID_PACKET_FILTER, 0x0D},
        {OID_MEDIA_CONNECT_STATUS, NDIS_MEDIA_CONNECTED},
        {OID_MAX_MULTICAST, 32},
    };
    struct raw_guest *g = raw_guest_create(&config);
    uint8_t info[1024];
    uint32_t bytes;

    (void)state;
    raw_bring_up(g);
    for (unsigned i = 0; i < countof(rows); i++) {
        assert_int_equal(raw_query(g, rows[i].oid, NULL, 0, info, &bytes), RNDIS_STATUS_SUCCESS);
        assert_int_equal(bytes, 4);
        assert_int_equal(raw_word(info, 0), rows[i].value);
    }
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void everything_on_the_supported_list_is_supported(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t list[1024], info[1024];
    uint32_t bytes, list_bytes;

    (void)state;
    raw_bring_up(g);
    assert_int_equal(raw_query(g, OID_SUPPORTED_LIST, NULL, 0, list, &list_bytes), 0);
    assert_true(list_bytes >= 4 * 20);
    for (unsigned i = 0; i < list_bytes / 4; i++) {
        uint32_t oid = raw_word(list, i);
        uint32_t status = raw_query(g, oid, NULL, 0, info, &bytes);

        if (status != RNDIS_STATUS_SUCCESS) /* then it can be set: known, if not to nothing */
            assert_int_not_equal(raw_set(g, oid, NULL, 0), RNDIS_STATUS_NOT_SUPPORTED);
    }
    raw_guest_destroy(g);
}

static void replies_fit_what_dpdk_can_take(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t list[1024], info[1024];
    uint32_t bytes, list_bytes;

    (void)state;
    raw_bring_up(g);
    raw_query(g, OID_SUPPORTED_LIST, NULL, 0, list, &list_bytes);
    for (unsigned i = 0; i < list_bytes / 4; i++) {
        raw_query(g, raw_word(list, i), NULL, 0, info, &bytes);
        assert_true(sizeof(struct rndis_query_complete) + bytes <= 256);
    }
    raw_guest_destroy(g);
}

static void unknown_oids_are_refused_without_information(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t info[1024];
    uint32_t bytes;

    (void)state;
    raw_bring_up(g);
    assert_int_equal(raw_query(g, 0x00020101, NULL, 0, info, &bytes), RNDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(bytes, 0);
    assert_int_equal(raw_set(g, 0x00020101, info, 4), RNDIS_STATUS_NOT_SUPPORTED);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void link_state_and_speed_are_in_bits_per_second(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t info[1024];
    uint64_t speed;
    uint32_t bytes;

    (void)state;
    raw_bring_up(g);
    assert_int_equal(raw_query(g, OID_LINK_STATE, NULL, 0, info, &bytes), 0);
    assert_int_equal(bytes, 40);
    assert_int_equal(raw_word(info, 0), 0x00280180); /* default object, revision 1, 40 bytes */
    assert_int_equal(raw_word(info, 1), 1);          /* connected */
    memcpy(&speed, info + 16, 8);
    assert_int_equal(speed, UINT64_C(10000000000));
    assert_int_equal(raw_query(g, OID_MAX_LINK_SPEED, NULL, 0, info, &bytes), 0);
    assert_int_equal(bytes, 16);
    memcpy(&speed, info + 8, 8);
    assert_int_equal(speed, UINT64_C(10000000000));
    raw_guest_destroy(g);
}

/* ---- MAC address ------------------------------------------------------------------------ */

static uint32_t set_address(struct raw_guest *g, const char *digits)
{
    static const char name[] = "NetworkAddress";
    const uint32_t head[5] = {20, 28, 2, 48, 24};
    uint8_t msg[72] = {0};

    memcpy(msg, head, sizeof(head));
    for (unsigned i = 0; i < 14; i++)
        msg[20 + 2 * i] = (uint8_t)name[i];
    for (unsigned i = 0; i < 12; i++)
        msg[48 + 2 * i] = (uint8_t)digits[i];
    return raw_set(g, OID_RNDIS_CONFIG, msg, sizeof(msg));
}

static void address_can_be_changed_and_the_permanent_one_stays(void **state)
{
    static const uint8_t was[6] = {0x00, 0x15, 0x5D, 0x00, 0x00, 0x01};
    static const uint8_t is[6] = {0x02, 0x0a, 0xbc, 0xde, 0xf0, 0x12};
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t info[1024];
    uint32_t bytes;

    (void)state;
    raw_bring_up(g);
    assert_int_equal(set_address(g, "020aBCdef012"), RNDIS_STATUS_SUCCESS);
    assert_int_equal(set_address(g, "020aBCdef01g"), RNDIS_STATUS_INVALID_DATA);
    assert_int_equal(set_address(g, "010000000000"), RNDIS_STATUS_INVALID_DATA);
    raw_query(g, OID_CURRENT_MAC, NULL, 0, info, &bytes);
    assert_int_equal(bytes, 6);
    assert_memory_equal(info, is, 6);
    raw_query(g, OID_PERMANENT_MAC, NULL, 0, info, &bytes);
    assert_memory_equal(info, was, 6);
    raw_port_send(g, 60, was);
    assert_int_equal(raw_stat(g, rx_drop_filter), 1);
    raw_port_send(g, 60, is);
    assert_int_equal(raw_stat(g, rx_frames), 1);
    raw_guest_destroy(g);
}

static void config_parameter_outside_its_message_is_refused(void **state)
{
    static const uint32_t heads[][5] = {
        {20, 28, 2, 4000, 24}, {20, 28, 2, UINT32_MAX - 10, 24}, {20, 28, 2, 48, 25},
        {4000, 28, 2, 48, 24}, {UINT32_MAX - 10, 28, 2, 48, 24},
    };
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t msg[72] = {0};

    (void)state;
    raw_bring_up(g);
    for (unsigned i = 0; i < countof(heads); i++) {
        memcpy(msg, heads[i], sizeof(heads[i]));
        assert_int_equal(raw_set(g, OID_RNDIS_CONFIG, msg, sizeof(msg)), RNDIS_STATUS_INVALID_DATA);
    }
    assert_int_equal(raw_set(g, OID_RNDIS_CONFIG, msg, 19), RNDIS_STATUS_INVALID_LENGTH);
    raw_guest_destroy(g);
}

static void multicast_list_is_bounded(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t list[33 * 6] = {1};

    (void)state;
    raw_bring_up(g);
    assert_int_equal(raw_set(g, OID_MULTICAST_LIST, list, 32 * 6), RNDIS_STATUS_SUCCESS);
    assert_int_equal(raw_set(g, OID_MULTICAST_LIST, list, 33 * 6), RNDIS_STATUS_RESOURCES);
    assert_int_equal(raw_set(g, OID_MULTICAST_LIST, list, 7), RNDIS_STATUS_INVALID_LENGTH);
    assert_int_equal(raw_set(g, OID_MULTICAST_LIST, NULL, 0), RNDIS_STATUS_SUCCESS);
    raw_guest_destroy(g);
}

static void spoofing_can_be_forbidden(void **state)
{
    const struct hvhost_nic_config config = {.refuse_promiscuous = true};
    const uint32_t all = NDIS_FILTER_PROMISCUOUS;
    struct raw_guest *g = raw_guest_create(&config);
    uint8_t info[1024];
    uint32_t bytes;

    (void)state;
    raw_bring_up(g);
    assert_int_equal(set_address(g, "020abcdef012"), RNDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(raw_set(g, OID_PACKET_FILTER, &all, 4), RNDIS_STATUS_NOT_SUPPORTED);
    raw_query(g, OID_PACKET_FILTER, NULL, 0, info, &bytes);
    assert_int_equal(raw_word(info, 0), 0x0D); /* as it was */
    raw_guest_destroy(g);
}

/* ---- the rest --------------------------------------------------------------------------- */

static void keepalive_and_reset_are_answered(void **state)
{
    const struct rndis_simple alive = {RNDIS_MSG_KEEPALIVE, 12, 0x1234};
    const struct rndis_simple reset = {RNDIS_MSG_RESET, 12, 0};
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t reply[4096];

    (void)state;
    raw_bring_up(g);
    assert_int_equal(raw_control(g, &alive, sizeof(alive), reply), 16);
    assert_int_equal(raw_word(reply, 0), RNDIS_MSG_KEEPALIVE | RNDIS_MSG_COMPLETE);
    assert_int_equal(raw_word(reply, 2), 0x1234);
    assert_int_equal(raw_word(reply, 3), 0);
    assert_int_equal(raw_control(g, &reset, sizeof(reset), reply), 16);
    assert_int_equal(raw_word(reply, 0), RNDIS_MSG_RESET | RNDIS_MSG_COMPLETE);
    assert_int_equal(raw_word(reply, 2), 0);
    raw_guest_destroy(g);
}

static void halt_has_a_completion_and_no_reply(void **state)
{
    const struct rndis_simple halt = {RNDIS_MSG_HALT, 12, 1};
    const uint32_t none = 0;
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;

    (void)state;
    raw_bring_up(g);
    raw_set(g, OID_PACKET_FILTER, &none, 4);
    raw_control_send(g, &halt, sizeof(halt));
    raw_expect(g, &pkt);
    assert_int_equal(pkt.desc.type, VMBUS_PKT_COMPLETION);
    assert_int_equal(pkt.desc.xid, g->xid);
    assert_false(raw_take(g, &pkt));
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void version_two_of_rndis_is_refused_and_one_may_follow(void **state)
{
    struct rndis_initialize msg = {RNDIS_MSG_INITIALIZE, sizeof(msg), 8, 2, 0, 0x4000};
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t reply[4096];

    (void)state;
    raw_guest_open(g);
    raw_bring_ready(g, NVS_VERSION_61, RAW_MTU);
    raw_control(g, &msg, sizeof(msg), reply);
    assert_int_equal(raw_word(reply, 3), RNDIS_STATUS_BAD_VERSION);
    msg.version_major = 1;
    raw_control(g, &msg, sizeof(msg), reply);
    assert_int_equal(raw_word(reply, 3), RNDIS_STATUS_SUCCESS);
    raw_guest_destroy(g);
}

static void control_through_a_send_section_works_too(void **state)
{
    const struct rndis_simple alive = {RNDIS_MSG_KEEPALIVE, 12, 1};
    const struct nvs_rndis nvs = {NVS_MSG_RNDIS, NVS_RNDIS_CONTROL, 2, 12};
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;

    (void)state;
    raw_bring_up(g);
    memcpy(g->t.send.base + 2 * 6144, &alive, sizeof(alive));
    raw_nvs(g, &nvs, sizeof(nvs), 1);
    raw_expect(g, &pkt);
    assert_int_equal(pkt.desc.type, VMBUS_PKT_COMPLETION);
    assert_true(raw_take(g, &pkt));
    assert_int_equal(pkt.desc.type, VMBUS_PKT_XFER_PAGES);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void sixteen_replies_can_be_out_and_the_next_is_lost(void **state)
{
    const struct rndis_simple alive = {RNDIS_MSG_KEEPALIVE, 12, 1};
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;
    unsigned replies = 0;

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    for (unsigned i = 0; i < 17; i++)
        raw_control_send(g, &alive, sizeof(alive));
    raw_step(g);
    while (raw_take(g, &pkt))
        replies += pkt.desc.type == VMBUS_PKT_XFER_PAGES;
    assert_int_equal(replies, 16);
    assert_int_equal(raw_stat(g, ctl_lost), 1);
    raw_guest_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_as_configured),
        cmocka_unit_test(everything_on_the_supported_list_is_supported),
        cmocka_unit_test(replies_fit_what_dpdk_can_take),
        cmocka_unit_test(unknown_oids_are_refused_without_information),
        cmocka_unit_test(link_state_and_speed_are_in_bits_per_second),
        cmocka_unit_test(address_can_be_changed_and_the_permanent_one_stays),
        cmocka_unit_test(config_parameter_outside_its_message_is_refused),
        cmocka_unit_test(multicast_list_is_bounded),
        cmocka_unit_test(spoofing_can_be_forbidden),
        cmocka_unit_test(keepalive_and_reset_are_answered),
        cmocka_unit_test(halt_has_a_completion_and_no_reply),
        cmocka_unit_test(version_two_of_rndis_is_refused_and_one_may_follow),
        cmocka_unit_test(control_through_a_send_section_works_too),
        cmocka_unit_test(sixteen_replies_can_be_out_and_the_next_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
