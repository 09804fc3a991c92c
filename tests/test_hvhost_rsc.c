/* SPDX-License-Identifier: BSD-3-Clause */
/* Segments the host puts together, byte by byte: fragments, elements, and what is left alone. */
#include "burst.h"
#include "hvh_var.h"
#include "ndis_reg.h"
#include "rsc_guest.h"

#define MSS 1400u
#define STALE (RNDIS_RXCSUM_TCP_STALE | RNDIS_RXCSUM_IP_STALE)
#define RIGHT (RNDIS_RXCSUM_TCP_OK | RNDIS_RXCSUM_IP_OK)

/* ---- together --------------------------------------------------------------------------- */

static void segments_of_a_connection_become_one_frame(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct rsc_segment s = {.v6 = v6, .seq = 0xFFFFF000, .payload_bytes = MSS};
        struct raw_guest *g = rsc_start(NULL);

        for (unsigned i = 0; i < 10; i++) {
            s.ack = 5 + i;
            s.window = (uint16_t)(2000 + i);
            rsc_send(g, &s);
            s.seq += MSS;
        }
        s.payload_bytes = 77;
        s.flags = 0x18;
        rsc_send(g, &s);
        raw_step(g);
        rsc_expect(g, v6, 0xFFFFF000, 10 * MSS + 77, false);
        assert_int_equal(rsc_got.pieces, 10);
        assert_int_equal(rsc_got.csum,
                         v6 ? RNDIS_RXCSUM_TCP_OK | RNDIS_RXCSUM_TCP_STALE : RIGHT | STALE);
        /* Acknowledgement, window and PSH are the last one's. */
        assert_int_equal(burst_get32(rsc_got.frame + (v6 ? 54 : 34) + 8), 14);
        assert_int_equal(burst_get16(rsc_got.frame + (v6 ? 54 : 34) + 14), 2009);
        assert_int_equal(rsc_got.frame[(v6 ? 54 : 34) + 13], 0x18);
        raw_expect_none(g);
        assert_int_equal(raw_stat(g, rx_rsc_frames), 1);
        assert_int_equal(raw_stat(g, rx_rsc_segments), 11);
        assert_int_equal(raw_stat(g, rx_rsc_merged), 10);
        raw_guest_destroy(g); /* checks the books */
    }
}

/* Linux does: it makes the header right that these frames come with. */
static void who_sums_ip_headers_itself_gets_them_together_too(void **state)
{
    (void)state;
    for (unsigned wrong = 0; wrong < 2; wrong++) {
        struct rsc_segment s = {.seq = 1, .payload_bytes = MSS};
        struct raw_guest *g = rsc_start(NULL);

        rsc_want_and(g, NDIS_PARAM_ON, NDIS_PARAM_OFF);
        rsc_send(g, &s);
        s.seq += MSS;
        s.wrong_ip_sum = wrong;
        rsc_send(g, &s);
        raw_step(g);
        assert_int_equal(raw_stat(g, rx_rsc_frames), !wrong);
        if (!wrong) {
            rsc_expect(g, false, 1, 2 * MSS, false);
            assert_int_equal(rsc_got.csum, RIGHT | STALE);
        }
        raw_guest_destroy(g);
    }
}

static void large_frames_cross_in_one_piece(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        const struct rsc_segment s = {
            .v6 = v6, .seq = 99, .payload_bytes = 60000, .mss = MSS, .flags = 0x18};
        struct raw_guest *g = rsc_start(NULL);

        rsc_send(g, &s);
        raw_step(g);
        rsc_expect(g, v6, 99, 60000, false);
        assert_int_equal(rsc_got.pieces, (60000 + (v6 ? 74 : 54) + 1513) / 1514);
        assert_int_equal(raw_stat(g, rx_offered), 1);
        assert_int_equal(raw_stat(g, rx_rsc_segments), (60000 + MSS - 1) / MSS);
        raw_guest_destroy(g);
    }
}

/* One, two, three and four of 1514 bytes, and a byte less and more. */
static void a_frame_has_as_many_fragments_as_it_takes(void **state)
{
    (void)state;
    for (uint32_t bytes = 1513; bytes <= 4 * 1514 + 1; bytes += bytes % 1514 == 1 ? 1512 : 1) {
        struct rsc_segment s = {.seq = 7, .payload_bytes = bytes - 54, .mss = MSS, .flags = 0x18};
        struct raw_guest *g = rsc_start(NULL);

        for (unsigned i = 0; i < 3; i++) { /* sections in another order each time */
            rsc_send(g, &s);
            raw_step(g);
            rsc_expect(g, false, s.seq, s.payload_bytes, false);
            assert_int_equal(rsc_got.pieces, (bytes + 1513) / 1514);
            s.seq += s.payload_bytes;
        }
        raw_guest_destroy(g);
    }
}

