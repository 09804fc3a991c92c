/* SPDX-License-Identifier: BSD-3-Clause */
/* netvsc-iperf: its connections, at either end. */
#ifndef IPERF_H
#define IPERF_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/tcp.h"

struct flow {
    struct flow *next;
    struct tcp_pcb *pcb;
    bool is_open;
    uint64_t start_ns, bytes;
    ip_addr_t peer;
    uint16_t port; /* of the peer */
};

/* Connections that ended in this second. */
struct ended {
    uint32_t lines;
    uint64_t flows, bytes; /* of those without a line */
};

extern struct iperf {
    uint16_t port;
    bool client;
    ip_addr_t server;
    uint32_t seconds, flows_wanted;
    struct tcp_pcb *listener;
    struct flow *flows;
    uint32_t open, failed;
    uint64_t flows_done, bytes, start_ns; /* of the first connection; 0: none yet */
    struct ended ended;
} iperf;

double iperf_gbits(uint64_t bytes, uint64_t ns);

/* A connection begins, at our end (pcb); NULL without memory. */
struct flow *iperf_flow_new(struct tcp_pcb *pcb, const ip_addr_t *peer, uint16_t port);

/* Its pcb is no longer ours: take it out of the list and say how it went. */
void iperf_flow_end(struct flow *flow, const char *how);

/* End the connection properly; ERR_ABRT when that had to be done the hard way. */
err_t iperf_flow_close(struct flow *flow, const char *how);

/* The second is over: say what ended in it and got no line of its own. */
void iperf_say_others(void *ctx, uint64_t now_ns);

#endif
