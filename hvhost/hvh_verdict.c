/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checksum verdicts for frames on their way to a guest.
 *
 * Theory of operation. The host sums for real what the guest switched on: the IPv4 header, and TCP
 * or UDP with the pseudo-header. A fragment has no sum of its own, UDP may have none (0), and a
 * datagram whose lengths disagree is for the guest to judge: there is no verdict then. A sum over
 * bytes that hold their own checksum is 0xFFFF when right.
 */
#include <string.h>

#include "hvh_nic_var.h"
#include "hvh_offload.h"

#define SUM_RIGHT 0xFFFFu
#define TCP_BYTES_MIN 20u
#define UDP_BYTES 8u
#define UDP_LENGTH_OFF 4u

static uint32_t ip_verdict(const uint8_t *frame, const struct hvh_ip *ip)
{
    uint64_t sum = hvh_sum_add(0, frame + ip->l3_off, ip->l4_off - ip->l3_off);

    return hvh_sum_fold(sum) == SUM_RIGHT ? RNDIS_RXCSUM_IP_OK : RNDIS_RXCSUM_IP_BAD;
}

/* Has this datagram a sum that says something about it? */
static bool udp_summed(const uint8_t *udp, uint32_t bytes)
{
    uint16_t sum;

    memcpy(&sum, udp + HVH_UDP_SUM_OFF, sizeof(sum));
    return sum != 0 && (uint32_t)(udp[UDP_LENGTH_OFF] << 8 | udp[UDP_LENGTH_OFF + 1]) == bytes;
}

static bool sum_right(const struct hvhost_frame *frame, const struct hvh_ip *ip)
{
    uint32_t bytes = ip->end_off - ip->l4_off;

    if (frame->csum_ok)
        return true;
    return hvh_sum_fold(hvh_sum_add(hvh_ip_pseudo(frame->data, ip, bytes), frame->data + ip->l4_off,
                                    bytes)) == SUM_RIGHT;
}

static uint32_t transport_verdict(const struct hvhost_nic *nic, const struct hvhost_frame *frame,
                                  const struct hvh_ip *ip)
{
    uint32_t bytes = ip->end_off - ip->l4_off;

    if (ip->fragment)
        return 0;
    if (ip->proto == HVH_PROTO_TCP && bytes >= TCP_BYTES_MIN &&
        nic->offload.csum_rx & (ip->v6 ? HVH_CSUM_TCP6 : HVH_CSUM_TCP4))
        return sum_right(frame, ip) ? RNDIS_RXCSUM_TCP_OK : RNDIS_RXCSUM_TCP_BAD;
    if (ip->proto == HVH_PROTO_UDP && bytes >= UDP_BYTES &&
        nic->offload.csum_rx & (ip->v6 ? HVH_CSUM_UDP6 : HVH_CSUM_UDP4) &&
        udp_summed(frame->data + ip->l4_off, bytes))
        return sum_right(frame, ip) ? RNDIS_RXCSUM_UDP_OK : RNDIS_RXCSUM_UDP_BAD;
    return 0;
}

uint32_t hvh_verdict(struct hvhost_nic *nic, const struct hvhost_frame *frame)
{
    struct hvh_ip ip;
    uint32_t word;

    if (nic->offload.csum_rx == 0 || !hvh_ip_parse(frame->data, frame->len_bytes, &ip))
        return 0;
    word = transport_verdict(nic, frame, &ip);
    if (!ip.v6 && (nic->offload.csum_rx & HVH_CSUM_IP4))
        word |= ip_verdict(frame->data, &ip);
    if (word & (RNDIS_RXCSUM_TCP_OK | RNDIS_RXCSUM_UDP_OK))
        nic->stats.rx_csum_ok++;
    if (word & (RNDIS_RXCSUM_TCP_BAD | RNDIS_RXCSUM_UDP_BAD | RNDIS_RXCSUM_IP_BAD))
        nic->stats.rx_csum_bad++;
    return word;
}
