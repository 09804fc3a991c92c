/* SPDX-License-Identifier: BSD-3-Clause */
/* Several queues against the emulated host: how many there are, which gets what, and the end. */
#include <errno.h>
#include <string.h>

#include "hvh_nic_var.h"
#include "netif_fixture.h"
#include "netvsc_queue.h"
#include "nvs_reg.h"
#include "rndis_reg.h"

#define FLOWS 64u
#define FRAME_BYTES 66u

static void start(struct netif_fixture *f, uint32_t queues)
{
    bench_init(f);
    f->card_config.max_queues = 64;
    f->config.queues = queues;
    bench_start(f);
}

static void up(struct netif_fixture *f, uint32_t queues)
{
    start(f, queues);
    bench_attach(f);
    bench_until(f, NETVSC_UP);
}

static void stop(struct netif_fixture *f)
{
    bench_check_strict(f);
    netvsc_detach(f->nic, f->now_ns);
    bench_until(f, NETVSC_DOWN);
    bench_check_strict(f);
    bench_stop(f);
}

static void fault(struct netif_fixture *f, enum hvhost_fault_on on, enum hvhost_fault_act act,
                  uint64_t arg)
{
    const struct hvhost_fault what = {.on = on, .act = act, .arg = arg};

    hvhost_fault_arm(f->card, &what);
}

/* A TCP segment from the far end, one of FLOWS flows. */
static void flow_send(struct netif_fixture *f, unsigned flow)
{
    static const uint8_t head[] = {0x08, 0x00, 0x45, 0,  0, 52, 0, 0,  0, 0, 64,
                                   6,    0,    0,    10, 0, 0,  1, 10, 0, 0, 2};
    uint8_t frame[FRAME_BYTES] = {0};
    const struct hvhost_frame out = {.data = frame, .len_bytes = sizeof(frame)};

    memcpy(frame, f->card_config.mac, 6);
    frame[6] = 2;
    memcpy(frame + 12, head, sizeof(head));
    frame[34] = 0x10;
    frame[35] = (uint8_t)flow;
    frame[37] = 80;
    hvhost_port_send(f->port, &out);
}

static void flows_send(struct netif_fixture *f, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned flow = 0; flow < FLOWS; flow++)
            flow_send(f, flow);
        bench_turn(f, 2);
    }
}

static uint64_t received(const struct netif_fixture *f, unsigned q)
{
    struct netvsc_stats stats;

    netvsc_queue_stats(f->nic, q, &stats);
    return stats.rx_frames;
}

/* One frame out on each queue comes back as completed on that queue. */
static void each_queue_sends(struct netif_fixture *f)
{
    uint32_t queues = netvsc_info(f->nic)->queues;
    struct netvsc_stats stats;
    struct netvsc_slot slot;

    bench_turn(f, 1);
    for (unsigned q = 0; q < queues; q++) {
        assert_int_equal(netvsc_queue_tx_begin(f->nic, q, 60, &slot), 0);
        f->begins++;
        memset(slot.data, (int)q, 60);
        netvsc_queue_tx_commit(f->nic, q, &slot, 60);
    }
    bench_turn(f, 3);
    for (unsigned q = 0; q < queues; q++) {
        netvsc_queue_stats(f->nic, q, &stats);
        assert_int_equal(stats.tx_completed, 1);
        assert_int_equal(netvsc_queue_outstanding(f->nic, q), 0);
    }
}

/* ---- how many -------------------------------------------------------------------------------- */

static void there_are_as_many_queues_as_asked_host_and_64_allow(void **state)
{
    static const struct {
        uint32_t asked, host, queues;
    } row[] = {{1, 64, 1}, {2, 64, 2}, {4, 64, 4}, {64, 64, 64}, {64, 3, 3}, {8, 1, 1}, {0, 64, 1}};
    struct netif_fixture f;

    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        bench_init(&f);
        f.card_config.max_queues = row[i].host;
        f.config.queues = row[i].asked;
        bench_come_up(&f);
        assert_int_equal(netvsc_info(f.nic)->queues, row[i].queues);
        assert_int_equal(bench_stats(&f).queues_short, row[i].queues < row[i].asked);
        each_queue_sends(&f);
        stop(&f);
    }
}

static void whatever_the_host_grants_the_nic_works(void **state)
{
    static const struct {
        uint32_t granted, queues;
    } row[] = {{0, 1}, {1, 2}, {3, 4}, {63, 64}, {64, 1}, {65, 1}, {UINT32_MAX, 1}};
    struct netif_fixture f;

    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        start(&f, 64);
        fault(&f, HVH_ON_SUBCHANNEL, HVH_ACT_GRANTED, row[i].granted);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        assert_int_equal(netvsc_info(f.nic)->queues, row[i].queues);
        each_queue_sends(&f);
        flows_send(&f, 2);
        assert_int_equal(f.rx_count, 2 * FLOWS);
        stop(&f);
    }
}

