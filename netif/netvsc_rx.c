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
 * Nearly all messages are alike, and nothing is wrong with them. These are taken in runs, by
 * comparing them with the last one that was judged (netvsc_rx_alike.c). So are, in their own way,
 * the fragments behind a frame's first one (netvsc_rsc.c). The first range that is anything else
 * ends the run and is judged from its beginning, on a copy of its own (netvsc_rx_message.c), as if
 * nobody had looked at it.
 *
 * Every packet is owed exactly one completion, malformed ones too (status 2), or its sections are
 * lost.
 */
#include "netvsc_count_var.h"
#include "netvsc_rx_var.h"

#include <string.h>

void netvsc_rx_hand_up(struct netvsc_queue *q)
{
    struct netvsc *nic = q->nic;
    unsigned count = q->batch_count;

    if (!count)
        return;
    q->batch_count = 0;
    for (unsigned i = 0; nic->config.capture && i < count; i += 1u + q->batch[i].more)
        nic->config.capture(nic->config.ctx, false, &q->batch[i]);
    if (q->batch_mixed)
        netvsc_count_rx(&q->stats, q->batch, count, q->alike_bytes);
    else
        netvsc_count_alike(&q->stats, count, q->alike_bytes);
    q->alike_bytes = q->batch[0].len_bytes;
    q->batch_mixed = 0;
    nic->config.rx(nic->config.ctx, q->batch, count);
}

/* ---- the quick way --------------------------------------------------------------------------- */

static inline uint32_t batch_room(const struct netvsc_queue *q)
{
    return q->batch_count < NETVSC_BATCH_MAX ? NETVSC_BATCH_MAX - q->batch_count : 0;
}

/*
 * Take ranges from (host) towards (end) the quick way: frames like the last one judged while the
 * batch has room, or fragments that continue its last frame. Returns the first range not taken.
 */
static inline const uint8_t *take_usual(struct netvsc_queue *q, const uint8_t *host,
                                        const uint8_t *end)
{
    uint32_t left = (uint32_t)(end - host) / (uint32_t)sizeof(uint64_t), done;

    if (q->nic->state != NETVSC_UP)
        return host;
    if (q->chain.pieces)
        return netvsc_rsc_run(q, host, end);
    if (left > batch_room(q))
        left = batch_room(q);
    for (; left > 0; left--, host += sizeof(uint64_t)) {
        done = left > 1 ? netvsc_rx_alike(q, host, left) : 0; /* a last one is rarely alike */
        host += done * sizeof(uint64_t);
        left -= done;
        if (left == 0 || !netvsc_rx_judge(q, netvsc_word(host)))
            break;
    }
    if (q->batch_count >= NETVSC_BATCH_MAX)
        netvsc_rx_hand_up(q);
    return host;
}

/* ---- packets --------------------------------------------------------------------------------- */

/* Fields are cut out of registers; words stored and loaded again in pieces would be waited for. */
static_assert(offsetof(struct vmbus_xfer_header, set_id) == 0, "low half of a word's low half");
static_assert(offsetof(struct vmbus_xfer_header, range_count) == 4, "its high half");
static_assert(offsetof(struct nvs_rndis, channel_type) == 4, "high half of the message's first");

/*
 * How many ranges the packet has, and its (*channel_type). 0: its header or its NVSP message is not
 * what a receive packet has.
 */
static inline uint32_t packet_ranges(const struct vmbus_packet *pkt, uint32_t *channel_type)
{
    const uint32_t ranges_max = pkt->header_bytes / (uint32_t)sizeof(struct vmbus_xfer_range);
    uint64_t set, nvs;
    uint32_t count;

    if (ranges_max <= 1 || pkt->payload_bytes < sizeof(nvs)) /* the header is as long as one */
        return 0;
    set = rndis_quick_word(pkt->header);
    nvs = rndis_quick_word(pkt->payload);
    count = (uint32_t)(set >> 32);
    if ((uint16_t)set != NVS_RECV_BUF_ID || (uint32_t)nvs != NVS_MSG_RNDIS ||
        count > VMBUS_XFER_RANGES_MAX || count >= ranges_max)
        return 0;
    *channel_type = (uint32_t)(nvs >> 32);
    return count;
}

