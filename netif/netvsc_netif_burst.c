/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * TSO for a TCP that knows nothing of it. lwIP emits the segments of a window one after the other;
 * consecutive ones of one connection are put together here in one send section, the first with its
 * headers, the others with their data only, and leave as one packet for the host to cut again. Once
 * that is longer than what is better copied, or than a section, segments are left where they are
 * (netvsc_netif_place.c), so that a packet grows to the host's limit, or to 32 pieces. A
 * segment joins if its headers are the first's but for sequence number, flags, lengths, IP
 * identification and sums, and if it carries on where the last one ended. A burst ends with the
 * first segment shorter than the rest, or with PSH or FIN, which a cutting host puts on the last
 * segment only, or when its section is full; in any case before anything else leaves and at the end
 * of the turn. A jumbo frame longer than a section goes alone.
 *
 * Forwarded segments never join: they come with a sum, and what was received in pieces leaves in
 * the same pieces.
 */
#include "netvsc_netif_var.h"
#include "netvsc_packet_var.h"

#include <string.h>

/* A segment on its way, taken apart. */
struct segment {
    uint8_t head[NETVSC_NETIF_HEAD_BYTES]; /* headers; what may differ is 0 */
    uint32_t head_bytes, payload_bytes;
    uint32_t seq;
    uint8_t flags;
};

/* Leave out what may differ between the segments of a burst. */
static void blank(struct segment *s, const struct netvsc_tx_meta *meta)
{
    uint8_t *tcp = s->head + meta->l4_off;

    if (meta->csum == NETVSC_CSUM_TCP6) {
        memset(s->head + NETVSC_IP6_PAYLOAD_OFF, 0, 2);
    } else {
        memset(s->head + NETVSC_IP4_TOTAL_OFF, 0, 4);
        memset(s->head + NETVSC_IP4_SUM_OFF, 0, 2);
    }
    memset(tcp + NETVSC_TCP_SEQ_OFF, 0, 4);
    tcp[NETVSC_TCP_FLAGS_OFF] = 0;
    memset(tcp + NETVSC_TCP_SUM_OFF, 0, 2);
}

/* Nothing can join it, and there is nothing it could join: most answers are such. */
static bool is_alone(const struct netvsc_netif_burst *b, const struct pbuf *p,
                     const struct netvsc_tx_meta *meta)
{
    const uint32_t flags_off = meta->l4_off + NETVSC_TCP_FLAGS_OFF;

    return !b->open && p->len > flags_off &&
           ((const uint8_t *)p->payload)[flags_off] & (NETVSC_TCP_PSH | NETVSC_TCP_FIN);
}

/* False: no data, flags that are not for a burst, or headers longer than ours ever are. */
static bool take_apart(const struct pbuf *p, const struct netvsc_tx_meta *meta, struct segment *s)
{
    const uint8_t *tcp = s->head + meta->l4_off;
    uint32_t bytes = pbuf_copy_partial(p, s->head, sizeof(s->head), 0);

    s->head_bytes = meta->l4_off + (tcp[NETVSC_TCP_DATA_OFF] >> 4) * 4u;
    if (s->head_bytes > bytes || s->head_bytes >= p->tot_len)
        return false;
    s->payload_bytes = p->tot_len - s->head_bytes;
    s->seq = netvsc_get32(tcp + NETVSC_TCP_SEQ_OFF);
    s->flags = tcp[NETVSC_TCP_FLAGS_OFF];
    if ((s->flags & ~(NETVSC_TCP_FIN | NETVSC_TCP_PSH)) != NETVSC_TCP_ACK)
        return false;
    blank(s, meta);
    return true;
}

static void commit(struct netvsc_netif *nif, const struct netvsc_tx_meta *meta)
{
    struct netvsc_netif_burst *b = &nif->burst;

    if (!b->held) {
        netvsc_queue_tx_commit_meta(nif->nic, nif->queue, &b->g.slot, b->bytes, meta);
        return;
    }
    b->g.head_bytes = b->bytes - b->g.bytes;
    b->g.owner = b->held;
    if (!netvsc_gather_commit(nif->nic, nif->queue, &b->g, meta))
        netvsc_netif_let_go(nif, b->held);
    b->held = NULL;
}

void netvsc_netif_burst_end(struct netvsc_netif *nif)
{
    struct netvsc_netif_burst *b = &nif->burst;
    struct netvsc_tx_meta meta = b->meta;

    if (!b->open)
        return;
    b->open = false;
    if (b->segments > 1) {
        meta.lso4 = b->meta.csum == NETVSC_CSUM_TCP4;
        meta.lso6 = !meta.lso4;
        meta.csum = 0;
        meta.mss_bytes = (uint16_t)b->mss_bytes;
        b->g.slot.data[meta.l4_off + NETVSC_TCP_FLAGS_OFF] = b->flags;
        nif->stats.tx_bursts++;
        nif->stats.tx_burst_segments += b->segments;
    }
    commit(nif, &meta);
}

