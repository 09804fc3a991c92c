/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets over a channel: what is received, the reserve for completions, the doorbell. */
#include <errno.h>
#include <string.h>

#include "fake_transport.h"

static struct fake_transport fake;
static struct vmbus_device *dev;
static struct vmbus_chan *chan;

static int setup(void **state)
{
    (void)state;
    fake_transport_setup(&fake);
    assert_int_equal(vmbus_device_create(&fake.t, &dev), 0);
    chan = vmbus_chan(dev, 0);
    assert_non_null(chan);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vmbus_close(dev);
    fake_transport_teardown(&fake);
    return 0;
}

#define with_chan(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static const uint64_t status = 0x100000006Cu; /* not looked at, only carried */

/* Send one in-band packet with (payload_bytes) of zeroes. */
static int send_bytes(uint32_t payload_bytes)
{
    static const uint8_t zeroes[VMBUS_PKT_BYTES_MAX];
    const struct vmbus_send pkt = {
        .type = VMBUS_PKT_INBAND, .xid = 1, .payload = zeroes, .payload_bytes = payload_bytes};
    return vmbus_chan_send(chan, &pkt);
}

/* ---- receiving ------------------------------------------------------------------------------- */

static void transfer_page_packet_is_taken_apart(void **state)
{
    /* Vector V7 without its last 32 bytes of payload: 2 ranges, completion wanted. */
    static const uint64_t v7[] = {0x0001000600050007, 20,         0x000000020000CAFE,
                                  0x00008D180000070E, 0x9426070E, 0x000000000000006B};
    struct vmbus_packet pkt = {0};

    (void)state;
    assert_int_equal(vmbus_chan_recv(chan, &pkt), 0);
    fake_host_put(&fake, 0, v7, sizeof(v7));
    assert_int_equal(vmbus_chan_recv(chan, &pkt), 1);
    assert_int_equal(pkt.type, VMBUS_PKT_XFER_PAGES);
    assert_int_equal(pkt.xid, 20);
    assert_int_equal(pkt.header_bytes, 24);
    assert_memory_equal(pkt.header, v7 + 2, 24);
    assert_int_equal(pkt.payload_bytes, 8);
    assert_memory_equal(pkt.payload, v7 + 5, 8);
    assert_int_equal(vmbus_chan_recv(chan, &pkt), 0);
    assert_int_equal(vmbus_chan_stats(chan)->rx_packets, 1);
}

static void unknown_types_and_flags_are_handed_on(void **state)
{
    static const uint64_t odd[] = {0xFFFE0002000200EEu, 7};
    struct vmbus_packet pkt = {0};

    (void)state;
    fake_host_put(&fake, 0, odd, sizeof(odd));
    assert_int_equal(vmbus_chan_recv(chan, &pkt), 1);
    assert_int_equal(pkt.type, 0xEE);
    assert_int_equal(pkt.header_bytes, 0);
    assert_int_equal(pkt.payload_bytes, 0);
}

static void room_is_given_back_only_when_told(void **state)
{
    struct vmbus_packet pkt = {0};

    (void)state;
    fake_host_put_inband(&fake, 0, 1);
    fake_host_put_inband(&fake, 0, 2);
    assert_int_equal(vmbus_chan_recv(chan, &pkt), 1);
    assert_int_equal(vmbus_chan_recv(chan, &pkt), 1);
    assert_int_equal(atomic_load(&fake.chan[0].to_guest->read_index), 0);
    vmbus_chan_recv_done(chan);
    assert_int_equal(atomic_load(&fake.chan[0].to_guest->read_index), 64);
}

static void host_waiting_for_room_is_signalled_despite_its_mask(void **state)
{
    struct vmbus_packet pkt = {0};

    (void)state;
    for (unsigned i = 0; i < 255; i++)
        fake_host_put_inband(&fake, 0, i); /* 32 bytes each: 32 are left */
    atomic_store(&fake.chan[0].to_guest->pending_send_size, 63);
    atomic_store(&fake.chan[0].to_host->interrupt_mask, 1);
    assert_int_equal(vmbus_chan_recv(chan, &pkt), 1);
    vmbus_chan_recv_done(chan);
    assert_int_equal(vmbus_chan_stats(chan)->tx_room_doorbells, 1);
    assert_int_equal(fake_monitor_word(&fake, 2), 0x20);
    assert_int_equal(vmbus_chan_recv(chan, &pkt), 1);
    vmbus_chan_recv_done(chan);
    assert_int_equal(vmbus_chan_stats(chan)->tx_room_doorbells, 1); /* it had the room */
}

static void corrupt_ring_kills_the_channel_and_is_counted_once(void **state)
{
    struct vmbus_packet pkt = {0};

    (void)state;
    assert_int_equal(send_bytes(40), 0);
    atomic_store(&fake.chan[0].to_guest->write_index, 12);
    assert_int_equal(vmbus_chan_recv(chan, &pkt), -EPROTO);
    atomic_store(&fake.chan[0].to_guest->write_index, 0);
    assert_int_equal(vmbus_chan_recv(chan, &pkt), -EPROTO);
    assert_int_equal(send_bytes(40), -EPROTO);
    assert_int_equal(vmbus_chan_complete(chan, 1, &status, 8), -EPROTO);
    assert_int_equal(vmbus_chan_flush(chan), -EIO);
    assert_int_equal(vmbus_chan_ack_room(chan, 5), 0);
    assert_false(vmbus_chan_tx_drained(chan));
    vmbus_chan_recv_done(chan);
    assert_int_equal(vmbus_chan_stats(chan)->bad_ring, 1);
    assert_int_equal(atomic_load(&fake.chan[0].to_host->write_index), 0); /* never published */
}

