/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Programs between two cards: options, choosing or emulating both, attaching, the loop, leaving. As
 * app.h is for one. A program is a struct pair_spec; what it makes of the cards is its own.
 */
#ifndef PAIR_H
#define PAIR_H

#include "app_var.h"

#define PAIR_CARDS 2u

struct pair_options {
    const char *bus; /* NULL = the real one */
    const char *nic[PAIR_CARDS];
    struct app_emulate_options emulate[PAIR_CARDS];
    unsigned nics, emulated; /* how many of each were given */
    uint32_t mtu_bytes, queues, spin_us;
    enum port_log_level log;
    bool stats;
};

struct pair_spec {
    const char *name, *summary, *example;
    const char *side[PAIR_CARDS]; /* what its cards are called: "inside", "outside" */
    /* As in struct app_spec. */
    const struct argp_option *options;
    error_t (*parse)(int key, char *arg, void *ctx);
    /* After all options: 0, or 2 after saying what is wrong. May be NULL. */
    int (*check)(void *ctx);
    /*
     * Make NIC (side) with (config), in which the program fills in what is its own. (*nif) stays
     * NULL without lwIP on top. 0 or -errno.
     */
    int (*create)(void *ctx, unsigned side, struct netvsc_config *config, struct netvsc **nic,
                  struct netvsc_netif **nif);
    void (*destroy)(void *ctx, unsigned side);
    /* Both cards are up. 0 or exit status. */
    int (*start)(void *ctx);
    void (*stop)(void *ctx);
    /* Once per turn; returns how much was done. May be NULL. */
    unsigned (*turn)(void *ctx, uint64_t now_ns);
    /* Counters that are the program's own, then whether they add up: NULL, or a sentence. */
    void (*print)(void *ctx, FILE *out);
    const char *(*audit)(void *ctx);
    void *ctx;
};

/* Runs the whole program. Returns its exit status. */
int pair_main(const struct pair_spec *spec, int argc, char **argv);

/* APP_GO_ON, or the exit status. */
int pair_options_parse(const struct pair_spec *spec, int argc, char **argv,
                       struct pair_options *out);

/* Ends the program with exit status 1 as soon as it can; the program has said why. */
void pair_give_up(void);

#endif
