/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Both cards are interfaces of one lwIP, in one subnet. lwIP delivers nothing to itself behind our
 * back (LWIP_NETIF_LOOPBACK is off), but its routing knows only destinations: asked for the other
 * card's address it may choose that very card to send from. So both ends are bound to their
 * interface (tcp_bind_netif), which decides sending and receiving; each segment then really leaves
 * by one card, crosses the switch and comes in by the other. ARP tables are per interface and need
 * nothing.
 *
 * Phases: attach both, transfer, detach both; each is the same loop with another condition.
 */
#include "loopback.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "loopback_end.h"
#include "lwip/tcp.h"
#include "port_clock.h"

#define SEED_CLIENT UINT64_C(0x636c69656e740001)
#define SEED_SERVER UINT64_C(0x7365727665720002)

static int fail(struct loopback *lb, const char *what, const char *why)
{
    snprintf(lb->why, sizeof(lb->why), "%s: %s", what, why);
    return -1;
}

/* ---- conditions ------------------------------------------------------------------------------ */

static bool none_in(const struct loopback *lb, enum netvsc_state state)
{
    return netvsc_state(lb->nif[0].nic) != state && netvsc_state(lb->nif[1].nic) != state;
}

static bool both_attached(void *ctx)
{
    return none_in(ctx, NETVSC_ATTACHING);
}

static bool both_detached(void *ctx)
{
    return none_in(ctx, NETVSC_DETACHING);
}

static bool both_done(void *ctx)
{
    const struct loopback *lb = ctx;

    return loopback_end_done(&lb->end[0]) && loopback_end_done(&lb->end[1]);
}

static int run(struct loopback *lb, bool (*until)(void *ctx), const char *phase)
{
    const int rc = port_loop_run(&lb->loop, until, lb, port_clock_now() + lb->config.timeout_ns);

    return rc ? fail(lb, phase, rc == -ETIMEDOUT ? "not finished in time" : "stopped") : 0;
}

/* ---- attach ---------------------------------------------------------------------------------- */

static int open_host(struct loopback *lb)
{
    const struct app_emulate_options options = {.tap = ""};

    if (app_emulate_start(&lb->emulate[0], &options) != 0)
        return fail(lb, "emulated host", "cannot start");
    if (app_emulate_join(&lb->emulate[1], &lb->emulate[0]) != 0)
        return fail(lb, "emulated host", "no second card");
    return 0;
}

static int open_card(struct loopback *lb, unsigned i)
{
    const struct netvsc_config config = {.mtu_bytes = lb->config.mtu_bytes,
                                         .tx_csum = lb->config.offload,
                                         .tx_lso = lb->config.offload,
                                         .rx_csum = lb->config.offload,
                                         .rx_rsc = lb->config.offload,
                                         .rx_gro = lb->config.offload};
    struct vmbus_device *dev;

    if (netvsc_netif_add(&lb->nif[i], &config) != 0)
        return fail(lb, "card", "cannot be added to lwIP");
    if (app_emulate_open(&lb->emulate[i], &dev) != 0)
        return fail(lb, "card", "the emulated host does not open it");
    if (netvsc_attach(lb->nif[i].nic, dev, port_clock_now()) != 0) {
        vmbus_close(dev);
        return fail(lb, "card", "cannot attach");
    }
    return 0;
}

static void set_address(struct netif *netif, unsigned last)
{
    ip4_addr_t address, mask, none;

    IP4_ADDR(&address, 10, 78, 1, (u8_t)last);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    ip4_addr_set_zero(&none);
    netif_set_addr(netif, &address, &mask, &none);
    netif_set_up(netif);
}

static int attach(struct loopback *lb)
{
    const uint64_t began = port_clock_now();
    struct port_loop_config config = {
        .nif = {&lb->nif[0], &lb->nif[1]},
        .nics = 2,
        .spin_us = lb->config.spin_us,
    };

    if (open_host(lb) != 0 || open_card(lb, 0) != 0 || open_card(lb, 1) != 0)
        return -1;
    config.peer = app_emulate_peer(lb->emulate[0].host);
    if (port_loop_open(&lb->loop, &config) != 0)
        return fail(lb, "poll loop", "no eventfd");
    if (run(lb, both_attached, "attach") != 0)
        return -1;
    for (unsigned i = 0; i < 2; i++) {
        if (netvsc_state(lb->nif[i].nic) != NETVSC_UP)
            return fail(lb, "attach", netvsc_failure(lb->nif[i].nic));
        set_address(&lb->nif[i].netif, i + 1);
    }
    lb->attached_ns = port_clock_now() - began;
    return 0;
}

/* ---- transfer -------------------------------------------------------------------------------- */

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct loopback *lb = arg;

    if (err != ERR_OK || !pcb)
        return ERR_VAL;
    loopback_end_start(&lb->end[1], pcb);
    return ERR_OK;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)err;
    loopback_end_start(arg, pcb);
    return ERR_OK;
}

static void on_refused(void *arg, err_t err)
{
    struct loopback_end *end = arg;

    (void)err;
    end->failed = true;
}

