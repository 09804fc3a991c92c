/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames in fragments (RSC), with the test as host: what becomes a frame, and what hosts may do. */
#include "check.h"

#include <string.h>

#include "netif_wire.h"
#include "netvsc_hold.h"

#define FRAGMENT RNDIS_PACKET_ID_FRAGMENT
#define FIRST (FRAGMENT | RNDIS_PACKET_ID_FIRST)
#define LAST (FRAGMENT | RNDIS_PACKET_ID_LAST)
#define XID 3u

static const struct wire_options rsc = {.rsc = true, .recv_sections = 640};

static uint64_t counter(const struct wire *w, const char *name)
{
    struct netvsc_stats stats = wire_stats(w);

    return netvsc_counter(&stats, name);
}

/* ---- what one packet becomes ----------------------------------------------------------------- */

/* Ranges by letter: first, middle, last, single (first and last), whole; and bad ones. */
struct packet_case {
    const char *ranges;
    const char *frames; /* a digit each: in how many pieces */
    uint32_t first, last, size, rndis, range;
};

static const struct packet_case cases[] = {
    {"FML", "3", 0, 0, 0, 0, 0},
    {"FL", "2", 0, 0, 0, 0, 0},
    {"S", "1", 0, 0, 0, 0, 0},
    {"FMMMMMMML", "9", 0, 0, 0, 0, 0},
    {"WFMLWWFLS", "131121", 0, 0, 0, 0, 0},
    {"L", "", 1, 0, 0, 0, 0},
    {"ML", "", 2, 0, 0, 0, 0},
    {"MLFL", "2", 2, 0, 0, 0, 0},
    {"FLL", "2", 1, 0, 0, 0, 0},
    {"F", "", 0, 1, 0, 0, 0},
    {"FMM", "", 0, 3, 0, 0, 0},
    {"FMW", "1", 0, 2, 0, 0, 0}, /* a whole frame in between */
    {"FMWL", "1", 1, 2, 0, 0, 0},
    {"FMFL", "2", 0, 2, 0, 0, 0}, /* a first one again */
    {"FS", "1", 0, 1, 0, 0, 0},
    {"FCL", "", 1, 1, 0, 0, 0}, /* a control message in between */
    {"FMLMFL", "32", 1, 0, 0, 0, 0},
    {"FEL", "", 1, 1, 1, 0, 0}, /* an empty one */
    {"TL", "", 1, 0, 1, 0, 0},  /* a first one shorter than an Ethernet header */
    {"FXL", "", 1, 1, 0, 1, 0}, /* a malformed message */
    {"FPL", "", 1, 1, 0, 1, 0}, /* malformed info elements */
    {"FRL", "", 1, 1, 0, 0, 1}, /* a range outside */
    {"FRLWFL", "12", 1, 1, 0, 0, 1},
};

static struct vmbus_xfer_range bad_message(struct wire *w, uint32_t i, char kind)
{
    struct vmbus_xfer_range range = wire_fragment(w, i, 100, 0, FRAGMENT);
    struct rndis_packet head;
    const struct rndis_indicate told = {RNDIS_MSG_INDICATE_STATUS, sizeof(told),
                                        RNDIS_IND_MEDIA_CONNECT, 0, 0};
    uint8_t *at = w->t.recv.base + range.off_bytes;

    memcpy(&head, at, sizeof(head));
    if (kind == 'X')
        head.data_bytes++;
    else if (kind == 'P')
        at[sizeof(head)] = 15; /* size of the element */
    else if (kind == 'R')
        range.len_bytes = w->options.recv_section_bytes + 1;
    memcpy(at, &head, sizeof(head));
    if (kind == 'C')
        memcpy(at, &told, sizeof(told));
    return range;
}

static struct vmbus_xfer_range any_message(struct wire *w, uint32_t i, char kind)
{
    switch (kind) {
    case 'F':
        return wire_fragment(w, i, 100 + i, (uint8_t)i, FIRST);
    case 'M':
        return wire_fragment(w, i, 100 + i, (uint8_t)i, FRAGMENT);
    case 'L':
        return wire_fragment(w, i, 100 + i, (uint8_t)i, LAST);
    case 'S':
        return wire_fragment(w, i, 100 + i, (uint8_t)i, FIRST | LAST);
    case 'W':
        return wire_message(w, i, 100 + i, (uint8_t)i);
    case 'E':
        return wire_fragment(w, i, 0, 0, FRAGMENT);
    case 'T':
        return wire_fragment(w, i, 13, 0, FIRST);
    default:
        return bad_message(w, i, kind);
    }
}

