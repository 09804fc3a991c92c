/* SPDX-License-Identifier: BSD-3-Clause */
#include "port_clock.h"

#include <stddef.h>
#include <time.h>

static uint64_t (*source)(void *ctx);
static void *source_ctx;
static _Thread_local uint64_t turn_ns, turn_wall_ns; /* 0: no turn; nobody asked in this one */

static uint64_t read_clock(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * PORT_NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t port_clock_now(void)
{
    return source ? source(source_ctx) : read_clock(CLOCK_MONOTONIC);
}

uint64_t port_clock_wall(void)
{
    return source ? source(source_ctx) : read_clock(CLOCK_REALTIME);
}

void port_clock_turn(uint64_t now_ns)
{
    turn_ns = now_ns;
    turn_wall_ns = 0;
}

uint64_t port_clock_turn_now(void)
{
    return turn_ns ? turn_ns : port_clock_now();
}

uint64_t port_clock_turn_wall(void)
{
    if (!turn_ns)
        return port_clock_wall();
    if (!turn_wall_ns)
        turn_wall_ns = port_clock_wall();
    return turn_wall_ns;
}

void port_clock_source(uint64_t (*now)(void *ctx), void *ctx)
{
    source = now;
    source_ctx = ctx;
}
