/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transmit: frames written straight into send-buffer sections.
 *
 * Theory of operation. A free section is popped off a stack at begin; the caller writes the frame
 * behind the place of the RNDIS header; commit fills in the header, pads with zeros and puts a
 * 40-byte NVSP message naming the section on the ring. The host completes each packet once, in any
 * order, with the transaction id we gave; the section is free again then.
 *
 * Each queue has a share of the sections of its own, so queues have nothing in common to lock.
 *
 * Commit cannot fail because begin has made sure of ring room. Looking at the ring costs a cache
 * line the host writes to, so begin looks rarely: one look earns credit for many packets.
 * Everything else that uses ring room takes the credit back or asks netvsc_tx_spare() first.
 */
#include "netvsc_var.h"

#include <errno.h>
#include <string.h>

/* Ring room is measured in completions, the unit vmbus_chan_ack_room() answers in. */
#define TX_PACKET_BYTES                                                                            \
    ((uint32_t)sizeof(struct vmbus_pkt_desc) + NVS_MSG_BYTES + VMBUS_PKT_TRAILER_BYTES)
#define TX_PACKET_ACKS 2u
static_assert(TX_PACKET_ACKS * VMBUS_CHAN_ACK_BYTES >= TX_PACKET_BYTES, "room is measured right");

#define CREDIT_MAX 64u /* packets per look at the ring */

/* ---- sections -------------------------------------------------------------------------------- */

void netvsc_tx_open(struct netvsc_queue *q, uint32_t first_section, uint32_t sections)
{
    struct netvsc_tx *tx = &q->tx;

    tx->first_section = first_section;
    tx->slot_count = sections;
    tx->free_count = 0;
    tx->credit = 0;
    tx->begun = 0;
    tx->outstanding = 0;
    tx->full_since_ns = 0;
    /* Lowest on top. Generations go on from where they were: nothing of an old device fits. */
    for (uint32_t i = sections; i-- > 0;)
        tx->free[tx->free_count++] = (uint16_t)i;
    nvs_build_rndis(&tx->msg, NVS_RNDIS_DATA, 0, 0);
    rndis_build_packet(&tx->header, 0);
}

void netvsc_tx_close(struct netvsc_queue *q)
{
    struct netvsc_tx *tx = &q->tx;

    q->stats.tx_lost += tx->outstanding;
    q->stats.tx_cancelled += tx->begun;
    for (uint32_t i = 0; i < tx->slot_count; i++) {
        tx->slot[i].state = NETVSC_SLOT_FREE;
        tx->slot[i].generation++;
    }
    tx->slot_count = 0;
    tx->free_count = 0;
    tx->begun = 0;
    tx->outstanding = 0;
}

uint32_t netvsc_tx_take_section(struct netvsc_queue *q)
{
    struct netvsc_tx *tx = &q->tx;

    if (!tx->free_count)
        return NVS_SECTION_NONE;
    return tx->first_section + tx->free[--tx->free_count];
}

static void free_slot(struct netvsc_tx *tx, uint32_t index)
{
    tx->slot[index].state = NETVSC_SLOT_FREE;
    tx->slot[index].generation++;
    tx->free[tx->free_count++] = (uint16_t)index;
}

/* ---- ring room ------------------------------------------------------------------------------- */

/* Room the ring must keep: for completions, and for frames that commit must not fail on. */
static uint32_t kept_acks(const struct netvsc_tx *tx)
{
    return VMBUS_CHAN_RESERVE_ACKS + TX_PACKET_ACKS * tx->begun;
}

bool netvsc_tx_spare(struct netvsc_queue *q, uint32_t ring_bytes)
{
    uint32_t want =
        kept_acks(&q->tx) + (ring_bytes + VMBUS_CHAN_ACK_BYTES - 1) / VMBUS_CHAN_ACK_BYTES;

    q->tx.credit = 0;
    return vmbus_chan_ack_room(q->chan, want) >= want;
}

