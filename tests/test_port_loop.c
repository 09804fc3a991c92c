/* SPDX-License-Identifier: BSD-3-Clause */
/* The worker loop with an emulated host in it. Each reading of the clock is a microsecond later. */
#include "check.h"
#include "app_var.h"
#include "hvhost.h"
#include "hvhost_stats.h"
#include "port_clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "lwip/init.h"
#include "lwip/timeouts.h"

static struct {
    struct app_emulate emulate;
    struct netvsc_netif nif;
    struct port_loop loop;
    uint64_t now_ns;
    unsigned seconds, ticks, host_turns;
    uint64_t hook_late_ns; /* what turn's time the hook saw, after when the turn began */
} f;

static uint64_t ticking_clock(void *ctx)
{
    (void)ctx;
    f.now_ns += PORT_NS_PER_US;
    return f.now_ns;
}

static void each_second(void *ctx, uint64_t now_ns)
{
    (void)ctx;
    f.seconds++;
    f.hook_late_ns = port_clock_turn_now() - now_ns;
}

static int make_loop(void **state)
{
    const struct app_emulate_options options = {.tap = ""};
    const struct netvsc_config card = {.mtu_bytes = 0};
    struct port_loop_config config = {.nif = {&f.nif}, .nics = 1, .spin_us = UINT32_MAX};

    (void)state;
    f.seconds = f.ticks = f.host_turns = 0;
    if (app_emulate_start(&f.emulate, &options) != 0 || netvsc_netif_add(&f.nif, &card) != 0)
        return -1;
    config.peer = app_emulate_peer(f.emulate.host);
    config.second = each_second;
    return port_loop_open(&f.loop, &config);
}

static int drop_loop(void **state)
{
    (void)state;
    port_loop_close(&f.loop);
    netvsc_netif_remove(&f.nif);
    app_emulate_stop(&f.emulate);
    return 0;
}

static bool is_up(void *ctx)
{
    (void)ctx;
    return netvsc_state(f.nif.nic) == NETVSC_UP;
}

static int run_for(uint64_t ns)
{
    return port_loop_run(&f.loop, NULL, NULL, f.now_ns + ns);
}

static void a_loop_has_one_to_four_cards(void **state)
{
    struct port_loop_config config = {.nics = 0};
    struct port_loop loop;

    (void)state;
    assert_int_equal(port_loop_open(&loop, &config), -EINVAL);
    config.nics = PORT_LOOP_NICS_MAX + 1;
    assert_int_equal(port_loop_open(&loop, &config), -EINVAL);
}

static void attach(void)
{
    struct vmbus_device *dev;

    assert_int_equal(app_emulate_open(&f.emulate, &dev), 0);
    assert_int_equal(netvsc_attach(f.nif.nic, dev, f.now_ns), 0);
    assert_int_equal(port_loop_run(&f.loop, is_up, NULL, f.now_ns + PORT_NS_PER_S), 0);
}

static void it_drives_host_and_card_until_the_condition_holds(void **state)
{
    (void)state;
    attach();
    assert_in_range(f.loop.stats.busy_turns, 5, f.loop.stats.turns);
}

static void it_ends_at_the_deadline(void **state)
{
    const uint64_t began = f.now_ns;

    (void)state;
    assert_int_equal(run_for(5 * PORT_NS_PER_MS), -ETIMEDOUT);
    assert_in_range(f.now_ns - began, 5 * PORT_NS_PER_MS, 6 * PORT_NS_PER_MS);
}

/* What ppoll() would see. */
static bool would_wake(void)
{
    struct pollfd fd = {.fd = f.loop.wake_fd, .events = POLLIN};

    return poll(&fd, 1, 0) == 1;
}

static void each_stop_ends_one_run(void **state)
{
    (void)state;
    assert_false(would_wake());
    port_loop_stop(&f.loop);
    assert_true(would_wake());
    port_loop_stop(&f.loop);
    assert_int_equal(run_for(PORT_NS_PER_S), -EINTR);
    assert_int_equal(run_for(PORT_NS_PER_S), -EINTR);
    assert_int_equal(run_for(PORT_NS_PER_MS), -ETIMEDOUT);
    assert_false(would_wake());
}

/*
 * Would hang for a year if the stop that came before the sleep were missed: nothing else wakes it.
 */
static void a_stop_before_the_sleep_is_not_slept_through(void **state)
{
    (void)state;
    f.loop.idle.spin_ns = 0;
    port_loop_stop(&f.loop);
    assert_int_equal(run_for(365 * 86400 * PORT_NS_PER_S), -EINTR);
    assert_true(f.loop.stats.sleeps <= 1);
}

static void the_second_hook_is_called_once_a_second(void **state)
{
    (void)state;
    assert_int_equal(run_for(3500 * PORT_NS_PER_MS), -ETIMEDOUT);
    assert_int_equal(f.seconds, 3);
}

static void tick(void *arg)
{
    (void)arg;
    f.ticks++;
    sys_timeout(10, tick, NULL);
}

