/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segments that reach lwIP as one chain: put together by the emulated host (RSC) or by the NIC's
 * lwIP face (GRO), what is left alone, and that nothing is lost or kept on the way.
 */
#include <string.h>

#include "ip_frames.h"
#include "lwip/inet_chksum.h"
#include "lwip_bench.h"
#include "netvsc_hold.h"
#include "netvsc_netif_var.h"
#include "rndis_reg.h"

#define CHAINS_MAX 128u
#define MSS 1400u
#define NO_RSC (HVHOST_OFFLOAD_ALL & ~HVHOST_OFFLOAD_RSC)

struct chain {
    struct pbuf *p; /* kept, as lwIP's out-of-order queue does */
    uint16_t segments;
    u16_t checks;
};

static struct chain chains[CHAINS_MAX];
static unsigned chain_count;
static struct ip_frame f;

static err_t keep_input(struct pbuf *p, struct netif *netif)
{
    assert_true(chain_count < CHAINS_MAX);
    chains[chain_count++] = (struct chain){p, p->segments, netif->chksum_flags};
    return ERR_OK;
}

static void setup(uint32_t offload)
{
    stack_card_config.offload = offload;
    stack_setup(16);
    stack.nif.netif.input = keep_input;
    chain_count = 0;
}

static void free_chains(void)
{
    while (chain_count)
        pbuf_free(chains[--chain_count].p);
}

static void teardown(void)
{
    free_chains();
    stack_turn(3);
    assert_int_equal(netvsc_held_sections(stack.nif.nic), 0);
    stack_teardown();
}

/* To the card, not yet turned; (f).seq goes on behind it. */
static void send(uint32_t payload_bytes, uint8_t flags)
{
    struct hvhost_frame out = {.data = f.data};

    f.proto = 6;
    f.payload_bytes = payload_bytes;
    f.flags = flags;
    ip_frame_build(&f);
    out.len_bytes = f.len_bytes;
    hvhost_port_send(stack.port, &out);
    f.seq += payload_bytes;
}

/* A new attach, which agrees on offloads, with a host whose answer to that is spoilt. */
static void reattach(enum hvhost_fault_act act)
{
    const struct hvhost_fault fault = {HVH_ON_RNDIS_SET, act, OID_OFFLOAD_PARAMS, 0, 1, 0};

    netvsc_detach(stack.nif.nic, stack.now_ns);
    stack_turn(20);
    hvhost_fault_arm(stack.card, &fault);
    stack_attach();
}

/* Chain (i) is TCP from (seq) on. (sums): its header's is right, as of what was put together here.
 */
static void check_chain(unsigned i, uint32_t seq, uint32_t payload_bytes, bool sums)
{
    static uint8_t bytes[65536];
    const struct pbuf *p = chains[i].p;
    uint32_t l4 = f.v6 ? 54 : 34, head = l4 + 20 + f.option_bytes, left = p->tot_len;

    assert_true(i < chain_count);
    assert_int_equal(p->tot_len, head + payload_bytes);
    for (const struct pbuf *q = p; q; q = q->next) { /* what lwIP relies on */
        assert_int_equal(q->tot_len, left);
        left -= q->len;
    }
    assert_int_equal(left, 0);
    pbuf_copy_partial(p, bytes, p->tot_len, 0);
    assert_int_equal(bytes[f.v6 ? 18 : 16] << 8 | bytes[f.v6 ? 19 : 17],
                     p->tot_len - (f.v6 ? l4 : 14));
    if (!f.v6 && sums)
        assert_int_equal(inet_chksum(bytes + 14, 20), 0);
    assert_int_equal(bytes[l4 + 7], (uint8_t)seq);
    for (uint32_t k = 0; k < payload_bytes; k++)
        assert_int_equal(bytes[head + k], (uint8_t)(seq + k));
    assert_int_equal(chains[i].checks & NETIF_CHECKSUM_CHECK_TCP, 0);
}

static struct hvhost_nic_stats host(void)
{
    struct hvhost_nic_stats s;

    hvhost_nic_stats(stack.card, &s);
    return s;
}

/* ---- put together here ----------------------------------------------------------------------- */

