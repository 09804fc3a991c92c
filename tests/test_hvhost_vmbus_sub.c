/* SPDX-License-Identifier: BSD-3-Clause */
/* Sub-channels on the bus of a guest kernel: offered, opened, closed, withdrawn with their card. */
#include <string.h>

#include "hvh_nic_var.h"
#include "nvs_reg.h"
#include "vmbus_bench.h"

#define SUBS 3u
#define SUB_HANDLE(index) (BENCH_RING_HANDLE + (index))
#define SUB_PAGE(index) (200u + (index)*BENCH_RING_PAGES)

/* SUBS more, as NVSP message 133 would have it. */
static void grant(struct bench *b)
{
    b->nic->granted = SUBS;
    for (unsigned i = 1; i <= SUBS; i++) {
        b->nic->chan[i].offered = true;
        b->nic->face->offered(b->nic->face_ctx, i);
    }
    (void)hvh_vmbus_turn(b->bus);
}

/* The primary open, and SUBS more granted. */
static void open_and_grant(struct bench *b)
{
    const struct hvhost_nic_config card = {.max_queues = SUBS + 1};

    bench_open(b, &card, 0);
    bench_bring_open(b);
    grant(b);
}

static uint32_t sub_relid(const struct bench *b, unsigned index)
{
    return hvh_nic_relid(b->nic) + index;
}

static void open_sub(struct bench *b, unsigned index, uint32_t vp)
{
    bench_share(b, index, SUB_HANDLE(index), SUB_PAGE(index), BENCH_RING_PAGES, 1);
    bench_open_channel(b, index, SUB_HANDLE(index), BENCH_RING_PAGES / 2, vp);
}

static void open_all(struct bench *b)
{
    for (unsigned i = 1; i <= SUBS; i++) {
        open_sub(b, i, i % 2);
        assert_int_equal(bench_last_status(b, HVH_MSG_OPEN_RESULT), HVH_STATUS_OK);
    }
}

/* How many of the messages since (from) are of (type). */
static unsigned sent_since(const struct bench *b, unsigned from, uint32_t type)
{
    unsigned count = 0;

    for (; from < b->sents; from++)
        count += b->sent[from % BENCH_SENT_MAX].type == type;
    return count;
}

static void each_granted_channel_is_offered_under_its_own_number(void **state)
{
    struct hvh_msg_offer offer;
    struct bench b;

    (void)state;
    open_and_grant(&b);
    for (unsigned i = 1; i <= SUBS; i++) {
        const struct bench_sent *s = &b.sent[(b.sents - 1 - SUBS + i) % BENCH_SENT_MAX];

        assert_int_equal(s->type, HVH_MSG_OFFER);
        memcpy(&offer, s->payload, HVH_OFFER_BYTES);
        assert_int_equal(offer.subchannel, i);
        assert_int_equal(offer.relid, sub_relid(&b, i));
        assert_int_equal(offer.connection_id, HVH_CONN_EVENT | sub_relid(&b, i));
    }
    bench_close(&b);
}

static void each_opens_over_its_own_ring_and_interrupts_its_own_processor(void **state)
{
    struct bench b;

    (void)state;
    open_and_grant(&b);
    open_all(&b);
    for (unsigned i = 1; i <= SUBS; i++) {
        assert_true(b.nic->chan[i].open);
        b.nic->face->interrupt(b.nic->face_ctx, sub_relid(&b, i));
        assert_int_equal(b.event_relid, sub_relid(&b, i));
        assert_int_equal(b.event_vp, i % 2);
    }
    bench_close(&b);
}

static void nobody_opens_one_that_was_not_granted(void **state)
{
    const struct hvhost_nic_config card = {.max_queues = SUBS + 1};
    struct bench b;

    (void)state;
    bench_open(&b, &card, 0);
    bench_bring_open(&b);
    bench_open_channel(&b, 1, BENCH_RING_HANDLE, BENCH_RING_PAGES / 2, 0);
    assert_int_equal(bench_bad_messages(&b), 1); /* this number does not exist */
    assert_false(b.nic->chan[1].open);
    bench_close(&b);
}

