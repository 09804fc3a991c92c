/* SPDX-License-Identifier: BSD-3-Clause */
/* netvscctl unbind: the card, its addresses and the next boot go back to the kernel. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "ctl_kernel.h"

#define A FAKE_NIC_A
#define B FAKE_NIC_B

static struct ctl_kernel k;
static const struct ctl_bind_options for_good;

static void unbind_gives_driver_addresses_and_the_next_boot_back(void **state)
{
    (void)state;
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    assert_int_equal(ctl_kernel_unbind(&k, false), 0);
    assert_string_equal(k.log, "devices/" A "/driver_override < \\n\n"
                               "drivers/uio_hv_generic/unbind < " A "\n"
                               "drivers/hv_netvsc/bind < " A "\n"
                               "restore eth1: mtu 1500, 1 addresses, 1 routes\n");
    ctl_kernel_expect_as_before(&k);
}

static void unbind_once_leaves_the_next_boot_to_driverctl(void **state)
{
    (void)state;
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    assert_int_equal(ctl_kernel_unbind(&k, true), 0);
    assert_string_equal(ctl_kernel_driver(&k, A), "hv_netvsc");
    assert_string_equal(ctl_kernel_read(&k, KERNEL_KEPT), "uio_hv_generic");
}

static void a_class_is_removed_with_the_last_card_that_came_by_it(void **state)
{
    (void)state;
    ctl_kernel_without_override(&k);
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    assert_int_equal(k.ctl.ops->write(&k, fake_path(&k.fs, "drivers/hv_netvsc/unbind"), B), 0);
    assert_int_equal(k.ctl.ops->write(&k, fake_path(&k.fs, "drivers/uio_hv_generic/bind"), B), 0);
    assert_int_equal(ctl_kernel_unbind(&k, false), 0);
    assert_true(k.id);
    assert_string_equal(ctl_kernel_driver(&k, A), "hv_netvsc");
    assert_string_equal(ctl_kernel_driver(&k, B), "uio_hv_generic");
}

static void a_card_bound_by_others_goes_to_hv_netvsc(void **state)
{
    (void)state;
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    ctl_saved_remove(k.ctl.state_dir, A);
    assert_int_equal(ctl_kernel_unbind(&k, false), 0);
    assert_null(strstr(k.log, "restore"));
    ctl_kernel_expect_as_before(&k);
}

static void unbind_of_the_kernels_card_writes_nothing(void **state)
{
    (void)state;
    assert_int_equal(ctl_kernel_unbind(&k, false), 0);
    assert_string_equal(k.log, "");
    ctl_kernel_expect_as_before(&k);
}

static void unbind_waits_for_the_interface_to_get_its_name(void **state)
{
    (void)state;
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    k.late_name = true;
    assert_int_equal(ctl_kernel_unbind(&k, false), 0);
    assert_non_null(strstr(k.log, "restore eth1:"));
}

/* Unbound under a program the card would be lost until the next boot (ctl_users.c). */
static void a_card_that_a_program_has_is_not_taken_from_it(void **state)
{
    const char *said;

    (void)state;
    for (int mapped = 0; mapped < 2; mapped++) {
        assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
        ctl_kernel_open(&k, mapped);
        k.log[0] = '\0';
        stderr_catch(&k.catcher);
        assert_int_equal(ctl_unbind(&k.ctl, false, false), 1);
        said = stderr_caught(&k.catcher);
        assert_string_equal(k.log, "");
        assert_non_null(strstr(said, "netvsc-http (process 4711): it has the card. Stop it first"));
        ctl_kernel_close(&k);
        assert_int_equal(ctl_kernel_unbind(&k, false), 0);
        ctl_kernel_expect_as_before(&k);
    }
}

static void a_program_that_has_the_card_is_ended_the_hard_way_when_it_must_be(void **state)
{
    (void)state;
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    k.log[0] = '\0';
    assert_int_equal(ctl_users_end(&k.ctl), 0);
    assert_string_equal(k.log, "");
    ctl_kernel_open(&k, true);
    k.ends_at = SIGTERM;
    assert_int_equal(ctl_users_end(&k.ctl), 0);
    assert_string_equal(k.log, "signal 15 to 4711\n");
    ctl_kernel_open(&k, false);
    k.ends_at = SIGKILL;
    assert_int_equal(ctl_users_end(&k.ctl), 0);
    assert_string_equal(k.log, "signal 15 to 4711\nsignal 15 to 4711\nsignal 9 to 4711\n");
    ctl_kernel_open(&k, false);
    k.ends_at = 0;
    assert_int_equal(ctl_users_end(&k.ctl), -EBUSY);
}

static void an_address_that_does_not_come_back_is_named(void **state)
{
    const char *said;

    (void)state;
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    k.net_error = -EINVAL;
    stderr_catch(&k.catcher);
    assert_int_equal(ctl_unbind(&k.ctl, false, false), 1);
    said = stderr_caught(&k.catcher);
    assert_non_null(strstr(said, "eth1: Invalid argument. Set by hand: 10.0.0.4/24 scope 0."));
    assert_true(ctl_exists(ctl_kernel_path(&k, KERNEL_SAVED)));
}

static void unbind_dry_run_writes_nothing(void **state)
{
    const char *said;

    (void)state;
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    k.log[0] = '\0';
    ctl_kernel_catch_stdout();
    assert_int_equal(ctl_unbind(&k.ctl, false, true), 0);
    said = ctl_kernel_stdout();
    assert_string_equal(k.log, "");
    assert_non_null(strstr(said, "/drivers/hv_netvsc/bind\nrestore 1 addresses and 1 routes"));
    assert_string_equal(ctl_kernel_driver(&k, A), "uio_hv_generic");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_ctl_kernel(unbind_gives_driver_addresses_and_the_next_boot_back, &k),
        with_ctl_kernel(unbind_once_leaves_the_next_boot_to_driverctl, &k),
        with_ctl_kernel(a_class_is_removed_with_the_last_card_that_came_by_it, &k),
        with_ctl_kernel(a_card_bound_by_others_goes_to_hv_netvsc, &k),
        with_ctl_kernel(unbind_of_the_kernels_card_writes_nothing, &k),
        with_ctl_kernel(unbind_waits_for_the_interface_to_get_its_name, &k),
        with_ctl_kernel(a_card_that_a_program_has_is_not_taken_from_it, &k),
        with_ctl_kernel(a_program_that_has_the_card_is_ended_the_hard_way_when_it_must_be, &k),
        with_ctl_kernel(an_address_that_does_not_come_back_is_named, &k),
        with_ctl_kernel(unbind_dry_run_writes_nothing, &k),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
