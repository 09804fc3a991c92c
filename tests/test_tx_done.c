/* SPDX-License-Identifier: BSD-3-Clause */
/* After transmit: who may complete what, and what becomes of frames when the device goes. */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "netif_wire.h"

/* ---- completions ----------------------------------------------------------------------------- */

static void completions_come_in_any_order(void **state)
{
    struct wire_packet pkt[3];
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(wire_send(&w, 60, 1), 0);
    netvsc_flush(w.nic);
    for (unsigned i = 0; i < 3; i++)
        wire_take_data(&w, &pkt[i]);
    wire_complete_rndis(&w, pkt[1].desc.xid, NVS_STATUS_SUCCESS);
    wire_complete_rndis(&w, pkt[2].desc.xid, NVS_STATUS_FAILURE);
    wire_complete_rndis(&w, pkt[0].desc.xid, NVS_STATUS_SUCCESS);
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).tx_completed, 2);
    assert_int_equal(wire_stats(&w).tx_failed, 1);
    wire_close(&w);
}

static void foreign_and_repeated_completions_change_nothing(void **state)
{
    const struct wire_options options = {.send_sections = 1};
    struct wire_packet pkt, next;
    struct wire w;
    uint64_t xid;

    (void)state;
    wire_up(&w, &options);
    assert_int_equal(wire_send(&w, 60, 1), 0);
    netvsc_flush(w.nic);
    wire_take_data(&w, &pkt);
    xid = pkt.desc.xid;
    const uint64_t foreign[] = {
        0,
        xid + 1,
        xid - 1,
        xid + (1ull << 32),
        xid - (1ull << 32),
        xid & 0xFFFFFFFF,
        ~0ull,
        0x80000000,
        33,
        (99ull << 32) | 0x80000000,
        xid | 0xFFFFFFFF,
        1ull << 63,
    };
    unsigned strays = 0;

    for (unsigned i = 0; i < countof(foreign); i++) {
        if (foreign[i] == xid)
            continue;
        wire_complete_rndis(&w, foreign[i], NVS_STATUS_SUCCESS);
        strays++;
    }
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).host_bad_xid, strays);
    assert_int_equal(netvsc_tx_outstanding(w.nic), 1);

    wire_complete_rndis(&w, xid, NVS_STATUS_SUCCESS);
    wire_complete_rndis(&w, xid, NVS_STATUS_SUCCESS);
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).host_bad_xid, strays + 1);
    assert_int_equal(netvsc_tx_outstanding(w.nic), 0);

    /* The section is used again at once, under another id: the old one stays dead. */
    assert_int_equal(wire_send(&w, 60, 1), 0);
    netvsc_flush(w.nic);
    wire_take_data(&w, &next);
    assert_int_equal(wire_word(&next, 8), wire_word(&pkt, 8));
    assert_int_not_equal(next.desc.xid, xid);
    wire_complete_rndis(&w, xid, NVS_STATUS_SUCCESS);
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).host_bad_xid, strays + 2);
    assert_int_equal(netvsc_tx_outstanding(w.nic), 1);
    wire_close(&w);
}

static void a_completion_that_says_nothing_counts_as_failed(void **state)
{
    const uint32_t wrong[2] = {NVS_MSG_RNDIS, NVS_STATUS_SUCCESS};
    struct wire_packet pkt;
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(wire_send(&w, 60, 1), 0);
        netvsc_flush(w.nic);
        wire_take_data(&w, &pkt);
        wire_complete(&w, pkt.desc.xid, wrong, i == 0 ? 0 : sizeof(wrong));
        wire_poll(&w);
    }
    assert_int_equal(wire_stats(&w).tx_failed, 2);
    assert_int_equal(wire_stats(&w).host_bad_packet, 2);
    assert_int_equal(netvsc_tx_outstanding(w.nic), 0);
    wire_close(&w);
}

/* ---- a device that goes ---------------------------------------------------------------------- */

static void what_was_outstanding_when_the_device_goes_is_lost_not_forgotten(void **state)
{
    struct netvsc_slot slot;
    struct wire_packet pkt;
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(wire_send(&w, 60, 1), 0);
    assert_int_equal(netvsc_tx_begin(w.nic, 60, &slot), 0);
    w.begins++;
    netvsc_flush(w.nic);
    wire_take_data(&w, &pkt);
    w.gone = true;
    for (unsigned i = 0; i < 11; i++) /* asked every 10 ms */
        wire_poll(&w);
    assert_int_equal(netvsc_state(w.nic), NETVSC_GONE);
    assert_true(w.closed);
    netvsc_tx_commit(w.nic, &slot, 60); /* too late, and harmless */
    netvsc_tx_cancel(w.nic, &slot);
    assert_int_equal(wire_stats(&w).tx_lost, 3);
    assert_int_equal(wire_stats(&w).tx_cancelled, 1);
    assert_int_equal(wire_stats(&w).device_gone, 1);
    assert_int_equal(netvsc_info(w.nic)->mtu_bytes, 0);
    assert_int_equal(wire_send(&w, 60, 1), -ENETDOWN);

    /* A new device in its place: ids of the old one mean nothing to it. */
    wire_attach(&w);
    while (netvsc_state(w.nic) != NETVSC_UP) {
        struct wire_packet ask;

        wire_poll(&w);
        while (wire_get(&w, &ask))
            wire_answer(&w, &ask);
    }
    wire_complete_rndis(&w, pkt.desc.xid, NVS_STATUS_SUCCESS);
    wire_poll(&w);
    assert_int_equal(wire_stats(&w).host_bad_xid, 1);
    assert_int_equal(wire_send(&w, 60, 1), 0);
    assert_int_equal(wire_stats(&w).attaches, 2);
    wire_close(&w);
}

static unsigned captured_sent, captured_received;

static void on_capture(void *ctx, bool sent, const struct netvsc_frame *frame)
{
    (void)ctx;
    assert_int_equal(frame->len_bytes, sent ? 42 : 61);
    captured_sent += sent;
    captured_received += !sent;
}

static void every_frame_is_shown_to_a_capture(void **state)
{
    struct netvsc_config config;
    struct wire_packet pkt;
    struct wire w;

    (void)state;
    wire_open(&w, NULL);
    config = w.config;
    config.capture = on_capture;
    netvsc_destroy(w.nic);
    assert_int_equal(netvsc_create(&config, &w.nic), 0);
    wire_attach(&w);
    while (netvsc_state(w.nic) != NETVSC_UP) {
        wire_poll(&w);
        while (wire_get(&w, &pkt))
            wire_answer(&w, &pkt);
    }
    assert_int_equal(wire_send(&w, 42, 1), 0);
    wire_deliver(&w, 5, 61, 1);
    wire_poll(&w);
    assert_int_equal(captured_sent, 1);
    assert_int_equal(captured_received, 1);
    wire_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completions_come_in_any_order),
        cmocka_unit_test(foreign_and_repeated_completions_change_nothing),
        cmocka_unit_test(a_completion_that_says_nothing_counts_as_failed),
        cmocka_unit_test(what_was_outstanding_when_the_device_goes_is_lost_not_forgotten),
        cmocka_unit_test(every_frame_is_shown_to_a_capture),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
