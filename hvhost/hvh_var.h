/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inside hvhost/: what a face (hvh_inproc.c, hvh_shm.c) and a backend of the switch (hvh_tap.c)
 * need of the core. A face brings guest memory and carries doorbells and interrupts; a backend is a
 * port of the switch. Either may also be a service: something with file descriptors that
 * hvhost_step() turns. The core knows none of them by name.
 */
#ifndef HVH_VAR_H
#define HVH_VAR_H

#include <stdbool.h>
#include <stdint.h>

#include "hvh_mem.h"
#include "hvhost.h"

struct pollfd;

/* ---- services --------------------------------------------------------------------------- */

/* Members but close may be NULL. None blocks. Do not add or remove services from within. */
struct hvh_service_ops {
    /* One bounded turn; returns how much was done. Runs before the cards are served. */
    unsigned (*step)(void *ctx, uint64_t now_ns);
    /* As hvhost_next_deadline(). */
    uint64_t (*deadline)(const void *ctx, uint64_t now_ns);
    /* Write at most (max) entries to (out), return how many there are. */
    unsigned (*pollfds)(const void *ctx, struct pollfd *out, unsigned max);
    /* hvhost_destroy(): give everything back, (ctx) too. The service is already off the list. */
    void (*close)(void *ctx);
};

/* -ENOSPC. */
int hvh_service_add(struct hvhost *host, const struct hvh_service_ops *ops, void *ctx);
/* Take the service with this (ctx) off the list; its close is not called. */
void hvh_service_remove(struct hvhost *host, const void *ctx);

/*
 * After a sleep that nothing but time has ended: look at monitor pages, and at nothing else. What
 * is found there, or anything else that is due, makes the next deadline 0.
 */
void hvh_look(struct hvhost *host, uint64_t now_ns);

/* ---- ports of the switch ---------------------------------------------------------------- */

struct hvh_port_ops {
    /*
     * A frame for this port; copy what is needed, the memory is good until return. It may be guest
     * memory: look at a byte once. May send with hvhost_port_send(), a few levels deep.
     */
    void (*deliver)(void *ctx, const struct hvhost_frame *frame);
    unsigned takes; /* HVH_TAKES_*: work left over that it does itself */
    /* Does it take frames with mss just now? NULL: as (takes) says. */
    bool (*takes_gso)(const void *ctx);
};
#define HVH_TAKES_CSUM 0x1u   /* frames with csum_partial */
#define HVH_TAKES_GSO 0x2u    /* frames with mss */
#define HVH_TAKES_PIECES 0x4u /* frames with pieces */

#define HVH_PARTS_MAX 600u /* of a packet: a section and as many pages as it can list */

/* One more port; it lives as long as the host and sends with hvhost_port_send(). -ENOSPC. */
int hvh_port_add(struct hvhost *host, const struct hvh_port_ops *ops, void *ctx,
                 struct hvhost_port **out);

/*
 * How many frames may an uplink read before it asks again, (most) at most? None while cards of its
 * network run and none of them has room, so that frames wait in the kernel's queue instead of being
 * dropped here. (most) when none runs.
 */
unsigned hvh_switch_room(const struct hvhost_port *from, unsigned most);

/* For counting tap_*. */
struct hvhost_switch_stats *hvh_switch_counters(struct hvhost *host);

/* ---- cards ------------------------------------------------------------------------------ */

struct hvhost_nic *hvh_nic_at(const struct hvhost *host, unsigned index); /* NULL past the last */
const struct hvhost_nic_config *
hvh_nic_config(const struct hvhost_nic *nic);               /* defaults filled in */
const char *hvh_nic_instance(const struct hvhost_nic *nic); /* GUID, lower case, no braces */
/* Of the primary channel; so many numbers from there on are this card's. */
uint32_t hvh_nic_relid(const struct hvhost_nic *nic);
#define HVH_NIC_RELIDS 64u
uint8_t hvh_nic_monitor(const struct hvhost_nic *nic); /* its monitor id or VMBUS_MONITOR_NONE */
bool hvh_nic_offered(const struct hvhost_nic *nic);    /* false between rescind and offer */
bool hvh_nic_connected(const struct hvhost_nic *nic);

/* How the core reaches a connected guest. Called from within hvhost_step() and other calls. */
struct hvh_face_ops {
    /* Interrupt for channel (relid): the guest had not masked and its ring was empty. */
    void (*interrupt)(void *ctx, uint32_t relid);
    /*
     * hvhost_nic_rescind(). The guest gets no more frames, but its packets are completed until
     * hvh_nic_disconnect(), which is not to be called within.
     */
    void (*rescinded)(void *ctx);
    /*
     * Sub-channel (index) is offered, as hvh_nic_subchannel() describes it. The guest's kernel
     * opens it with hvh_nic_subchannel_open(), now or later. NULL: this face has no sub-channels.
     */
    void (*offered)(void *ctx, unsigned index);
};

/* Relid, index and monitor id of sub-channel (index); no rings. */
void hvh_nic_subchannel(const struct hvhost_nic *nic, unsigned index,
                        struct vmbus_chan_region *out);
/* The guest's kernel opens an offered sub-channel over (rings), as initialised as the primary's. */
int hvh_nic_subchannel_open(struct hvhost_nic *nic, unsigned index,
                            const struct vmbus_region *rings);
/* And closes it, before its primary: the core no longer touches its rings. */
void hvh_nic_subchannel_close(struct hvhost_nic *nic, unsigned index);

/*
 * A guest opens the card over (*guest), which is copied. Its kernel part is done: both ring control
 * pages zeroed, feature bits set; the core lets it run from here on.
 * -EBUSY another guest has it, -ENODEV rescinded, -EINVAL memory that cannot carry a channel.
 */
int hvh_nic_connect(struct hvhost_nic *nic, const struct hvh_guest *guest,
                    const struct hvh_face_ops *ops, void *ctx);

/* The guest closed the card or died. After it the core touches none of its memory. */
void hvh_nic_disconnect(struct hvhost_nic *nic);

/*
 * The guest's kernel shared more memory after it had opened the card, or takes (handle) back. After
 * removal the core touches none of it: taking back a buffer that is in use stops the card.
 * -ENOSPC more than HVH_GPADLS_MAX.
 */
int hvh_nic_gpadl_add(struct hvhost_nic *nic, const struct hvh_gpadl *gpadl);
void hvh_nic_gpadl_remove(struct hvhost_nic *nic, uint32_t handle);

/* The guest shared (ram) after it opened the card. -ENOSPC too much, -EINVAL it has such pages. */
int hvh_nic_ram_add(struct hvhost_nic *nic, const struct hvh_ram *ram);

/* The guest signalled channel (relid). Cheap: served in the next hvhost_step(). */
void hvh_nic_doorbell(struct hvhost_nic *nic, uint32_t relid);

/*
 * The kernel part of opening, which a face does for its guest before it connects: zero both control
 * pages of (rings) and announce pending_send_size.
 */
void hvh_rings_init(const struct vmbus_region *rings);

#endif
