/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lwIP face of the NIC: add, remove, poll, and the NIC's events told to lwIP. Frames to pbufs
 * is in netvsc_netif_rx.c, pbufs to frames in netvsc_netif_tx.c, multicast groups in
 * netvsc_netif_groups.c, processes in netvsc_netif_worker.c.
 */
#include "netvsc_netif_var.h"
#include "netvsc_netif_worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "netif/ethernet.h"

#define MAC_BYTES 6u
#define MTU_BEFORE_UP 1500u

/* ---- state ----------------------------------------------------------------------------------- */

static void set_mtu(struct netif *netif, uint32_t mtu_bytes)
{
    netif->mtu = (u16_t)mtu_bytes;
#if LWIP_IPV6 && LWIP_ND6_ALLOW_RA_UPDATES
    netif->mtu6 = netif->mtu;
#endif
}

/*
 * Tell the network where we are now. lwIP does so by itself only where it is built without address
 * conflict detection.
 */
static void announce(struct netvsc_netif *nif)
{
#if LWIP_IPV4
    struct netif *netif = &nif->netif;

    if (netif_is_up(netif) && netif_is_link_up(netif) &&
        !ip4_addr_isany_val(*netif_ip4_addr(netif)))
        etharp_gratuitous(netif);
#endif
}

/*
 * lwIP takes chains of several segments if it acknowledges them and does not check their sums again
 * (it must not be behind a queue). Who forwards must not change what passes.
 */
#if NO_SYS && NETVSC_NETIF_CHAINS && !IP_FORWARD && !(LWIP_IPV6 && LWIP_IPV6_FORWARD)
#define CHAINS_OK 1
#else
#define CHAINS_OK 0
#endif

/* Up: who puts segments together. */
static void choose_gro(struct netvsc_netif *nif)
{
    uint8_t rsc = netvsc_info(nif->nic)->rx_rsc;

    /* The owner of queue 0 hands segments on as they came. */
    const bool wanted = nif->gro_wanted && !(nif->alone && nif->queue == 0);

    nif->gro_ip4 = wanted && !(rsc & NETVSC_RSC_IP4);
    nif->gro_ip6 = wanted && !(rsc & NETVSC_RSC_IP6);
}

static void on_state(struct netvsc_netif *nif)
{
    const struct netvsc_info *info = netvsc_info(nif->nic);

    if (netvsc_state(nif->nic) != NETVSC_UP) {
        netif_set_link_down(&nif->netif);
        netvsc_netif_burst_drop(nif);
        netvsc_netif_drop_backlog(nif);
        return;
    }
    memcpy(nif->netif.hwaddr, info->mac, MAC_BYTES);
    set_mtu(&nif->netif, info->mtu_bytes);
    netvsc_netif_offload(nif);
    choose_gro(nif);
    if (info->link_up)
        netif_set_link_up(&nif->netif);
}

/* A cable put in while the NIC detaches is no link. */
static void on_link(struct netvsc_netif *nif)
{
    if (netvsc_state(nif->nic) == NETVSC_UP && netvsc_info(nif->nic)->link_up)
        netif_set_link_up(&nif->netif);
    else
        netif_set_link_down(&nif->netif);
}

/* Down and up, so that everybody on the network hears of the new address. */
static void on_mac(struct netvsc_netif *nif)
{
    netif_set_link_down(&nif->netif);
    memcpy(nif->netif.hwaddr, netvsc_info(nif->nic)->mac, MAC_BYTES);
    on_link(nif);
    announce(nif);
}

static void on_event(void *ctx, enum netvsc_event event)
{
    struct netvsc_netif *nif = ctx;

    switch (event) {
    case NETVSC_EVENT_STATE:
        on_state(nif);
        break;
    case NETVSC_EVENT_LINK:
        on_link(nif);
        break;
    case NETVSC_EVENT_NETWORK_CHANGE: /* down and up makes lwIP's DHCP and ND start over */
        netif_set_link_down(&nif->netif);
        on_link(nif);
        break;
    case NETVSC_EVENT_MAC:
        on_mac(nif);
        break;
    case NETVSC_EVENT_REFUSED:
    case NETVSC_EVENT_SPEED:
        break;
    }
    if (nif->on_event)
        nif->on_event(nif->on_event_ctx, event);
}

