/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses of an interface that several processes have, each its copy of it: one owns them. */
#ifndef PORT_NET_SHARE_H
#define PORT_NET_SHARE_H

#include "lwip/netif.h"

/* What the owner has now. Plain memory without holes, to be compared and copied. */
struct port_net_addresses {
    uint32_t address, mask, gateway; /* IPv4, network byte order */
    uint32_t address6[LWIP_IPV6_NUM_ADDRESSES][4];
    uint32_t zone6[LWIP_IPV6_NUM_ADDRESSES];
    uint32_t state6[LWIP_IPV6_NUM_ADDRESSES]; /* lwIP's; 0: none, or still being checked */
};

void port_net_read(const struct netif *netif, struct port_net_addresses *out);

/* Have exactly these, without asking anybody. Nothing may be sent about them, see port_frame.h. */
void port_net_write(struct netif *netif, const struct port_net_addresses *addresses);

/*
 * In a process forked by the owner of (netif): own nothing. No DHCP, no claim, no SLAAC, no line in
 * the log; and no release of the lease, which the owner still has.
 */
void port_net_disown(struct netif *netif);

#endif
