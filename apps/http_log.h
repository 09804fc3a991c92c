/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The access log: common log format, a line per reply. It never waits for who reads it: lines that
 * find no room are lost and counted (log_lost of HTTP_STATS), which the log of the program says
 * once.
 */
#ifndef HTTP_LOG_H
#define HTTP_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_server;

struct http_log {
    const char *name; /* for messages */
    int fd;
    bool is_socket;
    size_t piece_bytes; /* written at a time: a pipe takes it whole or not at all */
    char *text;         /* lines that wait, in order */
    size_t used_bytes;
    uint64_t retry_at_ns; /* it took nothing before */
    bool said;            /* that lines are lost */
};

/* Write to (path), which is kept, "-": standard output. 0, -ENXIO a pipe nobody reads, -errno. */
int http_log_open(struct http_log *log, const char *path);

/* Write what waits, as far as it is taken. Call now and then, for nobody else may. */
void http_log_flush(struct http_server *server);

/* The same for the last time. After it config.access_log is NULL; if it is already, nothing. */
void http_log_close(struct http_server *server);

#endif
