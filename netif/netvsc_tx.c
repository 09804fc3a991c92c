/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transmit: frames written straight into send-buffer sections.
 *
 * Theory of operation. A small frame gets a place behind others in a section they share
 * (netvsc_tx_pile.c), any other a free section, popped off a stack at begin. The caller writes it
 * behind the place of the RNDIS header and its per-packet info; commit fills these in, pads with
 * zeros (netvsc_tx_frame.c) and hands the section on (netvsc_tx_send.c): a 40-byte NVSP message
 * naming it goes on the ring. The section is free again when the host has completed the packet
 * (netvsc_tx_done.c).
 *
 * This is the way of any frame; most have nothing beside them and take a shorter one, with the same
 * result (netvsc_tx_quick.c).
 */
#include "netvsc_gather.h"
#include "netvsc_pile_var.h"
#include "netvsc_slot_var.h"

#include <errno.h>
#include <string.h>

/* ---- begin ----------------------------------------------------------------------------------- */

/* From a frame that had to wait until there is room again, as seen by the polls between. */
static void note_full(struct netvsc_queue *q)
{
    q->stats.tx_busy++;
    if (!q->tx.full_since_ns)
        q->tx.full_since_ns = q->now_ns;
}

uint32_t netvsc_tx_copied_max(const struct netvsc *nic)
{
    return nic->info.send_section_bytes - (uint32_t)sizeof(struct rndis_packet) -
           RNDIS_TX_PPIS_BYTES_MAX;
}

static bool room(struct netvsc_queue *q, uint32_t packets)
{
    struct netvsc_tx *tx = &q->tx;
    const uint32_t spare = netvsc_tx_spare(tx), want = packets + spare;

    return tx->free_count > spare &&
           (tx->credit >= want || (netvsc_tx_earn_credit(q) && tx->credit >= want));
}

/* May it be begun? The order in which reasons are found is the order of the manual. */
static int judge(struct netvsc_queue *q, const struct netvsc_tx_want *want)
{
    if (!netvsc_tx_may_send(q)) {
        q->stats.tx_drop_down++;
        return -ENETDOWN;
    }
    if (want->len_bytes < NETVSC_ETH_BYTES || want->len_bytes > want->max_bytes) {
        q->stats.tx_drop_size++;
        return -EMSGSIZE;
    }
    if ((want->meta->csum | want->meta->lso4 | want->meta->lso6) &&
        !netvsc_offload_ok(q->nic, want->meta, (uint32_t)want->len_bytes)) {
        q->stats.tx_drop_offload++;
        return -EOPNOTSUPP;
    }
    if (!room(q, want->ring_packets)) {
        note_full(q);
        return -EAGAIN;
    }
    return 0;
}

/* What was asked for, and the tag of frames without one. */
static struct netvsc_tx_meta meta_of(const struct netvsc *nic, const struct netvsc_tx_want *want)
{
    struct netvsc_tx_meta meta = *want->meta;

    if (!meta.has_tci && nic->config.tx_tci) {
        meta.has_tci = true;
        meta.tci = nic->config.tx_tci;
    }
    return meta;
}

int netvsc_tx_start(struct netvsc_queue *q, const struct netvsc_tx_want *want,
                    struct netvsc_slot *slot)
{
    const struct netvsc_tx_meta meta = meta_of(q->nic, want);
    uint32_t head_bytes;
    int rc = judge(q, want);

    if (rc)
        return rc;
    head_bytes = netvsc_tx_head_bytes(q, &meta);
    if (want->alone || !netvsc_pile_begin(q, &meta, head_bytes, want->len_bytes, slot))
        netvsc_tx_give(q, &meta, head_bytes, want->ring_packets, slot);
    q->tx.slot[slot->token & 0xFFFF].tag_by_default = !want->meta->has_tci;
    return 0;
}

