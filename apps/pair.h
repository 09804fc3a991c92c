/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Programs between two cards: choosing or emulating both, attaching, the loop, leaving, as app.h is
 * for one. A program is a struct pair_spec; what it makes of the cards is its own. Callbacks get
 * (app.ctx).
 */
#ifndef PAIR_H
#define PAIR_H

#include "app_var.h"

#define PAIR_CARDS APP_CARDS_MAX

struct pair_spec {
    struct app_spec app; /* with (sides); start() when both cards are up; nothing of workers */
    /*
     * Make NIC (side) with (config), in which the program fills in what is its own. (*nif) stays
     * NULL without lwIP on top. 0 or -errno.
     */
    int (*create)(void *ctx, unsigned side, struct netvsc_config *config, struct netvsc **nic,
                  struct netvsc_netif **nif);
    void (*destroy)(void *ctx, unsigned side);
    /* Once per turn; returns how much was done. May be NULL. */
    unsigned (*turn)(void *ctx, uint64_t now_ns);
    /* Counters that are the program's own, then whether they add up: NULL, or a sentence. */
    void (*print)(void *ctx, FILE *out);
    const char *(*audit)(void *ctx);
};

/* Runs the whole program. Returns its exit status. */
int pair_main(const struct pair_spec *spec, int argc, char **argv);

/* Ends the program with exit status 1 as soon as it can; the program has said why. */
void pair_give_up(void);

#endif
