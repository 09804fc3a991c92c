/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One IPv4 packet in place: what a translator reads of it and may write into it. No lwIP, no clock,
 * no memory of its own. Addresses and ports in network byte order, as they stand in the packet.
 */
#ifndef PACKET_H
#define PACKET_H

#include <stdbool.h>
#include <stdint.h>

#define PACKET_ICMP 1u
#define PACKET_TCP 6u
#define PACKET_UDP 17u

#define PACKET_FIN 0x01u
#define PACKET_SYN 0x02u
#define PACKET_RST 0x04u
#define PACKET_ACK 0x10u

#define PACKET_ICMP_UNREACHABLE 3u
#define PACKET_ICMP_TIME_EXCEEDED 11u
#define PACKET_CODE_NET 0u
#define PACKET_CODE_TOO_BIG 4u

/*
 * Who talks to whom. An ICMP echo has its identifier on the side of who asks, and 0 on the other,
 * so that request and reply are each other's inverse.
 */
struct packet_key {
    uint32_t src, dst;
    uint16_t sport, dport;
    uint32_t proto; /* without a hole after it, for it is hashed as bytes */
};

enum packet_fault {
    PACKET_OK,
    PACKET_MALFORMED, /* lengths, version or the header's sum are wrong */
    PACKET_FRAGMENT,  /* fine as far as one sees; put it together first */
    PACKET_UNKNOWN,   /* another protocol, or a kind of ICMP nobody can translate */
};

struct packet {
    uint8_t *ip, *l4;
    uint8_t *inner, *inner_l4; /* what an ICMP error is about; NULL for others */
    uint32_t head_bytes;       /* from (ip) on, all that may be touched */
    uint32_t total_bytes;      /* the packet's own idea of its length, not above the frame's */
    uint32_t src, dst;         /* of the packet itself */
    struct packet_key key;     /* an error's: of the packet it is about, seen from its receiver */
    uint8_t ttl, flags;        /* flags: TCP's */
    bool dont_fragment;
    bool echo_request;
};

/*
 * Read (head_bytes) of a packet that has (frame_bytes) in all, padding included. Addresses and
 * lengths are set unless it is PACKET_MALFORMED, the rest if it is PACKET_OK.
 */
enum packet_fault packet_parse(struct packet *p, uint8_t *ip, uint32_t head_bytes,
                               uint32_t frame_bytes);

/* What an answer's key is. */
struct packet_key packet_inverse(const struct packet_key *key);

/*
 * Make (p) a packet of (to), sums updated. An ICMP error is made to be about the inverse of (to),
 * and sent to (to->dst); its sender becomes (to->src) if (hide), or if it was the peer itself.
 */
void packet_rewrite(struct packet *p, const struct packet_key *to, bool hide);

/* One router further. Only while ttl is above 1. */
void packet_age(struct packet *p);

#define PACKET_ICMP_BYTES_MAX 128u /* of an error we make, without its IP header */

/*
 * The ICMP error (type, code) about (p): without IP header, into (out) of PACKET_ICMP_BYTES_MAX
 * bytes. (mtu_bytes) for PACKET_CODE_TOO_BIG, else 0. Returns its length.
 */
uint32_t packet_icmp_error(const struct packet *p, uint8_t type, uint8_t code, uint16_t mtu_bytes,
                           uint8_t *out);

#endif
