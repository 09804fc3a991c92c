/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private to vmbus/: the two rings of a channel, one type per direction so that the verbs of one
 * cannot be called on the other. Not thread-safe: a ring belongs to its channel's thread; the other
 * end is the host. How the ends are ordered is explained in vmbus_ring.c.
 *
 * What runs for every packet is inline here; what is rare is in vmbus_ring.c.
 */
#ifndef VMBUS_RING_VAR_H
#define VMBUS_RING_VAR_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "vmbus_chan.h"
#include "vmbus_reg.h"

/* Indices and lengths of both rings count bytes of the data area and are multiples of this. */
#define VMBUS_RING_UNIT_BYTES 8u

/* Bytes from (from) forward to (to) in a ring of (size); both are checked indices. */
static inline uint32_t vmbus_ring_distance(uint32_t from, uint32_t to, uint32_t size)
{
    return to >= from ? to - from : size - from + to;
}

/* (at) + (len) in a ring of (size), for len < size. */
static inline uint32_t vmbus_ring_advance(uint32_t at, uint32_t len, uint32_t size)
{
    uint32_t next = at + len;
    return next >= size ? next - size : next;
}

/* ---- guest to host ------------------------------------------------------------------------- */

struct vmbus_tx_ring {
    struct vmbus_ring_ctl *ctl;
    uint8_t *data;
    uint32_t size_bytes;
    uint32_t write;        /* private: where the next packet goes */
    uint32_t published;    /* write_index as the host sees it: start of the unpublished batch */
    uint32_t read;         /* the host's read_index as last seen and checked */
    uint32_t wanted_bytes; /* a reservation was refused: free must exceed this; 0 = none */
    bool blocked;          /* the host has been told so (pending_send_size) */
    bool corrupt;          /* the host wrote nonsense; for good */
};

/*
 * A ring over (len_bytes) at (base), control page first, continuing at the indices found there.
 * -EINVAL not whole pages, fewer than 3, or unaligned; -EPROTO the indices are nonsense.
 */
int vmbus_tx_init(struct vmbus_tx_ring *ring, uint8_t *base, size_t len_bytes);

/* Rare half of vmbus_tx_reserve(): ask the host's index again, or note what was wanted. */
int vmbus_tx_reserve_slow(struct vmbus_tx_ring *ring, uint32_t need_bytes);

/* Look at the host's read index again. 0, or -EPROTO when it is nonsense. */
int vmbus_tx_refresh(struct vmbus_tx_ring *ring);

/*
 * Tell the host how much room is missing, then look again. True: still missing, it will signal.
 * False: nothing is missing (any more), try again.
 */
bool vmbus_tx_block(struct vmbus_tx_ring *ring);

/* Free bytes as far as we know. A packet needs fewer: a full ring would look like an empty one. */
static inline uint32_t vmbus_tx_free(const struct vmbus_tx_ring *ring)
{
    return ring->size_bytes - vmbus_ring_distance(ring->read, ring->write, ring->size_bytes);
}

/*
 * Make sure that (total_bytes), trailer included, fit and (keep_bytes) more stay free.
 * -EAGAIN leaves no trace but the note for vmbus_tx_block().
 */
static inline int vmbus_tx_reserve(struct vmbus_tx_ring *ring, uint32_t total_bytes,
                                   uint32_t keep_bytes)
{
    if (vmbus_tx_free(ring) > total_bytes + keep_bytes && ring->wanted_bytes == 0)
        return 0;
    return vmbus_tx_reserve_slow(ring, total_bytes + keep_bytes);
}

/* Ring bytes of (pkt) without the trailer. */
static inline uint32_t vmbus_tx_len(const struct vmbus_send *pkt)
{
    uint32_t padded = (pkt->payload_bytes + 7u) & ~7u;
    return (uint32_t)sizeof(struct vmbus_pkt_desc) + pkt->header_bytes + padded;
}

/*
 * The first word of the descriptor of (pkt), a packet of (len_bytes); the second is its xid. Made
 * in a register: a struct stored field by field and then loaded whole would wait for those stores
 * (store forwarding does not join them).
 */
static inline uint64_t vmbus_tx_desc(const struct vmbus_send *pkt, uint32_t len_bytes)
{
    uint64_t header_qwords = (sizeof(struct vmbus_pkt_desc) + pkt->header_bytes) / 8;
    uint64_t flags = pkt->wants_completion ? VMBUS_PKT_FLAG_COMPLETION : 0;
    return pkt->type | header_qwords << 16 | (uint64_t)(len_bytes / 8) << 32 | flags << 48;
}

/*
 * A packet is written at (at): prefetch the cache line some packets further on for writing, as the
 * host's processor still has it from reading what was there. Behind the end of the ring there is
 * none to fetch, which does no harm. Use it only where much is done between two packets: where
 * packets are all that is written, the stores themselves keep as many lines on their way, and the
 * prefetches are in their way.
 */
#define VMBUS_TX_AHEAD_BYTES 512u
static inline void vmbus_tx_ask_ahead(const uint8_t *at)
{
    __builtin_prefetch(at + VMBUS_TX_AHEAD_BYTES, 1);
}

