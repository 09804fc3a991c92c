/* SPDX-License-Identifier: BSD-3-Clause */
/* What the benchmarks of the driver share: a card of an emulated host in this process with a port
 * beside it, the driver attached to it; clock, median. */
#ifndef BENCH_CARD_H
#define BENCH_CARD_H

#include <stdint.h>

#include "bench_clock.h"
#include "hvhost.h"
#include "netvsc_netif.h"
#include "vmbus.h"

struct bench_card {
    struct hvhost *host;
    struct hvhost_nic *card;
    struct hvhost_port *port; /* the far end */
    struct netvsc *nic;
    struct netvsc_netif nif; /* under lwIP only; must stay where it is */
    bool to_lwip;
    uint64_t now_ns;               /* virtual time */
    struct vmbus_transport memory; /* of the card: rings and buffers as the driver sees them */
};

struct bench_card_config {
    struct hvhost_nic_config card;
    struct netvsc_config nic;
    bool to_lwip;  /* the driver under lwIP, which is initialised */
    bool attended; /* see hvhost_config */
    void (*deliver)(void *ctx, const struct hvhost_frame *frame);
    void *ctx; /* of (deliver) */
};

/* Returns with the driver attached. -errno, and a line on stderr. */
int bench_card_open(struct bench_card *c, const struct bench_card_config *config);
void bench_card_close(struct bench_card *c);

/* The same in two steps: a card of a host that is there, and its memory; then the driver. If
 * c->host is NULL by then, somebody else turns the host, and time is real. */
int bench_card_add(struct bench_card *c, struct hvhost *host,
                   const struct bench_card_config *config);
int bench_card_attach(struct bench_card *c, const struct bench_card_config *config);

/* One poll at c->now_ns. */
void bench_card_poll(struct bench_card *c, unsigned budget);

/* Let both sides settle: nothing outstanding, nothing queued. */
void bench_card_settle(struct bench_card *c);

#define BENCH_FAR_CPU 0u    /* of a far host, or a client */
#define BENCH_DRIVER_CPU 1u /* of what is measured */
void bench_pin(unsigned cpu);

/* What a look at the clock takes. */
double bench_clock_ns(void);
/* Orders (values). */
double bench_median(double *values, unsigned count);

#endif
