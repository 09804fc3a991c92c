/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For programs that show what a TAP device permits: its frames, without anything between. They
 * believe what they read, and an error ends them.
 */
#ifndef BENCH_RAWTAP_H
#define BENCH_RAWTAP_H

#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>

/* What one read() gives and one write() takes. */
struct rawtap_frame {
    struct virtio_net_hdr vnet;
    struct ether_header eth;
    struct iphdr ip;
    struct tcphdr tcp;
    uint8_t rest[2000]; /* options; data */
} __attribute__((packed));

/* The address all of them have, and its mask is nobody's concern. */
#define RAWTAP_MAC                                                                                 \
    {                                                                                              \
        0x00, 0x15, 0x5d, 0x00, 0x00, 0x01                                                         \
    }

_Noreturn void rawtap_die(const char *what);

/*
 * The device (name), not blocking, which leaves TCP's sums and cutting its segments to the kernel.
 */
int rawtap_open(const char *name);

/* (in) asks for (address), in network byte order: the answer, written. Else nothing. */
void rawtap_answer_arp(int tap, struct rawtap_frame *in, uint32_t address);

/* A frame of (tcp_bytes) of TCP header and data behind it: lengths and sums, TCP's for the kernel
 * to finish. Cut into segments of (mss), not cut if that is 0. */
void rawtap_seal(struct rawtap_frame *out, size_t tcp_bytes, uint16_t mss);

/* Bytes of data in a TCP segment. */
size_t rawtap_data_bytes(const struct rawtap_frame *in);

#endif
