/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench_min_host.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "nvs_reg.h"
#include "vmbus_reg.h"

#define WORD 8u
#define PER_PACKET_MAX 8u
#define SET_ID 0xCAFEu
#define ROOM_KEPT 64u /* a full ring would look like an empty one */

int bench_min_host_open(struct bench_min_host *h, const struct vmbus_transport *memory,
                        uint32_t section_bytes, uint32_t per_packet)
{
    const struct vmbus_region *rings = &memory->primary.rings;
    const size_t half = rings->len_bytes / 2;

    if (per_packet > PER_PACKET_MAX)
        return -EINVAL;
    *h = (struct bench_min_host){
        .recv = memory->recv.base, .section_bytes = section_bytes, .per_packet = per_packet};
    bench_min_ring_open(&h->in, rings->base, half);
    bench_min_ring_open(&h->out, rings->base + half, half);
    h->in.at = atomic_load(h->in.read_index);
    h->out.at = atomic_load(h->out.write_index);
    h->packets = h->free = (uint32_t)memory->recv.len_bytes / section_bytes / per_packet;
    h->queue = calloc(h->packets, sizeof(*h->queue));
    for (uint32_t i = 0; h->queue && i < h->packets; i++)
        h->queue[i] = i;
    return h->queue ? 0 : -ENOMEM;
}

static void take_completions(struct bench_min_host *h)
{
    struct bench_min_ring *in = &h->in;
    const uint32_t end = atomic_load_explicit(in->write_index, memory_order_acquire);

    while (in->at != end) {
        const struct vmbus_pkt_desc *desc = (const void *)(in->data + in->at);
        const uint32_t bytes = desc->total_qwords * WORD;

        desc = (const void *)bench_min_whole(in, bytes);
        if (desc->type == VMBUS_PKT_COMPLETION && desc->xid < h->packets && h->free < h->packets)
            h->queue[(h->next + h->free++) % h->packets] = (uint32_t)desc->xid;
        in->at += bytes + VMBUS_PKT_TRAILER_BYTES;
        in->at = in->at >= in->size ? in->at - in->size : in->at;
    }
    atomic_store_explicit(in->read_index, in->at, memory_order_release);
}

static uint32_t room(const struct bench_min_host *h)
{
    const uint32_t read = atomic_load_explicit(h->out.read_index, memory_order_acquire);

    return read > h->out.at ? read - h->out.at : h->out.size - h->out.at + read;
}

static void send_packet(struct bench_min_host *h, const uint8_t *frame, uint32_t len_bytes,
                        unsigned count)
{
    struct {
        uint64_t desc, xid;
        struct vmbus_xfer_header set;
        struct vmbus_xfer_range range[PER_PACKET_MAX];
        struct nvs_rndis nvs; /* its place with most ranges */
        uint8_t rest[NVS_MSG_BYTES - sizeof(struct nvs_rndis)];
    } pkt = {.xid = h->queue[h->next], .set = {.set_id = SET_ID, .range_count = count}};
    const struct nvs_rndis nvs = {.type = NVS_MSG_RNDIS, .section = NVS_SECTION_NONE};
    const uint32_t head_words = 3 + count, words = head_words + NVS_MSG_BYTES / WORD;

    h->next = h->next + 1 == h->packets ? 0 : h->next + 1;
    h->free--;
    for (unsigned i = 0; i < count; i++) {
        const uint32_t off = ((uint32_t)pkt.xid * h->per_packet + i) * h->section_bytes;

        pkt.range[i].off_bytes = off;
        pkt.range[i].len_bytes = bench_min_message(h->recv + off, frame, len_bytes, true);
    }
    memcpy((uint64_t *)&pkt + head_words, &nvs, sizeof(nvs));
    pkt.desc =
        bench_min_descriptor(VMBUS_PKT_XFER_PAGES, head_words, words, VMBUS_PKT_FLAG_COMPLETION);
    bench_min_put(&h->out, (const uint64_t *)(const void *)&pkt, words);
}

void bench_min_host_offer(struct bench_min_host *h, const uint8_t *frame, uint32_t len_bytes,
                          unsigned count)
{
    const uint32_t packet_bytes =
        (3 + h->per_packet) * WORD + NVS_MSG_BYTES + VMBUS_PKT_TRAILER_BYTES;
    uint32_t left;

    take_completions(h);
    left = room(h);
    h->offered += count;
    while (count > 0) {
        const unsigned frames = count < h->per_packet ? count : h->per_packet;

        count -= frames;
        if (h->free == 0) {
            h->drop_section += frames;
        } else if (left < packet_bytes + ROOM_KEPT) {
            h->drop_ring += frames;
        } else {
            send_packet(h, frame, len_bytes, frames);
            left -= packet_bytes;
        }
    }
    atomic_store_explicit(h->out.write_index, h->out.at, memory_order_release);
}
