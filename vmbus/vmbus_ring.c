/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A ring is a control page and a data area. The producer owns write_index and pending_send_size,
 * the consumer owns read_index and interrupt_mask; everybody reads everything. The bytes between
 * read_index and write_index belong to the consumer, all others to the producer.
 *
 * We keep the index we own in private memory and store it once per batch ("publish"), and we cache
 * the host's index and look at it only when the cached one is used up. An index read from the page
 * is checked each time: in range, aligned, and moved only over bytes that were the host's to move
 * over. The first check keeps us in our memory. The last keeps a batch shorter than the ring, so
 * its packets cross the end of the data area at most once: that is why one bounce buffer serves all
 * packets between two publications.
 *
 * Four pairs of accesses order the two ends:
 *
 *  bytes, then write_index             release store here, acquire load there, and vice versa
 *  reading done, then read_index       the same: nobody overwrites bytes still being read
 *  publish write_index, look at mask   against: unmask, look at write_index
 *  publish read_index, look at pending against: set pending, look at read_index
 *
 * In the last two each side stores one word and then loads the other's. If both loads could pass
 * both stores, each end would leave the work to the other and sleep. The store and the load are
 * therefore both seq_cst here. The host has a full fence between weaker ones, which does the same;
 * ours is cheaper on x86, where only the store costs, and ThreadSanitizer understands it. On arm64
 * the store is a store-release, the load a load-acquire, which processors keep in order.
 *
 * Signals. The host takes needless ones for an attack, so new packets are signalled only if the
 * ring was empty before the batch: otherwise the host is still at work and will find them. Room is
 * signalled only if this batch took the free space past what the host waits for. The mask has no
 * say in that.
 *
 * A nonsensical value makes a ring corrupt for good; memory beside the ring is never touched.
 */
#include "vmbus_ring_var.h"

/* Three pages are the least that holds the largest packet and the reserve of vmbus_chan_send(). */
#define RING_PAGES_MIN 3u

static bool region_ok(const uint8_t *base, size_t len_bytes)
{
    return base != NULL && (uintptr_t)base % VMBUS_PAGE_BYTES == 0 &&
           len_bytes % VMBUS_PAGE_BYTES == 0 && len_bytes / VMBUS_PAGE_BYTES >= RING_PAGES_MIN &&
           len_bytes <= INT32_MAX;
}

static bool index_ok(uint32_t host_index, uint32_t size)
{
    return host_index < size && host_index % VMBUS_RING_UNIT_BYTES == 0;
}

/* ---- guest to host --------------------------------------------------------------------------- */

int vmbus_tx_init(struct vmbus_tx_ring *ring, uint8_t *base, size_t len_bytes)
{
    if (!region_ok(base, len_bytes))
        return -EINVAL;
    memset(ring, 0, sizeof(*ring));
    ring->ctl = (struct vmbus_ring_ctl *)(void *)base;
    ring->data = base + VMBUS_PAGE_BYTES;
    ring->size_bytes = (uint32_t)len_bytes - VMBUS_PAGE_BYTES;
    uint32_t write = atomic_load_explicit(&ring->ctl->write_index, memory_order_relaxed);
    /* Acquire: as in vmbus_tx_refresh(). */
    uint32_t host_read = atomic_load_explicit(&ring->ctl->read_index, memory_order_acquire);
    if (!index_ok(write, ring->size_bytes) || !index_ok(host_read, ring->size_bytes))
        return -EPROTO;
    ring->write = write;
    ring->published = write;
    ring->read = host_read;
    return 0;
}

int vmbus_tx_refresh(struct vmbus_tx_ring *ring)
{
    uint32_t size = ring->size_bytes;
    /*
     * Acquire: pairs with the release of read_index in hvh_ring_release(), after the host has
     * copied packets out: we must not overwrite what it is reading. Seq_cst for vmbus_tx_block().
     */
    uint32_t host_read = atomic_load_explicit(&ring->ctl->read_index, memory_order_seq_cst);

    /* It may move from where it was up to what we published, and nowhere else. */
    if (ring->corrupt || !index_ok(host_read, size) ||
        vmbus_ring_distance(host_read, ring->published, size) >
            vmbus_ring_distance(ring->read, ring->published, size)) {
        ring->corrupt = true;
        return -EPROTO;
    }
    ring->read = host_read;
    return 0;
}

/* A reservation of (need_bytes) succeeded: is that what the host was asked to make room for? */
static void tx_unblock(struct vmbus_tx_ring *ring, uint32_t need_bytes)
{
    if (need_bytes < ring->wanted_bytes)
        return;
    ring->wanted_bytes = 0;
    if (!ring->blocked)
        return;
    ring->blocked = false;
    /* Relaxed: a host that still sees the old value signals once too often. */
    atomic_store_explicit(&ring->ctl->pending_send_size, 0, memory_order_relaxed);
}

