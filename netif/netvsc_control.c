/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changes while the NIC is up.
 *
 * Theory of operation. Wants are noted in struct netvsc_control and a change is asked for
 * (netvsc_change.c). What is sent is made from the wants when it is sent, so ten wishes in a row
 * cost one request. What the host refuses goes back to what it was and is told.
 *
 * The multicast list goes before the filter bits that make the host look at it. A host that knows
 * no list (OpenVMM) is asked once per attach and then given all multicast.
 */
#include "netvsc_control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "netvsc_var.h"

#define MAC_DOUBTS_MAX 4u

/* ---- filter ---------------------------------------------------------------------------------- */

static uint32_t filter_wanted(const struct netvsc *nic)
{
    const struct netvsc_control *c = &nic->control;
    uint32_t filter = NDIS_FILTER_DIRECTED | NDIS_FILTER_BROADCAST;

    if (c->all_multicast || (c->groups && !c->list_told))
        filter |= NDIS_FILTER_ALL_MULTICAST;
    else if (c->groups)
        filter |= NDIS_FILTER_MULTICAST;
    if (c->promiscuous)
        filter |= NDIS_FILTER_PROMISCUOUS;
    return filter;
}

static int send_filter(struct netvsc *nic)
{
    nic->control.filter_sent = filter_wanted(nic);
    return netvsc_ctl_set_u32(nic, OID_PACKET_FILTER, nic->control.filter_sent);
}

static int accept_filter(struct netvsc *nic)
{
    int rc = netvsc_ctl_accept_set(nic);

    if (rc == 0)
        nic->control.filter = nic->control.filter_sent;
    return rc;
}

static int send_list(struct netvsc *nic)
{
    struct netvsc_control *c = &nic->control;

    c->list_told = false;
    if (c->all_multicast || c->list_refused || c->groups > NETVSC_MULTICAST_MAX || !c->groups)
        return 0;
    return netvsc_ctl_ask(nic, RNDIS_MSG_SET, OID_MULTICAST_LIST, c->group,
                          c->groups * NETVSC_MAC_BYTES);
}

static int accept_list(struct netvsc *nic)
{
    int rc;

    if (nic->ctl.await == NETVSC_AWAIT_NOTHING)
        return 0;
    rc = netvsc_ctl_accept_set(nic);
    nic->control.list_told = rc == 0;
    return rc;
}

/* ---- address --------------------------------------------------------------------------------- */

/* OID_RNDIS_CONFIG's information: offsets count from its start, texts are UTF-16. */
struct mac_param {
    uint32_t name_off, name_bytes;
    uint32_t type;
    uint32_t value_off, value_bytes;
    uint16_t name[14];
    uint16_t value[2 * NETVSC_MAC_BYTES];
};
static_assert(sizeof(struct mac_param) == 72, "wire layout");
#define PARAM_STRING 2u

bool netvsc_mac_ok(const uint8_t *mac)
{
    static const uint8_t zero[NETVSC_MAC_BYTES];

    return !(mac[0] & 1) && memcmp(mac, zero, sizeof(zero)) != 0;
}

static const uint8_t *mac_wanted(const struct netvsc *nic)
{
    return nic->control.has_mac ? nic->control.mac : nic->control.permanent_mac;
}

static int send_mac(struct netvsc *nic)
{
    static const char name[] = "NetworkAddress", digits[] = "0123456789ABCDEF";
    struct mac_param param = {.name_off = offsetof(struct mac_param, name),
                              .name_bytes = sizeof(param.name),
                              .type = PARAM_STRING,
                              .value_off = offsetof(struct mac_param, value),
                              .value_bytes = sizeof(param.value)};
    uint8_t *mac = nic->control.mac_sent;

    memcpy(mac, mac_wanted(nic), NETVSC_MAC_BYTES);
    if (!nic->control.mac_doubts && memcmp(mac, nic->info.mac, NETVSC_MAC_BYTES) == 0)
        return 0;
    for (unsigned i = 0; i < sizeof(name) - 1; i++)
        param.name[i] = (uint8_t)name[i];
    for (unsigned i = 0; i < NETVSC_MAC_BYTES; i++) {
        param.value[2 * i] = (uint8_t)digits[mac[i] >> 4];
        param.value[2 * i + 1] = (uint8_t)digits[mac[i] & 0xF];
    }
    return netvsc_ctl_ask(nic, RNDIS_MSG_SET, OID_RNDIS_CONFIG, &param, sizeof(param));
}

