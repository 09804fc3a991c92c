/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Included by the compiler before the first line of lwIP's etharp.c. lwIP 2.2.1 reads a whole ARP
 * packet however early the frame ends: what is behind that is left over from frames before. It
 * believed it, and sent it to whoever asked like that; and a program that had just claimed its
 * address could find there that somebody else had it, and ended.
 */
#ifndef LWIP_ETHARP_H
#define LWIP_ETHARP_H

#include "lwip/opt.h"

#include "lwip/etharp.h"
#include "lwip/pbuf.h"
#include "lwip/stats.h"

static void lwip_etharp_input(struct pbuf *p, struct netif *netif);

void etharp_input(struct pbuf *p, struct netif *netif)
{
    if (p->len >= SIZEOF_ETHARP_HDR) {
        lwip_etharp_input(p, netif);
        return;
    }
    ETHARP_STATS_INC(etharp.lenerr);
    ETHARP_STATS_INC(etharp.drop);
    pbuf_free(p);
}
#define etharp_input lwip_etharp_input

#endif
