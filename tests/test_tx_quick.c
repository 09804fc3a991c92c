/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames that must not take the quick way to the end which they began. */
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
    struct pile_draft old = {0}, next = {0};
    struct wire w;

    (void)state;
    pile_up(&w, NULL);
    assert_int_equal(pile_begin(&w, &old, 1000), 0);
    netvsc_tx_cancel(w.nic, &old.slot);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_that_grew_where_its_pile_left_it_is_brought_to_the_beginning),
        cmocka_unit_test(a_slot_given_back_commits_nothing_in_the_next_ones_section),
        cmocka_unit_test(a_short_frame_without_company_is_padded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
