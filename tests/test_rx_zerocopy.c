/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive without copy: pbufs over the receive buffer, kept for as long as lwIP likes, and what
 * happens to the host's sections and the device meanwhile.
 */
#include <errno.h>
#include <string.h>

#include "lwip_bench.h"
#include "netvsc_hold.h"
#include "vmbus_transport.h"

#define KEPT_MAX 2048u

static struct pbuf *kept[KEPT_MAX];
static unsigned kept_count;

/* lwIP's out-of-order queue, in effect. */
static err_t keep_input(struct pbuf *p, struct netif *netif)
{
    (void)netif;
    assert_true(kept_count < KEPT_MAX);
    kept[kept_count++] = p;
    return ERR_OK;
}

static void setup(void)
{
    stack_setup(16);
    stack.nif.netif.input = keep_input;
    kept_count = 0;
}

static void free_kept(void)
{
    while (kept_count) {
        pbuf_free(kept[--kept_count]);
        kept[kept_count] = NULL; /* or a leak would look reachable */
    }
}

/* Byte i of the body of a frame of stack_far_send() is i. */
static void check_bytes(const struct pbuf *p, uint32_t bytes, uint32_t tag_bytes)
{
    static uint8_t copy[2048];

    assert_int_equal(p->tot_len, bytes + tag_bytes);
    pbuf_copy_partial(p, copy, sizeof(copy), 0);
    assert_memory_equal(copy, stack_card_mac, 6);
    for (uint32_t i = 14; i < bytes; i++)
        assert_int_equal(copy[i + tag_bytes], (uint8_t)i);
}

static struct hvhost_nic_stats host(void)
{
    struct hvhost_nic_stats s;

    hvhost_nic_stats(stack.card, &s);
    return s;
}

static uint32_t held(void)
{
    return netvsc_held_sections(stack.nif.nic);
}

static void long_frames_stay_where_the_host_wrote_them(void **state)
{
    uint64_t acked;

    (void)state;
    setup();
    acked = host().rx_completed;
    for (unsigned i = 0; i < 5; i++)
        stack_far_send(1000 + i, 0, false);
    stack_far_send(1514, 0xE123, true);
    stack_turn(100);
    assert_int_equal(kept_count, 6);
    assert_int_equal(stack.nif.stats.rx_zerocopy, 6);
    assert_int_equal(held(), 6);
    assert_int_equal(host().rx_completed, acked);
    for (unsigned i = 0; i < 5; i++)
        check_bytes(kept[i], 1000 + i, 0);
    check_bytes(kept[5], 1514, 4);
    assert_int_equal(pbuf_get_at(kept[5], 12), 0x81);
    assert_int_equal(pbuf_get_at(kept[5], 14), 0xE1);
    assert_int_equal(pbuf_get_at(kept[5], 15), 0x23);
    pbuf_free(kept[--kept_count]);
    stack_turn(2);
    assert_int_equal(host().rx_completed, acked + 1);
    free_kept();
    stack_turn(2);
    assert_int_equal(held(), 0);
    assert_int_equal(host().rx_completed, acked + 6);
    stack_teardown();
}

/*
 * lwIP bounds such growth by the start of its own struct only: between that and the room we leave
 * lies the function that takes the frame back. IPv4 to IPv6 needs 20 bytes more, a tunnel 40.
 */
static void headers_may_grow_before_a_lent_frame(void **state)
{
    static const u16_t more[] = {4, 18, 20, 40, 64};

    (void)state;
    setup();
    stack_far_send(1000, 0, false);
    stack_turn(100);
    assert_int_equal(kept_count, 1);
    assert_int_equal(stack.nif.stats.rx_zerocopy, 1);
    for (unsigned i = 0; i < countof(more); i++) {
        assert_int_equal(pbuf_add_header(kept[0], more[i]), 0);
        memset(kept[0]->payload, 0xff, more[i]);
        assert_int_equal(pbuf_remove_header(kept[0], more[i]), 0);
    }
    free_kept();
    stack_turn(2);
    assert_int_equal(held(), 0);
    stack_teardown();
}

static void head_and_rest_may_be_freed_apart(void **state)
{
    struct pbuf *rest;

    (void)state;
    setup();
    stack_far_send(1200, 0, false);
    rest = kept[0]->next;
    pbuf_ref(rest);
    assert_ptr_equal(pbuf_dechain(kept[0]), rest);
    stack_turn(2);
    free_kept(); /* the head */
    stack_turn(2);
    assert_int_equal(held(), 1);
    assert_int_equal(pbuf_get_at(rest, 0), (uint8_t)(1200 - rest->tot_len));
    pbuf_free(rest);
    stack_turn(2);
    assert_int_equal(held(), 0);
    stack_teardown();
}

