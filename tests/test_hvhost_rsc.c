/* SPDX-License-Identifier: BSD-3-Clause */
/* Segments the host puts together, byte by byte: fragments, elements, and what is left alone. */
#include "burst.h"
#include "ndis_reg.h"
#include "hvh_nic_var.h"
#include "raw_guest.h"

#define MSS 1400u
#define FRAME_MAX 65536u
#define STALE (RNDIS_RXCSUM_TCP_STALE | RNDIS_RXCSUM_IP_STALE)
#define RIGHT (RNDIS_RXCSUM_TCP_OK | RNDIS_RXCSUM_IP_OK)

/* ---- a guest that wants it -------------------------------------------------------------- */

static void want_rsc_and(struct raw_guest *g, uint8_t how, uint8_t ip4_csum)
{
    struct ndis_offload_params params = {.header = {NDIS_OBJECT_DEFAULT, 3, sizeof(params)},
                                         .ip4_csum = ip4_csum,
                                         .tcp4_csum = NDIS_PARAM_RX,
                                         .tcp6_csum = NDIS_PARAM_RX,
                                         .rsc4 = how,
                                         .rsc6 = how};
    struct raw_packet pkt;

    assert_int_equal(raw_set(g, OID_OFFLOAD_PARAMS, &params, sizeof(params)), 0);
    if (raw_take(g, &pkt)) /* "offload changed" */
        raw_complete(g, pkt.desc.xid);
}

static void want_rsc(struct raw_guest *g, uint8_t how)
{
    want_rsc_and(g, how, NDIS_PARAM_RX);
}

static struct raw_guest *start(const struct hvhost_nic_config *config)
{
    struct raw_guest *g = raw_guest_create(config);

    g->more_capabilities = NVS_CAP_RSC;
    raw_bring_up(g);
    want_rsc(g, NDIS_PARAM_ON);
    return g;
}

/* ---- a segment from the far end --------------------------------------------------------- */

struct segment {
    bool v6;
    uint32_t seq, ack, payload_bytes;
    uint8_t flags;   /* [ACK] */
    uint16_t window; /* [1000] */
    uint16_t source; /* [80] */
    uint8_t hops, traffic_class;
    bool wrong_sum, wrong_ip_sum;
    uint16_t mss; /* not 0: large */
    uint16_t tci;
};

static struct burst b;

static void put32(uint8_t *at, uint32_t value)
{
    burst_put16(at, value >> 16);
    burst_put16(at + 2, value);
}

/* Byte (seq) of the connection's data. */
static uint8_t data_byte(uint32_t seq)
{
    return (uint8_t)(seq * 7 + (seq >> 8));
}

static void send(struct raw_guest *g, const struct segment *s)
{
    static const uint8_t ends[12] = {0, 0x15, 0x5D, 0, 0, 1, 2, 0, 0, 0, 0, 0x77};
    struct hvhost_frame frame = {.data = b.frame, .csum_partial = true, .csum_off = 16};
    uint8_t *ip = b.frame + BURST_IP, *tcp = ip + (s->v6 ? 40 : 20);

    burst_packet(&b, s->v6, 6, s->payload_bytes);
    memcpy(b.frame, ends, sizeof(ends));
    burst_put16(tcp, s->source ? s->source : 80);
    put32(tcp + 4, s->seq);
    put32(tcp + 8, s->ack);
    tcp[13] = s->flags ? s->flags : 0x10;
    burst_put16(tcp + 14, s->window ? s->window : 1000);
    ip[s->v6 ? 7 : 8] = s->hops ? s->hops : 64;
    if (!s->v6) {
        ip[1] = s->traffic_class;
        burst_put16(ip + 10, 0xFFFF - burst_sum(0, ip, 20) - s->wrong_ip_sum);
    } else {
        ip[1] = (uint8_t)(s->traffic_class << 4);
    }
    for (uint32_t i = 0; i < s->payload_bytes; i++)
        b.frame[b.head_bytes + i] = data_byte(s->seq + i);
    frame.len_bytes = b.head_bytes + s->payload_bytes;
    frame.csum_start = s->v6 ? 54 : 34;
    frame.csum_partial = !s->wrong_sum;
    frame.mss = s->mss;
    frame.tci = s->tci;
    frame.has_tci = s->tci != 0;
    hvhost_port_send(g->port, &frame);
}

