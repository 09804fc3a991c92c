/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a real host would punish: each sin breaks one rule once, as a guest that raw_bring_up() has
 * brought up. One table a topic, ended by a row without (what).
 */
#ifndef RAW_SINS_H
#define RAW_SINS_H

#include "raw_guest.h"

struct raw_sin {
    const char *what;
    const char *counter; /* the only one that moves */
    void (*commit)(struct raw_guest *g);
    bool gets_out; /* its frames are sent on all the same */
    bool forgiven; /* also by a host that punishes: nothing is left to close */
};

extern const struct raw_sin raw_sins_nvs[], raw_sins_rndis[], raw_sins_memory[], raw_sins_packet[];

#endif