static void a_frame_ends_before_it_is_too_long(void **state)
{
    struct rsc_segment s = {.seq = 1, .payload_bytes = MSS};
    struct raw_guest *g = rsc_start(NULL);

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        rsc_send(g, &s);
        s.seq += MSS;
    }
    raw_step(g);
    rsc_expect(g, false, 1, 46 * MSS, false); /* one more would be 65,854 bytes */
    rsc_expect(g, false, 1 + 46 * MSS, 4 * MSS, false);
    raw_guest_destroy(g);
}

static void push_ends_a_frame_and_a_turn_does(void **state)
{
    struct rsc_segment s = {.seq = 1, .payload_bytes = 100};
    struct raw_guest *g = rsc_start(NULL);

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        s.flags = i == 1 ? 0x18 : 0x10;
        rsc_send(g, &s);
        s.seq += 100;
    }
    assert_int_equal(hvhost_next_deadline(g->host, g->now_ns), 0); /* something waits */
    raw_step(g);
    rsc_expect(g, false, 1, 200, false);
    rsc_expect(g, false, 201, 200, false);
    rsc_send(g, &s);
    raw_step(g);
    rsc_expect(g, false, 401, 100, true); /* alone: as it was */
    assert_int_equal(rsc_got.csum, RIGHT);
    burst_check_sums(rsc_got.frame, rsc_got.bytes, false, 6);
    raw_guest_destroy(g);
}

/* ---- apart ------------------------------------------------------------------------------ */

struct apart {
    const char *what;
    struct rsc_segment first, second;
};

static const struct apart aparts[] = {
    {"a gap", {.seq = 1}, {.seq = 102}},
    {"an overlap", {.seq = 1}, {.seq = 100}},
    {"the same again", {.seq = 1}, {.seq = 1}},
    {"another port", {.seq = 1}, {.seq = 101, .source = 81}},
    {"another family", {.seq = 1}, {.seq = 101, .v6 = true}},
    {"FIN", {.seq = 1}, {.seq = 101, .flags = 0x11}},
    {"RST", {.seq = 1}, {.seq = 101, .flags = 0x14}},
    {"URG", {.seq = 1}, {.seq = 101, .flags = 0x30}},
    {"SYN first", {.seq = 1, .flags = 0x12}, {.seq = 101}},
    {"ECE", {.seq = 1}, {.seq = 101, .flags = 0x50}},
    {"CWR", {.seq = 1, .flags = 0x90}, {.seq = 101}},
    {"PSH first", {.seq = 1, .flags = 0x18}, {.seq = 101}},
    {"no ACK", {.seq = 1, .flags = 0x08}, {.seq = 101, .flags = 0x08}},
    {"hop limit", {.seq = 1}, {.seq = 101, .hops = 63}},
    {"congestion mark", {.seq = 1}, {.seq = 101, .traffic_class = 3}},
    {"hop limit, IPv6", {.v6 = true, .seq = 1}, {.v6 = true, .seq = 101, .hops = 63}},
    {"mark, IPv6", {.v6 = true, .seq = 1}, {.v6 = true, .seq = 101, .traffic_class = 3}},
    {"older acknowledgement", {.seq = 1, .ack = 9}, {.seq = 101, .ack = 8}},
    {"another VLAN", {.seq = 1, .tci = 5}, {.seq = 101, .tci = 6}},
    {"no VLAN", {.seq = 1, .tci = 5}, {.seq = 101}},
    {"a wrong sum", {.seq = 1}, {.seq = 101, .wrong_sum = true}},
    {"a wrong sum first", {.seq = 1, .wrong_sum = true}, {.seq = 101}},
};

static void what_differs_is_left_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(aparts); i++) {
        struct rsc_segment s[2] = {aparts[i].first, aparts[i].second};
        struct raw_guest *g = rsc_start(NULL);
        struct raw_packet pkt;
        unsigned at = 0;

        print_message("%s\n", aparts[i].what);
        for (unsigned k = 0; k < 2; k++) {
            s[k].payload_bytes = 100;
            rsc_send(g, &s[k]);
        }
        raw_step(g);
        assert_true(raw_take(g, &pkt));
        for (unsigned k = 0; k < 2; k++) { /* in order */
            rsc_take_frame(g, &pkt, &at, &rsc_got);
            assert_true(rsc_got.whole);
            rsc_check_frame(&rsc_got, s[k].v6, s[k].seq, 100);
        }
        assert_int_equal(raw_stat(g, rx_rsc_frames), 0);
        raw_guest_destroy(g);
    }
}

