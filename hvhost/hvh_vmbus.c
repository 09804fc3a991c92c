/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A guest kernel and we talk in messages of up to 240 bytes. The kernel begins with CONTACT and the
 * version it would like, until we accept one; asks for offers; then for each device it takes,
 * shares memory (GPADL: a numbered list of pages), opens the channel over a ring that is such a
 * list, and closes it again. We send answers and, unasked, offers and rescinds.
 *
 * A message is a row of a table: its least size, the version that introduced it, and what it does.
 * Before contact only CONTACT is taken. Whatever breaks its row or speaks of what does not exist is
 * counted in bad_messages and otherwise ignored, as a real host does; where the protocol has an
 * answer that says no, that is given.
 *
 * To the guest there is one slot per processor and message source, so our messages wait in a queue.
 * The queue holds the answers to whatever one message can ask for; a message of the guest is taken
 * only when it has that much room, so it never overflows: see hvh_vmbus_has_room().
 *
 * Memory: a GPADL is mapped from the file of the guest's memory into one piece of ours, page run by
 * page run, so that the core sees contiguous buffers. All of it stays memory of the guest: the
 * mapping is ours, the file does not shrink, so nothing a guest does can make an access fault.
 */
#include "hvh_vmbus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hvh_vmbus_var.h"

#define RETRY_NS UINT64_C(1000000)

/* ---- to the guest ----------------------------------------------------------------------- */

void hvh_bus_send(struct hvh_vmbus *bus, const void *msg, uint32_t bytes)
{
    unsigned at = (bus->queue_first + bus->queue_count) % HVH_BUS_QUEUE;

    if (bus->queue_count == HVH_BUS_QUEUE || bytes > HVH_MSG_BYTES_MAX)
        return; /* cannot be: see hvh_vmbus_has_room() and hvh_bus_chans_turn() */
    bus->queue[at].bytes = bytes;
    memcpy(bus->queue[at].payload, msg, bytes);
    bus->queue_count++;
}

void hvh_bus_result(struct hvh_vmbus *bus, enum hvh_msg_type type, uint32_t relid, uint32_t id,
                    bool ok)
{
    struct hvh_msg_result result = {
        .head.type = type,
        .relid = relid,
        .id = id,
        .status = ok ? HVH_STATUS_OK : HVH_STATUS_UNSUCCESSFUL,
    };

    hvh_bus_send(bus, &result, sizeof(result));
}

bool hvh_vmbus_has_room(const struct hvh_vmbus *bus)
{
    return HVH_BUS_QUEUE - bus->queue_count >= HVH_BUS_ANSWERS_MAX;
}

static unsigned queue_pump(struct hvh_vmbus *bus)
{
    unsigned done = 0;

    while (bus->queue_count > 0) {
        const struct hvh_bus_msg *msg = &bus->queue[bus->queue_first];

        if (!bus->ops->post(bus->ctx, bus->vp, msg->payload, msg->bytes)) {
            bus->stats.busy++;
            break;
        }
        bus->queue_first = (bus->queue_first + 1) % HVH_BUS_QUEUE;
        bus->queue_count--;
        bus->stats.posted++;
        done++;
    }
    return done;
}

unsigned hvh_vmbus_turn(struct hvh_vmbus *bus)
{
    unsigned done = hvh_bus_chans_turn(bus);

    return done + queue_pump(bus);
}

uint64_t hvh_vmbus_deadline(const struct hvh_vmbus *bus)
{
    return bus->queue_count > 0 ? RETRY_NS : UINT64_MAX;
}

/* ---- the connection --------------------------------------------------------------------- */

static uint32_t version_max(const struct hvh_vmbus *bus)
{
    return bus->config.version_max ? bus->config.version_max : HVH_BUS_5_3;
}

static bool version_known(const struct hvh_vmbus *bus, uint32_t version)
{
    static const uint32_t known[] = {HVH_BUS_2_4, HVH_BUS_3_0, HVH_BUS_4_0, HVH_BUS_4_1,
                                     HVH_BUS_5_0, HVH_BUS_5_1, HVH_BUS_5_2, HVH_BUS_5_3};

    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i] == version)
            return version <= version_max(bus);
    }
    return false;
}

