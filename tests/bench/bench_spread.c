/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Small frames of many flows on a card with several queues, each flow on the queue that the host
 * named for its hash, which the sender knows, as who forwards does. Datagrams of 64 flows in turns,
 * a hash each, 16 per queue and turn, eight in a packet; the rest is as in bench_ring.c. The peer
 * picks the queue by a table, too, and writes the same bytes to the same rings, believing that all
 * of it fits; each message names its queue, as a host with several wants it.
 *
 * bench_spread tx60-rss PAIRS: {"ours":ns,"peer":ns,"ratio":ours/peer} per pair, per frame.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_card.h"
#include "bench_frame.h"
#include "bench_min.h"
#include "netvsc_queue.h"
#include "nvs_reg.h"
#include "rndis_reg.h"

#define QUEUES 4u
#define FLOWS 64u
#define FRAME_BYTES 60u
#define SOURCE_PORT_OFF (14u + 20u) /* in a frame: Ethernet, IPv4 */
#define PER_PACKET 8u
#define TURNS 3000u
#define STEPS_MAX 8u /* of the host, until it has taken a batch */
#define TABLE_ENTRIES 16u
#define SECTIONS 64u /* used in turns, per queue */

struct flow {
    uint32_t hash;
    uint8_t frame[FRAME_BYTES];
};

/* The message of a frame but for its bytes, which follow: no padding is needed behind those. */
struct head {
    struct rndis_packet packet;
    struct rndis_ppi hash;
    uint32_t queue;
};
#define MESSAGE_BYTES (sizeof(struct head) + FRAME_BYTES)
static_assert(MESSAGE_BYTES % 8 == 0, "a multiple of the alignment");

/* The peer's: a ring each way, and the packet being filled. */
struct min_queue {
    struct bench_min ring;
    uint32_t first_section, frames;
    uint8_t *at;
    struct head head;
};

struct side {
    struct bench_card card;
    bool minimal;
    uint64_t frames; /* that came out of the card */
    uint64_t sum;
    struct flow flow[FLOWS];
    struct min_queue queue[QUEUES];
    uint8_t table[TABLE_ENTRIES]; /* which queue for a hash */
};

static struct side sides[2];
static double clock_ns;

/* ---- the least ------------------------------------------------------------------------------- */

static uint8_t *section_at(const struct min_queue *q)
{
    return q->ring.memory->send.base +
           (size_t)(q->first_section + q->ring.section) * q->ring.section_bytes;
}

static void min_post(struct min_queue *q)
{
    const struct {
        uint64_t desc, xid;
        struct nvs_rndis nvs;
        uint64_t rest[(NVS_MSG_BYTES - sizeof(struct nvs_rndis)) / 8];
    } pkt = {.desc = bench_min_descriptor(VMBUS_PKT_INBAND, 2, sizeof(pkt) / 8, 1),
             .xid = q->ring.next_xid++,
             .nvs = {.type = NVS_MSG_RNDIS,
                     .channel_type = NVS_RNDIS_DATA,
                     .section = q->first_section + q->ring.section,
                     .section_bytes = q->frames * (uint32_t)MESSAGE_BYTES}};

    bench_min_put(&q->ring.out, (const uint64_t *)(const void *)&pkt, sizeof(pkt) / 8);
    q->ring.section = (q->ring.section + 1) % SECTIONS;
    q->at = section_at(q);
    q->frames = 0;
}

static void min_send(struct side *s)
{
    for (unsigned i = 0; i < FLOWS; i++) {
        struct min_queue *q = &s->queue[s->table[s->flow[i].hash % TABLE_ENTRIES]];

        memcpy(q->at, &q->head, sizeof(q->head));
        memcpy(q->at + sizeof(q->head), s->flow[i].frame, FRAME_BYTES);
        q->at += MESSAGE_BYTES;
        if (++q->frames == PER_PACKET)
            min_post(q);
    }
    for (unsigned i = 0; i < QUEUES; i++) {
        if (s->queue[i].frames)
            min_post(&s->queue[i]);
        atomic_store(s->queue[i].ring.out.write_index, s->queue[i].ring.out.at);
    }
}

static bool min_open(struct side *s)
{
    struct vmbus_transport *memory = &s->card.memory;
    const struct vmbus_chan_region primary = memory->primary;
    const uint32_t section_bytes = netvsc_info(s->card.nic)->send_section_bytes;

    for (uint32_t i = 0; i < QUEUES; i++) {
        struct min_queue *q = &s->queue[i];

        if (i && memory->ops->subchannel_open(memory->ctx, i, &memory->primary))
            return false;
        bench_min_open(&q->ring, memory, section_bytes);
        q->first_section = i * SECTIONS;
        q->at = section_at(q);
        q->head = (struct head){.packet = {.type = RNDIS_MSG_PACKET,
                                           .len_bytes = MESSAGE_BYTES,
                                           .data_off = RNDIS_PACKET_OFF_MIN + RNDIS_PPI_BYTES,
                                           .data_bytes = FRAME_BYTES,
                                           .ppi_off = RNDIS_PACKET_OFF_MIN,
                                           .ppi_bytes = RNDIS_PPI_BYTES},
                                .hash = {RNDIS_PPI_BYTES, RNDIS_PPI_HASH, RNDIS_PPI_DATA_OFF},
                                .queue = i};
    }
    memory->primary = primary;
    for (uint32_t i = 0; i < TABLE_ENTRIES; i++)
        s->table[i] = (uint8_t)netvsc_queue_for(s->card.nic, i);
    return true;
}