/* ---- what came of it -------------------------------------------------------------------- */

struct got {
    uint32_t pieces, bytes;
    bool whole; /* no fragment */
    uint32_t csum;
    uint8_t frame[FRAME_MAX];
};

/* The elements of the message at (msg): verdict into got, the result is that of packet id. */
static uint8_t elements(const uint8_t *msg, const struct rndis_packet *head, struct got *got)
{
    uint8_t flags = 0;

    for (uint32_t off = 0; off < head->ppi_bytes;) {
        struct rndis_ppi ppi;
        uint32_t word;

        memcpy(&ppi, msg + 8 + head->ppi_off + off, sizeof(ppi));
        memcpy(&word, msg + 8 + head->ppi_off + off + 12, sizeof(word));
        assert_int_equal(ppi.size_bytes, 16);
        assert_int_equal(ppi.data_off, 12);
        if (ppi.type == RNDIS_PPI_CSUM)
            got->csum = word;
        if (ppi.type == RNDIS_PPI_PACKET_ID) {
            assert_int_equal(word & 0xFF, 1); /* version */
            flags = (uint8_t)(word >> 8);
        }
        off += 16;
    }
    return flags;
}

/* Put the frame together that begins in range (*at) of (pkt), by the book. */
static void take_frame(struct raw_guest *g, const struct raw_packet *pkt, unsigned *at,
                       struct got *got)
{
    struct vmbus_xfer_header set;
    uint8_t flags;

    *got = (struct got){0};
    memcpy(&set, pkt->header, sizeof(set));
    do {
        struct vmbus_xfer_range range;
        struct rndis_packet head;
        const uint8_t *msg;

        assert_true(*at < set.range_count);
        memcpy(&range, pkt->header + sizeof(set) + 8 * (*at)++, sizeof(range));
        assert_true(range.len_bytes <= g->nic->sections.bytes);
        assert_int_equal(range.off_bytes % g->nic->sections.bytes, 0);
        msg = g->t.recv.base + range.off_bytes;
        memcpy(&head, msg, sizeof(head));
        assert_int_equal(head.type, RNDIS_MSG_PACKET);
        assert_int_equal(head.len_bytes, range.len_bytes);
        flags = elements(msg, &head, got);
        assert_int_equal(!!(flags & RNDIS_PACKET_ID_FIRST), flags && got->pieces == 0);
        assert_true(got->bytes + head.data_bytes <= FRAME_MAX);
        memcpy(got->frame + got->bytes, msg + 8 + head.data_off, head.data_bytes);
        got->bytes += head.data_bytes;
        got->pieces++;
    } while (flags && !(flags & RNDIS_PACKET_ID_LAST));
    got->whole = flags == 0;
}

/* Its header says (bytes) and its payload are the connection's from (seq) on. */
static void check_frame(const struct got *got, bool v6, uint32_t seq, uint32_t payload_bytes)
{
    const uint8_t *ip = got->frame + BURST_IP, *tcp = ip + (v6 ? 40 : 20);
    uint32_t head_bytes = v6 ? 74 : 54;

    assert_int_equal(got->bytes, head_bytes + payload_bytes);
    assert_int_equal(burst_get16(ip + (v6 ? 4 : 2)), got->bytes - (v6 ? 54 : 14));
    assert_int_equal(burst_get32(tcp + 4), seq);
    for (uint32_t i = 0; i < payload_bytes; i++)
        assert_int_equal(got->frame[head_bytes + i], data_byte(seq + i));
}

static struct got got;

/* The next packet has one frame, and this it is. */
static void expect(struct raw_guest *g, bool v6, uint32_t seq, uint32_t payload_bytes, bool whole)
{
    struct raw_packet pkt;
    unsigned at = 0;

    assert_true(raw_take(g, &pkt));
    take_frame(g, &pkt, &at, &got);
    check_frame(&got, v6, seq, payload_bytes);
    assert_int_equal(got.whole, whole);
    raw_complete(g, pkt.desc.xid);
}

