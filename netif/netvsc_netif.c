/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lwIP face of the NIC.
 *
 * Theory of operation. Receive copies each frame from the receive buffer into a pbuf chain, because
 * its memory goes back to the host when netvsc_frames() returns. Transmit copies a chain straight
 * into a send section. When the NIC is busy the chain waits in the backlog with a reference of
 * ours: lwIP's TCP sees by that reference (p->ref) that the segment is still with us and leaves it
 * alone. Memory that its owner may change under a reference (PBUF_REF) is cloned instead. Once
 * anything waits everything queues behind it, so that order is kept.
 *
 * A VLAN tag travels beside the frame on this NIC and inside the frame in lwIP. It is put back
 * here, or a tagged frame would reach a stack that did not ask for that VLAN.
 *
 * Checksums are lwIP's business in both directions for now; the host's verdicts are not used.
 * Multicast filters are left out: the NIC receives all multicast.
 */
#include "netvsc_netif.h"

#include <errno.h>
#include <string.h>

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "netif/ethernet.h"

#define PBUF_BYTES_MAX 65535u
#define MAC_BYTES 6u
#define MAC_PAIR_BYTES 12u /* where a VLAN tag goes */
#define VLAN_TAG_BYTES 4u
#define VLAN_ETHERTYPE 0x8100u
#define VLAN_ID_MASK 0x0FFFu
#define MTU_BEFORE_UP 1500u

/* ---- receive --------------------------------------------------------------------------------- */

/* Copy of (frame) with its VLAN tag back between addresses and type. */
static void copy_tagged(struct pbuf *p, const struct netvsc_frame *frame)
{
    const uint8_t tag[VLAN_TAG_BYTES] = {VLAN_ETHERTYPE >> 8, VLAN_ETHERTYPE & 0xFF,
                                         (uint8_t)(frame->tci >> 8), (uint8_t)frame->tci};
    u16_t rest = (u16_t)(frame->len_bytes - MAC_PAIR_BYTES);

    pbuf_take(p, frame->data, MAC_PAIR_BYTES);
    pbuf_take_at(p, tag, sizeof(tag), MAC_PAIR_BYTES);
    pbuf_take_at(p, frame->data + MAC_PAIR_BYTES, rest, MAC_PAIR_BYTES + VLAN_TAG_BYTES);
}

static void input(struct netvsc_netif *nif, const struct netvsc_frame *frame)
{
    /* VLAN 0 is no VLAN, only a priority. */
    bool tagged = frame->has_tci && (frame->tci & VLAN_ID_MASK) != 0;
    uint32_t len_bytes = frame->len_bytes + (tagged ? VLAN_TAG_BYTES : 0);
    struct pbuf *p;

    if (len_bytes > PBUF_BYTES_MAX) {
        nif->stats.rx_above_stack++;
        return;
    }
    p = pbuf_alloc(PBUF_RAW, (u16_t)len_bytes, PBUF_POOL);
    if (!p) {
        nif->stats.rx_drop_pbuf++;
        return;
    }
    if (tagged)
        copy_tagged(p, frame);
    else
        pbuf_take(p, frame->data, (u16_t)len_bytes);
    if (nif->netif.input(p, &nif->netif) != ERR_OK) {
        nif->stats.rx_drop_input++;
        pbuf_free(p);
        return;
    }
    nif->stats.rx_input++;
}

static void on_frames(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    struct netvsc_netif *nif = ctx;

    for (unsigned i = 0; i < count; i++)
        input(nif, &frames[i]);
}

/* ---- transmit -------------------------------------------------------------------------------- */

static int send_chain(struct netvsc_netif *nif, const struct pbuf *p)
{
    struct netvsc_slot slot;
    int rc = netvsc_tx_begin(nif->nic, p->tot_len, &slot);

    if (rc)
        return rc;
    pbuf_copy_partial(p, slot.data, p->tot_len, 0);
    netvsc_tx_commit(nif->nic, &slot, p->tot_len);
    return 0;
}

static bool backlog_empty(const struct netvsc_netif *nif)
{
    return nif->backlog_head == nif->backlog_tail;
}

static bool needs_copy(const struct pbuf *p)
{
    for (; p; p = p->next)
        if (PBUF_NEEDS_COPY(p))
            return true;
    return false;
}

