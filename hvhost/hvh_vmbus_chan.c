/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channels of a guest kernel: offered, opened over a ring the guest shared, closed, withdrawn.
 *
 *   HIDDEN ---OFFER---> OFFERED ---OPEN---> OPEN
 *     ^                    |  <---CLOSE---   |
 *     |                    +---- RESCIND ----+
 *     +--RELID_RELEASED-- RESCINDED
 *
 * A channel withdrawn is not offered again before the guest has released its number: what the guest
 * had sent before it learned of the rescind must not be taken for messages about the new channel.
 * For sub-channels that would last for ever: uio_hv_generic forgets those of a card that is
 * withdrawn while a program has it open. So a sub-channel granted again gets another number.
 * Sub-channels are offered when the core grants them, and withdrawn when their primary is closed:
 * Linux waits for that before it forgets them.
 */
#include <string.h>

#include <uuid/uuid.h>

#include "hvh_vmbus_var.h"

struct hvh_bus_chan *hvh_bus_chan_find(struct hvh_vmbus *bus, uint32_t relid)
{
    for (unsigned i = 0; i < bus->chans; i++) {
        if (bus->chan[i].relid == relid && bus->chan[i].state != HVH_BUS_HIDDEN)
            return &bus->chan[i];
    }
    return NULL;
}

/* ---- the core's calls ------------------------------------------------------------------- */

static void on_interrupt(void *ctx, uint32_t relid)
{
    const struct hvh_bus_chan *primary = ctx;
    const struct hvh_bus_chan *chan = primary + (relid - primary->relid); /* the core's number */

    if (chan->vp != HVH_VP_NONE)
        chan->bus->ops->event(chan->bus->ctx, chan->vp, chan->relid);
}

/* The sub-channels of (primary) go with it: withdrawn in the next turn. */
static void unwant_subchannels(struct hvh_bus_chan *primary)
{
    const struct hvh_vmbus *bus = primary->bus;

    for (unsigned i = 0; i < bus->chans; i++) {
        if (bus->chan[i].nic == primary->nic)
            bus->chan[i].wanted = false;
    }
}

static void on_rescinded(void *ctx)
{
    unwant_subchannels(ctx); /* the card itself: see is_wanted() */
}

static void on_offered(void *ctx, unsigned index)
{
    struct hvh_bus_chan *primary = ctx;

    if (index < hvh_nic_config(primary->nic)->max_queues) /* a fault may grant more */
        primary[index].wanted = true;                     /* they follow it in the list */
}

static const struct hvh_face_ops face_ops = {
    .interrupt = on_interrupt,
    .rescinded = on_rescinded,
    .offered = on_offered,
};

/* ---- offering --------------------------------------------------------------------------- */

/* A GUID as text into its bytes on the wire: the first three fields little-endian. */
static void guid_wire(const char *text, uint8_t out[16])
{
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    uuid_t id;

    (void)uuid_parse(text, id); /* our own constant, or checked when the card was made */
    for (unsigned i = 0; i < 16; i++)
        out[i] = id[order[i]];
}

static void offer(struct hvh_bus_chan *chan)
{
    struct hvh_msg_offer msg = {
        .head.type = HVH_MSG_OFFER,
        .flags = HVH_OFFER_ENUMERATE,
        .subchannel = (uint16_t)chan->index,
        .relid = chan->relid,
        .monitor_id = chan->monitor_id,
        .monitor_allocated = chan->monitor_id != VMBUS_MONITOR_NONE,
        .dedicated = 1,
        .connection_id = HVH_CONN_EVENT | chan->relid,
    };

    guid_wire(VMBUS_CLASS_NIC, msg.class_id);
    guid_wire(hvh_nic_instance(chan->nic), msg.instance_id);
    hvh_bus_send(chan->bus, &msg, HVH_OFFER_BYTES);
    chan->state = HVH_BUS_OFFERED;
}

static void rescind(struct hvh_bus_chan *chan)
{
    struct hvh_msg_relid msg = {.head.type = HVH_MSG_RESCIND, .relid = chan->relid};

    hvh_bus_send(chan->bus, &msg, sizeof(msg));
    chan->state = HVH_BUS_RESCINDED;
}

static bool is_abandoned(const struct hvh_vmbus *bus, uint32_t relid)
{
    return bus->abandoned[relid / 32] >> (relid % 32) & 1;
}

