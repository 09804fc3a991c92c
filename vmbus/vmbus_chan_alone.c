/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Arming one channel is arming a device (vmbus_device.c) with one channel in it: unmask, look
 * again. The interrupt is read by somebody else, who asks vmbus_chan_waiting().
 *
 * A process may die between any two instructions. What it leaves is judged by what the host can
 * see, for that cannot be taken back: the two indices we own in the control pages. Sending: bytes
 * from write_index up to our private index were written, completely, because the private index
 * moves after the bytes (vmbus_tx_write()), and not shown; they are read once more, to tell whose
 * they were, and forgotten. Receiving: packets behind read_index may have been worked on or not;
 * they are all read again, and it is for the caller to know what it did with them. Then both rings
 * begin anew at the indices in the pages, as for a new channel.
 *
 * A process may also die after it has shown packets and before it has rung the doorbell. Then
 * nobody ever would: the next batch finds the ring not empty. So a host that sleeps over a ring
 * with packets is woken here; at worst it was awake already.
 */
#include "vmbus_chan_alone.h"

#include "vmbus_chan_var.h"

/* ---- sleeping ------------------------------------------------------------------------------- */

bool vmbus_chan_arm(struct vmbus_chan *chan)
{
    chan->dev->alone = true;
    if (chan->dead || chan->keep_masked || chan->dev->gone)
        return false;
    chan->armed = true;
    vmbus_rx_unmask(&chan->rx);
    if (chan->dev->t.ops->irq_enable(chan->dev->t.ctx, true) != 0)
        chan->dev->gone = true;
    if (!chan->dev->gone && !vmbus_chan_has_work(chan))
        return true;
    vmbus_chan_disarm(chan);
    return false;
}

void vmbus_chan_disarm(struct vmbus_chan *chan)
{
    chan->armed = false;
    vmbus_rx_mask(&chan->rx);
}

static uint32_t used(const struct vmbus_ring_ctl *ctl, uint32_t size)
{
    uint32_t write = atomic_load_explicit(&ctl->write_index, memory_order_seq_cst);
    uint32_t read = atomic_load_explicit(&ctl->read_index, memory_order_seq_cst);

    return write < size && read < size ? vmbus_ring_distance(read, write, size) : 0;
}

bool vmbus_chan_waiting(const struct vmbus_chan *chan)
{
    const struct vmbus_tx_ring *tx = &chan->tx;

    if (chan->dead || used(chan->rx.ctl, chan->rx.size_bytes) != 0)
        return true;
    return tx->blocked && tx->size_bytes - used(tx->ctl, tx->size_bytes) > tx->wanted_bytes;
}

/* ---- after a death --------------------------------------------------------------------------- */

static uint64_t word_at(const struct vmbus_tx_ring *ring, uint32_t at)
{
    uint64_t word;

    memcpy(&word, ring->data + at, sizeof(word));
    return word;
}

/* Our own bytes; but the host could have written to them, so a length is believed to fit only. */
static void tell_forgotten(const struct vmbus_tx_ring *ring, uint32_t from,
                           void (*forgotten)(void *ctx, uint16_t type, uint64_t xid), void *ctx)
{
    uint32_t size = ring->size_bytes;
    uint32_t left = vmbus_ring_distance(from, ring->write, size);

    while (left >= sizeof(struct vmbus_pkt_desc) + VMBUS_PKT_TRAILER_BYTES) {
        uint64_t first = word_at(ring, from);
        uint32_t len = (uint32_t)(first >> 32 & 0xFFFF) * 8;

        if (len < sizeof(struct vmbus_pkt_desc) || len > left - VMBUS_PKT_TRAILER_BYTES)
            return;
        forgotten(ctx, (uint16_t)first, word_at(ring, vmbus_ring_advance(from, 8, size)));
        len += VMBUS_PKT_TRAILER_BYTES;
        from = vmbus_ring_advance(from, len, size);
        left -= len;
    }
}

/* The host sleeps, and there is something for it. */
static bool sleeps_over(const struct vmbus_tx_ring *ring)
{
    return atomic_load_explicit(&ring->ctl->interrupt_mask, memory_order_seq_cst) == 0 &&
           used(ring->ctl, ring->size_bytes) != 0;
}

static int die(struct vmbus_chan *chan)
{
    chan->dead = true;
    chan->stats.bad_ring++;
    return -EPROTO;
}

int vmbus_chan_takeover(struct vmbus_chan *chan,
                        void (*forgotten)(void *ctx, uint16_t type, uint64_t xid), void *ctx)
{
    struct vmbus_tx_ring *tx = &chan->tx;
    uint8_t *base = (uint8_t *)tx->ctl;
    uint32_t shown = atomic_load_explicit(&tx->ctl->write_index, memory_order_relaxed);
    bool corrupt = chan->dead || tx->corrupt || chan->rx.corrupt || shown >= tx->size_bytes ||
                   shown % VMBUS_RING_UNIT_BYTES != 0;

    chan->armed = false;
    if (!corrupt)
        tell_forgotten(tx, shown, forgotten, ctx);
    if (corrupt || vmbus_tx_init(tx, base, VMBUS_PAGE_BYTES + tx->size_bytes) != 0)
        return chan->dead ? -EPROTO : die(chan);
    atomic_store_explicit(&tx->ctl->pending_send_size, 0, memory_order_relaxed);
    vmbus_rx_mask(&chan->rx);
    if (sleeps_over(tx))
        (void)vmbus_chan_signal(chan);
    return vmbus_chan_rewind(chan);
}

int vmbus_chan_rewind(struct vmbus_chan *chan)
{
    struct vmbus_rx_ring *rx = &chan->rx;

    if (chan->dead)
        return -EPROTO;
    if (vmbus_rx_init(rx, (uint8_t *)rx->ctl, VMBUS_PAGE_BYTES + rx->size_bytes, chan->bounce) != 0)
        return die(chan);
    return 0;
}
