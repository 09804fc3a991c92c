/* SPDX-License-Identifier: BSD-3-Clause */
/* Places where lwIP asks us. Included by lwIP's sources only. */
#ifndef PORT_HOOKS_H
#define PORT_HOOKS_H

#include "lwip/ip_addr.h"

/* Initial sequence number of a connection nobody else can guess (RFC 6528). Ports in host byte
 * order. */
u32_t port_isn(const ip_addr_t *local, u16_t local_port, const ip_addr_t *remote,
               u16_t remote_port);
#define LWIP_HOOK_TCP_ISN(local, local_port, remote, remote_port)                                  \
    port_isn(local, local_port, remote, remote_port)

/* Until it is NULL, a window and more beyond (*seq) is the least of them: such a connection takes
 * the place of one that sent up to there (RFC 1122, 4.2.2.13). */
void port_isn_beyond(const u32_t *seq);

/* An acknowledgement of what was acknowledged, without data, all its options behind (hdr), which is
 * in host byte order: see port_tcp_sack.c. */
struct tcp_pcb;
struct tcp_hdr;
void port_tcp_duplicate(struct tcp_pcb *pcb, const struct tcp_hdr *hdr, u16_t option_bytes);
#define PORT_SACK_BYTES_MIN 10u
#define PORT_TCP_DUPLICATES 3u /* have lwIP send a segment again */

/* With threads: lwIP has found the connection of a segment (port_tcp_threads.c). */
#ifdef PORT_THREADS
void port_tcp_found(struct tcp_pcb *pcb);
#define PORT_TCP_FOUND(pcb) ((pcb)->state >= SYN_SENT ? port_tcp_found(pcb) : (void)0)
#else
#define PORT_TCP_FOUND(pcb) ((void)0)
#endif

/*
 * A chain of several segments, put together below lwIP, is acknowledged as these would be: at once.
 * lwIP acknowledges every second call of tcp_receive(), or after 250 ms; a sender that waits for
 * what was in one chain would stall for so long. So lwIP is told that an acknowledgement is pending
 * already. Listeners have no flags, and before SYN_RCVD there is no data.
 */
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, hdr, optlen, opt1len, opt2, p)                             \
    (PORT_TCP_FOUND(pcb),                                                                          \
     (void)((optlen) >= PORT_SACK_BYTES_MIN && (p)->tot_len == 0 && (optlen) == (opt1len) &&       \
                    (pcb)->state >= ESTABLISHED && (hdr)->ackno == (pcb)->lastack                  \
                ? port_tcp_duplicate(pcb, hdr, optlen)                                             \
                : (void)0),                                                                        \
     (p)->segments > 1 && (pcb)->state >= SYN_RCVD ? ((pcb)->flags |= TF_ACK_DELAY, ERR_OK)        \
                                                   : ERR_OK)

#endif