static bool earn_credit(struct netvsc_queue *q)
{
    struct netvsc_tx *tx = &q->tx;
    uint32_t kept = kept_acks(tx);
    uint32_t room = vmbus_chan_ack_room(q->chan, kept + CREDIT_MAX * TX_PACKET_ACKS);

    tx->credit = room > kept ? (room - kept) / TX_PACKET_ACKS : 0;
    return tx->credit > 0;
}

/* ---- begin, commit, cancel ------------------------------------------------------------------- */

/* From a frame that had to wait until there is room again, as seen by the polls between. */
static void note_full(struct netvsc_queue *q)
{
    q->stats.tx_busy++;
    if (!q->tx.full_since_ns)
        q->tx.full_since_ns = q->now_ns;
}

void netvsc_tx_clock(struct netvsc_queue *q, uint64_t now_ns)
{
    struct netvsc_tx *tx = &q->tx;

    q->now_ns = now_ns;
    if (!tx->full_since_ns || !tx->free_count || (!tx->credit && !earn_credit(q)))
        return;
    q->stats.tx_full_ns += now_ns - tx->full_since_ns;
    tx->full_since_ns = 0;
}

/* A token is the slot's index and the low half of its generation. */
static uint32_t token_of(const struct netvsc_tx *tx, uint32_t index)
{
    return tx->slot[index].generation << 16 | index;
}

/* The begun slot behind a token, or NULL when the device has gone since: it was counted then. */
static struct netvsc_tx_slot *slot_of(struct netvsc_tx *tx, uint32_t token)
{
    uint32_t index = token & 0xFFFF;

    if (index >= tx->slot_count || token_of(tx, index) != token ||
        tx->slot[index].state != NETVSC_SLOT_BEGUN)
        return NULL;
    return &tx->slot[index];
}

/* Another thread's queue may be used between its first poll and its leaving only. */
static bool may_send(const struct netvsc_queue *q)
{
    return q->nic->state == NETVSC_UP && (q->index == 0 || q->joined);
}

int netvsc_queue_tx_begin(struct netvsc *nic, unsigned queue, size_t len_bytes,
                          struct netvsc_slot *slot)
{
    struct netvsc_queue *q = nic->queue[queue];
    struct netvsc_tx *tx = &q->tx;
    uint32_t index;

    if (!may_send(q)) {
        q->stats.tx_drop_down++;
        return -ENETDOWN;
    }
    if (len_bytes < NETVSC_ETH_BYTES || len_bytes > nic->tx_frame_bytes_max) {
        q->stats.tx_drop_size++;
        return -EMSGSIZE;
    }
    if (!tx->free_count || (!tx->credit && !earn_credit(q))) {
        note_full(q);
        return -EAGAIN;
    }
    index = tx->free[--tx->free_count];
    tx->slot[index].state = NETVSC_SLOT_BEGUN;
    tx->begun++;
    tx->credit--;
    if (tx->slot_count - tx->free_count > tx->peak)
        tx->peak = tx->slot_count - tx->free_count;
    slot->data = nic->mem->send.base +
                 (size_t)(tx->first_section + index) * nic->info.send_section_bytes +
                 sizeof(struct rndis_packet);
    slot->room_bytes = nic->info.send_section_bytes - (uint32_t)sizeof(struct rndis_packet);
    slot->token = token_of(tx, index);
    return 0;
}

/* Header before the frame, zeros behind a short one. Returns the bytes used in the section. */
static uint32_t finish_section(struct netvsc_tx *tx, uint8_t *data, uint32_t len_bytes)
{
    uint32_t wire_bytes = len_bytes;

    if (len_bytes < NETVSC_FRAME_BYTES_MIN) {
        memset(data + len_bytes, 0, NETVSC_FRAME_BYTES_MIN - len_bytes);
        wire_bytes = NETVSC_FRAME_BYTES_MIN;
    }
    tx->header.data_bytes = wire_bytes;
    tx->header.len_bytes = (uint32_t)sizeof(tx->header) + wire_bytes;
    memcpy(data - sizeof(tx->header), &tx->header, sizeof(tx->header));
    return tx->header.len_bytes;
}

