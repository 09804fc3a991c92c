/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Blocks are powers of two from 64 bytes to 128 KiB, each size with a stack of free ones. An empty
 * stack takes fresh pages; they are cut into blocks of that size and keep it for good, so that
 * freeing needs no header: a byte per page says the size. A block no larger than a page never lies
 * across two, so that a segment is one piece for the host; the block freed last is the first to be
 * used again, being the warmest. Both take a handful of instructions, and nothing is searched.
 *
 * Pages never go back. A server that needed all of them for some sizes goes on with free blocks up
 * to four times as long, and then with libc's memory: slower by a copy per frame, and counted.
 *
 * AddressSanitizer is told what is free, and which bytes of a block nobody asked for.
 */
#include "port_heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmbus_memory.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

#define PAGE_BYTES 4096u
#define SHIFT_MIN 6u
#define SHIFT_MAX 17u
#define NO_SHIFT (SHIFT_MAX + 1)
#define HUGE_BYTES (2u << 20)

struct block {
    struct block *next;
};

static struct {
    struct vmbus_memory memory;
    size_t pages, fresh; /* the heap's; the first that was never used */
    size_t apart_bytes;  /* behind them */
    uint8_t *shift_of;   /* by page: log2 of the size of its blocks */
    struct block *free[SHIFT_MAX + 1];
    struct port_heap_stats stats;
} heap;

/* ---- life ------------------------------------------------------------------------------------ */

static size_t half(size_t len_bytes)
{
    return len_bytes / 2 / HUGE_BYTES * HUGE_BYTES;
}

/* In place of the memory there is, if it gets (len_bytes) of the locked kind. False: no memory. */
static bool try_locked(size_t len_bytes)
{
    struct vmbus_memory other;

    if (vmbus_memory_create(len_bytes, &other) != 0)
        return false;
    if (other.locked) {
        vmbus_memory_destroy(&heap.memory);
        heap.memory = other;
    } else {
        vmbus_memory_destroy(&other);
    }
    return true;
}

/* Returns as vmbus_memory_create(); (*apart_bytes) is 0 then if they are not in it. */
static int get_memory(size_t len_bytes, size_t *apart_bytes)
{
    const size_t all_bytes = len_bytes + *apart_bytes;
    int rc = vmbus_memory_create(all_bytes, &heap.memory);
    size_t less = *apart_bytes ? len_bytes : half(len_bytes);

    while (rc == 0 && !heap.memory.locked && less && try_locked(less))
        less = half(less);
    if (rc != 0 || heap.memory.region.len_bytes < all_bytes)
        *apart_bytes = 0;
    return rc;
}

