/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames become pbufs.
 *
 * Theory of operation. Frames longer than the copybreak stay where the host wrote them, but for
 * their headers (netvsc_netif_loan.c); others are copied from the receive buffer into a chain of
 * pool pbufs, and so are all while lwIP keeps too much of the receive buffer already.
 *
 * A VLAN tag travels beside the frame on this NIC and inside the frame in lwIP. It is put back
 * here, or a tagged frame would reach a stack that did not ask for that VLAN.
 *
 * Checksums. lwIP switches its checks per netif, the host judges per frame. Without an operating
 * system under lwIP input runs to its end before it returns, so the switches are set for each frame
 * just before its input and set back after the batch: what the host has checked is not checked
 * again, anything else is. With tcpip_thread (NO_SYS 0) all is checked, for input only queues.
 *
 * What the host put together comes in pieces, which become one chain; what it did not may join here
 * (netvsc_netif_gro.c).
 */
#include "netvsc_netif_var.h"
#include "netvsc_packet_var.h"

#include <string.h>

#define PBUF_BYTES_MAX 65535u
#define VLAN_ID_MASK 0x0FFFu

/* ---- checksums ------------------------------------------------------------------------------- */

#define OK_MASK (NETVSC_CSUM_IP_OK | NETVSC_CSUM_L4_OK)
#define BAD_MASK (NETVSC_CSUM_IP_BAD | NETVSC_CSUM_L4_BAD)
#define CHECKS (NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP)

/* (frame) was put together by the host and its own sums are meaningless: judge what can be. */
static uint8_t stale_verdict(struct netvsc_netif *nif, const struct netvsc_frame *frame)
{
    if (!nif->rsc_verify || netvsc_netif_joined_right(frame))
        return frame->csum;
    nif->stats.rx_csum_disagree++;
    return NETVSC_CSUM_L4_BAD;
}

/* Verdict to go by: the host's, or the truth it is held against. */
static uint8_t verdict(struct netvsc_netif *nif, const struct netvsc_frame *frame)
{
    uint8_t truth, lies;

    if ((frame->csum & NETVSC_CSUM_STALE) && netvsc_info(nif->nic)->rx_rsc)
        return stale_verdict(nif, frame);
    if (!nif->rx_verify)
        return frame->csum;
    truth = netvsc_netif_rx_truth(frame);
    lies = (uint8_t)((frame->csum & OK_MASK) << 2 & truth) |
           (uint8_t)((frame->csum & BAD_MASK) >> 2 & truth);
    if (lies)
        nif->stats.rx_csum_disagree++;
    return truth;
}

/* Have lwIP check what (frame) was not checked for. */
static void set_checks(struct netvsc_netif *nif, const struct netvsc_frame *frame, uint8_t csum)
{
#if NO_SYS
    uint16_t spared = netvsc_netif_spared(frame, csum);

    nif->netif.chksum_flags = (u16_t)((nif->netif.chksum_flags | CHECKS) & ~spared);
    if (spared & (NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP))
        nif->stats.rx_csum_spared++;
#else
    (void)nif, (void)frame, (void)csum;
#endif
}

/* ---- chains ---------------------------------------------------------------------------------- */

void netvsc_netif_join_add(struct netvsc_netif_join *join, struct pbuf *p)
{
    join->bytes += p->tot_len;
    if (join->head)
        join->tail->next = p;
    else
        join->head = p;
    while (p->next)
        p = p->next;
    join->tail = p;
}

struct pbuf *netvsc_netif_join_end(struct netvsc_netif_join *join)
{
    uint32_t bytes = join->bytes;

    for (struct pbuf *p = join->head; p; p = p->next) {
        p->tot_len = (u16_t)bytes;
        bytes -= p->len;
    }
    return join->head;
}

/* The bytes of (frame) from (off) on, in pool pbufs, or NULL. */
static struct pbuf *copy_from(const struct netvsc_frame *frame, uint32_t off)
{
    u16_t bytes = (u16_t)(frame->len_bytes - off);
    struct pbuf *p = pbuf_alloc(PBUF_RAW, bytes, PBUF_POOL);

    if (p && p->len == bytes) /* nearly always */
        memcpy(p->payload, frame->data + off, bytes);
    else if (p)
        pbuf_take(p, frame->data + off, bytes);
    return p;
}

bool netvsc_netif_join_piece(struct netvsc_netif *nif, struct netvsc_netif_join *join,
                             const struct netvsc_frame *frame, uint32_t off)
{
    struct pbuf *p = NULL;

    if (frame->len_bytes - off > nif->rx_copybreak_bytes)
        p = netvsc_netif_lend_rest(nif, join->tail, frame, off);
    if (p) {
        nif->stats.rx_zerocopy++;
    } else {
        p = copy_from(frame, off);
        if (!p)
            return false;
        nif->stats.rx_copied++;
    }
    netvsc_netif_join_add(join, p);
    return true;
}

/* A copy of (frame) with (tag) put in. */
static struct pbuf *copy_tagged(const struct netvsc_frame *frame, const uint8_t *tag)
{
    const u16_t macs = NETVSC_MACS_BYTES, tag_bytes = NETVSC_TAG_BYTES;
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)(frame->len_bytes + tag_bytes), PBUF_POOL);

    if (!p)
        return NULL;
    pbuf_take(p, frame->data, macs);
    pbuf_take_at(p, tag, tag_bytes, macs);
    pbuf_take_at(p, frame->data + macs, (u16_t)(frame->len_bytes - macs),
                 (u16_t)(macs + tag_bytes));
    return p;
}