static void consecutive_segments_become_one_chain(void **state)
{
    static const uint32_t sizes[] = {1, 100, MSS}; /* copied, copied, lent */

    (void)state;
    for (unsigned i = 0; i < 2 * 2 * countof(sizes); i++) {
        uint32_t bytes = sizes[i / 4];

        f = (struct ip_frame){.v6 = i & 1, .seq = 0xFFFFF000, .option_bytes = i & 2 ? 12 : 0};
        setup(NO_RSC);
        for (unsigned k = 0; k < 5; k++)
            send(bytes, 0x10);
        send(bytes + 1, 0x18);
        stack_turn(2);
        assert_int_equal(chain_count, 1);
        check_chain(0, 0xFFFFF000, 6 * bytes + 1, true);
        assert_int_equal(chains[0].segments, 6);
        assert_int_equal(pbuf_get_at(chains[0].p, (f.v6 ? 54 : 34) + 13), 0x18);
        assert_int_equal(stack.nif.stats.rx_gro_chains, 1);
        assert_int_equal(stack.nif.stats.rx_gro_segments, 6);
        assert_int_equal(stack.nif.stats.rx_input, 6);
        assert_int_equal(stack.nif.stats.rx_zerocopy, bytes == MSS ? 6 : 0);
        assert_int_equal(host().rx_frames, 6);
        teardown();
    }
}

static void a_chain_ends_before_it_is_too_long(void **state)
{
    (void)state;
    f = (struct ip_frame){.seq = 7};
    setup(NO_RSC);
    for (unsigned i = 0; i < 60; i++)
        send(MSS, 0x10);
    stack_turn(2);
    assert_int_equal(chain_count, 2);
    check_chain(0, 7, 46 * MSS, true);
    check_chain(1, 7 + 46 * MSS, 14 * MSS, true);
    teardown();
}

/* What the second of two segments differs in. */
struct apart {
    const char *what;
    int32_t gap;
    uint8_t first_flags, flags, option_bytes;
    uint16_t source;
    uint32_t ack;
};

static const struct apart aparts[] = {
    {.what = "a gap", .gap = 1},
    {.what = "an overlap", .gap = -1},
    {.what = "the same again", .gap = -500},
    {.what = "another connection", .source = 1001},
    {.what = "FIN", .flags = 0x11},
    {.what = "ECE", .flags = 0x50},
    {.what = "URG", .flags = 0x30},
    {.what = "SYN first", .first_flags = 0x12},
    {.what = "CWR first", .first_flags = 0x90},
    {.what = "PSH first", .first_flags = 0x18},
    {.what = "acknowledgement", .ack = 1},
    {.what = "options", .option_bytes = 12},
};

static void what_differs_stays_apart_and_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(aparts); i++) {
        const struct apart *a = &aparts[i];

        print_message("%s\n", a->what);
        f = (struct ip_frame){.seq = 1000};
        setup(NO_RSC);
        send(500, a->first_flags ? a->first_flags : 0x10);
        f.seq += (uint32_t)a->gap;
        f.source = a->source;
        f.ack = a->ack;
        f.option_bytes = a->option_bytes;
        send(500, a->flags ? a->flags : 0x10);
        stack_turn(2);
        assert_int_equal(chain_count, 2);
        check_chain(1, 1500u + (uint32_t)a->gap, 500, true);
        f.option_bytes = 0;
        check_chain(0, 1000, 500, true);
        assert_int_equal(chains[0].segments, 0);
        assert_int_equal(stack.nif.stats.rx_gro_chains, 0);
        teardown();
    }
}

