/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many connections between two cards, by chance: opened, written to, half closed, closed and
 * aborted from outside and from within callbacks, one's callback ending another; data refused, kept
 * and taken late; a listener that goes and comes back; cards that are withdrawn, lose their cable
 * and return; lwIP's pools used up. Every byte that arrives is the right one; connections nobody
 * ended get all of theirs when the sun shines again; and at the end every pool is as it was.
 */
#include "card_pair.h"

#include <string.h>

#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "port_heap.h"
#include "port_tcp.h"

#define CROWDS 60u
#define TURNS 500u
#define PORT 80u
#define PEERS 24u
#define STOLEN_MAX 80000u
#define CALM_MS 300000u

/* One end of a connection; the other is of the other row. */
struct end {
    struct tcp_pcb *pcb;
    unsigned side, index;
    uint32_t said, heard;
    struct pbuf *kept; /* not yet told of as read */
    bool refused;      /* something just now: lwIP looks at the pcb once more after it is taken */
    bool closed;       /* said so itself */
    bool eof;
};

static struct {
    struct end end[2][PEERS];
    u16_t port[PEERS]; /* of the client, by which the server knows it */
    struct tcp_pcb *listener;
    unsigned mischief, flap; /* of a thousand */
    void *stolen[STOLEN_MAX];
    unsigned stolen_count;
    memp_t stolen_from;
    bool calm;
} crowd;

static u8_t byte_at(const struct end *e, bool own, uint32_t off)
{
    const unsigned side = own ? e->side : 1 - e->side;

    return (u8_t)(crowd.port[e->index] * 37 + side * 101 + off * 3 + (off >> 8));
}

static void forget(struct end *e)
{
    if (e->kept)
        pbuf_free(e->kept);
    e->kept = NULL;
    e->pcb = NULL;
}

/* ---- what ends do ---------------------------------------------------------------------------- */

static struct end *any_end(void)
{
    struct end *e = &crowd.end[below(2)][below(PEERS)];

    return e->pcb ? e : NULL;
}

static struct tcp_pcb *detach(struct end *e)
{
    struct tcp_pcb *pcb = e->pcb;

    forget(e);
    e->closed = true;
    tcp_arg(pcb, NULL);
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
    return pcb;
}

static void let_go(struct end *e)
{
    struct tcp_pcb *pcb = detach(e);

    if (tcp_close(pcb) != ERR_OK)
        tcp_abort(pcb);
}

/* In TIME_WAIT, where data may still come with its FIN, lwIP does not tell the program. */
static void abort_end(struct end *e)
{
    tcp_abort(detach(e));
}

static err_t say(struct end *e, u16_t bytes)
{
    static u8_t data[65535];
    const u8_t flags = happens(500) ? TCP_WRITE_FLAG_MORE : 0;
    struct pbuf *p;

    for (u16_t i = 0; i < bytes; i++)
        data[i] = byte_at(e, true, e->said + i);
    if (happens(700) || bytes > port_tcp_large(e->pcb))
        return tcp_write(e->pcb, data, bytes, TCP_WRITE_FLAG_COPY | flags);
    p = pbuf_alloc(PBUF_TRANSPORT, bytes, PBUF_RAM);
    if (!p)
        return ERR_MEM;
    memcpy(p->payload, data, bytes);
    return port_tcp_write_buffer(e->pcb, p, flags);
}

static void write_some(struct end *e)
{
    const u16_t bytes = (u16_t)(1 + below(happens(500) ? 200 : 20000));

    if (e->closed || e->pcb->state == SYN_SENT || e->pcb->state == SYN_RCVD)
        return;
    if (bytes <= tcp_sndbuf(e->pcb) && say(e, bytes) == ERR_OK)
        e->said += bytes;
    if (e->pcb && happens(700))
        tcp_output(e->pcb);
}

static void take_kept(struct end *e)
{
    struct pbuf *p = e->kept;

    if (!p)
        return;
    e->kept = NULL;
    tcp_recved(e->pcb, p->tot_len);
    pbuf_free(p);
}

/* When both ends have, lwIP frees a connection without a word. */
static void shut(struct end *e)
{
    if (e->eof)
        let_go(e);
    else if (tcp_shutdown(e->pcb, 0, 1) == ERR_OK)
        e->closed = true;
}

/* ERR_ABRT when (e) is gone, as callbacks say. */
static err_t mischief(struct end *e)
{
    struct end *other = any_end();

    if (crowd.calm || !happens(crowd.mischief))
        return ERR_OK;
    switch (below(6)) {
    case 0:
        abort_end(e);
        return ERR_ABRT;
    case 1:
        let_go(e);
        return ERR_OK;
    case 2:
        shut(e);
        return ERR_OK;
    case 3:
        if (other)
            abort_end(other);
        break;
    case 4:
        if (other && other != e)
            let_go(other);
        break;
    default:
        write_some(e);
    }
    return e->pcb ? ERR_OK : ERR_ABRT;
}

/* ---- callbacks ------------------------------------------------------------------------------- */

static void on_error(void *arg, err_t err)
{
    (void)err;
    if (arg)
        forget(arg);
}

