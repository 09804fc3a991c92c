/* SPDX-License-Identifier: BSD-3-Clause */
#include "lb_health.h"

#include "port_log.h"

static void set_down(struct lb_backend *backend, bool down)
{
    const ip4_addr_t address = {backend->address};

    if (backend->down == down)
        return;
    backend->down = down;
    port_log(down ? PORT_LOG_WARN : PORT_LOG_INFO, "backend %s:%u is %s", ip4addr_ntoa(&address),
             lwip_ntohs(backend->port), down ? "down" : "up");
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct lb_check *check = arg;

    (void)err; /* always ERR_OK */
    check->pcb = NULL;
    set_down(check->backend, false);
    tcp_arg(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_abort(pcb); /* nothing was said, so nothing need be waited for */
    return ERR_ABRT;
}

static void on_error(void *arg, err_t err)
{
    struct lb_check *check = arg;

    (void)err;
    check->pcb = NULL;
    set_down(check->backend, true);
}

static void forget(struct lb_check *check)
{
    tcp_arg(check->pcb, NULL);
    tcp_err(check->pcb, NULL);
    tcp_abort(check->pcb);
    check->pcb = NULL;
}

static void ask(struct lb_check *check)
{
    const struct lb_backend *backend = check->backend;
    ip_addr_t address = IPADDR4_INIT(backend->address);

    if (check->pcb) { /* still no answer since the last time */
        forget(check);
        set_down(check->backend, true);
    }
    check->pcb = tcp_new();
    if (!check->pcb)
        return;
    tcp_arg(check->pcb, check);
    tcp_err(check->pcb, on_error);
    if (tcp_connect(check->pcb, &address, lwip_ntohs(backend->port), on_connected) != ERR_OK) {
        forget(check);
        set_down(check->backend, true);
    }
}

void lb_health_open(struct lb_health *health, struct lb *lb)
{
    *health = (struct lb_health){.count = lb->backends};
    for (unsigned i = 0; i < lb->backends; i++)
        health->check[i].backend = &lb->backend[i];
}

void lb_health_ask(struct lb_health *health)
{
    for (unsigned i = 0; i < health->count; i++)
        ask(&health->check[i]);
}

void lb_health_close(struct lb_health *health)
{
    for (unsigned i = 0; i < health->count; i++) {
        if (health->check[i].pcb)
            forget(&health->check[i]);
    }
    health->count = 0;
}
