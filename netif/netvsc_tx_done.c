/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * The host completes each packet once, in any order, with the transaction id we gave: the section
 * is free again then, and so is memory the packet named besides. Its owners are told in batches, at
 * the end of the poll. When the device goes what was outstanding is lost; owners are told only when
 * it is closed, for until then the host may still read.
 */
#include "netvsc_var.h"

#include <string.h>

/* ---- completions ----------------------------------------------------------------------------- */

struct netvsc_tx_slot *netvsc_tx_sent_slot(struct netvsc_tx *tx, uint64_t xid)
{
    uint32_t index = (uint32_t)xid - 1; /* 0 becomes too large */

    if (index >= tx->slot_count || tx->slot[index].state != NETVSC_SLOT_SENT ||
        tx->slot[index].generation != (uint32_t)(xid >> 32))
        return NULL;
    return &tx->slot[index];
}

/* Is this the completion of a control request that was made? The generation says how long ago. */
static bool is_control(const struct netvsc_queue *q, uint64_t xid)
{
    const struct netvsc *nic = q->nic;

    return q->index == 0 && (uint32_t)xid == NETVSC_XID_CONTROL && xid >> 32 != 0 &&
           (uint32_t)(xid >> 32) <= nic->ctl.generation;
}

/* A completion for nothing we know. Answers to NVSP requests are told apart by their type. */
static void count_stray(struct netvsc_queue *q, const uint8_t *copy, uint32_t bytes)
{
    uint32_t type;

    if (q->taken_again) { /* its former process has taken it already */
        q->taken_again--;
        return;
    }
    if (!nvs_parse_type(copy, bytes, &type) &&
        (type == NVS_MSG_INIT_COMPLETE || type == NVS_MSG_RECV_BUF_COMPLETE ||
         type == NVS_MSG_SEND_BUF_COMPLETE))
        q->stats.ctl_late++;
    else
        q->stats.host_bad_xid++;
}

void netvsc_tx_take_back(struct netvsc_queue *q, struct netvsc_tx_slot *slot, uint32_t status)
{
    if (status == NVS_STATUS_SUCCESS)
        q->stats.tx_completed += slot->frames;
    else
        q->stats.tx_failed += slot->frames;
    q->tx.outstanding -= slot->frames;
    netvsc_tx_free_slot(q, (uint32_t)(slot - q->tx.slot));
}

void netvsc_tx_completion(struct netvsc_queue *q, const struct vmbus_packet *pkt)
{
    struct netvsc *nic = q->nic;
    struct netvsc_tx *tx = &q->tx;
    struct nvs_rndis_complete msg;
    struct netvsc_tx_slot *slot;
    uint8_t copy[sizeof(msg)];
    uint32_t bytes = pkt->payload_bytes < sizeof(copy) ? pkt->payload_bytes : sizeof(copy);

    if (is_control(q, pkt->xid)) {
        netvsc_ctl_completion(nic, pkt->xid, pkt->payload, pkt->payload_bytes);
        return;
    }
    memcpy(copy, pkt->payload, bytes);
    slot = netvsc_tx_sent_slot(tx, pkt->xid);
    if (!slot) {
        count_stray(q, copy, bytes);
        return;
    }
    /* Whatever it says, the host has named a packet it will not touch again. */
    if (nvs_parse_rndis_complete(copy, bytes, &msg)) {
        q->stats.host_bad_packet++;
        msg.status = NVS_STATUS_FAILURE;
    }
    netvsc_tx_take_back(q, slot, msg.status);
}

/* ---- owners ---------------------------------------------------------------------------------- */

void netvsc_tx_tell(struct netvsc_queue *q)
{
    unsigned count = q->done_count;

    if (!count)
        return;
    q->done_count = 0;
    q->stats.tx_gpa_done += count;
    if (q->nic->config.tx_done)
        q->nic->config.tx_done(q->nic->config.ctx, q->done, count);
}

void netvsc_tx_disown(struct netvsc_queue *q, void *owner)
{
    q->done[q->done_count++] = owner;
    if (q->done_count == NETVSC_BATCH_MAX)
        netvsc_tx_tell(q);
}

uint32_t netvsc_tx_bequeath(struct netvsc *nic, void **owner)
{
    uint32_t count = 0;

    for (unsigned i = 0; i < nic->config.queues; i++) {
        struct netvsc_tx_slot *slot = nic->queue[i]->tx.slot;

        for (unsigned k = 0; k < NETVSC_TX_SLOTS_MAX; k++) {
            if (slot[k].owner)
                owner[count++] = slot[k].owner;
            slot[k].owner = NULL;
        }
    }
    return count;
}

void netvsc_tx_tell_heirs(struct netvsc *nic, void *const *owner, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        netvsc_tx_disown(nic->queue[0], owner[i]);
    netvsc_tx_tell(nic->queue[0]);
}

void netvsc_tx_release(struct netvsc *nic)
{
    for (unsigned i = 0; i < nic->config.queues; i++) {
        struct netvsc_queue *q = nic->queue[i];

        for (unsigned k = 0; k < NETVSC_TX_SLOTS_MAX; k++) {
            if (q->tx.slot[k].owner)
                netvsc_tx_disown(q, q->tx.slot[k].owner);
            q->tx.slot[k].owner = NULL;
        }
        netvsc_tx_tell(q);
    }
}
