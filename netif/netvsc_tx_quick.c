/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Most frames have no per-packet info but what is the same for all of a queue: none, or with
 * several queues the queue's number. Most others only have a TCP sum for the host to make. For
 * these, begin and commit are a few comparisons and stores each: behind others in the pile or,
 * without a sum, in a section of their own. A test that fails here only means that the long way
 * (netvsc_tx.c, netvsc_tx_pile.c) has to decide, which begins from the beginning and comes to the
 * same result where both can.
 */
#include "netvsc_count_var.h"
#include "netvsc_gather.h"
#include "netvsc_packet_var.h"
#include "netvsc_pile_var.h"
#include "netvsc_slot_var.h"

#include <string.h>

void netvsc_tx_quick_open(struct netvsc *nic)
{
    const bool plain = !nic->config.tx_tci && !nic->config.capture;
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

/* With (head_bytes) in front of it, padded. */
static inline uint32_t message_bytes(uint32_t head_bytes, size_t len_bytes)
{
    return head_bytes +
           (len_bytes < NETVSC_FRAME_BYTES_MIN ? NETVSC_FRAME_BYTES_MIN : (uint32_t)len_bytes);
}

/* May it be written behind others, or as the first? A section and credit must be left besides. */
static inline bool pile_may(const struct netvsc_tx *tx, size_t len_bytes)
{
    return len_bytes <= tx->pile.may.quick_bytes_max && len_bytes >= NETVSC_ETH_BYTES &&
           tx->free_count && tx->credit;
}

/* ... behind those that are there. */
static inline bool may_follow(const struct netvsc_tx *tx, uint32_t head_bytes, size_t len_bytes)
{
    return pile_may(tx, len_bytes) && message_bytes(head_bytes, len_bytes) <= tx->pile.room;
}

static bool begin_alone(struct netvsc_queue *q, size_t len_bytes, struct netvsc_slot *slot)
{
    struct netvsc_tx *tx = &q->tx;
    const uint32_t spare = netvsc_tx_spare(tx);

    if (!alone(q->nic, len_bytes) || tx->free_count <= spare || tx->credit <= spare)
        return false;
    netvsc_tx_give(q, &netvsc_tx_nothing, q->nic->pile_may.head_bytes, 1, slot);
    return true;
}

/* Not behind others: as the first of a pile, alone, or the long way. */
static __attribute__((noinline)) int begin_anew(struct netvsc_queue *q, size_t len_bytes,
                                                struct netvsc_slot *slot)
{
    const uint32_t head_bytes = q->nic->pile_may.head_bytes;

    if (netvsc_tx_may_send(q) && pile_may(&q->tx, len_bytes) &&
        netvsc_pile_renew(q, message_bytes(head_bytes, len_bytes))) {
        netvsc_pile_give(&q->tx.pile, NETVSC_PILE_PLAIN, head_bytes, slot);
        return 0;
    }
    if (netvsc_tx_may_send(q) && len_bytes > q->tx.pile.may.quick_bytes_max &&
        begin_alone(q, len_bytes, slot))
        return 0;
    return netvsc_tx_begin_any(q, len_bytes, &netvsc_tx_nothing, slot);
}

static inline int begin(struct netvsc_queue *q, bool may_send, size_t len_bytes,
                        struct netvsc_slot *slot)
{
    const uint32_t head_bytes = q->tx.pile.may.head_bytes;

    if (!may_send || !may_follow(&q->tx, head_bytes, len_bytes))
        return begin_anew(q, len_bytes, slot);
    netvsc_pile_give(&q->tx.pile, NETVSC_PILE_PLAIN, head_bytes, slot);
    return 0;
}

int netvsc_queue_tx_begin(struct netvsc *nic, unsigned queue, size_t len_bytes,
                          struct netvsc_slot *slot)
{
    struct netvsc_queue *q = nic->queue[queue];

    return begin(q, netvsc_tx_may_send(q), len_bytes, slot);
}

int netvsc_tx_begin(struct netvsc *nic, size_t len_bytes, struct netvsc_slot *slot)
{
    return begin(nic->queue[0], nic->state == NETVSC_UP, len_bytes, slot);
}

static inline bool is_nothing(const struct netvsc_tx_meta *meta)
{
    return !meta->csum && !meta->has_tci && !meta->lso4 && !meta->lso6;
}

/* Is a TCP sum all that goes with it, and could it have one? */
static inline bool only_sum(const struct netvsc *nic, const struct netvsc_tx_meta *meta,
                            size_t len_bytes)
{
    const uint32_t off_min =
        meta->csum == NETVSC_CSUM_TCP6 ? NETVSC_L4_OFF_MIN6 : NETVSC_L4_OFF_MIN4;

    return (meta->csum == NETVSC_CSUM_TCP4 || meta->csum == NETVSC_CSUM_TCP6) &&
           (meta->csum & nic->info.offload.csum) && !meta->has_tci && !meta->lso4 && !meta->lso6 &&
           meta->l4_off >= off_min && len_bytes >= meta->l4_off + NETVSC_TCP_BYTES;
}

/* The same behind others or as the first. */
static bool begin_sum(struct netvsc_queue *q, size_t len_bytes, const struct netvsc_tx_meta *meta,
                      struct netvsc_slot *slot)
{
    const uint32_t head_bytes = q->nic->pile_may.head_bytes + RNDIS_PPI_BYTES;
    struct netvsc_tx *tx = &q->tx;

    if (!netvsc_tx_may_send(q) || !only_sum(q->nic, meta, len_bytes) || !pile_may(tx, len_bytes))
        return false;
    if (message_bytes(head_bytes, len_bytes) > tx->pile.room &&
        !netvsc_pile_renew(q, message_bytes(head_bytes, len_bytes)))
        return false;
    netvsc_pile_say(tx, meta, head_bytes);
    netvsc_pile_give(&tx->pile, NETVSC_PILE_SUM, head_bytes, slot);
    return true;
}

int netvsc_queue_tx_begin_meta(struct netvsc *nic, unsigned queue, size_t len_bytes,
                               const struct netvsc_tx_meta *meta, struct netvsc_slot *slot)
{
    struct netvsc_queue *q = nic->queue[queue];

    if (is_nothing(meta))
        return begin(q, netvsc_tx_may_send(q), len_bytes, slot);
    return begin_sum(q, len_bytes, meta, slot) ? 0 : netvsc_tx_begin_any(q, len_bytes, meta, slot);
}

/* ---- commit ---------------------------------------------------------------------------------- */

/* The header of a frame with nothing beside it but, in front of it, the number of its queue where
 * there are several. How long the message is. */
static inline uint32_t put_head(const struct netvsc_queue *q, uint32_t head_bytes, uint8_t *data,
                                uint32_t len_bytes)
{
    if (head_bytes == sizeof(struct rndis_packet))
        return rndis_put_packet(data - sizeof(struct rndis_packet), 0, len_bytes);
    rndis_put_ppi(data - RNDIS_PPI_BYTES, RNDIS_PPI_HASH, q->index);
    return rndis_put_packet(data - RNDIS_PPI_BYTES - sizeof(struct rndis_packet), RNDIS_PPI_BYTES,
                            len_bytes);
}

/* Was it begun behind others, quickly, and as (state) says? */
static inline bool in_pile(const struct netvsc_tx *tx, const struct netvsc_slot *slot,
                           enum netvsc_pile_state state)
{
    return tx->pile.state == state && slot->token == tx->pile.token;
}

/* May it stay there? A tag inside means that more goes with it. */
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
           slot->data == netvsc_tx_section(q, index) + q->nic->pile_may.head_bytes;
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
    netvsc_tx_send_alone(q, index,
                         put_head(q, q->nic->pile_may.head_bytes, data, (uint32_t)len_bytes));
    return true;
}

