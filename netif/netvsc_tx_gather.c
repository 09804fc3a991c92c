/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Frames whose bytes stay where they are. A GPA-direct packet may name a send section and guest
 * pages; the host reads the section first, then the pages in order. So a frame begins like any
 * other in a section: RNDIS header, per-packet info, and the frame's first bytes. Sections are in
 * one piece for the host, hence a header never lies across a page; and the headers, which TCP
 * writes anew for each transmission, are a copy of their own. Only what follows is named by page,
 * in the form every host takes: a range per page touched, at most 32.
 *
 * Who owns that memory waits for the host's completion, see netvsc_tx_done.c.
 *
 * What no page number leads to is copied. That fits if the frame fits a section; if not, the caller
 * has to bring it into one piece of config.memory first.
 */
#include "netvsc_gather.h"

#include <errno.h>
#include <string.h>

#include "netvsc_packet_var.h"
#include "netvsc_slot_var.h"

void netvsc_gather_open(struct netvsc *nic)
{
    const struct vmbus_memory *mem = nic->config.memory;

    nic->pfn = NULL;
    /* Not to be had, for whatever reason: then everything goes through sections. */
    if (mem && mem->region.base && nic->config.tx_copy_bytes != NETVSC_TX_COPY_ALL)
        (void)vmbus_share(nic->dev, mem, &nic->pfn);
    nic->info.tx_gpa = nic->pfn != NULL;
}

bool netvsc_gather_reaches(const struct netvsc *nic, const void *data, size_t len_bytes)
{
    const struct vmbus_region *mem;
    uintptr_t off;

    if (!nic->pfn)
        return false;
    mem = &nic->config.memory->region;
    off = (uintptr_t)data - (uintptr_t)mem->base; /* below (base): too large */
    return off <= mem->len_bytes && len_bytes <= mem->len_bytes - off;
}

/* ---- a frame that grows ---------------------------------------------------------------------- */

int netvsc_gather_begin(struct netvsc *nic, unsigned queue, size_t len_bytes,
                        const struct netvsc_tx_meta *meta, struct netvsc_gather *g)
{
    const struct netvsc_tx_want want = {
        .len_bytes = len_bytes,
        .max_bytes = meta->lso4 || meta->lso6 ? NETVSC_FRAME_BYTES_MAX : nic->tx_frame_bytes_max,
        .ring_packets = NETVSC_GATHER_RING_PACKETS,
        .alone = true,
        .meta = meta};
    int rc;

    g->head_bytes = 0;
    g->owner = NULL;
    g->bytes = 0;
    g->count = 0;
    rc = netvsc_tx_start(nic->queue[queue], &want, &g->slot);
    g->slot.room_bytes = rc ? 0 : netvsc_tx_copied_max(nic);
    return rc;
}

static uint32_t page_rest(const uint8_t *at)
{
    return VMBUS_PAGE_BYTES - (uint32_t)((uintptr_t)at % VMBUS_PAGE_BYTES);
}

/* Is (at) where the last piece ends, with no page in between? */
static bool carries_on(const struct netvsc_gather *g, const uint8_t *at)
{
    const struct netvsc_piece *last = g->count ? &g->piece[g->count - 1] : NULL;

    return last && last->data + last->len_bytes == at && page_rest(at) != VMBUS_PAGE_BYTES;
}

int netvsc_gather_add(const struct netvsc *nic, struct netvsc_gather *g, const void *data,
                      uint32_t len_bytes)
{
    const uint8_t *at = data;
    uint32_t first = len_bytes < page_rest(at) ? len_bytes : page_rest(at);
    uint32_t more = (len_bytes - first + VMBUS_PAGE_BYTES - 1) / VMBUS_PAGE_BYTES;
    bool merge;

    if (!len_bytes)
        return 0;
    if (!netvsc_gather_reaches(nic, data, len_bytes))
        return -EFAULT;
    merge = carries_on(g, at);
    if (g->count + !merge + more > NETVSC_PIECES_MAX)
        return -E2BIG;
    g->bytes += len_bytes;
    if (merge)
        g->piece[g->count - 1].len_bytes += first;
    else
        g->piece[g->count++] = (struct netvsc_piece){at, first};
    for (len_bytes -= first, at += first; len_bytes; len_bytes -= first, at += first) {
        first = len_bytes < VMBUS_PAGE_BYTES ? len_bytes : VMBUS_PAGE_BYTES;
        g->piece[g->count++] = (struct netvsc_piece){at, first};
    }
    return 0;
}

/* A capture wants the frame in one piece. */
static void show(struct netvsc_queue *q, const struct netvsc_gather *g,
                 const struct netvsc_tx_meta *meta)
{
    struct netvsc_frame frame = {.data = q->capture,
                                 .len_bytes = g->head_bytes + g->bytes,
                                 .tci = meta->tci,
                                 .has_tci = meta->has_tci,
                                 .queue = (uint8_t)q->index};
    uint8_t *at = q->capture + g->head_bytes;

    memcpy(q->capture, g->slot.data, g->head_bytes);
    for (unsigned i = 0; i < g->count; i++) {
        memcpy(at, g->piece[i].data, g->piece[i].len_bytes);
        at += g->piece[i].len_bytes;
    }
    q->nic->config.capture(q->nic->config.ctx, true, &frame);
}

