/* SPDX-License-Identifier: BSD-3-Clause */
/* Private: sizes and kinds of frames, counted for each one that comes or goes. */
#ifndef NETVSC_COUNT_VAR_H
#define NETVSC_COUNT_VAR_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "netvsc_config.h"
#include "netvsc_stats.h"

#define NETVSC_FCS_BYTES 4u
#define NETVSC_SIZE_CLASSES 8u
#define NETVSC_CLASS_LAST(way)                                                                     \
    (offsetof(struct netvsc_stats, way##_size_64) + (NETVSC_SIZE_CLASSES - 1) * sizeof(uint64_t))
static_assert(offsetof(struct netvsc_stats, rx_size_9019_up) == NETVSC_CLASS_LAST(rx), "in a row");
static_assert(offsetof(struct netvsc_stats, tx_size_9019_up) == NETVSC_CLASS_LAST(tx), "in a row");

static inline unsigned netvsc_size_class(uint32_t len_bytes)
{
    const uint32_t bytes = len_bytes + NETVSC_FCS_BYTES;

    if (bytes <= 64)
        return 0;
    if (bytes >= 1024)
        return bytes <= 1518 ? 5 : bytes <= 9018 ? 6 : 7;
    return 26 - (unsigned)__builtin_clz(bytes); /* 64..127 is 1, and so on by powers of two */
}

/* Count (frames) more of (len_bytes) in the classes from (first_off) of (stats) on. */
static inline void netvsc_count_size(struct netvsc_stats *stats, size_t first_off,
                                     uint32_t len_bytes, uint64_t frames)
{
    uint64_t *classes = (uint64_t *)(void *)((uint8_t *)stats + first_off);

    classes[netvsc_size_class(len_bytes)] += frames;
}

/* First byte says group or not; a frame to everybody has all six set. */
static inline bool netvsc_is_group(const uint8_t *frame)
{
    return frame[0] & 1;
}

static inline bool netvsc_is_broadcast(const uint8_t *frame)
{
    static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

    return memcmp(frame, all, sizeof(all)) == 0;
}

/* (frames) more sent, to one receiver each and without padding, each of (len_bytes). */
static inline void netvsc_count_tx_alike(struct netvsc_stats *stats, uint64_t frames,
                                         uint32_t len_bytes)
{
    netvsc_count_size(stats, offsetof(struct netvsc_stats, tx_size_64), len_bytes, frames);
    stats->tx_frames += frames;
    stats->tx_bytes += frames * len_bytes;
}

/* One more frame sent, whatever goes with it. */
static inline void netvsc_count_tx(struct netvsc_stats *stats, const uint8_t *frame,
                                   uint32_t len_bytes)
{
    netvsc_count_tx_alike(stats, 1, len_bytes);
    stats->tx_padded += len_bytes < NETVSC_FRAME_BYTES_MIN;
    if (netvsc_is_group(frame))
        *(netvsc_is_broadcast(frame) ? &stats->tx_broadcast : &stats->tx_multicast) += 1;
}

/* (frames) more handed up, untagged and to us alone, each of (len_bytes). */
static inline void netvsc_count_alike(struct netvsc_stats *stats, uint64_t frames,
                                      uint32_t len_bytes)
{
    netvsc_count_size(stats, offsetof(struct netvsc_stats, rx_size_64), len_bytes, frames);
    stats->rx_frames += frames;
    stats->rx_bytes += frames * len_bytes;
}

/* One more handed up, whatever it is. */
static inline void netvsc_count_rx_one(struct netvsc_stats *stats, const struct netvsc_frame *frame)
{
    netvsc_count_alike(stats, 1, netvsc_frame_bytes(frame));
    stats->rx_vlan += frame->has_tci;
    if (netvsc_is_group(frame->data))
        *(netvsc_is_broadcast(frame->data) ? &stats->rx_broadcast : &stats->rx_multicast) += 1;
}

/* Number, sizes and kinds of (frames) handed up, many of them of (usual_bytes). */
static inline void netvsc_count_rx(struct netvsc_stats *stats, const struct netvsc_frame *frames,
                                   unsigned count, uint32_t usual_bytes)
{
    uint64_t usual = 0;

    for (unsigned i = 0; i < count; i += 1u + frames[i].more) {
        const struct netvsc_frame *f = &frames[i];

        if (f->len_bytes == usual_bytes && !f->more && !f->has_tci && !netvsc_is_group(f->data))
            usual++;
        else
            netvsc_count_rx_one(stats, f);
    }
    netvsc_count_alike(stats, usual, usual_bytes);
}

#endif
