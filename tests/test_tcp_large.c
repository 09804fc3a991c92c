/* SPDX-License-Identifier: BSD-3-Clause */
/* Segments longer than the wire takes: how long they are made, and what is given away for them. */
#include "tcp_stream.h"

#include "port_heap.h"
#include "port_log.h"
#include "port_tcp.h"

static void what_is_written_at_once_leaves_as_one_segment_to_be_cut(void **state)
{
    (void)state;
    assert_int_equal(port_tcp_large(stream.pcb), STREAM_LARGE);
    assert_int_equal(stream_say(0, STREAM_LARGE), ERR_OK);
    assert_int_equal(tcp_output(stream.pcb), ERR_OK);
    assert_int_equal(stream.left_count, 1);
    assert_int_equal(stream.left[0].bytes, STREAM_LARGE);
    assert_int_equal(stream.left[0].cut_to, STREAM_MSS);
    assert_int_equal(tcp_mss(stream.pcb), STREAM_MSS);
    assert_int_equal(stream.card->mtu, 1500);
    assert_int_equal(stream.card->mtu6, 1500);
    stream_check(STREAM_LARGE);
}

static void small_writes_are_not_made_long(void **state)
{
    (void)state;
    for (u32_t i = 0; i < 8; i++)
        assert_int_equal(stream_say(i * STREAM_MSS, STREAM_MSS), ERR_OK);
    assert_int_equal(tcp_output(stream.pcb), ERR_OK);
    assert_int_equal(stream.left_count, 8);
    for (u32_t i = 0; i < 8; i++)
        assert_int_equal(stream.left[i].cut_to, 0);
    stream_check(8 * STREAM_MSS);
}

static void a_buffer_given_away_is_the_segment_and_is_not_copied(void **state)
{
    struct pbuf *p = stream_buffer(0, STREAM_LARGE);

    (void)state;
    assert_int_equal(port_tcp_write_buffer(stream.pcb, p, TCP_WRITE_FLAG_MORE), ERR_OK);
    assert_ptr_equal(stream.pcb->unsent->p, p);
    tcp_output(stream.pcb);
    assert_int_equal(stream.left_count, 1);
    stream_check(STREAM_LARGE);
}

static void a_buffer_behind_a_short_segment_fills_it_up_first(void **state)
{
    (void)state;
    assert_int_equal(stream_say(0, 1000), ERR_OK);
    assert_int_equal(port_tcp_write_buffer(stream.pcb, stream_buffer(1000, STREAM_LARGE), 0),
                     ERR_OK);
    tcp_output(stream.pcb);
    stream_check(1000 + STREAM_LARGE);
}

static void a_buffer_fills_up_what_has_memory_left(void **state)
{
    (void)state;
    stream.pcb->snd_wnd = 0;
    assert_int_equal(stream_say(0, 2 * STREAM_MSS - 400), ERR_OK);
    stream.pcb->cwnd = 8 * STREAM_MSS;
    assert_true(stream.pcb->unsent_oversize > 0);
    assert_int_equal(port_tcp_write_buffer(stream.pcb,
                                           stream_buffer(2 * STREAM_MSS - 400, 2 * STREAM_MSS),
                                           TCP_WRITE_FLAG_MORE),
                     ERR_OK);
    stream.pcb->snd_wnd = stream.far.window;
    tcp_output(stream.pcb);
    stream_check(4 * STREAM_MSS - 400);
}

static void a_buffer_is_gone_when_there_is_no_room_for_it(void **state)
{
    struct port_heap_stats before, after;

    (void)state;
    port_heap_stats(&before);
    stream.pcb->snd_buf = STREAM_LARGE - 1;
    assert_int_equal(port_tcp_write_buffer(stream.pcb, stream_buffer(0, STREAM_LARGE), 0), ERR_MEM);
    stream.pcb->snd_buf = 0xffff;
    stream.pcb->snd_queuelen = (u16_t)TCP_SND_QUEUELEN; /* found once it was taken */
    stream.pcb->unsent = NULL;
    assert_int_not_equal(port_tcp_write_buffer(stream.pcb, stream_buffer(0, STREAM_LARGE), 0),
                         ERR_OK);
    stream.pcb->snd_queuelen = 0;
    port_heap_stats(&after);
    assert_int_equal(after.used_bytes, before.used_bytes);
}

