/* SPDX-License-Identifier: BSD-3-Clause */
/* What the test says as host: messages in the receive buffer, and the answers of a good one. */
#include "netif_wire.h"

#include <string.h>

/* ---- receive buffer -------------------------------------------------------------------------- */

struct vmbus_xfer_range wire_message(struct wire *w, uint32_t index, uint32_t data_bytes,
                                     uint8_t fill)
{
    const struct rndis_packet head = {.type = RNDIS_MSG_PACKET,
                                      .len_bytes = (uint32_t)sizeof(head) + data_bytes,
                                      .data_off = RNDIS_PACKET_OFF_MIN,
                                      .data_bytes = data_bytes};
    struct vmbus_xfer_range range = {.len_bytes = head.len_bytes,
                                     .off_bytes = index * w->options.recv_section_bytes};
    uint8_t *at = w->t.recv.base + range.off_bytes;

    memcpy(at, &head, sizeof(head));
    memset(at + sizeof(head), fill, data_bytes);
    return range;
}

struct vmbus_xfer_range wire_fragment(struct wire *w, uint32_t index, uint32_t data_bytes,
                                      uint8_t fill, uint8_t flags)
{
    const struct rndis_packet head = {.type = RNDIS_MSG_PACKET,
                                      .len_bytes = WIRE_FRAGMENT_BYTES + data_bytes,
                                      .data_off = RNDIS_PACKET_OFF_MIN + RNDIS_PPI_BYTES,
                                      .data_bytes = data_bytes,
                                      .ppi_off = RNDIS_PACKET_OFF_MIN,
                                      .ppi_bytes = RNDIS_PPI_BYTES};
    const struct rndis_ppi ppi = {RNDIS_PPI_BYTES, RNDIS_PPI_PACKET_ID, RNDIS_PPI_DATA_OFF};
    const struct rndis_packet_id id = {RNDIS_PACKET_ID_VERSION, flags, 7};
    struct vmbus_xfer_range range = {.len_bytes = head.len_bytes,
                                     .off_bytes = index * w->options.recv_section_bytes};
    uint8_t *at = w->t.recv.base + range.off_bytes;

    memcpy(at, &head, sizeof(head));
    memcpy(at + sizeof(head), &ppi, sizeof(ppi));
    memcpy(at + sizeof(head) + sizeof(ppi), &id, sizeof(id));
    memset(at + WIRE_FRAGMENT_BYTES, fill, data_bytes);
    return range;
}

void wire_deliver(struct wire *w, uint32_t section, uint32_t data_bytes, uint8_t fill)
{
    struct vmbus_xfer_range range = wire_message(w, section, data_bytes, fill);

    wire_xfer(w, section, NVS_RNDIS_DATA, &range, 1);
}

void wire_control(struct wire *w, uint32_t index, const void *msg, uint32_t bytes)
{
    struct vmbus_xfer_range range = {.len_bytes = bytes,
                                     .off_bytes = index * w->options.recv_section_bytes};

    memcpy(w->t.recv.base + range.off_bytes, msg, bytes);
    wire_xfer(w, index, NVS_RNDIS_CONTROL, &range, 1);
}

/* ---- a good host ----------------------------------------------------------------------------- */

static const struct ndis_offload rsc_offered = {
    .ip4_rx = {NDIS_ENCAP_8023, NDIS_CSUM_IP | NDIS_CSUM_TCP},
    .ip6_rx = {NDIS_ENCAP_8023, NDIS_CSUM_TCP},
    .rsc4 = 1,
    .rsc6 = 1,
};

static void answer_offload(struct wire *w, uint32_t id, const struct ndis_offload *can)
{
    struct {
        struct rndis_query_complete head;
        struct ndis_offload info;
    } m = {.head = {RNDIS_MSG_QUERY | RNDIS_MSG_COMPLETE, sizeof(m), id, 0, sizeof(m.info),
                    RNDIS_REPLY_INFO_OFF},
           .info = *can};

    m.info.header = (struct ndis_object){NDIS_OBJECT_OFFLOAD, 3, sizeof(m.info)};
    wire_control(w, 1, &m, m.head.len_bytes);
}

