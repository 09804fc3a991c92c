/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker, from the fork to its end.
 *
 * Theory of operation. It starts as a copy of the owner, lwIP's tables of neighbours included, and
 * first gives up what only the owner may have: DHCP, the claim to the address, groups. From then on
 * its lwIP takes part in the link like any other, but for what port_frame_owners() lists: that it
 * says, too, and it is not sent.
 *
 * Of the frames on its queue those that are the owner's business go into the mailbox; the owner
 * sends a copy back of what everybody should know. A segment of a connection that is not ours, in
 * an entry of the table whose connections may be another worker's (port_workers_steer.c), goes to
 * that one by the same way. From the mailbox everything goes into lwIP as it is: passed on once, a
 * segment without connection is answered with a reset, as it should be.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "lwip/priv/tcp_priv.h"
#include "netvsc_netif_worker.h"
#include "netvsc_worker.h"
#include "port_clock.h"
#include "port_frame.h"
#include "port_rand.h"
#include "port_workers_var.h"

#define MAIL_BUDGET 64u
#define ETH_TYPE_OFF 12u
#define IP4_PROTO_OFF 23u
#define PROTO_TCP 6u

/* This process'; lwIP's hooks have no context. */
static struct port_workers *self;
static struct port_desk *desk;
static uint64_t strangers_at_ns;

/* ---- received -------------------------------------------------------------------------------- */

/* False: full. */
static bool post(const struct pbuf *p, uint32_t to)
{
    const uint64_t one = 1;
    uint8_t *at = port_mailbox_begin(&desk->out, p->tot_len);

    if (!at)
        return false;
    pbuf_copy_partial(p, at, p->tot_len, 0);
    port_mailbox_post(&desk->out, p->tot_len, port_mail_tag(&self->config.nif->netif, to));
    if (atomic_load(&self->board->owner_asleep))
        (void)!write(self->owner_wake, &one, sizeof(one));
    return true;
}

static bool is_from(const struct tcp_pcb *pcb, const uint8_t *ip, uint16_t from, uint16_t to)
{
    if (pcb->remote_port != from || pcb->local_port != to)
        return false;
    if (ip[0] >> 4 == 4)
        return IP_IS_V4(&pcb->remote_ip) &&
               memcmp(&ip_2_ip4(&pcb->remote_ip)->addr, ip + 12, 4) == 0;
    return IP_IS_V6(&pcb->remote_ip) && memcmp(ip_2_ip6(&pcb->remote_ip)->addr, ip + 8, 16) == 0;
}

/* Is the segment in (head) of a connection we have? */
static bool is_ours(const uint8_t *head)
{
    const uint8_t *ip = head + ETH_TYPE_OFF + 2;
    const uint8_t *tcp = ip + (ip[0] >> 4 == 4 ? (ip[0] & 0xFu) * 4 : 40u);
    const uint16_t from = (uint16_t)(tcp[0] << 8 | tcp[1]), to = (uint16_t)(tcp[2] << 8 | tcp[3]);

    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next)
        if (is_from(pcb, ip, from, to))
            return true;
    for (const struct tcp_pcb *pcb = tcp_tw_pcbs; pcb; pcb = pcb->next)
        if (is_from(pcb, ip, from, to))
            return true;
    return false;
}

/* Whose it may be instead; NOBODY: ours, or nobody's. */
static uint8_t whose(const uint8_t *head, uint32_t bytes)
{
    uint32_t entry;
    uint8_t before;

    entry = port_spread_frame(&self->board->rss, head, bytes);
    if (entry == PORT_SPREAD_NONE)
        return PORT_WORKERS_NOBODY;
    before = self->board->before[entry];
    return before == PORT_WORKERS_NOBODY || before == self->self || is_ours(head)
               ? PORT_WORKERS_NOBODY
               : before;
}