static void timers_of_lwip_run_on_time(void **state)
{
    (void)state;
    sys_timeout(10, tick, NULL);
    run_for(105 * PORT_NS_PER_MS);
    sys_untimeout(tick, NULL);
    assert_int_equal(f.ticks, 10);
}

static void never(void *arg)
{
    (void)arg;
}

static void it_sleeps_no_longer_than_the_next_timer_allows(void **state)
{
    (void)state;
    sys_timeout(7, never, NULL);
    assert_in_range(port_loop_sleep_ns(&f.loop, f.now_ns), 5 * PORT_NS_PER_MS, 7 * PORT_NS_PER_MS);
    sys_untimeout(never, NULL);
    /* lwIP's ARP and IP timers are due each second, our second hook too. */
    assert_in_range(port_loop_sleep_ns(&f.loop, f.now_ns), 0, PORT_NS_PER_S);
    f.loop.second_at_ns = f.now_ns + 3 * PORT_NS_PER_MS;
    assert_in_range(port_loop_sleep_ns(&f.loop, f.now_ns), 0, 3 * PORT_NS_PER_MS);
    f.loop.second_at_ns = f.now_ns;
    assert_int_equal(port_loop_sleep_ns(&f.loop, f.now_ns), 0);
}

static void nothing_to_do_means_sleeping_until_the_deadline(void **state)
{
    (void)state;
    f.loop.idle.spin_ns = 0;
    f.loop.config.second = NULL;
    /* Real milliseconds here: virtual ones pass only while the loop looks at the clock. */
    for (unsigned i = 0; i < 3; i++)
        run_for(3 * PORT_NS_PER_US);
    assert_true(f.loop.stats.sleeps >= 1);
    assert_int_equal(f.loop.stats.busy_turns, 0);
}

static void time_stands_still_within_a_turn_and_goes_on_after_it(void **state)
{
    uint64_t before;

    (void)state;
    f.hook_late_ns = 1;
    assert_int_equal(run_for(PORT_NS_PER_S + PORT_NS_PER_MS), -ETIMEDOUT);
    assert_int_equal(f.seconds, 1);
    assert_int_equal(f.hook_late_ns, 0);
    before = port_clock_turn_now();
    assert_true(port_clock_turn_now() > before);
}

static unsigned count_host_turn(void *ctx, uint64_t now_ns)
{
    f.host_turns++;
    return hvhost_step(ctx, now_ns);
}

/* It has what woke the loop, and the cards have nothing before it brought that. */
static void after_a_sleep_the_host_is_turned_before_the_cards(void **state)
{
    (void)state;
    f.loop.idle.spin_ns = 0;
    f.loop.config.second = NULL;
    f.loop.config.peer.step = count_host_turn;
    for (unsigned i = 0; i < 3; i++)
        run_for(3 * PORT_NS_PER_US);
    assert_true(f.loop.stats.sleeps >= 1);
    assert_int_equal(f.host_turns, f.loop.stats.turns + f.loop.stats.sleeps);
}

static void say_something(void *arg)
{
    struct pbuf *p = pbuf_alloc(PBUF_RAW, 60, PBUF_RAM);

    (void)arg;
    memset(p->payload, 0xFF, 60);
    assert_int_equal(f.nif.netif.linkoutput(&f.nif.netif, p), ERR_OK);
    pbuf_free(p);
}

static void what_a_timer_sends_leaves_in_its_turn(void **state)
{
    struct hvhost_switch_stats before, after;

    (void)state;
    attach();
    hvhost_switch_stats(f.emulate.host, &before);
    sys_timeout(0, say_something, NULL);
    f.now_ns += 2 * PORT_NS_PER_MS;
    port_loop_turn(&f.loop, f.now_ns);
    hvhost_switch_stats(f.emulate.host, &after);
    assert_int_equal(after.frames, before.frames + 1);
}

#define LOOP_TEST(f) cmocka_unit_test_setup_teardown(f, make_loop, drop_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_has_one_to_four_cards),
        LOOP_TEST(it_drives_host_and_card_until_the_condition_holds),
        LOOP_TEST(it_ends_at_the_deadline),
        LOOP_TEST(each_stop_ends_one_run),
        LOOP_TEST(a_stop_before_the_sleep_is_not_slept_through),
        LOOP_TEST(the_second_hook_is_called_once_a_second),
        LOOP_TEST(time_stands_still_within_a_turn_and_goes_on_after_it),
        LOOP_TEST(timers_of_lwip_run_on_time),
        LOOP_TEST(it_sleeps_no_longer_than_the_next_timer_allows),
        LOOP_TEST(nothing_to_do_means_sleeping_until_the_deadline),
        LOOP_TEST(after_a_sleep_the_host_is_turned_before_the_cards),
        LOOP_TEST(what_a_timer_sends_leaves_in_its_turn),
    };

    f.now_ns = PORT_NS_PER_S;
    port_clock_source(ticking_clock, NULL);
    lwip_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
