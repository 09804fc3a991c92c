/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client's first question: have we an address? DHCP and SLAAC take their time, and lwIP has one
 * callback per event, all of them taken (port_net.c). So a timer looks, often enough that nobody
 * notices.
 */
#include "app_life_var.h"

#include "lwip/timeouts.h"
#include "port_clock.h"
#include "port_workers.h"

#define LOOK_MS 20
#define WAIT_NS (30 * PORT_NS_PER_S)
#define SETTLE_NS (2 * PORT_NS_PER_S) /* for the other workers; then without them */

static struct {
    void (*ready)(void *ctx);
    void *ctx;
    uint64_t since_ns;
} waiting;

static bool has_address(const struct netif *netif)
{
    if (!ip4_addr_isany_val(*netif_ip4_addr(netif)))
        return true;
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
            !ip6_addr_islinklocal(netif_ip6_addr(netif, i)))
            return true;
    return false;
}

/* Connections opened before the table is final would be another worker's a moment later. */
static bool settled(void)
{
    return !app.workers || port_worker_settled(app.workers) ||
           port_clock_now() >= waiting.since_ns + SETTLE_NS;
}

static void look(void *arg)
{
    if (has_address(&app.nif.netif) && settled()) {
        waiting.ready(waiting.ctx);
    } else if (port_clock_now() >= waiting.since_ns + WAIT_NS) {
        app_fail(1, "no address", "neither DHCP nor IPv6 gave one within 30 seconds",
                 "Give --ip ADDR/N");
        app_finish(1);
    } else {
        sys_timeout(LOOK_MS, look, arg);
    }
}

void app_when_addressed(void (*ready)(void *ctx), void *ctx)
{
    waiting.ready = ready;
    waiting.ctx = ctx;
    waiting.since_ns = port_clock_now();
    sys_timeout(0, look, NULL);
}
