/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP segments from a host to lwIP, and the chains that lwIP's input gets. The chains are kept
 * until the end, as lwIP's out-of-order queue does.
 */
#ifndef CHAIN_FIXTURE_H
#define CHAIN_FIXTURE_H

#include "ip_frames.h"
#include "lwip_bench.h"

#define CHAINS_MAX 128u
#define CHAINS_MSS 1400u
#define CHAINS_NO_RSC (HVHOST_OFFLOAD_ALL & ~HVHOST_OFFLOAD_RSC)

struct chain {
    struct pbuf *p;
    uint16_t segments;
    u16_t checks; /* what lwIP was to check of it, NETIF_CHECKSUM_CHECK_* */
};

extern struct chain chains[CHAINS_MAX];
extern unsigned chain_count;

/* A card that offers (offload), HVHOST_OFFLOAD_*, with lwIP on it. */
void chains_setup(uint32_t offload);

/* Frees the chains and checks that nothing is held or missing. */
void chains_teardown(void);

/* To the card, not yet turned; (f)->seq goes on behind it. */
void chains_send(struct ip_frame *f, uint32_t payload_bytes, uint8_t flags);

/* Chain (i) is TCP as in (f) from (seq) on. (sums): its header's is right, as of what was put
 * together here. */
void chains_check(const struct ip_frame *f, unsigned i, uint32_t seq, uint32_t payload_bytes,
                  bool sums);

struct hvhost_nic_stats chains_host(void);

#endif
