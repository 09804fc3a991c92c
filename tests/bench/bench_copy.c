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

#define MEMORY_BYTES (2u << 20) /* of all slots */
#define SLOT_BYTES_MIN 2048u
#define FRAME_BYTES_MAX 65536u
#define BATCHES 32u /* that fill the slots: frames per look at the other's counter */

static struct {
    uint8_t *memory;
    uint32_t len_bytes, slot_bytes;
    unsigned slots, batch, frames;
    _Alignas(64) _Atomic unsigned in;
    _Alignas(64) _Atomic unsigned out;
} copy;

static uint8_t *slot_of(unsigned n)
{
    return copy.memory + (size_t)(n & (copy.slots - 1)) * copy.slot_bytes;
}

static void *produce(void *arg)
{
    static uint8_t frame[FRAME_BYTES_MAX];
    const unsigned batch = copy.batch;

    (void)arg;
    bench_pin(1);
    for (unsigned n = 0; n < copy.frames; n += batch) {
        while (n + batch - atomic_load_explicit(&copy.out, memory_order_acquire) > copy.slots)
            ;
        for (unsigned i = 0; i < batch; i++)
            memcpy(slot_of(n + i), frame, copy.len_bytes);
        atomic_store_explicit(&copy.in, n + batch, memory_order_release);
    }
    return NULL;
}

/* As many slots as the memory has, each a power of two. */
static void lay_out(uint32_t len_bytes, unsigned frames)
{
    copy.len_bytes = len_bytes;
    copy.slot_bytes = SLOT_BYTES_MIN;
    while (copy.slot_bytes < len_bytes)
        copy.slot_bytes *= 2;
    copy.slots = MEMORY_BYTES / copy.slot_bytes;
    copy.batch = copy.slots / BATCHES;
    copy.frames = frames / copy.batch * copy.batch;
    copy.in = copy.out = 0;
}

double bench_copy_ns(uint32_t len_bytes, unsigned frames)
{
    static uint8_t frame[FRAME_BYTES_MAX];
    cpu_set_t before;
    pthread_t thread;
    uint64_t begin;

    if (!copy.memory)
        copy.memory = aligned_alloc(64, MEMORY_BYTES);
    if (!copy.memory || len_bytes > FRAME_BYTES_MAX)
        return 0;
    lay_out(len_bytes, frames);
    sched_getaffinity(0, sizeof(before), &before);
    if (pthread_create(&thread, NULL, produce, NULL))
        return 0;
    bench_pin(0);
    begin = bench_now_ns();
    for (unsigned n = 0; n < copy.frames; n += copy.batch) {
        while (atomic_load_explicit(&copy.in, memory_order_acquire) == n)
            ;
        for (unsigned i = 0; i < copy.batch; i++)
            memcpy(frame, slot_of(n + i), copy.len_bytes);
        atomic_signal_fence(memory_order_seq_cst); /* the copies are made although nobody looks */
        atomic_store_explicit(&copy.out, n + copy.batch, memory_order_release);
    }
    pthread_join(thread, NULL);
    begin = bench_now_ns() - begin;
    sched_setaffinity(0, sizeof(before), &before);
    return (double)begin / copy.frames;
}
