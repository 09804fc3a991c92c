/* SPDX-License-Identifier: BSD-3-Clause */
/* Control requests as they go over the ring, byte by byte, with the test as host. */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "hex.h"
#include "netif_wire.h"

#define ZEROS_24 "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
#define ZEROS_8 "00 00 00 00 00 00 00 00"

/* Turn until the guest says something that is no ack. */
static void next_request(struct wire *w, struct wire_packet *pkt)
{
    for (unsigned i = 0; i < 20; i++) {
        wire_poll(w);
        while (wire_get(w, pkt)) {
            if (pkt->desc.type != VMBUS_PKT_COMPLETION)
                return;
        }
    }
    fail_msg("the guest has nothing to say");
}

/*
 * The packet is (text), its transaction id aside, with the trailer of one that started at (start).
 */
static void check_packet(struct wire_packet *pkt, const char *text, uint32_t start)
{
    uint32_t trailer[2];

    memcpy(trailer, pkt->raw + pkt->bytes - 8, 8);
    assert_int_equal(trailer[0], 0);
    assert_int_equal(trailer[1], start);
    memset(pkt->raw + 8, 0, 8);
    check_hex(pkt->raw, pkt->bytes - VMBUS_PKT_TRAILER_BYTES, text);
}

/* Vectors 1 to 5: an attach to a host of version 6.1 with buffer handles 0xE1E11 and 0xE1E12. */
static void an_attach_is_vectors_1_to_5_on_the_ring(void **state)
{
    struct wire_packet pkt;
    struct wire w;

    (void)state;
    wire_open(&w, NULL);
    wire_attach(&w);

    next_request(&w, &pkt);
    assert_int_not_equal(pkt.desc.xid, 0);
    wire_answer(&w, &pkt);
    check_packet(&pkt,
                 "06 00 02 00 07 00 01 00" ZEROS_8
                 "01 00 00 00 01 00 06 00  01 00 06 00 00 00 00 00" ZEROS_24,
                 0);
    next_request(&w, &pkt); /* not flagged, transaction id 2^64 - 3, 802.1Q only */
    assert_int_equal(pkt.desc.xid, 0xFFFFFFFFFFFFFFFDull);
    check_packet(&pkt,
                 "06 00 02 00 07 00 00 00" ZEROS_8
                 "7d 00 00 00 ea 05 00 00  00 00 00 00 08 00 00 00" ZEROS_24,
                 0x40);
    assert_true(wire_get(&w, &pkt));
    check_packet(&pkt,
                 "06 00 02 00 07 00 00 00" ZEROS_8
                 "64 00 00 00 06 00 00 00  1e 00 00 00 00 00 00 00" ZEROS_24,
                 0x80);
    assert_true(wire_get(&w, &pkt));
    wire_answer(&w, &pkt);
    check_packet(&pkt,
                 "06 00 02 00 07 00 01 00" ZEROS_8
                 "65 00 00 00 11 1e 0e 00  fe ca 00 00 00 00 00 00" ZEROS_24,
                 0xC0);
    next_request(&w, &pkt);
    wire_answer(&w, &pkt);
    check_packet(&pkt,
                 "06 00 02 00 07 00 01 00" ZEROS_8
                 "68 00 00 00 12 1e 0e 00  ce fa 00 00 00 00 00 00" ZEROS_24,
                 0x100);
    next_request(&w, &pkt); /* by page: 24 bytes at 0x12345000 */
    check_packet(&pkt,
                 "09 00 05 00 0a 00 01 00" ZEROS_8
                 "00 00 00 00 01 00 00 00  18 00 00 00 00 00 00 00"
                 "45 23 01 00 00 00 00 00  6b 00 00 00 01 00 00 00"
                 "ff ff ff ff 00 00 00 00" ZEROS_24,
                 0x140);
    memset(w.t.dma.base + 8, 0, 4); /* the request id */
    check_hex(w.t.dma.base, 24,
              "02 00 00 00 18 00 00 00  00 00 00 00 01 00 00 00  00 00 00 00 00 40 00 00");
    wire_close(&w);
}