static void send_packet(struct wire *w, const char *kinds)
{
    struct vmbus_xfer_range ranges[16];
    unsigned count = (unsigned)strlen(kinds);

    for (unsigned i = 0; i < count; i++)
        ranges[i] = any_message(w, i, kinds[i]);
    wire_xfer(w, XID, NVS_RNDIS_DATA, ranges, count);
    wire_poll(w);
}

/* Each entry handed up is a fragment as it was sent, and those of a frame stand behind another. */
static void check_frames(const struct wire *w, const char *pieces)
{
    unsigned at = 0;

    for (; *pieces; pieces++) {
        unsigned more = (unsigned)(*pieces - '1');

        assert_true(at + more < w->rx_count);
        assert_int_equal(w->frames[at].frame.more, more);
        for (unsigned i = 0; i <= more; i++, at++) {
            assert_int_equal(w->frames[at].frame.len_bytes, 100 + w->frames[at].head[0]);
            assert_int_equal(w->frames[at].head[0], w->frames[at - i].head[0] + i);
        }
    }
    assert_int_equal(w->rx_count, at);
}

static void fragments_become_frames_and_broken_rows_of_them_do_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(cases); i++) {
        const struct packet_case *c = &cases[i];
        bool good = !(c->first || c->last || c->size || c->rndis || c->range);
        struct wire w;

        print_message("%s\n", c->ranges);
        wire_up(&w, &rsc);
        send_packet(&w, c->ranges);
        check_frames(&w, c->frames);
        assert_int_equal(counter(&w, "rx_frames"), strlen(c->frames));
        assert_int_equal(counter(&w, "rx_drop_rsc_first"), c->first);
        assert_int_equal(counter(&w, "rx_drop_rsc_last"), c->last);
        assert_int_equal(counter(&w, "rx_drop_rsc_size"), c->size);
        assert_int_equal(counter(&w, "rx_drop_rndis"), c->rndis);
        assert_int_equal(counter(&w, "rx_drop_range"), c->range);
        wire_expect_ack(&w, XID, good ? NVS_STATUS_SUCCESS : NVS_STATUS_FAILURE);
        wire_expect_nothing(&w);
        wire_close(&w); /* the books */
    }
}

static void what_one_packet_begins_another_does_not_end(void **state)
{
    struct wire w;

    (void)state;
    wire_up(&w, &rsc);
    send_packet(&w, "FM");
    send_packet(&w, "ML");
    assert_int_equal(w.rx_count, 0);
    assert_int_equal(counter(&w, "rx_drop_rsc_last"), 2);
    assert_int_equal(counter(&w, "rx_drop_rsc_first"), 2);
    wire_close(&w);
}

/* Nine fragments alike but for a word of the fifth; (pieces) of the first frame. */
struct odd_one {
    const char *what;
    size_t off;
    uint32_t word;
    uint32_t pieces, first, last, rndis;
};

#define ELEMENT sizeof(struct rndis_packet)
#define ID(flags) (RNDIS_PACKET_ID_VERSION | (uint32_t)(flags) << 8 | 7u << 16)
static_assert(offsetof(struct rndis_packet_id, flags) == 1, "as ID() has it");
static_assert(offsetof(struct rndis_packet_id, id) == 2, "as ID() has it");

