/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets of the usual forms are judged, and made, word by word where they lie in the ring, without
 * a copy in between: what that takes, in line.
 */
#ifndef HVH_RING_WORDS_H
#define HVH_RING_WORDS_H

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "hvh_ring.h"

/* The first half of a descriptor; the second is its transaction id. */
static inline uint64_t hvh_first_word(uint32_t type, uint32_t header_bytes, uint32_t payload_bytes,
                                      uint32_t flags)
{
    const uint64_t header_qwords = (sizeof(struct vmbus_pkt_desc) + header_bytes) / 8;

    return type | header_qwords << 16 | (header_qwords + payload_bytes / 8) << 32 |
           (uint64_t)flags << 48;
}
static_assert(offsetof(struct vmbus_pkt_desc, header_qwords) == 2, "second quarter of its word");
static_assert(offsetof(struct vmbus_pkt_desc, total_qwords) == 4, "third quarter of its word");
static_assert(offsetof(struct vmbus_pkt_desc, flags) == 6, "fourth quarter of its word");

/* One word of the guest's, which may change it: read once. */
static inline uint64_t hvh_get_word(const uint8_t *at)
{
    return atomic_load_explicit((const _Atomic uint64_t *)(const void *)at, memory_order_relaxed);
}

/*
 * The next packet where it lies, if it is known, has (bytes) with its trailer, which is right, and
 * begins with (first), and does not reach the ring's end. Else NULL; hvh_ring_take() knows what to
 * do. The bytes are the guest's, who may change them: hvh_get_word() reads one once. Taken with
 * in->read += (bytes).
 */
static inline const uint8_t *hvh_ring_next(const struct hvh_ring_in *in, uint64_t first,
                                           uint32_t bytes)
{
    const uint32_t end = in->seen < in->read ? in->data_bytes - 1 : in->seen;
    const uint8_t *at = in->data + in->read;

    if (end - in->read < bytes || hvh_get_word(at) != first ||
        hvh_get_word(at + bytes - VMBUS_PKT_TRAILER_BYTES) != (uint64_t)in->read << 32)
        return NULL;
    return at;
}

/*
 * A packet to the guest, made where it will lie, unseen until published: descriptor and trailer are
 * written, the body is the caller's to write, all of it, in words of 8 bytes. NULL: there is no
 * room, or it goes around the ring's end; hvh_ring_put() knows what to do. (first): its
 * hvh_first_word().
 */
uint8_t *hvh_ring_make(struct hvh_ring_out *out, uint64_t first, uint64_t xid);

/* Store (value) at (at): a body made field by field and copied whole is waited for. */
static inline void hvh_put_word(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof(value));
}

#endif
