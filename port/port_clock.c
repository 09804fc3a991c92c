/* SPDX-License-Identifier: BSD-3-Clause */
#include "port_clock.h"

#include <stddef.h>
#include <time.h>

static uint64_t (*source)(void *ctx);
static void *source_ctx;

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

void port_clock_source(uint64_t (*now)(void *ctx), void *ctx)
{
    source = now;
    source_ctx = ctx;
}