static void queues_may_come_late_backwards_or_not_all(void **state)
{
    static const struct {
        enum hvhost_fault_act act;
        uint64_t arg;
        uint32_t queues;
    } row[] = {
        {HVH_ACT_OFFER_EVERY, 10, 4},  {HVH_ACT_OFFER_REVERSED, 0, 4},
        {HVH_ACT_OFFER_WITHOUT, 1, 1}, {HVH_ACT_OFFER_WITHOUT, 2, 2},
        {HVH_ACT_OFFER_WITHOUT, 3, 3}, {HVH_ACT_SILENT, 0, 1},
        {HVH_ACT_REFUSE, 0, 1},        {HVH_ACT_WRONG_TYPE, 0, 1},
        {HVH_ACT_SHORT, 8, 1},         {HVH_ACT_OFFER_EVERY, 5000, 1},
        {HVH_ACT_TWICE, 0, 4},
    };
    struct netif_fixture f;

    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        start(&f, 4);
        fault(&f, HVH_ON_SUBCHANNEL, row[i].act, row[i].arg);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        assert_int_equal(netvsc_info(f.nic)->queues, row[i].queues);
        assert_int_equal(netvsc_info(f.nic)->left_out != NULL, row[i].queues < 4);
        each_queue_sends(&f);
        flows_send(&f, 2);
        assert_int_equal(f.rx_count, 2 * FLOWS);
        stop(&f);
    }
}

static void there_are_no_more_queues_than_sections_to_send_from(void **state)
{
    struct netif_fixture f;

    (void)state;
    for (uint32_t sections = 2; sections < 6; sections++) {
        start(&f, 4);
        netvsc_destroy(f.nic);
        hvhost_destroy(f.host);
        f.card_config.dma_bytes = UINT32_MAX; /* control takes one of them */
        f.card_config.send_section_bytes = 16384;
        f.card_config.send_buf_bytes = sections * 16384;
        bench_come_up(&f);
        assert_int_equal(netvsc_info(f.nic)->queues, sections - 1);
        each_queue_sends(&f);
        stop(&f);
    }
}

static void without_rings_of_sub_channels_there_is_one_queue(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_init(&f);
    f.card_config.max_queues = 64;
    f.card_config.no_subchannel_rings = true;
    f.config.queues = 4;
    bench_come_up(&f);
    assert_int_equal(netvsc_info(f.nic)->queues, 1);
    flows_send(&f, 1);
    assert_int_equal(f.rx_count, FLOWS);
    stop(&f);
}

/* Being offered a sub-channel is enough to crash such a kernel, so opening none is not enough. */
static void a_kernel_that_is_safe_with_one_channel_is_never_offered_more(void **state)
{
    struct netif_fixture f;

    (void)state;
    start(&f, 4);
    f.channels_max = 1;
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    assert_int_equal(netvsc_info(f.nic)->queues, 1);
    assert_int_equal(f.card->granted, 0);
    flows_send(&f, 1);
    assert_int_equal(f.rx_count, FLOWS);
    stop(&f);
    start(&f, 4);
    f.channels_max = 2;
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    assert_int_equal(netvsc_info(f.nic)->queues, 2);
    assert_int_equal(f.card->granted, 1);
    stop(&f);
}

static void a_host_that_refuses_rss_leaves_one_queue(void **state)
{
    static const uint32_t oid[] = {OID_RSS_CAPS, OID_RSS_PARAMS};
    struct netif_fixture f;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const struct hvhost_fault refuse = {
            .on = i ? HVH_ON_RNDIS_SET : HVH_ON_RNDIS_QUERY, .act = HVH_ACT_REFUSE, .oid = oid[i]};

        start(&f, 4);
        hvhost_fault_arm(f.card, &refuse);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        assert_int_equal(netvsc_info(f.nic)->queues, 1);
        assert_int_equal(bench_stats(&f).rss_refused, i);
        flows_send(&f, 1);
        assert_int_equal(f.rx_count, FLOWS);
        stop(&f);
    }
}

/* It may have taken the table all the same; then frames come where nobody looks. */
static void a_table_whose_answer_is_lost_loses_no_frames(void **state)
{
    static const enum hvhost_fault_act act[] = {HVH_ACT_SILENT, HVH_ACT_LATE, HVH_ACT_SHORT,
                                                HVH_ACT_WRONG_ID};
    struct netif_fixture f;

    (void)state;
    for (unsigned i = 0; i < sizeof(act) / sizeof(act[0]); i++) {
        const struct hvhost_fault lost = {.on = HVH_ON_RNDIS_SET,
                                          .act = act[i],
                                          .oid = OID_RSS_PARAMS,
                                          .after = 1,
                                          .count = 1,
                                          .arg = act[i] == HVH_ACT_LATE ? 150 : 4};

        start(&f, 4);
        hvhost_fault_arm(f.card, &lost);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        flows_send(&f, 1);
        assert_int_equal(f.rx_count, FLOWS);
        stop(&f);
    }
}

