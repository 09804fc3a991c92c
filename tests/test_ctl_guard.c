/* SPDX-License-Identifier: BSD-3-Clause */
/* What netvscctl bind refuses to take from the kernel, and what it lets go. */
#include "ctl_kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ctl_kernel k;
static struct ctl_saved saved;

static int setup(void **state)
{
    (void)state;
    ctl_kernel_setup(&k);
    ctl_kernel_default_route(&k, "eth2");
    memset(&saved, 0, sizeof(saved));
    saved.net = k.net;
    snprintf(saved.net.ifname, sizeof(saved.net.ifname), "eth1");
    return 0;
}

/* Refused, saying (why); allowed when NULL. */
static void expect(const char *why)
{
    const char *said;
    int status;

    stderr_catch(&k.catcher);
    status = ctl_guard(&k.ctl, &saved);
    said = stderr_caught(&k.catcher);
    if (!why) {
        assert_string_equal(said, "");
        assert_int_equal(status, 0);
        return;
    }
    assert_int_equal(status, 1);
    if (!strstr(said, why))
        fail_msg("\"%s\" is not in: %s", why, said);
    assert_non_null(strstr(said, "--force"));
}

static void a_second_card_may_go(void **state)
{
    (void)state;
    expect(NULL);
}

static void a_card_without_interface_may_go(void **state)
{
    (void)state;
    saved.net.ifname[0] = '\0';
    ctl_kernel_default_route(&k, "eth1");
    expect(NULL);
}

/* ---- default route ---- */

static void the_default_route_stays(void **state)
{
    (void)state;
    ctl_kernel_default_route(&k, "eth1");
    expect("eth1: it carries the default route.");
}

static void another_interface_that_starts_alike_is_another(void **state)
{
    (void)state;
    ctl_kernel_default_route(&k, "eth10");
    expect(NULL);
}

/* 0.0.0.0/1 reaches half the world, not all of it. */
static void a_route_to_a_large_network_is_no_default_route(void **state)
{
    (void)state;
    fake_write(ctl_kernel_path(&k, "proc/net/route"),
               "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\n"
               "eth1\t00000000\t0100000A\t0003\t0\t0\t100\t00000080\t0\t0\t0\n");
    expect(NULL);
}

static void a_default_route_of_ipv6_counts(void **state)
{
    static const char table[] =
        "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
        "fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth1\n";

    (void)state;
    fake_write(ctl_kernel_path(&k, "proc/net/ipv6_route"), table);
    expect("default route");
}

static void no_route_of_ipv6_is_none(void **state)
{
    static const char table[] =
        "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
        "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200     eth1\n"
        "fe800000000000000000000000000000 40 00000000000000000000000000000000 00 "
        "00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth1\n";

    (void)state;
    fake_write(ctl_kernel_path(&k, "proc/net/ipv6_route"), table);
    expect(NULL);
}

static void a_default_route_over_a_bond_above_counts(void **state)
{
    (void)state;
    fake_write(ctl_kernel_path(&k, "sys/class/net/eth1/upper_bond0/address"), "");
    fake_write(ctl_kernel_path(&k, "sys/class/net/bond0/upper_vlan7/address"), "");
    ctl_kernel_default_route(&k, "vlan7");
    expect("default route");
}

/* ---- SSH ---- */

static void the_operators_session_stays(void **state)
{
    (void)state;
    setenv("SSH_CONNECTION", "198.51.100.9 50000 10.0.0.4 22", 1);
    expect("your SSH session comes in at its address 10.0.0.4.");
    setenv("SSH_CONNECTION", "198.51.100.9 50000 ::ffff:10.0.0.4 22", 1);
    expect("your SSH session");
}

static void a_session_at_another_card_does_not_matter(void **state)
{
    (void)state;
    setenv("SSH_CONNECTION", "10.0.0.4 50000 10.0.0.40 22", 1);
    expect(NULL);
}

