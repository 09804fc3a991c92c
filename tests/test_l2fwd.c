/* SPDX-License-Identifier: BSD-3-Clause */
/* The forwarder between two cards on two networks of one emulated host, under a virtual clock. */
#include <string.h>

#include "check.h"
#include "hvhost.h"
#include "l2fwd.h"
#include "netvsc_hold.h"
#include "vmbus.h"
#include "vmbus_transport.h"

#define MS UINT64_C(1000000)
#define FRAME_MAX 2048u

struct end {
    struct hvhost_port *port;
    unsigned count, overtaken;
    uint32_t bytes;
    uint16_t tci;
    bool has_tci;
    uint8_t frame[FRAME_MAX];
};

struct wire {
    struct hvhost *host;
    struct hvhost_nic *card[L2FWD_SIDES];
    struct netvsc *nic[L2FWD_SIDES];
    struct l2fwd_side side[L2FWD_SIDES];
    struct end end[L2FWD_SIDES];
    uint64_t now_ns;
};

static struct wire w;

static void deliver(void *ctx, const struct hvhost_frame *frame)
{
    struct end *end = ctx;

    end->count++;
    end->overtaken += frame->data[20] != (uint8_t)(end->frame[20] + 1);
    end->bytes = frame->len_bytes;
    end->tci = frame->tci;
    end->has_tci = frame->has_tci;
    memcpy(end->frame, frame->data, frame->len_bytes < FRAME_MAX ? frame->len_bytes : FRAME_MAX);
}

static void turn(unsigned count)
{
    while (count-- > 0) {
        for (unsigned i = 0; i < L2FWD_SIDES; i++)
            netvsc_poll(w.nic[i], w.now_ns, 64);
        for (unsigned i = 0; i < L2FWD_SIDES; i++) {
            l2fwd_turn(&w.side[i]);
            netvsc_flush(w.nic[i]);
        }
        hvhost_step(w.host, w.now_ns);
        w.now_ns += MS;
    }
}

static void attach(unsigned i)
{
    struct vmbus_transport transport;
    struct vmbus_device *dev;

    assert_int_equal(hvhost_nic_open(w.card[i], &transport), 0);
    assert_int_equal(vmbus_device_create(&transport, &dev), 0);
    assert_int_equal(netvsc_attach(w.nic[i], dev, w.now_ns), 0);
}

/* (card) is what both cards are, but for network and address; (mtu_bytes) of each NIC. */
static void start(const struct hvhost_nic_config *card, const uint32_t mtu_bytes[L2FWD_SIDES])
{
    memset(&w, 0, sizeof(w));
    w.now_ns = MS;
    assert_int_equal(hvhost_create(NULL, &w.host), 0);
    for (unsigned i = 0; i < L2FWD_SIDES; i++) {
        struct hvhost_nic_config config = *card;
        const struct netvsc_config nic = {
            .promiscuous = true, .mtu_bytes = mtu_bytes[i], .rx = l2fwd_rx, .ctx = &w.side[i]};

        config.network = i;
        assert_int_equal(hvhost_nic_add(w.host, &config, &w.card[i]), 0);
        assert_int_equal(hvhost_port_add(w.host, deliver, &w.end[i], &w.end[i].port), 0);
        hvhost_port_network(w.end[i].port, i);
        assert_int_equal(netvsc_create(&nic, &w.nic[i]), 0);
    }
    for (unsigned i = 0; i < L2FWD_SIDES; i++) {
        w.side[i].in = w.nic[i];
        w.side[i].out = w.nic[1 - i];
        attach(i);
    }
    turn(60);
    assert_int_equal(netvsc_state(w.nic[0]), NETVSC_UP);
    assert_int_equal(netvsc_state(w.nic[1]), NETVSC_UP);
}

static void check_books(void)
{
    for (unsigned i = 0; i < L2FWD_SIDES; i++) {
        assert_null(l2fwd_audit(&w.side[i]));
        assert_null(netvsc_audit(w.nic[i]));
    }
    assert_null(hvhost_audit(w.host));
}

static void stop(void)
{
    check_books();
    for (unsigned i = 0; i < L2FWD_SIDES; i++) {
        l2fwd_end(&w.side[i]);
        netvsc_destroy(w.nic[i]);
    }
    hvhost_destroy(w.host);
}

static void send(unsigned end, const void *data, uint32_t len_bytes)
{
    const struct hvhost_frame frame = {.data = data, .len_bytes = len_bytes};

    hvhost_port_send(w.end[end].port, &frame);
}

static void fill(uint8_t *data, uint32_t len_bytes, uint8_t seed)
{
    /* Unicast, to nobody the cards or the switch know. */
    static const uint8_t macs[] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1};

    for (uint32_t i = 0; i < len_bytes; i++)
        data[i] = (uint8_t)(seed + i);
    memcpy(data, macs, sizeof(macs));
}

static const uint32_t mtu_same[L2FWD_SIDES] = {1500, 1500};

