/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An HTTP/1.1 server over lwIP's raw API: GET and HEAD, keep-alive, pipelining. One thread, the one
 * that runs lwIP; allocates only in http_server_open().
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "http_log.h"
#include "http_reply.h"

struct http_conn;
struct tcp_pcb;

/* X(name, help) */
#define HTTP_STATS(X)                                                                              \
    X(connections, "connections accepted")                                                         \
    X(refused, "connections reset: all connections in use")                                        \
    X(evicted, "idle connections closed to make room for new ones")                                \
    X(requests, "requests answered, bad ones included")                                            \
    X(ready, "of these, answers that were ready: a small file asked for just before")              \
    X(status_2xx, "answers 2xx")                                                                   \
    X(status_3xx, "answers 3xx")                                                                   \
    X(status_4xx, "answers 4xx")                                                                   \
    X(status_5xx, "answers 5xx")                                                                   \
    X(bytes, "bytes given to TCP, heads included")                                                 \
    X(timeouts_header, "requests that did not arrive in time (408)")                               \
    X(timeouts_idle, "connections closed because no request came")                                 \
    X(timeouts_write, "connections reset: the client took next to nothing for too long")           \
    X(aborted_file, "connections reset: the file shrank or failed while being sent")               \
    X(cold_reads, "reads put off because the data was not in memory")                              \
    X(slow_reads, "reads that were waited for after all")                                          \
    X(aborted_peer, "answers cut short by the client")                                             \
    X(aborted_input, "connections reset: too much input after the last answer")                    \
    X(log_lost, "lines the access log had no room for, its reader being slow or gone")

struct http_stats {
#define X(name, help) uint64_t name;
    HTTP_STATS(X)
#undef X
};

/* Connections, each in one such list at most. */
struct http_list {
    struct http_conn *oldest, *newest;
};

struct http_config {
    uint16_t port;        /* TCP, of all addresses, IPv4 and IPv6 */
    uint8_t backlog;      /* connections being opened at a time */
    uint32_t connections; /* open at a time; about 11 KiB each, touched when used */
    uint32_t header_ms; /* for a request to arrive, from its first byte or the connection's start */
    uint32_t idle_ms;   /* between requests */
    uint32_t write_ms;  /* for the client to acknowledge 16 KiB, or all there is */
    struct http_log *access_log; /* NULL = none. The caller flushes and closes it */
    void *files;                 /* memory the NIC sends from, for large files; NULL = none */
    size_t files_bytes;
};

struct http_server {
    struct http_config config;
    /*
     * Filled in by the owner before opening, but for (cache) and (files); root closed by it, too.
     */
    struct http_site site;
    struct http_stats stats;
    uint32_t open;     /* connections now */
    uint32_t in_count; /* buffers with input that wait, of all of them */
    bool stopping;
    struct tcp_pcb *listener;
    struct http_conn *conns, *free_list;
    struct http_list idle; /* waiting for a request, with nothing on its way */
    struct http_list cold; /* waiting for the disk */
    bool is_looking;       /* a timer runs for those */
    char *scratch;         /* of HTTP_SCRATCH_BYTES, between file and TCP; nothing stays in it */
};

/*
 * Listen. Needs lwIP initialised; (server) stays where it is until http_server_close(). 0, -ENOMEM,
 * -EADDRINUSE; on failure nothing is left behind.
 */
int http_server_open(struct http_server *server, const struct http_config *config);

/* No new connections; idle ones are closed, others after the answer they are at. */
void http_server_stop(struct http_server *server);

/* Resets what is still open and frees everything. Not from within a callback of lwIP. */
void http_server_close(struct http_server *server);

#endif
