/* SPDX-License-Identifier: BSD-3-Clause */
/* A host that writes nonsense: every index and every descriptor field, one by one. */
#include <stdlib.h>

#include "ring_fixture.h"

#define SIZE 8192u

static struct ring_fixture f;

#define with_ring(test) with_ring_fixture(test, &f)

/* Corrupt now and for good, though the host mends its ways. */
static void expect_dead_rx(void)
{
    struct vmbus_rx_view view = {0};

    assert_int_equal(vmbus_rx_peek(&f.rx, &view), -EPROTO);
    atomic_store(&f.ctl->write_index, f.rx.read);
    assert_int_equal(vmbus_rx_peek(&f.rx, &view), -EPROTO);
    assert_true(vmbus_rx_pending(&f.rx)); /* nobody sleeps on a dead ring */
}

static void write_index_must_be_inside_and_aligned(void **state)
{
    static const uint32_t bad[] = {1, 4, 12, SIZE - 4, SIZE, SIZE + 8, 1u << 31, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < countof(bad); i++) {
        ring_fixture_restart(&f, 0);
        atomic_store(&f.ctl->write_index, bad[i]);
        expect_dead_rx();
    }
}

/* It may not run over what we have not given back; that is also why one bounce buffer is enough. */
static void write_index_must_stay_out_of_what_we_still_hold(void **state)
{
    struct vmbus_rx_view view = {0};

    (void)state;
    for (uint32_t lie = 0; lie <= 128; lie += 8) {
        ring_fixture_restart(&f, SIZE - 64);
        ring_fixture_send(&f, 40, 0);
        ring_fixture_send(&f, 40, 1);
        vmbus_tx_publish(&f.tx);
        ring_fixture_expect(&f, 40, 0);
        ring_fixture_expect(&f, 40, 1);
        for (uint32_t at = 0; at < SIZE; at += 8) /* whatever it would read is a good packet */
            memcpy(f.data + at, &(uint64_t){0x0000000200020006}, 8);
        atomic_store(&f.ctl->write_index, (SIZE - 64 + lie) % SIZE);
        if (lie == 128)
            assert_int_equal(vmbus_rx_peek(&f.rx, &view), 0); /* where it was: no lie */
        else
            expect_dead_rx();
    }
}

static void descriptor_fields_must_fit_each_other_and_the_ring(void **state)
{
    static const struct {
        uint16_t header_qwords;
        uint16_t total_qwords;
        uint32_t used;
        int result;
    } rows[] = {
        {2, 7, 64, 1},
        {2, 2, 24, 1},
        {0, 7, 64, -EPROTO},
        {1, 7, 64, -EPROTO},
        {8, 7, 64, -EPROTO},
        {2, 0, 64, -EPROTO},
        {2, 1, 64, -EPROTO},
        {0, 0, 64, -EPROTO},
        {2, 8, 64, -EPROTO},
        {2, 0xFFFF, 64, -EPROTO},
        {0xFFFF, 0xFFFF, 8184, -EPROTO},
        {2, 2, 8, -EPROTO},
        {2, 2, 16, -EPROTO},
        {7, 7, 64, 1},
        {2, 578, 8184, 1}, /* 4624, the longest */
        {2, 579, 8184, -EPROTO},
    };
    struct vmbus_rx_view view = {0};

    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        for (uint32_t start = 0; start < SIZE; start += SIZE - 8) {
            ring_fixture_restart(&f, start);
            struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_INBAND,
                                          .header_qwords = rows[i].header_qwords,
                                          .total_qwords = rows[i].total_qwords};
            for (uint32_t b = 0; b < sizeof(desc); b++)
                f.data[(start + b) % SIZE] = ((const uint8_t *)&desc)[b];
            atomic_store(&f.ctl->write_index, (start + rows[i].used) % SIZE);
            if (vmbus_rx_peek(&f.rx, &view) != rows[i].result)
                fail_msg("row %zu at %u: should be %d", i, start, rows[i].result);
            if (rows[i].result < 0)
                expect_dead_rx();
        }
    }
}

static void read_index_must_be_inside_and_aligned(void **state)
{
    static const uint32_t bad[] = {1, 4, 60, SIZE - 4, SIZE, SIZE + 8, 1u << 31, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < countof(bad); i++) {
        ring_fixture_restart(&f, 0);
        ring_fixture_send(&f, 40, 0);
        vmbus_tx_publish(&f.tx);
        atomic_store(&f.ctl->read_index, bad[i]);
        assert_int_equal(vmbus_tx_refresh(&f.tx), -EPROTO);
        atomic_store(&f.ctl->read_index, 0);
        assert_int_equal(vmbus_tx_refresh(&f.tx), -EPROTO); /* for good */
        assert_int_equal(vmbus_tx_reserve_slow(&f.tx, SIZE), -EPROTO);
    }
}

