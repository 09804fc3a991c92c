/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Parsing takes or drops: each header is looked at only after what is left has been found long
 * enough for it, and nothing outside (head_bytes) is ever touched. The IP header's sum is checked,
 * for a router must not pass on a broken header; sums over payload are not, for whoever receives it
 * will: a sum that was wrong before an incremental update is wrong after it (packet_rewrite.c).
 */
#include "packet.h"

#include "packet_var.h"

#define IP_BYTES 20u
#define TCP_BYTES 20u
#define UDP_BYTES 8u
#define QUOTED_BYTES 8u /* what an error must quote of TCP, UDP, ICMP */

#define FRAGMENT_DF 0x4000u
#define FRAGMENT_MASK 0x3FFFu /* more fragments, and the offset */

#define ICMP_PARAMETER 12u

/* Header length of the IP packet in (bytes), or 0 if there is no whole header. */
static uint32_t ip_header(const uint8_t *ip, uint32_t bytes)
{
    uint32_t header;

    if (bytes < IP_BYTES || ip[0] >> 4 != 4)
        return 0;
    header = (ip[0] & 0xFu) * 4;
    return header >= IP_BYTES && header <= bytes ? header : 0;
}

static void take_addresses(struct packet_key *key, const uint8_t *ip)
{
    key->src = packet_raw32(ip + OFF_SRC);
    key->dst = packet_raw32(ip + OFF_DST);
    key->proto = ip[OFF_PROTO];
}

/* An echo's identifier is where who asks is. */
static bool take_echo(struct packet_key *key, const uint8_t *icmp)
{
    if (icmp[0] == ICMP_ECHO)
        key->sport = packet_raw16(icmp + OFF_ICMP_ID);
    else if (icmp[0] == ICMP_ECHO_REPLY)
        key->dport = packet_raw16(icmp + OFF_ICMP_ID);
    else
        return false;
    return true;
}

/* Ports of what an error quotes, of which no more than QUOTED_BYTES need be there. */
static bool take_quoted(struct packet_key *key, const uint8_t *l4)
{
    if (key->proto == PACKET_ICMP)
        return take_echo(key, l4);
    if (key->proto != PACKET_TCP && key->proto != PACKET_UDP)
        return false;
    key->sport = packet_raw16(l4 + OFF_SPORT);
    key->dport = packet_raw16(l4 + OFF_DPORT);
    return true;
}

static enum packet_fault parse_error(struct packet *p, uint32_t room)
{
    struct packet_key about = {0};
    uint8_t *inner = p->l4 + ICMP_BYTES;
    uint32_t header;

    room -= ICMP_BYTES;
    header = ip_header(inner, room);
    if (!header || room - header < QUOTED_BYTES)
        return PACKET_MALFORMED;
    if ((packet_get16(inner + OFF_FRAGMENT) & FRAGMENT_MASK & 0x1FFF) != 0)
        return PACKET_UNKNOWN; /* about a later fragment, which has no ports */
    take_addresses(&about, inner);
    if (!take_quoted(&about, inner + header))
        return PACKET_UNKNOWN;
    p->inner = inner;
    p->inner_l4 = inner + header;
    p->key = packet_inverse(&about);
    return PACKET_OK;
}

static enum packet_fault parse_icmp(struct packet *p, uint32_t room)
{
    if (room < ICMP_BYTES)
        return PACKET_MALFORMED;
    switch (p->l4[0]) {
    case ICMP_ECHO:
    case ICMP_ECHO_REPLY:
        p->echo_request = p->l4[0] == ICMP_ECHO;
        take_echo(&p->key, p->l4);
        return PACKET_OK;
    case PACKET_ICMP_UNREACHABLE:
    case PACKET_ICMP_TIME_EXCEEDED:
    case ICMP_PARAMETER:
        return parse_error(p, room);
    default:
        return PACKET_UNKNOWN;
    }
}

static enum packet_fault parse_l4(struct packet *p, uint32_t room)
{
    if (p->key.proto == PACKET_ICMP)
        return parse_icmp(p, room);
    if (p->key.proto != PACKET_TCP && p->key.proto != PACKET_UDP)
        return PACKET_UNKNOWN;
    if (room < (p->key.proto == PACKET_TCP ? TCP_BYTES : UDP_BYTES))
        return PACKET_MALFORMED;
    p->key.sport = packet_raw16(p->l4 + OFF_SPORT);
    p->key.dport = packet_raw16(p->l4 + OFF_DPORT);
    if (p->key.proto == PACKET_TCP)
        p->flags = p->l4[OFF_TCP_FLAGS];
    return PACKET_OK;
}

enum packet_fault packet_parse(struct packet *p, uint8_t *ip, uint32_t head_bytes,
                               uint32_t frame_bytes)
{
    const uint32_t header = ip_header(ip, head_bytes);
    uint32_t fragment;

    *p = (struct packet){.ip = ip};
    if (!header || packet_sum_of(ip, header) != 0)
        return PACKET_MALFORMED;
    p->total_bytes = packet_get16(ip + OFF_TOTAL);
    if (p->total_bytes < header || p->total_bytes > frame_bytes)
        return PACKET_MALFORMED;
    p->head_bytes = head_bytes < p->total_bytes ? head_bytes : p->total_bytes;
    p->ttl = ip[OFF_TTL];
    fragment = packet_get16(ip + OFF_FRAGMENT);
    p->dont_fragment = fragment & FRAGMENT_DF;
    take_addresses(&p->key, ip);
    p->src = p->key.src;
    p->dst = p->key.dst;
    p->l4 = ip + header;
    if (fragment & FRAGMENT_MASK)
        return PACKET_FRAGMENT;
    return parse_l4(p, p->head_bytes - header);
}

struct packet_key packet_inverse(const struct packet_key *key)
{
    return (struct packet_key){.src = key->dst,
                               .dst = key->src,
                               .sport = key->dport,
                               .dport = key->sport,
                               .proto = key->proto};
}
