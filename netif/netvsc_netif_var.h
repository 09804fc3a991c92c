/* SPDX-License-Identifier: BSD-3-Clause */
/* Inside of the lwIP face: what netvsc_netif*.c share. */
#ifndef NETVSC_NETIF_VAR_H
#define NETVSC_NETIF_VAR_H

#include "netvsc_netif.h"

/* netvsc_netif_rx.c: config.rx of the NIC; (ctx) is the struct netvsc_netif. */
void netvsc_netif_rx(void *ctx, const struct netvsc_frame *frames, unsigned count);

/* netvsc_netif_tx.c */
err_t netvsc_netif_output(struct netif *netif, struct pbuf *p);
/* Send what waits, as far as the NIC takes it. Returns how many chains left the backlog. */
unsigned netvsc_netif_drain(struct netvsc_netif *nif);
void netvsc_netif_drop_backlog(struct netvsc_netif *nif);

#endif
