/* SPDX-License-Identifier: BSD-3-Clause */
/* VMBus as a guest kernel sees it: messages in, messages out, memory shared page by page. */
#include <stdlib.h>
#include <string.h>

#include "nvs_reg.h"
#include "vmbus_bench.h"

/* ---- the connection --------------------------------------------------------------------- */

static void versions_are_taken_up_to_the_newest_allowed(void **state)
{
    static const struct {
        uint32_t version;
        uint8_t accepted;
    } rows[] = {{0x0000000D, 0},  {0x00010001, 0},  {HVH_BUS_2_4, 1}, {HVH_BUS_4_0, 1},
                {HVH_BUS_4_1, 1}, {HVH_BUS_5_0, 0}, {HVH_BUS_5_3, 0}, {0x00060000, 0}};
    struct bench b;

    (void)state;
    bench_open(&b, NULL, HVH_BUS_4_1);
    assert_false(hvh_vmbus_takes_messages(b.bus, HVH_CONN_MSG_5)); /* so Linux goes lower at once */
    for (unsigned i = 0; i < countof(rows); i++) {
        bench_contact(&b, rows[i].version, 0);
        assert_int_equal(bench_accepted(&b), rows[i].accepted);
    }
    bench_close(&b);
}

static void messages_go_to_the_processor_that_made_contact(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, NULL, 0);
    bench_contact(&b, HVH_BUS_5_3, 1);
    assert_int_equal(bench_last(&b, HVH_MSG_VERSION_RESPONSE)->vp, 1);
    bench_contact(&b, HVH_BUS_5_3, 2); /* there is none */
    assert_int_equal(b.sents, 1);
    assert_int_equal(bench_bad_messages(&b), 1);
    bench_close(&b);
}

static void an_occupied_slot_is_tried_again(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, NULL, 0);
    b.occupied = true;
    bench_contact(&b, HVH_BUS_5_3, 0);
    assert_int_equal(b.sents, 0);
    assert_int_equal(hvh_vmbus_deadline(b.bus), 1000000);
    b.occupied = false;
    assert_int_equal(hvh_vmbus_turn(b.bus), 1);
    assert_int_equal(bench_accepted(&b), 1);
    assert_true(hvh_vmbus_deadline(b.bus) == UINT64_MAX);
    bench_close(&b);
}