/* Frames go by sub-channels, and nothing else. */
static void a_sub_channel_hears_of_no_buffer(void **state)
{
    const struct {
        struct vmbus_pkt_desc desc;
        struct nvs_revoke_buf msg;
        uint8_t pad[NVS_MSG_BYTES - sizeof(struct nvs_revoke_buf)];
        uint64_t trailer;
    } pkt = {.desc = {.type = VMBUS_PKT_INBAND, .header_qwords = 2, .total_qwords = 7},
             .msg = {NVS_MSG_REVOKE_RECV_BUF, NVS_RECV_BUF_ID, 0}};
    uint8_t *ring;
    struct bench b;

    (void)state;
    open_and_grant(&b);
    ring = b.ram + SUB_PAGE(2) * VMBUS_PAGE_BYTES;
    memcpy(ring + VMBUS_PAGE_BYTES, &pkt, sizeof(pkt));
    open_all(&b);
    b.nic->state = HVH_OPERATIONAL;
    b.nic->nvs_version = NVS_VERSION_61;
    atomic_store(&((struct vmbus_ring_ctl *)(void *)ring)->write_index, (uint32_t)sizeof(pkt));
    hvh_vmbus_signal(b.bus, HVH_CONN_EVENT | sub_relid(&b, 2));
    (void)hvhost_step(b.host, b.now_ns);
    assert_int_equal(b.nic->stats.strict_nvs, 1);
    assert_int_equal(b.nic->state, HVH_OPERATIONAL);
    bench_close(&b);
}

static void a_closed_channel_lets_go_of_its_ring_and_opens_again(void **state)
{
    struct bench b;

    (void)state;
    open_and_grant(&b);
    open_all(&b);
    bench_tell_words(&b, HVH_MSG_CLOSE, sub_relid(&b, 2), 0, 12);
    assert_false(b.nic->chan[2].open);
    assert_true(b.nic->chan[1].open && b.nic->chan[3].open && b.nic->chan[0].open);
    bench_tell_words(&b, HVH_MSG_GPADL_TEARDOWN, sub_relid(&b, 2), SUB_HANDLE(2), 16);
    (void)bench_last(&b, HVH_MSG_GPADL_TORNDOWN);
    open_sub(&b, 2, 1);
    assert_int_equal(bench_last_status(&b, HVH_MSG_OPEN_RESULT), HVH_STATUS_OK);
    assert_true(b.nic->chan[2].open);
    assert_int_equal(b.nic->stats.subchannel_opens, SUBS + 1);
    bench_close(&b);
}

static void frames_for_a_closed_channel_come_by_the_primary(void **state)
{
    const struct hvh_hash hash = {.type = 1, .value = 7};
    struct bench b;

    (void)state;
    open_and_grant(&b);
    open_all(&b);
    for (unsigned i = 0; i < countof(b.nic->rss.table); i++)
        b.nic->rss.table[i] = 2;
    assert_ptr_equal(hvh_subchan_for(b.nic, hash), &b.nic->chan[2]);
    bench_tell_words(&b, HVH_MSG_CLOSE, sub_relid(&b, 2), 0, 12);
    assert_ptr_equal(hvh_subchan_for(b.nic, hash), &b.nic->chan[0]);
    bench_close(&b);
}

static void closing_the_primary_withdraws_the_others(void **state)
{
    unsigned before;
    struct bench b;

    (void)state;
    open_and_grant(&b);
    open_all(&b);
    before = b.sents;
    bench_tell_words(&b, HVH_MSG_CLOSE, hvh_nic_relid(b.nic), 0, 12);
    assert_int_equal(sent_since(&b, before, HVH_MSG_RESCIND), SUBS);
    for (unsigned i = 1; i <= SUBS; i++)
        bench_tell_words(&b, HVH_MSG_RELID_RELEASED, sub_relid(&b, i), 0, 12);
    /* Without a new grant there is nothing to offer. */
    assert_int_equal(sent_since(&b, before, HVH_MSG_OFFER), 0);
    bench_open_channel(&b, 0, BENCH_RING_HANDLE, BENCH_RING_PAGES / 2, 0);
    assert_int_equal(bench_last_status(&b, HVH_MSG_OPEN_RESULT), HVH_STATUS_OK);
    bench_close(&b);
}

static void a_rescinded_card_takes_its_channels_with_it(void **state)
{
    unsigned before;
    struct bench b;

    (void)state;
    open_and_grant(&b);
    open_all(&b);
    before = b.sents;
    hvhost_nic_rescind(b.nic);
    (void)hvh_vmbus_turn(b.bus);
    assert_int_equal(sent_since(&b, before, HVH_MSG_RESCIND), SUBS + 1);
    for (unsigned i = 0; i <= SUBS; i++) {
        assert_int_equal(b.nic->chan[i].open, i == 0 || b.nic->chan[0].open);
        bench_tell_words(&b, HVH_MSG_CLOSE, sub_relid(&b, i), 0, 12);
        assert_false(b.nic->chan[i].open);
        bench_tell_words(&b, HVH_MSG_RELID_RELEASED, sub_relid(&b, i), 0, 12);
        assert_null(hvh_bus_gpadl_find(b.bus, sub_relid(&b, i), SUB_HANDLE(i)));
    }
    assert_int_equal(bench_bad_messages(&b), 0);
    before = b.sents;
    hvhost_nic_offer(b.nic);
    (void)hvh_vmbus_turn(b.bus);
    assert_int_equal(sent_since(&b, before, HVH_MSG_OFFER), 1); /* the primary alone */
    bench_close(&b);
}