/* Take the ranges from (host) to (end); the first is not a usual one. False: one is malformed. */
static __attribute__((noinline)) bool take_any(struct netvsc_queue *q, const uint8_t *host,
                                               const uint8_t *end, bool is_data)
{
    struct vmbus_xfer_range range;
    bool ok = true;

    while (host < end) {
        memcpy(&range, host, sizeof(range));
        ok &= netvsc_rx_range(q, &range, is_data);
        host = take_usual(q, host + sizeof(range), end);
    }
    return q->chain.pieces ? netvsc_rsc_end(q) && ok : ok;
}

/* One transfer-page packet: how many messages it carried. */
static inline unsigned take_packet(struct netvsc_queue *q, const struct vmbus_packet *pkt)
{
    const uint8_t *host = pkt->header + sizeof(struct vmbus_xfer_header), *end;
    uint32_t channel_type;
    const uint32_t count = packet_ranges(pkt, &channel_type);

    if (!count) {
        q->stats.host_bad_set++;
        netvsc_owe(q, pkt->xid, NETVSC_ACK(NVS_STATUS_FAILURE), 1);
        return 1;
    }
    q->stats.rx_packets += channel_type == NVS_RNDIS_DATA;
    q->origin = netvsc_origin(q, q->ack_count);
    netvsc_owe(q, pkt->xid, NETVSC_ACK(NVS_STATUS_SUCCESS), count);
    end = host + count * sizeof(struct vmbus_xfer_range);
    host = take_usual(q, host, end);
    if (host < end && !take_any(q, host, end, channel_type == NVS_RNDIS_DATA))
        q->ack[q->ack_count - 1].payload = NETVSC_ACK(NVS_STATUS_FAILURE);
    return count;
}

/* Take packets of one range each, from (pkt) on, as long as they are alike. How many. */
static inline unsigned take_singles(struct netvsc_queue *q, const struct vmbus_packet *pkt,
                                    unsigned count)
{
    const uint32_t room = batch_room(q);

    if (pkt->header_bytes != NETVSC_SINGLE_BYTES || q->nic->state != NETVSC_UP)
        return 0;
    count = netvsc_rx_singles(q, pkt, count < room ? count : room);
    if (q->batch_count >= NETVSC_BATCH_MAX)
        netvsc_rx_hand_up(q);
    return count;
}

/* One of another type. */
static __attribute__((noinline)) void take_other(struct netvsc_queue *q,
                                                 const struct vmbus_packet *pkt)
{
    if (pkt->type == VMBUS_PKT_COMPLETION)
        netvsc_tx_completion(q, pkt);
    else if (pkt->type == VMBUS_PKT_INBAND && q->index == 0)
        netvsc_ctl_inband(q->nic, pkt->payload, pkt->payload_bytes);
    else
        q->stats.host_bad_packet++;
}

unsigned netvsc_rx_packets(struct netvsc_queue *q, const struct vmbus_packet *pkt, unsigned count,
                           unsigned budget)
{
    unsigned done = 0, taken;

    for (; count > 0 && done < budget; count -= taken, pkt += taken) {
        const unsigned left = budget - done;

        taken = take_singles(q, pkt, count < left ? count : left);
        done += taken;
        if (taken)
            continue;
        taken = 1;
        if (pkt->type == VMBUS_PKT_XFER_PAGES) {
            done += take_packet(q, pkt);
        } else {
            take_other(q, pkt);
            done++;
        }
    }
    if (count > 0)
        vmbus_chan_recv_back(q->chan, pkt, count);
    return done;
}
