/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Each ring has one producer and one consumer, who meet in the control page only. The producer
 * makes bytes and then moves write_index; the consumer copies them and then moves read_index.
 * Neither end believes the other: an index is loaded once, must be 8-aligned and inside the data
 * area, and a packet must lie within what the indices cover. A guest that breaks this is given up
 * (-EPROTO).
 *
 * Who signals whom:
 *
 *   new data   A producer signals when its batch started where the consumer now stands (the ring
 *              was empty) and the consumer has not masked. The consumer that wants to sleep
 *              unmasks and looks again. Each side stores, passes a full fence, and loads what the
 *              other stores: whatever the interleaving, one of them sees the packet.
 *   new room   A producer that found no room stores pending_send_size, passes a full fence and
 *              looks at the room again. The consumer moves read_index, passes a full fence and
 *              loads pending_send_size. It signals when this release crossed the wanted size. The
 *              mask has no say in it.
 *
 * The two fences of a turn are left out where one loop turns both sides (attended): nothing can
 * come between a store and a load there, and each costs as much as thirty instructions.
 *
 * The comments name the partner of each ordering in our driver, vmbus/vmbus_ring.c. That one uses
 * seq_cst operations where this one has fences between weaker ones: either does what is needed.
 */
#include "hvh_ring.h"

#include <errno.h>
#include <string.h>

#include "hvh_var.h"

#define DESC_BYTES ((uint32_t)sizeof(struct vmbus_pkt_desc))
#define SHORT_BYTES 64u /* of a body: an NVSP message is not longer */

static uint32_t advance(uint32_t index, uint32_t by, uint32_t data_bytes)
{
    return by < data_bytes - index ? index + by : by - (data_bytes - index);
}

int hvh_ring_attach(const struct vmbus_region *rings, struct hvh_ring_in *in,
                    struct hvh_ring_out *out)
{
    size_t half = rings->len_bytes / 2;
    uint32_t data_bytes;

    if (!rings->base || (uintptr_t)rings->base % 8 || half > UINT32_MAX / 2 ||
        half % VMBUS_PAGE_BYTES || half < 2 * VMBUS_PAGE_BYTES)
        return -EINVAL;
    data_bytes = (uint32_t)half - VMBUS_PAGE_BYTES;

    *in = (struct hvh_ring_in){
        .ctl = (struct vmbus_ring_ctl *)(void *)rings->base,
        .data = rings->base + VMBUS_PAGE_BYTES,
        .data_bytes = data_bytes,
    };
    *out = (struct hvh_ring_out){
        .ctl = (struct vmbus_ring_ctl *)(void *)(rings->base + half),
        .data = rings->base + half + VMBUS_PAGE_BYTES,
        .data_bytes = data_bytes,
    };
    in->read = atomic_load_explicit(&in->ctl->read_index, memory_order_relaxed);
    in->published = in->seen = in->read;
    out->write = atomic_load_explicit(&out->ctl->write_index, memory_order_relaxed);
    out->published = out->write;
    out->read = advance(out->write, 8, data_bytes); /* nothing is known to be free */
    return hvh_ring_index_ok(in->read, data_bytes) && hvh_ring_index_ok(out->write, data_bytes)
               ? 0
               : -EINVAL;
}

void hvh_rings_init(const struct vmbus_region *rings)
{
    for (unsigned half = 0; half < 2; half++) {
        uint8_t *page = rings->base + half * (rings->len_bytes / 2);
        struct vmbus_ring_ctl *ctl = (struct vmbus_ring_ctl *)(void *)page;

        memset(page, 0, VMBUS_PAGE_BYTES);
        atomic_store_explicit(&ctl->feature_bits, VMBUS_RING_FEATURE_PENDING, memory_order_relaxed);
    }
}

static void copy_out(const struct hvh_ring_in *in, uint32_t index, void *to, uint32_t len)
{
    uint32_t first = in->data_bytes - index;

    if (first >= len) {
        memcpy(to, in->data + index, len);
        return;
    }
    memcpy(to, in->data + index, first);
    memcpy((uint8_t *)to + first, in->data, len - first);
}

/* Body and trailer behind a descriptor of the next packet, around the end; where they end. */
static __attribute__((noinline)) uint32_t take_wrapped(const struct hvh_ring_in *in,
                                                       struct hvh_packet *pkt, uint32_t body_bytes,
                                                       uint64_t *trailer)
{
    uint32_t at = advance(in->read, DESC_BYTES, in->data_bytes);

    copy_out(in, at, pkt->body, body_bytes);
    at = advance(at, body_bytes, in->data_bytes);
    copy_out(in, at, trailer, VMBUS_PKT_TRAILER_BYTES);
    return advance(at, VMBUS_PKT_TRAILER_BYTES, in->data_bytes);
}

/*
 * The same where the end is not near, as for nearly all. Most are short, and copied with what is
 * behind them: for a length it knows the compiler makes four moves, else a loop in microcode.
 */
static inline uint32_t take_straight(const struct hvh_ring_in *in, struct hvh_packet *pkt,
                                     uint32_t body_bytes, uint64_t *trailer)
{
    const uint8_t *body = in->data + in->read + DESC_BYTES;

    memcpy(pkt->body, body, SHORT_BYTES);
    if (body_bytes > SHORT_BYTES)
        memcpy(pkt->body + SHORT_BYTES, body + SHORT_BYTES, body_bytes - SHORT_BYTES);
    memcpy(trailer, body + body_bytes, VMBUS_PKT_TRAILER_BYTES);
    return in->read + DESC_BYTES + body_bytes + VMBUS_PKT_TRAILER_BYTES;
}

