/* SPDX-License-Identifier: BSD-3-Clause */
/* RNDIS requests and replies against the reference's golden bytes, and every check it makes. */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"
#include "rndis.h"

/* ---- build --------------------------------------------------------------------------------- */

static void initialize_is_vector_5(void **state)
{
    uint8_t buf[RNDIS_REQUEST_BYTES_MAX];

    (void)state;
    check_hex(buf, rndis_build_initialize(buf, 0x10000),
              "02 00 00 00 18 00 00 00  00 00 01 00 01 00 00 00"
              "00 00 00 00 00 40 00 00");
}

static void query_without_information_still_has_an_offset(void **state)
{
    uint8_t buf[RNDIS_REQUEST_BYTES_MAX];

    (void)state;
    check_hex(buf, rndis_build_query(buf, 7, OID_PERMANENT_MAC),
              "04 00 00 00 1c 00 00 00  07 00 00 00 01 01 01 01"
              "00 00 00 00 14 00 00 00  00 00 00 00");
}

static void set_carries_its_value_behind_the_header(void **state)
{
    uint8_t buf[RNDIS_REQUEST_BYTES_MAX];

    (void)state;
    check_hex(buf, rndis_build_set_u32(buf, 8, OID_PACKET_FILTER, 0x0D),
              "05 00 00 00 20 00 00 00  08 00 00 00 0e 01 01 00"
              "04 00 00 00 14 00 00 00  00 00 00 00 0d 00 00 00");
}

static void query_with_information_carries_it_behind_the_header(void **state)
{
    uint8_t buf[RNDIS_REQUEST_BYTES_MAX];
    const uint8_t info[4] = {0xA7, 3, 0x9C, 0};

    (void)state;
    check_hex(buf,
              rndis_build_request(buf, RNDIS_MSG_QUERY, 7, OID_OFFLOAD_HW_CAPS, info, sizeof(info)),
              "04 00 00 00 20 00 00 00  07 00 00 00 0d 02 01 fc"
              "04 00 00 00 14 00 00 00  00 00 00 00 a7 03 9c 00");
}

static void halt_is_three_words(void **state)
{
    uint8_t buf[RNDIS_REQUEST_BYTES_MAX];

    (void)state;
    check_hex(buf, rndis_build_halt(buf, 9), "03 00 00 00 0c 00 00 00  09 00 00 00");
}

static void packet_header_without_ppi_names_what_follows(void **state)
{
    uint8_t header[sizeof(struct rndis_packet)];

    (void)state;
    assert_int_equal(rndis_put_packet(header, 0, 60), 104);
    check_hex(header, sizeof(header),
              "01 00 00 00 68 00 00 00  24 00 00 00 3c 00 00 00"
              "00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00"
              "00 00 00 00 00 00 00 00  00 00 00 00");
}

/* ---- replies ------------------------------------------------------------------------------- */

static const char V5_INITIALIZE_COMPLETE[] = "02 00 00 80 34 00 00 00  00 00 01 00 00 00 00 00"
                                             "01 00 00 00 00 00 00 00  01 00 00 00 00 00 00 00"
                                             "08 00 00 00 ff ff ff ef  03 00 00 00 00 00 00 00"
                                             "00 00 00 00";

static void initialize_complete_of_vector_5_is_accepted(void **state)
{
    struct rndis_initialize_complete out;
    uint8_t bytes[52];
    uint32_t id;

    (void)state;
    hex_parse(V5_INITIALIZE_COMPLETE, bytes, sizeof(bytes));
    assert_int_equal(rndis_parse_initialize_complete(bytes, sizeof(bytes), &out), 0);
    assert_int_equal(out.max_packets, 8);
    assert_int_equal(out.max_transfer_bytes, 0xEFFFFFFF);
    assert_int_equal(out.align_shift, 3);
    assert_int_equal(rndis_parse_request_id(bytes, sizeof(bytes), &id), 0);
    assert_int_equal(id, 0x10000);
}

