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
 * A worker that ends, however, is noticed by its pidfd. Then, in this order: its queue is taken
 * over (netvsc_queue_takeover()), the host is asked to send its connections to the others
 * (port_workers_steer.c), its peers are told (port_workers_tell.c), and a new one is forked, at
 * once, or after a while if the last ones did not live long. Between death and fork the owner polls
 * the queue itself and hands on what comes.
 *
 * When the card goes, or changes its MTU, all workers are ended: a device opened again is memory
 * mapped after their fork. They are started anew when it is up.
 */
#define _GNU_SOURCE /* pidfd */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netvsc_netif_worker.h"
#include "netvsc_worker.h"
#include "port_clock.h"
#include "port_log.h"
#include "port_workers_var.h"

#define LOOK_NS PORT_NS_PER_MS       /* while awake, how often to look whether somebody died */
#define QUICK_NS (2 * PORT_NS_PER_S) /* who lives shorter died quickly */
#define DELAY_MIN_NS (100 * PORT_NS_PER_MS)
#define DELAY_DOUBLINGS 6u
#define STEER_NS (200 * PORT_NS_PER_MS) /* how long a fork waits for the host's table */
#define BUDGET 64u                      /* frames per turn of a queue nobody else polls */

/* ---- deaths ---------------------------------------------------------------------------------- */

static struct netvsc *nic_of(const struct port_workers *w)
{
    return w->config.nif->nic;
}

static const char *how(int status, char *out, size_t bytes)
{
    if (WIFSIGNALED(status))
        snprintf(out, bytes, "killed by signal %d", WTERMSIG(status));
    else
        snprintf(out, bytes, "ended with status %d", WEXITSTATUS(status));
    return out;
}

/* Nobody before has ever served: whatever it is will not be better the next time. */
static void note_failure(struct port_workers *w, unsigned index, int status)
{
    if (w->board->desk[index].ready)
        w->was_ready = true;
    if (w->was_ready || w->ending || w->failure || !WIFEXITED(status) || WEXITSTATUS(status) == 0)
        return; /* failed already: each stop ends a run of the loop */
    w->failure = WEXITSTATUS(status);
    port_loop_stop(w->config.loop);
}

/* Its work is done; with the last one's all is. */
static void note_done(struct port_workers *w, unsigned index, int status)
{
    w->seat[index].done = true;
    if (!w->failure)
        w->failure = WEXITSTATUS(status);
    for (unsigned i = 0; i < w->count; i++)
        if (!w->seat[i].done)
            return;
    port_loop_stop(w->config.loop);
}

static void schedule(struct port_workers *w, unsigned index)
{
    struct port_seat *seat = &w->seat[index];
    const bool quick = w->now_ns - seat->started_ns < QUICK_NS;
    unsigned doublings;

    seat->quick_deaths = quick ? seat->quick_deaths + 1 : 0;
    seat->start_at_ns = w->now_ns;
    if (!quick)
        return;
    doublings = seat->quick_deaths - 1 < DELAY_DOUBLINGS ? seat->quick_deaths - 1 : DELAY_DOUBLINGS;
    seat->start_at_ns += DELAY_MIN_NS << doublings;
    if (seat->quick_deaths > 2)
        port_log(PORT_LOG_WARN,
                 "worker %u: died %u times shortly after its start; next try in %.1f s", index,
                 seat->quick_deaths, (double)(DELAY_MIN_NS << doublings) / (double)PORT_NS_PER_S);
}

static void on_death(struct port_workers *w, unsigned index, int status)
{
    struct port_seat *seat = &w->seat[index];
    const bool done = w->board->desk[index].done && WIFEXITED(status) && !w->ending;
    const bool expected = w->ending || seat->killed || done;
    char text[40];

    if (done)
        note_done(w, index, status);
    else
        note_failure(w, index, status);
    if (!expected) {
        w->board->stats.deaths++;
        port_log(PORT_LOG_WARN, "worker %u (process %d) %s", index, (int)seat->pid,
                 how(status, text, sizeof(text)));
    }
    close(seat->death);
    seat->death = -1;
    seat->pid = 0;
    seat->killed = false;
    seat->died_ns = w->now_ns;
    seat->steered = !seat->serving;
    w->steer |= seat->serving;
    seat->serving = false;
    (void)netvsc_queue_takeover(nic_of(w), index + 1); /* no device any more: nothing to take */
    port_workers_books_bury(w, index);
    port_workers_ends_bury(w, index);
    schedule(w, index);
}

static unsigned look_for_deaths(struct port_workers *w)
{
    unsigned done = 0;

    if (w->now_ns < w->look_at_ns)
        return 0;
    w->look_at_ns = w->now_ns + LOOK_NS;
    for (unsigned i = 0; i < w->count; i++) {
        int status;

        if (!w->seat[i].pid || waitpid(w->seat[i].pid, &status, WNOHANG) != w->seat[i].pid)
            continue;
        on_death(w, i, status);
        done++;
    }
    return done;
}

static void kill_all(struct port_workers *w, int signal)
{
    for (unsigned i = 0; i < w->count; i++) {
        if (!w->seat[i].pid)
            continue;
        w->seat[i].killed = true;
        kill(w->seat[i].pid, signal);
    }
}

/* ---- births ---------------------------------------------------------------------------------- */

static void seat_worker(struct port_workers *w, unsigned index, pid_t pid)
{
    struct port_seat *seat = &w->seat[index];

    seat->pid = pid;
    seat->death = (int)syscall(SYS_pidfd_open, pid, 0); /* -1: found within LOOK_NS while awake */
    seat->started_ns = w->now_ns;
    seat->starts++;
    w->board->stats.starts++;
}

