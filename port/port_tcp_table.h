/* SPDX-License-Identifier: BSD-3-Clause */
/* lwIP's TCP without its walks: over all connections, and over a connection's segments. For lwIP's
 * TCP files and port_memp.c; programs need none of it. */
#ifndef PORT_TCP_TABLE_H
#define PORT_TCP_TABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lwip/err.h"
#include "lwip/pbuf.h"
#include "lwip/ip_addr.h"

struct netif;
struct tcp_hdr;
struct tcp_pcb;
struct tcp_seg;

/* What stands in front of each struct tcp_pcb. */
#define PORT_TCP_LINK_BYTES 8u

/* Blocks for (count) connections begin at (base), each after its link. Forgets all others. */
void port_tcp_table_open(void *base, size_t count);

/* What TCP_REG and TCP_RMV do: onto the list (pcb->state) asks for, and off the list it is on. */
void port_tcp_reg(struct tcp_pcb *pcb);
void port_tcp_rmv(struct tcp_pcb *pcb);

/* (pcb) is about to be freed. lwIP's timers take connections off their list by themselves. */
void port_tcp_forget(struct tcp_pcb *pcb);

/* Around a change of the addresses of an active connection. */
void port_tcp_hide(struct tcp_pcb *pcb);
void port_tcp_show(struct tcp_pcb *pcb);

/* A local port no connection has, or 0. Host byte order. */
u16_t port_tcp_new_port(void);

/* Free the connection that has been in TIME_WAIT the longest; false when there is none. */
bool port_tcp_give_up_oldest(void);

/* What a received segment belongs to, as tcp_input() found it: at most one of them is not NULL. */
extern struct tcp_pcb *port_tcp_hit, *port_tcp_hit_tw;

/* It, while its handshake ends without a retransmission. */
extern struct tcp_pcb *port_tcp_opening;

/* What names a connection; ports in host byte order. */
struct port_tcp_tuple {
    const ip_addr_t *local, *remote;
    u16_t local_port, remote_port;
};

/*
 * For port_tcp_ahead.c. The bucket of a hash holds the slot of its first connection, 0 = none; each
 * slot has one, and the next slot of the bucket. To fetch is to ask for all memory of a connection.
 */
uint32_t port_tcp_hash(const struct port_tcp_tuple *t);
const uint32_t *port_tcp_bucket(uint32_t hash);
struct tcp_pcb *port_tcp_fetch(uint32_t slot);
const struct tcp_pcb *port_tcp_in(uint32_t slot, uint32_t *next);

/* Its number in the pool. */
uint32_t port_tcp_number(const struct tcp_pcb *pcb);

/* A connection as others know it, for whom it must not be lost with the process. */
struct port_tcp_end {
    ip_addr_t local, remote;
    uint32_t isn; /* its own */
    uint16_t local_port;
    _Atomic uint16_t remote_port; /* 0: none; written last */
};

/* Note each connection that begins from now on in (ends)[its number] until it ends. (used): above
 * all numbers there ever were. NULL: nowhere. */
void port_tcp_note(struct port_tcp_end *ends, _Atomic uint32_t *used);

/* The ends of its lists of segments are known no more. */
void port_tcp_forget_tails(const struct tcp_pcb *pcb);

/* Connection number (i) of the pool, from 0 on. */
struct tcp_pcb *port_tcp_at(uint32_t i);

/* Timers of 10 ms for (count) connections. */
void port_tcp_timer_open(size_t count);
/* Something is about to be sent, its round trip measured. */
void port_tcp_timer_sending(void);
/* Something was, or was not, sent by number (i), (pcb): is there anything to wait for? */
void port_tcp_timer_watch(const struct tcp_pcb *pcb, uint32_t i);
void port_tcp_timer_forget(uint32_t i);

/* ---- port_tcp_large.c: segments the NIC cuts ---- */

/* The MSS for a tcp_write() of (len_bytes); (last) of the segments not yet sent, or NULL. */
u16_t port_tcp_write_size(const struct tcp_pcb *pcb, const struct tcp_seg *last, u16_t len_bytes);
/* Split those not yet sent to what may leave now. */
void port_tcp_fit(struct tcp_pcb *pcb);
/* What the peer has is not in the way while lwIP looks at the rest: taken off the lists, and put
 * back, before others on their way, or else before those to be sent. */
struct tcp_seg *port_tcp_set_aside(struct tcp_pcb *pcb);
void port_tcp_put_back(struct tcp_pcb *pcb, struct tcp_seg *has);
/* Make the first unacknowledged one what the wire takes and the peer lacks. Returns what was in
 * front of it, to be put back. */
struct tcp_seg *port_tcp_first_alone(struct tcp_pcb *pcb);
/* In place of lwIP's: the first not yet sent that the peer lacks, after (bytes). */
err_t port_tcp_split(struct tcp_pcb *pcb, u16_t bytes);
/* Around handing (p) to IP; (err) is passed on. (pcb) may be NULL. */
void port_tcp_ip_begin(const struct tcp_pcb *pcb, struct pbuf *p, struct netif *netif);
err_t port_tcp_ip_end(struct netif *netif, err_t err);

/* port_tcp_wait.c: if (head) begins a new connection in place of (waiting), that is freed. The
 * other one when lwIP has dealt with (head). */
bool port_tcp_replace(struct tcp_pcb *waiting, const struct tcp_hdr *head);
void port_tcp_replaced(void);

/* ---- port_tcp_give.c: what programs send without a copy ---- */

/* For tcp_write(): as pbuf_alloc(), or what a program gives or lends. */
struct pbuf *port_tcp_pbuf_alloc(pbuf_layer layer, u16_t bytes, pbuf_type type);
/* It will be asked for a buffer of its own, and not for one to fill up what is there. */
void port_tcp_give(void);

/* lwIP's own functions under the names they have here. */
void lwip_tcp_input(struct pbuf *p, struct netif *inp);
err_t lwip_tcp_output(struct tcp_pcb *pcb);
err_t lwip_tcp_write(struct tcp_pcb *pcb, const void *data, u16_t len_bytes, u8_t flags);

#endif
