/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive-side scaling as the host does it: which of the guest's channels gets a frame. */
#ifndef HVH_RSS_H
#define HVH_RSS_H

#include <stdbool.h>
#include <stdint.h>

#include "hvhost.h"

#define HVH_RSS_TABLE 128u
#define HVH_RSS_KEY_BYTES 40u
/* Capabilities: Toeplitz; TCP over IPv4 and IPv6. */
#define HVH_RSS_FLAGS 0x301u

/* What the guest set; all zero = off. */
struct hvh_rss {
    bool on;
    uint32_t hash_types; /* NDIS_RSS_* */
    uint8_t key[HVH_RSS_KEY_BYTES];
    uint32_t table[HVH_RSS_TABLE]; /* channel indices */
};

/* The hash of one frame. */
struct hvh_hash {
    uint32_t value;
    uint32_t type; /* one of NDIS_RSS_*; 0 = not hashed */
};

/* Hash the frame as the guest wants it. Frames of no type it named are not hashed. */
struct hvh_hash hvh_rss_hash(const struct hvh_rss *rss, const struct hvhost_frame *frame);

/*
 * OID_RSS_PARAMS: RNDIS_STATUS_*. Entries must be less than (queues). Nothing changes on failure.
 */
uint32_t hvh_rss_set(struct hvh_rss *rss, uint32_t queues, const uint8_t *in, uint32_t in_bytes);

#endif
