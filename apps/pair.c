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
#include <signal.h>
#include <string.h>

#include "lwip/init.h"
#include "netvsc_look.h"
#include "port_clock.h"

#define ATTACH_TIMEOUT_NS (60 * PORT_NS_PER_S)
#define DETACH_TIMEOUT_NS (20 * PORT_NS_PER_S)

static struct {
    const struct pair_spec *spec;
    struct pair_options options;
    struct app_bus bus[PAIR_CARDS];
    struct app_emulate emulate[PAIR_CARDS]; /* the first owns the host */
    struct netvsc *nic[PAIR_CARDS];
    struct netvsc_netif *nif[PAIR_CARDS];
    struct port_attach attach[PAIR_CARDS];
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
        fprintf(stderr, "%s rx %llu/s tx %llu/s%s", pair.spec->side[i],
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

/* The device of (side), and how to get it again. 0 or exit status. */
static int open_device(unsigned side, struct vmbus_device **out)
{
    struct pair_options *options = &pair.options;
    struct port_attach *attach = &pair.attach[side];
    int status;

    if (options->emulated) {
        attach->open = app_emulate_open;
        attach->ctx = &pair.emulate[side];
        status = app_emulate_open(attach->ctx, out);
        return status ? app_fail(1, "emulated card", strerror(-status), "Please report this") : 0;
    }
    status = app_bus_choose(&pair.bus[side], options->bus, options->nic[side]);
    if (status)
        return status;
    if (side > 0 && strcmp(pair.bus[0].info.instance, pair.bus[side].info.instance) == 0)
        return app_fail(2, "--nic", "both are the same card", "Give two");
    attach->open = app_bus_open;
    attach->ctx = &pair.bus[side];
    return app_bus_open_first(&pair.bus[side], out);
}

static void close_card(unsigned side)
{
    if (pair.nic[side])
        pair.spec->destroy(pair.spec->ctx, side);
    pair.nic[side] = NULL;
}

static int open_card(unsigned side)
{
    struct netvsc_config config = {
        .mtu_bytes = pair.options.mtu_bytes,
        .queues = pair.options.queues,
        /* What passes through leaves as it came: nobody may join or cut segments. */
        .rx_rsc = NETVSC_OFF,
        .rx_gro = NETVSC_OFF,
        .tx_lso = NETVSC_OFF,
    };
    struct vmbus_device *dev;
    int rc = open_device(side, &dev);

    if (rc)
        return rc;
    rc = pair.spec->create(pair.spec->ctx, side, &config, &pair.nic[side], &pair.nif[side]);
    if (rc) {
        vmbus_close(dev);
        return app_fail(1, pair.spec->side[side], strerror(-rc), "Free some memory");
    }
    pair.attach[side].nic = pair.nic[side];
    rc = port_attach_begin(&pair.attach[side], dev, port_clock_now());
    return rc ? app_fail(1, pair.spec->side[side], strerror(-rc), "Its buffers are too small") : 0;
}

static int open_host(void)
{
    struct pair_options *options = &pair.options;
    int status;

    if (!options->emulated)
        return 0;
    for (unsigned i = 0; i < PAIR_CARDS; i++) {
        if (!options->emulate[i].queues)
            options->emulate[i].queues = options->queues;
    }
    status = app_emulate_start(&pair.emulate[0], &options->emulate[0]);
    return status ? status
                  : app_emulate_beside(&pair.emulate[1], &pair.emulate[0], &options->emulate[1]);
}

static int open_loop(void)
{
    struct port_loop_config config = {.nics = PAIR_CARDS, .spin_us = pair.options.spin_us};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    int rc;

    for (unsigned i = 0; i < PAIR_CARDS; i++) {
        config.nif[i] = pair.nif[i];
        config.nic[i] = pair.nic[i];
        config.attach[i] = &pair.attach[i];
    }
    if (pair.options.emulated)
        config.peer = app_emulate_peer(pair.emulate[0].host);
    if (pair.spec->turn)
        config.control = (struct port_loop_peer){.step = program_step,
                                                 .next_deadline = program_deadline,
                                                 .pollfds = program_fds,
                                                 .ctx = pair.spec->ctx};
    if (pair.options.stats)
        config.second = each_second;
    rc = port_loop_open(&pair.loop, &config);
    if (rc)
        return app_fail(1, "poll loop", strerror(-rc), "Allow more open files: ulimit -n");
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return 0;
}

static int come_up(void)
{
    int status = open_host();

    for (unsigned i = 0; i < PAIR_CARDS && status == 0; i++)
        status = open_card(i);
    if (status == 0)
        status = open_loop();
    if (status == 0)
        return 0;
    for (unsigned i = 0; i < PAIR_CARDS; i++)
        close_card(i);
    if (pair.emulate[0].host)
        app_emulate_stop(&pair.emulate[0]);
    return status;
}

/* ---- running and leaving --------------------------------------------------------------------- */

static int check_card(unsigned side)
{
    const struct netvsc_info *info = netvsc_info(pair.nic[side]);
    const char *why = netvsc_failure(pair.nic[side]);
    const uint8_t *mac = info->mac;

    if (netvsc_state(pair.nic[side]) != NETVSC_UP)
        return app_fail(1, pair.spec->side[side], *why ? why : "the host does not answer",
                        "Check that the host runs, then try again with --log debug");
    port_log(PORT_LOG_INFO, "%s card: %02x:%02x:%02x:%02x:%02x:%02x, MTU %u, NVSP %s",
             pair.spec->side[side], mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], info->mtu_bytes,
             netvsc_version_name(info->nvs_version));
    return 0;
}

static int serve(void)
{
    int rc = port_loop_run(&pair.loop, attached, NULL, port_clock_now() + ATTACH_TIMEOUT_NS);
    int status = 0;

    if (rc == -EINTR)
        return pair.status;
    for (unsigned i = 0; i < PAIR_CARDS && status == 0; i++)
        status = check_card(i);
    if (status == 0)
        status = pair.spec->start(pair.spec->ctx);
    if (status)
        return status;
    port_log(PORT_LOG_INFO, "ready");
    port_loop_run(&pair.loop, NULL, NULL, UINT64_MAX);
    if (pair.spec->stop)
        pair.spec->stop(pair.spec->ctx);
    return pair.status;
}

static const char *books(void)
{
    const char *wrong = pair.spec->audit(pair.spec->ctx);

    for (unsigned i = 0; i < PAIR_CARDS && !wrong; i++)
        wrong = pair.nif[i] ? app_books(pair.nif[i], NULL) : netvsc_audit(pair.nic[i]);
    if (!wrong && pair.options.emulated)
        wrong = app_host_books(pair.emulate[0].host);
    return wrong;
}

static void print_stats(void)
{
    char title[64];

    for (unsigned i = 0; i < PAIR_CARDS; i++) {
        snprintf(title, sizeof(title), "card (netvsc), %s", pair.spec->side[i]);
        app_card_print(pair.nic[i], title, stderr);
        snprintf(title, sizeof(title), "interface (netif), %s", pair.spec->side[i]);
        if (pair.nif[i])
            app_interface_print(pair.nif[i], title, stderr);
        snprintf(title, sizeof(title), "emulated card (hvhost), %s", pair.spec->side[i]);
        if (pair.options.emulated)
            app_host_card_print(&pair.emulate[i], title, stderr);
    }
    if (pair.options.emulated)
        app_host_switch_print(pair.emulate[0].host, stderr);
    pair.spec->print(pair.spec->ctx, stderr);
    if (pair.nif[0])
        app_lwip_print(stderr);
    app_books_print(books(), stderr);
}

static void leave(void)
{
    for (unsigned i = 0; i < PAIR_CARDS; i++)
        port_attach_end(&pair.attach[i], port_clock_now());
    if (port_loop_run(&pair.loop, detached, NULL, port_clock_now() + DETACH_TIMEOUT_NS) != 0)
        port_log(PORT_LOG_WARN, "the host did not confirm the detach; leaving without");
    if (pair.options.stats)
        print_stats();
    port_loop_close(&pair.loop);
    for (unsigned i = 0; i < PAIR_CARDS; i++)
        close_card(i);
    if (pair.emulate[0].host)
        app_emulate_stop(&pair.emulate[0]);
}

int pair_main(const struct pair_spec *spec, int argc, char **argv)
{
    int status;

    pair.spec = spec;
    status = pair_options_parse(spec, argc, argv, &pair.options);
    if (status != APP_GO_ON)
        return status;
    port_log_setup(spec->name, pair.options.log);
    lwip_init(); /* the loop runs its timers, whoever uses it */
    status = come_up();
    if (status)
        return status;
    status = serve();
    leave();
    return status;
}
