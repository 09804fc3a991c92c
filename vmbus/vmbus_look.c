/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmbus_look.h"

#include "vmbus_chan_var.h"

static void look(const struct vmbus_ring_ctl *ctl, uint32_t size_bytes, struct vmbus_ring_look *out)
{
    out->size_bytes = size_bytes;
    out->write_index = atomic_load_explicit(&ctl->write_index, memory_order_relaxed);
    out->read_index = atomic_load_explicit(&ctl->read_index, memory_order_relaxed);
    out->interrupt_mask = atomic_load_explicit(&ctl->interrupt_mask, memory_order_relaxed);
    out->pending_send_size = atomic_load_explicit(&ctl->pending_send_size, memory_order_relaxed);
    out->feature_bits = atomic_load_explicit(&ctl->feature_bits, memory_order_relaxed);
    out->used_bytes = 0;
    if (out->write_index < size_bytes && out->read_index < size_bytes)
        out->used_bytes = vmbus_ring_distance(out->read_index, out->write_index, size_bytes);
}

void vmbus_chan_look(const struct vmbus_chan *chan, struct vmbus_chan_look *out)
{
    const struct vmbus_tx_ring *tx = &chan->tx;

    out->relid = chan->relid;
    out->dead = chan->dead;
    out->unpublished_bytes = vmbus_ring_distance(tx->published, tx->write, tx->size_bytes);
    look(tx->ctl, tx->size_bytes, &out->to_host);
    look(chan->rx.ctl, chan->rx.size_bytes, &out->from_host);
}
