/* SPDX-License-Identifier: BSD-3-Clause */
/* An Ethernet interface of lwIP's with no card behind it: where its frames go is the test's. */
#ifndef ETH_CARD_H
#define ETH_CARD_H

#include <string.h>

#include "lwip/etharp.h"
#include "lwip/netif.h"

/* For netif_add(), from a function of the test's that sets linkoutput. */
static inline err_t eth_card_init(struct netif *netif)
{
    static const uint8_t mac[6] = {0x00, 0x15, 0x5d, 0, 0, 1};

    memcpy(netif->hwaddr, mac, sizeof(mac));
    netif->hwaddr_len = sizeof(mac);
    netif->mtu = netif->mtu6 = 1500;
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET;
    netif->output = etharp_output;
    return ERR_OK;
}

#endif
