/* SPDX-License-Identifier: BSD-3-Clause */
/* Small frames written where they leave from, behind others: whatever happens between begin and
 * commit, they leave whole, in the order of their commits. */
#include "pile_guest.h"

#include <errno.h>
#include <string.h>

/* ---- one by one ------------------------------------------------------------------------------ */

static void a_small_frame_is_written_right_behind_the_one_before_it(void **state)
{
    struct pile_draft a = {0}, b = {0};
    struct wire w;

    (void)state;
    pile_up(&w, NULL);
    assert_int_equal(pile_begin(&w, &a, 60), 0);
    pile_fill(&a, 1, false);
    pile_commit(&w, &a);
    assert_int_equal(pile_begin(&w, &b, 60), 0);
    assert_ptr_equal(b.slot.data, a.slot.data + 60 + PILE_HEADER_BYTES);
    pile_fill(&b, 2, false);
    pile_commit(&w, &b);
    netvsc_flush(w.nic);
    assert_int_equal(pile_host_turn(&w), 1);
    assert_int_equal(wire_stats(&w).tx_aggregated, 1);
    pile_down(&w);
}

static void nine_frames_take_two_packets_when_the_host_takes_eight(void **state)
{
    struct wire w;

    (void)state;
    pile_up(&w, NULL);
    for (uint8_t i = 0; i < 9; i++)
        pile_send(&w, 61, i);
    netvsc_flush(w.nic);
    assert_int_equal(pile_host_turn(&w), 2);
    pile_down(&w);
}

static void what_is_committed_first_leaves_first_whoever_began(void **state)
{
    struct pile_draft a = {0}, b = {0}, large = {0};
    struct wire w;

    (void)state;
    pile_up(&w, NULL);
    pile_send(&w, 100, 9);
    assert_int_equal(pile_begin(&w, &a, 70), 0);
    assert_int_equal(pile_begin(&w, &b, 80), 0);
    assert_int_equal(pile_begin(&w, &large, 900), 0);
    pile_fill(&a, 1, false);
    pile_fill(&b, 2, false);
    pile_fill(&large, 3, false);
    pile_commit(&w, &large);
    pile_commit(&w, &b);
    pile_commit(&w, &a);
    pile_send(&w, 60, 4);
    netvsc_flush(w.nic);
    assert_int_equal(pile_host_turn(&w), 3); /* 100; large; b, a and the last */
    pile_down(&w);
}

static void a_flush_sends_what_is_committed_and_leaves_who_writes_alone(void **state)
{
    struct pile_draft d = {0};
    struct wire w;

    (void)state;
    pile_up(&w, NULL);
    pile_send(&w, 60, 1);
    pile_send(&w, 60, 2);
    assert_int_equal(pile_begin(&w, &d, 300), 0);
    pile_fill(&d, 3, false);
    netvsc_flush(w.nic);
    assert_int_equal(pile_host_turn(&w), 1);
    wire_poll(&w); /* their section is free again, and may be written to by the next */
    pile_send(&w, 60, 4);
    pile_commit(&w, &d);
    pile_down(&w);
}

static void a_flush_with_nothing_committed_sends_nothing(void **state)
{
    struct pile_draft d = {0};
    struct wire w;

    (void)state;
    pile_up(&w, NULL);
    assert_int_equal(pile_begin(&w, &d, 60), 0);
    netvsc_flush(w.nic);
    assert_int_equal(pile_host_turn(&w), 0);
    pile_fill(&d, 3, false);
    pile_commit(&w, &d);
    pile_down(&w);
}

static void cancelled_the_place_is_the_next_ones(void **state)
{
    struct pile_draft a = {0}, b = {0};
    struct wire w;

    (void)state;
    pile_up(&w, NULL);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(pile_begin(&w, &a, 60), 0);
        netvsc_tx_cancel(w.nic, &a.slot);
        netvsc_tx_cancel(w.nic, &a.slot); /* once more does nothing */
        pile_send(&w, 60, 1);
        assert_int_equal(pile_begin(&w, &a, 60), 0);
        netvsc_tx_cancel(w.nic, &a.slot);
        netvsc_tx_cancel(w.nic, &a.slot);
        assert_int_equal(pile_begin(&w, &b, 60), 0);
        assert_ptr_equal(a.slot.data, b.slot.data);
        pile_fill(&b, 2, false);
        pile_commit(&w, &b);
        netvsc_flush(w.nic);
        assert_int_equal(pile_host_turn(&w), 1);
        wire_poll(&w);
    }
    assert_int_equal(wire_stats(&w).tx_cancelled, 200);
    pile_down(&w);
}

/* A tag takes more room beside a frame than inside. */
static void a_tag_inside_the_last_frame_that_fits_finds_its_room(void **state)
{
    struct pile_draft d = {0};
    struct wire w;

    (void)state;
    pile_up(&w, NULL);
    pile_send(&w, 512, 1);
    pile_send(&w, 512, 2);
    pile_send(&w, 512, 3);
    assert_int_equal(pile_begin(&w, &d, PILE_SECTION_BYTES - 3 * 560 - PILE_HEADER_BYTES), 0);
    assert_int_equal(d.slot.room_bytes, d.len_bytes);
    pile_fill(&d, 4, true);
    pile_commit(&w, &d);
    netvsc_flush(w.nic);
    assert_int_equal(pile_host_turn(&w), 2);
    assert_int_equal(wire_stats(&w).tx_untagged, 1);
    pile_down(&w);
}

