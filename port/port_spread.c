/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Toeplitz: the hash is the xor, over all bits set in the input, of the 32 bits of the key that
 * begin at the bit's position. Input is source and destination address and, for whole TCP (UDP)
 * packets where TCP (UDP) is among the types, both ports; network byte order throughout. The low
 * seven bits choose the table's entry. What is no IP or of no type asked for is not hashed.
 */
#include "port_spread.h"

#include <string.h>

#define ETH_BYTES 14u
#define TAG_BYTES 4u
#define TYPE_TAG 0x8100u
#define TYPE_IP4 0x0800u
#define TYPE_IP6 0x86DDu
#define IP4_BYTES 20u
#define IP6_BYTES 40u
#define PROTO_TCP 6u
#define PROTO_UDP 17u
#define INPUT_BYTES_MAX 36u
#define CLIENT_PORT_FIRST 49152u
#define CLIENT_PORTS 16384u

static uint32_t toeplitz(const uint8_t key[NETVSC_RSS_KEY_BYTES], const uint8_t *in, uint32_t bytes)
{
    uint32_t window =
        (uint32_t)key[0] << 24 | (uint32_t)key[1] << 16 | (uint32_t)key[2] << 8 | key[3];
    uint32_t hash = 0;

    for (uint32_t i = 0; i < bytes; i++) {
        const uint32_t next = i + 4 < NETVSC_RSS_KEY_BYTES ? key[i + 4] : 0;

        for (unsigned bit = 0; bit < 8; bit++) {
            if (in[i] & 0x80u >> bit)
                hash ^= window;
            window = window << 1 | (next >> (7 - bit) & 1);
        }
    }
    return hash;
}

/* What identifies a flow, as far as the frame tells. */
struct tuple {
    uint8_t input[INPUT_BYTES_MAX]; /* addresses, then ports */
    uint32_t address_bytes;         /* 8 or 32 */
    uint8_t proto;
    bool has_ports;
};

static uint32_t entry_of(const struct netvsc_rss *rss, const struct tuple *t)
{
    const bool v6 = t->address_bytes == 32;
    uint32_t ports = 0;
    uint32_t bytes = t->address_bytes;

    if (t->has_ports && t->proto == PROTO_TCP)
        ports = v6 ? NETVSC_RSS_TCP6 : NETVSC_RSS_TCP4;
    else if (t->has_ports && t->proto == PROTO_UDP)
        ports = v6 ? NETVSC_RSS_UDP6 : NETVSC_RSS_UDP4;
    if (rss->types & ports)
        bytes += 4;
    else if (!(rss->types & (v6 ? NETVSC_RSS_IP6 : NETVSC_RSS_IP4)))
        return PORT_SPREAD_NONE;
    return toeplitz(rss->key, t->input, bytes) % NETVSC_RETA_ENTRIES;
}

/* ---- frames --------------------------------------------------------------------------------- */

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static bool take_ip4(struct tuple *t, const uint8_t *ip, uint32_t bytes)
{
    const uint32_t header = (ip[0] & 0xFu) * 4;

    if (bytes < IP4_BYTES || ip[0] >> 4 != 4)
        return false;
    memcpy(t->input, ip + 12, 8);
    t->address_bytes = 8;
    t->proto = ip[9];
    t->has_ports = (get16(ip + 6) & 0x3FFF) == 0 && bytes >= header + 4;
    if (t->has_ports)
        memcpy(t->input + 8, ip + header, 4);
    return true;
}

static bool take_ip6(struct tuple *t, const uint8_t *ip, uint32_t bytes)
{
    if (bytes < IP6_BYTES || ip[0] >> 4 != 6)
        return false;
    memcpy(t->input, ip + 8, 32);
    t->address_bytes = 32;
    t->proto = ip[6];
    t->has_ports = bytes >= IP6_BYTES + 4;
    if (t->has_ports)
        memcpy(t->input + 32, ip + IP6_BYTES, 4);
    return true;
}

uint32_t port_spread_frame(const struct netvsc_rss *rss, const uint8_t *frame, uint32_t bytes)
{
    struct tuple t;
    uint32_t at = ETH_BYTES;

    if (bytes < ETH_BYTES + TAG_BYTES)
        return PORT_SPREAD_NONE;
    if (get16(frame + at - 2) == TYPE_TAG)
        at += TAG_BYTES;
    if (get16(frame + at - 2) == TYPE_IP4 && take_ip4(&t, frame + at, bytes - at))
        return entry_of(rss, &t);
    if (get16(frame + at - 2) == TYPE_IP6 && take_ip6(&t, frame + at, bytes - at))
        return entry_of(rss, &t);
    return PORT_SPREAD_NONE;
}

/* ---- connections ---------------------------------------------------------------------------- */

static void put_end(uint8_t *addr, uint8_t *port, const struct port_spread_end *end)
{
    if (IP_IS_V6(&end->addr))
        memcpy(addr, ip_2_ip6(&end->addr)->addr, 16); /* in network order as they are */
    else
        memcpy(addr, &ip_2_ip4(&end->addr)->addr, 4);
    port[0] = (uint8_t)(end->port >> 8);
    port[1] = (uint8_t)end->port;
}

uint32_t port_spread_flow(const struct netvsc_rss *rss, bool udp,
                          const struct port_spread_end *from, const struct port_spread_end *to)
{
    const uint32_t half = IP_IS_V6(&from->addr) ? 16 : 4;
    struct tuple t = {
        .address_bytes = 2 * half, .proto = udp ? PROTO_UDP : PROTO_TCP, .has_ports = true};

    put_end(t.input, t.input + 2 * half, from);
    put_end(t.input + half, t.input + 2 * half + 2, to);
    return entry_of(rss, &t);
}

uint16_t port_spread_local_port(const struct netvsc_rss *rss, unsigned queue,
                                const ip_addr_t *local, const struct port_spread_end *remote,
                                uint16_t first)
{
    struct port_spread_end here = {.addr = *local};

    for (uint32_t i = 0; i < CLIENT_PORTS; i++) {
        uint32_t entry;

        here.port = (uint16_t)(CLIENT_PORT_FIRST + (first + i) % CLIENT_PORTS);
        entry = port_spread_flow(rss, false, remote, &here);
        if (entry != PORT_SPREAD_NONE && rss->reta[entry] == queue)
            return here.port;
    }
    return 0;
}
