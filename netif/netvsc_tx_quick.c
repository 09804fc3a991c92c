/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Most frames have nothing beside them: no tag, no sum for the host to make, and where there is one
 * queue not even that queue's number. For these begin and commit are a few comparisons and stores
 * each, behind others in the pile or in a section of their own. Each test that fails here only
 * means that somebody else has to look: the long way (netvsc_tx.c, netvsc_tx_pile.c) decides again
 * from the beginning, and would have come to the same result.
 */
#include "netvsc_count_var.h"
#include "netvsc_gather.h"
#include "netvsc_pile_var.h"
#include "netvsc_slot_var.h"

#include <string.h>

#define HEAD_BYTES ((uint32_t)sizeof(struct rndis_packet))

void netvsc_tx_quick_open(struct netvsc *nic)
{
    const bool plain = nic->info.queues == 1 && !nic->config.tx_tci && !nic->config.capture;
    const uint32_t copied_max = netvsc_tx_copied_max(nic);
    const uint32_t max =
        copied_max < nic->tx_frame_bytes_max ? copied_max : nic->tx_frame_bytes_max;

    nic->tx_quick_bytes_max = plain ? max : 0;
    nic->tx_alone_bytes_min = netvsc_pile_frame_max(nic) + 1;
    if (nic->tx_alone_bytes_min < NETVSC_FRAME_BYTES_MIN)
        nic->tx_alone_bytes_min = NETVSC_FRAME_BYTES_MIN;
    netvsc_pile_limit(nic);
}

/* May a frame of (len_bytes) go the quick way, in a section of its own and without padding? */
static inline bool alone(const struct netvsc *nic, size_t len_bytes)
{
    return len_bytes >= nic->tx_alone_bytes_min && len_bytes <= nic->tx_quick_bytes_max;
}

/* ---- begin ----------------------------------------------------------------------------------- */

/* May it be written behind others, or as the first? A section and credit must be left besides. */
static inline bool pile_may(const struct netvsc_tx *tx, size_t len_bytes)
{
    return len_bytes <= tx->pile.may.quick_bytes_max && len_bytes >= NETVSC_ETH_BYTES &&
           tx->free_count && tx->credit;
}

/* With its header, padded. */
static inline uint32_t message_bytes(size_t len_bytes)
{
    return HEAD_BYTES +
           (len_bytes < NETVSC_FRAME_BYTES_MIN ? NETVSC_FRAME_BYTES_MIN : (uint32_t)len_bytes);
}

/* The NIC is up, and as one queue only sends frames with nothing beside them this is queue 0. */
static inline bool may_follow(const struct netvsc *nic, const struct netvsc_tx *tx,
                              size_t len_bytes)
{
    return nic->state == NETVSC_UP && pile_may(tx, len_bytes) &&
           message_bytes(len_bytes) <= tx->pile.room;
}

static bool begin_alone(struct netvsc_queue *q, size_t len_bytes, struct netvsc_slot *slot)
{
    struct netvsc_tx *tx = &q->tx;
    const uint32_t spare = netvsc_tx_spare(tx);

    if (!alone(q->nic, len_bytes) || tx->free_count <= spare || tx->credit <= spare)
        return false;
    netvsc_tx_give(q, &netvsc_tx_nothing, HEAD_BYTES, 1, slot);
    return true;
}

/* Not behind others: as the first of a pile, alone, or the long way. */
static __attribute__((noinline)) int begin_anew(struct netvsc_queue *q, size_t len_bytes,
                                                struct netvsc_slot *slot)
{
    if (netvsc_tx_may_send(q) && pile_may(&q->tx, len_bytes) &&
        netvsc_pile_renew(q, message_bytes(len_bytes))) {
        netvsc_pile_give(&q->tx.pile, NETVSC_PILE_PLAIN, HEAD_BYTES, slot);
        return 0;
    }
    if (netvsc_tx_may_send(q) && len_bytes > q->tx.pile.may.quick_bytes_max &&
        begin_alone(q, len_bytes, slot))
        return 0;
    return netvsc_queue_tx_begin_meta(q->nic, q->index, len_bytes, &netvsc_tx_nothing, slot);
}

static inline int begin(struct netvsc *nic, struct netvsc_queue *q, size_t len_bytes,
                        struct netvsc_slot *slot)
{
    if (!may_follow(nic, &q->tx, len_bytes))
        return begin_anew(q, len_bytes, slot);
    netvsc_pile_give(&q->tx.pile, NETVSC_PILE_PLAIN, HEAD_BYTES, slot);
    return 0;
}

int netvsc_queue_tx_begin(struct netvsc *nic, unsigned queue, size_t len_bytes,
                          struct netvsc_slot *slot)
{
    return begin(nic, nic->queue[queue], len_bytes, slot);
}

