/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of connections while nothing can leave: no link, or a card that takes nothing. */
#include "tcp_stream.h"

#include "lwip/netif.h"

#define MINUTE_MS 60000u
#define SHORT 1000u

static void plug(bool in)
{
    if (in)
        netif_set_link_up(stream.card);
    else
        netif_set_link_down(stream.card);
}

static err_t takes_nothing(struct pbuf *p)
{
    (void)p;
    return ERR_MEM;
}

/* Nothing leaves any more, one way or the other, or everything again. */
static void out_of_reach(bool full, bool is)
{
    if (full)
        stream.takes = is ? takes_nothing : NULL;
    else
        plug(!is);
}

static int teardown(void **state)
{
    plug(true);
    return stream_close(state);
}

/* The far end has (SHORT) bytes and takes no more; as many wait. */
static void close_window(void)
{
    assert_int_equal(stream_say(0, SHORT), ERR_OK);
    tcp_output(stream.pcb);
    stream.far.window = 0;
    stream_acknowledge(SHORT);
    assert_int_equal(stream_say(SHORT, SHORT), ERR_OK);
    tcp_output(stream.pcb);
    assert_int_equal(stream.left_count, 1);
    stream.far.acks_due = 0;
}

/* What the far end would not take is not in its stream: a probe is lost there. */
static bool lose_all(u32_t off)
{
    (void)off;
    return true;
}

static unsigned ms_to_next(unsigned limit_ms)
{
    const unsigned left = stream.left_count;
    unsigned ms = 0;

    for (; stream.pcb && stream.left_count == left && ms < limit_ms; ms++)
        stream_tick();
    return ms;
}

static void a_closed_window_is_asked_for_as_soon_as_anything_can_leave(void **state)
{
    for (unsigned full = 0; full < 2; full++) {
        if (full) {
            stream_close(state);
            stream_open(state);
        }
        close_window();
        stream.lost = lose_all;
        out_of_reach(full, true);
        stream_pass_ms(4 * MINUTE_MS);
        assert_non_null(stream.pcb);
        assert_int_equal(stream.left_count, 1);
        out_of_reach(full, false);
        assert_in_range(ms_to_next(MINUTE_MS), 1, 500);
        stream.lost = NULL;
        stream.far.window = 1u << 20;
        stream_acknowledge(SHORT);
        stream_pass_ms(MINUTE_MS / 60);
        stream_check(2 * SHORT);
    }
}

static void what_was_on_its_way_leaves_again_as_soon_as_it_can(void **state)
{
    for (unsigned full = 0; full < 2; full++) {
        if (full) {
            stream_close(state);
            stream_open(state);
        }
        stream.lost = lose_all;
        assert_int_equal(stream_say(0, SHORT), ERR_OK);
        tcp_output(stream.pcb);
        out_of_reach(full, true);
        stream_pass_ms(4 * MINUTE_MS);
        assert_non_null(stream.pcb);
        assert_int_equal(stream.left_count, 1);
        stream.lost = NULL;
        out_of_reach(full, false);
        stream.pcb->sa = stream.pcb->sv = 0;
        assert_in_range(ms_to_next(MINUTE_MS), 1, 260);
        stream_check(SHORT);
    }
}

static void check_ends_in_time(void)
{
    unsigned ms = 0;

    for (plug(false); stream.pcb && ms < 20 * MINUTE_MS; ms++)
        stream_tick();
    assert_in_range(ms, 5 * MINUTE_MS, 15 * MINUTE_MS);
    plug(true);
}

/* RFC 1122, 4.2.3.5: not before 100 s; but at some time. */
static void what_never_leaves_again_ends_the_connection(void **state)
{
    stream.lost = lose_all;
    assert_int_equal(stream_say(0, SHORT), ERR_OK);
    tcp_output(stream.pcb);
    check_ends_in_time();
    stream_open(state);
    close_window();
    check_ends_in_time();
}

/* A peer that is silent, and nothing else, is given up as ever: by the number of probes. */
static void probes_without_an_answer_count(void **state)
{
    unsigned ms, probes = 0;

    (void)state;
    close_window();
    stream.lost = lose_all;
    for (ms = 0; stream.pcb; ms += ms_to_next(20 * MINUTE_MS), probes++)
        assert_true(ms < 20 * MINUTE_MS);
    assert_int_equal(probes, TCP_MAXRTX + 1); /* and the wait for the one that did not come */
    assert_true(ms > 100000);
}

#define unplugged_test(name) cmocka_unit_test_setup_teardown(name, stream_open, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        unplugged_test(a_closed_window_is_asked_for_as_soon_as_anything_can_leave),
        unplugged_test(what_was_on_its_way_leaves_again_as_soon_as_it_can),
        unplugged_test(what_never_leaves_again_ends_the_connection),
        unplugged_test(probes_without_an_answer_count),
    };

    return cmocka_run_group_tests(tests, stream_start, NULL);
}