/* All the guest had is gone: it starts anew, or says goodbye. */
static void disconnect(struct hvh_vmbus *bus)
{
    hvh_bus_chans_close(bus);
    hvh_bus_gpadls_drop(bus, 0);
    bus->version = 0;
    bus->monitor_page = (struct vmbus_region){0};
    bus->offers_wanted = false;
    bus->queue_count = 0;
}

static void serve_contact(struct hvh_vmbus *bus, const void *data, uint32_t bytes)
{
    struct hvh_msg_version_response response = {.head.type = HVH_MSG_VERSION_RESPONSE};
    struct hvh_msg_contact msg;
    uint8_t *page;

    (void)bytes;
    memcpy(&msg, data, sizeof(msg));
    disconnect(bus);
    if (msg.vp >= bus->config.vps) {
        bus->stats.bad_messages++;
        return; /* nobody could read an answer */
    }
    bus->vp = msg.vp;
    if (version_known(bus, msg.version)) {
        response.supported = 1;
        response.connection_id = msg.version >= HVH_BUS_5_0 ? HVH_CONN_MSG_5 : HVH_CONN_MSG_OLD;
        bus->version = msg.version;
        page = msg.monitor_to_host && msg.monitor_to_host % VMBUS_PAGE_BYTES == 0
                   ? hvh_mem_at(&bus->config.ram, msg.monitor_to_host, VMBUS_PAGE_BYTES)
                   : NULL;
        if (page)
            bus->monitor_page = (struct vmbus_region){.base = page, .len_bytes = VMBUS_PAGE_BYTES};
    }
    hvh_bus_send(bus, &response, sizeof(response));
}

static void serve_unload(struct hvh_vmbus *bus, const void *data, uint32_t bytes)
{
    struct hvh_msg_head response = {.type = HVH_MSG_UNLOAD_RESPONSE};

    (void)data;
    (void)bytes;
    disconnect(bus);
    hvh_bus_send(bus, &response, sizeof(response));
}

/* ---- messages --------------------------------------------------------------------------- */

struct rule {
    uint32_t type;
    uint32_t bytes_min;
    uint32_t version_min; /* 0: before contact, too */
    void (*serve)(struct hvh_vmbus *bus, const void *msg, uint32_t bytes);
};

static const struct rule rules[] = {
    {HVH_MSG_CONTACT, sizeof(struct hvh_msg_contact), 0, serve_contact},
    {HVH_MSG_REQUEST_OFFERS, sizeof(struct hvh_msg_head), 1, hvh_bus_request_offers},
    {HVH_MSG_OPEN, sizeof(struct hvh_msg_open), 1, hvh_bus_open},
    {HVH_MSG_CLOSE, sizeof(struct hvh_msg_relid), 1, hvh_bus_close},
    {HVH_MSG_GPADL_HEADER, sizeof(struct hvh_msg_gpadl_header), 1, hvh_bus_gpadl_header},
    {HVH_MSG_GPADL_BODY, sizeof(struct hvh_msg_gpadl_body), 1, hvh_bus_gpadl_body},
    {HVH_MSG_GPADL_TEARDOWN, sizeof(struct hvh_msg_gpadl_teardown), 1, hvh_bus_gpadl_teardown},
    {HVH_MSG_RELID_RELEASED, sizeof(struct hvh_msg_relid), 1, hvh_bus_released},
    {HVH_MSG_UNLOAD, sizeof(struct hvh_msg_head), 1, serve_unload},
    {HVH_MSG_MODIFY, sizeof(struct hvh_msg_modify), HVH_BUS_4_1, hvh_bus_modify},
};

static const struct rule *rule_for(uint32_t type)
{
    for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].type == type)
            return &rules[i];
    }
    return NULL;
}