static void read_index_must_not_pass_what_was_published_nor_go_back(void **state)
{
    (void)state;
    for (uint32_t at = 0; at < SIZE; at += 8) {
        ring_fixture_restart(&f, SIZE - 128);
        ring_fixture_send(&f, 40, 0);
        ring_fixture_send(&f, 40, 1);
        ring_fixture_send(&f, 40, 2);
        vmbus_tx_publish(&f.tx); /* 64 .. is the end of the third */
        atomic_store(&f.ctl->read_index, SIZE - 64);
        assert_int_equal(vmbus_tx_refresh(&f.tx), 0);
        ring_fixture_send(&f, 40, 3); /* written, not published: not the host's to consume */
        atomic_store(&f.ctl->read_index, at);
        bool fair = at >= SIZE - 64 || at <= 64;
        assert_int_equal(vmbus_tx_refresh(&f.tx), fair ? 0 : -EPROTO);
    }
}

/* A lie told while we give room back must neither signal nor crash. */
static void write_index_is_checked_before_room_is_computed(void **state)
{
    /* Each with a wish that would be signalled if room were computed from it. */
    static const uint32_t bad[] = {3, SIZE, UINT32_MAX};
    static const uint32_t pending[] = {32, 32, SIZE + 8};
    struct vmbus_rx_view view = {0};

    (void)state;
    for (size_t i = 0; i < countof(bad); i++) {
        ring_fixture_restart(&f, 0);
        ring_fixture_send(&f, 40, 0);
        vmbus_tx_publish(&f.tx);
        ring_fixture_expect(&f, 40, 0);
        atomic_store(&f.ctl->pending_send_size, pending[i]);
        atomic_store(&f.ctl->write_index, bad[i]);
        assert_false(vmbus_rx_publish(&f.rx));
        atomic_store(&f.ctl->write_index, 64); /* too late to be good */
        assert_int_equal(vmbus_rx_peek(&f.rx, &view), -EPROTO);
    }
}

static void memory_that_is_no_ring_is_refused(void **state)
{
    struct vmbus_tx_ring tx;
    struct vmbus_rx_ring rx;

    (void)state;
    ring_fixture_teardown(&f);
    ring_fixture_setup(&f, 4, 0);
    uint8_t *base = f.base;
    assert_int_equal(vmbus_tx_init(&tx, NULL, f.len_bytes), -EINVAL);
    assert_int_equal(vmbus_tx_init(&tx, base + 8, f.len_bytes - 4096), -EINVAL);
    assert_int_equal(vmbus_tx_init(&tx, base, f.len_bytes - 8), -EINVAL);
    assert_int_equal(vmbus_tx_init(&tx, base, 2 * 4096), -EINVAL);
    assert_int_equal(vmbus_tx_init(&tx, base, 0), -EINVAL);
    assert_int_equal(vmbus_rx_init(&rx, NULL, f.len_bytes, f.bounce), -EINVAL);
    assert_int_equal(vmbus_rx_init(&rx, base, 2 * 4096, f.bounce), -EINVAL);
    atomic_store(&f.ctl->read_index, f.tx.size_bytes);
    assert_int_equal(vmbus_tx_init(&tx, base, f.len_bytes), -EPROTO);
    assert_int_equal(vmbus_rx_init(&rx, base, f.len_bytes, f.bounce), -EPROTO);
    atomic_store(&f.ctl->read_index, 0);
    atomic_store(&f.ctl->write_index, 4);
    assert_int_equal(vmbus_tx_init(&tx, base, f.len_bytes), -EPROTO);
}

/* Random control pages and random bytes: no outcome is wrong but a crash or an endless walk. */
static void random_rings_are_walked_within_bounds(void **state)
{
    struct vmbus_rx_view view = {0};
    uint32_t rng = 12345;
    unsigned taken = 0;

    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        rng = rng * 1664525u + 1013904223u;
        ring_fixture_restart(&f, (rng >> 8) % (SIZE / 8) * 8);
        for (uint32_t at = 0; at < SIZE; at += 8) {
            rng = rng * 1664525u + 1013904223u;
            struct vmbus_pkt_desc desc = {.header_qwords = (uint16_t)(2 + (rng >> 30)),
                                          .total_qwords = (uint16_t)((rng >> 20) % 64)};
            memcpy(f.data + at, &desc, 8);
        }
        unsigned steps = 0;
        atomic_store(&f.ctl->write_index, (rng >> 7) % (SIZE / 8) * 8);
        while (vmbus_rx_peek(&f.rx, &view) == 1) {
            assert_true(view.len_bytes <= VMBUS_PKT_BYTES_MAX &&
                        view.header_bytes <= view.len_bytes);
            taken += view.bytes[view.len_bytes - 1] & 1u; /* for the sanitizer */
            vmbus_rx_consume(&f.rx, &view);
            assert_true(++steps <= SIZE / 24);
        }
    }
    (void)taken;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_ring(write_index_must_be_inside_and_aligned),
        with_ring(write_index_must_stay_out_of_what_we_still_hold),
        with_ring(descriptor_fields_must_fit_each_other_and_the_ring),
        with_ring(read_index_must_be_inside_and_aligned),
        with_ring(read_index_must_not_pass_what_was_published_nor_go_back),
        with_ring(write_index_is_checked_before_room_is_computed),
        with_ring(memory_that_is_no_ring_is_refused),
        with_ring(random_rings_are_walked_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