/* A pcb that lives on interface (i) and nowhere else, with a port nobody uses, not even in
 * TIME_WAIT. */
static struct tcp_pcb *new_pcb(struct loopback *lb, unsigned i)
{
    struct tcp_pcb *pcb = tcp_new();

    if (!pcb)
        return NULL;
    if (tcp_bind(pcb, netif_ip_addr4(&lb->nif[i].netif), 0) != ERR_OK) {
        tcp_abort(pcb);
        return NULL;
    }
    tcp_bind_netif(pcb, &lb->nif[i].netif);
    return pcb;
}

static int start_listener(struct loopback *lb)
{
    struct tcp_pcb *pcb = new_pcb(lb, 1);

    lb->listener = pcb ? tcp_listen(pcb) : NULL;
    if (!lb->listener)
        return fail(lb, "listener", "cannot be made");
    tcp_arg(lb->listener, lb);
    tcp_accept(lb->listener, on_accept);
    return 0;
}

static int start_client(struct loopback *lb)
{
    const uint16_t port = lb->listener->local_port;
    struct tcp_pcb *pcb = new_pcb(lb, 0);

    if (!pcb)
        return fail(lb, "client", "cannot be made");
    tcp_arg(pcb, &lb->end[0]);
    tcp_err(pcb, on_refused);
    if (tcp_connect(pcb, netif_ip_addr4(&lb->nif[1].netif), port, on_connected) != ERR_OK) {
        tcp_abort(pcb);
        return fail(lb, "client", "cannot connect");
    }
    return 0;
}

static int check_end(struct loopback *lb, const char *who, const struct loopback_end *end)
{
    char why[120];

    if (end->failed)
        return fail(lb, who, "the connection broke");
    if (end->wrong_at != UINT64_MAX) {
        snprintf(why, sizeof(why), "wrong data at or after byte %" PRIu64, end->wrong_at);
        return fail(lb, who, why);
    }
    if (end->received == end->want_bytes && end->acked == end->want_bytes)
        return 0;
    snprintf(why, sizeof(why),
             "%" PRIu64 " of %" PRIu64 " bytes received, %" PRIu64 " acknowledged", end->received,
             end->want_bytes, end->acked);
    return fail(lb, who, why);
}

static int transfer(struct loopback *lb)
{
    const uint64_t began = port_clock_now();

    lb->end[0] = (struct loopback_end){
        .want_bytes = lb->config.bytes, .seed_out = SEED_CLIENT, .seed_in = SEED_SERVER};
    lb->end[1] = (struct loopback_end){
        .want_bytes = lb->config.bytes, .seed_out = SEED_SERVER, .seed_in = SEED_CLIENT};
    if (start_listener(lb) != 0 || start_client(lb) != 0 || run(lb, both_done, "transfer") != 0)
        return -1;
    lb->transfer_ns = port_clock_now() - began;
    if (check_end(lb, "client", &lb->end[0]) != 0 || check_end(lb, "server", &lb->end[1]) != 0)
        return -1;
    if (lb->end[0].sum_out.sums != lb->end[1].sum_in.sums ||
        lb->end[1].sum_out.sums != lb->end[0].sum_in.sums)
        return fail(lb, "checksums", "they differ");
    return 0;
}

/* ---- detach ---------------------------------------------------------------------------------- */

static void close_connections(struct loopback *lb)
{
    loopback_end_abort(&lb->end[0]);
    loopback_end_abort(&lb->end[1]);
    if (lb->listener)
        tcp_close(lb->listener);
    lb->listener = NULL;
}

static int detach(struct loopback *lb)
{
    const uint64_t began = port_clock_now();
    const char *wrong;

    close_connections(lb);
    netvsc_detach(lb->nif[0].nic, began);
    netvsc_detach(lb->nif[1].nic, began);
    if (run(lb, both_detached, "detach") != 0)
        return -1;
    lb->detached_ns = port_clock_now() - began;
    for (unsigned i = 0; i < 2; i++) {
        if (netvsc_state(lb->nif[i].nic) != NETVSC_DOWN)
            return fail(lb, "detach", netvsc_failure(lb->nif[i].nic));
        wrong = app_books(&lb->nif[i], lb->emulate[i].host);
        if (wrong)
            return fail(lb, "books", wrong);
    }
    return 0;
}

int loopback_run(struct loopback *lb, const struct loopback_config *config)
{
    memset(lb, 0, sizeof(*lb));
    lb->config = *config;
    lb->loop.wake_fd = -1;
    if (attach(lb) != 0 || transfer(lb) != 0)
        return -1;
    return detach(lb);
}

void loopback_close(struct loopback *lb)
{
    close_connections(lb);
    for (unsigned i = 0; i < 2; i++) {
        if (lb->nif[i].nic)
            netvsc_netif_remove(&lb->nif[i]);
    }
    if (lb->loop.wake_fd >= 0)
        port_loop_close(&lb->loop);
    if (lb->emulate[0].host)
        app_emulate_stop(&lb->emulate[0]);
}
