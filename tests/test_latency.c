/* SPDX-License-Identifier: BSD-3-Clause */
/* The monitor page's latency: the host looks as often as the option says. */
#include "check.h"

#include <string.h>

#include "netif_fixture.h"

#define MS 1000000ull

static void up(struct netif_fixture *f, uint32_t host_us, uint32_t wish_us)
{
    bench_init(f);
    f->card_config.monitor_latency_us = host_us;
    f->config.monitor_latency_us = wish_us;
    f->config.step_timeout_ms = 1000;
    bench_come_up(f);
    bench_turn(f, 50);
}

/* Milliseconds until the far end has a frame, the worst of many. */
static unsigned worst_ms(struct netif_fixture *f)
{
    unsigned worst = 0;

    for (unsigned i = 0; i < 20; i++) {
        const unsigned before = f->far_count;
        unsigned ms = 0;

        assert_int_equal(bench_send(f, 100, 1), 0);
        for (; f->far_count == before; ms++)
            bench_turn(f, 1);
        worst = ms > worst ? ms : worst;
        bench_turn(f, 12 + i); /* the host has gone to sleep again, each time for another while */
    }
    return worst;
}

static void the_host_looks_as_often_as_it_likes(void **state)
{
    struct netif_fixture f;

    (void)state;
    up(&f, 10000, 0);
    assert_in_range(worst_ms(&f), 6, 12);
    assert_int_equal(bench_stats(&f).latency_set, 0);
    bench_stop(&f);
}

static void and_sooner_when_asked(void **state)
{
    struct netif_fixture f;

    (void)state;
    up(&f, 10000, 2000);
    assert_in_range(worst_ms(&f), 1, 3);
    assert_int_equal(bench_stats(&f).latency_set, 1);
    bench_check_strict(&f);
    bench_stop(&f);
}

static void a_channel_without_monitor_has_nothing_to_set(void **state)
{
    struct netif_fixture f;

    (void)state;
    up(&f, 0, 2000);
    assert_int_equal(worst_ms(&f), 1);
    assert_int_equal(bench_stats(&f).latency_set, 0);
    bench_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_looks_as_often_as_it_likes),
        cmocka_unit_test(and_sooner_when_asked),
        cmocka_unit_test(a_channel_without_monitor_has_nothing_to_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