static const struct odd_one odd_ones[] = {
    {"none", offsetof(struct rndis_packet, type), RNDIS_MSG_PACKET, 9, 0, 0, 0},
    {"type", offsetof(struct rndis_packet, type), 77, 0, 4, 4, 1},
    {"shorter", offsetof(struct rndis_packet, data_bytes), 99, 9, 0, 0, 0},
    {"longer", offsetof(struct rndis_packet, data_bytes), 101, 0, 4, 4, 1},
    {"no element", offsetof(struct rndis_packet, ppi_bytes), 0, 1, 4, 4, 0},
    {"an element twice as long", offsetof(struct rndis_packet, ppi_bytes), 32, 0, 4, 4, 1},
    {"another element", ELEMENT + offsetof(struct rndis_ppi, type), RNDIS_PPI_HASH, 1, 4, 4, 0},
    {"its data elsewhere", ELEMENT + offsetof(struct rndis_ppi, data_off), 16, 0, 4, 4, 1},
    {"another frame's", ELEMENT + RNDIS_PPI_DATA_OFF, ID(FRAGMENT) + (1u << 16), 9, 0, 0, 0},
    {"no fragment", ELEMENT + RNDIS_PPI_DATA_OFF, ID(0), 1, 4, 4, 0},
    {"the last", ELEMENT + RNDIS_PPI_DATA_OFF, ID(LAST), 5, 4, 0, 0},
    {"a first", ELEMENT + RNDIS_PPI_DATA_OFF, ID(FIRST), 5, 0, 4, 0},
};

static void of_fragments_alike_each_is_looked_at(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(odd_ones); i++) {
        const struct odd_one *odd = &odd_ones[i];
        struct vmbus_xfer_range ranges[9];
        struct wire w;

        print_message("%s\n", odd->what);
        wire_up(&w, &rsc);
        for (uint32_t k = 0; k < countof(ranges); k++)
            ranges[k] = wire_fragment(&w, k, 100, (uint8_t)k,
                                      k == 0   ? FIRST
                                      : k == 8 ? LAST
                                               : FRAGMENT);
        memcpy(w.t.recv.base + ranges[4].off_bytes + odd->off, &odd->word, sizeof(odd->word));
        wire_xfer(&w, XID, NVS_RNDIS_DATA, ranges, countof(ranges));
        wire_poll(&w);
        assert_int_equal(w.rx_count, odd->pieces);
        if (odd->pieces > 1)
            assert_int_equal(w.frames[0].frame.more, odd->pieces - 1);
        if (odd->pieces == 9)
            assert_int_equal(w.frames[4].frame.len_bytes, odd->word == 99 ? 99 : 100);
        for (uint32_t k = 0; k < w.rx_count; k++)
            assert_int_equal(w.frames[k].head[0], w.frames[0].head[0] + k);
        assert_int_equal(counter(&w, "rx_drop_rsc_first"), odd->first);
        assert_int_equal(counter(&w, "rx_drop_rsc_last"), odd->last);
        assert_int_equal(counter(&w, "rx_drop_rndis"), odd->rndis);
        wire_close(&w); /* the books */
    }
}

/* And so is each range: too short for its message, too far behind. */
static void of_fragments_alike_each_is_where_one_may_be(void **state)
{
    (void)state;
    for (unsigned outside = 0; outside < 2; outside++) {
        struct vmbus_xfer_range ranges[9];
        struct wire w;

        wire_up(&w, &rsc);
        for (uint32_t k = 0; k < countof(ranges); k++)
            ranges[k] = wire_fragment(&w, k, 100, 0, k == 0 ? FIRST : k == 8 ? LAST : FRAGMENT);
        if (outside)
            ranges[4].off_bytes = UINT32_MAX - 100; /* to look there is a fault */
        else
            ranges[4].len_bytes--;
        wire_xfer(&w, XID, NVS_RNDIS_DATA, ranges, countof(ranges));
        wire_poll(&w);
        assert_int_equal(w.rx_count, 0);
        assert_int_equal(counter(&w, "rx_drop_range"), outside);
        assert_int_equal(counter(&w, "rx_drop_rndis"), !outside);
        assert_int_equal(counter(&w, "rx_drop_rsc_first"), 4);
        assert_int_equal(counter(&w, "rx_drop_rsc_last"), 4);
        wire_close(&w); /* the books */
    }
}

static void behind_the_last_fragment_another_last_one_is_none(void **state)
{
    struct vmbus_xfer_range ranges[4];
    struct wire w;

    (void)state;
    wire_up(&w, &rsc);
    for (uint32_t k = 0; k < countof(ranges); k++)
        ranges[k] = wire_fragment(&w, k, 100, 0, k == 0 ? FIRST : k == 1 ? FRAGMENT : LAST);
    wire_xfer(&w, XID, NVS_RNDIS_DATA, ranges, countof(ranges));
    wire_poll(&w);
    assert_int_equal(w.rx_count, 3);
    assert_int_equal(counter(&w, "rx_drop_rsc_first"), 1);
    wire_close(&w);
}

