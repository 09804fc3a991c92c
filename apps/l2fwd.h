/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A wire between two NICs, on the API below lwIP: what comes in on one goes out on the other as it
 * is, VLAN tag included.
 */
#ifndef L2FWD_H
#define L2FWD_H

#include <stdint.h>

#include "netvsc.h"

#define L2FWD_SIDES 2u
#define L2FWD_WAITING 1024u /* frames; a power of two */

/* X(name, help), per side: every frame received is in exactly one of the others, or waits. */
#define L2FWD_STATS(X)                                                                             \
    X(frames, "frames received here")                                                              \
    X(forwarded, "frames that left by the other card")                                             \
    X(waited, "of these, frames that waited for room")                                             \
    X(drop_busy, "frames dropped: the other card is full, and so is the queue before it")          \
    X(drop_size, "frames dropped: too long for the other card's MTU")                              \
    X(drop_down, "frames dropped: the other card is down")                                         \
    X(drop_offload, "frames dropped: the other card cannot carry their VLAN tag")

struct l2fwd_stats {
#define X(name, help) uint64_t name;
    L2FWD_STATS(X)
#undef X
};

struct netvsc_hold;

/* A frame that waits where the host wrote it. */
struct l2fwd_waiting {
    struct netvsc_hold *hold;
    struct netvsc_frame frame;
};

struct l2fwd_side {
    struct netvsc *in, *out;
    struct l2fwd_stats stats;
    struct l2fwd_waiting waiting[L2FWD_WAITING];
    uint32_t head, tail;
};

/* (ctx) of the NIC's config.rx, for the side it receives on. */
void l2fwd_rx(void *ctx, const struct netvsc_frame *frames, unsigned count);

/* Send what waits; after the polls of both NICs. Returns how many left or were dropped. */
unsigned l2fwd_turn(struct l2fwd_side *side);

/* Let go of what still waits, as drop_busy: before its NIC is destroyed. */
void l2fwd_end(struct l2fwd_side *side);

/* NULL, or a sentence with the numbers, good until the next call. */
const char *l2fwd_audit(const struct l2fwd_side *side);

#endif
