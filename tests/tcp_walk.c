/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp_walk.h"

#include "check.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"
#include "port_clock.h"
#include "port_tcp.h"
#include "tcp_peer.h"

#define LISTEN_PORT 80u

struct tcp_walk walk;
static bool refused[WALK_HELD_MAX];
static uint64_t seed, now_ns;

static unsigned rnd(unsigned below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % below;
}

/* ---- the program ----------------------------------------------------------------------------- */

static struct tcp_pcb **any_held(void)
{
    const unsigned from = rnd(WALK_HELD_MAX);

    for (unsigned i = 0; i < WALK_HELD_MAX; i++) {
        if (walk.held[(from + i) % WALK_HELD_MAX])
            return &walk.held[(from + i) % WALK_HELD_MAX];
    }
    return NULL;
}

static void on_error(void *arg, err_t err)
{
    (void)err;
    if (arg)
        *(struct tcp_pcb **)arg = NULL;
}

bool walk_abort_held(void)
{
    struct tcp_pcb **slot = any_held();

    if (!slot)
        return false;
    tcp_abort(*slot); /* on_error() forgets it */
    return true;
}

static void let_go(struct tcp_pcb **slot)
{
    struct tcp_pcb *pcb = *slot;

    *slot = NULL;
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
    if (tcp_close(pcb) != ERR_OK)
        tcp_abort(pcb);
}

static void connect_out(void);
static void listen_again(void);

/* What a program may do in any callback of (*slot); ERR_ABRT when that is gone. */
static err_t mischief(struct tcp_pcb **slot)
{
    struct tcp_pcb *self = *slot;

    switch (rnd(12)) {
    case 0:
        tcp_abort(self);
        return ERR_ABRT;
    case 1:
        let_go(slot);
        return ERR_OK;
    case 2:
        walk_abort_held();
        walk.aborted_others += *slot != NULL;
        return *slot ? ERR_OK : ERR_ABRT;
    case 3:
        connect_out();
        break;
    case 4:
        listen_again();
        break;
    case 5:
        if (tcp_write(self, "0123456789", 10, TCP_WRITE_FLAG_COPY) == ERR_OK)
            tcp_output(self);
        break;
    default:
        break;
    }
    return *slot ? ERR_OK : ERR_ABRT;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct tcp_pcb **slot = arg;

    (void)err;
    if (!p) {
        let_go(slot);
        return ERR_OK;
    }
    if (rnd(8) == 0) {
        refused[slot - walk.held] = true;
        return ERR_MEM; /* comes again by the timer, or before the next segment */
    }
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    /*
     * A connection that ends while it takes what it refused is looked at once more by lwIP 2.2.1.
     */
    if (refused[slot - walk.held]) {
        refused[slot - walk.held] = false;
        return ERR_OK;
    }
    return mischief(slot);
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
    (void)pcb;
    return mischief(arg);
}

static err_t hold(struct tcp_pcb *pcb)
{
    for (unsigned i = 0; i < WALK_HELD_MAX; i++) {
        if (walk.held[i])
            continue;
        walk.held[i] = pcb;
        refused[i] = false;
        tcp_arg(pcb, &walk.held[i]);
        tcp_err(pcb, on_error);
        tcp_recv(pcb, on_recv);
        tcp_poll(pcb, on_poll, 4);
        return ERR_OK;
    }
    tcp_abort(pcb);
    return ERR_ABRT;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    if (err != ERR_OK || !pcb)
        return ERR_VAL;
    return hold(pcb);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)pcb;
    (void)err;
    return mischief(arg);
}

static void listen_again(void)
{
    struct tcp_pcb *pcb;

    if (walk.listener)
        tcp_close(walk.listener);
    walk.listener = NULL;
    pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
    if (!pcb)
        return;
    if (tcp_bind(pcb, IP_ANY_TYPE, LISTEN_PORT) != ERR_OK) {
        tcp_abort(pcb); /* connections of the old one may hold the port */
        return;
    }
    walk.listener = tcp_listen(pcb);
    if (walk.listener)
        tcp_accept(walk.listener, on_accept);
    else
        tcp_abort(pcb);
}

static ip_addr_t some_host(void)
{
    ip_addr_t host;

    if (rnd(2))
        ipaddr_aton("fd00::2", &host);
    else
        ipaddr_aton(rnd(2) ? "10.1.2.3" : "10.3.2.1", &host);
    return host;
}

static void connect_out(void)
{
    const ip_addr_t host = some_host();
    const ip_addr_t *any = IP_IS_V6(&host) ? IP6_ADDR_ANY : IP4_ADDR_ANY;
    struct tcp_pcb *pcb = tcp_new_ip_type(IP_GET_TYPE(&host));

    if (!pcb || hold(pcb) != ERR_OK)
        return;
    if (rnd(2))
        tcp_bind(pcb, any, (u16_t)(rnd(2) ? 0 : 2000 + rnd(100)));
    if (rnd(4) == 0)
        return; /* bound, or not even that */
    if (tcp_connect(pcb, &host, (u16_t)(1000 + rnd(8)), on_connected) != ERR_OK)
        let_go((struct tcp_pcb **)pcb->callback_arg);
}

/* ---- the network ----------------------------------------------------------------------------- */

