/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket of a running program: one line of JSON in, one answer out, closed. A request
 * is {"command": "stats", "format": "json"} or
 * {"command": "set", "name": "mtu", "value": "9000"}; formats are json and text. What is wrong is
 * answered with {"error": "..."} in either. Private to apps/.
 */
#ifndef APP_CONTROL_H
#define APP_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "port_loop.h"

#define APP_CONTROL_CLIENTS 4u /* the oldest must go when one more comes */
#define APP_CONTROL_REQUEST_BYTES 256u
#define APP_CONTROL_LOOK_NS (10 * 1000000ull) /* a busy loop looks this often */
#define APP_CONTROL_PATIENCE_NS (5 * 1000000000ull)
#define APP_CONTROL_PATH_BYTES 108u /* of a UNIX socket's address */

struct app_control_client {
    int fd; /* -1: free */
    uint64_t since_ns;
    char request[APP_CONTROL_REQUEST_BYTES];
    size_t got;
    char *answer; /* NULL while it is still asking */
    size_t bytes, sent;
};

struct app_control_request {
    const char *command;      /* never NULL */
    const char *name, *value; /* may be NULL */
    bool json;
};

struct app_control {
    int fd; /* -1: none */
    char path[APP_CONTROL_PATH_BYTES];
    uint64_t look_at_ns;
    struct app_control_client client[APP_CONTROL_CLIENTS];
    /* Write the answer; false: there is no such command. */
    bool (*answer)(void *ctx, const struct app_control_request *request, FILE *out);
    void *ctx;
};

/*
 * Listen on (path), or where netvscctl looks when it is NULL. Only this user may connect. 0 or
 * -errno; then nothing is left behind and the functions below do nothing.
 */
int app_control_open(struct app_control *control, const char *path);
void app_control_close(struct app_control *control);
/* In a child of the program: it is the parent's. */
void app_control_forget(struct app_control *control);

/* How the loop drives it. Never blocks. */
struct port_loop_peer app_control_peer(struct app_control *control);

/* ---- where the sockets are ------------------------------------------------------------------- */

/* /run/netvsc for root, else netvsc in $XDG_RUNTIME_DIR. -ENOENT there is none. */
int app_control_folder(char *out, size_t out_bytes);

/*
 * Listens on (wish) or, NULL, on a path in that folder; (path) is where. A descriptor, or -errno:
 * -EADDRINUSE somebody else does.
 */
int app_control_listen(const char *wish, char path[APP_CONTROL_PATH_BYTES]);

/* Connected to (path), or -errno; -ECONNREFUSED means that its program has gone. */
int app_control_connect(const char *path);

#endif
