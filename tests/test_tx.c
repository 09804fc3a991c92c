/* SPDX-License-Identifier: BSD-3-Clause */
/* Transmit, with the test as host: what lies in the section and on the ring, and who owns a section
 * when. */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "hex.h"
#include "netif_wire.h"

#define MTU 1500u
#define HEADER_BYTES 44u

static uint32_t msg_word(const struct wire_packet *pkt, uint32_t off)
{
    uint32_t value;

    memcpy(&value, pkt->raw + 16 + off, sizeof(value));
    return value;
}

/* Take the guest's data packet and look at its NVSP message; returns the section's memory. */
static const uint8_t *take_data(struct wire *w, struct wire_packet *pkt)
{
    assert_true(wire_get(w, pkt));
    assert_int_equal(pkt->desc.type, VMBUS_PKT_INBAND);
    assert_int_equal(pkt->desc.flags, VMBUS_PKT_FLAG_COMPLETION);
    assert_int_not_equal(pkt->desc.xid, 0);
    assert_int_equal(msg_word(pkt, 0), NVS_MSG_RNDIS);
    assert_int_equal(msg_word(pkt, 4), NVS_RNDIS_DATA);
    assert_in_range(msg_word(pkt, 8), 0, w->options.send_sections - 1);
    return w->t.send.base + (size_t)msg_word(pkt, 8) * w->options.send_section_bytes;
}

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
    check_hex(take_data(&w, &pkt), sizeof(want), SECTION);
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
        section = take_data(&w, &pkt);
        assert_int_equal(msg_word(&pkt, 12), HEADER_BYTES + wire_bytes);
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
    assert_int_equal(netvsc_info(w.nic)->mtu_bytes, 6144 - 44 - 14);
    assert_int_equal(wire_send(&w, 6100, 1), 0);
    assert_int_equal(wire_send(&w, 6101, 1), -EMSGSIZE);
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

/* A ring of 8192 bytes, 2048 of them kept for acks: what begin grants, commit must be able to send.
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

/* ---- completions ----------------------------------------------------------------------------- */

static void completions_come_in_any_order(void **state)
{
    struct wire_packet pkt[3];
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(wire_send(&w, 60, 1), 0);
    netvsc_flush(w.nic);
    for (unsigned i = 0; i < 3; i++)
        take_data(&w, &pkt[i]);
    wire_complete_rndis(&w, pkt[1].desc.xid, NVS_STATUS_SUCCESS);
    wire_complete_rndis(&w, pkt[2].desc.xid, NVS_STATUS_FAILURE);
    wire_complete_rndis(&w, pkt[0].desc.xid, NVS_STATUS_SUCCESS);
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).tx_completed, 2);
    assert_int_equal(wire_stats(&w).tx_failed, 1);
    wire_close(&w);
}

static void foreign_and_repeated_completions_change_nothing(void **state)
{
    struct wire_packet pkt, next;
    struct wire w;
    uint64_t xid;

    (void)state;
    wire_up(&w, NULL);
    assert_int_equal(wire_send(&w, 60, 1), 0);
    netvsc_flush(w.nic);
    take_data(&w, &pkt);
    xid = pkt.desc.xid;
    const uint64_t foreign[] = {
        0,
        xid + 1,
        xid - 1,
        xid + (1ull << 32),
        xid - (1ull << 32),
        xid & 0xFFFFFFFF,
        ~0ull,
        0x80000000,
        33,
        (99ull << 32) | 0x80000000,
        xid | 0xFFFFFFFF,
        1ull << 63,
    };
    unsigned strays = 0;

    for (unsigned i = 0; i < countof(foreign); i++) {
        if (foreign[i] == xid)
            continue;
        wire_complete_rndis(&w, foreign[i], NVS_STATUS_SUCCESS);
        strays++;
    }
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).host_bad_xid, strays);
    assert_int_equal(netvsc_tx_outstanding(w.nic), 1);

    wire_complete_rndis(&w, xid, NVS_STATUS_SUCCESS);
    wire_complete_rndis(&w, xid, NVS_STATUS_SUCCESS);
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).host_bad_xid, strays + 1);
    assert_int_equal(netvsc_tx_outstanding(w.nic), 0);

    /* The section is used again at once, under another id: the old one stays dead. */
    assert_int_equal(wire_send(&w, 60, 1), 0);
    netvsc_flush(w.nic);
    take_data(&w, &next);
    assert_int_equal(msg_word(&next, 8), msg_word(&pkt, 8));
    assert_int_not_equal(next.desc.xid, xid);
    wire_complete_rndis(&w, xid, NVS_STATUS_SUCCESS);
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).host_bad_xid, strays + 2);
    assert_int_equal(netvsc_tx_outstanding(w.nic), 1);
    wire_close(&w);
}