static void initialize_complete_with_insane_limits_is_refused(void **state)
{
    struct rndis_initialize_complete wire, out;

    (void)state;
    hex_parse(V5_INITIALIZE_COMPLETE, (uint8_t *)&wire, sizeof(wire));
    for (uint32_t shift = 0; shift < 40; shift++) {
        wire.align_shift = shift;
        assert_int_equal(rndis_parse_initialize_complete(&wire, sizeof(wire), &out),
                         shift <= 12 ? 0 : -EPROTO);
    }
    wire.align_shift = 0;
    wire.max_packets = 0;
    assert_int_equal(rndis_parse_initialize_complete(&wire, sizeof(wire), &out), -EPROTO);
    wire.status = RNDIS_STATUS_FAILURE; /* then the limits mean nothing */
    assert_int_equal(rndis_parse_initialize_complete(&wire, sizeof(wire), &out), 0);
}

static void replies_must_be_whole_in_the_message_and_the_message_in_the_range(void **state)
{
    struct rndis_initialize_complete wire, out;
    struct rndis_set_complete set = {RNDIS_MSG_SET | RNDIS_MSG_COMPLETE, sizeof(set), 1, 0};
    struct rndis_set_complete set_out;

    (void)state;
    hex_parse(V5_INITIALIZE_COMPLETE, (uint8_t *)&wire, sizeof(wire));
    for (size_t range = 0; range < sizeof(wire); range++)
        assert_int_equal(rndis_parse_initialize_complete(&wire, range, &out), -EPROTO);
    for (uint32_t len = 0; len < sizeof(wire); len++) {
        wire.len_bytes = len;
        assert_int_equal(rndis_parse_initialize_complete(&wire, sizeof(wire), &out), -EPROTO);
    }
    wire.len_bytes = sizeof(wire) + 1;
    assert_int_equal(rndis_parse_initialize_complete(&wire, sizeof(wire), &out), -EPROTO);
    assert_int_equal(rndis_parse_set_complete(&set, sizeof(set), &set_out), 0);
    assert_int_equal(rndis_parse_set_complete(&set, sizeof(set) - 1, &set_out), -EPROTO);
    set.type = RNDIS_MSG_QUERY | RNDIS_MSG_COMPLETE;
    assert_int_equal(rndis_parse_set_complete(&set, sizeof(set), &set_out), -EPROTO);
}

static void request_ids_come_from_completions_only(void **state)
{
    struct rndis_simple wire = {RNDIS_MSG_KEEPALIVE, sizeof(wire), 5};
    uint32_t id;

    (void)state;
    assert_int_equal(rndis_parse_request_id(&wire, sizeof(wire), &id), -EPROTO);
    wire.type |= RNDIS_MSG_COMPLETE;
    assert_int_equal(rndis_parse_request_id(&wire, sizeof(wire), &id), 0);
    assert_int_equal(id, 5);
    wire.len_bytes = 99; /* whoever waits for it should not have to wait on */
    assert_int_equal(rndis_parse_request_id(&wire, sizeof(wire), &id), 0);
    assert_int_equal(rndis_parse_request_id(&wire, sizeof(wire) - 1, &id), -EPROTO);
}

struct query_case {
    uint32_t msg_bytes, info_bytes, info_off;
    int want;
};

/* A reply of 24 + 6 bytes in a range of 30: row 32 at both sides of each limit. */
static const struct query_case query_cases[] = {
    {30, 6, 16, 0},
    {30, 6, 17, -EPROTO},
    {30, 7, 16, -EPROTO},
    {30, 6, 15, -EPROTO},
    {30, 6, 0, -EPROTO},
    {30, 0, 0, 0}, /* success without data */
    {29, 6, 16, -EPROTO},
    {31, 6, 16, -EPROTO},
    {30, 1, 21, 0},
    {30, 1, 22, -EPROTO},
    {30, 0xFFFFFFFF, 16, -EPROTO},
    {30, 0xFFFFFFF0, 32, -EPROTO}, /* the 32-bit sum is 16 */
    {30, 6, 0xFFFFFFF8, -EPROTO},
    {30, 6, 0xFFFFFFFF, -EPROTO},
};

