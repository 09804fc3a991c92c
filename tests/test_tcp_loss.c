/* SPDX-License-Identifier: BSD-3-Clause */
/* What was lost is sent again without waiting for the timer. */
#include "tcp_stream.h"

#include <stdlib.h>
#include <string.h>

/* ---- several losses in a window -------------------------------------------------------------- */

static u32_t lost_at[4]; /* each once, in order */
static unsigned lost, partial;

static bool lose_each_once(u32_t off)
{
    if (lost == countof(lost_at) || off != lost_at[lost])
        return false;
    lost++;
    return true;
}

static void say_all(bool (*loses)(u32_t off))
{
    stream.lost = loses;
    lost = 0;
    assert_int_equal(stream_say(0, STREAM_LARGE), ERR_OK);
    tcp_output(stream.pcb);
}

static void each_lost_piece_of_a_window_is_sent_again_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < countof(lost_at); i++)
        lost_at[i] = (5 + 8 * i) * STREAM_MSS;
    say_all(lose_each_once);
    stream_exchange_in_time(); /* no time passes */
    stream_check(STREAM_LARGE);
    assert_int_equal(stream.left_count, 1 + countof(lost_at));
    for (unsigned i = 0; i < countof(lost_at); i++) {
        assert_int_equal(stream.left[1 + i].off, lost_at[i]);
        assert_int_equal(stream.left[1 + i].bytes, STREAM_MSS);
    }
    stream_acknowledge(stream.far.next);
    assert_int_equal(stream.pcb->flags & TF_INFR, 0);
    assert_int_equal(stream.pcb->cwnd, stream.pcb->ssthresh);
    assert_int_equal(stream.reported, STREAM_LARGE);
    assert_int_equal(stream.pcb->snd_queuelen, 0);
}

/* The next acknowledgement, in recovery: what may leave then ends where it did, and a segment
 * further if it is a duplicate, or was partial. */
static void check_next(void)
{
    const u32_t edge = stream.pcb->lastack + stream.pcb->cwnd, acked = stream.pcb->lastack;
    const bool counts = stream.pcb->dupacks >= 3;
    const unsigned due = stream.far.acks_total - stream.far.acks_due--;

    stream_acknowledge(stream.far.acks_upto[due]);
    if (counts && stream.pcb->flags & TF_INFR)
        assert_int_equal(stream.pcb->lastack + stream.pcb->cwnd, edge + STREAM_MSS);
    partial += counts && stream.pcb->flags & TF_INFR && stream.pcb->lastack != acked;
}

/* Four losses are one event. */
static void however_many_are_lost_the_window_is_halved_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < countof(lost_at); i++)
        lost_at[i] = (2 + 9 * i) * STREAM_MSS;
    stream.pcb->cwnd = STREAM_LARGE + STREAM_MSS;
    say_all(lose_each_once);
    for (partial = 0; stream.far.acks_due > 0;)
        check_next();
    stream_check(STREAM_LARGE);
    assert_int_equal(partial, countof(lost_at) - 1);
    assert_int_equal(stream.pcb->ssthresh, (STREAM_LARGE + 3 * STREAM_MSS) / 2); /* two arrived */
}

static void what_leaves_during_recovery_is_not_sent_again_after_it(void **state)
{
    u32_t bytes = 0;

    (void)state;
    lost_at[0] = 5 * STREAM_MSS;
    lost_at[1] = STREAM_BYTES; /* no other */
    say_all(lose_each_once);
    while (stream.left_count < 2)
        check_next();
    assert_int_equal(stream_say(STREAM_LARGE, STREAM_LARGE), ERR_OK);
    tcp_output(stream.pcb);
    stream_exchange_in_time();
    stream_check(2 * STREAM_LARGE);
    for (unsigned i = 0; i < stream.left_count; i++)
        bytes += stream.left[i].bytes;
    assert_int_equal(bytes, 2 * STREAM_LARGE + STREAM_MSS);
}

#define SHORT 1000u /* lwIP could add to it */

