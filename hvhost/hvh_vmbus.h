/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VMBus as the host of a whole guest kernel: takes the channel messages the kernel posts, offers
 * every card of a struct hvhost and opens them over guest memory. Knows nothing of processors or
 * KVM: whoever runs the guest brings its messages and doorbells, and carries ours to it. Single-
 * threaded like the core it feeds.
 */
#ifndef HVH_VMBUS_H
#define HVH_VMBUS_H

#include "hvh_var.h"

struct hvh_vmbus;

struct hvh_vmbus_config {
    uint32_t version_max;    /* HVH_BUS_*; 0 = the newest */
    unsigned vps;            /* processors of the guest, 1.. */
    int ram_fd;              /* file of the guest's memory: offset = guest-physical address */
    struct vmbus_region ram; /* the same, mapped shared */
};

/* How the bus reaches its guest. */
struct hvh_vmbus_ops {
    /* Put a message into the message slot of (vp). False: occupied, the bus tries again. */
    bool (*post)(void *ctx, uint32_t vp, const void *msg, uint32_t bytes);
    /* Set event flag (relid) of (vp) and interrupt it if the flag was clear. */
    void (*event)(void *ctx, uint32_t vp, uint32_t relid);
};

/* (*host) with its cards must outlive the bus; cards added later are not offered. -ENOMEM. */
int hvh_vmbus_create(struct hvhost *host, const struct hvh_vmbus_config *config,
                     const struct hvh_vmbus_ops *ops, void *ctx, struct hvh_vmbus **out);
/* Closes what the guest has open. The rings and buffers of it are unmapped. */
void hvh_vmbus_destroy(struct hvh_vmbus *bus);

/*
 * Do these connection ids exist? Depends on the configuration only, so any thread may ask: the
 * hypercalls must refuse others at once.
 */
bool hvh_vmbus_takes_messages(const struct hvh_vmbus *bus, uint32_t connection_id);
bool hvh_vmbus_takes_signals(const struct hvh_vmbus *bus, uint32_t connection_id);

/* One more message may be given to hvh_vmbus_message(): its answers have room. */
bool hvh_vmbus_has_room(const struct hvh_vmbus *bus);
/* A message of the guest, posted to (connection_id). What makes no sense is counted as bad. */
void hvh_vmbus_message(struct hvh_vmbus *bus, uint32_t connection_id, const void *msg,
                       uint32_t bytes);
void hvh_vmbus_signal(struct hvh_vmbus *bus, uint32_t connection_id);

/* Tell the guest what changed and what it is owed. Returns how much was done. */
unsigned hvh_vmbus_turn(struct hvh_vmbus *bus);
/* As hvhost_next_deadline(): a message slot that is occupied is looked at again in 1 ms. */
uint64_t hvh_vmbus_deadline(const struct hvh_vmbus *bus);

struct hvh_vmbus_stats {
    uint64_t messages;     /* taken from the guest */
    uint64_t bad_messages; /* too short, of unknown type, or about what does not exist */
    uint64_t bad_gpadls;   /* refused: pages outside memory, sizes that contradict each other */
    uint64_t posted;       /* to the guest */
    uint64_t busy;         /* times the guest's message slot was occupied */
    uint32_t version;      /* HVH_BUS_*, 0 before contact */
    unsigned gpadls;       /* there are now */
};
void hvh_vmbus_stats(const struct hvh_vmbus *bus, struct hvh_vmbus_stats *out);

#endif
