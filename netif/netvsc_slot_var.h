/* SPDX-License-Identifier: BSD-3-Clause */
/* Private: what every frame in a section of its own passes, inline. */
#ifndef NETVSC_SLOT_VAR_H
#define NETVSC_SLOT_VAR_H

#include "netvsc_var.h"

/* Another thread's queue may be used between its first poll and its leaving only. */
static inline bool netvsc_tx_may_send(const struct netvsc_queue *q)
{
    return q->nic->state == NETVSC_UP && (q->index == 0 || q->joined);
}

/* Where the section of (index) is. */
static inline uint8_t *netvsc_tx_section(const struct netvsc_queue *q, uint32_t index)
{
    return q->nic->mem->send.base +
           (size_t)(q->tx.first_section + index) * q->nic->info.send_section_bytes;
}

/* A token is the slot's index and the low half of its generation. */
static inline uint32_t netvsc_tx_token(const struct netvsc_tx *tx, uint32_t index)
{
    return tx->slot[index].generation << 16 | index;
}

/* The free slot at (at) is taken: one of the two ends. */
static inline uint32_t netvsc_tx_take_at(struct netvsc_tx *tx, uint32_t at)
{
    tx->free_count--;
    if (tx->slot_count - tx->free_count > tx->peak)
        tx->peak = tx->slot_count - tx->free_count;
    return tx->free[at % NETVSC_TX_FREE_PLACES];
}

/* The slot freed last, for little; there is one. */
static inline uint32_t netvsc_tx_take_warm(struct netvsc_tx *tx)
{
    return netvsc_tx_take_at(tx, tx->free_first + tx->free_count - 1);
}

/* The slot free for longest, for much, unless the host is here; there is one. */
static inline uint32_t netvsc_tx_take_cool(struct netvsc_tx *tx)
{
    if (tx->host_here)
        return netvsc_tx_take_warm(tx);
    return netvsc_tx_take_at(tx, tx->free_first++);
}

/* Behind all others that are free. */
static inline void netvsc_tx_put_free(struct netvsc_tx *tx, uint32_t index)
{
    tx->free[(tx->free_first + tx->free_count++) % NETVSC_TX_FREE_PLACES] = (uint16_t)index;
}

/* Have a frame written behind (head_bytes) of a section. There are one, and (ring_packets) of
 * credit. */
static inline void netvsc_tx_give(struct netvsc_queue *q, const struct netvsc_tx_meta *meta,
                                  uint32_t head_bytes, uint32_t ring_packets,
                                  struct netvsc_slot *slot)
{
    struct netvsc_tx *tx = &q->tx;
    const uint32_t index = netvsc_tx_take_cool(tx);
    struct netvsc_tx_slot *entry = &tx->slot[index];

    entry->state = NETVSC_SLOT_BEGUN;
    entry->ring_packets = ring_packets;
    entry->meta = *meta;
    entry->head_bytes = (uint16_t)head_bytes;
    tx->begun++;
    tx->reserved += ring_packets;
    tx->credit -= ring_packets;
    slot->data = netvsc_tx_section(q, index) + head_bytes;
    slot->room_bytes = q->nic->info.send_section_bytes - head_bytes;
    slot->token = netvsc_tx_token(tx, index);
}

/* It is not begun any more, and takes (ring_packets) of the room kept for it. */
static inline void netvsc_tx_finish(struct netvsc_tx *tx, const struct netvsc_tx_slot *slot,
                                    uint32_t ring_packets)
{
    tx->begun--;
    tx->reserved -= slot->ring_packets;
    tx->credit += slot->ring_packets - ring_packets;
}

#endif
