/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets to the host over a channel: room, the reserve for completions, the doorbell. */
#include <errno.h>
#include <string.h>

#include "chan_fixture.h"

/* ---- room ------------------------------------------------------------------------------------ */

/* Byte for byte, also where it goes around the end: the first packet makes that happen. */
static void a_completion_is_the_same_anywhere_in_the_ring(void **state)
{
    for (uint32_t shift = 0; shift < 32; shift += 8) {
        uint32_t at = 24 + shift; /* descriptor, payload, trailer */

        assert_int_equal(send_bytes(shift), 0);
        for (unsigned i = 0; i < FAKE_SIZE / 32 + 1; i++) {
            const uint64_t want[4] = {0x000000030002000B, 1000 + i, status, (uint64_t)at << 32};

            assert_int_equal(vmbus_chan_complete(chan, 1000 + i, &status, 8), 0);
            assert_int_equal(vmbus_chan_flush(chan), 0);
            for (unsigned word = 0; word < 4; word++, at = (at + 8) % FAKE_SIZE)
                assert_memory_equal(fake.chan[0].to_host_data + at, &want[word], 8);
            fake_host_drain(&fake, 0);
        }
        chan_teardown(state);
        chan_setup(state);
    }
}

static void a_short_packet_is_the_same_anywhere_in_the_ring(void **state)
{
    for (uint32_t shift = 0; shift < 64; shift += 8) {
        uint32_t at = 24 + shift;

        assert_int_equal(send_bytes(shift), 0);
        for (unsigned i = 0; i < FAKE_SIZE / 64 + 1; i++) {
            const uint64_t want[8] = {0x0001000700020006, 1000 + i, status, status + i, 0, 0, 0,
                                      (uint64_t)at << 32};

            assert_int_equal(vmbus_chan_send_short(chan, 1000 + i, status, status + i), 0);
            assert_int_equal(vmbus_chan_flush(chan), 0);
            for (unsigned word = 0; word < 8; word++, at = (at + 8) % FAKE_SIZE)
                assert_memory_equal(fake.chan[0].to_host_data + at, &want[word], 8);
            fake_host_drain(&fake, 0);
        }
        assert_int_equal(vmbus_chan_stats(chan)->tx_packets, 1 + FAKE_SIZE / 64 + 1);
        chan_teardown(state);
        chan_setup(state);
    }
}

static void short_packets_leave_the_reserve(void **state)
{
    (void)state;
    while (vmbus_chan_send_short(chan, 1, status, 0) == 0)
        continue;
    assert_int_equal(vmbus_chan_send_short(chan, 1, status, 0), -EAGAIN);
    assert_int_equal(vmbus_chan_stats(chan)->tx_ring_full, 2);
    assert_true(vmbus_chan_ack_room(chan, UINT32_MAX) >= VMBUS_CHAN_RESERVE_ACKS);
}

static void completions_written_together_are_the_same(void **state)
{
    for (uint32_t shift = 0; shift < 32; shift += 8) {
        uint32_t at = 24 + shift, next = 0;

        assert_int_equal(send_bytes(shift), 0);
        while (next < FAKE_SIZE / 32 + 7) {
            struct vmbus_ack acks[7];

            for (unsigned i = 0; i < 7; i++)
                acks[i] = (struct vmbus_ack){.xid = 1000 + next + i, .payload = status + i};
            assert_true(vmbus_chan_ack_room(chan, UINT32_MAX) >= 7); /* it looks at the index */
            assert_int_equal(vmbus_chan_complete_all(chan, acks, 7), 7);
            assert_int_equal(vmbus_chan_flush(chan), 0);
            for (unsigned i = 0; i < 7; i++, next++) {
                const uint64_t want[4] = {0x000000030002000B, 1000 + next, status + i,
                                          (uint64_t)at << 32};

                for (unsigned word = 0; word < 4; word++, at = (at + 8) % FAKE_SIZE)
                    assert_memory_equal(fake.chan[0].to_host_data + at, &want[word], 8);
            }
            fake_host_drain(&fake, 0);
        }
        chan_teardown(state);
        chan_setup(state);
    }
}

