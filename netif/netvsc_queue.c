/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queues and the threads in them.
 *
 * Theory of operation. A queue shares nothing with the others that is written while the NIC is up:
 * channel, send sections, completions owed and counters are its own. What is left to agree on is
 * when the memory under them may go away. Queue 0's thread decides that, for it does control.
 *
 * While the gate is open a queue is joined by the first poll of it. To close the device, queue 0's
 * thread shuts the gate and waits, over as many polls of its own as it takes, until every joined
 * queue has been left: its thread finds the gate shut at its next poll and, unless a frame is begun
 * whose memory the caller still writes to, clears (joined). Nobody blocks, and the fast path pays
 * one load of a word that hardly ever changes.
 *
 * Joining is the one race. It stores (joined), then looks at the gate; the other side stores the
 * gate, then looks at (joined). Both are seq_cst: at least one of them sees the other.
 *
 * One thread that polls all queues joins and leaves them in the same way.
 */
#include "netvsc_var.h"

#include <errno.h>
#include <stdlib.h>

#include "vmbus_heap.h"

/* ---- memory ---------------------------------------------------------------------------------- */

int netvsc_queues_create(struct netvsc *nic)
{
    for (unsigned i = 0; i < nic->config.queues; i++) {
        struct netvsc_queue *q = vmbus_heap_alloc(sizeof(*q));

        if (!q)
            return -ENOMEM;
        q->nic = nic;
        q->index = i;
        nic->queue[i] = q;
        if (nic->config.capture && nic->config.memory)
            q->capture = malloc(NETVSC_FRAME_BYTES_MAX);
        if (nic->config.capture && nic->config.memory && !q->capture)
            return -ENOMEM;
    }
    return 0;
}

void netvsc_queues_destroy(struct netvsc *nic)
{
    for (unsigned i = 0; i < nic->config.queues; i++) {
        if (nic->queue[i])
            free(nic->queue[i]->capture);
        vmbus_heap_free(nic->queue[i]);
    }
}

void netvsc_queues_bind(struct netvsc *nic)
{
    nic->info.queues = 1;
    nic->queue[0]->chan = vmbus_chan(nic->dev, 0);
    for (unsigned i = 0; i < nic->config.queues; i++)
        nic->queue[i]->like.range_bytes = NETVSC_ALIKE_NONE;
}

/* Control's own section comes before. */
static uint32_t first_section(const struct netvsc *nic)
{
    return nic->info.gpa_direct ? 0 : 1;
}

uint32_t netvsc_queues_sections(const struct netvsc *nic)
{
    return nic->info.send_sections - first_section(nic);
}

void netvsc_queues_share(struct netvsc *nic)
{
    const uint32_t queues = nic->info.queues, first = first_section(nic),
                   share = netvsc_queues_sections(nic) / queues;

    for (uint32_t i = 0; share && i < queues; i++)
        netvsc_tx_open(nic->queue[i], first + i * share, share);
}

/* ---- threads --------------------------------------------------------------------------------- */

void netvsc_queues_admit(struct netvsc *nic)
{
    nic->gate = true;
}

bool netvsc_queues_left(struct netvsc *nic)
{
    nic->gate = false;
    for (unsigned i = 1; i < nic->config.queues; i++)
        if (nic->queue[i]->joined)
            return false;
    return true;
}

static bool join(struct netvsc_queue *q)
{
    struct netvsc *nic = q->nic;

    if (!nic->gate)
        return false;
    q->joined = true;
    if (nic->gate && q->index < nic->info.queues)
        return true;
    q->joined = false;
    return false;
}

static bool queue_idle(const struct netvsc_queue *q)
{
    return !q->ack_count && !q->held_packets && !q->tx.outstanding &&
           !netvsc_tx_begun_count(&q->tx);
}

unsigned netvsc_queue_visit(struct netvsc_queue *q, uint64_t now_ns, unsigned budget)
{
    unsigned done;

    if (!q->joined && !join(q))
        return 0;
    netvsc_tx_clock(q, now_ns);
    done = netvsc_queue_turn(q, budget);
    if (q->nic->state == NETVSC_DETACHING)
        q->idle = queue_idle(q);
    if (!q->nic->gate && !netvsc_tx_begun_count(&q->tx))
        q->joined = false; /* the last access to anything of the device was before this */
    return done;
}

void netvsc_queue_leave(struct netvsc *nic, unsigned q)
{
    nic->queue[q]->joined = false;
}

bool netvsc_queues_idle(struct netvsc *nic)
{
    if (!queue_idle(nic->queue[0]))
        return false;
    for (unsigned i = 1; i < nic->info.queues; i++) {
        const struct netvsc_queue *q = nic->queue[i];

        if (q->joined ? !q->idle : !queue_idle(q))
            return false;
    }
    return true;
}

void netvsc_queues_unbind(struct netvsc *nic)
{
    for (unsigned i = 0; i < nic->config.queues; i++) {
        struct netvsc_queue *q = nic->queue[i];

        if (!q->chan)
            continue;
        netvsc_tx_close(q);
        netvsc_add_chan_stats(&q->stats, q->chan);
        q->chan = NULL;
        q->ack_count = 0;
        q->batch_count = 0;
        q->joined = false;
        q->idle = false;
    }
}

/* ---- the queue 0 form ------------------------------------------------------------------------ */

void netvsc_tx_cancel(struct netvsc *nic, const struct netvsc_slot *slot)
{
    netvsc_queue_tx_cancel(nic, 0, slot);
}

uint32_t netvsc_tx_outstanding(const struct netvsc *nic)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < nic->config.queues; i++)
        sum += nic->queue[i]->tx.outstanding;
    return sum;
}
