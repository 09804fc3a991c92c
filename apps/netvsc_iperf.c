/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * netvsc-iperf measures TCP throughput against iperf 2 on the other side: as a server it takes
 * every byte and counts, as a client it sends for some seconds. iperf 2's client sends first
 * what it wants (24 bytes, or more in newer ones) and needs no answer as long as it only sends; its
 * server takes any bytes. So there is no protocol to speak of: a client of zeros says "send only".
 *
 * lwIP has an iperf of its own (lwiperf), not used here: it reads a connection that its peer has
 * reset, and counts in 32 bits.
 */
#include <errno.h>

#include "app.h"
#include "iperf.h"
#include "port_clock.h"
#include "port_log.h"

#define PIECE_BYTES 32768u /* given to lwIP at once */
#define POLL_HALF_SECONDS 2
#define PORT_TRIES 32u /* before all are said to be in use */

struct iperf iperf = {.port = 5001, .seconds = 10, .flows_wanted = 1};

static const uint8_t zeros[PIECE_BYTES];

/* ---- both ends ------------------------------------------------------------------------------- */

/* The last flow of a client ends the program. */
static void client_check(void)
{
    if (!iperf.client || iperf.open)
        return;
    if (iperf.failed)
        app_fail(1, ipaddr_ntoa(&iperf.server), "connection refused, reset or without answer",
                 "Start iperf -s there");
    app_finish(iperf.failed ? 1 : 0);
}

/* lwIP has freed the pcb. */
static void on_error(void *arg, err_t err)
{
    struct flow *flow = arg;
    const char *how = err == ERR_RST ? ", reset" : ", without answer";

    if (!flow->is_open && err == ERR_RST)
        how = ", refused";
    iperf.failed++;
    iperf_flow_end(flow, how);
    client_check();
}

/* ---- server ---------------------------------------------------------------------------------- */

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct flow *flow = arg;

    (void)err;
    if (!p)
        return iperf_flow_close(flow, "");
    flow->bytes += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct flow *flow;

    (void)arg;
    if (err != ERR_OK || !pcb)
        return ERR_VAL;
    flow = iperf_flow_new(pcb, &pcb->remote_ip, pcb->remote_port);
    if (!flow)
        return ERR_MEM; /* lwIP resets the connection */
    flow->is_open = true;
    tcp_arg(pcb, flow);
    tcp_recv(pcb, on_recv);
    tcp_err(pcb, on_error);
    return ERR_OK;
}

/* ---- client ---------------------------------------------------------------------------------- */

/* As much as lwIP takes; the end when the time is over, which begins with the connection. */
static err_t send_more(struct flow *flow)
{
    struct tcp_pcb *pcb = flow->pcb;

    if (port_clock_now() - flow->start_ns >= iperf.seconds * PORT_NS_PER_S) {
        const err_t err = iperf_flow_close(flow, "");

        client_check();
        return err;
    }
    for (;;) {
        const tcpwnd_size_t room = tcp_sndbuf(pcb);
        const u16_t len = (u16_t)(room < PIECE_BYTES ? room : PIECE_BYTES);

        if (len == 0 || tcp_write(pcb, zeros, len, 0) != ERR_OK)
            break;
    }
    tcp_output(pcb);
    return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    struct flow *flow = arg;

    (void)pcb;
    flow->bytes += len;
    return send_more(flow);
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
    (void)pcb;
    return send_more(arg);
}

/* iperf -s may answer with a header of its own; nobody reads it. */
static err_t on_answer(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)err;
    if (!p) {
        const err_t rc = iperf_flow_close(arg, ", closed by the server");

        client_check();
        return rc;
    }
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct flow *flow = arg;

    (void)err;
    flow->is_open = true;
    flow->start_ns = port_clock_now();
    if (!iperf.start_ns)
        iperf.start_ns = flow->start_ns;
    tcp_sent(pcb, on_sent);
    tcp_poll(pcb, on_poll, POLL_HALF_SECONDS);
    return send_more(flow);
}

/* lwIP chooses a port itself, but where only some bring the answers to this worker. */
static err_t bind_local(struct tcp_pcb *pcb)
{
    const ip_addr_t *any = IP_IS_V6(&iperf.server) ? IP6_ADDR_ANY : IP4_ADDR_ANY;
    err_t err = ERR_OK;

    for (unsigned tried = 0; tried < PORT_TRIES; tried++) {
        const uint16_t port = app_local_port(&iperf.server, iperf.port);

        if (port == 0)
            return ERR_OK;
        err = tcp_bind(pcb, any, port);
        if (err != ERR_USE)
            break;
    }
    return err;
}

