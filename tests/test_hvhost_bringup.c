/* SPDX-License-Identifier: BSD-3-Clause */
/* The host's NVSP against the golden bytes of docs/protocol.md, sent and compared by hand. */
#include "hex.h"
#include "raw_guest.h"

#define MIB (1024u * 1024u)

static const char init_61[] = "06 00 02 00 07 00 01 00 01 00 00 00 00 00 00 00"
                              "01 00 00 00 01 00 06 00 01 00 06 00 00 00 00 00"
                              "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
                              "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00";

static const char init_complete[] = "0b 00 02 00 07 00 00 00 01 00 00 00 00 00 00 00"
                                    "02 00 00 00 ff ff ff ff 22 00 00 00 01 00 00 00"
                                    "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
                                    "00 00 00 00 00 00 00 00";

/* MTU 1514, capabilities 0xAC; starts at ring offset 0x40. */
static const char ndis_config[] = "06 00 02 00 07 00 00 00 fd ff ff ff ff ff ff ff"
                                  "7d 00 00 00 ea 05 00 00 00 00 00 00 ac 00 00 00"
                                  "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
                                  "00 00 00 00 00 00 00 00 00 00 00 00 40 00 00 00";

static const char recv_buf[] = "65 00 00 00 10 1e 0e 00 fe ca 00 00";

/* Of a 31 MiB buffer: sections of 1806 bytes, 17998 of them. */
static const char recv_buf_complete[] = "66 00 00 00 01 00 00 00 01 00 00 00 00 00 00 00"
                                        "0e 07 00 00 4e 46 00 00 44 fa ef 01 00 00 00 00"
                                        "00 00 00 00 00 00 00 00";

static const char initialize[] = "02 00 00 00 18 00 00 00 00 00 01 00 01 00 00 00"
                                 "00 00 00 00 00 40 00 00";

static const char initialize_complete[] = "02 00 00 80 34 00 00 00 00 00 01 00 00 00 00 00"
                                          "01 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00"
                                          "08 00 00 00 ff ff ff ef 03 00 00 00 00 00 00 00"
                                          "00 00 00 00";

static void write_hex(struct raw_guest *g, const char *text)
{
    uint8_t bytes[512];

    raw_write(g, bytes, (uint32_t)hex_parse(text, bytes, sizeof(bytes)));
}

