/* SPDX-License-Identifier: BSD-3-Clause */
/* How often something took how long, to 3 %, in memory that stays in a cache. */
#ifndef BENCH_TIMES_H
#define BENCH_TIMES_H

#include <stdint.h>

#define BENCH_TIMES_SUB 32u /* buckets between a power of two and the next */
#define BENCH_TIMES_BUCKETS (36u * BENCH_TIMES_SUB) /* up to half an hour */

struct bench_times {
    uint64_t count;
    uint32_t bucket[BENCH_TIMES_BUCKETS];
};

static inline void bench_times_add(struct bench_times *t, uint64_t ns)
{
    const unsigned shift = ns < 2 * BENCH_TIMES_SUB ? 0 : 58u - (unsigned)__builtin_clzll(ns);
    const uint64_t at = shift * BENCH_TIMES_SUB + (ns >> shift);

    t->bucket[at < BENCH_TIMES_BUCKETS ? at : BENCH_TIMES_BUCKETS - 1]++;
    t->count++;
}

/* What a share (q), 0 to 1, of all stayed below, in microseconds. */
static inline double bench_times_us(const struct bench_times *t, double q)
{
    const uint64_t want = (uint64_t)(q * (double)t->count);
    uint64_t seen = 0;

    for (unsigned i = 0; i < BENCH_TIMES_BUCKETS; i++) {
        const unsigned shift = i < 2 * BENCH_TIMES_SUB ? 0 : i / BENCH_TIMES_SUB - 1;

        seen += t->bucket[i];
        if (seen > want)
            return ((double)(i - shift * BENCH_TIMES_SUB) + 0.5) * (double)(1ull << shift) / 1000;
    }
    return 0;
}

#endif
