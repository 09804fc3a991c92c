/* SPDX-License-Identifier: BSD-3-Clause */
/* Who must be woken, when: new packets, room, masks. One needless signal is as wrong as one
 * missing. */
#include "ring_fixture.h"

#define SIZE 8192u

static struct ring_fixture f;

#define with_ring(test) with_ring_fixture(test, &f)

/* ---- new packets ----------------------------------------------------------------------------- */

static void signal_truth_table(void **state)
{
    static const struct {
        uint32_t mask;
        uint32_t before; /* packets published and not consumed when the batch starts */
        uint32_t batch;
        bool signal;
    } rows[] = {
        {0, 0, 0, false}, {0, 0, 1, true},  {0, 0, 3, true},  {0, 1, 1, false}, {0, 2, 3, false},
        {1, 0, 0, false}, {1, 0, 1, false}, {1, 0, 3, false}, {1, 1, 1, false}, {7, 0, 1, false},
    };

    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        ring_fixture_restart(&f, 64);
        for (uint32_t n = 0; n < rows[i].before; n++)
            ring_fixture_send(&f, 40, 0);
        vmbus_tx_publish(&f.tx);
        atomic_store(&f.ctl->interrupt_mask, rows[i].mask);
        for (uint32_t n = 0; n < rows[i].batch; n++)
            ring_fixture_send(&f, 40, 0);
        if (vmbus_tx_publish(&f.tx) != rows[i].signal)
            fail_msg("row %zu: signal should be %d", i, rows[i].signal);
    }
}

static void batch_counts_from_its_first_packet(void **state)
{
    (void)state;
    ring_fixture_send(&f, 40, 0);
    assert_true(vmbus_tx_publish(&f.tx));
    ring_fixture_send(&f, 40, 1);
    ring_fixture_send(&f, 40, 2);
    /* The host has read the first packet of three: the ring was empty before this batch. */
    atomic_store(&f.ctl->read_index, 64);
    assert_true(vmbus_tx_publish(&f.tx));
    ring_fixture_send(&f, 40, 3);
    /* It has read into the batch before: it is at work. */
    atomic_store(&f.ctl->read_index, 128);
    assert_false(vmbus_tx_publish(&f.tx));
}

static void nothing_new_publishes_nothing(void **state)
{
    (void)state;
    atomic_store(&f.ctl->write_index, 0xBAD); /* a store would show */
    assert_false(vmbus_tx_publish(&f.tx));
    assert_int_equal(atomic_load(&f.ctl->write_index), 0xBAD);
    atomic_store(&f.ctl->read_index, 0xBAD);
    assert_false(vmbus_rx_publish(&f.rx));
    assert_int_equal(atomic_load(&f.ctl->read_index), 0xBAD);
}

/* ---- room for the host ----------------------------------------------------------------------- */

/* The host has (packets) of 1000 bytes in the ring, 1024 with all; we give (take) of them back. */
static bool give_back(uint32_t packets, uint32_t take, uint32_t pending, uint32_t features)
{
    ring_fixture_restart(&f, 4096);
    for (uint32_t n = 0; n < packets; n++)
        assert_int_equal(ring_fixture_send(&f, 1000, 0), 0);
    vmbus_tx_publish(&f.tx);
    for (uint32_t n = 0; n < take; n++)
        ring_fixture_expect(&f, 1000, 0);
    atomic_store(&f.ctl->interrupt_mask, 1); /* which must not matter */
    atomic_store(&f.ctl->pending_send_size, pending);
    atomic_store(&f.ctl->feature_bits, features);
    return vmbus_rx_publish(&f.rx);
}

static void room_signal_truth_table(void **state)
{
    /* 7 packets leave 1024 bytes free, each one given back 1024 more. */
    static const struct {
        uint32_t take;
        uint32_t pending;
        bool signal;
    } rows[] = {
        {1, 0, false},        {1, 1016, false}, /* had that much room before */
        {1, 1024, true},      {1, 2040, true},  {1, 2047, true},
        {1, 2048, false}, /* needs more than 2048, has 2048 */
        {2, 2048, true},      {0, 2048, false}, {7, SIZE - 1, true}, /* "wake me when empty" */
        {6, SIZE - 1, false}, {7, SIZE, false}, {7, UINT32_MAX, false},
    };

    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        if (give_back(7, rows[i].take, rows[i].pending, 1) != rows[i].signal)
            fail_msg("row %zu: signal should be %d", i, rows[i].signal);
    }
}

