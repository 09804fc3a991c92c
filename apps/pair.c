/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * As app.c, with everything twice: get both devices, make both NICs, attach, run the loop until
 * both are up, let the program start, run until a signal, detach both. Either card may be lost and
 * come back while the program runs; what the other side sends meanwhile is dropped and counted.
 *
 * Both cards, the emulated host and the program live in one thread and one loop.
 */
#include "pair.h"

#include <errno.h>
#include <string.h>

#include "lwip/init.h"
#include "port_clock.h"

static struct {
    const struct pair_spec *spec;
    struct app_options options;
    struct app_card card[PAIR_CARDS]; /* the first owns the emulated host */
    struct netvsc *nic[PAIR_CARDS];
    struct netvsc_netif *nif[PAIR_CARDS];
    struct port_loop loop;
    struct netvsc_stats before[PAIR_CARDS];
    int status;
} pair;

static void on_signal(int signal)
{
    (void)signal;
    port_loop_stop(&pair.loop);
}

void pair_give_up(void)
{
    pair.status = 1;
    port_loop_stop(&pair.loop);
}

/* ---- the loop's peers ------------------------------------------------------------------------ */

static unsigned program_step(void *ctx, uint64_t now_ns)
{
    return pair.spec->turn(ctx, now_ns);
}

static uint64_t program_deadline(void *ctx, uint64_t now_ns)
{
    (void)ctx, (void)now_ns;
    return UINT64_MAX; /* what it waits for comes with a card's interrupt */
}

static unsigned program_fds(void *ctx, struct pollfd *out, unsigned max)
{
    (void)ctx, (void)out, (void)max;
    return 0;
}

static void each_second(void *ctx, uint64_t now_ns)
{
    (void)ctx, (void)now_ns;
    for (unsigned i = 0; i < PAIR_CARDS; i++) {
        struct netvsc_stats now, *was = &pair.before[i];

        netvsc_stats(pair.nic[i], &now);
        fprintf(stderr, "%s rx %llu/s tx %llu/s%s", pair.spec->app.sides[i],
                (unsigned long long)(now.rx_frames - was->rx_frames),
                (unsigned long long)(now.tx_frames - was->tx_frames),
                i + 1 < PAIR_CARDS ? "  " : "\n");
        *was = now;
    }
}

static bool attached(void *ctx)
{
    (void)ctx;
    return netvsc_state(pair.nic[0]) != NETVSC_ATTACHING &&
           netvsc_state(pair.nic[1]) != NETVSC_ATTACHING;
}

static bool detached(void *ctx)
{
    (void)ctx;
    return netvsc_state(pair.nic[0]) != NETVSC_DETACHING &&
           netvsc_state(pair.nic[1]) != NETVSC_DETACHING;
}

/* ---- coming up ------------------------------------------------------------------------------- */

static void close_card(unsigned side)
{
    if (pair.nic[side])
        pair.spec->destroy(pair.spec->app.ctx, side);
    pair.nic[side] = NULL;
}

static int open_card(unsigned side)
{
    const char *name = pair.spec->app.sides[side];
    struct netvsc_config config = app_card_config(&pair.options);
    struct vmbus_device *dev;
    int rc = app_card_open(&pair.card[side], side ? &pair.card[0] : NULL, &pair.options, &dev);

    if (rc)
        return rc;
    /* What passes through leaves as it came: nobody may join or cut segments. */
    config.rx_rsc = NETVSC_OFF;
    config.rx_gro = NETVSC_OFF;
    config.tx_lso = NETVSC_OFF;
    rc = pair.spec->create(pair.spec->app.ctx, side, &config, &pair.nic[side], &pair.nif[side]);
    if (rc) {
        vmbus_close(dev);
        return app_fail(1, name, strerror(-rc), "Free some memory");
    }
    rc = app_card_begin(&pair.card[side], pair.nic[side], &pair.options, dev);
    return rc ? app_fail(1, name, strerror(-rc), "Its buffers are too small") : 0;
}

