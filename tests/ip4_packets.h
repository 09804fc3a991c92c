/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 packets for tests of translators, built and judged without the code under test. */
#ifndef IP4_PACKETS_H
#define IP4_PACKETS_H

#include <stdbool.h>
#include <stdint.h>

#define IP4_BYTES_MAX 1500u

struct ip4_packet {
    uint32_t src, dst;     /* host byte order: 0x0A000001 is 10.0.0.1 */
    uint8_t proto;         /* 1, 6, 17, or another */
    uint16_t sport, dport; /* ICMP echo: sport is the identifier */
    uint8_t type, code;    /* ICMP */
    uint8_t flags;         /* TCP [SYN] */
    uint8_t ttl;           /* [64] */
    uint16_t fragment;     /* flags and offset */
    bool no_sum;           /* UDP */
    uint32_t payload_bytes;
    const struct ip4_packet *about; /* ICMP errors */
    uint32_t len_bytes;             /* out */
    uint8_t data[IP4_BYTES_MAX];    /* out */
};

/* Build it into (data). Returns (data). */
uint8_t *ip4_build(struct ip4_packet *p);

/* The header's sum anew, after changes. */
void ip4_resum(uint8_t *ip);

/* Are all sums in the packet at (ip) right, those of one quoted in an ICMP error included? */
bool ip4_sums_hold(const uint8_t *ip);

/* Fields of a packet, in host byte order. */
uint32_t ip4_src(const uint8_t *ip);
uint32_t ip4_dst(const uint8_t *ip);
uint16_t ip4_sport(const uint8_t *ip);
uint16_t ip4_dport(const uint8_t *ip);
/* The packet an ICMP error quotes. */
const uint8_t *ip4_quoted(const uint8_t *ip);

/* To network byte order. */
uint32_t ip4_net32(uint32_t host);
uint16_t ip4_net16(uint16_t host);

#endif
