/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"
#include "port_idle.h"

static void a_loop_that_works_does_not_sleep(void **state)
{
    struct port_idle idle = {.spin_ns = 50000};

    (void)state;
    for (uint64_t now = 1000000; now < 2000000; now += 1000)
        assert_false(port_idle_turn(&idle, true, now));
}

static void it_spins_for_the_whole_spin_time_and_not_longer(void **state)
{
    struct port_idle idle = {.spin_ns = 50000};

    (void)state;
    assert_false(port_idle_turn(&idle, true, 1000000));
    assert_false(port_idle_turn(&idle, false, 1049999));
    assert_true(port_idle_turn(&idle, false, 1050000));
}

static void after_an_empty_wake_it_sleeps_again_at_once(void **state)
{
    struct port_idle idle = {.spin_ns = 50000};

    (void)state;
    port_idle_turn(&idle, true, 1000000);
    assert_true(port_idle_turn(&idle, false, 2000000));
    assert_true(port_idle_turn(&idle, false, 2000001));
}

static void work_after_a_wake_buys_a_new_spin_time(void **state)
{
    struct port_idle idle = {.spin_ns = 50000};

    (void)state;
    assert_true(port_idle_turn(&idle, false, 2000000));
    assert_false(port_idle_turn(&idle, true, 2000001));
    assert_false(port_idle_turn(&idle, false, 2050000));
    assert_true(port_idle_turn(&idle, false, 2050001));
}

static void without_spin_time_it_sleeps_after_the_first_empty_turn(void **state)
{
    struct port_idle idle = {.spin_ns = 0};

    (void)state;
    assert_false(port_idle_turn(&idle, true, 5));
    assert_true(port_idle_turn(&idle, false, 5));
}

static void the_sooner_deadline_wins_and_never_is_never(void **state)
{
    (void)state;
    assert_int_equal(port_idle_sooner(UINT64_MAX, UINT64_MAX), UINT64_MAX);
    assert_int_equal(port_idle_sooner(UINT64_MAX, 7), 7);
    assert_int_equal(port_idle_sooner(0, 7), 0);
    assert_int_equal(port_idle_from_ms(UINT32_MAX), UINT64_MAX);
    assert_int_equal(port_idle_from_ms(3), 3000000);
    assert_int_equal(port_idle_from_ms(UINT32_MAX - 1), UINT64_C(4294967294000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_that_works_does_not_sleep),
        cmocka_unit_test(it_spins_for_the_whole_spin_time_and_not_longer),
        cmocka_unit_test(after_an_empty_wake_it_sleeps_again_at_once),
        cmocka_unit_test(work_after_a_wake_buys_a_new_spin_time),
        cmocka_unit_test(without_spin_time_it_sleeps_after_the_first_empty_turn),
        cmocka_unit_test(the_sooner_deadline_wins_and_never_is_never),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
