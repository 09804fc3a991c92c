/* SPDX-License-Identifier: BSD-3-Clause */
/* The VMBus of a guest kernel from inside: the connection, its GPADLs, its channels. */
#ifndef HVH_VMBUS_VAR_H
#define HVH_VMBUS_VAR_H

#include "hvh_vmbus.h"
#include "hvh_vmbus_reg.h"
#include "vmbus_reg.h"

#define HVH_BUS_GPADLS_MAX 128u
#define HVH_BUS_CARDS_MAX 31u
/* Longest answer to one message: REQUEST_OFFERS, an offer per card and the end of the list. */
#define HVH_BUS_ANSWERS_MAX (HVH_BUS_CARDS_MAX + 1u)
#define HVH_BUS_QUEUE 128u

/* Pages of a GPADL: its length field has 16 bits. */
#define HVH_BUS_PAGES_MAX 8190u

/* A list of guest pages, mapped in one piece once it is complete. */
struct hvh_bus_gpadl {
    uint32_t handle; /* 0: this entry is free */
    uint32_t relid;
    uint32_t pages, have;
    bool bad;                /* some part of it made no sense: refused when complete */
    uint64_t *pfn;           /* while incomplete */
    struct vmbus_region mem; /* base NULL while incomplete */
};

enum hvh_bus_state {
    HVH_BUS_HIDDEN, /* not offered, or released after a rescind */
    HVH_BUS_OFFERED,
    HVH_BUS_OPEN,
    HVH_BUS_RESCINDED, /* the guest was told and has not let go of it yet */
};

/* One channel of a card: the primary (index 0) or a sub-channel. */
struct hvh_bus_chan {
    struct hvh_vmbus *bus;
    struct hvhost_nic *nic;
    unsigned index;
    uint32_t relid;
    uint8_t monitor_id;
    bool wanted; /* sub-channel: the core offers it */
    enum hvh_bus_state state;
    uint32_t vp; /* of its interrupts, or HVH_VP_NONE */
    uint32_t ring_gpadl;
};

struct hvh_bus_msg {
    uint32_t bytes;
    uint8_t payload[HVH_MSG_BYTES_MAX];
};

struct hvh_vmbus {
    struct hvhost *host;
    struct hvh_vmbus_config config;
    const struct hvh_vmbus_ops *ops;
    void *ctx;

    uint32_t version; /* 0: no contact */
    uint32_t vp;      /* of messages */
    struct vmbus_region monitor_page;
    bool offers_wanted;

    struct hvh_bus_chan *chan; /* of each card the primary, then its sub-channels; never changes */
    unsigned chans;
    struct hvh_bus_gpadl gpadl[HVH_BUS_GPADLS_MAX];
    uint32_t abandoned[(VMBUS_RELID_MAX + 1) / 32]; /* numbers the guest has yet to release */

    struct hvh_bus_msg queue[HVH_BUS_QUEUE]; /* to the guest, ring */
    unsigned queue_first, queue_count;
    struct hvh_vmbus_stats stats;
};

/* ---- hvh_vmbus.c ------------------------------------------------------------------------ */

/* Queue a message for the guest. */
void hvh_bus_send(struct hvh_vmbus *bus, const void *msg, uint32_t bytes);
/* OPEN_RESULT or GPADL_CREATED. */
void hvh_bus_result(struct hvh_vmbus *bus, enum hvh_msg_type type, uint32_t relid, uint32_t id,
                    bool ok);

/* ---- hvh_vmbus_gpadl.c ------------------------------------------------------------------ */

/* The complete GPADL (handle) of channel (relid), or NULL. */
struct hvh_bus_gpadl *hvh_bus_gpadl_find(struct hvh_vmbus *bus, uint32_t relid, uint32_t handle);
void hvh_bus_gpadl_header(struct hvh_vmbus *bus, const void *msg, uint32_t bytes);
void hvh_bus_gpadl_body(struct hvh_vmbus *bus, const void *msg, uint32_t bytes);
void hvh_bus_gpadl_teardown(struct hvh_vmbus *bus, const void *msg, uint32_t bytes);
/* Forget all lists of channel (relid); 0: of all. */
void hvh_bus_gpadls_drop(struct hvh_vmbus *bus, uint32_t relid);

/* ---- hvh_vmbus_chan.c ------------------------------------------------------------------- */

struct hvh_bus_chan *hvh_bus_chan_find(struct hvh_vmbus *bus, uint32_t relid);
void hvh_bus_open(struct hvh_vmbus *bus, const void *msg, uint32_t bytes);
void hvh_bus_close(struct hvh_vmbus *bus, const void *msg, uint32_t bytes);
void hvh_bus_released(struct hvh_vmbus *bus, const void *msg, uint32_t bytes);
void hvh_bus_modify(struct hvh_vmbus *bus, const void *msg, uint32_t bytes);
void hvh_bus_request_offers(struct hvh_vmbus *bus, const void *msg, uint32_t bytes);
/* Offer and rescind what the core offers and has withdrawn since. Returns how many. */
unsigned hvh_bus_chans_turn(struct hvh_vmbus *bus);
/* The guest is gone or starts anew. */
void hvh_bus_chans_close(struct hvh_vmbus *bus);

#endif
