/* SPDX-License-Identifier: BSD-3-Clause */
/* Who rings whom, and when the host looks without being rung. */
#include <errno.h>

#include "hvh_ring.h"
#include "raw_guest.h"

static void sleeping_host_does_not_look_until_rung(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t msg[256];

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    g->mute = true;
    raw_section_send(g, 0, msg, raw_frame_message(msg, 60, 0));
    for (unsigned i = 0; i < 1000; i++)
        raw_step(g);
    assert_int_equal(g->port_frames, 0);
    assert_true(hvhost_next_deadline(g->host, g->now_ns) == UINT64_MAX);
    g->t.ops->signal(g->t.ctx, g->t.primary.relid);
    assert_int_equal(hvhost_next_deadline(g->host, g->now_ns), 0);
    raw_step(g);
    assert_int_equal(g->port_frames, 1);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void polling_host_needs_no_doorbell(void **state)
{
    const struct hvhost_nic_config config = {.poll = true};
    struct raw_guest *g = raw_guest_create(&config);
    uint8_t msg[256];

    (void)state;
    raw_bring_up(g);
    g->mute = true;
    raw_section_send(g, 0, msg, raw_frame_message(msg, 60, 0));
    raw_step(g);
    assert_int_equal(g->port_frames, 1);
    assert_true(atomic_load(&g->tx_ctl->interrupt_mask) != 0);
    raw_guest_destroy(g);
}

static void monitor_bit_is_seen_with_the_configured_latency(void **state)
{
    const struct hvhost_nic_config config = {.monitor_latency_us = 100};
    struct raw_guest *g = raw_guest_create(&config);
    const struct nvs_init init = {NVS_MSG_INIT, NVS_VERSION_61, NVS_VERSION_61};
    struct vmbus_monitor_page *page;
    struct raw_packet pkt;

    (void)state;
    raw_step(g); /* the host knows what time it is */
    raw_guest_open(g);
    assert_int_equal(g->t.primary.monitor_id, 0);
    page = (struct vmbus_monitor_page *)(void *)g->t.monitor_page.base;
    raw_step(g); /* looks, and again 100 us later */
    g->mute = true;
    raw_nvs(g, &init, sizeof(init), 1);
    atomic_fetch_or(&page->group[0].pending, 1u);
    for (unsigned us = 1; us < 100; us++)
        raw_expect_none(g);
    assert_int_equal(hvhost_next_deadline(g->host, g->now_ns), 1000);
    raw_expect(g, &pkt);
    assert_int_equal(atomic_load(&page->group[0].pending), 0);
    raw_check_strict(g, NULL);

    /* And the other way is no way: Linux does not signal for a channel with a monitor. */
    g->t.ops->signal(g->t.ctx, g->t.primary.relid);
    assert_int_equal(raw_stat(g, strict_doorbell), 1);
    raw_guest_destroy(g);
}

/* How long the host would sleep, in microseconds. */
static uint64_t sleep_us(const struct raw_guest *g)
{
    return hvhost_next_deadline(g->host, g->now_ns) / 1000;
}

static void an_idle_monitor_page_is_looked_at_more_seldom(void **state)
{
    const struct hvhost_nic_config config = {.monitor_latency_us = 100};
    struct raw_guest *g = raw_guest_create(&config);
    const struct nvs_init init = {NVS_MSG_INIT, NVS_VERSION_61, NVS_VERSION_61};
    struct vmbus_monitor_page *page;
    struct raw_packet pkt;
    unsigned looks = 0;

    (void)state;
    raw_guest_open(g);
    page = (struct vmbus_monitor_page *)(void *)g->t.monitor_page.base;
    for (unsigned us = 0; us < 20000; us++) { /* the silence after which it is idle, and more */
        raw_step(g);
        if (us >= 15000)
            looks += sleep_us(g) >= 999;
    }
    assert_in_range(looks, 4, 11);
    /* At whole milliseconds, where all idle channels meet. */
    assert_int_equal((g->now_ns + hvhost_next_deadline(g->host, g->now_ns)) % 1000000, 0);
    raw_nvs(g, &init, sizeof(init), 1);
    atomic_fetch_or(&page->group[0].pending, 1u);
    for (unsigned us = 0; us < 1001 && atomic_load(&page->group[0].pending); us++)
        raw_step(g);
    raw_expect(g, &pkt);
    assert_in_range(sleep_us(g), 0, 100); /* awake, and as attentive as said */
    raw_guest_destroy(g);
}

static void guest_is_interrupted_only_from_empty_and_unmasked(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;
    uint64_t before;

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    while (g->t.ops->irq_take(g->t.ctx) == 0) {
    }
    before = raw_stat(g, interrupts);

    raw_port_send(g, 60, NULL);
    raw_port_send(g, 60, NULL);
    raw_step(g);
    assert_int_equal(raw_stat(g, interrupts), before + 1); /* one for both */
    assert_int_equal(g->t.ops->irq_take(g->t.ctx), 0);
    assert_int_equal(g->t.ops->irq_take(g->t.ctx), -EAGAIN);

    raw_port_send(g, 60, NULL);
    raw_step(g);
    assert_int_equal(raw_stat(g, interrupts), before + 1); /* not empty: still draining */

    while (raw_take(g, &pkt)) {
    }
    atomic_store(&g->rx_ctl->interrupt_mask, 1);
    raw_port_send(g, 60, NULL);
    raw_step(g);
    assert_int_equal(raw_stat(g, interrupts), before + 1); /* masked */
    assert_int_equal(g->t.ops->irq_take(g->t.ctx), -EAGAIN);
    raw_guest_destroy(g);
}

static void disabled_interrupts_wait_until_enabled(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);

    (void)state;
    raw_bring_up(g);
    while (g->t.ops->irq_take(g->t.ctx) == 0) {
    }
    g->t.ops->irq_enable(g->t.ctx, false);
    raw_port_send(g, 60, NULL);
    raw_step(g);
    assert_int_equal(g->t.ops->irq_take(g->t.ctx), -EAGAIN);
    g->t.ops->irq_enable(g->t.ctx, true);
    assert_int_equal(g->t.ops->irq_take(g->t.ctx), 0);
    raw_guest_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleeping_host_does_not_look_until_rung),
        cmocka_unit_test(polling_host_needs_no_doorbell),
        cmocka_unit_test(monitor_bit_is_seen_with_the_configured_latency),
        cmocka_unit_test(an_idle_monitor_page_is_looked_at_more_seldom),
        cmocka_unit_test(guest_is_interrupted_only_from_empty_and_unmasked),
        cmocka_unit_test(disabled_interrupts_wait_until_enabled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
