/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Several processes on one card, each with a queue and an lwIP of its own. The parent, called the
 * owner, has queue 0: the card's control, and what belongs to all: ARP, neighbours, DHCP,
 * addresses. Worker w has queue w + 1, where the host's table sends connections. See
 * port_workers.c.
 *
 * The owner: open, run a loop with port_workers_peer(), begin once the interface is up, end, close.
 * A worker: config.work() in a process of its own, forked by the owner's loop, with a loop of its
 * own that has port_worker_peer().
 */
#ifndef PORT_WORKERS_H
#define PORT_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "netvsc_netif.h"
#include "netvsc_queue.h"
#include "port_loop.h"

#define PORT_WORKERS_MAX (NETVSC_QUEUES_MAX - 1)
#define PORT_WORKERS_COUNTERS_MAX 32u

/* X(name, help): owner and workers together. */
#define PORT_WORKERS_STATS(X)                                                                      \
    X(starts, "workers started")                                                                   \
    X(deaths, "workers that ended without being asked to")                                         \
    X(steers, "tables the host took that send connections elsewhere")                              \
    X(rx_lost, "frames workers had taken when they died")                                          \
    X(shared, "frames about neighbours and routers that workers got a copy of")                    \
    X(shared_full, "such copies dropped: mailbox full")                                            \
    X(for_owner, "frames workers received that are the owner's business")                          \
    X(for_owner_full, "such frames dropped: mailbox full")                                         \
    X(stray, "frames on the owner's queue that belong to a worker")                                \
    X(stray_full, "such frames dropped: mailbox full")                                             \
    X(stray_nobody, "such frames dropped: no worker runs")                                         \
    X(handed_on, "segments of connections that began where they are sent no more")                 \
    X(handed_full, "such segments dropped: mailbox full")                                          \
    X(told, "connections of workers that died whose peers were made to ask, and so got a reset")   \
    X(suppressed, "frames workers did not send, for only the owner says such things")

struct port_workers_stats {
#define X(name, help) uint64_t name;
    PORT_WORKERS_STATS(X)
#undef X
};

struct port_workers_config {
    struct netvsc_netif *nif;    /* alone, see netvsc_netif_worker.h */
    struct port_loop *loop;      /* the owner's; stopped when workers cannot start */
    unsigned wanted;             /* 1..PORT_WORKERS_MAX */
    uint32_t rx_copybreak_bytes; /* of the workers. 0 = default */
    /* The program of worker (index) in its process; its result is the exit status. */
    int (*work)(void *ctx, unsigned index);
    void *ctx;
    /* The program's own counters, summed up by port_workers_counters(). Not more than MAX. */
    const uint64_t *counters;
    unsigned counter_count;
};

struct port_workers;

/*
 * Before the card is attached, so that all is inherited. -ENOMEM or -errno; then nothing is left.
 */
int port_workers_open(const struct port_workers_config *config, struct port_workers **out);
/* All workers are gone. NULL is allowed. */
void port_workers_close(struct port_workers *w);

struct port_loop_peer port_workers_peer(struct port_workers *w);

/*
 * The card is up: start as many workers as it has queues for, at most as many as wanted. Returns
 * how many, 0 when the host gave the card one queue only.
 */
unsigned port_workers_begin(struct port_workers *w);
/* The NIC told an event: workers look at it again. */
void port_workers_card_changed(struct port_workers *w);
/* Ask all workers to end; those that have not after (patience_ns) are killed. */
void port_workers_end(struct port_workers *w, uint64_t now_ns, uint64_t patience_ns);
bool port_workers_gone(const struct port_workers *w);

/* Exit status of a worker that ended before any was ever ready, or with its work done; 0: none. */
int port_workers_failure(const struct port_workers *w);

/* ---- in a worker ----------------------------------------------------------------------------- */

/* How the worker's loop drives its part. */
struct port_loop_peer port_worker_peer(struct port_workers *w);
/* Connections may come. */
void port_worker_ready(struct port_workers *w);
/* All workers serve and the table names them: what connections are opened stay where they are. */
bool port_worker_settled(const struct port_workers *w);
/*
 * This worker has done all there was to do and will end, with config.work()'s result: it is not
 * started again. When all have, the owner's loop is stopped.
 */
void port_worker_done(struct port_workers *w);
/* Connections have ended: nothing is outstanding and may be left behind. */
bool port_worker_drained(const struct port_workers *w);

/* ---- looking --------------------------------------------------------------------------------- */

struct port_worker_look {
    int pid;      /* 0: none runs */
    bool serving; /* the host sends connections to it */
    uint64_t age_ns;
    uint64_t starts;
};

/* Worker (index) of those there may be; false: no more. */
bool port_workers_look(const struct port_workers *w, unsigned index, uint64_t now_ns,
                       struct port_worker_look *out);
void port_workers_stats(const struct port_workers *w, struct port_workers_stats *out);

/*
 * The card's counters, the interface's and frames outstanding, of all processes: of a worker that
 * runs as of its last turn, so that they belong together.
 */
void port_workers_sum(const struct port_workers *w, struct netvsc_stats *card,
                      struct netvsc_netif_stats *interface, uint64_t *outstanding);
/* The program's own counters of all workers that ever were; from any of the processes. */
void port_workers_counters(const struct port_workers *w, uint64_t *out, unsigned count);

/* A local port for a TCP connection of this worker to (remote); see port_spread.h. 0: none. */
struct port_spread_end;
uint16_t port_worker_local_port(const struct port_workers *w, const struct port_spread_end *remote);

#endif