/* ---- what belongs to the frame --------------------------------------------------------------- */

/* In front of a fragment's own element: a tag and a verdict. */
static struct vmbus_xfer_range with_meta(struct wire *w, uint32_t i, uint8_t flags, uint32_t csum)
{
    struct vmbus_xfer_range range = wire_fragment(w, i, 100, (uint8_t)i, flags);
    const uint32_t more[] = {16, RNDIS_PPI_CSUM, 12, csum,
                             16, RNDIS_PPI_VLAN, 12, 100u << RNDIS_VLAN_ID_SHIFT | i};
    uint8_t *at = w->t.recv.base + range.off_bytes;
    struct rndis_packet head;

    memcpy(&head, at, sizeof(head));
    memmove(at + sizeof(head) + sizeof(more), at + sizeof(head), RNDIS_PPI_BYTES + 100);
    memcpy(at + sizeof(head), more, sizeof(more));
    head.len_bytes += (uint32_t)sizeof(more);
    head.data_off += (uint32_t)sizeof(more);
    head.ppi_bytes += (uint32_t)sizeof(more);
    memcpy(at, &head, sizeof(head));
    range.len_bytes = head.len_bytes;
    return range;
}

static void tag_and_verdict_are_those_of_the_first_fragment(void **state)
{
    const uint32_t right = RNDIS_RXCSUM_TCP_OK | RNDIS_RXCSUM_IP_OK;
    struct vmbus_xfer_range ranges[2];
    struct wire w;

    (void)state;
    wire_up(&w, &rsc);
    ranges[0] = with_meta(&w, 0, FIRST, right | RNDIS_RXCSUM_TCP_STALE | RNDIS_RXCSUM_IP_STALE);
    ranges[1] = with_meta(&w, 1, LAST, RNDIS_RXCSUM_TCP_BAD);
    wire_xfer(&w, XID, NVS_RNDIS_DATA, ranges, 2);
    wire_poll(&w);
    assert_int_equal(w.rx_count, 2);
    assert_int_equal(w.frames[0].frame.csum,
                     NETVSC_CSUM_IP_OK | NETVSC_CSUM_L4_OK | NETVSC_CSUM_STALE);
    assert_true(w.frames[0].frame.has_tci);
    assert_int_equal(w.frames[0].frame.tci, 100);
    assert_int_equal(counter(&w, "rx_vlan"), 1);
    assert_int_equal(counter(&w, "rx_size_128_255"), 1); /* 200 and FCS */
    assert_int_equal(counter(&w, "rx_bytes"), 200);
    wire_close(&w);
}

static struct netvsc_hold *holds[2];

static void hold_both(struct wire *w)
{
    for (unsigned i = 0; i < 2; i++)
        holds[i] = netvsc_frame_hold(w->nic, &w->frames[i].frame);
}

