/* SPDX-License-Identifier: BSD-3-Clause */
/* Several queues against the emulated host: how many there are, and the end. */
#include <errno.h>
#include <string.h>

#include "hvh_nic_var.h"
#include "hvh_nvs_var.h"
#include "nvs_reg.h"
#include "queues_fixture.h"
#include "rndis_reg.h"

/* ---- how many -------------------------------------------------------------------------------- */

static void there_are_as_many_queues_as_asked_host_and_64_allow(void **state)
{
    static const struct {
        uint32_t asked, host, queues;
    } row[] = {{1, 64, 1}, {2, 64, 2}, {4, 64, 4}, {64, 64, 64}, {64, 3, 3}, {8, 1, 1}, {0, 64, 1}};
    struct netif_fixture f;

    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        bench_init(&f);
        f.card_config.max_queues = row[i].host;
        f.config.queues = row[i].asked;
        bench_come_up(&f);
        assert_int_equal(netvsc_info(f.nic)->queues, row[i].queues);
        assert_int_equal(bench_stats(&f).queues_short, row[i].queues < row[i].asked);
        queues_each_sends(&f);
        queues_stop(&f);
    }
}

static void whatever_the_host_grants_the_nic_works(void **state)
{
    static const struct {
        uint32_t granted, queues;
    } row[] = {{0, 1}, {1, 2}, {3, 4}, {63, 64}, {64, 1}, {65, 1}, {UINT32_MAX, 1}};
    struct netif_fixture f;

    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        queues_start(&f, 64);
        queues_fault(&f, HVH_ON_SUBCHANNEL, HVH_ACT_GRANTED, row[i].granted);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        assert_int_equal(netvsc_info(f.nic)->queues, row[i].queues);
        queues_each_sends(&f);
        queues_flows_send(&f, 2);
        assert_int_equal(f.rx_count, 2 * QUEUES_FLOWS);
        queues_stop(&f);
    }
}

static void queues_may_come_late_backwards_or_not_all(void **state)
{
    static const struct {
        enum hvhost_fault_act act;
        uint64_t arg;
        uint32_t queues;
    } row[] = {
        {HVH_ACT_OFFER_EVERY, 10, 4},  {HVH_ACT_OFFER_REVERSED, 0, 4},
        {HVH_ACT_OFFER_WITHOUT, 1, 1}, {HVH_ACT_OFFER_WITHOUT, 2, 2},
        {HVH_ACT_OFFER_WITHOUT, 3, 3}, {HVH_ACT_SILENT, 0, 1},
        {HVH_ACT_REFUSE, 0, 1},        {HVH_ACT_WRONG_TYPE, 0, 1},
        {HVH_ACT_SHORT, 8, 1},         {HVH_ACT_OFFER_EVERY, 5000, 1},
        {HVH_ACT_TWICE, 0, 4},
    };
    struct netif_fixture f;

    (void)state;
    for (unsigned i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        queues_start(&f, 4);
        queues_fault(&f, HVH_ON_SUBCHANNEL, row[i].act, row[i].arg);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        assert_int_equal(netvsc_info(f.nic)->queues, row[i].queues);
        assert_int_equal(netvsc_info(f.nic)->left_out != NULL, row[i].queues < 4);
        queues_each_sends(&f);
        queues_flows_send(&f, 2);
        assert_int_equal(f.rx_count, 2 * QUEUES_FLOWS);
        queues_stop(&f);
    }
}

/* (msg) as a control message to the guest, on another channel than those come on. */
static void control_on(struct hvh_chan *chan, const void *msg, uint32_t bytes)
{
    struct hvhost_nic *card = chan->nic;
    const uint32_t section = hvh_sections_take(&card->sections, HVH_USE_CONTROL, HVH_SECTION_NONE);
    const struct {
        struct vmbus_xfer_header set;
        struct vmbus_xfer_range range;
        struct nvs_rndis nvs;
    } body = {{card->recv_id, 0, 0, 1},
              {bytes, section * card->sections.bytes},
              {NVS_MSG_RNDIS, NVS_RNDIS_CONTROL, NVS_SECTION_NONE, 0}};
    struct hvh_send pkt;

    memcpy(card->recv.base + body.range.off_bytes, msg, bytes);
    hvh_sections_lend(&card->sections, section, bytes);
    card->lent_on[section] = (uint8_t)chan->index;
    card->stats.ctl_replies++;
    hvh_send_init(&pkt, VMBUS_PKT_XFER_PAGES, section, 16, NVS_MSG_BYTES);
    pkt.desc.flags = VMBUS_PKT_FLAG_COMPLETION;
    memcpy(pkt.body, &body, sizeof(body));
    hvh_answer(chan, &pkt, NULL);
}

