/* SPDX-License-Identifier: BSD-3-Clause */
/* Small frames written where they leave from, behind others: whatever happens between begin and
 * commit, they leave whole, in the order of their commits. The test is the host. */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "netif_wire.h"
#include "netvsc_var.h"

#define HEADER_BYTES 44u
#define SECTION_BYTES 2048u
#define FRAMES_MAX 8u /* the host says */

/* A frame on its way, as the host has to see it. */
struct sent {
    uint32_t len_bytes;
    uint32_t tci; /* + 1; 0 = no tag */
    uint8_t bytes[1600];
};

static struct sent expected[4096]; /* ring of those committed */
static unsigned committed, arrived;

/* ---- the host -------------------------------------------------------------------------------- */

/* One message with the next frame that was committed. Returns its length. */
static uint32_t check_message(const uint8_t *msg, uint32_t left)
{
    const struct sent *want = &expected[arrived++ % 4096];
    uint32_t wire_bytes = want->len_bytes < 60 ? 60 : want->len_bytes;
    struct rndis_packet head;
    uint32_t tag;

    assert_true(arrived <= committed);
    memcpy(&head, msg, sizeof(head));
    assert_int_equal(head.type, RNDIS_MSG_PACKET);
    assert_in_range(head.len_bytes, HEADER_BYTES, left);
    assert_int_equal(head.data_bytes, wire_bytes);
    assert_int_equal(head.ppi_bytes, want->tci ? RNDIS_PPI_BYTES : 0);
    assert_int_equal(head.data_off, RNDIS_PACKET_OFF_MIN + head.ppi_bytes);
    assert_true(head.data_off + 8 + wire_bytes <= head.len_bytes);
    if (want->tci) {
        memcpy(&tag, msg + HEADER_BYTES + RNDIS_PPI_DATA_OFF, sizeof(tag));
        assert_int_equal(tag, (want->tci - 1) << RNDIS_VLAN_ID_SHIFT);
    }
    assert_memory_equal(msg + 8 + head.data_off, want->bytes, want->len_bytes);
    for (uint32_t i = 8 + head.data_off + want->len_bytes; i < head.len_bytes; i++)
        assert_int_equal(msg[i], 0); /* padding of frame and message */
    return head.len_bytes;
}

static void check_packet(struct wire *w, const struct wire_packet *pkt)
{
    const uint8_t *section = w->t.send.base + (size_t)wire_word(pkt, 8) * SECTION_BYTES;
    const uint32_t bytes = wire_word(pkt, 12), align = 1u << w->options.align_shift;
    unsigned frames = 0;

    assert_true(bytes <= SECTION_BYTES);
    for (uint32_t at = 0; at < bytes; frames++) {
        assert_int_equal(at % align, 0);
        at += check_message(section + at, bytes - at);
    }
    assert_in_range(frames, 1, FRAMES_MAX);
}

/* Take and complete what there is; returns how many packets. */
static unsigned host_turn(struct wire *w)
{
    struct wire_packet pkt;
    unsigned count = 0;

    while (wire_get(w, &pkt)) {
        if (pkt.desc.type != VMBUS_PKT_INBAND || wire_word(&pkt, 0) != NVS_MSG_RNDIS)
            continue;
        check_packet(w, &pkt);
        wire_complete_rndis(w, pkt.desc.xid, NVS_STATUS_SUCCESS);
        count++;
    }
    return count;
}

static void up(struct wire *w, const struct wire_options *options)
{
    struct wire_options o = options ? *options : (struct wire_options){0};

    o.send_section_bytes = SECTION_BYTES;
    o.aggregate_bytes = 512;
    o.max_frame_bytes = 1500;
    committed = arrived = 0;
    wire_up(w, &o);
}

/* All that was committed has come, and the books balance. */
static void down(struct wire *w)
{
    netvsc_flush(w->nic);
    host_turn(w);
    while (wire_poll(w)) {
    }
    assert_int_equal(arrived, committed);
    assert_int_equal(netvsc_tx_outstanding(w->nic), 0);
    wire_close(w);
}

/* ---- the guest ------------------------------------------------------------------------------- */

struct draft {
    struct netvsc_slot slot;
    uint32_t len_bytes;
    uint32_t tci; /* + 1, beside it */
};

static int begin(struct wire *w, struct draft *d, uint32_t len_bytes)
{
    const struct netvsc_tx_meta meta = {.has_tci = d->tci != 0, .tci = (uint16_t)(d->tci - 1)};

    d->len_bytes = len_bytes;
    w->begins++;
    return d->tci ? netvsc_queue_tx_begin_meta(w->nic, 0, len_bytes, &meta, &d->slot)
                  : netvsc_tx_begin(w->nic, len_bytes, &d->slot);
}