/* The chain of the first piece, with (tag) put in unless that is NULL. NULL: no pbuf. */
static struct pbuf *first_piece(struct netvsc_netif *nif, const struct netvsc_frame *frame,
                                const uint8_t *tag)
{
    struct pbuf *p = NULL;

    if (frame->len_bytes > nif->rx_copybreak_bytes)
        p = netvsc_netif_lend(nif, frame, tag);
    if (p) {
        nif->stats.rx_zerocopy++;
        return p;
    }
    p = tag ? copy_tagged(frame, tag) : copy_from(frame, 0);
    if (p)
        nif->stats.rx_copied++;
    return p;
}

/* Put the pieces behind the first after (p), which is freed when a pbuf is missing. */
static struct pbuf *more_pieces(struct netvsc_netif *nif, const struct netvsc_frame *frame,
                                struct pbuf *p)
{
    struct netvsc_netif_join join = {0};

    netvsc_netif_join_add(&join, p);
    for (unsigned i = 1; i <= frame->more; i++) {
        i += netvsc_netif_lend_run(nif, &join, &frame[i], frame->more + 1u - i);
        if (i <= frame->more && !netvsc_netif_join_piece(nif, &join, &frame[i], 0)) {
            pbuf_free(netvsc_netif_join_end(&join));
            return NULL;
        }
    }
    return netvsc_netif_join_end(&join);
}

static bool tagged(const struct netvsc_frame *frame)
{
    return frame->has_tci && (frame->tci & VLAN_ID_MASK) != 0; /* else it is only a priority */
}

/* The chain for lwIP. NULL: dropped and counted. */
static struct pbuf *chain(struct netvsc_netif *nif, const struct netvsc_frame *frame)
{
    const uint8_t tag[NETVSC_TAG_BYTES] = {NETVSC_TYPE_TAG >> 8, NETVSC_TYPE_TAG & 0xFF,
                                           (uint8_t)(frame->tci >> 8), (uint8_t)frame->tci};
    bool with_tag = tagged(frame);
    uint32_t len_bytes = netvsc_frame_bytes(frame) + (with_tag ? NETVSC_TAG_BYTES : 0);
    struct pbuf *p;

    if (len_bytes > PBUF_BYTES_MAX) {
        nif->stats.rx_above_stack++;
        return NULL;
    }
    p = first_piece(nif, frame, with_tag ? tag : NULL);
    if (p && frame->more)
        p = more_pieces(nif, frame, p);
    if (!p)
        nif->stats.rx_drop_pbuf++;
    return p;
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* Tell lwIP's hook that an acknowledgement is due: see netvsc_netif.h. */
static void mark(struct pbuf *p, const struct netvsc_frame *frame, unsigned frames)
{
#if NETVSC_NETIF_CHAINS
    if (frames > 1)
        p->segments = (u16_t)frames;
    else if (frame->more || (frame->csum & NETVSC_CSUM_STALE))
        p->segments = (u16_t)(frame->more + 2u); /* how many only the host knows */
#else
    (void)p, (void)frame, (void)frames;
#endif
}

/* The first of (count) entries, and what joins it. Returns how many entries that were. */
static unsigned input(struct netvsc_netif *nif, const struct netvsc_frame *frame, unsigned count)
{
    uint8_t csum = verdict(nif, frame);
    unsigned frames = 1;
    struct pbuf *p;

    if (csum & BAD_MASK) {
        nif->stats.rx_drop_csum++;
        return 1u + frame->more;
    }
    p = chain(nif, frame);
    if (!p)
        return 1u + frame->more;
    if (nif->gro_ip4 || nif->gro_ip6)
        frames = netvsc_netif_gro(nif, p, frame, count);
    mark(p, frame, frames);
    set_checks(nif, frame, csum);
    if (nif->netif.input(p, &nif->netif) == ERR_OK) {
        nif->stats.rx_input += frames;
    } else {
        nif->stats.rx_drop_input += frames;
        pbuf_free(p);
    }
    return frames + frame->more;
}

#ifdef NETVSC_NETIF_AHEAD
/* Show what has its turn soon, (now) being the next; behind the batch nothing comes. */
static unsigned show(const struct netvsc_frame *frames, unsigned count, unsigned now,
                     unsigned shown)
{
    for (; shown <= now + NETVSC_NETIF_AHEAD; shown++) {
        if (shown < count)
            NETVSC_NETIF_SHOW(frames[shown].data, frames[shown].len_bytes);
        else
            NETVSC_NETIF_SHOW(NULL, 0);
    }
    return shown;
}
#else
static unsigned show(const struct netvsc_frame *frames, unsigned count, unsigned now,
                     unsigned shown)
{
    (void)frames, (void)count, (void)now;
    return shown;
}
#endif

void netvsc_netif_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    struct netvsc_netif *nif = ctx;
    unsigned shown = 0;

    for (unsigned i = 0; i < count;) {
        if (count > 1)
            shown = show(frames, count, i, shown);
        i += input(nif, &frames[i], count - i);
    }
    nif->netif.chksum_flags |= CHECKS;
}
