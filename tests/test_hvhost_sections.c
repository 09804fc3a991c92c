/* SPDX-License-Identifier: BSD-3-Clause */
/* Which receive section is lent next: what came back last, but full frames' in turns. */
#include <unistd.h>

#include "check.h"
#include "hvh_sections.h"

#define LONG_BYTES 65536u
#define SHORT_BYTES 2048u
#define ROW_BYTES (2u << 20)
#define COUNT 3000u

static struct hvh_sections s;

static void setup(uint32_t bytes, uint32_t row_bytes)
{
    assert_int_equal(hvh_sections_create(&s, COUNT), 0);
    hvh_sections_init(&s, bytes, COUNT, row_bytes);
}

static void teardown(void)
{
    assert_true(hvh_sections_sound(&s));
    hvh_sections_destroy(&s);
}

/* A packet of (count) sections, (bytes) in the first, goes to the guest: that one. */
static uint32_t lend_full(uint32_t count, uint32_t bytes)
{
    uint32_t head = HVH_SECTION_NONE, tail = HVH_SECTION_NONE;

    for (uint32_t i = 0; i < count; i++) {
        const uint32_t next = hvh_sections_next(&s);

        tail = hvh_sections_take(&s, HVH_USE_DATA, tail);
        assert_int_equal(tail, next);
        head = i == 0 ? tail : head;
    }
    hvh_sections_lend(&s, head, bytes);
    return head;
}

static uint32_t lend(uint32_t count)
{
    return lend_full(count, 60);
}

static uint32_t lend_and_return(uint32_t count)
{
    const uint32_t head = lend(count);

    assert_true(hvh_sections_return(&s, head));
    return head;
}

static void a_short_packets_section_is_the_next_ones(void **state)
{
    uint32_t first;

    (void)state;
    setup(SHORT_BYTES, ROW_BYTES);
    first = lend_and_return(1);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(lend_and_return(1), first);
    teardown();
}

static void long_packets_take_sections_of_two_mib_in_turns(void **state)
{
    const uint32_t row = ROW_BYTES / LONG_BYTES;
    uint32_t first;

    (void)state;
    setup(LONG_BYTES, ROW_BYTES);
    first = lend(1);
    assert_true(hvh_sections_return(&s, first));
    for (uint32_t i = 1; i < 5 * row; i++)
        assert_int_equal(lend_and_return(1), first + i % row);
    teardown();
}

static void full_frames_take_the_row_in_turns_and_short_ones_do_not(void **state)
{
    const uint32_t row = ROW_BYTES / SHORT_BYTES;
    uint32_t first, id;

    (void)state;
    setup(SHORT_BYTES, ROW_BYTES);
    first = lend_and_return(1);
    for (uint32_t i = 0; i < 3 * row; i++) {
        id = lend_full(1, 1558);
        assert_int_equal(id, first + i % row);
        assert_true(hvh_sections_return(&s, id));
        assert_false(hvh_sections_return(&s, id));
    }
    id = lend_and_return(1);
    assert_int_equal(lend_and_return(1), id);
    teardown();
}

static void the_row_is_longer_than_a_second_level_cache(void **state)
{
    const long cache_bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);

    (void)state;
    assert_in_range(hvh_sections_row_bytes(), 2u << 20, 16u << 20);
    if (cache_bytes < 12 << 20)
        assert_true(hvh_sections_row_bytes() > cache_bytes);
}

static void what_a_chain_takes_makes_it_long(void **state)
{
    const uint32_t row = ROW_BYTES / SHORT_BYTES, chain = 32768 / SHORT_BYTES;
    uint32_t first, again;

    (void)state;
    setup(SHORT_BYTES, ROW_BYTES);
    first = lend_and_return(chain);
    for (uint32_t i = 1; i < row / chain; i++)
        assert_int_equal(lend_and_return(chain), first + i * chain);
    assert_int_equal(lend_and_return(chain), first);
    again = lend_and_return(chain - 1);
    assert_in_range(lend(chain - 1), again, again + chain - 2);
    teardown();
}

static void sections_beyond_the_row_are_lent_when_it_is_empty(void **state)
{
    const uint32_t row = ROW_BYTES / LONG_BYTES;
    uint32_t head[ROW_BYTES / LONG_BYTES], beyond;

    (void)state;
    setup(LONG_BYTES, ROW_BYTES);
    for (uint32_t i = 0; i < row; i++)
        head[i] = lend(1);
    beyond = lend(1);
    assert_int_equal(beyond, head[row - 1] + 1);
    assert_true(hvh_sections_return(&s, head[7]));
    assert_true(hvh_sections_return(&s, beyond));
    assert_int_equal(lend(1), head[7]);
    while (s.free[HVH_USE_DATA])
        lend(1);
    assert_int_equal(hvh_sections_next(&s), HVH_SECTION_NONE);
    assert_int_equal(hvh_sections_take(&s, HVH_USE_DATA, HVH_SECTION_NONE), HVH_SECTION_NONE);
    teardown();
}

static void with_the_guest_in_this_thread_the_last_one_is_the_next(void **state)
{
    uint32_t first;

    (void)state;
    setup(LONG_BYTES, 0);
    first = lend_and_return(1);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(lend_and_return(1), first);
    teardown();
}

static uint32_t seed = 1;

static uint32_t below(uint32_t limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % limit;
}

static void whatever_comes_and_goes_the_books_balance(void **state)
{
    uint32_t lent[200], count = 0;

    (void)state;
    setup(SHORT_BYTES, ROW_BYTES);
    for (unsigned i = 0; i < 20000; i++) {
        if (below(2) && count < countof(lent) && s.free[HVH_USE_DATA] >= 60) {
            lent[count++] = lend(1 + below(60));
        } else if (count) {
            const uint32_t which = below(count);

            assert_true(hvh_sections_return(&s, lent[which]));
            assert_false(hvh_sections_return(&s, lent[which])); /* once */
            lent[which] = lent[--count];
        }
        if (i % 100 == 0)
            assert_true(hvh_sections_sound(&s));
    }
    while (count)
        assert_true(hvh_sections_return(&s, lent[--count]));
    assert_int_equal(s.free[HVH_USE_DATA], COUNT - HVH_SECTIONS_CONTROL);
    teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_packets_section_is_the_next_ones),
        cmocka_unit_test(long_packets_take_sections_of_two_mib_in_turns),
        cmocka_unit_test(full_frames_take_the_row_in_turns_and_short_ones_do_not),
        cmocka_unit_test(the_row_is_longer_than_a_second_level_cache),
        cmocka_unit_test(what_a_chain_takes_makes_it_long),
        cmocka_unit_test(sections_beyond_the_row_are_lent_when_it_is_empty),
        cmocka_unit_test(with_the_guest_in_this_thread_the_last_one_is_the_next),
        cmocka_unit_test(whatever_comes_and_goes_the_books_balance),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
