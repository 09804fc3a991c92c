/* SPDX-License-Identifier: BSD-3-Clause */
/* The quick way through a data message takes what hosts send, and nothing the parsers would judge
 * otherwise. */
#include "check.h"

#include <string.h>

#include "rndis_both.h"

#define MESSAGE_BYTES 256u

static uint32_t seed = 1;

static uint32_t below(uint32_t limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % limit;
}

/* A frame of 100 bytes behind (count) elements of (types). */
static uint32_t build(uint8_t *msg, const uint32_t *types, unsigned count)
{
    uint8_t *at = msg + rndis_put_packet(msg, count * RNDIS_PPI_BYTES, 0);

    memset(at, 0x55, MESSAGE_BYTES - (size_t)(at - msg));
    for (unsigned i = 0; i < count; i++) {
        const struct rndis_ppi ppi = {RNDIS_PPI_BYTES, types[i], RNDIS_PPI_DATA_OFF};
        const uint32_t word = below(1u << 24) << 8 | below(256);

        at = msg + sizeof(struct rndis_packet) + i * RNDIS_PPI_BYTES;
        memcpy(at, &ppi, sizeof(ppi));
        memcpy(at + RNDIS_PPI_DATA_OFF, &word, sizeof(word));
    }
    return rndis_put_packet(msg, count * RNDIS_PPI_BYTES, 100);
}

static void what_hosts_send_is_taken_quickly(void **state)
{
    static const uint32_t types[] = {RNDIS_PPI_CSUM, RNDIS_PPI_VLAN, RNDIS_PPI_HASH, 77};
    uint8_t msg[MESSAGE_BYTES];

    (void)state;
    for (unsigned count = 0; count <= 4; count++) {
        const uint32_t bytes = build(msg, types, count);

        assert_int_equal(rndis_both(msg, bytes), count ? RNDIS_BOTH_ELEMENTS : RNDIS_BOTH_PLAIN);
        assert_int_equal(rndis_both(msg, bytes + 50),
                         count ? RNDIS_BOTH_ELEMENTS : RNDIS_BOTH_PLAIN);
        assert_int_equal(rndis_both(msg, bytes - 1), RNDIS_BOTH_LONG);
    }
}

/* The word of an element of build()'s with nothing but (flags) in it. */
static void set_flags(uint8_t *msg, uint8_t flags)
{
    const struct rndis_packet_id id = {.version = RNDIS_PACKET_ID_VERSION, .flags = flags};

    memcpy(msg + sizeof(struct rndis_packet) + RNDIS_PPI_DATA_OFF, &id, sizeof(id));
}

static void a_fragment_says_nothing_else_or_takes_the_long_way(void **state)
{
    static const uint32_t types[] = {RNDIS_PPI_PACKET_ID, RNDIS_PPI_CSUM};
    uint8_t msg[MESSAGE_BYTES];
    uint32_t bytes = build(msg, types, 1);

    (void)state;
    set_flags(msg, RNDIS_PACKET_ID_FRAGMENT | RNDIS_PACKET_ID_LAST);
    assert_int_equal(rndis_both(msg, bytes), RNDIS_BOTH_FRAGMENT);
    assert_int_equal(rndis_both(msg, bytes - 1), RNDIS_BOTH_LONG);
    set_flags(msg, RNDIS_PACKET_ID_LAST); /* without the flag for it: no fragment */
    assert_int_equal(rndis_both(msg, bytes), RNDIS_BOTH_LONG);
    bytes = build(msg, types, 2);
    set_flags(msg, RNDIS_PACKET_ID_FRAGMENT);
    assert_int_equal(rndis_both(msg, bytes), RNDIS_BOTH_LONG);
}

static void empty_frames_take_the_long_way(void **state)
{
    uint8_t msg[MESSAGE_BYTES];

    (void)state;
    memset(msg, 0, sizeof(msg));
    rndis_put_packet(msg, 0, 0);
    assert_int_equal(rndis_both(msg, 100), RNDIS_BOTH_LONG);
}

/* Numbers that are right, nearly right, or make a sum wrap. */
static uint32_t some_word(void)
{
    static const uint32_t words[] = {0,  1,  12, 16,  32,  36,  44,  52,         60,         64,
                                     68, 92, 99, 100, 101, 136, 144, UINT32_MAX, 0x80000000, 108};

    switch (below(4)) {
    case 0:
        return below(260);
    case 1:
        return 0u - 1 - below(260);
    default:
        return words[below(sizeof(words) / sizeof(words[0]))];
    }
}

static void mutate(uint8_t *msg)
{
    const uint32_t word = some_word();

    switch (below(4)) {
    case 0: /* anything up to the end of the elements */
        msg[below(sizeof(struct rndis_packet) + RNDIS_QUICK_PPIS_BYTES_MAX)] ^=
            (uint8_t)(1u << below(8));
        break;
    case 1:
        memcpy(msg + sizeof(struct rndis_packet) + 4 * below(16), &word, sizeof(word));
        break;
    default:
        memcpy(msg + 4 * below(sizeof(struct rndis_packet) / 4), &word, sizeof(word));
        break;
    }
}

static void however_a_message_is_spoilt_both_ways_agree(void **state)
{
    static const uint32_t types[] = {
        RNDIS_PPI_CSUM, RNDIS_PPI_VLAN, RNDIS_PPI_HASH, RNDIS_PPI_PACKET_ID, 77, RNDIS_PPI_LSO};
    unsigned seen[RNDIS_BOTH_DIFFER + 1] = {0};
    uint8_t msg[MESSAGE_BYTES];

    (void)state;
    for (unsigned i = 0; i < 1000000; i++) {
        uint32_t some[5], bytes, range_bytes;

        for (unsigned k = 0; k < 5; k++)
            some[k] = types[below(sizeof(types) / sizeof(types[0]))];
        bytes = build(msg, some, below(6));
        for (unsigned k = below(4); k > 0; k--)
            mutate(msg);
        range_bytes = below(4) ? bytes + below(40) : bytes - below(40);
        seen[rndis_both(msg, range_bytes)]++;
    }
    assert_int_equal(seen[RNDIS_BOTH_DIFFER], 0);
    assert_true(seen[RNDIS_BOTH_PLAIN] > 20000);
    assert_true(seen[RNDIS_BOTH_ELEMENTS] > 20000);
    assert_true(seen[RNDIS_BOTH_FRAGMENT] > 2000);
    assert_true(seen[RNDIS_BOTH_LONG] > 200000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_hosts_send_is_taken_quickly),
        cmocka_unit_test(a_fragment_says_nothing_else_or_takes_the_long_way),
        cmocka_unit_test(empty_frames_take_the_long_way),
        cmocka_unit_test(however_a_message_is_spoilt_both_ways_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
