/* SPDX-License-Identifier: BSD-3-Clause */
/* GUIDs, and what a walk of the sysfs tree finds: whole devices, half devices and none. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_sysfs.h"
#include "vmbus_sysfs_var.h"

static struct fake_sysfs fs;

#define with_bus(test) with_fake_sysfs(test, &fs)

static const char *attr(const char *instance, const char *name)
{
    return fake_path(&fs, "devices/%s/%s", instance, name);
}

/* ---- GUIDs ----------------------------------------------------------------------------------- */

static void guid_is_taken_in_any_case_and_with_or_without_braces(void **state)
{
    static const char *const good[] = {
        "f8615163-df3e-46c5-913f-f2d2f965ed0e",
        "F8615163-DF3E-46C5-913F-F2D2F965ED0E",
        "{f8615163-df3e-46c5-913f-f2d2f965ed0e}",
        "{F8615163-dF3e-46C5-913F-f2d2F965ED0E}",
    };
    static const uint8_t want[16] = {0xf8, 0x61, 0x51, 0x63, 0xdf, 0x3e, 0x46, 0xc5,
                                     0x91, 0x3f, 0xf2, 0xd2, 0xf9, 0x65, 0xed, 0x0e};
    uuid_t guid;

    (void)state;
    for (size_t i = 0; i < countof(good); i++) {
        uuid_clear(guid);
        assert_int_equal(vmbus_guid_parse(good[i], guid), 0);
        assert_memory_equal(guid, want, sizeof(want));
    }
}

static void anything_else_is_no_guid(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "{f8615163-df3e-46c5-913f-f2d2f965ed0e",
        "f8615163-df3e-46c5-913f-f2d2f965ed0e}",
        "}f8615163-df3e-46c5-913f-f2d2f965ed0e{",
        "{{f8615163-df3e-46c5-913f-f2d2f965ed0e}}",
        "(f8615163-df3e-46c5-913f-f2d2f965ed0e)",
        "{f8615163-df3e-46c5-913f-f2d2f965ed0e)",
        "(f8615163-df3e-46c5-913f-f2d2f965ed0e}",
        "f8615163-df3e-46c5-913f-f2d2f965ed0",
        "f8615163-df3e-46c5-913f-f2d2f965ed0e0",
        "f8615163-df3e-46c5-913f-f2d2f965ed0g",
        "f8615163df3e46c5913ff2d2f965ed0e",
        "f8615163-df3e-46c5-913ff-2d2f965ed0e",
        " f8615163-df3e-46c5-913f-f2d2f965ed0e",
        "f8615163-df3e-46c5-913f-f2d2f965ed0e ",
        "f8615163-df3e-46c5-913f-f2d2f965ed0e\n",
        "0xf8615163-df3e-46c5-913f-f2d2f965ed",
    };
    uuid_t guid;

    (void)state;
    assert_int_equal(vmbus_guid_parse(NULL, guid), -EINVAL);
    for (size_t i = 0; i < countof(bad); i++) {
        if (vmbus_guid_parse(bad[i], guid) != -EINVAL)
            fail_msg("taken: \"%s\"", bad[i]);
    }
}

/* ---- numbers --------------------------------------------------------------------------------- */

static void numbers_fill_their_text_and_stay_in_range(void **state)
{
    static const char *const bad[] = {"",   " 7",  "7 ",   "+7",  "-1",  "0x",
                                      "7x", "abc", "2048", "1e3", "7\n", "99999999999999999999999"};
    uint64_t value = 0;

    (void)state;
    assert_int_equal(vmbus_parse_u64("2047", 10, 2047, &value), 0);
    assert_int_equal(value, 2047);
    assert_int_equal(vmbus_parse_u64("0x7ff", 0, 2047, &value), 0);
    assert_int_equal(value, 2047);
    assert_int_equal(vmbus_parse_u64("0x10", 10, 2047, &value), -EINVAL);
    assert_int_equal(vmbus_parse_u64("99999999999999999999", 10, UINT64_MAX, &value), -EINVAL);
    for (size_t i = 0; i < countof(bad); i++) {
        value = 42;
        if (vmbus_parse_u64(bad[i], 0, 2047, &value) != -EINVAL || value != 42)
            fail_msg("taken: \"%s\"", bad[i]);
    }
}

