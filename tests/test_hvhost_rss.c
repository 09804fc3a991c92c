/* SPDX-License-Identifier: BSD-3-Clause */
/* The host's spreading: Microsoft's published hash values, and what a guest may set. */
#include <arpa/inet.h>
#include <string.h>

#include "check.h"
#include "hvh_rss.h"
#include "rndis_reg.h"
#include "rss_reg.h"

static const uint8_t key[NDIS_RSS_KEY_BYTES] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

/* "Verifying the RSS hash calculation", in the documentation of Windows drivers. */
static const struct {
    int family;
    const char *from, *to;
    uint16_t from_port, to_port;
    uint32_t address_hash, tcp_hash;
} published[] = {
    {AF_INET, "66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178},
    {AF_INET, "199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea},
    {AF_INET, "24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a},
    {AF_INET, "38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f},
    {AF_INET, "153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5, 0x10e828a2},
    {AF_INET6, "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x2cc18cd5, 0x40207d3d},
    {AF_INET6, "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0x0f0c461c, 0xdde51bbf},
    {AF_INET6, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf", 44251, 38024,
     0x4b61e985, 0x02d1feef},
};

/* A TCP frame of row (i). Returns its length. */
static uint32_t frame_of(unsigned i, uint8_t frame[128])
{
    bool v4 = published[i].family == AF_INET;
    uint32_t at = v4 ? 26 : 22, size = v4 ? 4 : 16;
    uint16_t ports[2] = {htons(published[i].from_port), htons(published[i].to_port)};

    memset(frame, 0, 128);
    frame[12] = v4 ? 0x08 : 0x86;
    frame[13] = v4 ? 0x00 : 0xdd;
    frame[14] = v4 ? 0x45 : 0x60;
    frame[v4 ? 23 : 20] = 6;
    assert_int_equal(inet_pton(published[i].family, published[i].from, frame + at), 1);
    assert_int_equal(inet_pton(published[i].family, published[i].to, frame + at + size), 1);
    memcpy(frame + at + 2 * size, ports, sizeof(ports));
    return at + 2 * size + 20;
}

static struct hvh_hash hash_of(uint32_t types, const uint8_t *bytes, uint32_t len)
{
    struct hvh_rss rss = {.on = true, .hash_types = types};
    const struct hvhost_frame frame = {.data = bytes, .len_bytes = len};

    memcpy(rss.key, key, sizeof(key));
    return hvh_rss_hash(&rss, &frame);
}

static void published_values_come_out(void **state)
{
    uint8_t frame[128];

    (void)state;
    for (unsigned i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        bool v4 = published[i].family == AF_INET;
        uint32_t address = v4 ? NDIS_RSS_IP4 : NDIS_RSS_IP6;
        uint32_t tcp = v4 ? NDIS_RSS_TCP4 : NDIS_RSS_TCP6;
        uint32_t len = frame_of(i, frame);
        struct hvh_hash hash = hash_of(address, frame, len);

        assert_int_equal(hash.value, published[i].address_hash);
        assert_int_equal(hash.type, address);
        hash = hash_of(address | tcp, frame, len);
        assert_int_equal(hash.value, published[i].tcp_hash);
        assert_int_equal(hash.type, tcp);
    }
}

static void what_has_no_ports_of_its_own_is_hashed_by_address_or_not_at_all(void **state)
{
    const uint32_t all = NDIS_RSS_IP4 | NDIS_RSS_TCP4;
    uint8_t frame[128];
    uint32_t len = frame_of(0, frame);

    (void)state;
    frame[20] = 0x20; /* more fragments */
    assert_int_equal(hash_of(all, frame, len).value, published[0].address_hash);
    assert_int_equal(hash_of(NDIS_RSS_TCP4, frame, len).type, 0);
    frame[20] = 0;
    assert_int_equal(hash_of(all, frame, 34).type, NDIS_RSS_IP4); /* cut before the ports */
    assert_int_equal(hash_of(all, frame, 33).type, 0);
    frame[23] = 17; /* UDP, not asked for */
    assert_int_equal(hash_of(all, frame, len).type, NDIS_RSS_IP4);
    frame[12] = 0x88;
    assert_int_equal(hash_of(all, frame, len).type, 0);
}

struct set {
    struct ndis_rss_params params;
    uint32_t table[4];
    uint8_t key[NDIS_RSS_KEY_BYTES];
};

static struct set good_set(void)
{
    struct set set = {
        .params = {.hash = NDIS_RSS_TOEPLITZ | NDIS_RSS_TCP4,
                   .table_bytes = 16,
                   .table_off = offsetof(struct set, table),
                   .key_bytes = NDIS_RSS_KEY_BYTES,
                   .key_off = offsetof(struct set, key)},
        .table = {0, 1, 2, 3},
    };

    memcpy(set.key, key, sizeof(key));
    return set;
}

static uint32_t try_set(const struct set *set, uint32_t bytes)
{
    struct hvh_rss rss = {.on = true, .hash_types = 7};
    uint32_t status = hvh_rss_set(&rss, 4, (const uint8_t *)set, bytes);

    if (status != RNDIS_STATUS_SUCCESS)
        assert_int_equal(rss.hash_types, 7); /* as it was */
    return status;
}

static void a_set_that_makes_no_sense_changes_nothing(void **state)
{
    struct set set = good_set();

    (void)state;
    assert_int_equal(try_set(&set, sizeof(set)), RNDIS_STATUS_SUCCESS);
    assert_int_equal(try_set(&set, sizeof(set.params) - 1), RNDIS_STATUS_INVALID_LENGTH);
    assert_int_equal(try_set(&set, sizeof(set) - 1), RNDIS_STATUS_INVALID_DATA);
    set.params.key_bytes = 39;
    assert_int_equal(try_set(&set, sizeof(set)), RNDIS_STATUS_INVALID_DATA);
    set = good_set();
    set.params.table_bytes = 15;
    assert_int_equal(try_set(&set, sizeof(set)), RNDIS_STATUS_INVALID_DATA);
    set = good_set();
    set.params.table_off = UINT32_MAX - 3;
    assert_int_equal(try_set(&set, sizeof(set)), RNDIS_STATUS_INVALID_DATA);
    set = good_set();
    set.table[3] = 4; /* there are four: 0..3 */
    assert_int_equal(try_set(&set, sizeof(set)), RNDIS_STATUS_INVALID_DATA);
}

/*
 * Linux sets such a key when its channels go up from one: seen in tests/vm, docs/protocol-notes.md.
 */
static void an_all_zero_key_is_taken_and_hashes_everything_to_zero(void **state)
{
    struct set set = good_set();
    struct hvh_rss rss = {0};
    uint8_t frame[128];

    (void)state;
    memset(set.key, 0, sizeof(set.key));
    set.params.hash |= NDIS_RSS_TCP6;
    assert_int_equal(hvh_rss_set(&rss, 4, (const uint8_t *)&set, sizeof(set)), 0);
    for (unsigned i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        const struct hvhost_frame f = {.data = frame, .len_bytes = frame_of(i, frame)};
        struct hvh_hash hash = hvh_rss_hash(&rss, &f);

        assert_true(hash.type != 0);
        assert_int_equal(hash.value, 0);
    }
}

static void a_short_table_is_repeated_and_disabling_turns_off(void **state)
{
    struct set set = good_set();
    struct hvh_rss rss = {0};

    (void)state;
    assert_int_equal(hvh_rss_set(&rss, 4, (const uint8_t *)&set, sizeof(set)), 0);
    assert_true(rss.on);
    for (unsigned i = 0; i < HVH_RSS_TABLE; i++)
        assert_int_equal(rss.table[i], i % 4);
    set.params.flags = NDIS_RSS_DISABLE;
    assert_int_equal(hvh_rss_set(&rss, 4, (const uint8_t *)&set, sizeof(set)), 0);
    assert_false(rss.on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values_come_out),
        cmocka_unit_test(what_has_no_ports_of_its_own_is_hashed_by_address_or_not_at_all),
        cmocka_unit_test(a_set_that_makes_no_sense_changes_nothing),
        cmocka_unit_test(an_all_zero_key_is_taken_and_hashes_everything_to_zero),
        cmocka_unit_test(a_short_table_is_repeated_and_disabling_turns_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