/* A byte of the second segment's header, and the IPv4 sum that goes with it (offset 24). */
static void no_field_of_the_header_is_lost(void **state)
{
    static const struct {
        const char *what;
        bool v6;
        uint32_t off;
    } rows[] = {{"MAC address", false, 7},           {"congestion mark", false, 15},
                {"fragment flags", false, 20},       {"hop limit", false, 22},
                {"congestion mark, IPv6", true, 15}, {"flow label", true, 17},
                {"hop limit, IPv6", true, 21}};

    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        struct hvhost_frame out = {.data = f.data, .csum_ok = true};
        u16_t sum;

        print_message("%s\n", rows[i].what);
        f = (struct ip_frame){.v6 = rows[i].v6, .seq = 1000};
        setup(NO_RSC);
        send(500, 0x10);
        ip_frame_build(&f);
        f.data[rows[i].off] ^= rows[i].off == 20 ? 0x40 : 1; /* "do not fragment" */
        if (!f.v6) {
            memset(f.data + 24, 0, 2);
            sum = inet_chksum(f.data + 14, 20);
            memcpy(f.data + 24, &sum, 2);
        }
        out.len_bytes = f.len_bytes;
        hvhost_port_send(stack.port, &out);
        stack_turn(2);
        assert_int_equal(chain_count, 2);
        teardown();
    }
}

static void a_segment_with_a_wrong_sum_joins_nothing(void **state)
{
    struct hvhost_frame out = {.data = f.data};

    (void)state;
    for (unsigned verify = 0; verify < 2; verify++) {
        f = (struct ip_frame){.seq = 1000};
        stack_config.rx_csum = verify ? NETVSC_VERIFY : NETVSC_AUTO;
        setup(NO_RSC);
        send(500, 0x10);
        ip_frame_build(&f);
        f.data[f.len_bytes - 1] ^= 1;
        out.len_bytes = f.len_bytes;
        out.csum_ok = verify; /* a host that lies */
        hvhost_port_send(stack.port, &out);
        f.seq += 500;
        send(500, 0x10);
        stack_turn(2);
        assert_int_equal(chain_count, 2);
        check_chain(0, 1000, 500, true);
        check_chain(1, 2000, 500, true);
        assert_int_equal(stack.nif.stats.rx_drop_csum, 1);
        assert_int_equal(stack.nif.stats.rx_csum_disagree, verify);
        teardown();
    }
}

static void what_nobody_checked_or_wanted_together_comes_one_by_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        f = (struct ip_frame){.seq = 1000};
        stack_config.rx_gro = i == 0 ? NETVSC_OFF : NETVSC_AUTO;
        stack_config.rx_csum = i == 1 ? NETVSC_OFF : NETVSC_AUTO;
        setup(i == 2 ? NO_RSC & ~HVHOST_OFFLOAD_RX_CSUM : NO_RSC);
        send(500, 0x10);
        send(500, 0x10);
        stack_turn(2);
        assert_int_equal(chain_count, 2);
        assert_int_equal(chains[0].checks & NETIF_CHECKSUM_CHECK_TCP,
                         i == 0 ? 0 : NETIF_CHECKSUM_CHECK_TCP);
        teardown();
    }
}

/* ---- put together by the host ---------------------------------------------------------------- */

static void what_the_host_puts_together_arrives_as_one_chain(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        f = (struct ip_frame){.v6 = i & 1, .seq = 0xFFFFF000};
        stack_config.rx_copybreak_bytes = i & 2 ? NETVSC_RX_COPY_ALL : 0;
        stack_config.rx_rsc = i & 2 ? NETVSC_VERIFY : NETVSC_AUTO;
        setup(HVHOST_OFFLOAD_ALL);
        for (unsigned k = 0; k < 40; k++)
            send(MSS, 0x10);
        stack_turn(2);
        assert_int_equal(chain_count, 1);
        check_chain(0, 0xFFFFF000, 40 * MSS, false);
        assert_true(chains[0].segments > 1);
        assert_int_equal(host().rx_rsc_segments, 40);
        assert_int_equal(stack.nif.stats.rx_gro_chains, 0);
        assert_int_equal(stack.nif.stats.rx_input, 1);
        assert_int_equal(stack.nif.stats.rx_csum_disagree, 0);
        /* Sections of a packet come back with its last piece. */
        assert_int_equal(netvsc_held_sections(stack.nif.nic), i & 2 ? 0 : 38);
        teardown();
    }
}

