/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Segments longer than the wire takes, for a NIC that has them cut (LSO). What a segment costs lwIP
 * is the same for 1460 bytes and for 61,320, so bulk data is best written in long ones. lwIP makes
 * segments of up to pcb->mss, which is therefore raised while tcp_write() runs, and only then: for
 * congestion control, timers and programs it stays what the peer agreed to.
 *
 * How long: a multiple of the wire's size; no more than the NIC takes, than half of the peer's
 * largest window or of the send buffer, and than a quarter of the congestion window, so that a
 * connection that lost something sends in pieces suited to that. What a program wrote without a
 * copy (PBUF_ROM) the driver copies when it leaves, in one piece if the heap has room for it.
 *
 * lwIP sends a segment whole or not at all. Before it sends, the first one that the window has no
 * room for is split: when half of it would go, or when so little is on its way that the peer might
 * wait for more before it acknowledges. A piece of one wire segment is sent in any case by the
 * rules lwIP has for those. If the NIC, or the route, has changed since, all are split to what can
 * be sent now.
 *
 * Loss. A peer acknowledges into the middle of a long segment. What it has is then split off and
 * waits for the next acknowledgement to be freed (lwIP reports whole segments to programs), and one
 * wire segment is retransmitted, not all of the long one. After a timeout the congestion window is
 * one wire segment, and the split above does the same. What waits like this is set aside while lwIP
 * decides what to do: it would neither get past it nor, taking it for something on its way, ask a
 * peer whose window is closed.
 *
 * IP would cut a long segment into fragments. It does not while the netif's MTU says 0, so it is
 * hidden during the call. The size of the wire's segments goes with the pbuf.
 */
#include "port_tcp_ends.h"
#include "port_tcp_table.h"

#include "lwip/opt.h"

#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "port_heap.h"
#include "port_tcp.h"

#define BLOCK_BYTES 65536u     /* of the heap, which has powers of two */
#define BLOCK_OTHER_BYTES 256u /* struct pbuf and headers in it */
#define PIECES_MAX 8u          /* of a segment that programs wrote bit by bit */

/* ---- how long -------------------------------------------------------------------------------- */

/*
 * What is taken at most where (pcb) sends to. Of what the NIC cannot send from where it is, its
 * driver makes a copy: in the heap if there is room (in_heap), else in a section of its own.
 */
static u32_t netif_takes(const struct tcp_pcb *pcb, bool in_heap)
{
    const struct netif *netif = pcb->netif_idx != NETIF_NO_INDEX
                                    ? netif_get_by_index(pcb->netif_idx)
                                    : ip_route(&pcb->local_ip, &pcb->remote_ip);

    if (!netif || !PORT_NETIF_LARGE(netif))
        return 0;
    return PORT_NETIF_LARGE(netif)[in_heap ? 0 : 1];
}

u16_t port_tcp_large(const struct tcp_pcb *pcb)
{
    u32_t size = netif_takes(pcb, port_heap_serves(BLOCK_BYTES));

    size = LWIP_MIN(size, BLOCK_BYTES - BLOCK_OTHER_BYTES);
    size = LWIP_MIN(size, pcb->snd_wnd_max / 2);
    size = LWIP_MIN(size, pcb->cwnd / 4);
    size = LWIP_MIN(size, TCP_SND_BUF / 2);
    return (u16_t)(size > pcb->mss ? size - size % pcb->mss : pcb->mss);
}

u16_t port_tcp_write_size(const struct tcp_pcb *pcb, const struct tcp_seg *last, u16_t len_bytes)
{
    u32_t size = pcb->mss, had = 0;

    /* lwIP insists that the last one, with what is left of its memory, is no longer. */
    if (last)
        had = (u32_t)last->len + pcb->unsent_oversize;
    if (len_bytes > size && !(last && pbuf_clen(last->p) >= PIECES_MAX))
        size = port_tcp_large(pcb);
    size = LWIP_MAX(size, had);
    /* Not if it is needed to fill up the last one: lwIP would read from it what it has moved. */
    if (!last || (last->len == size && !pcb->unsent_oversize))
        port_tcp_give();
    return (u16_t)size;
}

/* ---- splitting ------------------------------------------------------------------------------- */

static err_t split(struct tcp_pcb *pcb, u16_t bytes)
{
    const u16_t mss = pcb->mss;
    err_t err;

    port_tcp_forget_tails(pcb);
    pcb->mss = LWIP_MAX(mss, bytes); /* it insists */
    err = port_tcp_split_unsent(pcb, bytes);
    pcb->mss = mss;
    return err;
}

static u32_t seq_of(const struct tcp_seg *seg)
{
    return lwip_ntohl(seg->tcphdr->seqno);
}

/* The same for a segment in mid-list. */
static bool split_at(struct tcp_pcb *pcb, struct tcp_seg *seg, u16_t bytes)
{
    struct tcp_seg *first = pcb->unsent;
    bool done;

    pcb->unsent = seg;
    done = split(pcb, bytes) == ERR_OK;
    pcb->unsent = first;
    return done;
}

/* Will the NIC send it from where it is, or is there room for a copy it can send from? */
static bool from_heap(const struct pbuf *p)
{
    unsigned pieces = 0;

    for (; p; p = p->next)
        if (++pieces > PIECES_MAX || !port_heap_has(p->payload) ||
            !(pbuf_match_type(p, PBUF_RAM) || p->flags & PBUF_FLAG_IS_CUSTOM))
            return port_heap_serves(BLOCK_BYTES);
    return true;
}

