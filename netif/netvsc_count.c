/* SPDX-License-Identifier: BSD-3-Clause */
/* Adding up counters: those of channels, of queues, of the NIC as a whole. */
#include "netvsc_pile_var.h"

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
    const struct netvsc_tx_pile *pile = &nic->queue[q]->tx.pile;

    *out = nic->queue[q]->stats;
    netvsc_count_tx_alike(out, netvsc_pile_uncounted(pile), pile->like_bytes);
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

/* ---- what the books need --------------------------------------------------------------------- */

uint64_t netvsc_messages_known(const struct netvsc_stats *s)
{
    return s->rx_frames - s->rx_rsc_frames + s->rx_rsc_fragments + s->rx_drop_range +
           s->rx_drop_rndis + s->rx_drop_size + s->rx_drop_down + s->rx_drop_rsc_first +
           s->rx_drop_rsc_last + s->rx_drop_rsc_size + s->rx_drop_rsc_unasked;
}

uint64_t netvsc_sizes_rx(const struct netvsc_stats *s)
{
    return s->rx_size_64 + s->rx_size_65_127 + s->rx_size_128_255 + s->rx_size_256_511 +
           s->rx_size_512_1023 + s->rx_size_1024_1518 + s->rx_size_1519_9018 + s->rx_size_9019_up;
}

uint64_t netvsc_sizes_tx(const struct netvsc_stats *s)
{
    return s->tx_size_64 + s->tx_size_65_127 + s->tx_size_128_255 + s->tx_size_256_511 +
           s->tx_size_512_1023 + s->tx_size_1024_1518 + s->tx_size_1519_9018 + s->tx_size_9019_up;
}