/* Store (value) at (at). */
static inline void vmbus_tx_word(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof(value));
}

/* Rare half of vmbus_tx_write(): the packet goes around the end. */
void vmbus_tx_write_wrapped(struct vmbus_tx_ring *ring, const struct vmbus_send *pkt);

/* Write a packet for which vmbus_tx_reserve() found room. Invisible until vmbus_tx_publish(). */
static inline void vmbus_tx_write(struct vmbus_tx_ring *ring, const struct vmbus_send *pkt)
{
    uint32_t start = ring->write;
    uint32_t len = vmbus_tx_len(pkt);
    uint8_t *at = ring->data + start;

    if (len + VMBUS_PKT_TRAILER_BYTES >= ring->size_bytes - start) {
        vmbus_tx_write_wrapped(ring, pkt);
        return;
    }
    /* The last word before the others: what the payload does not cover of it is the padding. */
    vmbus_tx_word(at + len - 8, 0);
    vmbus_tx_word(at + len, (uint64_t)start << 32); /* the trailer */
    vmbus_tx_word(at, vmbus_tx_desc(pkt, len));
    vmbus_tx_word(at + 8, pkt->xid);
    at += sizeof(struct vmbus_pkt_desc);
    if (pkt->header_bytes != 0)
        memcpy(at, pkt->header, pkt->header_bytes);
    if (pkt->payload_bytes != 0)
        memcpy(at + pkt->header_bytes, pkt->payload, pkt->payload_bytes);
    /* Who takes over from a process that died here must find whole packets before (write). */
    atomic_signal_fence(memory_order_release);
    ring->write = start + len + VMBUS_PKT_TRAILER_BYTES;
}

/*
 * The packet of vmbus_chan_send_short(), written from registers: words the caller had stored and we
 * loaded in larger pieces would be waited for. False: it goes around the end, or there is no room
 * as far as is known.
 */
static inline bool vmbus_tx_write_short(struct vmbus_tx_ring *ring, uint32_t keep_bytes,
                                        uint64_t xid, uint64_t first, uint64_t second)
{
    const struct vmbus_send pkt = {.type = VMBUS_PKT_INBAND, .wants_completion = true};
    const uint32_t len = (uint32_t)sizeof(struct vmbus_pkt_desc) + VMBUS_CHAN_SHORT_BYTES;
    const uint32_t start = ring->write, total = len + VMBUS_PKT_TRAILER_BYTES;
    uint8_t *at = ring->data + start;

    if (vmbus_tx_free(ring) <= total + keep_bytes || ring->wanted_bytes != 0 ||
        total >= ring->size_bytes - start)
        return false;
    vmbus_tx_ask_ahead(at);
    vmbus_tx_word(at, vmbus_tx_desc(&pkt, len));
    vmbus_tx_word(at + 8, xid);
    vmbus_tx_word(at + 16, first);
    vmbus_tx_word(at + 24, second);
    for (uint32_t off = 32; off < len; off += 8)
        vmbus_tx_word(at + off, 0);
    vmbus_tx_word(at + len, (uint64_t)start << 32);
    atomic_signal_fence(memory_order_release); /* as in vmbus_tx_write() */
    ring->write = start + total;
    return true;
}

/*
 * Completions, four stores each: as many of (acks) as fit before the end of the data area and into
 * the room known of. How many.
 */
static inline uint32_t vmbus_tx_write_acks(struct vmbus_tx_ring *ring, const struct vmbus_ack *acks,
                                           uint32_t count)
{
    const struct vmbus_send pkt = {.type = VMBUS_PKT_COMPLETION};
    const uint32_t len = VMBUS_CHAN_ACK_BYTES - VMBUS_PKT_TRAILER_BYTES;
    const uint32_t free = vmbus_tx_free(ring), tail = ring->size_bytes - ring->write;
    const uint32_t room = ((free < tail ? free : tail) - 1) / VMBUS_CHAN_ACK_BYTES;

    if (ring->wanted_bytes != 0)
        return 0;
    if (count > room)
        count = room;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t start = ring->write;
        uint8_t *at = ring->data + start;

        vmbus_tx_word(at, vmbus_tx_desc(&pkt, len));
        vmbus_tx_word(at + 8, acks[i].xid);
        vmbus_tx_word(at + 16, acks[i].payload);
        vmbus_tx_word(at + len, (uint64_t)start << 32);
        atomic_signal_fence(memory_order_release); /* as in vmbus_tx_write() */
        ring->write = start + VMBUS_CHAN_ACK_BYTES;
    }
    return count;
}

/* Show the host all packets written so far. True when it must be signalled. */
bool vmbus_tx_publish(struct vmbus_tx_ring *ring);

/* ---- host to guest ------------------------------------------------------------------------- */

struct vmbus_rx_ring {
    struct vmbus_ring_ctl *ctl;
    uint8_t *data;
    uint8_t *bounce; /* VMBUS_PKT_BYTES_MAX bytes for the packet that wraps, the caller's */
    uint32_t size_bytes;
    uint32_t read;      /* private: the next packet */
    uint32_t published; /* read_index as the host sees it */
    uint32_t write;     /* the host's write_index as last seen and checked */
    bool corrupt;       /* the host wrote nonsense; for good */
};