static void short_frames_are_copied_and_all_if_asked_for(void **state)
{
    const struct {
        uint32_t copybreak, bytes;
        bool lent;
    } rows[] = {{0, 256, false},
                {0, 257, true},
                {800, 800, false},
                {800, 801, true},
                {1, 60, false}, /* all header */
                {NETVSC_RX_COPY_ALL, 1514, false}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        stack_config.rx_copybreak_bytes = rows[i].copybreak;
        setup();
        stack_far_send(rows[i].bytes, 0, false);
        assert_int_equal(stack.nif.stats.rx_zerocopy, rows[i].lent);
        assert_int_equal(stack.nif.stats.rx_copied, !rows[i].lent);
        check_bytes(kept[0], rows[i].bytes, 0);
        free_kept();
        stack_turn(2);
        stack_teardown();
    }
}

/* All that comes is kept for ever: half the sections stay for what comes, which is copied. */
static void a_stack_that_keeps_everything_does_not_starve_the_host(void **state)
{
    struct netvsc_stats stats;
    uint32_t sections;

    (void)state;
    stack_config.rx_hold_percent = 30;
    setup();
    sections = netvsc_info(stack.nif.nic)->recv_sections;
    for (unsigned i = 0; i < 2 * sections; i++)
        stack_far_send(1514, 0, false);
    assert_int_equal(kept_count, 2 * sections);
    assert_int_equal(host().rx_drop_section, 0);
    assert_in_range(held(), sections * 28 / 100, sections * 30 / 100);
    assert_int_equal(stack.nif.stats.rx_zerocopy, held());
    assert_int_equal(stack.nif.stats.rx_copied, 2 * sections - held());
    netvsc_stats(stack.nif.nic, &stats);
    assert_int_equal(stats.rx_held_peak, held());
    assert_int_equal(stats.rx_hold_refused, 2 * sections - held());
    for (unsigned i = 0; i < kept_count; i++)
        check_bytes(kept[i], 1514, 0);
    free_kept();
    stack_turn(2);
    assert_int_equal(held(), 0);
    stack_far_send(1514, 0, false);
    assert_int_equal(held(), 1);
    free_kept();
    stack_turn(2);
    stack_teardown();
}

static void frames_outlive_a_device_that_went_away(void **state)
{
    struct vmbus_transport t;

    (void)state;
    setup();
    stack_far_send(1400, 0, false);
    stack_far_send(1500, 0, false);
    hvhost_nic_rescind(stack.card);
    stack_turn(30);
    assert_int_equal(netvsc_state(stack.nif.nic), NETVSC_GONE);
    check_bytes(kept[0], 1400, 0);
    check_bytes(kept[1], 1500, 0);
    hvhost_nic_offer(stack.card);
    assert_int_equal(hvhost_nic_open(stack.card, &t), -EBUSY); /* our memory is still its */
    free_kept();
    stack_attach();
    stack_far_send(1400, 0, false);
    assert_int_equal(stack.nif.stats.rx_zerocopy, 3);
    free_kept();
    stack_turn(2);
    stack_teardown();
}

/* A clean detach waits for its drain step's deadline, not for ever. */
static void detach_does_not_wait_for_ever_for_frames_that_are_kept(void **state)
{
    (void)state;
    setup();
    stack_far_send(1400, 0, false);
    netvsc_detach(stack.nif.nic, stack.now_ns);
    stack_turn(900);
    assert_int_equal(netvsc_state(stack.nif.nic), NETVSC_DETACHING);
    stack_turn(600);
    assert_int_equal(netvsc_state(stack.nif.nic), NETVSC_DOWN);
    check_bytes(kept[0], 1400, 0);
    free_kept();
    stack_attach();
    stack_teardown();
}

static void frames_outlive_the_netif(void **state)
{
    (void)state;
    setup();
    stack_far_send(1400, 0, false);
    stack_far_send(1500, 0, false);
    netvsc_netif_remove(&stack.nif);
    check_bytes(kept[0], 1400, 0);
    check_bytes(kept[1], 1500, 0);
    free_kept();
    assert_null(hvhost_audit(stack.host));
    assert_int_equal(netvsc_netif_add(&stack.nif, &stack_config), 0);
    stack.nif.netif.input = keep_input;
    stack_attach();
    stack_teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_frames_stay_where_the_host_wrote_them),
        cmocka_unit_test(headers_may_grow_before_a_lent_frame),
        cmocka_unit_test(head_and_rest_may_be_freed_apart),
        cmocka_unit_test(short_frames_are_copied_and_all_if_asked_for),
        cmocka_unit_test(a_stack_that_keeps_everything_does_not_starve_the_host),
        cmocka_unit_test(frames_outlive_a_device_that_went_away),
        cmocka_unit_test(detach_does_not_wait_for_ever_for_frames_that_are_kept),
        cmocka_unit_test(frames_outlive_the_netif),
    };

    return cmocka_run_group_tests(tests, stack_start, NULL);
}
