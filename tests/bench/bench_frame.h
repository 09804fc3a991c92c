/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames from 10.0.0.2 to 10.0.0.1, port 9, for the benchmarks of the driver. */
#ifndef BENCH_FRAME_H
#define BENCH_FRAME_H

#include <stdint.h>

#include "hvhost_frame.h"

#define BENCH_FRAME_PORT 9u /* discard */
extern const uint8_t bench_frame_far_mac[6];

/* A datagram in a frame of (len_bytes) at (at); its sum is left out, which IPv4 allows. */
struct hvhost_frame bench_frame_udp(uint8_t *at, uint32_t len_bytes, const uint8_t *to,
                                    const uint8_t *from);
/* TCP segments of 1460 bytes, put together; what is missing of their sums counts as right. */
struct hvhost_frame bench_frame_tcp(uint8_t *at, uint32_t len_bytes, const uint8_t *to,
                                    const uint8_t *from);

#endif
