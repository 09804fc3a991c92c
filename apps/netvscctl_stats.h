/* SPDX-License-Identifier: BSD-3-Clause */
/* netvscctl stats, xstats, ring: ask a running program. Private to apps/. */
#ifndef NETVSCCTL_STATS_H
#define NETVSCCTL_STATS_H

#include <stdbool.h>

/*
 * Send (command) to the program (whom): its process id, the path of its control socket, or NULL for
 * the only one that runs; print what it answers. Exit status.
 */
int ctl_ask(const char *command, const char *whom, bool json);

/* The same with "set" and (change), NAME=VALUE. */
int ctl_set(const char *change, const char *whom, bool json);

#endif
