/* SPDX-License-Identifier: BSD-3-Clause */
/* netvsc-iperf's connections: their books, and a line for each that ends. */
#include "iperf.h"

#include <stdlib.h>

#include "port_clock.h"
#include "port_log.h"

#define LINES_MAX 8u /* in a second: strangers decide how many connections end */

double iperf_gbits(uint64_t bytes, uint64_t ns)
{
    return ns ? (double)bytes * 8 / (double)ns : 0;
}

struct flow *iperf_flow_new(struct tcp_pcb *pcb, const ip_addr_t *peer, uint16_t port)
{
    struct flow *flow = calloc(1, sizeof(*flow));

    if (!flow)
        return NULL;
    flow->pcb = pcb;
    flow->start_ns = port_clock_now();
    ip_addr_copy(flow->peer, *peer);
    flow->port = port;
    flow->next = iperf.flows;
    iperf.flows = flow;
    iperf.open++;
    return flow;
}

static void say_ended(const struct flow *flow, const char *how)
{
    const uint64_t ns = port_clock_now() - flow->start_ns;
    char peer[IPADDR_STRLEN_MAX];

    if (iperf.ended.lines++ >= LINES_MAX) {
        iperf.ended.flows++;
        iperf.ended.bytes += flow->bytes;
        return;
    }
    port_log(PORT_LOG_INFO, "%s port %u: %llu bytes in %.2f s, %.2f Gbit/s%s",
             ipaddr_ntoa_r(&flow->peer, peer, sizeof(peer)), flow->port,
             (unsigned long long)flow->bytes, (double)ns / (double)PORT_NS_PER_S,
             iperf_gbits(flow->bytes, ns), how);
}

void iperf_say_others(void *ctx, uint64_t now_ns)
{
    (void)ctx;
    (void)now_ns;
    if (iperf.ended.flows)
        port_log(PORT_LOG_INFO, "and %llu more connections: %llu bytes",
                 (unsigned long long)iperf.ended.flows, (unsigned long long)iperf.ended.bytes);
    iperf.ended = (struct ended){0};
}

void iperf_flow_end(struct flow *flow, const char *how)
{
    struct flow **at = &iperf.flows;

    while (*at != flow)
        at = &(*at)->next;
    *at = flow->next;
    iperf.open--;
    iperf.flows_done++;
    iperf.bytes += flow->bytes;
    say_ended(flow, how);
    free(flow);
}

static void forget(struct tcp_pcb *pcb)
{
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
}

err_t iperf_flow_close(struct flow *flow, const char *how)
{
    struct tcp_pcb *pcb = flow->pcb;

    forget(pcb);
    iperf_flow_end(flow, how);
    if (tcp_close(pcb) == ERR_OK)
        return ERR_OK;
    tcp_abort(pcb);
    return ERR_ABRT;
}
