/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Do a balancer's backends live? They are asked by TCP connections of lwIP's: one that does not
 * accept before it is asked again is down.
 */
#ifndef LB_HEALTH_H
#define LB_HEALTH_H

#include "lb.h"
#include "lwip/tcp.h"

struct lb_health {
    unsigned count;
    struct lb_check {
        struct tcp_pcb *pcb; /* NULL: it is not being asked */
        struct lb_backend *backend;
    } check[LB_BACKENDS_MAX];
};

/* (lb), all of its backends known, stays the caller's and has to outlive (health). */
void lb_health_open(struct lb_health *health, struct lb *lb);
/* Ask each; call it as often as answers may take. */
void lb_health_ask(struct lb_health *health);
void lb_health_close(struct lb_health *health);

#endif
