/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transmit: frames written straight into send-buffer sections.
 *
 * Theory of operation. A free section is popped off a stack at begin; the caller writes the frame
 * behind the place of the RNDIS header and its per-packet info; commit fills these in, pads with
 * zeros and hands the section on (netvsc_tx_send.c), where small frames are put together and a
 * 40-byte NVSP message naming the section goes on the ring. The section is free again when the host
 * has completed the packet (netvsc_tx_done.c).
 *
 * Each queue has a share of the sections of its own, so queues have nothing in common to lock.
 *
 * The virtual switch does not understand VLAN tags inside frames: a tag found there is taken out
 * and sent beside the frame.
 */
#include "netvsc_gather.h"
#include "netvsc_var.h"

#include <errno.h>
#include <string.h>

#define TAG_OFF 12u /* of a VLAN tag inside a frame */
#define TAG_BYTES 4u
#define TAG_TYPE 0x8100u

/* ---- sections -------------------------------------------------------------------------------- */

void netvsc_tx_open(struct netvsc_queue *q, uint32_t first_section, uint32_t sections)
{
    struct netvsc_tx *tx = &q->tx;

    tx->first_section = first_section;
    tx->slot_count = sections;
    tx->free_count = 0;
    tx->credit = 0;
    tx->begun = 0;
    tx->reserved = 0;
    tx->outstanding = 0;
    tx->full_since_ns = 0;
    /* Lowest on top. Generations go on from where they were: nothing of an old device fits. */
    for (uint32_t i = sections; i-- > 0;)
        tx->free[tx->free_count++] = (uint16_t)i;
    nvs_build_rndis(&tx->msg, NVS_RNDIS_DATA, 0, 0);
    tx->pile.open = false;
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
    tx->reserved = 0;
    tx->outstanding = 0;
    tx->pile.open = false;
}

uint32_t netvsc_tx_take_section(struct netvsc_queue *q)
{
    struct netvsc_tx *tx = &q->tx;

    if (!tx->free_count)
        return NVS_SECTION_NONE;
    return tx->first_section + tx->free[--tx->free_count];
}

void netvsc_tx_free_slot(struct netvsc_queue *q, uint32_t index)
{
    struct netvsc_tx *tx = &q->tx;

    if (tx->slot[index].owner) {
        netvsc_tx_disown(q, tx->slot[index].owner);
        tx->slot[index].owner = NULL;
    }
    tx->slot[index].state = NETVSC_SLOT_FREE;
    tx->slot[index].generation++;
    tx->free[tx->free_count++] = (uint16_t)index;
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
    if (!tx->full_since_ns || !tx->free_count || (!tx->credit && !netvsc_tx_earn_credit(q)))
        return;
    q->stats.tx_full_ns += now_ns - tx->full_since_ns;
    tx->full_since_ns = 0;
}

/* A token is the slot's index and the low half of its generation. */
static uint32_t token_of(const struct netvsc_tx *tx, uint32_t index)
{
    return tx->slot[index].generation << 16 | index;
}

struct netvsc_tx_slot *netvsc_tx_begun(struct netvsc_tx *tx, uint32_t token)
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

/* What goes with a frame. With several queues the host is told on which to complete it. */
static struct rndis_tx_info info_of(const struct netvsc_queue *q, const struct netvsc_tx_meta *meta)
{
    struct rndis_tx_info info = {.has_hash = q->nic->info.queues > 1, .hash = q->index};

    netvsc_offload_info(meta, &info);
    return info;
}

/* Nothing goes with it: most frames of a NIC with one queue, and of programs below lwIP. */
static bool plain(const struct netvsc_queue *q, const struct netvsc_tx_meta *meta)
{
    return !(meta->csum | meta->lso4 | meta->lso6 | meta->has_tci) && q->nic->info.queues == 1;
}

static uint32_t head_bytes_of(const struct netvsc_queue *q, const struct netvsc_tx_meta *meta)
{
    uint32_t bytes = sizeof(struct rndis_packet);

    if (!plain(q, meta)) {
        const struct rndis_tx_info info = info_of(q, meta);

        bytes += rndis_tx_info_bytes(&info);
    }
    return bytes;
}

uint32_t netvsc_tx_copied_max(const struct netvsc *nic)
{
    return nic->info.send_section_bytes - (uint32_t)sizeof(struct rndis_packet) -
           RNDIS_TX_PPIS_BYTES_MAX;
}

static bool room(struct netvsc_queue *q, uint32_t packets)
{
    struct netvsc_tx *tx = &q->tx;

    return tx->free_count &&
           (tx->credit >= packets || (netvsc_tx_earn_credit(q) && tx->credit >= packets));
}

