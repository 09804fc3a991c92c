/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The owner's part of handing frames about.
 *
 * Theory of operation. Between the card and the owner's lwIP every frame is looked at: what is
 * about neighbours and routers goes to all workers as well, whose lwIPs learn from it as if each
 * had heard it; an IP packet for one of us that came here (the host did not spread it, or it was on
 * its way to a worker that died) goes to the worker that has its flow. What workers put in their
 * mailboxes is the owner's business, or a segment for another worker.
 */
#include <string.h>
#include <unistd.h>

#include "port_frame.h"
#include "port_workers_var.h"

#define MAIL_BUDGET 64u /* per worker and turn */

void port_workers_wake(const struct port_workers *w, unsigned index)
{
    const uint64_t one = 1;

    if (!atomic_load(&w->board->desk[index].asleep))
        return;
    /* Fails only when it is full, and then the worker is awake already. */
    (void)!write(w->seat[index].wake, &one, sizeof(one));
}

#define CHECKS (NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP)

uint32_t port_mail_tag(const struct netif *netif, uint32_t to)
{
    return to | (uint32_t)(~netif->chksum_flags & CHECKS) << PORT_MAIL_SPARED_SHIFT;
}

void port_mail_input(struct netif *netif, netif_input_fn input, const uint8_t *mail, uint32_t bytes,
                     uint32_t tag)
{
    const u16_t before = netif->chksum_flags;
    struct pbuf *p = bytes <= UINT16_MAX ? pbuf_alloc(PBUF_RAW, (u16_t)bytes, PBUF_POOL) : NULL;

    if (!p)
        return;
    pbuf_take(p, mail, (u16_t)bytes);
    netif->chksum_flags = (u16_t)((before | CHECKS) & ~(tag >> PORT_MAIL_SPARED_SHIFT & CHECKS));
    if (input(p, netif) != ERR_OK)
        pbuf_free(p);
    netif->chksum_flags = before;
}

/* False: full. */
static bool put_pbuf(struct port_workers *w, unsigned index, const struct pbuf *p)
{
    struct port_mailbox *box = &w->board->desk[index].in;
    const uint32_t tag = port_mail_tag(&w->config.nif->netif, 0);
    uint8_t *to = port_mailbox_begin(box, p->tot_len);

    if (!to)
        return false;
    pbuf_copy_partial(p, to, p->tot_len, 0);
    port_mailbox_post(box, p->tot_len, tag);
    port_workers_wake(w, index);
    return true;
}

static void share(struct port_workers *w, const struct pbuf *p)
{
    struct port_workers_stats *stats = &w->board->stats;

    for (unsigned i = 0; i < w->count; i++) {
        if (!w->seat[i].pid)
            continue;
        if (put_pbuf(w, i, p))
            stats->shared++;
        else
            stats->shared_full++;
    }
}

static void hand_over(struct port_workers *w, const struct pbuf *p, const uint8_t *head,
                      uint32_t bytes)
{
    struct port_workers_stats *stats = &w->board->stats;
    const uint32_t entry = port_spread_frame(&w->board->rss, head, bytes);
    const uint8_t to = port_workers_of_entry(w, entry == PORT_SPREAD_NONE ? 0 : entry);

    if (to == PORT_WORKERS_NOBODY)
        stats->stray_nobody++;
    else if (put_pbuf(w, to, p))
        stats->stray++;
    else
        stats->stray_full++;
}

/* Before the owner's lwIP. (netif)'s card is the only one: there is one struct port_workers. */
static struct port_workers *owner;

static err_t owner_input(struct pbuf *p, struct netif *netif)
{
    uint8_t head[PORT_FRAME_HEAD_BYTES];
    const uint32_t bytes = pbuf_copy_partial(p, head, sizeof(head), 0);
    bool tcp, syn;

    switch (port_frame_kind(head, bytes, &tcp, &syn)) {
    case PORT_FRAME_SHARED:
        share(owner, p);
        break;
    case PORT_FRAME_FLOW:
        hand_over(owner, p, head, bytes);
        pbuf_free(p);
        return ERR_OK;
    default:
        break;
    }
    return owner->input(p, netif);
}

void port_workers_hook_owner(struct port_workers *w)
{
    struct netif *netif = &w->config.nif->netif;

    owner = w;
    w->input = netif->input;
    w->linkoutput = netif->linkoutput;
    netif->input = owner_input;
}

/* ---- from workers ---------------------------------------------------------------------------- */

static void pass_on(struct port_workers *w, const uint8_t *mail, uint32_t bytes, uint32_t tag)
{
    const unsigned index = (tag & PORT_MAIL_TO) - 1;
    struct port_mailbox *box = index < w->count ? &w->board->desk[index].in : NULL;
    uint8_t *to = box && w->seat[index].pid ? port_mailbox_begin(box, bytes) : NULL;

    if (!to) {
        w->board->stats.handed_full++;
        return;
    }
    memcpy(to, mail, bytes);
    port_mailbox_post(box, bytes, tag);
    port_workers_wake(w, index);
}

unsigned port_workers_mail_step(struct port_workers *w)
{
    unsigned done = 0;

    for (unsigned i = 0; i < w->count; i++) {
        struct port_mailbox *box = &w->board->desk[i].out;
        const uint8_t *mail;
        uint32_t bytes, tag;

        for (unsigned n = 0; n < MAIL_BUDGET; n++) {
            mail = port_mailbox_peek(box, &bytes, &tag);
            if (!mail)
                break;
            if (tag & PORT_MAIL_TO)
                pass_on(w, mail, bytes, tag);
            else
                port_mail_input(&w->config.nif->netif, owner_input, mail, bytes, tag);
            port_mailbox_take(box);
            done++;
        }
    }
    return done;
}

bool port_workers_mail_waits(const struct port_workers *w)
{
    for (unsigned i = 0; i < w->count; i++)
        if (!port_mailbox_empty(&w->board->desk[i].out))
            return true;
    return false;
}