static void send_stranger(u8_t flags)
{
    struct tcp_peer_segment s = {.from = some_host(), .flags = flags, .wnd = 1000};

    ipaddr_aton(IP_IS_V6(&s.from) ? "fd00::1" : "10.0.0.1", &s.to);
    s.from_port = (u16_t)(1000 + rnd(40));
    s.to_port = LISTEN_PORT;
    s.seq = rnd(100);
    tcp_peer_send(&s);
}

static struct tcp_pcb *any_of(struct tcp_pcb *list)
{
    unsigned skip = rnd(WALK_POOL);
    struct tcp_pcb *pcb = list;

    while (pcb && skip--)
        pcb = pcb->next ? pcb->next : list;
    return pcb;
}

static void send_to_one(struct tcp_pcb *list, u8_t flags, u16_t data_bytes)
{
    struct tcp_pcb *pcb = any_of(list);
    struct tcp_peer_segment s;

    if (!pcb)
        return;
    s = tcp_peer_next(pcb, flags, data_bytes);
    if (pcb->state == SYN_SENT && !(flags & TCP_RST))
        s.flags = TCP_SYN | TCP_ACK;
    tcp_peer_send(&s);
}

static void do_syn(void)
{
    send_stranger(TCP_SYN);
}

static void do_stray(void)
{
    send_stranger(TCP_ACK);
}

static void do_ack(void)
{
    send_to_one(tcp_active_pcbs, TCP_ACK, 0);
}

static void do_data(void)
{
    send_to_one(tcp_active_pcbs, TCP_ACK | TCP_PSH, (u16_t)(1 + rnd(200)));
}

/* Some of what is in flight; or, three times, that something is missing. */
static void do_partial_ack(void)
{
    struct tcp_pcb *pcb = any_of(tcp_active_pcbs);
    const bool lost = rnd(4) == 0;
    struct tcp_peer_segment s;

    if (!pcb || pcb->state < ESTABLISHED || !pcb->unacked)
        return;
    s = tcp_peer_next(pcb, TCP_ACK, 0);
    s.ack = lost ? pcb->lastack : pcb->lastack + rnd(pcb->snd_nxt - pcb->lastack + 1);
    s.wnd = (u16_t)(lost ? pcb->snd_wnd : 0xffffu >> rnd(12));
    tcp_peer_send(&s);
    for (unsigned i = 0; lost && i < 2; i++)
        tcp_peer_send(&s);
}

static void do_write(void)
{
    static const uint8_t data[8000];
    struct tcp_pcb **slot = any_held();

    for (unsigned i = 1 + rnd(10); slot && i > 0; i--)
        tcp_write(*slot, data, (u16_t)(1 + rnd(sizeof(data) - 1)), (u8_t)rnd(4));
    if (slot && rnd(2))
        tcp_output(*slot);
}

static void do_fin(void)
{
    send_to_one(tcp_active_pcbs, TCP_ACK | TCP_FIN, 0);
}

static void do_reset(void)
{
    send_to_one(tcp_active_pcbs, TCP_RST | TCP_ACK, 0);
}

static void do_late(void)
{
    send_to_one(tcp_tw_pcbs, rnd(2) ? TCP_ACK | TCP_FIN : TCP_SYN, 0);
}

static void do_close(void)
{
    struct tcp_pcb **slot = any_held();

    if (slot)
        let_go(slot);
}

static void do_abort(void)
{
    walk_abort_held();
}

static void do_tick(void)
{
    now_ns += (10 + rnd(250)) * PORT_NS_PER_MS;
    sys_check_timeouts();
}

/* Long enough for TIME_WAIT to end; seldom, or the pool would never run dry. */
static void do_wait(void)
{
    const bool waiting = tcp_tw_pcbs != NULL;

    if (rnd(10))
        return;
    for (unsigned i = 0; i <= 4 * TCP_MSL / TCP_TMR_INTERVAL; i++) {
        now_ns += TCP_TMR_INTERVAL * PORT_NS_PER_MS;
        sys_check_timeouts();
    }
    walk.expired += waiting && !tcp_tw_pcbs;
}

static void do_new_address(void)
{
    ip4_addr_t address = *netif_ip4_addr(walk.card);

    netif_set_ipaddr(walk.card, IP4_ADDR_ANY4);
    netif_set_ipaddr(walk.card, &address);
}

static const struct {
    void (*step)(void);
    unsigned weight;
} steps[] = {
    {do_syn, 120},  {do_ack, 60},      {do_data, 40},     {do_partial_ack, 60},
    {do_write, 30}, {do_fin, 30},      {do_reset, 3},     {do_late, 10},
    {do_stray, 10}, {do_close, 8},     {do_abort, 4},     {do_tick, 10},
    {do_wait, 2},   {connect_out, 40}, {listen_again, 1}, {do_new_address, 1},
};

static uint64_t virtual_clock(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static unsigned pick(void)
{
    unsigned sum = 0, at_weight;

    for (unsigned i = 0; i < countof(steps); i++)
        sum += steps[i].weight;
    at_weight = rnd(sum);
    for (unsigned i = 0;; i++) {
        if (at_weight < steps[i].weight)
            return i;
        at_weight -= steps[i].weight;
    }
}

void walk_step(void)
{
    steps[pick()].step();
}

int walk_start(void)
{
    seed = 0x9e3779b97f4a7c15;
    now_ns = PORT_NS_PER_S;
    port_clock_source(virtual_clock, NULL);
    if (port_tcp_connections(WALK_POOL))
        return -1;
    lwip_init();
    walk.card = tcp_peer_start();
    listen_again();
    return walk.card && walk.listener ? 0 : -1;
}
