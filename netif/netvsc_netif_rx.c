/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames become pbufs.
 *
 * Theory of operation. Frames longer than the copybreak stay where the host wrote them, but for
 * their headers (netvsc_netif_loan.c); others are copied from the receive buffer into a chain of
 * pool pbufs, and so are all while lwIP keeps too much of the receive buffer already.
 *
 * A VLAN tag travels beside the frame on this NIC and inside the frame in lwIP. It is put back
 * here, or a tagged frame would reach a stack that did not ask for that VLAN.
 *
 * Checksums. lwIP switches its checks per netif, the host judges per frame. Without an operating
 * system under lwIP input runs to its end before it returns, so the switches are set for each frame
 * just before its input and set back after the batch: what the host has checked is not checked
 * again, anything else is. With tcpip_thread (NO_SYS 0) all is checked, for input only queues.
 */
#include "netvsc_netif_var.h"

#define PBUF_BYTES_MAX 65535u
#define VLAN_ETHERTYPE 0x8100u
#define VLAN_ID_MASK 0x0FFFu

/* ---- checksums ------------------------------------------------------------------------------- */

#define OK_MASK (NETVSC_CSUM_IP_OK | NETVSC_CSUM_L4_OK)
#define BAD_MASK (NETVSC_CSUM_IP_BAD | NETVSC_CSUM_L4_BAD)
#define CHECKS (NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP)

/* Verdict to go by: the host's, or the truth it is held against. */
static uint8_t verdict(struct netvsc_netif *nif, const struct netvsc_frame *frame)
{
    uint8_t truth, lies;

    if (!nif->rx_verify)
        return frame->csum;
    truth = netvsc_netif_truth(frame->data, frame->len_bytes);
    lies = (uint8_t)((frame->csum & OK_MASK) << 2 & truth) |
           (uint8_t)((frame->csum & BAD_MASK) >> 2 & truth);
    if (lies)
        nif->stats.rx_csum_disagree++;
    return truth;
}

/* Have lwIP check what (frame) was not checked for. */
static void set_checks(struct netvsc_netif *nif, const struct netvsc_frame *frame, uint8_t csum)
{
#if NO_SYS
    uint16_t spared = netvsc_netif_spared(frame, csum);

    nif->netif.chksum_flags = (u16_t)((nif->netif.chksum_flags | CHECKS) & ~spared);
    if (spared & (NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP))
        nif->stats.rx_csum_spared++;
#else
    (void)nif, (void)frame, (void)csum;
#endif
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* A chain with a copy of (frame), with (tag) put in unless that is NULL. */
static struct pbuf *copy(const struct netvsc_frame *frame, const uint8_t *tag, uint32_t len_bytes)
{
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)len_bytes, PBUF_POOL);
    const uint32_t macs = NETVSC_NETIF_MACS_BYTES;

    if (!p)
        return NULL;
    if (!tag) {
        pbuf_take(p, frame->data, (u16_t)len_bytes);
        return p;
    }
    pbuf_take(p, frame->data, (u16_t)macs);
    pbuf_take_at(p, tag, NETVSC_NETIF_TAG_BYTES, (u16_t)macs);
    pbuf_take_at(p, frame->data + macs, (u16_t)(frame->len_bytes - macs),
                 (u16_t)(macs + NETVSC_NETIF_TAG_BYTES));
    return p;
}

/* The chain for lwIP. NULL: dropped and counted. */
static struct pbuf *chain(struct netvsc_netif *nif, const struct netvsc_frame *frame)
{
    const uint8_t tag[NETVSC_NETIF_TAG_BYTES] = {VLAN_ETHERTYPE >> 8, VLAN_ETHERTYPE & 0xFF,
                                                 (uint8_t)(frame->tci >> 8), (uint8_t)frame->tci};
    /* VLAN 0 is no VLAN, only a priority. */
    bool tagged = frame->has_tci && (frame->tci & VLAN_ID_MASK) != 0;
    uint32_t len_bytes = frame->len_bytes + (tagged ? NETVSC_NETIF_TAG_BYTES : 0);
    struct pbuf *p = NULL;

    if (len_bytes > PBUF_BYTES_MAX) {
        nif->stats.rx_above_stack++;
        return NULL;
    }
    if (frame->len_bytes > nif->rx_copybreak_bytes)
        p = netvsc_netif_lend(nif, frame, tagged ? tag : NULL);
    if (p) {
        nif->stats.rx_zerocopy++;
        return p;
    }
    p = copy(frame, tagged ? tag : NULL, len_bytes);
    if (p)
        nif->stats.rx_copied++;
    else
        nif->stats.rx_drop_pbuf++;
    return p;
}

static void input(struct netvsc_netif *nif, const struct netvsc_frame *frame)
{
    uint8_t csum = verdict(nif, frame);
    struct pbuf *p;

    if (csum & BAD_MASK) {
        nif->stats.rx_drop_csum++;
        return;
    }
    p = chain(nif, frame);
    if (!p)
        return;
    set_checks(nif, frame, csum);
    if (nif->netif.input(p, &nif->netif) != ERR_OK) {
        nif->stats.rx_drop_input++;
        pbuf_free(p);
        return;
    }
    nif->stats.rx_input++;
}

void netvsc_netif_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    struct netvsc_netif *nif = ctx;

    for (unsigned i = 0; i < count; i++)
        input(nif, &frames[i]);
    nif->netif.chksum_flags |= CHECKS;
}