static int send_section(struct netvsc_queue *q, uint32_t index, uint32_t section_bytes)
{
    struct netvsc_tx *tx = &q->tx;
    uint32_t section = tx->first_section + index;
    const struct vmbus_send pkt = {.type = VMBUS_PKT_INBAND,
                                   .wants_completion = true,
                                   .xid = (uint64_t)tx->slot[index].generation << 32 | (index + 1),
                                   .payload = tx->msg.bytes,
                                   .payload_bytes = sizeof(tx->msg.bytes)};

    memcpy(tx->msg.bytes + offsetof(struct nvs_rndis, section), &section, sizeof(section));
    memcpy(tx->msg.bytes + offsetof(struct nvs_rndis, section_bytes), &section_bytes,
           sizeof(section_bytes));
    return vmbus_chan_send(q->chan, &pkt);
}

void netvsc_queue_tx_commit(struct netvsc *nic, unsigned queue, const struct netvsc_slot *slot,
                            size_t len_bytes)
{
    struct netvsc_queue *q = nic->queue[queue];
    struct netvsc_tx_slot *entry = slot_of(&q->tx, slot->token);
    uint32_t index = slot->token & 0xFFFF;
    uint32_t bytes = (uint32_t)len_bytes;

    if (!entry)
        return;
    if (nic->config.capture) {
        const struct netvsc_frame frame = {
            .data = slot->data, .len_bytes = bytes, .queue = (uint8_t)q->index};

        nic->config.capture(nic->config.ctx, true, &frame);
    }
    q->stats.tx_frames++;
    q->stats.tx_bytes += bytes;
    q->stats.tx_padded += bytes < NETVSC_FRAME_BYTES_MIN;
    netvsc_count_tx(&q->stats, slot->data, bytes);
    q->tx.begun--;
    if (send_section(q, index, finish_section(&q->tx, slot->data, bytes))) {
        q->stats.tx_lost++; /* only a ring found corrupt since begin; poll will see it too */
        free_slot(&q->tx, index);
        return;
    }
    entry->state = NETVSC_SLOT_SENT;
    q->tx.outstanding++;
}

void netvsc_queue_tx_cancel(struct netvsc *nic, unsigned queue, const struct netvsc_slot *slot)
{
    struct netvsc_queue *q = nic->queue[queue];
    struct netvsc_tx *tx = &q->tx;

    if (!slot_of(tx, slot->token))
        return;
    tx->begun--;
    tx->credit++;
    q->stats.tx_cancelled++;
    free_slot(tx, slot->token & 0xFFFF);
}

uint32_t netvsc_queue_outstanding(const struct netvsc *nic, unsigned queue)
{
    return nic->queue[queue]->tx.outstanding;
}

/* ---- completions ----------------------------------------------------------------------------- */

static struct netvsc_tx_slot *sent_slot(struct netvsc_tx *tx, uint64_t xid)
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

    if (!nvs_parse_type(copy, bytes, &type) &&
        (type == NVS_MSG_INIT_COMPLETE || type == NVS_MSG_RECV_BUF_COMPLETE ||
         type == NVS_MSG_SEND_BUF_COMPLETE))
        q->stats.ctl_late++;
    else
        q->stats.host_bad_xid++;
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
    slot = sent_slot(tx, pkt->xid);
    if (!slot) {
        count_stray(q, copy, bytes);
        return;
    }
    /* Whatever it says, the host has named a packet it will not touch again. */
    if (nvs_parse_rndis_complete(copy, bytes, &msg)) {
        q->stats.host_bad_packet++;
        msg.status = NVS_STATUS_FAILURE;
    }
    if (msg.status == NVS_STATUS_SUCCESS)
        q->stats.tx_completed++;
    else
        q->stats.tx_failed++;
    tx->outstanding--;
    free_slot(tx, (uint32_t)(slot - tx->slot));
}