static void what_is_lent_is_one_long_segment_and_is_not_copied(void **state)
{
    u32_t loans = 0;

    (void)state;
    assert_int_equal(stream_lend(0, STREAM_LARGE, TCP_WRITE_FLAG_MORE, &loans), ERR_OK);
    assert_int_equal(loans, 1);
    assert_null(stream.pcb->unsent->next);
    assert_ptr_equal(stream.pcb->unsent->p->next->payload, stream.lendable);
    tcp_output(stream.pcb);
    assert_int_equal(stream.left_count, 1);
    assert_int_equal(stream.left[0].bytes, STREAM_LARGE);
    stream_check(STREAM_LARGE);
    assert_int_equal(loans, 1);
    stream_exchange();
    assert_int_equal(loans, 0);
}

static void what_stays_where_it_is_is_long_if_there_is_room_for_a_copy(void **state)
{
    void *block[STREAM_BYTES >> 14];
    unsigned blocks = 0;

    (void)state;
    assert_int_equal(stream_refer(0, STREAM_LARGE, TCP_WRITE_FLAG_MORE), ERR_OK);
    assert_null(stream.pcb->unsent->next);
    tcp_output(stream.pcb);
    assert_int_equal(stream.left_count, 1);
    assert_int_equal(stream.left[0].cut_to, STREAM_MSS);
    while (blocks < sizeof(block) / sizeof(*block) && port_heap_serves(1u << 16))
        block[blocks++] = port_heap_malloc((1u << 16) - 64);
    assert_false(port_heap_serves(1u << 16));
    assert_int_equal(stream_refer(STREAM_LARGE, STREAM_LARGE, 0), ERR_OK);
    tcp_output(stream.pcb);
    for (unsigned i = 1; i < stream.left_count; i++)
        assert_int_equal(stream.left[i].bytes, i < 11 ? 4 * STREAM_MSS : 2 * STREAM_MSS);
    stream_check(2 * STREAM_LARGE);
    while (blocks > 0)
        port_heap_free(block[--blocks]);
}

static void what_is_lent_fills_up_a_head_that_was_copied(void **state)
{
    u32_t loans = 0;

    (void)state;
    stream.pcb->snd_wnd = 0;
    assert_int_equal(stream_say(0, 200), ERR_OK);
    assert_int_equal(stream_lend(200, STREAM_LARGE - 200, TCP_WRITE_FLAG_MORE, &loans), ERR_OK);
    assert_int_equal(stream_lend(STREAM_LARGE, STREAM_LARGE, 0, &loans), ERR_OK);
    assert_int_equal(stream.pcb->unsent->len, STREAM_LARGE);
    stream.pcb->snd_wnd = stream.far.window;
    tcp_output(stream.pcb);
    assert_int_equal(stream.left_count, 2);
    stream_check(2 * STREAM_LARGE);
    stream_exchange();
    assert_int_equal(loans, 0);
}

static void a_reset_returns_what_is_lent_but_what_the_nic_has(void **state)
{
    u32_t loans = 0;
    struct pbuf *kept;

    (void)state;
    assert_int_equal(stream_lend(0, STREAM_LARGE, 0, &loans), ERR_OK);
    kept = stream.pcb->unsent->p;
    pbuf_ref(kept);
    assert_int_equal(stream_lend(STREAM_LARGE, STREAM_LARGE, 0, &loans), ERR_OK);
    tcp_abort(stream.pcb);
    stream.pcb = NULL;
    assert_int_equal(loans, 1);
    pbuf_free(kept);
    assert_int_equal(loans, 0);
}

static void without_room_nothing_is_lent(void **state)
{
    u32_t loans = 0;

    (void)state;
    stream.pcb->snd_buf = STREAM_LARGE - 1;
    assert_int_equal(stream_lend(0, STREAM_LARGE, 0, &loans), ERR_MEM);
    assert_int_equal(loans, 0);
    stream.pcb->snd_buf = 0xffff;
    stream.pcb->snd_queuelen = (u16_t)TCP_SND_QUEUELEN; /* found once it was taken */
    stream.pcb->unsent = NULL;
    assert_int_not_equal(stream_lend(0, STREAM_LARGE, 0, &loans), ERR_OK);
    stream.pcb->snd_queuelen = 0;
    assert_int_equal(loans, 0);
}

