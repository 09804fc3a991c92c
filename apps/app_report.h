/* SPDX-License-Identifier: BSD-3-Clause */
/* What a running program says about its card when netvscctl asks. Private to apps/. */
#ifndef APP_REPORT_H
#define APP_REPORT_H

#include <stdbool.h>
#include <stdio.h>

struct app_control_request;
struct netvsc_netif;
struct hvhost;
struct port_attach;
struct port_workers;

struct app_report {
    const char *program;
    struct netvsc_netif *nif;
    struct port_attach *attach;
    const struct hvhost *host;          /* emulated in this process, or NULL */
    const struct port_workers *workers; /* NULL: this process serves */
};

/*
 * "stats": the card and its basic counters; "xstats": every counter, in all, per queue and per
 * worker; "ring": rings and send sections of every queue as they are now; as JSON or as text.
 * "set": see app_change(). False: no such command. (ctx) is a struct app_report.
 */
bool app_report(void *ctx, const struct app_control_request *request, FILE *out);

/*
 * Ask for a change: "mtu" to a number, "promiscuous" to on or off, "mac" to an address or own.
 * NULL, or what is wrong. What the host makes of it is in the counters, and a refusal in the log.
 */
const char *app_change(const struct app_report *report, const char *name, const char *value);

#endif
