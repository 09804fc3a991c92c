/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The NIC's life and its poll.
 *
 * Theory of operation. Everything happens inside netvsc_poll(): per queue receive
 * (netvsc_rx_poll.c) and completions (netvsc_tx.c), then for the NIC, with queue 0, one look at the
 * interrupt every 10 ms to learn whether the device still exists, the next step of attach or detach
 * (netvsc_steps.c), then one flush. What a callback or a packet asks for that would take the device
 * away under the poll's feet is only noted (trouble, detach_pending) and done at the end; events
 * are told last of all, when the NIC is in its new state, so that an event function may attach
 * again.
 *
 * States: DOWN --attach--> ATTACHING --last step--> UP --detach--> DETACHING --last step--> DOWN.
 * ATTACHING --a step fails--> FAILED. Any --ring corrupt--> FAILED. Any --interrupt says EIO-->
 * GONE. The device is closed on the way to DOWN, FAILED and GONE.
 */
#include "netvsc_var.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define IRQ_LOOK_NS 10000000u /* asking whether the device is gone is a system call */
#define RETRY_NS 1000000u     /* when waiting for ring room, which no interrupt announces */

/* ---- state and events ------------------------------------------------------------------------ */

void netvsc_raise(struct netvsc *nic, enum netvsc_event event)
{
    nic->events |= 1u << event;
}

static void set_state(struct netvsc *nic, enum netvsc_state state)
{
    nic->state = state;
    netvsc_raise(nic, NETVSC_EVENT_STATE);
}

static void tell_events(struct netvsc *nic)
{
    static const enum netvsc_event order[] = {NETVSC_EVENT_STATE,          NETVSC_EVENT_MAC,
                                              NETVSC_EVENT_LINK,           NETVSC_EVENT_SPEED,
                                              NETVSC_EVENT_NETWORK_CHANGE, NETVSC_EVENT_REFUSED};

    for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        uint32_t bit = 1u << order[i];

        if (!(nic->events & bit))
            continue;
        nic->events &= ~bit;
        if (nic->config.event)
            nic->config.event(nic->config.ctx, order[i]);
    }
}

void netvsc_close_device(struct netvsc *nic)
{
    if (!nic->dev)
        return;
    netvsc_queues_unbind(nic);
    netvsc_changes_forget(nic);
    netvsc_hold_close(nic);
    nic->pfn = NULL;
    netvsc_tx_release(nic);
    nic->dev = NULL;
    nic->mem = NULL;
    nic->trouble = 0;
    nic->detach_pending = false;
}

/* The device is of no more use: either it is gone or its host cannot be trusted. */
static void lose_device(struct netvsc *nic)
{
    bool gone = nic->trouble == -ENODEV;

    if (!netvsc_queues_left(nic))
        return; /* at the next poll */
    if (nic->state == NETVSC_ATTACHING)
        nic->stats.attach_failures++;
    if (gone)
        nic->stats.device_gone++;
    snprintf(nic->failure, sizeof(nic->failure), "%s",
             gone ? "the host withdrew the device" : "the ring from the host is corrupt");
    netvsc_close_device(nic);
    set_state(nic, gone ? NETVSC_GONE : NETVSC_FAILED);
}

/* ---- attach and detach ----------------------------------------------------------------------- */

int netvsc_attach(struct netvsc *nic, struct vmbus_device *dev, uint64_t now_ns)
{
    const struct vmbus_transport *mem = vmbus_memory(dev);

    if (nic->dev)
        return -EBUSY;
    if (!mem->recv.base || mem->recv.len_bytes < VMBUS_PAGE_BYTES || !mem->send.base ||
        mem->send.len_bytes < VMBUS_PAGE_BYTES)
        return -EINVAL;
    nic->dev = dev;
    if (netvsc_hold_open(nic)) {
        nic->dev = NULL;
        return -ENOMEM;
    }
    nic->mem = mem;
    nic->now_ns = now_ns;
    nic->next_irq_look_ns = now_ns;
    nic->version_try = 0;
    nic->failure[0] = '\0';
    memset(&nic->info, 0, sizeof(nic->info));
    nic->info.queues = 1;
    netvsc_gather_open(nic);
    nic->info.link_up = true; /* unless the host says otherwise */
    netvsc_queues_bind(nic);
    netvsc_steps_begin(nic, netvsc_attach_steps);
    set_state(nic, NETVSC_ATTACHING);
    if (!nic->polling)
        tell_events(nic);
    return 0;
}

/* Now, or at the end of the first poll that finds the other queues left by their threads. */
static void detach_now(struct netvsc *nic)
{
    if (!netvsc_queues_left(nic)) {
        nic->detach_pending = true;
        return;
    }
    netvsc_close_device(nic);
    set_state(nic, NETVSC_DOWN);
}

void netvsc_detach(struct netvsc *nic, uint64_t now_ns)
{
    if (nic->state == NETVSC_DOWN)
        return;
    nic->now_ns = now_ns;
    netvsc_changes_forget(nic);
    if (nic->state == NETVSC_UP) {
        netvsc_steps_begin(nic, netvsc_detach_steps);
        set_state(nic, NETVSC_DETACHING);
    } else if (nic->polling && nic->dev) {
        nic->detach_pending = true;
    } else {
        detach_now(nic);
    }
    if (!nic->polling)
        tell_events(nic);
}

static void attached(struct netvsc *nic)
{
    nic->stats.attaches++;
    netvsc_tx_quick_open(nic);
    netvsc_queues_admit(nic);
    netvsc_control_attached(nic);
    set_state(nic, NETVSC_UP);
}

