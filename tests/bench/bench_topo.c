/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How far apart are processors 0 and 1 right now? Prints the round trip of one cache line in ns,
 * and "near" or "far": virtual processors move about, and a sample taken far is not to be compared
 * with one taken near (100-150 ns near, above 250 far, above 600 somebody else runs there).
 */
#define _GNU_SOURCE /* CPU_SET */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_clock.h"

#define ROUNDS 20000
#define REPEATS 15
#define FAR_NS 200.0

static _Alignas(64) atomic_uint ball;

static void pin(unsigned cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

static void *other(void *arg)
{
    (void)arg;
    pin(1);
    for (unsigned i = 0; i < ROUNDS * REPEATS; i++) {
        while (atomic_load_explicit(&ball, memory_order_acquire) != 2 * i + 1)
            ;
        atomic_store_explicit(&ball, 2 * i + 2, memory_order_release);
    }
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(void)
{
    double sample[REPEATS];
    pthread_t thread;
    unsigned turn = 0;

    pin(0);
    if (pthread_create(&thread, NULL, other, NULL))
        return 1;
    for (unsigned r = 0; r < REPEATS; r++) {
        const uint64_t start = bench_now_ns();

        for (unsigned i = 0; i < ROUNDS; i++, turn++) {
            atomic_store_explicit(&ball, 2 * turn + 1, memory_order_release);
            while (atomic_load_explicit(&ball, memory_order_acquire) != 2 * turn + 2)
                ;
        }
        sample[r] = (double)(bench_now_ns() - start) / ROUNDS;
    }
    pthread_join(thread, NULL);
    qsort(sample, REPEATS, sizeof(sample[0]), by_value);
    printf("%.0f %s\n", sample[REPEATS / 2], sample[REPEATS / 2] < FAR_NS ? "near" : "far");
    return 0;
}
