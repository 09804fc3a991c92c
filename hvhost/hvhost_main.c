/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hvhost: the emulated host as a program.
 *
 * One thread turns the host. After a turn with work it turns again, for a short while even without
 * work, because the answer to what it just did is on its way; then it sleeps until a socket, the
 * TAP device, a deadline of the host or the next rate line. SIGINT and SIGTERM end it: signals are
 * blocked but inside ppoll(), so none can slip in between the look at the flag and the sleep.
 */
#define _GNU_SOURCE /* ppoll() */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hvh_shm.h"
#include "hvh_var.h"
#include "hvhost_main_var.h"

#define POLLFDS_MAX (2 * MAIN_NICS_MAX + MAIN_TAPS_MAX)
#define SECOND_NS UINT64_C(1000000000)
/* While turns keep finding work: how many pass before signals are let in. */
#define BUSY_TURNS 256u

static atomic_bool stop; /* lock-free, so a signal handler may */

static void on_signal(int number)
{
    (void)number;
    stop = true;
}

static uint64_t clock_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

/* ---- setting up ------------------------------------------------------------------------------ */

static int fail_nic(const struct hvhost_nic_config *config, unsigned index, int error)
{
    char what[96];

    (void)snprintf(what, sizeof(what), "cannot make card %u", index);
    if (error == -EEXIST)
        return main_fail(2, what, "another card has its guid", "Give each --nic a guid of its own");
    if (error == -EINVAL && config->instance)
        return main_fail(2, what, "its guid or one of its sizes is no good",
                         "Write the guid as 8-4-4-4-12 hex digits, sizes as multiples of 4096");
    if (error == -EINVAL)
        return main_fail(2, what, "one of its sizes is no good", "Use multiples of 4096 bytes");
    return main_fail(1, what, strerror(-error), "Use fewer or smaller cards");
}

static int fail_tap(const char *name, int error)
{
    char what[64];

    (void)snprintf(what, sizeof(what), "cannot use TAP device %s", name);
    switch (error) {
    case -EPERM:
    case -EACCES:
        return main_fail(1, what, "not permitted",
                         "Run as root, or let root run: ip tuntap add NAME mode tap user YOU");
    case -EBUSY:
        return main_fail(1, what, "another program uses it",
                         "Stop that one or choose another name");
    case -ENOENT:
        return main_fail(1, what, "there is no /dev/net/tun",
                         "Run modprobe tun; in a container, pass the device in");
    case -EINVAL:
        return main_fail(1, what, "the name is no good or belongs to another kind of interface",
                         "Choose a new name of 1 to 15 characters");
    default:
        return main_fail(1, what, strerror(-error), "See ip link show");
    }
}

static int fail_serve(const char *dir, int error)
{
    char what[320];

    (void)snprintf(what, sizeof(what), "cannot serve %s", dir);
    switch (error) {
    case -EBUSY:
        return main_fail(1, what, "another hvhost serves it",
                         "Stop that one or choose another --dir");
    case -EEXIST:
        return main_fail(1, what, "it holds something that is not a bus",
                         "Choose a new or empty folder");
    case -EPERM:
        return main_fail(1, what, "it is not yours alone", "Choose a folder only you can write to");
    case -ENOENT:
        return main_fail(1, what, "the folder above it does not exist", "Create that first");
    case -ENOSPC:
        return main_fail(1, what, "the memory of the cards does not fit there",
                         "Choose a folder on a bigger tmpfs, or smaller recv= and send= buffers");
    default:
        return main_fail(1, what, strerror(-error), "Choose a folder you may write to, in tmpfs");
    }
}

static int set_up(struct hvhost *host, const struct main_options *options)
{
    struct hvhost_nic *nic;
    struct hvh_shm *shm;
    unsigned i;
    int rc;

    for (i = 0; i < options->nic_count; i++) {
        rc = hvhost_nic_add(host, &options->nic[i], &nic);
        if (rc != 0)
            return fail_nic(&options->nic[i], i, rc);
    }
    for (i = 0; i < options->tap_count; i++) {
        rc = hvhost_tap_join(host, options->tap[i].name, options->tap[i].network);
        if (rc != 0)
            return fail_tap(options->tap[i].name, rc);
    }
    rc = options->impaired ? hvhost_impair(host, &options->impair) : 0;
    if (rc != 0)
        return main_fail(1, "cannot impair the switch", strerror(-rc), "Free some memory");
    rc = hvh_shm_serve(host, options->dir, &shm); /* the host closes it */
    return rc == 0 ? 0 : fail_serve(options->dir, rc);
}

