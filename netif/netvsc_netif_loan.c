/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pbufs over the receive buffer.
 *
 * Theory of operation. A loan is two custom pbufs from a pool that is allocated with the netif: the
 * first holds a private copy of the frame's beginning, all that lwIP's protocols parse, so that no
 * header can change between their looks at it; the second is the rest of the frame where the host
 * wrote it, held until both are freed. What continues a packet (the further pieces of a frame, the
 * payload of a segment that joins another's chain) has no head, and no hold of its own if what it
 * continues is of the same packet: the first such loan, the lead, holds the packet for all of them.
 * What the host may still change is payload, which it wrote anyway; a program that must not be
 * shown two versions of it asks for copies.
 *
 * lwIP may keep pbufs longer than the netif lives. The pool goes with the last of them.
 */
#include <stdlib.h>
#include <string.h>

#include "netvsc_hold.h"
#include "netvsc_netif_var.h"
#include "netvsc_packet_var.h"

#define LOANS_MAX 4096u
/* Ethernet, VLAN tag, IP with options (IPv6: some extensions), TCP with options. */
#define HEAD_BYTES (NETVSC_ETH_BYTES + NETVSC_TAG_BYTES + 60u + 60u)
/*
 * For longer headers, when the packet goes on: IPv6 instead of IPv4, a tunnel. lwIP itself would
 * stop only behind its own struct, and write over what follows that in struct pbuf_custom.
 */
#define HEADROOM_BYTES 64u

struct loan {
    struct pbuf_custom head; /* lwIP takes it for a PBUF_RAM: its bytes follow it */
    uint8_t bytes[HEADROOM_BYTES + HEAD_BYTES];
    struct pbuf_custom rest;
    struct netvsc_hold *hold; /* of its packet, if it is a lead */
    struct loan *lead;        /* has it, else: it or one further in front in the chain */
    uint32_t packet;          /* which, in its batch */
    unsigned parts; /* not freed yet: of head and rest, if it has both; and those it leads */
    struct netvsc_netif_loans *pool;
    struct loan *next;
};

struct netvsc_netif_loans {
    unsigned out;
    bool abandoned; /* the netif is gone */
    struct loan *free;
    struct loan loan[LOANS_MAX];
};

struct netvsc_netif_loans *netvsc_netif_loans_create(void)
{
    struct netvsc_netif_loans *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return NULL;
    for (unsigned i = 0; i < LOANS_MAX; i++) {
        pool->loan[i].pool = pool;
        pool->loan[i].next = pool->free;
        pool->free = &pool->loan[i];
    }
    return pool;
}

void netvsc_netif_loans_abandon(struct netvsc_netif_loans *pool)
{
    if (!pool)
        return;
    pool->abandoned = true;
    if (!pool->out)
        free(pool);
}

static void put_back(struct loan *loan)
{
    struct netvsc_netif_loans *pool = loan->pool;

    pool->out--;
    loan->next = pool->free;
    pool->free = loan;
}

/* Nothing of (lead) is out, nor of those it led. */
static __attribute__((noinline)) void lead_freed(struct loan *lead)
{
    struct netvsc_netif_loans *pool = lead->pool;

    netvsc_hold_release(lead->hold);
    put_back(lead);
    if (pool->out == 0 && pool->abandoned)
        free(pool);
}

static inline void part_freed(struct loan *loan)
{
    struct loan *lead = loan->lead;

    if (--loan->parts)
        return;
    if (lead != loan) {
        put_back(loan); /* the pool lives: its lead is out */
        if (--lead->parts)
            return;
    }
    lead_freed(lead);
}

/* lwIP gives back one of the two; it is the first member of its pbuf_custom. */
static void head_freed(struct pbuf *p)
{
    part_freed((struct loan *)((uint8_t *)p - offsetof(struct loan, head)));
}

static struct loan *loan_of_rest(const struct pbuf *p)
{
    return (struct loan *)((uintptr_t)p - offsetof(struct loan, rest));
}

static void rest_freed(struct pbuf *p)
{
    part_freed(loan_of_rest(p));
}

static uint32_t fill_head(uint8_t *to, const struct netvsc_frame *frame, const uint8_t *tag)
{
    uint32_t own = HEAD_BYTES - NETVSC_TAG_BYTES;

    if (!tag) {
        memcpy(to, frame->data, own);
        return own;
    }
    memcpy(to, frame->data, NETVSC_MACS_BYTES);
    memcpy(to + NETVSC_MACS_BYTES, tag, NETVSC_TAG_BYTES);
    memcpy(to + NETVSC_MACS_BYTES + NETVSC_TAG_BYTES, frame->data + NETVSC_MACS_BYTES,
           own - NETVSC_MACS_BYTES);
    return own + NETVSC_TAG_BYTES;
}

/* A loan of (frame), of (parts), led by (lead) or nobody. NULL: too much is lent. */
static struct loan *take(struct netvsc_netif *nif, const struct netvsc_frame *frame,
                         struct loan *lead, unsigned parts)
{
    struct loan *loan = nif->loans->free;

    if (!loan)
        return NULL;
    if (lead) {
        loan->lead = lead;
        lead->parts++;
    } else {
        loan->lead = loan;
        loan->packet = frame->packet;
        loan->hold = netvsc_frame_hold(nif->nic, frame);
        if (!loan->hold)
            return NULL;
    }
    nif->loans->free = loan->next;
    nif->loans->out++;
    loan->parts = parts;
    return loan;
}

/* Who could lead a loan of (frame) behind (before), in a chain of one batch: somebody or NULL. */
static struct loan *lead_of(const struct pbuf *before, const struct netvsc_frame *frame)
{
    const struct pbuf_custom *custom = (const struct pbuf_custom *)before;
    struct loan *lead;

    if (!(before->flags & PBUF_FLAG_IS_CUSTOM) || custom->custom_free_function != rest_freed)
        return NULL;
    lead = loan_of_rest(before)->lead;
    return lead->packet == frame->packet ? lead : NULL;
}

static struct pbuf *make_rest(struct loan *loan, const struct netvsc_frame *frame, uint32_t off)
{
    u16_t bytes = (u16_t)(frame->len_bytes - off);

    loan->rest.custom_free_function = rest_freed;
    /* lwIP has no pbuf for memory it must not write; it does not write to payload. */
    return pbuf_alloced_custom(PBUF_RAW, bytes, PBUF_REF, &loan->rest,
                               (void *)(uintptr_t)(frame->data + off), bytes);
}

struct pbuf *netvsc_netif_lend(struct netvsc_netif *nif, const struct netvsc_frame *frame,
                               const uint8_t *tag)
{
    uint32_t own = HEAD_BYTES - NETVSC_TAG_BYTES, head_bytes;
    struct loan *loan = frame->len_bytes > own ? take(nif, frame, NULL, 2) : NULL;
    struct pbuf *head;

    if (!loan)
        return NULL;
    loan->head.custom_free_function = head_freed;
    head_bytes = fill_head(loan->bytes + HEADROOM_BYTES, frame, tag);
    head = pbuf_alloced_custom(PBUF_RAW, (u16_t)head_bytes, PBUF_RAM, &loan->head,
                               loan->bytes + HEADROOM_BYTES, (u16_t)head_bytes);
    pbuf_cat(head, make_rest(loan, frame, own));
    return head;
}

struct pbuf *netvsc_netif_lend_rest(struct netvsc_netif *nif, const struct pbuf *before,
                                    const struct netvsc_frame *frame, uint32_t off)
{
    struct loan *loan = take(nif, frame, lead_of(before, frame), 1);

    return loan ? make_rest(loan, frame, off) : NULL;
}

unsigned netvsc_netif_lend_run(struct netvsc_netif *nif, struct netvsc_netif_join *join,
                               const struct netvsc_frame *frames, unsigned count)
{
    struct netvsc_netif_loans *pool = nif->loans;
    struct loan *lead = lead_of(join->tail, frames), *loan;
    unsigned n = 0;

    if (!lead)
        return 0;
    for (; n < count && frames[n].len_bytes > nif->rx_copybreak_bytes; n++) {
        loan = pool->free;
        if (!loan)
            break;
        pool->free = loan->next;
        loan->lead = lead;
        loan->parts = 1;
        join->tail->next = make_rest(loan, &frames[n], 0);
        join->tail = join->tail->next;
        join->bytes += frames[n].len_bytes;
    }
    lead->parts += n;
    pool->out += n;
    nif->stats.rx_zerocopy += n;
    return n;
}
