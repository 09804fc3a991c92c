/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Host to guest frames. A frame the switch has for a card is judged by filter and address and
 * copied once, straight into a free section of the receive buffer, behind an RNDIS PACKET header.
 * Up to config.batch_frames frames of one step share a transfer-page packet; the chain of their
 * sections is lent to the guest until it completes the packet, whose transaction id is the first
 * section's number: small, and unique while it is out (DPDK indexes an array with it).
 *
 * Which channel a frame goes to is RSS's affair (hvh_rss.c): each gathers frames of its own, and
 * wants its packets completed where they went out.
 *
 * Before the first frame of a batch is taken the ring must have room for the whole batch and,
 * beyond it, for control: data never keeps an answer from the guest. Every frame offered is either
 * in rx_frames or under one rx_drop_*.
 */
#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "hvh_host_var.h"
#include "hvh_ring_words.h"
#include "hvh_rx_var.h"

#define FRAME_SECTIONS 48u                  /* what 64 KiB of TCP need, in segments or fragments */
#define BURST_SECTIONS (2 * FRAME_SECTIONS) /* and as much again, being gathered */

static bool running(const struct hvhost_nic *nic)
{
    const struct hvh_chan *chan = &nic->chan[0];

    return nic->state == HVH_OPERATIONAL && nic->filter != 0 && chan->open && !chan->faulted &&
           !nic->withdrawn;
}

/* ---- which frames ----------------------------------------------------------------------- */

static bool multicast_listed(const struct hvhost_nic *nic, const uint8_t *mac)
{
    for (unsigned i = 0; i < nic->multicast_count; i++) {
        if (memcmp(nic->multicast[i], mac, 6) == 0)
            return true;
    }
    return false;
}

static bool filter_match(const struct hvhost_nic *nic, const uint8_t *data)
{
    static const uint8_t broadcast[6] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    uint8_t mac[6];

    if (nic->filter & NDIS_FILTER_PROMISCUOUS)
        return true;
    memcpy(mac, data, sizeof(mac));
    if (memcmp(mac, broadcast, sizeof(mac)) == 0)
        return nic->filter & NDIS_FILTER_BROADCAST;
    if (!(mac[0] & 1))
        return (nic->filter & NDIS_FILTER_DIRECTED) && memcmp(mac, nic->mac, sizeof(mac)) == 0;
    if (nic->filter & NDIS_FILTER_ALL_MULTICAST)
        return true;
    return (nic->filter & NDIS_FILTER_MULTICAST) && multicast_listed(nic, mac);
}

/* ---- batches ---------------------------------------------------------------------------- */

static uint32_t batch_bytes(uint32_t frames)
{
    return (uint32_t)(sizeof(struct vmbus_pkt_desc) + sizeof(struct vmbus_xfer_header) +
                      frames * sizeof(struct vmbus_xfer_range) + NVS_MSG_BYTES +
                      VMBUS_PKT_TRAILER_BYTES);
}

/* For a packet of (messages), unless one is being gathered: room for that was made sure of. */
static bool ring_room(struct hvh_chan *chan, uint32_t messages)
{
    return chan->open && !chan->faulted &&
           (chan->batch.count > 0 ||
            hvh_ring_has(&chan->out, batch_bytes(messages) + HVH_REPLY_ROOM));
}

/* For (frames) behind what is being gathered, however long they are. */
static bool ring_takes(struct hvh_chan *chan, uint32_t frames)
{
    const uint32_t half = chan->out.data_bytes / 2;
    uint32_t bytes = frames * FRAME_SECTIONS * batch_bytes(1); /* fewer, as they share packets */

    if (frames == 1 && bytes > half)
        bytes = half; /* a small ring must not look full for ever */
    return chan->open && !chan->faulted && hvh_ring_has(&chan->out, bytes + HVH_REPLY_ROOM);
}

/*
 * The section that is next, for as much as the last one took. A guest in this thread has no other
 * processor's caches for it to be in.
 */
static void ahead(struct hvh_chan *chan, uint32_t bytes)
{
    struct hvhost_nic *nic = chan->nic;
    uint32_t section;
    const uint8_t *at;

    if (chan->out.attended)
        return;
    section = hvh_sections_next(&nic->sections);
    if (section == HVH_SECTION_NONE)
        return;
    at = nic->recv.base + (size_t)section * nic->sections.bytes;
    nic->recv_ahead = (struct hvh_ahead){at, at + bytes};
    hvh_ahead_write(&nic->recv_ahead, hvh_ahead_first(&nic->recv_ahead));
}