static void an_address_with_a_zone_is_compared_without(void **state)
{
    (void)state;
    snprintf(saved.net.addresses[0], CTL_LINE_BYTES, "fe80::215:5dff:fe00:a/64 scope 253");
    setenv("SSH_CONNECTION", "fe80::1%eth1 50000 FE80:0::215:5dff:fe00:a%eth1 22", 1);
    expect("your SSH session");
}

static void a_session_at_a_bond_above_counts(void **state)
{
    (void)state;
    fake_write(ctl_kernel_path(&k, "sys/class/net/eth1/upper_bond0/address"), "");
    setenv("SSH_CONNECTION", "198.51.100.9 50000 192.0.2.1 22", 1);
    expect("your SSH session");
}

/* sudo: our parent has no SSH_CONNECTION, its parent has. */
static void a_session_behind_sudo_is_found(void **state)
{
    static const char environ[] = "HOME=/root\0SSH_CONNECTION=198.51.100.9 5 10.0.0.4 22\0A=B";
    const int parent = (int)getppid();
    FILE *file;

    (void)state;
    fake_write(ctl_kernel_path(&k, "proc/%d/environ", parent), "HOME=/root");
    fake_write(ctl_kernel_path(&k, "proc/%d/stat", parent), "7 (su do) (x) S 424242 7 7 0\n");
    fake_write(ctl_kernel_path(&k, "proc/424242/environ"), "");
    file = fopen(ctl_kernel_path(&k, "proc/424242/environ"), "w");
    assert_non_null(file);
    fwrite(environ, 1, sizeof(environ), file);
    fclose(file);
    expect("your SSH session comes in at its address 10.0.0.4.");
}

/* ---- last card ---- */

static void the_last_card_stays(void **state)
{
    (void)state;
    fake_remove(ctl_kernel_path(&k, "sys/class/net/eth2/device/vendor"));
    fake_remove(ctl_kernel_path(&k, "sys/class/net/eth2/device"));
    expect("eth1: it is the last network card the kernel has.");
}

static void its_own_virtual_function_is_no_other_card(void **state)
{
    (void)state;
    fake_write(ctl_kernel_path(&k, "sys/class/net/eth2/address"), KERNEL_MAC_A "\n");
    expect("last network card");
}

static void force_binds_what_is_refused(void **state)
{
    const struct ctl_bind_options force = {.force = true};
    static const struct ctl_bind_options plain;

    (void)state;
    ctl_kernel_default_route(&k, "eth1");
    stderr_catch(&k.catcher);
    assert_int_equal(ctl_bind(&k.ctl, &plain), 1);
    (void)stderr_caught(&k.catcher);
    assert_string_equal(k.log, "");
    ctl_kernel_catch_stdout();
    assert_int_equal(ctl_bind(&k.ctl, &force), 0);
    (void)ctl_kernel_stdout();
}

#define with_kernel(test)                                                                          \
    cmocka_unit_test_prestate_setup_teardown(test, setup, ctl_kernel_after, &k)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_kernel(a_second_card_may_go),
        with_kernel(a_card_without_interface_may_go),
        with_kernel(the_default_route_stays),
        with_kernel(another_interface_that_starts_alike_is_another),
        with_kernel(a_route_to_a_large_network_is_no_default_route),
        with_kernel(a_default_route_of_ipv6_counts),
        with_kernel(no_route_of_ipv6_is_none),
        with_kernel(a_default_route_over_a_bond_above_counts),
        with_kernel(the_operators_session_stays),
        with_kernel(a_session_at_another_card_does_not_matter),
        with_kernel(an_address_with_a_zone_is_compared_without),
        with_kernel(a_session_at_a_bond_above_counts),
        with_kernel(a_session_behind_sudo_is_found),
        with_kernel(the_last_card_stays),
        with_kernel(its_own_virtual_function_is_no_other_card),
        with_kernel(force_binds_what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
