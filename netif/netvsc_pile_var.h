/* SPDX-License-Identifier: BSD-3-Clause */
/* Private: what every small frame passes of netvsc_tx_pile.c, inline. */
#ifndef NETVSC_PILE_VAR_H
#define NETVSC_PILE_VAR_H

#include "netvsc_var.h"

/* The message at (last), of (len_bytes), grows by (pad_bytes): to where the next one begins. */
void netvsc_pile_pad(uint8_t *last, uint32_t len_bytes, uint32_t pad_bytes);

/* Where will the next message be, and how long may it be? */
static inline void netvsc_pile_settle(struct netvsc_tx_pile *pile)
{
    const uint32_t next_off = (pile->bytes + pile->align_mask) & ~pile->align_mask;

    pile->next_off = next_off;
    pile->room = pile->frames < pile->frames_max && next_off < pile->bytes_max
                     ? pile->bytes_max - next_off
                     : 0;
}

/* The message of (bytes) at next_off is complete. The one before grows last of all, so that most
 * commits call nothing and so need not keep registers. */
static inline void netvsc_pile_add(struct netvsc_tx_pile *pile, uint32_t bytes)
{
    uint8_t *last = pile->base + pile->last_off;
    const uint32_t len_bytes = pile->bytes - pile->last_off;
    const uint32_t pad_bytes = pile->next_off - pile->bytes;

    pile->frames++;
    pile->last_off = pile->next_off;
    pile->bytes = pile->next_off + bytes;
    netvsc_pile_settle(pile);
    if (pad_bytes)
        netvsc_pile_pad(last, len_bytes, pad_bytes);
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
static inline void netvsc_pile_commit(struct netvsc_tx *tx, uint32_t bytes)
{
    tx->pile.state = NETVSC_PILE_READY;
    tx->outstanding++;
    netvsc_pile_add(&tx->pile, bytes);
}

#endif
