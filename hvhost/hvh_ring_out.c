/* SPDX-License-Identifier: BSD-3-Clause */
/* The ring to the guest; who signals whom and which order that needs is on top of hvh_ring.c. */
#include <errno.h>
#include <string.h>

#include "hvh_ring_words.h"

#define DESC_BYTES ((uint32_t)sizeof(struct vmbus_pkt_desc))

void hvh_send_init(struct hvh_send *pkt, uint16_t type, uint64_t xid, uint32_t header_bytes,
                   uint32_t payload_bytes)
{
    uint32_t payload_padded = (payload_bytes + 7) & ~7u;

    pkt->body_bytes = header_bytes + payload_padded;
    pkt->desc = (struct vmbus_pkt_desc){
        .type = type,
        .header_qwords = (uint16_t)((DESC_BYTES + header_bytes) / 8),
        .total_qwords = (uint16_t)((DESC_BYTES + pkt->body_bytes) / 8),
        .xid = xid,
    };
    memset(pkt->body, 0, pkt->body_bytes);
}

uint32_t hvh_ring_room(struct hvh_ring_out *out)
{
    /* Acquire: pairs with the release of read_index in vmbus_rx_publish(): bytes are read. */
    uint32_t read = atomic_load_explicit(&out->ctl->read_index, memory_order_acquire);
    uint32_t room;

    if (!hvh_ring_index_ok(read, out->data_bytes)) {
        out->corrupt = true;
        return 0;
    }
    out->read = read;
    /* 8 bytes stay free, or a full ring would look like an empty one. */
    room = out->data_bytes - hvh_ring_used(out->write, read, out->data_bytes) - 8;
    return room > out->promised ? room - out->promised : 0;
}

static uint32_t copy_in(const struct hvh_ring_out *out, uint32_t index, const void *from,
                        uint32_t len)
{
    uint32_t first = out->data_bytes - index;

    if (first > len) {
        memcpy(out->data + index, from, len);
        return index + len;
    }
    memcpy(out->data + index, from, first);
    memcpy(out->data, (const uint8_t *)from + first, len - first);
    return len - first;
}

/* Around the end: not inlined, so that the others are short. */
static __attribute__((noinline)) void put_wrapped(struct hvh_ring_out *out,
                                                  const struct hvh_send *pkt, uint64_t trailer)
{
    uint32_t index = copy_in(out, out->write, &pkt->desc, DESC_BYTES);

    index = copy_in(out, index, pkt->body, pkt->body_bytes);
    out->write = copy_in(out, index, &trailer, VMBUS_PKT_TRAILER_BYTES);
}

int hvh_ring_put(struct hvh_ring_out *out, const struct hvh_send *pkt)
{
    const uint32_t bytes = DESC_BYTES + pkt->body_bytes + VMBUS_PKT_TRAILER_BYTES;
    const uint64_t trailer = (uint64_t)out->write << 32;
    uint8_t *at = out->data + out->write;

    if (!hvh_ring_has(out, bytes))
        return out->corrupt ? -EPROTO : -EAGAIN;
    if (out->data_bytes - out->write <= bytes) {
        put_wrapped(out, pkt, trailer);
        return 0;
    }
    memcpy(at, &pkt->desc, DESC_BYTES);
    memcpy(at + DESC_BYTES, pkt->body, pkt->body_bytes);
    memcpy(at + DESC_BYTES + pkt->body_bytes, &trailer, VMBUS_PKT_TRAILER_BYTES);
    out->write += bytes;
    return 0;
}

uint8_t *hvh_ring_make(struct hvh_ring_out *out, uint64_t first, uint64_t xid)
{
    const uint32_t bytes = (uint16_t)(first >> 32) * 8u + VMBUS_PKT_TRAILER_BYTES;
    uint8_t *at = out->data + out->write;

    if (out->data_bytes - out->write <= bytes || !hvh_ring_has(out, bytes))
        return NULL;
    hvh_put_word(at, first);
    hvh_put_word(at + 8, xid);
    hvh_put_word(at + bytes - VMBUS_PKT_TRAILER_BYTES, (uint64_t)out->write << 32);
    out->write += bytes;
    return at + DESC_BYTES;
}

bool hvh_ring_publish(struct hvh_ring_out *out)
{
    uint32_t old = out->published;

    if (old == out->write)
        return false;
    /* Release: pairs with the acquire of write_index in vmbus_rx_refresh(). Bytes, then index. */
    atomic_store_explicit(&out->ctl->write_index, out->write, memory_order_release);
    out->published = out->write;

    /* Store-load: pairs with vmbus_rx_unmask() and the look after it, see theory. */
    if (!out->attended)
        atomic_thread_fence(memory_order_seq_cst);
    /* Acquire: the mask must be read before the read index. */
    if (atomic_load_explicit(&out->ctl->interrupt_mask, memory_order_acquire))
        return false;
    return old == atomic_load_explicit(&out->ctl->read_index, memory_order_relaxed);
}

bool hvh_ring_all_read(const struct hvh_ring_out *out)
{
    return atomic_load_explicit(&out->ctl->read_index, memory_order_relaxed) == out->published;
}

bool hvh_ring_want(struct hvh_ring_out *out, uint32_t bytes)
{
    if (hvh_ring_room(out) < bytes) {
        atomic_store_explicit(&out->ctl->pending_send_size, bytes + out->promised,
                              memory_order_relaxed);
        out->waiting = true;
        /* Store-load: pairs with vmbus_rx_publish(): read_index, then pending_send_size. */
        atomic_thread_fence(memory_order_seq_cst);
        if (hvh_ring_room(out) < bytes)
            return false;
    }
    if (out->waiting)
        atomic_store_explicit(&out->ctl->pending_send_size, 0, memory_order_relaxed);
    out->waiting = false;
    return true;
}
