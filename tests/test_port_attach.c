/* SPDX-License-Identifier: BSD-3-Clause */
/* A host that goes away and comes back, under virtual time: when it is tried, what is said, what
 * lives on. */
#include "check.h"
#include "app_var.h"
#include "hvhost.h"
#include "port_clock.h"
#include "stderr_catcher.h"

#include <errno.h>
#include <string.h>

#include "lwip/init.h"

static struct {
    struct app_emulate emulate;
    struct netvsc_netif nif;
    struct port_attach attach;
    struct stderr_catcher catcher;
    uint64_t now_ns;
    unsigned opens; /* tries after the first */
} f;

static uint64_t virtual_clock(void *ctx)
{
    (void)ctx;
    return f.now_ns;
}

static int counting_open(void *ctx, struct vmbus_device **out)
{
    f.opens++;
    return app_emulate_open(ctx, out);
}

static void turn(void)
{
    f.now_ns += 100 * PORT_NS_PER_US;
    hvhost_step(f.emulate.host, f.now_ns);
    netvsc_netif_poll(&f.nif, f.now_ns, 64);
    port_attach_poll(&f.attach, f.now_ns);
    netvsc_flush(f.nif.nic);
}

static void run_ms(unsigned ms)
{
    for (unsigned i = 0; i < ms * 10; i++)
        turn();
}

static void run_until(enum netvsc_state state)
{
    for (unsigned i = 0; i < 30000 && netvsc_state(f.nif.nic) != state; i++)
        turn();
    assert_int_equal(netvsc_state(f.nif.nic), state);
}

/* A card of (host_queues), of which (queues) are asked for. */
static int make_card_with(uint32_t host_queues, uint32_t queues)
{
    const struct app_emulate_options options = {.tap = "", .queues = host_queues};
    const struct netvsc_config config = {.queues = queues};

    memset(&f, 0, sizeof(f));
    f.now_ns = PORT_NS_PER_S;
    port_log_setup("prog", PORT_LOG_INFO);
    port_clock_source(virtual_clock, NULL);
    if (app_emulate_start(&f.emulate, &options) != 0 || netvsc_netif_add(&f.nif, &config) != 0)
        return -1;
    f.attach = (struct port_attach){.nic = f.nif.nic, .open = counting_open, .ctx = &f.emulate};
    return 0;
}

static int make_card(void **state)
{
    (void)state;
    return make_card_with(1, 1);
}

static int drop_card(void **state)
{
    (void)state;
    stderr_release(&f.catcher);
    netvsc_netif_remove(&f.nif);
    app_emulate_stop(&f.emulate);
    return 0;
}

static void begin(void)
{
    struct vmbus_device *dev;

    assert_int_equal(app_emulate_open(&f.emulate, &dev), 0);
    assert_int_equal(port_attach_begin(&f.attach, dev, f.now_ns), 0);
}

static void lose_the_host(void)
{
    hvhost_nic_rescind(f.emulate.nic);
    /* As after a sleep: that is where the driver learns it when it has nothing to send. */
    netvsc_irq_disarm(f.nif.nic);
    run_until(NETVSC_GONE);
}

static int make_card_of_two(void **state)
{
    (void)state;
    return make_card_with(2, 4);
}

static void fewer_queues_than_asked_for_are_said(void **state)
{
    (void)state;
    stderr_catch(&f.catcher);
    begin();
    run_until(NETVSC_UP);
    turn();
    assert_string_equal(stderr_caught(&f.catcher),
                        "prog: warn: 2 of 4 queues: no more were given\n");
}

static void a_lost_host_is_tried_every_200_ms_then_every_2_s(void **state)
{
    static const unsigned at_ms[] = {200, 600, 1400, 3000, 5000, 7000};
    uint64_t lost_ns;

    (void)state;
    begin();
    run_until(NETVSC_UP);
    stderr_catch(&f.catcher);
    lose_the_host();
    lost_ns = f.now_ns;
    for (unsigned i = 0; i < countof(at_ms); i++) {
        const uint64_t due_ns = lost_ns + at_ms[i] * PORT_NS_PER_MS;

        while (f.now_ns + PORT_NS_PER_MS < due_ns)
            turn();
        assert_int_equal(f.opens, i);
        assert_in_range(port_attach_next_deadline(&f.attach, f.now_ns), 0, 2 * PORT_NS_PER_MS);
        run_ms(2);
        assert_int_equal(f.opens, i + 1);
    }
    /* However long it lasts, it is one line. */
    assert_string_equal(strchr(stderr_caught(&f.catcher), '\n'), "\n");
    assert_non_null(strstr(f.catcher.text, "prog: warn: the host is gone"));
}

static void a_host_that_returns_is_attached_again_and_the_link_comes_back(void **state)
{
    (void)state;
    begin();
    run_until(NETVSC_UP);
    assert_true(netif_is_link_up(&f.nif.netif));
    stderr_catch(&f.catcher);
    lose_the_host();
    assert_false(netif_is_link_up(&f.nif.netif));
    run_ms(100);
    hvhost_nic_offer(f.emulate.nic);
    run_until(NETVSC_UP);
    assert_true(netif_is_link_up(&f.nif.netif));
    assert_int_equal(f.opens, 1);
    turn();
    assert_non_null(strstr(stderr_caught(&f.catcher), "prog: the host is back after 20"));
    assert_null(app_books(&f.nif, f.emulate.host));
}

