/* SPDX-License-Identifier: BSD-3-Clause */
/* What a program refused of a connection that both sides have ended. For lwIP's TCP files and what
 * stands in for them; programs need none of it. */
#ifndef PORT_TCP_ENDS_H
#define PORT_TCP_ENDS_H

#include <stdbool.h>

#include "lwip/arch.h"
#include "lwip/err.h"

struct tcp_pcb;

/* Before lwIP's input for (pcb): what was refused outlives the connection's last segment. */
void port_tcp_keep(struct tcp_pcb *pcb);
/* In place of lwIP's, on the way to TIME_WAIT: but for what was refused. */
void port_tcp_purge(struct tcp_pcb *pcb);
/* (pcb) is in TIME_WAIT: its program, if it has heard all and not closed it, is told so. It may be
 * freed by that. */
void port_tcp_over(struct tcp_pcb *pcb);
/* Offer what was refused once more; false when nothing of it is left. */
bool port_tcp_offer(struct tcp_pcb *pcb);
/* In place of memp_free(): who has not heard all of it is told. */
void port_tcp_free(struct tcp_pcb *pcb);
#define PORT_TCP_MEMP_FREE(type, mem)                                                              \
    ((type) == MEMP_TCP_PCB ? port_tcp_free((void *)(mem)) : memp_free(type, mem))

/* With threads: lwIP's own timer under the name it has here. */
void lwip_tcp_tmr(void);

/* In place of lwIP's: the first (bytes) of the first segment not sent become one of their own. */
err_t port_tcp_split_unsent(struct tcp_pcb *pcb, u16_t bytes);

#endif