int netvsc_tx_begin_any(struct netvsc_queue *q, size_t len_bytes, const struct netvsc_tx_meta *meta,
                        struct netvsc_slot *slot)
{
    const struct netvsc *nic = q->nic;
    uint32_t max = nic->state == NETVSC_UP ? netvsc_tx_copied_max(nic) : 0;
    bool lso = meta->lso4 || meta->lso6;
    const struct netvsc_tx_want want = {
        .len_bytes = len_bytes,
        .max_bytes = lso || max < nic->tx_frame_bytes_max ? max : nic->tx_frame_bytes_max,
        .ring_packets = 1,
        .meta = meta};

    return netvsc_tx_start(q, &want, slot);
}

/* ---- commit, cancel -------------------------------------------------------------------------- */

/* It was written in the pile. Does it stay, short as it is and with nothing more beside it? */
static bool stays(const struct netvsc_queue *q, const struct netvsc_tx_meta *meta,
                  const uint8_t *data, size_t len_bytes)
{
    return len_bytes <= netvsc_pile_frame_max(q->nic) &&
           (meta->has_tci || !netvsc_tx_tagged(data, (uint32_t)len_bytes));
}

/* Where the frame is: in a section of its own its header has to be at the beginning. */
static uint8_t *bring_home(struct netvsc_queue *q, const struct netvsc_slot *slot, size_t len_bytes)
{
    const uint32_t index = slot->token & 0xFFFF;
    uint8_t *home = netvsc_tx_section(q, index) + q->tx.slot[index].head_bytes;

    if (slot->data != home)
        memmove(home, slot->data, len_bytes);
    return home;
}

static void show(struct netvsc_queue *q, const struct netvsc_tx_meta *meta, const uint8_t *data,
                 uint32_t len_bytes)
{
    const struct netvsc_frame frame = {.data = data,
                                       .len_bytes = len_bytes,
                                       .tci = meta->tci,
                                       .has_tci = meta->has_tci,
                                       .queue = (uint8_t)q->index};

    q->nic->config.capture(q->nic->config.ctx, true, &frame);
}

void netvsc_tx_commit_any(struct netvsc_queue *q, const struct netvsc_slot *slot, size_t len_bytes)
{
    struct netvsc_tx_slot *entry = netvsc_tx_begun(&q->tx, slot->token);
    const uint32_t index = slot->token & 0xFFFF;
    bool in_pile = netvsc_pile_has(&q->tx, index);
    uint8_t *data = slot->data;
    uint32_t bytes, message_bytes;

    if (!entry)
        return;
    if (in_pile && !stays(q, &entry->meta, data, len_bytes)) {
        netvsc_pile_leave(q);
        in_pile = false;
    }
    if (!in_pile)
        data = bring_home(q, slot, len_bytes);
    bytes = netvsc_tx_untag(q, entry, &data, (uint32_t)len_bytes);
    if (q->nic->config.capture)
        show(q, &entry->meta, data, bytes);
    netvsc_tx_count(q, &entry->meta, data, bytes);
    message_bytes = netvsc_tx_message(q, entry, data, bytes, bytes);
    if (in_pile) {
        q->tx.pile.counted++;
        netvsc_pile_commit(&q->tx, message_bytes);
        return;
    }
    netvsc_tx_finish(&q->tx, entry, 1);
    netvsc_tx_send(q, index, message_bytes, bytes);
}

void netvsc_queue_tx_cancel(struct netvsc *nic, unsigned queue, const struct netvsc_slot *slot)
{
    struct netvsc_queue *q = nic->queue[queue];
    struct netvsc_tx *tx = &q->tx;
    struct netvsc_tx_slot *entry = netvsc_tx_begun(tx, slot->token);
    const uint32_t index = slot->token & 0xFFFF;

    if (!entry)
        return;
    q->stats.tx_cancelled++;
    if (netvsc_pile_has(tx, index)) {
        netvsc_pile_cancel(q);
        return;
    }
    netvsc_tx_finish(tx, entry, 0);
    netvsc_tx_free_slot(q, index);
}

uint32_t netvsc_queue_outstanding(const struct netvsc *nic, unsigned queue)
{
    return nic->queue[queue]->tx.outstanding;
}