static bool head_ok(const struct netvsc_gather *g, const struct netvsc_tx_meta *meta)
{
    uint32_t min = meta->l4_off ? meta->l4_off + NETVSC_TCP_BYTES : 0;

    return g->head_bytes <= g->slot.room_bytes && g->head_bytes >= NETVSC_GATHER_HEAD_BYTES &&
           g->head_bytes >= min;
}

bool netvsc_gather_commit(struct netvsc *nic, unsigned queue, struct netvsc_gather *g,
                          const struct netvsc_tx_meta *meta)
{
    struct netvsc_queue *q = nic->queue[queue];
    uint32_t bytes = g->head_bytes + g->bytes, index = g->slot.token & 0xFFFF;
    bool lso = meta->lso4 || meta->lso6;
    struct netvsc_tx_slot *entry;
    uint32_t untagged;

    if (!head_ok(g, meta) || bytes > (lso ? NETVSC_FRAME_BYTES_MAX : nic->tx_frame_bytes_max)) {
        netvsc_queue_tx_cancel(nic, queue, &g->slot);
        return false;
    }
    if (!netvsc_tx_rewish(q, &g->slot, bytes, meta))
        return false;
    entry = &q->tx.slot[index];
    untagged = netvsc_tx_untag(q, entry, &g->slot.data, g->head_bytes);
    bytes -= g->head_bytes - untagged;
    g->head_bytes = untagged;
    if (nic->config.capture)
        show(q, g, &entry->meta);
    netvsc_tx_count(q, &entry->meta, g->slot.data, bytes);
    q->stats.tx_gpa++;
    q->stats.tx_gpa_bytes += g->bytes;
    q->stats.tx_gpa_pieces += g->count;
    netvsc_tx_finish(&q->tx, entry, NETVSC_GATHER_RING_PACKETS);
    entry->owner = g->owner;
    netvsc_tx_send_gather(q, index, netvsc_tx_message(q, entry, g->slot.data, g->head_bytes, bytes),
                          g);
    return true;
}

/* ---- a frame at once ------------------------------------------------------------------------- */

static size_t total(const struct netvsc_vector *v)
{
    size_t sum = 0;

    for (unsigned i = 0; i < v->count; i++)
        sum += v->piece[i].len_bytes;
    return sum;
}

static int send_copied(struct netvsc *nic, unsigned queue, const struct netvsc_vector *v,
                       size_t bytes)
{
    struct netvsc_slot slot;
    int rc = netvsc_queue_tx_begin_meta(nic, queue, bytes, v->meta, &slot);
    uint8_t *at;

    if (rc)
        return rc;
    at = slot.data;
    for (unsigned i = 0; i < v->count; i++) {
        memcpy(at, v->piece[i].data, v->piece[i].len_bytes);
        at += v->piece[i].len_bytes;
    }
    netvsc_queue_tx_commit(nic, queue, &slot, bytes);
    return NETVSC_TX_COPIED;
}

/* The first bytes are copied, what is left of the pieces is added. */
static int fill(struct netvsc *nic, const struct netvsc_vector *v, struct netvsc_gather *g)
{
    int rc = 0;

    for (unsigned i = 0; i < v->count && rc == 0; i++) {
        const struct netvsc_piece *piece = &v->piece[i];
        uint32_t left = NETVSC_VECTOR_HEAD_BYTES - g->head_bytes;
        uint32_t head = piece->len_bytes < left ? piece->len_bytes : left;

        memcpy(g->slot.data + g->head_bytes, piece->data, head);
        g->head_bytes += head;
        rc = netvsc_gather_add(nic, g, piece->data + head, piece->len_bytes - head);
    }
    return rc;
}

int netvsc_queue_tx_vector(struct netvsc *nic, unsigned queue, const struct netvsc_vector *wish)
{
    struct netvsc_vector v = *wish;
    size_t bytes = total(&v);
    uint32_t limit = nic->config.tx_copy_bytes;
    struct netvsc_gather g;
    int rc;

    v.meta = v.meta ? v.meta : &netvsc_tx_nothing;
    limit = limit ? limit : NETVSC_TX_COPY_BYTES;
    limit = limit < NETVSC_VECTOR_HEAD_BYTES ? NETVSC_VECTOR_HEAD_BYTES : limit;
    if (v.copy || !nic->pfn || bytes <= limit)
        return send_copied(nic, queue, &v, bytes);
    rc = netvsc_gather_begin(nic, queue, bytes, v.meta, &g);
    if (rc)
        return rc;
    rc = fill(nic, &v, &g);
    g.owner = v.owner;
    if (rc)
        netvsc_queue_tx_cancel(nic, queue, &g.slot);
    else if (!netvsc_gather_commit(nic, queue, &g, v.meta))
        rc = -EOPNOTSUPP;
    return rc;
}
