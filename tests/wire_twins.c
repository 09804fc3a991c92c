/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire_twins.h"

#include <string.h>

void twins_same_frames(struct wire *a, struct wire *b)
{
    assert_int_equal(a->rx_count, b->rx_count);
    for (unsigned i = 0; i < a->rx_count; i++) {
        const struct netvsc_frame *x = &a->frames[i].frame, *y = &b->frames[i].frame;

        assert_int_equal(x->data - a->t.recv.base, y->data - b->t.recv.base);
        assert_int_equal(x->len_bytes, y->len_bytes);
        assert_int_equal(x->csum, y->csum);
        assert_int_equal(x->has_tci, y->has_tci);
        assert_int_equal(x->tci, y->tci);
        assert_int_equal(x->more, y->more);
        assert_int_equal(x->queue, y->queue);
        assert_int_equal(x->packet, y->packet);
        assert_int_equal(x->hash, y->hash);
        assert_memory_equal(a->frames[i].head, b->frames[i].head, sizeof(a->frames[i].head));
    }
    a->rx_count = b->rx_count = 0;
}

void twins_same_answers(struct wire *a, struct wire *b)
{
    static struct wire_packet x, y;
    bool more;

    do {
        more = wire_get(a, &x);
        assert_int_equal(wire_get(b, &y), more);
        assert_true(!more || (x.bytes == y.bytes && memcmp(x.raw, y.raw, x.bytes) == 0));
    } while (more);
}

void twins_same_counters(const struct wire *a, const struct wire *b)
{
    const struct netvsc_stats x = wire_stats(a), y = wire_stats(b);

#define X(name, help) assert_int_equal(x.name, y.name);
    NETVSC_STATS(X)
#undef X
}
