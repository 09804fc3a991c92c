/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * lwIP with threads keeps its own lists, timers and segments: port_tcp_table.c and the rest of what
 * stands in for them are for one thread. Two things it lacks need none of that, and are had with
 * threads, too: recovery from several losses in a window (port_tcp_loss.c), and who comes from the
 * same port again before TIME_WAIT has ended (port_tcp_wait.c). They act around lwIP's input and
 * before its output, all of which runs under its one lock, so what they remember from the one to
 * the other is as safe as lwIP's own.
 *
 * A segment's connection is known once lwIP has found it: it tells by its hook (port_hooks.h). A
 * waiting one has to go before that, so for a SYN, and only then, those in TIME_WAIT are walked.
 */
#include "port_tcp_table.h"

#include "lwip/opt.h"

#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"

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

err_t tcp_output(struct tcp_pcb *pcb)
{
    if (pcb != tcp_input_pcb) /* else lwIP does nothing now */
        port_tcp_loss_sending(pcb);
    return lwip_tcp_output(pcb);
}
