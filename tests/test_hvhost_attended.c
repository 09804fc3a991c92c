/* SPDX-License-Identifier: BSD-3-Clause */
/* A host that one loop turns together with its guest: when it asks for doorbells. */
#include "raw_guest.h"

static struct raw_guest *up(const struct hvhost_nic_config *config)
{
    const struct hvhost_config attended = {.attended = true};
    struct raw_guest *g = raw_guest_create_on(&attended, config);

    raw_bring_up(g);
    raw_step(g); /* takes the last completion */
    return g;
}

static void down(struct raw_guest *g)
{
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void say_something(struct raw_guest *g)
{
    uint8_t message[512];

    raw_section_send(g, 0, message, raw_frame_message(message, 64, 0xAA));
}

static bool masked(const struct raw_guest *g)
{
    return atomic_load(&g->tx_ctl->interrupt_mask) != 0;
}

/* Its guest chooses memory by that. */
static void it_says_that_it_is_in_its_guests_thread_and_another_does_not(void **state)
{
    struct raw_guest *g = up(NULL), *other = raw_guest_create(NULL);

    (void)state;
    assert_true(g->t.host_here);
    assert_false(other->t.host_here);
    down(g);
    raw_guest_destroy(other);
}

static void awake_it_looks_in_every_step_and_asks_for_no_doorbell(void **state)
{
    struct raw_guest *g = up(NULL);

    (void)state;
    for (unsigned i = 1; i <= 3; i++) {
        say_something(g);
        raw_step(g);
        assert_int_equal(g->port_frames, i);
        assert_true(masked(g));
        raw_step(g); /* one in which there is nothing to do */
        assert_true(masked(g));
    }
    assert_int_equal(raw_stat(g, doorbells), 0);
    down(g);
}

static void its_loop_may_sleep_until_the_guest_rings(void **state)
{
    struct raw_guest *g = up(NULL);

    (void)state;
    assert_int_equal(hvhost_next_deadline(g->host, g->now_ns), UINT64_MAX);
    assert_true(hvhost_arm(g->host, true));
    assert_false(masked(g));
    assert_int_equal(hvhost_next_deadline(g->host, g->now_ns), UINT64_MAX);
    say_something(g);
    assert_int_equal(raw_stat(g, doorbells), 1);
    assert_int_equal(hvhost_next_deadline(g->host, g->now_ns), 0);
    assert_true(hvhost_arm(g->host, false));
    assert_true(masked(g));
    raw_step(g);
    assert_int_equal(g->port_frames, 1);
    down(g);
}

static void what_the_guest_said_before_keeps_the_loop_from_sleeping(void **state)
{
    struct raw_guest *g = up(NULL);

    (void)state;
    say_something(g);
    assert_false(hvhost_arm(g->host, true));
    assert_true(masked(g));
    hvhost_arm(g->host, false);
    raw_step(g);
    assert_int_equal(g->port_frames, 1);
    assert_true(hvhost_arm(g->host, true));
    assert_int_equal(raw_stat(g, doorbells), 0);
    down(g);
}

/* A card told to poll does so whoever turns it, and its loop never sleeps. */
static void a_polling_card_is_looked_at_always(void **state)
{
    const struct hvhost_nic_config config = {.poll = true};
    struct raw_guest *g = up(&config);

    (void)state;
    assert_true(hvhost_arm(g->host, true));
    assert_true(masked(g));
    assert_int_equal(hvhost_next_deadline(g->host, g->now_ns), 0);
    down(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_that_it_is_in_its_guests_thread_and_another_does_not),
        cmocka_unit_test(awake_it_looks_in_every_step_and_asks_for_no_doorbell),
        cmocka_unit_test(its_loop_may_sleep_until_the_guest_rings),
        cmocka_unit_test(what_the_guest_said_before_keeps_the_loop_from_sleeping),
        cmocka_unit_test(a_polling_card_is_looked_at_always),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