void hvh_vmbus_message(struct hvh_vmbus *bus, uint32_t connection_id, const void *msg,
                       uint32_t bytes)
{
    const struct rule *rule;
    struct hvh_msg_head head;

    bus->stats.messages++;
    if (!hvh_vmbus_takes_messages(bus, connection_id) || bytes < sizeof(head) ||
        bytes > HVH_MSG_BYTES_MAX) {
        bus->stats.bad_messages++;
        return;
    }
    memcpy(&head, msg, sizeof(head));
    rule = rule_for(head.type);
    if (!rule || bytes < rule->bytes_min || bus->version < rule->version_min) {
        bus->stats.bad_messages++;
        return;
    }
    rule->serve(bus, msg, bytes);
}

bool hvh_vmbus_takes_messages(const struct hvh_vmbus *bus, uint32_t connection_id)
{
    return connection_id == HVH_CONN_MSG_OLD ||
           (connection_id == HVH_CONN_MSG_5 && version_max(bus) >= HVH_BUS_5_0);
}

/* Any number of a card that is there: sub-channels change theirs. */
bool hvh_vmbus_takes_signals(const struct hvh_vmbus *bus, uint32_t connection_id)
{
    const uint32_t relid = connection_id & ~HVH_CONN_EVENT;

    for (unsigned i = 0; (connection_id & HVH_CONN_EVENT) && i < bus->chans; i++) {
        if (bus->chan[i].index == 0 && relid - hvh_nic_relid(bus->chan[i].nic) < HVH_NIC_RELIDS)
            return true;
    }
    return false;
}

/* A card withdrawn is served until it is closed; see hvhost_nic_rescind(). */
void hvh_vmbus_signal(struct hvh_vmbus *bus, uint32_t connection_id)
{
    const struct hvh_bus_chan *chan = hvh_bus_chan_find(bus, connection_id & ~HVH_CONN_EVENT);

    if (chan && chan->ring_gpadl)
        hvh_nic_doorbell(chan->nic, hvh_nic_relid(chan->nic) + chan->index);
}

/* ---- life ------------------------------------------------------------------------------- */

/* All channels the cards can ever have. */
static int chans_create(struct hvh_vmbus *bus)
{
    struct vmbus_chan_region region;
    struct hvhost_nic *nic;
    unsigned card, i, total = 0;

    for (card = 0; card < HVH_BUS_CARDS_MAX && (nic = hvh_nic_at(bus->host, card)); card++)
        total += hvh_nic_config(nic)->max_queues;
    bus->chan = calloc(total ? total : 1, sizeof(*bus->chan));
    if (!bus->chan)
        return -ENOMEM;
    for (card = 0; card < HVH_BUS_CARDS_MAX && (nic = hvh_nic_at(bus->host, card)); card++) {
        for (i = 0; i < hvh_nic_config(nic)->max_queues; i++) {
            hvh_nic_subchannel(nic, i, &region);
            bus->chan[bus->chans++] = (struct hvh_bus_chan){
                .bus = bus,
                .nic = nic,
                .index = i,
                .relid = region.relid,
                .monitor_id = i ? region.monitor_id : hvh_nic_monitor(nic),
            };
        }
    }
    return 0;
}

int hvh_vmbus_create(struct hvhost *host, const struct hvh_vmbus_config *config,
                     const struct hvh_vmbus_ops *ops, void *ctx, struct hvh_vmbus **out)
{
    struct hvh_vmbus *bus = calloc(1, sizeof(*bus));

    *out = NULL;
    if (!bus)
        return -ENOMEM;
    bus->host = host;
    bus->config = *config;
    bus->ops = ops;
    bus->ctx = ctx;
    if (chans_create(bus) != 0) {
        free(bus);
        return -ENOMEM;
    }
    *out = bus;
    return 0;
}

void hvh_vmbus_destroy(struct hvh_vmbus *bus)
{
    if (!bus)
        return;
    disconnect(bus);
    free(bus->chan);
    free(bus);
}

void hvh_vmbus_stats(const struct hvh_vmbus *bus, struct hvh_vmbus_stats *out)
{
    *out = bus->stats;
    out->version = bus->version;
    for (unsigned i = 0; i < HVH_BUS_GPADLS_MAX; i++)
        out->gpadls += bus->gpadl[i].handle != 0;
}
