/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Small frames are counted some at a time, as long as they are alike. Whoever looks does not see
 * that: each is in the books from its commit on, by its own length and kind. And padding, which is
 * put where frames end, ends with the section.
 */
#include <string.h>

#include "pile_guest.h"

static uint32_t seed = 1;

static uint32_t below(uint32_t limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % limit;
}

/* ---- counting -------------------------------------------------------------------------------- */

/* What the counters should say. */
struct model {
    uint64_t frames, bytes, padded, multicast, broadcast, upto_64, upto_127, upto_255, upto_511,
        upto_1023;
};

enum kind { ONE, GROUP, ALL };

static void expect(struct model *m, uint32_t bytes, enum kind kind)
{
    const uint32_t on_wire = bytes + 4; /* with FCS */

    m->frames++;
    m->bytes += bytes;
    m->padded += bytes < NETVSC_FRAME_BYTES_MIN;
    m->multicast += kind == GROUP;
    m->broadcast += kind == ALL;
    *(on_wire <= 64    ? &m->upto_64
      : on_wire <= 127 ? &m->upto_127
      : on_wire <= 255 ? &m->upto_255
      : on_wire <= 511 ? &m->upto_511
                       : &m->upto_1023) += 1;
}

static void check(const struct wire *w, const struct model *m)
{
    const struct netvsc_stats s = wire_stats(w);

    assert_int_equal(s.tx_frames, m->frames);
    assert_int_equal(s.tx_bytes, m->bytes);
    assert_int_equal(s.tx_padded, m->padded);
    assert_int_equal(s.tx_multicast, m->multicast);
    assert_int_equal(s.tx_broadcast, m->broadcast);
    assert_int_equal(s.tx_size_64, m->upto_64);
    assert_int_equal(s.tx_size_65_127, m->upto_127);
    assert_int_equal(s.tx_size_128_255, m->upto_255);
    assert_int_equal(s.tx_size_256_511, m->upto_511);
    assert_int_equal(s.tx_size_512_1023, m->upto_1023);
}

static void send(struct wire *w, struct model *m, uint32_t bytes, enum kind kind)
{
    struct pile_draft d = {0};

    assert_int_equal(pile_begin(w, &d, bytes), 0);
    pile_fill(&d, (uint8_t)bytes, false);
    if (kind == GROUP)
        d.slot.data[0] |= 1;
    if (kind == ALL)
        memset(d.slot.data, 0xff, 6);
    pile_commit(w, &d);
    expect(m, bytes, kind);
}

static void frames_are_counted_from_their_commit_on_whatever_came_before(void **state)
{
    static const uint32_t lengths[] = {54, 60, 60, 60, 61, 100, 200, 300, 511, 512};
    struct model m = {0};
    struct wire w;

    (void)state;
    pile_up(&w, NULL);
    for (unsigned i = 0; i < 5000; i++) {
        const uint32_t bytes = lengths[below(countof(lengths))];

        for (uint32_t count = 1 + below(6); count > 0; count--)
            send(&w, &m, bytes, below(8) ? ONE : below(2) ? GROUP : ALL);
        if (below(4))
            check(&w, &m);
        if (below(2))
            netvsc_flush(w.nic);
        if (below(2)) {
            pile_host_turn(&w);
            wire_poll(&w);
        }
    }
    check(&w, &m);
    pile_down(&w);
}

static void frames_the_host_never_saw_are_counted_as_lost(void **state)
{
    struct model m = {0};
    struct wire w;

    (void)state;
    pile_up(&w, NULL);
    for (unsigned i = 0; i < 3; i++)
        send(&w, &m, 60, ONE);
    netvsc_detach(w.nic, w.now_ns);
    netvsc_detach(w.nic, w.now_ns); /* once more: at once */
    assert_true(w.closed);
    check(&w, &m);
    assert_int_equal(wire_stats(&w).tx_lost, 3);
    wire_close(&w);
}

static void a_frame_committed_empty_is_all_padding(void **state)
{
    struct model m = {0};
    struct netvsc_slot slot;
    struct wire w;

    (void)state;
    pile_up(&w, NULL);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(netvsc_tx_begin(w.nic, 60, &slot), 0);
        w.begins++;
        netvsc_tx_commit(w.nic, &slot, 0);
        expect(&m, 0, ONE);
        check(&w, &m);
    }
    netvsc_flush(w.nic);
    wire_close(&w);
}

/* ---- padding --------------------------------------------------------------------------------- */

#define ODD_SECTION_BYTES 1000u /* no multiple of the alignment */

static void padding_does_not_reach_into_the_next_section(void **state)
{
    const struct wire_options options = {.send_section_bytes = ODD_SECTION_BYTES,
                                         .aggregate_bytes = 512,
                                         .max_frame_bytes = 1500,
                                         .align_shift = 6};
    struct wire_packet pkt;
    struct wire w;

    (void)state;
    wire_up(&w, &options);
    wire_send(&w, 60, 0); /* never completed: the others go into a section that is not the last */
    netvsc_flush(w.nic);
    assert_true(wire_get(&w, &pkt));
    for (uint32_t bytes = 14; bytes <= 512; bytes++) {
        memset(w.t.send.base, 0xEE, w.t.send.len_bytes);
        assert_int_equal(wire_send(&w, 512, 1), 0);
        assert_int_equal(wire_send(&w, bytes, 2), 0);
        netvsc_flush(w.nic);
        while (wire_get(&w, &pkt)) {
            uint8_t *section = w.t.send.base + (size_t)wire_word(&pkt, 8) * ODD_SECTION_BYTES;

            assert_in_range(wire_word(&pkt, 12), 1, ODD_SECTION_BYTES);
            memset(section, 0xEE, wire_word(&pkt, 12));
            wire_complete_rndis(&w, pkt.desc.xid, NVS_STATUS_SUCCESS);
        }
        for (uint32_t i = 1; i * ODD_SECTION_BYTES < w.t.send.len_bytes; i++)
            assert_int_equal(w.t.send.base[i * ODD_SECTION_BYTES], 0xEE);
        wire_poll(&w);
    }
    wire_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_counted_from_their_commit_on_whatever_came_before),
        cmocka_unit_test(frames_the_host_never_saw_are_counted_as_lost),
        cmocka_unit_test(a_frame_committed_empty_is_all_padding),
        cmocka_unit_test(padding_does_not_reach_into_the_next_section),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
