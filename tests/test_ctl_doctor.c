/* SPDX-License-Identifier: BSD-3-Clause */
/* netvscctl doctor: each prerequisite there and missing, and its remedy. */
#define _GNU_SOURCE 1 /* setresuid() */
#include "ctl_kernel.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define A FAKE_NIC_A
#define NOBODY 65534u

static struct ctl_kernel k;
static int status;

/* A machine on which all is well with card A. */
static int setup(void **state)
{
    static const struct ctl_bind_options once = {.once = true};

    (void)state;
    ctl_kernel_setup(&k);
    fake_write(ctl_kernel_path(&k, "proc/sys/kernel/osrelease"), "6.18.2-amd64\n");
    fake_write(ctl_kernel_path(&k, "proc/meminfo"),
               "MemFree: 1 kB\nHugePages_Total:      16\nHugePages_Free:       15\n");
    fake_write(ctl_kernel_path(&k, "proc/self/status"),
               "Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t000001ffffffffff\n");
    fake_write(fake_path(&k.fs, "devices/" A "/channels/5/ring"), "");
    ctl_kernel_catch_stdout();
    assert_int_equal(ctl_bind(&k.ctl, &once), 0);
    (void)ctl_kernel_stdout();
    return 0;
}

static const char *doctor(const char *nic, bool json)
{
    ctl_kernel_catch_stdout();
    status = ctl_doctor(&k.ctl, nic, json);
    return ctl_kernel_stdout();
}

static void expect_line(const char *report, const char *verdict, const char *check,
                        const char *text)
{
    char start[40];

    snprintf(start, sizeof(start), "%-4s  %-12s  ", verdict, check);
    for (const char *at = strstr(report, start); at; at = strstr(at + 1, start)) {
        const char *end = strchr(at, '\n');
        const char *hit = strstr(at, text);

        if (hit && hit < end)
            return;
    }
    fail_msg("no \"%s%s\" in:\n%s", start, text, report);
}

static void expect(const char *verdict, const char *check, const char *text)
{
    expect_line(doctor(A, false), verdict, check, text);
    assert_int_equal(status, strcmp(verdict, "bad") == 0);
}

static void all_is_well_on_a_machine_where_it_is(void **state)
{
    static const char *const checks[] = {"kernel", "pages",  "module",   "hugepages", "pagemap",
                                         "cards",  "driver", "override", "doorbell",  "vf",
                                         "maps",   "queues", "access"};
    const char *report = doctor(A, false);

    (void)state;
    assert_int_equal(status, 0);
    for (size_t i = 0; i < countof(checks); i++)
        expect_line(report, "ok", checks[i], "");
}

static void kernels_are_told_apart_by_what_is_known_of_them(void **state)
{
    static const struct {
        const char *release, *verdict, *text;
    } rows[] = {
        {"4.14.336", "bad", "no receive and send buffers"},
        {"4.16.0", "note", "first queue only"},
        {"5.10.245", "note", "first queue only"},
        {"5.10.246", "note", "can crash"},
        {"6.1.155-x", "note", "first queue only"},
        {"6.1.156-x", "note", "can crash"},
        {"6.12.53+deb13", "note", "can crash"},
        {"6.15.1", "note", "first queue only"},
        {"6.16.0", "ok", "6.16.0"},
        {"7.0-rc1", "ok", "7.0-rc1"},
    };

    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        fake_write(ctl_kernel_path(&k, "proc/sys/kernel/osrelease"), rows[i].release);
        expect(rows[i].verdict, "kernel", rows[i].text);
    }
}

static void a_kernel_with_longer_pages_is_bad(void **state)
{
    (void)state;
    k.ctl.page_bytes = 65536;
    expect("bad", "pages", "this kernel's have 64 KiB, and its rings another layout. Use a kernel");
}

static void a_module_in_the_tree_is_as_good_as_loaded(void **state)
{
    (void)state;
    fake_remove(fake_path(&k.fs, "drivers/uio_hv_generic/module"));
    fake_remove(fake_path(&k.fs, "drivers/uio_hv_generic"));
    expect("bad", "module", "no uio_hv_generic for 6.18.2-amd64. Install");
    fake_write(ctl_kernel_path(&k, "lib/modules/6.18.2-amd64/modules.dep"),
               "kernel/drivers/uio/uio.ko:\nkernel/drivers/uio/uio_hv_generic.ko.zst: kernel/x\n");
    expect("ok", "module", "bind loads it");
}

static void hugepages_and_page_numbers_are_worth_a_note(void **state)
{
    (void)state;
    fake_write(ctl_kernel_path(&k, "proc/meminfo"), "HugePages_Total: 4\nHugePages_Free: 0\n");
    expect("note", "hugepages", "none is free; everything is copied. For sending");
    fake_write(ctl_kernel_path(&k, "proc/meminfo"), "HugePages_Total: 0\n");
    expect("note", "hugepages", "none; everything is copied");
    fake_write(ctl_kernel_path(&k, "proc/self/status"), "CapEff:\t00000000a80425fb\n");
    expect("note", "pagemap", "no CAP_SYS_ADMIN");
}

static void a_card_of_the_kernel_is_bad_if_it_was_asked_for(void **state)
{
    (void)state;
    expect_line(doctor("eth2", false), "bad", "driver",
                FAKE_NIC_B " has hv_netvsc as eth2. netvscctl bind " FAKE_NIC_B);
    assert_int_equal(status, 1);
    /* One card for user space is enough when none was named. */
    expect_line(doctor(NULL, false), "note", "driver", "eth2");
    assert_int_equal(status, 0);
}

