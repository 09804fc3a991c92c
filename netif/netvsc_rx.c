/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive: transfer-page packets become frames.
 *
 * Theory of operation. A packet lends us one or more ranges of the receive buffer, each with one
 * RNDIS message. Headers are copied to private memory once, checked there, and only then turn into
 * pointers; the frame itself stays where the host wrote it until config.rx has consumed it. Frames
 * are collected and handed up in one call per batch; a packet with more frames than a batch takes
 * several calls.
 *
 * Nearly all messages are alike, and nothing is wrong with them. These are taken in runs, the quick
 * way: a few comparisons on words read once (rndis_quick.h), limits looked up once per run. So are
 * the fragments behind a frame's first one (netvsc_rsc.c). The first range that is anything else
 * ends the run and is judged from its beginning, on a copy of its own (netvsc_rx_message.c), as if
 * nobody had looked at it.
 *
 * Every packet is owed exactly one completion, malformed ones too (status 2), or its sections are
 * lost.
 */
#include "netvsc_count_var.h"
#include "netvsc_rx_var.h"

#include <string.h>

void netvsc_rx_hand_up(struct netvsc_queue *q)
{
    struct netvsc *nic = q->nic;
    unsigned count = q->batch_count;

    if (!count)
        return;
    q->batch_count = 0;
    for (unsigned i = 0; nic->config.capture && i < count; i += 1u + q->batch[i].more)
        nic->config.capture(nic->config.ctx, false, &q->batch[i]);
    if (q->batch_mixed)
        netvsc_count_rx(&q->stats, q->batch, count);
    else
        netvsc_count_alike(&q->stats, count, q->alike_bytes);
    q->alike_bytes = q->batch[0].len_bytes;
    q->batch_mixed = false;
    nic->config.rx(nic->config.ctx, q->batch, count);
}

/* ---- the quick way --------------------------------------------------------------------------- */

static inline bool length_usual(const struct netvsc_run *run, uint32_t data_bytes)
{
    return data_bytes - NETVSC_ETH_BYTES <= run->frame_bytes_max - NETVSC_ETH_BYTES;
}

/* A message with elements; not inlined, so that the loop below has the registers. */
static __attribute__((noinline)) bool take_with_elements(const struct netvsc_run *run,
                                                         uint64_t range, struct netvsc_frame *out)
{
    const uint8_t *msg = run->base + (range >> 32);
    struct rndis_layout at;
    struct rndis_meta meta;

    if (!netvsc_range_usual(run, (uint32_t)(range >> 32), (uint32_t)range) ||
        !rndis_quick_packet(msg, (uint32_t)range, &at) || !length_usual(run, at.data_bytes) ||
        !rndis_quick_ppis(msg + at.ppi_off, at.ppi_bytes, &meta))
        return false;
    netvsc_put_frame(out, msg + at.data_off, at.data_bytes, run->origin);
    netvsc_rx_meta(out, &meta);
    return true;
}

static inline bool take_plain(const struct netvsc_run *run, uint64_t range,
                              struct netvsc_frame *out)
{
    const uint8_t *msg = run->base + (range >> 32);
    uint32_t data_bytes;

    if (!netvsc_range_usual(run, (uint32_t)(range >> 32), (uint32_t)range))
        return false;
    data_bytes = rndis_quick_plain(msg, (uint32_t)range);
    if (!length_usual(run, data_bytes)) /* 0 is none */
        return false;
    netvsc_put_frame(out, msg + sizeof(struct rndis_packet), data_bytes, run->origin);
    return true;
}

/*
 * Frames of the first of (count) ranges at (host), as long as they are as most are. How many.
 * (*mixed) is set when one is tagged, to a group, or not as long as those before: then each has to
 * be looked at again to be counted.
 */
static __attribute__((noinline)) uint32_t take_run(const struct netvsc_run *run,
                                                   const uint8_t *host, struct netvsc_frame *out,
                                                   uint32_t count, bool *mixed)
{
    uint32_t done, lengths = 0;
    uint8_t groups = 0;

    for (done = 0; done < count; done++, out++) {
        const uint64_t range = rndis_quick_word(host + done * sizeof(range));

        if (!take_plain(run, range, out) && !take_with_elements(run, range, out))
            break;
        lengths |= out->len_bytes ^ run->alike_bytes;
        groups |= out->data[0] | out->has_tci;
    }
    *mixed |= lengths || groups & 1;
    return done;
}

