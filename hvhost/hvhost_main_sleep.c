/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How hvhost and hvhost-kvm sleep and are ended. SIGINT and SIGTERM are blocked but inside ppoll(),
 * so none can slip in between the look at the flag and the sleep.
 */
#define _GNU_SOURCE /* ppoll() */
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

#include "hvhost_main_var.h"

/* A socket and a guest for each card, the uplinks, a machine's own. */
#define POLLFDS_MAX (2 * MAIN_NICS_MAX + MAIN_TAPS_MAX + 4)

static atomic_bool stop; /* lock-free, so a signal handler may */
static sigset_t asleep;  /* signal mask of ppoll() */

static void on_signal(int number)
{
    (void)number;
    stop = true;
}

void main_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t blocked;

    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGINT);
    (void)sigaddset(&blocked, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &blocked, &asleep);
    (void)sigdelset(&asleep, SIGINT);
    (void)sigdelset(&asleep, SIGTERM);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE,
                 SIG_IGN); /* who reads our lines may end before we do, and an agent, too */
}

bool main_stopped(void)
{
    return stop;
}

uint64_t main_clock_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * MAIN_SECOND_NS + (uint64_t)t.tv_nsec;
}

bool main_rest(struct hvhost *host, uint64_t ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / MAIN_SECOND_NS),
                         .tv_nsec = (long)(ns % MAIN_SECOND_NS)};
    struct pollfd fds[POLLFDS_MAX];
    unsigned count = 0;

    if (ns > 0)
        count = hvhost_pollfds(host, fds, POLLFDS_MAX);
    if (count > POLLFDS_MAX)
        count = POLLFDS_MAX;
    return ppoll(fds, count, ns == UINT64_MAX ? NULL : &t, &asleep) == 0;
}
