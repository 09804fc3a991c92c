/* SPDX-License-Identifier: BSD-3-Clause */
/* lwIP hears of the card's link, speed, network and address; the card of lwIP's groups. */
#include <string.h>

#include "lwip_bench.h"

#include "lwip/dhcp.h"
#include "lwip/igmp.h"
#include "lwip/mld6.h"
#include "netvsc_control.h"
#include "rndis_reg.h"

#define DISCOVER_BYTES_MIN 300u
#define LIST (NDIS_FILTER_DIRECTED | NDIS_FILTER_BROADCAST | NDIS_FILTER_MULTICAST)
#define ALL (NDIS_FILTER_DIRECTED | NDIS_FILTER_BROADCAST | NDIS_FILTER_ALL_MULTICAST)

static unsigned link_changes, speed_events;

static void on_link(struct netif *netif)
{
    (void)netif;
    link_changes++;
}

static void on_event(void *ctx, enum netvsc_event event)
{
    (void)ctx;
    speed_events += event == NETVSC_EVENT_SPEED;
}

static int setup(void **state)
{
    (void)state;
    stack_setup(32);
    stack_turn(10);
    netif_set_link_callback(&stack.nif.netif, on_link);
    stack.nif.on_event = on_event;
    link_changes = speed_events = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stack_teardown();
    return 0;
}

static bool hears(const uint8_t to[6])
{
    uint8_t frame[60] = {0};
    const struct hvhost_frame out = {.data = frame, .len_bytes = sizeof(frame)};
    const unsigned before = stack.in_count;

    memcpy(frame, to, 6);
    frame[6] = 0x02;
    hvhost_port_send(stack.port, &out);
    stack_turn(3);
    return stack.in_count != before;
}

static void the_cable_moves_the_link_of_the_netif(void **state)
{
    (void)state;
    hvhost_nic_link(stack.card, false);
    stack_turn(3);
    assert_false(netif_is_link_up(&stack.nif.netif));
    assert_int_equal(link_changes, 1);
    hvhost_nic_link(stack.card, true);
    stack_turn(3);
    assert_true(netif_is_link_up(&stack.nif.netif));
    assert_int_equal(link_changes, 2);
}

static void a_cable_put_in_while_the_card_goes_is_no_link(void **state)
{
    const struct hvhost_fault silent = {
        HVH_ON_RNDIS_SET, HVH_ACT_SILENT, OID_PACKET_FILTER, 0, 1, 0};

    (void)state;
    hvhost_nic_link(stack.card, false);
    stack_turn(3);
    hvhost_fault_arm(stack.card, &silent);
    netvsc_detach(stack.nif.nic, stack.now_ns);
    hvhost_nic_link(stack.card, true);
    stack_turn(3);
    assert_int_equal(netvsc_state(stack.nif.nic), NETVSC_DETACHING);
    assert_true(netvsc_info(stack.nif.nic)->link_up);
    assert_false(netif_is_link_up(&stack.nif.netif));
}

static void a_card_that_comes_up_without_a_cable_has_no_link(void **state)
{
    (void)state;
    netvsc_detach(stack.nif.nic, stack.now_ns);
    stack_turn(20);
    assert_int_equal(netvsc_state(stack.nif.nic), NETVSC_DOWN);
    hvhost_nic_link(stack.card, false);
    stack_attach();
    stack_turn(3);
    assert_false(netvsc_info(stack.nif.nic)->link_up);
    assert_false(netif_is_link_up(&stack.nif.netif));
    hvhost_nic_link(stack.card, true);
    stack_turn(3);
    assert_true(netif_is_link_up(&stack.nif.netif));
}

static void another_speed_is_told(void **state)
{
    (void)state;
    hvhost_nic_indicate(stack.card, HVHOST_LINK_SPEED, 250000000);
    stack_turn(3);
    assert_int_equal(speed_events, 1);
    assert_true(netvsc_info(stack.nif.nic)->link_speed_bps == 25000000000ull);
    assert_int_equal(link_changes, 0);
}

static unsigned discovers(unsigned from)
{
    unsigned count = 0;

    for (unsigned i = from; i < stack.far_count; i++)
        count += stack.far[i].bytes >= DISCOVER_BYTES_MIN;
    return count;
}

