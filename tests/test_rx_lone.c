/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets judged where they lie come to the same as those that are taken several at a time: frames,
 * completions, counters. Two NICs are shown the same bytes; one has its host here, and looks at
 * each packet by itself, the other's is far, and has so much to take that it does not.
 */
#include <string.h>

#include "chance.h"
#include "netvsc_rx_var.h"
#include "wire_twins.h"

#define SECTION_BYTES 1728u
#define SECTIONS 64u
#define SENT_MAX 8u
#define LONG_WAY_BYTES 161u /* and more on the ring are not taken one by one */
#define WORDS_MAX 16u

static struct wire here, far;
static uint64_t sent_here[SENT_MAX], sent_far[SENT_MAX]; /* not completed */
static unsigned sent;

/* ---- packets --------------------------------------------------------------------------------- */

static uint32_t put_both(const uint64_t *words, uint64_t xid_far, unsigned count)
{
    uint64_t other[WORDS_MAX];

    memcpy(other, words, count * sizeof(words[0]));
    other[1] = xid_far;
    wire_put(&here, words, count * 8);
    wire_put(&far, other, count * 8);
    return count * 8 + VMBUS_PKT_TRAILER_BYTES;
}

static uint64_t first_word(uint64_t type, uint64_t header_words, uint64_t words)
{
    return type | header_words << 16 | words << 32 | (uint64_t)(below(9) == 0) << (48 + below(8));
}

/* A message in (section) of both receive buffers, and its packet: mostly nothing is wrong. */
static uint32_t some_frame(uint32_t section)
{
    static const uint32_t lengths[] = {60, 60, 60, 60, 100, 14, 13, 1518, 1519};
    uint8_t *msg = here.t.recv.base + section * SECTION_BYTES;
    const struct vmbus_xfer_range range =
        wire_message(&here, section, lengths[below(countof(lengths))], (uint8_t)below(256));
    uint64_t words[9] = {first_word(VMBUS_PKT_XFER_PAGES, 4, 9) | UINT64_C(1) << 48, section};

    if (below(8) == 0)
        msg[below(sizeof(struct rndis_packet))] ^= (uint8_t)(1u << below(8));
    memcpy(far.t.recv.base + section * SECTION_BYTES, msg, SECTION_BYTES);
    words[2] = NVS_RECV_BUF_ID | UINT64_C(1) << 32;
    words[3] = range.len_bytes | (uint64_t)range.off_bytes << 32;
    words[4] = NVS_MSG_RNDIS;
    if (below(8) == 0)
        words[2 + below(3)] ^= UINT64_C(1) << below(64);
    return put_both(words, section, 9);
}

static void send_both(void)
{
    struct wire_packet pkt;

    assert_int_equal(wire_send(&here, 60, 1), 0);
    assert_int_equal(wire_send(&far, 60, 1), 0);
    netvsc_flush(here.nic);
    netvsc_flush(far.nic);
    wire_take_data(&here, &pkt);
    sent_here[sent] = pkt.desc.xid;
    wire_take_data(&far, &pkt);
    sent_far[sent++] = pkt.desc.xid;
}

/* Of something sent, of nothing, or of what was completed before. */
static uint32_t some_completion(void)
{
    const uint32_t type = below(40) ? VMBUS_PKT_COMPLETION : VMBUS_PKT_INBAND;
    const unsigned count = below(4) ? 5 : below(7), which = below(sent), kept = below(12) == 0;
    const uint64_t odd = below(10) ? 0 : UINT64_C(1) << (16 + below(16)); /* nobody's */
    uint64_t words[WORDS_MAX] = {first_word(type, 2, 2 + count), sent_here[which] ^ odd};
    const uint64_t xid_far = sent_far[which] ^ odd;

    words[2] = NVS_MSG_RNDIS_COMPLETE | (uint64_t)(below(5) ? NVS_STATUS_SUCCESS : below(4)) << 32;
    if (below(10) == 0)
        words[2] ^= UINT64_C(1) << below(64);
    if (!kept && !odd && type == VMBUS_PKT_COMPLETION) {
        sent_here[which] = sent_here[--sent];
        sent_far[which] = sent_far[sent];
    }
    return put_both(words, xid_far, 2 + count);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void packets_are_the_same_alone_as_among_others(void **state)
{
    const struct wire_options near_options = {.ring_pages = 32, .host_here = true};
    const struct wire_options far_options = {.ring_pages = 32};
    struct netvsc_stats sum;

    (void)state;
    chance_begin(1);
    wire_up(&here, &near_options);
    wire_up(&far, &far_options);
    for (unsigned i = 0; i < 60000; i++) {
        const uint32_t least = below(4) ? LONG_WAY_BYTES : 900;

        while (sent < SENT_MAX / 2)
            send_both();
        for (uint32_t bytes = 0, section = 0; bytes < least; section++)
            bytes += sent && below(2) ? some_completion() : some_frame(section % SECTIONS);
        wire_poll(&here);
        wire_poll(&far);
        twins_same_frames(&here, &far);
        twins_same_answers(&here, &far);
        if (i % 16 == 0)
            twins_same_counters(&here, &far);
    }
    twins_same_counters(&here, &far);
    sum = wire_stats(&here);
    assert_true(sum.rx_frames > 40000 && sum.rx_drop_rndis > 1000 && sum.host_bad_set > 1000);
    assert_true(sum.tx_completed > 40000 && sum.tx_failed > 4000 && sum.host_bad_xid > 1000);
    wire_close(&here);
    wire_close(&far);
}

/* Two frames that are alike, and a host here: what a poll may take one by one. */
static void deliver_two(struct wire *w)
{
    const struct wire_options options = {.host_here = true};

    wire_up(w, &options);
    for (uint32_t i = 0; i < 3; i++)
        wire_deliver(w, i, 60, 7);
    assert_int_equal(netvsc_poll(w->nic, w->now_ns, 1), 1); /* judged, and kept for the others */
}

static void the_budget_bounds_packets_taken_alone(void **state)
{
    struct wire w;

    (void)state;
    deliver_two(&w);
    assert_int_equal(netvsc_poll(w.nic, w.now_ns, 1), 1);
    assert_int_equal(w.rx_count, 2);
    assert_int_equal(netvsc_poll(w.nic, w.now_ns, 8), 1);
    assert_int_equal(netvsc_poll(w.nic, w.now_ns, 8), 0);
    assert_int_equal(w.rx_count, 3);
    wire_close(&w);
}

static void a_lone_frame_while_detaching_is_dropped_as_any_is(void **state)
{
    struct wire w;

    (void)state;
    deliver_two(&w);
    netvsc_detach(w.nic, w.now_ns);
    wire_poll(&w);
    assert_int_equal(w.rx_count, 1);
    assert_int_equal(wire_stats(&w).rx_drop_down, 2);
    wire_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_the_same_alone_as_among_others),
        cmocka_unit_test(the_budget_bounds_packets_taken_alone),
        cmocka_unit_test(a_lone_frame_while_detaching_is_dropped_as_any_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
