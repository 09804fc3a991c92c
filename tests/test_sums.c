/* SPDX-License-Identifier: BSD-3-Clause */
/* The sums of lwIP's packets and the host's own, against RFC 1071's, word by word. */
#include "check.h"
#include "hvh_offload.h"
#include "port_sum.h"

#include <string.h>

#define BYTES_MAX 200
#define PLACES 9

static uint16_t by_words(const uint8_t *at, int bytes)
{
    uint32_t sum = 0;

    for (int i = 0; i < bytes; i++)
        sum += (uint32_t)at[i] << (i % 2 ? 8 : 0);
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)sum;
}

static void check(const uint8_t *data, int bytes)
{
    const uint16_t sum = by_words(data, bytes);

    assert_int_equal(port_sum(data, bytes), sum);
    assert_int_equal(hvh_sum_fold(hvh_sum_add(0, data, (uint32_t)bytes)), sum);
}

static void check_all_lengths_and_places(const uint8_t *data)
{
    for (int place = 0; place < PLACES; place++) {
        for (int bytes = 0; bytes <= BYTES_MAX; bytes++)
            check(data + place, bytes);
    }
}

static void any_length_at_any_place_has_the_sum_of_its_words(void **state)
{
    uint8_t data[PLACES + BYTES_MAX];
    uint32_t x = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++) {
        x = x * 1664525u + 1013904223u;
        data[i] = (uint8_t)(x >> 24);
    }
    check_all_lengths_and_places(data);
}

static void what_overflows_comes_back_in(void **state)
{
    uint8_t data[PLACES + BYTES_MAX];

    (void)state;
    memset(data, 0xFF, sizeof(data));
    check_all_lengths_and_places(data);
}

static void the_longest_datagram_is_summed(void **state)
{
    static uint8_t data[65535];

    (void)state;
    memset(data, 0xFE, sizeof(data));
    check(data, sizeof(data));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_length_at_any_place_has_the_sum_of_its_words),
        cmocka_unit_test(what_overflows_comes_back_in),
        cmocka_unit_test(the_longest_datagram_is_summed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
