/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Detach as a table. Every step is optional: a host that does not answer must not keep us, it only
 * costs the step's deadline.
 *
 * Theory of operation. Filter 0 stops the host's side, the drain returns every receive section and
 * waits for every frame sent, the threads of other queues leave them, HALT ends RNDIS (no RNDIS
 * reply: its VMBus completion is the answer), the two revokes take the buffers back. Hosts stop
 * reading at the first revoke, so HALT comes before. Nothing acknowledges a revoke; that the host
 * has taken both off the ring must do.
 */
#include "netvsc_var.h"

#include <errno.h>

#define DRAIN_MS 1000u  /* as long as DPDK waits */
#define CONSUME_MS 200u /* for the host to take two packets off the ring */

static int send_filter_off(struct netvsc *nic)
{
    return netvsc_ctl_set_u32(nic, OID_PACKET_FILTER, 0);
}

static int drained(struct netvsc *nic)
{
    return netvsc_queues_idle(nic) ? 0 : -EAGAIN;
}

static int left(struct netvsc *nic)
{
    return netvsc_queues_left(nic) ? 0 : -EAGAIN;
}

static int send_revoke_recv(struct netvsc *nic)
{
    struct nvs_msg msg;

    nvs_build_revoke_recv_buf(&msg);
    return netvsc_ctl_send_nvs(nic, &msg, false);
}

static int send_revoke_send(struct netvsc *nic)
{
    struct nvs_msg msg;

    nvs_build_revoke_send_buf(&msg);
    return netvsc_ctl_send_nvs(nic, &msg, false);
}

static int publish(struct netvsc *nic)
{
    netvsc_flush(nic); /* what is not published yet counts as consumed */
    return 0;
}

static int consumed(struct netvsc *nic)
{
    return vmbus_chan_tx_drained(nic->queue[0]->chan) ? 0 : -EAGAIN;
}

const struct netvsc_step netvsc_detach_steps[] = {
    {"packet filter off", send_filter_off, NULL, 0, true},
    {"drain", NULL, drained, DRAIN_MS, true},
    {"queues left by their threads", NULL, left, DRAIN_MS, true},
    {"RNDIS halt", netvsc_ctl_halt, NULL, 0, true},
    {"revoke receive buffer", send_revoke_recv, NULL, 0, true},
    {"revoke send buffer", send_revoke_send, NULL, 0, true},
    {"host has read it all", publish, consumed, CONSUME_MS, true},
    {NULL, NULL, NULL, 0, false},
};
