/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Deaths and births of workers. When one has ended, in this order: its queue is taken over
 * (netvsc_queue_takeover()), the host is asked to send its connections to the others
 * (port_workers_steer.c), its peers are told (port_workers_tell.c), and a new one is forked, at
 * once, or after a while if the last ones did not live long. Between death and fork the owner polls
 * the queue itself and hands on what comes.
 */
#define _GNU_SOURCE /* pidfd */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netvsc_worker.h"
#include "port_clock.h"
#include "port_log.h"
#include "port_workers_var.h"

#define QUICK_NS (2 * PORT_NS_PER_S) /* who lives shorter died quickly */
#define DELAY_MIN_NS (100 * PORT_NS_PER_MS)
#define DELAY_DOUBLINGS 6u
#define STEER_NS (200 * PORT_NS_PER_MS) /* how long a fork waits for the host's table */
#define BUDGET 64u                      /* frames per turn of a queue nobody else polls */

/* ---- deaths ---------------------------------------------------------------------------------- */

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
    /* Fails when there is no device any more, and so nothing to take over. */
    (void)netvsc_queue_takeover(port_workers_nic(w), index + 1);
    port_workers_books_bury(w, index);
    port_workers_ends_bury(w, index);
    schedule(w, index);
}

unsigned port_workers_look_for_deaths(struct port_workers *w)
{
    unsigned done = 0;

    if (w->now_ns < w->look_at_ns)
        return 0;
    w->look_at_ns = w->now_ns + PORT_WORKERS_LOOK_NS;
    for (unsigned i = 0; i < w->count; i++) {
        int status;

        if (!w->seat[i].pid || waitpid(w->seat[i].pid, &status, WNOHANG) != w->seat[i].pid)
            continue;
        on_death(w, i, status);
        done++;
    }
    return done;
}

void port_workers_kill(struct port_workers *w, int signal)
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
    /* -1: its end is found by looking, each PORT_WORKERS_LOOK_NS. */
    seat->death = (int)syscall(SYS_pidfd_open, pid, 0);
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

    netvsc_queue_leave(port_workers_nic(w), index + 1);
    netvsc_queue_stats(port_workers_nic(w), index + 1, &queue);
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

    return !w->ending && !seat->done && netvsc_state(port_workers_nic(w)) == NETVSC_UP &&
           w->now_ns >= seat->start_at_ns &&
           (!steering || !seat->died_ns || w->now_ns - seat->died_ns > STEER_NS);
}

unsigned port_workers_tend(struct port_workers *w)
{
    unsigned done = 0;

    for (unsigned i = 0; i < w->count; i++) {
        struct port_seat *seat = &w->seat[i];

        look_for_ready(w, i);
        if (seat->pid)
            continue;
        /* Between two workers the queue is ours. */
        done += netvsc_queue_poll(port_workers_nic(w), i + 1, w->now_ns, BUDGET);
        netvsc_queue_flush(port_workers_nic(w), i + 1);
        if (may_start(w, seat))
            start(w, i);
    }
    return done;
}
