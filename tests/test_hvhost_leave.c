/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A card that leaves a guest which is sending. hvh_leave.c says what Linux needs of it; rows "in
 * traffic, cable in" of tests/vm show what Linux does.
 */
#include <errno.h>

#include "raw_guest.h"

#define MS UINT64_C(1000000)

static bool is_gone(struct raw_guest *g)
{
    return g->t.ops->irq_take(g->t.ctx) == -EIO;
}

static void later(struct raw_guest *g, uint64_t ns)
{
    g->now_ns += ns;
    raw_step(g);
}

/* What the guest is told in the next packet. */
static uint32_t told(struct raw_guest *g)
{
    struct rndis_indicate msg;
    struct vmbus_xfer_range range;
    struct raw_packet pkt;

    raw_expect(g, &pkt);
    memcpy(&range, pkt.header + 8, sizeof(range));
    memcpy(&msg, g->t.recv.base + range.off_bytes, sizeof(msg));
    raw_complete(g, pkt.desc.xid);
    return msg.status;
}

/* The card of a guest that was silent for long; told that the cable is out. */
static struct raw_guest *leaving(void)
{
    struct raw_guest *g = raw_guest_create(NULL);

    raw_bring_up(g);
    later(g, 10000 * MS);
    hvhost_nic_leave(g->nic);
    assert_int_equal(told(g), RNDIS_IND_MEDIA_DISCONNECT);
    assert_false(is_gone(g));
    return g;
}

static void send_frame(struct raw_guest *g)
{
    uint8_t msg[256];

    raw_section_send(g, 0, msg, raw_frame_message(msg, 60, 0));
    raw_step(g);
}

static void expect_completion(struct raw_guest *g)
{
    struct raw_packet pkt;

    raw_expect(g, &pkt);
    assert_int_equal(pkt.desc.type, VMBUS_PKT_COMPLETION);
}

static void it_goes_when_its_guest_has_been_silent(void **state)
{
    struct raw_guest *g = leaving();

    (void)state;
    later(g, 490 * MS);
    assert_false(is_gone(g));
    later(g, 20 * MS);
    assert_true(is_gone(g));
    raw_guest_destroy(g);
}

/* Or a host that nobody else wakes would sleep, and its guest never hear of it. */
static void that_it_goes_is_work_for_another_turn(void **state)
{
    struct raw_guest *g = leaving();

    (void)state;
    raw_step(g); /* takes what the guest had sent */
    g->now_ns += 510 * MS;
    assert_int_equal(hvhost_step(g->host, g->now_ns), 1);
    assert_true(is_gone(g));
    assert_int_equal(hvhost_step(g->host, g->now_ns), 0);
    assert_int_equal(hvhost_next_deadline(g->host, g->now_ns), UINT64_MAX);
    raw_guest_destroy(g);
}

static void it_stays_while_its_guest_sends(void **state)
{
    struct raw_guest *g = leaving();

    (void)state;
    for (unsigned i = 0; i < 10; i++) {
        later(g, 400 * MS);
        send_frame(g);
        expect_completion(g);
        assert_false(is_gone(g));
    }
    later(g, 510 * MS);
    assert_true(is_gone(g));
    raw_guest_destroy(g);
}

static void it_stays_while_a_completion_is_unread(void **state)
{
    struct raw_guest *g = leaving();

    (void)state;
    send_frame(g);
    later(g, 3000 * MS);
    assert_false(is_gone(g));
    assert_int_not_equal(hvhost_next_deadline(g->host, g->now_ns), UINT64_MAX);
    expect_completion(g);
    raw_step(g);
    assert_true(is_gone(g));
    raw_guest_destroy(g);
}

static void no_guest_keeps_it(void **state)
{
    struct raw_guest *g = leaving();
    unsigned i;

    (void)state;
    for (i = 0; i < 100; i++) {
        later(g, 100 * MS);
        if (is_gone(g))
            break;
        send_frame(g);
        expect_completion(g);
    }
    assert_in_range(i, 75, 80);
    raw_guest_destroy(g);
}

/* Or it would begin to send again, into a channel that nobody listens to. */
static void the_guest_it_left_is_not_told_of_a_cable(void **state)
{
    struct raw_guest *g = leaving();
    struct raw_packet pkt;

    (void)state;
    later(g, 510 * MS);
    assert_true(is_gone(g));
    raw_expect_none(g);
    hvhost_nic_offer(g->nic);
    assert_false(raw_take(g, &pkt));
    raw_guest_destroy(g);
}

static void it_comes_back_with_its_cable_as_it_was(void **state)
{
    struct raw_guest *g = leaving();

    (void)state;
    later(g, 510 * MS);
    g->t.ops->close(g->t.ctx);
    hvhost_nic_offer(g->nic);
    raw_bring_up(g);
    send_frame(g);
    expect_completion(g);
    assert_int_equal(raw_stat(g, tx_drop_link), 0);
    raw_guest_destroy(g);
}

static void without_a_guest_it_goes_at_once(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    struct vmbus_transport t;

    (void)state;
    hvhost_nic_leave(g->nic);
    assert_int_equal(hvhost_nic_open(g->nic, &t), -ENODEV);
    raw_guest_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_when_its_guest_has_been_silent),
        cmocka_unit_test(that_it_goes_is_work_for_another_turn),
        cmocka_unit_test(it_stays_while_its_guest_sends),
        cmocka_unit_test(it_stays_while_a_completion_is_unread),
        cmocka_unit_test(no_guest_keeps_it),
        cmocka_unit_test(the_guest_it_left_is_not_told_of_a_cable),
        cmocka_unit_test(it_comes_back_with_its_cable_as_it_was),
        cmocka_unit_test(without_a_guest_it_goes_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
