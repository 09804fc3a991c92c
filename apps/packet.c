/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Parsing takes or drops: each header is looked at only after what is left has been found long
 * enough for it, and nothing outside (head_bytes) is ever touched. The IP header's sum is checked,
 * for a router must not pass on a broken header; sums over payload are not, for whoever receives it
 * will: a sum that was wrong before an incremental update is wrong after it.
 *
 * Rewriting changes 16-bit words, and each change is carried into the sums that cover the word
 * (RFC 1624): for addresses that is IP's and, through the pseudo header, TCP's or UDP's. In an ICMP
 * error the sums of the packet inside are themselves words that ICMP's sum covers.
 */
#include "packet.h"

#include <stddef.h>
#include <string.h>

#define IP_BYTES 20u
#define TCP_BYTES 20u
#define UDP_BYTES 8u
#define ICMP_BYTES 8u
#define QUOTED_BYTES 8u /* what an error must quote of TCP, UDP, ICMP */

#define OFF_TOTAL 2u
#define OFF_FRAGMENT 6u
#define OFF_TTL 8u
#define OFF_PROTO 9u
#define OFF_SUM 10u
#define OFF_SRC 12u
#define OFF_DST 16u
#define OFF_SPORT 0u
#define OFF_DPORT 2u
#define OFF_TCP_FLAGS 13u
#define OFF_TCP_SUM 16u
#define OFF_UDP_SUM 6u
#define OFF_ICMP_SUM 2u
#define OFF_ICMP_ID 4u
#define OFF_ICMP_MTU 6u

#define FRAGMENT_DF 0x4000u
#define FRAGMENT_MASK 0x3FFFu /* more fragments, and the offset */

#define ICMP_ECHO_REPLY 0u
#define ICMP_ECHO 8u
#define ICMP_PARAMETER 12u

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint16_t raw16(const uint8_t *at)
{
    uint16_t raw;

    memcpy(&raw, at, sizeof(raw));
    return raw;
}

static uint32_t raw32(const uint8_t *at)
{
    uint32_t raw;

    memcpy(&raw, at, sizeof(raw));
    return raw;
}

static uint16_t fold(uint32_t sum)
{
    sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)(sum + (sum >> 16));
}

/* The Internet checksum of (bytes), which may be odd. */
static uint16_t sum_of(const uint8_t *at, uint32_t bytes)
{
    uint32_t sum = 0;

    for (; bytes > 1; at += 2, bytes -= 2)
        sum += get16(at);
    if (bytes)
        sum += (uint32_t)*at << 8;
    return (uint16_t)~fold(sum);
}

/* ---- parsing --------------------------------------------------------------------------------- */

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
    key->src = raw32(ip + OFF_SRC);
    key->dst = raw32(ip + OFF_DST);
    key->proto = ip[OFF_PROTO];
}