/* Each outage starts over at 200 ms, or a second one soon after would wait for what the first had
 * reached. */
static void a_second_outage_is_tried_as_quickly_as_the_first(void **state)
{
    (void)state;
    begin();
    run_until(NETVSC_UP);
    stderr_catch(&f.catcher);
    lose_the_host();
    run_ms(4000);
    hvhost_nic_offer(f.emulate.nic);
    run_ms(2100);
    assert_int_equal(netvsc_state(f.nif.nic), NETVSC_UP);
    lose_the_host();
    f.opens = 0;
    run_ms(202);
    stderr_caught(&f.catcher);
    assert_int_equal(f.opens, 1);
}

static void a_host_that_comes_and_goes_fills_no_log(void **state)
{
    unsigned lines = 0;

    (void)state;
    begin();
    run_until(NETVSC_UP);
    stderr_catch(&f.catcher);
    for (unsigned i = 0; i < 4; i++) { /* within a second */
        lose_the_host();
        hvhost_nic_offer(f.emulate.nic);
        run_until(NETVSC_UP);
        turn();
    }
    for (const char *at = stderr_caught(&f.catcher); (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 2); /* gone, back */
}

static void a_first_attach_that_fails_is_left_to_the_program(void **state)
{
    const struct hvhost_fault fault = {.on = HVH_ON_RNDIS_INIT, .act = HVH_ACT_REFUSE};

    (void)state;
    hvhost_fault_arm(f.emulate.nic, &fault);
    begin();
    run_until(NETVSC_FAILED);
    run_ms(3000);
    assert_int_equal(f.opens, 0);
    assert_int_equal(port_attach_next_deadline(&f.attach, f.now_ns), UINT64_MAX);
    assert_true(strlen(netvsc_failure(f.nif.nic)) > 0);
}

static void after_the_end_nobody_tries_again(void **state)
{
    (void)state;
    begin();
    run_until(NETVSC_UP);
    port_attach_end(&f.attach, f.now_ns);
    run_until(NETVSC_DOWN);
    run_ms(3000);
    assert_int_equal(f.opens, 0);
    assert_int_equal(port_attach_next_deadline(&f.attach, f.now_ns), UINT64_MAX);
}

static void another_mtu_is_attached_again_at_once(void **state)
{
    (void)state;
    begin();
    run_until(NETVSC_UP);
    stderr_catch(&f.catcher);
    assert_int_equal(port_attach_set_mtu(&f.attach, 67, f.now_ns), -EINVAL);
    assert_int_equal(port_attach_set_mtu(&f.attach, 600, f.now_ns), 0);
    assert_int_equal(netvsc_state(f.nif.nic), NETVSC_DETACHING);
    run_ms(30);
    assert_int_equal(netvsc_state(f.nif.nic), NETVSC_UP);
    assert_int_equal(f.nif.netif.mtu, 600);
    assert_true(netif_is_link_up(&f.nif.netif));
    assert_int_equal(port_attach_set_mtu(&f.attach, 9000, f.now_ns), 0);
    run_ms(30);
    assert_int_equal(netvsc_state(f.nif.nic), NETVSC_UP);
    assert_true(f.nif.netif.mtu > 1500);
    assert_null(strstr(stderr_caught(&f.catcher), "the host is gone"));
    assert_int_equal(f.opens, 2);
    assert_null(app_books(&f.nif, f.emulate.host));
}

static void no_other_mtu_during_the_first_attach(void **state)
{
    (void)state;
    begin();
    assert_int_equal(netvsc_state(f.nif.nic), NETVSC_ATTACHING);
    assert_int_equal(port_attach_set_mtu(&f.attach, 600, f.now_ns), -EBUSY);
    run_until(NETVSC_UP);
    turn();
    assert_int_equal(f.nif.netif.mtu, 1500);
    assert_int_equal(f.opens, 0);
}

static void another_mtu_during_a_later_attach_is_the_next_ones(void **state)
{
    (void)state;
    begin();
    run_until(NETVSC_UP);
    turn();
    stderr_catch(&f.catcher);
    assert_int_equal(port_attach_set_mtu(&f.attach, 600, f.now_ns), 0);
    run_until(NETVSC_ATTACHING);
    assert_int_equal(port_attach_set_mtu(&f.attach, 1280, f.now_ns), 0);
    run_ms(500);
    stderr_caught(&f.catcher);
    assert_int_equal(netvsc_state(f.nif.nic), NETVSC_UP);
    assert_int_equal(f.nif.netif.mtu, 1280);
}

#define CARD_TEST(f) cmocka_unit_test_setup_teardown(f, make_card, drop_card)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fewer_queues_than_asked_for_are_said, make_card_of_two,
                                        drop_card),
        CARD_TEST(a_lost_host_is_tried_every_200_ms_then_every_2_s),
        CARD_TEST(a_host_that_returns_is_attached_again_and_the_link_comes_back),
        CARD_TEST(a_second_outage_is_tried_as_quickly_as_the_first),
        CARD_TEST(a_host_that_comes_and_goes_fills_no_log),
        CARD_TEST(a_first_attach_that_fails_is_left_to_the_program),
        CARD_TEST(after_the_end_nobody_tries_again),
        CARD_TEST(another_mtu_is_attached_again_at_once),
        CARD_TEST(no_other_mtu_during_the_first_attach),
        CARD_TEST(another_mtu_during_a_later_attach_is_the_next_ones),
    };

    lwip_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
