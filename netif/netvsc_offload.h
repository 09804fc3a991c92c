/* SPDX-License-Identifier: BSD-3-Clause */
/* Offloads: which are wanted, what the host agreed to, and asking for them frame by frame. */
#ifndef NETVSC_OFFLOAD_H
#define NETVSC_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netvsc;
struct netvsc_slot;

enum netvsc_switch {
    NETVSC_AUTO, /* use it if the host offers it */
    NETVSC_OFF,
    NETVSC_VERIFY, /* use it, and check in software what it is used on */
};

/* What the host does for frames sent, as agreed on during attach. */
struct netvsc_offload {
    uint8_t csum; /* NETVSC_CSUM_TCP4 and so on */
    /* Longest packet to be cut into two segments or more, without Ethernet header; 0 = none. */
    uint32_t lso4_bytes, lso6_bytes;
};
#define NETVSC_CSUM_IP4 0x01u /* the header's */
#define NETVSC_CSUM_TCP4 0x02u
#define NETVSC_CSUM_UDP4 0x04u
#define NETVSC_CSUM_TCP6 0x08u
#define NETVSC_CSUM_UDP6 0x10u
#define NETVSC_RSC_IP4 0x1u
#define NETVSC_RSC_IP6 0x2u

/* What shall be done with one frame. The sums' fields may hold anything: they are overwritten. */
struct netvsc_tx_meta {
    uint16_t tci; /* as in an 802.1Q tag */
    bool has_tci;
    uint8_t csum;    /* one of NETVSC_CSUM_*, NETVSC_CSUM_IP4 may be added; 0 none */
    uint8_t l4_off;  /* of the TCP or UDP header, from the start of the frame */
    bool lso4, lso6; /* TCP, to be cut into segments of (mss_bytes) of payload; csum is then 0 */
    uint16_t mss_bytes;
};

/*
 * As netvsc_queue_tx_begin(), with (meta). Without its tag a frame is as long as the MTU allows;
 * one to be cut may be as long as the host's limit. -EOPNOTSUPP the host does not offer it, or its
 * headers cannot be where (meta) says. Counted in tx_drop_offload.
 */
int netvsc_queue_tx_begin_meta(struct netvsc *nic, unsigned queue, size_t len_bytes,
                               const struct netvsc_tx_meta *meta, struct netvsc_slot *slot);

/*
 * As netvsc_queue_tx_commit(), with another wish than at begin that needs as many elements: one of
 * csum, lso4 and lso6 instead of another, the same tag. What the host does
 * not do, or does not fit, is cancelled.
 */
void netvsc_queue_tx_commit_meta(struct netvsc *nic, unsigned queue, const struct netvsc_slot *slot,
                                 size_t len_bytes, const struct netvsc_tx_meta *meta);

#endif