static const char *reason(int rc)
{
    switch (rc) {
    case -ETIMEDOUT:
        return "the host did not answer in time";
    case -ECONNREFUSED:
        return "the host refused";
    case -EPROTONOSUPPORT:
        return "the host speaks none of our versions";
    default:
        return "the host's answer makes no sense";
    }
}

static void run_steps(struct netvsc *nic)
{
    int rc = netvsc_steps_run(nic);

    if (rc > 0) {
        if (nic->state == NETVSC_ATTACHING)
            attached(nic);
        else
            detach_now(nic);
    } else if (rc < 0) {
        nic->stats.attach_failures++;
        snprintf(nic->failure, sizeof(nic->failure), "attach: %s: %s (step timeout %u ms)",
                 netvsc_steps_name(nic), reason(rc), nic->config.step_timeout_ms);
        netvsc_close_device(nic);
        set_state(nic, NETVSC_FAILED);
    }
}

/* ---- poll ------------------------------------------------------------------------------------ */

static void look_whether_gone(struct netvsc *nic)
{
    if (nic->now_ns < nic->next_irq_look_ns)
        return;
    nic->next_irq_look_ns = nic->now_ns + IRQ_LOOK_NS;
    if (vmbus_irq_take(nic->dev) == -EIO)
        nic->trouble = -ENODEV;
}

/* A channel that cannot signal is dead for one of two reasons. */
static void flush_queue(struct netvsc_queue *q)
{
    netvsc_tx_flush(q);
    q->tx.unseen = false;
    if (vmbus_chan_flush(q->chan) == -EIO)
        q->nic->trouble = vmbus_chan_stats(q->chan)->bad_ring ? -EPROTO : -ENODEV;
}

unsigned netvsc_queue_turn(struct netvsc_queue *q, unsigned budget)
{
    unsigned done = netvsc_rx_poll(q, budget);

    netvsc_tx_tell(q);
    flush_queue(q);
    return done;
}

/* What a poll does besides the queues. May close the device. */
static void control(struct netvsc *nic)
{
    look_whether_gone(nic);
    if (!nic->trouble && (nic->state == NETVSC_ATTACHING || nic->state == NETVSC_DETACHING))
        run_steps(nic);
    else if ((nic->changing || nic->changes) && !nic->trouble && nic->state == NETVSC_UP)
        netvsc_changes_run(nic);
    if (nic->dev)
        flush_queue(nic->queue[0]);
    if (nic->dev && nic->trouble)
        lose_device(nic);
    else if (nic->dev && nic->detach_pending)
        detach_now(nic);
}

/* Queues (last) to 0 in this thread; those above it have threads of their own, or none. */
static unsigned poll_down_from(struct netvsc *nic, unsigned last, uint64_t now_ns, unsigned budget)
{
    unsigned done = 0;

    if (nic->given_up)
        netvsc_hold_settle_estates(nic, false);
    if (!nic->dev)
        return 0;
    nic->polling = true;
    nic->now_ns = now_ns;
    for (unsigned i = last; i > 0; i--)
        done += netvsc_queue_poll(nic, i, now_ns, budget);
    netvsc_tx_clock(nic->queue[0], now_ns);
    done += netvsc_rx_poll(nic->queue[0], budget);
    netvsc_tx_tell(nic->queue[0]);
    control(nic);
    nic->polling = false;
    if (nic->events)
        tell_events(nic);
    return done;
}

unsigned netvsc_poll(struct netvsc *nic, uint64_t now_ns, unsigned budget)
{
    return poll_down_from(nic, nic->info.queues - 1, now_ns, budget);
}

unsigned netvsc_queue_poll(struct netvsc *nic, unsigned q, uint64_t now_ns, unsigned budget)
{
    if (q == 0)
        return poll_down_from(nic, 0, now_ns, budget);
    return q < nic->config.queues ? netvsc_queue_visit(nic->queue[q], now_ns, budget) : 0;
}

void netvsc_queue_flush(struct netvsc *nic, unsigned q)
{
    if (q == 0 ? nic->dev != NULL : nic->queue[q]->joined)
        flush_queue(nic->queue[q]);
}

bool netvsc_queue_unseen(const struct netvsc *nic, unsigned q)
{
    return nic->queue[q]->tx.unseen || nic->queue[q]->tx.pile.frames;
}

void netvsc_flush(struct netvsc *nic)
{
    for (unsigned i = 0; i < nic->config.queues; i++)
        netvsc_queue_flush(nic, i);
}

uint64_t netvsc_next_deadline(const struct netvsc *nic, uint64_t now_ns)
{
    if (nic->trouble || nic->detach_pending)
        return netvsc_control_deadline(nic, now_ns);
    for (unsigned i = 0; nic->dev && i < nic->info.queues; i++)
        if (nic->queue[i]->ack_count || netvsc_hold_pending(nic->queue[i]))
            return RETRY_NS;
    return netvsc_control_deadline(nic, now_ns);
}

uint64_t netvsc_control_deadline(const struct netvsc *nic, uint64_t now_ns)
{
    if (!nic->dev)
        return UINT64_MAX;
    if (nic->trouble || nic->detach_pending)
        return 0;
    if (nic->state == NETVSC_UP && !nic->changing)
        return nic->changes ? 0 : UINT64_MAX;
    if (!nic->step_sent || nic->ctl.await == NETVSC_AWAIT_NOTHING)
        return RETRY_NS;
    return netvsc_steps_deadline(nic, now_ns);
}