static void information_must_lie_in_the_reply(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(query_cases); i++) {
        const struct query_case *c = &query_cases[i];
        const struct rndis_query_complete wire = {
            RNDIS_MSG_QUERY | RNDIS_MSG_COMPLETE, c->msg_bytes, 1, 0, c->info_bytes, c->info_off};
        uint8_t *bytes = calloc(1, 30);
        struct rndis_info out;

        print_message("case %zu\n", i);
        memcpy(bytes, &wire, sizeof(wire));
        assert_int_equal(rndis_parse_query_complete(bytes, 30, &out), c->want);
        if (!c->want && c->info_bytes)
            assert_ptr_equal(out.data, bytes + 8 + c->info_off);
        free(bytes);
    }
}

static void a_failed_query_has_no_information(void **state)
{
    const struct rndis_query_complete wire = {
        RNDIS_MSG_QUERY | RNDIS_MSG_COMPLETE, sizeof(wire), 1, RNDIS_STATUS_NOT_SUPPORTED, 99, 99};
    struct rndis_info out;

    (void)state;
    assert_int_equal(rndis_parse_query_complete(&wire, sizeof(wire), &out), 0);
    assert_int_equal(out.status, RNDIS_STATUS_NOT_SUPPORTED);
    assert_null(out.data);
    assert_int_equal(out.data_bytes, 0);
}

/* Old hosts leave the buffer out of the message length: the range is what bounds it. */
static void indication_may_reach_beyond_its_own_length_but_not_the_range(void **state)
{
    struct {
        struct rndis_indicate head;
        uint32_t speed;
    } wire = {{RNDIS_MSG_INDICATE_STATUS, 20, RNDIS_IND_LINK_SPEED, 4, 12}, 1000};
    struct rndis_info out;

    (void)state;
    assert_int_equal(rndis_parse_indicate(&wire, sizeof(wire), &out), 0);
    assert_int_equal(out.status, RNDIS_IND_LINK_SPEED);
    assert_ptr_equal(out.data, &wire.speed);
    assert_int_equal(rndis_parse_indicate(&wire, sizeof(wire) - 1, &out), -EPROTO);
    wire.head.buffer_off = 11;
    assert_int_equal(rndis_parse_indicate(&wire, sizeof(wire), &out), -EPROTO);
    wire.head.buffer_off = 0xFFFFFFFC;
    assert_int_equal(rndis_parse_indicate(&wire, sizeof(wire), &out), -EPROTO);
    wire.head.buffer_bytes = 0;
    assert_int_equal(rndis_parse_indicate(&wire, sizeof(wire), &out), 0);
    assert_null(out.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initialize_is_vector_5),
        cmocka_unit_test(query_without_information_still_has_an_offset),
        cmocka_unit_test(set_carries_its_value_behind_the_header),
        cmocka_unit_test(query_with_information_carries_it_behind_the_header),
        cmocka_unit_test(halt_is_three_words),
        cmocka_unit_test(packet_header_without_ppi_names_what_follows),
        cmocka_unit_test(initialize_complete_of_vector_5_is_accepted),
        cmocka_unit_test(initialize_complete_with_insane_limits_is_refused),
        cmocka_unit_test(replies_must_be_whole_in_the_message_and_the_message_in_the_range),
        cmocka_unit_test(request_ids_come_from_completions_only),
        cmocka_unit_test(information_must_lie_in_the_reply),
        cmocka_unit_test(a_failed_query_has_no_information),
        cmocka_unit_test(indication_may_reach_beyond_its_own_length_but_not_the_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
