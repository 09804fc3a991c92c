/* SPDX-License-Identifier: BSD-3-Clause */
/* Segments longer than the wire takes, of which pieces are lost. */
#include "tcp_stream.h"

#include <stdlib.h>

#include "port_tcp.h"

static unsigned losses;
static u32_t lost_at;

static bool lose_once(u32_t off)
{
    return off == lost_at && losses++ == 0;
}

static void one_lost_piece_is_sent_again_alone(void **state)
{
    (void)state;
    stream.lost = lose_once;
    losses = 0;
    lost_at = 5 * STREAM_MSS;
    assert_int_equal(stream_say(0, STREAM_LARGE), ERR_OK);
    tcp_output(stream.pcb);
    stream_exchange();
    assert_int_equal(stream.left_count, 2);
    assert_int_equal(stream.left[1].off, 5 * STREAM_MSS);
    assert_int_equal(stream.left[1].bytes, STREAM_MSS);
    stream_check(STREAM_LARGE);
    stream_pass_ms(300);
    stream_acknowledge(stream.far.next);
    assert_int_equal(stream.left_count, 2);
    assert_int_equal(stream.reported, STREAM_LARGE);
    assert_int_equal(stream.pcb->snd_queuelen, 0);
    assert_null(stream.pcb->unacked);
}

static bool lose_tail(u32_t off)
{
    return off >= 20 * STREAM_MSS;
}

static unsigned times; /* it is lost */

static bool lose_each_time(u32_t off)
{
    return off == lost_at && losses++ < times;
}

/* What is in front of it has been acknowledged, and waits in the lists to be reported. */
static void a_piece_lost_again_and_again_is_sent_by_the_timer(void **state)
{
    (void)state;
    stream.lost = lose_each_time;
    for (times = 2; times <= 4; times++) {
        const u32_t begin = (times - 2) * STREAM_LARGE;

        losses = 0;
        lost_at = begin + 5 * STREAM_MSS;
        stream.left_count = 0;
        stream.pcb->cwnd = 2 * STREAM_LARGE; /* the round before closed it */
        assert_int_equal(stream_say(begin, STREAM_LARGE), ERR_OK);
        tcp_output(stream.pcb);
        stream_exchange_in_time();
        stream_pass_ms(4000);
        stream_check(begin + STREAM_LARGE);
        for (unsigned i = 1; i < stream.left_count; i++)
            assert_in_range(stream.left[i].off, lost_at, begin + STREAM_LARGE);
        stream_acknowledge(stream.far.next);
        assert_int_equal(stream.reported, begin + STREAM_LARGE);
    }
    assert_int_equal(stream.pcb->snd_queuelen, 0);
}

/* Say all of it while (lost) loses pieces; the far end acknowledges what it has (acks_due) times.
 * What left until then is forgotten. */
static void say_and_lose(bool (*lost)(u32_t off), unsigned acks_due)
{
    stream.lost = lost;
    assert_int_equal(stream_say(0, STREAM_LARGE), ERR_OK);
    tcp_output(stream.pcb);
    stream.far.acks_due = acks_due;
    stream_exchange();
    stream.lost = NULL;
    stream.left_count = 0;
}

/* All of it is there, and acknowledged. */
static void check_end(void)
{
    stream_check(STREAM_LARGE);
    stream_acknowledge(stream.far.next);
    assert_int_equal(stream.reported, STREAM_LARGE);
    assert_int_equal(stream.pcb->snd_queuelen, 0);
}

static void after_a_timeout_what_the_far_end_has_is_not_sent_again(void **state)
{
    (void)state;
    say_and_lose(lose_tail, 1);
    stream_pass_ms(3000);
    assert_true(stream.left_count > 0);
    assert_int_equal(stream.left[0].off, 20 * STREAM_MSS);
    check_end();
}

static bool lose_all(u32_t off)
{
    (void)off;
    return true;
}

static void after_a_timeout_one_wire_segment_leaves_and_then_more(void **state)
{
    (void)state;
    say_and_lose(lose_all, 0);
    for (unsigned i = 0; i < 3000 && stream.left_count == 0; i++)
        stream_tick();
    assert_int_equal(stream.left_count, 1);
    assert_int_equal(stream.left[0].bytes, STREAM_MSS);
    stream.far.acks_due = 1;
    stream_pass_ms(2000);
    check_end();
}