static void without_any_card_for_user_space_all_cards_are_bad(void **state)
{
    (void)state;
    ctl_kernel_teardown(&k);
    ctl_kernel_setup(&k);
    expect_line(doctor(NULL, false), "bad", "driver", "has hv_netvsc as eth1");
    assert_int_equal(status, 1);
}

static void missing_maps_are_named(void **state)
{
    (void)state;
    fake_map(&k.fs, A, 0, 3, "recv\n", "0x1000\n");
    fake_map(&k.fs, A, 0, 1, "int_pages\n", "0x1000\n");
    expect("bad", "maps", "missing: int_page recv:. Use Linux 4.16");
}

static void a_kernel_without_rings_in_sysfs_has_one_queue(void **state)
{
    (void)state;
    fake_remove(fake_path(&k.fs, "devices/" A "/channels/5/ring"));
    expect("note", "queues", "one only, no channels/5/ring");
}

static void a_kernel_without_override_is_worth_a_note(void **state)
{
    (void)state;
    ctl_kernel_without_override(&k);
    expect("note", "override", "bind uses new_id");
}

static void a_missing_node_is_bad(void **state)
{
    (void)state;
    fake_remove(fake_path(&k.fs, "dev/uio0"));
    expect("bad", "access", "uio0: No such file or directory. Is udev running");
}

static void a_node_of_root_is_bad_for_others(void **state)
{
    const bool is_root = geteuid() == 0; /* who may open it all the same */

    (void)state;
    assert_int_equal(chmod(k.root, 0755), 0);
    assert_int_equal(chmod(fake_path(&k.fs, "dev/uio0"), 0444), 0); /* to look is not enough */
    if (is_root)
        assert_int_equal(setresuid(NOBODY, NOBODY, 0), 0);
    const char *report = doctor(A, false);
    if (is_root)
        assert_int_equal(setresuid(0, 0, 0), 0);
    expect_line(report, "bad", "access", "Permission denied. Run as root");
    assert_int_equal(status, 1);
}

static void no_monitor_bit_needs_a_kernel_that_signals(void **state)
{
    (void)state;
    fake_remove(fake_path(&k.fs, "devices/" A "/monitor_id"));
    expect("ok", "doorbell", "by the kernel");
    fake_write(ctl_kernel_path(&k, "proc/sys/kernel/osrelease"), "6.9.12\n");
    expect("bad", "doorbell", "6.9.12 cannot signal without. Use Linux 6.10");
}

static void interface_on_pci(const char *name)
{
    fake_write(ctl_kernel_path(&k, "sys/class/net/%s/device/vendor", name), "0x15b3\n");
    assert_int_equal(symlink("../../../../bus/pci",
                             ctl_kernel_path(&k, "sys/class/net/%s/device/subsystem", name)),
                     0);
}

static void a_virtual_function_with_the_same_address_is_seen(void **state)
{
    (void)state;
    fake_write(ctl_kernel_path(&k, "sys/class/net/enP1s2/address"), "00:15:5D:00:00:0A\n");
    expect("ok", "vf", "no accelerated"); /* not on PCI */
    fake_write(ctl_kernel_path(&k, "sys/class/net/enP2s2/address"), "00:15:5D:00:00:0B\n");
    interface_on_pci("enP2s2");
    expect("ok", "vf", "no accelerated"); /* another card's */
    interface_on_pci("enP1s2");
    expect("note", "vf", "enP1s2 has its MAC address");
}

static void a_bus_without_cards_is_bad(void **state)
{
    (void)state;
    fake_write(fake_path(&k.fs, "devices/" A "/class_id"), FAKE_CLASS_DISK "\n");
    fake_write(fake_path(&k.fs, "devices/" FAKE_NIC_B "/class_id"), FAKE_CLASS_DISK "\n");
    expect_line(doctor(NULL, false), "bad", "cards", "the bus has none. Add");
    assert_int_equal(status, 1);
}

static void json_has_the_same_lines(void **state)
{
    const char *report = doctor(A, true);

    (void)state;
    assert_int_equal(status, 0);
    assert_ptr_equal(strstr(report, "[\n  {\"check\": \"kernel\", \"verdict\": \"ok\", "), report);
    assert_non_null(strstr(report, "{\"check\": \"maps\", \"verdict\": \"ok\", \"card\": \"" A
                                   "\", \"text\": \"all five\", \"remedy\": \"\"},\n"));
    assert_non_null(strstr(report, "}\n]\n"));
}

#define with_kernel(test)                                                                          \
    cmocka_unit_test_prestate_setup_teardown(test, setup, ctl_kernel_after, &k)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_kernel(all_is_well_on_a_machine_where_it_is),
        with_kernel(kernels_are_told_apart_by_what_is_known_of_them),
        with_kernel(a_kernel_with_longer_pages_is_bad),
        with_kernel(a_module_in_the_tree_is_as_good_as_loaded),
        with_kernel(hugepages_and_page_numbers_are_worth_a_note),
        with_kernel(a_card_of_the_kernel_is_bad_if_it_was_asked_for),
        with_kernel(without_any_card_for_user_space_all_cards_are_bad),
        with_kernel(missing_maps_are_named),
        with_kernel(a_kernel_without_rings_in_sysfs_has_one_queue),
        with_kernel(a_kernel_without_override_is_worth_a_note),
        with_kernel(a_missing_node_is_bad),
        with_kernel(a_node_of_root_is_bad_for_others),
        with_kernel(no_monitor_bit_needs_a_kernel_that_signals),
        with_kernel(a_virtual_function_with_the_same_address_is_seen),
        with_kernel(a_bus_without_cards_is_bad),
        with_kernel(json_has_the_same_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
