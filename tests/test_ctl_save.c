/* SPDX-License-Identifier: BSD-3-Clause */
/* The state file: what bind writes, unbind reads; anything else is refused. */
#include "ctl_kernel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct ctl_kernel k;

static void fill(struct ctl_saved *saved)
{
    memset(saved, 0, sizeof(*saved));
    snprintf(saved->guid, sizeof(saved->guid), FAKE_NIC_A);
    snprintf(saved->driver, sizeof(saved->driver), "hv_netvsc");
    snprintf(saved->driver_override, sizeof(saved->driver_override), "od\"d\\\x01\xc3");
    saved->id_added = true;
    saved->persist = true;
    snprintf(saved->net.ifname, sizeof(saved->net.ifname), "eth1");
    snprintf(saved->net.mac, sizeof(saved->net.mac), KERNEL_MAC_A);
    saved->net.mtu_bytes = 9000;
    saved->net.up = true;
    saved->net.saved_s = 12345678901ull;
    saved->net.address_count = CTL_ADDRESSES_MAX;
    for (unsigned i = 0; i < CTL_ADDRESSES_MAX; i++)
        snprintf(saved->net.addresses[i], CTL_LINE_BYTES, "10.0.0.%u/24 scope 0", i);
    saved->net.route_count = CTL_ROUTES_MAX;
    for (unsigned i = 0; i < CTL_ROUTES_MAX; i++)
        memset(saved->net.routes[i], 'r', CTL_LINE_BYTES - 1);
}

static void all_comes_back_as_it_was_even_when_full(void **state)
{
    static struct ctl_saved in, out;

    (void)state;
    fill(&in);
    assert_int_equal(ctl_saved_write(k.ctl.state_dir, &in), 0);
    assert_int_equal(ctl_saved_read(k.ctl.state_dir, FAKE_NIC_A, &out), 0);
    assert_memory_equal(&in, &out, sizeof(in));
}

static void nothing_saved_is_said(void **state)
{
    struct ctl_saved saved;

    (void)state;
    assert_int_equal(ctl_saved_read(k.ctl.state_dir, FAKE_NIC_A, &saved), -ENOENT);
}

static void another_cards_file_is_not_believed(void **state)
{
    struct ctl_saved saved;

    (void)state;
    fill(&saved);
    assert_int_equal(ctl_saved_write(k.ctl.state_dir, &saved), 0);
    assert_int_equal(rename(ctl_kernel_path(&k, "run/netvsc/" FAKE_NIC_A ".json"),
                            ctl_kernel_path(&k, "run/netvsc/" FAKE_NIC_B ".json")),
                     0);
    assert_int_equal(ctl_saved_read(k.ctl.state_dir, FAKE_NIC_B, &saved), -EPROTO);
}

#define START "{\"guid\": \"" FAKE_NIC_A "\""

static void nonsense_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "{}",
        START,
        START ",}",
        START "} x",
        START ", \"mtu\": }",
        START ", \"mtu\": \"x\"}",
        START ", \"mtu\": -1}",
        START ", \"mtu\": 4294967296}",
        START ", \"up\": maybe}",
        START ", \"interface\": \"a name longer than fifteen\"}",
        START ", \"interface\": \"eth1}",
        START ", \"interface\": \"\\u1234\"}",
        START ", \"interface\": \"\\u0000\"}",
        START ", \"interface\": \"\\n\"}",
        START ", \"interface\" \"eth1\"}",
        START ", \"addresses\": [\"10.0.0.4/24\"}",
        START ", \"addresses\": [\"a\",]}",
        START ", \"addresses\": {\"a\": 1}}",
    };
    struct ctl_saved saved;

    (void)state;
    for (size_t i = 0; i < countof(bad); i++) {
        fake_write(ctl_kernel_path(&k, "run/netvsc/" FAKE_NIC_A ".json"), bad[i]);
        if (ctl_saved_read(k.ctl.state_dir, FAKE_NIC_A, &saved) != -EPROTO)
            fail_msg("taken: %s", bad[i]);
    }
}

