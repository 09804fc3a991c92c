/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Eight bytes at a time: 2^64 is 1 to this kind of sum, as 2^16 is, so what overflows comes back in
 * and only the end is folded. lwIP's own takes twice the instructions for an IP header, which
 * it sums for every packet it sends.
 */
#include "port_sum.h"

#include <string.h>

static uint64_t add(uint64_t sum, uint64_t word)
{
    sum += word;
    return sum + (sum < word);
}

uint16_t port_sum(const void *data, int bytes)
{
    const uint8_t *at = data;
    uint64_t sum = 0, word;
    uint32_t half;

    for (; bytes >= (int)sizeof(word); bytes -= (int)sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        sum = add(sum, word);
    }
    if (bytes & 4) {
        memcpy(&half, at, sizeof(half));
        sum = add(sum, half);
        at += sizeof(half);
    }
    half = 0;
    for (int i = 0; i < (bytes & 3); i++)
        half |= (uint32_t)at[i] << 8 * i;
    sum = add(sum, half);
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & 0xFFFF) + (sum >> 16 & 0xFFFF) + (sum >> 32);
    sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)((sum & 0xFFFF) + (sum >> 16));
}
