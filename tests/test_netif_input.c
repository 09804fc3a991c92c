/* SPDX-License-Identifier: BSD-3-Clause */
/* What lwIP gets: frames as chains, link, MAC and MTU; and a NIC that goes and comes back. */
#include "lwip_bench.h"
#include "netif_wire.h"
#include "netvsc_netif_var.h"

#include <errno.h>
#include <string.h>

/* ---- receive --------------------------------------------------------------------------------- */

static void frames_become_chains_byte_for_byte(void **state)
{
    (void)state;
    stack_setup(8);
    for (uint32_t bytes = 60; bytes <= 1514; bytes += 97) {
        stack_far_send(bytes, 0, false);
        assert_int_equal(stack.in_bytes, bytes);
        assert_memory_equal(stack.in_frame, stack_card_mac, 6);
        for (uint32_t i = 14; i < bytes; i++)
            assert_int_equal(stack.in_frame[i], (uint8_t)i);
    }
    assert_int_equal(stack.nif.stats.rx_input, stack.in_count);
    stack_teardown();
}

static void a_vlan_tag_is_put_back_unless_it_names_none(void **state)
{
    static const uint8_t tag[4] = {0x81, 0x00, 0x60, 0x64};

    (void)state;
    stack_setup(8);
    stack_far_send(100, 0x6064, true);
    assert_int_equal(stack.in_bytes, 104);
    assert_memory_equal(stack.in_frame, stack_card_mac, 6);
    assert_memory_equal(stack.in_frame + 6, stack_far_mac, 6);
    assert_memory_equal(stack.in_frame + 12, tag, 4);
    assert_int_equal(stack.in_frame[16], 0x88);
    assert_int_equal(stack.in_frame[103], 99);
    stack_far_send(100, 0x6000, true);
    assert_int_equal(stack.in_bytes, 100);
    assert_int_equal(stack.in_frame[12], 0x88);
    stack_teardown();
}

static void without_pbufs_frames_are_dropped_and_counted(void **state)
{
    struct pbuf *all = NULL, *p;

    (void)state;
    stack_setup(8);
    while ((p = pbuf_alloc(PBUF_RAW, 100, PBUF_POOL)) != NULL) {
        if (all)
            p->next = all; /* a list, not a chain: lengths do not matter */
        all = p;
    }
    stack_far_send(100, 0, false);
    assert_int_equal(stack.in_count, 0);
    assert_int_equal(stack.nif.stats.rx_drop_pbuf, 1);
    while (all) {
        p = all;
        all = p->next;
        p->next = NULL;
        pbuf_free(p);
    }
    stack_far_send(100, 0, false);
    assert_int_equal(stack.in_count, 1);
    stack_teardown();
}

static void what_lwip_refuses_is_counted_and_freed(void **state)
{
    (void)state;
    stack_setup(8);
    stack.in_result = ERR_MEM;
    stack_far_send(100, 0, false);
    assert_int_equal(stack.nif.stats.rx_drop_input, 1);
    assert_int_equal(stack.nif.stats.rx_input, 0);
    stack_teardown(); /* checks that no pbuf is missing */
}

/* ---- state ----------------------------------------------------------------------------------- */

static unsigned state_events;

static void count_state(void *ctx, enum netvsc_event event)
{
    assert_ptr_equal(ctx, &stack);
    state_events += event == NETVSC_EVENT_STATE;
}

static void link_mac_and_mtu_follow_the_nic(void **state)
{
    const uint8_t *mac;

    (void)state;
    stack_setup(8);
    mac = stack.nif.netif.hwaddr;
    assert_memory_equal(mac, stack_card_mac, 6);
    assert_int_equal(stack.nif.netif.hwaddr_len, 6);
    assert_int_equal(stack.nif.netif.mtu, 1500);
    assert_true(netif_is_link_up(&stack.nif.netif));
    assert_true(stack.nif.netif.flags & NETIF_FLAG_ETHARP);

    hvhost_nic_link(stack.card, false);
    stack_turn(3);
    assert_false(netif_is_link_up(&stack.nif.netif));
    hvhost_nic_link(stack.card, true);
    stack_turn(3);
    assert_true(netif_is_link_up(&stack.nif.netif));

    stack.nif.on_event = count_state;
    stack.nif.on_event_ctx = &stack;
    hvhost_nic_rescind(stack.card);
    stack_turn(12);
    assert_false(netif_is_link_up(&stack.nif.netif));
    assert_true(netif_is_up(&stack.nif.netif)); /* addresses and connections live on */
    assert_int_equal(state_events, 1);
    hvhost_nic_offer(stack.card);
    stack_attach();
    assert_true(netif_is_link_up(&stack.nif.netif));
    stack_teardown();
}