static void check_data(struct end *e, const struct pbuf *p)
{
    for (; p; p = p->next) {
        for (u16_t i = 0; i < p->len; i++)
            if (((const u8_t *)p->payload)[i] != byte_at(e, false, e->heard + i))
                fail_msg("byte %u is wrong", (unsigned)(e->heard + i));
        e->heard += p->len;
    }
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct end *e = arg;
    const bool again = e->refused;

    (void)err;
    if (!p) {
        e->eof = true;
        if (e->closed)
            detach(e);
        return ERR_OK;
    }
    if (!crowd.calm && happens(50)) {
        e->refused = true;
        return ERR_MEM;
    }
    e->refused = false;
    check_data(e, p);
    if (happens(300) && !crowd.calm) {
        if (e->kept && e->kept->tot_len + p->tot_len > 65535)
            take_kept(e);
        if (e->kept)
            pbuf_cat(e->kept, p);
        else
            e->kept = p;
        if (e->kept->tot_len > 20000)
            take_kept(e);
    } else {
        tcp_recved(pcb, p->tot_len);
        pbuf_free(p);
    }
    return again ? ERR_OK : mischief(e);
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t bytes)
{
    (void)pcb;
    (void)bytes;
    return mischief(arg);
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
    (void)pcb;
    return mischief(arg);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)pcb;
    (void)err;
    return mischief(arg);
}

static void begin(struct end *e, struct tcp_pcb *pcb)
{
    e->pcb = pcb;
    tcp_arg(pcb, e);
    tcp_err(pcb, on_error);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_poll(pcb, on_poll, (u8_t)(1 + below(4)));
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    if (err != ERR_OK || !pcb)
        return ERR_VAL;
    for (unsigned i = 0; i < PEERS; i++) {
        if (crowd.port[i] != pcb->remote_port || crowd.end[1][i].pcb)
            continue;
        begin(&crowd.end[1][i], pcb);
        return mischief(&crowd.end[1][i]);
    }
    tcp_abort(pcb); /* its client is another by now */
    return ERR_ABRT;
}

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

    if (crowd.listener)
        tcp_close(crowd.listener);
    crowd.listener = NULL;
    pcb = new_pcb(1, PORT);
    if (!pcb)
        return;
    crowd.listener = tcp_listen_with_backlog(pcb, (u8_t)pick(1, 2, 255));
    if (crowd.listener)
        tcp_accept(crowd.listener, on_accept);
    else
        tcp_abort(pcb);
}

static void connect_one(void)
{
    const unsigned i = below(PEERS);
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
    begin(e, pcb);
    if (tcp_connect(pcb, netif_ip_addr4(&pair.nif[1].netif), PORT, on_connected) != ERR_OK)
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

    crowd.stolen_from = from;
    crowd.stolen_count = 0;
    while (crowd.stolen_count < STOLEN_MAX && (one = memp_malloc(from)))
        crowd.stolen[crowd.stolen_count++] = one;
    while (left-- > 0 && crowd.stolen_count > 0)
        memp_free(from, crowd.stolen[--crowd.stolen_count]);
}

static void give_back(void)
{
    while (crowd.stolen_count > 0)
        memp_free(crowd.stolen_from, crowd.stolen[--crowd.stolen_count]);
}

static void something_happens(void)
{
    struct end *e = any_end();

    if (happens(200))
        connect_one();
    if (happens(crowd.flap))
        card_does_something();
    if (happens(10))
        listen_again();
    if (happens(300) && e)
        take_kept(e);
    for (unsigned i = below(8); i > 0; i--) {
        e = any_end();
        if (e)
            write_some(e);
    }
    e = any_end();
    if (e && happens(crowd.mischief / 4))
        abort_end(e);
    e = any_end();
    if (e && happens(crowd.mischief / 4))
        let_go(e);
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

    for (unsigned i = 0; i < PEERS; i++)
        count += !is_done(i);
    return count;
}

static void the_sun_shines(void)
{
    crowd.calm = true;
    give_back();
    for (unsigned i = 0; i < 2 * PEERS; i++)
        if (crowd.end[i % 2][i / 2].pcb)
            take_kept(&crowd.end[i % 2][i / 2]);
    pair_mend();
    for (unsigned ms = 0; ms < CALM_MS && undone(); ms++) {
        (void)pair_keep(); /* one may find out only now that its card was withdrawn */
        pair_turn();
    }
    for (unsigned i = 0; i < PEERS; i++)
        if (!is_done(i))
            fail_msg("connection %u stands still: %u of %u and %u of %u bytes", i,
                     crowd.end[1][i].heard, crowd.end[0][i].said, crowd.end[0][i].heard,
                     crowd.end[1][i].said);
}

static void all_go(void)
{
    for (unsigned i = 0; i < 2 * PEERS; i++) {
        struct end *e = &crowd.end[i % 2][i / 2];

        if (e->pcb && happens(500))
            let_go(e);
        else if (e->pcb)
            abort_end(e);
    }
    if (crowd.listener)
        tcp_close(crowd.listener);
    crowd.listener = NULL;
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
    crowd.mischief = pick(0, 5, 50);
    crowd.flap = pick(0, 0, 5, 20);
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
