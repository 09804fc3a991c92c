/* SPDX-License-Identifier: BSD-3-Clause */
/* RNDIS codec against the reference's golden bytes, and every check it makes. */
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

static void halt_is_three_words(void **state)
{
    uint8_t buf[RNDIS_REQUEST_BYTES_MAX];

    (void)state;
    check_hex(buf, rndis_build_halt(buf, 9), "03 00 00 00 0c 00 00 00  09 00 00 00");
}

static void packet_header_without_ppi_names_what_follows(void **state)
{
    struct rndis_packet header;

    (void)state;
    rndis_build_packet(&header, 60);
    check_hex(&header, sizeof(header),
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

/* ---- data packets -------------------------------------------------------------------------- */

static const char V7_HEADER[] = "01 00 00 00 0e 07 00 00  f8 00 00 00 3c 00 00 00"
                                "00 00 00 00 00 00 00 00  00 00 00 00 24 00 00 00"
                                "20 00 00 00 00 00 00 00  00 00 00 00";
static const char V7_PPIS[] = "10 00 00 00 00 00 00 00  0c 00 00 00 28 00 00 00"
                              "10 00 00 00 06 00 00 00  0c 00 00 00 45 06 00 00";

static void packet_of_vector_7_is_laid_out_as_said(void **state)
{
    struct rndis_layout at;
    uint8_t bytes[44];

    (void)state;
    hex_parse(V7_HEADER, bytes, sizeof(bytes));
    assert_int_equal(rndis_parse_packet(bytes, sizeof(bytes), 0x70E, &at), 0);
    assert_int_equal(at.data_off, 256);
    assert_int_equal(at.data_bytes, 60);
    assert_int_equal(at.ppi_off, 44);
    assert_int_equal(at.ppi_bytes, 32);
    /* The message is as long as the range: one byte less is too few. */
    assert_int_equal(rndis_parse_packet(bytes, sizeof(bytes), 0x70D, &at), -EPROTO);
    assert_int_equal(rndis_parse_packet(bytes, 43, 0x70E, &at), -EPROTO);
}

static void ppis_of_vector_7_say_vlan_and_checksum(void **state)
{
    struct rndis_meta meta;
    uint8_t bytes[32];

    (void)state;
    hex_parse(V7_PPIS, bytes, sizeof(bytes));
    assert_int_equal(rndis_parse_ppis(bytes, sizeof(bytes), &meta), 0);
    assert_true(meta.has_tci);
    assert_int_equal(meta.tci, 5 << 13 | 100);
    assert_int_equal(meta.csum, RNDIS_RXCSUM_TCP_OK | RNDIS_RXCSUM_IP_OK);
    assert_int_equal(meta.hash, 0);
}

/* A message of 44 + 16 (ppi) + 40 (data) = 100 bytes in a range of 120. */
static struct rndis_packet sane_packet(void)
{
    return (struct rndis_packet){.type = RNDIS_MSG_PACKET,
                                 .len_bytes = 100,
                                 .data_off = 52,
                                 .data_bytes = 40,
                                 .ppi_off = 36,
                                 .ppi_bytes = 16};
}

struct packet_case {
    size_t field_off; /* in struct rndis_packet */
    uint32_t value;
    int want;
};

#define FIELD(name) offsetof(struct rndis_packet, name)
static const struct packet_case packet_cases[] = {
    {FIELD(type), 1, 0},
    {FIELD(type), 7, -EPROTO},
    {FIELD(len_bytes), 120, 0}, /* trailing bytes are fine */
    {FIELD(len_bytes), 121, -EPROTO},
    {FIELD(len_bytes), 99, -EPROTO},
    {FIELD(len_bytes), 43, -EPROTO},
    {FIELD(len_bytes), 7, -EPROTO},
    {FIELD(len_bytes), 0, -EPROTO},
    {FIELD(len_bytes), 0xFFFFFFFF, -EPROTO},
    {FIELD(data_off), 51, -EPROTO}, /* in the per-packet info */
    {FIELD(data_off), 53, -EPROTO}, /* one byte beyond the message */
    {FIELD(data_off), 35, -EPROTO},
    {FIELD(data_off), 0, -EPROTO},
    {FIELD(data_off), 0xFFFFFFD8, -EPROTO}, /* plus 40 wraps to 0 */
    {FIELD(data_off), 0xFFFFFFFF, -EPROTO},
    {FIELD(data_bytes), 41, -EPROTO},
    {FIELD(data_bytes), 0xFFFFFFFF, -EPROTO},
    {FIELD(data_bytes), 0xFFFFFFCC, -EPROTO}, /* plus 52 wraps to 0 */
    {FIELD(data_bytes), 0, 0},                /* the driver judges sizes */
    {FIELD(ppi_off), 32, -EPROTO},
    {FIELD(ppi_off), 37, -EPROTO}, /* not aligned */
    {FIELD(ppi_off), 40, -EPROTO}, /* reaches into the data */
    {FIELD(ppi_off), 0, -EPROTO},
    {FIELD(ppi_off), 0xFFFFFFF0, -EPROTO},
    {FIELD(ppi_bytes), 0, 0},
    {FIELD(ppi_bytes), 17, -EPROTO}, /* reaches into the data */
    {FIELD(ppi_bytes), 57, -EPROTO}, /* beyond the message */
    {FIELD(ppi_bytes), 0xFFFFFFFF, -EPROTO},
    {FIELD(oob_off), 0xFFFFFFFF, 0}, /* not looked at */
};

static void packet_parts_must_lie_in_the_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(packet_cases); i++) {
        struct rndis_packet wire = sane_packet();
        struct rndis_layout at;

        print_message("case %zu\n", i);
        memcpy((uint8_t *)&wire + packet_cases[i].field_off, &packet_cases[i].value, 4);
        assert_int_equal(rndis_parse_packet(&wire, sizeof(wire), 120, &at), packet_cases[i].want);
    }
}

