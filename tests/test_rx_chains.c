/* SPDX-License-Identifier: BSD-3-Clause */
/* Segments that reach lwIP as one chain, put together by the emulated host (RSC), and that nothing
 * is lost or kept on the way. */
#include "chain_fixture.h"
#include "netvsc_hold.h"
#include "rndis_reg.h"

static struct ip_frame f;

/* A new attach, which agrees on offloads, with a host whose answer to that is spoilt. */
static void reattach(enum hvhost_fault_act act)
{
    const struct hvhost_fault fault = {HVH_ON_RNDIS_SET, act, OID_OFFLOAD_PARAMS, 0, 1, 0};

    netvsc_detach(stack.nif.nic, stack.now_ns);
    stack_turn(20);
    hvhost_fault_arm(stack.card, &fault);
    stack_attach();
}

static void what_the_host_puts_together_arrives_as_one_chain(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        f = (struct ip_frame){.v6 = i & 1, .seq = 0xFFFFF000};
        stack_config.rx_copybreak_bytes = i & 2 ? NETVSC_RX_COPY_ALL : 0;
        stack_config.rx_rsc = i & 2 ? NETVSC_VERIFY : NETVSC_AUTO;
        chains_setup(HVHOST_OFFLOAD_ALL);
        for (unsigned k = 0; k < 40; k++)
            chains_send(&f, CHAINS_MSS, 0x10);
        stack_turn(2);
        assert_int_equal(chain_count, 1);
        chains_check(&f, 0, 0xFFFFF000, 40 * CHAINS_MSS, false);
        assert_true(chains[0].segments > 1);
        assert_int_equal(chains_host().rx_rsc_segments, 40);
        assert_int_equal(stack.nif.stats.rx_gro_chains, 0);
        assert_int_equal(stack.nif.stats.rx_input, 1);
        assert_int_equal(stack.nif.stats.rx_csum_disagree, 0);
        assert_int_equal(stack.nif.stats.rx_copied, i & 2 ? 38 : 1); /* the last one is short */
        /* Sections of a packet come back with its last piece. */
        assert_int_equal(netvsc_held_sections(stack.nif.nic), i & 2 ? 0 : 38);
        chains_teardown();
    }
}

/* It puts segments together whether we heard its answer or not. */
static void nothing_is_lost_with_the_answer_about_offloads(void **state)
{
    (void)state;
    for (unsigned refused = 0; refused < 2; refused++) {
        f = (struct ip_frame){.seq = 1};
        stack_config.step_timeout_ms = 20;
        chains_setup(HVHOST_OFFLOAD_ALL);
        reattach(refused ? HVH_ACT_REFUSE : HVH_ACT_SILENT);
        assert_int_equal(netvsc_info(stack.nif.nic)->offload.csum, 0);
        for (unsigned k = 0; k < 40; k++)
            chains_send(&f, CHAINS_MSS, 0x10);
        stack_turn(2);
        assert_int_equal(chains_host().rx_rsc_segments, refused ? 0 : 40);
        assert_int_equal(chain_count, refused ? 40 : 1);
        if (!refused)
            chains_check(&f, 0, 1, 40 * CHAINS_MSS, false);
        assert_int_equal(stack.nif.stats.rx_drop_csum, 0);
        chains_teardown();
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
        chains_setup(i & 1 ? HVHOST_OFFLOAD_ALL
                           : CHAINS_NO_RSC); /* one packet; one for each eight segments */
        for (unsigned k = 0; k < 20; k++)
            chains_send(&f, CHAINS_MSS, 0x10);
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
        chains_teardown(); /* none is kept */
    }
}

/* 4096 can be; what comes then is copied, from the middle of a frame on. */
static void with_all_pbufs_lent_the_rest_of_a_frame_is_copied(void **state)
{
    const unsigned frames = 120;

    (void)state;
    f = (struct ip_frame){.seq = 1};
    stack_config.rx_hold_percent = 90;
    stack_card_config.recv_buf_bytes = 16u << 20;
    chains_setup(HVHOST_OFFLOAD_ALL);
    for (unsigned i = 0; i < frames; i++) {
        for (unsigned k = 0; k < 40; k++)
            chains_send(&f, CHAINS_MSS, k == 39 ? 0x18 : 0x10);
        stack_turn(2);
    }
    assert_int_equal(chain_count, frames);
    for (unsigned i = 0; i < frames; i++)
        chains_check(&f, i, 1 + i * 40 * CHAINS_MSS, 40 * CHAINS_MSS, false);
    assert_int_equal(stack.nif.stats.rx_zerocopy, 4096);
    assert_int_equal(stack.nif.stats.rx_copied, frames * 38 - 4096); /* each one's last, 36 bytes */
    chains_teardown();
}

static void a_chain_outlives_its_netif(void **state)
{
    (void)state;
    f = (struct ip_frame){.seq = 1};
    chains_setup(HVHOST_OFFLOAD_ALL);
    for (unsigned k = 0; k < 20; k++)
        chains_send(&f, CHAINS_MSS, 0x10);
    stack_turn(2);
    netvsc_netif_remove(&stack.nif);
    chains_check(&f, 0, 1, 20 * CHAINS_MSS, false);
    pbuf_free(chains[--chain_count].p);
    assert_null(hvhost_audit(stack.host));
    assert_int_equal(netvsc_netif_add(&stack.nif, &stack_config), 0);
    stack_attach();
    chains_teardown();
}

static void without_rsc_by_switch_they_come_together_here(void **state)
{
    (void)state;
    f = (struct ip_frame){.seq = 1};
    stack_config.rx_rsc = NETVSC_OFF;
    chains_setup(HVHOST_OFFLOAD_ALL);
    for (unsigned k = 0; k < 10; k++)
        chains_send(&f, CHAINS_MSS, 0x10);
    stack_turn(2);
    assert_int_equal(chain_count, 1);
    chains_check(&f, 0, 1, 10 * CHAINS_MSS, true);
    assert_int_equal(stack.nif.stats.rx_gro_segments, 10);
    assert_int_equal(chains_host().rx_rsc_frames, 0);
    chains_teardown();
}

static void a_long_frame_without_pbufs_is_dropped_without_a_trace(void **state)
{
    struct pbuf *all = NULL, *p;
    unsigned left = 5;

    (void)state;
    f = (struct ip_frame){.seq = 1};
    stack_config.rx_copybreak_bytes = NETVSC_RX_COPY_ALL;
    chains_setup(HVHOST_OFFLOAD_ALL);
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
        chains_send(&f, CHAINS_MSS, 0x10);
    stack_turn(2);
    assert_int_equal(chain_count, 0);
    assert_int_equal(stack.nif.stats.rx_drop_pbuf, 1);
    while (all) {
        p = all;
        all = p->next;
        p->next = NULL;
        pbuf_free(p);
    }
    chains_teardown(); /* checks that no pbuf is missing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_host_puts_together_arrives_as_one_chain),
        cmocka_unit_test(nothing_is_lost_with_the_answer_about_offloads),
        cmocka_unit_test(a_packet_is_kept_for_the_last_piece_whichever_that_is),
        cmocka_unit_test(with_all_pbufs_lent_the_rest_of_a_frame_is_copied),
        cmocka_unit_test(a_chain_outlives_its_netif),
        cmocka_unit_test(without_rsc_by_switch_they_come_together_here),
        cmocka_unit_test(a_long_frame_without_pbufs_is_dropped_without_a_trace),
    };

    return cmocka_run_group_tests(tests, stack_start, NULL);
}