static void corrupt_read_index_kills_the_channel_too(void **state)
{
    (void)state;
    atomic_store(&fake.chan[0].to_host->read_index, 8); /* nothing was published */
    while (send_bytes(1000) == 0) {
    }
    assert_int_equal(send_bytes(1000), -EPROTO);
    assert_int_equal(vmbus_chan_stats(chan)->bad_ring, 1);
    assert_int_equal(vmbus_chan_stats(chan)->tx_ring_full, 0);
    /* In both directions: what waits on the good ring is not taken any more. */
    struct vmbus_packet pkt = {0};
    fake_host_put_inband(&fake, 0, 1);
    assert_int_equal(vmbus_chan_recv(chan, &pkt), -EPROTO);
    assert_false(vmbus_irq_arm(dev));
    assert_int_equal(fake.enables, 0);
}

static void corrupt_read_index_is_found_by_every_question(void **state)
{
    (void)state;
    atomic_store(&fake.chan[0].to_host->read_index, FAKE_SIZE);
    assert_int_equal(vmbus_chan_ack_room(chan, UINT32_MAX), 0);
    assert_int_equal(vmbus_chan_stats(chan)->bad_ring, 1);
    teardown(NULL);
    setup(NULL);
    atomic_store(&fake.chan[0].to_host->read_index, FAKE_SIZE);
    assert_false(vmbus_chan_tx_drained(chan));
    assert_int_equal(vmbus_chan_stats(chan)->bad_ring, 1);
}

static void several_packets_are_taken_at_once(void **state)
{
    struct vmbus_packet pkt[3] = {0};

    (void)state;
    assert_int_equal(vmbus_chan_recv_some(chan, pkt, 3), 0);
    for (unsigned i = 0; i < 4; i++)
        fake_host_put_inband(&fake, 0, 40 + i);
    assert_int_equal(vmbus_chan_recv_some(chan, pkt, 3), 3);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pkt[i].xid, 40 + i);
    fake_host_put_inband(&fake, 0, 44);
    /* Fewer would say that there are no more: those that came since the last look, too. */
    assert_int_equal(vmbus_chan_recv_some(chan, pkt, 3), 2);
    assert_int_equal(pkt[0].xid, 43);
    assert_int_equal(pkt[1].xid, 44);
    assert_int_equal(vmbus_chan_recv_some(chan, pkt, 3), 0);
    assert_int_equal(vmbus_chan_stats(chan)->rx_packets, 5);
}

static void good_packets_before_a_bad_one_are_taken(void **state)
{
    static const uint64_t bad[] = {0x0000000300010006u, 9,
                                   0}; /* the header is shorter than itself */
    struct vmbus_packet pkt[3] = {0};

    (void)state;
    fake_host_put_inband(&fake, 0, 41);
    fake_host_put_inband(&fake, 0, 42);
    fake_host_put(&fake, 0, bad, sizeof(bad));
    assert_int_equal(vmbus_chan_recv_some(chan, pkt, 3), 2);
    assert_int_equal(pkt[1].xid, 42);
    assert_int_equal(vmbus_chan_recv_some(chan, pkt, 3), -EPROTO);
    assert_int_equal(vmbus_chan_stats(chan)->bad_ring, 1);
}

/* Wherever they lie, around the end, too. */
static void packets_given_back_come_again_and_keep_their_room(void **state)
{
    struct vmbus_packet pkt[4] = {0};
    uint32_t at = 24;

    (void)state;
    fake_host_put(&fake, 0, (const uint64_t[]){0x0000000200020006u, 1}, 16); /* ragged from here */
    assert_int_equal(vmbus_chan_recv_some(chan, pkt, 4), 1);
    for (unsigned i = 0; i < FAKE_SIZE / 32 + 8; i++) {
        for (unsigned k = 0; k < 4; k++)
            fake_host_put_inband(&fake, 0, 10 * i + k);
        assert_int_equal(vmbus_chan_recv_some(chan, pkt, 4), 4);
        vmbus_chan_recv_back(chan, &pkt[1], 3);
        vmbus_chan_recv_done(chan);
        at = (at + 32) % FAKE_SIZE;
        assert_int_equal(atomic_load(&fake.chan[0].to_guest->read_index), at);
        assert_int_equal(vmbus_chan_recv_some(chan, pkt, 4), 3);
        for (unsigned k = 0; k < 3; k++)
            assert_int_equal(pkt[k].xid, 10 * i + k + 1);
        assert_memory_equal(pkt[2].payload, "\x11\x00\xff\xee\xdd\xcc\xbb\xaa", 8);
        vmbus_chan_recv_done(chan);
        at = (at + 96) % FAKE_SIZE;
    }
    assert_int_equal(vmbus_chan_stats(chan)->rx_packets, 1 + 4 * (FAKE_SIZE / 32 + 8));
}

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
        teardown(state);
        setup(state);
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
        teardown(state);
        setup(state);
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
        teardown(state);
        setup(state);
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
        with_chan(transfer_page_packet_is_taken_apart),
        with_chan(unknown_types_and_flags_are_handed_on),
        with_chan(room_is_given_back_only_when_told),
        with_chan(host_waiting_for_room_is_signalled_despite_its_mask),
        with_chan(corrupt_ring_kills_the_channel_and_is_counted_once),
        with_chan(corrupt_read_index_kills_the_channel_too),
        with_chan(corrupt_read_index_is_found_by_every_question),
        with_chan(several_packets_are_taken_at_once),
        with_chan(good_packets_before_a_bad_one_are_taken),
        with_chan(packets_given_back_come_again_and_keep_their_room),
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
