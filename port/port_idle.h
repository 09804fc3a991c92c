/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When to stop polling and sleep. Waking a halted CPU costs about 25 us, so a loop that just worked
 * keeps looking for a while; one that found nothing for that long sleeps at once after each wake.
 */
#ifndef PORT_IDLE_H
#define PORT_IDLE_H

#include <stdbool.h>
#include <stdint.h>

struct port_idle {
    uint64_t spin_ns; /* keep looking this long after the last work */
    uint64_t last_work_ns;
};

/* A turn at (now_ns) did or did not do anything: true = sleep now. */
bool port_idle_turn(struct port_idle *idle, bool worked, uint64_t now_ns);

/* The earlier of (left_ns) and (other_ns), both "nanoseconds from now", UINT64_MAX = never. */
uint64_t port_idle_sooner(uint64_t left_ns, uint64_t other_ns);

/* lwIP's "milliseconds from now" (UINT32_MAX = never) in nanoseconds. */
uint64_t port_idle_from_ms(uint32_t ms);

#endif