static void every_version_carries_frames_with_the_queues_it_knows(void **state)
{
    static const uint32_t version[] = {NVS_VERSION_1, NVS_VERSION_2, NVS_VERSION_4,
                                       NVS_VERSION_5, NVS_VERSION_6, NVS_VERSION_61};
    struct netif_fixture f;

    (void)state;
    for (unsigned i = 0; i < sizeof(version) / sizeof(version[0]); i++) {
        bench_init(&f);
        f.card_config.max_queues = 4;
        f.card_config.nvs_version_max = version[i];
        f.config.queues = 4;
        bench_come_up(&f);
        assert_int_equal(netvsc_info(f.nic)->nvs_version, version[i]);
        assert_int_equal(netvsc_info(f.nic)->queues, version[i] < NVS_VERSION_5 ? 1 : 4);
        each_queue_sends(&f);
        flows_send(&f, 1);
        assert_int_equal(f.rx_count, FLOWS);
        assert_int_equal(bench_stats(&f).send_tables, version[i] < NVS_VERSION_5 ? 0 : 1);
        stop(&f);
    }
}

/* ---- which gets what ------------------------------------------------------------------------- */

static void each_flow_comes_on_the_queue_its_hash_names(void **state)
{
    struct netif_fixture f;
    unsigned used = 0;

    (void)state;
    up(&f, 4);
    for (unsigned flow = 0; flow < FLOWS; flow++) {
        uint64_t before[4];

        for (unsigned q = 0; q < 4; q++)
            before[q] = received(&f, q);
        for (unsigned i = 0; i < 3; i++)
            flow_send(&f, flow);
        bench_turn(&f, 2);
        for (unsigned q = 0; q < 4; q++) {
            uint64_t got = received(&f, q) - before[q];

            assert_true(got == 0 || got == 3); /* all of a flow on one queue */
            used |= got ? 1u << q : 0;
        }
    }
    assert_int_equal(used, 0xF);
    assert_int_equal(f.rx_count, 3 * FLOWS);
    assert_int_equal(bench_host_stats(&f).rx_hashed, 3 * FLOWS);
    stop(&f);
}

static void what_is_no_ip_comes_on_queue_0(void **state)
{
    struct netif_fixture f;

    (void)state;
    up(&f, 4);
    bench_far_send(&f, 100, 1);
    bench_turn(&f, 2);
    assert_int_equal(received(&f, 0), 1);
    stop(&f);
}

static void the_table_is_replaced_under_traffic_and_nothing_is_lost(void **state)
{
    struct netif_fixture f;
    struct netvsc_rss rss, now;
    uint64_t before;

    (void)state;
    up(&f, 4);
    assert_int_equal(netvsc_rss_get(f.nic, &rss), 0);
    for (unsigned round = 0; round < 16; round++) {
        memset(rss.reta, (int)(round % 4), sizeof(rss.reta));
        assert_int_equal(netvsc_rss_set(f.nic, &rss), 0);
        assert_int_equal(netvsc_rss_set(f.nic, &rss), -EBUSY);
        flows_send(&f, 4); /* takes effect somewhere in here */
        assert_int_equal(netvsc_rss_get(f.nic, &now), 0);
        assert_memory_equal(now.reta, rss.reta, sizeof(rss.reta));
        before = received(&f, round % 4);
        flows_send(&f, 1);
        assert_int_equal(received(&f, round % 4) - before, FLOWS);
    }
    assert_int_equal(f.rx_count, 16 * 5 * FLOWS);
    assert_int_equal(bench_stats(&f).rss_sets, 17);
    stop(&f);
}

static void a_table_that_cannot_be_is_refused(void **state)
{
    const struct hvhost_fault refuse = {
        .on = HVH_ON_RNDIS_SET, .act = HVH_ACT_REFUSE, .oid = OID_RSS_PARAMS};
    struct netif_fixture f;
    struct netvsc_rss rss, old;

    (void)state;
    up(&f, 3);
    assert_int_equal(netvsc_rss_get(f.nic, &old), 0);
    rss = old;
    rss.reta[127] = 3;
    assert_int_equal(netvsc_rss_set(f.nic, &rss), -EINVAL);
    rss = old;
    rss.types = 0;
    assert_int_equal(netvsc_rss_set(f.nic, &rss), -EINVAL);
    rss = old;
    memset(rss.reta, 2, sizeof(rss.reta));
    hvhost_fault_arm(f.card, &refuse);
    assert_int_equal(netvsc_rss_set(f.nic, &rss), 0);
    bench_turn(&f, 4);
    assert_int_equal(netvsc_rss_get(f.nic, &rss), -ECONNREFUSED);
    assert_memory_equal(rss.reta, old.reta, sizeof(old.reta));
    assert_int_equal(bench_stats(&f).rss_refused, 1);
    hvhost_fault_arm(f.card, NULL);
    stop(&f);
    up(&f, 1);
    assert_int_equal(netvsc_rss_set(f.nic, &old), -ENOTSUP);
    stop(&f);
}

