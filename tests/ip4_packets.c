/* SPDX-License-Identifier: BSD-3-Clause */
#include "ip4_packets.h"

#include <arpa/inet.h>
#include <string.h>

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) << 16 | get16(at + 2);
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value);
}

uint32_t ip4_net32(uint32_t host)
{
    return htonl(host);
}

uint16_t ip4_net16(uint16_t host)
{
    return htons(host);
}

/* One's complement sum, not inverted. */
static uint32_t add(uint32_t sum, const uint8_t *at, uint32_t bytes)
{
    for (; bytes > 1; at += 2, bytes -= 2)
        sum += get16(at);
    if (bytes)
        sum += (uint32_t)at[0] << 8;
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return sum;
}

static uint32_t l4_sum(const uint8_t *ip)
{
    const uint32_t l4_bytes = get16(ip + 2) - 20;
    uint32_t sum = ip[9] == 1 ? 0 : add(ip[9] + l4_bytes, ip + 12, 8);

    return add(sum, ip + 20, l4_bytes);
}

static uint32_t build_l4(const struct ip4_packet *p, uint8_t *l4)
{
    uint32_t bytes = p->proto == 6 ? 20 : 8;

    put16(l4, p->sport);
    put16(l4 + 2, p->dport);
    if (p->proto == 6) {
        l4[12] = 5 << 4;
        l4[13] = p->flags ? p->flags : 2;
    } else if (p->proto == 17) {
        put16(l4 + 4, 8 + p->payload_bytes);
    } else if (p->proto == 1) {
        put32(l4, 0);
        l4[0] = p->type;
        l4[1] = p->code;
        put16(l4 + 4, p->about ? 0 : p->sport);
        if (p->about) {
            /* As little as allowed: IP header and 8 bytes. */
            memcpy(l4 + 8, p->about->data, 28);
            return 8 + 28;
        }
    }
    for (uint32_t i = 0; i < p->payload_bytes; i++)
        l4[bytes + i] = (uint8_t)(i * 7);
    return bytes + p->payload_bytes;
}

void ip4_resum(uint8_t *ip)
{
    put16(ip + 10, 0);
    put16(ip + 10, ~add(0, ip, 20));
}

uint8_t *ip4_build(struct ip4_packet *p)
{
    static const uint8_t sum_at[256] = {[1] = 2, [6] = 16, [17] = 6};
    uint8_t *ip = p->data;
    uint32_t sum;

    memset(ip, 0, sizeof(p->data));
    ip[0] = 0x45;
    put16(ip + 6, p->fragment);
    ip[8] = p->ttl ? p->ttl : 64;
    ip[9] = p->proto;
    put32(ip + 12, p->src);
    put32(ip + 16, p->dst);
    p->len_bytes = 20 + build_l4(p, ip + 20);
    put16(ip + 2, p->len_bytes);
    ip4_resum(ip);
    if (sum_at[p->proto] && !p->no_sum) {
        sum = ~l4_sum(ip) & 0xFFFF;
        put16(ip + 20 + sum_at[p->proto], sum ? sum : 0xFFFF);
    }
    return ip;
}

bool ip4_sums_hold(const uint8_t *ip)
{
    if (add(0, ip, 20) != 0xFFFF)
        return false;
    if (ip[9] == 17 && get16(ip + 26) == 0)
        return true;
    if (l4_sum(ip) != 0xFFFF)
        return false;
    return ip[9] != 1 || (ip[20] != 3 && ip[20] != 11) || add(0, ip4_quoted(ip), 20) == 0xFFFF;
}

uint32_t ip4_src(const uint8_t *ip)
{
    return get32(ip + 12);
}

uint32_t ip4_dst(const uint8_t *ip)
{
    return get32(ip + 16);
}

uint16_t ip4_sport(const uint8_t *ip)
{
    return (uint16_t)get16(ip + (ip[9] == 1 ? 24 : 20));
}

uint16_t ip4_dport(const uint8_t *ip)
{
    return (uint16_t)get16(ip + (ip[9] == 1 ? 24 : 22));
}

const uint8_t *ip4_quoted(const uint8_t *ip)
{
    return ip + 28;
}
