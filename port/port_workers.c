/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * lwIP keeps its state in globals, so a second core means a second process. The owner has the card
 * and queue 0. It forks a worker per further queue; what both need, the driver's memory and the
 * board below, is shared since before the fork. Everything a worker does with its queue it does
 * alone: no lock, no message, no system call between them on the way of a segment.
 *
 * Each desk of the board has a mailbox in each direction (port_workers_mail.c, port_worker.c), the
 * worker's books (port_workers_books.c) and the word by which sleepers are found: who goes to sleep
 * says so and then looks at everything again, who brings something brings it and then looks whether
 * the other sleeps. The card's interrupt comes to the owner, who passes it on to those asleep whose
 * ring has something; while it is awake it looks at those rings in every turn.
 *
 * However a worker ends, its pidfd tells, and another takes its place (port_workers_lives.c).
 *
 * When the card goes, or changes its MTU, all workers are ended: a device opened again is memory
 * mapped after their fork. They are started anew when it is up.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "netvsc_netif_worker.h"
#include "netvsc_worker.h"
#include "port_clock.h"
#include "port_log.h"
#include "port_workers_var.h"

/* ---- the card and its addresses -------------------------------------------------------------- */

static void tell_news(struct port_workers *w)
{
    struct port_board *board = w->board;
    struct port_net_addresses now;

    port_net_read(&w->config.nif->netif, &now);
    atomic_store_explicit(&board->news, board->news | 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* pairs with the fence in take_news() */
    board->addresses = now;
    w->published = now;
    atomic_store(&board->news, (board->news | 1) + 1);
    for (unsigned i = 0; i < w->count; i++)
        port_workers_wake(w, i);
}

static bool has_news(const struct port_workers *w)
{
    struct port_net_addresses now;

    port_net_read(&w->config.nif->netif, &now);
    return w->card_changed || memcmp(&now, &w->published, sizeof(now)) != 0;
}

static unsigned queues_there_are(const struct port_workers *w)
{
    const unsigned queues = netvsc_info(port_workers_nic(w))->queues;
    const unsigned most = queues > 0 ? queues - 1 : 0;

    return most < w->config.wanted ? most : w->config.wanted;
}

/* The card came up: everybody starts. */
static void on_up(struct port_workers *w)
{
    const unsigned count = queues_there_are(w);

    (void)netvsc_rss_get(port_workers_nic(w), &w->board->rss);
    for (unsigned b = 0; b < NETVSC_RETA_ENTRIES; b++)
        w->board->before[b] = PORT_WORKERS_NOBODY;
    w->board->any_before = false;
    w->steering = false;
    w->steer = true;
    w->count = count;
    if (count < w->config.wanted)
        port_log(PORT_LOG_WARN,
                 "%u workers, not %u: the host gives the card %u queues, one is ours", count,
                 w->config.wanted, netvsc_info(port_workers_nic(w))->queues);
    for (unsigned i = 0; i < count; i++)
        w->seat[i].start_at_ns = w->now_ns;
}

static void follow_card(struct port_workers *w)
{
    const enum netvsc_state state = netvsc_state(port_workers_nic(w));

    if (!w->begun)
        return;
    if (state == NETVSC_UP && w->state != NETVSC_UP)
        on_up(w);
    if ((state != NETVSC_UP || netvsc_leaving(port_workers_nic(w))) && !w->ending)
        port_workers_kill(w, SIGKILL);
    if (state != w->state || has_news(w))
        tell_news(w);
    w->state = state;
    w->card_changed = false;
}

/* ---- driven by the loop ---------------------------------------------------------------------- */

static void pass_interrupts_on(const struct port_workers *w)
{
    for (unsigned i = 0; i < w->count; i++)
        if (atomic_load(&w->board->desk[i].asleep) &&
            netvsc_queue_waiting(port_workers_nic(w), i + 1))
            port_workers_wake(w, i);
}

static unsigned step(void *ctx, uint64_t now_ns)
{
    struct port_workers *w = ctx;
    unsigned done = 0;

    w->now_ns = now_ns;
    follow_card(w);
    pass_interrupts_on(w);
    done += port_workers_mail_step(w);
    done += port_workers_look_for_deaths(w);
    done += port_workers_tend(w);
    if (netvsc_state(port_workers_nic(w)) == NETVSC_UP && w->count > 0)
        port_workers_steer_step(w);
    done += port_workers_tell_step(w);
    if (w->ending && now_ns >= w->kill_at_ns)
        port_workers_kill(w, SIGKILL);
    if (done)
        netvsc_netif_flush(w->config.nif);
    w->board->owner = w->config.nif->stats;
    return done;
}

static uint64_t until(uint64_t when_ns, uint64_t now_ns)
{
    return when_ns > now_ns ? when_ns - now_ns : 0;
}

static uint64_t next_deadline(void *ctx, uint64_t now_ns)
{
    const struct port_workers *w = ctx;
    uint64_t left =
        w->steer || w->steering || port_workers_may_tell(w) ? PORT_WORKERS_LOOK_NS : UINT64_MAX;

    for (unsigned i = 0; i < w->count; i++)
        /* Its queue is ours to poll, or its end can only be found by looking. */
        if (!w->seat[i].pid || w->seat[i].death < 0)
            left = PORT_WORKERS_LOOK_NS;
    if (w->ending && !port_workers_gone(w))
        left = port_idle_sooner(left, until(w->kill_at_ns, now_ns));
    if (w->board->any_before)
        left = port_idle_sooner(left, until(w->strangers_at_ns, now_ns));
    return left;
}

static unsigned pollfds(void *ctx, struct pollfd *out, unsigned max)
{
    const struct port_workers *w = ctx;
    unsigned count = 0;

    out[count++] = (struct pollfd){.fd = w->owner_wake, .events = POLLIN};
    for (unsigned i = 0; i < w->count && count < max; i++)
        if (w->seat[i].death >= 0)
            out[count++] = (struct pollfd){.fd = w->seat[i].death, .events = POLLIN};
    return count;
}

static bool arm(void *ctx, bool on)
{
    struct port_workers *w = ctx;
    uint64_t wakes;

    atomic_store(&w->board->owner_asleep, on);
    if (!on) {
        w->look_at_ns = 0;
        (void)!read(w->owner_wake, &wakes, sizeof(wakes));
        return true;
    }
    for (unsigned i = 0; i < w->count; i++) {
        const struct port_desk *desk = &w->board->desk[i];

        if (desk->ready && !w->seat[i].serving && w->seat[i].pid && !w->ending)
            return false;
        if (atomic_load(&desk->asleep) && netvsc_queue_waiting(port_workers_nic(w), i + 1))
            return false;
    }
    return !port_workers_mail_waits(w);
}

struct port_loop_peer port_workers_peer(struct port_workers *w)
{
    return (struct port_loop_peer){
        .step = step, .next_deadline = next_deadline, .pollfds = pollfds, .ctx = w, .arm = arm};
}

/* ---- opening, beginning, ending -------------------------------------------------------------- */

void port_workers_card_changed(struct port_workers *w)
{
    w->card_changed = true;
}

unsigned port_workers_begin(struct port_workers *w)
{
    w->begun = true;
    w->state = NETVSC_DOWN;
    return queues_there_are(w);
}

void port_workers_end(struct port_workers *w, uint64_t now_ns, uint64_t patience_ns)
{
    w->ending = true;
    w->kill_at_ns = now_ns + patience_ns;
    port_workers_kill(w, SIGTERM);
}
