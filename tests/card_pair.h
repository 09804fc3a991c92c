/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two cards of one emulated host, both interfaces of the same lwIP, with settings made by chance
 * and a network between them that loses, repeats and reorders; all under a virtual clock.
 */
#ifndef CARD_PAIR_H
#define CARD_PAIR_H

#include "chance.h"
#include "hvhost.h"
#include "netvsc_netif.h"

#define PAIR_MS 1000000u

struct card_pair {
    uint64_t now_ns;
    struct hvhost *host;
    struct hvhost_nic *card[2];
    struct netvsc_netif nif[2];
};

extern struct card_pair pair;

/* Once, before the first: lwIP, its heap in memory the cards send from, the clock. 0, or -1. */
int pair_start(void);
/* Both up; the network's (trouble) is in thousandths of the frames. */
void pair_open(unsigned trouble);
/* Everything that was lent is back, and the books of both sides are right. */
void pair_close(void);
/* A millisecond for cards, host and lwIP's timers. */
void pair_turn(void);
/* Card (i) is there and attached to, if it can be; false: its memory is still lent. */
bool pair_attach(unsigned i);
bool pair_is_off(unsigned i);
/* Put back what can be at once, of cards and cables. Are both up and linked? */
bool pair_keep(void);
/* Until both are. */
void pair_mend(void);

#endif