static void the_packet_is_kept_until_its_last_piece_is_released(void **state)
{
    struct wire w;

    (void)state;
    wire_up(&w, &rsc);
    w.on_rx = hold_both;
    send_packet(&w, "FL");
    wire_expect_nothing(&w);
    netvsc_hold_release(holds[0]);
    wire_poll(&w);
    wire_expect_nothing(&w);
    netvsc_hold_release(holds[1]);
    wire_poll(&w);
    wire_expect_ack(&w, XID, NVS_STATUS_SUCCESS);
    wire_close(&w);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void send_row(struct wire *w, unsigned count, uint32_t bytes, uint32_t last_bytes)
{
    struct vmbus_xfer_range ranges[VMBUS_XFER_RANGES_MAX];

    ranges[0] = wire_fragment(w, 0, bytes, 0, FIRST);
    for (unsigned i = 1; i < count - 1; i++)
        ranges[i] = wire_fragment(w, i, bytes, (uint8_t)i, FRAGMENT);
    ranges[count - 1] = wire_fragment(w, count - 1, last_bytes, (uint8_t)(count - 1), LAST);
    wire_xfer(w, XID, NVS_RNDIS_DATA, ranges, count);
    wire_poll(w);
}

static void a_frame_may_have_as_many_fragments_as_a_packet_has_ranges(void **state)
{
    struct vmbus_xfer_range whole[NETVSC_BATCH_MAX - 1];
    struct wire w;

    (void)state;
    wire_up(&w, &rsc);
    /* Behind a batch that is full but for one: no other call has more entries. */
    for (uint32_t i = 0; i < countof(whole); i++)
        whole[i] = wire_message(&w, VMBUS_XFER_RANGES_MAX + i, 60, 1);
    wire_xfer(&w, XID + 1, NVS_RNDIS_DATA, whole, countof(whole));
    send_row(&w, VMBUS_XFER_RANGES_MAX, 60, 61);
    assert_int_equal(w.rx_calls, 1);
    assert_int_equal(w.rx_count, NETVSC_BATCH_MAX - 1 + VMBUS_XFER_RANGES_MAX);
    assert_int_equal(w.frames[63].frame.more, VMBUS_XFER_RANGES_MAX - 1);
    assert_int_equal(w.frames[w.rx_count - 1].frame.len_bytes, 61);
    assert_int_equal(counter(&w, "rx_frames"), NETVSC_BATCH_MAX);
    assert_int_equal(counter(&w, "rx_rsc_fragments"), VMBUS_XFER_RANGES_MAX);
    wire_close(&w);
}

static void no_frame_is_longer_than_an_ip_packet_can_say(void **state)
{
    struct wire w;

    (void)state;
    wire_up(&w, &rsc);
    send_row(&w, 44, 1500, 65535 - 43 * 1500);
    assert_int_equal(w.rx_count, 44);
    assert_int_equal(counter(&w, "rx_size_9019_up"), 1);
    wire_expect_ack(&w, XID, NVS_STATUS_SUCCESS);
    send_row(&w, 44, 1500, 65536 - 43 * 1500);
    assert_int_equal(w.rx_count, 44);
    assert_int_equal(counter(&w, "rx_drop_rsc_size"), 1);
    assert_int_equal(counter(&w, "rx_drop_rsc_last"), 43);
    wire_expect_ack(&w, XID, NVS_STATUS_FAILURE);
    wire_close(&w);
}

/* ---- asking for it --------------------------------------------------------------------------- */

static void it_is_asked_for_where_it_is_wanted_and_offered(void **state)
{
    struct wire w;

    (void)state;
    wire_up(&w, &rsc);
    assert_int_equal(w.capabilities, NVS_CAP_8021Q | NVS_CAP_RSC);
    assert_int_equal(w.offload.rsc4, NDIS_PARAM_ON);
    assert_int_equal(w.offload.rsc6, NDIS_PARAM_ON);
    assert_int_equal(netvsc_info(w.nic)->rx_rsc, NETVSC_RSC_IP4 | NETVSC_RSC_IP6);
    wire_close(&w);

    wire_up(&w, NULL);
    assert_int_equal(w.capabilities, NVS_CAP_8021Q);
    assert_int_equal(netvsc_info(w.nic)->rx_rsc, 0);
    wire_close(&w);
}

static void fragments_nobody_asked_for_are_dropped(void **state)
{
    const struct wire_options none = {.recv_sections = 640};
    struct wire w;

    (void)state;
    wire_up(&w, &none);
    send_packet(&w, "FMLWS");
    assert_int_equal(w.rx_count, 1);
    assert_int_equal(counter(&w, "rx_drop_rsc_unasked"), 4);
    wire_expect_ack(&w, XID, NVS_STATUS_FAILURE);
    wire_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragments_become_frames_and_broken_rows_of_them_do_not),
        cmocka_unit_test(of_fragments_alike_each_is_looked_at),
        cmocka_unit_test(of_fragments_alike_each_is_where_one_may_be),
        cmocka_unit_test(behind_the_last_fragment_another_last_one_is_none),
        cmocka_unit_test(what_one_packet_begins_another_does_not_end),
        cmocka_unit_test(tag_and_verdict_are_those_of_the_first_fragment),
        cmocka_unit_test(the_packet_is_kept_until_its_last_piece_is_released),
        cmocka_unit_test(a_frame_may_have_as_many_fragments_as_a_packet_has_ranges),
        cmocka_unit_test(no_frame_is_longer_than_an_ip_packet_can_say),
        cmocka_unit_test(it_is_asked_for_where_it_is_wanted_and_offered),
        cmocka_unit_test(fragments_nobody_asked_for_are_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
