/* SPDX-License-Identifier: BSD-3-Clause */
/* netvscctl bind: which writes, in which order, and all the ways back. */
#include <errno.h>
#include <string.h>

#include "ctl_kernel.h"

#define A FAKE_NIC_A
#define B FAKE_NIC_B

static struct ctl_kernel k;
static const struct ctl_bind_options for_good;

/* ---- bind ------------------------------------------------------------------------------------ */

#define BIND_BY_OVERRIDE                                                                           \
    "modprobe uio_hv_generic\n"                                                                    \
    "devices/" A "/driver_override < uio_hv_generic\n"                                             \
    "drivers/hv_netvsc/unbind < " A "\n"                                                           \
    "drivers/uio_hv_generic/bind < " A "\n"
#define BIND_BY_ID                                                                                 \
    "modprobe uio_hv_generic\n"                                                                    \
    "drivers/uio_hv_generic/new_id < " VMBUS_CLASS_NIC "\n"                                        \
    "drivers/hv_netvsc/unbind < " A "\n"                                                           \
    "drivers/uio_hv_generic/bind < " A "\n"

static void bind_overrides_releases_and_takes_in_this_order(void **state)
{
    (void)state;
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    assert_string_equal(k.log, BIND_BY_OVERRIDE);
    assert_string_equal(ctl_kernel_driver(&k, A), "uio_hv_generic");
    assert_int_equal(k.ctl.nic.uio, 0);
    assert_string_equal(ctl_kernel_read(&k, KERNEL_KEPT), "uio_hv_generic");
    assert_true(ctl_exists(ctl_kernel_path(&k, KERNEL_SAVED)));
}

static void a_kernel_without_the_attribute_gets_the_class(void **state)
{
    (void)state;
    ctl_kernel_without_override(&k);
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    assert_string_equal(k.log, BIND_BY_ID);
    assert_string_equal(ctl_kernel_driver(&k, A), "uio_hv_generic");
    assert_false(ctl_exists(ctl_kernel_path(&k, KERNEL_KEPT))); /* driverctl could not apply it */
}

static void the_other_card_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    assert_string_equal(ctl_kernel_driver(&k, B), "hv_netvsc");
    assert_string_equal(ctl_kernel_read(&k, "sys/bus/vmbus/devices/" B "/driver_override"),
                        "(null)");
    assert_false(ctl_exists(ctl_kernel_path(&k, "etc/driverctl.d/vmbus-" B)));
    assert_null(strstr(k.log, B));
}

static void a_loaded_module_is_not_loaded_again(void **state)
{
    (void)state;
    fake_write(fake_path(&k.fs, "drivers/uio_hv_generic/module"), "");
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    assert_null(strstr(k.log, "modprobe"));
}

static void a_card_without_driver_is_not_released_first(void **state)
{
    (void)state;
    assert_int_equal(k.ctl.ops->write(&k, fake_path(&k.fs, "drivers/hv_netvsc/unbind"), A), 0);
    k.log[0] = '\0';
    assert_int_equal(ctl_look(&k.ctl), 0);
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    assert_null(strstr(k.log, "unbind"));
    assert_string_equal(ctl_kernel_driver(&k, A), "uio_hv_generic");
}

static void a_bind_that_died_half_way_does_not_forget_the_addresses(void **state)
{
    struct ctl_saved saved;

    (void)state;
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    assert_int_equal(k.ctl.ops->write(&k, fake_path(&k.fs, "drivers/uio_hv_generic/unbind"), A), 0);
    assert_int_equal(ctl_look(&k.ctl), 0);
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    assert_int_equal(ctl_saved_read(k.ctl.state_dir, A, &saved), 0);
    assert_string_equal(saved.driver, "hv_netvsc");
    assert_string_equal(saved.net.addresses[0], "10.0.0.4/24 scope 0");
}

static void once_leaves_nothing_for_the_next_boot(void **state)
{
    const struct ctl_bind_options once = {.once = true};

    (void)state;
    assert_int_equal(ctl_kernel_bind(&k, &once), 0);
    assert_false(ctl_exists(ctl_kernel_path(&k, KERNEL_KEPT)));
}

static void a_bound_card_is_bound_already_and_can_be_kept(void **state)
{
    const struct ctl_bind_options once = {.once = true};

    (void)state;
    assert_int_equal(ctl_kernel_bind(&k, &once), 0);
    k.log[0] = '\0';
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    assert_string_equal(k.log, "");
    assert_string_equal(ctl_kernel_read(&k, KERNEL_KEPT), "uio_hv_generic");
}

