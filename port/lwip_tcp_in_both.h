/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Included before the first line of lwIP's tcp_in.c, with threads and without. How connections end
 * is in port_tcp_ends.c; the rest are faults of lwIP 2.2.1, each said where it is mended.
 */
#ifndef LWIP_TCP_IN_BOTH_H
#define LWIP_TCP_IN_BOTH_H

#include <stddef.h>

#include "lwip/opt.h"

#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "port_tcp_ends.h"

/* What it calls on the way to TIME_WAIT, */
#define tcp_pcb_purge(pcb) port_tcp_purge(pcb)

/* and at the end of a segment's processing. */
#define tcp_output(pcb)                                                                            \
    ((void)tcp_output(pcb), (pcb)->state == TIME_WAIT ? port_tcp_over(pcb) : (void)0)

/*
 * It looks for the MTU where its routing leads, not where the connection is bound to, of which it
 * gives only (local).
 */
static inline u16_t port_tcp_mss(u16_t mss, const ip_addr_t *local, const ip_addr_t *remote)
{
    const size_t off = offsetof(struct tcp_pcb, local_ip);
    const struct tcp_pcb *pcb = (const void *)((const u8_t *)local - off);
    struct netif *netif = pcb->netif_idx == NETIF_NO_INDEX ? ip_route(local, remote)
                                                           : netif_get_by_index(pcb->netif_idx);

    return tcp_eff_send_mss_netif(mss, netif, remote);
}
#undef tcp_eff_send_mss
#define tcp_eff_send_mss(mss, local, remote) port_tcp_mss(mss, local, remote)

/* It goes on counting the attempts to connect: each would double the first timeout of data. */
#undef TCP_EVENT_CONNECTED
#define TCP_EVENT_CONNECTED(pcb, err, ret)                                                         \
    do {                                                                                           \
        (pcb)->nrtx = 0;                                                                           \
        (ret) = (pcb)->connected ? (pcb)->connected((pcb)->callback_arg, (pcb), (err)) : ERR_OK;   \
    } while (0)

/*
 * It forgets data that came with an acknowledgement (recv_data) when the program, told of
 * the acknowledgement, ends the connection. A stranger could have that happen until no pbuf is
 * left.
 */
#undef TCP_EVENT_SENT
#define TCP_EVENT_SENT(pcb, space, ret)                                                            \
    do {                                                                                           \
        (ret) = (pcb)->sent ? (pcb)->sent((pcb)->callback_arg, (pcb), (space)) : ERR_OK;           \
        if (recv_data && ((ret) == ERR_ABRT || (recv_flags & TF_CLOSED))) {                        \
            pbuf_free(recv_data);                                                                  \
            recv_data = NULL;                                                                      \
        }                                                                                          \
    } while (0)

#endif