int vmbus_tx_reserve_slow(struct vmbus_tx_ring *ring, uint32_t need_bytes)
{
    if (vmbus_tx_free(ring) <= need_bytes) {
        int error = vmbus_tx_refresh(ring);
        if (error != 0)
            return error;
    }
    if (vmbus_tx_free(ring) > need_bytes) {
        tx_unblock(ring, need_bytes);
        return 0;
    }
    ring->wanted_bytes = need_bytes;
    return -EAGAIN;
}

bool vmbus_tx_block(struct vmbus_tx_ring *ring)
{
    if (ring->wanted_bytes == 0)
        return false;
    ring->blocked = true;
    /*
     * Seq_cst, then the seq_cst load in refresh: pairs with the fence in hvh_ring_release(),
     * between its store of read_index and its load of this.
     */
    atomic_store_explicit(&ring->ctl->pending_send_size, ring->wanted_bytes, memory_order_seq_cst);
    if (vmbus_tx_refresh(ring) == 0 && vmbus_tx_free(ring) <= ring->wanted_bytes)
        return true;
    tx_unblock(ring, ring->wanted_bytes);
    return false;
}

/* Copy (len) bytes to (at), around the end if need be. Returns the index behind them. */
static uint32_t put(struct vmbus_tx_ring *ring, uint32_t at, const void *from, uint32_t len)
{
    uint32_t tail = ring->size_bytes - at;

    if (len == 0) /* (from) may be NULL then */
        return at;
    if (len < tail) {
        memcpy(ring->data + at, from, len);
        return at + len;
    }
    memcpy(ring->data + at, from, tail);
    memcpy(ring->data, (const uint8_t *)from + tail, len - tail);
    return len - tail;
}

void vmbus_tx_write_wrapped(struct vmbus_tx_ring *ring, const struct vmbus_send *pkt)
{
    uint32_t size = ring->size_bytes;
    uint32_t start = ring->write;
    uint32_t len = vmbus_tx_len(pkt);
    uint32_t end = vmbus_ring_advance(start, len, size);
    uint64_t desc[2] = {vmbus_tx_desc(pkt, len), pkt->xid};

    /* No 8-byte word ever wraps. */
    vmbus_tx_word(ring->data + vmbus_ring_advance(start, len - 8, size), 0); /* the padding */
    uint32_t at = put(ring, start, desc, sizeof(desc));
    at = put(ring, at, pkt->header, pkt->header_bytes);
    (void)put(ring, at, pkt->payload, pkt->payload_bytes);
    vmbus_tx_word(ring->data + end, (uint64_t)start << 32);
    atomic_signal_fence(memory_order_release); /* as in vmbus_tx_write() */
    ring->write = vmbus_ring_advance(end, VMBUS_PKT_TRAILER_BYTES, size);
}

bool vmbus_tx_publish(struct vmbus_tx_ring *ring)
{
    uint32_t first = ring->published;

    if (first == ring->write)
        return false;
    /*
     * Release: pairs with the acquire of write_index in hvh_ring_take(). Bytes first, then the
     * index that covers them. Seq_cst for the loads below: see the top.
     */
    atomic_store_explicit(&ring->ctl->write_index, ring->write, memory_order_seq_cst);
    ring->published = ring->write;
    /* Pairs with the fence in hvh_ring_unmask(): mask cleared, then write_index looked at again. */
    if (atomic_load_explicit(&ring->ctl->interrupt_mask, memory_order_seq_cst) != 0)
        return false;
    /* After the mask, never before it. Only compared, so it needs no check. */
    return atomic_load_explicit(&ring->ctl->read_index, memory_order_seq_cst) == first;
}

/* ---- host to guest --------------------------------------------------------------------------- */

int vmbus_rx_init(struct vmbus_rx_ring *ring, uint8_t *base, size_t len_bytes, uint8_t *bounce)
{
    if (!region_ok(base, len_bytes))
        return -EINVAL;
    memset(ring, 0, sizeof(*ring));
    ring->ctl = (struct vmbus_ring_ctl *)(void *)base;
    ring->data = base + VMBUS_PAGE_BYTES;
    ring->bounce = bounce;
    ring->size_bytes = (uint32_t)len_bytes - VMBUS_PAGE_BYTES;
    uint32_t read = atomic_load_explicit(&ring->ctl->read_index, memory_order_relaxed);
    if (!index_ok(read, ring->size_bytes))
        return -EPROTO;
    ring->read = read;
    ring->published = read;
    ring->write = read;
    return 0;
}

