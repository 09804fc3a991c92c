/* SPDX-License-Identifier: BSD-3-Clause */
#include "burst.h"

#include <string.h>

uint32_t burst_get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

uint32_t burst_get32(const uint8_t *at)
{
    return burst_get16(at) << 16 | burst_get16(at + 2);
}

void burst_put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

uint32_t burst_sum(uint32_t sum, const uint8_t *at, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    return sum;
}

static uint32_t pseudo(const uint8_t *frame, bool v6, uint32_t proto, uint32_t l4_bytes)
{
    const uint8_t *ip = frame + BURST_IP;
    uint32_t sum = v6 ? burst_sum(0, ip + 8, 32) : burst_sum(0, ip + 12, 8);
    uint8_t tail[6] = {0, 0, 0, 0, 0, (uint8_t)proto};

    burst_put16(tail, l4_bytes >> 16);
    burst_put16(tail + 2, l4_bytes);
    return burst_sum(sum, tail, sizeof(tail));
}

void burst_check_sums(const uint8_t *frame, uint32_t bytes, bool v6, uint32_t proto)
{
    uint32_t l4 = BURST_IP + (v6 ? 40 : 20);
    uint32_t sum = pseudo(frame, v6, proto, bytes - l4);

    if (!v6)
        assert_int_equal(burst_sum(0, frame + BURST_IP, 20), 0xFFFF);
    assert_int_equal(burst_sum(sum, frame + l4, bytes - l4), 0xFFFF);
}

static void put_ip4(uint8_t *ip, uint32_t proto, uint32_t bytes)
{
    ip[0] = 0x45;
    burst_put16(ip + 2, bytes);
    burst_put16(ip + 4, 0xFFFE);
    ip[8] = 64;
    ip[9] = (uint8_t)proto;
    burst_put16(ip + 12, 0x0A00);
    burst_put16(ip + 16, 0x0A00);
    ip[19] = 1;
}

static void put_ip6(uint8_t *ip, uint32_t proto, uint32_t payload_bytes)
{
    ip[0] = 0x60;
    burst_put16(ip + 4, payload_bytes);
    ip[6] = (uint8_t)proto;
    ip[7] = 64;
    memset(ip + 8, 0xFD, 32);
}

void burst_packet(struct burst *b, bool v6, uint32_t proto, uint32_t payload_bytes)
{
    static const uint8_t ends[12] = {2, 0, 0, 0, 0, 0x77, 0, 0x15, 0x5D, 0, 0, 1};
    uint32_t l4_bytes = (proto == 6 ? 20 : 8) + payload_bytes;
    uint32_t l4 = BURST_IP + (v6 ? 40 : 20);
    uint8_t *head = b->frame + l4;

    memset(b, 0, sizeof(*b));
    b->v6 = v6;
    b->head_bytes = l4 + l4_bytes - payload_bytes;
    b->payload_bytes = payload_bytes;
    memcpy(b->frame, ends, sizeof(ends));
    burst_put16(b->frame + 12, v6 ? 0x86DD : 0x0800);
    if (v6)
        put_ip6(b->frame + BURST_IP, proto, l4_bytes);
    else
        put_ip4(b->frame + BURST_IP, proto, 20 + l4_bytes);
    burst_put16(head, 80);
    burst_put16(head + 2, 40000);
    if (proto == 6) {
        memset(head + 4, 0xFF, 4);
        head[12] = 0x50;
        head[13] = 0x99;
    } else {
        burst_put16(head + 4, l4_bytes);
    }
    for (uint32_t i = 0; i < payload_bytes; i++)
        b->frame[b->head_bytes + i] = (uint8_t)(i * 7 + (i >> 8));
    burst_put16(head + (proto == 6 ? 16 : 6), pseudo(b->frame, v6, proto, l4_bytes));
}

void burst_large(struct burst *b, bool v6, uint32_t payload_bytes)
{
    burst_packet(b, v6, 6, payload_bytes);
    burst_put16(b->frame + BURST_IP + (v6 ? 4 : 2), 0);
    burst_put16(b->frame + BURST_IP + (v6 ? 40 : 20) + 16, pseudo(b->frame, v6, 6, 0));
}

uint32_t burst_csum_word(bool v6, uint32_t proto)
{
    uint32_t off = BURST_IP + (v6 ? 40 : 20);

    return (v6 ? RNDIS_TXCSUM_IPV6 : RNDIS_TXCSUM_IPV4 | RNDIS_TXCSUM_IPHDR) |
           (proto == 6 ? RNDIS_TXCSUM_TCP : RNDIS_TXCSUM_UDP) | off << RNDIS_TXCSUM_L4_OFF_SHIFT;
}

uint32_t burst_lso_word(bool v6, uint32_t mss)
{
    uint32_t off = BURST_IP + (v6 ? 40 : 20);

    return mss | off << RNDIS_LSO_TCP_OFF_SHIFT | RNDIS_LSO_V2 | (v6 ? RNDIS_LSO_IPV6 : 0);
}
