/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * pbufs the host reads where they are, in config.memory: what lwIP's heap holds (PBUF_RAM), and
 * what a program lends (custom PBUF_ROM: it does not change, and its owner is told when the last
 * reference goes); and only behind the headers, of which a copy leaves. We keep a reference to the
 * chain until the host is done: TCP sees by it (p->ref) that a segment is still on its way and
 * neither sends it again nor touches it, and when the data is acknowledged before the completion
 * comes, or the connection is reset, the memory stays. What TCP appends to a segment that is queued
 * to be sent again lies behind the bytes the host was told of.
 *
 * What others own is copied: a PBUF_ROM of lwIP's own is over memory the program has back when its
 * connection is reset, sent or not; PBUF_REF and other custom pbufs may be over anything. So a
 * chain goes
 *
 *   up to tx_copy_bytes                    copied into a send section
 *   longer, all of it ours, <= 32 pages    left in place
 *   longer, else, if it fits a section     copied into it
 *   else                                   copied into one pbuf of the heap, left in place there
 *
 * The references of one packet, up to 48 segments put together, are a struct netvsc_netif_held from
 * a fixed pool; when that is used up, frames are copied or wait.
 */
#include "netvsc_netif_var.h"
#include "netvsc_packet_var.h"

#include <errno.h>
#include <stdlib.h>

#define CHAIN_PIECES 64u

/* ---- references ------------------------------------------------------------------------------ */

int netvsc_netif_holds_create(struct netvsc_netif *nif)
{
    nif->held = calloc(NETVSC_NETIF_HELD, sizeof(*nif->held));
    if (!nif->held)
        return -ENOMEM;
    for (unsigned i = 0; i < NETVSC_NETIF_HELD; i++) {
        nif->held[i].next = nif->held_free;
        nif->held_free = &nif->held[i];
    }
    return 0;
}

struct netvsc_netif_held *netvsc_netif_hold(struct netvsc_netif *nif)
{
    struct netvsc_netif_held *held = nif->held_free;

    if (!held)
        return NULL;
    nif->held_free = held->next;
    held->count = 0;
    return held;
}

void netvsc_netif_hold_add(struct netvsc_netif_held *held, struct pbuf *p)
{
    pbuf_ref(p);
    held->p[held->count++] = p;
}

void netvsc_netif_let_go(struct netvsc_netif *nif, struct netvsc_netif_held *held)
{
    for (unsigned i = 0; i < held->count; i++)
        pbuf_free(held->p[i]);
    held->next = nif->held_free;
    nif->held_free = held;
}

void netvsc_netif_tx_done(void *ctx, void *const *owners, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        netvsc_netif_let_go(ctx, owners[i]);
}

/* ---- what may stay --------------------------------------------------------------------------- */

static bool ours(const struct pbuf *p)
{
    return pbuf_match_type(p, p->flags & PBUF_FLAG_IS_CUSTOM ? PBUF_ROM : PBUF_RAM);
}

bool netvsc_netif_place(struct netvsc_netif *nif, const struct pbuf *p, uint32_t skip,
                        struct netvsc_gather *g)
{
    const struct netvsc_gather before = {.bytes = g->bytes, .count = g->count};
    uint32_t last_bytes = g->count ? g->piece[g->count - 1].len_bytes : 0;

    for (; p; p = p->next) {
        uint32_t off = skip < p->len ? skip : p->len;

        skip -= off;
        if (off == p->len)
            continue;
        if (ours(p) &&
            netvsc_gather_add(nif->nic, g, (const uint8_t *)p->payload + off, p->len - off) == 0)
            continue;
        g->bytes = before.bytes;
        g->count = before.count;
        if (g->count)
            g->piece[g->count - 1].len_bytes = last_bytes;
        return false;
    }
    return true;
}

/* ---- a chain alone --------------------------------------------------------------------------- */

/* The pieces of a chain without the (skip) bytes behind the addresses. 0: too many, or foreign. */
static unsigned pieces_of(const struct pbuf *p, uint32_t skip, struct netvsc_piece *out)
{
    uint32_t before =
        skip ? NETVSC_MACS_BYTES : 0; /* a tag is in the first piece, or it is foreign */
    unsigned count = 0;

    if (skip) {
        if (!ours(p) || p->len < NETVSC_MACS_BYTES + skip)
            return 0;
        out[count++] = (struct netvsc_piece){p->payload, before};
    }
    for (skip += before; p; p = p->next, skip = 0) {
        if (!ours(p) || count == CHAIN_PIECES)
            return 0;
        if (p->len > skip)
            out[count++] = (struct netvsc_piece){(const uint8_t *)p->payload + skip, p->len - skip};
    }
    return count;
}

static int send_held(struct netvsc_netif *nif, struct pbuf *p, const struct netvsc_vector *pieces)
{
    struct netvsc_netif_held *held = netvsc_netif_hold(nif);
    struct netvsc_vector v = *pieces;
    int rc;

    if (!held)
        return -EAGAIN;
    netvsc_netif_hold_add(held, p);
    v.owner = held;
    rc = netvsc_queue_tx_vector(nif->nic, nif->queue, &v);
    if (rc)
        netvsc_netif_let_go(nif, held);
    else
        nif->stats.tx_held++;
    return rc == NETVSC_TX_COPIED ? 0 : rc;
}

/* Into one piece, without the tag. */
static struct pbuf *linear(const struct pbuf *p, uint32_t skip)
{
    struct pbuf *copy = pbuf_alloc(PBUF_RAW, (u16_t)(p->tot_len - skip), PBUF_RAM);
    uint32_t before = skip ? NETVSC_MACS_BYTES : 0;

    if (!copy)
        return NULL;
    pbuf_copy_partial(p, copy->payload, (u16_t)before, 0);
    pbuf_copy_partial(p, (uint8_t *)copy->payload + before, (u16_t)(copy->tot_len - before),
                      (u16_t)(before + skip));
    return copy;
}

static int send_linear(struct netvsc_netif *nif, const struct pbuf *p, uint32_t skip,
                       const struct netvsc_tx_meta *meta)
{
    struct pbuf *copy = nif->held_free ? linear(p, skip) : NULL; /* 60 KB are not copied in vain */
    struct netvsc_piece piece;
    const struct netvsc_vector v = {.piece = &piece, .count = 1, .meta = meta};
    int rc;

    if (!nif->held_free)
        return -EAGAIN;
    if (!copy)
        return -ENOMEM;
    piece = (struct netvsc_piece){copy->payload, copy->len};
    rc = send_held(nif, copy, &v);
    pbuf_free(copy);
    nif->stats.tx_linearised += rc == 0;
    return rc == -EFAULT ? -ENOMEM : rc; /* the heap is used up: that was libc's */
}

int netvsc_netif_in_place(struct netvsc_netif *nif, struct pbuf *p, uint32_t skip,
                          const struct netvsc_tx_meta *meta)
{
    struct netvsc_piece piece[CHAIN_PIECES];
    struct netvsc_vector v = {.piece = piece, .meta = meta};
    uint32_t bytes = p->tot_len - skip;
    int rc;

    if (!netvsc_info(nif->nic)->tx_gpa || bytes <= nif->tx_copy_bytes)
        return NETVSC_NETIF_ALONE;
    v.count = pieces_of(p, skip, piece);
    rc = v.count ? send_held(nif, p, &v) : -EFAULT;
    if (rc != -EFAULT && rc != -E2BIG)
        return rc;
    if (bytes <= netvsc_tx_copied_max(nif->nic))
        return NETVSC_NETIF_ALONE;
    return send_linear(nif, p, skip, meta);
}
