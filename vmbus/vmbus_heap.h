/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's own memory: what it knows of devices, channels and NICs. Usually the heap. A program
 * that gives its queues to child processes wants it shared with them, so that the parent still has
 * the books when a child has died over them.
 */
#ifndef VMBUS_HEAP_H
#define VMBUS_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/* Devices and NICs made from now on are shared with processes forked later. For single threads. */
void vmbus_heap_shared(bool on);

/* (bytes) of zeros, aligned for anything, or NULL. Freed by vmbus_heap_free(), NULL allowed;
 * shared memory is given back in the calling process only. */
void *vmbus_heap_alloc(size_t bytes);
void vmbus_heap_free(void *memory);

#endif
