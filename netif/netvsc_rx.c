/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive: transfer-page packets become frames.
 *
 * Theory of operation. A packet lends us one or more ranges of the receive buffer, each with one
 * RNDIS message. Headers are copied to private memory once, checked there, and only then turn into
 * pointers; the frame itself stays where the host wrote it until config.rx has consumed it. Frames
 * are collected and handed up in one call per batch; a packet with more frames than a batch takes
 * several calls.
 *
 * Control travels on the primary channel only, so that queue 0's thread alone deals with it.
 *
 * Every packet is owed exactly one completion, malformed ones too (status 2), or its sections are
 * lost. Completions are written after the frames were handed up. When the ring to the host has no
 * room for them they stay here, in order, and receiving goes on: a host that waits for us to read
 * before it reads itself must not find us waiting for it. There is place for more of them than the
 * receive buffer has sections, so only a host that lends what it does not have makes receiving
 * stop.
 */
#include "netvsc_count_var.h"
#include "netvsc_var.h"

#include <errno.h>
#include <string.h>

/* ---- completions owed ------------------------------------------------------------------------ */

static struct netvsc_ack *owe_ack(struct netvsc_queue *q, uint64_t xid, uint32_t sections)
{
    const struct netvsc_ack ack = {.xid = xid, .status = NVS_STATUS_FAILURE, .sections = sections};

    return netvsc_owe(q, &ack);
}

/* Completions the ring takes without touching what frames begun, or piled up, need. */
static uint32_t ack_room(struct netvsc_queue *q)
{
    const uint32_t packets = netvsc_tx_kept_packets(&q->tx);
    uint32_t keep, room;

    if (!packets)
        return q->ack_count; /* the ring itself says when it is full */
    keep = VMBUS_CHAN_RESERVE_ACKS + 2 * packets;
    room = vmbus_chan_ack_room(q->chan, q->ack_count + keep);
    return room > keep ? room - keep : 0;
}

static void send_acks(struct netvsc_queue *q)
{
    uint32_t room = ack_room(q);
    uint32_t done = 0;

    while (done < q->ack_count && done < room) {
        const struct nvs_rndis_complete msg = {.type = NVS_MSG_RNDIS_COMPLETE,
                                               .status = q->ack[done].status};

        if (vmbus_chan_complete(q->chan, q->ack[done].xid, &msg, sizeof(msg)))
            break;
        done++;
    }
    q->stats.rx_acks += done;
    q->tx.credit = 0; /* the ring has less room than when it was last looked at */
    for (uint32_t i = done; done && i < q->ack_count; i++) {
        q->ack[i - done] = q->ack[i];
        atomic_signal_fence(memory_order_seq_cst); /* entry by entry: see netvsc_takeover.c */
    }
    q->ack_count -= done;
    if (q->ack_count)
        q->stats.rx_ack_wait++;
}

/* ---- frames ---------------------------------------------------------------------------------- */

static void hand_up(struct netvsc_queue *q)
{
    struct netvsc *nic = q->nic;
    unsigned count = q->batch_count;

    if (!count)
        return;
    q->batch_count = 0;
    for (unsigned i = 0; nic->config.capture && i < count; i += 1u + q->batch[i].more)
        nic->config.capture(nic->config.ctx, false, &q->batch[i]);
    netvsc_count_rx(&q->stats, q->batch, count);
    nic->config.rx(nic->config.ctx, q->batch, count);
}

static uint8_t csum_verdict(uint32_t word)
{
    uint8_t verdict = 0;

    if (word & RNDIS_RXCSUM_IP_OK)
        verdict |= NETVSC_CSUM_IP_OK;
    if (word & (RNDIS_RXCSUM_TCP_OK | RNDIS_RXCSUM_UDP_OK))
        verdict |= NETVSC_CSUM_L4_OK;
    if (word & RNDIS_RXCSUM_IP_BAD)
        verdict |= NETVSC_CSUM_IP_BAD;
    if (word & (RNDIS_RXCSUM_TCP_BAD | RNDIS_RXCSUM_UDP_BAD))
        verdict |= NETVSC_CSUM_L4_BAD;
    if (word & (RNDIS_RXCSUM_TCP_STALE | RNDIS_RXCSUM_IP_STALE))
        verdict |= NETVSC_CSUM_STALE;
    return verdict;
}

/* What goes with a frame; (*fragment): RNDIS_PACKET_ID_*, 0 for a whole one. */
static int parse_meta(const uint8_t *msg, const struct rndis_layout *at, struct netvsc_frame *frame,
                      uint8_t *fragment)
{
    uint8_t copy[RNDIS_PPI_AREA_BYTES_MAX];
    struct rndis_meta meta;

    memcpy(copy, msg + at->ppi_off, at->ppi_bytes);
    if (rndis_parse_ppis(copy, at->ppi_bytes, &meta))
        return -EPROTO;
    frame->tci = meta.tci;
    frame->has_tci = meta.has_tci;
    frame->csum = csum_verdict(meta.csum);
    frame->hash = meta.hash;
    *fragment = meta.fragment;
    return 0;
}

