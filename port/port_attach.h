/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keeps the NIC attached. A host that restarts, or withdraws the device for a while (live
 * migration, servicing), must not cost the program its connections: the device is opened again
 * every 200 ms, later every 2 s, and lwIP only sees its link go down and up.
 */
#ifndef PORT_ATTACH_H
#define PORT_ATTACH_H

#include <stdbool.h>
#include <stdint.h>

#include "netvsc.h"
#include "port_log.h"

struct vmbus_device;

#define PORT_ATTACH_RETRY_MIN_MS 200u
#define PORT_ATTACH_RETRY_MAX_MS 2000u

struct port_attach {
    struct netvsc *nic;
    /* 0, or -errno and nothing is held. Says nothing: it is called again and again. */
    int (*open)(void *ctx, struct vmbus_device **out);
    void *ctx;
    /* private */
    bool wanted;
    bool was_up;
    enum netvsc_state seen;
    uint32_t delay_ms;
    uint64_t retry_at_ns;
    uint64_t lost_at_ns;
    struct port_log_limit limit; /* a host that comes and goes must not fill the log */
    bool said;
    bool reopening; /* because we asked for it */
};

/* Attach to (dev), which is taken over, and keep attached. -errno of netvsc_attach(); dev is closed
 * then. */
int port_attach_begin(struct port_attach *attach, struct vmbus_device *dev, uint64_t now_ns);

/* Call every turn, after the NIC was polled. A compare when nothing changed. */
void port_attach_poll(struct port_attach *attach, uint64_t now_ns);

/* Nanoseconds until the next try; UINT64_MAX = none. */
uint64_t port_attach_next_deadline(const struct port_attach *attach, uint64_t now_ns);

/*
 * Another MTU, as netvsc_set_mtu(): a NIC that is up is detached and attached again at once, while
 * connections live on. -EINVAL; -EBUSY while the first attach is under way.
 */
int port_attach_set_mtu(struct port_attach *attach, uint32_t mtu_bytes, uint64_t now_ns);

/*
 * Start a clean detach and do not come back. Poll until netvsc_state() is neither UP nor DETACHING.
 */
void port_attach_end(struct port_attach *attach, uint64_t now_ns);

#endif