/* An echo's identifier is where who asks is. */
static bool take_echo(struct packet_key *key, const uint8_t *icmp)
{
    if (icmp[0] == ICMP_ECHO)
        key->sport = raw16(icmp + OFF_ICMP_ID);
    else if (icmp[0] == ICMP_ECHO_REPLY)
        key->dport = raw16(icmp + OFF_ICMP_ID);
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
    key->sport = raw16(l4 + OFF_SPORT);
    key->dport = raw16(l4 + OFF_DPORT);
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
    if ((get16(inner + OFF_FRAGMENT) & FRAGMENT_MASK & 0x1FFF) != 0)
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
    p->key.sport = raw16(p->l4 + OFF_SPORT);
    p->key.dport = raw16(p->l4 + OFF_DPORT);
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
    if (!header || sum_of(ip, header) != 0)
        return PACKET_MALFORMED;
    p->total_bytes = get16(ip + OFF_TOTAL);
    if (p->total_bytes < header || p->total_bytes > frame_bytes)
        return PACKET_MALFORMED;
    p->head_bytes = head_bytes < p->total_bytes ? head_bytes : p->total_bytes;
    p->ttl = ip[OFF_TTL];
    fragment = get16(ip + OFF_FRAGMENT);
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

/* ---- rewriting ------------------------------------------------------------------------------- */

/* Sums that cover a word: of its own header, of the pseudo header's protocol, of the error around
 * it. Each may be NULL. */
struct sums {
    uint8_t *own, *pseudo, *around;
};

static void carry(uint8_t *sum, uint16_t was, uint16_t now)
{
    if (sum)
        put16(sum, (uint16_t)~fold((uint32_t)(uint16_t)~get16(sum) + (uint16_t)~was + now));
}

/* A sum changes: so does what covers the sum. */
static void carry_inside(uint8_t *sum, uint16_t was, uint16_t now, uint8_t *around)
{
    uint16_t before;

    if (!sum)
        return;
    before = get16(sum);
    carry(sum, was, now);
    carry(around, before, get16(sum));
}

static void change16(uint8_t *at, const void *value, const struct sums *sums)
{
    const uint16_t was = get16(at), now = get16(value);

    memcpy(at, value, 2);
    carry_inside(sums->own, was, now, sums->around);
    carry_inside(sums->pseudo, was, now, sums->around);
    carry(sums->around, was, now);
}

static void change32(uint8_t *at, const uint32_t *value, const struct sums *sums)
{
    const uint8_t *bytes = (const uint8_t *)value;

    change16(at, bytes, sums);
    change16(at + 2, bytes + 2, sums);
}

/* Where the sum of the TCP or UDP packet is that starts at (l4), or NULL if it has none. */
static uint8_t *l4_sum(const struct packet *p, uint8_t *l4, uint32_t proto)
{
    const uint32_t off = proto == PACKET_TCP ? OFF_TCP_SUM : OFF_UDP_SUM;
    uint8_t *sum = l4 + off;

    if (proto == PACKET_ICMP || off + 2 > p->head_bytes - (uint32_t)(l4 - p->ip))
        return NULL; /* the latter: an error quotes only the first bytes of TCP */
    return proto == PACKET_UDP && raw16(sum) == 0 ? NULL : sum;
}

/* Addresses and ports of the packet at (ip), its transport at (l4), become those of (to). */
static void rewrite_at(const struct packet *p, uint8_t *ip, uint8_t *l4,
                       const struct packet_key *to, uint8_t *around)
{
    uint8_t *sum = l4_sum(p, l4, to->proto);
    const struct sums for_ip = {ip + OFF_SUM, sum, around};
    struct sums for_l4 = {sum, NULL, around};

    change32(ip + OFF_SRC, &to->src, &for_ip);
    change32(ip + OFF_DST, &to->dst, &for_ip);
    if (to->proto == PACKET_ICMP) {
        for_l4.own = l4 + OFF_ICMP_SUM;
        change16(l4 + OFF_ICMP_ID, l4[0] == ICMP_ECHO ? &to->sport : &to->dport, &for_l4);
        return;
    }
    change16(l4 + OFF_SPORT, &to->sport, &for_l4);
    change16(l4 + OFF_DPORT, &to->dport, &for_l4);
    if (sum && to->proto == PACKET_UDP && raw16(sum) == 0) {
        /* A sum of 0 says that there is none; it is written the other way. It counts the same for
         * what is around. */
        memset(sum, 0xFF, 2);
    }
}

void packet_rewrite(struct packet *p, const struct packet_key *to, bool hide)
{
    const struct sums for_ip = {p->ip + OFF_SUM, NULL, NULL};
    const struct packet_key about = packet_inverse(to);
    const bool from_peer = p->src == p->key.src;

    if (!p->inner) {
        rewrite_at(p, p->ip, p->l4, to, NULL);
        p->key = *to;
        return;
    }
    if (hide || from_peer)
        change32(p->ip + OFF_SRC, &to->src, &for_ip);
    change32(p->ip + OFF_DST, &to->dst, &for_ip);
    rewrite_at(p, p->inner, p->inner_l4, &about, p->l4 + OFF_ICMP_SUM);
    p->key = *to;
}

void packet_age(struct packet *p)
{
    const struct sums for_ip = {p->ip + OFF_SUM, NULL, NULL};
    const uint8_t word[2] = {(uint8_t)(p->ttl - 1), p->ip[OFF_PROTO]};

    change16(p->ip + OFF_TTL, word, &for_ip);
    p->ttl--;
}

/* ---- errors of our own ----------------------------------------------------------------------- */

uint32_t packet_icmp_error(const struct packet *p, uint8_t type, uint8_t code, uint16_t mtu_bytes,
                           uint8_t *out)
{
    const uint32_t room = PACKET_ICMP_BYTES_MAX - ICMP_BYTES;
    const uint32_t quoted = p->head_bytes < room ? p->head_bytes : room;

    memset(out, 0, ICMP_BYTES);
    out[0] = type;
    out[1] = code;
    put16(out + OFF_ICMP_MTU, mtu_bytes);
    memcpy(out + ICMP_BYTES, p->ip, quoted);
    put16(out + OFF_ICMP_SUM, sum_of(out, ICMP_BYTES + quoted));
    return ICMP_BYTES + quoted;
}