static void answer_query(struct wire *w, uint32_t id, uint32_t oid)
{
    struct {
        struct rndis_query_complete head;
        uint32_t info[2];
    } m = {.head = {RNDIS_MSG_QUERY | RNDIS_MSG_COMPLETE, 28, id, 0, 4, RNDIS_REPLY_INFO_OFF}};

    if (oid == OID_OFFLOAD_HW_CAPS && (w->options.rsc || w->options.can)) {
        answer_offload(w, id, w->options.can ? w->options.can : &rsc_offered);
        return;
    }
    switch (oid) {
    case OID_MAX_FRAME_SIZE:
        m.info[0] = w->options.max_frame_bytes;
        break;
    case OID_LINK_SPEED:
        m.info[0] = 100000000;
        break;
    case OID_PERMANENT_MAC:
        memcpy(m.info, w->options.mac, w->options.mac_bytes);
        m.head.info_bytes = w->options.mac_bytes;
        m.head.len_bytes = 24 + w->options.mac_bytes;
        break;
    default: /* media connect status: 0 is connected */
        break;
    }
    wire_control(w, 1, &m, m.head.len_bytes);
}

static void answer_rndis(struct wire *w, const uint8_t *request)
{
    struct rndis_initialize_complete init = {.type = RNDIS_MSG_INITIALIZE | RNDIS_MSG_COMPLETE,
                                             .len_bytes = sizeof(init),
                                             .version_major = 1,
                                             .max_packets = 8,
                                             .max_transfer_bytes = 0xEFFFFFFF,
                                             .align_shift = w->options.align_shift};
    struct rndis_set_complete set = {RNDIS_MSG_SET | RNDIS_MSG_COMPLETE, sizeof(set), 0, 0};
    struct rndis_request r;

    memcpy(&r, request, sizeof(r));
    if (r.type == RNDIS_MSG_SET && r.oid == OID_OFFLOAD_PARAMS)
        memcpy(&w->offload, request + sizeof(r),
               r.info_bytes < sizeof(w->offload) ? r.info_bytes : sizeof(w->offload));
    init.request_id = r.request_id;
    set.request_id = r.request_id;
    if (r.type == RNDIS_MSG_INITIALIZE)
        wire_control(w, 1, &init, sizeof(init));
    else if (r.type == RNDIS_MSG_QUERY)
        answer_query(w, r.request_id, r.oid);
    else if (r.type == RNDIS_MSG_SET)
        wire_control(w, 1, &set, sizeof(set));
}

static void answer_107(struct wire *w, const struct wire_packet *pkt)
{
    wire_complete_rndis(w, pkt->desc.xid, NVS_STATUS_SUCCESS);
    if (wire_word(pkt, 4) != NVS_RNDIS_CONTROL)
        return;
    if (pkt->desc.type == VMBUS_PKT_GPA_DIRECT)
        answer_rndis(w, w->t.dma.base);
    else
        answer_rndis(w, w->t.send.base + wire_word(pkt, 8) * w->options.send_section_bytes);
}

bool wire_answer(struct wire *w, const struct wire_packet *pkt)
{
    const struct wire_options *o = &w->options;
    const struct nvs_init_complete init = {NVS_MSG_INIT_COMPLETE, 0xFFFFFFFF, 34, 1};
    const struct nvs_recv_buf_complete recv = {
        NVS_MSG_RECV_BUF_COMPLETE, 1, 1, 0, o->recv_section_bytes, o->recv_sections, 0};
    const struct nvs_send_buf_complete send = {NVS_MSG_SEND_BUF_COMPLETE, 1, o->send_section_bytes};

    if (pkt->desc.type == VMBUS_PKT_COMPLETION)
        return false;
    switch (wire_word(pkt, 0)) {
    case NVS_MSG_INIT:
        wire_complete(w, pkt->desc.xid, &init, sizeof(init));
        return true;
    case NVS_MSG_RECV_BUF:
        wire_complete(w, pkt->desc.xid, &recv, sizeof(recv));
        return true;
    case NVS_MSG_SEND_BUF:
        wire_complete(w, pkt->desc.xid, &send, sizeof(send));
        return true;
    case NVS_MSG_RNDIS:
        answer_107(w, pkt);
        return true;
    case NVS_MSG_NDIS_CONFIG: /* has no answer */
        w->capabilities = wire_word(pkt, 12) | (uint64_t)wire_word(pkt, 16) << 32;
        return false;
    default:
        return false;
    }
}

const uint8_t *wire_take_data(struct wire *w, struct wire_packet *pkt)
{
    assert_true(wire_get(w, pkt));
    assert_int_equal(pkt->desc.type, VMBUS_PKT_INBAND);
    assert_int_equal(pkt->desc.flags, VMBUS_PKT_FLAG_COMPLETION);
    assert_int_not_equal(pkt->desc.xid, 0);
    assert_int_equal(wire_word(pkt, 0), NVS_MSG_RNDIS);
    assert_int_equal(wire_word(pkt, 4), NVS_RNDIS_DATA);
    assert_in_range(wire_word(pkt, 8), 0, w->options.send_sections - 1);
    return w->t.send.base + (size_t)wire_word(pkt, 8) * w->options.send_section_bytes;
}
