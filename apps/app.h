/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all programs share: the common options, choosing a bus and a card (or emulating one), lwIP
 * set-up, the poll loop, signals, clean detach. A program is a struct app_spec and its own protocol.
 */
#ifndef APP_H
#define APP_H

#include <argp.h>
#include <stdint.h>

#include "netvsc_netif.h"

struct app_spec {
    const char *name;    /* "netvsc-echo" */
    const char *summary; /* one line for --help */
    const char *example; /* one command line for --help */
    /* The program's own options, or NULL; parsed by (parse) with (ctx) as input, as argp does. */
    const struct argp_option *options;
    error_t (*parse)(int key, char *arg, void *ctx);
    /* Called once lwIP is up and the netif exists, before traffic: listen here. 0 or exit status. */
    int (*start)(void *ctx);
    /* Called on SIGINT and SIGTERM while traffic still flows: close listeners. May be NULL. */
    void (*stop)(void *ctx);
    /* Called about every second of the loop; may be NULL. */
    void (*second)(void *ctx, uint64_t now_ns);
    void *ctx;
};

/* Runs the whole program. Returns its exit status: 0 ok, 1 failed, 2 usage. */
int app_main(const struct app_spec *spec, int argc, char **argv);

/* The card in use; valid from start() on. */
struct netvsc_netif *app_netif(void);

/* "What: why. Do this." on stderr; returns (status), so that callers can return it. */
int app_fail(int status, const char *what, const char *why, const char *remedy);

#endif