/* ---- the driver ------------------------------------------------------------------------------ */

static void our_send(struct side *s)
{
    struct netvsc *nic = s->card.nic;
    struct netvsc_slot slot;

    for (unsigned i = 0; i < FLOWS; i++) {
        const unsigned q = netvsc_queue_for(nic, s->flow[i].hash);

        if (netvsc_queue_tx_begin(nic, q, FRAME_BYTES, &slot))
            break;
        memcpy(slot.data, s->flow[i].frame, FRAME_BYTES);
        netvsc_queue_tx_commit(nic, q, &slot, FRAME_BYTES);
    }
    netvsc_flush(nic);
}

static void on_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    (void)ctx;
    (void)frames;
    (void)count;
}

/* ---- both ------------------------------------------------------------------------------------ */

static void on_deliver(void *ctx, const struct hvhost_frame *frame)
{
    struct side *s = ctx;

    s->sum += frame->data[0];
    s->frames++;
}

static void make_flows(struct side *s)
{
    const uint8_t *mac = netvsc_info(s->card.nic)->mac;

    for (unsigned i = 0; i < FLOWS; i++) {
        struct flow *f = &s->flow[i];

        bench_frame_udp(f->frame, FRAME_BYTES, bench_frame_far_mac, mac);
        f->frame[SOURCE_PORT_OFF] = (uint8_t)i;
        f->hash = i * UINT32_C(0x9E3779B1); /* each remainder as often */
    }
}

static bool open_side(struct side *s, bool minimal)
{
    const struct bench_card_config config = {
        .card = {.batch_frames = PER_PACKET, .poll = true, .max_queues = QUEUES},
        .nic = {.rx = on_rx, .queues = QUEUES, .rss_types = NETVSC_RSS_UDP4},
        .deliver = on_deliver,
        .ctx = s,
    };

    if (bench_card_open(&s->card, &config))
        return false;
    bench_card_settle(&s->card);
    if (netvsc_info(s->card.nic)->queues != QUEUES)
        return false;
    make_flows(s);
    s->minimal = minimal;
    return !minimal || min_open(s);
}

static void send_batch(struct side *s)
{
    if (s->minimal)
        min_send(s);
    else
        our_send(s);
}

static void take_completions(struct side *s)
{
    if (!s->minimal)
        bench_card_poll(&s->card, FLOWS);
    for (unsigned i = 0; s->minimal && i < QUEUES; i++)
        bench_min_read(&s->queue[i].ring, FLOWS);
}

static uint64_t turn(struct side *s)
{
    uint64_t begin = bench_now_ns(), took;
    const uint64_t before = s->frames;

    send_batch(s);
    took = bench_now_ns() - begin;
    for (unsigned i = 0; i < STEPS_MAX && s->frames - before < FLOWS; i++) {
        s->card.now_ns += 1000;
        hvhost_step(s->card.host, s->card.now_ns);
    }
    begin = bench_now_ns();
    take_completions(s);
    took += bench_now_ns() - begin;
    return s->frames - before == FLOWS ? took : 0;
}

/* ns per frame; 0 when frames were missing. */
static double sample(struct side *s)
{
    static double ns[TURNS];

    for (unsigned i = 0; i < TURNS; i++) {
        const uint64_t took = turn(s);

        if (took == 0)
            return 0;
        ns[i] = ((double)took - 2 * clock_ns) / FLOWS;
    }
    return bench_median(ns, TURNS);
}

int main(int argc, char **argv)
{
    if (argc != 3 || strcmp(argv[1], "tx60-rss") != 0) {
        fprintf(stderr, "usage: bench_spread tx60-rss PAIRS\n");
        return 2;
    }
    clock_ns = bench_clock_ns();
    if (!open_side(&sides[0], false) || !open_side(&sides[1], true))
        return 1;
    sample(&sides[0]); /* caches and branch predictors */
    sample(&sides[1]);
    for (int i = 0; i < atoi(argv[2]); i++) {
        const double ours = sample(&sides[0]), peer = sample(&sides[1]);

        if (ours <= 0 || peer <= 0) {
            fprintf(stderr, "bench_spread: frames are missing\n");
            return 1;
        }
        printf("{\"ours\":%.2f,\"peer\":%.2f,\"ratio\":%.4f}\n", ours, peer, ours / peer);
    }
    bench_card_close(&sides[0].card);
    bench_card_close(&sides[1].card);
    return 0;
}
