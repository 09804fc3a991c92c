/* SPDX-License-Identifier: BSD-3-Clause */
/* Ethernet frames with IP, TCP and UDP in them, for tests with lwIP; sums by lwIP. */
#ifndef IP_FRAMES_H
#define IP_FRAMES_H

#include <stdbool.h>
#include <stdint.h>

#define IP_FRAME_BYTES_MAX 65549u

struct ip_frame {
    bool v6;
    uint8_t proto;          /* 6 TCP, 17 UDP, else nothing behind IP but payload */
    uint16_t fragment;      /* IPv4: flags and offset */
    uint16_t source;        /* port [1000] */
    uint32_t seq, ack;      /* TCP */
    uint8_t flags;          /* TCP [ACK] */
    uint8_t option_bytes;   /* TCP: timestamps when 12 */
    uint32_t payload_bytes; /* byte i of it is seq + i */
    uint32_t len_bytes;     /* out */
    uint32_t l4_off;        /* out */
    uint8_t data[IP_FRAME_BYTES_MAX];
};

/* Build it into (data), from the far end to the card of lwip_bench.h. */
void ip_frame_build(struct ip_frame *f);

#endif