/* May the NIC, or a queue below lwIP, still be reading it? */
static bool busy(const struct tcp_seg *seg)
{
    return seg->p->ref != 1;
}

/* Bytes of (seg) the peer has. */
static u32_t acked_of(const struct tcp_pcb *pcb, const struct tcp_seg *seg)
{
    const u32_t acked = pcb->lastack - seq_of(seg);

    return acked < seg->len ? acked : 0;
}

/* For one that was sent: what room the last one not yet sent has left is not its matter. */
static bool split_sent(struct tcp_pcb *pcb, struct tcp_seg *seg, u16_t bytes)
{
    const u16_t oversize = pcb->unsent_oversize;
    const bool done = split_at(pcb, seg, bytes);

    pcb->unsent_oversize = oversize;
    return done;
}

static bool is_acked(const struct tcp_pcb *pcb, const struct tcp_seg *seg)
{
    return TCP_SEQ_LEQ(seq_of(seg) + TCP_TCPLEN(seg), pcb->lastack);
}

/* Move the segments the peer has from (*list) to the end of (*has). */
static void take_whole(const struct tcp_pcb *pcb, struct tcp_seg **list, struct tcp_seg **has)
{
    while (*has)
        has = &(*has)->next;
    *has = *list;
    while (*has && is_acked(pcb, *has))
        has = &(*has)->next;
    *list = *has;
    *has = NULL;
}

/* The same, and the peer's part of the next one. */
static void take_acked(struct tcp_pcb *pcb, struct tcp_seg **list, struct tcp_seg **has)
{
    u32_t acked;

    take_whole(pcb, list, has);
    acked = *list && !busy(*list) ? acked_of(pcb, *list) : 0;
    if (acked && (list == &pcb->unsent ? split_at : split_sent)(pcb, *list, (u16_t)acked))
        take_whole(pcb, list, has);
}

struct tcp_seg *port_tcp_set_aside(struct tcp_pcb *pcb)
{
    struct tcp_seg *has = NULL;

    if (pcb->unacked)
        take_whole(pcb, &pcb->unacked, &has);
    if (pcb->unsent && TCP_SEQ_LT(seq_of(pcb->unsent), pcb->lastack))
        take_acked(pcb, &pcb->unsent, &has);
    return has;
}

void port_tcp_put_back(struct tcp_pcb *pcb, struct tcp_seg *has)
{
    struct tcp_seg **list = pcb->unacked ? &pcb->unacked : &pcb->unsent, **end = &has;

    while (*end)
        end = &(*end)->next;
    *end = *list;
    *list = has;
}

err_t port_tcp_split(struct tcp_pcb *pcb, u16_t bytes)
{
    struct tcp_seg *has = port_tcp_set_aside(pcb);
    const err_t err = split(pcb, bytes);

    port_tcp_put_back(pcb, has);
    return err;
}

/*
 * How much of (seg), which does not fit the (room) left of the window, to send now. 0: wait, for
 * the peer will acknowledge what is on its way.
 */
static u32_t part_of(const struct tcp_pcb *pcb, const struct tcp_seg *seg, u32_t room)
{
    const u32_t mss = pcb->mss;
    const bool waits = seq_of(seg) - pcb->lastack >= 2 * mss && pcb->unacked;

    room -= room % mss;
    if (waits && room < seg->len / 2u)
        return 0;
    return LWIP_MAX(room, mss);
}

void port_tcp_fit(struct tcp_pcb *pcb)
{
    const u32_t wnd = LWIP_MIN(pcb->snd_wnd, pcb->cwnd);
    struct tcp_seg *seg;

    for (seg = pcb->unsent; seg; seg = seg->next) {
        const u32_t off = seq_of(seg) - pcb->lastack;
        u32_t part = seg->len;

        if (part > pcb->mss) {
            part = LWIP_MIN(part, netif_takes(pcb, from_heap(seg->p)));
            part = part < seg->len ? LWIP_MAX(part - part % pcb->mss, pcb->mss) : part;
        }
        if (off + part > wnd)
            part = part_of(pcb, seg, wnd > off ? wnd - off : 0);
        if (part && part < seg->len && (busy(seg) || !split_at(pcb, seg, (u16_t)part)))
            break;
        if (off + seg->len > wnd)
            break;
    }
}

struct tcp_seg *port_tcp_first_alone(struct tcp_pcb *pcb)
{
    struct tcp_seg *has = NULL, *seg;

    take_acked(pcb, &pcb->unacked, &has);
    seg = pcb->unacked;
    if (seg && seg->len > pcb->mss && !busy(seg))
        split_sent(pcb, seg, pcb->mss);
    return has;
}

/* ---- IP -------------------------------------------------------------------------------------- */

static struct {
    bool hidden;
    u16_t mtu, mtu6;
} real;

void port_tcp_ip_begin(const struct tcp_pcb *pcb, struct pbuf *p, struct netif *netif)
{
    p->segment_bytes = 0;
    real.hidden = pcb && p->tot_len > TCP_HLEN + pcb->mss && PORT_NETIF_LARGE(netif);
    if (!real.hidden)
        return;
    p->segment_bytes = pcb->mss;
    real.mtu = netif->mtu;
    real.mtu6 = netif->mtu6;
    netif->mtu = netif->mtu6 = 0;
}

err_t port_tcp_ip_end(struct netif *netif, err_t err)
{
    if (real.hidden) {
        netif->mtu = real.mtu;
        netif->mtu6 = real.mtu6;
    }
    return err;
}