/* As many of (count) ranges as there is room for in the batch, or as go on with its last frame. */
static uint32_t take_usual(struct netvsc_queue *q, const uint8_t *host, uint32_t count)
{
    const struct netvsc *nic = q->nic;
    const struct vmbus_region *recv = &nic->mem->recv;
    const struct netvsc_run run = {
        .base = recv->base,
        .off_max = recv->len_bytes - nic->info.recv_section_bytes,
        .range_bytes_max = nic->info.recv_section_bytes,
        .frame_bytes_max = nic->rx_frame_bytes_max,
        .alike_bytes = q->alike_bytes,
        .origin = q->index | (uint64_t)(q->ack_count - 1) << 32,
    };
    const uint32_t room = q->batch_count < NETVSC_BATCH_MAX ? NETVSC_BATCH_MAX - q->batch_count : 0;
    uint32_t done;

    if (nic->state != NETVSC_UP)
        return 0;
    if (q->chain.pieces)
        return netvsc_rsc_run(q, &run, host, count);
    done = take_run(&run, host, &q->batch[q->batch_count], count < room ? count : room,
                    &q->batch_mixed);
    q->stats.rx_messages += done;
    q->batch_count += done;
    if (done == room)
        netvsc_rx_hand_up(q);
    return done;
}

/* ---- packets --------------------------------------------------------------------------------- */

static struct netvsc_ack *owe_ack(struct netvsc_queue *q, uint64_t xid, uint32_t sections)
{
    const struct netvsc_ack ack = {.xid = xid, .status = NVS_STATUS_FAILURE, .sections = sections};

    return netvsc_owe(q, &ack);
}

/* The range list's header and the NVSP message agree with what a receive packet must be. */
static bool packet_ok(const struct vmbus_packet *pkt, struct vmbus_xfer_header *set,
                      struct nvs_rndis *nvs)
{
    uint64_t copy;

    if (pkt->header_bytes < sizeof(*set) || pkt->payload_bytes < sizeof(copy))
        return false;
    copy = rndis_quick_word(pkt->header);
    memcpy(set, &copy, sizeof(*set));
    copy = rndis_quick_word(pkt->payload); /* type and channel type */
    if (set->set_id != NVS_RECV_BUF_ID || nvs_parse_rndis(&copy, sizeof(copy), nvs))
        return false;
    return set->range_count >= 1 && set->range_count <= VMBUS_XFER_RANGES_MAX &&
           set->range_count <= (pkt->header_bytes - sizeof(*set)) / sizeof(struct vmbus_xfer_range);
}

unsigned netvsc_rx_packet(struct netvsc_queue *q, const struct vmbus_packet *pkt)
{
    struct vmbus_xfer_header set;
    const uint8_t *ranges = pkt->header + sizeof(set);
    struct vmbus_xfer_range range;
    struct netvsc_ack *ack;
    struct nvs_rndis nvs;
    bool ok = true;

    if (!packet_ok(pkt, &set, &nvs)) {
        q->stats.host_bad_set++;
        owe_ack(q, pkt->xid, 1);
        return 1;
    }
    if (nvs.channel_type == NVS_RNDIS_DATA)
        q->stats.rx_packets++;
    ack = owe_ack(q, pkt->xid, set.range_count);
    for (uint32_t i = 0; i < set.range_count; i++) {
        i += take_usual(q, ranges + i * sizeof(range), set.range_count - i);
        if (i == set.range_count)
            break;
        memcpy(&range, ranges + i * sizeof(range), sizeof(range));
        ok &= netvsc_rx_range(q, &range, nvs.channel_type == NVS_RNDIS_DATA);
    }
    if (q->chain.pieces)
        ok &= netvsc_rsc_end(q);
    if (ok)
        ack->status = NVS_STATUS_SUCCESS;
    return set.range_count;
}
