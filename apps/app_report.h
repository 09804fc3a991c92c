/* SPDX-License-Identifier: BSD-3-Clause */
/* What a running program says about its card when netvscctl asks. Private to apps/. */
#ifndef APP_REPORT_H
#define APP_REPORT_H

#include <stdbool.h>
#include <stdio.h>

struct netvsc_netif;
struct hvhost;

struct app_report {
    const char *program;
    const struct netvsc_netif *nif;
    const struct hvhost *host; /* emulated in this process, or NULL */
};

/*
 * "stats": the card and its basic counters; "xstats": every counter, in all and per queue; "ring":
 * rings and send sections of every queue as they are now. As JSON or as text. False: no such command.
 * (ctx) is a struct app_report.
 */
bool app_report(void *ctx, const char *command, bool json, FILE *out);

#endif
