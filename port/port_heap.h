/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lwIP's heap, in memory from which a NIC sends without copying: PBUF_RAM, hence what tcp_write()
 * copies. Without port_heap_open(), and when it is used up, libc serves, and the NIC copies.
 */
#ifndef PORT_HEAP_H
#define PORT_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vmbus_memory;

/*
 * 30000 full segments. 31 huge pages, then 15, 7, 3, 1: of 32, 16 and so on one is left to the
 * device, for control requests.
 */
#define PORT_HEAP_BYTES (62u << 20)

struct port_heap_stats {
    uint64_t used_bytes, peak_bytes; /* in blocks of powers of two */
    uint64_t beyond;                 /* allocations libc had to serve though there is a heap */
};

/*
 * Once per process, before lwip_init() and after fork(): a child has no part in it. With
 * (apart_bytes) beside it for the program, or none of these, and then with half as much and so on,
 * in whole huge pages, down to one, where that gets it locked memory: a real host needs it.
 * -EBUSY there is one already; or as vmbus_memory_create(), and libc serves.
 */
int port_heap_open(size_t len_bytes, size_t apart_bytes);
/*
 * Memory for the program's own use, from which the NIC sends as it does from the heap; page-aligned
 * and zeroed. NULL, and 0 bytes: none, because there is no heap, or not enough locked memory.
 */
void *port_heap_apart(size_t *len_bytes);
/* For tests, when nothing is allocated any more and no device is open. */
void port_heap_close(void);
/* For netvsc_config.memory; NULL: none. */
const struct vmbus_memory *port_heap_memory(void);
void port_heap_stats(struct port_heap_stats *out);

/* Is (at) in it? */
bool port_heap_has(const void *at);
/* Could it serve a block of (len_bytes) right now? */
bool port_heap_serves(size_t len_bytes);
/*
 * Is more than a quarter of it in use? Then those who have much of it should wait: sizes that were
 * in demand before keep their pages, and all of it is in no near cache. Without a heap it is not.
 */
bool port_heap_is_scarce(void);

/* What lwIP calls: as malloc(), calloc() and free(). */
void *port_heap_malloc(size_t len_bytes);
void *port_heap_calloc(size_t count, size_t len_bytes);
void port_heap_free(void *block);

#endif
