/* SPDX-License-Identifier: BSD-3-Clause */
/* Making a NIC and looking at it. Its life is in netvsc_poll.c. */
#include "netvsc_var.h"

#include <errno.h>

#include "vmbus_heap.h"

#define MTU_DEFAULT 1500u
#define STEP_TIMEOUT_MS_DEFAULT 5000u

/* ---- create and destroy ---------------------------------------------------------------------- */

int netvsc_create(const struct netvsc_config *config, struct netvsc **out)
{
    struct netvsc *nic;

    *out = NULL;
    if (!config->rx)
        return -EINVAL;
    if (config->mtu_bytes &&
        (config->mtu_bytes < NETVSC_MTU_BYTES_MIN || config->mtu_bytes > NETVSC_MTU_BYTES_MAX))
        return -EINVAL;
    if (config->nvs_version_max && config->nvs_version_max < NVS_VERSION_1)
        return -EINVAL;
    if (config->queues > NETVSC_QUEUES_MAX)
        return -EINVAL;
    nic = vmbus_heap_alloc(sizeof(*nic));
    if (!nic)
        return -ENOMEM;
    nic->config = *config;
    if (!nic->config.queues)
        nic->config.queues = 1;
    if (netvsc_queues_create(nic)) {
        netvsc_queues_destroy(nic);
        vmbus_heap_free(nic);
        return -ENOMEM;
    }
    if (!nic->config.step_timeout_ms)
        nic->config.step_timeout_ms = STEP_TIMEOUT_MS_DEFAULT;
    if (!nic->config.nvs_version_max)
        nic->config.nvs_version_max = NVS_VERSION_61;
    nic->tx_row_sections = netvsc_tx_row();
    nic->control.promiscuous = config->promiscuous;
    nic->control.all_multicast = true;
    nic->mtu_wanted = config->mtu_bytes ? config->mtu_bytes : MTU_DEFAULT;
    *out = nic;
    return 0;
}

void netvsc_destroy(struct netvsc *nic)
{
    if (!nic)
        return;
    netvsc_close_device(nic);
    netvsc_hold_settle_estates(nic, true);
    netvsc_queues_destroy(nic);
    vmbus_heap_free(nic);
}

/* ---- sleeping -------------------------------------------------------------------------------- */

bool netvsc_irq_arm(struct netvsc *nic)
{
    if (!nic->dev)
        return true;
    if (nic->trouble || !vmbus_irq_arm(nic->dev))
        return false;
    nic->stats.sleeps++;
    return true;
}

void netvsc_irq_disarm(struct netvsc *nic)
{
    if (!nic->dev)
        return;
    vmbus_irq_disarm(nic->dev);
    if (vmbus_irq_take(nic->dev) == -EIO)
        nic->trouble = -ENODEV;
}

int netvsc_irq_fd(const struct netvsc *nic)
{
    return nic->dev ? vmbus_irq_fd(nic->dev) : -1;
}

/* ---- looking --------------------------------------------------------------------------------- */

enum netvsc_state netvsc_state(const struct netvsc *nic)
{
    return nic->state;
}

const char *netvsc_state_name(enum netvsc_state state)
{
    static const char *const names[] = {"down", "attaching", "up", "detaching", "failed", "gone"};

    return (unsigned)state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

const struct netvsc_info *netvsc_info(const struct netvsc *nic)
{
    static const struct netvsc_info nothing;

    return nic->state == NETVSC_UP || nic->state == NETVSC_DETACHING ? &nic->info : &nothing;
}

const char *netvsc_failure(const struct netvsc *nic)
{
    return nic->failure;
}
