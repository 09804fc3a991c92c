/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * lwIP with threads keeps its own lists, timers and segments: port_tcp_table.c and the rest of
 * what stands in for them are for one thread. Some things it lacks need none of that, and are had
 * with threads, too: recovery from several losses in a window, and attempts that could not leave
 * and so do not count (port_tcp_loss.c), who comes from the same port again before TIME_WAIT has
 * ended (port_tcp_wait.c), and what a program refused before that (port_tcp_ends.c). They act
 * around lwIP's input and timer and before its output, all of which runs under its one lock, so
 * what they remember from the one to the other is as safe as lwIP's own.
 *
 * A segment's connection is known once lwIP has found it: it tells by its hook (port_hooks.h). A
 * waiting one has to go before that, so for a SYN, and only then, those in TIME_WAIT are walked.
 */
#include "port_tcp_table.h"

#include "lwip/opt.h"

#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"
#include "port_hooks.h"
#include "port_tcp_ends.h"
#include "port_tcp_loss.h"

#define RTO_MAX_TICKS (60000 / TCP_SLOW_INTERVAL)

/* Segments are what the wire takes, and what the peer has is not kept. */
struct tcp_seg *port_tcp_first_alone(struct tcp_pcb *pcb)
{
    (void)pcb;
    return NULL;
}

void port_tcp_put_back(struct tcp_pcb *pcb, struct tcp_seg *has)
{
    (void)pcb, (void)has;
}

/* The connection in TIME_WAIT that (head) is for, or NULL. */
static struct tcp_pcb *waiting_for(const struct tcp_hdr *head)
{
    struct tcp_pcb *pcb = tcp_tw_pcbs;

    while (pcb && (pcb->remote_port != lwip_ntohs(head->src) ||
                   pcb->local_port != lwip_ntohs(head->dest) ||
                   !ip_addr_eq(&pcb->remote_ip, ip_current_src_addr()) ||
                   !ip_addr_eq(&pcb->local_ip, ip_current_dest_addr())))
        pcb = pcb->next;
    return pcb;
}

/* lwIP doubles the time between two attempts, but for those to connect. */
void port_tcp_rexmit_threads(struct tcp_pcb *pcb)
{
    if (port_tcp_rexmit_all(pcb) && pcb->state == SYN_SENT)
        pcb->rto = (s16_t)LWIP_MIN(2 * pcb->rto, RTO_MAX_TICKS);
}

/* What comes for it is an answer; data is not to wait as long for its own as that did. */
void port_tcp_found(struct tcp_pcb *pcb)
{
    if (pcb->state == SYN_SENT)
        pcb->rto = LWIP_TCP_RTO_TIME / TCP_SLOW_INTERVAL;
    if (pcb->state < ESTABLISHED)
        return;
    port_tcp_loss_begin(pcb);
    port_tcp_keep(pcb);
}

void tcp_input(struct pbuf *p, struct netif *inp)
{
    const struct tcp_hdr *head = p->payload;

    if (p->len >= TCP_HLEN && (TCPH_FLAGS(head) & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
        struct tcp_pcb *waiting = waiting_for(head);

        if (waiting)
            port_tcp_replace(waiting, head);
    }
    lwip_tcp_input(p, inp);
    port_tcp_replaced();
    port_tcp_loss_end();
}

/* One in TIME_WAIT to which something is to be offered in this tick, or NULL. */
static struct tcp_pcb *refused(void)
{
    struct tcp_pcb *pcb = tcp_tw_pcbs;

    while (pcb && (!pcb->refused_data || pcb->tmr == tcp_ticks))
        pcb = pcb->next;
    return pcb;
}

/* Whom something is offered may end any connection, so each time from the beginning. */
void tcp_tmr(void)
{
    struct tcp_pcb *pcb;

    lwip_tcp_tmr();
    while ((pcb = refused()))
        port_tcp_offer(pcb);
}

err_t tcp_output(struct tcp_pcb *pcb)
{
    if (pcb != tcp_input_pcb) /* else lwIP does nothing now */
        port_tcp_loss_sending(pcb);
    return lwip_tcp_output(pcb);
}
