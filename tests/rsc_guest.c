/* SPDX-License-Identifier: BSD-3-Clause */
#include "rsc_guest.h"

#include "burst.h"
#include "hvh_nic_var.h"
#include "ndis_reg.h"

/* ---- a guest that wants it -------------------------------------------------------------- */

void rsc_want_and(struct raw_guest *g, uint8_t how, uint8_t ip4_csum)
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

void rsc_want(struct raw_guest *g, uint8_t how)
{
    rsc_want_and(g, how, NDIS_PARAM_RX);
}

struct raw_guest *rsc_start(const struct hvhost_nic_config *config)
{
    struct raw_guest *g = raw_guest_create(config);

    g->more_capabilities = NVS_CAP_RSC;
    raw_bring_up(g);
    rsc_want(g, NDIS_PARAM_ON);
    return g;
}

/* ---- a segment from the far end --------------------------------------------------------- */

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

void rsc_send(struct raw_guest *g, const struct rsc_segment *s)
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
    if (s->option) {
        tcp[12] = 0x60;
        memset(tcp + 20, 1, 3);
        tcp[23] = s->option;
    }
    frame.len_bytes = b.head_bytes + s->payload_bytes;
    frame.csum_start = s->v6 ? 54 : 34;
    frame.csum_partial = !s->wrong_sum;
    frame.mss = s->mss;
    frame.tci = s->tci;
    frame.has_tci = s->tci != 0;
    hvhost_port_send(g->port, &frame);
}

/* ---- what came of it -------------------------------------------------------------------- */

/* The elements of the message at (msg): verdict into got, the result is that of packet id. */
static uint8_t elements(const uint8_t *msg, const struct rndis_packet *head, struct rsc_got *got)
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

void rsc_take_frame(struct raw_guest *g, const struct raw_packet *pkt, unsigned *at,
                    struct rsc_got *got)
{
    struct vmbus_xfer_header set;
    uint8_t flags;

    *got = (struct rsc_got){0};
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
        if (got->pieces > 0) /* all else was told with the first */
            assert_int_equal(head.ppi_bytes, RNDIS_PPI_BYTES);
        assert_int_equal(!!(flags & RNDIS_PACKET_ID_FIRST), flags && got->pieces == 0);
        assert_true(got->bytes + head.data_bytes <= RSC_FRAME_MAX);
        memcpy(got->frame + got->bytes, msg + 8 + head.data_off, head.data_bytes);
        got->bytes += head.data_bytes;
        got->pieces++;
    } while (flags && !(flags & RNDIS_PACKET_ID_LAST));
    got->whole = flags == 0;
}

void rsc_check_frame(const struct rsc_got *got, bool v6, uint32_t seq, uint32_t payload_bytes)
{
    const uint8_t *ip = got->frame + BURST_IP, *tcp = ip + (v6 ? 40 : 20);
    uint32_t head_bytes = v6 ? 74 : 54;

    assert_int_equal(got->bytes, head_bytes + payload_bytes);
    assert_int_equal(burst_get16(ip + (v6 ? 4 : 2)), got->bytes - (v6 ? 54 : 14));
    assert_int_equal(burst_get32(tcp + 4), seq);
    for (uint32_t i = 0; i < payload_bytes; i++)
        assert_int_equal(got->frame[head_bytes + i], data_byte(seq + i));
}

struct rsc_got rsc_got;

void rsc_expect(struct raw_guest *g, bool v6, uint32_t seq, uint32_t payload_bytes, bool whole)
{
    struct raw_packet pkt;
    unsigned at = 0;

    assert_true(raw_take(g, &pkt));
    rsc_take_frame(g, &pkt, &at, &rsc_got);
    rsc_check_frame(&rsc_got, v6, seq, payload_bytes);
    assert_int_equal(rsc_got.whole, whole);
    raw_complete(g, pkt.desc.xid);
}