static void segments_have_to_have_the_same_options(void **state)
{
    (void)state;
    for (uint8_t other = 0; other < 2; other++) {
        struct rsc_segment s = {.seq = 1, .payload_bytes = 100, .option = 8};
        struct raw_guest *g = rsc_start(NULL);

        rsc_send(g, &s);
        s.seq += 96;
        s.option = (uint8_t)(s.option + other);
        rsc_send(g, &s);
        raw_step(g);
        assert_int_equal(raw_stat(g, rx_rsc_frames), !other);
        raw_guest_destroy(g);
    }
}

static void each_family_is_asked_for_by_itself(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        const struct ndis_offload_params only = {.header = {NDIS_OBJECT_DEFAULT, 3, sizeof(only)},
                                                 .tcp4_csum = NDIS_PARAM_RX,
                                                 .tcp6_csum = NDIS_PARAM_RX,
                                                 .rsc4 = v6 ? NDIS_PARAM_OFF : NDIS_PARAM_ON,
                                                 .rsc6 = v6 ? NDIS_PARAM_ON : NDIS_PARAM_OFF};
        struct raw_guest *g = rsc_start(NULL);
        struct raw_packet pkt;

        assert_int_equal(raw_set(g, OID_OFFLOAD_PARAMS, &only, sizeof(only)), 0);
        assert_true(raw_take(g, &pkt)); /* "offload changed" */
        raw_complete(g, pkt.desc.xid);
        for (unsigned i = 0; i < 4; i++) {
            const struct rsc_segment s = {
                .v6 = i > 1, .seq = 1 + i % 2 * 100, .payload_bytes = 100};

            rsc_send(g, &s);
        }
        raw_step(g);
        assert_int_equal(raw_stat(g, rx_frames), 3);
        assert_int_equal(raw_stat(g, rx_rsc_frames), 1);
        raw_guest_destroy(g);
    }
}

/* Not claimed, not switched on, switched on without the verdicts it needs. */
static void nothing_comes_together_for_who_did_not_ask(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct rsc_segment s = {.seq = 1, .payload_bytes = 3 * MSS, .mss = MSS};
        const struct hvhost_nic_config no_verdicts = {.offload = HVHOST_OFFLOAD_ALL &
                                                                 ~HVHOST_OFFLOAD_RX_CSUM};
        struct raw_guest *g = raw_guest_create(i == 2 ? &no_verdicts : NULL);
        struct raw_packet pkt;
        unsigned at = 0;

        g->more_capabilities = i == 0 ? 0 : NVS_CAP_RSC;
        raw_bring_up(g);
        rsc_want(g, i == 1 ? NDIS_PARAM_OFF : NDIS_PARAM_ON);
        rsc_send(g, &s);
        raw_step(g);
        assert_true(raw_take(g, &pkt));
        for (unsigned k = 0; k < 3; k++) {
            rsc_take_frame(g, &pkt, &at, &rsc_got);
            assert_true(rsc_got.whole);
            rsc_check_frame(&rsc_got, false, 1 + k * MSS, MSS);
        }
        assert_int_equal(raw_stat(g, rx_rsc_frames), 0);
        raw_guest_destroy(g);
    }
}

/* ---- no room ---------------------------------------------------------------------------- */

static void a_frame_without_room_is_dropped_whole(void **state)
{
    const struct hvhost_nic_config config = {.recv_buf_bytes = 15 * 4096}; /* 16 + 18 sections */
    struct rsc_segment s = {.seq = 1, .payload_bytes = 60000, .mss = MSS};
    struct raw_guest *g = rsc_start(&config);

    (void)state;
    rsc_send(g, &s);
    assert_int_equal(raw_stat(g, rx_drop_section), 1);
    s.mss = 0;
    s.payload_bytes = MSS;
    for (unsigned i = 0; i < 40; i++) {
        rsc_send(g, &s);
        s.seq += MSS;
    }
    raw_step(g);
    assert_int_equal(raw_stat(g, rx_drop_section), 41);
    raw_expect_none(g);
    s.payload_bytes = 5000;
    s.mss = MSS;
    rsc_send(g, &s);
    raw_step(g);
    rsc_expect(g, false, s.seq, 5000, false);
    raw_guest_destroy(g);
}

