/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private: where the fields of Ethernet, IP and TCP headers are, from the start of an untagged
 * frame or of their own header, and how to read them: most are big-endian and at any address.
 */
#ifndef NETVSC_PACKET_VAR_H
#define NETVSC_PACKET_VAR_H

#include <stdint.h>

#include "netvsc_config.h"

#define NETVSC_MACS_BYTES 12u /* both addresses; behind them goes a VLAN tag */
#define NETVSC_TAG_BYTES 4u
#define NETVSC_TYPE_OFF 12u /* of the frame: its EtherType, or a tag */
#define NETVSC_TYPE_IP4 0x0800u
#define NETVSC_TYPE_TAG 0x8100u
#define NETVSC_TYPE_IP6 0x86DDu

#define NETVSC_IP_OFF NETVSC_ETH_BYTES /* of the frame */
#define NETVSC_IP4_BYTES 20u           /* without options */
#define NETVSC_IP4_PLAIN 0x45u         /* first byte: version 4, and as long as that */
#define NETVSC_IP6_BYTES 40u
#define NETVSC_IP4_TOTAL_OFF (NETVSC_IP_OFF + 2) /* of the frame, as are those below */
#define NETVSC_IP4_SUM_OFF (NETVSC_IP_OFF + 10)
#define NETVSC_IP4_ADDR_OFF (NETVSC_IP_OFF + 12)
#define NETVSC_IP6_PAYLOAD_OFF (NETVSC_IP_OFF + 4)
#define NETVSC_IP6_ADDR_OFF (NETVSC_IP_OFF + 8)
#define NETVSC_IP4_ADDR_BYTES 8u /* both addresses */
#define NETVSC_IP6_ADDR_BYTES 32u
#define NETVSC_PROTO_TCP 6u
#define NETVSC_PROTO_UDP 17u

#define NETVSC_TCP_BYTES 20u  /* without options */
#define NETVSC_TCP_SEQ_OFF 4u /* of the TCP header, as are those below */
#define NETVSC_TCP_ACK_OFF 8u
#define NETVSC_TCP_DATA_OFF 12u /* high half: length of the header in words */
#define NETVSC_TCP_FLAGS_OFF 13u
#define NETVSC_TCP_WINDOW_OFF 14u
#define NETVSC_TCP_SUM_OFF 16u
#define NETVSC_TCP_FIN 0x01u
#define NETVSC_TCP_PSH 0x08u
#define NETVSC_TCP_ACK 0x10u
#define NETVSC_UDP_BYTES 8u
#define NETVSC_UDP_SUM_OFF 6u

static inline uint32_t netvsc_get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static inline uint32_t netvsc_get32(const uint8_t *at)
{
    return netvsc_get16(at) << 16 | netvsc_get16(at + 2);
}

static inline void netvsc_put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

#endif
