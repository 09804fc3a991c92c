/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Received packets kept beyond the poll that brought them.
 *
 * Theory of operation. A packet whose frame is held gets an entry of its queue's lender. The entry
 * counts the frames still held and, while the poll runs, the poll itself; who takes the count to
 * zero pushes the entry on the lender's list of returned ones (a stack that is only ever emptied as
 * a whole, so that it needs no tags), and the queue's next poll owes the host its completion. Only
 * so much of the receive buffer may be out at a time (config.rx_hold_percent): a host without
 * sections drops what comes.
 *
 * Closing the device must not pull memory from under a held frame. So a lender is not part of the
 * queue: the queue has one reference to it, each entry out another; and each lender has one to the
 * device (struct netvsc_estate), the NIC another. When the NIC gives a device up it drops its own;
 * usually nothing is out and the device closes at once. Else the last release closes it. Entries
 * that come back after that are simply forgotten: the host counts its sections as its own again.
 *
 * Until then the host may still read what it was sent: a device that was not detached from in order
 * has packets in its ring. So the owners of memory named there wait for its end, too. The NIC keeps
 * its reference to such a device, and the poll that finds no other closes it and tells them.
 */
#include "netvsc_hold.h"

#include <errno.h>

#include "netvsc_var.h"
#include "vmbus_heap.h"

#define PERCENT_DEFAULT 50u

struct netvsc_estate {
    atomic_uint refs; /* the NIC and each lender */
    struct vmbus_device *dev;
    struct netvsc_estate *next; /* of those given up that are not closed */
    uint32_t owners;
    void *owner[]; /* to be told when it is: room for those of all queues */
};

struct netvsc_hold {
    struct netvsc_lender *lender;
    struct netvsc_hold *next;
    atomic_uint refs; /* frames held, and the poll while it runs */
    struct vmbus_ack ack;
    uint32_t sections; /* (ack) gives back */
    bool out;          /* (ack) is owed by this entry and by nothing else */
};

struct netvsc_lender {
    atomic_uint refs; /* the queue and each entry that is out */
    _Atomic(struct netvsc_hold *) returned;
    struct netvsc_estate *estate;
    struct netvsc_hold *free;
    struct netvsc_hold hold[NETVSC_HOLDS_MAX];
};

/* ---- device ---------------------------------------------------------------------------------- */

static void put_estate(struct netvsc_estate *estate)
{
    if (atomic_fetch_sub(&estate->refs, 1) != 1)
        return;
    vmbus_close(estate->dev);
    vmbus_heap_free(estate);
}

static void put_lender(struct netvsc_lender *lender)
{
    if (atomic_fetch_sub(&lender->refs, 1) != 1)
        return;
    put_estate(lender->estate);
    vmbus_heap_free(lender);
}

/* All entries at home. */
static void lender_fill(struct netvsc_lender *lender)
{
    lender->refs = 1;
    lender->returned = NULL;
    lender->free = NULL;
    for (unsigned i = 0; i < NETVSC_HOLDS_MAX; i++) {
        lender->hold[i].lender = lender;
        lender->hold[i].out = false;
        lender->hold[i].next = lender->free;
        lender->free = &lender->hold[i];
    }
}

static struct netvsc_lender *lender_create(struct netvsc_estate *estate)
{
    struct netvsc_lender *lender = vmbus_heap_alloc(sizeof(*lender));

    if (!lender)
        return NULL;
    lender_fill(lender);
    lender->estate = estate;
    return lender;
}

int netvsc_hold_open(struct netvsc *nic)
{
    const size_t slots = (size_t)nic->config.queues * NETVSC_TX_SLOTS_MAX;
    struct netvsc_estate *estate = vmbus_heap_alloc(sizeof(*estate) + slots * sizeof(void *));

    if (!estate)
        return -ENOMEM;
    for (unsigned i = 0; i < nic->config.queues; i++) {
        nic->queue[i]->lender = lender_create(estate);
        if (!nic->queue[i]->lender)
            goto fail;
    }
    estate->refs = 1 + nic->config.queues;
    estate->dev = nic->dev;
    nic->estate = estate;
    return 0;
fail:
    for (unsigned i = 0; i < nic->config.queues; i++) {
        vmbus_heap_free(nic->queue[i]->lender);
        nic->queue[i]->lender = NULL;
    }
    vmbus_heap_free(estate);
    return -ENOMEM;
}

void netvsc_hold_close(struct netvsc *nic)
{
    struct netvsc_estate *estate = nic->estate;

    for (unsigned i = 0; i < nic->config.queues; i++) {
        struct netvsc_queue *q = nic->queue[i];

        put_lender(q->lender);
        q->lender = NULL;
        q->held_packets = q->held_sections = 0;
        q->holds_new = false;
    }
    nic->estate = NULL;
    if (atomic_load(&estate->refs) > 1)
        estate->owners = netvsc_tx_bequeath(nic, estate->owner);
    if (estate->owners) {
        estate->next = nic->given_up;
        nic->given_up = estate;
    } else {
        put_estate(estate);
    }
}

