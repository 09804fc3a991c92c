/* SPDX-License-Identifier: BSD-3-Clause */
/* Transmit, with the test as host: what lies in the section and on the ring, and who owns a section
 * when. */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "hex.h"
#include "netif_wire.h"
#include "netvsc_look.h"
#include "netvsc_tx_var.h"

#define MTU 1500u
#define HEADER_BYTES 44u

/* Complete everything the guest has sent; returns how many data packets there were. */
static unsigned complete_all(struct wire *w)
{
    struct wire_packet pkt;
    unsigned count = 0;

    while (wire_get(w, &pkt)) {
        if (pkt.desc.type != VMBUS_PKT_INBAND)
            continue;
        wire_complete_rndis(w, pkt.desc.xid, NVS_STATUS_SUCCESS);
        count++;
    }
    while (wire_poll(w)) {
    }
    return count;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* Vector 6 without its per-packet info, in section 0 and not 3, hence 0x68 for 0x88 bytes. */
static const char PACKET[] = "06 00 02 00 07 00 01 00  00 00 00 00 00 00 00 00"
                             "6b 00 00 00 00 00 00 00  00 00 00 00 68 00 00 00"
                             "00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00"
                             "00 00 00 00 00 00 00 00";
static const char SECTION[] = "01 00 00 00 68 00 00 00  24 00 00 00 3c 00 00 00"
                              "00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00"
                              "00 00 00 00 00 00 00 00  00 00 00 00 00 15 5d 00"
                              "00 02 00 15 5d 00 00 01  08 00 45 00 00 2e 00 01"
                              "40 00 40 06 00 00 0a 00  00 01 0a 00 00 02 13 88"
                              "00 50 00 00 00 01 00 00  00 00 50 02 ff ff 14 23"
                              "00 00 68 65 6c 6c 6f 21";

static void the_frame_of_vector_6_lies_in_its_section_byte_for_byte(void **state)
{
    struct netvsc_slot slot;
    struct wire_packet pkt;
    uint8_t want[104];
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    hex_parse(SECTION, want, sizeof(want));
    assert_int_equal(netvsc_tx_begin(w.nic, 60, &slot), 0);
    w.begins++;
    memcpy(slot.data, want + HEADER_BYTES, 60);
    netvsc_tx_commit(w.nic, &slot, 60);
    wire_expect_nothing(&w); /* unseen until the flush */
    netvsc_flush(w.nic);
    check_hex(wire_take_data(&w, &pkt), sizeof(want), SECTION);
    memset(pkt.raw + 8, 0, 8); /* the transaction id is ours to choose */
    check_hex(pkt.raw, pkt.bytes - VMBUS_PKT_TRAILER_BYTES, PACKET);
    wire_close(&w);
}

static void every_size_arrives_whole_and_padded_with_zeros(void **state)
{
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    for (uint32_t len = 14; len <= MTU + 14; len++) {
        uint32_t wire_bytes = len < 60 ? 60 : len;
        const uint8_t *section;
        struct wire_packet pkt;
        uint32_t i;

        memset(w.t.send.base, 0xEE, w.t.send.len_bytes);
        assert_int_equal(wire_send(&w, len, 0x5A), 0);
        netvsc_flush(w.nic);
        section = wire_take_data(&w, &pkt);
        assert_int_equal(wire_word(&pkt, 12), HEADER_BYTES + wire_bytes);
        assert_int_equal(((const struct rndis_packet *)(const void *)section)->data_bytes,
                         wire_bytes);
        for (i = 0; i < len; i++)
            assert_int_equal(section[HEADER_BYTES + i], 0x5A);
        for (; i < wire_bytes; i++)
            assert_int_equal(section[HEADER_BYTES + i], 0);
        assert_int_equal(section[HEADER_BYTES + i], 0xEE); /* and not a byte more */
        wire_complete_rndis(&w, pkt.desc.xid, NVS_STATUS_SUCCESS);
        wire_poll(&w);
    }
    assert_int_equal(wire_stats(&w).tx_completed, MTU + 1);
    assert_int_equal(wire_stats(&w).tx_padded, 60 - 14);
    wire_close(&w);
}

static void too_short_and_too_long_are_refused_and_counted(void **state)
{
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    assert_int_equal(wire_send(&w, 0, 1), -EMSGSIZE);
    assert_int_equal(wire_send(&w, 13, 1), -EMSGSIZE);
    assert_int_equal(wire_send(&w, MTU + 15, 1), -EMSGSIZE);
    assert_int_equal(wire_send(&w, 0xFFFFFFFF, 1), -EMSGSIZE);
    assert_int_equal(wire_stats(&w).tx_drop_size, 4);
    netvsc_flush(w.nic);
    wire_expect_nothing(&w);
    wire_close(&w);
}

static void a_small_send_section_bounds_the_mtu(void **state)
{
    const struct wire_options options = {
        .mtu_bytes = 9000, .max_frame_bytes = 9000, .send_section_bytes = 6144};
    struct wire w;

    (void)state;
    wire_up(&w, &options);
    assert_int_equal(netvsc_info(w.nic)->mtu_bytes, 6144 - 44 - 48 - 14); /* 48: elements */
    assert_int_equal(wire_send(&w, 6052, 1), 0);
    assert_int_equal(wire_send(&w, 6053, 1), -EMSGSIZE);
    wire_close(&w);
}

static void nothing_is_sent_before_up(void **state)
{
    struct wire w;

    (void)state;
    wire_open(&w, NULL);
    assert_int_equal(wire_send(&w, 60, 1), -ENETDOWN);
    wire_attach(&w);
    assert_int_equal(wire_send(&w, 60, 1), -ENETDOWN);
    assert_int_equal(wire_stats(&w).tx_drop_down, 2);
    wire_close(&w);
}

/* ---- sections and ring ----------------------------------------------------------------------- */

static void when_sections_run_out_begin_says_so_and_recovers(void **state)
{
    const struct wire_options options = {.send_sections = 5};
    struct wire w;

    (void)state;
    wire_up(&w, &options);
    for (unsigned round = 1; round <= 3; round++) {
        for (unsigned i = 0; i < 5; i++)
            assert_int_equal(wire_send(&w, 60, 1), 0);
        assert_int_equal(wire_send(&w, 60, 1), -EAGAIN);
        assert_int_equal(netvsc_tx_outstanding(w.nic), 5);
        assert_int_equal(wire_stats(&w).tx_busy, round);
        netvsc_flush(w.nic);
        assert_int_equal(complete_all(&w), 5);
        assert_int_equal(netvsc_tx_outstanding(w.nic), 0);
    }
    wire_close(&w);
}

/*
 * A ring of 8192 bytes, 2048 of them kept for acks: what begin grants, commit must be able to send.
 */
static void begun_frames_have_their_ring_room(void **state)
{
    const struct wire_options options = {
        .ring_pages = 3, .recv_sections = 100, .send_sections = 400};
    struct netvsc_slot slots[400];
    unsigned count = 0;
    struct wire w;

    (void)state;
    wire_up(&w, &options);
    while (netvsc_tx_begin(w.nic, 60, &slots[count]) == 0)
        count++;
    w.begins += count + 1;
    assert_in_range(count, (8192 - 2048) / 64 - 2, (8192 - 2048) / 64);
    assert_int_equal(wire_stats(&w).tx_busy, 1);

    /* The host wants acks for more than the reserve holds: they must not take that room. */
    for (uint32_t i = 0; i < 90; i++)
        wire_deliver(&w, i, 60, 1);
    wire_poll(&w);
    wire_poll(&w);
    assert_int_equal(w.rx_count, 90);
    for (unsigned i = 0; i < count; i++)
        netvsc_tx_commit(w.nic, &slots[i], 60);
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).tx_lost, 0);
    assert_int_equal(netvsc_tx_outstanding(w.nic), count);
    assert_int_equal(complete_all(&w), count);
    assert_int_equal(wire_stats(&w).tx_completed, count);
    wire_close(&w);
}