/* It puts segments together whether we heard its answer or not. */
static void nothing_is_lost_with_the_answer_about_offloads(void **state)
{
    (void)state;
    for (unsigned refused = 0; refused < 2; refused++) {
        f = (struct ip_frame){.seq = 1};
        stack_config.step_timeout_ms = 20;
        setup(HVHOST_OFFLOAD_ALL);
        reattach(refused ? HVH_ACT_REFUSE : HVH_ACT_SILENT);
        assert_int_equal(netvsc_info(stack.nif.nic)->offload.csum, 0);
        for (unsigned k = 0; k < 40; k++)
            send(MSS, 0x10);
        stack_turn(2);
        assert_int_equal(host().rx_rsc_segments, refused ? 0 : 40);
        assert_int_equal(chain_count, refused ? 40 : 1);
        if (!refused)
            check_chain(0, 1, 40 * MSS, false);
        assert_int_equal(stack.nif.stats.rx_drop_csum, 0);
        teardown();
    }
}

/* Chain 0 as pbufs of their own. */
static unsigned take_apart(struct pbuf **pieces)
{
    struct pbuf *next = chains[--chain_count].p;
    unsigned count = 0;

    for (; next; count++) {
        pieces[count] = next;
        next = next->next;
        pieces[count]->next = NULL;
        pieces[count]->tot_len = pieces[count]->len;
    }
    return count;
}

static void a_packet_is_kept_for_the_last_piece_whichever_that_is(void **state)
{
    struct pbuf *pieces[64];
    unsigned count, last;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        f = (struct ip_frame){.seq = 1};
        setup(i & 1 ? HVHOST_OFFLOAD_ALL : NO_RSC); /* one packet; one for each eight segments */
        for (unsigned k = 0; k < 20; k++)
            send(MSS, 0x10);
        stack_turn(2);
        assert_int_equal(chain_count, 1);
        count = take_apart(pieces);
        assert_true(netvsc_held_sections(stack.nif.nic) >= 19);
        last = i & 2 ? 0 : count - 1;
        for (unsigned k = 0; k < count; k++)
            if (k != last)
                pbuf_free(pieces[k]);
        stack_turn(2);
        assert_int_equal(netvsc_held_sections(stack.nif.nic), i & 1 ? 19 : i & 2 ? 8 : 4);
        pbuf_free(pieces[last]);
        teardown(); /* none is kept */
    }
}

static void without_rsc_by_switch_they_come_together_here(void **state)
{
    (void)state;
    f = (struct ip_frame){.seq = 1};
    stack_config.rx_rsc = NETVSC_OFF;
    setup(HVHOST_OFFLOAD_ALL);
    for (unsigned k = 0; k < 10; k++)
        send(MSS, 0x10);
    stack_turn(2);
    assert_int_equal(chain_count, 1);
    check_chain(0, 1, 10 * MSS, true);
    assert_int_equal(stack.nif.stats.rx_gro_segments, 10);
    assert_int_equal(host().rx_rsc_frames, 0);
    teardown();
}

static void a_long_frame_without_pbufs_is_dropped_without_a_trace(void **state)
{
    struct pbuf *all = NULL, *p;
    unsigned left = 5;

    (void)state;
    f = (struct ip_frame){.seq = 1};
    stack_config.rx_copybreak_bytes = NETVSC_RX_COPY_ALL;
    setup(HVHOST_OFFLOAD_ALL);
    while ((p = pbuf_alloc(PBUF_RAW, 100, PBUF_POOL)) != NULL) {
        p->next = all; /* a list, not a chain: lengths do not matter */
        all = p;
    }
    for (; left; left--) { /* room for some of its pieces */
        p = all;
        all = p->next;
        p->next = NULL;
        pbuf_free(p);
    }
    for (unsigned k = 0; k < 20; k++)
        send(MSS, 0x10);
    stack_turn(2);
    assert_int_equal(chain_count, 0);
    assert_int_equal(stack.nif.stats.rx_drop_pbuf, 1);
    while (all) {
        p = all;
        all = p->next;
        p->next = NULL;
        pbuf_free(p);
    }
    teardown(); /* checks that no pbuf is missing */
}

/* ---- what a verdict covers ------------------------------------------------------------------- */

