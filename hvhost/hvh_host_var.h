/* SPDX-License-Identifier: BSD-3-Clause */
/* The host as a whole, from inside: its switch, cards and services. */
#ifndef HVH_HOST_VAR_H
#define HVH_HOST_VAR_H

#include "hvh_var.h"

#define HVH_SERVICES_MAX 8u
#define HVH_DEPTH_MAX 4u /* frames sent from within deliver, from within deliver, ... */

/* Learned addresses: buckets of a few entries, the oldest gives way. */
#define HVH_FDB_BUCKETS 256u
#define HVH_FDB_WAYS 4u
#define HVH_FDB_AGE_NS (UINT64_C(300) * 1000000000)

struct hvh_fdb_entry {
    uint64_t mac; /* its first byte lowest */
    uint64_t seen_ns;
    uint32_t network;
    uint16_t port; /* index + 1; 0 = unused */
};

/* Where a port's last frame went. */
struct hvh_way {
    uint64_t epoch; /* 0: there was none */
    uint64_t first; /* its addresses, 8 bytes and 4 */
    uint32_t rest;
    struct hvhost_port *to; /* NULL: it was flooded */
};

struct hvhost_port {
    struct hvhost *host;
    const struct hvh_port_ops *ops;
    void *ctx;
    uint16_t index;
    uint32_t network; /* frames stay among ports with the same */
    struct hvh_way last;
    uint64_t wire_free_ns; /* hvh_impair.c: when its last frame has left it */
    /* hvhost_port_add() only */
    void (*user_deliver)(void *ctx, const struct hvhost_frame *frame);
    void *user_ctx;
};

struct hvh_service {
    const struct hvh_service_ops *ops;
    void *ctx;
};

struct hvhost {
    struct hvhost_config config;
    uint64_t now_ns; /* of the current or last step */
    struct hvhost_nic **nics;
    unsigned nic_count;
    struct hvhost_port *ports; /* max_nics + max_ports of them */
    unsigned port_count;
    struct hvh_service services[HVH_SERVICES_MAX];
    unsigned service_count;
    struct hvh_fdb_entry fdb[HVH_FDB_BUCKETS][HVH_FDB_WAYS];
    uint64_t epoch, epoch_ns;  /* of the table, when it began by itself: see hvh_switch.c */
    unsigned depth;            /* of nested sends */
    struct hvh_impair *impair; /* a service, too; NULL: a perfect switch */
    struct hvhost_switch_stats stats;
    uint8_t *gather;  /* one frame of a guest that came in pieces */
    uint8_t *scratch; /* HVH_SCRATCH_BYTES per level of nested sends: frames being finished */
    char *audit;      /* what hvhost_audit() has to say */
};

/* hvh_switch.c: put a frame on its way that entered at (from). */
void hvh_switch_forward(struct hvhost_port *from, const struct hvhost_frame *frame);

/* hvh_segment.c: (frame) in one piece, in the memory it has for that. */
struct hvhost_frame hvh_frame_whole(const struct hvhost_frame *frame);

/* hvh_impair.c: take a frame that entered at (from), and pass it on in a later step, or never. */
void hvh_impair_take(struct hvh_impair *impair, struct hvhost_port *from,
                     const struct hvhost_frame *frame);
uint32_t hvh_impair_held(const struct hvh_impair *impair); /* how many have yet to go on; NULL: 0 */

#define HVH_GATHER_BYTES (65536u + 128u)
#define HVH_AUDIT_BYTES 256u

#endif