void netvsc_netif_follow(struct netvsc_netif *nif)
{
    on_state(nif);
    if (netvsc_state(nif->nic) == NETVSC_UP)
        on_link(nif);
}

/* ---- add, poll, remove ----------------------------------------------------------------------- */

static err_t init(struct netif *netif)
{
    netif->name[0] = 'n';
    netif->name[1] = 'v';
    netif->hwaddr_len = MAC_BYTES;
    set_mtu(netif, MTU_BEFORE_UP);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
                   NETIF_FLAG_IGMP | NETIF_FLAG_MLD6;
#if LWIP_IPV4
    netif->output = etharp_output;
#endif
#if LWIP_IPV6
    netif->output_ip6 = ethip6_output;
#endif
    netif->linkoutput = netvsc_netif_output;
    netvsc_netif_groups_begin(netif->state);
    return ERR_OK;
}

int netvsc_netif_add(struct netvsc_netif *nif, const struct netvsc_config *config)
{
    struct netvsc_config own = *config;
    int rc;

    memset(nif, 0, sizeof(*nif));
    nif->rx_copybreak_bytes =
        config->rx_copybreak_bytes ? config->rx_copybreak_bytes : NETVSC_RX_COPY_BYTES;
    nif->loans = netvsc_netif_loans_create();
    if (!nif->loans)
        return -ENOMEM;
    if (config->memory && netvsc_netif_holds_create(nif)) {
        netvsc_netif_loans_abandon(nif->loans);
        return -ENOMEM;
    }
    nif->tx_copy_bytes = config->tx_copy_bytes ? config->tx_copy_bytes : NETVSC_TX_COPY_BYTES;
    if (nif->tx_copy_bytes < NETVSC_VECTOR_HEAD_BYTES)
        nif->tx_copy_bytes = NETVSC_VECTOR_HEAD_BYTES;
    nif->rx_verify = config->rx_csum == NETVSC_VERIFY;
    nif->rsc_verify = config->rx_rsc == NETVSC_VERIFY;
    nif->gro_wanted = CHAINS_OK && config->rx_gro != NETVSC_OFF;
    own.rx_pieces = CHAINS_OK;
    own.rx = netvsc_netif_rx;
    own.tx_done = netvsc_netif_tx_done;
    own.event = on_event;
    own.ctx = nif;
    nif->tx_csum = config->tx_csum;
    rc = netvsc_create(&own, &nif->nic);
    if (!rc && netif_add_noaddr(&nif->netif, nif, init, netif_input))
        return 0;
    netvsc_destroy(nif->nic);
    nif->nic = NULL;
    netvsc_netif_loans_abandon(nif->loans);
    free(nif->held);
    return rc ? rc : -ENOMEM;
}

void netvsc_netif_remove(struct netvsc_netif *nif)
{
    netvsc_netif_burst_drop(nif);
    netvsc_netif_drop_backlog(nif);
    netif_remove(&nif->netif);
    netvsc_destroy(nif->nic);
    nif->nic = NULL;
    free(nif->held); /* destroying gave all of them back */
    netvsc_netif_loans_abandon(nif->loans);
    nif->loans = NULL;
}

void netvsc_netif_flush(struct netvsc_netif *nif)
{
    netvsc_netif_burst_end(nif);
    if (nif->alone)
        netvsc_queue_flush(nif->nic, nif->queue);
    else
        netvsc_flush(nif->nic);
}

unsigned netvsc_netif_poll(struct netvsc_netif *nif, uint64_t now_ns, unsigned budget)
{
    unsigned done;

    if (nif->burst.open)
        netvsc_netif_burst_end(nif); /* a slot must not outlive a poll */
    done = nif->alone ? netvsc_queue_poll(nif->nic, nif->queue, now_ns, budget)
                      : netvsc_poll(nif->nic, now_ns, budget);
    done += netvsc_netif_drain(nif);
    /* A burst, the backlog, and what lwIP said when told of the link; the rest has left. */
    if (nif->burst.open || netvsc_queue_unseen(nif->nic, nif->queue))
        netvsc_netif_flush(nif);
    return done;
}
