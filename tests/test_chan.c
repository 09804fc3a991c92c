/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets from the host over a channel: taken one by one and several at once, and a corrupt ring.
 */
#include <errno.h>
#include <string.h>

#include "chan_fixture.h"

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
    chan_teardown(NULL);
    chan_setup(NULL);
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

/* Up to the ring's end and not beyond; what ends just there leaves nothing behind. */
static void known_packets_are_shown_where_they_lie(void **state)
{
    struct vmbus_known known;

    (void)state;
    assert_int_equal(vmbus_chan_known(chan, &known), 0);
    for (unsigned i = 0; i < 3 * FAKE_SIZE / 32; i++) {
        uint64_t xid;

        fake_host_put_inband(&fake, 0, 40 + i);
        assert_int_equal(vmbus_chan_known(chan, &known), 1);
        assert_int_equal(known.bytes, 32);
        memcpy(&xid, known.at + 8, sizeof(xid));
        assert_int_equal(xid, 40 + i);
        assert_false(vmbus_chan_take(chan, 32, 1));
        vmbus_chan_recv_done(chan);
    }
    assert_int_equal(vmbus_chan_known(chan, &known), 0);
    fake_host_put_inband(&fake, 0, 1);
    fake_host_put_inband(&fake, 0, 2);
    assert_int_equal(vmbus_chan_known(chan, &known), 1);
    assert_int_equal(known.bytes, 64);
    assert_true(vmbus_chan_take(chan, 32, 1));
    assert_int_equal(vmbus_chan_stats(chan)->rx_packets, 3 * FAKE_SIZE / 32 + 1);
}

static void known_packets_of_a_corrupt_ring_are_not_shown(void **state)
{
    struct vmbus_known known;

    (void)state;
    atomic_store(&fake.chan[0].to_guest->write_index, FAKE_SIZE);
    assert_int_equal(vmbus_chan_known(chan, &known), -EPROTO);
    assert_int_equal(vmbus_chan_known(chan, &known), -EPROTO);
    assert_int_equal(vmbus_chan_stats(chan)->bad_ring, 1);
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
        with_chan(known_packets_are_shown_where_they_lie),
        with_chan(known_packets_of_a_corrupt_ring_are_not_shown),
        with_chan(several_packets_are_taken_at_once),
        with_chan(good_packets_before_a_bad_one_are_taken),
        with_chan(packets_given_back_come_again_and_keep_their_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