void netvsc_netif_burst_drop(struct netvsc_netif *nif)
{
    struct netvsc_netif_burst *b = &nif->burst;

    if (b->open)
        netvsc_queue_tx_cancel(nif->nic, nif->queue, &b->g.slot);
    if (b->held)
        netvsc_netif_let_go(nif, b->held);
    b->held = NULL;
    b->open = false;
}

static bool joins(const struct netvsc_netif_burst *b, const struct segment *s,
                  const struct netvsc_tx_meta *meta)
{
    return b->open && s->seq == b->next_seq && s->payload_bytes <= b->mss_bytes &&
           s->head_bytes == b->head_bytes && b->bytes + s->payload_bytes <= b->bytes_max &&
           meta->csum == b->meta.csum && meta->l4_off == b->meta.l4_off &&
           memcmp(s->head, b->head, s->head_bytes) == 0;
}

/* May more follow? A short segment, PSH and FIN are the last of a burst. */
static void go_on(struct netvsc_netif *nif, const struct segment *s)
{
    struct netvsc_netif_burst *b = &nif->burst;

    b->next_seq = s->seq + s->payload_bytes;
    b->flags = s->flags;
    b->segments++;
    if (s->payload_bytes < b->mss_bytes || s->flags != NETVSC_TCP_ACK)
        netvsc_netif_burst_end(nif);
}

/*
 * The first segment. A section of its own, and room on the ring for a list of pieces, is only for
 * one that will be followed: answers of one segment, which carry PSH, cost what they always did.
 */
static int open_with(struct netvsc_netif *nif, const struct pbuf *p,
                     const struct netvsc_tx_meta *meta, const struct segment *s)
{
    const struct netvsc_info *info = netvsc_info(nif->nic);
    uint32_t max = NETVSC_ETH_BYTES + (meta->csum == NETVSC_CSUM_TCP6 ? info->offload.lso6_bytes
                                                                      : info->offload.lso4_bytes);
    bool follows = s->flags == NETVSC_TCP_ACK, grows = follows && info->tx_gpa;
    struct netvsc_netif_burst *b = &nif->burst;
    uint32_t room;
    int rc;

    if (p->tot_len > netvsc_tx_copied_max(nif->nic)) /* a jumbo frame */
        return NETVSC_NETIF_ALONE;
    rc = follows ? netvsc_gather_begin(nif->nic, nif->queue, p->tot_len, meta, &b->g)
                 : netvsc_queue_tx_begin_meta(nif->nic, nif->queue, p->tot_len, meta, &b->g.slot);
    if (rc)
        return rc;
    room = b->g.slot.room_bytes;
    pbuf_copy_partial(p, b->g.slot.data, p->tot_len, 0);
    b->open = true;
    b->meta = *meta;
    b->bytes = p->tot_len;
    b->bytes_max = grows || room > max ? max : room;
    b->copy_max = grows && room > nif->tx_copy_bytes ? nif->tx_copy_bytes : room;
    b->head_bytes = s->head_bytes;
    b->mss_bytes = s->payload_bytes;
    b->segments = 0;
    memcpy(b->head, s->head, s->head_bytes);
    go_on(nif, s);
    return 0;
}

/* Leave the data of (p) where it is. */
static bool leave(struct netvsc_netif *nif, struct pbuf *p)
{
    struct netvsc_netif_burst *b = &nif->burst;
    struct netvsc_netif_held *held = b->held ? b->held : netvsc_netif_hold(nif);

    if (!held)
        return false;
    if (held->count < NETVSC_NETIF_HELD_CHAINS &&
        netvsc_netif_place(nif, p, b->head_bytes, &b->g)) {
        netvsc_netif_hold_add(held, p);
        nif->stats.tx_held++;
        b->held = held;
        return true;
    }
    if (!b->held)
        netvsc_netif_let_go(nif, held);
    return false;
}

/* Its data behind what is there. False: it has to open a burst of its own. */
static bool append(struct netvsc_netif *nif, struct pbuf *p, const struct segment *s)
{
    struct netvsc_netif_burst *b = &nif->burst;

    if (!b->held && b->bytes + s->payload_bytes <= b->copy_max)
        pbuf_copy_partial(p, b->g.slot.data + b->bytes, (u16_t)s->payload_bytes,
                          (u16_t)s->head_bytes);
    else if (!leave(nif, p))
        return false;
    b->bytes += s->payload_bytes;
    go_on(nif, s);
    return true;
}

int netvsc_netif_burst(struct netvsc_netif *nif, struct pbuf *p, const struct netvsc_tx_meta *meta)
{
    const struct netvsc_offload *use = &netvsc_info(nif->nic)->offload;
    struct netvsc_netif_burst *b = &nif->burst;
    struct segment s;

    if (!use->lso4_bytes || !use->lso6_bytes || nif->tx_csum == NETVSC_VERIFY || !meta->csum ||
        is_alone(b, p, meta) || !take_apart(p, meta, &s))
        return NETVSC_NETIF_ALONE;
    if (joins(b, &s, meta) && append(nif, p, &s))
        return 0;
    netvsc_netif_burst_end(nif);
    return open_with(nif, p, meta, &s);
}