/* The card's host was restarted: what was tried meanwhile did not get out of order. */
static void without_a_link_nothing_is_lost_but_time(void **state)
{
    (void)state;
    stream.lost = lose_all;
    stream.pcb->sa = stream.pcb->sv = 1; /* near by: the timer expires soon after the probe */
    assert_int_equal(stream_say(0, STREAM_LARGE), ERR_OK);
    tcp_output(stream.pcb);
    netif_set_link_down(stream.card);
    stream_pass_ms(2000);
    assert_int_equal(stream.left_count, 1);
    assert_int_equal(stream.pcb->nrtx, 0); /* what could not leave was no attempt */
    netif_set_link_up(stream.card);
    stream.lost = NULL;
    stream.far.acks_due = 1;
    stream_pass_ms(20000);
    check_end();
}

/* Its window closed over what it had taken, and nobody heard that it opened again: the far end is
 * asked, for minutes. */
static void a_peer_that_has_a_part_and_no_room_is_asked_for_some(void **state)
{
    (void)state;
    stream.far.window = 0; /* it may not shrink, but does */
    say_and_lose(lose_tail, 1);
    stream.lost = lose_all;
    stream_pass_ms(60000);
    assert_non_null(stream.pcb);
    assert_true(stream.left_count > 0);
    assert_int_equal(stream.left[stream.left_count - 1].bytes, 1);
    stream.far.window = 1u << 20;
    stream.lost = NULL;
    stream_pass_ms(120000);
    check_end();
}

/* ---- all of it at random --------------------------------------------------------------------- */

static bool lose_some(u32_t off)
{
    (void)off;
    return rand() % 100 == 0;
}

static void disturb(void)
{
    const int what = rand() % 400;

    if (what == 0)
        stream.far.window = 2000u + (u32_t)rand() % 200000;
    else if (what == 1)
        stream_cuts(false);
    else if (what == 2)
        stream_cuts(true);
    if (what == 3 && stream.far.acks_due == 0)
        stream.far.acks_due = 1; /* what a delayed acknowledgement is */
}

static u32_t somewhere; /* what say_somehow() lent */

static err_t say_somehow(u32_t off, u32_t bytes)
{
    const u8_t flags = rand() % 2 ? TCP_WRITE_FLAG_MORE : 0;

    switch (rand() % 4) {
    case 0:
        return stream_say(off, bytes);
    case 1:
        return stream_lend(off, (u16_t)bytes, flags, &somewhere);
    case 2:
        return stream_refer(off, (u16_t)bytes, flags);
    default:
        return port_tcp_write_buffer(stream.pcb, stream_buffer(off, (u16_t)bytes), flags);
    }
}

static void every_byte_arrives_once_whatever_is_lost_and_whatever_changes(void **state)
{
    u32_t said = 0;

    (void)state;
    srand(4711);
    stream.lost = lose_some;
    while (stream.far.next < STREAM_BYTES && stream.pcb) {
        const u32_t wish = 1 + (u32_t)rand() % 65535, want = LWIP_MIN(wish, STREAM_BYTES - said);

        if (want && want <= tcp_sndbuf(stream.pcb) && say_somehow(said, want) == ERR_OK)
            said += want;
        tcp_output(stream.pcb);
        stream_exchange();
        disturb();
        stream_pass_ms((unsigned)rand() % 8);
        if (rand() % 20 == 0)
            stream.far.acks_due++;
    }
    assert_non_null(stream.pcb);
    stream_check(STREAM_BYTES);
    stream.lost = NULL;
    stream_acknowledge(stream.far.next);
    assert_int_equal(stream.reported, STREAM_BYTES);
    assert_int_equal(stream.pcb->snd_queuelen, 0);
    assert_null(stream.pcb->unsent);
    assert_int_equal(somewhere, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stream_test(one_lost_piece_is_sent_again_alone),
        stream_test(a_piece_lost_again_and_again_is_sent_by_the_timer),
        stream_test(after_a_timeout_what_the_far_end_has_is_not_sent_again),
        stream_test(after_a_timeout_one_wire_segment_leaves_and_then_more),
        stream_test(without_a_link_nothing_is_lost_but_time),
        stream_test(a_peer_that_has_a_part_and_no_room_is_asked_for_some),
        stream_test(every_byte_arrives_once_whatever_is_lost_and_whatever_changes),
    };

    return cmocka_run_group_tests(tests, stream_start, NULL);
}