/* One packet in place: (bytes) is host-writable, everything else is our checked copy. */
struct vmbus_rx_view {
    struct vmbus_pkt_desc desc;
    const uint8_t *bytes;  /* descriptor first, contiguous, until the next vmbus_rx_publish() */
    uint32_t header_bytes; /* 16..len_bytes */
    uint32_t len_bytes;    /* without the trailer, at most VMBUS_PKT_BYTES_MAX */
};

/* As vmbus_tx_init(). */
int vmbus_rx_init(struct vmbus_rx_ring *ring, uint8_t *base, size_t len_bytes, uint8_t *bounce);

/* Rare half of vmbus_rx_peek(): the packet goes around the end, or is nonsense (bytes NULL). */
struct vmbus_rx_view vmbus_rx_around(struct vmbus_rx_ring *ring);

/* Look at the host's write index. 1 = there is something, 0 = nothing, -EPROTO. */
int vmbus_rx_refresh(struct vmbus_rx_ring *ring);

/*
 * One 8-byte word of the ring, read exactly once: an atomic load is the way to tell the compiler
 * that a second look could show something else. Relaxed, vmbus_rx_refresh() has acquired.
 */
static inline uint64_t vmbus_rx_word(const struct vmbus_rx_ring *ring, uint32_t at)
{
    return atomic_load_explicit((_Atomic uint64_t *)(void *)(ring->data + at),
                                memory_order_relaxed);
}

/*
 * What the first (word) of a descriptor says, into (*out); vmbus_rx_locate() adds place and xid.
 * False: the lengths make no sense.
 */
static inline bool vmbus_rx_judge(uint64_t word, struct vmbus_rx_view *out)
{
    /* Fields are cut out of the register; stored and loaded again they would be waited for. */
    const uint64_t field_max = UINT16_MAX;
    const uint32_t header = (uint32_t)(word >> 16 & field_max) * 8u;
    const uint32_t len = (uint32_t)(word >> 32 & field_max) * 8u;

    out->desc = (struct vmbus_pkt_desc){.type = (uint16_t)word,
                                        .header_qwords = (uint16_t)(word >> 16),
                                        .total_qwords = (uint16_t)(word >> 32),
                                        .flags = (uint16_t)(word >> 48)};
    out->header_bytes = header;
    out->len_bytes = len;
    return header >= sizeof(out->desc) && header <= len && len <= VMBUS_PKT_BYTES_MAX;
}

/* Add place and xid of the packet at (read). False: it does not end, trailer included, by (end). */
static inline bool vmbus_rx_locate(const struct vmbus_rx_ring *ring, uint32_t read, uint32_t end,
                                   struct vmbus_rx_view *out)
{
    if (out->len_bytes >= end - read)
        return false;
    out->desc.xid = vmbus_rx_word(ring, read + 8);
    out->bytes = ring->data + read;
    return true;
}

/* The next packet, without taking it: 1 and (*out), 0 none, -EPROTO nonsense (for good). */
static inline int vmbus_rx_peek(struct vmbus_rx_ring *ring, struct vmbus_rx_view *out)
{
    if (ring->read == ring->write) {
        int got = vmbus_rx_refresh(ring);
        if (got <= 0)
            return got;
    }
    uint32_t end = ring->write > ring->read ? ring->write : ring->size_bytes;
    if (vmbus_rx_judge(vmbus_rx_word(ring, ring->read), out) &&
        vmbus_rx_locate(ring, ring->read, end, out))
        return 1;
    *out = vmbus_rx_around(ring);
    return out->bytes != NULL ? 1 : -EPROTO;
}

/* Step over the packet that vmbus_rx_peek() showed. The host gets the room at publication. */
static inline void vmbus_rx_consume(struct vmbus_rx_ring *ring, const struct vmbus_rx_view *view)
{
    ring->read =
        vmbus_ring_advance(ring->read, view->len_bytes + VMBUS_PKT_TRAILER_BYTES, ring->size_bytes);
}

/* Step back over a packet of (len_bytes) consumed last and not published. */
static inline void vmbus_rx_back(struct vmbus_rx_ring *ring, uint32_t len_bytes)
{
    const uint32_t bytes = len_bytes + VMBUS_PKT_TRAILER_BYTES;

    ring->read = ring->read >= bytes ? ring->read - bytes : ring->read + ring->size_bytes - bytes;
}

/* Give the room of all packets consumed so far back. True when the host waits for it: signal it. */
bool vmbus_rx_publish(struct vmbus_rx_ring *ring);

/* Do not / do interrupt us for new packets. After unmasking look again: vmbus_rx_pending(). */
void vmbus_rx_mask(struct vmbus_rx_ring *ring);
void vmbus_rx_unmask(struct vmbus_rx_ring *ring);
bool vmbus_rx_pending(const struct vmbus_rx_ring *ring);

#endif
