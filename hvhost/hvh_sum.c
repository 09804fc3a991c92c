/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Internet checksums and the headers they stand in. A frame may be memory its guest still writes
 * to: what is checked is looked at once, for at a second look it could be another. Sums are taken
 * over memory as 32-bit words and stored back as memory: one's complement addition does not care
 * for byte order as long as both ends agree.
 */
#include <arpa/inet.h>
#include <string.h>

#include "hvh_nic_var.h"

#define ETHERTYPE_OFF 12u
#define ETHERTYPE_IP4 0x0800u
#define ETHERTYPE_IP6 0x86DDu
#define IP4_BYTES_MIN 20u
#define IP4_TOTAL_OFF 2u
#define IP4_FRAGMENT_OFF 6u
#define IP4_FRAGMENT_MASK 0x3FFFu /* more fragments, offset */
#define IP4_PROTO_OFF 9u
#define IP4_ADDR_OFF 12u
#define IP6_BYTES 40u
#define IP6_PAYLOAD_OFF 4u
#define IP6_NEXT_OFF 6u
#define IP6_ADDR_OFF 8u
#define EXTENSIONS_MAX 8u

/* The last 0 to 7 bytes as a word: by pieces of a known length, any other copy is a slow loop. */
static uint64_t rest_of(const uint8_t *at, uint32_t bytes)
{
    uint64_t word = 0;
    uint32_t half = 0;

    if (bytes & 4)
        memcpy(&half, at, sizeof(half));
    for (uint32_t i = bytes & 4; i < bytes; i++)
        word |= (uint64_t)at[i] << 8 * i;
    return word | half;
}

uint64_t hvh_sum_add(uint64_t sum, const void *data, uint32_t bytes)
{
    const uint8_t *at = data;
    uint64_t word, all = 0;

    /* What overflows comes back in: 2^64 is 1 to this kind of sum, as 2^16 is. */
    for (; bytes >= sizeof(word); bytes -= (uint32_t)sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        all += word;
        all += all < word;
    }
    word = rest_of(at, bytes);
    all += word;
    all += all < word;
    return sum + (all & UINT32_MAX) + (all >> 32);
}

uint16_t hvh_sum_fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)sum;
}

static uint16_t get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* (out) has l3_off; the frame has (left) bytes from there on. */
static bool parse_ip4(const uint8_t *ip, uint32_t left, struct hvh_ip *out)
{
    uint32_t head, total;
    uint8_t first;

    if (left < IP4_BYTES_MIN)
        return false;
    first = ip[0];
    if (first >> 4 != 4)
        return false;
    head = (first & 0xFu) * 4;
    total = get16(ip + IP4_TOTAL_OFF);
    if (total == 0)
        total = left;
    if (head < IP4_BYTES_MIN || head > total || total > left)
        return false;
    out->fragment = get16(ip + IP4_FRAGMENT_OFF) & IP4_FRAGMENT_MASK;
    out->proto = ip[IP4_PROTO_OFF];
    out->l4_off = out->l3_off + head;
    out->end_off = out->l3_off + total;
    return true;
}

static bool is_extension(uint8_t next)
{
    return next == 0 || next == 43 || next == 60; /* hop by hop, routing, destination options */
}

static bool parse_ip6(const uint8_t *ip, uint32_t left, struct hvh_ip *out)
{
    uint32_t at = IP6_BYTES, end;
    uint8_t next;

    if (left < IP6_BYTES || ip[0] >> 4 != 6)
        return false;
    end = get16(ip + IP6_PAYLOAD_OFF);
    end = end ? end + IP6_BYTES : left;
    if (end > left)
        return false;
    next = ip[IP6_NEXT_OFF];
    for (unsigned i = 0; is_extension(next); i++) {
        uint32_t bytes;

        if (i == EXTENSIONS_MAX || end - at < 8)
            return false;
        next = ip[at];
        bytes = (ip[at + 1] + 1u) * 8;
        if (bytes > end - at)
            return false;
        at += bytes;
    }
    out->v6 = true;
    out->fragment = next == 44;
    out->proto = next;
    out->l4_off = out->l3_off + at;
    out->end_off = out->l3_off + end;
    return true;
}

bool hvh_ip_parse(const uint8_t *frame, uint32_t bytes, struct hvh_ip *out)
{
    uint16_t type;

    *out = (struct hvh_ip){.l3_off = HVH_ETH_BYTES};
    if (bytes < HVH_ETH_BYTES)
        return false;
    type = get16(frame + ETHERTYPE_OFF);
    if (type == ETHERTYPE_IP4)
        return parse_ip4(frame + HVH_ETH_BYTES, bytes - HVH_ETH_BYTES, out);
    if (type == ETHERTYPE_IP6)
        return parse_ip6(frame + HVH_ETH_BYTES, bytes - HVH_ETH_BYTES, out);
    return false;
}

uint16_t hvh_ip_pseudo(const uint8_t *frame, const struct hvh_ip *ip, uint32_t l4_bytes)
{
    const uint8_t *addresses = frame + ip->l3_off + (ip->v6 ? IP6_ADDR_OFF : IP4_ADDR_OFF);
    uint64_t sum = hvh_sum_add(0, addresses, ip->v6 ? 32 : 8);

    sum += htons(ip->proto);
    sum += htonl(l4_bytes); /* its halves fold to the same as the 16 bits IPv4 has */
    return hvh_sum_fold(sum);
}

void hvh_ip_fill(uint8_t *frame, const struct hvh_ip *ip)
{
    uint8_t *head = frame + ip->l3_off;
    uint16_t sum;

    if (ip->v6)
        return;
    memset(head + HVH_IP4_SUM_OFF, 0, sizeof(sum));
    sum = (uint16_t)~hvh_sum_fold(hvh_sum_add(0, head, ip->l4_off - ip->l3_off));
    memcpy(head + HVH_IP4_SUM_OFF, &sum, sizeof(sum));
}

void hvh_ip_set_end(uint8_t *frame, const struct hvh_ip *ip, uint32_t end_off)
{
    uint8_t *head = frame + ip->l3_off;

    if (ip->v6)
        put16(head + IP6_PAYLOAD_OFF, end_off - ip->l3_off - IP6_BYTES);
    else
        put16(head + IP4_TOTAL_OFF, end_off - ip->l3_off);
}