static void frames_of_every_size_cross_as_they_are_both_ways(void **state)
{
    const struct hvhost_nic_config card = {.mtu_max_bytes = 1500};
    uint8_t data[1514];

    (void)state;
    start(&card, mtu_same);
    for (uint32_t size = 60; size <= 1514; size += 7) {
        for (unsigned end = 0; end < L2FWD_SIDES; end++) {
            fill(data, size, (uint8_t)size);
            data[11] = (uint8_t)(1 + end);
            send(end, data, size);
            turn(3);
            assert_int_equal(w.end[1 - end].bytes, size);
            assert_memory_equal(w.end[1 - end].frame, data, size);
        }
    }
    stop();
}

/* Nothing here looks at a frame's bytes, so there is no header that could be wrong. */
static void what_makes_no_sense_crosses_just_the_same(void **state)
{
    const struct hvhost_nic_config card = {.mtu_max_bytes = 1500};
    uint8_t data[60];

    (void)state;
    start(&card, mtu_same);
    memset(data, 0xFF, sizeof(data)); /* sent by everybody to everybody */
    send(0, data, sizeof(data));
    memset(data, 0, sizeof(data)); /* by nobody, of type 0 */
    data[5] = 9;
    send(0, data, sizeof(data));
    fill(data, sizeof(data), 1); /* IPv4 that ends after its first byte */
    memcpy(data + 12, "\x08\x00\x4F", 3);
    send(0, data, sizeof(data));
    turn(5);
    assert_int_equal(w.end[1].count, 3);
    stop();
}

static void vlan_tags_cross_beside_their_frames(void **state)
{
    const struct hvhost_nic_config card = {.mtu_max_bytes = 1500};
    uint8_t data[60];
    const struct hvhost_frame frame = {
        .data = data, .len_bytes = sizeof(data), .tci = 0x6007, .has_tci = true};

    (void)state;
    start(&card, mtu_same);
    fill(data, sizeof(data), 3);
    hvhost_port_send(w.end[0].port, &frame);
    turn(3);
    assert_true(w.end[1].has_tci);
    assert_int_equal(w.end[1].tci, 0x6007);
    stop();
}

static void what_the_other_card_cannot_send_is_dropped_by_name(void **state)
{
    const struct hvhost_nic_config card = {.mtu_max_bytes = 4000};
    const uint32_t mtu[L2FWD_SIDES] = {4000, 1500};
    uint8_t data[3000];

    (void)state;
    start(&card, mtu);
    fill(data, sizeof(data), 5);
    send(0, data, sizeof(data));
    turn(3);
    assert_int_equal(w.side[0].stats.drop_size, 1);
    netvsc_detach(w.nic[1], w.now_ns);
    turn(40);
    assert_int_equal(netvsc_state(w.nic[1]), NETVSC_DOWN);
    send(0, data, 100);
    turn(3);
    assert_int_equal(w.side[0].stats.drop_down, 1);
    stop();
}

/*
 * Four send sections, which come back once per step: a burst waits instead of being lost. Towards
 * the first card, for there is room again before the second is polled.
 */
static void a_burst_waits_for_room_and_keeps_its_order(void **state)
{
    const struct hvhost_nic_config card = {.mtu_max_bytes = 1500, .send_buf_bytes = 4 * 6144};
    uint8_t data[1000];

    (void)state;
    start(&card, mtu_same);
    w.end[0].frame[20] = 19;
    for (unsigned i = 0; i < 100; i++) {
        fill(data, sizeof(data), (uint8_t)i);
        send(1, data, sizeof(data));
        if (i % 8 == 0)
            turn(1);
    }
    turn(100);
    assert_int_equal(w.end[0].count, 100);
    assert_int_equal(w.end[0].overtaken, 0);
    assert_true(w.side[1].stats.waited > 0);
    assert_int_equal(w.side[1].stats.drop_busy, 0);
    stop();
}

/* A host that never completes: the queue is bounded, and the first card goes on receiving. */
static void a_card_that_stays_full_costs_frames_not_memory(void **state)
{
    const struct hvhost_nic_config card = {
        .mtu_max_bytes = 1500, .send_buf_bytes = 4 * 6144, .recv_buf_bytes = 1 << 20};
    uint8_t data[1000];

    (void)state;
    start(&card, mtu_same);
    for (unsigned i = 0; i < 3000; i++) {
        fill(data, sizeof(data), (uint8_t)i);
        send(0, data, sizeof(data));
        netvsc_poll(w.nic[0], w.now_ns, 64); /* and never l2fwd_turn(), nor the other card */
        hvhost_step(w.host, w.now_ns);
    }
    assert_true(w.side[0].stats.drop_busy > 0);
    check_books();
    turn(1200);
    assert_int_equal(w.side[0].head, w.side[0].tail);
    assert_int_equal(netvsc_held_sections(w.nic[0]), 0);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_every_size_cross_as_they_are_both_ways),
        cmocka_unit_test(what_makes_no_sense_crosses_just_the_same),
        cmocka_unit_test(vlan_tags_cross_beside_their_frames),
        cmocka_unit_test(what_the_other_card_cannot_send_is_dropped_by_name),
        cmocka_unit_test(a_burst_waits_for_room_and_keeps_its_order),
        cmocka_unit_test(a_card_that_stays_full_costs_frames_not_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
