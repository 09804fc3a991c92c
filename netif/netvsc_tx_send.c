/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Committed frames on their way to the ring. A packet costs host and guest the same whether it
 * carries one frame or eight, so small frames pile up in one send section until the next flush, the
 * next large frame, or the host's limits: messages back to back, each but the last padded with
 * zeros to the host's alignment, the padding counted in its length. A frame is written into a
 * section of its own first, as only commit knows the order in which frames leave; moving a small
 * one to the pile is cheaper than a packet. Order is kept: whatever does not fit sends the pile
 * ahead.
 *
 * Commit cannot fail because begin has made sure of ring room. Looking at the ring costs a cache
 * line the host writes to, so begin looks rarely: one look earns credit for many packets.
 * Everything else that uses ring room takes the credit back or asks netvsc_tx_spare() first.
 */
#include "netvsc_gather.h"
#include "netvsc_var.h"

#include <string.h>

/* Ring room is measured in completions, the unit vmbus_chan_ack_room() answers in. */
#define TX_PACKET_BYTES                                                                            \
    ((uint32_t)sizeof(struct vmbus_pkt_desc) + NVS_MSG_BYTES + VMBUS_PKT_TRAILER_BYTES)
#define TX_PACKET_ACKS 2u
static_assert(TX_PACKET_ACKS * VMBUS_CHAN_ACK_BYTES >= TX_PACKET_BYTES, "room is measured right");

#define AGGREGATE_DEFAULT_BYTES 512u
#define CREDIT_MAX 64u /* packets per look at the ring */

/* ---- ring room ------------------------------------------------------------------------------- */

/* Room the ring must keep: for completions, and for frames that must not fail any more. */
static uint32_t kept_acks(const struct netvsc_tx *tx)
{
    return VMBUS_CHAN_RESERVE_ACKS + TX_PACKET_ACKS * (tx->reserved + tx->pile.open);
}

bool netvsc_tx_spare(struct netvsc_queue *q, uint32_t ring_bytes)
{
    uint32_t want =
        kept_acks(&q->tx) + (ring_bytes + VMBUS_CHAN_ACK_BYTES - 1) / VMBUS_CHAN_ACK_BYTES;

    q->tx.credit = 0;
    return vmbus_chan_ack_room(q->chan, want) >= want;
}

bool netvsc_tx_earn_credit(struct netvsc_queue *q)
{
    struct netvsc_tx *tx = &q->tx;
    uint32_t kept = kept_acks(tx);
    uint32_t room = vmbus_chan_ack_room(q->chan, kept + CREDIT_MAX * TX_PACKET_ACKS);

    tx->credit = room > kept ? (room - kept) / TX_PACKET_ACKS : 0;
    return tx->credit > 0;
}

/* ---- guest pages: a range list for each piece -------------------------------------------------
 */

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

/* (list) is NULL when all is in the section. */
static int put_packet(struct netvsc_queue *q, uint32_t index, uint32_t section_bytes,
                      const struct gpa_list *list)
{
    struct netvsc_tx *tx = &q->tx;
    uint32_t section = tx->first_section + index;
    const struct vmbus_send pkt = {.type = list ? VMBUS_PKT_GPA_DIRECT : VMBUS_PKT_INBAND,
                                   .wants_completion = true,
                                   .xid = (uint64_t)tx->slot[index].generation << 32 | (index + 1),
                                   .header = list,
                                   .header_bytes = list ? list_bytes(list) : 0,
                                   .payload = tx->msg.bytes,
                                   .payload_bytes = sizeof(tx->msg.bytes)};

    memcpy(tx->msg.bytes + offsetof(struct nvs_rndis, section), &section, sizeof(section));
    memcpy(tx->msg.bytes + offsetof(struct nvs_rndis, section_bytes), &section_bytes,
           sizeof(section_bytes));
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
        q->stats.tx_packets++;
        return;
    }
    /* Only a ring found corrupt since begin; poll will see it too. */
    q->stats.tx_lost += slot->frames;
    tx->outstanding -= slot->frames;
    netvsc_tx_free_slot(q, index);
}

void netvsc_tx_flush(struct netvsc_queue *q)
{
    struct netvsc_tx_pile *pile = &q->tx.pile;

    if (!pile->open)
        return;
    pile->open = false;
    send_packet(q, pile->index, pile->bytes, NULL);
}

/* ---- the pile -------------------------------------------------------------------------------- */

static uint8_t *section_at(const struct netvsc_queue *q, uint32_t index)
{
    return q->nic->mem->send.base +
           (size_t)(q->tx.first_section + index) * q->nic->info.send_section_bytes;
}

/* May a frame of (frame_bytes) share its section? */
static bool small(const struct netvsc *nic, uint32_t frame_bytes)
{
    uint32_t wanted = nic->config.tx_aggregate_bytes;

    return nic->info.max_packets > 1 && frame_bytes <= (wanted ? wanted : AGGREGATE_DEFAULT_BYTES);
}

/* The most one packet may have. */
static uint32_t bytes_max(const struct netvsc_info *info)
{
    return info->max_transfer_bytes < info->send_section_bytes ? info->max_transfer_bytes
                                                               : info->send_section_bytes;
}

/* Move the message in the section of (index) to the pile. False: it does not fit. */
static bool pile_up(struct netvsc_queue *q, uint32_t index, uint32_t bytes)
{
    struct netvsc_tx *tx = &q->tx;
    struct netvsc_tx_pile *pile = &tx->pile;
    const struct netvsc_info *info = &q->nic->info;
    uint32_t pad = -pile->bytes & (info->align_bytes - 1);
    uint32_t max = bytes_max(info);
    uint8_t *base;

    if (!pile->open || tx->slot[pile->index].frames >= info->max_packets ||
        (uint64_t)pile->bytes + pad + bytes > max)
        return false;
    base = section_at(q, pile->index);
    memset(base + pile->bytes, 0, pad);
    pile->last_bytes += pad;
    memcpy(base + pile->last_off + offsetof(struct rndis_packet, len_bytes), &pile->last_bytes,
           sizeof(pile->last_bytes));
    pile->bytes += pad;
    memcpy(base + pile->bytes, section_at(q, index), bytes);
    pile->last_off = pile->bytes;
    pile->last_bytes = bytes;
    pile->bytes += bytes;
    tx->slot[pile->index].frames++;
    tx->credit++; /* its packet will not be */
    q->stats.tx_aggregated++;
    netvsc_tx_free_slot(q, index);
    return true;
}

void netvsc_tx_send(struct netvsc_queue *q, uint32_t index, uint32_t bytes, uint32_t frame_bytes)
{
    struct netvsc_tx *tx = &q->tx;
    bool wait = small(q->nic, frame_bytes);

    tx->outstanding++;
    if (wait && pile_up(q, index, bytes))
        return;
    netvsc_tx_flush(q);
    tx->slot[index].frames = 1;
    tx->slot[index].state = NETVSC_SLOT_PILED;
    if (wait)
        tx->pile = (struct netvsc_tx_pile){
            .open = true, .index = index, .bytes = bytes, .last_bytes = bytes};
    else
        send_packet(q, index, bytes, NULL);
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