static void a_completion_that_says_nothing_counts_as_failed(void **state)
{
    const uint32_t wrong[2] = {NVS_MSG_RNDIS, NVS_STATUS_SUCCESS};
    struct wire_packet pkt;
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(wire_send(&w, 60, 1), 0);
        netvsc_flush(w.nic);
        take_data(&w, &pkt);
        wire_complete(&w, pkt.desc.xid, wrong, i == 0 ? 0 : sizeof(wrong));
        wire_poll(&w);
    }
    assert_int_equal(wire_stats(&w).tx_failed, 2);
    assert_int_equal(wire_stats(&w).host_bad_packet, 2);
    assert_int_equal(netvsc_tx_outstanding(w.nic), 0);
    wire_close(&w);
}

/* ---- a device that goes ---------------------------------------------------------------------- */

static void what_was_outstanding_when_the_device_goes_is_lost_not_forgotten(void **state)
{
    struct netvsc_slot slot;
    struct wire_packet pkt;
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(wire_send(&w, 60, 1), 0);
    assert_int_equal(netvsc_tx_begin(w.nic, 60, &slot), 0);
    w.begins++;
    netvsc_flush(w.nic);
    take_data(&w, &pkt);
    w.gone = true;
    for (unsigned i = 0; i < 11; i++) /* asked every 10 ms */
        wire_poll(&w);
    assert_int_equal(netvsc_state(w.nic), NETVSC_GONE);
    assert_true(w.closed);
    netvsc_tx_commit(w.nic, &slot, 60); /* too late, and harmless */
    netvsc_tx_cancel(w.nic, &slot);
    assert_int_equal(wire_stats(&w).tx_lost, 3);
    assert_int_equal(wire_stats(&w).tx_cancelled, 1);
    assert_int_equal(wire_stats(&w).device_gone, 1);
    assert_int_equal(netvsc_info(w.nic)->mtu_bytes, 0);
    assert_int_equal(wire_send(&w, 60, 1), -ENETDOWN);

    /* A new device in its place: ids of the old one mean nothing to it. */
    wire_attach(&w);
    while (netvsc_state(w.nic) != NETVSC_UP) {
        struct wire_packet ask;

        wire_poll(&w);
        while (wire_get(&w, &ask))
            wire_answer(&w, &ask);
    }
    wire_complete_rndis(&w, pkt.desc.xid, NVS_STATUS_SUCCESS);
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).host_bad_xid, 1);
    assert_int_equal(wire_send(&w, 60, 1), 0);
    assert_int_equal(wire_stats(&w).attaches, 2);
    wire_close(&w);
}

static unsigned captured_sent, captured_received;

static void on_capture(void *ctx, bool sent, const struct netvsc_frame *frame)
{
    (void)ctx;
    assert_int_equal(frame->len_bytes, sent ? 42 : 61);
    captured_sent += sent;
    captured_received += !sent;
}

static void every_frame_is_shown_to_a_capture(void **state)
{
    struct netvsc_config config;
    struct wire_packet pkt;
    struct wire w;

    (void)state;
    wire_open(&w, NULL);
    config = w.config;
    config.capture = on_capture;
    netvsc_destroy(w.nic);
    assert_int_equal(netvsc_create(&config, &w.nic), 0);
    wire_attach(&w);
    while (netvsc_state(w.nic) != NETVSC_UP) {
        wire_poll(&w);
        while (wire_get(&w, &pkt))
            wire_answer(&w, &pkt);
    }
    assert_int_equal(wire_send(&w, 42, 1), 0);
    wire_deliver(&w, 5, 61, 1);
    wire_poll(&w);
    assert_int_equal(captured_sent, 1);
    assert_int_equal(captured_received, 1);
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
        cmocka_unit_test(a_full_ring_is_busy_and_recovers_without_loss),
        cmocka_unit_test(cancel_gives_section_and_room_back),
        cmocka_unit_test(one_flush_rings_once),
        cmocka_unit_test(completions_come_in_any_order),
        cmocka_unit_test(foreign_and_repeated_completions_change_nothing),
        cmocka_unit_test(a_completion_that_says_nothing_counts_as_failed),
        cmocka_unit_test(what_was_outstanding_when_the_device_goes_is_lost_not_forgotten),
        cmocka_unit_test(every_frame_is_shown_to_a_capture),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
