/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames through the emulated card, both ways, seen as bytes. */
#include "hex.h"
#include "raw_guest.h"

static const uint8_t guest_mac[6] = {0x00, 0x15, 0x5D, 0x00, 0x00, 0x01};

/*
 * VLAN id 100, priority 5, and a frame of 60 bytes in section 3: V6 without its checksum element.
 */
static const char vlan_packet[] = "01 00 00 00 78 00 00 00 34 00 00 00 3c 00 00 00"
                                  "00 00 00 00 00 00 00 00 00 00 00 00 24 00 00 00"
                                  "10 00 00 00 00 00 00 00 00 00 00 00 10 00 00 00"
                                  "06 00 00 00 0c 00 00 00 45 06 00 00 00 15 5d 00"
                                  "00 02 00 15 5d 00 00 01 08 00 45 00 00 2e 00 01"
                                  "40 00 40 06 00 00 0a 00 00 01 0a 00 00 02 13 88"
                                  "00 50 00 00 00 01 00 00 00 00 50 02 ff ff 14 23"
                                  "00 00 68 65 6c 6c 6f 21";

/* The in-band packet that names it, as V6 but with its length; the transaction id follows. */
static const char xfer_two[] = "07 00 05 00 0a 00 01 00 14 00 00 00 00 00 00 00"
                               "fe ca 00 00 02 00 00 00 0e 07 00 00 18 8d 00 00"
                               "0e 07 00 00 26 94 00 00 6b 00 00 00 00 00 00 00"
                               "ff ff ff ff 00 00 00 00 00 00 00 00 00 00 00 00"
                               "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00";

static struct vmbus_xfer_range range_of(const struct raw_packet *pkt, unsigned index)
{
    struct vmbus_xfer_range range;

    memcpy(&range, pkt->header + 8 + 8 * index, sizeof(range));
    return range;
}

static uint32_t range_count(const struct raw_packet *pkt)
{
    struct vmbus_xfer_header head;

    assert_int_equal(pkt->desc.type, VMBUS_PKT_XFER_PAGES);
    memcpy(&head, pkt->header, sizeof(head));
    assert_int_equal(head.set_id, NVS_RECV_BUF_ID);
    return head.range_count;
}

static uint32_t tx_status(struct raw_guest *g)
{
    struct nvs_rndis_complete done;
    struct raw_packet pkt;

    raw_expect(g, &pkt);
    assert_int_equal(pkt.desc.type, VMBUS_PKT_COMPLETION);
    assert_int_equal(pkt.desc.xid, g->xid);
    memcpy(&done, pkt.payload, sizeof(done));
    assert_int_equal(done.type, NVS_MSG_RNDIS_COMPLETE);
    return done.status;
}

/* ---- guest to host ---------------------------------------------------------------------- */