static void without_page_numbers_requests_lie_in_a_section(void **state)
{
    const struct wire_options options = {.no_dma = true};
    struct wire_packet pkt;
    struct wire w;

    (void)state;
    wire_open(&w, &options);
    wire_attach(&w);
    do {
        next_request(&w, &pkt);
        if (wire_word(&pkt, 0) != NVS_MSG_RNDIS)
            wire_answer(&w, &pkt);
    } while (wire_word(&pkt, 0) != NVS_MSG_RNDIS);
    check_packet(&pkt,
                 "06 00 02 00 07 00 01 00" ZEROS_8
                 "6b 00 00 00 01 00 00 00  00 00 00 00 18 00 00 00" ZEROS_24,
                 0x140);
    wire_close(&w);
}

/* Answer until the RNDIS INITIALIZE request is there, and leave that to the caller. */
static void until_initialize(struct wire *w, struct wire_packet *pkt)
{
    wire_open(w, NULL);
    wire_attach(w);
    for (next_request(w, pkt); wire_word(pkt, 0) != NVS_MSG_RNDIS; next_request(w, pkt))
        wire_answer(w, pkt);
}

static void a_request_stays_untouched_until_the_host_has_read_it(void **state)
{
    struct rndis_initialize_complete done = {
        .type = 0x80000002, .len_bytes = sizeof(done), .max_packets = 1, .align_shift = 0};
    struct wire_packet pkt, next;
    struct wire w;

    (void)state;
    until_initialize(&w, &pkt);
    memcpy(&done.request_id, w.t.dma.base + 8, 4);
    wire_control(&w, 1, &done, sizeof(done)); /* the reply before the completion */
    for (unsigned i = 0; i < 5; i++)
        wire_poll(&w);
    wire_expect_ack(&w, 1, NVS_STATUS_SUCCESS);
    wire_expect_nothing(&w);
    assert_int_equal(*(uint32_t *)(void *)w.t.dma.base, RNDIS_MSG_INITIALIZE);
    wire_complete_rndis(&w, pkt.desc.xid, NVS_STATUS_SUCCESS);
    wire_poll(&w);
    assert_true(wire_get(&w, &next));
    assert_int_equal(*(uint32_t *)(void *)w.t.dma.base, RNDIS_MSG_SET);
    wire_close(&w);
}

static void an_answer_to_an_older_request_is_no_answer(void **state)
{
    const struct nvs_recv_buf_complete recv = {NVS_MSG_RECV_BUF_COMPLETE, 1, 1, 0, 1728, 64, 0};
    struct wire_packet init, pkt;
    struct wire w;

    (void)state;
    wire_open(&w, NULL);
    wire_attach(&w);
    next_request(&w, &init);
    wire_answer(&w, &init);
    for (next_request(&w, &pkt); wire_word(&pkt, 0) != NVS_MSG_RECV_BUF;)
        assert_true(wire_get(&w, &pkt));
    wire_complete(&w, init.desc.xid, &recv, sizeof(recv));
    wire_poll(&w);
    wire_expect_nothing(&w); /* it still waits */
    assert_int_equal(wire_stats(&w).ctl_late, 1);
    wire_answer(&w, &pkt);
    next_request(&w, &pkt);
    assert_int_equal(wire_word(&pkt, 0), NVS_MSG_SEND_BUF);
    wire_close(&w);
}

static void addresses_that_are_none_are_refused(void **state)
{
    static const uint8_t macs[][8] = {{0x01, 0x15, 0x5d, 1, 2, 3}, {0}, {0, 0x15, 0x5d, 1, 2, 3}};
    static const uint32_t bytes[] = {6, 6, 8};

    (void)state;
    for (unsigned i = 0; i < countof(macs); i++) {
        const struct wire_options options = {.mac = macs[i], .mac_bytes = bytes[i]};
        struct wire_packet pkt;
        struct wire w;

        wire_open(&w, &options);
        wire_attach(&w);
        for (unsigned turn = 0; turn < 40 && !w.closed; turn++) {
            wire_poll(&w);
            while (!w.closed && wire_get(&w, &pkt))
                wire_answer(&w, &pkt);
        }
        assert_int_equal(netvsc_state(w.nic), NETVSC_FAILED);
        assert_non_null(strstr(netvsc_failure(w.nic), "MAC address: the host's answer makes no"));
        wire_close(&w);
    }
}

