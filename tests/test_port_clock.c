/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"
#include "port_clock.h"

static uint64_t stopped_clock(void *ctx)
{
    return *(uint64_t *)ctx;
}

static void time_never_runs_backwards(void **state)
{
    uint64_t before = port_clock_now();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        const uint64_t now = port_clock_now();

        assert_true(now >= before);
        before = now;
    }
}

static void wall_clock_counts_from_1970(void **state)
{
    (void)state;
    /* After 2020 and before 2200, in nanoseconds. */
    assert_in_range(port_clock_wall(), 1577836800 * PORT_NS_PER_S,
                    UINT64_C(7258118400) * PORT_NS_PER_S);
}

static void a_test_can_stop_time_and_let_it_go_on(void **state)
{
    uint64_t now = 42;

    (void)state;
    port_clock_source(stopped_clock, &now);
    assert_int_equal(port_clock_now(), 42);
    assert_int_equal(port_clock_wall(), 42);
    now = 43;
    assert_int_equal(port_clock_now(), 43);
    port_clock_source(NULL, NULL);
    assert_true(port_clock_now() > 43);
}

static void within_a_turn_time_is_that_of_its_begin_for_who_does_not_mind(void **state)
{
    uint64_t now = 42;

    (void)state;
    port_clock_source(stopped_clock, &now);
    assert_int_equal(port_clock_turn_now(), 42);
    assert_int_equal(port_clock_turn_wall(), 42);
    port_clock_turn(40);
    assert_int_equal(port_clock_turn_now(), 40);
    assert_int_equal(port_clock_turn_wall(), 42);
    now = 43;
    assert_int_equal(port_clock_turn_now(), 40);
    assert_int_equal(port_clock_turn_wall(), 42); /* looked at once */
    assert_int_equal(port_clock_now(), 43);
    port_clock_turn(41); /* the next */
    assert_int_equal(port_clock_turn_wall(), 43);
    port_clock_turn(0);
    now = 44;
    assert_int_equal(port_clock_turn_now(), 44);
    assert_int_equal(port_clock_turn_wall(), 44);
    port_clock_source(NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_never_runs_backwards),
        cmocka_unit_test(wall_clock_counts_from_1970),
        cmocka_unit_test(a_test_can_stop_time_and_let_it_go_on),
        cmocka_unit_test(within_a_turn_time_is_that_of_its_begin_for_who_does_not_mind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