static err_t worker_input(struct pbuf *p, struct netif *netif)
{
    struct port_workers_stats *stats = &desk->stats;
    uint8_t head[PORT_FRAME_HEAD_BYTES];
    const uint32_t bytes = pbuf_copy_partial(p, head, sizeof(head), 0);
    uint8_t other = PORT_WORKERS_NOBODY;
    bool tcp, syn;
    const enum port_frame_kind kind = port_frame_kind(head, bytes, &tcp, &syn);

    if (tcp && !syn && self->board->any_before)
        other = whose(head, bytes);
    if (other != PORT_WORKERS_NOBODY) {
        *(post(p, other + 1u) ? &stats->handed_on : &stats->handed_full) += 1;
    } else if (kind == PORT_FRAME_SHARED || kind == PORT_FRAME_OWNER) {
        *(post(p, 0) ? &stats->for_owner : &stats->for_owner_full) += 1;
    } else {
        return self->input(p, netif);
    }
    pbuf_free(p);
    return ERR_OK;
}

/* ---- sent ------------------------------------------------------------------------------------ */

static bool is_tcp4(const struct pbuf *p)
{
    const uint8_t *at = p->payload;

    return p->len > IP4_PROTO_OFF && at[ETH_TYPE_OFF] == 0x08 && at[ETH_TYPE_OFF + 1] == 0 &&
           at[IP4_PROTO_OFF] == PROTO_TCP;
}

static err_t worker_output(struct netif *netif, struct pbuf *p)
{
    uint8_t head[PORT_FRAME_HEAD_BYTES];

    if (is_tcp4(p) || !port_frame_owners(head, pbuf_copy_partial(p, head, sizeof(head), 0)))
        return self->linkoutput(netif, p);
    desk->stats.suppressed++;
    return ERR_OK;
}

/* ---- driven by the loop ---------------------------------------------------------------------- */

static unsigned take_mail(struct port_workers *w)
{
    struct netif *netif = &w->config.nif->netif;
    const uint8_t *mail;
    uint32_t bytes, tag;
    unsigned done = 0;

    while (done < MAIL_BUDGET && (mail = port_mailbox_peek(&desk->in, &bytes, &tag))) {
        port_mail_input(netif, w->input, mail, bytes, tag);
        port_mailbox_take(&desk->in);
        done++;
    }
    return done;
}

/* Addresses, and what the card says of itself. */
static bool take_news(struct port_workers *w)
{
    const uint32_t news = atomic_load_explicit(&w->board->news, memory_order_acquire);
    struct port_net_addresses addresses;

    if (news == w->news_seen || (news & 1))
        return false;
    addresses = w->board->addresses;
    atomic_thread_fence(memory_order_acquire); /* pairs with the stores around in tell_news() */
    if (atomic_load_explicit(&w->board->news, memory_order_relaxed) != news)
        return false;
    w->news_seen = news;
    netvsc_netif_follow(w->config.nif);
    port_net_write(&w->config.nif->netif, &addresses);
    return true;
}

static void count_strangers(const struct port_workers *w, uint64_t now_ns)
{
    uint32_t strangers = 0;

    if (!w->board->any_before || now_ns < strangers_at_ns)
        return;
    strangers_at_ns = now_ns + PORT_NS_PER_S;
    for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
        const struct port_spread_end from = {pcb->remote_ip, pcb->remote_port};
        const struct port_spread_end to = {pcb->local_ip, pcb->local_port};
        const uint32_t entry = port_spread_flow(&w->board->rss, false, &from, &to);

        strangers += entry != PORT_SPREAD_NONE && w->board->rss.reta[entry] != w->self + 1;
    }
    desk->strangers = strangers;
}

static unsigned step(void *ctx, uint64_t now_ns)
{
    struct port_workers *w = ctx;
    unsigned done = take_news(w);

    done += take_mail(w);
    count_strangers(w, now_ns);
    if (done)
        netvsc_netif_flush(w->config.nif);
    port_workers_books_write(&desk->books, w);
    return done;
}

