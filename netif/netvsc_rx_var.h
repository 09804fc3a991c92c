/* SPDX-License-Identifier: BSD-3-Clause */
/* Private: what the quick loops over RNDIS messages share, for whole frames and for fragments. */
#ifndef NETVSC_RX_VAR_H
#define NETVSC_RX_VAR_H

#include <assert.h>
#include <string.h>

#include "netvsc_var.h"
#include "rndis_quick.h"

/* A frame is four words, stored as such: field by field it would be most of the work. */
static_assert(offsetof(struct netvsc_frame, len_bytes) == 8, "word 1: length, tag, verdict");
static_assert(offsetof(struct netvsc_frame, tci) == 12, "in word 1");
static_assert(offsetof(struct netvsc_frame, queue) == 16, "word 2: queue, nothing more, packet");
static_assert(offsetof(struct netvsc_frame, packet) == 20, "in word 2");
static_assert(offsetof(struct netvsc_frame, hash) == 24, "word 3: hash");
static_assert(sizeof(struct netvsc_frame) == 32, "and nothing else");

/* Words 1 to 3 of a frame whose data is at (data). */
static inline void netvsc_put_words(struct netvsc_frame *out, const uint8_t *data, uint64_t len,
                                    uint64_t origin, uint64_t hash)
{
    uint8_t *word = (uint8_t *)out;

    out->data = data;
    memcpy(word + offsetof(struct netvsc_frame, len_bytes), &len, sizeof(len));
    memcpy(word + offsetof(struct netvsc_frame, queue), &origin, sizeof(origin));
    memcpy(word + offsetof(struct netvsc_frame, hash), &hash, sizeof(hash));
}

/* Word 2 of frames in the packet whose completion is the (index)th owed. */
static inline uint64_t netvsc_origin(const struct netvsc_queue *q, uint32_t index)
{
    return q->index | (uint64_t)index << 32;
}

/* A frame of the packet at work, with nothing but a length. */
static inline void netvsc_put_frame(const struct netvsc_queue *q, const uint8_t *data,
                                    uint32_t len_bytes, struct netvsc_frame *out)
{
    netvsc_put_words(out, data, len_bytes, q->origin, 0);
}

/* A word of a packet in the ring, read once. Packets are aligned, and so are words in them. */
static inline uint64_t netvsc_word(const uint8_t *host)
{
    return atomic_load_explicit((const _Atomic uint64_t *)(const void *)host, memory_order_relaxed);
}

/*
 * Does a (range) as the host wrote it begin where a whole section lies inside the buffer, and is it
 * no longer than a section and long enough for a message's header? Others may be right, too.
 */
static inline bool netvsc_range_usual(const struct netvsc *nic, uint64_t range)
{
    const uint32_t len_bytes = (uint32_t)range, len_min = sizeof(struct rndis_packet);

    return range >> 32 <= nic->recv_off_max && len_bytes - len_min <= nic->recv_over_max;
}

/* netvsc_rx_alike.c; in each case there is room in the batch. */
/*
 * Judge the message of (range), which is not like the last one judged, and put its frame in the
 * batch. False: it is not a usual one, and netvsc_rx_range() has to look.
 */
bool netvsc_rx_judge(struct netvsc_queue *q, uint64_t range);
/*
 * Put the frames of the (count) ranges at (host) in the batch, up to the first whose message is not
 * like the last one judged. How many.
 */
uint32_t netvsc_rx_alike(struct netvsc_queue *q, const uint8_t *host, uint32_t count);
/* The same for (count) packets with one range each; their completions are owed from then on. */
#define NETVSC_SINGLE_BYTES (sizeof(struct vmbus_xfer_header) + sizeof(struct vmbus_xfer_range))
uint32_t netvsc_rx_singles(struct netvsc_queue *q, const struct vmbus_packet *pkt, uint32_t count);

/* The same for one packet with its header and payload at (header). False: it was not taken. */
bool netvsc_rx_single(struct netvsc_queue *q, uint64_t xid, const uint8_t *header);

/*
 * netvsc_rx_lone.c: if only one or two packets are there, or the host is in this thread, take up to
 * (most) of them, as long as they are usual ones. How many; (*more): are, or may there be, others?
 */
unsigned netvsc_rx_lone(struct netvsc_queue *q, unsigned most, bool *more);

/*
 * netvsc_rsc.c: a frame's first fragment is in the batch. Add the fragments that continue it from
 * (host) towards (end), as long as they are usual ones. Returns the first range not taken.
 */
const uint8_t *netvsc_rsc_run(struct netvsc_queue *q, const uint8_t *host, const uint8_t *end);

#endif
