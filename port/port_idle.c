/* SPDX-License-Identifier: BSD-3-Clause */
#include "port_idle.h"

#include "port_clock.h"

bool port_idle_turn(struct port_idle *idle, bool worked, uint64_t now_ns)
{
    if (worked) {
        idle->last_work_ns = now_ns;
        return false;
    }
    return now_ns - idle->last_work_ns >= idle->spin_ns;
}

uint64_t port_idle_sooner(uint64_t left_ns, uint64_t other_ns)
{
    return left_ns < other_ns ? left_ns : other_ns;
}

uint64_t port_idle_from_ms(uint32_t ms)
{
    return ms == UINT32_MAX ? UINT64_MAX : ms * PORT_NS_PER_MS;
}