static void fill(struct draft *d, uint8_t seed, bool tagged)
{
    for (uint32_t i = 0; i < d->len_bytes; i++)
        d->slot.data[i] = (uint8_t)(seed + i * 7);
    d->slot.data[0] &= 0xfe;
    if (d->len_bytes >= 18)
        memcpy(d->slot.data + 12, tagged ? "\x81\x00\x00\x33" : "\x88\xb5\x00\x00", 4);
}

static void commit(struct wire *w, struct draft *d)
{
    struct sent *s = &expected[committed++ % 4096];
    const uint8_t *at = d->slot.data;

    s->len_bytes = d->len_bytes;
    s->tci = d->tci;
    memcpy(s->bytes, at, d->len_bytes);
    if (d->len_bytes >= 16 && at[12] == 0x81 && at[13] == 0) {
        s->tci = 0x33 + 1;
        s->len_bytes -= 4;
        memcpy(s->bytes + 12, at + 16, d->len_bytes - 16);
    }
    netvsc_tx_commit(w->nic, &d->slot, d->len_bytes);
}

static void send(struct wire *w, uint32_t len_bytes, uint8_t seed)
{
    struct draft d = {0};

    assert_int_equal(begin(w, &d, len_bytes), 0);
    fill(&d, seed, false);
    commit(w, &d);
}

/* ---- one by one ------------------------------------------------------------------------------ */

static void a_small_frame_is_written_right_behind_the_one_before_it(void **state)
{
    struct draft a = {0}, b = {0};
    struct wire w;

    (void)state;
    up(&w, NULL);
    assert_int_equal(begin(&w, &a, 60), 0);
    fill(&a, 1, false);
    commit(&w, &a);
    assert_int_equal(begin(&w, &b, 60), 0);
    assert_ptr_equal(b.slot.data, a.slot.data + 60 + HEADER_BYTES);
    fill(&b, 2, false);
    commit(&w, &b);
    netvsc_flush(w.nic);
    assert_int_equal(host_turn(&w), 1);
    assert_int_equal(wire_stats(&w).tx_aggregated, 1);
    down(&w);
}

static void nine_frames_take_two_packets_when_the_host_takes_eight(void **state)
{
    struct wire w;

    (void)state;
    up(&w, NULL);
    for (uint8_t i = 0; i < 9; i++)
        send(&w, 61, i);
    netvsc_flush(w.nic);
    assert_int_equal(host_turn(&w), 2);
    down(&w);
}

static void what_is_committed_first_leaves_first_whoever_began(void **state)
{
    struct draft a = {0}, b = {0}, large = {0};
    struct wire w;

    (void)state;
    up(&w, NULL);
    send(&w, 100, 9);
    assert_int_equal(begin(&w, &a, 70), 0);
    assert_int_equal(begin(&w, &b, 80), 0);
    assert_int_equal(begin(&w, &large, 900), 0);
    fill(&a, 1, false);
    fill(&b, 2, false);
    fill(&large, 3, false);
    commit(&w, &large);
    commit(&w, &b);
    commit(&w, &a);
    send(&w, 60, 4);
    netvsc_flush(w.nic);
    assert_int_equal(host_turn(&w), 3); /* 100; large; b, a and the last */
    down(&w);
}

static void a_flush_sends_what_is_committed_and_leaves_who_writes_alone(void **state)
{
    struct draft d = {0};
    struct wire w;

    (void)state;
    up(&w, NULL);
    send(&w, 60, 1);
    send(&w, 60, 2);
    assert_int_equal(begin(&w, &d, 300), 0);
    fill(&d, 3, false);
    netvsc_flush(w.nic);
    assert_int_equal(host_turn(&w), 1);
    wire_poll(&w); /* their section is free again, and may be written to by the next */
    send(&w, 60, 4);
    commit(&w, &d);
    down(&w);
}

static void a_flush_with_nothing_committed_sends_nothing(void **state)
{
    struct draft d = {0};
    struct wire w;

    (void)state;
    up(&w, NULL);
    assert_int_equal(begin(&w, &d, 60), 0);
    netvsc_flush(w.nic);
    assert_int_equal(host_turn(&w), 0);
    fill(&d, 3, false);
    commit(&w, &d);
    down(&w);
}