/* A sub-channel's thread must not meet queue 0's in what is of the whole card. */
static void control_on_a_sub_channel_is_not_listened_to(void **state)
{
    const struct nvs_vf_association vf = {NVS_MSG_VF_ASSOCIATION, 1, 1};
    const struct rndis_indicate out = {.type = RNDIS_MSG_INDICATE_STATUS,
                                       .len_bytes = sizeof(out),
                                       .status = RNDIS_IND_MEDIA_DISCONNECT};
    struct netif_fixture f;
    struct hvh_send pkt;

    (void)state;
    queues_up(&f, 2);
    hvh_send_init(&pkt, VMBUS_PKT_INBAND, 0, 0, NVS_MSG_BYTES);
    memcpy(pkt.body, &vf, sizeof(vf));
    hvh_answer(&f.card->chan[1], &pkt, NULL);
    control_on(&f.card->chan[1], &out, sizeof(out));
    bench_turn(&f, 3);
    assert_int_equal(bench_stats(&f).host_bad_packet, 2);
    assert_int_equal(bench_stats(&f).vf_offered, 0);
    assert_true(netvsc_info(f.nic)->link_up);
    queues_stop(&f);
}

/* The host has its part of that, too: sub-channels are granted once. */
static void who_has_sub_channels_gets_no_others(void **state)
{
    struct hvh_nvs_request req = {.xid = 1};
    const struct nvs_subchannel one = {NVS_MSG_SUBCHANNEL, NVS_SUBCHANNEL_ALLOCATE, 1};
    struct netif_fixture f;

    (void)state;
    queues_up(&f, 4);
    memcpy(req.msg, &one, sizeof(one));
    hvh_nvs_subchannel(&f.card->chan[0], &req);
    assert_int_equal(f.card->granted, 3);
    queues_stop(&f);
}

static void there_are_no_more_queues_than_sections_to_send_from(void **state)
{
    struct netif_fixture f;

    (void)state;
    for (uint32_t sections = 2; sections < 6; sections++) {
        queues_start(&f, 4);
        netvsc_destroy(f.nic);
        hvhost_destroy(f.host);
        f.card_config.dma_bytes = UINT32_MAX; /* control takes one of them */
        f.card_config.send_section_bytes = 16384;
        f.card_config.send_buf_bytes = sections * 16384;
        bench_come_up(&f);
        assert_int_equal(netvsc_info(f.nic)->queues, sections - 1);
        queues_each_sends(&f);
        queues_stop(&f);
    }
}

static void without_rings_of_sub_channels_there_is_one_queue(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_init(&f);
    f.card_config.max_queues = 64;
    f.card_config.no_subchannel_rings = true;
    f.config.queues = 4;
    bench_come_up(&f);
    assert_int_equal(netvsc_info(f.nic)->queues, 1);
    queues_flows_send(&f, 1);
    assert_int_equal(f.rx_count, QUEUES_FLOWS);
    queues_stop(&f);
}

/* Being offered a sub-channel is enough to crash such a kernel, so opening none is not enough. */
static void a_kernel_that_is_safe_with_one_channel_is_never_offered_more(void **state)
{
    struct netif_fixture f;

    (void)state;
    queues_start(&f, 4);
    f.channels_max = 1;
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    assert_int_equal(netvsc_info(f.nic)->queues, 1);
    assert_int_equal(f.card->granted, 0);
    queues_flows_send(&f, 1);
    assert_int_equal(f.rx_count, QUEUES_FLOWS);
    queues_stop(&f);
    queues_start(&f, 4);
    f.channels_max = 2;
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    assert_int_equal(netvsc_info(f.nic)->queues, 2);
    assert_int_equal(f.card->granted, 1);
    queues_stop(&f);
}

static void a_host_that_refuses_rss_leaves_one_queue(void **state)
{
    static const uint32_t oid[] = {OID_RSS_CAPS, OID_RSS_PARAMS};
    struct netif_fixture f;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const struct hvhost_fault refuse = {
            .on = i ? HVH_ON_RNDIS_SET : HVH_ON_RNDIS_QUERY, .act = HVH_ACT_REFUSE, .oid = oid[i]};

        queues_start(&f, 4);
        hvhost_fault_arm(f.card, &refuse);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        assert_int_equal(netvsc_info(f.nic)->queues, 1);
        assert_int_equal(bench_stats(&f).rss_refused, i);
        queues_flows_send(&f, 1);
        assert_int_equal(f.rx_count, QUEUES_FLOWS);
        queues_stop(&f);
    }
}

