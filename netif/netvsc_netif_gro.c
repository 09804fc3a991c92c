/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Consecutive TCP segments of one connection become one chain before lwIP sees them (GRO).
 *
 * Theory of operation. lwIP's work for a segment does not depend on its length: one walk through
 * IP, one search for the connection, one call of the program, one acknowledgement for two. So a
 * segment's payload is appended to the chain of the one before it if lwIP cannot tell the
 * difference: the same connection, the next sequence number, data in both, no flag but ACK and PSH,
 * and every other field of all headers the same, acknowledgement, window, options (timestamps),
 * traffic class (ECN marks) and hop limit among them. IP options, extension headers and fragments
 * are left alone, as is whatever the host has not found right. PSH ends a chain, as does the end of
 * the batch: nothing waits for a later poll. Only what comes directly behind in the batch joins, so
 * nothing overtakes.
 *
 * Whether the next frame may join is first asked of a few bytes of the receive buffer: addresses,
 * ports, sequence number; for traffic of many connections that is all it costs. Then its header is
 * copied and looked at: what lwIP gets to see is what was checked. The chain has the first
 * segment's header with the length of all and the right IP sum; its TCP sum is wrong, so the check
 * is spared: each was checked.
 *
 * How lwIP is made to acknowledge such a chain at once: port/port_hooks.h.
 */
#include "netvsc_netif_var.h"
#include "netvsc_packet_var.h"

#include <string.h>

#define CHAIN_BYTES_MAX 65535u
#define IP4_FRAGMENT 0x3Fu /* of byte 6: more fragments, or an offset */

/* A segment that might be one of a chain. */
struct segment {
    bool v6, push;
    uint32_t tcp_off, head_bytes; /* Ethernet, IP and TCP */
    uint32_t payload_bytes;
    uint32_t next_seq; /* behind it */
};

/* IPv4 or IPv6 with nothing between it and TCP, and as long as the frame. */
static bool ip_plain(const struct netvsc_netif *nif, const uint8_t *head, uint32_t len_bytes,
                     struct segment *out)
{
    const uint8_t *ip = head + NETVSC_IP_OFF;
    uint32_t type = netvsc_get16(head + NETVSC_TYPE_OFF);

    if (type == NETVSC_TYPE_IP4 && nif->gro_ip4) {
        out->tcp_off = NETVSC_IP_OFF + NETVSC_IP4_BYTES;
        return ip[0] == NETVSC_IP4_PLAIN && netvsc_get16(ip + 2) == len_bytes - NETVSC_IP_OFF &&
               !(ip[6] & IP4_FRAGMENT) && !ip[7] && ip[9] == NETVSC_PROTO_TCP;
    }
    out->v6 = true;
    out->tcp_off = NETVSC_IP_OFF + NETVSC_IP6_BYTES;
    return type == NETVSC_TYPE_IP6 && nif->gro_ip6 && ip[0] >> 4 == 6 &&
           netvsc_get16(ip + 4) == len_bytes - out->tcp_off && ip[6] == NETVSC_PROTO_TCP;
}

/* (head) is private and has (have_bytes) of a frame of (len_bytes). */
static bool look(const struct netvsc_netif *nif, const uint8_t *head, uint32_t have_bytes,
                 uint32_t len_bytes, struct segment *out)
{
    const uint8_t *tcp;

    *out = (struct segment){0};
    if (have_bytes < NETVSC_IP_OFF + NETVSC_IP4_BYTES + NETVSC_TCP_BYTES ||
        !ip_plain(nif, head, len_bytes, out) || have_bytes < out->tcp_off + NETVSC_TCP_BYTES)
        return false;
    tcp = head + out->tcp_off;
    out->head_bytes = out->tcp_off + (tcp[12] >> 4) * 4u;
    if (out->head_bytes < out->tcp_off + NETVSC_TCP_BYTES || out->head_bytes > have_bytes ||
        out->head_bytes >= len_bytes || tcp[12] & 0xFu ||
        (tcp[NETVSC_TCP_FLAGS_OFF] & ~NETVSC_TCP_PSH) != NETVSC_TCP_ACK)
        return false;
    out->push = tcp[NETVSC_TCP_FLAGS_OFF] & NETVSC_TCP_PSH;
    out->payload_bytes = len_bytes - out->head_bytes;
    out->next_seq = netvsc_get32(tcp + NETVSC_TCP_SEQ_OFF) + out->payload_bytes;
    return true;
}

