/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * What a guest leaves to the host, packet by packet: the sum of one TCP or UDP packet, or a burst
 * of TCP segments to be cut (LSO version 2). The request is checked against the frame itself, as a
 * copy: families, protocol and offset must be those of its headers. A request that cannot be served
 * is refused; one that can but leaves the fields as they should not be is served and reported, as a
 * sum over a wrong pseudo-header is the receiver's to find.
 *
 * The burst leaves here as the switch wants it: with right lengths, IP sum and pseudo-header. That
 * is also how the kernel wants it on a TAP device.
 */
#include <string.h>

#include "hvh_nic_var.h"

#define TCP_BYTES_MIN 20u
#define UDP_BYTES 8u
#define TCP_DATA_OFF 12u
#define LSO_SEGMENTS_MIN 2u

static bool sum_at(const uint8_t *at, uint16_t expect)
{
    return memcmp(at, &expect, sizeof(expect)) == 0;
}

/* ---- one packet ------------------------------------------------------------------------- */

/* The HVH_CSUM_* bits a word asks for; 0 when it contradicts itself or asks for nothing. */
static uint8_t csum_kinds(uint32_t word)
{
    bool v4 = word & RNDIS_TXCSUM_IPV4, v6 = word & RNDIS_TXCSUM_IPV6;
    bool tcp = word & RNDIS_TXCSUM_TCP, udp = word & RNDIS_TXCSUM_UDP;
    uint8_t kinds = 0;

    if (v4 == v6 || (tcp && udp) || (v6 && (word & RNDIS_TXCSUM_IPHDR)))
        return 0;
    if (word & RNDIS_TXCSUM_IPHDR)
        kinds |= HVH_CSUM_IP4;
    if (tcp)
        kinds |= v4 ? HVH_CSUM_TCP4 : HVH_CSUM_TCP6;
    if (udp)
        kinds |= v4 ? HVH_CSUM_UDP4 : HVH_CSUM_UDP6;
    return kinds;
}

/* Is the frame what the word says it is? */
static bool csum_matches(uint32_t word, const struct hvh_ip *ip)
{
    uint32_t off = word >> RNDIS_TXCSUM_L4_OFF_SHIFT & HVH_L4_OFF_MASK;
    uint32_t l4_bytes = ip->end_off - ip->l4_off;

    if (ip->v6 != !!(word & RNDIS_TXCSUM_IPV6))
        return false;
    if (!(word & (RNDIS_TXCSUM_TCP | RNDIS_TXCSUM_UDP)))
        return true;
    if (ip->fragment || (off != 0 && off != ip->l4_off))
        return false;
    if (word & RNDIS_TXCSUM_TCP)
        return ip->proto == HVH_PROTO_TCP && l4_bytes >= TCP_BYTES_MIN;
    return ip->proto == HVH_PROTO_UDP && l4_bytes >= UDP_BYTES;
}

static bool apply_csum(struct hvhost_nic *nic, uint32_t word, uint8_t *data,
                       struct hvhost_frame *out, bool *strict)
{
    uint8_t offered = hvh_offload_offered(nic).csum_tx;
    uint8_t kinds = csum_kinds(word);
    struct hvh_ip ip;

    if (kinds == 0 || (kinds & ~offered) || !hvh_ip_parse(data, out->len_bytes, &ip) ||
        !csum_matches(word, &ip))
        return false;
    /* What follows the packet is not summed, and is nothing but padding. */
    memset(data + ip.end_off, 0, out->len_bytes - ip.end_off);
    if (kinds & HVH_CSUM_IP4) {
        *strict |= !sum_at(data + ip.l3_off + HVH_IP4_SUM_OFF, 0);
        hvh_ip_fill(data, &ip);
    }
    nic->stats.tx_csum++;
    if (kinds == HVH_CSUM_IP4)
        return true;
    out->csum_partial = true;
    out->csum_start = (uint16_t)ip.l4_off;
    out->csum_off = ip.proto == HVH_PROTO_TCP ? HVH_TCP_SUM_OFF : HVH_UDP_SUM_OFF;
    *strict |=
        !sum_at(data + ip.l4_off + out->csum_off, hvh_ip_pseudo(data, &ip, ip.end_off - ip.l4_off));
    return true;
}