/* A datagram's fragment has no sum of its own; a host that says so has not looked at the others. */
static void no_verdict_about_a_fragment_is_believed(void **state)
{
    static const uint16_t kinds[] = {0x2000, 0x0001, 0x2010};
    struct netvsc_frame frame = {.data = f.data};

    (void)state;
    for (unsigned i = 0; i < countof(kinds); i++) {
        for (unsigned proto = 6; proto <= 17; proto += 11) {
            f = (struct ip_frame){
                .proto = (uint8_t)proto, .fragment = kinds[i], .payload_bytes = 64};
            ip_frame_build(&f);
            frame.len_bytes = f.len_bytes;
            assert_int_equal(netvsc_netif_spared(&frame, NETVSC_CSUM_L4_OK), 0);
            f.fragment = 0x4000; /* "do not fragment" is no fragment */
            ip_frame_build(&f);
            assert_int_not_equal(netvsc_netif_spared(&frame, NETVSC_CSUM_L4_OK), 0);
        }
    }
}

/* Cut anywhere behind the headers, at odd places too, the truth is the same. */
static void the_truth_about_a_frame_in_pieces_is_that_of_the_whole(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        f = (struct ip_frame){.v6 = v6, .proto = 6, .payload_bytes = 301, .seq = 3};
        ip_frame_build(&f);
        for (uint32_t cut = f.l4_off + 20; cut < f.len_bytes - 2; cut += 3) {
            const struct netvsc_frame pieces[] = {
                {.data = f.data, .len_bytes = cut, .more = 2},
                {.data = f.data + cut, .len_bytes = 1},
                {.data = f.data + cut + 1, .len_bytes = f.len_bytes - cut - 1}};

            assert_int_equal(netvsc_netif_rx_truth(pieces),
                             v6 ? NETVSC_CSUM_L4_OK : NETVSC_CSUM_L4_OK | NETVSC_CSUM_IP_OK);
            assert_true(netvsc_netif_joined_right(pieces));
            f.data[cut] ^= 4;
            assert_true(netvsc_netif_rx_truth(pieces) & NETVSC_CSUM_L4_BAD);
            f.data[cut] ^= 4;
        }
    }
}

static void a_header_that_does_not_fit_what_was_put_together_is_found(void **state)
{
    struct netvsc_frame pieces[2];

    (void)state;
    f = (struct ip_frame){.proto = 6, .payload_bytes = 300};
    ip_frame_build(&f);
    pieces[0] = (struct netvsc_frame){.data = f.data, .len_bytes = 100, .more = 1};
    pieces[1] = (struct netvsc_frame){.data = f.data + 100, .len_bytes = f.len_bytes - 101};
    assert_false(netvsc_netif_joined_right(pieces));
    pieces[1].len_bytes += 2;
    assert_false(netvsc_netif_joined_right(pieces));
    pieces[1].len_bytes--;
    assert_true(netvsc_netif_joined_right(pieces));
    f.data[23] = 17;
    assert_false(netvsc_netif_joined_right(pieces));
    pieces[0].len_bytes = 33; /* its IP header is not even in the first piece */
    assert_false(netvsc_netif_joined_right(pieces));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consecutive_segments_become_one_chain),
        cmocka_unit_test(a_chain_ends_before_it_is_too_long),
        cmocka_unit_test(what_differs_stays_apart_and_in_order),
        cmocka_unit_test(no_field_of_the_header_is_lost),
        cmocka_unit_test(a_segment_with_a_wrong_sum_joins_nothing),
        cmocka_unit_test(what_nobody_checked_or_wanted_together_comes_one_by_one),
        cmocka_unit_test(what_the_host_puts_together_arrives_as_one_chain),
        cmocka_unit_test(nothing_is_lost_with_the_answer_about_offloads),
        cmocka_unit_test(a_packet_is_kept_for_the_last_piece_whichever_that_is),
        cmocka_unit_test(without_rsc_by_switch_they_come_together_here),
        cmocka_unit_test(a_long_frame_without_pbufs_is_dropped_without_a_trace),
        cmocka_unit_test(no_verdict_about_a_fragment_is_believed),
        cmocka_unit_test(the_truth_about_a_frame_in_pieces_is_that_of_the_whole),
        cmocka_unit_test(a_header_that_does_not_fit_what_was_put_together_is_found),
    };

    return cmocka_run_group_tests(tests, stack_start, NULL);
}
