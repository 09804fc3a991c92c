/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checksums of received frames in software: which of lwIP's checks the host's verdict spares, and
 * the truth to hold the host's word against.
 *
 * Theory of operation. A verdict about TCP or UDP spares a check only where lwIP would make it at
 * once: a fragment's sum is checked when the datagram is whole, on the word of the last fragment,
 * which says nothing about the others. So it is believed only for whole datagrams directly behind
 * the IP header. What has no verdict lwIP checks itself: nothing unchecked is ever trusted. The
 * frame may change while it is read here; lengths are read once.
 */
#include "netvsc_netif_var.h"
#include "netvsc_packet_var.h"

#define IP4_FRAGMENT 0x3FFFu /* more fragments, or an offset */
#define SUM_RIGHT 0xFFFFu

/* The transport in an untagged frame. */
struct l4 {
    bool v6;
    bool whole;     /* no fragment */
    uint8_t proto;  /* what stands directly behind the IP header */
    uint32_t off;   /* from the frame's start */
    uint32_t bytes; /* as the IP header says */
};

static bool find_ip4(const uint8_t *ip, uint32_t bytes, struct l4 *out)
{
    uint32_t first = ip[0], total = netvsc_get16(ip + 2);
    uint32_t header = (first & 0xFu) * 4;

    if (first >> 4 != 4 || header < NETVSC_IP4_BYTES || total < header || total > bytes)
        return false;
    out->off = NETVSC_ETH_BYTES + header;
    out->bytes = total - header;
    out->proto = ip[9];
    out->whole = (netvsc_get16(ip + 6) & IP4_FRAGMENT) == 0;
    return true;
}

static bool find_ip6(const uint8_t *ip, uint32_t bytes, struct l4 *out)
{
    uint32_t payload = netvsc_get16(ip + 4);

    if (ip[0] >> 4 != 6 || payload > bytes - NETVSC_IP6_BYTES)
        return false;
    out->v6 = true;
    out->off = NETVSC_ETH_BYTES + NETVSC_IP6_BYTES;
    out->bytes = payload;
    out->proto = ip[6]; /* an extension header is no transport: not whole */
    out->whole = true;
    return true;
}

/* False: no IP, lengths that do not fit, an IP header that is not in the first piece. */
static bool find_l4(const struct netvsc_frame *frame, struct l4 *out)
{
    const uint8_t *ip = frame->data + NETVSC_ETH_BYTES;
    uint32_t first = frame->len_bytes - NETVSC_ETH_BYTES;
    uint32_t bytes = netvsc_frame_bytes(frame) - NETVSC_ETH_BYTES;
    uint32_t ethertype;

    *out = (struct l4){0};
    if (frame->len_bytes < NETVSC_ETH_BYTES + NETVSC_IP4_BYTES)
        return false;
    ethertype = netvsc_get16(frame->data + NETVSC_TYPE_OFF);
    if (ethertype == NETVSC_TYPE_IP4)
        return find_ip4(ip, bytes, out) && out->off <= frame->len_bytes;
    if (ethertype == NETVSC_TYPE_IP6 && first >= NETVSC_IP6_BYTES)
        return find_ip6(ip, bytes, out);
    return false;
}

uint16_t netvsc_netif_spared(const struct netvsc_frame *frame, uint8_t csum)
{
    struct l4 l4;
    uint16_t spared = 0;

    if (csum & NETVSC_CSUM_IP_OK)
        spared = NETIF_CHECKSUM_CHECK_IP;
    if (!(csum & NETVSC_CSUM_L4_OK) || !find_l4(frame, &l4) || !l4.whole)
        return spared;
    if (l4.proto == NETVSC_PROTO_TCP)
        spared |= NETIF_CHECKSUM_CHECK_TCP;
    else if (l4.proto == NETVSC_PROTO_UDP)
        spared |= NETIF_CHECKSUM_CHECK_UDP;
    return spared;
}

/* ---- the truth ------------------------------------------------------------------------------- */

/* Of big-endian 16-bit words, unfolded. */
static uint64_t add(uint64_t sum, const uint8_t *data, uint32_t bytes)
{
    for (; bytes >= 2; data += 2, bytes -= 2)
        sum += netvsc_get16(data);
    return bytes ? sum + ((uint32_t)data[0] << 8) : sum;
}

static uint32_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint32_t)sum;
}

static bool right(uint64_t sum)
{
    return fold(sum) == SUM_RIGHT;
}

/* Add (bytes) from (off) on, in all pieces of (frame). A piece may begin inside a word. */
static uint64_t add_pieces(uint64_t sum, const struct netvsc_frame *frame, uint32_t off,
                           uint32_t bytes)
{
    bool odd = false;

    for (; bytes; frame++) {
        uint32_t here = frame->len_bytes - off < bytes ? frame->len_bytes - off : bytes;
        uint32_t part = fold(add(0, frame->data + off, here));

        sum += odd ? (part >> 8 | part << 8) & 0xFFFF : part;
        odd ^= here & 1;
        bytes -= here;
        off = 0;
    }
    return sum;
}

static uint8_t l4_truth(const struct netvsc_frame *frame, const struct l4 *l4)
{
    const uint8_t *addresses = frame->data + NETVSC_ETH_BYTES + (l4->v6 ? 8 : 12);
    uint64_t sum = add(l4->proto + l4->bytes, addresses, l4->v6 ? 32 : 8);

    if (l4->proto == NETVSC_PROTO_TCP
            ? l4->bytes < NETVSC_TCP_BYTES
            : l4->proto != NETVSC_PROTO_UDP || l4->bytes < NETVSC_UDP_BYTES)
        return 0;
    if (frame->len_bytes - l4->off < NETVSC_UDP_BYTES)
        return 0; /* spread over pieces: lwIP has to see for itself */
    if (l4->proto == NETVSC_PROTO_UDP && netvsc_get16(frame->data + l4->off + 6) == 0)
        return 0; /* sent without a sum */
    return right(add_pieces(sum, frame, l4->off, l4->bytes)) ? NETVSC_CSUM_L4_OK
                                                             : NETVSC_CSUM_L4_BAD;
}

bool netvsc_netif_joined_right(const struct netvsc_frame *frame)
{
    struct l4 l4;

    return find_l4(frame, &l4) && l4.whole && l4.proto == NETVSC_PROTO_TCP &&
           l4.bytes >= NETVSC_TCP_BYTES && l4.off + l4.bytes == netvsc_frame_bytes(frame);
}

uint8_t netvsc_netif_rx_truth(const struct netvsc_frame *frame)
{
    const uint8_t *ip = frame->data + NETVSC_ETH_BYTES;
    struct l4 l4;
    uint8_t truth = 0;

    if (!find_l4(frame, &l4))
        return 0;
    if (!l4.v6)
        truth |=
            right(add(0, ip, l4.off - NETVSC_ETH_BYTES)) ? NETVSC_CSUM_IP_OK : NETVSC_CSUM_IP_BAD;
    return l4.whole ? (uint8_t)(truth | l4_truth(frame, &l4)) : truth;
}

uint8_t netvsc_netif_truth(const uint8_t *frame, uint32_t len_bytes)
{
    const struct netvsc_frame one = {.data = frame, .len_bytes = len_bytes};

    return netvsc_netif_rx_truth(&one);
}
