/* SPDX-License-Identifier: BSD-3-Clause */
/* Private: what the loops over usual messages share, of whole frames and of fragments. */
#ifndef NETVSC_RX_VAR_H
#define NETVSC_RX_VAR_H

#include <assert.h>
#include <string.h>

#include "netvsc_var.h"
#include "rndis_quick.h"

/* A frame is four words; by field its making would be most of the work. */
static_assert(offsetof(struct netvsc_frame, len_bytes) == 8, "word 1: length; no tag, no verdict");
static_assert(offsetof(struct netvsc_frame, tci) == 12, "in word 1");
static_assert(offsetof(struct netvsc_frame, queue) == 16, "word 2: queue, nothing more, packet");
static_assert(offsetof(struct netvsc_frame, packet) == 20, "in word 2");
static_assert(offsetof(struct netvsc_frame, hash) == 24, "word 3: no hash");
static_assert(sizeof(struct netvsc_frame) == 32, "and nothing else");

/* A frame of the packet at work, with nothing but a length. */
static inline void netvsc_put_frame(const struct netvsc_queue *q, const uint8_t *data,
                                    uint32_t len_bytes, struct netvsc_frame *out)
{
    const uint64_t len = len_bytes;

    out->data = data;
    memcpy((uint8_t *)out + offsetof(struct netvsc_frame, len_bytes), &len, sizeof(len));
    memcpy((uint8_t *)out + offsetof(struct netvsc_frame, queue), &q->origin, sizeof(q->origin));
    memset((uint8_t *)out + offsetof(struct netvsc_frame, hash), 0, sizeof(uint64_t));
}

/* A range as the host wrote it: inside the buffer, no longer than a section, with a header. */
static inline bool netvsc_range_usual(const struct netvsc *nic, uint64_t range)
{
    const uint32_t len_bytes = (uint32_t)range, len_min = sizeof(struct rndis_packet);

    return range >> 32 <= nic->recv_off_max && len_bytes - len_min <= nic->recv_over_max;
}

/*
 * netvsc_rsc.c: a frame's first fragment is in the batch. Of the ranges from (host) to (end) those
 * that go on with it, as long as they are as most are. Where that ended.
 */
const uint8_t *netvsc_rsc_run(struct netvsc_queue *q, const uint8_t *host, const uint8_t *end);

#endif
