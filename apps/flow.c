/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * One array of flows, one of buckets; links are indices. Each flow hangs in two buckets, one per
 * direction, and in one list per class, youngest last, so that forgetting looks at the heads of
 * five lists and a packet costs one hash and two list operations. The hash has a secret key:
 * packets of strangers decide what goes in.
 *
 * TCP: a flow is open once both sides have sent and the first acknowledges, closing once both have
 * sent FIN or either RST. Nothing checks sequence numbers, so a forged RST must not end anything:
 * a closing flow still works, for as long as it is used, and its time is only shorter.
 */
#include "flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "port_clock.h"
#include "port_rand.h"

#define CAPACITY_MAX (1u << 24)
#define PORT_TRIES 128u

/* RFC 5382, 4787 and 5508 give the least of each. */
static const uint64_t usual_ns[FLOW_CLASSES] = {
    [FLOW_TCP_OPENING] = 240 * PORT_NS_PER_S, [FLOW_TCP_OPEN] = 7440 * PORT_NS_PER_S,
    [FLOW_TCP_CLOSING] = 240 * PORT_NS_PER_S, [FLOW_UDP] = 300 * PORT_NS_PER_S,
    [FLOW_ICMP] = 60 * PORT_NS_PER_S,
};

static void make_empty(struct flow_table *t)
{
    for (uint32_t i = 0; i <= t->bucket_mask; i++)
        t->bucket[i] = FLOW_NONE;
    for (uint32_t i = 0; i < t->capacity; i++)
        t->flow[i].next[0] = i + 1 < t->capacity ? i + 1 : FLOW_NONE;
    for (unsigned i = 0; i < FLOW_CLASSES; i++)
        t->list[i] = (struct flow_list){FLOW_NONE, FLOW_NONE};
    t->free = 0;
    t->used = 0;
}

int flow_table_create(struct flow_table *t, uint32_t capacity)
{
    uint32_t buckets = 2;

    memset(t, 0, sizeof(*t));
    if (capacity == 0 || capacity > CAPACITY_MAX)
        return -EINVAL;
    while (buckets < 2 * capacity) /* two keys each: half full at most */
        buckets *= 2;
    buckets *= 2;
    t->flow = calloc(capacity, sizeof(*t->flow));
    t->bucket = malloc(buckets * sizeof(*t->bucket));
    if (!t->flow || !t->bucket) {
        flow_table_destroy(t);
        return -ENOMEM;
    }
    t->capacity = capacity;
    t->bucket_mask = buckets - 1;
    memcpy(t->quiet_ns, usual_ns, sizeof(usual_ns));
    port_rand_bytes(t->hash_key, sizeof(t->hash_key));
    make_empty(t);
    return 0;
}

void flow_table_destroy(struct flow_table *t)
{
    free(t->flow);
    free(t->bucket);
    t->flow = NULL;
    t->bucket = NULL;
}

void flow_forget_all(struct flow_table *t)
{
    make_empty(t);
}

/* ---- buckets --------------------------------------------------------------------------------- */

static uint32_t *bucket_of(const struct flow_table *t, const struct packet_key *key)
{
    return &t->bucket[port_siphash(t->hash_key, key, sizeof(*key)) & t->bucket_mask];
}