static void dry_run_shows_the_writes_and_makes_none(void **state)
{
    const struct ctl_bind_options dry = {.dry_run = true};
    const char *said;

    (void)state;
    ctl_kernel_catch_stdout();
    assert_int_equal(ctl_bind(&k.ctl, &dry), 0);
    said = ctl_kernel_stdout();
    assert_string_equal(k.log, "");
    ctl_kernel_expect_as_before(&k);
    assert_non_null(strstr(said, "modprobe uio_hv_generic\n"));
    assert_non_null(strstr(said, "write uio_hv_generic to "));
    assert_non_null(strstr(said, "/devices/" A "/driver_override\nwrite " A " to "));
    assert_non_null(strstr(said, "/drivers/hv_netvsc/unbind\nwrite " A " to "));
    assert_non_null(strstr(said, "/drivers/uio_hv_generic/bind\nwrite uio_hv_generic to "));
    assert_non_null(strstr(said, "/" KERNEL_KEPT "\n"));
}

static void a_pci_address_is_refused_with_a_word_on_dpdk_devbind(void **state)
{
    static const char *const addresses[] = {"0000:00:02.0", "00:02.0", "7ad3:00:02.7"};
    const char *said;

    (void)state;
    for (size_t i = 0; i < countof(addresses); i++) {
        stderr_catch(&k.catcher);
        assert_int_equal(ctl_choose(&k.ctl, addresses[i]), 2);
        said = stderr_caught(&k.catcher);
        assert_non_null(strstr(said, "PCI address"));
        assert_non_null(strstr(said, "dpdk-devbind"));
    }
}

/* ---- bind fails ------------------------------------------------------------------------------ */

static void without_the_module_nothing_is_changed(void **state)
{
    const char *said;

    (void)state;
    k.no_module = true;
    stderr_catch(&k.catcher);
    assert_int_equal(ctl_bind(&k.ctl, &for_good), 1);
    said = stderr_caught(&k.catcher);
    assert_non_null(strstr(said, "modprobe uio_hv_generic: this kernel has no such module"));
    assert_string_equal(k.log, "modprobe uio_hv_generic\n");
    ctl_kernel_expect_as_before(&k);
}

static void unreadable_addresses_keep_the_card_in_the_kernel(void **state)
{
    (void)state;
    k.net_error = -E2BIG;
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 1);
    assert_string_equal(k.log, "");
    ctl_kernel_expect_as_before(&k);
}

static void an_unwritable_state_folder_keeps_the_card_in_the_kernel(void **state)
{
    (void)state;
    fake_write(ctl_kernel_path(&k, "run"), "a file where a folder should be");
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 1);
    assert_int_equal(k.writes, 0);
    ctl_kernel_expect_as_before(&k);
}

/* Write number (at) of a bind fails: which writes follow to come back? */
static void expect_way_back(unsigned at, const char *log)
{
    k.fail_at = at;
    k.fail_with = -EIO;
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 1);
    assert_string_equal(k.log, log);
    ctl_kernel_expect_as_before(&k);
}

static void a_refused_override_needs_no_way_back(void **state)
{
    (void)state;
    expect_way_back(1, "modprobe uio_hv_generic\n"
                       "devices/" A "/driver_override < uio_hv_generic\n");
}

static void a_refused_release_takes_the_override_back(void **state)
{
    (void)state;
    expect_way_back(2, "modprobe uio_hv_generic\n"
                       "devices/" A "/driver_override < uio_hv_generic\n"
                       "drivers/hv_netvsc/unbind < " A "\n"
                       "devices/" A "/driver_override < \\n\n");
}

static void a_refused_bind_takes_the_override_back_before_the_kernel_gets_its_card(void **state)
{
    (void)state;
    expect_way_back(3, BIND_BY_OVERRIDE "devices/" A "/driver_override < \\n\n"
                                        "drivers/hv_netvsc/bind < " A "\n"
                                        "restore eth1: mtu 1500, 1 addresses, 1 routes\n");
}

static void a_refused_class_needs_no_way_back(void **state)
{
    (void)state;
    ctl_kernel_without_override(&k);
    expect_way_back(1, "modprobe uio_hv_generic\n"
                       "drivers/uio_hv_generic/new_id < " VMBUS_CLASS_NIC "\n");
}

static void a_refused_release_takes_the_class_back(void **state)
{
    (void)state;
    ctl_kernel_without_override(&k);
    expect_way_back(2, "modprobe uio_hv_generic\n"
                       "drivers/uio_hv_generic/new_id < " VMBUS_CLASS_NIC "\n"
                       "drivers/hv_netvsc/unbind < " A "\n"
                       "drivers/uio_hv_generic/remove_id < " VMBUS_CLASS_NIC "\n");
}

static void a_refused_bind_takes_the_class_back(void **state)
{
    (void)state;
    ctl_kernel_without_override(&k);
    expect_way_back(3, BIND_BY_ID "drivers/uio_hv_generic/remove_id < " VMBUS_CLASS_NIC "\n"
                                  "drivers/hv_netvsc/bind < " A "\n"
                                  "restore eth1: mtu 1500, 1 addresses, 1 routes\n");
}

