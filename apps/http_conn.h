/* SPDX-License-Identifier: BSD-3-Clause */
/* One connection; see http_conn.c. Only http_server.c needs to know. */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "http_server.h"
#include "lwip/ip_addr.h"
#include "lwip/pbuf.h"
#include "lwip/tcp.h"

#define HTTP_SCRATCH_BYTES                                                                         \
    32768u /* one pread() and one tcp_write(); stays in the cache in between */
#define HTTP_INPUT_PBUFS_MAX 256u  /* waiting per connection; more is left to TCP's flow control */
#define HTTP_INPUT_PBUFS_ALL 512u  /* of all connections: a sixteenth of what lwIP receives into */
#define HTTP_PROGRESS_BYTES 16384u /* acknowledged per config.write_ms: fewer is no progress */
#define HTTP_LINGER_MS 5000u       /* for the client to close, too, once it has all */
#define HTTP_LINGER_BYTES 4194304u /* it may still send in that time */

enum http_conn_state {
    HTTP_CONN_FREE,
    HTTP_CONN_READ,   /* a head, or waiting for one */
    HTTP_CONN_SKIP,   /* the body of a request that has no use for one */
    HTTP_CONN_SEND,   /* a reply */
    HTTP_CONN_LINGER, /* we closed our direction; what comes is discarded until theirs closes */
};

/* What came of trying to get on. */
enum http_step {
    HTTP_STEP_NEXT,    /* the state changed, or may: go on */
    HTTP_STEP_WAIT,    /* for a callback */
    HTTP_STEP_CLOSED,  /* the connection is no longer ours, in peace */
    HTTP_STEP_ABORTED, /* the same, in war: return ERR_ABRT from lwIP's callback */
};

struct http_conn {
    struct http_server *server;
    struct tcp_pcb *pcb;
    struct http_conn *next_free;
    struct http_list *list; /* which it is in, NULL = none */
    struct http_conn *prev, *next;
    enum http_conn_state state;
    bool had_first; /* a request was answered */
    bool peer_fin;
    bool may_wait; /* this reply's file is read as others are: until the data is there */
    struct pbuf *in, *in_tail; /* linked by next; tot_len (16 bits) is not kept */
    uint32_t in_count;
    uint16_t in_off;        /* into the first */
    uint64_t skip_bytes;    /* SKIP: still to come. LINGER: discarded so far */
    uint32_t unacked_bytes; /* given to TCP and not acknowledged */
    uint32_t since_ms;      /* READ: waiting since. LINGER: since our end */
    bool is_cold;           /* the file's next bytes were not in memory when last looked */
    uint32_t cold_ms;       /* since when */
    uint32_t progress_ms;   /* start of sending, and from then on of the piece below */
    uint32_t progress_seq;  /* what was acknowledged then */
    uint32_t head_sent;     /* bytes of the reply's head given to TCP */
    uint64_t body_sent;
    ip_addr_t remote;
    struct http_reply reply;
    struct http_parser parser;
};

/* Takes over (pcb) of a connection just accepted, with (c) fresh from the free list. */
void http_conn_open(struct http_conn *c, struct http_server *server, struct tcp_pcb *pcb);

/* Ends our direction after what is on its way; the rest happens by itself. For idle connections. */
void http_conn_finish(struct http_conn *c);

/* Both directions are done, or as good as: lwIP does the rest of the goodbye without us. */
enum http_step http_conn_let_go(struct http_conn *c);

/* Reset. Everything is freed; from within a callback of this connection, lwIP must get ERR_ABRT. */
void http_conn_abort(struct http_conn *c);

/* From outside lwIP's callbacks: do what can be done now. (c) may be gone afterwards. */
void http_conn_go_on(struct http_conn *c);

/* http_input.c: keep (p), all of it, behind what waits; false = no room, it is still lwIP's. */
bool http_input_keep(struct http_conn *c, struct pbuf *p);
/* (n) bytes of the first buffer are used: the client may send as many more. */
void http_input_used(struct http_conn *c, size_t n);
/* The end of the connection: free what waits. */
void http_input_drop(struct http_conn *c);

/* http_output.c: as much of the reply as TCP takes now. HTTP_STEP_NEXT = all of it. */
enum http_step http_output_reply(struct http_conn *c);

/*
 * http_read.c: up to (n) bytes of the reply's file from (off) on. How many, more than 0; -EAGAIN
 * when they are still on the disk: http_conn_go_on() will be called; -EIO.
 */
ssize_t http_read(struct http_conn *c, char *to, size_t n, off_t off);
void http_read_close(struct http_server *server);

/* http_server.c: */
void http_server_put(struct http_server *server, struct http_conn *c);
/* Into (list), newest last, or with NULL into none. */
void http_server_list(struct http_conn *c, struct http_list *list);
void http_server_count(struct http_server *server, int status);

/* http_log.c: a line for a reply that was sent, or as much of it as (body_sent). */
void http_log_reply(const struct http_conn *c);

#endif
