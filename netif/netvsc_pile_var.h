/* SPDX-License-Identifier: BSD-3-Clause */
/* Private: what every small frame passes of netvsc_tx_pile.c, inline. */
#ifndef NETVSC_PILE_VAR_H
#define NETVSC_PILE_VAR_H

#include "netvsc_count_var.h"
#include "netvsc_var.h"

/* The message at (at), of (len_bytes), grows by (pad_bytes): to where the next one begins. */
void netvsc_pile_pad(uint8_t *at, uint32_t len_bytes, uint32_t pad_bytes);

/* How long may the next message be? */
static inline void netvsc_pile_settle(struct netvsc_tx_pile *pile)
{
    pile->room = pile->frames < pile->may.frames_max ? pile->may.bytes_max - pile->next_off : 0;
}

/* A message of (bytes), so that another may follow. */
static inline uint32_t netvsc_pile_padded(const struct netvsc_tx_pile *pile, uint32_t bytes)
{
    return (bytes + pile->may.align_mask) & ~pile->may.align_mask;
}

/*
 * The message of (bytes) at next_off is complete. It is padded as if another followed; flush takes
 * that back from the last one. Last of all, so that most commits call nothing and so need not keep
 * registers.
 */
static inline void netvsc_pile_add(struct netvsc_tx_pile *pile, uint32_t bytes,
                                   uint32_t padded_bytes)
{
    const uint32_t off = pile->next_off;

    pile->frames++;
    pile->last_off = off;
    pile->bytes = off + bytes;
    pile->next_off = off + padded_bytes;
    netvsc_pile_settle(pile);
    if (padded_bytes != bytes)
        netvsc_pile_pad(pile->base + off, bytes, padded_bytes - bytes);
}

/* The same of a message whose frame was counted. */
static inline void netvsc_pile_add_counted(struct netvsc_tx_pile *pile, uint32_t bytes)
{
    pile->counted++;
    netvsc_pile_add(pile, bytes, netvsc_pile_padded(pile, bytes));
}

/* The slot says what goes with the frame that will be written there. */
static inline void netvsc_pile_say(struct netvsc_tx *tx, const struct netvsc_tx_meta *meta,
                                   uint32_t head_bytes)
{
    tx->slot[tx->pile.index].meta = *meta;
    tx->slot[tx->pile.index].head_bytes = (uint16_t)head_bytes;
}

/* Have a frame written where the next message will be. There are room, a section and credit. */
static inline void netvsc_pile_give(struct netvsc_tx_pile *pile, enum netvsc_pile_state state,
                                    uint32_t head_bytes, struct netvsc_slot *slot)
{
    slot->data = pile->base + pile->next_off + head_bytes;
    slot->room_bytes = pile->room - head_bytes;
    slot->token = pile->token;
    pile->room = 0;
    pile->state = state;
}

/* It is a message of (bytes). */
static inline void netvsc_pile_commit_padded(struct netvsc_tx *tx, uint32_t bytes,
                                             uint32_t padded_bytes)
{
    tx->pile.state = NETVSC_PILE_READY;
    tx->outstanding++;
    netvsc_pile_add(&tx->pile, bytes, padded_bytes);
}

static inline void netvsc_pile_commit(struct netvsc_tx *tx, uint32_t bytes)
{
    netvsc_pile_commit_padded(tx, bytes, netvsc_pile_padded(&tx->pile, bytes));
}

/* Frames of like_bytes that are in no counter yet. Another thread may see any number of either. */
static inline uint32_t netvsc_pile_uncounted(const struct netvsc_tx_pile *pile)
{
    return pile->frames > pile->counted ? pile->frames - pile->counted : 0;
}

static inline void netvsc_pile_count(struct netvsc_queue *q)
{
    struct netvsc_tx_pile *pile = &q->tx.pile;

    netvsc_count_tx_alike(&q->stats, netvsc_pile_uncounted(pile), pile->like_bytes);
    pile->counted = pile->frames;
}

#endif