static void rx_corrupt(struct vmbus_rx_ring *ring)
{
    ring->corrupt = true;
    ring->write = ring->read; /* so that every later peek ends in vmbus_rx_refresh() */
}

int vmbus_rx_refresh(struct vmbus_rx_ring *ring)
{
    uint32_t size = ring->size_bytes;
    /* Acquire: pairs with the release of write_index in hvh_ring_publish(). Index, then bytes. */
    uint32_t host_write = atomic_load_explicit(&ring->ctl->write_index, memory_order_acquire);

    if (ring->corrupt)
        return -EPROTO;
    if (host_write == ring->read)
        return 0;
    /* What we consumed since the last publication is not the host's to write to. */
    if (!index_ok(host_write, size) || vmbus_ring_distance(ring->published, host_write, size) <
                                           vmbus_ring_distance(ring->published, ring->read, size)) {
        rx_corrupt(ring);
        return -EPROTO;
    }
    ring->write = host_write;
    return 1;
}

/* The packet of (len_bytes) in one piece. */
static const uint8_t *bounce(struct vmbus_rx_ring *ring, uint32_t len_bytes)
{
    uint32_t tail = ring->size_bytes - ring->read;

    if (len_bytes <= tail)
        return ring->data + ring->read;
    memcpy(ring->bounce, ring->data + ring->read, tail);
    memcpy(ring->bounce + tail, ring->data, len_bytes - tail);
    return ring->bounce;
}

struct vmbus_rx_view vmbus_rx_around(struct vmbus_rx_ring *ring)
{
    struct vmbus_rx_view view = {0};
    uint32_t size = ring->size_bytes;
    uint32_t used = vmbus_ring_distance(ring->read, ring->write, size);

    if (!vmbus_rx_judge(vmbus_rx_word(ring, ring->read), &view) || view.len_bytes >= used) {
        rx_corrupt(ring);
        return view;
    }
    view.desc.xid = vmbus_rx_word(ring, vmbus_ring_advance(ring->read, 8, size));
    view.bytes = bounce(ring, view.len_bytes);
    return view;
}

/* The host waits for (pending) free bytes: did the (freed) bytes just given back pass that mark? */
static bool room_signal(struct vmbus_rx_ring *ring, uint32_t pending, uint32_t freed)
{
    const struct vmbus_ring_ctl *ctl = ring->ctl;
    uint32_t size = ring->size_bytes;

    if (!(atomic_load_explicit(&ctl->feature_bits, memory_order_relaxed) &
          VMBUS_RING_FEATURE_PENDING))
        return false;
    /* After pending_send_size, never before it. */
    uint32_t host_write = atomic_load_explicit(&ctl->write_index, memory_order_seq_cst);
    if (!index_ok(host_write, size)) {
        rx_corrupt(ring);
        return false;
    }
    uint32_t free_now = size - vmbus_ring_distance(ring->read, host_write, size);
    uint32_t free_before = free_now > freed ? free_now - freed : 0;
    return free_before <= pending && free_now > pending;
}

bool vmbus_rx_publish(struct vmbus_rx_ring *ring)
{
    uint32_t freed = vmbus_ring_distance(ring->published, ring->read, ring->size_bytes);

    if (freed == 0)
        return false;
    /*
     * Release: pairs with the acquire of read_index in hvh_ring_room(): the host must not overwrite
     * what we are reading. Seq_cst for the load below: see the top.
     */
    atomic_store_explicit(&ring->ctl->read_index, ring->read, memory_order_seq_cst);
    ring->published = ring->read;
    /* Pairs with the fence in hvh_ring_want(): pending_send_size set, then read_index looked at. */
    uint32_t pending = atomic_load_explicit(&ring->ctl->pending_send_size, memory_order_seq_cst);
    return pending != 0 && room_signal(ring, pending, freed);
}

void vmbus_rx_mask(struct vmbus_rx_ring *ring)
{
    /* Relaxed: a hint; a host that has not seen it yet interrupts once for nothing. */
    atomic_store_explicit(&ring->ctl->interrupt_mask, 1, memory_order_relaxed);
}

void vmbus_rx_unmask(struct vmbus_rx_ring *ring)
{
    /* Seq_cst, then vmbus_rx_pending(): pairs with the fence in hvh_ring_publish(). */
    atomic_store_explicit(&ring->ctl->interrupt_mask, 0, memory_order_seq_cst);
}

bool vmbus_rx_pending(const struct vmbus_rx_ring *ring)
{
    return ring->corrupt ||
           atomic_load_explicit(&ring->ctl->write_index, memory_order_seq_cst) != ring->read;
}
