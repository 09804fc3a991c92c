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
 * Nearly all messages are alike, and nothing is wrong with them. These are taken in runs, the quick
 * way: a few comparisons on words read once (rndis_quick.h), limits known since the attach. So are
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
        netvsc_count_rx(&q->stats, q->batch, count);
    else
        netvsc_count_alike(&q->stats, count, q->alike_bytes);
    q->alike_bytes = q->batch[0].len_bytes;
    q->batch_mixed = 0;
    nic->config.rx(nic->config.ctx, q->batch, count);
}

/* ---- the quick way --------------------------------------------------------------------------- */

static inline bool length_usual(const struct netvsc *nic, uint32_t data_bytes)
{
    return data_bytes - NETVSC_ETH_BYTES <= nic->rx_frame_bytes_max - NETVSC_ETH_BYTES;
}

/* A message with elements; not inlined, so that the loop below has the registers. */
static __attribute__((noinline)) bool take_with_elements(struct netvsc_queue *q, uint64_t range,
                                                         struct netvsc_frame *out)
{
    const uint8_t *msg = q->nic->recv + (range >> 32);
    struct rndis_layout at;
    struct rndis_meta meta;

    if (!netvsc_range_usual(q->nic, range) || !rndis_quick_packet(msg, (uint32_t)range, &at) ||
        !length_usual(q->nic, at.data_bytes) ||
        !rndis_quick_ppis(msg + at.ppi_off, at.ppi_bytes, &meta))
        return false;
    netvsc_put_frame(q, msg + at.data_off, at.data_bytes, out);
    netvsc_rx_meta(out, &meta);
    q->batch_mixed |= (at.data_bytes ^ q->alike_bytes) | (out->data[0] & 1) | out->has_tci;
    return true;
}

static inline bool take_plain(struct netvsc_queue *q, uint64_t range, struct netvsc_frame *out)
{
    const uint8_t *msg = q->nic->recv + (range >> 32);
    uint32_t data_bytes;

    if (!netvsc_range_usual(q->nic, range))
        return false;
    data_bytes = rndis_quick_plain(msg, (uint32_t)range);
    if (!length_usual(q->nic, data_bytes)) /* 0 is none */
        return false;
    msg += sizeof(struct rndis_packet);
    netvsc_put_frame(q, msg, data_bytes, out);
    q->batch_mixed |= (data_bytes ^ q->alike_bytes) | (msg[0] & 1);
    return true;
}

/*
 * Frames of the first of (count) ranges at (host), as long as they are as most are and there is
 * room in the batch, or they go on with its last frame. How many.
 */
static __attribute__((noinline)) uint32_t take_usual(struct netvsc_queue *q, const uint8_t *host,
                                                     uint32_t count)
{
    struct netvsc_frame *out = &q->batch[q->batch_count];
    const uint32_t room = NETVSC_BATCH_MAX - q->batch_count;
    uint32_t done = 0;

    if (q->nic->state != NETVSC_UP)
        return 0;
    if (q->chain.pieces)
        return netvsc_rsc_run(q, host, count);
    if (q->batch_count >= NETVSC_BATCH_MAX)
        return 0;
    for (count = count < room ? count : room; done < count; done++, out++) {
        const uint64_t range = rndis_quick_word(host + done * sizeof(range));

        if (!take_plain(q, range, out) && !take_with_elements(q, range, out))
            break;
    }
    q->stats.rx_messages += done;
    q->batch_count += done;
    if (done == room)
        netvsc_rx_hand_up(q);
    return done;
}

/* ---- packets --------------------------------------------------------------------------------- */

/* Fields from a register: stored whole and loaded in pieces they would be waited for. */
static_assert(offsetof(struct vmbus_xfer_header, set_id) == 0, "low half of a word's low half");
static_assert(offsetof(struct vmbus_xfer_header, range_count) == 4, "its high half");
static_assert(offsetof(struct nvs_rndis, channel_type) == 4, "high half of the message's first");

/*
 * Range list and NVSP message agree with what a receive packet must be: how many ranges there are,
 * and (*channel_type). 0: they do not.
 */
static inline uint32_t packet_ranges(const struct vmbus_packet *pkt, uint32_t *channel_type)
{
    const uint32_t ranges_max = pkt->header_bytes / (uint32_t)sizeof(struct vmbus_xfer_range);
    uint64_t set, nvs;

    if (ranges_max <= 1 || pkt->payload_bytes < sizeof(nvs)) /* the header is as long as one */
        return 0;
    set = rndis_quick_word(pkt->header);
    nvs = rndis_quick_word(pkt->payload);
    if ((uint16_t)set != NVS_RECV_BUF_ID || (uint32_t)nvs != NVS_MSG_RNDIS ||
        set >> 32 > VMBUS_XFER_RANGES_MAX || set >> 32 >= ranges_max)
        return 0;
    *channel_type = (uint32_t)(nvs >> 32);
    return (uint32_t)(set >> 32);
}

/* The ranges at (host), of which the first is not one to be taken quickly. False: malformed. */
static __attribute__((noinline)) bool take_any(struct netvsc_queue *q, const uint8_t *host,
                                               uint32_t count, bool is_data)
{
    struct vmbus_xfer_range range;
    bool ok = true;

    for (uint32_t i = 0; i < count; i += take_usual(q, host + i * sizeof(range), count - i)) {
        memcpy(&range, host + i++ * sizeof(range), sizeof(range));
        ok &= netvsc_rx_range(q, &range, is_data);
    }
    return q->chain.pieces ? netvsc_rsc_end(q) && ok : ok;
}

unsigned netvsc_rx_packet(struct netvsc_queue *q, const struct vmbus_packet *pkt)
{
    const uint8_t *host = pkt->header + sizeof(struct vmbus_xfer_header);
    uint32_t channel_type, done;
    const uint32_t count = packet_ranges(pkt, &channel_type);
    struct vmbus_ack *ack =
        netvsc_owe(q, pkt->xid, NETVSC_ACK(NVS_STATUS_FAILURE), count ? count : 1);

    if (!count) {
        q->stats.host_bad_set++;
        return 1;
    }
    q->stats.rx_packets += channel_type == NVS_RNDIS_DATA;
    done = take_usual(q, host, count);
    if (done == count || take_any(q, host + done * sizeof(struct vmbus_xfer_range), count - done,
                                  channel_type == NVS_RNDIS_DATA))
        ack->payload = NETVSC_ACK(NVS_STATUS_SUCCESS);
    return count;
}