/* It may have taken the table all the same; then frames come where nobody looks. */
static void a_table_whose_answer_is_lost_loses_no_frames(void **state)
{
    static const enum hvhost_fault_act act[] = {HVH_ACT_SILENT, HVH_ACT_LATE, HVH_ACT_SHORT,
                                                HVH_ACT_WRONG_ID};
    struct netif_fixture f;

    (void)state;
    for (unsigned i = 0; i < sizeof(act) / sizeof(act[0]); i++) {
        const struct hvhost_fault lost = {.on = HVH_ON_RNDIS_SET,
                                          .act = act[i],
                                          .oid = OID_RSS_PARAMS,
                                          .after = 1,
                                          .count = 1,
                                          .arg = act[i] == HVH_ACT_LATE ? 150 : 4};

        queues_start(&f, 4);
        hvhost_fault_arm(f.card, &lost);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        queues_flows_send(&f, 1);
        assert_int_equal(f.rx_count, QUEUES_FLOWS);
        queues_stop(&f);
    }
}

static void every_version_carries_frames_with_the_queues_it_knows(void **state)
{
    static const uint32_t version[] = {NVS_VERSION_1, NVS_VERSION_2, NVS_VERSION_4,
                                       NVS_VERSION_5, NVS_VERSION_6, NVS_VERSION_61};
    struct netif_fixture f;

    (void)state;
    for (unsigned i = 0; i < sizeof(version) / sizeof(version[0]); i++) {
        bench_init(&f);
        f.card_config.max_queues = 4;
        f.card_config.nvs_version_max = version[i];
        f.config.queues = 4;
        bench_come_up(&f);
        assert_int_equal(netvsc_info(f.nic)->nvs_version, version[i]);
        assert_int_equal(netvsc_info(f.nic)->queues, version[i] < NVS_VERSION_5 ? 1 : 4);
        queues_each_sends(&f);
        queues_flows_send(&f, 1);
        assert_int_equal(f.rx_count, QUEUES_FLOWS);
        assert_int_equal(bench_stats(&f).send_tables, version[i] < NVS_VERSION_5 ? 0 : 1);
        queues_stop(&f);
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

static void a_nic_with_queues_attaches_again(void **state)
{
    struct netif_fixture f;

    (void)state;
    queues_up(&f, 8);
    for (unsigned i = 0; i < 3; i++) {
        queues_flows_send(&f, 1);
        netvsc_detach(f.nic, f.now_ns);
        bench_until(&f, NETVSC_DOWN);
        bench_check_strict(&f);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        assert_int_equal(netvsc_info(f.nic)->queues, 8);
    }
    hvhost_nic_rescind(f.card);
    bench_until(&f, NETVSC_GONE);
    hvhost_nic_offer(f.card);
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    queues_flows_send(&f, 1);
    assert_int_equal(f.rx_count, 4 * QUEUES_FLOWS);
    queues_stop(&f);
}

static void the_device_stays_until_every_queue_is_left(void **state)
{
    struct netif_fixture f;
    struct netvsc_slot slot;

    (void)state;
    queues_up(&f, 2);
    assert_int_equal(netvsc_queue_tx_begin(f.nic, 1, 60, &slot), -ENETDOWN); /* not yet polled */
    f.begins++;
    bench_turn(&f, 1);
    assert_int_equal(netvsc_queue_tx_begin(f.nic, 1, 60, &slot), 0);
    f.begins++;
    hvhost_nic_rescind(f.card);
    bench_turn(&f, 50);
    assert_int_equal(netvsc_state(f.nic), NETVSC_UP);
    memset(slot.data, 0, 60); /* still memory */
    netvsc_queue_tx_cancel(f.nic, 1, &slot);
    bench_until(&f, NETVSC_GONE);
    assert_int_equal(netvsc_queue_tx_begin(f.nic, 1, 60, &slot), -ENETDOWN);
    f.begins++;
    bench_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_as_many_queues_as_asked_host_and_64_allow),
        cmocka_unit_test(whatever_the_host_grants_the_nic_works),
        cmocka_unit_test(queues_may_come_late_backwards_or_not_all),
        cmocka_unit_test(control_on_a_sub_channel_is_not_listened_to),
        cmocka_unit_test(who_has_sub_channels_gets_no_others),
        cmocka_unit_test(there_are_no_more_queues_than_sections_to_send_from),
        cmocka_unit_test(without_rings_of_sub_channels_there_is_one_queue),
        cmocka_unit_test(a_kernel_that_is_safe_with_one_channel_is_never_offered_more),
        cmocka_unit_test(a_host_that_refuses_rss_leaves_one_queue),
        cmocka_unit_test(a_table_whose_answer_is_lost_loses_no_frames),
        cmocka_unit_test(every_version_carries_frames_with_the_queues_it_knows),
        cmocka_unit_test(a_nic_with_queues_attaches_again),
        cmocka_unit_test(the_device_stays_until_every_queue_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