static void attribute_is_one_whole_line(void **state)
{
    char text[8];
    const char *dir = fs.root;

    (void)state;
    assert_int_equal(vmbus_sysfs_text(dir, "absent", text, sizeof(text)), -ENOENT);
    assert_string_equal(text, "");
    fake_write(fake_path(&fs, "a"), "1234567");
    assert_int_equal(vmbus_sysfs_text(dir, "a", text, sizeof(text)), 0);
    assert_string_equal(text, "1234567");
    fake_write(fake_path(&fs, "a"), "12345678");
    assert_int_equal(vmbus_sysfs_text(dir, "a", text, sizeof(text)), -EPROTO);
    assert_string_equal(text, "");
    fake_write(fake_path(&fs, "a"), "1\n2\n");
    assert_int_equal(vmbus_sysfs_text(dir, "a", text, sizeof(text)), -EPROTO);
    fake_write(fake_path(&fs, "a"), "");
    assert_int_equal(vmbus_sysfs_text(dir, "a", text, sizeof(text)), 0);
    assert_int_equal(vmbus_sysfs_text(dir, "devices", text, sizeof(text)), -EISDIR);
}

/* ---- the bus --------------------------------------------------------------------------------- */

static void bus_is_a_folder_with_devices(void **state)
{
    struct vmbus_bus bus;
    char longest[300];

    (void)state;
    assert_string_equal(fs.bus.root, fs.root);
    assert_string_equal(fs.bus.dev, fake_path(&fs, "dev"));
    assert_int_equal(vmbus_bus_find(fake_path(&fs, "nothing"), &bus), -ENOENT);
    assert_int_equal(vmbus_bus_find(fake_path(&fs, "devices"), &bus), -ENOENT);
    fake_write(fake_path(&fs, "file"), "");
    assert_int_equal(vmbus_bus_find(fake_path(&fs, "file"), &bus), -ENOENT);
    fake_write(fake_path(&fs, "odd/devices"), "");
    assert_int_equal(vmbus_bus_find(fake_path(&fs, "odd"), &bus), -ENOENT);
    size_t len = strlen(fs.root); /* a long way to say the same */
    memcpy(longest, fs.root, len);
    while (len + 2 < sizeof(longest)) {
        memcpy(longest + len, "/.", 3);
        len += 2;
    }
    assert_int_equal(vmbus_bus_find(longest, &bus), -ENAMETOOLONG);
    fake_remove(fake_path(&fs, "dev"));
    assert_int_equal(vmbus_bus_find(fs.root, &bus), 0);
    assert_string_equal(bus.dev, "/dev");
}

static void empty_and_missing_buses_are_told_apart(void **state)
{
    struct vmbus_info info;

    (void)state;
    assert_int_equal(vmbus_scan_nics(&fs.bus, &info, 1), 0);
    fake_remove(fake_path(&fs, "devices"));
    assert_int_equal(vmbus_scan_nics(&fs.bus, &info, 1), -ENOENT);
    fake_write(fake_path(&fs, "devices"), "");
    assert_int_equal(vmbus_scan_nics(&fs.bus, &info, 1), -ENOENT);
}

/* ---- devices --------------------------------------------------------------------------------- */

static void nic_held_by_the_kernel_is_described(void **state)
{
    struct vmbus_info info;
    uuid_t want;

    (void)state;
    fake_nic(&fs, FAKE_NIC_A, "eth0", -1);
    fake_channel(&fs, FAKE_NIC_A, "21", "1\n", NULL);
    fake_write(attr(FAKE_NIC_A, "channels/junk/x"), "");
    fake_write(attr(FAKE_NIC_A, "channels/0/x"), "");
    assert_int_equal(vmbus_scan_nics(&fs.bus, &info, 1), 1);
    assert_string_equal(info.instance, FAKE_NIC_A);
    assert_int_equal(vmbus_guid_parse(FAKE_NIC_A, want), 0);
    assert_memory_equal(info.device_id, want, sizeof(want));
    assert_int_equal(vmbus_guid_parse(VMBUS_CLASS_NIC, want), 0);
    assert_memory_equal(info.class_id, want, sizeof(want));
    assert_string_equal(info.driver, "hv_netvsc");
    assert_string_equal(info.ifname, "eth0");
    assert_int_equal(info.uio, -1);
    assert_int_equal(info.relid, 5);
    assert_int_equal(info.monitor_id, 3);
    assert_int_equal(info.channels, 2);
    assert_int_equal(info.numa_node, 0);
}

static void nic_held_by_uio_is_described(void **state)
{
    struct vmbus_info info;

    (void)state;
    fake_nic(&fs, FAKE_NIC_A, NULL, 12);
    fake_remove(attr(FAKE_NIC_A, "monitor_id"));
    fake_write(attr(FAKE_NIC_A, "numa_node"), "-1\n");
    assert_int_equal(vmbus_scan_nics(&fs.bus, &info, 1), 1);
    assert_string_equal(info.driver, "uio_hv_generic");
    assert_string_equal(info.ifname, "");
    assert_int_equal(info.uio, 12);
    assert_int_equal(info.monitor_id, VMBUS_MONITOR_NONE);
    assert_int_equal(info.numa_node, -1);
}

