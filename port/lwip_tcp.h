/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Included by the compiler before the first line of lwIP's tcp.c (-include, see cmake/lwip.cmake).
 * Replaces lwIP's two list macros, and its search for a free local port, by calls of ours.
 */
#ifndef LWIP_TCP_H
#define LWIP_TCP_H

#include "lwip/opt.h"
#include "lwip/memp.h"
#include "lwip/priv/tcp_priv.h"
#include "port_tcp_ends.h"
#include "port_tcp_loss.h"
#include "port_tcp_table.h"

#undef TCP_REG
#define TCP_REG(pcbs, pcb)                                                                         \
    do {                                                                                           \
        port_tcp_reg(pcb);                                                                         \
        tcp_timer_needed();                                                                        \
    } while (0)

#undef TCP_RMV
#define TCP_RMV(pcbs, pcb) port_tcp_rmv(pcb)

/* All that was sent is to be sent again. */
#define tcp_rexmit_rto_prepare(pcb) (port_tcp_forget_tails(pcb), port_tcp_timeout_begin(pcb))
#define tcp_rexmit_rto(pcb) (port_tcp_forget_tails(pcb), tcp_rexmit_rto(pcb))

/* Segments may be longer than lwIP knows: what it retransmits, and what it splits. */
#define tcp_rexmit_rto_commit(pcb) ((void)port_tcp_rexmit_all(pcb))
#define tcp_rexmit_fast(pcb) port_tcp_rexmit_fast(pcb)
#define tcp_split_unsent_seg(pcb, bytes) port_tcp_split(pcb, bytes)

/* What could not leave is no attempt (port_tcp_loss.c). */
#define tcp_zero_window_probe(pcb) port_tcp_window_probe(pcb)

/* Who has not heard all of it is told (port_tcp_ends.c). */
#define memp_free(type, mem) PORT_TCP_MEMP_FREE(type, mem)

/* Ours keeps the time (port_tcp_timer.c). */
#define tcp_tmr lwip_tcp_tmr

/*
 * lwIP drops data received out of order after so many retransmission timeouts, which with ticks of
 * 10 ms may be 200 ms: too early, the peer was told that we have it. So after 9 s: tcp.c
 * multiplies.
 */
#undef TCP_OOSEQ_TIMEOUT
#define TCP_OOSEQ_TIMEOUT 0U + 9000U / TCP_SLOW_INTERVAL

/*
 * tcp.c has tcp_new_port(void) where it declares and defines it, which becomes a function nobody
 * calls, and tcp_new_port() where it calls it, which becomes ours.
 */
#define tcp_new_port(parameters) PORT_TCP_NEW_PORT_##parameters
#define PORT_TCP_NEW_PORT_void __attribute__((unused)) lwip_tcp_new_port(void)
#define PORT_TCP_NEW_PORT_ port_tcp_new_port()

#endif