static void an_offer_is_as_in_the_reference(void **state)
{
    static const uint8_t class_id[16] = {0x63, 0x51, 0x61, 0xf8, 0x3e, 0xdf, 0xc5, 0x46,
                                         0x91, 0x3f, 0xf2, 0xd2, 0xf9, 0x65, 0xed, 0x0e};
    static const uint8_t instance[16] = {0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
                                         0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    const struct hvhost_nic_config card = {.instance = "00112233-4455-6677-8899-aabbccddeeff",
                                           .monitor_latency_us = 100};
    const struct bench_sent *offer;
    struct bench b;

    (void)state;
    bench_open(&b, &card, 0);
    bench_offers(&b);
    (void)bench_last(&b, HVH_MSG_OFFERS_DELIVERED);
    offer = &b.sent[b.sents - 2];
    assert_int_equal(offer->type, HVH_MSG_OFFER);
    assert_int_equal(offer->bytes, 196);
    assert_memory_equal(offer->payload + 8, class_id, 16);
    assert_memory_equal(offer->payload + 24, instance, 16);
    assert_int_equal(offer->payload[184], hvh_nic_relid(b.nic));
    assert_int_equal(offer->payload[188], hvh_nic_monitor(b.nic));
    assert_int_equal(offer->payload[189], 1); /* monitor allocated */
    assert_int_equal(offer->payload[193], 0x20);
    bench_tell_words(&b, HVH_MSG_REQUEST_OFFERS, 0, 0, 8);
    assert_int_equal(bench_bad_messages(&b), 1); /* once is enough */
    bench_close(&b);
}

/* ---- shared memory ---------------------------------------------------------------------- */

static void pages_shared_in_any_order_become_one_piece(void **state)
{
    struct hvh_bus_gpadl *gpadl;
    struct bench b;

    (void)state;
    bench_open(&b, NULL, 0);
    bench_offers(&b);
    for (unsigned i = 0; i < 100; i++)
        b.ram[(200 + 2 * i) * VMBUS_PAGE_BYTES + 9] = (uint8_t)i;
    bench_share(&b, 0, BENCH_RING_HANDLE, 200, 100, 2);
    assert_int_equal(bench_last_status(&b, HVH_MSG_GPADL_CREATED), HVH_STATUS_OK);
    gpadl = hvh_bus_gpadl_find(b.bus, hvh_nic_relid(b.nic), BENCH_RING_HANDLE);
    assert_non_null(gpadl);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(gpadl->mem.base[i * VMBUS_PAGE_BYTES + 9], i);
    bench_tell_words(&b, HVH_MSG_GPADL_TEARDOWN, hvh_nic_relid(b.nic), BENCH_RING_HANDLE, 16);
    (void)bench_last(&b, HVH_MSG_GPADL_TORNDOWN);
    assert_null(hvh_bus_gpadl_find(b.bus, hvh_nic_relid(b.nic), BENCH_RING_HANDLE));
    bench_close(&b);
}

static void lists_that_make_no_sense_are_refused(void **state)
{
    struct hvh_msg_gpadl_header good = {
        .head.type = HVH_MSG_GPADL_HEADER,
        .handle = 5,
        .ranges_bytes = 16,
        .range_count = 1,
        .len_bytes = VMBUS_PAGE_BYTES,
    };
    uint8_t msg[sizeof(good) + 16] = {0};
    struct hvh_vmbus_stats stats;
    struct bench b;

    (void)state;
    bench_open(&b, NULL, 0);
    bench_offers(&b);
    good.relid = hvh_nic_relid(b.nic);
    for (unsigned i = 0; i < 8; i++) {
        struct hvh_msg_gpadl_header bad = good;

        bad.relid += i == 0;
        bad.range_count = i == 1 ? 2 : 1;
        bad.off_bytes = i == 2 ? 8 : 0;
        bad.len_bytes += i == 3 ? 1 : 0;
        bad.len_bytes = i == 4 ? 0 : bad.len_bytes;
        bad.ranges_bytes = i == 5 ? 8 : 16;
        bad.handle = i == 6 ? 0 : bad.handle;
        memcpy(msg, &bad, sizeof(bad));
        /* The last row is sound but for one page number more than it said. */
        bench_tell(&b, msg, sizeof(bad) + (i == 7 ? 16 : 8));
        assert_int_equal(bench_last_status(&b, HVH_MSG_GPADL_CREATED), HVH_STATUS_UNSUCCESSFUL);
    }
    bench_share(&b, 0, 6, BENCH_RAM_PAGES - 1, 2, 1); /* the second page is past the end */
    assert_int_equal(bench_last_status(&b, HVH_MSG_GPADL_CREATED), HVH_STATUS_UNSUCCESSFUL);
    hvh_vmbus_stats(b.bus, &stats);
    assert_int_equal(stats.bad_gpadls, 9);
    assert_int_equal(stats.gpadls, 0);
    bench_share(&b, 0, 5, 1, 1, 1);
    assert_int_equal(bench_last_status(&b, HVH_MSG_GPADL_CREATED), HVH_STATUS_OK);
    bench_share(&b, 0, 5, 2, 1, 1); /* the handle is taken */
    assert_int_equal(bench_last_status(&b, HVH_MSG_GPADL_CREATED), HVH_STATUS_UNSUCCESSFUL);
    bench_close(&b);
}

/* ---- channels --------------------------------------------------------------------------- */

static void a_channel_opens_over_a_sound_ring_only(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, NULL, 0);
    bench_offers(&b);
    bench_share(&b, 0, BENCH_RING_HANDLE, 100, BENCH_RING_PAGES, 1);
    bench_open_channel(&b, 0, BENCH_RING_HANDLE + 1, BENCH_RING_PAGES / 2, 0);
    assert_int_equal(bench_last_status(&b, HVH_MSG_OPEN_RESULT), HVH_STATUS_UNSUCCESSFUL);
    bench_open_channel(&b, 0, BENCH_RING_HANDLE, BENCH_RING_PAGES / 2 + 1, 0);
    assert_int_equal(bench_last_status(&b, HVH_MSG_OPEN_RESULT), HVH_STATUS_UNSUCCESSFUL);
    bench_open_channel(&b, 0, BENCH_RING_HANDLE, BENCH_RING_PAGES / 2, 2);
    assert_int_equal(bench_last_status(&b, HVH_MSG_OPEN_RESULT), HVH_STATUS_UNSUCCESSFUL);
    assert_false(hvh_nic_connected(b.nic));
    bench_open_channel(&b, 0, BENCH_RING_HANDLE, BENCH_RING_PAGES / 2, 1);
    assert_int_equal(bench_last_status(&b, HVH_MSG_OPEN_RESULT), HVH_STATUS_OK);
    assert_true(hvh_nic_connected(b.nic));
    bench_open_channel(&b, 0, BENCH_RING_HANDLE, BENCH_RING_PAGES / 2, 1);
    assert_int_equal(bench_last_status(&b, HVH_MSG_OPEN_RESULT), HVH_STATUS_UNSUCCESSFUL);
    bench_tell_words(&b, HVH_MSG_CLOSE, hvh_nic_relid(b.nic), 0, 12);
    assert_false(hvh_nic_connected(b.nic));
    bench_close(&b);
}

