/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A connection to the virtual address gets a backend with its first packet and keeps it: the table
 * of flows says which. The backend is the one with the fewest connections, or the one for which a
 * keyed hash of client and backend is highest (rendezvous hashing): when one goes down only its own
 * clients move, and they come back when it does.
 *
 * Both addresses are translated, so that backends answer to us wherever they are, and see us as
 * their client. Or (direct) nothing is: the packet goes to the backend's MAC address as it is, and
 * the backend, which has the virtual address too, answers the client itself; only the clients' half
 * of a connection is seen then.
 *
 * A backend that is down keeps the connections it has, for they may live; but a client that begins
 * anew on the same ports is given another.
 */
#include "lb.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "port_rand.h"

#define PORT_MIN 1024u

static void flow_gone(void *ctx, const struct flow *flow)
{
    struct lb *lb = ctx;

    lb->backend[flow->user].flows--;
}

int lb_create(struct lb *lb, uint32_t flows)
{
    int rc;

    memset(lb, 0, sizeof(*lb));
    lb->proto = PACKET_TCP;
    port_rand_bytes(lb->hash_key, sizeof(lb->hash_key));
    rc = flow_table_create(&lb->flows, flows);
    lb->flows.gone = flow_gone;
    lb->flows.ctx = lb;
    return rc;
}

void lb_destroy(struct lb *lb)
{
    flow_table_destroy(&lb->flows);
}

/* ---- choosing -------------------------------------------------------------------------------- */

static uint64_t weight(const struct lb *lb, const struct packet_key *client, unsigned i)
{
    const uint32_t what[4] = {client->src, client->sport, lb->backend[i].address,
                              lb->backend[i].port};

    return port_siphash(lb->hash_key, what, sizeof(what));
}

/* -ENOENT when none is up. */
static int choose(const struct lb *lb, const struct packet_key *client)
{
    int best = -ENOENT;
    uint64_t best_weight = 0;

    for (unsigned i = 0; i < lb->backends; i++) {
        uint64_t w;

        if (lb->backend[i].down)
            continue;
        w = lb->least ? UINT32_MAX - lb->backend[i].flows : weight(lb, client, i);
        if (best < 0 || w > best_weight) {
            best = (int)i;
            best_weight = w;
        }
    }
    return best;
}

static bool begins(const struct lb *lb, const struct packet *p)
{
    const uint8_t flags = PACKET_SYN | PACKET_ACK | PACKET_RST | PACKET_FIN;

    if (p->inner || p->key.proto != lb->proto || p->key.dst != lb->vip || p->key.dport != lb->vport)
        return false;
    return lb->proto == PACKET_UDP || (p->flags & flags) == PACKET_SYN;
}

/* The new flow of (p), or NULL after counting why there is none. */
static struct flow *begin(struct lb *lb, const struct packet *p, uint64_t now_ns)
{
    struct packet_key key[2] = {p->key, packet_inverse(&p->key)};
    const int chosen = choose(lb, &p->key);
    struct flow *flow;

    if (chosen < 0) {
        lb->stats.drop_no_backend++;
        return NULL;
    }
    if (lb->flows.free == FLOW_NONE && flow_expire(&lb->flows, now_ns, 1) == 0) {
        lb->stats.drop_table_full++;
        return NULL;
    }
    if (!lb->direct) {
        key[FLOW_ANSWER].src = lb->backend[chosen].address;
        key[FLOW_ANSWER].sport = lb->backend[chosen].port;
        key[FLOW_ANSWER].dst = lb->own;
        if (flow_pick_port(&lb->flows, &key[FLOW_ANSWER], __builtin_bswap16(p->key.sport), PORT_MIN,
                           UINT16_MAX)) {
            lb->stats.drop_no_port++;
            return NULL;
        }
    }
    flow = flow_add(&lb->flows, key, lb->proto == PACKET_TCP ? FLOW_TCP_OPENING : FLOW_UDP, now_ns);
    flow->user = (uint8_t)chosen;
    lb->backend[chosen].flows++;
    lb->backend[chosen].flows_all++;
    return flow;
}

/* ---- packets --------------------------------------------------------------------------------- */

static enum lb_verdict drop(uint64_t *counter)
{
    (*counter)++;
    return LB_DROP;
}

/* What is ours but belongs to no flow. */
static enum lb_verdict stray(struct lb *lb, const struct packet *p)
{
    if (p->dst == lb->vip && lb->vip != lb->own)
        return drop(&lb->stats.drop_no_flow); /* the stack does not know this address */
    lb->stats.local++;
    return LB_LOCAL;
}

static enum lb_verdict pass(struct lb *lb, struct packet *p, struct flow *flow, unsigned direction,
                            uint64_t now_ns)
{
    const struct packet_key to = packet_inverse(&flow->key[1 - direction]);

    if (!p->inner)
        flow_touch(&lb->flows, flow, direction, p->flags, now_ns);
    if (!lb->direct)
        packet_rewrite(p, &to, true);
    packet_age(p);
    if (direction == FLOW_BEGUN)
        lb->stats.to_backend++;
    else
        lb->stats.to_client++;
    return LB_FORWARD;
}

enum lb_verdict lb_packet(struct lb *lb, struct packet *p, enum packet_fault fault, uint64_t now_ns,
                          uint32_t *next_hop)
{
    unsigned direction = FLOW_BEGUN;
    struct flow *flow;

    lb->stats.packets++;
    if (fault == PACKET_MALFORMED)
        return drop(&lb->stats.drop_malformed);
    if (fault == PACKET_FRAGMENT && p->dst == lb->vip && p->key.proto == lb->proto)
        return drop(&lb->stats.drop_fragment);
    if (fault != PACKET_OK)
        return stray(lb, p);
    flow = flow_find(&lb->flows, &p->key, &direction);
    if (flow && direction == FLOW_BEGUN && lb->backend[flow->user].down && begins(lb, p)) {
        flow_remove(&lb->flows, flow);
        flow = NULL;
    }
    if (!flow && !begins(lb, p))
        return stray(lb, p);
    if (p->ttl <= 1)
        return drop(&lb->stats.drop_ttl);
    if (!flow)
        flow = begin(lb, p, now_ns);
    if (!flow)
        return LB_DROP;
    *next_hop = lb->backend[flow->user].address;
    pass(lb, p, flow, direction, now_ns);
    if (!lb->direct)
        *next_hop = p->key.dst;
    return LB_FORWARD;
}

const char *lb_audit(const struct lb *lb)
{
    static char text[120];
    uint64_t known = 0, flows = 0;

#define X(name, help) known += lb->stats.name;
    LB_STATS(X)
#undef X
    for (unsigned i = 0; i < lb->backends; i++)
        flows += lb->backend[i].flows;
    if (lb->stats.packets == known && flows == lb->flows.used)
        return NULL;
    snprintf(text, sizeof(text), "balancer: %llu packets, %llu accounted for; %llu of %u flows",
             (unsigned long long)lb->stats.packets, (unsigned long long)known,
             (unsigned long long)flows, lb->flows.used);
    return text;
}
