/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client sent and nobody has used yet: lwIP's buffers, counted, each given back once used.
 */
#include "http_conn.h"

/* May (p) wait here? The first one always may, or a connection would never get on. */
static bool has_room(const struct http_conn *c, const struct pbuf *p)
{
    uint32_t more = pbuf_clen(p);

    return c->in_count == 0 || (c->in_count + more <= HTTP_INPUT_PBUFS_MAX &&
                                c->server->in_count + more <= HTTP_INPUT_PBUFS_ALL);
}

bool http_input_keep(struct http_conn *c, struct pbuf *p)
{
    if (!has_room(c, p))
        return false;
    if (c->in)
        c->in_tail->next = p;
    else
        c->in = p;
    for (; p; p = p->next) {
        c->in_count++;
        c->server->in_count++;
        c->in_tail = p;
    }
    return true;
}

void http_input_used(struct http_conn *c, size_t n)
{
    struct pbuf *p = c->in;

    tcp_recved(c->pcb, (u16_t)n);
    c->in_off = (uint16_t)(c->in_off + n);
    if (c->in_off < p->len)
        return;
    c->in = p->next;
    c->in_off = 0;
    c->in_count--;
    c->server->in_count--;
    p->next = NULL;
    pbuf_free(p);
}

void http_input_drop(struct http_conn *c)
{
    while (c->in) {
        struct pbuf *p = c->in;

        c->in = p->next;
        p->next = NULL;
        pbuf_free(p);
    }
    c->server->in_count -= c->in_count;
}
