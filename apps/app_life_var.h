/* SPDX-License-Identifier: BSD-3-Clause */
/* The program's state and the parts of its life, for app.c and app_workers.c. */
#ifndef APP_LIFE_VAR_H
#define APP_LIFE_VAR_H

#include "app_control.h"
#include "app_report.h"
#include "app_var.h"

#define APP_LINGER_NS 2000000000ull /* for connections to end by themselves */

struct port_workers;

struct app_life {
    const struct app_spec *spec;
    struct app_options options;
    struct app_card card;
    struct netvsc_netif nif;
    struct port_loop loop;
    struct port_workers *workers; /* NULL: none */
    struct app_control control;
    struct app_report report;
    struct app_rates rates;
    bool address_taken;
    int finished;  /* exit status a program ended itself with */
    bool finishes; /* it has */
};
extern struct app_life app;

/* Callback of the loop, about every second. */
void app_each_second(void *ctx, uint64_t now_ns);
/* Wait for connections to end, then reset them. */
void app_end_connections(void);

/* app_workers.c: 0, or exit status. Begin and serve until the first stop; then all are gone. */
int app_workers_open(void);
int app_workers_serve(void);

#endif