/* While one is written behind others there must be a section for those to move to. */
static void the_last_section_is_kept_for_the_pile_to_move(void **state)
{
    const struct wire_options options = {.send_sections = 3};
    struct pile_draft a = {0}, b = {0}, c = {0};
    struct wire w;

    (void)state;
    pile_up(&w, &options);
    pile_send(&w, 60, 1);
    assert_int_equal(pile_begin(&w, &a, 60), 0);
    assert_int_equal(pile_begin(&w, &b, 60), 0);
    assert_int_equal(pile_begin(&w, &c, 60), -EAGAIN);
    pile_fill(&a, 2, false);
    pile_fill(&b, 3, false);
    pile_commit(&w, &b); /* which joins the first, in the section that was kept */
    assert_int_equal(pile_begin(&w, &c, 60), 0);
    pile_commit(&w, &a);
    netvsc_tx_cancel(w.nic, &c.slot);
    pile_down(&w);
}

/* ... and room on the ring: as much as is granted, and no less, can be sent. */
static void the_room_of_a_packet_is_kept_for_the_pile_to_move(void **state)
{
    const struct wire_options options = {.ring_pages = 3, .send_sections = 400};
    struct pile_draft small = {0}, large[4] = {0};
    unsigned room = 0, granted = 0;
    struct wire w;

    (void)state;
    pile_up(&w, &options);
    while (pile_begin(&w, &large[0], 600) == 0) {
        pile_fill(&large[0], 1, false);
        pile_commit(&w, &large[0]);
        room++;
    }
    netvsc_flush(w.nic);
    assert_int_equal(pile_host_turn(&w), room);
    while (wire_poll(&w)) {
    }
    for (unsigned i = 0; i < room - 4; i++)
        pile_send(&w, 600, 2);
    pile_send(&w, 60, 3);
    assert_int_equal(pile_begin(&w, &small, 60), 0);
    while (pile_begin(&w, &large[granted], 600) == 0)
        pile_fill(&large[granted++], 4, false);
    assert_int_equal(granted, 2); /* and the two small ones a packet each, if need be */
    for (unsigned i = 0; i < granted; i++)
        pile_commit(&w, &large[i]);
    pile_fill(&small, 5, false);
    pile_commit(&w, &small);
    netvsc_flush(w.nic);
    assert_int_equal(wire_stats(&w).tx_lost, 0);
    assert_int_equal(pile_host_turn(&w), room);
    pile_down(&w);
}

static void nothing_joins_the_pile_once_the_nic_goes_down(void **state)
{
    struct pile_draft d = {0};
    struct wire w;

    (void)state;
    pile_up(&w, NULL);
    pile_send(&w, 60, 1);
    netvsc_detach(w.nic, w.now_ns);
    assert_int_equal(pile_begin(&w, &d, 60), -ENETDOWN);
    pile_down(&w);
}

static void the_default_tag_goes_with_every_frame_of_a_pile(void **state)
{
    const struct wire_options options = {.tx_tci = 77};
    struct wire w;

    (void)state;
    pile_up(&w, &options);
    for (uint8_t i = 0; i < 5; i++) {
        pile_send(&w, 60, i);
        pile_expect_tci(77);
    }
    netvsc_flush(w.nic);
    assert_int_equal(pile_host_turn(&w), 1);
    pile_down(&w);
}

/* Frames committed from within rx, then more completions than the ring has room for. */
static void completions_leave_room_for_the_pile(void **state)
{
    const struct wire_options options = {
        .ring_pages = 3, .recv_sections = 400, .send_sections = 400};
    struct wire w;

    (void)state;
    pile_up(&w, &options);
    pile_send(&w, 60, 1);
    for (uint32_t i = 0; i < 60; i++) { /* the host does not read */
        for (uint32_t k = 0; k < 6; k++)
            wire_deliver(&w, i * 6 + k, 60, 1);
        w.now_ns += 1000000;
        netvsc_rx_poll(w.nic->queue[0], 64);
    }
    assert_true(wire_stats(&w).rx_ack_wait > 0);
    netvsc_flush(w.nic);
    assert_int_equal(wire_stats(&w).tx_lost, 0);
    assert_int_equal(pile_host_turn(&w), 1);
    wire_poll(&w);
    wire_poll(&w);
    pile_down(&w);
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
static void some_step(struct wire *w, struct pile_draft *drafts, unsigned *count, bool lazy)
{
    const unsigned which = *count ? below(*count) : 0;
    const uint32_t what = below(10);
    struct pile_draft d = {.tci = below(4) ? 0 : 1 + below(4000)};

    if (what < 4 && *count < 4) {
        if (pile_begin(w, &d, some_length()) == 0) {
            pile_fill(&d, (uint8_t)seed, !d.tci && !below(5));
            drafts[(*count)++] = d;
        } else if (lazy) {
            pile_host_turn(w);
            wire_poll(w);
        }
    } else if (what < 8 && *count) {
        if (what == 7)
            netvsc_tx_cancel(w->nic, &drafts[which].slot);
        else
            pile_commit(w, &drafts[which]);
        drafts[which] = drafts[--*count];
    } else if (what == 8) {
        netvsc_flush(w->nic);
    } else if (!lazy && !below(3)) {
        pile_host_turn(w);
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
        struct pile_draft drafts[4];
        unsigned count = 0;
        struct wire w;

        pile_up(&w, &options);
        for (unsigned i = 0; i < 30000; i++)
            some_step(&w, drafts, &count, lazy);
        while (count)
            pile_commit(&w, &drafts[--count]);
        assert_true(wire_stats(&w).tx_aggregated > 1000);
        assert_int_equal(wire_stats(&w).tx_lost, 0);
        pile_down(&w);
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
