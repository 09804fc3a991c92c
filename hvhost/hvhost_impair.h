/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A switch that loses, delays and spoils frames, the same ones each time. Part of hvhost.h's API.
 */
#ifndef HVHOST_IMPAIR_H
#define HVHOST_IMPAIR_H

#include <stdint.h>

struct hvhost;

/*
 * What happens to frames that enter the switch, from whatever port. Shares are of a million frames,
 * after bursts of segments have been cut and missing sums filled in, as a wire would see them.
 */
struct hvhost_impair {
    uint32_t loss_ppm;
    uint32_t duplicate_ppm;
    uint32_t corrupt_ppm; /* one bit flipped behind the Ethernet header */
    uint32_t reorder_ppm; /* held back 1 ms longer than others, which overtake it */
    uint32_t delay_us;
    uint64_t rate_bps; /* of each port, without preamble and FCS; 0 = as fast as it comes */
    uint32_t seed;     /* of the chances; [1] */
};

#define HVHOST_IMPAIR_DELAY_US_MAX 10000000u
#define HVHOST_IMPAIR_RATE_MAX UINT64_C(1000000000000)

/*
 * "loss=1%,delay=5ms,rate=10M,seed=7" over (*out); parts may be joined by + instead, where commas
 * are taken. (text) is spoilt. NULL, or what is wrong with it.
 */
const char *hvhost_impair_parse(char *text, struct hvhost_impair *out);

/*
 * From now on, for all ports, until the host is destroyed. Call it when all cards are there: frames
 * longer than their MTUs find no room (impair_drop). -EEXIST twice, -EINVAL a share above a million
 * or a number above its bound, -ENOMEM, -ENOSPC.
 */
int hvhost_impair(struct hvhost *host, const struct hvhost_impair *how);

#endif
