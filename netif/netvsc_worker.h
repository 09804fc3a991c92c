/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A process per queue. The driver's memory is shared (vmbus_heap_shared() before the device is
 * opened), processes are forked while the NIC is up, and netvsc_queue.h's rules for threads hold
 * for them; the rules for queue 0's thread hold for the parent. In each process (config.ctx) is at
 * the same address, and its own. A device attached after the fork is the parent's alone.
 */
#ifndef NETVSC_WORKER_H
#define NETVSC_WORKER_H

#include "netvsc_queue.h"

/*
 * Sleep protocol, as netvsc_irq_arm() and disarm, for the process of queue (q) only. Queue 0's
 * sleeps on netvsc_irq_fd(), others' until queue 0's wakes them. A queue without device may sleep.
 */
bool netvsc_queue_arm(struct netvsc *nic, unsigned q);
void netvsc_queue_disarm(struct netvsc *nic, unsigned q);

/* For queue 0's process: would queue (q) find work if it were woken? */
bool netvsc_queue_waiting(const struct netvsc *nic, unsigned q);

/* As netvsc_next_deadline(), for the process of queue (q). */
uint64_t netvsc_queue_next_deadline(const struct netvsc *nic, unsigned q, uint64_t now_ns);

/*
 * The device cannot be closed before the other queues are left: their processes must poll or die.
 */
bool netvsc_leaving(const struct netvsc *nic);

/* Queues asked for; and the counters of the NIC as a whole, those of queues being 0. */
unsigned netvsc_queues_wanted(const struct netvsc *nic);
void netvsc_own_stats(const struct netvsc *nic, struct netvsc_stats *out);

/*
 * For queue 0's process: the process of queue (q), not 0, has died, at whatever instruction. Its
 * books are put in order: what it owed the host is owed by the queue, what the host owes it comes
 * to the queue, frames it began or had not shown the host are counted in tx_cancelled and tx_lost.
 * Received frames whose ring room it had not given back come again. Then anybody may poll it.
 * -EINVAL no such queue, -EPROTO its ring is corrupt; the next poll closes the device.
 */
int netvsc_queue_takeover(struct netvsc *nic, unsigned q);

#endif
