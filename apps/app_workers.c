/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * --workers: the owner's life between coming up and leaving, and a worker's from fork to end. The
 * owner has no listener; each worker starts the program's as if it were alone.
 */
#include "app_life_var.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "port_clock.h"
#include "port_spread.h"
#include "port_workers.h"

#define DRAIN_NS (PORT_NS_PER_S / 5) /* for the host to complete what a worker sent last */
#define PATIENCE_NS (APP_LINGER_NS + PORT_NS_PER_S)

static bool workers_gone(void *ctx)
{
    (void)ctx;
    return port_workers_gone(app.workers);
}

static bool drained(void *ctx)
{
    (void)ctx;
    return port_worker_drained(app.workers);
}

/* ---- a worker -------------------------------------------------------------------------------- */

/* What is the owner's: its sockets, its loop, its capture with what is not written yet. 0 or exit
 * status. */
static int leave_owner(unsigned index)
{
    struct port_loop_config config = {
        .nif = {&app.nif},
        .nics = 1,
        .peer = port_worker_peer(app.workers),
        .spin_us = app.options.spin_us,
    };
    static char path[4096];
    int status = 0;
    int rc;

    app_control_forget(&app.control);
    app.options.stats = false;
    if (app_captures()) {
        app_capture_forget();
        snprintf(path, sizeof(path), "%s.%u", app.options.pcap, index);
        status = app_capture_open(path, app_card_name(&app.card));
    }
    if (app_captures() || app.spec->second)
        config.second = app_each_second;
    port_loop_close(&app.loop);
    rc = status ? 0 : port_loop_open(&app.loop, &config);
    return rc ? app_fail(1, "worker", strerror(-rc), "Allow more open files: ulimit -n") : status;
}

/* The life of worker (index), in a process of its own. */
static int work(void *ctx, unsigned index)
{
    int status = leave_owner(index);

    (void)ctx;
    if (status == 0)
        status = app_pin(&app.options, index);
    if (status == 0 && app.spec->start)
        status = app.spec->start(app.spec->ctx);
    if (status)
        return status;
    port_worker_ready(app.workers);
    port_loop_run(&app.loop, NULL, NULL, UINT64_MAX);
    if (app.finishes)
        port_worker_done(app.workers);
    if (app.spec->stop)
        app.spec->stop(app.spec->ctx);
    app_end_connections();
    port_loop_run(&app.loop, drained, NULL, port_clock_now() + DRAIN_NS);
    app_capture_close();
    fflush(NULL);
    return app.finished;
}

uint16_t app_local_port(const ip_addr_t *addr, uint16_t port)
{
    const struct port_spread_end remote = {*addr, port};

    return app.workers ? port_worker_local_port(app.workers, &remote) : 0;
}

/* ---- the owner ------------------------------------------------------------------------------- */

static void totals(struct app_totals *out)
{
    struct port_workers_stats s;

    port_workers_sum(app.workers, &out->card, &out->interface, &out->outstanding);
    port_workers_stats(app.workers, &s);
    out->rx_lost = s.rx_lost;
}

static void print(FILE *out)
{
    struct port_workers_stats s;

    port_workers_stats(app.workers, &s);
#define X(counter, text) {#counter, text, s.counter},
    const struct app_counter counters[] = {PORT_WORKERS_STATS(X)};
#undef X
    app_counters_print(out, "workers", counters, sizeof(counters) / sizeof(counters[0]));
}

int app_workers_open(void)
{
    const struct port_workers_config config = {
        .nif = &app.nif,
        .loop = &app.loop,
        .wanted = app.options.workers,
        .rx_copybreak_bytes = app.options.rx_copybreak_bytes,
        .work = work,
        .counters = app.spec->counters,
        .counter_count = app.spec->counter_count,
    };
    int rc;

    if (!app.options.workers)
        return 0;
    rc = port_workers_open(&config, &app.workers);
    if (rc)
        return app_fail(1, "workers", strerror(-rc), "Lower --workers, or allow more open files");
    app_stats_shared(totals, print);
    return 0;
}

int app_workers_serve(void)
{
    if (port_workers_begin(app.workers) == 0)
        return app_fail(1, "--workers", "the host gives this card one queue",
                        "Leave --workers out, or give the card more queues");
    port_loop_run(&app.loop, NULL, NULL, UINT64_MAX);
    port_workers_end(app.workers, port_clock_now(), PATIENCE_NS);
    port_loop_run(&app.loop, workers_gone, NULL, port_clock_now() + 2 * PATIENCE_NS);
    return port_workers_failure(app.workers);
}
