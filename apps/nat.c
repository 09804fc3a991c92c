/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A flow has two keys: a connection as inside knows it, and as answers to it arrive outside. The
 * second differs from the inverse of the first only in its destination: our outside address, and a
 * port of ours. The port is the one the inside chose when that is free, so that most programs keep
 * the port they have, whoever they talk to (RFC 4787, 4.2.2).
 *
 * Only the inside begins: TCP by a SYN, UDP by anything, ICMP by an echo request. From outside,
 * what belongs to no flow is for the router itself, whose stack answers as any host would.
 *
 * Checks come in the order in which a router must make them: may this source and this destination
 * be routed at all, is it too old, is it too long, and only then does a packet cost memory. ICMP
 * errors carry the packet they are about, which is what they are found by and rewritten for.
 */
#include "nat.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static uint32_t host32(uint32_t net)
{
    return __builtin_bswap32(net); /* no big-endian machines */
}

static uint16_t host16(uint16_t net)
{
    return __builtin_bswap16(net);
}

int nat_create(struct nat *nat, uint32_t flows)
{
    memset(nat, 0, sizeof(*nat));
    nat->mtu_bytes[NAT_INSIDE] = nat->mtu_bytes[NAT_OUTSIDE] = 1500;
    nat->port_min = 1024;
    nat->port_max = UINT16_MAX;
    return flow_table_create(&nat->flows, flows);
}

void nat_destroy(struct nat *nat)
{
    flow_table_destroy(&nat->flows);
}

void nat_set_outside(struct nat *nat, uint32_t address)
{
    if (address == nat->outside_address)
        return;
    nat->outside_address = address;
    flow_forget_all(&nat->flows);
}

/* ---- addresses ------------------------------------------------------------------------------- */

static bool is_inside(const struct nat *nat, uint32_t address)
{
    return ((address ^ nat->inside_address) & nat->inside_mask) == 0;
}

static bool is_group(uint32_t address)
{
    return host32(address) >> 28 == 0xE || address == UINT32_MAX;
}

/* Addresses no router may see as source or destination: this host, loopback, reserved. */
static bool is_unroutable(uint32_t address)
{
    const uint32_t top = host32(address) >> 24;

    return top == 0 || top == 127 || top >= 240;
}

/* The first and the last address of the inside network: nobody's, and everybody's. */
static bool is_inside_edge(const struct nat *nat, uint32_t address)
{
    const uint32_t rest = address & ~nat->inside_mask;

    return is_inside(nat, address) && host32(~nat->inside_mask) > 1 &&
           (rest == 0 || rest == ~nat->inside_mask);
}

/* ---- verdicts -------------------------------------------------------------------------------- */

static enum nat_verdict drop(uint64_t *counter)
{
    (*counter)++;
    return NAT_DROP;
}

static enum nat_verdict local(struct nat *nat)
{
    nat->stats.local++;
    return NAT_LOCAL;
}

/* Old or long? NAT_FORWARD if neither. */
static enum nat_verdict check_passage(struct nat *nat, enum nat_side to, const struct packet *p)
{
    if (p->ttl <= 1) {
        nat->stats.drop_ttl++;
        return NAT_TELL_TTL;
    }
    if (p->dont_fragment && p->total_bytes > nat->mtu_bytes[to]) {
        nat->stats.drop_too_big++;
        return NAT_TELL_TOO_BIG;
    }
    return NAT_FORWARD;
}

static void pass(struct flow_table *flows, struct flow *flow, unsigned direction, struct packet *p,
                 bool hide, uint64_t now_ns)
{
    const struct packet_key to = packet_inverse(&flow->key[1 - direction]);

    if (!p->inner) /* what happens to errors keeps no connection alive */
        flow_touch(flows, flow, direction, p->flags, now_ns);
    packet_rewrite(p, &to, hide);
    packet_age(p);
}

/* ---- from inside ----------------------------------------------------------------------------- */

static bool may_begin(const struct packet *p)
{
    if (p->inner)
        return false;
    if (p->key.proto == PACKET_TCP)
        return (p->flags & (PACKET_SYN | PACKET_ACK | PACKET_RST | PACKET_FIN)) == PACKET_SYN;
    return p->key.proto == PACKET_UDP || p->echo_request;
}

static enum flow_class class_of(const struct packet *p)
{
    if (p->key.proto == PACKET_TCP)
        return FLOW_TCP_OPENING;
    return p->key.proto == PACKET_UDP ? FLOW_UDP : FLOW_ICMP;
}

/* The new flow of (p), or NULL after counting why there is none. */
static struct flow *begin(struct nat *nat, const struct packet *p, uint64_t now_ns)
{
    struct packet_key key[2] = {p->key, packet_inverse(&p->key)};