/* ---- a burst ---------------------------------------------------------------------------- */

/* The length of all headers, or 0 when the frame is not what the word says. */
static uint32_t lso_head(uint32_t word, const uint8_t *data, uint32_t bytes,
                         const struct hvh_ip *ip)
{
    uint32_t off = word >> RNDIS_LSO_TCP_OFF_SHIFT & HVH_L4_OFF_MASK;
    uint32_t tcp_bytes;

    if (!(word & RNDIS_LSO_V2) || ip->v6 != !!(word & RNDIS_LSO_IPV6) || ip->fragment ||
        ip->proto != HVH_PROTO_TCP || (off != 0 && off != ip->l4_off) ||
        bytes - ip->l4_off < TCP_BYTES_MIN)
        return 0;
    tcp_bytes = (data[ip->l4_off + TCP_DATA_OFF] >> 4) * 4u;
    if (tcp_bytes < TCP_BYTES_MIN || tcp_bytes >= bytes - ip->l4_off)
        return 0;
    return ip->l4_off + tcp_bytes;
}

/* Length 0, no IP sum, and the pseudo-header's sum with length 0, as each segment has its own. */
static bool lso_prepared(const uint8_t *data, const struct hvh_ip *ip)
{
    const uint8_t zero[2] = {0, 0};
    uint32_t length_off = ip->v6 ? 4 : 2;

    if (memcmp(data + ip->l3_off + length_off, zero, sizeof(zero)) != 0)
        return false;
    if (!ip->v6 && !sum_at(data + ip->l3_off + HVH_IP4_SUM_OFF, 0))
        return false;
    return sum_at(data + ip->l4_off + HVH_TCP_SUM_OFF, hvh_ip_pseudo(data, ip, 0));
}

static bool apply_lso(struct hvhost_nic *nic, uint32_t word, uint8_t *data,
                      struct hvhost_frame *out, bool *strict)
{
    uint8_t want = word & RNDIS_LSO_IPV6 ? HVH_LARGE_V6 : HVH_LARGE_V4;
    uint32_t mss = word & RNDIS_LSO_MSS_MASK;
    uint32_t bytes = out->len_bytes;
    uint32_t head, segments;
    uint16_t pseudo;
    struct hvh_ip ip;

    if (!(hvh_offload_offered(nic).lso & want) || mss == 0 || !hvh_ip_parse(data, bytes, &ip))
        return false;
    head = lso_head(word, data, bytes, &ip);
    if (head == 0 || mss > nic->mtu_bytes || head + mss > nic->mtu_bytes + HVH_ETH_BYTES)
        return false;
    segments = (bytes - head + mss - 1) / mss;
    if (segments > HVH_SEGMENTS_MAX)
        return false;
    *strict |= segments < LSO_SEGMENTS_MIN || !lso_prepared(data, &ip);
    hvh_ip_set_end(data, &ip, bytes);
    hvh_ip_fill(data, &ip);
    pseudo = hvh_ip_pseudo(data, &ip, bytes - ip.l4_off);
    memcpy(data + ip.l4_off + HVH_TCP_SUM_OFF, &pseudo, sizeof(pseudo));
    out->csum_partial = true;
    out->csum_start = (uint16_t)ip.l4_off;
    out->csum_off = HVH_TCP_SUM_OFF;
    out->mss = (uint16_t)mss;
    nic->stats.tx_lso++;
    nic->stats.tx_lso_segments += segments;
    return true;
}

bool hvh_offload_frame(struct hvhost_nic *nic, const struct hvh_tx_info *info, uint8_t *data,
                       struct hvhost_frame *out, bool *strict)
{
    *strict = false;
    if (info->has_lso && info->has_csum)
        return false;
    return info->has_lso ? apply_lso(nic, info->lso, data, out, strict)
                         : apply_csum(nic, info->csum, data, out, strict);
}