void hvh_rx_add(struct hvh_chan *chan, const uint8_t *data, const struct hvh_head *head,
                uint32_t count)
{
    struct hvhost_nic *nic = chan->nic;
    struct hvh_batch *batch = &chan->batch;
    uint32_t tail = batch->count > 0 ? batch->tail : HVH_SECTION_NONE;

    for (uint32_t i = 0; i < count; i++, data += head->packet.data_bytes) {
        const uint32_t section = hvh_sections_take(&nic->sections, HVH_USE_DATA, tail);
        const uint32_t off = section * nic->sections.bytes;

        if (tail == HVH_SECTION_NONE)
            batch->head = section;
        tail = section;
        batch->range[batch->count++] =
            (struct vmbus_xfer_range){.len_bytes = head->packet.len_bytes, .off_bytes = off};
        hvh_message_write(head, data, nic->recv.base + off);
        ahead(chan, head->packet.len_bytes);
    }
    batch->tail = tail;
}

static_assert(offsetof(struct vmbus_xfer_header, range_count) == 4, "its word's high half");
static_assert(offsetof(struct vmbus_xfer_range, off_bytes) == 4, "its word's high half");
static_assert(offsetof(struct nvs_rndis, section) == 8, "low half of the second word");

/* The packet of (count) gathered frames, in place, as nearly all are. False: there is no place. */
static bool put_plain(struct hvh_chan *chan, uint32_t count)
{
    const uint32_t header_bytes =
        (uint32_t)(sizeof(struct vmbus_xfer_header) + count * sizeof(struct vmbus_xfer_range));
    const uint64_t first = hvh_first_word(VMBUS_PKT_XFER_PAGES, header_bytes, NVS_MSG_BYTES,
                                          VMBUS_PKT_FLAG_COMPLETION);
    uint8_t *at = hvh_ring_make(&chan->out, first, chan->batch.head);

    if (!at)
        return false;
    hvh_put_word(at, chan->nic->recv_id | (uint64_t)count << 32);
    for (uint32_t i = 0; i < count; i++)
        hvh_put_word(at += 8, chan->batch.range[i].len_bytes |
                                  (uint64_t)chan->batch.range[i].off_bytes << 32);
    hvh_put_word(at + 8, NVS_MSG_RNDIS);
    hvh_put_word(at + 16, NVS_SECTION_NONE);
    for (uint32_t off = 16; off < NVS_MSG_BYTES; off += 8)
        hvh_put_word(at + 8 + off, 0);
    return true;
}

/* The same by way of a copy, which (fault) may spoil. */
static void put_any(struct hvh_chan *chan, uint32_t count, const struct hvhost_fault *fault)
{
    struct hvhost_nic *nic = chan->nic;
    struct hvh_batch *batch = &chan->batch;
    uint32_t ranges_bytes = count * (uint32_t)sizeof(batch->range[0]);
    struct vmbus_xfer_header head = {.set_id = nic->recv_id, .range_count = count};
    struct nvs_rndis msg = {.type = NVS_MSG_RNDIS, .section = NVS_SECTION_NONE};
    struct hvh_send pkt;

    hvh_send_init(&pkt, VMBUS_PKT_XFER_PAGES, batch->head, (uint32_t)sizeof(head) + ranges_bytes,
                  NVS_MSG_BYTES);
    pkt.desc.flags = VMBUS_PKT_FLAG_COMPLETION;
    memcpy(pkt.body, &head, sizeof(head));
    memcpy(pkt.body + sizeof(head), batch->range, ranges_bytes);
    memcpy(pkt.body + sizeof(head) + ranges_bytes, &msg, sizeof(msg));
    if (fault)
        hvh_fault_data(fault, &pkt, nic->recv.base + batch->range[0].off_bytes);
    hvh_answer(chan, &pkt, fault);
}

void hvh_rx_end(struct hvh_chan *chan)
{
    struct hvhost_nic *nic = chan->nic;
    const struct hvhost_fault *fault = hvh_fault_strike(nic, HVH_ON_RX_DATA, 0);
    const uint32_t count = chan->batch.count, head = chan->batch.head;

    chan->batch.count = 0;
    chan->out.promised = 0;
    if (fault && fault->act == HVH_ACT_SILENT) {
        hvh_sections_drop(&nic->sections, head);
        return;
    }
    hvh_sections_lend(&nic->sections, head, chan->batch.range[0].len_bytes);
    nic->lent_on[head] = (uint8_t)chan->index;
    nic->stats.rx_packets++;
    if (fault || !chan->open || chan->faulted || !put_plain(chan, count))
        put_any(chan, count, fault);
}

