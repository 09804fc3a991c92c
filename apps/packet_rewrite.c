/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Rewriting changes 16-bit words, and each change is carried into the sums that cover the word
 * (RFC 1624): for addresses that is IP's and, through the pseudo header, TCP's or UDP's. In an ICMP
 * error the sums of the packet inside are themselves words that ICMP's sum covers.
 */
#include "packet.h"

#include <stddef.h>

#include "packet_var.h"

/* Sums that cover a word: of its own header, of the pseudo header's protocol, of the error around
 * it. Each may be NULL. */
struct sums {
    uint8_t *own, *pseudo, *around;
};

static void carry(uint8_t *sum, uint16_t was, uint16_t now)
{
    if (sum)
        packet_put16(sum, (uint16_t)~packet_fold((uint32_t)(uint16_t)~packet_get16(sum) +
                                                 (uint16_t)~was + now));
}

/* A sum changes: so does what covers the sum. */
static void carry_inside(uint8_t *sum, uint16_t was, uint16_t now, uint8_t *around)
{
    uint16_t before;

    if (!sum)
        return;
    before = packet_get16(sum);
    carry(sum, was, now);
    carry(around, before, packet_get16(sum));
}

static void change16(uint8_t *at, const void *value, const struct sums *sums)
{
    const uint16_t was = packet_get16(at), now = packet_get16(value);

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
    return proto == PACKET_UDP && packet_raw16(sum) == 0 ? NULL : sum;
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
    if (sum && to->proto == PACKET_UDP && packet_raw16(sum) == 0) {
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
    packet_put16(out + OFF_ICMP_MTU, mtu_bytes);
    memcpy(out + ICMP_BYTES, p->ip, quoted);
    packet_put16(out + OFF_ICMP_SUM, packet_sum_of(out, ICMP_BYTES + quoted));
    return ICMP_BYTES + quoted;
}
