/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The whole path in one process under virtual time: lwIP, netif, driver, rings, host, switch and
 * back. Each reading of the clock advances it by a microsecond, and the loop never sleeps, so runs
 * are equal.
 */
#include "check.h"
#include "loopback.h"

#include "lwip/init.h"
#include "lwip/stats.h"
#include "port_clock.h"

static struct loopback lb;
static uint64_t now_ns;

static uint64_t ticking_clock(void *ctx)
{
    (void)ctx;
    now_ns += PORT_NS_PER_US;
    return now_ns;
}

static int start_lwip(void **state)
{
    (void)state;
    now_ns = PORT_NS_PER_S;
    port_clock_source(ticking_clock, NULL);
    lwip_init();
    return 0;
}

/* Each transfer ends with nothing of lwIP's in use that was not before. */
static void check_nothing_leaked(void)
{
    assert_int_equal(port_asserts(), 0);
    assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 0);
    assert_int_equal(lwip_stats.memp[MEMP_TCP_SEG]->used, 0);
    assert_int_equal(lwip_stats.memp[MEMP_PBUF]->used, 0);
    assert_int_equal(lwip_stats.memp[MEMP_TCP_PCB_LISTEN]->used, 0);
}

static void run_offload(uint64_t bytes, uint32_t mtu_bytes, enum netvsc_switch offload)
{
    const struct loopback_config config = {
        .bytes = bytes,
        .mtu_bytes = mtu_bytes,
        .offload = offload,
        .spin_us = UINT32_MAX,
        .timeout_ns = 600 * PORT_NS_PER_S,
    };
    const int rc = loopback_run(&lb, &config);

    if (rc)
        fail_msg("%llu bytes at MTU %u: %s", (unsigned long long)bytes, mtu_bytes, lb.why);
    assert_int_equal(lb.end[0].received, bytes);
    assert_int_equal(lb.end[1].received, bytes);
    assert_true(lb.end[0].sum_in.sums == lb.end[1].sum_out.sums);
    assert_true(lb.end[1].sum_in.sums == lb.end[0].sum_out.sums);
}

static void run(uint64_t bytes, uint32_t mtu_bytes)
{
    run_offload(bytes, mtu_bytes, NETVSC_AUTO);
}

/* lwIP's receiver checks what the host computed: whatever is wrong would not arrive. */
static void tcp_sums_are_left_to_the_host_as_told(void **state)
{
    static const enum netvsc_switch how[] = {NETVSC_AUTO, NETVSC_OFF, NETVSC_VERIFY};

    (void)state;
    for (unsigned i = 0; i < countof(how); i++) {
        struct netvsc_stats stats;
        uint64_t cut;

        run_offload(200000, 0, how[i]);
        for (unsigned end = 0; end < 2; end++) {
            const struct netif *netif = &lb.nif[end].netif;
            bool by_lwip = netif->chksum_flags & NETIF_CHECKSUM_GEN_TCP;

            netvsc_stats(lb.nif[end].nic, &stats);
            assert_int_equal(by_lwip, how[i] != NETVSC_AUTO);
            if (how[i] != NETVSC_AUTO) /* else what is left is cut, or short */
                assert_int_equal(stats.tx_csum > 20, how[i] == NETVSC_VERIFY);
            assert_int_equal(lb.nif[end].stats.tx_csum_differs, 0);
            cut = lb.nif[end].stats.tx_bursts + lb.nif[end].stats.tx_large;
            assert_int_equal(cut > 10, how[i] == NETVSC_AUTO);
            assert_int_equal(cut, stats.tx_lso);
            assert_true(lb.nif[end].stats.tx_burst_segments + lb.nif[end].stats.tx_large_pieces >=
                        2 * stats.tx_lso);
        }
        loopback_close(&lb);
    }
    check_nothing_leaked();
}

static void a_million_bytes_cross_both_ways_and_the_books_balance(void **state)
{
    struct netvsc_stats card;

    (void)state;
    run(1000000, 0);
    netvsc_stats(lb.nif[0].nic, &card);
    assert_true(card.tx_bytes >= 1000000); /* over the wire, not short-circuited in lwIP */
    assert_true(card.tx_doorbells < 1000000 / 1460 / 4);
    loopback_close(&lb);
    check_nothing_leaked();
}

static void odd_and_tiny_amounts_cross(void **state)
{
    static const uint64_t sizes[] = {0, 1, 2, 1459, 1460, 1461, 65535, 65537};

    (void)state;
    for (size_t i = 0; i < countof(sizes); i++) {
        run(sizes[i], 0);
        loopback_close(&lb);
    }
    check_nothing_leaked();
}

static void small_and_large_mtus_carry_the_same(void **state)
{
    static const uint32_t mtus[] = {576, 1280, 4000, 9000};

    (void)state;
    for (size_t i = 0; i < countof(mtus); i++) {
        run(200000, mtus[i]);
        loopback_close(&lb);
    }
    check_nothing_leaked();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_bytes_cross_both_ways_and_the_books_balance),
        cmocka_unit_test(tcp_sums_are_left_to_the_host_as_told),
        cmocka_unit_test(odd_and_tiny_amounts_cross),
        cmocka_unit_test(small_and_large_mtus_carry_the_same),
    };

    return cmocka_run_group_tests(tests, start_lwip, NULL);
}
