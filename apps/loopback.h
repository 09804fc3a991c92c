/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The whole path twice in one process, without privileges: lwIP, our netif, rings, the emulated
 * host's switch, rings, our netif, the same lwIP. A TCP connection between the two cards carries a
 * known stream each way; every byte that arrives is compared with what must have been sent.
 */
#ifndef LOOPBACK_H
#define LOOPBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "app_var.h"

struct loopback_config {
    uint64_t bytes;     /* each way; 0 is a connection without data */
    uint32_t mtu_bytes; /* 0 = 1500 */
    uint32_t spin_us;
    enum netvsc_switch offload; /* of sums and segments sent */
    uint64_t timeout_ns;        /* for each phase */
};

struct loopback_sum {
    uint64_t bytes, sums;
};

/* One end of the connection. */
struct loopback_end {
    struct tcp_pcb *pcb;
    uint64_t seed_out, seed_in; /* what is sent, what must arrive */
    uint64_t want_bytes;
    uint64_t queued, acked, received;
    struct loopback_sum sum_in,
        sum_out;       /* of what arrived and what was sent, for a person to compare */
    uint64_t wrong_at; /* first byte that was not what was sent; UINT64_MAX = none */
    bool peer_done, closed, failed;
};

struct loopback {
    struct loopback_config config;
    struct app_emulate emulate[2];
    struct netvsc_netif nif[2];
    struct port_loop loop;
    struct loopback_end end[2];
    struct tcp_pcb *listener;
    uint64_t attached_ns, transfer_ns, detached_ns;
    char why[256]; /* what went wrong, after a failure */
};

/*
 * Set up, transfer, detach. lwip_init() is the caller's. 0, or -1 with (why) filled; in both cases
 * loopback_close() is due afterwards, between them the counters can be read.
 */
int loopback_run(struct loopback *lb, const struct loopback_config *config);
void loopback_close(struct loopback *lb);

#endif
