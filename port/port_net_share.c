/* SPDX-License-Identifier: BSD-3-Clause */
#include "port_net_share.h"

#include <string.h>

void port_net_read(const struct netif *netif, struct port_net_addresses *out)
{
    memset(out, 0, sizeof(*out));
    out->address = ip4_addr_get_u32(netif_ip4_addr(netif));
    out->mask = ip4_addr_get_u32(netif_ip4_netmask(netif));
    out->gateway = ip4_addr_get_u32(netif_ip4_gw(netif));
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        const ip6_addr_t *address = netif_ip6_addr(netif, i);

        if (!ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
            continue;
        memcpy(out->address6[i], address->addr, sizeof(out->address6[i]));
        out->zone6[i] = ip6_addr_zone(address);
        out->state6[i] = netif_ip6_addr_state(netif, i);
    }
}

static void write_ip6(struct netif *netif, s8_t i, const struct port_net_addresses *from)
{
    ip6_addr_t address;

    memcpy(address.addr, from->address6[i], sizeof(from->address6[i]));
    ip6_addr_set_zone(&address, (u8_t)from->zone6[i]);
    if (from->state6[i] == netif_ip6_addr_state(netif, i) &&
        ip6_addr_eq(&address, netif_ip6_addr(netif, i)))
        return;
    netif_ip6_addr_set_state(netif, i, IP6_ADDR_INVALID);
    if (from->state6[i] == IP6_ADDR_INVALID)
        return;
    netif_ip6_addr_set(netif, i, &address);
    netif_ip6_addr_set_valid_life(netif, i, IP6_ADDR_LIFE_STATIC);
    netif_ip6_addr_set_state(netif, i, (u8_t)from->state6[i]);
}

void port_net_write(struct netif *netif, const struct port_net_addresses *addresses)
{
    struct port_net_addresses now;
    ip4_addr_t address, mask, gateway;

    port_net_read(netif, &now);
    ip4_addr_set_u32(&address, addresses->address);
    ip4_addr_set_u32(&mask, addresses->mask);
    ip4_addr_set_u32(&gateway, addresses->gateway);
    if (now.address != addresses->address || now.mask != addresses->mask ||
        now.gateway != addresses->gateway)
        netif_set_addr(netif, &address, &mask, &gateway);
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
        write_ip6(netif, i, addresses);
}
