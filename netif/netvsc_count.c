/* SPDX-License-Identifier: BSD-3-Clause */
/* Adding up counters: those of channels, of queues, of the NIC as a whole; and kinds of frames. */
#include <assert.h>
#include <string.h>

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

/* ---- kinds of frames ------------------------------------------------------------------------- */

#define FCS_BYTES 4u
#define SIZE_CLASSES 8u
#define CLASS_LAST(way)                                                                            \
    (offsetof(struct netvsc_stats, way##_size_64) + (SIZE_CLASSES - 1) * sizeof(uint64_t))
static_assert(offsetof(struct netvsc_stats, rx_size_9019_up) == CLASS_LAST(rx), "in a row");
static_assert(offsetof(struct netvsc_stats, tx_size_9019_up) == CLASS_LAST(tx), "in a row");

static unsigned size_class(uint32_t len_bytes)
{
    const uint32_t bytes = len_bytes + FCS_BYTES;

    if (bytes <= 64)
        return 0;
    if (bytes >= 1024)
        return bytes <= 1518 ? 5 : bytes <= 9018 ? 6 : 7;
    return 26 - (unsigned)__builtin_clz(bytes); /* 64..127 is 1, and so on by powers of two */
}

/* Count one more of (len_bytes) in the classes from (first_off) of (stats) on. */
static void count_size(struct netvsc_stats *stats, size_t first_off, uint32_t len_bytes)
{
    uint64_t *classes = (uint64_t *)(void *)((uint8_t *)stats + first_off);

    classes[size_class(len_bytes)]++;
}

/* First byte says group or not; a frame to everybody has all six set. */
static bool is_group(const uint8_t *frame)
{
    return frame[0] & 1;
}

static bool is_broadcast(const uint8_t *frame)
{
    static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    return memcmp(frame, all, sizeof(all)) == 0;
}

void netvsc_count_rx(struct netvsc_stats *stats, const struct netvsc_frame *frames, unsigned count)
{
    for (unsigned i = 0; i < count; i += 1u + frames[i].more) {
        const uint32_t bytes = netvsc_frame_bytes(&frames[i]);

        stats->rx_frames++;
        stats->rx_bytes += bytes;
        count_size(stats, offsetof(struct netvsc_stats, rx_size_64), bytes);
        stats->rx_vlan += frames[i].has_tci;
        if (is_group(frames[i].data))
            *(is_broadcast(frames[i].data) ? &stats->rx_broadcast : &stats->rx_multicast) += 1;
    }
}

void netvsc_count_tx(struct netvsc_stats *stats, const uint8_t *frame, uint32_t len_bytes)
{
    count_size(stats, offsetof(struct netvsc_stats, tx_size_64), len_bytes);
    if (is_group(frame))
        *(is_broadcast(frame) ? &stats->tx_broadcast : &stats->tx_multicast) += 1;
}

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
