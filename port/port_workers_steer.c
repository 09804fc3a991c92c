/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the host sends connections.
 *
 * Theory of operation. Entry b of the table is worker b % count's. While that one does not serve,
 * the others share its entries; when it does again it gets them back, for what opens connections.
 * Those opened meanwhile stay where they are: (before) says with whom, and a worker that gets a
 * segment it knows nothing of passes it on (port_worker.c), until the other has no more of them.
 */
#include <errno.h>

#include "netvsc_queue.h"
#include "port_clock.h"
#include "port_log.h"
#include "port_workers_var.h"

#define STRANGERS_NS (2 * PORT_NS_PER_S) /* workers count every second: this is twice */

uint8_t port_workers_of_entry(const struct port_workers *w, uint32_t entry)
{
    const unsigned queue = w->board->rss.reta[entry];
    const unsigned index = queue - 1;

    if (queue == 0 || index >= w->count || !w->seat[index].serving)
        return PORT_WORKERS_NOBODY;
    return (uint8_t)index;
}

static unsigned serving(const struct port_workers *w)
{
    unsigned n = 0;

    for (unsigned i = 0; i < w->count; i++)
        n += w->seat[i].serving;
    return n;
}

/* The (n)th worker that serves. */
static unsigned nth(const struct port_workers *w, unsigned n)
{
    unsigned i = 0;

    while (!w->seat[i].serving || n-- > 0)
        i++;
    return i;
}

static unsigned choose(const struct port_workers *w, unsigned entry, unsigned alive)
{
    const unsigned home = entry % w->count;

    return w->seat[home].serving ? home : nth(w, entry / w->count % alive);
}

/* Note who has connections that will be sent to somebody else. */
static void note_before(struct port_workers *w, const struct netvsc_rss *next)
{
    bool any = false;

    for (unsigned b = 0; b < NETVSC_RETA_ENTRIES; b++) {
        const uint8_t was = port_workers_of_entry(w, b);
        uint8_t before = w->board->before[b];

        if (was != PORT_WORKERS_NOBODY && was + 1 != next->reta[b])
            before = was;
        if (before != PORT_WORKERS_NOBODY &&
            (before + 1 == next->reta[b] || !w->seat[before].serving))
            before = PORT_WORKERS_NOBODY;
        w->board->before[b] = before;
        any |= before != PORT_WORKERS_NOBODY;
    }
    w->board->any_before = any;
}

/* Forget those who have none left. */
static void forget_before(struct port_workers *w)
{
    bool any = false;

    if (!w->board->any_before || w->steer || w->now_ns < w->strangers_at_ns)
        return;
    w->strangers_at_ns = w->now_ns + STRANGERS_NS;
    for (unsigned b = 0; b < NETVSC_RETA_ENTRIES; b++) {
        const uint8_t before = w->board->before[b];

        if (before == PORT_WORKERS_NOBODY)
            continue;
        if (w->seat[before].serving && w->board->desk[before].strangers)
            any = true;
        else
            w->board->before[b] = PORT_WORKERS_NOBODY;
    }
    w->board->any_before = any;
}

static void ask(struct port_workers *w)
{
    const struct netvsc *nic = w->config.nif->nic;
    const unsigned alive = serving(w);
    struct netvsc_rss next;

    if (netvsc_rss_get(nic, &next) == -EINPROGRESS)
        return;
    w->steer = false;
    if (alive == 0)
        return; /* the owner has the queues, and drops */
    for (unsigned b = 0; b < NETVSC_RETA_ENTRIES; b++)
        next.reta[b] = (uint8_t)(choose(w, b, alive) + 1);
    if (netvsc_rss_set(w->config.nif->nic, &next) != 0) {
        w->steer = true;
        return;
    }
    note_before(w, &next);
    w->board->rss = next;
    w->steering = true;
    w->strangers_at_ns = w->now_ns + STRANGERS_NS;
}

static void took(struct port_workers *w)
{
    struct netvsc_rss now;
    const int rc = netvsc_rss_get(w->config.nif->nic, &now);

    if (rc == -EINPROGRESS)
        return;
    w->steering = false;
    if (rc) {
        port_log(PORT_LOG_WARN, "the host refuses to send connections elsewhere: error %d", -rc);
        return;
    }
    w->board->stats.steers++;
    for (unsigned i = 0; i < w->count; i++) {
        struct port_seat *seat = &w->seat[i];

        if (!seat->died_ns || seat->steered)
            continue;
        seat->steered = true;
        port_log(PORT_LOG_INFO, "worker %u: its queue's connections go elsewhere after %.1f ms", i,
                 (double)(w->now_ns - seat->died_ns) / (double)PORT_NS_PER_MS);
    }
}

void port_workers_steer_step(struct port_workers *w)
{
    if (w->steering)
        took(w);
    if (w->steer && !w->steering)
        ask(w);
    forget_before(w);
}