int port_heap_open(size_t len_bytes, size_t apart_bytes)
{
    int rc;

    if (heap.pages)
        return -EBUSY;
    apart_bytes = (apart_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    rc = get_memory(len_bytes, &apart_bytes);
    if (rc)
        return rc;
    heap.pages = (heap.memory.region.len_bytes - apart_bytes) / PAGE_BYTES;
    heap.apart_bytes = apart_bytes;
    heap.shift_of = calloc(heap.pages, 1);
    if (!heap.shift_of) {
        port_heap_close();
        return -ENOMEM;
    }
    ASAN_POISON_MEMORY_REGION(heap.memory.region.base, heap.pages * PAGE_BYTES);
    return 0;
}

void *port_heap_apart(size_t *len_bytes)
{
    *len_bytes = heap.apart_bytes;
    return heap.apart_bytes ? heap.memory.region.base + heap.pages * PAGE_BYTES : NULL;
}

void port_heap_close(void)
{
    ASAN_UNPOISON_MEMORY_REGION(heap.memory.region.base, heap.memory.region.len_bytes);
    vmbus_memory_destroy(&heap.memory);
    free(heap.shift_of);
    memset(&heap, 0, sizeof(heap));
}

const struct vmbus_memory *port_heap_memory(void)
{
    return heap.pages ? &heap.memory : NULL;
}

void port_heap_stats(struct port_heap_stats *out)
{
    *out = heap.stats;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static void push(unsigned shift, void *block)
{
    struct block *b = block;

    b->next = heap.free[shift];
    heap.free[shift] = b;
    ASAN_POISON_MEMORY_REGION(b, (size_t)1 << shift);
}

/* Fresh pages for blocks of this size. */
static bool refill(unsigned shift)
{
    const size_t len = (size_t)1 << shift;
    const size_t pages = len > PAGE_BYTES ? len / PAGE_BYTES : 1;
    uint8_t *at = heap.memory.region.base + heap.fresh * PAGE_BYTES;

    if (pages > heap.pages - heap.fresh)
        return false;
    memset(heap.shift_of + heap.fresh, (int)shift, pages);
    heap.fresh += pages;
    ASAN_UNPOISON_MEMORY_REGION(at, pages * PAGE_BYTES);
    for (size_t off = pages * PAGE_BYTES; off > 0; off -= len)
        push(shift, at + off - len);
    return true;
}

static unsigned shift_for(size_t len_bytes)
{
    if (len_bytes <= (size_t)1 << SHIFT_MIN)
        return SHIFT_MIN;
    return 64u - (unsigned)__builtin_clzll(len_bytes - 1);
}

bool port_heap_has(const void *at)
{
    return (uintptr_t)at - (uintptr_t)heap.memory.region.base < heap.memory.region.len_bytes;
}

/* The least size from (shift) on, and at most four times as large, of which a block is free. */
static unsigned free_shift(unsigned shift)
{
    const unsigned most = shift + 2 < SHIFT_MAX ? shift + 2 : SHIFT_MAX;

    while (shift <= most && !heap.free[shift])
        shift++;
    return shift <= most ? shift : NO_SHIFT;
}

bool port_heap_serves(size_t len_bytes)
{
    const unsigned shift = shift_for(len_bytes);

    return free_shift(shift) != NO_SHIFT ||
           (shift <= SHIFT_MAX && len_bytes <= (heap.pages - heap.fresh) * PAGE_BYTES);
}

bool port_heap_is_scarce(void)
{
    return heap.stats.used_bytes > heap.pages * PAGE_BYTES / 4;
}

void *port_heap_malloc(size_t len_bytes)
{
    unsigned shift = shift_for(len_bytes);
    struct block *b;

    if (!heap.pages)
        return malloc(len_bytes);
    if (shift > SHIFT_MAX || (!heap.free[shift] && !refill(shift)))
        shift = free_shift(shift);
    if (shift == NO_SHIFT) {
        heap.stats.beyond++;
        return malloc(len_bytes);
    }
    b = heap.free[shift];
    ASAN_UNPOISON_MEMORY_REGION(b, len_bytes > sizeof(*b) ? len_bytes : sizeof(*b));
    heap.free[shift] = b->next;
    heap.stats.used_bytes += (uint64_t)1 << shift;
    if (heap.stats.used_bytes > heap.stats.peak_bytes)
        heap.stats.peak_bytes = heap.stats.used_bytes;
    return b;
}

void *port_heap_calloc(size_t count, size_t len_bytes)
{
    void *block;

    if (len_bytes && count > SIZE_MAX / len_bytes)
        return NULL;
    block = port_heap_malloc(count * len_bytes);
    return block ? memset(block, 0, count * len_bytes) : NULL;
}

void port_heap_free(void *block)
{
    const size_t off = (uintptr_t)block - (uintptr_t)heap.memory.region.base;
    unsigned shift;

    if (off >= heap.pages * PAGE_BYTES) {
        free(block);
        return;
    }
    shift = heap.shift_of[off / PAGE_BYTES];
    ASAN_UNPOISON_MEMORY_REGION(block, sizeof(struct block));
    push(shift, block);
    heap.stats.used_bytes -= (uint64_t)1 << shift;
}
