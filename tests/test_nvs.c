/* SPDX-License-Identifier: BSD-3-Clause */
/* NVSP codec against the reference's golden bytes, and every check it makes. */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "hex.h"
#include "nvs.h"

#define ZEROS_24 "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"

static void init_is_vector_1(void **state)
{
    struct nvs_msg msg;

    (void)state;
    nvs_build_init(&msg, NVS_VERSION_61);
    check_hex(msg.bytes, sizeof(msg.bytes),
              "01 00 00 00 01 00 06 00  01 00 06 00 00 00 00 00" ZEROS_24);
}

static void ndis_config_is_vector_3(void **state)
{
    struct nvs_msg msg;

    (void)state;
    nvs_build_ndis_config(&msg, 1500, 0xAC);
    check_hex(msg.bytes, sizeof(msg.bytes),
              "7d 00 00 00 ea 05 00 00  00 00 00 00 ac 00 00 00" ZEROS_24);
}

static void recv_buf_is_vector_4(void **state)
{
    struct nvs_msg msg;

    (void)state;
    nvs_build_recv_buf(&msg, 0xE1E11);
    check_hex(msg.bytes, sizeof(msg.bytes),
              "65 00 00 00 11 1e 0e 00  fe ca 00 00 00 00 00 00" ZEROS_24);
}

static void rndis_in_a_section_is_vector_6(void **state)
{
    struct nvs_msg msg;

    (void)state;
    nvs_build_rndis(&msg, NVS_RNDIS_DATA, 3, 136);
    check_hex(msg.bytes, sizeof(msg.bytes),
              "6b 00 00 00 00 00 00 00  03 00 00 00 88 00 00 00" ZEROS_24);
}

static void rndis_by_page_is_vector_5(void **state)
{
    struct nvs_msg msg;

    (void)state;
    nvs_build_rndis(&msg, NVS_RNDIS_CONTROL, NVS_SECTION_NONE, 0);
    check_hex(msg.bytes, sizeof(msg.bytes),
              "6b 00 00 00 01 00 00 00  ff ff ff ff 00 00 00 00" ZEROS_24);
}

static void ndis_version_follows_the_nvsp_version(void **state)
{
    struct nvs_msg msg;

    (void)state;
    nvs_build_ndis_version(&msg, NVS_VERSION_4);
    check_hex(msg.bytes, sizeof(msg.bytes),
              "64 00 00 00 06 00 00 00  01 00 00 00 00 00 00 00" ZEROS_24);
    nvs_build_ndis_version(&msg, NVS_VERSION_5);
    check_hex(msg.bytes, sizeof(msg.bytes),
              "64 00 00 00 06 00 00 00  1e 00 00 00 00 00 00 00" ZEROS_24);
}

static void the_other_buffer_messages_are_as_the_table_says(void **state)
{
    struct nvs_msg msg;

    (void)state;
    nvs_build_send_buf(&msg, 0x01020304);
    check_hex(msg.bytes, sizeof(msg.bytes),
              "68 00 00 00 04 03 02 01  ce fa 00 00 00 00 00 00" ZEROS_24);
    nvs_build_revoke_recv_buf(&msg);
    check_hex(msg.bytes, sizeof(msg.bytes),
              "67 00 00 00 fe ca 00 00  00 00 00 00 00 00 00 00" ZEROS_24);
    nvs_build_revoke_send_buf(&msg);
    check_hex(msg.bytes, sizeof(msg.bytes),
              "6a 00 00 00 ce fa 00 00  00 00 00 00 00 00 00 00" ZEROS_24);
}

/* ---- parse --------------------------------------------------------------------------------- */

static const char V2_INIT_COMPLETE[] = "02 00 00 00 ff ff ff ff  22 00 00 00 01 00 00 00";
static const char V4_RECV_BUF_COMPLETE[] = "66 00 00 00 01 00 00 00  01 00 00 00 00 00 00 00"
                                           "0e 07 00 00 4e 46 00 00  44 fa ef 01 00 00 00 00";
#define BUF_31_MIB (31u << 20)

