/* SPDX-License-Identifier: BSD-3-Clause */
/* The limit of every card in memory: bytes copied in by one processor and out by the other. */
#define _GNU_SOURCE /* CPU_SET */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bench_card.h"
#include "bench_min.h"

#define SLOTS 1024u
#define SLOT_BYTES 2048u
#define BATCH 32u /* frames per look at the other's counter */

static struct {
    uint8_t (*slot)[SLOT_BYTES];
    uint32_t len_bytes;
    unsigned frames;
    _Alignas(64) _Atomic unsigned in;
    _Alignas(64) _Atomic unsigned out;
} copy;

static void *produce(void *arg)
{
    static uint8_t frame[SLOT_BYTES];

    (void)arg;
    bench_pin(1);
    for (unsigned n = 0; n < copy.frames; n += BATCH) {
        while (n + BATCH - atomic_load_explicit(&copy.out, memory_order_acquire) > SLOTS)
            ;
        for (unsigned i = 0; i < BATCH; i++)
            memcpy(copy.slot[(n + i) % SLOTS], frame, copy.len_bytes);
        atomic_store_explicit(&copy.in, n + BATCH, memory_order_release);
    }
    return NULL;
}

double bench_copy_ns(uint32_t len_bytes, unsigned frames)
{
    static uint8_t frame[SLOT_BYTES];
    cpu_set_t before;
    pthread_t thread;
    uint64_t begin;

    if (!copy.slot)
        copy.slot = aligned_alloc(64, SLOTS * SLOT_BYTES);
    if (!copy.slot || len_bytes > SLOT_BYTES)
        return 0;
    copy.len_bytes = len_bytes;
    copy.frames = frames / BATCH * BATCH;
    copy.in = copy.out = 0;
    sched_getaffinity(0, sizeof(before), &before);
    if (pthread_create(&thread, NULL, produce, NULL))
        return 0;
    bench_pin(0);
    begin = bench_now_ns();
    for (unsigned n = 0; n < copy.frames; n += BATCH) {
        while (atomic_load_explicit(&copy.in, memory_order_acquire) == n)
            ;
        for (unsigned i = 0; i < BATCH; i++)
            memcpy(frame, copy.slot[(n + i) % SLOTS], copy.len_bytes);
        atomic_signal_fence(memory_order_seq_cst); /* the copies are made although nobody looks */
        atomic_store_explicit(&copy.out, n + BATCH, memory_order_release);
    }
    pthread_join(thread, NULL);
    begin = bench_now_ns() - begin;
    sched_setaffinity(0, sizeof(before), &before);
    return (double)begin / copy.frames;
}