static int accept_mac(struct netvsc *nic)
{
    return nic->ctl.await == NETVSC_AWAIT_NOTHING ? 0 : netvsc_ctl_accept_set(nic);
}

/*
 * Hosts that do not know the parameter say yes and do nothing, and one whose answer was lost may
 * have done it: what counts is what they have now, and what they have is what we receive. So one
 * that does not say is asked again, for both.
 */
static int query_current(struct netvsc *nic)
{
    return netvsc_ctl_query(nic, OID_CURRENT_MAC);
}

static int accept_current(struct netvsc *nic)
{
    const uint8_t *sent = nic->control.mac_sent; /* what is wanted may be another by now */
    uint8_t mac[NETVSC_MAC_BYTES];
    int rc = netvsc_ctl_accept_info(nic, mac, sizeof(mac));

    if (rc)
        return rc == -ECONNREFUSED ? -EPROTO : rc;
    if (!netvsc_mac_ok(mac))
        return -EPROTO;
    if (memcmp(nic->info.mac, mac, NETVSC_MAC_BYTES) != 0)
        netvsc_raise(nic, NETVSC_EVENT_MAC);
    memcpy(nic->info.mac, mac, NETVSC_MAC_BYTES);
    return memcmp(mac, sent, NETVSC_MAC_BYTES) == 0 ? 0 : -ECONNREFUSED;
}

/* ---- what came of it ------------------------------------------------------------------------- */

static void tell_refusal(struct netvsc *nic, const char *what, int error, const char *hint)
{
    nic->stats.ctl_refused++;
    snprintf(nic->failure, sizeof(nic->failure), "%s: %s (%s)", what,
             error == -ETIMEDOUT ? "the host did not answer in time" : "the host refused it", hint);
    netvsc_raise(nic, NETVSC_EVENT_REFUSED);
}

#define HINT_SPOOFING "is MAC address spoofing allowed for this card?"

/* Ask again if what stands is not what is wanted, now that the want has changed. */
static void filter_again(struct netvsc *nic)
{
    if (filter_wanted(nic) != nic->control.filter)
        netvsc_change_ask(nic, NETVSC_CHANGE_FILTER);
}

static void filter_done(struct netvsc *nic, int error)
{
    struct netvsc_control *c = &nic->control;
    const uint32_t before = c->filter;

    if (error && error != -ECONNREFUSED)
        c->filter = 0; /* it may have done it, but for the answer */
    if (!error) {
        nic->stats.ctl_changes++;
    } else if (c->promiscuous && (c->filter_sent & ~before & NDIS_FILTER_PROMISCUOUS)) {
        c->promiscuous = false;
        tell_refusal(nic, "promiscuous mode", error, HINT_SPOOFING);
        filter_again(nic);
    } else {
        tell_refusal(nic, "packet filter", error,
                     c->filter ? "the old one stays" : "the old one or the new");
    }
}

static void list_done(struct netvsc *nic, int error)
{
    if (!error) {
        nic->stats.ctl_changes++;
    } else {
        nic->control.list_refused = true;
        tell_refusal(nic, "multicast list", error, "all multicast is received instead");
    }
    filter_again(nic);
}

static void mac_done(struct netvsc *nic, int error)
{
    struct netvsc_control *c = &nic->control;

    if (error && error != -ECONNREFUSED && ++c->mac_doubts < MAC_DOUBTS_MAX) {
        netvsc_change_ask(nic, NETVSC_CHANGE_MAC);
        return;
    }
    c->mac_doubts = error && error != -ECONNREFUSED; /* left for the next change to resolve */
    if (!error) {
        nic->stats.ctl_changes++;
        return;
    }
    /* Else another was wanted meanwhile, and is asked for next. */
    if (memcmp(mac_wanted(nic), c->mac_sent, NETVSC_MAC_BYTES) == 0) {
        memcpy(c->mac, nic->info.mac, NETVSC_MAC_BYTES);
        c->has_mac = memcmp(c->mac, c->permanent_mac, NETVSC_MAC_BYTES) != 0;
    }
    tell_refusal(nic, "MAC address", error, HINT_SPOOFING);
}