int netvsc_tx_begin(struct netvsc *nic, size_t len_bytes, struct netvsc_slot *slot)
{
    return begin(nic, nic->queue[0], len_bytes, slot);
}

/* ---- commit ---------------------------------------------------------------------------------- */

/* Was it begun behind others, with nothing beside it? */
static inline bool in_pile(const struct netvsc_tx *tx, const struct netvsc_slot *slot)
{
    return tx->pile.state == NETVSC_PILE_PLAIN && slot->token == tx->pile.token;
}

/* May it stay there, with nothing beside it? */
static inline bool pile_may_keep(const struct netvsc_tx *tx, const struct netvsc_slot *slot,
                                 size_t len_bytes)
{
    return len_bytes <= tx->pile.may.quick_bytes_max &&
           !netvsc_tx_tagged(slot->data, (uint32_t)len_bytes);
}

/* Begun with nothing beside it, or it would be further on, and where its section begins. */
static bool is_plain(const struct netvsc_queue *q, const struct netvsc_slot *slot)
{
    const uint32_t index = slot->token & 0xFFFF;

    return index < q->tx.slot_count && netvsc_tx_token(&q->tx, index) == slot->token &&
           q->tx.slot[index].state == NETVSC_SLOT_BEGUN &&
           slot->data == netvsc_tx_section(q, index) + HEAD_BYTES;
}

static bool commit_alone(struct netvsc_queue *q, const struct netvsc_slot *slot, size_t len_bytes)
{
    const uint32_t index = slot->token & 0xFFFF;
    uint8_t *data = slot->data;

    if (!alone(q->nic, len_bytes) || !is_plain(q, slot) ||
        netvsc_tx_tagged(data, (uint32_t)len_bytes))
        return false;
    netvsc_count_tx(&q->stats, data, (uint32_t)len_bytes);
    netvsc_tx_finish(&q->tx, &q->tx.slot[index], 1);
    netvsc_tx_send_alone(q, index, rndis_put_packet(data - HEAD_BYTES, 0, (uint32_t)len_bytes));
    return true;
}

/* Behind others, but it has to be padded, or is not for one receiver, or not as long as they. */
static void commit_unlike(struct netvsc_queue *q, uint8_t *data, uint32_t len_bytes)
{
    struct netvsc_tx_pile *pile = &q->tx.pile;
    uint32_t bytes = len_bytes;

    if (len_bytes < NETVSC_FRAME_BYTES_MIN) {
        memset(data + len_bytes, 0, NETVSC_FRAME_BYTES_MIN - len_bytes);
        bytes = NETVSC_FRAME_BYTES_MIN;
    }
    if (len_bytes < bytes || netvsc_is_group(data)) {
        netvsc_count_tx(&q->stats, data, len_bytes);
        pile->counted++;
    } else {
        netvsc_pile_count(q);
        pile->like_bytes = len_bytes;
    }
    netvsc_pile_commit(&q->tx, rndis_put_packet(data - HEAD_BYTES, 0, bytes));
}

/* Not like the others: one of those, one alone, or the long way. */
static __attribute__((noinline)) void commit_else(struct netvsc_queue *q,
                                                  const struct netvsc_slot *slot, size_t len_bytes)
{
    if (!in_pile(&q->tx, slot)) {
        if (!commit_alone(q, slot, len_bytes))
            netvsc_tx_commit_any(q, slot, len_bytes);
    } else if (pile_may_keep(&q->tx, slot, len_bytes)) {
        commit_unlike(q, slot->data, (uint32_t)len_bytes);
    } else {
        netvsc_tx_commit_any(q, slot, len_bytes);
    }
}

/* Of like_bytes: it may stay there, needs no padding, and is counted with the others. */
static inline bool is_alike(const struct netvsc_tx *tx, const uint8_t *data, size_t len_bytes)
{
    return len_bytes == tx->pile.like_bytes && !netvsc_tx_tagged(data, (uint32_t)len_bytes) &&
           !netvsc_is_group(data);
}

static inline void commit(struct netvsc_queue *q, const struct netvsc_slot *slot, size_t len_bytes)
{
    if (!in_pile(&q->tx, slot) || !is_alike(&q->tx, slot->data, len_bytes)) {
        commit_else(q, slot, len_bytes);
        return;
    }
    netvsc_pile_commit(&q->tx, rndis_put_packet(slot->data - HEAD_BYTES, 0, (uint32_t)len_bytes));
}

void netvsc_queue_tx_commit(struct netvsc *nic, unsigned queue, const struct netvsc_slot *slot,
                            size_t len_bytes)
{
    commit(nic->queue[queue], slot, len_bytes);
}

void netvsc_tx_commit(struct netvsc *nic, const struct netvsc_slot *slot, size_t len_bytes)
{
    commit(nic->queue[0], slot, len_bytes);
}
