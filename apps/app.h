/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all programs share: the common options, choosing a bus and a card (or emulating one), lwIP
 * set-up, the poll loop, signals, clean detach. A program is a struct app_spec and its own
 * protocol.
 */
#ifndef APP_H
#define APP_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include "netvsc_netif.h"

struct tcp_pcb;

struct app_spec {
    const char *name;         /* "netvsc-echo" */
    const char *summary;      /* one line for --help */
    const char *example;      /* one command line for --help */
    const char *const *sides; /* pair.h: what its two cards are called; NULL: it has one */
    /*
     * The program's own options, or NULL; keys from 0x100 up are the common ones'. (parse) gets
     * each with (ctx): 0, ARGP_ERR_UNKNOWN, or EINVAL after it has said what is wrong with
     * app_fail().
     */
    const struct argp_option *options;
    error_t (*parse)(int key, char *arg, void *ctx);
    /* After all options: 0, or 2 after saying what is wrong. May be NULL. */
    int (*check)(void *ctx);
    const char *args; /* "URL": arguments that are no options come as key 0; NULL: there are none */
    /*
     * Called once lwIP is up and the netif exists, before traffic: listen here. 0 or exit status.
     */
    int (*start)(void *ctx);
    /* Called on SIGINT and SIGTERM while traffic still flows: close listeners. May be NULL. */
    void (*stop)(void *ctx);
    bool by_workers; /* --workers may be given: its work can be done by several processes */
    /*
     * With --workers: start, stop and second are called in each worker. The program's counters,
     * which app_counters() adds up; may be NULL.
     */
    const uint64_t *counters;
    unsigned counter_count;
    /* Called about every second of the loop; may be NULL. */
    void (*second)(void *ctx, uint64_t now_ns);
    void *ctx;
    /* Memory beside lwIP's from which the card sends: port_heap_apart() has it, or not. NULL: 0. */
    const size_t *apart_bytes;
    bool forwards; /* sends on what it receives, so nobody may put segments together */
};

/* Runs the whole program. Returns its exit status: 0 ok, 1 failed, 2 usage. */
int app_main(const struct app_spec *spec, int argc, char **argv);

/* From a callback of lwIP's: the program is done and ends with (status), as after SIGTERM. */
void app_finish(int status);

/*
 * Call (ready) as soon as the card has an address, for programs that open connections; once, from
 * the loop. Without one for 30 s the program ends with status 1 and says why.
 */
void app_when_addressed(void (*ready)(void *ctx), void *ctx);

/*
 * A local port for a TCP connection to (addr) and (port) whose answers come to this worker's queue;
 * 0 without --workers: any port will do. It may be in use: ask again, it is chosen at random.
 */
uint16_t app_local_port(const ip_addr_t *addr, uint16_t port);

/* The card in use; valid from start() on. */
struct netvsc_netif *app_netif(void);

/* Counters of card and interface, and the program's own (spec->counters), of all its processes. */
void app_card_stats(struct netvsc_stats *card, struct netvsc_netif_stats *interface);
void app_counters(uint64_t *out, unsigned count);

/* What --connections said; 0 = nothing. */
uint32_t app_connections(void);

/* "What: why. Do this." on stderr; returns (status), so that callers can return it. */
int app_fail(int status, const char *what, const char *why, const char *remedy);

/*
 * Option (name)'s value (text) as a number (min)..(max). 0, or EINVAL after saying what is wrong.
 */
error_t app_number(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *out);

/*
 * Listen on TCP (port), IPv4 and IPv6. NULL after saying why not; then return 1 from start(). The
 * pcb is the caller's, who sets tcp_arg() and tcp_accept(); tcp_close() it in stop().
 */
struct tcp_pcb *app_listen(uint16_t port);

/* What an lwIP error means, in a few words. */
const char *app_lwip_error(err_t err);

#endif