static void a_frame_size_out_of_this_world_is_ignored(void **state)
{
    static const struct {
        uint32_t said, want;
    } cases[] = {{67, 1500}, {68, 68}, {65521, 1500}, {65522, 1500}, {0xFFFFFFFF, 1500}};

    (void)state;
    for (unsigned i = 0; i < countof(cases); i++) {
        const struct wire_options options = {.max_frame_bytes = cases[i].said};
        struct wire w;

        wire_up(&w, &options);
        assert_int_equal(netvsc_info(w.nic)->mtu_bytes, cases[i].want);
        wire_deliver(&w, 5, 1514, 1); /* and does not make us deaf */
        wire_poll(&w);
        assert_int_equal(w.rx_count, 1);
        wire_close(&w);
    }
}

/* Neighbours go by the host's frame size, whatever we made of it. */
static void a_smaller_mtu_of_ours_does_not_bound_what_is_received(void **state)
{
    const struct wire_options options = {.mtu_bytes = 1000};
    struct wire w;

    (void)state;
    wire_up(&w, &options);
    assert_int_equal(netvsc_info(w.nic)->mtu_bytes, 1000);
    wire_deliver(&w, 5, 1514, 1);
    wire_poll(&w);
    assert_int_equal(w.rx_count, 1);
    wire_close(&w);
}

/* Filter 0, everything back, HALT, both revokes, and not gone before the host has read them. */
static void detach_says_goodbye_in_order(void **state)
{
    struct wire_packet data, pkt;
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    assert_int_equal(wire_send(&w, 60, 1), 0);
    netvsc_flush(w.nic);
    assert_true(wire_get(&w, &data));

    netvsc_detach(w.nic, w.now_ns);
    next_request(&w, &pkt);
    assert_int_equal(((const uint32_t *)(const void *)w.t.dma.base)[0], RNDIS_MSG_SET);
    assert_int_equal(((const uint32_t *)(const void *)w.t.dma.base)[3], OID_PACKET_FILTER);
    assert_int_equal(((const uint32_t *)(const void *)w.t.dma.base)[7], 0);
    wire_answer(&w, &pkt);
    for (unsigned i = 0; i < 20; i++)
        wire_poll(&w);
    wire_expect_ack(&w, 1, NVS_STATUS_SUCCESS);
    wire_expect_nothing(&w); /* a frame is still out */
    assert_int_equal(netvsc_next_deadline(w.nic, w.now_ns), 1000000);
    wire_complete_rndis(&w, data.desc.xid, NVS_STATUS_SUCCESS);

    next_request(&w, &pkt);
    assert_int_equal(((const uint32_t *)(const void *)w.t.dma.base)[0], RNDIS_MSG_HALT);
    wire_answer(&w, &pkt);
    wire_poll(&w);
    wire_poll(&w);
    assert_false(w.closed);
    assert_true(wire_get(&w, &pkt));
    assert_int_equal(wire_word(&pkt, 0), NVS_MSG_REVOKE_RECV_BUF);
    assert_int_equal(pkt.desc.flags, 0);
    wire_poll(&w);
    assert_false(w.closed);
    assert_true(wire_get(&w, &pkt));
    assert_int_equal(wire_word(&pkt, 0), NVS_MSG_REVOKE_SEND_BUF);
    wire_poll(&w);
    assert_true(w.closed);
    assert_int_equal(netvsc_state(w.nic), NETVSC_DOWN);
    wire_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_attach_is_vectors_1_to_5_on_the_ring),
        cmocka_unit_test(without_page_numbers_requests_lie_in_a_section),
        cmocka_unit_test(a_request_stays_untouched_until_the_host_has_read_it),
        cmocka_unit_test(an_answer_to_an_older_request_is_no_answer),
        cmocka_unit_test(addresses_that_are_none_are_refused),
        cmocka_unit_test(a_frame_size_out_of_this_world_is_ignored),
        cmocka_unit_test(a_smaller_mtu_of_ours_does_not_bound_what_is_received),
        cmocka_unit_test(detach_says_goodbye_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