/* The primary lets go, the others never do: as uio_hv_generic leaves them, see tests/vm. */
static void a_channel_nobody_released_is_offered_under_another_number(void **state)
{
    const uint32_t old = SUBS + 1; /* first of the next generation */
    struct hvh_msg_offer offer;
    struct bench b;

    (void)state;
    open_and_grant(&b);
    open_all(&b);
    hvhost_nic_rescind(b.nic);
    (void)hvh_vmbus_turn(b.bus);
    bench_tell_words(&b, HVH_MSG_RELID_RELEASED, hvh_nic_relid(b.nic), 0, 12);
    hvhost_nic_offer(b.nic);
    (void)hvh_vmbus_turn(b.bus);
    bench_share(&b, 0, BENCH_RING_HANDLE, 100, BENCH_RING_PAGES, 1);
    bench_open_channel(&b, 0, BENCH_RING_HANDLE, BENCH_RING_PAGES / 2, 1);
    grant(&b);
    for (unsigned i = 1; i <= SUBS; i++) {
        const struct bench_sent *s = &b.sent[(b.sents - 1 - SUBS + i) % BENCH_SENT_MAX];

        assert_int_equal(s->type, HVH_MSG_OFFER);
        memcpy(&offer, s->payload, HVH_OFFER_BYTES);
        assert_int_equal(offer.subchannel, i);
        assert_int_equal(offer.relid, sub_relid(&b, old + i));
        assert_int_equal(offer.connection_id, HVH_CONN_EVENT | sub_relid(&b, old + i));
    }
    open_sub(&b, old + 1, 1);
    assert_int_equal(bench_last_status(&b, HVH_MSG_OPEN_RESULT), HVH_STATUS_OK);
    assert_true(b.nic->chan[1].open);
    b.nic->face->interrupt(b.nic->face_ctx, sub_relid(&b, 1)); /* the card's own number stays */
    assert_int_equal(b.event_relid, sub_relid(&b, old + 1));
    bench_tell_words(&b, HVH_MSG_CLOSE, sub_relid(&b, 2), 0, 12);
    bench_tell_words(&b, HVH_MSG_RELID_RELEASED, sub_relid(&b, 2), 0, 12);
    assert_int_equal(bench_bad_messages(&b), 0);
    bench_tell_words(&b, HVH_MSG_RELID_RELEASED, sub_relid(&b, 2), 0, 12); /* once */
    assert_int_equal(bench_bad_messages(&b), 1);
    bench_close(&b);
}

static void a_withdrawn_card_hears_signals_until_it_is_closed(void **state)
{
    struct bench b;

    (void)state;
    open_and_grant(&b);
    open_all(&b);
    hvhost_nic_rescind(b.nic);
    (void)hvh_vmbus_turn(b.bus);
    for (unsigned i = 0; i <= SUBS; i++) {
        assert_true(hvh_vmbus_takes_signals(b.bus, HVH_CONN_EVENT | sub_relid(&b, i)));
        hvh_vmbus_signal(b.bus, HVH_CONN_EVENT | sub_relid(&b, i));
        assert_true(b.nic->chan[i].signalled);
    }
    bench_tell_words(&b, HVH_MSG_CLOSE, hvh_nic_relid(b.nic), 0, 12);
    hvh_vmbus_signal(b.bus, HVH_CONN_EVENT | hvh_nic_relid(b.nic));
    assert_int_equal(b.nic->stats.doorbells, SUBS + 1);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_granted_channel_is_offered_under_its_own_number),
        cmocka_unit_test(each_opens_over_its_own_ring_and_interrupts_its_own_processor),
        cmocka_unit_test(nobody_opens_one_that_was_not_granted),
        cmocka_unit_test(a_sub_channel_hears_of_no_buffer),
        cmocka_unit_test(a_closed_channel_lets_go_of_its_ring_and_opens_again),
        cmocka_unit_test(frames_for_a_closed_channel_come_by_the_primary),
        cmocka_unit_test(closing_the_primary_withdraws_the_others),
        cmocka_unit_test(a_rescinded_card_takes_its_channels_with_it),
        cmocka_unit_test(a_channel_nobody_released_is_offered_under_another_number),
        cmocka_unit_test(a_withdrawn_card_hears_signals_until_it_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
