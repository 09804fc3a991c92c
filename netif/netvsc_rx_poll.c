/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A poll of a queue: packets, several at a time, and the completions received ones are owed.
 *
 * Theory of operation. Completions are written after the frames were handed up. When the ring to
 * the host has no room for them they stay here, in order, and receiving goes on: a host that waits
 * for us to read before it reads itself must not find us waiting for it. There is room for more of
 * them than the receive buffer has sections, so receiving stops only for a host that lends sections
 * it does not have.
 */
#include "netvsc_rx_var.h"

#define PACKETS_AT_ONCE 8u
/* With more than these owed nothing is received: the rest of ack[] is for the last packets taken at
 * once, and for packets that were held and are released. */
#define ACKS_MAX (NETVSC_ACKS_MAX - NETVSC_HOLDS_MAX - PACKETS_AT_ONCE)

/* ---- completions owed ------------------------------------------------------------------------ */

/* The ring room of (acks) completions, in packets. */
static uint32_t credit_of(uint32_t acks)
{
    return (acks + NETVSC_TX_PACKET_ACKS - 1) / NETVSC_TX_PACKET_ACKS;
}

/* Completions the ring takes without touching what frames begun, or piled up, need. */
static uint32_t ack_room(struct netvsc_queue *q)
{
    const uint32_t packets = netvsc_tx_kept_packets(&q->tx);
    uint32_t keep, room;

    if (!packets)
        return q->ack_count; /* the ring itself says when it is full */
    if (q->tx.credit >= netvsc_tx_spare(&q->tx) + credit_of(q->ack_count))
        return q->ack_count; /* it was seen to have room */
    keep = VMBUS_CHAN_RESERVE_ACKS + NETVSC_TX_PACKET_ACKS * packets;
    room = vmbus_chan_ack_room(q->chan, q->ack_count + keep);
    return room > keep ? room - keep : 0;
}

static void send_acks(struct netvsc_queue *q)
{
    const uint32_t room = ack_room(q);
    const uint32_t done =
        vmbus_chan_complete_all(q->chan, q->ack, room < q->ack_count ? room : q->ack_count);
    const uint32_t used = credit_of(done);

    q->stats.rx_acks += done;
    q->tx.credit -= used < q->tx.credit ? used : q->tx.credit;
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
 * Frames lie anywhere in the receive buffer, and when we are behind the host none is in a cache. So
 * the frames of all packets just taken are prefetched before the first is looked at: two lines
 * each, which hold RNDIS header, per-packet info and the frame's headers. Only hints: of the range
 * no more is checked than that it lies inside the buffer.
 */
#define LINE_BYTES 64u
#define ASK_BYTES_MAX (17u * (uint32_t)sizeof(struct vmbus_xfer_range)) /* of a packet's header */
static void ask_for(const struct netvsc *nic, const struct vmbus_packet *pkt)
{
    const uint8_t *recv = nic->recv;
    const uint64_t off_max = nic->recv_off_max;
    const uint32_t bytes = pkt->header_bytes < ASK_BYTES_MAX ? pkt->header_bytes : ASK_BYTES_MAX;

    for (uint32_t at = sizeof(struct vmbus_xfer_header); at < bytes; at += sizeof(uint64_t)) {
        const uint64_t off_bytes = netvsc_word(pkt->header + at) >> 32;

        if (off_bytes >= off_max)
            continue;
        __builtin_prefetch(recv + off_bytes);
        __builtin_prefetch(recv + off_bytes + LINE_BYTES);
    }
}

unsigned netvsc_rx_poll(struct netvsc_queue *q, unsigned budget)
{
    struct vmbus_packet pkt[PACKETS_AT_ONCE];
    bool more = true, any;
    unsigned done = 0;

    if (q->ack_count <= ACKS_MAX)
        done = netvsc_rx_lone(q, budget < PACKETS_AT_ONCE ? budget : PACKETS_AT_ONCE, &more);
    any = done > 0;
    while (more && done < budget && q->ack_count <= ACKS_MAX) {
        const unsigned left = budget - done; /* a packet is some work */
        const unsigned most = left < PACKETS_AT_ONCE ? left : PACKETS_AT_ONCE;
        const int got = vmbus_chan_recv_some(q->chan, pkt, most);

        if (got < 0)
            q->nic->trouble = got;
        if (got <= 0)
            break;
        any = true;
        for (int i = 0; i < got && !q->tx.host_here; i++)
            ask_for(q->nic, &pkt[i]);
        done += netvsc_rx_packets(q, pkt, (unsigned)got, left);
        if ((unsigned)got < most)
            break; /* no more there; what has come since is for the next poll */
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