static bool same(const struct packet_key *a, const struct packet_key *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

struct flow *flow_find(struct flow_table *t, const struct packet_key *key, unsigned *direction)
{
    for (uint32_t at = *bucket_of(t, key); at != FLOW_NONE;) {
        struct flow *flow = &t->flow[at / 2];

        if (same(&flow->key[at % 2], key)) {
            *direction = at % 2;
            return flow;
        }
        at = flow->next[at % 2];
    }
    return NULL;
}

static void bucket_add(struct flow_table *t, uint32_t index, unsigned direction)
{
    struct flow *flow = &t->flow[index];
    uint32_t *bucket = bucket_of(t, &flow->key[direction]);

    flow->next[direction] = *bucket;
    *bucket = 2 * index + direction;
}

static void bucket_remove(struct flow_table *t, uint32_t index, unsigned direction)
{
    uint32_t *at = bucket_of(t, &t->flow[index].key[direction]);

    while (*at != 2 * index + direction)
        at = &t->flow[*at / 2].next[*at % 2];
    *at = t->flow[index].next[direction];
}

/* ---- ages ------------------------------------------------------------------------------------ */

static void list_add(struct flow_table *t, uint32_t index, enum flow_class kind)
{
    struct flow_list *list = &t->list[kind];
    struct flow *flow = &t->flow[index];

    flow->kind = (uint8_t)kind;
    flow->older = list->newest;
    flow->newer = FLOW_NONE;
    if (list->newest != FLOW_NONE)
        t->flow[list->newest].newer = index;
    else
        list->oldest = index;
    list->newest = index;
}

static void list_remove(struct flow_table *t, uint32_t index)
{
    struct flow *flow = &t->flow[index];
    struct flow_list *list = &t->list[flow->kind];

    if (flow->older != FLOW_NONE)
        t->flow[flow->older].newer = flow->newer;
    else
        list->oldest = flow->newer;
    if (flow->newer != FLOW_NONE)
        t->flow[flow->newer].older = flow->older;
    else
        list->newest = flow->older;
}

struct flow *flow_add(struct flow_table *t, const struct packet_key key[2], enum flow_class kind,
                      uint64_t now_ns)
{
    const uint32_t index = t->free;
    struct flow *flow;

    if (index == FLOW_NONE)
        return NULL;
    flow = &t->flow[index];
    t->free = flow->next[0];
    t->used++;
    *flow = (struct flow){.key = {key[0], key[1]}, .touched_ns = now_ns};
    bucket_add(t, index, FLOW_BEGUN);
    bucket_add(t, index, FLOW_ANSWER);
    list_add(t, index, kind);
    return flow;
}

void flow_remove(struct flow_table *t, struct flow *flow)
{
    const uint32_t index = (uint32_t)(flow - t->flow);

    if (t->gone)
        t->gone(t->ctx, flow);
    list_remove(t, index);
    bucket_remove(t, index, FLOW_BEGUN);
    bucket_remove(t, index, FLOW_ANSWER);
    flow->next[0] = t->free;
    t->free = index;
    t->used--;
}

/* ---- life ------------------------------------------------------------------------------------ */

static enum flow_class tcp_class(struct flow *flow, unsigned direction, uint8_t flags)
{
    const bool syn = (flags & (PACKET_SYN | PACKET_ACK)) == PACKET_SYN;

    if (flags & PACKET_RST)
        return FLOW_TCP_CLOSING;
    if (syn && direction == FLOW_BEGUN && flow->kind == FLOW_TCP_CLOSING) {
        flow->fins = 0; /* the same ports again */
        flow->answered = false;
        return FLOW_TCP_OPENING;
    }
    if (flags & PACKET_FIN)
        flow->fins |= (uint8_t)(1u << direction);
    if (flow->fins == 3)
        return FLOW_TCP_CLOSING;
    if (flow->kind == FLOW_TCP_OPENING && flow->answered && direction == FLOW_BEGUN &&
        flags & PACKET_ACK)
        return FLOW_TCP_OPEN;
    return (enum flow_class)flow->kind;
}

void flow_touch(struct flow_table *t, struct flow *flow, unsigned direction, uint8_t flags,
                uint64_t now_ns)
{
    const uint32_t index = (uint32_t)(flow - t->flow);
    enum flow_class kind = (enum flow_class)flow->kind;

    if (kind <= FLOW_TCP_CLOSING)
        kind = tcp_class(flow, direction, flags);
    flow->answered |= direction == FLOW_ANSWER;
    flow->touched_ns = now_ns;
    list_remove(t, index);
    list_add(t, index, kind);
}

unsigned flow_expire(struct flow_table *t, uint64_t now_ns, unsigned max)
{
    unsigned gone = 0;

    for (unsigned kind = 0; kind < FLOW_CLASSES; kind++) {
        while (gone < max && t->list[kind].oldest != FLOW_NONE) {
            struct flow *flow = &t->flow[t->list[kind].oldest];

            /* Not as a difference: a loop's idea of now may be older than a packet's. */
            if (now_ns < flow->touched_ns + t->quiet_ns[kind])
                break;
            flow_remove(t, flow);
            gone++;
        }
    }
    return gone;
}

static uint16_t swap16(uint16_t value)
{
    return __builtin_bswap16(value); /* no big-endian machines */
}

int flow_pick_port(struct flow_table *t, struct packet_key *answer, uint16_t prefer, uint16_t min,
                   uint16_t max)
{
    const uint32_t span = (uint32_t)max - min + 1;
    uint32_t port = prefer;
    unsigned direction;

    for (unsigned i = 0; i < PORT_TRIES; i++) {
        if (port >= min && port <= max) {
            answer->dport = swap16((uint16_t)port);
            if (!flow_find(t, answer, &direction))
                return 0;
        }
        port = min + port_rand_u32() % span;
    }
    return -EADDRINUSE;
}
