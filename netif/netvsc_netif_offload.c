/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * What of a chain lwIP hands us the host shall do. lwIP leaves TCP sums out (NETIF_CHECKSUM_GEN_TCP
 * off) when the host computes them over IPv4 and IPv6; a sum of 0 in the header is how we know one
 * of these. A segment that comes with a sum, forwarded say, leaves with it: to compute it anew
 * would hide what happened to the data. UDP and IP header sums stay lwIP's: a datagram may leave in
 * fragments, which no host can sum, and twenty bytes are not worth an element.
 *
 * A short segment is summed here, once it is where it leaves from: to ask for the sum takes
 * hundreds of instructions, most of them on the host's side; to make it of 84 bytes takes 80.
 *
 * The same goes for a segment of before the MTU shrank, which lwIP cuts into fragments: after that
 * lwIP computes again.
 *
 * A segment that is to be cut says so itself (pbuf member segment_bytes): TCP was told how long
 * these may be when the NIC came up. Should the MTU have shrunk since, the pieces shrink with it.
 *
 * A VLAN tag of lwIP's is inside the frame and leaves beside it.
 */
#include "netvsc_netif_var.h"
#include "netvsc_packet_var.h"

#include <string.h>

#include "lwip/inet_chksum.h"

#define HEAD_BYTES 98u /* tag, Ethernet, IPv4 with all its options, TCP */
#define LARGE_HEAD_BYTES (NETVSC_IP6_BYTES + NETVSC_TCP_BYTES)

/* Offset of the TCP header in the (bytes) of an untagged frame; 0 when it is not whole TCP. */
static uint32_t tcp_off(const uint8_t *head, uint32_t bytes)
{
    uint32_t type = netvsc_get16(head + NETVSC_TYPE_OFF);
    const uint8_t *ip = head + NETVSC_IP_OFF;
    uint32_t off = 0;

    if (type == NETVSC_TYPE_IP4 && bytes >= NETVSC_IP_OFF + NETVSC_IP4_BYTES &&
        ip[9] == NETVSC_PROTO_TCP && (netvsc_get16(ip + 6) & 0x3FFF) == 0)
        off = NETVSC_IP_OFF + (ip[0] & 0xFu) * 4;
    else if (type == NETVSC_TYPE_IP6 && bytes >= NETVSC_IP_OFF + NETVSC_IP6_BYTES &&
             ip[6] == NETVSC_PROTO_TCP)
        off = NETVSC_IP_OFF + NETVSC_IP6_BYTES;
    return off && off + NETVSC_TCP_BYTES <= bytes ? off : 0;
}

#ifdef NETVSC_NETIF_LARGE_SLOT
static uint32_t piece_bytes(const struct pbuf *p)
{
    return p->segment_bytes;
}
#else
static uint32_t piece_bytes(const struct pbuf *p)
{
    (void)p;
    return 0;
}
#endif

/* The host shall cut what is behind the TCP header at (off) into pieces of (bytes). */
static void cut(const struct netvsc_netif *nif, uint32_t off, uint32_t bytes,
                struct netvsc_tx_meta *meta)
{
    uint32_t head = off + NETVSC_TCP_BYTES - NETVSC_ETH_BYTES;
    uint32_t room = netvsc_info(nif->nic)->mtu_bytes - head;

    meta->lso6 = meta->csum == NETVSC_CSUM_TCP6;
    meta->lso4 = !meta->lso6;
    meta->csum = 0;
    meta->mss_bytes = (uint16_t)(bytes < room ? bytes : room);
}

/* Ethernet, IPv4 without options, TCP: what lwIP puts into the first of a chain. */
static bool is_head4(const struct pbuf *p)
{
    const uint8_t *at = p->payload;

    return p->len >= NETVSC_IP_OFF + NETVSC_IP4_BYTES + NETVSC_TCP_BYTES &&
           netvsc_get16(at + NETVSC_TYPE_OFF) == NETVSC_TYPE_IP4 &&
           at[NETVSC_IP_OFF] == NETVSC_IP4_PLAIN;
}

/* The first bytes of a frame in one row: where they are, or in (copy). */
static const uint8_t *first_bytes(const struct pbuf *p, uint8_t copy[HEAD_BYTES], uint32_t *bytes)
{
    if (p->len >= HEAD_BYTES || p->len == p->tot_len || is_head4(p)) {
        *bytes = p->len;
        return p->payload;
    }
    *bytes = pbuf_copy_partial(p, copy, HEAD_BYTES, 0);
    return copy;
}

uint32_t netvsc_netif_look(const struct netvsc_netif *nif, const struct pbuf *p,
                           struct netvsc_tx_meta *meta)
{
    uint8_t copy[HEAD_BYTES];
    uint32_t bytes, skip = 0, off;
    const uint8_t *head = first_bytes(p, copy, &bytes);