/* ---- together --------------------------------------------------------------------------- */

static void segments_of_a_connection_become_one_frame(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct segment s = {.v6 = v6, .seq = 0xFFFFF000, .payload_bytes = MSS};
        struct raw_guest *g = start(NULL);

        for (unsigned i = 0; i < 10; i++) {
            s.ack = 5 + i;
            s.window = (uint16_t)(2000 + i);
            send(g, &s);
            s.seq += MSS;
        }
        s.payload_bytes = 77;
        s.flags = 0x18;
        send(g, &s);
        raw_step(g);
        expect(g, v6, 0xFFFFF000, 10 * MSS + 77, false);
        assert_int_equal(got.pieces, 10);
        assert_int_equal(got.csum,
                         v6 ? RNDIS_RXCSUM_TCP_OK | RNDIS_RXCSUM_TCP_STALE : RIGHT | STALE);
        /* Acknowledgement, window and PSH are the last one's. */
        assert_int_equal(burst_get32(got.frame + (v6 ? 54 : 34) + 8), 14);
        assert_int_equal(burst_get16(got.frame + (v6 ? 54 : 34) + 14), 2009);
        assert_int_equal(got.frame[(v6 ? 54 : 34) + 13], 0x18);
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
        struct segment s = {.seq = 1, .payload_bytes = MSS};
        struct raw_guest *g = start(NULL);

        want_rsc_and(g, NDIS_PARAM_ON, NDIS_PARAM_OFF);
        send(g, &s);
        s.seq += MSS;
        s.wrong_ip_sum = wrong;
        send(g, &s);
        raw_step(g);
        assert_int_equal(raw_stat(g, rx_rsc_frames), !wrong);
        if (!wrong) {
            expect(g, false, 1, 2 * MSS, false);
            assert_int_equal(got.csum, RIGHT | STALE);
        }
        raw_guest_destroy(g);
    }
}

static void large_frames_cross_in_one_piece(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        const struct segment s = {
            .v6 = v6, .seq = 99, .payload_bytes = 60000, .mss = MSS, .flags = 0x18};
        struct raw_guest *g = start(NULL);

        send(g, &s);
        raw_step(g);
        expect(g, v6, 99, 60000, false);
        assert_int_equal(got.pieces, (60000 + (v6 ? 74 : 54) + 1513) / 1514);
        assert_int_equal(raw_stat(g, rx_offered), 1);
        assert_int_equal(raw_stat(g, rx_rsc_segments), (60000 + MSS - 1) / MSS);
        raw_guest_destroy(g);
    }
}

static void a_frame_ends_before_it_is_too_long(void **state)
{
    struct segment s = {.seq = 1, .payload_bytes = MSS};
    struct raw_guest *g = start(NULL);

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        send(g, &s);
        s.seq += MSS;
    }
    raw_step(g);
    expect(g, false, 1, 46 * MSS, false); /* one more would be 65,854 bytes */
    expect(g, false, 1 + 46 * MSS, 4 * MSS, false);
    raw_guest_destroy(g);
}

static void push_ends_a_frame_and_a_turn_does(void **state)
{
    struct segment s = {.seq = 1, .payload_bytes = 100};
    struct raw_guest *g = start(NULL);

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        s.flags = i == 1 ? 0x18 : 0x10;
        send(g, &s);
        s.seq += 100;
    }
    assert_int_equal(hvhost_next_deadline(g->host, g->now_ns), 0); /* something waits */
    raw_step(g);
    expect(g, false, 1, 200, false);
    expect(g, false, 201, 200, false);
    send(g, &s);
    raw_step(g);
    expect(g, false, 401, 100, true); /* alone: as it was */
    assert_int_equal(got.csum, RIGHT);
    burst_check_sums(got.frame, got.bytes, false, 6);
    raw_guest_destroy(g);
}

/* ---- apart ------------------------------------------------------------------------------ */

struct apart {
    const char *what;
    struct segment first, second;
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
        struct segment s[2] = {aparts[i].first, aparts[i].second};
        struct raw_guest *g = start(NULL);
        struct raw_packet pkt;
        unsigned at = 0;