static void the_hosts_advice_where_to_send_is_taken_if_it_makes_sense(void **state)
{
    struct netif_fixture f;

    (void)state;
    up(&f, 4);
    bench_turn(&f, 2);
    assert_int_equal(bench_stats(&f).send_tables, 1);
    for (uint32_t hash = 0; hash < 64; hash++)
        assert_int_equal(netvsc_queue_for(f.nic, hash), hash % 16 % 4);
    stop(&f);
    for (unsigned i = 0; i < 3; i++) {
        start(&f, 3);
        if (i == 0)
            fault(&f, HVH_ON_SEND_TABLE, HVH_ACT_TABLE_ENTRY, 3);
        else
            fault(&f, HVH_ON_SEND_TABLE, HVH_ACT_TABLE_OFF, i == 1 ? UINT32_MAX : 17);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        bench_turn(&f, 2);
        assert_int_equal(bench_stats(&f).send_table_bad, 1);
        assert_int_equal(bench_stats(&f).send_tables, 0);
        for (uint32_t hash = 0; hash < 64; hash++)
            assert_int_equal(netvsc_queue_for(f.nic, hash), hash % 3);
        stop(&f);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

static void a_nic_with_queues_attaches_again(void **state)
{
    struct netif_fixture f;

    (void)state;
    up(&f, 8);
    for (unsigned i = 0; i < 3; i++) {
        flows_send(&f, 1);
        netvsc_detach(f.nic, f.now_ns);
        bench_until(&f, NETVSC_DOWN);
        bench_check_strict(&f);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        assert_int_equal(netvsc_info(f.nic)->queues, 8);
    }
    hvhost_nic_rescind(f.card);
    bench_until(&f, NETVSC_GONE);
    hvhost_nic_offer(f.card);
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    flows_send(&f, 1);
    assert_int_equal(f.rx_count, 4 * FLOWS);
    stop(&f);
}

static void the_device_stays_until_every_queue_is_left(void **state)
{
    struct netif_fixture f;
    struct netvsc_slot slot;

    (void)state;
    up(&f, 2);
    assert_int_equal(netvsc_queue_tx_begin(f.nic, 1, 60, &slot), -ENETDOWN); /* not yet polled */
    f.begins++;
    bench_turn(&f, 1);
    assert_int_equal(netvsc_queue_tx_begin(f.nic, 1, 60, &slot), 0);
    f.begins++;
    hvhost_nic_rescind(f.card);
    bench_turn(&f, 50);
    assert_int_equal(netvsc_state(f.nic), NETVSC_UP);
    memset(slot.data, 0, 60); /* still memory */
    netvsc_queue_tx_cancel(f.nic, 1, &slot);
    bench_until(&f, NETVSC_GONE);
    assert_int_equal(netvsc_queue_tx_begin(f.nic, 1, 60, &slot), -ENETDOWN);
    f.begins++;
    bench_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_as_many_queues_as_asked_host_and_64_allow),
        cmocka_unit_test(whatever_the_host_grants_the_nic_works),
        cmocka_unit_test(queues_may_come_late_backwards_or_not_all),
        cmocka_unit_test(there_are_no_more_queues_than_sections_to_send_from),
        cmocka_unit_test(without_rings_of_sub_channels_there_is_one_queue),
        cmocka_unit_test(a_kernel_that_is_safe_with_one_channel_is_never_offered_more),
        cmocka_unit_test(a_host_that_refuses_rss_leaves_one_queue),
        cmocka_unit_test(a_table_whose_answer_is_lost_loses_no_frames),
        cmocka_unit_test(every_version_carries_frames_with_the_queues_it_knows),
        cmocka_unit_test(each_flow_comes_on_the_queue_its_hash_names),
        cmocka_unit_test(what_is_no_ip_comes_on_queue_0),
        cmocka_unit_test(the_table_is_replaced_under_traffic_and_nothing_is_lost),
        cmocka_unit_test(a_table_that_cannot_be_is_refused),
        cmocka_unit_test(the_hosts_advice_where_to_send_is_taken_if_it_makes_sense),
        cmocka_unit_test(a_nic_with_queues_attaches_again),
        cmocka_unit_test(the_device_stays_until_every_queue_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