static void room_is_not_signalled_without_the_feature(void **state)
{
    (void)state;
    assert_true(give_back(7, 1, 1024, VMBUS_RING_FEATURE_PENDING));
    assert_false(give_back(7, 1, 1024, 0));
}

static void room_is_signalled_once_per_crossing(void **state)
{
    (void)state;
    assert_true(give_back(7, 1, 1024, 1));
    ring_fixture_expect(&f, 1000, 0);
    assert_false(vmbus_rx_publish(&f.rx)); /* still pending, but it had the room before */
}

/* ---- room for us ----------------------------------------------------------------------------- */

static void fill(void)
{
    while (ring_fixture_send(&f, 1000, 0) == 0) {
    }
    vmbus_tx_publish(&f.tx);
}

static void refused_packet_is_asked_room_for_before_sleeping(void **state)
{
    (void)state;
    fill();
    assert_int_equal(atomic_load(&f.ctl->pending_send_size),
                     0); /* polling: the host need not know */
    assert_true(vmbus_tx_block(&f.tx));
    assert_int_equal(atomic_load(&f.ctl->pending_send_size), 1024);
    ring_fixture_expect(&f, 1000, 0);
    assert_true(vmbus_rx_publish(&f.rx)); /* what the host would now signal */
    assert_int_equal(ring_fixture_send(&f, 1000, 0), 0);
    assert_int_equal(atomic_load(&f.ctl->pending_send_size), 0);
    assert_false(vmbus_tx_block(&f.tx)); /* nothing is missing any more */
}

static void room_found_at_the_second_look_needs_no_sleep(void **state)
{
    (void)state;
    fill();
    ring_fixture_expect(&f, 1000, 0);
    vmbus_rx_publish(&f.rx);
    assert_false(vmbus_tx_block(&f.tx));
    assert_int_equal(atomic_load(&f.ctl->pending_send_size), 0);
    assert_int_equal(ring_fixture_send(&f, 1000, 0), 0);
}

static void smaller_packet_does_not_withdraw_the_request(void **state)
{
    (void)state;
    fill();
    assert_true(vmbus_tx_block(&f.tx));
    assert_int_equal(ring_fixture_send(&f, 40, 0), 0);
    assert_int_equal(atomic_load(&f.ctl->pending_send_size), 1024);
    assert_true(vmbus_tx_block(&f.tx));
}

static void request_is_withdrawn_however_the_room_was_noticed(void **state)
{
    (void)state;
    fill();
    assert_true(vmbus_tx_block(&f.tx));
    ring_fixture_expect(&f, 1000, 0);
    vmbus_rx_publish(&f.rx);
    assert_int_equal(vmbus_tx_refresh(&f.tx), 0); /* as vmbus_chan_ack_room() would */
    assert_int_equal(ring_fixture_send(&f, 1000, 0), 0);
    assert_int_equal(atomic_load(&f.ctl->pending_send_size), 0);
}

/* ---- masks ----------------------------------------------------------------------------------- */

static void mask_and_look_again(void **state)
{
    (void)state;
    vmbus_rx_mask(&f.rx);
    assert_int_equal(atomic_load(&f.ctl->interrupt_mask), 1);
    ring_fixture_send(&f, 40, 0);
    assert_false(vmbus_tx_publish(&f.tx)); /* not signalled ... */
    vmbus_rx_unmask(&f.rx);
    assert_int_equal(atomic_load(&f.ctl->interrupt_mask), 0);
    assert_true(vmbus_rx_pending(&f.rx)); /* ... so the second look must find it */
    ring_fixture_expect(&f, 40, 0);
    assert_false(vmbus_rx_pending(&f.rx)); /* even before it is given back */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_ring(signal_truth_table),
        with_ring(batch_counts_from_its_first_packet),
        with_ring(nothing_new_publishes_nothing),
        with_ring(room_signal_truth_table),
        with_ring(room_is_not_signalled_without_the_feature),
        with_ring(room_is_signalled_once_per_crossing),
        with_ring(refused_packet_is_asked_room_for_before_sleeping),
        with_ring(room_found_at_the_second_look_needs_no_sleep),
        with_ring(smaller_packet_does_not_withdraw_the_request),
        with_ring(request_is_withdrawn_however_the_room_was_noticed),
        with_ring(mask_and_look_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