/* May it be begun? The order in which reasons are found is the order of the manual. */
static int judge(struct netvsc_queue *q, const struct netvsc_tx_want *want)
{
    if (!may_send(q)) {
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

int netvsc_tx_start(struct netvsc_queue *q, const struct netvsc_tx_want *want,
                    struct netvsc_slot *slot)
{
    struct netvsc *nic = q->nic;
    struct netvsc_tx *tx = &q->tx;
    struct netvsc_tx_slot *entry;
    uint32_t index, head_bytes;
    int rc = judge(q, want);

    if (rc)
        return rc;
    index = tx->free[--tx->free_count];
    entry = &tx->slot[index];
    entry->state = NETVSC_SLOT_BEGUN;
    entry->ring_packets = want->ring_packets;
    entry->meta = *want->meta;
    if (!want->meta->has_tci && nic->config.tx_tci) {
        entry->meta.has_tci = true;
        entry->meta.tci = nic->config.tx_tci;
    }
    tx->begun++;
    tx->reserved += want->ring_packets;
    tx->credit -= want->ring_packets;
    if (tx->slot_count - tx->free_count > tx->peak)
        tx->peak = tx->slot_count - tx->free_count;
    head_bytes = head_bytes_of(q, &entry->meta);
    slot->data = nic->mem->send.base +
                 (size_t)(tx->first_section + index) * nic->info.send_section_bytes + head_bytes;
    slot->room_bytes = nic->info.send_section_bytes - head_bytes;
    slot->token = token_of(tx, index);
    return 0;
}

void netvsc_tx_finish(struct netvsc_tx *tx, struct netvsc_tx_slot *slot, uint32_t ring_packets)
{
    tx->begun--;
    tx->reserved -= slot->ring_packets;
    tx->credit += slot->ring_packets - ring_packets;
}

int netvsc_queue_tx_begin_meta(struct netvsc *nic, unsigned queue, size_t len_bytes,
                               const struct netvsc_tx_meta *meta, struct netvsc_slot *slot)
{
    uint32_t max = nic->state == NETVSC_UP ? netvsc_tx_copied_max(nic) : 0;
    bool lso = meta->lso4 || meta->lso6;
    const struct netvsc_tx_want want = {
        .len_bytes = len_bytes,
        .max_bytes = lso || max < nic->tx_frame_bytes_max ? max : nic->tx_frame_bytes_max,
        .ring_packets = 1,
        .meta = meta};

    return netvsc_tx_start(nic->queue[queue], &want, slot);
}

int netvsc_queue_tx_begin(struct netvsc *nic, unsigned queue, size_t len_bytes,
                          struct netvsc_slot *slot)
{
    static const struct netvsc_tx_meta nothing;

    return netvsc_queue_tx_begin_meta(nic, queue, len_bytes, &nothing, slot);
}

uint32_t netvsc_tx_untag(struct netvsc_queue *q, struct netvsc_tx_meta *meta, uint8_t **data,
                         uint32_t len_bytes)
{
    uint8_t *at = *data;

    if (len_bytes < TAG_OFF + TAG_BYTES || (at[TAG_OFF] << 8 | at[TAG_OFF + 1]) != (int)TAG_TYPE)
        return len_bytes;
    if (meta->csum || meta->lso4 || meta->lso6)
        return len_bytes; /* whoever knows headers knows tags */
    meta->tci = (uint16_t)(at[TAG_OFF + 2] << 8 | at[TAG_OFF + 3]);
    if (!meta->has_tci)
        *data += RNDIS_PPI_BYTES;
    meta->has_tci = true;
    memmove(*data + TAG_OFF, at + TAG_OFF + TAG_BYTES, len_bytes - TAG_OFF - TAG_BYTES);
    memmove(*data, at, TAG_OFF);
    q->stats.tx_untagged++;
    return len_bytes - TAG_BYTES;
}

uint32_t netvsc_tx_message(struct netvsc_queue *q, const struct netvsc_tx_meta *meta, uint8_t *data,
                           uint32_t head_bytes, uint32_t len_bytes)
{
    uint32_t ppi_bytes = head_bytes_of(q, meta) - (uint32_t)sizeof(struct rndis_packet);
    uint32_t wire_bytes = len_bytes;
    struct rndis_packet header;

    if (len_bytes < NETVSC_FRAME_BYTES_MIN) { /* then all of it is here */
        memset(data + len_bytes, 0, NETVSC_FRAME_BYTES_MIN - len_bytes);
        wire_bytes = NETVSC_FRAME_BYTES_MIN;
    }
    if (ppi_bytes) {
        const struct rndis_tx_info info = info_of(q, meta);

        netvsc_offload_prepare(meta, data, len_bytes);
        rndis_build_tx_info(data - ppi_bytes, &info);
    }
    rndis_build_packet_info(&header, ppi_bytes, wire_bytes);
    memcpy(data - ppi_bytes - sizeof(header), &header, sizeof(header));
    return header.len_bytes - (len_bytes - head_bytes);
}

void netvsc_tx_count(struct netvsc_queue *q, const struct netvsc_tx_meta *meta, const uint8_t *data,
                     uint32_t bytes)
{
    q->stats.tx_frames++;
    q->stats.tx_bytes += bytes;
    q->stats.tx_padded += bytes < NETVSC_FRAME_BYTES_MIN;
    q->stats.tx_csum += meta->csum != 0;
    q->stats.tx_vlan += meta->has_tci;
    if (meta->lso4 || meta->lso6) {
        q->stats.tx_lso++;
        q->stats.tx_lso_bytes += bytes;
    }
    netvsc_count_tx(&q->stats, data, bytes);
}

void netvsc_queue_tx_commit(struct netvsc *nic, unsigned queue, const struct netvsc_slot *slot,
                            size_t len_bytes)
{
    struct netvsc_queue *q = nic->queue[queue];
    struct netvsc_tx_slot *entry = netvsc_tx_begun(&q->tx, slot->token);
    uint32_t index = slot->token & 0xFFFF;
    uint8_t *data = slot->data;
    uint32_t bytes;

    if (!entry)
        return;
    bytes = netvsc_tx_untag(q, &entry->meta, &data, (uint32_t)len_bytes);
    if (nic->config.capture) {
        const struct netvsc_frame frame = {.data = data,
                                           .len_bytes = bytes,
                                           .tci = entry->meta.tci,
                                           .has_tci = entry->meta.has_tci,
                                           .queue = (uint8_t)q->index};

        nic->config.capture(nic->config.ctx, true, &frame);
    }
    netvsc_tx_count(q, &entry->meta, data, bytes);
    netvsc_tx_finish(&q->tx, entry, 1);
    netvsc_tx_send(q, index, netvsc_tx_message(q, &entry->meta, data, bytes, bytes), bytes);
}

void netvsc_queue_tx_cancel(struct netvsc *nic, unsigned queue, const struct netvsc_slot *slot)
{
    struct netvsc_queue *q = nic->queue[queue];
    struct netvsc_tx *tx = &q->tx;

    struct netvsc_tx_slot *entry = netvsc_tx_begun(tx, slot->token);

    if (!entry)
        return;
    netvsc_tx_finish(tx, entry, 0);
    q->stats.tx_cancelled++;
    netvsc_tx_free_slot(q, slot->token & 0xFFFF);
}

bool netvsc_tx_rewish(struct netvsc_queue *q, const struct netvsc_slot *slot, size_t len_bytes,
                      const struct netvsc_tx_meta *meta)
{
    struct netvsc_tx_slot *entry = netvsc_tx_begun(&q->tx, slot->token);
    struct netvsc_tx_meta wish = *meta;
    struct rndis_tx_info before, now;

    if (!entry)
        return false;
    if (!wish.has_tci) {
        wish.has_tci = entry->meta.has_tci;
        wish.tci = entry->meta.tci;
    }
    before = info_of(q, &entry->meta);
    now = info_of(q, &wish);
    if (!netvsc_offload_ok(q->nic, &wish, (uint32_t)len_bytes) ||
        rndis_tx_info_bytes(&before) != rndis_tx_info_bytes(&now)) {
        netvsc_queue_tx_cancel(q->nic, q->index, slot);
        return false;
    }
    entry->meta = wish;
    return true;
}

void netvsc_queue_tx_commit_meta(struct netvsc *nic, unsigned queue, const struct netvsc_slot *slot,
                                 size_t len_bytes, const struct netvsc_tx_meta *meta)
{
    if (len_bytes > slot->room_bytes)
        netvsc_queue_tx_cancel(nic, queue, slot);
    else if (netvsc_tx_rewish(nic->queue[queue], slot, len_bytes, meta))
        netvsc_queue_tx_commit(nic, queue, slot, len_bytes);
}

uint32_t netvsc_queue_outstanding(const struct netvsc *nic, unsigned queue)
{
    return nic->queue[queue]->tx.outstanding;
}
