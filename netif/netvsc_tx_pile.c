/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A packet costs host and guest the same whether it carries one frame or eight, so small frames
 * pile up in one send section until the next flush, the next large frame, or the host's limits:
 * messages back to back, each but the last padded with zeros to the host's alignment, the padding
 * counted in its length. Padded each fits, so what may be in a packet is a multiple of that.
 *
 * A small frame is written where it will leave from: behind those committed in the open section.
 * One at a time can be; what is begun meanwhile gets a section of its own and is moved when it is
 * committed. Frames leave in the order of their commits. So when something else has to leave before
 * a frame that is being written here, or the pile is flushed, the frame stays where its writer
 * believes it to be and keeps the section, and the frames before it move to another: they are
 * small, few, and nobody writes to them. That cannot fail, for while a frame is written behind
 * others a section and the ring room of a packet are kept (netvsc_tx_spare()).
 *
 * Most frames are as long as the one before, and so are counted when it is not so any more, or when
 * they leave: like_bytes, and how many are counted already.
 */
#include "netvsc_pile_var.h"
#include "netvsc_slot_var.h"

#include <string.h>

#define AGGREGATE_DEFAULT_BYTES 512u

uint32_t netvsc_pile_frame_max(const struct netvsc *nic)
{
    const uint32_t wanted = nic->config.tx_aggregate_bytes;

    if (nic->info.max_packets < 2)
        return 0;
    return wanted ? wanted : AGGREGATE_DEFAULT_BYTES;
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void netvsc_pile_limit(struct netvsc *nic)
{
    const struct netvsc_info *info = &nic->info;
    const uint32_t align_mask = info->align_bytes - 1;

    nic->pile_may = (struct netvsc_pile_limits){
        .quick_bytes_max = lesser(nic->tx_quick_bytes_max, netvsc_pile_frame_max(nic)),
        .head_bytes = netvsc_tx_head_bytes(nic->queue[0], &netvsc_tx_nothing),
        .frames_max = info->max_packets,
        .bytes_max = lesser(info->max_transfer_bytes, info->send_section_bytes) & ~align_mask,
        .align_mask = align_mask,
    };
}

static void put_length(uint8_t *at, uint32_t len_bytes)
{
    memcpy(at + offsetof(struct rndis_packet, len_bytes), &len_bytes, sizeof(len_bytes));
}

void netvsc_pile_pad(uint8_t *at, uint32_t len_bytes, uint32_t pad_bytes)
{
    memset(at + len_bytes, 0, pad_bytes);
    put_length(at, len_bytes + pad_bytes);
}

/* Nothing is in it yet. */
static void open_in(struct netvsc_queue *q, uint32_t index)
{
    const uint32_t like_bytes = q->tx.pile.like_bytes;

    q->tx.slot[index].state = NETVSC_SLOT_PILED;
    q->tx.pile = (struct netvsc_tx_pile){
        .open = true,
        .may = q->nic->pile_may,
        .token = netvsc_tx_token(&q->tx, index),
        .index = index,
        .like_bytes = like_bytes ? like_bytes : NETVSC_PILE_LIKE_NONE,
        .base = netvsc_tx_section(q, index),
    };
    netvsc_pile_settle(&q->tx.pile);
}

static void shut(struct netvsc_tx_pile *pile)
{
    pile->open = false;
    pile->state = NETVSC_PILE_READY;
    pile->frames = 0;
    pile->counted = 0;
    pile->room = 0;
}

/* ---- written in place ------------------------------------------------------------------------ */

bool netvsc_pile_renew(struct netvsc_queue *q, uint32_t bytes)
{
    struct netvsc_tx *tx = &q->tx;

    if (tx->pile.state != NETVSC_PILE_READY || bytes > q->nic->pile_may.bytes_max)
        return false;
    netvsc_tx_flush(q);
    open_in(q, netvsc_tx_take_warm(tx));
    tx->credit--;
    return true;
}

bool netvsc_pile_begin(struct netvsc_queue *q, const struct netvsc_tx_meta *meta,
                       uint32_t head_bytes, size_t len_bytes, struct netvsc_slot *slot)
{
    struct netvsc_tx_pile *pile = &q->tx.pile;
    const uint32_t body =
        len_bytes < NETVSC_FRAME_BYTES_MIN ? NETVSC_FRAME_BYTES_MIN : (uint32_t)len_bytes;

    if (len_bytes > netvsc_pile_frame_max(q->nic) ||
        (head_bytes + body > pile->room && !netvsc_pile_renew(q, head_bytes + body)))
        return false;
    netvsc_pile_say(&q->tx, meta, head_bytes);
    netvsc_pile_give(pile, NETVSC_PILE_META, head_bytes, slot);
    return true;
}

void netvsc_pile_cancel(struct netvsc_queue *q)
{
    struct netvsc_tx *tx = &q->tx;
    struct netvsc_tx_pile *pile = &tx->pile;

    pile->state = NETVSC_PILE_READY;
    netvsc_pile_settle(pile);
    if (pile->frames)
        return;
    shut(pile);
    tx->credit++;
    netvsc_tx_free_slot(q, pile->index);
}

void netvsc_pile_describe(struct netvsc_tx *tx)
{
    if (tx->pile.state == NETVSC_PILE_PLAIN)
        netvsc_pile_say(tx, &netvsc_tx_nothing, tx->pile.may.head_bytes);
    tx->pile.state = NETVSC_PILE_META;
}

void netvsc_pile_leave(struct netvsc_queue *q)
{
    struct netvsc_tx *tx = &q->tx;
    const struct netvsc_tx_pile left = tx->pile;
    struct netvsc_tx_slot *slot = &tx->slot[left.index];

    netvsc_pile_describe(tx);
    slot->state = NETVSC_SLOT_BEGUN;
    slot->ring_packets = 1;
    tx->begun++;
    tx->reserved++;
    shut(&tx->pile);
    if (!left.frames)
        return;
    tx->credit -= tx->credit != 0; /* the packet that was kept; the ring has it, credit or not */
    open_in(q, netvsc_tx_take_warm(tx));
    memcpy(tx->pile.base, left.base, left.next_off);
    tx->pile.frames = left.frames;
    tx->pile.counted = left.counted;
    tx->pile.bytes = left.bytes;
    tx->pile.last_off = left.last_off;
    tx->pile.next_off = left.next_off;
    netvsc_pile_settle(&tx->pile);
}

/* ---- moved there ----------------------------------------------------------------------------- */

bool netvsc_pile_join(struct netvsc_queue *q, uint32_t index, uint32_t bytes)
{
    struct netvsc_tx *tx = &q->tx;

    if (tx->pile.state != NETVSC_PILE_READY)
        netvsc_pile_leave(q);
    if (bytes > tx->pile.room)
        return false;
    memcpy(tx->pile.base + tx->pile.next_off, netvsc_tx_section(q, index), bytes);
    netvsc_pile_add_counted(&tx->pile, bytes);
    tx->credit++; /* its packet will not be */
    netvsc_tx_free_slot(q, index);
    return true;
}

void netvsc_pile_start(struct netvsc_queue *q, uint32_t index, uint32_t bytes)
{
    open_in(q, index);
    netvsc_pile_add_counted(&q->tx.pile, bytes);
}

void netvsc_tx_flush(struct netvsc_queue *q)
{
    struct netvsc_tx *tx = &q->tx;
    struct netvsc_tx_pile *pile = &tx->pile;

    if (!pile->frames)
        return;
    if (pile->state != NETVSC_PILE_READY)
        netvsc_pile_leave(q);
    netvsc_pile_count(q);
    if (pile->bytes != pile->next_off)
        put_length(pile->base + pile->last_off, pile->bytes - pile->last_off);
    tx->slot[pile->index].frames = pile->frames;
    q->stats.tx_aggregated += pile->frames - 1;
    shut(pile);
    netvsc_tx_send_section(q, pile->index, pile->bytes);
}
