/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client may come from the same port again within the two minutes for which the server has the
 * last connection in TIME_WAIT: with 28,000 ports and a connection per request it has to. It goes
 * on where its sequence numbers were, so a SYN beyond them is a new connection's, and no segment of
 * the old one can be taken for one of the new if ours go on, too (RFC 1122, 4.2.2.13). lwIP instead
 * acknowledges what the old one had, and the client waits for its end.
 *
 * A program that has yet to read what the old one brought keeps it (port_tcp_ends.c).
 *
 * Numbers are a clock's (port_isn()), which is slower than a fast connection: hence the least one.
 */
#include "port_tcp_table.h"

#include "lwip/opt.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"
#include "port_hooks.h"

bool port_tcp_replace(struct tcp_pcb *waiting, const struct tcp_hdr *head)
{
    if ((TCPH_FLAGS(head) & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) != TCP_SYN ||
        waiting->refused_data || !TCP_SEQ_GT(lwip_ntohl(head->seqno), waiting->rcv_nxt))
        return false;
    port_isn_beyond(&waiting->snd_nxt);
    tcp_abort(waiting); /* in this state nobody is told */
    return true;
}

void port_tcp_replaced(void)
{
    port_isn_beyond(NULL);
}
