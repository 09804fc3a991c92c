/* SPDX-License-Identifier: BSD-3-Clause */
/* What every program does with a card of its own, however it runs its loop: get the device, from a
 * bus or from a host emulated here, set the card up as the options say, and tell how it came up. */
#include "app_var.h"

#include <string.h>

#include "netvsc_control.h"
#include "netvsc_look.h"
#include "port_clock.h"
#include "port_heap.h"

static int emulate(struct app_card *card, const struct app_card *first,
                   const struct app_options *options)
{
    struct app_emulate_options how = options->emulate[first ? 1 : 0];

    if (!how.queues)
        how.queues = options->queues;
    return first ? app_emulate_beside(&card->emulate, &first->emulate, &how)
                 : app_emulate_start(&card->emulate, &how);
}

int app_card_open(struct app_card *card, const struct app_card *first,
                  const struct app_options *options, struct vmbus_device **out)
{
    int rc;

    if (options->emulated) {
        rc = emulate(card, first, options);
        if (rc)
            return rc;
        card->attach.open = app_emulate_open;
        card->attach.ctx = &card->emulate;
        rc = app_emulate_open(&card->emulate, out);
        return rc ? app_fail(1, "emulated card", strerror(-rc), "Please report this") : 0;
    }
    rc = app_bus_choose(&card->bus, options->bus, options->nic[first ? 1 : 0]);
    if (rc)
        return rc;
    if (first && strcmp(first->bus.info.instance, card->bus.info.instance) == 0)
        return app_fail(2, "--nic", "both are the same card", "Give two");
    card->attach.open = app_bus_open;
    card->attach.ctx = &card->bus;
    return app_bus_open_first(&card->bus, out);
}

const char *app_card_name(const struct app_card *card)
{
    return card->emulate.host ? "(emulated)" : card->bus.info.instance;
}

struct netvsc_config app_card_config(const struct app_options *options)
{
    struct netvsc_config config = {
        .mtu_bytes = options->mtu_bytes,
        .monitor_latency_us = options->latency_us,
        .tx_csum = options->offload,
        .tx_lso = options->offload,
        .rx_csum = options->offload,
        .rx_rsc = options->no_rsc ? NETVSC_OFF : options->offload,
        .rx_gro = options->no_gro ? NETVSC_OFF : options->offload,
        .rx_copybreak_bytes = options->rx_copybreak_bytes,
        .rx_hold_percent = (uint8_t)options->rx_hold_percent,
        .queues = options->workers ? options->workers + 1 : options->queues,
        .memory = port_heap_memory(),
        .tx_copy_bytes = options->tx_copy_bytes,
    };

    app_capture_frames(&config);
    return config;
}

int app_card_begin(struct app_card *card, struct netvsc *nic, const struct app_options *options,
                   struct vmbus_device *dev)
{
    if (options->has_mac)
        netvsc_set_mac(nic, options->mac);
    if (options->promiscuous)
        netvsc_promiscuous(nic, true);
    card->attach.nic = nic;
    return port_attach_begin(&card->attach, dev, port_clock_now());
}

int app_card_check(const char *name, const struct netvsc *nic)
{
    const struct netvsc_info *info = netvsc_info(nic);
    const char *why = netvsc_failure(nic);
    const uint8_t *mac = info->mac;
    char what[80];

    if (netvsc_state(nic) != NETVSC_UP) {
        snprintf(what, sizeof(what), "card %s", name);
        return app_fail(1, what, *why ? why : "the host does not answer",
                        "Check that the host runs, then try again with --log debug");
    }
    port_log(PORT_LOG_INFO, "card %s: %02x:%02x:%02x:%02x:%02x:%02x, MTU %u, NVSP %s", name, mac[0],
             mac[1], mac[2], mac[3], mac[4], mac[5], info->mtu_bytes,
             netvsc_version_name(info->nvs_version));
    return 0;
}
