/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * lwIP keeps what it sends in two singly linked lists of segments per connection, not yet sent and
 * not yet acknowledged, and walks to the end of one in each tcp_write() and of the other in each
 * tcp_output(). With 4 MiB in flight that is 2900 steps per acknowledgement. Both functions use
 * what they find at the end only, so ours call them with the list shortened to its last segment,
 * and put the beginning back.
 *
 * The last segments are remembered beside the connections, for those that sent most recently; for
 * all others lwIP walks, and the end is remembered then. A remembered one is an element of its
 * list, if that is not empty, from which the end is reached:
 *
 *   - segments join at the end only, but for retransmissions: these are put in order from the
 *     beginning, so the list is not shortened when the next segment to send is an old one;
 *   - segments leave at the beginning, by being sent or acknowledged. A list that was emptied is
 *     seen as such by the tcp_output() which ends the processing of every received segment;
 *   - an expired retransmission timer moves all of one list to the other: both are forgotten then.
 *
 * The initial congestion window is raised here, too: lwIP sets 4 segments when a connection opens,
 * RFC 6928 allows 10, and the first tcp_output() outside of lwIP's input is before the first data.
 */
#include "port_tcp_table.h"

#include "lwip/opt.h"

#include "lwip/def.h"
#include "lwip/priv/tcp_priv.h"
#include "port_tcp_loss.h"

#define REMEMBERED 256u /* a power of two */

struct tails {
    const struct tcp_pcb *pcb;
    struct tcp_seg *unsent, *unacked; /* NULL = not known */
};

static struct tails remembered[REMEMBERED];

static struct tails *place_of(const struct tcp_pcb *pcb)
{
    return &remembered[(uintptr_t)pcb / sizeof(*pcb) % REMEMBERED];
}

static struct tails *tails_of(const struct tcp_pcb *pcb)
{
    struct tails *tails = place_of(pcb);

    if (tails->pcb != pcb)
        *tails = (struct tails){.pcb = pcb};
    return tails;
}

void port_tcp_forget_tails(const struct tcp_pcb *pcb)
{
    struct tails *tails = place_of(pcb);

    if (tails->pcb == pcb)
        *tails = (struct tails){0};
}

static struct tcp_seg *last_of(struct tcp_seg *seg)
{
    while (seg && seg->next)
        seg = seg->next;
    return seg;
}

static u32_t seq_of(const struct tcp_seg *seg)
{
    return lwip_ntohl(seg->tcphdr->seqno);
}

err_t tcp_write(struct tcp_pcb *pcb, const void *data, u16_t len_bytes, u8_t flags)
{
    struct tails *tails = tails_of(pcb);
    struct tcp_seg *first = pcb->unsent, *last = NULL;
    const u16_t mss = pcb->mss;
    err_t err;

    /* In other states a SYN or FIN may have joined unseen. */
    if (pcb->state == ESTABLISHED || pcb->state == CLOSE_WAIT) {
        if (first)
            last = last_of(tails->unsent ? tails->unsent : first);
        pcb->mss = port_tcp_write_size(pcb, last, len_bytes);
    }
    if (last)
        pcb->unsent = last;
    err = lwip_tcp_write(pcb, data, len_bytes, flags);
    pcb->mss = mss;
    if (last)
        pcb->unsent = first;
    tails->unsent = last_of(last ? last : pcb->unsent);
    return err;
}

/* RFC 6928, with its bytes for a large MSS. */
static void open_window(struct tcp_pcb *pcb)
{
    const tcpwnd_size_t initial = LWIP_MIN(10u * pcb->mss, LWIP_MAX(2u * pcb->mss, 14600u));

    port_tcp_opening = NULL;
    pcb->cwnd = LWIP_MAX(pcb->cwnd, initial);
}

/*
 * What was to be sent again and did not leave, for want of a window, of memory or of a link, waits
 * where it came from. Among the others lwIP may take it for the end of the stream, and add to it
 * what the program writes next; and a timeout puts all that was sent in front of it.
 */
static void take_back(struct tcp_pcb *pcb, struct tails *tails)
{
    struct tcp_seg *seg = pcb->unsent, **at = &pcb->unacked;

    while (seg && *at && TCP_SEQ_LT(seq_of(*at), seq_of(seg)))
        at = &(*at)->next; /* those the peer has, mostly: port_tcp_large.c */
    if (!seg || !*at)
        return;
    pcb->unsent = seg->next;
    seg->next = *at;
    *at = seg;
    tails->unsent = NULL;
}

static err_t output(struct tcp_pcb *pcb)
{
    struct tcp_seg *first, *last = NULL, *has = NULL;
    struct tails *tails;
    bool again;
    err_t err;

    port_tcp_loss_sending(pcb);
    if (pcb->unsent) {
        port_tcp_timer_sending();
        has = port_tcp_set_aside(pcb);
        port_tcp_fit(pcb);
    }
    first = pcb->unacked;
    tails = tails_of(pcb);
    if (first)
        last = last_of(tails->unacked);
    again = pcb->unsent && TCP_SEQ_LT(seq_of(pcb->unsent), pcb->snd_nxt);
    if (again && last && TCP_SEQ_LT(seq_of(pcb->unsent), seq_of(last)))
        last = NULL;
    if (last)
        pcb->unacked = last;
    err = lwip_tcp_output(pcb);
    if (last)
        pcb->unacked = first;
    if (again)
        take_back(pcb, tails);
    tails->unacked = last_of(last ? last : pcb->unacked);
    if (!pcb->unsent)
        tails->unsent = NULL;
    port_tcp_put_back(pcb, has);
    if (pcb->rtime >= 0 || pcb->flags & TF_ACK_DELAY || pcb->refused_data)
        port_tcp_timer_watch(pcb, port_tcp_number(pcb));
    return err;
}

err_t tcp_output(struct tcp_pcb *pcb)
{
    err_t err;

    if (pcb == tcp_input_pcb)
        return lwip_tcp_output(pcb); /* which does nothing now */
    if (pcb == port_tcp_opening && pcb->state >= ESTABLISHED)
        open_window(pcb);
    if (!ip_addr_isany_val(pcb->local_ip) || !pcb->unsent)
        return output(pcb);
    /* Opened on an interface without address: it gets its own now, if there is one. */
    port_tcp_hide(pcb);
    err = output(pcb);
    port_tcp_show(pcb);
    return err;
}