static void per_packet_info_may_follow_the_data(void **state)
{
    struct rndis_packet wire = sane_packet();
    struct rndis_layout at;

    (void)state;
    wire.data_off = 36;
    wire.ppi_off = 76;
    assert_int_equal(rndis_parse_packet(&wire, sizeof(wire), 120, &at), 0);
    wire.ppi_off = 72;
    assert_int_equal(rndis_parse_packet(&wire, sizeof(wire), 120, &at), -EPROTO);
}

/* ---- per-packet info ------------------------------------------------------------------------ */

struct ppi_case {
    uint32_t size_bytes, type, data_off;
    size_t area_bytes;
    int want;
};

static const struct ppi_case ppi_cases[] = {
    {16, RNDIS_PPI_CSUM, 12, 16, 0},
    {0, RNDIS_PPI_CSUM, 12, 16, -EPROTO}, /* would never advance */
    {4, RNDIS_PPI_CSUM, 12, 16, -EPROTO},
    {11, RNDIS_PPI_CSUM, 12, 16, -EPROTO},
    {12, RNDIS_PPI_CSUM, 12, 12, -EPROTO}, /* no room for the word */
    {12, 77, 12, 12, 0},                   /* unknown and empty: skipped */
    {14, 77, 12, 16, -EPROTO},             /* not a multiple of 4 */
    {20, RNDIS_PPI_CSUM, 12, 16, -EPROTO}, /* beyond the area */
    {0xFFFFFFFC, RNDIS_PPI_CSUM, 12, 16, -EPROTO},
    {16, RNDIS_PPI_CSUM, 11, 16, -EPROTO},
    {16, RNDIS_PPI_CSUM, 13, 16, -EPROTO},
    {16, RNDIS_PPI_CSUM, 0xFFFFFFFC, 16, -EPROTO},
    {20, RNDIS_PPI_CSUM, 16, 20, 0},
    {16, 77, 0xFFFFFFFF, 16, 0}, /* unknown: its inside is not ours */
    {16, RNDIS_PPI_PACKET_ID, 12, 16, 0},
    {16, RNDIS_PPI_CSUM, 12, 20, -EPROTO}, /* four bytes left over */
};

static void info_elements_must_advance_and_stay_inside(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(ppi_cases); i++) {
        const struct ppi_case *c = &ppi_cases[i];
        const struct rndis_ppi ppi = {c->size_bytes, c->type, c->data_off};
        uint8_t *area = calloc(1, c->area_bytes); /* exact, for the address sanitizer */
        struct rndis_meta meta;

        print_message("case %zu\n", i);
        memcpy(area, &ppi, sizeof(ppi));
        assert_int_equal(rndis_parse_ppis(area, c->area_bytes, &meta), c->want);
        free(area);
    }
}

static void hash_and_unknown_elements_are_taken_in_any_order(void **state)
{
    static const uint32_t area[] = {16, 77, 12, 1, 16, RNDIS_PPI_HASH, 12, 0xABCD0123, 24,
                                    9,  12, 0,  0, 0};
    struct rndis_meta meta;

    (void)state;
    assert_int_equal(rndis_parse_ppis(area, sizeof(area), &meta), 0);
    assert_int_equal(meta.hash, 0xABCD0123);
    assert_false(meta.has_tci);
}

static void vlan_word_becomes_a_tag_of_802_1q(void **state)
{
    static const struct {
        uint32_t word;
        uint16_t tci;
    } cases[] = {{0x0645, 0xA064}, {0x0001, 0x2000}, {0x0007, 0xE000},
                 {0x0008, 0x1000}, {0xFFF0, 0x0FFF}, {0xFFFF0010, 0x0001}};

    (void)state;
    for (size_t i = 0; i < countof(cases); i++) {
        const uint32_t area[] = {16, RNDIS_PPI_VLAN, 12, cases[i].word};
        struct rndis_meta meta;

        assert_int_equal(rndis_parse_ppis(area, sizeof(area), &meta), 0);
        assert_int_equal(meta.tci, cases[i].tci);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(initialize_is_vector_5),
        cmocka_unit_test(query_without_information_still_has_an_offset),
        cmocka_unit_test(set_carries_its_value_behind_the_header),
        cmocka_unit_test(halt_is_three_words),
        cmocka_unit_test(packet_header_without_ppi_names_what_follows),
        cmocka_unit_test(initialize_complete_of_vector_5_is_accepted),
        cmocka_unit_test(initialize_complete_with_insane_limits_is_refused),
        cmocka_unit_test(replies_must_be_whole_in_the_message_and_the_message_in_the_range),
        cmocka_unit_test(request_ids_come_from_completions_only),
        cmocka_unit_test(information_must_lie_in_the_reply),
        cmocka_unit_test(a_failed_query_has_no_information),
        cmocka_unit_test(indication_may_reach_beyond_its_own_length_but_not_the_range),
        cmocka_unit_test(packet_of_vector_7_is_laid_out_as_said),
        cmocka_unit_test(ppis_of_vector_7_say_vlan_and_checksum),
        cmocka_unit_test(packet_parts_must_lie_in_the_message),
        cmocka_unit_test(per_packet_info_may_follow_the_data),
        cmocka_unit_test(info_elements_must_advance_and_stay_inside),
        cmocka_unit_test(hash_and_unknown_elements_are_taken_in_any_order),
        cmocka_unit_test(vlan_word_becomes_a_tag_of_802_1q),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
