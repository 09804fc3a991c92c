/* SPDX-License-Identifier: BSD-3-Clause */
/* Several queues against the emulated host: which queue gets what, by a table that changes. */
#include <errno.h>
#include <string.h>

#include "queues_fixture.h"
#include "rndis_reg.h"

static void each_flow_comes_on_the_queue_its_hash_names(void **state)
{
    struct netif_fixture f;
    unsigned used = 0;

    (void)state;
    queues_up(&f, 4);
    for (unsigned flow = 0; flow < QUEUES_FLOWS; flow++) {
        uint64_t before[4];

        for (unsigned q = 0; q < 4; q++)
            before[q] = queues_received(&f, q);
        for (unsigned i = 0; i < 3; i++)
            queues_flow_send(&f, flow);
        bench_turn(&f, 2);
        for (unsigned q = 0; q < 4; q++) {
            uint64_t got = queues_received(&f, q) - before[q];

            assert_true(got == 0 || got == 3); /* all of a flow on one queue */
            used |= got ? 1u << q : 0;
        }
    }
    assert_int_equal(used, 0xF);
    assert_int_equal(f.rx_count, 3 * QUEUES_FLOWS);
    assert_int_equal(bench_host_stats(&f).rx_hashed, 3 * QUEUES_FLOWS);
    queues_stop(&f);
}

static void what_is_no_ip_comes_on_queue_0(void **state)
{
    struct netif_fixture f;

    (void)state;
    queues_up(&f, 4);
    bench_far_send(&f, 100, 1);
    bench_turn(&f, 2);
    assert_int_equal(queues_received(&f, 0), 1);
    queues_stop(&f);
}

static void the_table_is_replaced_under_traffic_and_nothing_is_lost(void **state)
{
    struct netif_fixture f;
    struct netvsc_rss rss, now;
    uint64_t before;

    (void)state;
    queues_up(&f, 4);
    assert_int_equal(netvsc_rss_get(f.nic, &rss), 0);
    for (unsigned round = 0; round < 16; round++) {
        memset(rss.reta, (int)(round % 4), sizeof(rss.reta));
        assert_int_equal(netvsc_rss_set(f.nic, &rss), 0);
        assert_int_equal(netvsc_rss_set(f.nic, &rss), -EBUSY);
        queues_flows_send(&f, 4); /* takes effect somewhere in here */
        assert_int_equal(netvsc_rss_get(f.nic, &now), 0);
        assert_memory_equal(now.reta, rss.reta, sizeof(rss.reta));
        before = queues_received(&f, round % 4);
        queues_flows_send(&f, 1);
        assert_int_equal(queues_received(&f, round % 4) - before, QUEUES_FLOWS);
    }
    assert_int_equal(f.rx_count, 16 * 5 * QUEUES_FLOWS);
    assert_int_equal(bench_stats(&f).rss_sets, 17);
    queues_stop(&f);
}

static void a_table_that_cannot_be_is_refused(void **state)
{
    const struct hvhost_fault refuse = {
        .on = HVH_ON_RNDIS_SET, .act = HVH_ACT_REFUSE, .oid = OID_RSS_PARAMS};
    struct netif_fixture f;
    struct netvsc_rss rss, old;

    (void)state;
    queues_up(&f, 3);
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
    queues_stop(&f);
    queues_up(&f, 1);
    assert_int_equal(netvsc_rss_set(f.nic, &old), -ENOTSUP);
    queues_stop(&f);
}

static void the_hosts_advice_where_to_send_is_taken_if_it_makes_sense(void **state)
{
    struct netif_fixture f;

    (void)state;
    queues_up(&f, 4);
    bench_turn(&f, 2);
    assert_int_equal(bench_stats(&f).send_tables, 1);
    for (uint32_t hash = 0; hash < 64; hash++)
        assert_int_equal(netvsc_queue_for(f.nic, hash), hash % 16 % 4);
    queues_stop(&f);
    for (unsigned i = 0; i < 3; i++) {
        queues_start(&f, 3);
        if (i == 0)
            queues_fault(&f, HVH_ON_SEND_TABLE, HVH_ACT_TABLE_ENTRY, 3);
        else
            queues_fault(&f, HVH_ON_SEND_TABLE, HVH_ACT_TABLE_OFF, i == 1 ? UINT32_MAX : 17);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        bench_turn(&f, 2);
        assert_int_equal(bench_stats(&f).send_table_bad, 1);
        assert_int_equal(bench_stats(&f).send_tables, 0);
        for (uint32_t hash = 0; hash < 64; hash++)
            assert_int_equal(netvsc_queue_for(f.nic, hash), hash % 3);
        queues_stop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_flow_comes_on_the_queue_its_hash_names),
        cmocka_unit_test(what_is_no_ip_comes_on_queue_0),
        cmocka_unit_test(the_table_is_replaced_under_traffic_and_nothing_is_lost),
        cmocka_unit_test(a_table_that_cannot_be_is_refused),
        cmocka_unit_test(the_hosts_advice_where_to_send_is_taken_if_it_makes_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
