/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * lwIP keeps its connections in singly linked lists: bound, active, in TIME_WAIT, listening. It
 * walks the active ones for every segment received and every connection closed, and all of them
 * for a free local port. Here the lists stay as they are, for everything else in lwIP reads them,
 * but each connection also has a link of 8 bytes in front of it:
 *
 *   - who precedes it in its list, so that it leaves without a walk;
 *   - the next one of its hash bucket, so that a segment finds it without a walk.
 *
 * TCP_REG and TCP_RMV, which lwIP uses for every change but one, come here (lwip_tcp.h). The
 * exception is tcp_slowtmr(), which cuts a connection out of its list by itself and then frees it:
 * port_tcp_forget() is called for every one freed and takes what is still linked off. It writes
 * the value tcp_slowtmr() has just written, so it need not know.
 *
 * tcp_input() here looks the connection up and calls lwIP's, in which the names of the lists stand
 * for the result (lwip_tcp_in.h). lwIP compares once more, finds its first candidate right, and
 * never gets to reorder a list.
 *
 * Connections are named by the number of their block, from FIRST_SLOT on; the smaller numbers tell
 * that one stands first in its list. Listening ones are other blocks, few, and stay as lwIP has
 * them.
 *
 * The hash is multilinear with random keys (Lemire and Kaser, "Strongly universal string hashing
 * is fast"): whoever chooses addresses and ports cannot choose the bucket.
 */
#include "port_tcp_table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/opt.h"

#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/tcp.h"
#include "port_log.h"
#include "port_rand.h"
#include "port_tcp_ends.h"
#include "port_tcp_loss.h"

/* Values of (prev) that name no connection. */
enum { UNLINKED, HEAD_BOUND, HEAD_ACTIVE, HEAD_TIME_WAIT, FIRST_SLOT };

struct link {
    uint32_t prev;
    uint32_t chain; /* 0 = last of its bucket */
};

struct block {
    struct link link;
    struct tcp_pcb pcb;
};

_Static_assert(sizeof(struct link) == PORT_TCP_LINK_BYTES, "what port_memp.c leaves free");
_Static_assert(offsetof(struct block, pcb) == PORT_TCP_LINK_BYTES, "no padding between");

#define CACHE_LINE_BYTES 64u

/* Two addresses of IPv6, the ports, and a constant. */
#define KEYS 10u

static struct {
    struct block *blocks;
    uint32_t *buckets;
    uint32_t bucket_mask;
    uint64_t keys[KEYS];
    uint32_t oldest_time_wait; /* last of its list; 0 = it is empty */
    u16_t last_port;
} table;

static uint32_t port_users[65536];

struct tcp_pcb *port_tcp_hit, *port_tcp_hit_tw, *port_tcp_opening;

static struct block *at(uint32_t slot)
{
    return &table.blocks[slot - FIRST_SLOT];
}

static struct block *block_of(struct tcp_pcb *pcb)
{
    return (struct block *)(void *)((uint8_t *)pcb - offsetof(struct block, pcb));
}

static uint32_t slot_of(struct tcp_pcb *pcb)
{
    return (uint32_t)(block_of(pcb) - table.blocks) + FIRST_SLOT;
}

uint32_t port_tcp_number(const struct tcp_pcb *pcb)
{
    return (uint32_t)(((uintptr_t)pcb - (uintptr_t)table.blocks) / sizeof(struct block));
}

struct tcp_pcb *port_tcp_at(uint32_t i)
{
    return &table.blocks[i].pcb;
}

/* At most one connection per bucket on average: a second one costs a line in no cache. */
void port_tcp_table_open(void *base, size_t count)
{
    static uint32_t single;
    size_t buckets = 1;

    while (buckets < count)
        buckets *= 2;
    free(table.buckets == &single ? NULL : table.buckets);
    memset(&table, 0, sizeof(table));
    table.blocks = base;
    table.buckets = calloc(buckets, sizeof(*table.buckets));
    if (table.buckets) {
        table.bucket_mask = (uint32_t)(buckets - 1);
    } else {
        port_log(PORT_LOG_WARN, "no memory for %zu hash buckets; connections cost more", buckets);
        table.buckets = &single;
    }
    port_rand_bytes(table.keys, sizeof(table.keys));
    table.last_port = (u16_t)port_rand_u32();
    port_tcp_timer_open(count);
}

/* ---- finding --------------------------------------------------------------------------------- */

static uint64_t add_address(uint64_t sum, const ip_addr_t *addr, const uint64_t keys[4])
{
    const uint32_t *words = ip_2_ip6(addr)->addr;

    if (!IP_IS_V6(addr))
        return sum + keys[0] * ip4_addr_get_u32(ip_2_ip4(addr));
    return sum + keys[0] * words[0] + keys[1] * words[1] + keys[2] * words[2] + keys[3] * words[3];
}

uint32_t port_tcp_hash(const struct port_tcp_tuple *t)
{
    const uint32_t ports = (uint32_t)t->local_port << 16 | t->remote_port;
    uint64_t sum = table.keys[0] + table.keys[1] * ports;

    sum = add_address(sum, t->local, &table.keys[2]);
    sum = add_address(sum, t->remote, &table.keys[6]);
    return (uint32_t)(sum >> 32);
}

const uint32_t *port_tcp_bucket(uint32_t hash)
{
    return &table.buckets[hash & table.bucket_mask];
}

static uint32_t *bucket_of(const struct port_tcp_tuple *t)
{
    return &table.buckets[port_tcp_hash(t) & table.bucket_mask];
}

static struct port_tcp_tuple tuple_of(const struct tcp_pcb *pcb)
{
    return (struct port_tcp_tuple){&pcb->local_ip, &pcb->remote_ip, pcb->local_port,
                                   pcb->remote_port};
}

/* The same conditions as in lwIP's tcp_input(). */
static bool matches(const struct tcp_pcb *pcb, const struct port_tcp_tuple *t)
{
    if (pcb->netif_idx != NETIF_NO_INDEX &&
        pcb->netif_idx != netif_get_index(ip_data.current_input_netif))
        return false;
    return pcb->remote_port == t->remote_port && pcb->local_port == t->local_port &&
           ip_addr_eq(&pcb->remote_ip, t->remote) && ip_addr_eq(&pcb->local_ip, t->local);
}

/* All of a block is about to be used; with many connections none of it is in a cache. */
struct tcp_pcb *port_tcp_fetch(uint32_t slot)
{
    struct block *block = at(slot);

    for (size_t off = 0; off < sizeof(*block); off += CACHE_LINE_BYTES)
        __builtin_prefetch((const uint8_t *)block + off);
    /* It does not begin where a line does, so it ends in one more. */
    __builtin_prefetch(&block->pcb.rcv_scale);
    return &block->pcb;
}

const struct tcp_pcb *port_tcp_in(uint32_t slot, uint32_t *next)
{
    *next = at(slot)->link.chain;
    return &at(slot)->pcb;
}

static void find(const struct port_tcp_tuple *t)
{
    for (uint32_t slot = *bucket_of(t); slot; slot = at(slot)->link.chain) {
        struct tcp_pcb *pcb = port_tcp_fetch(slot);

        if (!matches(pcb, t))
            continue;
        if (pcb->state != TIME_WAIT) {
            port_tcp_hit = pcb;
            return;
        }
        port_tcp_hit_tw = pcb; /* an active one, bound to this interface, would go first */
    }
}

void tcp_input(struct pbuf *p, struct netif *inp)
{
    const struct tcp_hdr *head = p->payload;

    port_tcp_hit = port_tcp_hit_tw = NULL;
    if (p->len >= TCP_HLEN) {
        const struct port_tcp_tuple t = {ip_current_dest_addr(), ip_current_src_addr(),
                                         lwip_ntohs(head->dest), lwip_ntohs(head->src)};

        find(&t);
    }
    if (port_tcp_hit_tw && port_tcp_replace(port_tcp_hit_tw, head))
        port_tcp_hit_tw = NULL;
    port_tcp_opening = port_tcp_hit && port_tcp_hit->state < ESTABLISHED && !port_tcp_hit->nrtx
                           ? port_tcp_hit
                           : NULL;
    port_tcp_loss_begin(port_tcp_hit);
    if (port_tcp_hit)
        port_tcp_keep(port_tcp_hit);
    lwip_tcp_input(p, inp);
    port_tcp_replaced();
    port_tcp_loss_end();
}

/* ---- notes for others ------------------------------------------------------------------------ */

static struct {
    struct port_tcp_end *ends;
    _Atomic uint32_t *used;
} notes;

void port_tcp_note(struct port_tcp_end *ends, _Atomic uint32_t *used)
{
    notes.ends = ends;
    notes.used = used;
}

static void note(const struct tcp_pcb *pcb)
{
    const uint32_t i = port_tcp_number(pcb);
    struct port_tcp_end *end = &notes.ends[i];

    if (*notes.used <= i)
        *notes.used = i + 1;
    end->local = pcb->local_ip;
    end->remote = pcb->remote_ip;
    end->isn = pcb->snd_nxt;
    end->local_port = pcb->local_port;
    atomic_store_explicit(&end->remote_port, pcb->remote_port, memory_order_release);
}

/* ---- joining and leaving --------------------------------------------------------------------- */

void port_tcp_show(struct tcp_pcb *pcb)
{
    const struct port_tcp_tuple t = tuple_of(pcb);
    uint32_t *bucket = bucket_of(&t);

    block_of(pcb)->link.chain = *bucket;
    *bucket = slot_of(pcb);
    if (notes.ends && pcb->state != TIME_WAIT)
        note(pcb);
}

/* Bound connections are in no bucket; the one they would be in is short, too. */
void port_tcp_hide(struct tcp_pcb *pcb)
{
    const struct port_tcp_tuple t = tuple_of(pcb);
    const uint32_t slot = slot_of(pcb);

    for (uint32_t *from = bucket_of(&t); *from; from = &at(*from)->link.chain) {
        if (*from == slot) {
            *from = block_of(pcb)->link.chain;
            return;
        }
    }
}

static void push(struct tcp_pcb *pcb, struct tcp_pcb **list, uint32_t head)
{
    pcb->next = *list;
    if (pcb->next)
        block_of(pcb->next)->link.prev = slot_of(pcb);
    block_of(pcb)->link.prev = head;
    *list = pcb;
}

void port_tcp_reg(struct tcp_pcb *pcb)
{
    port_users[pcb->local_port]++;
    if (pcb->state == LISTEN) {
        pcb->next = tcp_listen_pcbs.pcbs;
        tcp_listen_pcbs.pcbs = pcb;
    } else if (pcb->state == CLOSED) {
        push(pcb, &tcp_bound_pcbs, HEAD_BOUND);
    } else if (pcb->state == TIME_WAIT) {
        if (!tcp_tw_pcbs)
            table.oldest_time_wait = slot_of(pcb);
        push(pcb, &tcp_tw_pcbs, HEAD_TIME_WAIT);
        port_tcp_show(pcb);
    } else {
        push(pcb, &tcp_active_pcbs, HEAD_ACTIVE);
        port_tcp_show(pcb);
    }
}

static struct tcp_pcb **next_of_previous(uint32_t prev)
{
    switch (prev) {
    case HEAD_BOUND:
        return &tcp_bound_pcbs;
    case HEAD_ACTIVE:
        return &tcp_active_pcbs;
    case HEAD_TIME_WAIT:
        return &tcp_tw_pcbs;
    default:
        return &at(prev)->pcb.next;
    }
}

static void rmv_listener(struct tcp_pcb *pcb)
{
    struct tcp_pcb **from = &tcp_listen_pcbs.pcbs;

    while (*from && *from != pcb)
        from = &(*from)->next;
    if (*from)
        *from = pcb->next;
    port_users[pcb->local_port]--;
}

void port_tcp_forget(struct tcp_pcb *pcb)
{
    struct link *link = &block_of(pcb)->link;

    port_tcp_forget_tails(pcb);
    port_tcp_timer_forget(port_tcp_number(pcb));
    port_tcp_loss_forget(pcb);
    if (link->prev == UNLINKED)
        return;
    if (notes.ends)
        notes.ends[port_tcp_number(pcb)].remote_port = 0;
    port_tcp_hide(pcb);
    if (slot_of(pcb) == table.oldest_time_wait)
        table.oldest_time_wait = link->prev >= FIRST_SLOT ? link->prev : 0;
    *next_of_previous(link->prev) = pcb->next;
    if (pcb->next)
        block_of(pcb->next)->link.prev = link->prev;
    link->prev = UNLINKED;
    port_users[pcb->local_port]--;
}

void port_tcp_rmv(struct tcp_pcb *pcb)
{
    if (pcb->state == LISTEN)
        rmv_listener(pcb);
    else
        port_tcp_forget(pcb);
    pcb->next = NULL;
}

/* ---- what lwIP would walk for ---------------------------------------------------------------- */

/* The ephemeral range of RFC 6335, as in tcp.c. */
#define PORT_FIRST 0xc000u
#define PORTS 0x4000u

u16_t port_tcp_new_port(void)
{
    for (unsigned tried = 0; tried < PORTS; tried++) {
        table.last_port = (u16_t)(PORT_FIRST + (table.last_port + 1u) % PORTS);
        if (port_users[table.last_port] == 0)
            return table.last_port;
    }
    return 0;
}

bool port_tcp_give_up_oldest(void)
{
    if (!table.oldest_time_wait)
        return false;
    tcp_abort(&at(table.oldest_time_wait)->pcb); /* no callback, no reset in this state */
    return true;
}
