/* SPDX-License-Identifier: BSD-3-Clause */
/* How the NIC leaves its device, politely or not, comes back, and sleeps in between. */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "netif_fixture.h"
#include "rndis_reg.h"

/* ---- detach ---------------------------------------------------------------------------------- */

static void detach_leaves_the_host_nothing_to_blame(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_up(&f);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(bench_send(&f, 100, 1), 0);
        bench_far_send(&f, 100, 1);
    }
    netvsc_detach(f.nic, f.now_ns);
    assert_int_equal(netvsc_state(f.nic), NETVSC_DETACHING);
    assert_int_equal(bench_send(&f, 100, 1), -ENETDOWN);
    bench_until(&f, NETVSC_DOWN);
    assert_int_equal(f.far_count, 20);
    assert_int_equal(bench_stats(&f).tx_completed, 20);
    assert_int_equal(bench_stats(&f).tx_lost, 0);
    assert_int_equal(bench_host_stats(&f).closes, 1);
    assert_int_equal(bench_host_stats(&f).rx_reclaimed, 0);
    bench_check_strict(&f);
    bench_stop(&f);
}

static void detach_does_not_wait_for_a_silent_host_for_ever(void **state)
{
    static const struct hvhost_fault faults[] = {
        {HVH_ON_RNDIS_SET, HVH_ACT_SILENT, OID_PACKET_FILTER, 2, 0, 0},
        {HVH_ON_RNDIS_HALT, HVH_ACT_SILENT, 0, 0, 0, 0},
        {HVH_ON_RNDIS_HALT, HVH_ACT_WRONG_ID, 0, 0, 0, 0},
        {HVH_ON_TX_DONE, HVH_ACT_SILENT, 0, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < countof(faults); i++) {
        struct netif_fixture f;

        print_message("case %zu\n", i);
        bench_init(&f);
        bench_start(&f);
        hvhost_fault_arm(f.card, &faults[i]);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        assert_int_equal(bench_send(&f, 100, 1), 0);
        netvsc_detach(f.nic, f.now_ns);
        bench_turn(&f, 1400); /* the sum of all deadlines */
        assert_int_equal(netvsc_state(f.nic), NETVSC_DOWN);
        assert_int_equal(bench_stats(&f).tx_completed + bench_stats(&f).tx_lost, 1);
        bench_stop(&f);
    }
}

static void detach_from_anywhere_else_is_immediate(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_init(&f);
    bench_start(&f);
    netvsc_detach(f.nic, f.now_ns);
    assert_int_equal(netvsc_state(f.nic), NETVSC_DOWN);
    bench_attach(&f);
    bench_turn(&f, 2);
    netvsc_detach(f.nic, f.now_ns);
    assert_int_equal(netvsc_state(f.nic), NETVSC_DOWN);
    assert_int_equal(bench_host_stats(&f).closes, 1);
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    netvsc_detach(f.nic, f.now_ns);
    netvsc_detach(f.nic, f.now_ns); /* twice: at once */
    assert_int_equal(netvsc_state(f.nic), NETVSC_DOWN);
    bench_stop(&f);
}

static void destroy_while_up_closes_the_channel(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_up(&f);
    assert_int_equal(bench_send(&f, 100, 1), 0);
    netvsc_destroy(f.nic);
    assert_int_equal(bench_host_stats(&f).closes, 1);
    assert_int_equal(bench_host_stats(&f).strict_close, 1);
    assert_int_equal(netvsc_create(&f.config, &f.nic), 0);
    f.begins = 0;
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    bench_stop(&f);
    netvsc_destroy(NULL);
}

static void detach_and_attach_again_many_times(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_up(&f);
    for (unsigned i = 0; i < 20; i++) {
        bench_far_send(&f, 200, (uint8_t)i);
        assert_int_equal(bench_send(&f, 300, (uint8_t)i), 0);
        bench_turn(&f, 3);
        assert_int_equal(f.rx_count, i + 1);
        assert_int_equal(f.far_count, i + 1);
        netvsc_detach(f.nic, f.now_ns);
        bench_until(&f, NETVSC_DOWN);
        assert_int_equal(netvsc_info(f.nic)->mtu_bytes, 0);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
    }
    assert_int_equal(bench_stats(&f).attaches, 21);
    assert_int_equal(bench_stats(&f).tx_completed, 20); /* counters go on */
    bench_check_strict(&f);
    bench_stop(&f);
}

/* ---- gone ------------------------------------------------------------------------------------ */

static void a_withdrawn_device_is_noticed_and_its_return_taken(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_up(&f);
    assert_int_equal(bench_send(&f, 100, 1), 0);
    hvhost_nic_rescind(f.card);
    bench_turn(&f, 11);
    assert_int_equal(netvsc_state(f.nic), NETVSC_GONE);
    assert_string_equal(netvsc_failure(f.nic), "the host withdrew the device");
    assert_int_equal(bench_stats(&f).device_gone, 1);
    assert_int_equal(bench_stats(&f).tx_lost, 1);
    hvhost_nic_offer(f.card);
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    assert_string_equal(netvsc_failure(f.nic), "");
    bench_far_send(&f, 200, 7);
    bench_turn(&f, 3);
    bench_check_frame(f.rx_frame, f.rx_bytes, 200, 7);
    assert_int_equal(bench_stats(&f).attaches, 2);
    bench_stop(&f);
}

static void a_device_withdrawn_during_attach_or_detach_is_gone_too(void **state)
{
    (void)state;
    for (unsigned turns = 0; turns < 30; turns++) {
        struct netif_fixture f;

        bench_init(&f);
        bench_start(&f);
        bench_attach(&f);
        bench_turn(&f, turns);
        if (netvsc_state(f.nic) == NETVSC_UP)
            netvsc_detach(f.nic, f.now_ns);
        bench_turn(&f, turns % 4);
        if (netvsc_state(f.nic) != NETVSC_DOWN) {
            enum netvsc_state before = netvsc_state(f.nic);

            hvhost_nic_rescind(f.card);
            bench_turn(&f, 11);
            /* A detach may have come to its end before anybody looked. */
            if (before != NETVSC_DETACHING || netvsc_state(f.nic) != NETVSC_DOWN)
                assert_int_equal(netvsc_state(f.nic), NETVSC_GONE);
        }
        bench_stop(&f);
    }
}

/* ---- events may act -------------------------------------------------------------------------- */

static void attach_again(void *ctx, enum netvsc_event event)
{
    struct netif_fixture *f = ctx;

    f->event_count[event]++;
    if (event == NETVSC_EVENT_STATE && netvsc_state(f->nic) == NETVSC_GONE) {
        hvhost_nic_offer(f->card);
        bench_attach(f);
    }
}

static void detach_on_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    struct netif_fixture *f = ctx;

    (void)frames;
    f->rx_count += count;
    netvsc_detach(f->nic, f->now_ns);
    if (f->rx_count > 1)
        netvsc_detach(f->nic, f->now_ns); /* at once, but the poll we are in needs the device */
}