/* What is written meanwhile must not become a part of it. */
static void what_cannot_be_sent_again_for_want_of_window_stays_what_it_is(void **state)
{
    (void)state;
    lost_at[0] = 0;
    lost_at[1] = STREAM_BYTES;
    stream.lost = lose_each_once;
    for (u32_t off = lost = 0; off < 5 * SHORT; off += SHORT) {
        assert_int_equal(stream_say(off, SHORT), ERR_OK);
        tcp_output(stream.pcb);
    }
    stream.pcb->snd_wnd = stream.far.window = 640; /* it may not shrink, but does */
    stream_exchange_in_time();
    assert_int_equal(stream.pcb->flags & TF_INFR, TF_INFR);
    assert_int_equal(stream.left_count, 5);
    assert_int_equal(stream_say(5 * SHORT, 100), ERR_OK);
    stream.far.window = 1u << 20;
    stream_acknowledge(0);
    for (unsigned i = 0; i < 1000; i++) {
        stream_tick();
        stream_exchange_in_time();
    }
    stream_check(5 * SHORT + 100);
}

static bool lose_some(u32_t off)
{
    (void)off;
    return rand() % 100 == 0;
}

/* Nothing takes time here but waiting for a timer: for lost ones that are lost again, and the last
 * ones, which nothing follows. */
static void megabytes_at_one_percent_loss_hardly_wait(void **state)
{
    u32_t said = 0;
    unsigned ms = 0;

    (void)state;
    srand(1);
    stream.lost = lose_some;
    for (; stream.far.next < STREAM_BYTES && stream.pcb; ms++) {
        while (said < STREAM_BYTES && tcp_sndbuf(stream.pcb) >= STREAM_LARGE) {
            const u32_t bytes = LWIP_MIN(STREAM_LARGE, STREAM_BYTES - said);

            if (stream_say(said, bytes) != ERR_OK)
                break;
            said += bytes;
            tcp_output(stream.pcb);
            stream_exchange_in_time();
        }
        stream_tick();
        stream_exchange_in_time();
    }
    assert_non_null(stream.pcb);
    stream_check(STREAM_BYTES);
    assert_in_range(ms, 1, 100);
}

/* ---- what an acknowledgement says ------------------------------------------------------------ */

static u8_t said_options[TCP_PEER_SACK_BYTES];

/* Of nothing, with the window growing each time, and of what is beyond: (from) to (to). */
static void say_duplicate(u32_t from, u32_t to, u32_t more_window)
{
    struct tcp_peer_segment s = tcp_peer_next(stream.pcb, TCP_ACK, 0);

    stream.far.window += more_window;
    tcp_peer_sack(said_options, stream.far.first_seq + from, stream.far.first_seq + to);
    s.options = said_options;
    s.option_bytes = from == to ? 0 : sizeof(said_options);
    s.ack = stream.far.first_seq;
    s.wnd = (u16_t)(stream.far.window >> stream.pcb->snd_scale);
    tcp_peer_send(&s);
}

static bool lose_all(u32_t off)
{
    (void)off;
    return true;
}

static void duplicates_with_a_growing_window_count_by_what_they_say(void **state)
{
    (void)state;
    say_all(lose_all);
    for (unsigned i = 0; i < 5; i++)
        say_duplicate(0, 0, 4096); /* only the window: no sign of a loss */
    assert_int_equal(stream.left_count, 1);
    assert_int_equal(stream.pcb->snd_wnd, stream.far.window);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(stream.left_count, 1);
        say_duplicate(STREAM_MSS, STREAM_MSS + i * 100, 4096);
        assert_int_equal(stream.pcb->snd_wnd, stream.far.window);
        assert_int_equal(stream.pcb->snd_wnd_max, stream.far.window);
    }
    assert_int_equal(stream.left_count, 2);
    assert_int_equal(stream.left[1].off, 0);
    assert_int_equal(stream.left[1].bytes, STREAM_MSS);
}

static void one_acknowledgement_of_more_than_two_segments_beyond_is_enough(void **state)
{
    (void)state;
    say_all(lose_all);
    say_duplicate(STREAM_MSS, 3 * STREAM_MSS, 0);
    assert_int_equal(stream.left_count, 1);
    say_duplicate(STREAM_MSS, 3 * STREAM_MSS + 1, 0);
    assert_int_equal(stream.left_count, 2);
    assert_int_equal(stream.left[1].off, 0);
}

/* In front of a block that would be right. */
struct lie {
    const char *what;
    u8_t begin[4];
};

static const struct lie lies[] = {
    {"no length", {1, 1, 5, 0}},
    {"a length of one", {1, 1, 5, 1}},
    {"longer than it is", {1, 1, 5, 18}},
    {"half a block", {1, 1, 5, 6}},
    {"behind the end of options", {0, 2, 5, 10}},
    {"another option", {1, 1, 8, 10}},
};

