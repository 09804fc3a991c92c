/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * What programs send without a copy. lwIP's tcp_write() either copies, or has a PBUF_ROM point at
 * the program's memory and counts on its staying there; but when a connection is reset, and while a
 * NIC reads, nobody could say how long. So what tcp_write() asks of pbuf_alloc() (lwip_tcp_out.h)
 * it gets from here, as long as one of these is running:
 *
 *   port_tcp_write_buffer()  a pbuf like those lwIP makes is given away: lwIP, which asks for one
 *                            of that size, gets it, and has nothing to copy. If it wants another,
 *                            it copies.
 *   port_tcp_write_lent()    every PBUF_ROM is a custom pbuf that counts where the program can see
 *                            it, until the last of TCP and NIC lets go. lwIP may make one of them
 *                            longer, by what follows it in memory and is being lent.
 *
 * A NIC may read both where they are. Of other PBUF_ROMs it may not (netvsc_netif_place.c).
 */
#include "port_tcp_table.h"

#include "lwip/opt.h"

#include "lwip/mem.h"
#include "lwip/tcp.h"
#include "port_tcp.h"

struct loan {
    struct pbuf_custom p;
    u32_t *count;
};

static struct pbuf *offered, *given; /* what port_tcp_write_buffer() has, and tcp_write() may use */
static u32_t *lending; /* port_tcp_write_lent() counts here; NULL: it is not running */

void port_tcp_give(void)
{
    given = offered;
}

static void returned(struct pbuf *p)
{
    struct loan *loan = (struct loan *)(void *)p;

    (*loan->count)--;
    mem_free(loan);
}

static struct pbuf *lend(u16_t bytes)
{
    static char anywhere; /* lwIP sets the payload itself */
    struct loan *loan = mem_malloc(sizeof(*loan));

    if (!loan)
        return NULL;
    loan->p.custom_free_function = returned;
    loan->count = lending;
    (*lending)++;
    return pbuf_alloced_custom(PBUF_RAW, bytes, PBUF_ROM, &loan->p, &anywhere, bytes);
}

struct pbuf *port_tcp_pbuf_alloc(pbuf_layer layer, u16_t bytes, pbuf_type type)
{
    struct pbuf *p = given;

    if (lending && type == PBUF_ROM)
        return lend(bytes);
    if (!p || layer != PBUF_TRANSPORT || type != PBUF_RAM || bytes != p->tot_len)
        return pbuf_alloc(layer, bytes, type);
    offered = given = NULL;
    return p;
}

err_t port_tcp_write_buffer(struct tcp_pcb *pcb, struct pbuf *p, u8_t flags)
{
    err_t err;

    offered = p;
    err = tcp_write(pcb, p->payload, p->tot_len, (u8_t)(flags | TCP_WRITE_FLAG_COPY));
    if (offered)
        pbuf_free(p);
    offered = given = NULL;
    return err;
}

err_t port_tcp_write_lent(struct tcp_pcb *pcb, const struct port_tcp_lent *what, u8_t flags)
{
    err_t err;

    lending = what->loans;
    err = tcp_write(pcb, what->data, what->len_bytes, (u8_t)(flags & ~TCP_WRITE_FLAG_COPY));
    lending = NULL;
    return err;
}
