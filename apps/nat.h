/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Network address translation between an inside network and one outside address (RFC 3022, with
 * what RFC 4787, 5382 and 5508 ask for): decides about one packet and rewrites it in place. Whoever
 * owns the frames does the rest. No lwIP here.
 */
#ifndef NAT_H
#define NAT_H

#include "flow.h"
#include "packet.h"

enum nat_side { NAT_INSIDE, NAT_OUTSIDE };

/* X(name, help): every packet given to nat_packet() is in exactly one of these. */
#define NAT_STATS(X)                                                                               \
    X(out, "packets forwarded from inside to outside")                                             \
    X(in, "packets forwarded from outside to inside")                                              \
    X(local, "packets for the router itself")                                                      \
    X(drop_malformed, "packets dropped: lengths, version or header sum are wrong")                 \
    X(drop_unknown, "packets dropped: neither TCP, UDP, ICMP echo nor an error about these")       \
    X(drop_fragment, "fragments given to the translator unassembled")                              \
    X(drop_source, "packets dropped: a source address that cannot be there")                       \
    X(drop_destination, "packets dropped: an address nobody may route to")                         \
    X(drop_same_side, "packets dropped: from inside to inside")                                    \
    X(drop_not_ours, "packets dropped: from outside to another address than ours")                 \
    X(drop_no_flow, "packets dropped: of no connection, and not the first of one")                 \
    X(drop_no_route, "packets dropped: there is no outside address yet")                           \
    X(drop_no_port, "packets dropped: no outside port was found")                                  \
    X(drop_table_full, "packets dropped: as many connections as there may be")                     \
    X(drop_ttl, "packets dropped: too many routers on their way")                                  \
    X(drop_too_big, "packets dropped: too long for the other side, and not to be cut")

struct nat_stats {
#define X(name, help) uint64_t name;
    NAT_STATS(X)
#undef X
    uint64_t packets; /* given */
};

struct nat {
    /* Set by the owner at any time. Addresses in network byte order, 0 = none (yet). */
    uint32_t inside_address, inside_mask;
    uint32_t outside_address; /* use nat_set_outside() */
    uint32_t mtu_bytes[2];    /* by enum nat_side */
    uint16_t port_min, port_max;
    struct nat_stats stats;
    struct flow_table flows;
};

enum nat_verdict {
    NAT_FORWARD, /* rewritten: send it to p->key.dst on the other side */
    NAT_LOCAL,   /* untouched: the router's own stack wants it */
    NAT_DROP,
    /* Drop it, and tell the sender with packet_icmp_error(): */
    NAT_TELL_TTL,
    NAT_TELL_TOO_BIG,
    NAT_TELL_NO_ROUTE,
};

/* As flow_table_create(). */
int nat_create(struct nat *nat, uint32_t flows);
void nat_destroy(struct nat *nat);

/* Another outside address: all connections of the old one are forgotten. */
void nat_set_outside(struct nat *nat, uint32_t address);

/* (p) as packet_parse() left it, which said (fault), came in on (from). */
enum nat_verdict nat_packet(struct nat *nat, enum nat_side from, struct packet *p,
                            enum packet_fault fault, uint64_t now_ns);

/* NULL, or a sentence with the numbers, good until the next call. */
const char *nat_audit(const struct nat *nat);

#endif
