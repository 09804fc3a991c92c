/* SPDX-License-Identifier: BSD-3-Clause */
/* What the driver is measured against: the least that reads and writes the same bytes in the same
 * rings, believing all it finds. And bytes copied in and out between two processors. */
#ifndef BENCH_MIN_H
#define BENCH_MIN_H

#include <stdbool.h>
#include <stdint.h>

#include "vmbus_transport.h"

struct bench_min_ring {
    uint8_t *data;
    _Atomic uint32_t *write_index, *read_index;
    uint32_t size, at;
};

struct bench_min {
    struct bench_min_ring in, out;
    const struct vmbus_transport *memory;
    uint32_t section_bytes, section;
    uint64_t sum; /* of what was read, or it need not be */
    uint64_t next_xid;
};

/* Takes over rings of a card whose driver is attached and will not be used any more. */
void bench_min_open(struct bench_min *m, const struct vmbus_transport *memory,
                    uint32_t section_bytes);

/*
 * Read packets in place, (budget) frames or a little more: descriptors, headers, the frame's first
 * bytes; complete each, publish. Returns how many frames.
 */
unsigned bench_min_read(struct bench_min *m, unsigned budget);

/* Put (count) frames into sections, (per_packet) in each, and publish packets that name them. */
void bench_min_write(struct bench_min *m, const uint8_t *frame, uint32_t len_bytes, unsigned count,
                     unsigned per_packet);

/* ---- what it is made of, for bench_min_host.c ------------------------------------------------ */

void bench_min_ring_open(struct bench_min_ring *ring, uint8_t *base, size_t len_bytes);
/* A packet of (count) words and its trailer, unseen until (write_index) is stored. */
void bench_min_put(struct bench_min_ring *ring, const uint64_t *words, uint32_t count);
uint64_t bench_min_descriptor(uint64_t type, uint64_t header_words, uint64_t words, uint64_t flags);
/* One RNDIS message in (at), padded unless it is the (last) one; how long it is. */
uint32_t bench_min_message(uint8_t *at, const uint8_t *frame, uint32_t len_bytes, bool last);
/* The packet of (bytes) a ring stands at, in one piece; good until the next call. */
const uint8_t *bench_min_whole(const struct bench_min_ring *ring, uint32_t bytes);

/*
 * ns per frame of (len_bytes), 65,536 at most, copied in by one processor and out by the other,
 * through slots of 2 MiB together: 1024, or as many as there is room for. 0: no memory or thread.
 */
double bench_copy_ns(uint32_t len_bytes, unsigned frames);

#endif