static void start(struct port_workers *w, unsigned index)
{
    struct port_desk *desk = &w->board->desk[index];
    struct netvsc_stats queue;
    const pid_t owner = getpid();
    pid_t pid;

    netvsc_queue_leave(nic_of(w), index + 1);
    netvsc_queue_stats(nic_of(w), index + 1, &queue);
    w->seat[index].rx_frames = queue.rx_frames;
    desk->asleep = false;
    desk->ready = false;
    desk->done = false;
    desk->strangers = 0;
    port_mailbox_reset(&desk->in);
    port_mailbox_reset(&desk->out);
    fflush(NULL); /* or both write what is buffered */
    pid = fork();
    if (pid == 0)
        port_worker_live(w, index, owner);
    if (pid > 0) {
        seat_worker(w, index, pid);
        return;
    }
    port_log(PORT_LOG_WARN, "worker %u cannot be started: %s; trying again", index,
             strerror(errno));
    w->seat[index].start_at_ns = w->now_ns + PORT_NS_PER_S;
}

/* One that listens now gets its connections. */
static void look_for_ready(struct port_workers *w, unsigned index)
{
    struct port_seat *seat = &w->seat[index];

    if (!seat->pid || seat->serving || !w->board->desk[index].ready || w->ending)
        return;
    seat->serving = true;
    w->was_ready = true;
    w->steer = true;
    port_log(PORT_LOG_INFO, "worker %u (process %d) serves queue %u", index, (int)seat->pid,
             index + 1);
    if (seat->died_ns)
        port_log(PORT_LOG_INFO, "worker %u: back after %.1f ms", index,
                 (double)(w->now_ns - seat->died_ns) / (double)PORT_NS_PER_MS);
    seat->died_ns = 0;
}

/* First the others get its connections, which is a question to the host; a fork takes longer. */
static bool may_start(const struct port_workers *w, const struct port_seat *seat)
{
    const bool steering = w->steer || w->steering;

    return !w->ending && !seat->done && netvsc_state(nic_of(w)) == NETVSC_UP &&
           w->now_ns >= seat->start_at_ns &&
           (!steering || !seat->died_ns || w->now_ns - seat->died_ns > STEER_NS);
}

static unsigned tend(struct port_workers *w)
{
    unsigned done = 0;

    for (unsigned i = 0; i < w->count; i++) {
        struct port_seat *seat = &w->seat[i];

        look_for_ready(w, i);
        if (seat->pid)
            continue;
        /* Between two workers the queue is ours. */
        done += netvsc_queue_poll(nic_of(w), i + 1, w->now_ns, BUDGET);
        netvsc_queue_flush(nic_of(w), i + 1);
        if (may_start(w, seat))
            start(w, i);
    }
    return done;
}

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
    const unsigned queues = netvsc_info(nic_of(w))->queues;
    const unsigned most = queues > 0 ? queues - 1 : 0;

    return most < w->config.wanted ? most : w->config.wanted;
}

/* The card came up: everybody starts. */
static void on_up(struct port_workers *w)
{
    const unsigned count = queues_there_are(w);

    (void)netvsc_rss_get(nic_of(w), &w->board->rss);
    for (unsigned b = 0; b < NETVSC_RETA_ENTRIES; b++)
        w->board->before[b] = PORT_WORKERS_NOBODY;
    w->board->any_before = false;
    w->steering = false;
    w->steer = true;
    w->count = count;
    if (count < w->config.wanted)
        port_log(PORT_LOG_WARN,
                 "%u workers, not %u: the host gives the card %u queues, one is ours", count,
                 w->config.wanted, netvsc_info(nic_of(w))->queues);
    for (unsigned i = 0; i < count; i++)
        w->seat[i].start_at_ns = w->now_ns;
}

static void follow_card(struct port_workers *w)
{
    const enum netvsc_state state = netvsc_state(nic_of(w));

    if (!w->begun)
        return;
    if (state == NETVSC_UP && w->state != NETVSC_UP)
        on_up(w);
    if ((state != NETVSC_UP || netvsc_leaving(nic_of(w))) && !w->ending)
        kill_all(w, SIGKILL);
    if (state != w->state || has_news(w))
        tell_news(w);
    w->state = state;
    w->card_changed = false;
}

/* ---- driven by the loop ---------------------------------------------------------------------- */

static void pass_interrupts_on(const struct port_workers *w)
{
    for (unsigned i = 0; i < w->count; i++)
        if (atomic_load(&w->board->desk[i].asleep) && netvsc_queue_waiting(nic_of(w), i + 1))
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
    done += look_for_deaths(w);
    done += tend(w);
    if (netvsc_state(nic_of(w)) == NETVSC_UP && w->count > 0)
        port_workers_steer_step(w);
    done += port_workers_tell_step(w);
    if (w->ending && now_ns >= w->kill_at_ns)
        kill_all(w, SIGKILL);
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
    uint64_t left = w->steer || w->steering || port_workers_may_tell(w) ? LOOK_NS : UINT64_MAX;

    for (unsigned i = 0; i < w->count; i++)
        if (!w->seat[i].pid || w->seat[i].death < 0)
            left = LOOK_NS; /* its queue is ours to poll, or its end is ours to look for */
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
        if (atomic_load(&desk->asleep) && netvsc_queue_waiting(nic_of(w), i + 1))
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
    kill_all(w, SIGTERM);
}
