/* SPDX-License-Identifier: BSD-3-Clause */
/* ARP packets that end early are none: nothing is read behind their end. */
#include "check.h"
#include "eth_card.h"

#include "lwip/acd.h"
#include "lwip/etharp.h"
#include "lwip/init.h"
#include "lwip/prot/acd.h"
#include "lwip/stats.h"
#include "netif/ethernet.h"

#define FRAME_BYTES 42u
#define SENDER_IP_OFF 28u

static struct netif card;
static unsigned answers, conflicts;

static err_t count(struct netif *netif, struct pbuf *p)
{
    (void)netif;
    answers += pbuf_get_at(p, 21) == 2;
    return ERR_OK;
}

static err_t init_card(struct netif *netif)
{
    netif->linkoutput = count;
    return eth_card_init(netif);
}

/* Who has 10.0.0.1? asks (sender) of 10.0.0.x, in a pbuf of a whole frame that says it has
 * (bytes). */
static void hear(uint8_t sender, uint16_t bytes)
{
    static const uint8_t frame[FRAME_BYTES] = {
        0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0,  0, 0, 0, 9, 0x08, 0x06, 0, 1, 8, 0,  6, 4, 0,
        1,    2,    0,    0,    0,    0,    9, 10, 0, 0, 0, 0, 0,    0,    0, 0, 0, 10, 0, 0, 1};
    struct pbuf *p = pbuf_alloc(PBUF_RAW, FRAME_BYTES, PBUF_RAM);

    pbuf_take(p, frame, FRAME_BYTES);
    pbuf_put_at(p, SENDER_IP_OFF + 3, sender);
    p->len = p->tot_len = bytes;
    assert_int_equal(ethernet_input(p, &card), ERR_OK);
}

static void on_conflict(struct netif *netif, acd_callback_enum_t state)
{
    (void)netif;
    conflicts += state != ACD_IP_OK;
}

static void who_asks_in_full_is_answered_and_who_does_not_is_not(void **state)
{
    (void)state;
    answers = 0;
    hear(7, FRAME_BYTES);
    assert_int_equal(answers, 1);
    for (uint16_t bytes = 15; bytes < FRAME_BYTES; bytes++)
        hear(7, bytes);
    assert_int_equal(answers, 1);
    assert_int_equal(lwip_stats.etharp.lenerr, FRAME_BYTES - 15);
}

static void what_is_behind_the_end_claims_no_address(void **state)
{
    static struct acd acd;

    (void)state;
    assert_int_equal(acd_add(&card, &acd, on_conflict), ERR_OK);
    acd_start(&card, &acd, *netif_ip4_addr(&card));
    while (acd.state != ACD_STATE_PROBING)
        acd_tmr();
    hear(1, 30);
    assert_int_equal(conflicts, 0);
    hear(1, FRAME_BYTES);
    assert_int_equal(conflicts, 2); /* ACD_DECLINE, ACD_RESTART_CLIENT */
    acd_stop(&acd);
    acd_remove(&card, &acd);
}

static int start(void **state)
{
    ip4_addr_t address, mask;

    (void)state;
    lwip_init();
    IP4_ADDR(&address, 10, 0, 0, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    if (!netif_add(&card, &address, &mask, IP4_ADDR_ANY4, NULL, init_card, netif_input))
        return -1;
    netif_set_link_up(&card);
    netif_set_up(&card);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_in_full_is_answered_and_who_does_not_is_not),
        cmocka_unit_test(what_is_behind_the_end_claims_no_address),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
