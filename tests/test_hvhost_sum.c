/* SPDX-License-Identifier: BSD-3-Clause */
/* hvh_sum_add() against the sum as RFC 1071 tells it, word by word. */
#include "check.h"
#include "hvh_offload.h"

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

static void check_all_lengths_and_places(const uint8_t *data)
{
    for (int place = 0; place < PLACES; place++) {
        for (int bytes = 0; bytes <= BYTES_MAX; bytes++)
            assert_int_equal(hvh_sum_fold(hvh_sum_add(0, data + place, (uint32_t)bytes)),
                             by_words(data + place, bytes));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_length_at_any_place_has_the_sum_of_its_words),
        cmocka_unit_test(what_overflows_comes_back_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