void netvsc_hold_settle_estates(struct netvsc *nic, bool all)
{
    struct netvsc_estate **at = &nic->given_up, *estate;

    while ((estate = *at)) {
        const bool is_last = atomic_load(&estate->refs) == 1;

        if (!is_last && !all) {
            at = &estate->next;
            continue;
        }
        *at = estate->next;
        if (is_last) /* first, for then its host reads no more */
            vmbus_close(estate->dev);
        netvsc_tx_tell_heirs(nic, estate->owner, estate->owners);
        if (is_last)
            vmbus_heap_free(estate);
        else
            put_estate(estate);
    }
}

/* ---- frames ---------------------------------------------------------------------------------- */

static uint32_t limit(const struct netvsc *nic)
{
    uint32_t percent = nic->config.rx_hold_percent ? nic->config.rx_hold_percent : PERCENT_DEFAULT;

    return (uint32_t)((uint64_t)nic->info.recv_sections * percent / 100 / nic->info.queues);
}

/* Keep the packet that is (lent). NULL: too much is out. */
static struct netvsc_hold *keep_packet(struct netvsc_queue *q, struct netvsc_lent *lent)
{
    struct netvsc_lender *lender = q->lender;
    struct netvsc_hold *hold = lender->free;
    uint32_t sections = q->held_sections + lent->sections;

    if (!hold || sections > limit(q->nic))
        return NULL;
    lender->free = hold->next;
    atomic_fetch_add(&lender->refs, 1);
    hold->refs = 1;
    lent->hold = hold;
    q->holds_new = true;
    q->held_packets++;
    q->held_sections = sections;
    if (sections > q->stats.rx_held_peak)
        q->stats.rx_held_peak = sections;
    return hold;
}

struct netvsc_hold *netvsc_frame_hold(struct netvsc *nic, const struct netvsc_frame *frame)
{
    struct netvsc_queue *q = nic->queue[frame->queue];
    struct netvsc_lent *lent = &q->lent[frame->packet];
    struct netvsc_hold *hold = lent->hold ? lent->hold : keep_packet(q, lent);

    if (!hold) {
        q->stats.rx_hold_refused++;
        return NULL;
    }
    atomic_fetch_add(&hold->refs, 1);
    q->stats.rx_held++;
    return hold;
}

void netvsc_hold_release(struct netvsc_hold *hold)
{
    struct netvsc_lender *lender = hold->lender;
    struct netvsc_hold *head;

    if (atomic_fetch_sub(&hold->refs, 1) != 1)
        return;
    head = atomic_load(&lender->returned);
    do {
        hold->next = head;
    } while (!atomic_compare_exchange_weak(&lender->returned, &head, hold));
    put_lender(lender);
}

/* ---- the poll's side ------------------------------------------------------------------------- */

void netvsc_hold_settle(struct netvsc_queue *q)
{
    uint32_t kept = 0;

    if (!q->holds_new)
        return;
    q->holds_new = false;
    for (uint32_t i = 0; i < q->ack_count; i++) {
        struct netvsc_hold *hold = q->lent[i].hold;

        if (!hold) {
            q->ack[kept] = q->ack[i];
            q->lent[kept++] = q->lent[i];
            continue;
        }
        hold->ack = q->ack[i];
        hold->sections = q->lent[i].sections;
        atomic_signal_fence(memory_order_release); /* for netvsc_hold_takeover() */
        hold->out = true;
        netvsc_hold_release(hold);
    }
    q->ack_count = kept;
}

void netvsc_hold_collect(struct netvsc_queue *q)
{
    struct netvsc_hold *hold =
        q->lender->returned ? atomic_exchange(&q->lender->returned, NULL) : NULL;

    while (hold) { /* netvsc_rx_poll() leaves room for as many as can be out */
        struct netvsc_hold *next = hold->next;

        netvsc_owe(q, hold->ack.xid, hold->ack.payload, hold->sections);
        atomic_signal_fence(memory_order_release);
        hold->out = false;
        q->held_packets--;
        q->held_sections -= hold->sections;
        hold->next = q->lender->free;
        q->lender->free = hold;
        hold = next;
    }
}

void netvsc_hold_takeover(struct netvsc_queue *q)
{
    for (unsigned i = 0; i < NETVSC_HOLDS_MAX && q->ack_count < NETVSC_ACKS_MAX; i++)
        if (q->lender->hold[i].out)
            netvsc_owe(q, q->lender->hold[i].ack.xid, q->lender->hold[i].ack.payload, 1);
    lender_fill(q->lender);
    q->held_packets = q->held_sections = 0;
    q->holds_new = false;
}

bool netvsc_hold_pending(const struct netvsc_queue *q)
{
    return q->lender && q->lender->returned;
}

uint32_t netvsc_held_sections(const struct netvsc *nic)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < nic->config.queues; i++)
        sum += nic->queue[i]->held_sections;
    return sum;
}
