/* SPDX-License-Identifier: BSD-3-Clause */
/* A small ring with our producer at one end and our consumer at the other, in one thread. */
#ifndef RING_FIXTURE_H
#define RING_FIXTURE_H

#include "check.h"
#include "vmbus_ring_var.h"

struct ring_fixture {
    uint8_t *base; /* control page, then data */
    uint8_t *data;
    size_t len_bytes;
    struct vmbus_ring_ctl *ctl;
    struct vmbus_tx_ring tx;
    struct vmbus_rx_ring rx;
    uint8_t bounce[VMBUS_PKT_BYTES_MAX];
};

/* A ring of (pages) in all, empty, with both indices at (start). Data bytes are 0xEE. */
void ring_fixture_setup(struct ring_fixture *f, size_t pages, uint32_t start);
void ring_fixture_teardown(struct ring_fixture *f);
/* The same around a test whose state is (f): three pages, at 0. */
int ring_fixture_before(void **state);
int ring_fixture_after(void **state);
#define with_ring_fixture(test, f)                                                                 \
    cmocka_unit_test_prestate_setup_teardown(test, ring_fixture_before, ring_fixture_after, f)

/* Make the ring empty at (start) again, both ends anew. */
void ring_fixture_restart(struct ring_fixture *f, uint32_t start);

/* Reserve and write one in-band packet of (payload_bytes) counting up from (seed). Result of
 * reserve. */
int ring_fixture_send(struct ring_fixture *f, uint32_t payload_bytes, uint8_t seed);

/* Peek and consume one packet that ring_fixture_send() wrote, checking every byte. */
void ring_fixture_expect(struct ring_fixture *f, uint32_t payload_bytes, uint8_t seed);

/* Byte (i) of such a packet. */
static inline uint8_t ring_fixture_byte(uint8_t seed, uint32_t i)
{
    return (uint8_t)(seed + i * 7u + (i >> 8));
}

#endif
