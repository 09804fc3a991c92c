/* SPDX-License-Identifier: BSD-3-Clause */
#include "netvsc_worker.h"

#include <errno.h>

#include "netvsc_var.h"
#include "vmbus_chan_alone.h"

#define RETRY_NS 1000000u /* when waiting for ring room, which no interrupt announces */

/* The device is there and will be until this process has left the queue. */
static bool has_device(const struct netvsc *nic, unsigned q)
{
    return q == 0 ? nic->dev != NULL : nic->queue[q]->joined;
}

bool netvsc_queue_arm(struct netvsc *nic, unsigned q)
{
    if (!has_device(nic, q))
        return true;
    if (nic->trouble || !vmbus_chan_arm(nic->queue[q]->chan))
        return false;
    nic->queue[q]->stats.sleeps++;
    return true;
}

void netvsc_queue_disarm(struct netvsc *nic, unsigned q)
{
    if (!has_device(nic, q))
        return;
    vmbus_chan_disarm(nic->queue[q]->chan);
    if (q == 0 && vmbus_irq_take(nic->dev) == -EIO)
        nic->trouble = -ENODEV;
}

bool netvsc_queue_waiting(const struct netvsc *nic, unsigned q)
{
    const struct netvsc_queue *queue = nic->queue[q];

    return nic->dev && queue->chan && vmbus_chan_waiting(queue->chan);
}

uint64_t netvsc_queue_next_deadline(const struct netvsc *nic, unsigned q, uint64_t now_ns)
{
    if (!has_device(nic, q))
        return UINT64_MAX;
    if (nic->queue[q]->ack_count || netvsc_hold_pending(nic->queue[q]))
        return RETRY_NS;
    return q == 0 ? netvsc_control_deadline(nic, now_ns) : UINT64_MAX;
}

unsigned netvsc_queues_wanted(const struct netvsc *nic)
{
    return nic->config.queues;
}

void netvsc_own_stats(const struct netvsc *nic, struct netvsc_stats *out)
{
    *out = nic->stats;
}

bool netvsc_leaving(const struct netvsc *nic)
{
    if (!nic->dev || nic->gate)
        return false;
    for (unsigned i = 1; i < nic->config.queues; i++)
        if (nic->queue[i]->joined)
            return true;
    return false;
}