static void another_network_starts_dhcp_over(void **state)
{
    unsigned before;

    (void)state;
    assert_int_equal(dhcp_start(&stack.nif.netif), ERR_OK);
    stack_turn(3);
    assert_int_equal(discovers(0), 1);
    before = stack.far_count;
    hvhost_nic_indicate(stack.card, HVHOST_NETWORK_CHANGE, 2);
    stack_turn(3);
    assert_int_equal(link_changes, 2); /* down, up */
    assert_int_equal(discovers(before), 1);
    dhcp_stop(&stack.nif.netif);
    dhcp_cleanup(&stack.nif.netif);
}

static void joins_drive_the_filter(void **state)
{
    static const uint8_t mac4[6] = {0x01, 0x00, 0x5e, 0x01, 0x02, 0x03};
    static const uint8_t mac6[6] = {0x33, 0x33, 0x00, 0x00, 0x12, 0x34};
    static const uint8_t everybody6[6] = {0x33, 0x33, 0, 0, 0, 1};
    struct netif *netif = &stack.nif.netif;
    ip4_addr_t group, twin;
    ip6_addr_t group6;

    (void)state;
    IP4_ADDR(&group, 239, 1, 2, 3);
    IP4_ADDR(&twin, 225, 129, 2, 3); /* of the same Ethernet address */
    IP6_ADDR(&group6, PP_HTONL(0xff020000), 0, 0, PP_HTONL(0x1234));
    assert_int_equal(netvsc_filter(stack.nif.nic), LIST);
    assert_true(hears(everybody6));
    assert_false(hears(mac4));
    assert_false(hears(mac6));
    assert_int_equal(igmp_joingroup_netif(netif, &group), ERR_OK);
    assert_int_equal(igmp_joingroup_netif(netif, &twin), ERR_OK);
    assert_int_equal(mld6_joingroup_netif(netif, &group6), ERR_OK);
    stack_turn(8);
    assert_true(hears(mac4));
    assert_true(hears(mac6));
    igmp_leavegroup_netif(netif, &group);
    stack_turn(8);
    assert_true(hears(mac4)); /* for the other one's sake */
    igmp_leavegroup_netif(netif, &twin);
    mld6_leavegroup_netif(netif, &group6);
    stack_turn(8);
    assert_false(hears(mac4));
    assert_false(hears(mac6));
    assert_int_equal(netvsc_filter(stack.nif.nic), LIST);
}

static void more_groups_than_there_is_room_for_are_all_multicast(void **state)
{
    struct netif *netif = &stack.nif.netif;
    ip4_addr_t group;

    (void)state;
    for (unsigned i = 0; i < NETVSC_NETIF_GROUPS + 3; i++) {
        IP4_ADDR(&group, 239, 7, 7, i);
        netif->igmp_mac_filter(netif, &group, NETIF_ADD_MAC_FILTER);
    }
    stack_turn(8);
    assert_int_equal(netvsc_filter(stack.nif.nic), ALL);
    for (unsigned i = 0; i < NETVSC_NETIF_GROUPS + 3; i++) {
        IP4_ADDR(&group, 239, 7, 7, i);
        netif->igmp_mac_filter(netif, &group, NETIF_DEL_MAC_FILTER);
    }
    stack_turn(8);
    assert_int_equal(netvsc_filter(stack.nif.nic), LIST);
}

static void another_address_is_the_netifs_and_announced(void **state)
{
    static const uint8_t other[6] = {0x02, 0x15, 0x5d, 9, 9, 9};
    unsigned before;
    ip4_addr_t address, mask;

    (void)state;
    IP4_ADDR(&address, 10, 0, 0, 2);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    netif_set_addr(&stack.nif.netif, &address, &mask, IP4_ADDR_ANY4);
    stack_turn(3);
    before = stack.far_count;
    assert_int_equal(netvsc_set_mac(stack.nif.nic, other), 0);
    stack_turn(6);
    assert_memory_equal(stack.nif.netif.hwaddr, other, 6);
    assert_int_equal(link_changes, 2);
    assert_true(stack.far_count > before);
    assert_true(netif_is_link_up(&stack.nif.netif));
}

#define CARD_TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CARD_TEST(the_cable_moves_the_link_of_the_netif),
        CARD_TEST(a_cable_put_in_while_the_card_goes_is_no_link),
        CARD_TEST(a_card_that_comes_up_without_a_cable_has_no_link),
        CARD_TEST(another_speed_is_told),
        CARD_TEST(another_network_starts_dhcp_over),
        CARD_TEST(joins_drive_the_filter),
        CARD_TEST(more_groups_than_there_is_room_for_are_all_multicast),
        CARD_TEST(another_address_is_the_netifs_and_announced),
    };

    return cmocka_run_group_tests(tests, stack_start, NULL);
}
