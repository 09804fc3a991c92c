/* SPDX-License-Identifier: BSD-3-Clause */
/* What was lost is sent again. For lwIP's TCP files and what stands in for them; programs need none
 * of it. */
#ifndef PORT_TCP_LOSS_H
#define PORT_TCP_LOSS_H

#include <stdbool.h>

#include "lwip/err.h"

struct tcp_pcb;

/* In place of lwIP's: the first unacknowledged again. */
void port_tcp_rexmit_fast(struct tcp_pcb *pcb);
/* Around lwIP's input for (pcb), or nobody. */
void port_tcp_loss_begin(const struct tcp_pcb *pcb);
void port_tcp_loss_end(void);
/* (pcb) may be another connection's next. */
void port_tcp_loss_forget(const struct tcp_pcb *pcb);
/* In place of lwIP's when a timer has expired; and, after ssthresh was set for that, to send all
 * again. False: that could not leave, and so does not count. */
err_t port_tcp_timeout_begin(struct tcp_pcb *pcb);
bool port_tcp_rexmit_all(struct tcp_pcb *pcb);
void port_tcp_rexmit_threads(struct tcp_pcb *pcb); /* the same where lwIP has its own timer */
/* In place of lwIP's: a probe of a closed window. One that could not leave does not count. */
err_t port_tcp_window_probe(struct tcp_pcb *pcb);
/* Nothing was heard for long: the first one again. */
void port_tcp_probe(struct tcp_pcb *pcb);
/* Something may be sent now. */
void port_tcp_loss_sending(struct tcp_pcb *pcb);

#endif