static void the_ring_of_an_open_channel_stays(void **state)
{
    unsigned before;
    struct bench b;

    (void)state;
    bench_open(&b, NULL, 0);
    bench_bring_open(&b);
    before = b.sents;
    bench_tell_words(&b, HVH_MSG_GPADL_TEARDOWN, hvh_nic_relid(b.nic), BENCH_RING_HANDLE, 16);
    assert_int_equal(b.sents, before);
    assert_int_equal(bench_bad_messages(&b), 1);
    bench_tell_words(&b, HVH_MSG_CLOSE, hvh_nic_relid(b.nic), 0, 12);
    bench_tell_words(&b, HVH_MSG_GPADL_TEARDOWN, hvh_nic_relid(b.nic), BENCH_RING_HANDLE, 16);
    (void)bench_last(&b, HVH_MSG_GPADL_TORNDOWN);
    bench_close(&b);
}

/* It is served until it is closed, and so is its ring. */
static void the_ring_of_a_rescinded_channel_stays_until_it_is_closed(void **state)
{
    struct bench b;

    (void)state;
    bench_open(&b, NULL, 0);
    bench_bring_open(&b);
    hvhost_nic_rescind(b.nic);
    (void)hvh_vmbus_turn(b.bus);
    bench_tell_words(&b, HVH_MSG_GPADL_TEARDOWN, hvh_nic_relid(b.nic), BENCH_RING_HANDLE, 16);
    assert_int_equal(bench_bad_messages(&b), 1);
    hvh_vmbus_signal(b.bus, HVH_CONN_EVENT | hvh_nic_relid(b.nic));
    (void)hvhost_step(b.host, b.now_ns);
    bench_tell_words(&b, HVH_MSG_CLOSE, hvh_nic_relid(b.nic), 0, 12);
    bench_tell_words(&b, HVH_MSG_GPADL_TEARDOWN, hvh_nic_relid(b.nic), BENCH_RING_HANDLE, 16);
    (void)bench_last(&b, HVH_MSG_GPADL_TORNDOWN);
    bench_close(&b);
}

static void a_rescinded_channel_comes_back_when_it_was_released(void **state)
{
    unsigned before;
    struct bench b;

    (void)state;
    bench_open(&b, NULL, 0);
    bench_bring_open(&b);
    hvhost_nic_rescind(b.nic);
    (void)hvh_vmbus_turn(b.bus);
    (void)bench_last(&b, HVH_MSG_RESCIND);
    assert_true(hvh_nic_connected(b.nic)); /* served until it is closed */
    bench_tell_words(&b, HVH_MSG_CLOSE, hvh_nic_relid(b.nic), 0, 12);
    assert_false(hvh_nic_connected(b.nic));
    hvhost_nic_offer(b.nic);
    before = b.sents;
    (void)hvh_vmbus_turn(b.bus);
    assert_int_equal(b.sents, before);
    bench_tell_words(&b, HVH_MSG_RELID_RELEASED, hvh_nic_relid(b.nic), 0, 12);
    (void)bench_last(&b, HVH_MSG_OFFER);
    assert_null(hvh_bus_gpadl_find(b.bus, hvh_nic_relid(b.nic), BENCH_RING_HANDLE));
    bench_share(&b, 0, BENCH_RING_HANDLE, 100, BENCH_RING_PAGES, 1);
    bench_open_channel(&b, 0, BENCH_RING_HANDLE, BENCH_RING_PAGES / 2, 0);
    assert_int_equal(bench_last_status(&b, HVH_MSG_OPEN_RESULT), HVH_STATUS_OK);
    bench_close(&b);
}

