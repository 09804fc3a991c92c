/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker loop: poll the NIC, run lwIP's timers, flush, and when there is nothing to do, sleep
 * until the host interrupts or a timer is due. One loop per thread. Embedders with a loop of their
 * own call port_loop_turn() from it.
 */
#ifndef PORT_LOOP_H
#define PORT_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "netvsc_netif.h"
#include "port_attach.h"
#include "port_idle.h"

struct pollfd;

/* Something that works in the same thread and feeds the NIC: the emulated host, other processes. */
struct port_loop_peer {
    unsigned (*step)(void *ctx, uint64_t now_ns);
    uint64_t (*next_deadline)(void *ctx, uint64_t now_ns);
    unsigned (*pollfds)(void *ctx, struct pollfd *out, unsigned max);
    void *ctx;
    /* The last thing before sleeping (on) and the first after it. False: there is work, stay. NULL:
     * its descriptors say it all. */
    bool (*arm)(void *ctx, bool on);
};

#define PORT_LOOP_NICS_MAX 4u
#define PORT_LOOP_BUDGET 256u /* frames per NIC and turn */
#define PORT_LOOP_SPIN_US 50u
#define PORT_LOOP_SPIN_ALWAYS UINT32_MAX /* never sleep */

struct port_loop_config {
    /* Either; without lwIP on top it is the NIC itself. */
    struct netvsc_netif *nif[PORT_LOOP_NICS_MAX];
    struct netvsc *nic[PORT_LOOP_NICS_MAX];
    unsigned nics;                                  /* 1..PORT_LOOP_NICS_MAX */
    struct port_attach *attach[PORT_LOOP_NICS_MAX]; /* NULL: a lost NIC stays lost */
    struct port_loop_peer peer;                     /* step == NULL: none */
    struct port_loop_peer control; /* one more, asked last: who looks at the program itself */
    uint32_t spin_us;              /* 0 = sleep as soon as there is nothing to do */
    /* About once a second; NULL: never, and no wake for it. */
    void (*second)(void *ctx, uint64_t now_ns);
    void *ctx;
};

struct port_loop_stats {
    uint64_t turns;
    uint64_t busy_turns; /* in which something was done */
    uint64_t sleeps;
    uint64_t slept_ns;
};

struct port_loop {
    struct port_loop_config config;
    struct port_loop_stats stats;
    struct port_idle idle;
    uint64_t second_at_ns;
    uint64_t timers_at_ms;
    atomic_uint stops;   /* asked for */
    unsigned stops_seen; /* reported by port_loop_run() */
    int wake_fd;
};

/* -EINVAL no NIC or too many, or errno of eventfd(). */
int port_loop_open(struct port_loop *loop, const struct port_loop_config *config);
void port_loop_close(struct port_loop *loop);

/* One turn without sleeping. True when something was done. */
bool port_loop_turn(struct port_loop *loop, uint64_t now_ns);

/*
 * Turn and sleep until (until) says so [NULL: never], a stop is asked for, or port_clock_now()
 * reaches (deadline_ns) [UINT64_MAX: never]. 0, -EINTR, -ETIMEDOUT. Each stop ends one run.
 */
int port_loop_run(struct port_loop *loop, bool (*until)(void *ctx), void *ctx,
                  uint64_t deadline_ns);

/* From a signal handler or another thread: end port_loop_run(). */
void port_loop_stop(struct port_loop *loop);

/* Nanoseconds the loop may sleep at (now_ns) if nothing comes in. */
uint64_t port_loop_sleep_ns(const struct port_loop *loop, uint64_t now_ns);

#endif
