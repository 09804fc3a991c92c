/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * The guest asks for more channels with message 133. The answer says how many it gets; then that
 * many are offered through the face, each with a relid, index and monitor id of its own. The
 * guest's kernel opens what it is offered (hvh_nic_subchannel_open()), in any order and at any
 * time. Once all are open the guest is told with message 134 which queue to send on.
 *
 * A face that cannot offer channels, or a card that has but one, grants none: as OpenVMM, more than
 * there are is refused, not cut down. Faults grant what was not asked for, and offer late, in the
 * wrong order, or not at all.
 */
#include <errno.h>
#include <string.h>

#include "hvh_host_var.h"
#include "hvh_nic_var.h"
#include "hvh_nvs_var.h"

#define NS_PER_MS UINT64_C(1000000)
#define MONITOR_FIRST 64u /* of sub-channels; primary channels have lower ones */
#define NEVER UINT64_MAX

unsigned hvh_subchan_max(const struct hvhost_nic *nic)
{
    return nic->face && nic->face->offered ? nic->config.max_queues : 1;
}

uint32_t hvh_subchan_queues(const struct hvhost_nic *nic)
{
    return nic->granted + 1;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* When channel (index) of (count) is offered, in milliseconds from now. NEVER is possible. */
static uint64_t offer_delay_ms(const struct hvhost_fault *fault, unsigned index, unsigned count)
{
    if (!fault)
        return 0;
    switch (fault->act) {
    case HVH_ACT_OFFER_EVERY:
        return index * fault->arg;
    case HVH_ACT_OFFER_REVERSED:
        return count - index;
    case HVH_ACT_OFFER_WITHOUT:
        return index == fault->arg ? NEVER : 0;
    default:
        return 0;
    }
}

static void offers_plan(struct hvhost_nic *nic, unsigned count, const struct hvhost_fault *fault)
{
    nic->granted = count;
    nic->table_due = count > 0;
    for (unsigned i = 1; i <= count; i++) {
        uint64_t ms = offer_delay_ms(fault, i, count);

        nic->chan[i].offer_due_ns = ms == NEVER ? NEVER : nic->host->now_ns + ms * NS_PER_MS;
        nic->chan[i].offer_planned = true;
    }
}

static bool may_grant(const struct hvhost_nic *nic, uint32_t count)
{
    uint32_t sections =
        nic->sections.count > HVH_SECTIONS_CONTROL ? nic->sections.count - HVH_SECTIONS_CONTROL : 0;

    return !nic->withdrawn && nic->granted == 0 && count < hvh_subchan_max(nic) &&
           sections / (count + 1) > 0;
}

void hvh_nvs_subchannel(struct hvh_chan *chan, const struct hvh_nvs_request *req)
{
    struct hvhost_nic *nic = chan->nic;
    const struct hvhost_fault *fault = hvh_fault_strike(nic, HVH_ON_SUBCHANNEL, 0);
    struct nvs_subchannel done = {.type = NVS_MSG_SUBCHANNEL, .op = NVS_STATUS_FAILURE};
    struct nvs_subchannel msg;

    memcpy(&msg, req->msg, sizeof(msg));
    if (fault && fault->act == HVH_ACT_GRANTED)
        msg.count = (uint32_t)fault->arg;
    if (fault && fault->act == HVH_ACT_GRANTED) {
        done.op = NVS_STATUS_SUCCESS;
        done.count = msg.count;
        offers_plan(nic, msg.count < HVH_CHANS_MAX ? msg.count : HVH_CHANS_MAX - 1, fault);
    } else if (msg.op == NVS_SUBCHANNEL_ALLOCATE && may_grant(nic, msg.count)) {
        done.op = NVS_STATUS_SUCCESS;
        done.count = msg.count;
        if (!fault || fault->act != HVH_ACT_REFUSE)
            offers_plan(nic, msg.count, fault);
    }
    if (req->flagged)
        hvh_complete(chan, req->xid, &done, sizeof(done), fault);
}

/* ---- offering -------------------------------------------------------------------------------- */

static bool all_open(const struct hvhost_nic *nic)
{
    for (unsigned i = 1; i <= nic->granted; i++) {
        if (!nic->chan[i].open)
            return false;
    }
    return true;
}

/* Message 134: sixteen entries, each the channel to send on for that hash. */
static void table_send(struct hvhost_nic *nic)
{
    const struct hvhost_fault *fault = hvh_fault_strike(nic, HVH_ON_SEND_TABLE, 0);
    struct nvs_send_table msg = {.type = NVS_MSG_SEND_TABLE,
                                 .entry_count = NVS_SEND_TABLE_ENTRIES,
                                 .off_bytes = sizeof(msg)};
    uint32_t table[NVS_SEND_TABLE_ENTRIES];
    struct hvh_send pkt;

    for (uint32_t i = 0; i < NVS_SEND_TABLE_ENTRIES; i++)
        table[i] = i % hvh_subchan_queues(nic);
    if (fault && fault->act == HVH_ACT_TABLE_ENTRY)
        table[NVS_SEND_TABLE_ENTRIES - 1] = (uint32_t)fault->arg;
    if (fault && fault->act == HVH_ACT_TABLE_OFF)
        msg.off_bytes = (uint32_t)fault->arg;
    hvh_send_init(&pkt, VMBUS_PKT_INBAND, 0, 0, (uint32_t)(sizeof(msg) + sizeof(table)));
    memcpy(pkt.body, &msg, sizeof(msg));
    memcpy(pkt.body + sizeof(msg), table, sizeof(table));
    hvh_answer(&nic->chan[0], &pkt, fault);
}

unsigned hvh_subchan_serve(struct hvhost_nic *nic, uint64_t now_ns)
{
    unsigned done = 0;

    for (unsigned i = 1; i <= nic->granted; i++) {
        struct hvh_chan *chan = &nic->chan[i];

        if (!chan->offer_planned || chan->offer_due_ns > now_ns || !nic->chan[0].open)
            continue;
        chan->offer_planned = false;
        chan->offered = true;
        nic->face->offered(nic->face_ctx, i);
        done++;
    }
    if (nic->table_due && all_open(nic) && hvh_ring_room(&nic->chan[0].out) >= HVH_REPLY_ROOM) {
        nic->table_due = false;
        table_send(nic);
        done++;
    }
    return done;
}

uint64_t hvh_subchan_deadline(const struct hvhost_nic *nic)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 1; i <= nic->granted; i++) {
        if (nic->chan[i].offer_planned && nic->chan[i].offer_due_ns < least)
            least = nic->chan[i].offer_due_ns;
    }
    return least;
}

