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

/* Nanoseconds since 1970. Follows the replaced clock, too. */
uint64_t port_clock_wall(void);

/*
 * A loop's turn of this thread begins at (now_ns), or is over (0). Within it the two below say when
 * it began, without a look at the clock for each segment: turns take microseconds, and who asks
 * counts in milliseconds. Outside they are the two above.
 */
void port_clock_turn(uint64_t now_ns);
uint64_t port_clock_turn_now(void);
uint64_t port_clock_turn_wall(void);

/* Take the time from (now) instead; NULL for the machine's clock again. */
void port_clock_source(uint64_t (*now)(void *ctx), void *ctx);

#endif
