/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames between two of lwIP's interfaces, with nat.c in between. */
#ifndef NAT_ROUTER_H
#define NAT_ROUTER_H

#include "nat.h"
#include "netvsc_netif.h"

/*
 * X(name, help): what happens around nat.c. Every frame is in exactly one of to_nat, to_lwip and
 * absorbed; every packet nat.c forwards in one of sent and drop_send.
 */
#define NAT_ROUTER_STATS(X)                                                                        \
    X(to_nat, "frames with a packet to translate")                                                 \
    X(to_lwip, "frames of other kinds: ARP, groups, IPv6")                                         \
    X(absorbed, "fragments taken to be put together")                                              \
    X(reassembled, "datagrams put together")                                                       \
    X(cut, "datagrams cut into fragments again")                                                   \
    X(sent, "packets given to the other card")                                                     \
    X(drop_send, "packets the other card or ARP had no room for")                                  \
    X(icmp_sent, "ICMP errors sent")                                                               \
    X(icmp_limited, "ICMP errors not sent: too many this second, or no memory")

struct nat_router_stats {
#define X(name, help) uint64_t name;
    NAT_ROUTER_STATS(X)
#undef X
    uint64_t frames;
};

/* The only one: lwIP's input has no context of ours. */
extern struct nat_router {
    struct nat nat;
    struct netvsc_netif nif[2]; /* by enum nat_side */
    struct nat_router_stats stats;
    uint64_t icmp_second_ns;
    unsigned icmp_left;
} nat_router;

/* The input of both interfaces, instead of lwIP's. */
err_t nat_router_input(struct pbuf *p, struct netif *in);

/* NULL, or a sentence with the numbers, good until the next call. */
const char *nat_router_audit(void);

#endif