static err_t queue_chain(struct netvsc_netif *nif, struct pbuf *p)
{
    struct pbuf *keep = p;

    if (nif->backlog_tail - nif->backlog_head == NETVSC_NETIF_BACKLOG) {
        nif->stats.tx_drop_backlog++;
        return ERR_MEM;
    }
    if (needs_copy(p))
        keep = pbuf_clone(PBUF_RAW, PBUF_RAM, p);
    else
        pbuf_ref(p);
    if (!keep) {
        nif->stats.tx_drop_backlog++;
        return ERR_MEM;
    }
    nif->backlog[nif->backlog_tail++ % NETVSC_NETIF_BACKLOG] = keep;
    nif->stats.tx_queued++;
    return ERR_OK;
}

static err_t count_refusal(struct netvsc_netif *nif, int rc)
{
    if (rc == -EMSGSIZE) {
        nif->stats.tx_drop_size++;
        return ERR_VAL;
    }
    nif->stats.tx_drop_down++;
    return ERR_IF;
}

static err_t output(struct netif *netif, struct pbuf *p)
{
    struct netvsc_netif *nif = (struct netvsc_netif *)(void *)netif;
    int rc = -EAGAIN;

    if (backlog_empty(nif))
        rc = send_chain(nif, p);
    if (!rc)
        return ERR_OK;
    return rc == -EAGAIN ? queue_chain(nif, p) : count_refusal(nif, rc);
}

/* Send what waits, as far as the NIC takes it. Returns how many chains left the backlog. */
static unsigned drain_backlog(struct netvsc_netif *nif)
{
    unsigned done = 0;

    while (!backlog_empty(nif)) {
        struct pbuf *p = nif->backlog[nif->backlog_head % NETVSC_NETIF_BACKLOG];
        int rc = send_chain(nif, p);

        if (rc == -EAGAIN)
            break;
        if (rc)
            count_refusal(nif, rc);
        nif->backlog_head++;
        pbuf_free(p);
        done++;
    }
    return done;
}

static void drop_backlog(struct netvsc_netif *nif)
{
    while (!backlog_empty(nif)) {
        pbuf_free(nif->backlog[nif->backlog_head++ % NETVSC_NETIF_BACKLOG]);
        nif->stats.tx_drop_down++;
    }
}

/* ---- state ----------------------------------------------------------------------------------- */

static void set_mtu(struct netif *netif, uint32_t mtu_bytes)
{
    netif->mtu = (u16_t)mtu_bytes;
#if LWIP_IPV6 && LWIP_ND6_ALLOW_RA_UPDATES
    netif->mtu6 = netif->mtu;
#endif
}

static void on_state(struct netvsc_netif *nif)
{
    const struct netvsc_info *info = netvsc_info(nif->nic);

    if (netvsc_state(nif->nic) != NETVSC_UP) {
        netif_set_link_down(&nif->netif);
        drop_backlog(nif);
        return;
    }
    memcpy(nif->netif.hwaddr, info->mac, MAC_BYTES);
    set_mtu(&nif->netif, info->mtu_bytes);
    if (info->link_up)
        netif_set_link_up(&nif->netif);
}

static void on_link(struct netvsc_netif *nif)
{
    if (netvsc_info(nif->nic)->link_up)
        netif_set_link_up(&nif->netif);
    else
        netif_set_link_down(&nif->netif);
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
    case NETVSC_EVENT_SPEED:
        break;
    }
    if (nif->on_event)
        nif->on_event(nif->on_event_ctx, event);
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
    netif->linkoutput = output;
    return ERR_OK;
}

int netvsc_netif_add(struct netvsc_netif *nif, const struct netvsc_config *config)
{
    struct netvsc_config own = *config;
    int rc;

    memset(nif, 0, sizeof(*nif));
    own.rx = on_frames;
    own.event = on_event;
    own.ctx = nif;
    rc = netvsc_create(&own, &nif->nic);
    if (rc)
        return rc;
    if (!netif_add_noaddr(&nif->netif, nif, init, netif_input)) {
        netvsc_destroy(nif->nic);
        nif->nic = NULL;
        return -ENOMEM;
    }
    return 0;
}

void netvsc_netif_remove(struct netvsc_netif *nif)
{
    drop_backlog(nif);
    netif_remove(&nif->netif);
    netvsc_destroy(nif->nic);
    nif->nic = NULL;
}

unsigned netvsc_netif_poll(struct netvsc_netif *nif, uint64_t now_ns, unsigned budget)
{
    unsigned done = netvsc_poll(nif->nic, now_ns, budget);

    done += drain_backlog(nif);
    netvsc_flush(nif->nic); /* the backlog, and what lwIP said when told of the link */
    return done;
}