static void completions_that_find_no_room_are_left(void **state)
{
    struct vmbus_ack acks[300] = {{0}};

    (void)state;
    for (unsigned i = 1; i <= 3; i++) { /* from its beginning, then around its end */
        assert_int_equal(vmbus_chan_complete_all(chan, acks, 300), 255);
        assert_int_equal(vmbus_chan_stats(chan)->tx_ring_full, i);
        assert_int_equal(vmbus_chan_flush(chan), 0);
        fake_host_drain(&fake, 0);
        assert_int_equal(vmbus_chan_complete_all(chan, acks, 100), 100);
        assert_int_equal(vmbus_chan_flush(chan), 0);
        fake_host_drain(&fake, 0);
        assert_int_equal(vmbus_chan_ack_room(chan, UINT32_MAX), 255); /* it looks at the index */
    }
    assert_int_equal(vmbus_chan_stats(chan)->tx_packets, 3 * 355);
}

static void completions_have_a_reserve(void **state)
{
    (void)state;
    while (send_bytes(8) == 0) {
    }
    /* 8192 bytes of 32: all but the reserve and the unit that keeps full from looking empty. */
    assert_int_equal(vmbus_chan_stats(chan)->tx_packets, 256 - VMBUS_CHAN_RESERVE_ACKS - 1);
    assert_int_equal(vmbus_chan_stats(chan)->tx_ring_full, 1);
    assert_int_equal(vmbus_chan_ack_room(chan, 1000), VMBUS_CHAN_RESERVE_ACKS);
    for (unsigned i = 0; i < VMBUS_CHAN_RESERVE_ACKS; i++)
        assert_int_equal(vmbus_chan_complete(chan, i, &status, 8), 0);
    assert_int_equal(vmbus_chan_ack_room(chan, 1000), 0);
    assert_int_equal(vmbus_chan_complete(chan, 99, &status, 8), -EAGAIN);
}

static void ack_room_is_limited_and_looks_again(void **state)
{
    (void)state;
    assert_int_equal(vmbus_chan_ack_room(chan, 3), 3);
    assert_int_equal(vmbus_chan_ack_room(chan, UINT32_MAX), 255);
    for (unsigned i = 0; i < 255; i++)
        assert_int_equal(vmbus_chan_complete(chan, i, &status, 8), 0);
    assert_int_equal(vmbus_chan_flush(chan), 0);
    assert_int_equal(vmbus_chan_ack_room(chan, 9), 0);
    assert_int_equal(fake_host_drain(&fake, 0), 255);
    assert_int_equal(vmbus_chan_ack_room(chan, 9), 9);
}

static void refused_packet_leaves_no_trace(void **state)
{
    uint8_t before[2 * FAKE_HALF_BYTES];

    (void)state;
    while (send_bytes(1000) == 0) {
    }
    assert_int_equal(vmbus_chan_flush(chan), 0);
    memcpy(before, fake.chan[0].rings, sizeof(before));
    struct vmbus_chan_stats stats = *vmbus_chan_stats(chan);
    assert_int_equal(send_bytes(1000), -EAGAIN);
    assert_int_equal(vmbus_chan_flush(chan), 0);
    assert_memory_equal(before, fake.chan[0].rings, sizeof(before));
    stats.tx_ring_full++;
    assert_memory_equal(&stats, vmbus_chan_stats(chan), sizeof(stats));
}