static void more_addresses_than_there_is_room_for_are_refused(void **state)
{
    char text[4096] = START ", \"addresses\": [\"a\"";
    struct ctl_saved saved;

    (void)state;
    for (unsigned i = 0; i < CTL_ADDRESSES_MAX; i++)
        strcat(text, ", \"a\"");
    strcat(text, "]}");
    fake_write(ctl_kernel_path(&k, "run/netvsc/" FAKE_NIC_A ".json"), text);
    assert_int_equal(ctl_saved_read(k.ctl.state_dir, FAKE_NIC_A, &saved), -EPROTO);
}

static void members_of_a_later_version_are_skipped(void **state)
{
    struct ctl_saved saved;

    (void)state;
    fake_write(ctl_kernel_path(&k, "run/netvsc/" FAKE_NIC_A ".json"),
               " " START " ,\n \"later\" : [ true , 1.5 ], \"mtu\":1400 }\n");
    /* 1.5 is none of our numbers. */
    assert_int_equal(ctl_saved_read(k.ctl.state_dir, FAKE_NIC_A, &saved), -EPROTO);
    fake_write(ctl_kernel_path(&k, "run/netvsc/" FAKE_NIC_A ".json"),
               " " START " ,\n \"later\" : [ true , 15 , []x ], \"mtu\":1400 }\n");
    assert_int_equal(ctl_saved_read(k.ctl.state_dir, FAKE_NIC_A, &saved), -EPROTO);
    fake_write(ctl_kernel_path(&k, "run/netvsc/" FAKE_NIC_A ".json"),
               " " START " ,\n \"later\" : [ true , 15 ], \"routes\": [ ], \"mtu\":1400 }\n");
    assert_int_equal(ctl_saved_read(k.ctl.state_dir, FAKE_NIC_A, &saved), 0);
    assert_int_equal(saved.net.mtu_bytes, 1400);
    assert_int_equal(saved.net.route_count, 0);
}

/* ---- options for programs ---- */

static const char *options_line(void)
{
    ctl_kernel_catch_stdout();
    assert_int_equal(ctl_options(&k.ctl), 0);
    return ctl_kernel_stdout();
}

static void programs_get_addresses_gateway_and_mtu(void **state)
{
    struct ctl_saved saved;

    (void)state;
    memset(&saved, 0, sizeof(saved));
    snprintf(saved.guid, sizeof(saved.guid), FAKE_NIC_A);
    saved.net.mtu_bytes = 1400;
    saved.net.address_count = 3;
    snprintf(saved.net.addresses[0], CTL_LINE_BYTES, "fe80::1/64 scope 253");
    snprintf(saved.net.addresses[1], CTL_LINE_BYTES, "fd00::4/128 scope 0");
    snprintf(saved.net.addresses[2], CTL_LINE_BYTES, "10.0.0.4/24 scope 0");
    saved.net.route_count = 2;
    snprintf(saved.net.routes[0], CTL_LINE_BYTES, "10.9.0.0/16 via 10.0.0.2 table 254");
    snprintf(saved.net.routes[1], CTL_LINE_BYTES, "0.0.0.0/0 via 10.0.0.1 table 254");
    assert_int_equal(ctl_saved_write(k.ctl.state_dir, &saved), 0);
    assert_string_equal(options_line(), "--nic " FAKE_NIC_A " --ip 10.0.0.4/24 "
                                        "--gateway 10.0.0.1 --ipv6=fd00::4 --mtu 1400\n");
}

static void programs_get_the_card_alone_when_nothing_is_saved(void **state)
{
    (void)state;
    assert_string_equal(options_line(), "--nic " FAKE_NIC_A "\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_ctl_kernel(all_comes_back_as_it_was_even_when_full, &k),
        with_ctl_kernel(nothing_saved_is_said, &k),
        with_ctl_kernel(another_cards_file_is_not_believed, &k),
        with_ctl_kernel(nonsense_is_refused, &k),
        with_ctl_kernel(more_addresses_than_there_is_room_for_are_refused, &k),
        with_ctl_kernel(members_of_a_later_version_are_skipped, &k),
        with_ctl_kernel(programs_get_addresses_gateway_and_mtu, &k),
        with_ctl_kernel(programs_get_the_card_alone_when_nothing_is_saved, &k),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