/* Whole, in fragments, or cut; while sections run out first, and while the ring does. */
static void as_many_large_frames_as_the_host_has_room_for_find_it(void **state)
{
    static const struct hvhost_nic_config small[] = {
        {.recv_buf_bytes = 1u << 20},
        {.ring_bytes = 4 * 4096, .recv_buf_bytes = 4u << 20},
        {.ring_bytes = 16 * 4096, .recv_buf_bytes = 4u << 20}};

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        const struct rsc_segment s = {.seq = 1, .payload_bytes = 60000, .mss = MSS};
        struct raw_guest *g = rsc_start(&small[i / 2]);
        unsigned room, sent = 0;

        rsc_want(g, i % 2 ? NDIS_PARAM_ON : NDIS_PARAM_OFF);
        while ((room = hvh_switch_room(g->port, 64)) > 0) {
            assert_in_range(room, 1, 64);
            for (sent += room; room > 0; room--)
                rsc_send(g, &s);
        }
        assert_in_range(sent, 2, 200);
        assert_int_equal(raw_stat(g, rx_drop_section) + raw_stat(g, rx_drop_ring), 0);
        raw_guest_destroy(g);
    }
}

/* What was gathered before has one, too. */
static void a_frame_in_fragments_has_a_packet_of_its_own(void **state)
{
    const struct rsc_segment s = {.seq = 1, .payload_bytes = 5000, .mss = MSS};
    struct raw_guest *g = rsc_start(NULL);
    struct vmbus_xfer_header set;
    struct raw_packet pkt;

    (void)state;
    raw_port_send(g, 60, NULL);
    rsc_send(g, &s);
    raw_step(g);
    assert_true(raw_take(g, &pkt));
    memcpy(&set, pkt.header, sizeof(set));
    assert_int_equal(set.range_count, 1);
    rsc_expect(g, false, 1, 5000, false);
    raw_guest_destroy(g);
}

static void segments_longer_than_the_mtu_are_dropped_not_put_together(void **state)
{
    struct rsc_segment s = {.seq = 1, .payload_bytes = 1470};
    struct raw_guest *g = rsc_start(NULL);

    (void)state;
    rsc_send(g, &s);
    s.seq += s.payload_bytes;
    rsc_send(g, &s);
    raw_expect_none(g);
    assert_int_equal(raw_stat(g, rx_drop_size), 2);
    raw_guest_destroy(g);
}

static void large_frames_that_make_no_sense_are_dropped(void **state)
{
    struct rsc_segment s = {.seq = 1, .payload_bytes = 5000, .mss = 1500};
    struct raw_guest *g = rsc_start(NULL);

    (void)state;
    rsc_send(g, &s); /* its segments would be longer than the MTU */
    assert_int_equal(raw_stat(g, rx_drop_size), 1);
    s.mss = MSS;
    s.payload_bytes = 65482; /* and 54 */
    rsc_send(g, &s);
    assert_int_equal(raw_stat(g, rx_drop_size), 2);
    raw_expect_none(g);
    raw_guest_destroy(g);
}

static void segments_that_wait_when_the_guest_goes_are_counted(void **state)
{
    struct rsc_segment s = {.seq = 1, .payload_bytes = 100};
    struct raw_guest *g = rsc_start(NULL);

    (void)state;
    rsc_send(g, &s);
    s.seq += 100;
    rsc_send(g, &s);
    assert_null(hvhost_audit(g->host)); /* also while they wait */
    hvhost_nic_rescind(g->nic);
    assert_int_equal(raw_stat(g, rx_drop_down), 2);
    raw_guest_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_of_a_connection_become_one_frame),
        cmocka_unit_test(who_sums_ip_headers_itself_gets_them_together_too),
        cmocka_unit_test(large_frames_cross_in_one_piece),
        cmocka_unit_test(a_frame_has_as_many_fragments_as_it_takes),
        cmocka_unit_test(a_frame_ends_before_it_is_too_long),
        cmocka_unit_test(push_ends_a_frame_and_a_turn_does),
        cmocka_unit_test(what_differs_is_left_alone),
        cmocka_unit_test(segments_have_to_have_the_same_options),
        cmocka_unit_test(each_family_is_asked_for_by_itself),
        cmocka_unit_test(nothing_comes_together_for_who_did_not_ask),
        cmocka_unit_test(a_frame_without_room_is_dropped_whole),
        cmocka_unit_test(as_many_large_frames_as_the_host_has_room_for_find_it),
        cmocka_unit_test(a_frame_in_fragments_has_a_packet_of_its_own),
        cmocka_unit_test(segments_longer_than_the_mtu_are_dropped_not_put_together),
        cmocka_unit_test(large_frames_that_make_no_sense_are_dropped),
        cmocka_unit_test(segments_that_wait_when_the_guest_goes_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
