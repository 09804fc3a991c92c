/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A layer 4 load balancer: which backend gets a connection to the virtual address, and what becomes
 * of its packets. Decides about one packet and rewrites it in place; no lwIP here.
 */
#ifndef LB_H
#define LB_H

#include "flow.h"
#include "packet.h"

#define LB_BACKENDS_MAX 64u

/* X(name, help): every packet given to lb_packet() is in exactly one of these. */
#define LB_STATS(X)                                                                                \
    X(to_backend, "packets forwarded to a backend")                                                \
    X(to_client, "packets forwarded back to a client")                                             \
    X(local, "packets for the balancer itself")                                                    \
    X(drop_malformed, "packets dropped: lengths, version or header sum are wrong")                 \
    X(drop_fragment, "fragments dropped: only the first has ports")                                \
    X(drop_no_flow, "packets dropped: of no connection, and not the first of one")                 \
    X(drop_no_backend, "packets dropped: no backend is up")                                        \
    X(drop_no_port, "packets dropped: no port towards the backend was found")                      \
    X(drop_table_full, "packets dropped: as many connections as there may be")                     \
    X(drop_ttl, "packets dropped: too many routers on their way")

struct lb_stats {
#define X(name, help) uint64_t name;
    LB_STATS(X)
#undef X
    uint64_t packets; /* given */
};

/* Addresses and ports in network byte order. */
struct lb_backend {
    uint32_t address;
    uint16_t port;
    bool down;          /* gets no new connections */
    uint32_t flows;     /* it has now */
    uint64_t flows_all; /* and has had */
};

struct lb {
    uint32_t own; /* the address connections to backends come from */
    uint32_t vip; /* may be (own), but not with (direct) */
    uint16_t vport;
    uint8_t proto; /* PACKET_TCP or PACKET_UDP */
    bool least;    /* the backend with the fewest connections; else by hash of the client */
    bool direct;   /* backends have the virtual address and answer the client themselves */
    uint8_t hash_key[16];
    struct lb_backend backend[LB_BACKENDS_MAX];
    unsigned backends;
    struct flow_table flows;
    struct lb_stats stats;
};

enum lb_verdict {
    LB_FORWARD, /* send it to (*next_hop) */
    LB_LOCAL,   /* untouched: the stack wants it */
    LB_DROP,
};

/* As flow_table_create(). */
int lb_create(struct lb *lb, uint32_t flows);
void lb_destroy(struct lb *lb);

/* (p) as packet_parse() left it, which said (fault). */
enum lb_verdict lb_packet(struct lb *lb, struct packet *p, enum packet_fault fault, uint64_t now_ns,
                          uint32_t *next_hop);

/* NULL, or a sentence with the numbers, good until the next call. */
const char *lb_audit(const struct lb *lb);

#endif
