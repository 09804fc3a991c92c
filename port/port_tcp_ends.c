/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A program may end its own side of a connection and go on reading. What it cannot take yet, for
 * want of a place in its mailbox say, it refuses: lwIP keeps that (refused_data), marks it when the
 * end of the stream came with it, and offers it again every 250 ms. When the peer has ended its
 * side, too, lwIP 2.2.1 forgets all of it:
 *
 *   - in TIME_WAIT nothing is offered, so data and end are never told, and a reader waits for ever;
 *   - on the way there from CLOSING what was refused is freed, and from LAST_ACK the connection is;
 *   - a connection freed in TIME_WAIT takes what was refused with it: a leak of a pbuf;
 *   - and its program is not told, so that a socket closed two minutes later, or when connections
 *     were short, closes somebody else's, who has got its block of memory.
 *
 * Here what was refused is kept on that way, and offered in TIME_WAIT, too, which it prolongs. With
 * all data and the end told the connection is over for a program that had not closed it: it is told
 * ERR_CLSD, as lwIP does at the end of LAST_ACK, and must not use it any more. One that is given up
 * before is told ERR_ABRT. Programs that have closed it are told nothing.
 */
#include "port_tcp_ends.h"

#include "lwip/opt.h"

#include "lwip/memp.h"
#include "lwip/priv/tcp_priv.h"

/* The last acknowledgement would free it; so as if both sides had ended at the same time. */
void port_tcp_keep(struct tcp_pcb *pcb)
{
    if (pcb->state == LAST_ACK && pcb->refused_data && !(pcb->flags & TF_RXCLOSED))
        pcb->state = CLOSING;
}

void port_tcp_purge(struct tcp_pcb *pcb)
{
    struct pbuf *refused = pcb->refused_data;

    pcb->refused_data = NULL;
    tcp_pcb_purge(pcb);
    pcb->refused_data = refused;
}

void port_tcp_over(struct tcp_pcb *pcb)
{
    const tcp_err_fn tell = pcb->errf;
    void *arg = pcb->callback_arg;

    if (!tell || pcb->refused_data || pcb->flags & TF_RXCLOSED)
        return;
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    tell(arg, ERR_CLSD); /* who may free it: connections may be short */
}

bool port_tcp_offer(struct tcp_pcb *pcb)
{
    const bool waits = pcb->state == TIME_WAIT;
    err_t err;

    if (waits)
        pcb->tmr = tcp_ticks;
    err = tcp_process_refused_data(pcb);
    if (waits && err == ERR_OK)
        port_tcp_over(pcb);
    return err == ERR_INPROGRESS;
}

/*
 * lwIP 2.2.1 leaves FIN on the first part, too: the peer would take the end before what is behind.
 */
err_t port_tcp_split_unsent(struct tcp_pcb *pcb, u16_t bytes)
{
    const struct tcp_seg *seg = pcb->unsent;
    const bool parts = seg && seg->len > bytes;
    const err_t err = tcp_split_unsent_seg(pcb, bytes);

    if (parts && err == ERR_OK)
        seg->tcphdr->_hdrlen_rsvd_flags &= PP_HTONS((u16_t) ~(TCP_FIN | TCP_PSH));
    return err;
}

/* lwIP has freed what was refused, in all states but TIME_WAIT. */
void port_tcp_free(struct tcp_pcb *pcb)
{
    struct pbuf *refused = pcb->refused_data;
    const tcp_err_fn tell = refused ? pcb->errf : NULL;
    void *arg = pcb->callback_arg;

    memp_free(MEMP_TCP_PCB, pcb);
    if (refused)
        pbuf_free(refused);
    if (tell)
        tell(arg, ERR_ABRT);
}