/* Another number of those its card has left; the guest still has the old one. */
static bool renumber(struct hvh_bus_chan *chan)
{
    const uint32_t step = hvh_nic_config(chan->nic)->max_queues;
    const uint32_t first = hvh_nic_relid(chan->nic);
    uint32_t next;

    for (next = chan->index; next < HVH_NIC_RELIDS; next += step) {
        if (first + next != chan->relid && !is_abandoned(chan->bus, first + next))
            break;
    }
    if (next >= HVH_NIC_RELIDS)
        return false;
    chan->bus->abandoned[chan->relid / 32] |= 1u << (chan->relid % 32);
    hvh_bus_gpadls_drop(chan->bus, chan->relid);
    chan->ring_gpadl = 0;
    chan->relid = first + next;
    chan->state = HVH_BUS_HIDDEN;
    return true;
}

static bool is_wanted(const struct hvh_bus_chan *chan)
{
    return chan->index ? chan->wanted : hvh_nic_offered(chan->nic);
}

unsigned hvh_bus_chans_turn(struct hvh_vmbus *bus)
{
    unsigned done = 0;

    for (unsigned i = 0; bus->offers_wanted && i < bus->chans; i++) {
        struct hvh_bus_chan *chan = &bus->chan[i];
        bool wanted = is_wanted(chan);

        if (!hvh_vmbus_has_room(bus))
            break;
        if (chan->state == HVH_BUS_RESCINDED && chan->index && wanted && !renumber(chan))
            continue;
        if (chan->state == HVH_BUS_HIDDEN && wanted)
            offer(chan);
        else if ((chan->state == HVH_BUS_OFFERED || chan->state == HVH_BUS_OPEN) && !wanted)
            rescind(chan);
        else
            continue;
        done++;
    }
    return done;
}

void hvh_bus_request_offers(struct hvh_vmbus *bus, const void *msg, uint32_t bytes)
{
    struct hvh_msg_head end = {.type = HVH_MSG_OFFERS_DELIVERED};

    (void)msg;
    (void)bytes;
    if (bus->offers_wanted) {
        bus->stats.bad_messages++;
        return;
    }
    bus->offers_wanted = true;
    for (unsigned i = 0; i < bus->chans; i++) {
        if (bus->chan[i].index == 0 && is_wanted(&bus->chan[i]))
            offer(&bus->chan[i]);
    }
    hvh_bus_send(bus, &end, sizeof(end));
}

/* ---- opening ---------------------------------------------------------------------------- */

/* Everything the guest shared for this channel, but its ring. */
static void gather_gpadls(struct hvh_bus_chan *chan, struct hvh_guest *guest)
{
    struct hvh_vmbus *bus = chan->bus;

    for (unsigned i = 0; i < HVH_BUS_GPADLS_MAX && guest->gpadl_count < HVH_GPADLS_MAX; i++) {
        const struct hvh_bus_gpadl *gpadl = &bus->gpadl[i];

        if (gpadl->relid == chan->relid && gpadl->mem.base && gpadl->handle != chan->ring_gpadl)
            guest->gpadl[guest->gpadl_count++] =
                (struct hvh_gpadl){.handle = gpadl->handle, .mem = gpadl->mem};
    }
}

static bool connect_core(struct hvh_bus_chan *chan, const struct hvh_bus_gpadl *ring)
{
    struct hvh_vmbus *bus = chan->bus;
    struct hvh_guest guest = {
        .primary = {.relid = chan->relid, .monitor_id = chan->monitor_id, .rings = ring->mem},
        .monitor_page = bus->monitor_page,
        .ram = {{.first_pfn = 0, .mem = bus->config.ram}},
        .ram_count = 1,
    };

    if (chan->index)
        return hvh_nic_subchannel_open(chan->nic, chan->index, &ring->mem) == 0;
    gather_gpadls(chan, &guest);
    return hvh_nic_connect(chan->nic, &guest, &face_ops, chan) == 0;
}

static bool open_sound(const struct hvh_vmbus *bus, const struct hvh_bus_chan *chan,
                       const struct hvh_bus_gpadl *ring, const struct hvh_msg_open *msg)
{
    return chan && chan->state == HVH_BUS_OFFERED && ring && msg->vp < bus->config.vps &&
           ring->pages % 2 == 0 && msg->second_page == ring->pages / 2;
}