static int connect_one(void)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IP_GET_TYPE(&iperf.server));
    struct flow *flow = pcb ? iperf_flow_new(pcb, &iperf.server, iperf.port) : NULL;
    err_t err;

    if (!flow) {
        if (pcb)
            tcp_abort(pcb);
        return app_fail(1, "connection", "out of memory", "Use fewer --parallel connections");
    }
    tcp_arg(pcb, flow);
    tcp_recv(pcb, on_answer);
    tcp_err(pcb, on_error);
    err = bind_local(pcb);
    if (err == ERR_OK)
        err = tcp_connect(pcb, &iperf.server, iperf.port, on_connected);
    if (err == ERR_OK)
        return 0;
    iperf_flow_close(flow, ", not connected");
    return app_fail(1, ipaddr_ntoa(&iperf.server), app_lwip_error(err),
                    "Check the address, and --gateway");
}

static void connect_all(void *ctx)
{
    (void)ctx;
    for (uint32_t i = 0; i < iperf.flows_wanted; i++) {
        if (connect_one()) {
            app_finish(1);
            return;
        }
    }
}

/* ---- program --------------------------------------------------------------------------------- */

static int start(void *ctx)
{
    (void)ctx;
    if (iperf.client) {
        app_when_addressed(connect_all, NULL);
        return 0;
    }
    iperf.listener = app_listen(iperf.port);
    if (!iperf.listener)
        return 1;
    tcp_accept(iperf.listener, on_accept);
    port_log(PORT_LOG_INFO, "iperf 2 server on TCP port %u", iperf.port);
    return 0;
}

static void stop(void *ctx)
{
    const uint64_t ns = port_clock_now() - iperf.start_ns;

    (void)ctx;
    if (iperf.listener)
        tcp_close(iperf.listener);
    while (iperf.flows)
        iperf_flow_close(iperf.flows, ", interrupted");
    iperf_say_others(NULL, 0);
    if (iperf.client && iperf.flows_done)
        port_log(PORT_LOG_INFO, "all %llu connections: %llu bytes, %.2f Gbit/s",
                 (unsigned long long)iperf.flows_done, (unsigned long long)iperf.bytes,
                 iperf.start_ns ? iperf_gbits(iperf.bytes, ns) : 0);
}

static error_t parse_number(const char *name, const char *text, uint32_t max, uint32_t *out)
{
    uint64_t number;
    error_t rc = app_number(name, text, 1, max, &number);

    if (rc == 0)
        *out = (uint32_t)number;
    return rc;
}

static error_t parse(int key, char *arg, void *ctx)
{
    uint32_t number;

    (void)ctx;
    switch (key) {
    case 'p':
        if (parse_number("port", arg, 65535, &number))
            return EINVAL;
        iperf.port = (uint16_t)number;
        return 0;
    case 'c':
        iperf.client = true;
        if (ipaddr_aton(arg, &iperf.server))
            return 0;
        app_fail(2, arg, "not an address", "Give --client an IPv4 or IPv6 address");
        return EINVAL;
    case 't':
        return parse_number("time", arg, 86400, &iperf.seconds);
    case 'P':
        return parse_number("parallel", arg, 10000, &iperf.flows_wanted);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int main(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"client", 'c', "ADDR", 0, "send to iperf -s at ADDR [be a server]", 0},
        {"parallel", 'P', "N", 0, "client: connections [1], of each worker", 0},
        {"port", 'p', "PORT", 0, "TCP port [5001]", 0},
        {"time", 't', "SECONDS", 0, "client: how long [10]", 0},
        {0},
    };
    static const struct app_spec spec = {
        .name = "netvsc-iperf",
        .summary = "TCP throughput against iperf 2, over lwIP on Hyper-V's network card.",
        .example = "netvsc-iperf --emulate tap=nvt0 --ip 10.78.0.1/24 --client 10.78.0.2",
        .options = options,
        .parse = parse,
        .start = start,
        .stop = stop,
        .second = iperf_say_others,
        .by_workers = true,
    };

    return app_main(&spec, argc, argv);
}