static void golden_vlan_frame_leaves_with_its_tag_beside_it(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t msg[256];
    size_t bytes = hex_parse(vlan_packet, msg, sizeof(msg));

    (void)state;
    raw_bring_up(g);
    raw_section_send(g, 3, msg, (uint32_t)bytes);
    assert_int_equal(tx_status(g), NVS_STATUS_SUCCESS);
    assert_int_equal(g->port_frames, 1);
    assert_int_equal(g->port_last.len_bytes, 60);
    assert_memory_equal(g->port_bytes, msg + 60, 60);
    assert_true(g->port_last.has_tci);
    assert_int_equal(g->port_last.tci, 5 << 13 | 100);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void every_frame_size_arrives_whole(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t msg[2048];

    (void)state;
    raw_bring_up(g);
    for (uint32_t bytes = 14; bytes <= RAW_MTU + 14; bytes++) {
        raw_section_send(g, bytes % 20, msg, raw_frame_message(msg, bytes, (uint8_t)bytes));
        assert_int_equal(tx_status(g), NVS_STATUS_SUCCESS);
        assert_int_equal(g->port_last.len_bytes, bytes);
        assert_memory_equal(g->port_bytes, msg + sizeof(struct rndis_packet), bytes);
    }
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void too_short_and_too_long_frames_are_dropped_by_size(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t msg[2048];

    (void)state;
    raw_bring_up(g);
    raw_section_send(g, 0, msg, raw_frame_message(msg, 13, 0));
    tx_status(g);
    raw_section_send(g, 0, msg, raw_frame_message(msg, RAW_MTU + 15, 0));
    tx_status(g);
    assert_int_equal(raw_stat(g, tx_drop_size), 2);
    assert_int_equal(g->port_frames, 0);
    raw_guest_destroy(g);
}

static void eight_messages_in_one_section_are_eight_frames(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t msg[2048];
    uint32_t bytes = 0;

    (void)state;
    raw_bring_up(g);
    for (unsigned i = 0; i < 8; i++)
        bytes += raw_frame_message(msg + bytes, 60, (uint8_t)i); /* 104: a multiple of 8 */
    raw_section_send(g, 1, msg, bytes);
    assert_int_equal(tx_status(g), NVS_STATUS_SUCCESS);
    assert_int_equal(g->port_frames, 8);
    assert_int_equal(raw_stat(g, tx_packets), 1);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

/* Section first, then pages: the header in a section, the frame in two pages. */
static void section_and_pages_make_one_frame(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    struct {
        struct vmbus_gpa_header head;
        struct vmbus_gpa_range range;
        uint64_t pfn[2];
    } header = {{0, 1}, {1000, 4000}, {0, 0}};
    struct nvs_rndis nvs = {NVS_MSG_RNDIS, NVS_RNDIS_DATA, 5, sizeof(struct rndis_packet)};
    struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_GPA_DIRECT, .flags = 1};
    uint8_t msg[2048], payload[NVS_MSG_BYTES] = {0};

    (void)state;
    raw_bring_up(g);
    header.pfn[0] = g->t.dma_pfn[9]; /* not neighbours: gathered */
    header.pfn[1] = g->t.dma_pfn[2];
    raw_frame_message(msg, 1000, 0xAB);
    memcpy(g->t.send.base + 5 * 6144, msg, sizeof(struct rndis_packet));
    memcpy(g->t.dma.base + 9 * 4096 + 4000, msg + sizeof(struct rndis_packet), 96);
    memcpy(g->t.dma.base + 2 * 4096, msg + sizeof(struct rndis_packet) + 96, 904);
    memcpy(payload, &nvs, sizeof(nvs));
    desc.xid = ++g->xid;
    raw_packet(g, desc, &header, sizeof(header), payload, sizeof(payload));
    assert_int_equal(tx_status(g), NVS_STATUS_SUCCESS);
    assert_int_equal(g->port_last.len_bytes, 1000);
    assert_memory_equal(g->port_bytes, msg + sizeof(struct rndis_packet), 1000);
    assert_int_equal(raw_stat(g, tx_gpa_packets), 1);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

/* ---- host to guest ---------------------------------------------------------------------- */

static void two_frames_of_one_step_share_the_golden_packet(void **state)
{
    const struct hvhost_nic_config config = {.whole_section = true};
    struct raw_guest *g = raw_guest_create(&config);
    struct raw_packet pkt;

    (void)state;
    raw_bring_up(g);
    for (unsigned i = 0; i < 4; i++)
        raw_port_send(g, 60, NULL); /* sections 16 to 19 */
    raw_expect(g, &pkt);
    assert_int_equal(range_count(&pkt), 4);
    assert_int_equal(pkt.desc.xid, 16);
    raw_port_send(g, 60, NULL);
    raw_port_send(g, 60, NULL);
    raw_expect(g, &pkt);
    check_hex(pkt.raw, pkt.bytes, xfer_two);
    raw_guest_destroy(g);
}

static void vlan_frame_arrives_as_in_the_golden_section(void **state)
{
    const struct hvhost_nic_config config = {.whole_section = true};
    struct raw_guest *g = raw_guest_create(&config);
    const uint8_t data[60] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2};
    const struct hvhost_frame frame = {
        .data = data, .len_bytes = sizeof(data), .tci = 5 << 13 | 100, .has_tci = true};
    struct raw_packet pkt;

    (void)state;
    raw_bring_up(g);
    hvhost_port_send(g->port, &frame);
    raw_expect(g, &pkt);
    check_hex(g->t.recv.base + range_of(&pkt, 0).off_bytes, 60,
              "01 00 00 00 0e 07 00 00 f8 00 00 00 3c 00 00 00"
              "00 00 00 00 00 00 00 00 00 00 00 00 24 00 00 00"
              "10 00 00 00 00 00 00 00 00 00 00 00 10 00 00 00"
              "06 00 00 00 0c 00 00 00 45 06 00 00");
    assert_memory_equal(g->t.recv.base + range_of(&pkt, 0).off_bytes + 256, data, 60);
    raw_guest_destroy(g);
}

static void exact_messages_say_exactly_what_they_hold(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);

    (void)state;
    raw_bring_up(g);
    for (uint32_t bytes = 14; bytes <= RAW_MTU + 14; bytes += 50) {
        struct rndis_packet head;
        struct raw_packet pkt;
        const uint8_t *at;

        raw_port_send(g, bytes, guest_mac);
        raw_expect(g, &pkt);
        at = g->t.recv.base + range_of(&pkt, 0).off_bytes;
        memcpy(&head, at, sizeof(head));
        assert_int_equal(head.len_bytes, sizeof(head) + bytes);
        assert_int_equal(range_of(&pkt, 0).len_bytes, head.len_bytes);
        assert_int_equal(head.data_off, 36);
        assert_int_equal(head.data_bytes, bytes);
        assert_memory_equal(at + sizeof(head), guest_mac, 6);
        raw_complete(g, pkt.desc.xid);
    }
    raw_step(g);
    assert_int_equal(raw_stat(g, rx_drop_size), 0);
    raw_port_send(g, RAW_MTU + 15, guest_mac);
    assert_int_equal(raw_stat(g, rx_drop_size), 1);
    raw_guest_destroy(g);
}

static void last_bytes_of_a_section_stay_unused(void **state)
{
    const struct hvhost_nic_config config = {.recv_section_bytes = 44 + 1000 + 36};
    struct raw_guest *g = raw_guest_create(&config);

    (void)state;
    raw_bring_up(g);
    raw_port_send(g, 1000, NULL);
    assert_int_equal(raw_stat(g, rx_frames), 1);
    raw_port_send(g, 1001, NULL);
    assert_int_equal(raw_stat(g, rx_drop_size), 1);
    raw_guest_destroy(g);
}

static void batches_never_exceed_the_configured_size(void **state)
{
    const struct hvhost_nic_config config = {.batch_frames = 3};
    struct raw_guest *g = raw_guest_create(&config);
    struct raw_packet pkt;

    (void)state;
    raw_bring_up(g);
    for (unsigned i = 0; i < 7; i++)
        raw_port_send(g, 100, NULL);
    raw_expect(g, &pkt);
    assert_int_equal(range_count(&pkt), 3);
    assert_true(raw_take(g, &pkt));
    assert_int_equal(range_count(&pkt), 3);
    assert_true(raw_take(g, &pkt));
    assert_int_equal(range_count(&pkt), 1);
    assert_false(raw_take(g, &pkt));
    assert_int_equal(raw_stat(g, rx_packets), 3);
    raw_guest_destroy(g);
}

static void packet_filter_decides_what_arrives(void **state)
{
    static const uint8_t other[6] = {2, 9, 9, 9, 9, 9};
    static const uint8_t group[6] = {1, 0, 0x5E, 0, 0, 1};
    static const uint8_t listed[6] = {1, 0, 0x5E, 0, 0, 2};
    static const struct {
        uint32_t filter;
        bool broadcast, directed, foreign, group, listed;
    } rows[] = {
        {NDIS_FILTER_BROADCAST, true, false, false, false, false},
        {NDIS_FILTER_DIRECTED, false, true, false, false, false},
        {NDIS_FILTER_MULTICAST, false, false, false, false, true},
        {NDIS_FILTER_ALL_MULTICAST, false, false, false, true, true},
        {NDIS_FILTER_PROMISCUOUS, true, true, true, true, true},
        {0x0D, true, true, false, true, true},
    };
    struct raw_guest *g = raw_guest_create(NULL);

    (void)state;
    raw_bring_up(g);
    assert_int_equal(raw_set(g, OID_MULTICAST_LIST, listed, 6), RNDIS_STATUS_SUCCESS);
    for (unsigned i = 0; i < countof(rows); i++) {
        const struct {
            const uint8_t *to;
            bool arrives;
        } frames[] = {{NULL, rows[i].broadcast},
                      {guest_mac, rows[i].directed},
                      {other, rows[i].foreign},
                      {group, rows[i].group},
                      {listed, rows[i].listed}};

        assert_int_equal(raw_set(g, OID_PACKET_FILTER, &rows[i].filter, 4), RNDIS_STATUS_SUCCESS);
        for (unsigned k = 0; k < countof(frames); k++) {
            uint64_t before = raw_stat(g, rx_frames);
            uint64_t dropped = raw_stat(g, rx_drop_filter);
            struct raw_packet pkt;

            raw_port_send(g, 100, frames[k].to);
            raw_step(g);
            assert_int_equal(raw_stat(g, rx_frames), before + frames[k].arrives);
            assert_int_equal(raw_stat(g, rx_drop_filter), dropped + !frames[k].arrives);
            if (raw_take(g, &pkt))
                raw_complete(g, pkt.desc.xid);
        }
    }
    raw_guest_destroy(g);
}

static void no_filter_means_no_frames(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    const uint32_t filter = 0;

    (void)state;
    raw_port_send(g, 100, NULL);
    raw_bring_up(g);
    raw_set(g, OID_PACKET_FILTER, &filter, 4);
    raw_port_send(g, 100, NULL);
    raw_expect_none(g);
    assert_int_equal(raw_stat(g, rx_drop_down), 2);
    raw_guest_destroy(g);
}

/* ---- running out ------------------------------------------------------------------------ */

static void frames_beyond_the_last_section_are_dropped_and_control_still_works(void **state)
{
    const struct hvhost_nic_config config = {.recv_buf_bytes = 64 * 1024}; /* 36 sections */
    struct raw_guest *g = raw_guest_create(&config);
    uint64_t xids[32];
    unsigned packets = 0;
    struct raw_packet pkt;
    uint8_t info[64];
    uint32_t bytes;

    (void)state;
    raw_bring_up(g);
    for (unsigned i = 0; i < 40; i++)
        raw_port_send(g, 1000, NULL);
    assert_int_equal(raw_stat(g, rx_frames), 36 - 16);
    assert_int_equal(raw_stat(g, rx_drop_section), 40 - 20);
    raw_step(g);
    while (raw_take(g, &pkt))
        xids[packets++] = pkt.desc.xid;
    assert_int_equal(raw_query(g, OID_PERMANENT_MAC, NULL, 0, info, &bytes), RNDIS_STATUS_SUCCESS);
    assert_memory_equal(info, guest_mac, 6);

    for (unsigned i = 0; i < packets; i++)
        raw_complete(g, xids[i]);
    raw_step(g);
    raw_port_send(g, 1000, NULL);
    assert_int_equal(raw_stat(g, rx_frames), 21);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void frames_beyond_the_ring_are_dropped_and_answers_still_fit(void **state)
{
    const struct hvhost_nic_config config = {
        .ring_bytes = 16384, .batch_frames = 1, .recv_buf_bytes = 1024 * 1024};
    struct raw_guest *g = raw_guest_create(&config);
    uint8_t msg[256];
    struct raw_packet pkt;
    unsigned frames = 0;

    (void)state;
    raw_bring_up(g);
    for (unsigned i = 0; i < 200; i++) {
        raw_port_send(g, 100, NULL);
        raw_step(g);
    }
    assert_true(raw_stat(g, rx_drop_ring) > 0);
    assert_int_equal(raw_stat(g, rx_frames) + raw_stat(g, rx_drop_ring), 200);
    raw_section_send(g, 0, msg, raw_frame_message(msg, 100, 1));
    raw_step(g);
    while (raw_take(g, &pkt) && pkt.desc.type == VMBUS_PKT_XFER_PAGES)
        frames++;
    assert_int_equal(frames, raw_stat(g, rx_frames));
    assert_int_equal(pkt.desc.type, VMBUS_PKT_COMPLETION);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_vlan_frame_leaves_with_its_tag_beside_it),
        cmocka_unit_test(every_frame_size_arrives_whole),
        cmocka_unit_test(too_short_and_too_long_frames_are_dropped_by_size),
        cmocka_unit_test(eight_messages_in_one_section_are_eight_frames),
        cmocka_unit_test(section_and_pages_make_one_frame),
        cmocka_unit_test(two_frames_of_one_step_share_the_golden_packet),
        cmocka_unit_test(vlan_frame_arrives_as_in_the_golden_section),
        cmocka_unit_test(exact_messages_say_exactly_what_they_hold),
        cmocka_unit_test(last_bytes_of_a_section_stay_unused),
        cmocka_unit_test(batches_never_exceed_the_configured_size),
        cmocka_unit_test(packet_filter_decides_what_arrives),
        cmocka_unit_test(no_filter_means_no_frames),
        cmocka_unit_test(frames_beyond_the_last_section_are_dropped_and_control_still_works),
        cmocka_unit_test(frames_beyond_the_ring_are_dropped_and_answers_still_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