static void nics_come_sorted_and_other_devices_not_at_all(void **state)
{
    struct vmbus_info info[3];

    (void)state;
    fake_nic(&fs, FAKE_NIC_B, NULL, -1);
    fake_nic(&fs, FAKE_NIC_A, NULL, 0);
    fake_nic(&fs, FAKE_DISK, NULL, -1);
    fake_write(attr(FAKE_DISK, "class_id"), FAKE_CLASS_DISK "\n");
    memset(info, 0xAA, sizeof(info));
    assert_int_equal(vmbus_scan_nics(&fs.bus, info, 3), 2);
    assert_string_equal(info[0].instance, FAKE_NIC_A);
    assert_string_equal(info[1].instance, FAKE_NIC_B);
    assert_int_equal((uint8_t)info[2].instance[0], 0xAA);
    assert_int_equal(vmbus_scan_nics(&fs.bus, info + 2, 1), 2); /* all counted, one written */
    assert_string_equal(info[2].instance, FAKE_NIC_A);
    assert_int_equal(vmbus_scan_nics(&fs.bus, NULL, 0), 2);
}

static void class_is_compared_as_a_guid(void **state)
{
    static const char *const same[] = {VMBUS_CLASS_NIC "\n", "{" VMBUS_CLASS_NIC "}",
                                       "{F8615163-DF3E-46C5-913F-F2D2F965ED0E}\n"};
    static const char *const other[] = {"", "\n", "nonsense\n", "{f8615163-df3e-46c5-913f}\n"};
    struct vmbus_info info;

    (void)state;
    fake_nic(&fs, FAKE_NIC_A, NULL, -1);
    for (size_t i = 0; i < countof(same); i++) {
        fake_write(attr(FAKE_NIC_A, "class_id"), same[i]);
        assert_int_equal(vmbus_scan_nics(&fs.bus, &info, 1), 1);
    }
    for (size_t i = 0; i < countof(other); i++) {
        fake_write(attr(FAKE_NIC_A, "class_id"), other[i]);
        assert_int_equal(vmbus_scan_nics(&fs.bus, &info, 1), 0);
    }
}

/* A device that is being unbound while we look: folders without files, links to nowhere. */
static void half_vanished_devices_do_not_stop_the_walk(void **state)
{
    struct vmbus_info info[4];

    (void)state;
    fake_nic(&fs, FAKE_NIC_B, "eth1", -1);
    assert_int_equal(mkdir(fake_path(&fs, "devices/empty"), 0755), 0);
    assert_int_equal(symlink("/nowhere", fake_path(&fs, "devices/0dangling")), 0);
    fake_write(fake_path(&fs, "devices/file"), "x");
    fake_write(attr(FAKE_NIC_A, "class_id"), "{" VMBUS_CLASS_NIC "}\n"); /* and nothing else */
    assert_int_equal(vmbus_scan_nics(&fs.bus, info, 4), 2);
    assert_string_equal(info[0].instance, FAKE_NIC_A);
    assert_string_equal(info[0].driver, "");
    assert_int_equal(info[0].relid, 0);
    assert_int_equal(info[0].uio, -1);
    assert_int_equal(info[0].channels, 0);
    assert_true(uuid_is_null(info[0].device_id));
    assert_string_equal(info[1].ifname, "eth1");
}

static void bad_numbers_are_left_out(void **state)
{
    static const char *const ids[] = {"2048\n", "-1\n", "5x\n", "\n", "0x5\n", "5 \n"};
    static const char *const monitors[] = {"128\n", "254\n", "256\n", "-1\n", "x\n", "\n"};
    static const char *const uios[] = {"uio", "uiox", "uio-1", "uio0x1", "uio99999", "oui0"};
    struct vmbus_info info;

    (void)state;
    for (size_t i = 0; i < countof(ids); i++) {
        fake_write(attr(FAKE_NIC_A, "class_id"), VMBUS_CLASS_NIC "\n");
        fake_write(attr(FAKE_NIC_A, "id"), ids[i]);
        fake_write(attr(FAKE_NIC_A, "monitor_id"), monitors[i]);
        fake_write(fake_path(&fs, "devices/%s/uio/%s/name", FAKE_NIC_A, uios[i]), "");
        assert_int_equal(vmbus_scan_nics(&fs.bus, &info, 1), 1);
        assert_int_equal(info.relid, 0);
        assert_int_equal(info.monitor_id, VMBUS_MONITOR_NONE);
        assert_int_equal(info.uio, -1);
    }
    fake_write(attr(FAKE_NIC_A, "id"), "2047\n");
    fake_write(attr(FAKE_NIC_A, "monitor_id"), "127\n");
    fake_write(attr(FAKE_NIC_A, "uio/uio3/name"), "");
    assert_int_equal(vmbus_scan_nics(&fs.bus, &info, 1), 1);
    assert_int_equal(info.relid, 2047);
    assert_int_equal(info.monitor_id, 127);
    assert_int_equal(info.uio, 3);
}