static void a_control_request_waits_for_begun_frames(void **state)
{
    const struct wire_options options = {.ring_pages = 3, .send_sections = 400};
    struct netvsc_slot slots[400];
    unsigned count = 0;
    struct wire w;

    (void)state;
    wire_up(&w, &options);
    while (netvsc_tx_begin(w.nic, 60, &slots[count]) == 0)
        count++;
    w.begins += count + 1;
    netvsc_detach(w.nic, w.now_ns);
    wire_poll(&w);
    wire_expect_nothing(&w); /* "filter 0" would have taken the room of one */
    for (unsigned i = 0; i < count; i++)
        netvsc_tx_commit(w.nic, &slots[i], 60);
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).tx_lost, 0);
    assert_int_equal(netvsc_tx_outstanding(w.nic), count);
    wire_close(&w);
}

static void more_sections_than_the_driver_keeps_books_of_are_left_alone(void **state)
{
    const struct wire_options options = {
        .ring_pages = 100, .send_sections = 4200, .send_section_bytes = 176};
    struct netvsc_queue_look look;
    unsigned sent = 0;
    struct wire w;

    (void)state;
    wire_up(&w, &options);
    assert_int_equal(netvsc_info(w.nic)->send_sections, 4200);
    while (wire_send(&w, 60, 1) == 0)
        sent++;
    netvsc_queue_look(w.nic, 0, &look);
    assert_int_equal(sent, look.sections); /* how many depends on the processor's caches */
    assert_in_range(sent, 256, NETVSC_TX_SLOTS_MAX);
    wire_close(&w);
}

