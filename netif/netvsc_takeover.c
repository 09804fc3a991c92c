/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue whose process died.
 *
 * Theory of operation. Two things must come out exactly, or the host punishes us or we lose memory
 * for good: which received packets we still owe a completion, and which send sections the host
 * still owes us. The rest is counters, which are made to balance.
 *
 * Owed: an entry in ack[]; a hold that is out; a completion written to the ring and not shown to
 * the host, which vmbus_chan_takeover() forgets. A packet may be found in two of these, for things
 * are always put into the next place before they are taken from the last; so doubles are dropped.
 * A packet in the part of the ring that will be read again is owed by whoever reads it then, and by
 * nobody now. What was shown to the host was in none of these places any more.
 *
 * Sections: a slot is marked SENT after its packet is on the ring and before the host is shown it,
 * so SENT and not forgotten means that the host has it. Completions that will be read again for
 * slots that are free by now were taken before: so many are expected (taken_again).
 *
 * The compiler must not move these stores across each other: that is what the signal fences in
 * netvsc_hold.c, netvsc_rx_poll.c, netvsc_tx_send.c and vmbus_ring_var.h are for. The machine does
 * not matter, as whoever looks does so after the death.
 */
#include <errno.h>
#include <stdlib.h>

#include "netvsc_var.h"
#include "netvsc_worker.h"
#include "vmbus_chan_alone.h"

/* More than any ring has packets: a host that writes while we look must not keep us. */
#define LOOK_MAX (1u << 18)

/* ---- the ring ------------------------------------------------------------------------------- */

static void on_forgotten(void *ctx, uint16_t type, uint64_t xid)
{
    struct netvsc_queue *q = ctx;
    struct netvsc_tx_slot *slot = netvsc_tx_sent_slot(&q->tx, xid);

    if (type == VMBUS_PKT_COMPLETION && q->ack_count < NETVSC_ACKS_MAX)
        netvsc_owe(q, xid, NETVSC_ACK(NVS_STATUS_SUCCESS), 1);
    else if (type != VMBUS_PKT_COMPLETION && slot)
        slot->state = NETVSC_SLOT_PILED;
}

static int by_xid(const void *a, const void *b)
{
    uint64_t left = ((const struct vmbus_ack *)a)->xid, right = ((const struct vmbus_ack *)b)->xid;

    return left < right ? -1 : left > right;
}

/* In order, each once. How many sections each gives back is forgotten: nobody holds one now. */
static void drop_doubles(struct netvsc_queue *q)
{
    uint32_t kept = 0;

    qsort(q->ack, q->ack_count, sizeof(q->ack[0]), by_xid);
    for (uint32_t i = 0; i < q->ack_count; i++)
        if (i == 0 || q->ack[i].xid != q->ack[kept - 1].xid)
            q->ack[kept++] = q->ack[i];
    for (uint32_t i = 0; i < kept; i++)
        q->lent[i] = (struct netvsc_lent){.sections = 1};
    q->ack_count = kept;
}

/* A packet that will be received again: not owed yet, or expected once more. */
static void foresee(struct netvsc_queue *q, const struct vmbus_packet *pkt)
{
    const struct vmbus_ack key = {.xid = pkt->xid};
    struct vmbus_ack *ack;

    if (pkt->type == VMBUS_PKT_COMPLETION) {
        q->taken_again += netvsc_tx_sent_slot(&q->tx, pkt->xid) == NULL;
        return;
    }
    if (pkt->type != VMBUS_PKT_XFER_PAGES)
        return;
    ack = bsearch(&key, q->ack, q->ack_count, sizeof(key), by_xid);
    if (ack)
        ack->payload = 0; /* says nothing: taken out below */
}

static int look_ahead(struct netvsc_queue *q)
{
    struct vmbus_packet pkt;
    uint32_t kept = 0;

    q->taken_again = 0;
    for (unsigned i = 0; i < LOOK_MAX && vmbus_chan_recv(q->chan, &pkt) == 1; i++)
        foresee(q, &pkt);
    for (uint32_t i = 0; i < q->ack_count; i++)
        if (q->ack[i].payload)
            q->ack[kept++] = q->ack[i];
    q->ack_count = kept;
    return vmbus_chan_rewind(q->chan);
}

/* ---- sections and counters ------------------------------------------------------------------- */

/* Memory the host was told of besides went with its process; see vmbus_memory.h for whose it is. */
static void gather_slots(struct netvsc_queue *q)
{
    struct netvsc_tx *tx = &q->tx;

    q->done_count = 0;
    tx->free_count = tx->credit = tx->begun = tx->reserved = tx->outstanding = 0;
    tx->pile = (struct netvsc_tx_pile){0};
    tx->full_since_ns = 0;
    for (uint32_t i = tx->slot_count; i-- > 0;) {
        tx->slot[i].owner = NULL;
        if (tx->slot[i].state == NETVSC_SLOT_SENT)
            tx->outstanding += tx->slot[i].frames;
        else
            netvsc_tx_free_slot(q, i);
    }
}

/* A death between two counters leaves one ahead of the other: go by what was counted last. */
static void balance(struct netvsc_queue *q)
{
    struct netvsc_stats *s = &q->stats;
    uint64_t ended;

    s->rx_frames = netvsc_sizes_rx(s);
    s->rx_messages = netvsc_messages_known(s);
    s->tx_frames = netvsc_sizes_tx(s);
    ended = s->tx_completed + s->tx_failed + s->tx_lost + q->tx.outstanding;
    if (ended <= s->tx_frames)
        s->tx_lost += s->tx_frames - ended;
    else
        s->tx_completed -= ended - s->tx_frames;
}

int netvsc_queue_takeover(struct netvsc *nic, unsigned queue)
{
    struct netvsc_queue *q = queue < nic->config.queues ? nic->queue[queue] : NULL;
    int rc;

    if (queue == 0 || !q || !nic->dev || !q->chan)
        return -EINVAL;
    q->joined = q->idle = false;
    q->batch_count = 0;
    q->chain = (struct netvsc_chain){0};
    q->like.range_bytes = NETVSC_ALIKE_NONE; /* it may be half written */
    rc = vmbus_chan_takeover(q->chan, on_forgotten, q);
    q->stats.tx_cancelled += netvsc_tx_begun_count(&q->tx);
    netvsc_hold_takeover(q);
    drop_doubles(q);
    if (rc == 0)
        rc = look_ahead(q);
    gather_slots(q);
    balance(q);
    q->stats.takeovers++;
    q->stats.takeover_acks += q->ack_count;
    if (rc)
        nic->trouble = rc;
    return rc;
}
