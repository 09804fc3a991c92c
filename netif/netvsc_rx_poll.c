/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A poll of a queue: packets of all types, and the completions received ones are owed.
 *
 * Theory of operation. Completions are written after the frames were handed up. When the ring to
 * the host has no room for them they stay here, in order, and receiving goes on: a host that waits
 * for us to read before it reads itself must not find us waiting for it. There is place for more of
 * them than the receive buffer has sections, so only a host that lends what it does not have makes
 * receiving stop.
 */
#include "netvsc_var.h"

#include <string.h>

/* ---- completions owed ------------------------------------------------------------------------ */

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
    const uint32_t room = ack_room(q);
    const uint32_t done =
        vmbus_chan_complete_all(q->chan, q->ack, room < q->ack_count ? room : q->ack_count);

    q->stats.rx_acks += done;
    q->tx.credit = 0; /* the ring has less room than when it was last looked at */
    for (uint32_t i = done; done && i < q->ack_count; i++) {
        q->ack[i - done] = q->ack[i];
        q->lent[i - done] = q->lent[i];
        atomic_signal_fence(memory_order_seq_cst); /* entry by entry: see netvsc_takeover.c */
    }
    q->ack_count -= done;
    if (q->ack_count)
        q->stats.rx_ack_wait++;
}

/* ---- poll ------------------------------------------------------------------------------------ */

/*
 * Frames lie anywhere in the receive buffer, and when we are behind none is in a cache: while a
 * packet is at work the beginnings of the next one's frames are asked for. Hints only: nothing is
 * checked but where they are, nothing believed.
 */
#define LINE_BYTES 64u
#define ASK_BYTES (2 * LINE_BYTES) /* RNDIS header, per-packet info, and the frame's headers */
#define ASK_RANGES_MAX 16u

static void ask_ahead(const struct netvsc_queue *q)
{
    const uint32_t first = sizeof(struct vmbus_pkt_desc) + sizeof(struct vmbus_xfer_header);
    const struct vmbus_region *recv = &q->nic->mem->recv;
    const uint8_t *base = recv->base;
    const size_t off_max = recv->len_bytes - ASK_BYTES;
    struct vmbus_xfer_header set;
    uint32_t bytes, ranges;
    const uint8_t *next = vmbus_chan_ahead(q->chan, &bytes);

    if (bytes < first)
        return;
    memcpy(&set, next + sizeof(struct vmbus_pkt_desc), sizeof(set));
    ranges = (bytes - first) / (uint32_t)sizeof(struct vmbus_xfer_range);
    ranges = ranges < set.range_count ? ranges : set.range_count;
    ranges = ranges < ASK_RANGES_MAX ? ranges : ASK_RANGES_MAX;
    for (next += first; ranges > 0; ranges--, next += sizeof(struct vmbus_xfer_range)) {
        uint32_t off_bytes;

        memcpy(&off_bytes, next + offsetof(struct vmbus_xfer_range, off_bytes), sizeof(off_bytes));
        if (off_bytes > off_max)
            continue;
        __builtin_prefetch(base + off_bytes);
        __builtin_prefetch(base + off_bytes + LINE_BYTES);
    }
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
    netvsc_rx_hand_up(q);
    netvsc_hold_settle(q);
    netvsc_hold_collect(q);
    if (q->ack_count)
        send_acks(q);
    if (any)
        vmbus_chan_recv_done(q->chan);
    return done;
}