static void names_too_long_are_skipped_not_cut(void **state)
{
    struct vmbus_info info;

    (void)state;
    fake_nic(&fs, FAKE_NIC_A "-and-more", NULL, -1);
    assert_int_equal(vmbus_scan_nics(&fs.bus, &info, 1), 0);
    fake_nic(&fs, FAKE_NIC_A, "interface-name-16", -1);
    assert_int_equal(vmbus_scan_nics(&fs.bus, &info, 1), 1);
    assert_string_equal(info.ifname, "");
}

/* ---- channels -------------------------------------------------------------------------------- */

static void channel_is_found_by_its_subchannel_id(void **state)
{
    uint32_t relid;
    char dir[VMBUS_PATH_BYTES];

    (void)state;
    assert_int_equal(vmbus_path(dir, "%s/devices/%s", fs.root, FAKE_NIC_A), 0);
    assert_int_equal(vmbus_sysfs_channel_find(dir, 0, &relid), -EAGAIN);
    fake_nic(&fs, FAKE_NIC_A, NULL, 0);
    fake_channel(&fs, FAKE_NIC_A, "21", "2\n", NULL);
    fake_channel(&fs, FAKE_NIC_A, "9", "1\n", "127\n");
    assert_int_equal(vmbus_sysfs_channel_find(dir, 0, &relid), 0);
    assert_int_equal(relid, 5);
    assert_int_equal(vmbus_sysfs_channel_find(dir, 1, &relid), 0);
    assert_int_equal(relid, 9);
    assert_int_equal(vmbus_sysfs_channel_find(dir, 2, &relid), 0);
    assert_int_equal(relid, 21);
    assert_int_equal(vmbus_sysfs_channel_find(dir, 3, &relid), -EAGAIN);
}

static void nonsense_among_the_channels_is_an_error(void **state)
{
    static const char *const names[] = {"0", "2048", "x", "05x"};
    uint32_t relid;
    char dir[VMBUS_PATH_BYTES];

    (void)state;
    assert_int_equal(vmbus_path(dir, "%s/devices/%s", fs.root, FAKE_NIC_A), 0);
    for (size_t i = 0; i < countof(names); i++) {
        fake_channel(&fs, FAKE_NIC_A, names[i], "1\n", NULL);
        assert_int_equal(vmbus_sysfs_channel_find(dir, 7, &relid), -EPROTO);
        fake_remove(fake_path(&fs, "devices/%s/channels/%s/subchannel_id", FAKE_NIC_A, names[i]));
        fake_remove(fake_path(&fs, "devices/%s/channels/%s", FAKE_NIC_A, names[i]));
    }
    fake_channel(&fs, FAKE_NIC_A, "9", "one\n", NULL);
    assert_int_equal(vmbus_sysfs_channel_find(dir, 1, &relid), -EPROTO);
    fake_remove(fake_path(&fs, "devices/%s/channels/9/subchannel_id", FAKE_NIC_A)); /* closing */
    assert_int_equal(vmbus_sysfs_channel_find(dir, 1, &relid), -EAGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guid_is_taken_in_any_case_and_with_or_without_braces),
        cmocka_unit_test(anything_else_is_no_guid),
        cmocka_unit_test(numbers_fill_their_text_and_stay_in_range),
        with_bus(attribute_is_one_whole_line),
        with_bus(bus_is_a_folder_with_devices),
        with_bus(empty_and_missing_buses_are_told_apart),
        with_bus(nic_held_by_the_kernel_is_described),
        with_bus(nic_held_by_uio_is_described),
        with_bus(nics_come_sorted_and_other_devices_not_at_all),
        with_bus(class_is_compared_as_a_guid),
        with_bus(half_vanished_devices_do_not_stop_the_walk),
        with_bus(bad_numbers_are_left_out),
        with_bus(names_too_long_are_skipped_not_cut),
        with_bus(channel_is_found_by_its_subchannel_id),
        with_bus(nonsense_among_the_channels_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