int hvh_ring_look(struct hvh_ring_in *in)
{
    /* Acquire: pairs with the release of write_index in vmbus_tx_publish(). Index, then bytes. */
    const uint32_t write = atomic_load_explicit(&in->ctl->write_index, memory_order_acquire);

    if (!hvh_ring_index_ok(write, in->data_bytes))
        return -EPROTO;
    in->seen = write;
    return write != in->read;
}

int hvh_ring_take(struct hvh_ring_in *in, struct hvh_packet *pkt)
{
    const int any = hvh_ring_any(in);
    uint32_t used, body_bytes, next;
    uint64_t trailer;

    if (any <= 0)
        return any;
    used = hvh_ring_used(in->seen, in->read, in->data_bytes);
    if (used < DESC_BYTES + VMBUS_PKT_TRAILER_BYTES)
        return -EPROTO;

    if (in->data_bytes - in->read > DESC_BYTES)
        memcpy(&pkt->desc, in->data + in->read, DESC_BYTES);
    else
        copy_out(in, in->read, &pkt->desc, DESC_BYTES);
    if (pkt->desc.header_qwords < 2 || pkt->desc.total_qwords < pkt->desc.header_qwords)
        return -EPROTO;
    body_bytes = pkt->desc.total_qwords * 8u - DESC_BYTES;
    if (body_bytes > used - DESC_BYTES - VMBUS_PKT_TRAILER_BYTES || body_bytes > sizeof(pkt->body))
        return -EPROTO;

    if (in->data_bytes - in->read > DESC_BYTES + SHORT_BYTES + body_bytes)
        next = take_straight(in, pkt, body_bytes, &trailer);
    else
        next = take_wrapped(in, pkt, body_bytes, &trailer);

    pkt->header_bytes = pkt->desc.header_qwords * 8u - DESC_BYTES;
    pkt->payload_bytes = body_bytes - pkt->header_bytes;
    pkt->trailer_ok = trailer == (uint64_t)in->read << 32;
    in->read = next;
    return 1;
}

bool hvh_ring_ahead(const struct hvh_ring_in *in, void *to, uint32_t bytes)
{
    if (hvh_ring_used(in->seen, in->read, in->data_bytes) < bytes ||
        in->data_bytes - in->read < bytes)
        return false;
    memcpy(to, in->data + in->read, bytes);
    return true;
}

bool hvh_packet_tail_zero(const struct hvh_packet *pkt, uint32_t off)
{
    const uint8_t *at = pkt->body + pkt->header_bytes + off;
    uint32_t left = pkt->payload_bytes > off ? pkt->payload_bytes - off : 0;
    uint64_t word, any = 0;

    for (; left >= sizeof(word); left -= (uint32_t)sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        any |= word;
    }
    for (; left > 0; left--)
        any |= *at++;
    return any == 0;
}

bool hvh_ring_release(struct hvh_ring_in *in)
{
    uint32_t freed = hvh_ring_used(in->read, in->published, in->data_bytes);
    uint32_t want, write, room;

    if (freed == 0)
        return false;
    /* Release: pairs with the acquire of read_index in vmbus_tx_refresh(). Reads, then room. */
    atomic_store_explicit(&in->ctl->read_index, in->read, memory_order_release);
    in->published = in->read;

    /* Store-load: pairs with vmbus_tx_block(): pending_send_size set, then read_index looked at. */
    if (!in->attended)
        atomic_thread_fence(memory_order_seq_cst);
    /* Acquire: the wanted size must be read before the indices it is compared with. */
    want = atomic_load_explicit(&in->ctl->pending_send_size, memory_order_acquire);
    if (want == 0)
        return false;
    write = atomic_load_explicit(&in->ctl->write_index, memory_order_relaxed);
    if (!hvh_ring_index_ok(write, in->data_bytes))
        return false;
    room = in->data_bytes - hvh_ring_used(write, in->read, in->data_bytes);
    return room > want && (freed > room || room - freed <= want);
}

void hvh_ring_mask(struct hvh_ring_in *in)
{
    atomic_store_explicit(&in->ctl->interrupt_mask, 1, memory_order_relaxed);
    /*
     * Store-load: pairs with vmbus_tx_publish(): write_index, then the mask. If we now miss its
     * packet it sees the mask and does not signal: a signal after this is for a packet we have yet
     * to take, so that strict_doorbell can count (see hvh_nic.c).
     */
    atomic_thread_fence(memory_order_seq_cst);
}

bool hvh_ring_unmask(struct hvh_ring_in *in)
{
    uint32_t write;

    atomic_store_explicit(&in->ctl->interrupt_mask, 0, memory_order_relaxed);
    /* Store-load: pairs as above. Weaker, and both sides leave the packet to the other. */
    atomic_thread_fence(memory_order_seq_cst);
    write = atomic_load_explicit(&in->ctl->write_index, memory_order_relaxed);
    if (write == in->read)
        return true;
    hvh_ring_mask(in);
    return false;
}