/*
 * A frame in one message. False: dropped, and counted why. (frame) is behind the batch, which is
 * its place unless fragments in front of it had to go.
 */
static bool take_whole(struct netvsc_queue *q, const struct netvsc_frame *frame)
{
    bool ok = netvsc_rsc_end(q);

    if (frame->len_bytes < NETVSC_ETH_BYTES || frame->len_bytes > q->nic->rx_frame_bytes_max) {
        q->stats.rx_drop_size++;
        return false;
    }
    if (frame != &q->batch[q->batch_count])
        q->batch[q->batch_count] = *frame;
    q->batch_count++;
    return ok;
}

/* One data message whose header is in (copy). False: dropped, and counted why. */
static bool take_data(struct netvsc_queue *q, const uint8_t *msg, const struct rndis_packet *copy,
                      uint32_t range_bytes)
{
    struct netvsc_frame *frame = &q->batch[q->batch_count]; /* made where it will be */
    struct rndis_layout at;
    uint8_t fragment = 0;
    bool ok;

    q->stats.rx_messages++;
    if (q->nic->state != NETVSC_UP) {
        q->stats.rx_drop_down++;
        return true; /* nothing wrong with it */
    }
    *frame = (struct netvsc_frame){.packet = q->ack_count - 1, .queue = (uint8_t)q->index};
    if (rndis_parse_packet(copy, sizeof(*copy), range_bytes, &at) ||
        (at.ppi_bytes && parse_meta(msg, &at, frame, &fragment))) {
        q->stats.rx_drop_rndis++;
        netvsc_rsc_end(q);
        return false;
    }
    frame->data = msg + at.data_off;
    frame->len_bytes = at.data_bytes;
    ok = fragment ? netvsc_rsc_take(q, frame, fragment) : take_whole(q, frame);
    if (q->batch_count >= NETVSC_BATCH_MAX && !q->chain.pieces)
        hand_up(q);
    return ok;
}

/* The receive-buffer range named by the host, or NULL if it is no range of one section. */
static const uint8_t *range_at(const struct netvsc *nic, const struct vmbus_xfer_range *host)
{
    size_t size = nic->mem->recv.len_bytes;

    if (host->off_bytes > size || host->len_bytes > size - host->off_bytes)
        return NULL;
    if (host->len_bytes > nic->info.recv_section_bytes ||
        host->len_bytes < sizeof(struct rndis_header))
        return NULL;
    return nic->mem->recv.base + host->off_bytes;
}

/* A message that cannot be read: in the books if it was announced as data. */
static bool drop_message(struct netvsc_queue *q, bool is_data, uint64_t *reason)
{
    netvsc_rsc_end(q);
    if (is_data) {
        q->stats.rx_messages++;
        (*reason)++;
    } else {
        q->stats.host_bad_packet++;
    }
    return false;
}

/* One range. False: malformed. */
static bool take_range(struct netvsc_queue *q, const struct vmbus_xfer_range *range, bool is_data)
{
    const uint8_t *msg = range_at(q->nic, range);
    struct rndis_packet copy;

    if (!msg)
        return drop_message(q, is_data, &q->stats.rx_drop_range);
    if (range->len_bytes >= sizeof(copy)) {
        memcpy(&copy, msg, sizeof(copy)); /* of a length known here it is four instructions */
    } else {
        memset(&copy, 0, sizeof(copy));
        memcpy(&copy, msg, range->len_bytes);
    }
    if (copy.type == RNDIS_MSG_PACKET)
        return take_data(q, msg, &copy, range->len_bytes);
    if (q->index == 0 && netvsc_ctl_message(q->nic, msg, range->len_bytes))
        return netvsc_rsc_end(q);
    return drop_message(q, is_data, &q->stats.rx_drop_rndis);
}

/* The range list's header and the NVSP message agree with what a receive packet must be. */
static bool packet_ok(const struct vmbus_packet *pkt, struct vmbus_xfer_header *set,
                      struct nvs_rndis *nvs)
{
    uint8_t copy[sizeof(*nvs)];
    uint32_t bytes = pkt->payload_bytes < sizeof(copy) ? pkt->payload_bytes : sizeof(copy);