static void a_peer_with_a_small_window_gets_at_most_half_of_it_at_once(void **state)
{
    (void)state;
    stream.pcb->snd_wnd = stream.pcb->snd_wnd_max = stream.far.window = 16384;
    assert_int_equal(port_tcp_large(stream.pcb), 5 * STREAM_MSS);
    assert_int_equal(stream_say(0, 20 * STREAM_MSS), ERR_OK);
    tcp_output(stream.pcb);
    for (unsigned i = 0; i < stream.left_count; i++)
        assert_true(stream.left[i].bytes <= 5 * STREAM_MSS);
    assert_true(stream.far.next <= 16384 && stream.far.next > 16384 - 5 * STREAM_MSS);
}

static void a_small_congestion_window_is_filled_and_not_exceeded(void **state)
{
    (void)state;
    assert_int_equal(stream_say(0, STREAM_LARGE), ERR_OK);
    stream.pcb->cwnd = 10 * STREAM_MSS + 7;
    tcp_output(stream.pcb);
    assert_int_equal(stream.far.next, 10 * STREAM_MSS);
    stream_exchange();
    assert_true(stream.pcb->snd_nxt - stream.pcb->lastack <= stream.pcb->cwnd);
    assert_true(stream.far.next > 12 * STREAM_MSS);
}

static void segments_are_a_quarter_of_the_congestion_window_at_most(void **state)
{
    (void)state;
    stream.pcb->cwnd = 40 * STREAM_MSS;
    assert_int_equal(port_tcp_large(stream.pcb), 10 * STREAM_MSS);
    stream.pcb->cwnd = 7 * STREAM_MSS;
    assert_int_equal(port_tcp_large(stream.pcb), STREAM_MSS);
}

static void what_follows_a_long_segment_that_waits_breaks_no_rule_of_lwip(void **state)
{
    const uint64_t broken = port_asserts();

    (void)state;
    stream.pcb->snd_wnd = 0;
    assert_int_equal(stream_say(0, STREAM_LARGE), ERR_OK);
    assert_int_equal(stream_say(STREAM_LARGE, 10), ERR_OK);
    assert_int_equal(stream_say(STREAM_LARGE + 10, 3000), ERR_OK);
    assert_int_equal(port_asserts(), broken);
    stream.pcb->snd_wnd = stream.far.window;
    tcp_output(stream.pcb);
    stream_check(STREAM_LARGE + 3010);
}

static void a_window_of_one_wire_segment_is_used(void **state)
{
    (void)state;
    assert_int_equal(stream_say(0, STREAM_LARGE), ERR_OK);
    stream.pcb->cwnd = STREAM_MSS;
    tcp_output(stream.pcb);
    assert_int_equal(stream.far.next, STREAM_MSS);
    assert_int_equal(stream.left[0].cut_to, 0);
}

static void a_nic_that_cuts_no_more_gets_wire_segments(void **state)
{
    (void)state;
    assert_int_equal(stream_say(0, STREAM_LARGE), ERR_OK);
    stream_cuts(false);
    assert_int_equal(port_tcp_large(stream.pcb), STREAM_MSS);
    tcp_output(stream.pcb);
    assert_int_equal(stream.left_count, 42);
    for (unsigned i = 0; i < stream.left_count; i++)
        assert_int_equal(stream.left[i].bytes, STREAM_MSS);
    stream_check(STREAM_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stream_test(what_is_written_at_once_leaves_as_one_segment_to_be_cut),
        stream_test(small_writes_are_not_made_long),
        stream_test(a_buffer_given_away_is_the_segment_and_is_not_copied),
        stream_test(a_buffer_behind_a_short_segment_fills_it_up_first),
        stream_test(a_buffer_fills_up_what_has_memory_left),
        stream_test(a_buffer_is_gone_when_there_is_no_room_for_it),
        stream_test(what_is_lent_is_one_long_segment_and_is_not_copied),
        stream_test(what_stays_where_it_is_is_long_if_there_is_room_for_a_copy),
        stream_test(what_is_lent_fills_up_a_head_that_was_copied),
        stream_test(a_reset_returns_what_is_lent_but_what_the_nic_has),
        stream_test(without_room_nothing_is_lent),
        stream_test(a_peer_with_a_small_window_gets_at_most_half_of_it_at_once),
        stream_test(a_small_congestion_window_is_filled_and_not_exceeded),
        stream_test(segments_are_a_quarter_of_the_congestion_window_at_most),
        stream_test(what_follows_a_long_segment_that_waits_breaks_no_rule_of_lwip),
        stream_test(a_window_of_one_wire_segment_is_used),
        stream_test(a_nic_that_cuts_no_more_gets_wire_segments),
    };

    return cmocka_run_group_tests(tests, stream_start, NULL);
}
