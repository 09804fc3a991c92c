/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control requests and what the host says unasked.
 *
 * Theory of operation. One request is under way at a time; each has a generation, which is its
 * VMBus transaction id and, for RNDIS, its request id. An NVSP request travels in the packet and is
 * answered by its completion. An RNDIS request lies in memory the host reads: a page of dma memory
 * named by page number, or, where page numbers are unknown, a send section of its own. It brings
 * two answers in either order: the completion (the host has read the request, the memory is ours
 * again) and the RNDIS reply in the receive buffer. The next request waits for both. Answers are
 * copied to reply[] once and looked at by the step that waits for them; what nobody waits for is
 * counted as late.
 */
#include "netvsc_var.h"

#include <errno.h>
#include <string.h>

int netvsc_ctl_open(struct netvsc *nic)
{
    const struct vmbus_transport *mem = nic->mem;
    struct netvsc_ctl *ctl = &nic->ctl;

    ctl->buffer_busy = false;
    nic->info.gpa_direct = mem->dma_pfn && mem->dma.len_bytes >= VMBUS_PAGE_BYTES;
    if (nic->info.gpa_direct) {
        ctl->buffer = mem->dma.base;
        ctl->buffer_bytes = VMBUS_PAGE_BYTES;
        ctl->pfn = mem->dma_pfn[0];
        ctl->section = NVS_SECTION_NONE;
        return 0;
    }
    ctl->section = netvsc_tx_take_section(nic->queue[0]);
    if (ctl->section == NVS_SECTION_NONE)
        return -EPROTO;
    ctl->buffer = mem->send.base + (size_t)ctl->section * nic->info.send_section_bytes;
    ctl->buffer_bytes = nic->info.send_section_bytes;
    return 0;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static uint32_t next_generation(struct netvsc_ctl *ctl)
{
    if (++ctl->generation == 0)
        ctl->generation = 1;
    return ctl->generation;
}

static uint64_t control_xid(uint32_t generation)
{
    return (uint64_t)generation << 32 | NETVSC_XID_CONTROL;
}

static int send_packet(struct netvsc *nic, const struct vmbus_send *pkt)
{
    struct netvsc_queue *q = nic->queue[0];
    uint32_t ring_bytes = (uint32_t)sizeof(struct vmbus_pkt_desc) + pkt->header_bytes +
                          pkt->payload_bytes + VMBUS_PKT_TRAILER_BYTES;

    if (!netvsc_tx_ring_takes(q, ring_bytes))
        return -EAGAIN;
    return vmbus_chan_send(q->chan, pkt);
}

int netvsc_ctl_send_nvs(struct netvsc *nic, const struct nvs_msg *msg, bool wants_reply)
{
    struct netvsc_ctl *ctl = &nic->ctl;
    uint64_t xid = wants_reply ? control_xid(next_generation(ctl)) : NETVSC_XID_NONE;
    const struct vmbus_send pkt = {.type = VMBUS_PKT_INBAND,
                                   .wants_completion = wants_reply,
                                   .xid = xid,
                                   .payload = msg->bytes,
                                   .payload_bytes = sizeof(msg->bytes)};
    int rc = send_packet(nic, &pkt);

    if (rc)
        return rc;
    ctl->await = wants_reply ? NETVSC_AWAIT_NVS : NETVSC_AWAIT_NOTHING;
    nic->stats.ctl_sent++;
    return 0;
}

/* The range list naming (bytes) at the start of the request page: never across a page. */
struct ctl_gpa {
    struct vmbus_gpa_header header;
    struct vmbus_gpa_range range;
    uint64_t pfn;
};
static_assert(sizeof(struct ctl_gpa) == 24, "wire layout");

/* Send the request of (bytes) that lies in the buffer. */
static int send_request(struct netvsc *nic, uint32_t generation, uint32_t bytes)
{
    const struct netvsc_ctl *ctl = &nic->ctl;
    bool gpa = nic->info.gpa_direct;
    const struct ctl_gpa list = {
        .header.range_count = 1, .range.len_bytes = bytes, .pfn = ctl->pfn};
    struct nvs_msg msg;
    const struct vmbus_send pkt = {.type = gpa ? VMBUS_PKT_GPA_DIRECT : VMBUS_PKT_INBAND,
                                   .wants_completion = true,
                                   .xid = control_xid(generation),
                                   .header = gpa ? &list : NULL,
                                   .header_bytes = gpa ? sizeof(list) : 0,
                                   .payload = msg.bytes,
                                   .payload_bytes = sizeof(msg.bytes)};

    nvs_build_rndis(&msg, NVS_RNDIS_CONTROL, ctl->section, gpa ? 0 : bytes);
    return send_packet(nic, &pkt);
}

/* Take the request built with the current generation on its way. */
static int send_rndis(struct netvsc *nic, const uint8_t *request, uint32_t bytes,
                      enum netvsc_await await)
{
    struct netvsc_ctl *ctl = &nic->ctl;
    int rc;

    if (ctl->buffer_busy)
        return -EAGAIN;
    if (bytes > ctl->buffer_bytes)
        return -EMSGSIZE;
    memcpy(ctl->buffer, request, bytes);
    rc = send_request(nic, ctl->generation, bytes);
    if (rc)
        return rc;
    ctl->buffer_busy = true;
    ctl->buffer_generation = ctl->generation;
    ctl->await = await;
    nic->stats.ctl_sent++;
    return 0;
}

int netvsc_ctl_initialize(struct netvsc *nic)
{
    uint8_t request[NETVSC_REQUEST_BYTES_MAX];
    uint32_t bytes = rndis_build_initialize(request, next_generation(&nic->ctl));

    return send_rndis(nic, request, bytes, NETVSC_AWAIT_RNDIS);
}

int netvsc_ctl_query(struct netvsc *nic, uint32_t oid)
{
    uint8_t request[NETVSC_REQUEST_BYTES_MAX];
    uint32_t bytes = rndis_build_query(request, next_generation(&nic->ctl), oid);

    return send_rndis(nic, request, bytes, NETVSC_AWAIT_RNDIS);
}

int netvsc_ctl_set_u32(struct netvsc *nic, uint32_t oid, uint32_t value)
{
    uint8_t request[NETVSC_REQUEST_BYTES_MAX];
    uint32_t bytes = rndis_build_set_u32(request, next_generation(&nic->ctl), oid, value);

    return send_rndis(nic, request, bytes, NETVSC_AWAIT_RNDIS);
}

int netvsc_ctl_ask(struct netvsc *nic, uint32_t type, uint32_t oid, const void *info,
                   uint32_t info_bytes)
{
    uint8_t request[NETVSC_REQUEST_BYTES_MAX];
    uint32_t bytes =
        rndis_build_request(request, type, next_generation(&nic->ctl), oid, info, info_bytes);

    return send_rndis(nic, request, bytes, NETVSC_AWAIT_RNDIS);
}

int netvsc_ctl_halt(struct netvsc *nic)
{
    uint8_t request[NETVSC_REQUEST_BYTES_MAX];
    uint32_t bytes = rndis_build_halt(request, next_generation(&nic->ctl));

    return send_rndis(nic, request, bytes, NETVSC_AWAIT_TAKEN);
}

/* ---- answers --------------------------------------------------------------------------------- */

/*
 * Keep the answer for the step. Longer ones than we ever want are cut; parsing then fails cleanly.
 */
static void answer(struct netvsc_ctl *ctl, const uint8_t *copy, uint32_t bytes)
{
    memcpy(ctl->reply, copy, bytes);
    ctl->reply_bytes = bytes;
    ctl->answered = true;
    ctl->link_heard = ctl->speed_heard = false;
}

static bool awaits(const struct netvsc_ctl *ctl, enum netvsc_await what)
{
    return ctl->await == what && !ctl->answered;
}

static uint32_t copy_bounded(uint8_t *copy, const uint8_t *host, uint32_t len_bytes)
{
    uint32_t bytes = len_bytes < NETVSC_REPLY_BYTES_MAX ? len_bytes : NETVSC_REPLY_BYTES_MAX;

    memcpy(copy, host, bytes);
    return bytes;
}

void netvsc_ctl_completion(struct netvsc *nic, uint64_t xid, const uint8_t *host,
                           uint32_t len_bytes)
{
    struct netvsc_ctl *ctl = &nic->ctl;
    uint32_t generation = (uint32_t)(xid >> 32);
    uint8_t copy[NETVSC_REPLY_BYTES_MAX];
    uint32_t bytes;

    if (ctl->buffer_busy && generation == ctl->buffer_generation) {
        ctl->buffer_busy = false;
        if (generation == ctl->generation && awaits(ctl, NETVSC_AWAIT_TAKEN))
            ctl->answered = true;
        return;
    }
    if (generation != ctl->generation || !awaits(ctl, NETVSC_AWAIT_NVS)) {
        nic->stats.ctl_late++;
        return;
    }
    bytes = copy_bounded(copy, host, len_bytes);
    answer(ctl, copy, bytes);
}

static void take_speed(struct netvsc *nic, const struct rndis_info *info)
{
    uint32_t units;

    if (info->data_bytes < sizeof(units))
        return;
    memcpy(&units, info->data, sizeof(units));
    nic->ctl.speed_heard = true;
    nic->info.link_speed_bps = (uint64_t)units * NDIS_LINK_SPEED_UNIT_BPS;
    netvsc_raise(nic, NETVSC_EVENT_SPEED);
}

static void take_link(struct netvsc *nic, bool up)
{
    nic->ctl.link_heard = true;
    if (nic->info.link_up == up)
        return;
    nic->info.link_up = up;
    netvsc_raise(nic, NETVSC_EVENT_LINK);
}

static void take_indication(struct netvsc *nic, const uint8_t *copy, uint32_t bytes)
{
    struct rndis_info info;

    if (rndis_parse_indicate(copy, bytes, &info)) {
        nic->stats.host_bad_packet++;
        return;
    }
    nic->stats.ctl_indications++;
    switch (info.status) {
    case RNDIS_IND_MEDIA_CONNECT:
    case RNDIS_IND_MEDIA_DISCONNECT:
        take_link(nic, info.status == RNDIS_IND_MEDIA_CONNECT);
        break;
    case RNDIS_IND_LINK_SPEED:
        take_speed(nic, &info);
        break;
    case RNDIS_IND_NETWORK_CHANGE:
        netvsc_raise(nic, NETVSC_EVENT_NETWORK_CHANGE);
        break;
    default: /* offload configuration and others change nothing here */
        break;
    }
}

bool netvsc_ctl_message(struct netvsc *nic, const uint8_t *host, uint32_t len_bytes)
{
    struct netvsc_ctl *ctl = &nic->ctl;
    uint8_t copy[NETVSC_REPLY_BYTES_MAX];
    uint32_t bytes = copy_bounded(copy, host, len_bytes);
    uint32_t type, request_id;

    if (bytes < sizeof(type))
        return false;
    memcpy(&type, copy, sizeof(type));
    if (type == RNDIS_MSG_INDICATE_STATUS) {
        take_indication(nic, copy, bytes);
        return true;
    }
    if (!(type & RNDIS_MSG_COMPLETE))
        return false;
    if (!rndis_parse_request_id(copy, bytes, &request_id) && request_id == ctl->generation &&
        awaits(ctl, NETVSC_AWAIT_RNDIS))
        answer(ctl, copy, bytes);
    else
        nic->stats.ctl_late++;
    return true;
}

/*
 * A virtual function came or went. We count it and never ask for the data path to go there: so all
 * frames keep coming here.
 */
static void take_vf(struct netvsc *nic, const uint8_t *copy, uint32_t bytes)
{
    struct nvs_vf_association msg;

    if (bytes < sizeof(msg)) {
        nic->stats.host_bad_packet++;
        return;
    }
    memcpy(&msg, copy, sizeof(msg));
    if (msg.allocated)
        nic->stats.vf_offered++;
    else
        nic->stats.vf_withdrawn++;
}

void netvsc_ctl_inband(struct netvsc *nic, const uint8_t *host, uint32_t len_bytes)
{
    uint8_t copy[NETVSC_REPLY_BYTES_MAX];
    uint32_t bytes = copy_bounded(copy, host, len_bytes);
    uint32_t type;

    if (nvs_parse_type(copy, bytes, &type))
        nic->stats.host_bad_packet++;
    else if (type == NVS_MSG_SEND_TABLE)
        netvsc_rss_send_table(nic, copy, bytes);
    else if (type == NVS_MSG_VF_ASSOCIATION)
        take_vf(nic, copy, bytes);
    else if (type != NVS_MSG_SWITCH_DATA_PATH) /* to where ours is anyway */
        nic->stats.host_bad_packet++;
}
