/* SPDX-License-Identifier: BSD-3-Clause */
/* IPv4 and what is in it, as bytes: offsets, and words in network byte order. */
#ifndef PACKET_VAR_H
#define PACKET_VAR_H

#include <stdint.h>
#include <string.h>

#define ICMP_BYTES 8u

#define OFF_TOTAL 2u /* of IP */
#define OFF_FRAGMENT 6u
#define OFF_TTL 8u
#define OFF_PROTO 9u
#define OFF_SUM 10u
#define OFF_SRC 12u
#define OFF_DST 16u
#define OFF_SPORT 0u /* of TCP and UDP */
#define OFF_DPORT 2u
#define OFF_TCP_FLAGS 13u
#define OFF_TCP_SUM 16u
#define OFF_UDP_SUM 6u
#define OFF_ICMP_SUM 2u
#define OFF_ICMP_ID 4u
#define OFF_ICMP_MTU 6u

#define ICMP_ECHO_REPLY 0u
#define ICMP_ECHO 8u

static inline uint16_t packet_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void packet_put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline uint16_t packet_raw16(const uint8_t *at)
{
    uint16_t raw;

    memcpy(&raw, at, sizeof(raw));
    return raw;
}

static inline uint32_t packet_raw32(const uint8_t *at)
{
    uint32_t raw;

    memcpy(&raw, at, sizeof(raw));
    return raw;
}

static inline uint16_t packet_fold(uint32_t sum)
{
    sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)(sum + (sum >> 16));
}

/* The Internet checksum of (bytes), which may be odd. */
static inline uint16_t packet_sum_of(const uint8_t *at, uint32_t bytes)
{
    uint32_t sum = 0;

    for (; bytes > 1; at += 2, bytes -= 2)
        sum += packet_get16(at);
    if (bytes)
        sum += (uint32_t)*at << 8;
    return (uint16_t)~packet_fold(sum);
}

#endif