static void cancelled_the_place_is_the_next_ones(void **state)
{
    struct draft a = {0}, b = {0};
    struct wire w;

    (void)state;
    up(&w, NULL);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(begin(&w, &a, 60), 0);
        netvsc_tx_cancel(w.nic, &a.slot);
        netvsc_tx_cancel(w.nic, &a.slot); /* once more does nothing */
        send(&w, 60, 1);
        assert_int_equal(begin(&w, &a, 60), 0);
        netvsc_tx_cancel(w.nic, &a.slot);
        netvsc_tx_cancel(w.nic, &a.slot);
        assert_int_equal(begin(&w, &b, 60), 0);
        assert_ptr_equal(a.slot.data, b.slot.data);
        fill(&b, 2, false);
        commit(&w, &b);
        netvsc_flush(w.nic);
        assert_int_equal(host_turn(&w), 1);
        wire_poll(&w);
    }
    assert_int_equal(wire_stats(&w).tx_cancelled, 200);
    down(&w);
}

/* A tag takes more room beside a frame than inside. */
static void a_tag_inside_the_last_frame_that_fits_finds_its_room(void **state)
{
    struct draft d = {0};
    struct wire w;

    (void)state;
    up(&w, NULL);
    send(&w, 512, 1);
    send(&w, 512, 2);
    send(&w, 512, 3);
    assert_int_equal(begin(&w, &d, SECTION_BYTES - 3 * 560 - HEADER_BYTES), 0);
    assert_int_equal(d.slot.room_bytes, d.len_bytes);
    fill(&d, 4, true);
    commit(&w, &d);
    netvsc_flush(w.nic);
    assert_int_equal(host_turn(&w), 2);
    assert_int_equal(wire_stats(&w).tx_untagged, 1);
    down(&w);
}

/* While one is written behind others there must be a section for those to move to. */
static void the_last_section_is_kept_for_the_pile_to_move(void **state)
{
    const struct wire_options options = {.send_sections = 3};
    struct draft a = {0}, b = {0}, c = {0};
    struct wire w;

    (void)state;
    up(&w, &options);
    send(&w, 60, 1);
    assert_int_equal(begin(&w, &a, 60), 0);
    assert_int_equal(begin(&w, &b, 60), 0);
    assert_int_equal(begin(&w, &c, 60), -EAGAIN);
    fill(&a, 2, false);
    fill(&b, 3, false);
    commit(&w, &b); /* which joins the first, in the section that was kept */
    assert_int_equal(begin(&w, &c, 60), 0);
    commit(&w, &a);
    netvsc_tx_cancel(w.nic, &c.slot);
    down(&w);
}

/* ... and room on the ring: as much as is granted, and no less, can be sent. */
static void the_room_of_a_packet_is_kept_for_the_pile_to_move(void **state)
{
    const struct wire_options options = {.ring_pages = 3, .send_sections = 400};
    struct draft small = {0}, large[4] = {0};
    unsigned room = 0, granted = 0;
    struct wire w;

    (void)state;
    up(&w, &options);
    while (begin(&w, &large[0], 600) == 0) {
        fill(&large[0], 1, false);
        commit(&w, &large[0]);
        room++;
    }
    netvsc_flush(w.nic);
    assert_int_equal(host_turn(&w), room);
    while (wire_poll(&w)) {
    }
    for (unsigned i = 0; i < room - 4; i++)
        send(&w, 600, 2);
    send(&w, 60, 3);
    assert_int_equal(begin(&w, &small, 60), 0);
    while (begin(&w, &large[granted], 600) == 0)
        fill(&large[granted++], 4, false);
    assert_int_equal(granted, 2); /* and the two small ones a packet each, if need be */
    for (unsigned i = 0; i < granted; i++)
        commit(&w, &large[i]);
    fill(&small, 5, false);
    commit(&w, &small);
    netvsc_flush(w.nic);
    assert_int_equal(wire_stats(&w).tx_lost, 0);
    assert_int_equal(host_turn(&w), room);
    down(&w);
}

static void nothing_joins_the_pile_once_the_nic_goes_down(void **state)
{
    struct draft d = {0};
    struct wire w;

    (void)state;
    up(&w, NULL);
    send(&w, 60, 1);
    netvsc_detach(w.nic, w.now_ns);
    assert_int_equal(begin(&w, &d, 60), -ENETDOWN);
    down(&w);
}

