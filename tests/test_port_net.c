/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"
#include "port_net.h"

#include <errno.h>
#include <string.h>

static void an_address_with_prefix_gives_address_and_mask(void **state)
{
    static const struct {
        const char *text, *address, *mask;
    } rows[] = {
        {"10.0.0.2/24", "10.0.0.2", "255.255.255.0"},
        {"192.168.1.1/32", "192.168.1.1", "255.255.255.255"},
        {"10.1.2.3/0", "10.1.2.3", "0.0.0.0"},
        {"172.16.5.4/12", "172.16.5.4", "255.240.0.0"},
    };

    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        ip4_addr_t address, mask;

        assert_int_equal(port_net_parse_ip4(rows[i].text, &address, &mask), 0);
        assert_string_equal(ip4addr_ntoa(&address), rows[i].address);
        assert_string_equal(ip4addr_ntoa(&mask), rows[i].mask);
    }
}

static void what_is_no_ipv4_address_with_prefix_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "10.0.0.2",
        "10.0.0.2/",
        "10.0.0.2/33",
        "10.0.0.2/-1",
        "10.0.0.2/24x",
        "10.0.0.256/24",
        "10.1/24",
        "0.0.0.0/8",
        "224.0.0.1/4",
        "0x0a.0.0.1/8",
        "10.0.0.2/24/1",
        "host/24",
        " 10.0.0.2/24",
        "1111.2222.3333.4444/24",
        "10.0.0.2/ 4",
        "fd00::1/64",
        "10.0.0.2/99999999999999999999",
    };
    ip4_addr_t address, mask;

    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        if (port_net_parse_ip4(rows[i], &address, &mask) != -EINVAL)
            fail_msg("\"%s\" was accepted", rows[i]);
    }
}

static void ipv6_addresses_come_bare_or_with_a_prefix_of_64(void **state)
{
    static const char *const good[] = {"fd00::2", "fd00::2/64", "2001:db8:0:1::42/64", "fe80::1"};
    static const char *const bad[] = {
        "",        "::",       "fd00::2/63",   "fd00::2/128", "fd00::2/",
        "ff02::1", "10.0.0.1", "fd00::2%eth0", "fd00:::2",    "fd00::2/64/64",
    };
    ip6_addr_t address;

    (void)state;
    for (size_t i = 0; i < countof(good); i++)
        assert_int_equal(port_net_parse_ip6(good[i], &address), 0);
    for (size_t i = 0; i < countof(bad); i++) {
        if (port_net_parse_ip6(bad[i], &address) != -EINVAL)
            fail_msg("\"%s\" was accepted", bad[i]);
    }
}

static void valid_addresses_are_listed_and_tentative_ones_not(void **state)
{
    struct netif netif;
    char text[128];
    ip4_addr_t address;

    (void)state;
    memset(&netif, 0, sizeof(netif));
    assert_string_equal(port_net_text(&netif, text, sizeof(text)), "none");
    IP4_ADDR(&address, 10, 0, 0, 2);
    ip_addr_copy_from_ip4(netif.ip_addr, address);
    ip6addr_aton("fe80::1", ip_2_ip6(&netif.ip6_addr[0]));
    IP_SET_TYPE_VAL(netif.ip6_addr[0], IPADDR_TYPE_V6);
    netif.ip6_addr_state[0] = IP6_ADDR_TENTATIVE;
    assert_string_equal(port_net_text(&netif, text, sizeof(text)), "10.0.0.2");
    netif.ip6_addr_state[0] = IP6_ADDR_PREFERRED;
    assert_string_equal(port_net_text(&netif, text, sizeof(text)), "10.0.0.2 fe80::1");
}

static void a_short_buffer_cuts_the_list(void **state)
{
    struct netif netif;
    char text[6];
    ip4_addr_t address;

    (void)state;
    memset(&netif, 0, sizeof(netif));
    IP4_ADDR(&address, 10, 0, 0, 2);
    ip_addr_copy_from_ip4(netif.ip_addr, address);
    assert_string_equal(port_net_text(&netif, text, sizeof(text)), "10.0.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_with_prefix_gives_address_and_mask),
        cmocka_unit_test(what_is_no_ipv4_address_with_prefix_is_refused),
        cmocka_unit_test(ipv6_addresses_come_bare_or_with_a_prefix_of_64),
        cmocka_unit_test(valid_addresses_are_listed_and_tentative_ones_not),
        cmocka_unit_test(a_short_buffer_cuts_the_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
