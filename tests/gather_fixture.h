/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames in pieces that lie about in shared memory, between a NIC and the emulated host. */
#ifndef GATHER_FIXTURE_H
#define GATHER_FIXTURE_H

#include "netif_fixture.h"
#include "netvsc_gather.h"
#include "vmbus_memory.h"

#define GATHER_PIECES 40u

extern struct vmbus_memory gather_memory;
extern struct netvsc_piece gather_piece[GATHER_PIECES + 1];
/* Owners told that the host is done, and the last of them. */
extern unsigned gather_told;
extern void *gather_told_last;

/* For cmocka_run_group_tests(). */
int gather_make_memory(void **state);
int gather_free_memory(void **state);

/*
 * As bench_init(), with the memory, frames of any length, and whole ones of up to 256 bytes copied.
 */
void gather_prepare(struct netif_fixture *f);
/* The host found nothing to blame; then bench_stop(). */
void gather_stop(struct netif_fixture *f);

/* Byte (i) of each frame, as bench_check_frame() wants it. */
uint8_t gather_byte(uint32_t i);
/*
 * The next (len) bytes of the frame, from its (from)th on, at (off) of the memory, as piece (n).
 * Returns how many the frame has then.
 */
uint32_t gather_put(unsigned n, size_t off, uint32_t from, uint32_t len);
/* The first (count) pieces as a frame. What netvsc_queue_tx_vector() says. */
int gather_send(struct netif_fixture *f, unsigned count, void *owner);
/* The far end, which had (before) frames, got one of (bytes), and it is whole. */
void gather_check_arrived(struct netif_fixture *f, unsigned before, uint32_t bytes);

#endif
