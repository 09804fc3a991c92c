/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench_min.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "nvs_reg.h"
#include "rndis_reg.h"
#include "vmbus_reg.h"

#define SECTIONS 64u /* used in turns */
#define ALIGN_BYTES 8u
#define WORD 8u

void bench_min_ring_open(struct bench_min_ring *ring, uint8_t *base, size_t len_bytes)
{
    struct vmbus_ring_ctl *ctl = (struct vmbus_ring_ctl *)(void *)base;

    *ring = (struct bench_min_ring){
        .data = base + VMBUS_PAGE_BYTES,
        .write_index = &ctl->write_index,
        .read_index = &ctl->read_index,
        .size = (uint32_t)len_bytes - VMBUS_PAGE_BYTES,
    };
}

void bench_min_open(struct bench_min *m, const struct vmbus_transport *memory,
                    uint32_t section_bytes)
{
    const struct vmbus_region *rings = &memory->primary.rings;
    const size_t half = rings->len_bytes / 2;

    *m = (struct bench_min){.memory = memory, .section_bytes = section_bytes, .next_xid = 1};
    bench_min_ring_open(&m->out, rings->base, half);
    bench_min_ring_open(&m->in, rings->base + half, half);
    m->out.at = atomic_load(m->out.write_index);
    m->in.at = atomic_load(m->in.read_index);
}

/* ---- writing --------------------------------------------------------------------------------- */

void bench_min_put(struct bench_min_ring *ring, const uint64_t *words, uint32_t count)
{
    const uint32_t start = ring->at;

    if (start + (count + 1) * WORD < ring->size) {
        memcpy(ring->data + start, words, count * WORD);
        *(uint64_t *)(void *)(ring->data + start + count * WORD) = (uint64_t)start << 32;
        ring->at = start + (count + 1) * WORD;
        return;
    }
    for (uint32_t i = 0; i <= count; i++) {
        *(uint64_t *)(void *)(ring->data + ring->at) = i < count ? words[i] : (uint64_t)start << 32;
        ring->at = ring->at + WORD == ring->size ? 0 : ring->at + WORD;
    }
}

uint64_t bench_min_descriptor(uint64_t type, uint64_t header_words, uint64_t words, uint64_t flags)
{
    return type | header_words << 16 | words << 32 | flags << 48;
}

uint32_t bench_min_message(uint8_t *at, const uint8_t *frame, uint32_t len_bytes, bool last)
{
    const uint32_t pad =
        last ? 0 : -(uint32_t)(sizeof(struct rndis_packet) + len_bytes) % ALIGN_BYTES;
    const struct rndis_packet head = {
        .type = RNDIS_MSG_PACKET,
        .len_bytes = (uint32_t)sizeof(head) + len_bytes + pad,
        .data_off = RNDIS_PACKET_OFF_MIN,
        .data_bytes = len_bytes,
    };

    memcpy(at, &head, sizeof(head));
    memcpy(at + sizeof(head), frame, len_bytes);
    return head.len_bytes;
}

void bench_min_write(struct bench_min *m, const uint8_t *frame, uint32_t len_bytes, unsigned count,
                     unsigned per_packet)
{
    struct {
        uint64_t desc, xid;
        struct nvs_rndis nvs;
        uint64_t rest[(NVS_MSG_BYTES - sizeof(struct nvs_rndis)) / WORD];
    } pkt = {.desc = bench_min_descriptor(VMBUS_PKT_INBAND, 2, sizeof(pkt) / WORD, 1),
             .nvs = {.type = NVS_MSG_RNDIS, .channel_type = NVS_RNDIS_DATA}};

    while (count > 0) {
        uint8_t *section = m->memory->send.base + (size_t)m->section * m->section_bytes;
        uint32_t bytes = 0;

        for (unsigned i = 0; i < per_packet && count > 0; i++, count--)
            bytes += bench_min_message(section + bytes, frame, len_bytes,
                                       i + 1 == per_packet || count == 1);
        pkt.xid = m->next_xid++;
        pkt.nvs.section = m->section;
        pkt.nvs.section_bytes = bytes;
        bench_min_put(&m->out, (const uint64_t *)(const void *)&pkt, sizeof(pkt) / WORD);
        m->section = (m->section + 1) % SECTIONS;
    }
    atomic_store(m->out.write_index, m->out.at);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Sections of the receive buffer are not aligned. */
static uint64_t sum_message(const uint8_t *msg)
{
    uint32_t data_off, end;
    uint64_t sum = 0, word;

    memcpy(&data_off, msg + offsetof(struct rndis_packet, data_off), sizeof(data_off));
    end = 8 + data_off + WORD; /* the frame's first bytes, too */
    for (uint32_t off = 0; off < end; off += WORD) {
        memcpy(&word, msg + off, sizeof(word));
        sum += word;
    }
    return sum;
}

static unsigned read_ranges(struct bench_min *m, const uint8_t *packet)
{
    const struct vmbus_xfer_header *set = (const void *)(packet + sizeof(struct vmbus_pkt_desc));
    const struct vmbus_xfer_range *range = (const void *)(set + 1);
    const struct nvs_rndis *nvs = (const void *)(range + set->range_count);

    m->sum += nvs->type + nvs->channel_type;
    for (uint32_t i = 0; i < set->range_count; i++)
        m->sum += range[i].len_bytes + sum_message(m->memory->recv.base + range[i].off_bytes);
    return set->range_count;
}

static void complete(struct bench_min *m, uint64_t xid)
{
    const struct nvs_rndis_complete ok = {NVS_MSG_RNDIS_COMPLETE, NVS_STATUS_SUCCESS};
    uint64_t words[3] = {bench_min_descriptor(VMBUS_PKT_COMPLETION, 2, 3, 0), xid};

    memcpy(&words[2], &ok, sizeof(ok));
    bench_min_put(&m->out, words, 3);
}

const uint8_t *bench_min_whole(const struct bench_min_ring *ring, uint32_t bytes)
{
    static _Alignas(8) uint8_t bounce[VMBUS_PKT_BYTES_MAX];

    if (ring->at + bytes <= ring->size)
        return ring->data + ring->at;
    memcpy(bounce, ring->data + ring->at, ring->size - ring->at);
    memcpy(bounce + (ring->size - ring->at), ring->data, bytes - (ring->size - ring->at));
    return bounce;
}

unsigned bench_min_read(struct bench_min *m, unsigned budget)
{
    struct bench_min_ring *in = &m->in;
    const uint32_t end = atomic_load_explicit(in->write_index, memory_order_acquire);
    unsigned frames = 0;

    while (in->at != end && frames < budget) {
        const struct vmbus_pkt_desc *desc = (const void *)(in->data + in->at);
        const uint32_t bytes = desc->total_qwords * WORD;
        const uint8_t *packet = bench_min_whole(in, bytes);

        desc = (const void *)packet;
        if (desc->type == VMBUS_PKT_XFER_PAGES) {
            frames += read_ranges(m, packet);
            complete(m, desc->xid);
        } else {
            m->sum += desc->xid + *(const uint64_t *)(const void *)(desc + 1);
        }
        in->at += bytes + VMBUS_PKT_TRAILER_BYTES;
        in->at = in->at >= in->size ? in->at - in->size : in->at;
    }
    atomic_store(in->read_index, in->at);
    atomic_store(m->out.write_index, m->out.at);
    return frames;
}
