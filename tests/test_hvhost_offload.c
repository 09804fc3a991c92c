/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a guest leaves to the emulated host: sums filled in and bursts cut for real, rules kept.
 * Expected sums come from a plain sum of this test's own, not from the host's.
 */
#include "burst.h"
#include "hex.h"
#include "ndis_reg.h"
#include "raw_guest.h"

#define MSS 1460u

static struct burst burst;

static struct {
    unsigned count;
    uint32_t payload_bytes, next_seq;
    uint32_t longest;
    uint16_t first_id;
    uint8_t first_flags, last_flags;
} seen;

/* ---- sending ---------------------------------------------------------------------------- */

/* Behind page 0, which the raw guest uses for control. */
#define DATA_AT 4096u

/* The frame with one element by pages, header and frame apart. Returns the status of the 108. */
static uint32_t send_with(struct raw_guest *g, const struct burst *b, uint32_t type, uint32_t word)
{
    uint32_t bytes = b->head_bytes + b->payload_bytes;
    struct rndis_packet head = {.type = RNDIS_MSG_PACKET,
                                .len_bytes = 60 + bytes,
                                .data_off = 52,
                                .data_bytes = bytes,
                                .ppi_off = RNDIS_PACKET_OFF_MIN,
                                .ppi_bytes = RNDIS_PPI_BYTES};
    struct rndis_ppi ppi = {RNDIS_PPI_BYTES, type, RNDIS_PPI_DATA_OFF};
    struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_GPA_DIRECT, .flags = 1, .xid = ++g->xid};
    struct nvs_rndis nvs = {NVS_MSG_RNDIS, NVS_RNDIS_DATA, NVS_SECTION_NONE, 0};
    uint8_t message[NVS_MSG_BYTES] = {0};
    uint8_t *at = g->t.dma.base + DATA_AT;
    struct {
        struct vmbus_gpa_header head;
        struct vmbus_gpa_range range;
        uint64_t pfn[17];
    } list = {.head.range_count = 1, .range = {60 + bytes, 0}};
    uint32_t pages = (60 + bytes + 4095) / 4096;
    struct nvs_rndis_complete done;
    struct raw_packet pkt;

    memcpy(at, &head, sizeof(head));
    memcpy(at + 44, &ppi, sizeof(ppi));
    memcpy(at + 56, &word, sizeof(word));
    memcpy(at + 60, b->frame, bytes);
    for (uint32_t i = 0; i < pages; i++)
        list.pfn[i] = g->t.dma_pfn[DATA_AT / 4096 + i];
    memcpy(message, &nvs, sizeof(nvs));
    raw_packet(g, desc, &list, 16 + 8 * pages, message, sizeof(message));
    raw_expect(g, &pkt);
    assert_int_equal(pkt.desc.type, VMBUS_PKT_COMPLETION);
    assert_int_equal(pkt.desc.xid, g->xid);
    memcpy(&done, pkt.payload, sizeof(done));
    return done.status;
}

/* A far end that looks at every segment. */
static void look(void *ctx, const struct hvhost_frame *frame)
{
    const struct burst *b = ctx;
    const uint8_t *tcp = frame->data + (b->v6 ? 54 : 34);
    uint32_t bytes = frame->len_bytes - b->head_bytes;

    burst_check_sums(frame->data, frame->len_bytes, b->v6, 6);
    assert_false(frame->csum_partial);
    assert_true(frame->csum_ok);
    assert_int_equal(frame->mss, 0);
    if (seen.count == 0) {
        seen.first_flags = tcp[13];
        seen.next_seq = burst_get32(tcp + 4);
        seen.first_id = (uint16_t)burst_get16(frame->data + BURST_IP + 4);
    } else {
        assert_int_equal(tcp[13] & 0x80, 0);
    }
    assert_int_equal(burst_get32(tcp + 4), seen.next_seq);
    if (b->v6)
        assert_int_equal(burst_get16(frame->data + BURST_IP + 4), 20 + bytes);
    else
        assert_int_equal(burst_get16(frame->data + BURST_IP + 4),
                         (uint16_t)(seen.first_id + seen.count));
    assert_memory_equal(frame->data + b->head_bytes, b->frame + b->head_bytes + seen.payload_bytes,
                        bytes);
    seen.next_seq += bytes;
    seen.payload_bytes += bytes;
    seen.last_flags = tcp[13];
    seen.longest = bytes > seen.longest ? bytes : seen.longest;
    seen.count++;
}

