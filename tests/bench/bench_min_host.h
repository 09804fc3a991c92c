/* SPDX-License-Identifier: BSD-3-Clause */
/* The least that can be a host: writes frames into receive sections, shows them, takes completions.
 * So that a generator is faster than any driver. */
#ifndef BENCH_MIN_HOST_H
#define BENCH_MIN_HOST_H

#include <stdint.h>

#include "bench_min.h"

struct bench_min_host {
    struct bench_min_ring in, out; /* from and to the driver */
    uint8_t *recv;
    uint32_t section_bytes, per_packet; /* sections, and frames, in a packet */
    uint32_t packets, free, next; /* how many there can be; not out; of queue, where to take */
    uint32_t *queue;              /* of those not out, in the order they came back */
    uint64_t offered, drop_section, drop_ring;
};

/* Takes over the host's side of a card whose driver is attached and has nothing outstanding.
 * (per_packet) is at most 8. -EINVAL, -ENOMEM. */
int bench_min_host_open(struct bench_min_host *h, const struct vmbus_transport *memory,
                        uint32_t section_bytes, uint32_t per_packet);

/* Take what came back, then put (count) frames on the ring and publish, or drop and count them. */
void bench_min_host_offer(struct bench_min_host *h, const uint8_t *frame, uint32_t len_bytes,
                          unsigned count);

#endif
