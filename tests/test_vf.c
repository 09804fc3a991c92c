/* SPDX-License-Identifier: BSD-3-Clause */
/* A virtual function beside the synthetic card: our driver leaves it alone and loses nothing. */
#include "check.h"

#include <string.h>

#include "netif_fixture.h"
#include "nvs_reg.h"

static void check_traffic(struct netif_fixture *f)
{
    const unsigned rx = f->rx_count, far = f->far_count;

    for (unsigned i = 0; i < 10; i++) {
        bench_far_send(f, 200 + i, (uint8_t)i);
        assert_int_equal(bench_send(f, 300 + i, (uint8_t)i), 0);
        bench_turn(f, 2);
    }
    assert_int_equal(f->rx_count, rx + 10);
    assert_int_equal(f->far_count, far + 10);
    assert_int_equal(bench_host_stats(f).rx_drop_vf, 0);
}

/* At every turn of an attach, one after the other. */
static void an_offer_during_attach_changes_nothing(void **state)
{
    (void)state;
    for (unsigned when = 0; when < 25; when++) {
        struct netif_fixture f;

        bench_init(&f);
        bench_start(&f);
        bench_attach(&f);
        bench_turn(&f, when);
        hvhost_nic_indicate(f.card, HVHOST_VF, 1);
        bench_until(&f, NETVSC_UP);
        bench_turn(&f, 3);
        assert_int_equal(bench_stats(&f).vf_offered, 1);
        assert_int_equal(bench_stats(&f).host_bad_packet, 0);
        check_traffic(&f);
        bench_check_strict(&f);
        bench_stop(&f);
    }
}

static void traffic_stays_here_while_it_comes_and_goes(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_up(&f);
    for (unsigned i = 1; i <= 3; i++) {
        hvhost_nic_indicate(f.card, HVHOST_VF, 1);
        check_traffic(&f);
        hvhost_nic_indicate(f.card, HVHOST_VF, 0);
        check_traffic(&f);
        assert_int_equal(bench_stats(&f).vf_offered, i);
        assert_int_equal(bench_stats(&f).vf_withdrawn, i);
    }
    assert_int_equal(bench_host_stats(&f).vf_switches, 0);
    assert_int_equal(bench_stats(&f).host_bad_packet, 0);
    bench_check_strict(&f);
    bench_stop(&f);
}

static void hosts_too_old_for_it_do_not_offer(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_init(&f);
    f.card_config.nvs_version_max = NVS_VERSION_2;
    bench_start(&f);
    hvhost_nic_indicate(f.card, HVHOST_VF, 1);
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    bench_turn(&f, 5);
    assert_int_equal(bench_stats(&f).vf_offered, 0);
    check_traffic(&f);
    bench_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offer_during_attach_changes_nothing),
        cmocka_unit_test(traffic_stays_here_while_it_comes_and_goes),
        cmocka_unit_test(hosts_too_old_for_it_do_not_offer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