/* Of like_bytes: it may stay there, needs no padding, and is counted with the others. */
static inline bool is_alike(const struct netvsc_tx *tx, const uint8_t *data, size_t len_bytes)
{
    return len_bytes == tx->pile.like_bytes && !netvsc_tx_tagged(data, (uint32_t)len_bytes) &&
           !netvsc_is_group(data);
}

/* Frames of (len_bytes) are what is usual from now on. */
static void make_like(struct netvsc_queue *q, uint32_t len_bytes)
{
    struct netvsc_tx_like *like = &q->tx.like;
    const uint32_t head_bytes = q->tx.pile.may.head_bytes;

    like->bytes = put_head(q, head_bytes, like->head + head_bytes, len_bytes);
    like->padded_bytes = netvsc_pile_padded(&q->tx.pile, like->bytes);
}

/* The same as put_head() of one. Of two lengths, so that it is a few moves. */
static inline void put_like(const struct netvsc_tx *tx, uint8_t *data)
{
    if (tx->pile.may.head_bytes == NETVSC_TX_PLAIN_HEAD_BYTES_MAX)
        memcpy(data - NETVSC_TX_PLAIN_HEAD_BYTES_MAX, tx->like.head,
               NETVSC_TX_PLAIN_HEAD_BYTES_MAX);
    else
        memcpy(data - sizeof(struct rndis_packet), tx->like.head, sizeof(struct rndis_packet));
}

