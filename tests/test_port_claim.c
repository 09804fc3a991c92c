/* SPDX-License-Identifier: BSD-3-Clause */
/* A static address that another machine has: told at once when it was there first, logged later. */
#include "check.h"
#include "eth_card.h"
#include "port_log.h"
#include "port_net.h"
#include "stderr_catcher.h"

#include <string.h>

#include "lwip/acd.h"
#include "lwip/etharp.h"
#include "lwip/init.h"

#define SETTLE_TICKS 120u /* of 100 ms: probing and announcing take 9 s at most */

static struct netif card;
static struct port_net_config config;
static struct stderr_catcher catcher;
static unsigned taken;

static err_t drop(struct netif *netif, struct pbuf *p)
{
    (void)netif;
    (void)p;
    return ERR_OK;
}

static err_t init_card(struct netif *netif)
{
    netif->linkoutput = drop;
    return eth_card_init(netif);
}

static void on_taken(void *ctx)
{
    (void)ctx;
    taken++;
}

static int bring_up(void **state)
{
    (void)state;
    taken = 0;
    memset(&config, 0, sizeof(config));
    config.taken = on_taken;
    port_net_parse_ip4("10.0.0.1/24", &config.address, &config.mask);
    if (!netif_add_noaddr(&card, NULL, init_card, netif_input))
        return -1;
    netif_set_link_up(&card);
    stderr_catch(&catcher);
    return port_net_up(&card, &config);
}

static int bring_down(void **state)
{
    (void)state;
    port_net_down(&card);
    netif_remove(&card);
    stderr_release(&catcher);
    return 0;
}

static void ticks(unsigned count)
{
    while (count--)
        acd_tmr();
}

/* The machine with MAC ..:(mac_last) says by ARP that 10.0.0.(ip_last) is its own. */
static void arp_says(uint8_t mac_last, uint8_t ip_last)
{
    const uint8_t packet[28] = {
        0, 1, 8, 0, 6, 4, 0, 2, 0x00, 0x15, 0x5d, 0, 0, mac_last, 10, 0, 0, ip_last,
    };
    struct pbuf *p = pbuf_alloc(PBUF_RAW, sizeof(packet), PBUF_POOL);

    assert_non_null(p);
    pbuf_take(p, packet, sizeof(packet));
    etharp_input(p, &card);
}

static void a_machine_that_has_our_address_is_told_of_once(void **state)
{
    (void)state;
    ticks(15);
    assert_int_equal(taken, 0);
    arp_says(9, 1);
    arp_says(9, 1);
    ticks(SETTLE_TICKS);
    assert_int_equal(taken, 1);
}

static void other_machines_with_other_addresses_are_no_conflict(void **state)
{
    (void)state;
    ticks(15);
    arp_says(9, 2);
    ticks(SETTLE_TICKS);
    assert_int_equal(taken, 0);
    arp_says(1, 1); /* our own announcement, reflected */
    assert_int_equal(taken, 0);
    assert_null(strstr(stderr_caught(&catcher), "another machine"));
}

/* Whoever comes after us is wrong, and must not be able to stop us. */
static void one_that_comes_later_is_only_logged(void **state)
{
    (void)state;
    ticks(SETTLE_TICKS);
    arp_says(9, 1); /* the first is answered with an announcement */
    arp_says(9, 1); /* the second, within 10 s, is a quarrel */
    assert_int_equal(taken, 0);
    assert_non_null(
        strstr(stderr_caught(&catcher), "warn: another machine uses our address 10.0.0.1\n"));
}

#define CLAIM_TEST(f) cmocka_unit_test_setup_teardown(f, bring_up, bring_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM_TEST(a_machine_that_has_our_address_is_told_of_once),
        CLAIM_TEST(other_machines_with_other_addresses_are_no_conflict),
        CLAIM_TEST(one_that_comes_later_is_only_logged),
    };

    lwip_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