        print_message("%s\n", aparts[i].what);
        for (unsigned k = 0; k < 2; k++) {
            s[k].payload_bytes = 100;
            send(g, &s[k]);
        }
        raw_step(g);
        assert_true(raw_take(g, &pkt));
        for (unsigned k = 0; k < 2; k++) { /* in order */
            take_frame(g, &pkt, &at, &got);
            assert_true(got.whole);
            check_frame(&got, s[k].v6, s[k].seq, 100);
        }
        assert_int_equal(raw_stat(g, rx_rsc_frames), 0);
        raw_guest_destroy(g);
    }
}

/* Not claimed, not switched on, switched on without the verdicts it needs. */
static void nothing_comes_together_for_who_did_not_ask(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct segment s = {.seq = 1, .payload_bytes = 3 * MSS, .mss = MSS};
        const struct hvhost_nic_config no_verdicts = {.offload = HVHOST_OFFLOAD_ALL &
                                                                 ~HVHOST_OFFLOAD_RX_CSUM};
        struct raw_guest *g = raw_guest_create(i == 2 ? &no_verdicts : NULL);
        struct raw_packet pkt;
        unsigned at = 0;

        g->more_capabilities = i == 0 ? 0 : NVS_CAP_RSC;
        raw_bring_up(g);
        want_rsc(g, i == 1 ? NDIS_PARAM_OFF : NDIS_PARAM_ON);
        send(g, &s);
        raw_step(g);
        assert_true(raw_take(g, &pkt));
        for (unsigned k = 0; k < 3; k++) {
            take_frame(g, &pkt, &at, &got);
            assert_true(got.whole);
            check_frame(&got, false, 1 + k * MSS, MSS);
        }
        assert_int_equal(raw_stat(g, rx_rsc_frames), 0);
        raw_guest_destroy(g);
    }
}

/* ---- no room ---------------------------------------------------------------------------- */

static void a_frame_without_room_is_dropped_whole(void **state)
{
    const struct hvhost_nic_config config = {.recv_buf_bytes = 15 * 4096}; /* 16 + 18 sections */
    struct segment s = {.seq = 1, .payload_bytes = 60000, .mss = MSS};
    struct raw_guest *g = start(&config);

    (void)state;
    send(g, &s);
    assert_int_equal(raw_stat(g, rx_drop_section), 1);
    s.mss = 0;
    s.payload_bytes = MSS;
    for (unsigned i = 0; i < 40; i++) {
        send(g, &s);
        s.seq += MSS;
    }
    raw_step(g);
    assert_int_equal(raw_stat(g, rx_drop_section), 41);
    raw_expect_none(g);
    s.payload_bytes = 5000;
    s.mss = MSS;
    send(g, &s);
    raw_step(g);
    expect(g, false, s.seq, 5000, false);
    raw_guest_destroy(g);
}

static void large_frames_that_make_no_sense_are_dropped(void **state)
{
    struct segment s = {.seq = 1, .payload_bytes = 5000, .mss = 1500};
    struct raw_guest *g = start(NULL);

    (void)state;
    send(g, &s); /* its segments would be longer than the MTU */
    assert_int_equal(raw_stat(g, rx_drop_size), 1);
    s.mss = MSS;
    s.payload_bytes = 65482; /* and 54 */
    send(g, &s);
    assert_int_equal(raw_stat(g, rx_drop_size), 2);
    raw_expect_none(g);
    raw_guest_destroy(g);
}

static void segments_that_wait_when_the_guest_goes_are_counted(void **state)
{
    struct segment s = {.seq = 1, .payload_bytes = 100};
    struct raw_guest *g = start(NULL);

    (void)state;
    send(g, &s);
    s.seq += 100;
    send(g, &s);
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
        cmocka_unit_test(a_frame_ends_before_it_is_too_long),
        cmocka_unit_test(push_ends_a_frame_and_a_turn_does),
        cmocka_unit_test(what_differs_is_left_alone),
        cmocka_unit_test(nothing_comes_together_for_who_did_not_ask),
        cmocka_unit_test(a_frame_without_room_is_dropped_whole),
        cmocka_unit_test(large_frames_that_make_no_sense_are_dropped),
        cmocka_unit_test(segments_that_wait_when_the_guest_goes_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