static unsigned link_changes;

static void count_link(struct netif *netif)
{
    (void)netif;
    link_changes++;
}

/* Down and up again, so that lwIP's DHCP asks whether its address is still good. */
static void another_network_looks_like_a_cable_pulled_and_plugged(void **state)
{
    const struct rndis_indicate moved = {RNDIS_MSG_INDICATE_STATUS, sizeof(moved),
                                         RNDIS_IND_NETWORK_CHANGE, 0, 0};
    struct netvsc_netif nif;
    struct wire_packet pkt;
    struct wire w;

    (void)state;
    wire_open(&w, NULL);
    netvsc_destroy(w.nic);
    assert_int_equal(netvsc_netif_add(&nif, &w.config), 0);
    w.nic = nif.nic;
    wire_attach(&w);
    while (netvsc_state(w.nic) != NETVSC_UP) {
        wire_poll(&w);
        while (wire_get(&w, &pkt))
            wire_answer(&w, &pkt);
    }
    netif_set_link_callback(&nif.netif, count_link);
    wire_control(&w, 1, &moved, sizeof(moved));
    wire_poll(&w);
    assert_int_equal(link_changes, 2);
    assert_true(netif_is_link_up(&nif.netif));
    netif_remove(&nif.netif);
    wire_close(&w); /* destroys the NIC */
    netvsc_netif_loans_abandon(nif.loans);
}

static void a_card_without_a_cable_comes_up_with_its_link_down(void **state)
{
    (void)state;
    stack_setup(8);
    netvsc_detach(stack.nif.nic, stack.now_ns);
    stack_turn(60);
    hvhost_nic_link(stack.card, false);
    stack_attach();
    assert_false(netif_is_link_up(&stack.nif.netif));
    hvhost_nic_link(stack.card, true);
    stack_turn(3);
    assert_true(netif_is_link_up(&stack.nif.netif));
    stack_teardown();
}

static void a_nic_that_goes_takes_its_backlog_along(void **state)
{
    struct pbuf *p;
    uint8_t copy[2048];

    (void)state;
    stack_setup(8);
    p = stack_chain(100, 1, 0, copy);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(stack_output(p), ERR_OK);
    assert_int_equal(p->ref, 1 + 12);
    hvhost_nic_rescind(stack.card);
    for (unsigned i = 0; i < 11; i++) { /* without the host: it would complete */
        netvsc_netif_poll(&stack.nif, stack.now_ns, 64);
        stack.now_ns += STACK_MS;
    }
    assert_int_equal(p->ref, 1);
    assert_int_equal(stack.nif.stats.tx_drop_down, 12);
    assert_int_equal(stack_output(p), ERR_IF);
    assert_int_equal(stack.nif.stats.tx_drop_down, 13);
    pbuf_free(p);
    stack_teardown();
}

static void removing_it_frees_what_waits(void **state)
{
    struct pbuf *p;
    uint8_t copy[2048];

    (void)state;
    stack_setup(8);
    p = stack_chain(100, 1, 0, copy);
    for (uint32_t i = 0; i < 20; i++)
        assert_int_equal(stack_output(p), ERR_OK);
    netvsc_netif_remove(&stack.nif);
    assert_int_equal(p->ref, 1);
    pbuf_free(p);
    assert_null(netif_list);
    hvhost_destroy(stack.host);
}

static void bad_settings_leave_nothing_behind(void **state)
{
    const struct netvsc_config config = {.mtu_bytes = 1};

    (void)state;
    assert_int_equal(netvsc_netif_add(&stack.nif, &config), -EINVAL);
    assert_null(netif_list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_become_chains_byte_for_byte),
        cmocka_unit_test(a_vlan_tag_is_put_back_unless_it_names_none),
        cmocka_unit_test(without_pbufs_frames_are_dropped_and_counted),
        cmocka_unit_test(what_lwip_refuses_is_counted_and_freed),
        cmocka_unit_test(link_mac_and_mtu_follow_the_nic),
        cmocka_unit_test(another_network_looks_like_a_cable_pulled_and_plugged),
        cmocka_unit_test(a_card_without_a_cable_comes_up_with_its_link_down),
        cmocka_unit_test(a_nic_that_goes_takes_its_backlog_along),
        cmocka_unit_test(removing_it_frees_what_waits),
        cmocka_unit_test(bad_settings_leave_nothing_behind),
    };

    return cmocka_run_group_tests(tests, stack_start, NULL);
}