void hvh_rx_revoke(struct hvh_chan *chan)
{
    struct hvhost_nic *nic = chan->nic;

    hvh_rsc_drop(nic);
    for (unsigned i = 0; i < HVH_CHANS_MAX; i++) {
        nic->chan[i].batch.count = 0;
        nic->chan[i].out.promised = 0;
    }
    nic->stats.rx_reclaimed += hvh_sections_reset(&nic->sections);
}

/* ---- the card's side of the switch ------------------------------------------------------ */

bool hvh_rx_room_for(struct hvh_chan *chan, uint32_t most, uint32_t messages, uint32_t frames)
{
    struct hvhost_nic *nic = chan->nic;

    if (!ring_room(chan, most)) {
        nic->stats.rx_drop_ring += frames;
        return false;
    }
    if (nic->sections.free[HVH_USE_DATA] < messages) {
        nic->stats.rx_drop_section += frames;
        return false;
    }
    if (chan->batch.count == 0)
        chan->out.promised = batch_bytes(most);
    return true;
}

void hvh_rx_whole(struct hvhost_nic *nic, const struct hvhost_frame *frame, struct hvh_hash hash,
                  uint32_t csum)
{
    struct hvh_chan *chan = hvh_subchan_for(nic, hash);
    struct hvh_head head;

    hvh_describe(frame, hash, csum, &head);
    if (frame->len_bytes > nic->mtu_bytes + HVH_ETH_BYTES ||
        frame->len_bytes > hvh_message_room(nic, head.elements_bytes)) {
        nic->stats.rx_drop_size++;
        return;
    }
    if (!hvh_rx_room_for(chan, nic->config.batch_frames, 1, 1))
        return;
    hvh_describe_data(nic, frame->len_bytes, &head);
    hvh_rx_add(chan, frame->data, &head, 1);
    nic->stats.rx_frames++;
    nic->stats.rx_bytes += frame->len_bytes;
    nic->stats.rx_hashed += hash.type != 0;
    if (chan->batch.count == nic->config.batch_frames)
        hvh_rx_flush(chan);
}

static void rx_deliver(void *ctx, const struct hvhost_frame *frame)
{
    struct hvhost_nic *nic = ctx;
    struct hvh_hash hash = hvh_rss_hash(&nic->rss, frame);
    uint32_t csum;

    hvh_ahead_write(&nic->recv_ahead, nic->recv_ahead.end);
    nic->stats.rx_offered++;
    if (!running(nic) || !nic->link_up) {
        nic->stats.rx_drop_down++;
        return;
    }
    if (!filter_match(nic, frame->data)) {
        nic->stats.rx_drop_filter++;
        return;
    }
    if (hvh_tell_by_vf(nic, frame->data)) {
        nic->stats.rx_drop_vf++;
        return;
    }
    if (frame->mss) {
        hvh_rsc_flush(nic);
        hvh_rsc_large(nic, frame, hash);
        return;
    }
    csum = hvh_verdict(nic, frame);
    if (hvh_rsc_take(nic, frame, hash, csum))
        return;
    hvh_rsc_flush(nic);
    hvh_rx_whole(nic, frame, hash, csum);
}

static bool takes_gso(const void *ctx)
{
    return hvh_rsc_takes_large(ctx);
}

const struct hvh_port_ops hvh_rx_port_ops = {.deliver = rx_deliver, .takes_gso = takes_gso};

bool hvh_rx_running(const struct hvhost_nic *nic)
{
    return running(nic);
}

unsigned hvh_rx_room(struct hvhost_nic *nic, unsigned most)
{
    uint32_t part = nic->sections.count / 8; /* a small buffer must not look full for ever */
    uint32_t keep = part < BURST_SECTIONS ? part : BURST_SECTIONS;
    uint32_t spare = nic->sections.free[HVH_USE_DATA];

    if (spare <= keep)
        return 0;
    spare = 1 + (spare - keep - 1) / FRAME_SECTIONS;
    for (unsigned frames = spare < most ? spare : most; frames > 0; frames /= 2) {
        for (unsigned i = 0; i <= nic->granted; i++) {
            if (ring_takes(&nic->chan[i], frames))
                return frames; /* one stuck queue must not keep frames from the others */
        }
    }
    return 0;
}
