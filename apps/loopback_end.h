/* SPDX-License-Identifier: BSD-3-Clause */
/* One end of the loopback's TCP connection: sends a known stream, checks the other's. */
#ifndef LOOPBACK_END_H
#define LOOPBACK_END_H

#include "loopback.h"

/* (pcb) is connected or accepted: take it over and start to send. */
void loopback_end_start(struct loopback_end *end, struct tcp_pcb *pcb);

/* All sent and acknowledged, all received, both FINs seen, or failed. */
bool loopback_end_done(const struct loopback_end *end);

/* Reset the connection if it still exists. */
void loopback_end_abort(struct loopback_end *end);

#endif