static void catch_signals(sigset_t *blocked, sigset_t *open)
{
    struct sigaction action = {.sa_handler = on_signal};

    (void)sigemptyset(blocked);
    (void)sigaddset(blocked, SIGINT);
    (void)sigaddset(blocked, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, blocked, open);
    (void)sigdelset(open, SIGINT);
    (void)sigdelset(open, SIGTERM);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* a pipe on stdout may close before the books are printed */
}

/* ---- running --------------------------------------------------------------------------------- */

struct run {
    struct hvhost *host;
    const struct main_options *options;
    sigset_t open; /* signal mask while asleep */
    bool rates;
    struct hvhost_totals last;
    uint64_t last_ns; /* of the last rate line */
    uint64_t opens[MAIN_NICS_MAX], closes[MAIN_NICS_MAX];
};

/* At most (ns), UINT64_MAX: until something happens. */
static void rest(const struct run *run, uint64_t ns)
{
    struct pollfd fds[POLLFDS_MAX];
    struct timespec t = {.tv_sec = (time_t)(ns / SECOND_NS), .tv_nsec = (long)(ns % SECOND_NS)};
    unsigned count = 0;

    if (ns > 0) {
        count = hvhost_pollfds(run->host, fds, POLLFDS_MAX);
        if (count > POLLFDS_MAX)
            count = POLLFDS_MAX;
    }
    (void)ppoll(fds, count, ns == UINT64_MAX ? NULL : &t, &run->open);
}

static void tell_rate(struct run *run, uint64_t now_ns)
{
    struct hvhost_totals totals;

    if (!run->rates || now_ns - run->last_ns < SECOND_NS)
        return;
    main_totals(run->host, &totals);
    main_print_rate(&run->last, &totals, now_ns - run->last_ns);
    run->last = totals;
    run->last_ns = now_ns;
}

static void tell_guests(struct run *run)
{
    struct hvhost_nic_stats s;
    struct hvhost_nic *nic;
    unsigned i;

    for (i = 0; !run->options->quiet && (nic = hvh_nic_at(run->host, i)); i++) {
        hvhost_nic_stats(nic, &s);
        if (s.closes != run->closes[i])
            (void)fprintf(stderr, "hvhost: uio%u closed\n", i);
        if (s.opens != run->opens[i])
            (void)fprintf(stderr, "hvhost: uio%u opened by a guest\n", i);
        run->closes[i] = s.closes;
        run->opens[i] = s.opens;
    }
}

static uint64_t rest_ns(const struct run *run, uint64_t now_ns)
{
    uint64_t deadline = hvhost_next_deadline(run->host, now_ns);
    uint64_t line = run->last_ns + SECOND_NS - now_ns;

    return run->rates && line < deadline ? line : deadline;
}

static void turn_until_stopped(struct run *run)
{
    uint64_t now_ns, work_ns = 0;
    unsigned turn, done;

    for (turn = 1; !stop; turn++) {
        now_ns = clock_ns();
        done = hvhost_step(run->host, now_ns);
        tell_rate(run, now_ns);
        if (done > 0) {
            work_ns = now_ns;
            tell_guests(run);
        }
        if (done == 0 && now_ns - work_ns >= run->options->spin_ns)
            rest(run, rest_ns(run, now_ns));
        else if (turn % BUSY_TURNS == 0)
            rest(run, 0);
    }
}

int main(int argc, char **argv)
{
    struct main_options options;
    struct run run = {.options = &options, .last_ns = clock_ns()};
    const struct hvhost_config config = {.max_nics = MAIN_NICS_MAX, .max_ports = MAIN_TAPS_MAX};
    sigset_t blocked;
    int rc;

    main_options_parse(argc, argv, &options);
    catch_signals(&blocked, &run.open);
    rc = hvhost_create(&config, &run.host);
    if (rc != 0)
        return main_fail(1, "cannot start", strerror(-rc), "Free some memory");
    rc = set_up(run.host, &options);
    if (rc == 0) {
        run.rates = options.stats || isatty(STDERR_FILENO);
        main_print_ready(run.host, &options);
        turn_until_stopped(&run);
        rc = main_print_books(run.host, options.json);
    }
    hvhost_destroy(run.host);
    return rc;
}
