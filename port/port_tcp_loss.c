/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * What lwIP does about losses is RFC 5681: three duplicate acknowledgements have the first segment
 * sent again, and the next acknowledgement of anything ends the recovery. When that is still short
 * of what was on its way when the loss was noticed, another segment is missing, too (a "partial
 * acknowledgement"); lwIP waits for three more duplicates, and where nothing is left to be sent
 * that could cause them, for its timer: 200 ms, in which the wire is idle. With windows of more
 * than a hundred segments that is nearly every loss.
 *
 * So RFC 6582 (NewReno), beside lwIP, which is not changed. A partial acknowledgement has the next
 * missing segment sent at once, and recovery goes on until all is there that had been sent when it
 * began. lwIP leaves recovery within its input, so what it knew before is kept during that, and
 * corrected when it calls tcp_output(). Where recovery ends is noted in rto_end, which lwIP uses
 * after timeouts only: then it knows how far to go, and we have no say.
 *
 * A retransmission that is lost, and a lost acknowledgement that was the only one, have no
 * duplicates; then the timer has the first segment sent again long before it expires
 * (port_tcp_timer.c). Only what it sends when it has expired doubles it.
 *
 * lwIP halves ssthresh at each timeout. That is of what was in flight before the first one; at the
 * second it is a segment, and the connection creeps when it goes on. So it stays at the second
 * (RFC 5681, 3.1), in recovery, which has set it for the same window, and when a SYN is lost, which
 * says nothing of how much is too much. And a timeout ends recovery (RFC 6582, 3.2, step 4): lwIP
 * would have the next acknowledgement open the window to ssthresh, instead of beginning slowly.
 */
#include "port_tcp_loss.h"

#include "lwip/opt.h"

#include "lwip/priv/tcp_priv.h"
#include "port_hooks.h"
#include "port_tcp_table.h"

#define UNHEARD_TICKS (300000u / TCP_SLOW_INTERVAL)

/* What a connection in recovery was like before the segment that is being received. */
static struct {
    const struct tcp_pcb *pcb; /* NULL: it is not in recovery */
    u32_t lastack;
    tcpwnd_size_t cwnd;
} before;

void port_tcp_loss_begin(const struct tcp_pcb *pcb)
{
    if (!pcb || !(pcb->flags & TF_INFR) || pcb->flags & TF_RTO)
        return;
    before.pcb = pcb;
    before.lastack = pcb->lastack;
    before.cwnd = pcb->cwnd;
}

void port_tcp_loss_end(void)
{
    before.pcb = NULL;
}

void port_tcp_loss_forget(const struct tcp_pcb *pcb)
{
    if (before.pcb == pcb)
        before.pcb = NULL;
}

/* lwIP's, with what the wire takes of the first segment; only timeouts double the next one. */
static err_t rexmit(struct tcp_pcb *pcb)
{
    struct tcp_seg *has = port_tcp_first_alone(pcb);
    const u8_t nrtx = pcb->nrtx;
    const err_t err = tcp_rexmit(pcb);

    pcb->nrtx = nrtx;
    port_tcp_put_back(pcb, has);
    return err;
}

/* Nothing has been acknowledged since its timer expired: else the window had grown. */
static bool timed_out(const struct tcp_pcb *pcb)
{
    return pcb->flags & TF_RTO && pcb->cwnd == pcb->mss;
}

void port_tcp_rexmit_fast(struct tcp_pcb *pcb)
{
    if (pcb->flags & TF_INFR || timed_out(pcb) || !pcb->unacked || rexmit(pcb) != ERR_OK)
        return;
    pcb->ssthresh = LWIP_MAX(LWIP_MIN(pcb->cwnd, pcb->snd_wnd) / 2, 2u * pcb->mss);
    pcb->cwnd = pcb->ssthresh + PORT_TCP_DUPLICATES * pcb->mss;
    pcb->rtime = 0;
    tcp_set_flags(pcb, TF_INFR);
    if (!(pcb->flags & TF_RTO))
        pcb->rto_end = pcb->snd_nxt;
}

static tcpwnd_size_t kept_ssthresh; /* of the connection whose timer has expired; 0 = none */

err_t port_tcp_timeout_begin(struct tcp_pcb *pcb)
{
    const bool keep = pcb->flags & TF_INFR || timed_out(pcb) || pcb->state < ESTABLISHED;
    const err_t err = tcp_rexmit_rto_prepare(pcb);

    kept_ssthresh = keep ? pcb->ssthresh : 0;
    if (err == ERR_OK) {
        tcp_clear_flags(pcb, TF_INFR);
        pcb->dupacks = 0;
    }
    return err;
}

/*
 * An attempt that nobody took, for want of a link, a route or room in the card, says nothing about
 * the peer. lwIP counts it like one without an answer, and gives up after twelve; a probe of a
 * closed window, tried each 500 ms until one leaves, so after six seconds without link. Such an
 * attempt does not count, and so its timer is not doubled, while the peer was heard a short time
 * ago: what never leaves ends, too, and later than the 100 s that RFC 1122 (4.2.3.5) has as least.
 */
static bool counts(const struct tcp_pcb *pcb, err_t err)
{
    return err == ERR_OK || tcp_ticks - pcb->tmr >= UNHEARD_TICKS;
}

bool port_tcp_rexmit_all(struct tcp_pcb *pcb)
{
    const u8_t nrtx = pcb->nrtx;

    if (kept_ssthresh)
        pcb->ssthresh = kept_ssthresh;
    if (pcb->nrtx < UINT8_MAX)
        pcb->nrtx++;
    if (counts(pcb, tcp_output(pcb)))
        return true;
    pcb->nrtx = nrtx;
    return false;
}

err_t port_tcp_window_probe(struct tcp_pcb *pcb)
{
    const u8_t probes = pcb->persist_probe;
    const err_t err = tcp_zero_window_probe(pcb);

    if (!counts(pcb, err))
        pcb->persist_probe = probes;
    return err;
}

void port_tcp_probe(struct tcp_pcb *pcb)
{
    const s16_t rtime = pcb->rtime;

    if (pcb->flags & TF_INFR)
        rexmit(pcb);
    else
        port_tcp_rexmit_fast(pcb);
    pcb->rtime = rtime; /* the timer goes on */
    tcp_output(pcb);
}

/* As if each segment acknowledged had been a duplicate that was never counted, but for one. */
static tcpwnd_size_t deflated(const struct tcp_pcb *pcb)
{
    const u32_t acked = pcb->lastack - before.lastack;

    return before.cwnd > acked ? before.cwnd - acked + pcb->mss : pcb->mss;
}

void port_tcp_loss_sending(struct tcp_pcb *pcb)
{
    if (pcb != before.pcb || pcb->flags & (TF_INFR | TF_RTO) || !pcb->unacked ||
        TCP_SEQ_GEQ(pcb->lastack, pcb->rto_end))
        return;
    if (rexmit(pcb) != ERR_OK)
        return; /* the card still has it: as lwIP does */
    tcp_set_flags(pcb, TF_INFR);
    pcb->dupacks = PORT_TCP_DUPLICATES; /* each more lets one more leave */
    pcb->cwnd = deflated(pcb);
    pcb->bytes_acked = 0;
}