static void options_that_say_nothing_right_have_no_effect(void **state)
{
    (void)state;
    say_all(lose_all);
    for (size_t i = 0; i < countof(lies); i++) {
        struct tcp_peer_segment s = tcp_peer_next(stream.pcb, TCP_ACK, 0);

        print_message("%s\n", lies[i].what);
        tcp_peer_sack(said_options, stream.far.first_seq + STREAM_MSS,
                      stream.far.first_seq + 9 * STREAM_MSS);
        memcpy(said_options, lies[i].begin, sizeof(lies[i].begin));
        s.options = said_options;
        s.option_bytes = sizeof(said_options);
        s.ack = stream.far.first_seq;
        stream.far.window += 4096;
        s.wnd = (u16_t)(stream.far.window >> stream.pcb->snd_scale);
        tcp_peer_send(&s);
        assert_int_equal(stream.left_count, 1);
        assert_int_equal(stream.pcb->dupacks, 0);
    }
    say_duplicate(0u - 9000, 0u - 1000, 4096); /* what came twice */
    say_duplicate(9000, 8000, 4096);           /* backwards */
    assert_int_equal(stream.pcb->dupacks, 0);
}

/* ---- silence --------------------------------------------------------------------------------- */

/* Until something leaves: after how many milliseconds. Round trips are known to take no time. */
static unsigned silence(void)
{
    const unsigned left = stream.left_count;
    unsigned ms = 0;

    stream.pcb->sa = stream.pcb->sv = 0;
    while (stream.left_count == left && ms < 1000) {
        stream_tick();
        ms++;
    }
    return ms;
}

static void a_lost_acknowledgement_costs_a_probe_and_not_the_window(void **state)
{
    unsigned ms;

    (void)state;
    say_all(NULL);
    stream.far.acks_due = 0;
    ms = silence();
    assert_in_range(ms, 50, 110);
    assert_int_equal(stream.left_count, 2);
    assert_int_equal(stream.left[1].off, 0);
    assert_int_equal(stream.left[1].bytes, STREAM_MSS);
    assert_true(stream.pcb->cwnd > STREAM_LARGE);
    stream_acknowledge(stream.far.next);
    assert_int_equal(stream.reported, STREAM_LARGE);
    assert_int_equal(stream.pcb->flags & TF_INFR, 0);
    assert_true(stream.pcb->cwnd > STREAM_LARGE);
}

/* There is one probe, and the timer expires as if there had been none: also behind a retransmission
 * after duplicates. */
static void without_an_answer_the_timer_expires_when_it_would_have(void **state)
{
    unsigned ms;

    (void)state;
    for (unsigned fast = 0; fast < 2; fast++) {
        if (fast) {
            stream_close(NULL);
            stream_open(NULL);
        }
        say_all(lose_all);
        for (unsigned i = 0; i < 3 * fast; i++)
            say_duplicate(STREAM_MSS, STREAM_MSS + 100, 0);
        assert_int_equal(stream.left_count, 1 + fast);
        ms = silence();
        assert_in_range(ms, 50, 110);
        assert_true(stream.pcb->cwnd > STREAM_LARGE);
        ms += silence();
        assert_in_range(ms, 200, 260);
        assert_int_equal(stream.pcb->cwnd, STREAM_MSS);
    }
}

/* It may be acknowledged late, like any that no second one follows. */
static void a_lone_segment_is_not_asked_for(void **state)
{
    (void)state;
    stream.lost = lose_all;
    assert_int_equal(stream_say(0, STREAM_MSS), ERR_OK);
    tcp_output(stream.pcb);
    assert_in_range(silence(), 200, 260);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stream_test(each_lost_piece_of_a_window_is_sent_again_at_once),
        stream_test(however_many_are_lost_the_window_is_halved_once),
        stream_test(what_leaves_during_recovery_is_not_sent_again_after_it),
        stream_test(what_cannot_be_sent_again_for_want_of_window_stays_what_it_is),
        stream_test(megabytes_at_one_percent_loss_hardly_wait),
        stream_test(duplicates_with_a_growing_window_count_by_what_they_say),
        stream_test(one_acknowledgement_of_more_than_two_segments_beyond_is_enough),
        stream_test(options_that_say_nothing_right_have_no_effect),
        stream_test(a_lost_acknowledgement_costs_a_probe_and_not_the_window),
        stream_test(without_an_answer_the_timer_expires_when_it_would_have),
        stream_test(a_lone_segment_is_not_asked_for),
    };

    return cmocka_run_group_tests(tests, stream_start, NULL);
}