    if (pkt->header_bytes < sizeof(*set))
        return false;
    memcpy(set, pkt->header, sizeof(*set));
    if (bytes == sizeof(copy))
        memcpy(copy, pkt->payload, sizeof(copy));
    else
        memcpy(copy, pkt->payload, bytes);
    if (set->set_id != NVS_RECV_BUF_ID || nvs_parse_rndis(copy, bytes, nvs))
        return false;
    return set->range_count >= 1 && set->range_count <= VMBUS_XFER_RANGES_MAX &&
           set->range_count <= (pkt->header_bytes - sizeof(*set)) / sizeof(struct vmbus_xfer_range);
}

unsigned netvsc_rx_packet(struct netvsc_queue *q, const struct vmbus_packet *pkt)
{
    struct vmbus_xfer_header set;
    struct netvsc_ack *ack;
    struct nvs_rndis nvs;
    bool ok = true;

    if (!packet_ok(pkt, &set, &nvs)) {
        q->stats.host_bad_set++;
        owe_ack(q, pkt->xid, 1);
        return 1;
    }
    if (nvs.channel_type == NVS_RNDIS_DATA)
        q->stats.rx_packets++;
    ack = owe_ack(q, pkt->xid, set.range_count);
    for (uint32_t i = 0; i < set.range_count; i++) {
        struct vmbus_xfer_range range;

        memcpy(&range, pkt->header + sizeof(set) + i * sizeof(range), sizeof(range));
        ok &= take_range(q, &range, nvs.channel_type == NVS_RNDIS_DATA);
    }
    ok &= netvsc_rsc_end(q);
    if (ok)
        ack->status = NVS_STATUS_SUCCESS;
    return set.range_count;
}

/* ---- poll ------------------------------------------------------------------------------------ */

/*
 * Frames lie anywhere in the receive buffer, and when we are behind none is in a cache: while a
 * packet is at work the beginnings of the next one's frames are asked for. Hints only: nothing is
 * checked but where they are, nothing believed.
 */
#define ASK_BYTES 128u /* RNDIS header, per-packet info, and the frame's headers */
#define ASK_RANGES_MAX 16u
#define LINE_BYTES 64u

static void ask_range(const struct netvsc_queue *q, const uint8_t *host)
{
    const struct vmbus_region *recv = &q->nic->mem->recv;
    struct vmbus_xfer_range range;

    memcpy(&range, host, sizeof(range));
    if (range.off_bytes > recv->len_bytes - ASK_BYTES)
        return;
    for (uint32_t off = 0; off < ASK_BYTES; off += LINE_BYTES)
        __builtin_prefetch(recv->base + range.off_bytes + off);
}

static void ask_ahead(const struct netvsc_queue *q)
{
    const uint32_t first = sizeof(struct vmbus_pkt_desc) + sizeof(struct vmbus_xfer_header);
    struct vmbus_xfer_header set;
    uint32_t bytes, ranges;
    const uint8_t *next = vmbus_chan_ahead(q->chan, &bytes);

    if (bytes < first)
        return;
    memcpy(&set, next + sizeof(struct vmbus_pkt_desc), sizeof(set));
    ranges = (bytes - first) / (uint32_t)sizeof(struct vmbus_xfer_range);
    if (ranges > set.range_count)
        ranges = set.range_count;
    for (uint32_t i = 0; i < ranges && i < ASK_RANGES_MAX; i++)
        ask_range(q, next + first + i * sizeof(struct vmbus_xfer_range));
}

/* One packet of any type; returns how much work it was. */
static unsigned dispatch(struct netvsc_queue *q, const struct vmbus_packet *pkt)
{
    switch (pkt->type) {
    case VMBUS_PKT_XFER_PAGES:
        ask_ahead(q);
        return netvsc_rx_packet(q, pkt);
    case VMBUS_PKT_COMPLETION:
        netvsc_tx_completion(q, pkt);
        return 1;
    case VMBUS_PKT_INBAND:
        if (q->index == 0) {
            netvsc_ctl_inband(q->nic, pkt->payload, pkt->payload_bytes);
            return 1;
        }
        /* fallthrough */
    default:
        q->stats.host_bad_packet++;
        return 1;
    }
}

unsigned netvsc_rx_poll(struct netvsc_queue *q, unsigned budget)
{
    struct vmbus_packet pkt;
    unsigned done = 0;
    bool any = false;
    int rc;

    while (done < budget && q->ack_count < NETVSC_ACKS_MAX - NETVSC_HOLDS_MAX) {
        rc = vmbus_chan_recv(q->chan, &pkt);
        if (rc < 0)
            q->nic->trouble = rc;
        if (rc <= 0)
            break;
        any = true;
        done += dispatch(q, &pkt);
    }
    hand_up(q);
    netvsc_hold_settle(q);
    netvsc_hold_collect(q);
    if (q->ack_count)
        send_acks(q);
    if (any)
        vmbus_chan_recv_done(q->chan);
    return done;
}
