/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A program's life, each phase one function below: read the options; make lwIP; get a device, from
 * a bus or from a host emulated here; attach and run the loop until the card is up, so that the
 * first error is told before anything listens; let the program listen; bring the interface up; run
 * until a signal.
 *
 * Leaving is the same backwards, and bounded: the program closes its listeners and idle
 * connections, the others get LINGER to finish and are reset after that; then the interface goes
 * down (a DHCP lease is given back), the card is detached, and the loop runs until the host has
 * confirmed. A second signal cuts the lingering short.
 *
 * There is one program per process, and lwIP keeps its state in globals anyway, so the state here
 * is one static struct.
 */
#include "app_life_var.h"

#include <errno.h>
#include <string.h>

#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "port_clock.h"
#include "port_heap.h"
#include "port_workers.h"
#include "vmbus_heap.h"

struct app_life app;

uint32_t app_connections(void)
{
    return app.options.connections;
}

struct netvsc_netif *app_netif(void)
{
    return &app.nif;
}

void app_card_stats(struct netvsc_stats *card, struct netvsc_netif_stats *interface)
{
    struct app_totals all;

    app_totals(&app.nif, &all);
    *card = all.card;
    *interface = all.interface;
}

void app_counters(uint64_t *out, unsigned count)
{
    if (app.workers)
        port_workers_counters(app.workers, out, count);
    else
        memcpy(out, app.spec->counters, count * sizeof(*out));
}

void app_finish(int status)
{
    app.finished = status;
    app.finishes = true;
    port_loop_stop(&app.loop);
}

/* ---- called by the card and the loop --------------------------------------------------------- */

static void on_event(void *ctx, enum netvsc_event event)
{
    (void)ctx;
    if (app.workers)
        port_workers_card_changed(app.workers);
    if (event == NETVSC_EVENT_REFUSED)
        port_log(PORT_LOG_WARN, "%s", netvsc_failure(app.nif.nic));
}

static void on_taken(void *ctx)
{
    (void)ctx;
    app.address_taken = true;
    port_loop_stop(&app.loop);
}

void app_each_second(void *ctx, uint64_t now_ns)
{
    (void)ctx;
    if (app.options.stats)
        app_rates_print(&app.rates, &app.nif, now_ns, stderr);
    app_capture_flush();
    if (app.spec->second)
        app.spec->second(app.spec->ctx, now_ns);
}

static void on_signal(int signal)
{
    (void)signal;
    port_loop_stop(&app.loop);
}

static bool attached(void *ctx)
{
    (void)ctx;
    return netvsc_state(app.nif.nic) != NETVSC_ATTACHING;
}

static bool detached(void *ctx)
{
    (void)ctx;
    return netvsc_state(app.nif.nic) != NETVSC_DETACHING;
}

static bool no_connections(void *ctx)
{
    (void)ctx;
    return tcp_active_pcbs == NULL;
}

/* ---- coming up ------------------------------------------------------------------------------- */

static int open_card(struct vmbus_device *dev)
{
    struct netvsc_config config = app_card_config(&app.options);
    int rc;

    if (app.spec->forwards) {
        config.rx_rsc = NETVSC_OFF;
        config.rx_gro = NETVSC_OFF;
    }
    rc = netvsc_netif_add(&app.nif, &config);
    if (rc) {
        vmbus_close(dev);
        return app_fail(1, "card", strerror(-rc), "Free some memory");
    }
    app.nif.on_event = on_event;
    rc = app_card_begin(&app.card, app.nif.nic, &app.options, dev);
    if (rc == 0)
        return 0;
    netvsc_netif_remove(&app.nif);
    return app_fail(1, "card", strerror(-rc), "Its buffers are too small; run netvscctl list");
}

static int open_loop(void)
{
    struct port_loop_config config = {
        .nif = {&app.nif},
        .nics = 1,
        .attach = {&app.card.attach},
        .spin_us = app.options.spin_us,
    };

    if (app.options.emulated)
        config.peer = app_emulate_peer(app.card.emulate.host);
    if (app.workers)
        config.peer = port_workers_peer(app.workers);
    if (app.control.fd >= 0)
        config.control = app_control_peer(&app.control);
    if (app.options.stats || app_captures() || app.spec->second)
        config.second = app_each_second;
    return app_loop_open(&app.loop, &config, on_signal);
}