static void events_may_attach_and_rx_may_detach(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_init(&f);
    bench_start(&f);
    netvsc_destroy(f.nic);
    f.config.event = attach_again;
    f.config.rx = detach_on_rx;
    assert_int_equal(netvsc_create(&f.config, &f.nic), 0);
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    hvhost_nic_rescind(f.card);
    bench_turn(&f, 11);
    bench_until(&f, NETVSC_UP);
    assert_int_equal(bench_stats(&f).attaches, 2);

    bench_far_send(&f, 100, 1);
    bench_turn(&f, 2);
    assert_int_equal(netvsc_state(f.nic), NETVSC_DETACHING);
    bench_until(&f, NETVSC_DOWN);
    bench_check_strict(&f);

    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    bench_far_send(&f, 100, 1);
    bench_turn(&f, 2);
    assert_int_equal(netvsc_state(f.nic), NETVSC_DOWN);
    bench_stop(&f);
}

/* ---- sleeping -------------------------------------------------------------------------------- */

static void it_sleeps_only_when_there_is_nothing_to_do(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_up(&f);
    bench_turn(&f, 3);
    assert_true(netvsc_irq_arm(f.nic));
    netvsc_irq_disarm(f.nic);
    assert_int_equal(bench_stats(&f).sleeps, 1);
    bench_far_send(&f, 100, 1);
    hvhost_step(f.host, f.now_ns);
    assert_false(netvsc_irq_arm(f.nic));
    assert_int_equal(bench_stats(&f).sleeps, 1);
    bench_turn(&f, 2);
    assert_true(netvsc_irq_arm(f.nic));
    bench_far_send(&f, 100, 1);
    hvhost_step(f.host, f.now_ns);
    assert_int_equal(bench_host_stats(&f).interrupts, 1);
    netvsc_irq_disarm(f.nic);
    bench_turn(&f, 2);
    assert_int_equal(f.rx_count, 2);
    hvhost_nic_rescind(f.card);
    assert_false(netvsc_irq_arm(f.nic)); /* gone: a reason to look */
    bench_turn(&f, 11);
    assert_true(netvsc_irq_arm(f.nic)); /* no device: nothing will ever come */
    assert_int_equal(netvsc_irq_fd(f.nic), -1);
    bench_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(detach_leaves_the_host_nothing_to_blame),
        cmocka_unit_test(detach_does_not_wait_for_a_silent_host_for_ever),
        cmocka_unit_test(detach_from_anywhere_else_is_immediate),
        cmocka_unit_test(destroy_while_up_closes_the_channel),
        cmocka_unit_test(detach_and_attach_again_many_times),
        cmocka_unit_test(a_withdrawn_device_is_noticed_and_its_return_taken),
        cmocka_unit_test(a_device_withdrawn_during_attach_or_detach_is_gone_too),
        cmocka_unit_test(events_may_attach_and_rx_may_detach),
        cmocka_unit_test(it_sleeps_only_when_there_is_nothing_to_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