static void a_class_that_was_there_before_is_no_failure_and_stays(void **state)
{
    (void)state;
    ctl_kernel_without_override(&k);
    k.id = true;
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    assert_int_equal(ctl_kernel_unbind(&k, false), 0);
    assert_true(k.id);
}

static void a_bind_that_takes_nothing_is_noticed_and_undone(void **state)
{
    (void)state;
    k.bind_lies = true;
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 1);
    assert_string_equal(k.log, BIND_BY_OVERRIDE "devices/" A "/driver_override < \\n\n"
                                                "drivers/hv_netvsc/bind < " A "\n"
                                                "restore eth1: mtu 1500, 1 addresses, 1 routes\n");
    ctl_kernel_expect_as_before(&k);
}

static void a_binding_that_cannot_be_kept_is_undone(void **state)
{
    (void)state;
    fake_write(ctl_kernel_path(&k, "etc/driverctl.d"), "a file where a folder should be");
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 1);
    assert_non_null(strstr(k.log, "drivers/uio_hv_generic/unbind < " A "\n"
                                  "drivers/hv_netvsc/bind < " A "\n"));
    ctl_kernel_expect_as_before(&k);
}

static void an_override_of_somebody_else_is_put_back(void **state)
{
    const char *path = "devices/" A "/driver_override";

    (void)state;
    fake_write(fake_path(&k.fs, "%s", path), "hv_netvsc\n");
    k.fail_at = 3;
    k.fail_with = -EIO;
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 1);
    assert_string_equal(ctl_kernel_read(&k, "sys/bus/vmbus/devices/" A "/driver_override"),
                        "hv_netvsc");
    ctl_kernel_expect_as_before(&k);
}

static void a_way_back_that_is_blocked_keeps_what_unbind_needs(void **state)
{
    (void)state;
    assert_int_equal(ctl_kernel_bind(&k, &for_good), 0);
    k.writes = 0;
    k.fail_at = 3; /* hv_netvsc does not take it */
    k.fail_with = -EIO;
    k.passed_ms = 0;
    assert_int_equal(ctl_kernel_unbind(&k, false), 1);
    assert_true(k.passed_ms < 1000); /* nothing to wait for */
    assert_true(ctl_exists(ctl_kernel_path(&k, KERNEL_SAVED)));
    k.fail_at = 0;
    assert_int_equal(ctl_kernel_unbind(&k, false), 0);
    assert_string_equal(k.log, "drivers/hv_netvsc/bind < " A "\n"
                               "restore eth1: mtu 1500, 1 addresses, 1 routes\n");
    ctl_kernel_expect_as_before(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_ctl_kernel(bind_overrides_releases_and_takes_in_this_order, &k),
        with_ctl_kernel(a_kernel_without_the_attribute_gets_the_class, &k),
        with_ctl_kernel(the_other_card_is_left_alone, &k),
        with_ctl_kernel(a_loaded_module_is_not_loaded_again, &k),
        with_ctl_kernel(a_card_without_driver_is_not_released_first, &k),
        with_ctl_kernel(a_bind_that_died_half_way_does_not_forget_the_addresses, &k),
        with_ctl_kernel(once_leaves_nothing_for_the_next_boot, &k),
        with_ctl_kernel(a_bound_card_is_bound_already_and_can_be_kept, &k),
        with_ctl_kernel(dry_run_shows_the_writes_and_makes_none, &k),
        with_ctl_kernel(a_pci_address_is_refused_with_a_word_on_dpdk_devbind, &k),
        with_ctl_kernel(without_the_module_nothing_is_changed, &k),
        with_ctl_kernel(unreadable_addresses_keep_the_card_in_the_kernel, &k),
        with_ctl_kernel(an_unwritable_state_folder_keeps_the_card_in_the_kernel, &k),
        with_ctl_kernel(a_refused_override_needs_no_way_back, &k),
        with_ctl_kernel(a_refused_release_takes_the_override_back, &k),
        with_ctl_kernel(a_refused_bind_takes_the_override_back_before_the_kernel_gets_its_card, &k),
        with_ctl_kernel(a_refused_class_needs_no_way_back, &k),
        with_ctl_kernel(a_refused_release_takes_the_class_back, &k),
        with_ctl_kernel(a_refused_bind_takes_the_class_back, &k),
        with_ctl_kernel(a_class_that_was_there_before_is_no_failure_and_stays, &k),
        with_ctl_kernel(a_bind_that_takes_nothing_is_noticed_and_undone, &k),
        with_ctl_kernel(a_binding_that_cannot_be_kept_is_undone, &k),
        with_ctl_kernel(an_override_of_somebody_else_is_put_back, &k),
        with_ctl_kernel(a_way_back_that_is_blocked_keeps_what_unbind_needs, &k),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