static void packets_too_long_or_ragged_are_refused(void **state)
{
    struct vmbus_send pkt = {.type = VMBUS_PKT_GPA_DIRECT, .header = &status, .header_bytes = 4};

    (void)state;
    assert_int_equal(vmbus_chan_send(chan, &pkt), -EINVAL);
    pkt.header_bytes = 8;
    pkt.payload_bytes = VMBUS_PKT_BYTES_MAX - 16 - 7;
    assert_int_equal(vmbus_chan_send(chan, &pkt), -EINVAL);
    pkt.header_bytes = UINT32_MAX - 7; /* the sum would wrap */
    pkt.payload_bytes = 16;
    assert_int_equal(vmbus_chan_send(chan, &pkt), -EINVAL);
    assert_int_equal(vmbus_chan_complete(chan, 1, &status, VMBUS_PKT_BYTES_MAX), -EINVAL);
    assert_int_equal(send_bytes(VMBUS_PKT_BYTES_MAX - 16), 0);
    assert_int_equal(vmbus_chan_stats(chan)->tx_packets, 1);
}

static void drained_means_read_by_the_host(void **state)
{
    (void)state;
    assert_true(vmbus_chan_tx_drained(chan));
    assert_int_equal(send_bytes(40), 0);
    assert_true(vmbus_chan_tx_drained(chan)); /* nothing published */
    assert_int_equal(vmbus_chan_flush(chan), 0);
    assert_false(vmbus_chan_tx_drained(chan));
    assert_int_equal(fake_host_drain(&fake, 0), 1);
    assert_true(vmbus_chan_tx_drained(chan));
}

/* ---- the doorbell ---------------------------------------------------------------------------- */

/* Vector V16: monitor 69 is bit 5 of the word at offset 24. Relid 5 is bit 5 of the event word. */
static void monitored_channel_rings_in_the_monitor_page(void **state)
{
    (void)state;
    memset(fake.t.monitor_page.base + 24, 0x40, 1); /* another channel's bit */
    assert_int_equal(send_bytes(40), 0);
    assert_int_equal(fake_monitor_word(&fake, 2), 0x40);
    assert_int_equal(vmbus_chan_flush(chan), 0);
    assert_int_equal(fake_monitor_word(&fake, 2), 0x60);
    assert_int_equal(fake.t.monitor_page.base[24], 0x60);
    assert_int_equal(fake_event_word(&fake, 0), 1u << 5);
    assert_int_equal(fake.signals, 0);
    assert_int_equal(vmbus_chan_stats(chan)->tx_doorbells, 1);
}

static void doorbell_rings_once_per_flush_and_only_if_needed(void **state)
{
    (void)state;
    assert_int_equal(vmbus_chan_flush(chan), 0);
    assert_int_equal(vmbus_chan_stats(chan)->tx_doorbells, 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(send_bytes(40), 0);
    assert_int_equal(vmbus_chan_flush(chan), 0);
    assert_int_equal(vmbus_chan_stats(chan)->tx_doorbells, 1);
    assert_int_equal(send_bytes(40), 0);
    assert_int_equal(vmbus_chan_flush(chan), 0); /* the host is still at work */
    assert_int_equal(fake_host_drain(&fake, 0), 6);
    atomic_store(&fake.chan[0].to_host->interrupt_mask, 1);
    assert_int_equal(send_bytes(40), 0);
    assert_int_equal(vmbus_chan_flush(chan), 0); /* the host polls */
    assert_int_equal(vmbus_chan_stats(chan)->tx_doorbells, 1);
    assert_int_equal(vmbus_chan_stats(chan)->tx_no_doorbell, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_chan(completions_written_together_are_the_same),
        with_chan(completions_that_find_no_room_are_left),
        with_chan(a_completion_is_the_same_anywhere_in_the_ring),
        with_chan(a_short_packet_is_the_same_anywhere_in_the_ring),
        with_chan(short_packets_leave_the_reserve),
        with_chan(completions_have_a_reserve),
        with_chan(ack_room_is_limited_and_looks_again),
        with_chan(refused_packet_leaves_no_trace),
        with_chan(packets_too_long_or_ragged_are_refused),
        with_chan(drained_means_read_by_the_host),
        with_chan(monitored_channel_rings_in_the_monitor_page),
        with_chan(doorbell_rings_once_per_flush_and_only_if_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