    if (!may_begin(p)) {
        nat->stats.drop_no_flow++;
        return NULL;
    }
    if (nat->flows.free == FLOW_NONE && flow_expire(&nat->flows, now_ns, 1) == 0) {
        nat->stats.drop_table_full++;
        return NULL;
    }
    key[FLOW_ANSWER].dst = nat->outside_address;
    if (flow_pick_port(&nat->flows, &key[FLOW_ANSWER], host16(p->key.sport), nat->port_min,
                       nat->port_max)) {
        nat->stats.drop_no_port++;
        return NULL;
    }
    return flow_add(&nat->flows, key, class_of(p), now_ns);
}

/* May a packet from inside to (p->dst) be routed? NAT_FORWARD if so. */
static enum nat_verdict check_from_inside(struct nat *nat, const struct packet *p)
{
    if (p->dst == nat->inside_address || p->dst == nat->outside_address || is_group(p->dst) ||
        is_inside_edge(nat, p->dst))
        return local(nat);
    if (!is_inside(nat, p->src) || is_inside_edge(nat, p->src) || p->src == nat->inside_address)
        return drop(&nat->stats.drop_source);
    if (is_unroutable(p->dst))
        return drop(&nat->stats.drop_destination);
    if (is_inside(nat, p->dst))
        return drop(&nat->stats.drop_same_side);
    if (nat->outside_address)
        return check_passage(nat, NAT_OUTSIDE, p);
    nat->stats.drop_no_route++;
    return NAT_TELL_NO_ROUTE;
}

static enum nat_verdict from_inside(struct nat *nat, struct packet *p, uint64_t now_ns)
{
    enum nat_verdict verdict = check_from_inside(nat, p);
    unsigned direction = FLOW_BEGUN;
    struct flow *flow;

    if (verdict != NAT_FORWARD)
        return verdict;
    flow = flow_find(&nat->flows, &p->key, &direction);
    if (!flow)
        flow = begin(nat, p, now_ns);
    if (!flow)
        return NAT_DROP;
    if (direction != FLOW_BEGUN)
        return drop(&nat->stats.drop_source); /* an answer belongs outside */
    pass(&nat->flows, flow, FLOW_BEGUN, p, true, now_ns);
    nat->stats.out++;
    return NAT_FORWARD;
}

/* ---- from outside ---------------------------------------------------------------------------- */

static enum nat_verdict from_outside(struct nat *nat, struct packet *p, uint64_t now_ns)
{
    enum nat_verdict verdict;
    unsigned direction;
    struct flow *flow;

    if (is_group(p->dst) || !nat->outside_address)
        return local(nat);
    if (p->dst != nat->outside_address)
        return drop(&nat->stats.drop_not_ours);
    if (is_inside(nat, p->src) || is_group(p->src) || is_unroutable(p->src) ||
        p->src == nat->outside_address)
        return drop(&nat->stats.drop_source);
    flow = flow_find(&nat->flows, &p->key, &direction);
    if (!flow || direction != FLOW_ANSWER)
        return local(nat);
    verdict = check_passage(nat, NAT_INSIDE, p);
    if (verdict != NAT_FORWARD)
        return verdict;
    pass(&nat->flows, flow, FLOW_ANSWER, p, false, now_ns);
    nat->stats.in++;
    return NAT_FORWARD;
}

enum nat_verdict nat_packet(struct nat *nat, enum nat_side from, struct packet *p,
                            enum packet_fault fault, uint64_t now_ns)
{
    nat->stats.packets++;
    switch (fault) {
    case PACKET_OK:
        break;
    case PACKET_MALFORMED:
        return drop(&nat->stats.drop_malformed);
    case PACKET_FRAGMENT:
        return drop(&nat->stats.drop_fragment);
    case PACKET_UNKNOWN:
        /* IGMP, say: the stack may know it. */
        if (p->dst == nat->inside_address || p->dst == nat->outside_address || is_group(p->dst))
            return local(nat);
        return drop(&nat->stats.drop_unknown);
    }
    return from == NAT_INSIDE ? from_inside(nat, p, now_ns) : from_outside(nat, p, now_ns);
}

const char *nat_audit(const struct nat *nat)
{
    static char text[120];
    const struct nat_stats *s = &nat->stats;
    uint64_t known = 0;

#define X(name, help) known += s->name;
    NAT_STATS(X)
#undef X
    if (s->packets == known)
        return NULL;
    snprintf(text, sizeof(text), "translator: %llu packets, %llu forwarded, taken or dropped",
             (unsigned long long)s->packets, (unsigned long long)known);
    return text;
}