static void init_complete_of_vector_2_is_accepted(void **state)
{
    struct nvs_init_complete out;
    uint8_t bytes[40] = {0};

    (void)state;
    hex_parse(V2_INIT_COMPLETE, bytes, sizeof(bytes));
    assert_int_equal(nvs_parse_init_complete(bytes, sizeof(bytes), &out), 0);
    assert_int_equal(out.max_mdl_chain, 34);
    assert_int_equal(out.status, NVS_STATUS_SUCCESS);
    assert_int_equal(nvs_parse_init_complete(bytes, 16, &out), 0); /* all it needs */
}

static void init_complete_is_refused_when_short_other_or_negative(void **state)
{
    struct nvs_init_complete out;
    uint8_t bytes[40] = {0};

    (void)state;
    hex_parse(V2_INIT_COMPLETE, bytes, sizeof(bytes));
    for (size_t len = 0; len < 16; len++)
        assert_int_equal(nvs_parse_init_complete(bytes, len, &out), -EPROTO);
    bytes[0] = NVS_MSG_RECV_BUF_COMPLETE;
    assert_int_equal(nvs_parse_init_complete(bytes, sizeof(bytes), &out), -EPROTO);
    bytes[0] = NVS_MSG_INIT_COMPLETE;
    for (unsigned status = 0; status < 8; status++) {
        bytes[12] = (uint8_t)status;
        assert_int_equal(nvs_parse_init_complete(bytes, sizeof(bytes), &out),
                         status == NVS_STATUS_SUCCESS ? 0 : -ECONNREFUSED);
    }
}

static void recv_buf_complete_of_vector_4_is_accepted(void **state)
{
    struct nvs_recv_buf_complete out;
    uint8_t bytes[32];

    (void)state;
    hex_parse(V4_RECV_BUF_COMPLETE, bytes, sizeof(bytes));
    assert_int_equal(nvs_parse_recv_buf_complete(bytes, 28, BUF_31_MIB, &out), 0);
    assert_int_equal(out.section_bytes, 1806);
    assert_int_equal(out.section_count, 17998);
    assert_int_equal(out.group_end_bytes, 32504388);
}

struct recv_buf_case {
    uint32_t status, groups, off, section_bytes, section_count, buf_bytes;
    int want;
};

/* Rows 11 to 13 of the hardening list, at both sides of each limit. */
static const struct recv_buf_case recv_buf_cases[] = {
    {1, 1, 0, 1728, 100, 172800, 0},
    {1, 1, 0, 1728, 100, 172799, -EPROTO},
    {1, 1, 0, 1728, 101, 172800, -EPROTO},
    {2, 1, 0, 1728, 100, 172800, -ECONNREFUSED},
    {0, 1, 0, 1728, 100, 172800, -ECONNREFUSED},
    {1, 0, 0, 1728, 100, 172800, -EPROTO},
    {1, 2, 0, 1728, 100, 172800, -EPROTO},
    {1, 1, 4, 1728, 100, 172800, -EPROTO},
    {1, 1, 0, 68, 1, 4096, 0},
    {1, 1, 0, 67, 1, 4096, -EPROTO},
    {1, 1, 0, 0, 1, 4096, -EPROTO},
    {1, 1, 0, 4096, 1, 4096, 0},
    {1, 1, 0, 4097, 1, 4096, -EPROTO},
    {1, 1, 0, 1728, 0, 172800, -EPROTO},
    {1, 1, 0, 0x10000, 0x10000, 4096, -EPROTO}, /* the 32-bit product is 0 */
    {1, 1, 0, 0x10001, 0xFFFF0001, BUF_31_MIB, -EPROTO},
};

static void recv_buf_complete_must_lie_in_the_buffer(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(recv_buf_cases); i++) {
        const struct recv_buf_case *c = &recv_buf_cases[i];
        const struct nvs_recv_buf_complete wire = {
            NVS_MSG_RECV_BUF_COMPLETE, c->status,        c->groups, c->off,
            c->section_bytes,          c->section_count, 0};
        struct nvs_recv_buf_complete out;

        print_message("case %zu\n", i);
        assert_int_equal(nvs_parse_recv_buf_complete(&wire, sizeof(wire), c->buf_bytes, &out),
                         c->want);
        assert_int_equal(nvs_parse_recv_buf_complete(&wire, 27, c->buf_bytes, &out), -EPROTO);
    }
}

