/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lwIP with threads (NO_SYS 0): programs that block in sockets or netconns instead of being called
 * back. For code that exists; new code is faster with port_loop.h. Link netvsc_threads.
 *
 * Life: tcpip_init() and wait for it → netvsc_netif_add() and port_attach_begin() under
 * LOCK_TCPIP_CORE() → port_threads_start() → sockets in any thread → port_threads_stop().
 */
#ifndef PORT_THREADS_H
#define PORT_THREADS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "netvsc_netif.h"
#include "port_attach.h"
#include "port_idle.h"
#include "port_loop.h"

struct port_threads_config {
    struct netvsc_netif *nif;
    struct port_attach *attach;
    struct port_loop_peer peer; /* step == NULL: none */
    uint32_t spin_us;           /* 0 = sleep as soon as there is nothing to do */
};

struct port_threads {
    struct port_threads_config config;
    /* private */
    pthread_t thread;
    struct port_idle idle;
    err_t (*linkoutput)(struct netif *netif, struct pbuf *p);
    bool in_turn; /* under the core lock */
    atomic_bool stop;
    int wake_fd;
};

/*
 * Start the thread that polls the NIC. From here on the NIC is touched under lwIP's core lock only.
 * One per process. 0 or -errno.
 */
int port_threads_start(struct port_threads *t, const struct port_threads_config *config);

/* Poll until (until) says so under the core lock, at most (timeout_ns). -ETIMEDOUT. */
int port_threads_wait(struct port_threads *t, bool (*until)(void *ctx), void *ctx,
                      uint64_t timeout_ns);

/* End the thread; the NIC is the caller's again. */
void port_threads_stop(struct port_threads *t);

#endif