/* All that must not differ between two segments whose headers are as long. */
static bool same(const uint8_t *a, const uint8_t *b, const struct segment *s)
{
    const uint32_t tcp = s->tcp_off;

    if (memcmp(a, b, NETVSC_IP_OFF + 2) != 0) /* addresses, type; version, traffic class */
        return false;
    if (s->v6 ? memcmp(a + NETVSC_IP_OFF + 2, b + NETVSC_IP_OFF + 2, 2) != 0 || /* flow */
                    memcmp(a + NETVSC_IP_OFF + 6, b + NETVSC_IP_OFF + 6, 34) != 0
              : memcmp(a + NETVSC_IP_OFF + 6, b + NETVSC_IP_OFF + 6, 4) != 0 ||
                    memcmp(a + NETVSC_IP_OFF + 12, b + NETVSC_IP_OFF + 12, 8) != 0)
        return false;
    return memcmp(a + tcp, b + tcp, NETVSC_TCP_SEQ_OFF) == 0 &&
           memcmp(a + tcp + NETVSC_TCP_ACK_OFF, b + tcp + NETVSC_TCP_ACK_OFF, 5) == 0 &&
           memcmp(a + tcp + NETVSC_TCP_WINDOW_OFF, b + tcp + NETVSC_TCP_WINDOW_OFF, 2) == 0 &&
           memcmp(a + tcp + NETVSC_TCP_BYTES, b + tcp + NETVSC_TCP_BYTES,
                  s->head_bytes - tcp - NETVSC_TCP_BYTES) == 0;
}

static bool known_right(const struct netvsc_netif *nif, const struct netvsc_frame *frame, bool v6)
{
    const uint8_t ok = v6 ? NETVSC_CSUM_L4_OK : NETVSC_CSUM_L4_OK | NETVSC_CSUM_IP_OK;

    if ((frame->csum & (ok | NETVSC_CSUM_STALE)) != ok || frame->more)
        return false;
    return !nif->rx_verify || (netvsc_netif_rx_truth(frame) & ok) == ok;
}

/*
 * Might (b) come from where (a) comes from? Twelve bytes of the receive buffer, which hold IPv4's
 * addresses and TCP's ports, or a part of IPv6's addresses: enough where connections alternate.
 */
static bool alike(const struct netvsc_frame *a, const struct netvsc_frame *b)
{
    const uint32_t off = NETVSC_IP_OFF + 12, bytes = 12;

    return a->len_bytes >= off + bytes && b->len_bytes >= off + bytes &&
           memcmp(a->data + off, b->data + off, bytes) == 0;
}

/* May (frame) join the chain with the header (head) and the last segment (*s)? Then (*s) is it. */
static bool joins(const struct netvsc_netif *nif, const uint8_t *head,
                  const struct netvsc_frame *frame, struct segment *s)
{
    uint8_t copy[NETVSC_NETIF_HEAD_BYTES];
    struct segment next;

    if (frame->len_bytes <= s->head_bytes || frame->has_tci ||
        netvsc_get32(frame->data + s->tcp_off + NETVSC_TCP_SEQ_OFF) != s->next_seq ||
        !known_right(nif, frame, s->v6))
        return false;
    memcpy(copy, frame->data, s->head_bytes);
    if (!look(nif, copy, s->head_bytes, frame->len_bytes, &next) ||
        next.head_bytes != s->head_bytes || !same(head, copy, s) ||
        next.next_seq - next.payload_bytes != s->next_seq)
        return false;
    *s = next;
    return true;
}

/* The header of a chain that has become (bytes) long. */
static void fit_header(uint8_t *head, const struct segment *last, uint32_t bytes)
{
    uint8_t *ip = head + NETVSC_IP_OFF;
    uint32_t was, is, sum;

    if (last->push)
        head[last->tcp_off + NETVSC_TCP_FLAGS_OFF] |= NETVSC_TCP_PSH;
    if (last->v6) {
        netvsc_put16(ip + 4, bytes - last->tcp_off);
        return;
    }
    was = netvsc_get16(ip + 2);
    is = bytes - NETVSC_IP_OFF;
    netvsc_put16(ip + 2, is);
    sum = (~netvsc_get16(ip + 10) & 0xFFFFu) + (~was & 0xFFFFu) + is; /* RFC 1624 */
    sum = (sum & 0xFFFFu) + (sum >> 16);
    netvsc_put16(ip + 10, ~(sum + (sum >> 16)));
}

unsigned netvsc_netif_gro(struct netvsc_netif *nif, struct pbuf *head,
                          const struct netvsc_frame *frames, unsigned count)
{
    struct netvsc_netif_join join = {0};
    uint32_t bytes = head->tot_len;
    struct segment s;
    unsigned n;

    if (count < 2 || frames->has_tci || !alike(&frames[0], &frames[1]) ||
        !look(nif, head->payload, head->len, bytes, &s) || !known_right(nif, frames, s.v6))
        return 1;
    for (n = 1; n < count && !s.push && frames[n].len_bytes <= CHAIN_BYTES_MAX - bytes; n++) {
        struct segment next = s;

        if (!joins(nif, head->payload, &frames[n], &next))
            break;
        if (n == 1)
            netvsc_netif_join_add(&join, head);
        if (!netvsc_netif_join_piece(nif, &join, &frames[n], s.head_bytes))
            break;
        bytes += next.payload_bytes;
        s = next;
    }
    if (n == 1)
        return 1;
    netvsc_netif_join_end(&join);
    fit_header(head->payload, &s, bytes);
    nif->stats.rx_gro_chains++;
    nif->stats.rx_gro_segments += n;
    return n;
}
