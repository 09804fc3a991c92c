/* SPDX-License-Identifier: BSD-3-Clause */
/* The NIC's counters by name, and whether they add up. */
#ifndef NETIF_BOOKS_H
#define NETIF_BOOKS_H

#include "check.h"
#include "netvsc.h"

/*
 * The sentences at the top of netvsc_stats.h. (begins) is how often netvsc_tx_begin() was called;
 * all of them must have been committed or cancelled.
 */
void check_books(const struct netvsc *nic, uint64_t begins);

/* The counter called (name); the test fails if there is none. */
uint64_t netvsc_counter(const struct netvsc_stats *stats, const char *name);

#endif
