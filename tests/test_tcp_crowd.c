/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many connections between two cards, by chance: opened, written to, half closed, closed and
 * aborted from outside and from within callbacks, one's callback ending another; data refused, kept
 * and taken late; a listener that goes and comes back; cards that are withdrawn, lose their cable
 * and return; lwIP's pools used up. Every byte that arrives is the right one; connections nobody
 * ended get all of theirs when the sun shines again; and at the end every pool is as it was.
 */
#include <string.h>

#include "card_pair.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "tcp_crowd.h"

#define CROWDS 60u
#define TURNS 500u
#define PORT 80u
#define STOLEN_MAX 80000u
#define CALM_MS 300000u

/* What only happens to the crowd. */
static struct {
    struct tcp_pcb *listener;
    unsigned flap; /* of a card, of a thousand */
    void *stolen[STOLEN_MAX];
    unsigned stolen_count;
    memp_t stolen_from;
} outside;

/* ---- from outside ---------------------------------------------------------------------------- */

static struct tcp_pcb *new_pcb(unsigned i, u16_t port)
{
    struct tcp_pcb *pcb = tcp_new();

    if (!pcb)
        return NULL;
    if (tcp_bind(pcb, netif_ip_addr4(&pair.nif[i].netif), port) != ERR_OK) {
        tcp_abort(pcb);
        return NULL;
    }
    tcp_bind_netif(pcb, &pair.nif[i].netif);
    return pcb;
}

static void listen_again(void)
{
    struct tcp_pcb *pcb;

    if (outside.listener)
        tcp_close(outside.listener);
    outside.listener = NULL;
    pcb = new_pcb(1, PORT);
    if (!pcb)
        return;
    outside.listener = tcp_listen_with_backlog(pcb, (u8_t)pick(1, 2, 255));
    if (outside.listener)
        tcp_accept(outside.listener, crowd_on_accept);
    else
        tcp_abort(pcb);
}

static void connect_one(void)
{
    const unsigned i = below(CROWD_PEERS);
    struct end *e = &crowd.end[0][i];
    struct tcp_pcb *pcb;

    if (e->pcb || crowd.end[1][i].pcb)
        return;
    pcb = new_pcb(0, 0);
    if (!pcb)
        return;
    for (unsigned side = 0; side < 2; side++)
        crowd.end[side][i] = (struct end){.side = side, .index = i};
    crowd.port[i] = pcb->local_port;
    crowd_begin(e, pcb);
    if (tcp_connect(pcb, netif_ip_addr4(&pair.nif[1].netif), PORT, crowd_on_connected) != ERR_OK)
        tcp_abort(pcb);
}

static void card_does_something(void)
{
    const unsigned i = below(2);

    switch (below(4)) {
    case 0:
        hvhost_nic_rescind(pair.card[i]);
        break;
    case 1:
        netvsc_detach(pair.nif[i].nic, pair.now_ns);
        break;
    case 2:
        hvhost_nic_link(pair.card[i], happens(500));
        break;
    default:
        if (pair_is_off(i))
            (void)pair_attach(i);
    }
}

/* Leave (left) elements of a pool; those are given back when it is all over. */
static void steal(memp_t from, unsigned left)
{
    void *one;

    outside.stolen_from = from;
    outside.stolen_count = 0;
    while (outside.stolen_count < STOLEN_MAX && (one = memp_malloc(from)))
        outside.stolen[outside.stolen_count++] = one;
    while (left-- > 0 && outside.stolen_count > 0)
        memp_free(from, outside.stolen[--outside.stolen_count]);
}

static void give_back(void)
{
    while (outside.stolen_count > 0)
        memp_free(outside.stolen_from, outside.stolen[--outside.stolen_count]);
}

static void something_happens(void)
{
    struct end *e = crowd_any();

    if (happens(200))
        connect_one();
    if (happens(outside.flap))
        card_does_something();
    if (happens(10))
        listen_again();
    if (happens(300) && e)
        crowd_take_kept(e);
    for (unsigned i = below(8); i > 0; i--) {
        e = crowd_any();
        if (e)
            crowd_write_some(e);
    }
    e = crowd_any();
    if (e && happens(crowd.mischief / 4))
        crowd_abort(e);
    e = crowd_any();
    if (e && happens(crowd.mischief / 4))
        crowd_let_go(e);
}

/* ---- the end --------------------------------------------------------------------------------- */

static bool is_done(unsigned i)
{
    const struct end *a = &crowd.end[0][i], *b = &crowd.end[1][i];

    if (!a->pcb || !b->pcb || b->pcb->remote_port != crowd.port[i])
        return true;
    return a->heard == b->said && b->heard == a->said;
}

static unsigned undone(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < CROWD_PEERS; i++)
        count += !is_done(i);
    return count;
}

static void the_sun_shines(void)
{
    crowd.calm = true;
    give_back();
    for (unsigned i = 0; i < 2 * CROWD_PEERS; i++)
        if (crowd.end[i % 2][i / 2].pcb)
            crowd_take_kept(&crowd.end[i % 2][i / 2]);
    pair_mend();
    for (unsigned ms = 0; ms < CALM_MS && undone(); ms++) {
        (void)pair_keep(); /* one may find out only now that its card was withdrawn */
        pair_turn();
    }
    for (unsigned i = 0; i < CROWD_PEERS; i++)
        if (!is_done(i))
            fail_msg("connection %u stands still: %u of %u and %u of %u bytes", i,
                     crowd.end[1][i].heard, crowd.end[0][i].said, crowd.end[0][i].heard,
                     crowd.end[1][i].said);
}

static void all_go(void)
{
    for (unsigned i = 0; i < 2 * CROWD_PEERS; i++) {
        struct end *e = &crowd.end[i % 2][i / 2];

        if (e->pcb && happens(500))
            crowd_let_go(e);
        else if (e->pcb)
            crowd_abort(e);
    }
    if (outside.listener)
        tcp_close(outside.listener);
    outside.listener = NULL;
    for (unsigned ms = 0; ms < 2000; ms++)
        pair_turn();
    while (tcp_active_pcbs)
        tcp_abort(tcp_active_pcbs);
    while (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
}

static void a_crowd_of_connections_leaves_nothing_behind(unsigned number)
{
    (void)number;
    memset(&crowd, 0, sizeof(crowd));
    memset(&outside, 0, sizeof(outside));
    crowd.mischief = pick(0, 5, 50);
    outside.flap = pick(0, 0, 5, 20);
    pair_open(pick(0, 0, 10, 50));
    listen_again();
    if (happens(400))
        steal((memp_t)pick(MEMP_TCP_SEG, MEMP_PBUF_POOL, MEMP_TCP_PCB, MEMP_PBUF), between(3, 60));
    for (unsigned i = 0; i < TURNS; i++) {
        something_happens();
        pair_turn();
    }
    the_sun_shines();
    all_go();
    pair_close();
    assert_int_equal(lwip_stats.memp[MEMP_TCP_PCB]->used, 0);
}

int main(int argc, char **argv)
{
    if (pair_start())
        return 1;
    return chance_main(argc, argv, CROWDS, a_crowd_of_connections_leaves_nothing_behind);
}