static struct raw_guest *start(const struct hvhost_nic_config *config)
{
    struct raw_guest *g = raw_guest_create(config);

    memset(&seen, 0, sizeof(seen));
    raw_bring_up(g);
    return g;
}

/* A second far end, which takes part in what is flooded. */
static void watch(struct raw_guest *g)
{
    struct hvhost_port *port;

    assert_int_equal(hvhost_port_add(g->host, look, &burst, &port), 0);
}

/* ---- sums ------------------------------------------------------------------------------- */

/* V6 of the protocol's golden vectors, with its checksum element. */
static void golden_packet_leaves_with_its_sums(void **state)
{
    static const char golden[] = "01 00 00 00 88 00 00 00 44 00 00 00 3c 00 00 00"
                                 "00 00 00 00 00 00 00 00 00 00 00 00 24 00 00 00"
                                 "20 00 00 00 00 00 00 00 00 00 00 00 10 00 00 00"
                                 "06 00 00 00 0c 00 00 00 45 06 00 00 10 00 00 00"
                                 "00 00 00 00 0c 00 00 00 15 00 22 00 00 15 5d 00"
                                 "00 02 00 15 5d 00 00 01 08 00 45 00 00 2e 00 01"
                                 "40 00 40 06 00 00 0a 00 00 01 0a 00 00 02 13 88"
                                 "00 50 00 00 00 01 00 00 00 00 50 02 ff ff 14 23"
                                 "00 00 68 65 6c 6c 6f 21";
    struct raw_guest *g = start(NULL);
    struct raw_packet pkt;
    uint8_t msg[256];
    size_t bytes = hex_parse(golden, msg, sizeof(msg));

    (void)state;
    raw_section_send(g, 3, msg, (uint32_t)bytes);
    raw_expect(g, &pkt);
    assert_int_equal(g->port_last.len_bytes, 60);
    burst_check_sums(g->port_bytes, 60, false, 6);
    assert_memory_equal(g->port_bytes + 54, "hello!", 6);
    assert_int_equal(g->port_last.tci, 5 << 13 | 100);
    assert_int_equal(raw_stat(g, tx_csum), 1);
    assert_int_equal(raw_stat(g, tx_vlan), 1);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void sums_are_filled_for_every_kind_and_length(void **state)
{
    struct raw_guest *g = start(NULL);

    (void)state;
    for (unsigned kind = 0; kind < 4; kind++) {
        bool v6 = kind & 1;
        uint32_t proto = kind & 2 ? 17 : 6;

        for (uint32_t payload = 0; payload < 1400; payload += 13) {
            burst_packet(&burst, v6, proto, payload);
            assert_int_equal(send_with(g, &burst, RNDIS_PPI_CSUM, burst_csum_word(v6, proto)),
                             NVS_STATUS_SUCCESS);
            burst_check_sums(g->port_bytes, g->port_last.len_bytes, v6, proto);
            assert_true(g->port_last.csum_ok);
        }
    }
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

/* A UDP sum that comes out as 0 would say "no sum". */
static void udp_sum_of_zero_is_written_as_ones(void **state)
{
    struct raw_guest *g = start(NULL);
    uint32_t sum;

    (void)state;
    burst_packet(&burst, false, 17, 2);
    burst_put16(burst.frame + 42, 0);
    sum = burst_sum(0, burst.frame + 34, 10);
    burst_put16(burst.frame + 42, 0xFFFF - sum);
    assert_int_equal(send_with(g, &burst, RNDIS_PPI_CSUM, burst_csum_word(false, 17)),
                     NVS_STATUS_SUCCESS);
    assert_int_equal(burst_get16(g->port_bytes + 40), 0xFFFF);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void padding_behind_the_packet_is_not_summed(void **state)
{
    struct raw_guest *g = start(NULL);

    (void)state;
    burst_packet(&burst, false, 17, 1);
    burst.payload_bytes = 18; /* 60 bytes on the wire */
    memset(burst.frame + 43, 0xEE, 17);
    assert_int_equal(send_with(g, &burst, RNDIS_PPI_CSUM, burst_csum_word(false, 17)),
                     NVS_STATUS_SUCCESS);
    assert_int_equal(g->port_last.len_bytes, 60);
    burst_check_sums(g->port_bytes, 43, false, 17);
    raw_guest_destroy(g);
}

/* ---- bursts ----------------------------------------------------------------------------- */

static void bursts_are_cut_into_right_segments(void **state)
{
    static const uint32_t sizes[] = {MSS + 1, 2 * MSS, 2 * MSS + 1, 10000, 62000};
    struct raw_guest *g = start(NULL);
    unsigned segments = 0;

    (void)state;
    watch(g);
    for (unsigned i = 0; i < countof(sizes) * 2; i++) {
        uint32_t bytes = sizes[i / 2];

        memset(&seen, 0, sizeof(seen));
        burst_large(&burst, i % 2, bytes);
        assert_int_equal(
            send_with(g, &burst, RNDIS_PPI_LSO, burst_lso_word(i % 2, MSS - 20 * (i % 2))),
            NVS_STATUS_SUCCESS);
        assert_int_equal(seen.payload_bytes, bytes);
        assert_int_equal(seen.longest, MSS - 20 * (i % 2));
        assert_int_equal(seen.first_flags, 0x90); /* CWR, ACK */
        assert_int_equal(seen.last_flags, 0x19);  /* ACK, PSH, FIN */
        segments += seen.count;
    }
    assert_int_equal(raw_stat(g, tx_lso), 10);
    assert_int_equal(raw_stat(g, tx_lso_segments), segments);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

/* ---- rules ------------------------------------------------------------------------------ */

struct rule {
    const char *what;
    uint32_t type, word;
    uint32_t off; /* a byte of the frame to spoil, 0 none */
    bool served;  /* reported only */
};

static void each_broken_rule_is_found(void **state)
{
    const uint32_t lso = burst_lso_word(false, MSS), csum = burst_csum_word(false, 6);
    const struct rule rules[] = {
        {"MSS 0", RNDIS_PPI_LSO, burst_lso_word(false, 0), 0, false},
        {"MSS above the MTU", RNDIS_PPI_LSO, burst_lso_word(false, MSS + 1), 0, false},
        {"MSS far above the MTU", RNDIS_PPI_LSO, burst_lso_word(false, 0xFFFFF), 0, false},
        {"more than 1024 segments", RNDIS_PPI_LSO, burst_lso_word(false, 1), 0, false},
        {"version 1", RNDIS_PPI_LSO, lso & ~RNDIS_LSO_V2, 0, false},
        {"LSO of the other family", RNDIS_PPI_LSO, lso | RNDIS_LSO_IPV6, 0, false},
        {"LSO offset below 34", RNDIS_PPI_LSO, lso - (1u << RNDIS_LSO_TCP_OFF_SHIFT), 0, false},
        {"one segment", RNDIS_PPI_LSO, burst_lso_word(false, 1400), 0, true},
        {"LSO with a length", RNDIS_PPI_LSO, lso, 17, false}, /* and it is a lie */
        {"LSO with an IP sum", RNDIS_PPI_LSO, lso, 24, true},
        {"LSO without pseudo-header", RNDIS_PPI_LSO, lso, 50, true},
        {"LSO of UDP", RNDIS_PPI_LSO, lso, 23, false},
        {"LSO with a TCP header too short", RNDIS_PPI_LSO, lso, 46, false},
        {"LSO of a fragment", RNDIS_PPI_LSO, lso, 21, false},
        {"both families", RNDIS_PPI_CSUM, csum | RNDIS_TXCSUM_IPV6, 0, false},
        {"no family", RNDIS_PPI_CSUM, csum & ~RNDIS_TXCSUM_IPV4, 0, false},
        {"TCP and UDP", RNDIS_PPI_CSUM, csum | RNDIS_TXCSUM_UDP, 0, false},
        {"sum offset below 34", RNDIS_PPI_CSUM, csum - (1u << 16), 0, false},
        {"sum of no pseudo-header", RNDIS_PPI_CSUM, csum, 50, true},
        {"sum of an IP header that has one", RNDIS_PPI_CSUM, csum, 24, true},
    };

    (void)state;
    for (unsigned i = 0; i < countof(rules); i++) {
        const struct rule *r = &rules[i];
        bool large = r->type == RNDIS_PPI_LSO;
        struct raw_guest *g = start(NULL);
        uint32_t status;

        if (large)
            burst_large(&burst, false, r->served && r->off == 0 ? 1400 : 3000);
        else
            burst_packet(&burst, false, 6, 100);
        if (r->off)
            burst.frame[r->off] ^= 0x11;
        status = send_with(g, &burst, r->type, r->word);
        if (raw_stat(g, strict_offload) != 1 || (status == NVS_STATUS_SUCCESS) != r->served ||
            (g->port_frames > 0) != r->served)
            fail_msg("%s: reported %u, status %u, out %u", r->what,
                     (unsigned)raw_stat(g, strict_offload), status, g->port_frames);
        raw_check_strict(g, "strict_offload");
        raw_guest_destroy(g);
    }
}

static void both_elements_at_once_are_refused(void **state)
{
    struct raw_guest *g = start(NULL);
    uint32_t word = burst_csum_word(false, 6);
    uint8_t msg[4096];
    struct raw_packet pkt;
    struct rndis_packet head;
    struct rndis_ppi ppi = {RNDIS_PPI_BYTES, RNDIS_PPI_CSUM, RNDIS_PPI_DATA_OFF};

    (void)state;
    burst_packet(&burst, false, 6, 3000);
    head = (struct rndis_packet){.type = RNDIS_MSG_PACKET,
                                 .len_bytes = 76 + 3054,
                                 .data_off = 68,
                                 .data_bytes = 3054,
                                 .ppi_off = RNDIS_PACKET_OFF_MIN,
                                 .ppi_bytes = 2 * RNDIS_PPI_BYTES};
    memcpy(msg, &head, sizeof(head));
    memcpy(msg + 44, &ppi, sizeof(ppi));
    memcpy(msg + 56, &word, sizeof(word));
    ppi.type = RNDIS_PPI_LSO;
    word = burst_lso_word(false, MSS);
    memcpy(msg + 60, &ppi, sizeof(ppi));
    memcpy(msg + 72, &word, sizeof(word));
    memcpy(msg + 76, burst.frame, 3054);
    raw_section_send(g, 0, msg, head.len_bytes);
    raw_expect(g, &pkt);
    assert_int_equal(raw_stat(g, strict_offload), 1);
    assert_int_equal(raw_stat(g, tx_drop_rndis), 1);
    assert_int_equal(g->port_frames, 0);
    raw_guest_destroy(g);
}

static void burst_above_the_limit_is_dropped_by_size(void **state)
{
    const struct hvhost_nic_config config = {.lso_max_bytes = 8000};
    struct raw_guest *g = start(&config);

    (void)state;
    burst_large(&burst, false, 8000 - 40 + 1);
    send_with(g, &burst, RNDIS_PPI_LSO, burst_lso_word(false, MSS));
    assert_int_equal(raw_stat(g, tx_drop_size), 1);
    burst_large(&burst, false, 8000 - 40);
    send_with(g, &burst, RNDIS_PPI_LSO, burst_lso_word(false, MSS));
    assert_int_equal(raw_stat(g, tx_drop_size), 1);
    assert_int_equal(raw_stat(g, tx_lso), 1);
    raw_guest_destroy(g);
}

static void what_is_not_offered_is_refused(void **state)
{
    const struct hvhost_nic_config csum_only = {.offload = HVHOST_OFFLOAD_TX_CSUM};
    const struct hvhost_nic_config nothing = {.offload = HVHOST_OFFLOAD_NONE};
    struct raw_guest *g = start(&csum_only);

    (void)state;
    burst_large(&burst, false, 3000);
    assert_int_equal(send_with(g, &burst, RNDIS_PPI_LSO, burst_lso_word(false, MSS)),
                     NVS_STATUS_FAILURE);
    burst_packet(&burst, false, 6, 100);
    assert_int_equal(send_with(g, &burst, RNDIS_PPI_CSUM, burst_csum_word(false, 6)),
                     NVS_STATUS_SUCCESS);
    assert_int_equal(raw_stat(g, strict_offload), 1);
    raw_guest_destroy(g);
    g = start(&nothing);
    assert_int_equal(send_with(g, &burst, RNDIS_PPI_CSUM, burst_csum_word(false, 6)),
                     NVS_STATUS_FAILURE);
    assert_int_equal(raw_stat(g, strict_offload), 1);
    raw_guest_destroy(g);
}

/* ---- capabilities ----------------------------------------------------------------------- */

static struct ndis_offload query(struct raw_guest *g, uint32_t oid)
{
    struct ndis_offload object = {.header = {NDIS_OBJECT_OFFLOAD, 3, sizeof(object)}};
    uint8_t info[1024];
    uint32_t bytes;

    assert_int_equal(raw_query(g, oid, &object, sizeof(object), info, &bytes), 0);
    assert_int_equal(bytes, sizeof(object));
    memcpy(&object, info, sizeof(object));
    return object;
}

static void capabilities_follow_the_configuration(void **state)
{
    const struct hvhost_nic_config config = {.offload =
                                                 HVHOST_OFFLOAD_TX_CSUM | HVHOST_OFFLOAD_LSO};
    struct raw_guest *g = start(&config);
    struct ndis_offload o = query(g, OID_OFFLOAD_HW_CAPS);

    (void)state;
    assert_int_equal(o.ip4_tx.flags, 0x155);
    assert_int_equal(o.ip6_tx.flags, 0x55);
    assert_int_equal(o.ip4_rx.flags, 0);
    assert_int_equal(o.lso4.max_bytes, 0xF53C);
    assert_int_equal(o.lso6.min_segments, 2);
    assert_int_equal(o.lso6_options, 5);
    assert_int_equal(o.rsc4, 0);
    raw_guest_destroy(g);
}

static void parameters_switch_what_is_offered_and_no_more(void **state)
{
    const struct hvhost_nic_config config = {.offload = HVHOST_OFFLOAD_TX_CSUM};
    struct ndis_offload_params params = {.header = {NDIS_OBJECT_DEFAULT, 3, sizeof(params)},
                                         .tcp4_csum = NDIS_PARAM_BOTH,
                                         .udp6_csum = NDIS_PARAM_TX,
                                         .lso4 = NDIS_PARAM_ON};
    struct raw_guest *g = start(&config);
    struct raw_packet pkt;

    (void)state;
    assert_int_equal(query(g, OID_OFFLOAD_CONFIG).ip4_tx.flags, 0);
    assert_int_equal(raw_set(g, OID_OFFLOAD_PARAMS, &params, sizeof(params)), 0);
    assert_true(raw_take(g, &pkt));
    raw_complete(g, pkt.desc.xid);
    assert_int_equal(query(g, OID_OFFLOAD_CONFIG).ip4_tx.flags,
                     NDIS_CSUM_TCP | NDIS_CSUM_TCP_OPTIONS);
    assert_int_equal(query(g, OID_OFFLOAD_CONFIG).ip6_tx.flags, NDIS_CSUM_UDP);
    assert_int_equal(query(g, OID_OFFLOAD_CONFIG).ip4_rx.flags, 0);
    assert_int_equal(query(g, OID_OFFLOAD_CONFIG).lso4.encap, 0);
    params.lso_v1 = NDIS_PARAM_ON;
    assert_int_equal(raw_set(g, OID_OFFLOAD_PARAMS, &params, sizeof(params)),
                     RNDIS_STATUS_INVALID_DATA);
    raw_guest_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_packet_leaves_with_its_sums),
        cmocka_unit_test(sums_are_filled_for_every_kind_and_length),
        cmocka_unit_test(udp_sum_of_zero_is_written_as_ones),
        cmocka_unit_test(padding_behind_the_packet_is_not_summed),
        cmocka_unit_test(bursts_are_cut_into_right_segments),
        cmocka_unit_test(each_broken_rule_is_found),
        cmocka_unit_test(both_elements_at_once_are_refused),
        cmocka_unit_test(burst_above_the_limit_is_dropped_by_size),
        cmocka_unit_test(what_is_not_offered_is_refused),
        cmocka_unit_test(capabilities_follow_the_configuration),
        cmocka_unit_test(parameters_switch_what_is_offered_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