static const struct netvsc_step list_steps[] = {
    {"multicast list", send_list, accept_list, 0, false},
    {NULL, NULL, NULL, 0, false},
};
static const struct netvsc_step filter_steps[] = {
    {"packet filter", send_filter, accept_filter, 0, false},
    {NULL, NULL, NULL, 0, false},
};
static const struct netvsc_step mac_steps[] = {
    {"MAC address", send_mac, accept_mac, 0, true},
    {"MAC address in use", query_current, accept_current, 0, false},
    {NULL, NULL, NULL, 0, false},
};
const struct netvsc_change netvsc_list_change = {list_steps, list_done};
const struct netvsc_change netvsc_filter_change = {filter_steps, filter_done};
const struct netvsc_change netvsc_mac_change = {mac_steps, mac_done};

/* Channels without a monitor have nothing to set: their doorbell is at once. */
static void set_latency(struct netvsc *nic)
{
    const uint32_t us = nic->config.monitor_latency_us;

    for (unsigned i = 0; us && i < nic->info.queues; i++)
        if (vmbus_chan_latency(nic->queue[i]->chan, us) == 0)
            nic->stats.latency_set++;
}

void netvsc_control_attached(struct netvsc *nic)
{
    struct netvsc_control *c = &nic->control;

    set_latency(nic);
    c->list_told = false;
    c->list_refused = false;
    c->mac_doubts = 0;
    memcpy(c->permanent_mac, nic->info.mac, NETVSC_MAC_BYTES);
    if (c->has_mac)
        netvsc_change_ask(nic, NETVSC_CHANGE_MAC);
    if (!c->all_multicast && c->groups)
        netvsc_change_ask(nic, NETVSC_CHANGE_LIST);
    else
        filter_again(nic);
}

/* ---- wants ----------------------------------------------------------------------------------- */

static void want(struct netvsc *nic, enum netvsc_change_id change)
{
    if (nic->state == NETVSC_UP) /* else at the end of attach */
        netvsc_change_ask(nic, change);
}

void netvsc_promiscuous(struct netvsc *nic, bool on)
{
    nic->control.promiscuous = on;
    nic->config.promiscuous = nic->config.promiscuous && on;
    want(nic, NETVSC_CHANGE_FILTER);
}

void netvsc_all_multicast(struct netvsc *nic, bool on)
{
    nic->control.all_multicast = on;
    want(nic, NETVSC_CHANGE_LIST);
}

void netvsc_multicast(struct netvsc *nic, const uint8_t (*groups)[6], unsigned count)
{
    struct netvsc_control *c = &nic->control;

    c->groups = count;
    if (count && count <= NETVSC_MULTICAST_MAX)
        memcpy(c->group, groups, count * NETVSC_MAC_BYTES);
    if (!c->all_multicast)
        want(nic, NETVSC_CHANGE_LIST);
}

uint32_t netvsc_filter(const struct netvsc *nic)
{
    return nic->state == NETVSC_UP ? nic->control.filter : 0;
}

int netvsc_set_mac(struct netvsc *nic, const uint8_t mac[6])
{
    struct netvsc_control *c = &nic->control;

    if (mac && !netvsc_mac_ok(mac))
        return -EINVAL;
    c->has_mac = mac != NULL;
    if (mac)
        memcpy(c->mac, mac, NETVSC_MAC_BYTES);
    want(nic, NETVSC_CHANGE_MAC);
    return 0;
}

int netvsc_set_mtu(struct netvsc *nic, uint32_t mtu_bytes, uint64_t now_ns)
{
    if (mtu_bytes < NETVSC_MTU_BYTES_MIN || mtu_bytes > NETVSC_MTU_BYTES_MAX)
        return -EINVAL;
    nic->mtu_wanted = mtu_bytes;
    if (nic->state == NETVSC_UP || nic->state == NETVSC_ATTACHING)
        netvsc_detach(nic, now_ns);
    return 0;
}

int netvsc_filter_mac(struct netvsc *nic, const uint8_t mac[6], bool add)
{
    (void)nic;
    (void)mac;
    (void)add;
    return -ENOTSUP;
}

int netvsc_filter_vlan(struct netvsc *nic, uint16_t id, bool add)
{
    (void)nic;
    (void)id;
    (void)add;
    return -ENOTSUP;
}
