/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * hvhost: the emulated host as a program.
 *
 * One thread turns the host. After a turn with work it turns again, for a short while even without
 * work, because the answer to what it just did is on its way; then it sleeps until a socket, the
 * TAP device, a deadline of the host or the next rate line (hvhost_main_sleep.c).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hvh_shm.h"
#include "hvh_var.h"
#include "hvhost_main_var.h"

/* While turns keep finding work: how many pass before signals are let in. */
#define BUSY_TURNS 256u

/* ---- setting up ------------------------------------------------------------------------------ */

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
    struct hvh_shm *shm;
    int rc = main_cards_create(host, options);

    if (rc != 0)
        return rc;
    rc = options->impaired ? hvhost_impair(host, &options->impair) : 0;
    if (rc != 0)
        return main_fail(1, "cannot impair the switch", strerror(-rc), "Free some memory");
    rc = hvh_shm_serve(host, options->dir, &shm); /* the host closes it */
    return rc == 0 ? 0 : fail_serve(options->dir, rc);
}

/* ---- running --------------------------------------------------------------------------------- */

struct run {
    struct hvhost *host;
    const struct main_options *options;
    bool rates;
    struct hvhost_totals last;
    uint64_t last_ns; /* of the last rate line */
    uint64_t opens[MAIN_NICS_MAX], closes[MAIN_NICS_MAX];
};

static void tell_rate(struct run *run, uint64_t now_ns)
{
    struct hvhost_totals totals;

    if (!run->rates || now_ns - run->last_ns < MAIN_SECOND_NS)
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
    uint64_t due_ns = run->last_ns + MAIN_SECOND_NS;
    uint64_t line = due_ns > now_ns ? due_ns - now_ns : 0;

    return run->rates && line < deadline ? line : deadline;
}

/*
 * Most that ends a sleep is the time to look at a monitor page that turns out to be empty: no
 * reason for a whole turn, which reads and asks for much that has left the caches since.
 */
static void rest(const struct run *run, uint64_t now_ns)
{
    uint64_t ns = rest_ns(run, now_ns);

    while (ns > 0 && main_rest(run->host, ns) && !main_stopped()) {
        now_ns = main_clock_ns();
        hvh_look(run->host, now_ns);
        ns = rest_ns(run, now_ns);
    }
}

static void turn_until_stopped(struct run *run)
{
    uint64_t now_ns, work_ns = 0;
    unsigned turn, done;

    for (turn = 1; !main_stopped(); turn++) {
        now_ns = main_clock_ns();
        done = hvhost_step(run->host, now_ns);
        tell_rate(run, now_ns);
        if (done > 0) {
            work_ns = now_ns;
            tell_guests(run);
        }
        if (done == 0 && now_ns - work_ns >= run->options->spin_ns)
            rest(run, now_ns);
        else if (turn % BUSY_TURNS == 0)
            main_rest(run->host, 0);
    }
}

int main(int argc, char **argv)
{
    struct main_options options;
    struct run run = {.options = &options, .last_ns = main_clock_ns()};
    const struct hvhost_config config = {.max_nics = MAIN_NICS_MAX, .max_ports = MAIN_TAPS_MAX};
    int rc;

    main_options_parse(argc, argv, &options);
    main_catch_signals();
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