/* Room was looked at once for many frames; acks that took some of it since must be noticed. */
static void acks_take_back_the_room_that_was_seen(void **state)
{
    const struct wire_options options = {
        .ring_pages = 3, .recv_sections = 100, .send_sections = 400};
    struct wire w;
    unsigned sent = 1;

    (void)state;
    wire_up(&w, &options);
    assert_int_equal(wire_send(&w, 60, 1), 0);
    for (uint32_t i = 0; i < 90; i++)
        wire_deliver(&w, i, 60, 1);
    wire_poll(&w);
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).rx_acks, 90 + 8);
    while (wire_send(&w, 60, 1) == 0)
        sent++;
    assert_int_equal(wire_stats(&w).tx_lost, 0);
    netvsc_flush(w.nic);
    assert_int_equal(complete_all(&w), sent);
    wire_close(&w);
}

static void a_full_ring_is_busy_and_recovers_without_loss(void **state)
{
    const struct wire_options options = {.ring_pages = 3, .send_sections = 400};
    struct wire w;
    unsigned sent = 0;

    (void)state;
    wire_up(&w, &options);
    for (unsigned round = 0; round < 5; round++) {
        while (wire_send(&w, 60, 1) == 0)
            sent++;
        netvsc_flush(w.nic);
        complete_all(&w);
    }
    assert_true(sent > 400); /* not sections, the ring was the limit, and it came back */
    assert_int_equal(wire_stats(&w).tx_completed, sent);
    assert_int_equal(wire_stats(&w).tx_busy, 5);
    wire_close(&w);
}

static void cancel_gives_section_and_room_back(void **state)
{
    const struct wire_options options = {.ring_pages = 3, .send_sections = 3};
    struct netvsc_slot slot;
    struct wire w;

    (void)state;
    wire_up(&w, &options);
    for (unsigned i = 0; i < 500; i++) {
        assert_int_equal(netvsc_tx_begin(w.nic, 60, &slot), 0);
        netvsc_tx_cancel(w.nic, &slot);
        netvsc_tx_cancel(w.nic, &slot); /* twice does not count twice */
        w.begins++;
    }
    assert_int_equal(wire_stats(&w).tx_cancelled, 500);
    netvsc_flush(w.nic);
    wire_expect_nothing(&w);
    wire_close(&w);
}

static void one_flush_rings_once(void **state)
{
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    w.signals = 0;
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(wire_send(&w, 60, 1), 0);
    assert_int_equal(w.signals, 0);
    netvsc_flush(w.nic);
    netvsc_flush(w.nic);
    assert_int_equal(w.signals, 1);
    assert_int_equal(wire_send(&w, 60, 1), 0); /* the host has not read yet: it will find it */
    netvsc_flush(w.nic);
    assert_int_equal(w.signals, 1);
    wire_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_frame_of_vector_6_lies_in_its_section_byte_for_byte),
        cmocka_unit_test(every_size_arrives_whole_and_padded_with_zeros),
        cmocka_unit_test(too_short_and_too_long_are_refused_and_counted),
        cmocka_unit_test(a_small_send_section_bounds_the_mtu),
        cmocka_unit_test(nothing_is_sent_before_up),
        cmocka_unit_test(when_sections_run_out_begin_says_so_and_recovers),
        cmocka_unit_test(begun_frames_have_their_ring_room),
        cmocka_unit_test(a_control_request_waits_for_begun_frames),
        cmocka_unit_test(more_sections_than_the_driver_keeps_books_of_are_left_alone),
        cmocka_unit_test(acks_take_back_the_room_that_was_seen),
        cmocka_unit_test(a_full_ring_is_busy_and_recovers_without_loss),
        cmocka_unit_test(cancel_gives_section_and_room_back),
        cmocka_unit_test(one_flush_rings_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