/* ---- opening and closing --------------------------------------------------------------------- */

void hvh_nic_subchannel(const struct hvhost_nic *nic, unsigned index, struct vmbus_chan_region *out)
{
    bool monitored = hvh_nic_monitor(nic) != VMBUS_MONITOR_NONE;

    *out = (struct vmbus_chan_region){
        .relid = hvh_nic_relid(nic) + index,
        .subchannel = index,
        .monitor_id = monitored ? (uint8_t)(MONITOR_FIRST + index) : VMBUS_MONITOR_NONE,
    };
}

int hvh_nic_subchannel_open(struct hvhost_nic *nic, unsigned index,
                            const struct vmbus_region *rings)
{
    struct vmbus_chan_region region;
    struct hvh_chan chan = {.nic = nic, .index = index, .offered = true};

    if (index == 0 || index >= HVH_CHANS_MAX || !nic->chan[index].offered || nic->chan[index].open)
        return -EINVAL;
    if (hvh_ring_attach(rings, &chan.in, &chan.out))
        return -EINVAL;
    hvh_nic_subchannel(nic, index, &region);
    chan.relid = region.relid;
    chan.monitor_id = region.monitor_id;
    chan.open = true;
    nic->chan[index] = chan;
    if (nic->chans <= index)
        nic->chans = index + 1;
    hvh_chan_start(&nic->chan[index]);
    nic->stats.subchannel_opens++;
    return 0;
}

void hvh_nic_subchannel_close(struct hvhost_nic *nic, unsigned index)
{
    struct hvh_chan *chan = &nic->chan[index < HVH_CHANS_MAX ? index : 0];

    if (chan->index == 0 || !chan->open)
        return;
    /* What was gathered is lent to a guest that will not give it back: reclaimed with the card. */
    if (!chan->faulted)
        hvh_rx_flush(chan);
    chan->open = false;
}

void hvh_subchan_reset(struct hvhost_nic *nic)
{
    nic->granted = 0;
    nic->chans = 1;
    nic->table_due = false;
    nic->rss = (struct hvh_rss){0};
    for (unsigned i = 1; i < HVH_CHANS_MAX; i++)
        nic->chan[i] = (struct hvh_chan){.nic = nic, .index = i};
}

struct hvh_chan *hvh_subchan_for(struct hvhost_nic *nic, struct hvh_hash hash)
{
    struct hvh_chan *chan = &nic->chan[0];

    if (hash.type)
        chan = &nic->chan[nic->rss.table[hash.value % HVH_RSS_TABLE]];
    return chan->open ? chan : &nic->chan[0];
}
