/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "ring_fixture.h"

void ring_fixture_setup(struct ring_fixture *f, size_t pages, uint32_t start)
{
    memset(f, 0, sizeof(*f));
    f->len_bytes = pages * VMBUS_PAGE_BYTES;
    /* Exactly as long as the ring, so that a sanitizer sees the first byte too far. */
    f->base = aligned_alloc(VMBUS_PAGE_BYTES, f->len_bytes);
    assert_non_null(f->base);
    f->data = f->base + VMBUS_PAGE_BYTES;
    f->ctl = (struct vmbus_ring_ctl *)(void *)f->base;
    ring_fixture_restart(f, start);
}

void ring_fixture_teardown(struct ring_fixture *f)
{
    free(f->base);
}

int ring_fixture_before(void **state)
{
    ring_fixture_setup(*state, 3, 0);
    return 0;
}

int ring_fixture_after(void **state)
{
    ring_fixture_teardown(*state);
    return 0;
}

void ring_fixture_restart(struct ring_fixture *f, uint32_t start)
{
    memset(f->base, 0, VMBUS_PAGE_BYTES);
    memset(f->data, 0xEE, f->len_bytes - VMBUS_PAGE_BYTES);
    atomic_store(&f->ctl->write_index, start);
    atomic_store(&f->ctl->read_index, start);
    atomic_store(&f->ctl->feature_bits, VMBUS_RING_FEATURE_PENDING);
    assert_int_equal(vmbus_tx_init(&f->tx, f->base, f->len_bytes), 0);
    assert_int_equal(vmbus_rx_init(&f->rx, f->base, f->len_bytes, f->bounce), 0);
}

int ring_fixture_send(struct ring_fixture *f, uint32_t payload_bytes, uint8_t seed)
{
    uint8_t payload[VMBUS_PKT_BYTES_MAX];
    const struct vmbus_send pkt = {
        .type = VMBUS_PKT_INBAND,
        .xid = 0x1122334455667700u + seed,
        .payload = payload,
        .payload_bytes = payload_bytes,
    };

    for (uint32_t i = 0; i < payload_bytes; i++)
        payload[i] = ring_fixture_byte(seed, i);
    int error = vmbus_tx_reserve(&f->tx, vmbus_tx_len(&pkt) + VMBUS_PKT_TRAILER_BYTES, 0);
    if (error == 0)
        vmbus_tx_write(&f->tx, &pkt);
    return error;
}

void ring_fixture_expect(struct ring_fixture *f, uint32_t payload_bytes, uint8_t seed)
{
    struct vmbus_rx_view view = {0};

    assert_int_equal(vmbus_rx_peek(&f->rx, &view), 1);
    assert_int_equal(view.desc.type, VMBUS_PKT_INBAND);
    assert_int_equal(view.desc.flags, 0);
    assert_int_equal(view.desc.xid, 0x1122334455667700u + seed);
    assert_int_equal(view.header_bytes, 16);
    assert_int_equal(view.len_bytes, 16 + (payload_bytes + 7) / 8 * 8);
    for (uint32_t i = 16; i < view.len_bytes; i++) {
        uint8_t want = i - 16 < payload_bytes ? ring_fixture_byte(seed, i - 16) : 0;
        if (view.bytes[i] != want)
            fail_msg("byte %u of %u: 0x%02x, not 0x%02x", i, view.len_bytes, view.bytes[i], want);
    }
    vmbus_rx_consume(&f->rx, &view);
}