/* A program that cannot be asked serves all the same, unless it was told where. */
static int open_control(void)
{
    const char *path = app.options.control;
    int rc;

    app.report = (struct app_report){.program = app.spec->name,
                                     .nif = &app.nif,
                                     .attach = &app.card.attach,
                                     .host = app.card.emulate.host,
                                     .workers = app.workers};
    app.control.answer = app_report;
    app.control.ctx = &app.report;
    app.control.fd = -1;
    if (path && strcmp(path, "none") == 0)
        return 0;
    rc = app_control_open(&app.control, path);
    if (rc && path)
        return app_fail(1, path, strerror(-rc), "Give --control another path, or none");
    if (rc)
        port_log(PORT_LOG_DEBUG, "no control socket: %s", strerror(-rc));
    return 0;
}

/* All or nothing. */
static int come_up(void)
{
    struct vmbus_device *dev = NULL;
    int status;

    /* Without it libc serves lwIP, and the card copies; workers would not inherit it. */
    if (app.options.tx_copy_bytes != NETVSC_TX_COPY_ALL && !app.options.workers)
        port_heap_open(PORT_HEAP_BYTES, app.spec->apart_bytes ? *app.spec->apart_bytes : 0);
    lwip_init();
    vmbus_heap_shared(app.options.workers > 0);
    status = app_card_open(&app.card, NULL, &app.options, &dev);
    if (status)
        goto no_device;
    status = app_capture_open(app.options.pcap, app_card_name(&app.card));
    if (status) {
        vmbus_close(dev);
        goto no_device;
    }
    status = open_card(dev); /* dev is its business from here on */
    if (status)
        goto no_card;
    status = app_workers_open();
    if (status == 0)
        status = open_control();
    if (status == 0)
        status = open_loop();
    if (status == 0)
        return 0;
    port_workers_close(app.workers);
    app_control_close(&app.control);
    netvsc_netif_remove(&app.nif);
no_card:
    app_capture_close();
no_device:
    app_emulate_stop(&app.card.emulate);
    return status;
}

/* ---- running --------------------------------------------------------------------------------- */

/* After the network, whose own ports are then taken; before traffic, for that needs the loop. */
static int serve_here(void)
{
    const int status = app.spec->start ? app.spec->start(app.spec->ctx) : 0;

    if (status)
        return status;
    port_loop_run(&app.loop, NULL, NULL, UINT64_MAX);
    if (app.spec->stop)
        app.spec->stop(app.spec->ctx);
    return 0;
}

/* From attach to the first stop. 0, or exit status. */
static int serve(void)
{
    int rc = port_loop_run(&app.loop, attached, NULL, port_clock_now() + APP_ATTACH_TIMEOUT_NS);
    int status;

    if (rc == -EINTR)
        return 0;
    status = app_card_check(app_card_name(&app.card), app.nif.nic);
    if (status)
        return status;
    app.options.net.taken = on_taken;
    rc = port_net_up(&app.nif.netif, &app.options.net);
    if (rc)
        return app_fail(1, "address", strerror(-rc), "Free some memory");
    status = app.workers ? app_workers_serve() : serve_here();
    if (status)
        return status;
    if (app.address_taken)
        return app_fail(1, ip4addr_ntoa(&app.options.net.address),
                        "address already in use by another machine on this network",
                        "Give --ip another one");
    return app.finished;
}

void app_end_connections(void)
{
    if (tcp_active_pcbs)
        port_loop_run(&app.loop, no_connections, NULL, port_clock_now() + APP_LINGER_NS);
    while (tcp_active_pcbs)
        tcp_abort(tcp_active_pcbs);
}

/* ---- leaving --------------------------------------------------------------------------------- */

static void leave(void)
{
    app_end_connections();
    port_net_down(&app.nif.netif);
    port_attach_end(&app.card.attach, port_clock_now());
    port_loop_run(&app.loop, detached, NULL, port_clock_now() + APP_DETACH_TIMEOUT_NS);
    if (netvsc_state(app.nif.nic) == NETVSC_DETACHING)
        port_log(PORT_LOG_WARN, "the host did not confirm the detach; leaving without");
    if (app.options.stats)
        app_stats_print(&app.nif, app.options.emulated ? &app.card.emulate : NULL, stderr);
    app_control_close(&app.control);
    port_loop_close(&app.loop);
    netvsc_netif_remove(&app.nif);
    app_capture_say();
    app_capture_close();
    app_emulate_stop(&app.card.emulate);
    port_workers_close(app.workers);
}

int app_main(const struct app_spec *spec, int argc, char **argv)
{
    int status = app_begin(spec, argc, argv, &app.options);

    if (status != APP_GO_ON)
        return status;
    app.spec = spec;
    status = come_up();
    if (status)
        return status;
    status = serve();
    leave();
    return status;
}