static int open_loop(void)
{
    struct port_loop_config config = {.nics = PAIR_CARDS, .spin_us = pair.options.spin_us};

    for (unsigned i = 0; i < PAIR_CARDS; i++) {
        config.nif[i] = pair.nif[i];
        config.nic[i] = pair.nic[i];
        config.attach[i] = &pair.card[i].attach;
    }
    if (pair.options.emulated)
        config.peer = app_emulate_peer(pair.card[0].emulate.host);
    if (pair.spec->turn)
        config.control = (struct port_loop_peer){.step = program_step,
                                                 .next_deadline = program_deadline,
                                                 .pollfds = program_fds,
                                                 .ctx = pair.spec->app.ctx};
    if (pair.options.stats)
        config.second = each_second;
    return app_loop_open(&pair.loop, &config, on_signal);
}

static int come_up(void)
{
    int status = 0;

    for (unsigned i = 0; i < PAIR_CARDS && status == 0; i++)
        status = open_card(i);
    if (status == 0)
        status = open_loop();
    if (status == 0)
        return 0;
    for (unsigned i = 0; i < PAIR_CARDS; i++)
        close_card(i);
    app_emulate_stop(&pair.card[0].emulate);
    return status;
}

/* ---- running and leaving --------------------------------------------------------------------- */

static int serve(void)
{
    int rc = port_loop_run(&pair.loop, attached, NULL, port_clock_now() + APP_ATTACH_TIMEOUT_NS);
    int status = 0;

    if (rc == -EINTR)
        return pair.status;
    for (unsigned i = 0; i < PAIR_CARDS && status == 0; i++)
        status = app_card_check(pair.spec->app.sides[i], pair.nic[i]);
    if (status == 0 && pair.spec->app.start)
        status = pair.spec->app.start(pair.spec->app.ctx);
    if (status)
        return status;
    port_log(PORT_LOG_INFO, "ready");
    port_loop_run(&pair.loop, NULL, NULL, UINT64_MAX);
    if (pair.spec->app.stop)
        pair.spec->app.stop(pair.spec->app.ctx);
    return pair.status;
}

static const char *books(void)
{
    const char *wrong = pair.spec->audit(pair.spec->app.ctx);

    for (unsigned i = 0; i < PAIR_CARDS && !wrong; i++)
        wrong = pair.nif[i] ? app_books(pair.nif[i], NULL) : netvsc_audit(pair.nic[i]);
    if (!wrong && pair.options.emulated)
        wrong = app_host_books(pair.card[0].emulate.host);
    return wrong;
}

static void print_stats(void)
{
    char title[64];

    for (unsigned i = 0; i < PAIR_CARDS; i++) {
        snprintf(title, sizeof(title), "card (netvsc), %s", pair.spec->app.sides[i]);
        app_card_print(pair.nic[i], title, stderr);
        snprintf(title, sizeof(title), "interface (netif), %s", pair.spec->app.sides[i]);
        if (pair.nif[i])
            app_interface_print(pair.nif[i], title, stderr);
        snprintf(title, sizeof(title), "emulated card (hvhost), %s", pair.spec->app.sides[i]);
        if (pair.options.emulated)
            app_host_card_print(&pair.card[i].emulate, title, stderr);
    }
    if (pair.options.emulated)
        app_host_switch_print(pair.card[0].emulate.host, stderr);
    pair.spec->print(pair.spec->app.ctx, stderr);
    if (pair.nif[0])
        app_lwip_print(stderr);
    app_books_print(books(), stderr);
}

static void leave(void)
{
    for (unsigned i = 0; i < PAIR_CARDS; i++)
        port_attach_end(&pair.card[i].attach, port_clock_now());
    if (port_loop_run(&pair.loop, detached, NULL, port_clock_now() + APP_DETACH_TIMEOUT_NS) != 0)
        port_log(PORT_LOG_WARN, "the host did not confirm the detach; leaving without");
    if (pair.options.stats)
        print_stats();
    port_loop_close(&pair.loop);
    for (unsigned i = 0; i < PAIR_CARDS; i++)
        close_card(i);
    app_emulate_stop(&pair.card[0].emulate);
}

int pair_main(const struct pair_spec *spec, int argc, char **argv)
{
    int status = app_begin(&spec->app, argc, argv, &pair.options);

    if (status != APP_GO_ON)
        return status;
    pair.spec = spec;
    lwip_init(); /* the loop runs its timers, whoever uses it */
    status = come_up();
    if (status)
        return status;
    status = serve();
    leave();
    return status;
}
