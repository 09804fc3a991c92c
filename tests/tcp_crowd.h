/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ends of many TCP connections, and what they do by chance, from outside and from within
 * callbacks: write, keep what came, refuse it, shut, close, abort, and end one another.
 */
#ifndef TCP_CROWD_H
#define TCP_CROWD_H

#include <stdbool.h>

#include "lwip/tcp.h"

#define CROWD_PEERS 24u

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

extern struct crowd {
    struct end end[2][CROWD_PEERS]; /* clients, servers */
    u16_t port[CROWD_PEERS];        /* of the client, by which the server knows it */
    unsigned mischief;              /* of a callback, of a thousand */
    bool calm;                      /* no more of it: all that is written shall arrive */
} crowd;

/* (e) has (pcb) from now on. */
void crowd_begin(struct end *e, struct tcp_pcb *pcb);

/* One end by chance; NULL if that has no connection. */
struct end *crowd_any(void);

void crowd_write_some(struct end *e);
void crowd_take_kept(struct end *e);
void crowd_let_go(struct end *e);

/* In TIME_WAIT, where data may still come with its FIN, lwIP does not tell the program. */
void crowd_abort(struct end *e);

/* Callbacks for a listener and a new connection. */
err_t crowd_on_accept(void *arg, struct tcp_pcb *pcb, err_t err);
err_t crowd_on_connected(void *arg, struct tcp_pcb *pcb, err_t err);

#endif
