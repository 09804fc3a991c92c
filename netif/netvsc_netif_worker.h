/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lwIP face where each queue has a process with an lwIP of its own (netvsc_worker.h). The
 * processes share the struct netvsc; each has its own copy of the struct netvsc_netif, at the same
 * address because of the fork.
 */
#ifndef NETVSC_NETIF_WORKER_H
#define NETVSC_NETIF_WORKER_H

#include "netvsc_netif.h"

/*
 * This process polls queue 0 only. It copies every frame: what it holds of the receive buffer when
 * it forks would be released twice.
 */
void netvsc_netif_alone(struct netvsc_netif *nif);

/*
 * In a process just forked by one that is alone: poll queue (q) from now on, copy frames shorter
 * than (copybreak_bytes) [0: default]. Counters begin at 0, what the parent had to send is
 * forgotten, groups joined are no longer told to the NIC. -ENOMEM.
 */
int netvsc_netif_become(struct netvsc_netif *nif, unsigned q, uint32_t copybreak_bytes);

/* The NIC changed, in another process: state, MAC, MTU and link go into the netif. */
void netvsc_netif_follow(struct netvsc_netif *nif);

/* As netvsc_irq_arm() and so on, or their netvsc_queue_* form if (nif) is alone. */
bool netvsc_netif_arm(struct netvsc_netif *nif);
void netvsc_netif_disarm(struct netvsc_netif *nif);
int netvsc_netif_irq_fd(const struct netvsc_netif *nif);
uint64_t netvsc_netif_next_deadline(const struct netvsc_netif *nif, uint64_t now_ns);

#endif
