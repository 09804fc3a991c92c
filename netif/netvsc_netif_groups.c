/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Multicast groups that lwIP joins, by their Ethernet addresses. Several groups may share one
 * address, so each has a count. Groups that find no place are only counted: then there are more
 * than any host is told, and all multicast is received.
 */
#include <string.h>

#include "lwip/igmp.h"
#include "lwip/mld6.h"
#include "netvsc_control.h"
#include "netvsc_netif_var.h"

#define MAC_BYTES 6u

static void tell(struct netvsc_netif *nif)
{
    uint8_t macs[NETVSC_NETIF_GROUPS][MAC_BYTES];
    unsigned count = 0;

    for (unsigned i = 0; i < NETVSC_NETIF_GROUPS; i++)
        if (nif->group[i].uses)
            memcpy(macs[count++], nif->group[i].mac, MAC_BYTES);
    netvsc_multicast(nif->nic, macs, nif->groups_beyond ? NETVSC_MULTICAST_MAX + 1 : count);
}

static struct netvsc_netif_group *find(struct netvsc_netif *nif, const uint8_t mac[MAC_BYTES])
{
    for (unsigned i = 0; i < NETVSC_NETIF_GROUPS; i++)
        if (nif->group[i].uses && memcmp(nif->group[i].mac, mac, MAC_BYTES) == 0)
            return &nif->group[i];
    return NULL;
}

static struct netvsc_netif_group *find_free(struct netvsc_netif *nif)
{
    for (unsigned i = 0; i < NETVSC_NETIF_GROUPS; i++)
        if (!nif->group[i].uses)
            return &nif->group[i];
    return NULL;
}

static void join(struct netvsc_netif *nif, const uint8_t mac[MAC_BYTES])
{
    struct netvsc_netif_group *group = find(nif, mac);

    if (group) {
        group->uses++;
        return;
    }
    group = find_free(nif);
    if (group) {
        memcpy(group->mac, mac, MAC_BYTES);
        group->uses = 1;
    } else {
        nif->groups_beyond++;
    }
    tell(nif);
}

static void leave(struct netvsc_netif *nif, const uint8_t mac[MAC_BYTES])
{
    struct netvsc_netif_group *group = find(nif, mac);

    if (group && --group->uses)
        return;
    if (!group && nif->groups_beyond)
        nif->groups_beyond--;
    tell(nif);
}

static err_t change(struct netif *netif, const uint8_t mac[MAC_BYTES],
                    enum netif_mac_filter_action action)
{
    struct netvsc_netif *nif = netif->state;

    if (action == NETIF_ADD_MAC_FILTER)
        join(nif, mac);
    else
        leave(nif, mac);
    return ERR_OK;
}

#if LWIP_IPV4 && LWIP_IGMP
static err_t on_igmp(struct netif *netif, const ip4_addr_t *group,
                     enum netif_mac_filter_action action)
{
    const uint8_t mac[MAC_BYTES] = {
        0x01, 0x00, 0x5e, ip4_addr2(group) & 0x7f, ip4_addr3(group), ip4_addr4(group)};

    return change(netif, mac, action);
}
#endif

#if LWIP_IPV6 && LWIP_IPV6_MLD
static err_t on_mld(struct netif *netif, const ip6_addr_t *group,
                    enum netif_mac_filter_action action)
{
    uint8_t mac[MAC_BYTES] = {0x33, 0x33};

    memcpy(mac + 2, &group->addr[3], sizeof(group->addr[3])); /* in network order as it is */
    return change(netif, mac, action);
}
#endif

void netvsc_netif_groups_begin(struct netvsc_netif *nif)
{
    netvsc_all_multicast(nif->nic, false);
#if LWIP_IPV4 && LWIP_IGMP
    netif_set_igmp_mac_filter(&nif->netif, on_igmp);
#endif
#if LWIP_IPV6 && LWIP_IPV6_MLD
    /* Everybody's group: lwIP hears it without joining. */
    static const uint8_t all_nodes[MAC_BYTES] = {0x33, 0x33, 0, 0, 0, 1};

    netif_set_mld_mac_filter(&nif->netif, on_mld);
    join(nif, all_nodes);
#endif
}
