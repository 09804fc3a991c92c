/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connections as a translator knows them: a table of fixed size, found from either side, forgotten
 * when they have been quiet for too long. Time comes from the caller, in nanoseconds.
 */
#ifndef FLOW_H
#define FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "packet.h"

/* How long a quiet flow is remembered depends on what it is. */
enum flow_class {
    FLOW_TCP_OPENING,
    FLOW_TCP_OPEN,
    FLOW_TCP_CLOSING,
    FLOW_UDP,
    FLOW_ICMP,
    FLOW_CLASSES,
};

#define FLOW_NONE UINT32_MAX

struct flow {
    /* As packets of the two directions arrive: of who began, and of who answers. A packet that is
     * found by one leaves as the inverse of the other. */
    struct packet_key key[2];
    uint32_t next[2];      /* in the bucket of key[i] */
    uint32_t older, newer; /* in the list of its class */
    uint64_t touched_ns;
    uint8_t kind;  /* enum flow_class */
    uint8_t fins;  /* bit per direction */
    bool answered; /* a packet of the second direction was seen */
    uint8_t user;  /* the translator's: which backend, say */
};
#define FLOW_BEGUN 0u
#define FLOW_ANSWER 1u

struct flow_list {
    uint32_t oldest, newest;
};

struct flow_table {
    struct flow *flow;
    uint32_t *bucket; /* twice the index of a flow, plus the direction */
    uint32_t capacity, bucket_mask;
    uint32_t free; /* through next[0] */
    uint32_t used;
    struct flow_list list[FLOW_CLASSES];
    uint64_t quiet_ns[FLOW_CLASSES];
    void (*gone)(void *ctx, const struct flow *flow); /* forgotten one by one; may be NULL */
    void *ctx;
    uint8_t hash_key[16]; /* strangers choose addresses and ports, not buckets */
};

/* Room for (capacity) flows, 1 to 2^24, with usual times in quiet_ns, which may be changed.
 * -ENOMEM, -EINVAL. */
int flow_table_create(struct flow_table *t, uint32_t capacity);
void flow_table_destroy(struct flow_table *t);

/* The flow of (key) and the direction it says, or NULL. */
struct flow *flow_find(struct flow_table *t, const struct packet_key *key, unsigned *direction);

/* NULL when the table is full. Neither key may be there yet. */
struct flow *flow_add(struct flow_table *t, const struct packet_key key[2], enum flow_class kind,
                      uint64_t now_ns);
void flow_remove(struct flow_table *t, struct flow *flow);

/* A packet of (flow) in (direction) with TCP's (flags) was seen: it is young again. */
void flow_touch(struct flow_table *t, struct flow *flow, unsigned direction, uint8_t flags,
                uint64_t now_ns);

/* Forget flows that have been quiet for too long, at most (max). Returns how many. */
unsigned flow_expire(struct flow_table *t, uint64_t now_ns, unsigned max);
/* At once, without telling (gone). */
void flow_forget_all(struct flow_table *t);

/*
 * Choose answer->dport [echo: the identifier there], out of (min)..(max) in host byte order, so
 * that nobody else has the key: (prefer) if it is free, else at random. -EADDRINUSE when none is
 * found in some tries.
 */
int flow_pick_port(struct flow_table *t, struct packet_key *answer, uint16_t prefer, uint16_t min,
                   uint16_t max);

#endif