/* Behind others, but it has to be padded, or is not for one receiver, or not as long as they. How
 * long it is now. */
static uint32_t count_unlike(struct netvsc_queue *q, uint8_t *data, uint32_t len_bytes)
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
        make_like(q, len_bytes);
    }
    return bytes;
}

static void commit_unlike(struct netvsc_queue *q, uint8_t *data, uint32_t len_bytes)
{
    const uint32_t bytes = count_unlike(q, data, len_bytes);

    netvsc_pile_commit(&q->tx, put_head(q, q->tx.pile.may.head_bytes, data, bytes));
}

/* The host shall sum it: netvsc_pile_say() has kept from where on. */
static void commit_sum(struct netvsc_queue *q, uint8_t *data, uint32_t len_bytes)
{
    struct netvsc_tx_pile *pile = &q->tx.pile;
    const struct netvsc_tx_meta *meta = &q->tx.slot[pile->index].meta;
    const uint32_t ppi_bytes =
        pile->may.head_bytes + RNDIS_PPI_BYTES - (uint32_t)sizeof(struct rndis_packet);
    const uint32_t ip_kind = meta->csum == NETVSC_CSUM_TCP6 ? RNDIS_TXCSUM_IPV6 : RNDIS_TXCSUM_IPV4;
    const uint32_t bytes =
        is_alike(&q->tx, data, len_bytes) ? len_bytes : count_unlike(q, data, len_bytes);

    q->stats.tx_csum++;
    netvsc_offload_prepare(meta, data, len_bytes);
    if (ppi_bytes > RNDIS_PPI_BYTES)
        rndis_put_ppi(data - ppi_bytes, RNDIS_PPI_HASH, q->index);
    rndis_put_ppi(data - RNDIS_PPI_BYTES, RNDIS_PPI_CSUM,
                  rndis_csum_word(RNDIS_TXCSUM_TCP | ip_kind, meta->l4_off));
    netvsc_pile_commit(
        &q->tx, rndis_put_packet(data - ppi_bytes - sizeof(struct rndis_packet), ppi_bytes, bytes));
}

/* Not like the others: one of those, one with a sum, one alone, or the long way. */
static __attribute__((noinline)) void commit_else(struct netvsc_queue *q,
                                                  const struct netvsc_slot *slot, size_t len_bytes)
{
    const struct netvsc_tx *tx = &q->tx;

    if (in_pile(tx, slot, NETVSC_PILE_SUM) && pile_may_keep(tx, slot, len_bytes))
        commit_sum(q, slot->data, (uint32_t)len_bytes);
    else if (in_pile(tx, slot, NETVSC_PILE_PLAIN) && pile_may_keep(tx, slot, len_bytes))
        commit_unlike(q, slot->data, (uint32_t)len_bytes);
    else if (!commit_alone(q, slot, len_bytes))
        netvsc_tx_commit_any(q, slot, len_bytes);
}

static inline void commit(struct netvsc_queue *q, const struct netvsc_slot *slot, size_t len_bytes)
{
    const struct netvsc_tx *tx = &q->tx;

    if (!in_pile(tx, slot, NETVSC_PILE_PLAIN) || !is_alike(tx, slot->data, len_bytes)) {
        commit_else(q, slot, len_bytes);
        return;
    }
    put_like(tx, slot->data);
    netvsc_pile_commit_padded(&q->tx, tx->like.bytes, tx->like.padded_bytes);
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