static void golden_bytes_bring_the_card_up(void **state)
{
    const struct hvhost_nic_config config = {.recv_buf_bytes = 31 * MIB};
    const struct nvs_ndis_version ndis = {NVS_MSG_NDIS_VERSION, 6, 30};
    struct raw_guest *g = raw_guest_create(&config);
    uint8_t msg[64], reply[4096];
    struct raw_packet pkt;
    size_t bytes;

    (void)state;
    raw_guest_open(g);
    write_hex(g, init_61);
    raw_expect(g, &pkt);
    check_hex(pkt.raw, pkt.bytes, init_complete);

    write_hex(g, ndis_config);
    raw_nvs(g, &ndis, sizeof(ndis), 0);
    bytes = hex_parse(recv_buf, msg, sizeof(msg));
    raw_nvs(g, msg, (uint32_t)bytes, 1);
    raw_expect(g, &pkt);
    check_hex(pkt.payload, pkt.payload_bytes, recv_buf_complete);

    bytes = hex_parse(initialize, msg, sizeof(msg));
    bytes = raw_control(g, msg, (uint32_t)bytes, reply);
    check_hex(reply, bytes, initialize_complete);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void each_version_is_spoken_up_to_the_configured_one(void **state)
{
    static const uint32_t versions[] = {NVS_VERSION_1, NVS_VERSION_2, NVS_VERSION_4,
                                        NVS_VERSION_5, NVS_VERSION_6, NVS_VERSION_61};

    (void)state;
    for (unsigned max = 0; max < countof(versions); max++) {
        const struct hvhost_nic_config config = {.nvs_version_max = versions[max]};
        struct raw_guest *g = raw_guest_create(&config);
        struct raw_packet pkt;

        raw_guest_open(g);
        /* Newest first, as guests do: refused ones may be followed by another try. */
        for (unsigned i = countof(versions); i-- > max + 1;) {
            const struct nvs_init init = {NVS_MSG_INIT, versions[i], versions[i]};

            raw_nvs(g, &init, sizeof(init), 1);
            raw_expect(g, &pkt);
            assert_int_not_equal(raw_word(pkt.payload, 3), NVS_STATUS_SUCCESS);
        }
        raw_bring_ready(g, versions[max], RAW_MTU);
        raw_check_strict(g, NULL);
        raw_guest_destroy(g);
    }
}

/* The rest of the configuration, which ends the time for them, has yet to come. */
static void a_buffer_is_given_once(void **state)
{
    const struct nvs_init init = {NVS_MSG_INIT, NVS_VERSION_61, NVS_VERSION_61};
    const struct nvs_ndis_config config = {.type = NVS_MSG_NDIS_CONFIG, .mtu_bytes = 1514};
    const uint32_t types[] = {NVS_MSG_RECV_BUF, NVS_MSG_SEND_BUF};
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;

    (void)state;
    raw_guest_open(g);
    raw_nvs(g, &init, sizeof(init), 1);
    raw_expect(g, &pkt);
    raw_nvs(g, &config, sizeof(config), 0);
    for (unsigned i = 0; i < 2; i++) {
        const struct nvs_buf msg = {.type = types[i],
                                    .gpadl = i ? g->t.send_gpadl : g->t.recv_gpadl,
                                    .id = i ? NVS_SEND_BUF_ID : NVS_RECV_BUF_ID};

        raw_nvs(g, &msg, sizeof(msg), 1);
        raw_expect(g, &pkt);
        assert_int_equal(raw_word(pkt.payload, 1), NVS_STATUS_SUCCESS);
        raw_nvs(g, &msg, sizeof(msg), 1);
        raw_expect_none(g);
        assert_int_equal(raw_stat(g, strict_nvs), i + 1);
    }
    raw_guest_destroy(g);
}

static void nonsense_versions_are_refused(void **state)
{
    static const uint32_t versions[] = {0, 1, 3, 0x00030001, 0x00060002, UINT32_MAX};
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;

    (void)state;
    raw_guest_open(g);
    for (unsigned i = 0; i < countof(versions); i++) {
        const struct nvs_init init = {NVS_MSG_INIT, versions[i], versions[i]};

        raw_nvs(g, &init, sizeof(init), 1);
        raw_expect(g, &pkt);
        assert_int_equal(raw_word(pkt.payload, 0), NVS_MSG_INIT_COMPLETE);
        assert_int_not_equal(raw_word(pkt.payload, 3), NVS_STATUS_SUCCESS);
    }
    raw_guest_destroy(g);
}

static void mtu_is_granted_within_bounds_and_replaced_outside(void **state)
{
    static const struct {
        uint32_t max, wanted, granted;
    } rows[] = {
        {0, 1500, 1500},    {0, 9000, 9000},       {0, 9202, 9202}, {0, 9203, 1500},
        {0, 1499, 1500},    {0, UINT32_MAX, 1500}, {0, 0, 1500},    {4000, 4001, 1500},
        {4000, 4000, 4000}, {600, 1500, 600},
    };

    (void)state;
    for (unsigned i = 0; i < countof(rows); i++) {
        const struct hvhost_nic_config config = {.mtu_max_bytes = rows[i].max};
        struct raw_guest *g = raw_guest_create(&config);
        const struct nvs_init init = {NVS_MSG_INIT, NVS_VERSION_61, NVS_VERSION_61};
        const struct nvs_ndis_config msg = {.type = NVS_MSG_NDIS_CONFIG,
                                            .mtu_bytes = rows[i].wanted + 14};
        const struct nvs_buf recv = {
            .type = NVS_MSG_RECV_BUF, .gpadl = 0xE1E10, .id = NVS_RECV_BUF_ID};
        struct raw_packet pkt;

        raw_guest_open(g);
        raw_nvs(g, &init, sizeof(init), 1);
        raw_expect(g, &pkt);
        raw_nvs(g, &msg, sizeof(msg), 0);
        raw_nvs(g, &recv, sizeof(recv), 1);
        raw_expect(g, &pkt);
        assert_int_equal(raw_word(pkt.payload, 4), 256 + rows[i].granted + 14 + 36);
        raw_guest_destroy(g);
    }
}

static void subchannels_are_refused_with_one_queue(void **state)
{
    const struct nvs_subchannel none = {NVS_MSG_SUBCHANNEL, NVS_SUBCHANNEL_ALLOCATE, 0};
    const struct nvs_subchannel some = {NVS_MSG_SUBCHANNEL, NVS_SUBCHANNEL_ALLOCATE, 3};
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;

    (void)state;
    raw_bring_up(g);
    raw_nvs(g, &some, sizeof(some), 1);
    raw_expect(g, &pkt);
    assert_int_equal(pkt.payload_bytes, NVS_MSG_BYTES); /* DPDK fails on less */
    assert_int_equal(raw_word(pkt.payload, 0), NVS_MSG_SUBCHANNEL);
    assert_int_equal(raw_word(pkt.payload, 1), NVS_STATUS_FAILURE);
    assert_int_equal(raw_word(pkt.payload, 2), 0);
    raw_nvs(g, &none, sizeof(none), 1);
    raw_expect(g, &pkt);
    assert_int_equal(raw_word(pkt.payload, 1), NVS_STATUS_SUCCESS);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void data_path_switch_gets_an_empty_completion_only_if_asked(void **state)
{
    const struct nvs_switch_data_path msg = {NVS_MSG_SWITCH_DATA_PATH, NVS_DATA_PATH_VF};
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;

    (void)state;
    raw_bring_up(g);
    hvhost_nic_indicate(g->nic, HVHOST_VF, 1);
    raw_expect(g, &pkt);
    raw_nvs(g, &msg, sizeof(msg), 0);
    raw_expect_none(g);
    raw_nvs(g, &msg, sizeof(msg), 1);
    raw_expect(g, &pkt);
    assert_int_equal(pkt.desc.type, VMBUS_PKT_COMPLETION);
    assert_int_equal(pkt.desc.xid, g->xid);
    assert_int_equal(pkt.payload_bytes, 0);
    raw_guest_destroy(g);
}

static void oid_query_ex_is_answered_not_supported(void **state)
{
    const uint32_t msg[2] = {NVS_MSG_OID_QUERY_EX, 0};
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;

    (void)state;
    raw_bring_up(g);
    raw_nvs(g, msg, sizeof(msg), 1);
    raw_expect(g, &pkt);
    assert_int_equal(raw_word(pkt.payload, 0), NVS_MSG_OID_QUERY_EX_COMPLETE);
    assert_int_equal(raw_word(pkt.payload, 1), RNDIS_STATUS_NOT_SUPPORTED);
    raw_guest_destroy(g);
}

static void unusable_buffers_are_refused_and_may_be_offered_again(void **state)
{
    const struct nvs_init init = {NVS_MSG_INIT, NVS_VERSION_1, NVS_VERSION_1};
    struct nvs_buf msg = {.type = NVS_MSG_RECV_BUF, .gpadl = 0xE1E0F, .id = NVS_RECV_BUF_ID};
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;

    (void)state;
    raw_guest_open(g);
    raw_nvs(g, &init, sizeof(init), 1);
    raw_expect(g, &pkt);
    for (unsigned i = 0; i < 2; i++) {
        raw_nvs(g, &msg, sizeof(msg), 1);
        raw_expect(g, &pkt);
        assert_int_equal(raw_word(pkt.payload, 1),
                         i == 0 ? NVS_STATUS_FAILURE : NVS_STATUS_SUCCESS);
        msg.gpadl = g->t.recv_gpadl;
    }
    assert_int_equal(raw_stat(g, strict_gpa), 1);
    raw_check_strict(g, "strict_gpa");
    raw_guest_destroy(g);
}

static void buffers_too_small_are_refused(void **state)
{
    const struct hvhost_nic_config config = {.recv_buf_bytes = 28672}; /* 15 sections */
    const struct nvs_init init = {NVS_MSG_INIT, NVS_VERSION_1, NVS_VERSION_1};
    const struct hvhost_nic_config tiny = {.recv_buf_bytes = 4096};
    struct raw_guest *g = raw_guest_create(&config);
    struct nvs_buf msg = {.type = NVS_MSG_RECV_BUF, .gpadl = 0xE1E10, .id = NVS_RECV_BUF_ID};
    struct raw_packet pkt;

    (void)state;
    raw_guest_open(g);
    raw_nvs(g, &init, sizeof(init), 1);
    raw_expect(g, &pkt);
    raw_nvs(g, &msg, sizeof(msg), 1);
    raw_expect(g, &pkt);
    assert_int_equal(raw_word(pkt.payload, 1), NVS_STATUS_FAILURE);
    raw_guest_destroy(g);

    g = raw_guest_create(&tiny);
    raw_guest_open(g);
    raw_nvs(g, &init, sizeof(init), 1);
    raw_expect(g, &pkt);
    msg.type = NVS_MSG_SEND_BUF; /* by the handle of the other buffer, which has no section */
    raw_nvs(g, &msg, sizeof(msg), 1);
    raw_expect(g, &pkt);
    assert_int_equal(raw_word(pkt.payload, 1), NVS_STATUS_FAILURE);
    assert_int_equal(raw_stat(g, strict_gpa), 1);
    raw_guest_destroy(g);
}

struct early_row {
    const char *what;
    uint32_t version;
    uint32_t before[3]; /* message types sent first; 0 = none */
    uint32_t type, arg;
};

/* What is wrong only before the card is ready. */
static const struct early_row early[] = {
    {"NDIS_CONFIG in version 1", NVS_VERSION_1, {0}, NVS_MSG_NDIS_CONFIG, 1514},
    {"NDIS_CONFIG twice", NVS_VERSION_5, {NVS_MSG_NDIS_CONFIG}, NVS_MSG_NDIS_CONFIG, 1514},
    {"NDIS_VERSION twice", NVS_VERSION_5, {NVS_MSG_NDIS_VERSION}, NVS_MSG_NDIS_VERSION, 6},
    {"RECV_BUF before NDIS_CONFIG", NVS_VERSION_2, {0}, NVS_MSG_RECV_BUF, 0xE1E10},
    {"SUBCHANNEL before ready", NVS_VERSION_5, {0}, NVS_MSG_SUBCHANNEL, 1},
    {"RNDIS before ready", NVS_VERSION_5, {0}, NVS_MSG_RNDIS, NVS_RNDIS_CONTROL},
    {"data before INITIALIZE",
     NVS_VERSION_1,
     {NVS_MSG_NDIS_VERSION, NVS_MSG_RECV_BUF, NVS_MSG_SEND_BUF},
     NVS_MSG_RNDIS,
     NVS_RNDIS_DATA},
    {"SUBCHANNEL in version 1",
     NVS_VERSION_1,
     {NVS_MSG_NDIS_VERSION, NVS_MSG_RECV_BUF, NVS_MSG_SEND_BUF},
     NVS_MSG_SUBCHANNEL,
     1},
};

static void send_type(struct raw_guest *g, uint32_t type, uint32_t arg)
{
    const uint32_t msg[3] = {type, arg, 0};
    bool flagged = type != NVS_MSG_NDIS_CONFIG && type != NVS_MSG_NDIS_VERSION;
    struct raw_packet pkt;

    raw_nvs(g, msg, sizeof(msg), flagged);
    raw_step(g);
    raw_take(g, &pkt);
}

static void messages_before_their_time_count_in_strict_nvs(void **state)
{
    (void)state;
    for (unsigned i = 0; i < countof(early); i++) {
        struct raw_guest *g = raw_guest_create(NULL);

        raw_guest_open(g);
        send_type(g, NVS_MSG_INIT, early[i].version);
        for (unsigned k = 0; k < 3; k++) {
            uint32_t type = early[i].before[k];

            if (type != 0)
                send_type(g, type, type == NVS_MSG_SEND_BUF ? 0xE1E11 : 0xE1E10);
        }
        raw_check_strict(g, NULL);
        send_type(g, early[i].type, early[i].arg);
        if (raw_stat(g, strict_nvs) != 1)
            fail_msg("%s: strict_nvs is %u", early[i].what, (unsigned)raw_stat(g, strict_nvs));
        raw_check_strict(g, "strict_nvs");
        raw_guest_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_bytes_bring_the_card_up),
        cmocka_unit_test(each_version_is_spoken_up_to_the_configured_one),
        cmocka_unit_test(a_buffer_is_given_once),
        cmocka_unit_test(nonsense_versions_are_refused),
        cmocka_unit_test(mtu_is_granted_within_bounds_and_replaced_outside),
        cmocka_unit_test(subchannels_are_refused_with_one_queue),
        cmocka_unit_test(data_path_switch_gets_an_empty_completion_only_if_asked),
        cmocka_unit_test(oid_query_ex_is_answered_not_supported),
        cmocka_unit_test(buffers_too_small_are_refused),
        cmocka_unit_test(messages_before_their_time_count_in_strict_nvs),
        cmocka_unit_test(unusable_buffers_are_refused_and_may_be_offered_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
