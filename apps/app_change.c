/* SPDX-License-Identifier: BSD-3-Clause */
/* What netvscctl set changes in a running program. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app_report.h"
#include "app_var.h"
#include "netvsc_control.h"
#include "port_clock.h"

static const char *change_mtu(const struct app_report *report, const char *value)
{
    char *end;
    const unsigned long mtu_bytes = strtoul(value, &end, 10);
    int rc = -EINVAL;

    if (*value >= '0' && *value <= '9' && !*end && mtu_bytes <= UINT16_MAX)
        rc = port_attach_set_mtu(report->attach, (uint32_t)mtu_bytes, port_clock_now());
    if (rc == -EBUSY)
        return "the card is being attached for the first time; set its mtu when it is up";
    return rc ? "mtu takes a number from 68 to 65521" : NULL;
}

static const char *change_promiscuous(const struct app_report *report, const char *value)
{
    const bool on = strcmp(value, "on") == 0;

    if (!on && strcmp(value, "off") != 0)
        return "promiscuous takes on or off";
    netvsc_promiscuous(report->nif->nic, on);
    return NULL;
}

static const char *change_mac(const struct app_report *report, const char *value)
{
    const bool own = strcmp(value, "own") == 0;
    uint8_t mac[6];

    if ((!own && !app_mac_parse(value, mac)) || netvsc_set_mac(report->nif->nic, own ? NULL : mac))
        return "mac takes a unicast address, as 00:15:5d:01:02:03, or own";
    return NULL;
}

const char *app_change(const struct app_report *report, const char *name, const char *value)
{
    if (strcmp(name, "mtu") == 0)
        return change_mtu(report, value);
    if (strcmp(name, "promiscuous") == 0)
        return change_promiscuous(report, value);
    if (strcmp(name, "mac") == 0)
        return change_mac(report, value);
    return "what can be set is mtu, promiscuous and mac";
}