static void unload_takes_everything_back(void **state)
{
    struct hvh_vmbus_stats stats;
    struct bench b;

    (void)state;
    bench_open(&b, NULL, 0);
    bench_bring_open(&b);
    bench_share(&b, 0, BENCH_RING_HANDLE + 1, 300, 20, 1);
    bench_tell_words(&b, HVH_MSG_UNLOAD, 0, 0, 8);
    (void)bench_last(&b, HVH_MSG_UNLOAD_RESPONSE);
    assert_false(hvh_nic_connected(b.nic));
    hvh_vmbus_stats(b.bus, &stats);
    assert_int_equal(stats.gpadls, 0);
    bench_bring_open(&b); /* as after kexec */
    bench_close(&b);
}

static void interrupts_follow_modify_channel(void **state)
{
    struct hvh_msg_modify_response answer;
    struct bench b;

    (void)state;
    bench_open(&b, NULL, 0);
    bench_bring_open(&b);
    assert_int_equal(b.bus->chan[0].vp, 1);
    bench_tell_words(&b, HVH_MSG_MODIFY, hvh_nic_relid(b.nic), 0, 16);
    memcpy(&answer, bench_last(&b, HVH_MSG_MODIFY_RESPONSE)->payload, sizeof(answer));
    assert_int_equal(answer.status, HVH_STATUS_OK);
    assert_int_equal(b.bus->chan[0].vp, 0);
    bench_tell_words(&b, HVH_MSG_MODIFY, hvh_nic_relid(b.nic), 9, 16);
    memcpy(&answer, bench_last(&b, HVH_MSG_MODIFY_RESPONSE)->payload, sizeof(answer));
    assert_int_equal(answer.status, HVH_STATUS_UNSUCCESSFUL);
    bench_close(&b);
}

/* ---- strangers -------------------------------------------------------------------------- */

static uint32_t dice(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Mostly sensible words, so that messages get past the first check. */
static void random_message(struct bench *b, uint32_t *seed)
{
    const uint32_t words[] = {0,
                              1,
                              2,
                              8,
                              16,
                              0x50003,
                              BENCH_RING_HANDLE,
                              BENCH_RING_HANDLE + 1,
                              4096,
                              100,
                              hvh_nic_relid(b->nic),
                              0x00010018,
                              0xFFFFFFFF};
    uint32_t msg[HVH_MSG_BYTES_MAX / 4];
    uint32_t type = 1 + dice(seed) % 28;

    for (unsigned i = 0; i < countof(msg); i++)
        msg[i] = dice(seed) % 8 ? words[dice(seed) % countof(words)] : dice(seed);
    msg[0] = type == HVH_MSG_UNLOAD && dice(seed) % 8 ? HVH_MSG_GPADL_HEADER : type;
    if (hvh_vmbus_has_room(b->bus))
        hvh_vmbus_message(b->bus, HVH_CONN_MSG_OLD, msg, dice(seed) % (HVH_MSG_BYTES_MAX + 2));
}

static void nothing_a_guest_says_harms_the_host(void **state)
{
    uint32_t seed = 20261122;
    struct bench b;

    (void)state;
    bench_open(&b, NULL, 0);
    for (unsigned i = 0; i < 50000; i++) {
        if (i % 500 == 0)
            bench_offers(&b);
        random_message(&b, &seed);
        b.occupied = dice(&seed) % 4 == 0;
        (void)hvh_vmbus_turn(b.bus);
        hvh_vmbus_signal(b.bus, HVH_CONN_EVENT | (dice(&seed) % 64));
        b.now_ns += 1000;
        (void)hvhost_step(b.host, b.now_ns);
    }
    b.occupied = false;
    (void)hvh_vmbus_turn(b.bus);
    bench_offers(&b); /* it still works */
    (void)bench_last(&b, HVH_MSG_OFFERS_DELIVERED);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_taken_up_to_the_newest_allowed),
        cmocka_unit_test(messages_go_to_the_processor_that_made_contact),
        cmocka_unit_test(an_occupied_slot_is_tried_again),
        cmocka_unit_test(an_offer_is_as_in_the_reference),
        cmocka_unit_test(pages_shared_in_any_order_become_one_piece),
        cmocka_unit_test(lists_that_make_no_sense_are_refused),
        cmocka_unit_test(a_channel_opens_over_a_sound_ring_only),
        cmocka_unit_test(the_ring_of_an_open_channel_stays),
        cmocka_unit_test(the_ring_of_a_rescinded_channel_stays_until_it_is_closed),
        cmocka_unit_test(a_rescinded_channel_comes_back_when_it_was_released),
        cmocka_unit_test(unload_takes_everything_back),
        cmocka_unit_test(interrupts_follow_modify_channel),
        cmocka_unit_test(nothing_a_guest_says_harms_the_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
