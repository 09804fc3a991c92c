/* SPDX-License-Identifier: BSD-3-Clause */
/* Private: what the loops over usual messages share, of whole frames and of fragments. */
#ifndef NETVSC_RX_VAR_H
#define NETVSC_RX_VAR_H

#include <assert.h>
#include <string.h>

#include "netvsc_var.h"
#include "rndis_quick.h"

/* What all messages of a run are held against. */
struct netvsc_run {
    const uint8_t *base; /* of the receive buffer */
    size_t off_max;      /* a section that begins here lies inside */
    uint32_t range_bytes_max, frame_bytes_max;
    uint32_t alike_bytes; /* how long frames have been */
    uint64_t origin;      /* the frame's queue and packet, as they lie in it */
};

/* A frame is four words; by field its making would be most of the work. */
static_assert(offsetof(struct netvsc_frame, len_bytes) == 8, "word 1: length; no tag, no verdict");
static_assert(offsetof(struct netvsc_frame, tci) == 12, "in word 1");
static_assert(offsetof(struct netvsc_frame, queue) == 16, "word 2: queue, nothing more, packet");
static_assert(offsetof(struct netvsc_frame, packet) == 20, "in word 2");
static_assert(offsetof(struct netvsc_frame, hash) == 24, "word 3: no hash");
static_assert(sizeof(struct netvsc_frame) == 32, "and nothing else");

static inline void netvsc_put_frame(struct netvsc_frame *out, const uint8_t *data,
                                    uint32_t len_bytes, uint64_t origin)
{
    const uint64_t len = len_bytes;

    out->data = data;
    memcpy((uint8_t *)out + offsetof(struct netvsc_frame, len_bytes), &len, sizeof(len));
    memcpy((uint8_t *)out + offsetof(struct netvsc_frame, queue), &origin, sizeof(origin));
    memset((uint8_t *)out + offsetof(struct netvsc_frame, hash), 0, sizeof(uint64_t));
}

/* Inside the buffer, no longer than a section, and long enough for a header. */
static inline bool netvsc_range_usual(const struct netvsc_run *run, uint32_t off_bytes,
                                      uint32_t len_bytes)
{
    const uint32_t len_min = sizeof(struct rndis_packet);

    return off_bytes <= run->off_max && len_bytes - len_min <= run->range_bytes_max - len_min;
}

/*
 * netvsc_rsc.c: a frame's first fragment is in the batch. Of the (count) ranges at (host) those
 * that go on with it, as long as they are as most are. How many.
 */
uint32_t netvsc_rsc_run(struct netvsc_queue *q, const struct netvsc_run *run, const uint8_t *host,
                        uint32_t count);

#endif
