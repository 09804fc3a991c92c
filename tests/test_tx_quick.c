/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames that must not take the quick way to the end which they began, and whose section is next.
 */
#include "pile_guest.h"

#include <string.h>

/* Begun behind another, in a section that is its own by now, at whose beginning it is not. */
static void a_frame_that_grew_where_its_pile_left_it_is_brought_to_the_beginning(void **state)
{
    struct pile_draft grown = {0};
    struct wire w;

    (void)state;
    pile_up(&w, NULL);
    pile_send(&w, 60, 1);
    assert_int_equal(pile_begin(&w, &grown, 60), 0);
    netvsc_flush(w.nic);
    grown.len_bytes = 1000;
    assert_in_range(grown.len_bytes, 60, grown.slot.room_bytes);
    pile_fill(&grown, 2, false);
    pile_commit(&w, &grown);
    netvsc_flush(w.nic);
    assert_int_equal(pile_host_turn(&w), 2);
    pile_down(&w);
}

static void a_slot_given_back_commits_nothing_in_the_next_ones_section(void **state)
{
    const struct wire_options options = {.send_sections = 2};
    struct pile_draft old = {0}, next = {0};
    struct wire w;

    (void)state;
    pile_up(&w, &options);
    assert_int_equal(pile_begin(&w, &old, 1000), 0);
    netvsc_tx_cancel(w.nic, &old.slot);
    assert_int_equal(pile_begin(&w, &next, 1000), 0); /* the other section */
    netvsc_tx_cancel(w.nic, &next.slot);
    assert_int_equal(pile_begin(&w, &next, 1000), 0);
    assert_ptr_equal(next.slot.data, old.slot.data);
    netvsc_tx_commit(w.nic, &old.slot, 1000);
    netvsc_flush(w.nic);
    assert_int_equal(pile_host_turn(&w), 0);
    pile_fill(&next, 3, false);
    pile_commit(&w, &next);
    netvsc_flush(w.nic);
    assert_int_equal(pile_host_turn(&w), 1);
    pile_down(&w);
}

/* Where no frames share a packet, short ones have sections of their own. */
static void a_short_frame_without_company_is_padded(void **state)
{
    const struct wire_options options = {.aggregate_bytes = 1};
    struct wire w;

    (void)state;
    pile_up(&w, &options);
    for (uint32_t bytes = 14; bytes < 66; bytes += 2)
        pile_send(&w, bytes, (uint8_t)bytes);
    netvsc_flush(w.nic);
    assert_int_equal(pile_host_turn(&w), (66 - 14) / 2);
    pile_down(&w);
}

/* Sections in turns: the host's processor still has the lines of the one it read last. Small frames
 * are few lines, and take the one that is in our caches. */
static void long_frames_take_the_section_free_for_longest_small_ones_the_last_freed(void **state)
{
    const struct wire_options options = {.send_sections = 5};
    struct netvsc_slot slot;
    uint32_t last = UINT32_MAX;
    struct wire w;

    (void)state;
    pile_up(&w, &options);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(netvsc_tx_begin(w.nic, 1000, &slot), 0);
        assert_true(i == 0 || (slot.token & 0xFFFF) == (last + 1) % 5);
        last = slot.token & 0xFFFF;
        netvsc_tx_cancel(w.nic, &slot);
        w.begins++;
    }
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(netvsc_tx_begin(w.nic, 100, &slot), 0);
        assert_int_equal(slot.token & 0xFFFF, last);
        netvsc_tx_cancel(w.nic, &slot);
        w.begins++;
    }
    pile_down(&w);
}

/* A host in this thread has no other caches. */
static void beside_a_host_that_is_here_any_frame_takes_the_section_freed_last(void **state)
{
    const struct wire_options options = {.send_sections = 5, .host_here = true};
    struct netvsc_slot slot;
    uint32_t last = UINT32_MAX;
    struct wire w;

    (void)state;
    pile_up(&w, &options);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(netvsc_tx_begin(w.nic, i % 2 ? 100 : 1000, &slot), 0);
        assert_true(i == 0 || (slot.token & 0xFFFF) == last);
        last = slot.token & 0xFFFF;
        netvsc_tx_cancel(w.nic, &slot);
        w.begins++;
    }
    pile_down(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_that_grew_where_its_pile_left_it_is_brought_to_the_beginning),
        cmocka_unit_test(a_slot_given_back_commits_nothing_in_the_next_ones_section),
        cmocka_unit_test(a_short_frame_without_company_is_padded),
        cmocka_unit_test(long_frames_take_the_section_free_for_longest_small_ones_the_last_freed),
        cmocka_unit_test(beside_a_host_that_is_here_any_frame_takes_the_section_freed_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
