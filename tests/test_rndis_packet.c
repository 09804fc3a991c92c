/* SPDX-License-Identifier: BSD-3-Clause */
/* RNDIS data packets and their per-packet info: golden bytes, and every check the parser makes. */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"
#include "rndis.h"

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

static void per_packet_info_is_aligned_wherever_it_lies(void **state)
{
    struct rndis_packet wire = sane_packet();
    struct rndis_layout at;

    (void)state;
    wire.data_off = 60;
    wire.data_bytes = 32;
    for (uint32_t off = 36; off <= 44; off++) {
        wire.ppi_off = off;
        assert_int_equal(rndis_parse_packet(&wire, sizeof(wire), 120, &at), off % 4 ? -EPROTO : 0);
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

static void odd_sizes_are_refused_even_if_they_add_up(void **state)
{
    uint8_t area[28] = {14, 0, 0, 0, 77, 0, 0, 0, 12, 0, 0, 0, 0, 0};
    struct rndis_meta meta;

    (void)state;
    memcpy(area + 14, area, 14);
    assert_int_equal(rndis_parse_ppis(area, sizeof(area), &meta), -EPROTO);
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

/* ---- building ------------------------------------------------------------------------------ */

static void header_and_elements_of_vector_6_are_built_byte_for_byte(void **state)
{
    const struct rndis_tx_info info = {
        .has_tci = true,
        .tci = 5 << 13 | 100,
        .csum = rndis_csum_word(RNDIS_TXCSUM_IPV4 | RNDIS_TXCSUM_TCP | RNDIS_TXCSUM_IPHDR, 34)};
    uint8_t bytes[76];

    (void)state;
    assert_int_equal(rndis_put_packet(bytes, 32, 60), 136);
    assert_int_equal(rndis_build_tx_info(bytes + 44, &info), 32);
    check_hex(bytes, sizeof(bytes),
              "01 00 00 00 88 00 00 00  44 00 00 00 3c 00 00 00"
              "00 00 00 00 00 00 00 00  00 00 00 00 24 00 00 00"
              "20 00 00 00 00 00 00 00  00 00 00 00 10 00 00 00"
              "06 00 00 00 0c 00 00 00  45 06 00 00 10 00 00 00"
              "00 00 00 00 0c 00 00 00  15 00 22 00");
}

static void elements_go_out_as_hash_vlan_lso(void **state)
{
    const struct rndis_tx_info info = {.has_hash = true,
                                       .hash = 3,
                                       .has_tci = true,
                                       .tci = 0x1FFF,
                                       .lso = rndis_lso_word(true, 1440, 54)};
    uint8_t bytes[RNDIS_TX_PPIS_BYTES_MAX];

    (void)state;
    assert_int_equal(rndis_build_tx_info(bytes, &info), sizeof(bytes));
    check_hex(bytes, sizeof(bytes),
              "10 00 00 00 08 00 00 00  0c 00 00 00 03 00 00 00"
              "10 00 00 00 06 00 00 00  0c 00 00 00 f8 ff 00 00"
              "10 00 00 00 02 00 00 00  0c 00 00 00 a0 05 60 c3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packet_of_vector_7_is_laid_out_as_said),
        cmocka_unit_test(ppis_of_vector_7_say_vlan_and_checksum),
        cmocka_unit_test(packet_parts_must_lie_in_the_message),
        cmocka_unit_test(per_packet_info_is_aligned_wherever_it_lies),
        cmocka_unit_test(per_packet_info_may_follow_the_data),
        cmocka_unit_test(info_elements_must_advance_and_stay_inside),
        cmocka_unit_test(odd_sizes_are_refused_even_if_they_add_up),
        cmocka_unit_test(hash_and_unknown_elements_are_taken_in_any_order),
        cmocka_unit_test(vlan_word_becomes_a_tag_of_802_1q),
        cmocka_unit_test(header_and_elements_of_vector_6_are_built_byte_for_byte),
        cmocka_unit_test(elements_go_out_as_hash_vlan_lso),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
