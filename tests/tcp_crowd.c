/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp_crowd.h"

#include <string.h>

#include "chance.h"
#include "port_tcp.h"

struct crowd crowd;

#define CYCLE_BYTES 65536u /* after as many a stream says the same again */

/* What (e), or its peer, says from (off) on; a cycle of it, in memory that stays. */
static const u8_t *bytes_at(const struct end *e, bool own, uint32_t off)
{
    static u8_t cycle[2 * CYCLE_BYTES];
    static bool filled;
    const unsigned side = own ? e->side : 1 - e->side;

    for (uint32_t i = 0; !filled && i < sizeof(cycle); i++)
        cycle[i] = (u8_t)(i * 3 + (i >> 8));
    filled = true;
    return cycle + (crowd.port[e->index] * 37u * 256 + side * 101 + off) % CYCLE_BYTES;
}

static void forget(struct end *e)
{
    if (e->kept)
        pbuf_free(e->kept);
    e->kept = NULL;
    e->pcb = NULL;
}

/* ---- what ends do ---------------------------------------------------------------------------- */

struct end *crowd_any(void)
{
    struct end *e = &crowd.end[below(2)][below(CROWD_PEERS)];

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

void crowd_let_go(struct end *e)
{
    struct tcp_pcb *pcb = detach(e);

    if (tcp_close(pcb) != ERR_OK)
        tcp_abort(pcb);
}

void crowd_abort(struct end *e)
{
    tcp_abort(detach(e));
}

static err_t say(struct end *e, u16_t bytes)
{
    const u8_t *data = bytes_at(e, true, e->said);
    const u8_t flags = happens(500) ? TCP_WRITE_FLAG_MORE : 0;
    struct pbuf *p;

    if (happens(350))
        return tcp_write(e->pcb, data, bytes, flags);
    if (happens(500) || bytes > port_tcp_large(e->pcb))
        return tcp_write(e->pcb, data, bytes, TCP_WRITE_FLAG_COPY | flags);
    p = pbuf_alloc(PBUF_TRANSPORT, bytes, PBUF_RAM);
    if (!p)
        return ERR_MEM;
    memcpy(p->payload, data, bytes);
    return port_tcp_write_buffer(e->pcb, p, flags);
}

void crowd_write_some(struct end *e)
{
    const u16_t bytes = (u16_t)(1 + below(happens(500) ? 200 : 20000));

    if (e->closed || e->pcb->state == SYN_SENT || e->pcb->state == SYN_RCVD)
        return;
    if (bytes <= tcp_sndbuf(e->pcb) && say(e, bytes) == ERR_OK)
        e->said += bytes;
    if (e->pcb && happens(700))
        tcp_output(e->pcb);
}

void crowd_take_kept(struct end *e)
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
        crowd_let_go(e);
    else if (tcp_shutdown(e->pcb, 0, 1) == ERR_OK)
        e->closed = true;
}

/* ERR_ABRT when (e) is gone, as callbacks say. */
static err_t mischief(struct end *e)
{
    struct end *other = crowd_any();

    if (crowd.calm || !happens(crowd.mischief))
        return ERR_OK;
    switch (below(6)) {
    case 0:
        crowd_abort(e);
        return ERR_ABRT;
    case 1:
        crowd_let_go(e);
        return ERR_OK;
    case 2:
        shut(e);
        return ERR_OK;
    case 3:
        if (other)
            crowd_abort(other);
        break;
    case 4:
        if (other && other != e)
            crowd_let_go(other);
        break;
    default:
        crowd_write_some(e);
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
        if (memcmp(p->payload, bytes_at(e, false, e->heard), p->len) != 0)
            fail_msg("of %u bytes from %u on some are wrong", p->len, (unsigned)e->heard);
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
            crowd_take_kept(e);
        if (e->kept)
            pbuf_cat(e->kept, p);
        else
            e->kept = p;
        if (e->kept->tot_len > 20000)
            crowd_take_kept(e);
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

err_t crowd_on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)pcb;
    (void)err;
    return mischief(arg);
}

void crowd_begin(struct end *e, struct tcp_pcb *pcb)
{
    e->pcb = pcb;
    tcp_arg(pcb, e);
    tcp_err(pcb, on_error);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_poll(pcb, on_poll, (u8_t)(1 + below(4)));
}

err_t crowd_on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    if (err != ERR_OK || !pcb)
        return ERR_VAL;
    for (unsigned i = 0; i < CROWD_PEERS; i++) {
        if (crowd.port[i] != pcb->remote_port || crowd.end[1][i].pcb)
            continue;
        crowd_begin(&crowd.end[1][i], pcb);
        return mischief(&crowd.end[1][i]);
    }
    tcp_abort(pcb); /* its client is another by now */
    return ERR_ABRT;
}