static void the_default_tag_goes_with_every_frame_of_a_pile(void **state)
{
    const struct wire_options options = {.tx_tci = 77};
    struct wire w;

    (void)state;
    up(&w, &options);
    for (uint8_t i = 0; i < 5; i++) {
        send(&w, 60, i);
        expected[committed - 1].tci = 77 + 1;
    }
    netvsc_flush(w.nic);
    assert_int_equal(host_turn(&w), 1);
    down(&w);
}

/* Frames committed from within rx, then more completions than the ring has room for. */
static void completions_leave_room_for_the_pile(void **state)
{
    const struct wire_options options = {
        .ring_pages = 3, .recv_sections = 400, .send_sections = 400};
    struct wire w;

    (void)state;
    up(&w, &options);
    send(&w, 60, 1);
    for (uint32_t i = 0; i < 60; i++) { /* the host does not read */
        for (uint32_t k = 0; k < 6; k++)
            wire_deliver(&w, i * 6 + k, 60, 1);
        w.now_ns += 1000000;
        netvsc_rx_poll(w.nic->queue[0], 64);
    }
    assert_true(wire_stats(&w).rx_ack_wait > 0);
    netvsc_flush(w.nic);
    assert_int_equal(wire_stats(&w).tx_lost, 0);
    assert_int_equal(host_turn(&w), 1);
    wire_poll(&w);
    wire_poll(&w);
    down(&w);
}

/* ---- at random ------------------------------------------------------------------------------- */

static uint32_t seed = 1;

static uint32_t below(uint32_t limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % limit;
}

static uint32_t some_length(void)
{
    static const uint32_t favourites[] = {14, 59, 60, 61, 64, 511, 512, 513};

    return below(3) ? 14 + below(below(4) ? 120 : 1100) : favourites[below(8)];
}

/* (lazy): the host reads when the guest can send no more, and not before. */
static void some_step(struct wire *w, struct draft *drafts, unsigned *count, bool lazy)
{
    const unsigned which = *count ? below(*count) : 0;
    const uint32_t what = below(10);
    struct draft d = {.tci = below(4) ? 0 : 1 + below(4000)};

    if (what < 4 && *count < 4) {
        if (begin(w, &d, some_length()) == 0) {
            fill(&d, (uint8_t)seed, !d.tci && !below(5));
            drafts[(*count)++] = d;
        } else if (lazy) {
            host_turn(w);
            wire_poll(w);
        }
    } else if (what < 8 && *count) {
        if (what == 7)
            netvsc_tx_cancel(w->nic, &drafts[which].slot);
        else
            commit(w, &drafts[which]);
        drafts[which] = drafts[--*count];
    } else if (what == 8) {
        netvsc_flush(w->nic);
    } else if (!lazy && !below(3)) {
        host_turn(w);
        if (below(2))
            wire_poll(w);
    }
}

static void whatever_is_done_frames_leave_whole_and_in_order(void **state)
{
    (void)state;
    for (uint32_t shift = 1; shift < 7; shift++) {
        const bool lazy = shift % 2; /* the ring is short, else sections are */
        const struct wire_options options = {
            .ring_pages = 3, .send_sections = lazy ? 200 : 5 + shift, .align_shift = shift};
        struct draft drafts[4];
        unsigned count = 0;
        struct wire w;

        up(&w, &options);
        for (unsigned i = 0; i < 30000; i++)
            some_step(&w, drafts, &count, lazy);
        while (count)
            commit(&w, &drafts[--count]);
        assert_true(wire_stats(&w).tx_aggregated > 1000);
        assert_int_equal(wire_stats(&w).tx_lost, 0);
        down(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_frame_is_written_right_behind_the_one_before_it),
        cmocka_unit_test(nine_frames_take_two_packets_when_the_host_takes_eight),
        cmocka_unit_test(what_is_committed_first_leaves_first_whoever_began),
        cmocka_unit_test(a_flush_sends_what_is_committed_and_leaves_who_writes_alone),
        cmocka_unit_test(a_flush_with_nothing_committed_sends_nothing),
        cmocka_unit_test(cancelled_the_place_is_the_next_ones),
        cmocka_unit_test(a_tag_inside_the_last_frame_that_fits_finds_its_room),
        cmocka_unit_test(the_last_section_is_kept_for_the_pile_to_move),
        cmocka_unit_test(the_room_of_a_packet_is_kept_for_the_pile_to_move),
        cmocka_unit_test(nothing_joins_the_pile_once_the_nic_goes_down),
        cmocka_unit_test(the_default_tag_goes_with_every_frame_of_a_pile),
        cmocka_unit_test(completions_leave_room_for_the_pile),
        cmocka_unit_test(whatever_is_done_frames_leave_whole_and_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
