/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A TAP device that is down, deleted, in use or cannot be, in a network namespace of its own. Needs
 * root: skipped (77) without.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "tap_ends.h"

static void frames_for_a_link_that_is_down_are_counted(void **state)
{
    struct ends *e = *state;
    uint8_t data[60];
    struct hvhost_frame frame = {.data = data, .len_bytes = sizeof(data)};

    tap_fill(data, sizeof(data));
    tap_set_link(TAP, false, 1500);
    hvhost_port_send(e->port, &frame);
    assert_int_equal(tap_stats(e).tap_drop, 1);
    tap_set_link(TAP, true, 1500);
    hvhost_port_send(e->port, &frame);
    assert_int_equal(tap_stats(e).tap_drop, 1);
    assert_int_equal(tap_stats(e).tap_tx, 1);
}

static void a_deleted_device_is_let_go(void **state)
{
    struct ends *e = *state;
    uint8_t data[60];
    struct hvhost_frame frame = {.data = data, .len_bytes = sizeof(data)};
    struct pollfd fds[2];

    tap_fill(data, sizeof(data));
    assert_int_equal(system("ip link delete " TAP), 0);
    hvhost_step(e->host, 0);
    assert_int_equal(hvhost_pollfds(e->host, fds, countof(fds)), 0); /* or we would spin */
    hvhost_port_send(e->port, &frame);
    assert_int_equal(tap_stats(e).tap_drop, 1);
}

static void a_device_in_use_is_refused(void **state)
{
    struct ends *e = *state;
    struct hvhost *other;

    (void)e;
    assert_int_equal(hvhost_create(NULL, &other), 0);
    assert_int_equal(hvhost_tap_add(other, TAP), -EBUSY);
    hvhost_destroy(other);
}

static void names_no_device_can_have_are_refused(void **state)
{
    static const char *const names[] = {
        "", "sixteen_letters_", "a/b", "nvt%d", "two words", ".", "..", "lo"};
    struct ends *e = *state;
    unsigned i;

    for (i = 0; i < countof(names); i++)
        assert_int_equal(hvhost_tap_add(e->host, names[i]), -EINVAL);
}

/* ---- a device that outlives its users -------------------------------------------------------- */

#define TEST(name) cmocka_unit_test_setup_teardown(name, tap_setup, tap_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_for_a_link_that_is_down_are_counted),
        TEST(a_deleted_device_is_let_go),
        TEST(a_device_in_use_is_refused),
        TEST(names_no_device_can_have_are_refused),
    };

    return tap_run_tests(tests);
}
