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
 * The same goes for a segment of before the MTU shrank, which lwIP cuts into fragments: after that
 * lwIP computes again.
 *
 * A VLAN tag of lwIP's is inside the frame and leaves beside it.
 */
#include "netvsc_netif_var.h"

#include <string.h>

#define TAG_OFF 12u
#define TAG_BYTES 4u
#define HEAD_BYTES 78u /* tag, Ethernet, IPv6, TCP */
#define IP_OFF 14u
#define TYPE_TAG 0x8100u
#define TYPE_IP4 0x0800u
#define TYPE_IP6 0x86DDu
#define PROTO_TCP 6u
#define TCP_SUM_OFF 16u
#define TCP_BYTES_MIN 20u
#define IP6_BYTES 40u

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

/* Offset of the TCP header in the (bytes) of an untagged frame; 0 when it is not whole TCP. */
static uint32_t tcp_off(const uint8_t *head, uint32_t bytes)
{
    uint32_t type = get16(head + TAG_OFF);
    const uint8_t *ip = head + IP_OFF;
    uint32_t off = 0;

    if (type == TYPE_IP4 && bytes >= IP_OFF + 20 && ip[9] == PROTO_TCP &&
        (get16(ip + 6) & 0x3FFF) == 0)
        off = IP_OFF + (ip[0] & 0xFu) * 4;
    else if (type == TYPE_IP6 && bytes >= IP_OFF + IP6_BYTES && ip[6] == PROTO_TCP)
        off = IP_OFF + IP6_BYTES;
    return off && off + TCP_BYTES_MIN <= bytes ? off : 0;
}

uint32_t netvsc_netif_look(const struct netvsc_netif *nif, const struct pbuf *p,
                           struct netvsc_tx_meta *meta)
{
    uint8_t head[HEAD_BYTES] = {0};
    uint32_t bytes = pbuf_copy_partial(p, head, sizeof(head), 0);
    uint32_t skip = 0, off;

    memset(meta, 0, sizeof(*meta));
    if (bytes >= TAG_OFF + TAG_BYTES && get16(head + TAG_OFF) == TYPE_TAG) {
        meta->has_tci = true;
        meta->tci = (uint16_t)get16(head + TAG_OFF + 2);
        skip = TAG_BYTES;
        memmove(head + TAG_OFF, head + TAG_OFF + TAG_BYTES, bytes - TAG_OFF - TAG_BYTES);
    }
    if (!nif->tcp_sums_by_host)
        return skip;
    off = tcp_off(head, bytes - skip);
    if (off && (nif->tx_csum == NETVSC_VERIFY || get16(head + off + TCP_SUM_OFF) == 0)) {
        meta->csum = get16(head + TAG_OFF) == TYPE_IP6 ? NETVSC_CSUM_TCP6 : NETVSC_CSUM_TCP4;
        meta->l4_off = (uint8_t)off;
    }
    return skip;
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
}
