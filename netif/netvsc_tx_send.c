/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Committed frames on their way to the ring, in the order of their commits: whatever does not join
 * the pile of small ones (netvsc_tx_pile.c) sends it ahead.
 *
 * Commit cannot fail because begin has made sure of ring room. Looking at the ring costs a cache
 * line the host writes to, so begin looks rarely: one look earns credit for many packets.
 * Everything else that uses ring room takes the credit back or asks netvsc_tx_spare() first.
 */
#include "netvsc_gather.h"
#include "netvsc_tx_var.h"
#include "netvsc_var.h"

#include <string.h>

/* Ring room is measured in completions, the unit vmbus_chan_ack_room() answers in. */
#define TX_PACKET_BYTES                                                                            \
    ((uint32_t)sizeof(struct vmbus_pkt_desc) + NVS_MSG_BYTES + VMBUS_PKT_TRAILER_BYTES)
static_assert(NETVSC_TX_PACKET_ACKS * VMBUS_CHAN_ACK_BYTES >= TX_PACKET_BYTES,
              "room is measured right");

#define CREDIT_MAX 64u /* packets per look at the ring */

/* ---- ring room ------------------------------------------------------------------------------- */

/* Room the ring must keep: for completions, and for frames that must not fail any more. */
static uint32_t kept_acks(const struct netvsc_tx *tx)
{
    return VMBUS_CHAN_RESERVE_ACKS + NETVSC_TX_PACKET_ACKS * netvsc_tx_kept_packets(tx);
}

bool netvsc_tx_ring_takes(struct netvsc_queue *q, uint32_t ring_bytes)
{
    uint32_t want =
        kept_acks(&q->tx) + (ring_bytes + VMBUS_CHAN_ACK_BYTES - 1) / VMBUS_CHAN_ACK_BYTES;

    q->tx.credit = 0;
    return vmbus_chan_ack_room(q->chan, want) >= want;
}

bool netvsc_tx_earn_credit(struct netvsc_queue *q)
{
    struct netvsc_tx *tx = &q->tx;
    uint32_t kept = kept_acks(tx) - NETVSC_TX_PACKET_ACKS * netvsc_tx_spare(tx);
    uint32_t room = vmbus_chan_ack_room(q->chan, kept + CREDIT_MAX * NETVSC_TX_PACKET_ACKS);

    tx->credit = room > kept ? (room - kept) / NETVSC_TX_PACKET_ACKS : 0;
    return tx->credit > 0;
}

/* ---- guest pages: a range list for each piece ------------------------------------------------ */

struct gpa_list {
    struct vmbus_gpa_header header;
    struct gpa_page {
        struct vmbus_gpa_range range;
        uint64_t pfn;
    } page[NETVSC_PIECES_MAX];
};
static_assert(sizeof(struct gpa_page) == 16, "wire layout");
static_assert(NETVSC_PIECES_MAX <= VMBUS_GPA_RANGES_MAX, "hosts take no more");
static_assert(NETVSC_GATHER_RING_PACKETS * TX_PACKET_BYTES >=
                  TX_PACKET_BYTES + sizeof(struct gpa_list),
              "room is measured right");

static uint32_t list_bytes(const struct gpa_list *list)
{
    return (uint32_t)(sizeof(list->header) + list->header.range_count * sizeof(list->page[0]));
}

static void list_build(const struct netvsc *nic, const struct netvsc_gather *g,
                       struct gpa_list *list)
{
    const uint8_t *base = nic->config.memory->region.base;

    list->header = (struct vmbus_gpa_header){.range_count = g->count};
    for (unsigned i = 0; i < g->count; i++) {
        size_t off = (size_t)(g->piece[i].data - base);

        list->page[i] =
            (struct gpa_page){.range = {g->piece[i].len_bytes, (uint32_t)(off % VMBUS_PAGE_BYTES)},
                              .pfn = nic->pfn[off / VMBUS_PAGE_BYTES]};
    }
}

/* ---- packets --------------------------------------------------------------------------------- */

static_assert(NVS_MSG_BYTES == VMBUS_CHAN_SHORT_BYTES, "one message");
static_assert(offsetof(struct nvs_rndis, channel_type) == 4, "high half of the first word");
static_assert(offsetof(struct nvs_rndis, section) == 8, "low half of the second word");
static_assert(offsetof(struct nvs_rndis, section_bytes) == 12, "its high half");
static_assert(sizeof(struct nvs_rndis) == 16, "the rest is zeros");

/* (list) is NULL when all is in the section. */
static int put_packet(struct netvsc_queue *q, uint32_t index, uint32_t section_bytes,
                      const struct gpa_list *list)
{
    const struct netvsc_tx *tx = &q->tx;
    const uint64_t words[NVS_MSG_BYTES / sizeof(uint64_t)] = {
        NVS_MSG_RNDIS | (uint64_t)NVS_RNDIS_DATA << 32,
        (tx->first_section + index) | (uint64_t)section_bytes << 32};
    const uint64_t xid = (uint64_t)tx->slot[index].generation << 32 | (index + 1);
    struct vmbus_send pkt;

    if (!list)
        return vmbus_chan_send_short(q->chan, xid, words[0], words[1]);
    pkt = (struct vmbus_send){.type = VMBUS_PKT_GPA_DIRECT,
                              .wants_completion = true,
                              .xid = xid,
                              .header = list,
                              .header_bytes = list_bytes(list),
                              .payload = words,
                              .payload_bytes = sizeof(words)};
    return vmbus_chan_send(q->chan, &pkt);
}

static void send_packet(struct netvsc_queue *q, uint32_t index, uint32_t section_bytes,
                        const struct gpa_list *list)
{
    struct netvsc_tx *tx = &q->tx;
    struct netvsc_tx_slot *slot = &tx->slot[index];

    if (put_packet(q, index, section_bytes, list) == 0) {
        /* After the packet, before the host is shown it: netvsc_takeover.c goes by that. */
        atomic_signal_fence(memory_order_release);
        slot->state = NETVSC_SLOT_SENT;
        tx->unseen = true;
        q->stats.tx_packets++;
        return;
    }
    /* Only a ring found corrupt since begin; poll will see it too. */
    q->stats.tx_lost += slot->frames;
    tx->outstanding -= slot->frames;
    netvsc_tx_free_slot(q, index);
}

void netvsc_tx_send_section(struct netvsc_queue *q, uint32_t index, uint32_t bytes)
{
    send_packet(q, index, bytes, NULL);
}

void netvsc_tx_send_alone(struct netvsc_queue *q, uint32_t index, uint32_t bytes)
{
    q->tx.outstanding++;
    netvsc_tx_flush(q);
    q->tx.slot[index].frames = 1;
    send_packet(q, index, bytes, NULL);
}

void netvsc_tx_send(struct netvsc_queue *q, uint32_t index, uint32_t bytes, uint32_t frame_bytes)
{
    if (frame_bytes > netvsc_pile_frame_max(q->nic) || bytes > q->nic->pile_may.bytes_max) {
        netvsc_tx_send_alone(q, index, bytes);
        return;
    }
    q->tx.outstanding++;
    if (netvsc_pile_join(q, index, bytes))
        return;
    netvsc_tx_flush(q);
    netvsc_pile_start(q, index, bytes);
}

void netvsc_tx_send_gather(struct netvsc_queue *q, uint32_t index, uint32_t bytes,
                           const struct netvsc_gather *g)
{
    struct gpa_list list;

    q->tx.outstanding++;
    netvsc_tx_flush(q);
    q->tx.slot[index].frames = 1;
    list_build(q->nic, g, &list);
    send_packet(q, index, bytes, &list);
}