static uint64_t next_deadline(void *ctx, uint64_t now_ns)
{
    const struct port_workers *w = ctx;

    if (!w->board->any_before)
        return UINT64_MAX;
    return strangers_at_ns > now_ns ? strangers_at_ns - now_ns : 0;
}

static unsigned pollfds(void *ctx, struct pollfd *out, unsigned max)
{
    const struct port_workers *w = ctx;

    (void)max;
    out[0] = (struct pollfd){.fd = w->seat[w->self].wake, .events = POLLIN};
    return 1;
}

/*
 * Say that we sleep, then look at everything again: whoever brings something first brings it and
 * then looks whether we sleep. The owner reads the card's interrupt for us, so the queue is looked
 * at here once more, too.
 */
static bool arm(void *ctx, bool on)
{
    const struct port_workers *w = ctx;
    uint64_t wakes;

    atomic_store(&desk->asleep, on);
    if (!on) {
        (void)!read(w->seat[w->self].wake, &wakes, sizeof(wakes));
        return true;
    }
    return port_mailbox_empty(&desk->in) && atomic_load(&w->board->news) == w->news_seen &&
           !netvsc_queue_waiting(w->config.nif->nic, w->self + 1);
}

struct port_loop_peer port_worker_peer(struct port_workers *w)
{
    return (struct port_loop_peer){
        .step = step, .next_deadline = next_deadline, .pollfds = pollfds, .ctx = w, .arm = arm};
}

/* ---- life ------------------------------------------------------------------------------------ */

void port_worker_ready(struct port_workers *w)
{
    const uint64_t one = 1;

    w->board->desk[w->self].ready = true;
    (void)!write(w->owner_wake, &one, sizeof(one));
}

bool port_worker_settled(const struct port_workers *w)
{
    const uint8_t *reta = w->board->rss.reta;

    if (memchr(reta, 0, NETVSC_RETA_ENTRIES))
        return false; /* as the card came up with, before the first worker was ready */
    for (unsigned i = 0; i < w->count; i++)
        if (!w->board->desk[i].ready || !memchr(reta, (int)i + 1, NETVSC_RETA_ENTRIES))
            return false;
    return true;
}

void port_worker_done(struct port_workers *w)
{
    (void)w;
    desk->done = true;
}

bool port_worker_drained(const struct port_workers *w)
{
    return netvsc_state(w->config.nif->nic) != NETVSC_UP ||
           netvsc_queue_outstanding(w->config.nif->nic, w->self + 1) == 0;
}

uint16_t port_worker_local_port(const struct port_workers *w, const struct port_spread_end *remote)
{
    struct netif *netif = &w->config.nif->netif;
    const ip_addr_t *local = netif_ip_addr4(netif);

    if (IP_IS_V6(&remote->addr))
        local = ip6_select_source_address(netif, ip_2_ip6(&remote->addr));
    if (!local)
        return 0;
    return port_spread_local_port(&w->board->rss, w->self + 1, local, remote,
                                  (uint16_t)port_rand_u32());
}

void port_worker_live(struct port_workers *w, unsigned index, pid_t owner)
{
    struct netif *netif = &w->config.nif->netif;
    int status = 1;

    /* Without the owner nobody answers for the card: go with it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != owner)
        _exit(1);
    for (unsigned i = 0; i < PORT_WORKERS_MAX; i++)
        if (w->seat[i].death >= 0)
            close(w->seat[i].death);
    self = w;
    w->self = index;
    w->news_seen = 0;
    desk = &w->board->desk[index];
    netif->linkoutput = worker_output;
    netif->input = worker_input;
    port_net_disown(netif);
    port_tcp_note(port_workers_ends_of(w, index), &desk->ends_used);
    if (netvsc_netif_become(w->config.nif, index + 1, w->config.rx_copybreak_bytes) == 0)
        status = w->config.work(w->config.ctx, index);
    port_workers_books_write(&desk->books, w);
    _exit(status);
}
