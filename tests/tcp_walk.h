/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All that can happen to lwIP's connections, in a seeded random order: a program that does what
 * programs may in any callback, and a network that sends anything from anybody.
 */
#ifndef TCP_WALK_H
#define TCP_WALK_H

#include <stdbool.h>

#include "lwip/netif.h"
#include "lwip/tcp.h"

#define WALK_POOL 64u /* connections there can be: few, so that they run out */
#define WALK_HELD_MAX 256u

extern struct tcp_walk {
    struct netif *card;
    struct tcp_pcb *listener;
    struct tcp_pcb *held[WALK_HELD_MAX]; /* what the program has a pointer to */
    /* How often TIME_WAIT ended, and a callback aborted another connection than its own. */
    unsigned expired, aborted_others;
} walk;

/* lwIP with its clock, an interface and a listener. 0 or -1. */
int walk_start(void);
void walk_step(void);

/* The program aborts one of its connections. False: it has none. */
bool walk_abort_held(void);

#endif
