/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queues: one per VMBus channel, 0..netvsc_info()->queues - 1. Ask for them with config.queues.
 *
 * One thread may poll them all with netvsc_poll(). Or each queue has a thread of its own:
 *  - queue 0's thread calls netvsc_queue_poll(nic, 0, ...), which carries control besides: attach,
 *    detach, events, statistics of the NIC. Every other function of netvsc.h is for that thread
 *    only, except netvsc_state(), which any thread may call.
 *  - queue q's thread calls netvsc_queue_*(nic, q, ...) and nothing else. config.rx and
 *    config.capture are then called by several threads at once; frame->queue says for which queue.
 *  - the device stays open until every other thread has polled its queue once more with nothing
 *    begun. A thread that stops polling its queue says so with netvsc_queue_leave().
 *  - netvsc_destroy() comes after the last call of every thread.
 * Sleeping with netvsc_irq_arm() is for one thread that polls all queues.
 */
#ifndef NETVSC_QUEUE_H
#define NETVSC_QUEUE_H

#include "netvsc.h"

#define NETVSC_QUEUES_MAX 64u

/* As netvsc_poll(), for queue (q) only. 0 when there is no such queue (now). */
unsigned netvsc_queue_poll(struct netvsc *nic, unsigned q, uint64_t now_ns, unsigned budget);

/* This thread polls queue (q), not 0, no more until it polls it again; nothing may be begun. */
void netvsc_queue_leave(struct netvsc *nic, unsigned q);

/* As netvsc_tx_begin() and so on. A queue not polled since the NIC came up is -ENETDOWN. */
int netvsc_queue_tx_begin(struct netvsc *nic, unsigned q, size_t len_bytes,
                          struct netvsc_slot *slot);
void netvsc_queue_tx_commit(struct netvsc *nic, unsigned q, const struct netvsc_slot *slot,
                            size_t len_bytes);
void netvsc_queue_tx_cancel(struct netvsc *nic, unsigned q, const struct netvsc_slot *slot);
void netvsc_queue_flush(struct netvsc *nic, unsigned q);
/* Frames were committed that a flush has yet to show to the host. */
bool netvsc_queue_unseen(const struct netvsc *nic, unsigned q);
uint32_t netvsc_queue_outstanding(const struct netvsc *nic, unsigned q);

/* ---- which queue ----------------------------------------------------------------------------- */

#define NETVSC_RETA_ENTRIES 128u
#define NETVSC_RSS_KEY_BYTES 40u

/* How the host spreads frames: queue = reta[hash % 128], Toeplitz hash with (key). */
struct netvsc_rss {
    uint8_t reta[NETVSC_RETA_ENTRIES]; /* repeated where the host has a shorter one */
    uint8_t key[NETVSC_RSS_KEY_BYTES];
    uint32_t types; /* NETVSC_RSS_* */
};

/*
 * Replace it while up: copied, sent by the next polls. -ENETDOWN, -ENOTSUP one queue, -EINVAL an
 * entry without queue or no type, -EBUSY the change before is not done.
 */
int netvsc_rss_set(struct netvsc *nic, const struct netvsc_rss *rss);
/* What is in force: 0, -EINPROGRESS a change is under way, -ENOTSUP; else how the last failed. */
int netvsc_rss_get(const struct netvsc *nic, struct netvsc_rss *out);

/* The queue the host would like a flow with (hash) to be sent on. Any thread. */
unsigned netvsc_queue_for(const struct netvsc *nic, uint32_t hash);

/*
 * The counters of queue (q) alone, those of the NIC as a whole (ctl_*, attaches, ...) being 0. For
 * the queue's own thread, and not while another detaches; netvsc_stats() is exact when no other
 * thread polls.
 */
void netvsc_queue_stats(const struct netvsc *nic, unsigned q, struct netvsc_stats *out);

#endif
