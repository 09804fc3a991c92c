/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of connections against the lists lwIP keeps: whatever happens, in any order, each
 * connection of a list is found by its segments, nothing else is, and links and remembered ends
 * agree with the lists. A random walk (tcp_walk.c) makes it happen. The code under test is
 * included, so that its links can be looked at.
 */
#include "check.h"
#include "../port/port_tcp_out.c"
#include "../port/port_tcp_table.c"
#include "lwip/stats.h"
#include "tcp_walk.h"

#define STEPS 200000u

static struct port_tcp_end noted_ends[WALK_POOL];
static _Atomic uint32_t noted_used;
static unsigned reclaimed, longest;

/* ---- the comparison -------------------------------------------------------------------------- */

static unsigned check_list(struct tcp_pcb *list, uint32_t head, bool hashed)
{
    uint32_t expected = head;
    unsigned count = 0;

    for (struct tcp_pcb *pcb = list; pcb; pcb = pcb->next, count++) {
        const struct port_tcp_tuple t = tuple_of(pcb);

        assert_int_equal(block_of(pcb)->link.prev, expected);
        expected = slot_of(pcb);
        if (!hashed)
            continue;
        port_tcp_hit = port_tcp_hit_tw = NULL;
        find(&t);
        assert_ptr_equal(head == HEAD_ACTIVE ? port_tcp_hit : port_tcp_hit_tw, pcb);
    }
    return count;
}

/* In order; and what is remembered of the end is right. */
static unsigned check_segments(const struct tcp_seg *seg, const struct tcp_seg *known)
{
    bool seen = !known || !seg;
    unsigned count = 0;

    for (; seg; seg = seg->next, count++) {
        seen = seen || seg == known;
        if (seg->next)
            assert_true(TCP_SEQ_LT(seq_of(seg), seq_of(seg->next)));
    }
    assert_true(seen);
    return count;
}

static void check_tails(void)
{
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
        const struct tails *tails = place_of(pcb);
        const bool known = tails->pcb == pcb;
        unsigned count;

        check_segments(pcb->unsent, known && pcb->state < FIN_WAIT_1 ? tails->unsent : NULL);
        count = check_segments(pcb->unacked, known ? tails->unacked : NULL);
        longest = count > longest ? count : longest;
    }
}

static void check_notes(unsigned active)
{
    unsigned noted = 0;

    for (uint32_t i = 0; i < WALK_POOL; i++)
        noted += noted_ends[i].remote_port != 0;
    assert_int_equal(noted, active);
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
        const struct port_tcp_end *end = &noted_ends[port_tcp_number(pcb)];

        assert_true(port_tcp_number(pcb) < noted_used);
        assert_true(ip_addr_eq(&end->local, &pcb->local_ip));
        assert_true(ip_addr_eq(&end->remote, &pcb->remote_ip));
        assert_int_equal(end->local_port, pcb->local_port);
        assert_int_equal(end->remote_port, pcb->remote_port);
        assert_true(TCP_SEQ_LEQ(end->isn, pcb->lastack + 1));
    }
}

static void check_time_wait(void)
{
    struct tcp_pcb *last = tcp_tw_pcbs;

    while (last && last->next)
        last = last->next;
    assert_int_equal(table.oldest_time_wait, last ? slot_of(last) : 0);
}

static void check_ports(void)
{
    static uint32_t users[65536];

    memset(users, 0, sizeof(users));
    for (unsigned i = 0; i < NUM_TCP_PCB_LISTS; i++) {
        for (struct tcp_pcb *pcb = *tcp_pcb_lists[i]; pcb; pcb = pcb->next)
            users[pcb->local_port]++;
    }
    assert_memory_equal(users, port_users, sizeof(users));
}

static void check_all(void)
{
    const unsigned active = check_list(tcp_active_pcbs, HEAD_ACTIVE, true);
    const unsigned waiting = check_list(tcp_tw_pcbs, HEAD_TIME_WAIT, true);
    const unsigned bound = check_list(tcp_bound_pcbs, HEAD_BOUND, false);
    unsigned hashed = 0, loose = 0;

    for (uint32_t i = 0; i <= table.bucket_mask; i++) {
        for (uint32_t slot = table.buckets[i]; slot; slot = at(slot)->link.chain)
            hashed++;
    }
    for (unsigned i = 0; i < WALK_HELD_MAX; i++)
        loose += walk.held[i] && walk.held[i]->state == CLOSED &&
                 block_of(walk.held[i])->link.prev == UNLINKED;
    assert_int_equal(hashed, active + waiting);
    assert_int_equal(lwip_stats.memp[MEMP_TCP_PCB]->used, active + waiting + bound + loose);
    check_time_wait();
    check_tails();
    check_notes(active);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static int start_stack(void **state)
{
    (void)state;
    port_tcp_note(noted_ends, &noted_used);
    return walk_start();
}

static void the_table_agrees_with_the_lists_whatever_happens(void **state)
{
    (void)state;
    for (unsigned i = 0; i < STEPS; i++) {
        const size_t full = lwip_stats.memp[MEMP_TCP_PCB]->avail;
        const struct tcp_pcb *waiting = tcp_tw_pcbs;
        const bool was_full = lwip_stats.memp[MEMP_TCP_PCB]->used == full;

        walk_step();
        reclaimed += was_full && waiting && lwip_stats.memp[MEMP_TCP_PCB]->used == full;
        check_all();
        if (i % 64 == 0)
            check_ports();
    }
    /* Or the walk did not get where it should. */
    assert_true(walk.expired > 10);
    assert_true(reclaimed > 10);
    assert_true(walk.aborted_others > 10);
    assert_true(longest > 30);
}

static void everything_can_be_closed_in_the_end(void **state)
{
    (void)state;
    while (walk_abort_held())
        continue;
    while (tcp_active_pcbs)
        tcp_abort(tcp_active_pcbs);
    while (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
    if (walk.listener)
        tcp_close(walk.listener);
    check_all();
    check_ports();
    assert_int_equal(lwip_stats.memp[MEMP_TCP_PCB]->used, 0);
    assert_int_equal(lwip_stats.memp[MEMP_TCP_SEG]->used, 0);
    assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_agrees_with_the_lists_whatever_happens),
        cmocka_unit_test(everything_can_be_closed_in_the_end),
    };

    return cmocka_run_group_tests(tests, start_stack, NULL);
}