void hvh_bus_open(struct hvh_vmbus *bus, const void *data, uint32_t bytes)
{
    struct hvh_bus_gpadl *ring;
    struct hvh_bus_chan *chan;
    struct hvh_msg_open msg;
    bool ok = false;

    (void)bytes;
    memcpy(&msg, data, sizeof(msg));
    chan = hvh_bus_chan_find(bus, msg.relid);
    if (!chan || chan->state == HVH_BUS_RESCINDED) {
        bus->stats.bad_messages += !chan; /* on its way when we withdrew: nobody waits for it */
        return;
    }
    ring = hvh_bus_gpadl_find(bus, msg.relid, msg.ring_gpadl);
    if (open_sound(bus, chan, ring, &msg)) {
        chan->vp = msg.vp;
        chan->ring_gpadl = msg.ring_gpadl;
        ok = connect_core(chan, ring);
    }
    if (ok)
        chan->state = HVH_BUS_OPEN;
    else if (chan->state == HVH_BUS_OFFERED)
        chan->ring_gpadl = 0;
    hvh_bus_result(bus, HVH_MSG_OPEN_RESULT, msg.relid, msg.open_id, ok);
}

static void chan_close(struct hvh_bus_chan *chan)
{
    if (chan->index) {
        hvh_nic_subchannel_close(chan->nic, chan->index);
    } else {
        hvh_nic_disconnect(chan->nic);
        unwant_subchannels(chan);
    }
    chan->ring_gpadl = 0;
    if (chan->state == HVH_BUS_OPEN)
        chan->state = HVH_BUS_OFFERED;
}

void hvh_bus_close(struct hvh_vmbus *bus, const void *data, uint32_t bytes)
{
    struct hvh_bus_chan *chan;
    struct hvh_msg_relid msg;

    (void)bytes;
    memcpy(&msg, data, sizeof(msg));
    chan = hvh_bus_chan_find(bus, msg.relid);
    if (chan && chan->ring_gpadl)
        chan_close(chan);
    else if (msg.relid > VMBUS_RELID_MAX || !is_abandoned(bus, msg.relid))
        bus->stats.bad_messages++;
}

void hvh_bus_released(struct hvh_vmbus *bus, const void *data, uint32_t bytes)
{
    struct hvh_bus_chan *chan;
    struct hvh_msg_relid msg;

    (void)bytes;
    memcpy(&msg, data, sizeof(msg));
    chan = hvh_bus_chan_find(bus, msg.relid);
    if (msg.relid <= VMBUS_RELID_MAX && is_abandoned(bus, msg.relid)) {
        bus->abandoned[msg.relid / 32] &= ~(1u << (msg.relid % 32));
        return;
    }
    if (!chan || chan->state != HVH_BUS_RESCINDED) {
        bus->stats.bad_messages++;
        return;
    }
    if (chan->ring_gpadl)
        chan_close(chan);
    hvh_bus_gpadls_drop(bus, chan->relid);
    chan->state = HVH_BUS_HIDDEN;
}

void hvh_bus_modify(struct hvh_vmbus *bus, const void *data, uint32_t bytes)
{
    struct hvh_msg_modify_response answer = {.head.type = HVH_MSG_MODIFY_RESPONSE};
    struct hvh_bus_chan *chan;
    struct hvh_msg_modify msg;
    bool ok;

    (void)bytes;
    memcpy(&msg, data, sizeof(msg));
    chan = hvh_bus_chan_find(bus, msg.relid);
    ok = chan && chan->state == HVH_BUS_OPEN && (msg.vp < bus->config.vps || msg.vp == HVH_VP_NONE);
    if (ok)
        chan->vp = msg.vp;
    else
        bus->stats.bad_messages++;
    if (bus->version < HVH_BUS_5_3)
        return;
    answer.relid = msg.relid;
    answer.status = ok ? HVH_STATUS_OK : HVH_STATUS_UNSUCCESSFUL;
    hvh_bus_send(bus, &answer, sizeof(answer));
}

void hvh_bus_chans_close(struct hvh_vmbus *bus)
{
    for (unsigned i = 0; i < bus->chans; i++) {
        if (bus->chan[i].ring_gpadl)
            chan_close(&bus->chan[i]);
        bus->chan[i].wanted = false;
        bus->chan[i].state = HVH_BUS_HIDDEN;
        bus->chan[i].relid = hvh_nic_relid(bus->chan[i].nic) + bus->chan[i].index;
    }
    memset(bus->abandoned, 0, sizeof(bus->abandoned));
}