    memset(meta, 0, sizeof(*meta));
    if (bytes >= NETVSC_TYPE_OFF + NETVSC_TAG_BYTES &&
        netvsc_get16(head + NETVSC_TYPE_OFF) == NETVSC_TYPE_TAG) {
        meta->has_tci = true;
        meta->tci = (uint16_t)netvsc_get16(head + NETVSC_TYPE_OFF + 2);
        skip = NETVSC_TAG_BYTES;
    }
    if (!nif->tcp_sums_by_host || bytes < skip + NETVSC_IP_OFF)
        return skip;
    head += skip; /* the addresses are not looked at */
    off = tcp_off(head, bytes - skip);
    if (off &&
        (nif->tx_csum == NETVSC_VERIFY || netvsc_get16(head + off + NETVSC_TCP_SUM_OFF) == 0)) {
        meta->csum = netvsc_get16(head + NETVSC_TYPE_OFF) == NETVSC_TYPE_IP6 ? NETVSC_CSUM_TCP6
                                                                             : NETVSC_CSUM_TCP4;
        meta->l4_off = (uint8_t)off;
        if (piece_bytes(p))
            cut(nif, off, piece_bytes(p), meta);
    }
    return skip;
}

/* The addresses lie before the segment, so that one look takes both. */
bool netvsc_netif_may_sum(const struct netvsc_tx_meta *meta)
{
    return meta->csum == NETVSC_CSUM_TCP6 ||
           (meta->csum == NETVSC_CSUM_TCP4 && meta->l4_off == NETVSC_IP_OFF + NETVSC_IP4_BYTES);
}

void netvsc_netif_sum(const struct netvsc_tx_meta *meta, uint8_t *frame, uint32_t bytes)
{
    const bool v6 = meta->csum == NETVSC_CSUM_TCP6;
    const uint32_t off = meta->l4_off,
                   from = off - (v6 ? NETVSC_IP6_ADDR_BYTES : NETVSC_IP4_ADDR_BYTES);
    uint32_t end = v6 ? off + netvsc_get16(frame + NETVSC_IP6_PAYLOAD_OFF)
                      : NETVSC_IP_OFF + netvsc_get16(frame + NETVSC_IP4_TOTAL_OFF);
    uint32_t sum;
    u16_t folded;

    end = end < bytes ? end : bytes; /* padding is not summed */
    end = end > off ? end : off;
    sum = (u16_t)~inet_chksum(frame + from, (u16_t)(end - from));
    sum += lwip_htons(NETVSC_PROTO_TCP) + lwip_htons((u16_t)(end - off));
    sum = (sum & 0xFFFF) + (sum >> 16);
    folded = (u16_t) ~(sum + (sum >> 16));
    memcpy(frame + off + NETVSC_TCP_SUM_OFF, &folded, sizeof(folded));
}

/* Tell TCP how long segments may be. */
static void offer_large(struct netvsc_netif *nif)
{
#ifdef NETVSC_NETIF_LARGE_SLOT
    const struct netvsc_info *info = netvsc_info(nif->nic);
    const struct netvsc_offload *use = &info->offload;
    uint32_t max = use->lso4_bytes < use->lso6_bytes ? use->lso4_bytes : use->lso6_bytes;
    uint32_t copied = netvsc_tx_copied_max(nif->nic) - NETVSC_ETH_BYTES;

    nif->netif.client_data[NETVSC_NETIF_LARGE_SLOT] = NULL;
    if (max <= LARGE_HEAD_BYTES || (nif->netif.chksum_flags & NETIF_CHECKSUM_GEN_TCP))
        return;
    copied = copied < max ? copied : max;
    nif->large_bytes[0] = (info->tx_gpa ? max : copied) - LARGE_HEAD_BYTES;
    nif->large_bytes[1] = copied - LARGE_HEAD_BYTES;
    nif->netif.client_data[NETVSC_NETIF_LARGE_SLOT] = nif->large_bytes;
#else
    (void)nif;
#endif
}

void netvsc_netif_offload(struct netvsc_netif *nif)
{
    const struct netvsc_info *info = netvsc_info(nif->nic);
    const uint8_t both = NETVSC_CSUM_TCP4 | NETVSC_CSUM_TCP6;

    nif->shrank |= info->mtu_bytes < nif->mtu_before;
    nif->mtu_before = info->mtu_bytes;
    nif->tcp_sums_by_host = (info->offload.csum & both) == both;
    if (nif->tcp_sums_by_host && nif->tx_csum == NETVSC_AUTO && !nif->shrank)
        nif->netif.chksum_flags &= (u16_t)~NETIF_CHECKSUM_GEN_TCP;
    else
        nif->netif.chksum_flags |= NETIF_CHECKSUM_GEN_TCP;
    offer_large(nif);
}
