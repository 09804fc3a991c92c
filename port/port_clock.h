/* SPDX-License-Identifier: BSD-3-Clause */
/* The one door through which time comes in. Tests put a clock of their own behind it. */
#ifndef PORT_CLOCK_H
#define PORT_CLOCK_H

#include <stdint.h>

#define PORT_NS_PER_US UINT64_C(1000)
#define PORT_NS_PER_MS UINT64_C(1000000)
#define PORT_NS_PER_S UINT64_C(1000000000)

/* Nanoseconds of a monotonic clock with an arbitrary zero. About 20 ns, no system call. */
uint64_t port_clock_now(void);

/* Nanoseconds since 1970, for captures. Follows the replaced clock, too. */
uint64_t port_clock_wall(void);

/* Take the time from (now) instead; NULL for the machine's clock again. */
void port_clock_source(uint64_t (*now)(void *ctx), void *ctx);

#endif
