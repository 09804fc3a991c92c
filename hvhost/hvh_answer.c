/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets to the guest: completions, RNDIS control messages, and the queue of those a fault delays.
 * Room was made sure of before the guest's packet was taken (hvh_nic.c), so a refused put means
 * that the guest broke its ring, or a late packet that tries again.
 */
#include <errno.h>
#include <string.h>

#include "hvh_host_var.h"
#include "hvh_ring_words.h"
#include "hvh_nic_var.h"

#define NS_PER_MS UINT64_C(1000000)
#define RETRY_NS NS_PER_MS /* for room that only the guest can make */

static void put(struct hvh_chan *chan, const struct hvh_send *pkt)
{
    if (chan->open && !chan->faulted)
        hvh_ring_put(&chan->out, pkt);
}

static bool late_add(struct hvh_chan *chan, const struct hvh_send *pkt, uint64_t delay_ms)
{
    struct hvhost_nic *nic = chan->nic;

    if (nic->late_count == HVH_LATE_MAX)
        return false;
    nic->late[nic->late_count++] = (struct hvh_late){
        .chan = chan,
        .due_ns = nic->host->now_ns + delay_ms * NS_PER_MS,
        .pkt = *pkt,
    };
    return true;
}

void hvh_answer(struct hvh_chan *chan, const struct hvh_send *pkt, const struct hvhost_fault *fault)
{
    struct hvh_send spoilt;

    if (!fault) {
        put(chan, pkt);
        return;
    }
    switch (fault->act) {
    case HVH_ACT_SILENT:
        return;
    case HVH_ACT_LATE:
        if (!late_add(chan, pkt, fault->arg))
            put(chan, pkt);
        return;
    case HVH_ACT_TWICE:
        put(chan, pkt);
        put(chan, pkt);
        return;
    case HVH_ACT_RING_INDEX:
        chan->out.write = (uint32_t)fault->arg;
        hvh_ring_publish(&chan->out);
        chan->faulted = true;
        return;
    default:
        spoilt = *pkt;
        hvh_fault_desc(fault, &spoilt.desc);
        put(chan, &spoilt);
    }
}

unsigned hvh_late_serve(struct hvhost_nic *nic, uint64_t now_ns)
{
    unsigned kept = 0;
    unsigned sent = 0;
    bool full = false;

    for (unsigned i = 0; i < nic->late_count; i++) {
        struct hvh_late *late = &nic->late[i];

        if (!late->chan->open || late->chan->faulted)
            continue; /* forgotten: nobody will read it */
        if (!full && late->due_ns <= now_ns) {
            full = hvh_ring_put(&late->chan->out, &late->pkt) != 0;
            sent += !full;
            if (!full)
                continue;
        }
        if (late->due_ns <= now_ns)
            late->due_ns = now_ns + RETRY_NS;
        if (kept != i)
            nic->late[kept] = *late;
        kept++;
    }
    nic->late_count = kept;
    return sent;
}

uint64_t hvh_late_deadline(const struct hvhost_nic *nic)
{
    uint64_t least = UINT64_MAX;

    for (unsigned i = 0; i < nic->late_count; i++) {
        if (nic->late[i].due_ns < least)
            least = nic->late[i].due_ns;
    }
    return least;
}

void hvh_complete(struct hvh_chan *chan, uint64_t xid, const void *msg, uint32_t bytes,
                  const struct hvhost_fault *fault)
{
    struct hvh_send pkt;

    hvh_send_init(&pkt, VMBUS_PKT_COMPLETION, xid, 0, bytes > 0 ? NVS_MSG_BYTES : 0);
    memcpy(pkt.body, msg, bytes);
    if (fault)
        hvh_fault_completion(fault, &pkt);
    hvh_answer(chan, &pkt, fault);
}

/* In place, as nearly all are. False: it takes more than that. */
static bool complete_plain(struct hvh_chan *chan, uint64_t xid, uint32_t status)
{
    uint8_t *body;

    if (!chan->open || chan->faulted)
        return false;
    body =
        hvh_ring_make(&chan->out, hvh_first_word(VMBUS_PKT_COMPLETION, 0, NVS_MSG_BYTES, 0), xid);
    if (!body)
        return false;
    hvh_put_word(body, NVS_MSG_RNDIS_COMPLETE | (uint64_t)status << 32);
    for (uint32_t off = 8; off < NVS_MSG_BYTES; off += 8)
        hvh_put_word(body + off, 0);
    return true;
}

void hvh_complete_rndis(struct hvh_chan *chan, uint64_t xid, uint32_t status,
                        const struct hvhost_fault *fault)
{
    struct nvs_rndis_complete msg = {.type = NVS_MSG_RNDIS_COMPLETE, .status = status};

    if (!fault && complete_plain(chan, xid, status))
        return;
    hvh_complete(chan, xid, &msg, sizeof(msg), fault);
}

static void control_packet(struct hvh_send *pkt, const struct hvhost_nic *nic, uint32_t section,
                           uint32_t bytes)
{
    struct vmbus_xfer_header head = {.set_id = nic->recv_id, .range_count = 1};
    struct vmbus_xfer_range range = {.len_bytes = bytes,
                                     .off_bytes = section * nic->sections.bytes};
    struct nvs_rndis msg = {
        .type = NVS_MSG_RNDIS, .channel_type = NVS_RNDIS_CONTROL, .section = NVS_SECTION_NONE};

    hvh_send_init(pkt, VMBUS_PKT_XFER_PAGES, section, sizeof(head) + sizeof(range), NVS_MSG_BYTES);
    pkt->desc.flags = VMBUS_PKT_FLAG_COMPLETION;
    memcpy(pkt->body, &head, sizeof(head));
    memcpy(pkt->body + sizeof(head), &range, sizeof(range));
    memcpy(pkt->body + sizeof(head) + sizeof(range), &msg, sizeof(msg));
}

bool hvh_control(struct hvhost_nic *nic, const void *msg, uint32_t bytes,
                 const struct hvhost_fault *fault)
{
    struct hvh_chan *chan = &nic->chan[0];
    uint8_t copy[HVH_RNDIS_BYTES_MAX];
    struct hvh_send pkt;
    uint32_t section;

    if (!chan->open || chan->faulted || bytes > nic->sections.bytes || bytes > sizeof(copy))
        return false;
    if (hvh_ring_room(&chan->out) < HVH_REPLY_ROOM / 4)
        return false;
    if (fault && fault->act == HVH_ACT_SILENT)
        return true;
    section = hvh_sections_take(&nic->sections, HVH_USE_CONTROL, HVH_SECTION_NONE);
    if (section == HVH_SECTION_NONE)
        return false;

    memcpy(copy, msg, bytes);
    if (fault)
        hvh_fault_control(fault, copy, &bytes);
    memcpy(nic->recv.base + (size_t)section * nic->sections.bytes, copy, bytes);
    control_packet(&pkt, nic, section, bytes);
    hvh_sections_lend(&nic->sections, section, bytes);
    nic->lent_on[section] = 0;
    nic->stats.ctl_replies++;
    hvh_answer(chan, &pkt, fault);
    return true;
}