static void send_buf_complete_needs_a_usable_section(void **state)
{
    static const struct {
        uint32_t status, section_bytes;
        int want;
    } cases[] = {{1, 6144, 0},     {1, 68, 0},   {1, 64, -EPROTO},   {1, 0, -EPROTO},
                 {1, 70, -EPROTO}, {1, 8192, 0}, {1, 8196, -EPROTO}, {2, 6144, -ECONNREFUSED}};

    (void)state;
    for (size_t i = 0; i < countof(cases); i++) {
        const struct nvs_send_buf_complete wire = {NVS_MSG_SEND_BUF_COMPLETE, cases[i].status,
                                                   cases[i].section_bytes};
        struct nvs_send_buf_complete out;

        print_message("case %zu\n", i);
        assert_int_equal(nvs_parse_send_buf_complete(&wire, sizeof(wire), 8192, &out),
                         cases[i].want);
        assert_int_equal(nvs_parse_send_buf_complete(&wire, 11, 8192, &out), -EPROTO);
    }
}

static void rndis_message_of_vector_7_is_recognised(void **state)
{
    struct nvs_rndis out;
    uint8_t bytes[16];

    (void)state;
    hex_parse("6b 00 00 00 00 00 00 00  ff ff ff ff 00 00 00 00", bytes, sizeof(bytes));
    assert_int_equal(nvs_parse_rndis(bytes, sizeof(bytes), &out), 0);
    assert_int_equal(out.channel_type, NVS_RNDIS_DATA);
    assert_int_equal(nvs_parse_rndis(bytes, 7, &out), -EPROTO);
    bytes[0] = NVS_MSG_RNDIS_COMPLETE;
    assert_int_equal(nvs_parse_rndis(bytes, sizeof(bytes), &out), -EPROTO);
}

static void completion_of_data_keeps_its_status(void **state)
{
    struct nvs_rndis_complete out;
    uint8_t bytes[8];

    (void)state;
    hex_parse("6c 00 00 00 05 00 00 00", bytes, sizeof(bytes));
    assert_int_equal(nvs_parse_rndis_complete(bytes, sizeof(bytes), &out), 0);
    assert_int_equal(out.status, NVS_STATUS_INVALID_RNDIS);
    assert_int_equal(nvs_parse_rndis_complete(bytes, 7, &out), -EPROTO);
    assert_int_equal(nvs_parse_rndis_complete(bytes, 0, &out), -EPROTO);
}

static void a_type_needs_four_bytes(void **state)
{
    const uint8_t bytes[4] = {0x86, 0, 0, 0};
    uint32_t type = 0;

    (void)state;
    assert_int_equal(nvs_parse_type(bytes, 3, &type), -EPROTO);
    assert_int_equal(nvs_parse_type(bytes, 4, &type), 0);
    assert_int_equal(type, NVS_MSG_SEND_TABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_is_vector_1),
        cmocka_unit_test(ndis_config_is_vector_3),
        cmocka_unit_test(recv_buf_is_vector_4),
        cmocka_unit_test(rndis_in_a_section_is_vector_6),
        cmocka_unit_test(rndis_by_page_is_vector_5),
        cmocka_unit_test(ndis_version_follows_the_nvsp_version),
        cmocka_unit_test(the_other_buffer_messages_are_as_the_table_says),
        cmocka_unit_test(init_complete_of_vector_2_is_accepted),
        cmocka_unit_test(init_complete_is_refused_when_short_other_or_negative),
        cmocka_unit_test(recv_buf_complete_of_vector_4_is_accepted),
        cmocka_unit_test(recv_buf_complete_must_lie_in_the_buffer),
        cmocka_unit_test(send_buf_complete_needs_a_usable_section),
        cmocka_unit_test(rndis_message_of_vector_7_is_recognised),
        cmocka_unit_test(completion_of_data_keeps_its_status),
        cmocka_unit_test(a_type_needs_four_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
