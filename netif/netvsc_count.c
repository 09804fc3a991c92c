/* SPDX-License-Identifier: BSD-3-Clause */
/* Adding up counters: those of channels, of queues, of the NIC as a whole. */
#include "netvsc_var.h"

static void add(struct netvsc_stats *sum, const struct netvsc_stats *more)
{
#define X(name, help) sum->name += more->name;
    NETVSC_STATS(X)
#undef X
}

void netvsc_add_chan_stats(struct netvsc_stats *sum, const struct vmbus_chan *chan)
{
    const struct vmbus_chan_stats *s = vmbus_chan_stats(chan);

    sum->tx_doorbells += s->tx_doorbells;
    sum->tx_no_doorbell += s->tx_no_doorbell;
    sum->room_doorbells += s->tx_room_doorbells;
    sum->tx_ring_full += s->tx_ring_full;
    sum->irqs += s->rx_interrupts;
    sum->host_bad_ring += s->bad_ring;
}

void netvsc_queue_stats(const struct netvsc *nic, unsigned q, struct netvsc_stats *out)
{
    *out = nic->queue[q]->stats;
    if (nic->queue[q]->chan)
        netvsc_add_chan_stats(out, nic->queue[q]->chan);
}

void netvsc_stats(const struct netvsc *nic, struct netvsc_stats *out)
{
    struct netvsc_stats one;

    *out = nic->stats;
    for (unsigned i = 0; i < nic->config.queues; i++) {
        netvsc_queue_stats(nic, i, &one);
        add(out, &one);
    }
}
