/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * The VMBus ring by itself: packets of 80 bytes with descriptor and trailer, written by the
 * driver's transmit half and read by its receive half, which believes none of it. The host's ring
 * code has no part in it: both ends are vmbus_ring_var.h over the same memory, a batch of 32
 * packets between two publications. What is read is summed, so that every byte goes across.
 *
 * Peer: the least that is a ring for one producer and one consumer, over as much memory and with
 * the same bytes: bench_min_put(), and a loop that believes every length it finds. It too looks at
 * the other's index only when the one it knows is used up.
 *
 *   ring       producer and consumer on a processor each, a ring as long as a card's
 *   ring-64k   the same with a short one, which no cache is too small for
 *   ring-one   a batch in, the same batch out, in one thread, a short ring: instructions only
 *
 * bench_vmbus CASE PAIRS: {"ours":ns,"peer":ns,"ratio":ours/peer} per pair, per packet written and
 * read.
 */
#define _GNU_SOURCE /* pthread_attr_setaffinity_np */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench_card.h"
#include "bench_min.h"
#include "vmbus_ring_var.h"

#define BATCH 32u
#define PACKETS 400000u
#define PACKET_BYTES 80u
#define WORDS ((PACKET_BYTES - VMBUS_PKT_TRAILER_BYTES) / 8u)
#define HEADER_WORDS (sizeof(struct vmbus_pkt_desc) / 8u)

struct ring {
    _Alignas(64) struct vmbus_tx_ring tx; /* ours, each end with lines of its own */
    _Alignas(64) struct vmbus_rx_ring rx;
    _Alignas(64) struct bench_min_ring in; /* the peer's */
    uint32_t in_read;                      /* the consumer's index as last seen */
    _Alignas(64) struct bench_min_ring out;
    uint64_t sum, count; /* of all words read, or they need not be; packets */
};

struct test {
    const char *name;
    size_t ring_bytes;
    bool one_thread;
};

static const struct test tests[] = {
    {"ring", 2u << 20, false}, /* half of what a card has by default */
    {"ring-64k", 64u << 10, false},
    {"ring-one", 64u << 10, true},
};

struct kind {
    unsigned (*put)(struct ring *r); /* a batch or as many as fit */
    unsigned (*take)(struct ring *r);
    struct ring ring;
};

static const uint64_t payload[WORDS - HEADER_WORDS] = {1, 2, 3, 4, 5, 6, 7};

/* ---- ours ------------------------------------------------------------------------------------ */

static unsigned put_ours(struct ring *r)
{
    const struct vmbus_send pkt = {.type = VMBUS_PKT_INBAND,
                                   .wants_completion = true,
                                   .payload = payload,
                                   .payload_bytes = sizeof(payload)};
    unsigned n = 0;

    for (; n < BATCH && vmbus_tx_reserve(&r->tx, PACKET_BYTES, 0) == 0; n++)
        vmbus_tx_write(&r->tx, &pkt);
    vmbus_tx_publish(&r->tx);
    return n;
}

static uint64_t sum_words(const uint8_t *bytes, uint32_t len_bytes)
{
    uint64_t sum = 0, word;

    for (uint32_t off = 0; off < len_bytes; off += sizeof(word)) {
        memcpy(&word, bytes + off, sizeof(word));
        sum += word;
    }
    return sum;
}

static unsigned take_ours(struct ring *r)
{
    struct vmbus_rx_view view;
    unsigned n = 0;

    for (; n < BATCH && vmbus_rx_peek(&r->rx, &view) > 0; n++) {
        r->sum += sum_words(view.bytes, view.len_bytes);
        vmbus_rx_consume(&r->rx, &view);
    }
    vmbus_rx_publish(&r->rx);
    r->count += n;
    return n;
}

/* ---- the peer's ------------------------------------------------------------------------------ */

static uint32_t peer_free(const struct ring *r)
{
    return r->in.size - vmbus_ring_distance(r->in_read, r->in.at, r->in.size);
}

static unsigned put_peer(struct ring *r)
{
    uint64_t words[WORDS] = {
        bench_min_descriptor(VMBUS_PKT_INBAND, HEADER_WORDS, WORDS, VMBUS_PKT_FLAG_COMPLETION)};

    memcpy(words + HEADER_WORDS, payload, sizeof(payload));
    if (peer_free(r) <= BATCH * PACKET_BYTES)
        r->in_read = atomic_load_explicit(r->in.read_index, memory_order_acquire);
    if (peer_free(r) <= BATCH * PACKET_BYTES)
        return 0;
    for (unsigned n = 0; n < BATCH; n++)
        bench_min_put(&r->in, words, WORDS);
    atomic_store_explicit(r->in.write_index, r->in.at, memory_order_release);
    return BATCH;
}

static unsigned take_peer(struct ring *r)
{
    struct bench_min_ring *out = &r->out;
    const uint32_t end = atomic_load_explicit(out->write_index, memory_order_acquire);
    unsigned n = 0;

    for (; n < BATCH && out->at != end; n++) {
        const struct vmbus_pkt_desc *desc = (const void *)(out->data + out->at);
        const uint32_t bytes = desc->total_qwords * 8u;

        r->sum += sum_words(bench_min_whole(out, bytes), bytes);
        out->at += bytes + VMBUS_PKT_TRAILER_BYTES;
        out->at = out->at >= out->size ? out->at - out->size : out->at;
    }
    atomic_store_explicit(out->read_index, out->at, memory_order_release);
    r->count += n;
    return n;
}

static struct kind ours = {.put = put_ours, .take = take_ours};
static struct kind peer = {.put = put_peer, .take = take_peer};

/* ---- samples --------------------------------------------------------------------------------- */

static uint8_t *make_memory(size_t len_bytes)
{
    void *base = mmap(NULL, len_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    return base == MAP_FAILED ? NULL : base;
}

static bool open_rings(size_t len_bytes)
{
    static uint8_t bounce[VMBUS_PKT_BYTES_MAX];
    uint8_t *first = make_memory(len_bytes), *second = make_memory(len_bytes);

    if (!first || !second || vmbus_tx_init(&ours.ring.tx, first, len_bytes) ||
        vmbus_rx_init(&ours.ring.rx, first, len_bytes, bounce))
        return false;
    vmbus_rx_mask(&ours.ring.rx); /* as a host that polls */
    bench_min_ring_open(&peer.ring.in, second, len_bytes);
    bench_min_ring_open(&peer.ring.out, second, len_bytes);
    return true;
}

static void *produce(void *arg)
{
    struct kind *k = arg;

    for (unsigned n = 0; n < PACKETS;)
        n += k->put(&k->ring);
    return NULL;
}

/* On the far processor from its first instruction on: under real-time priority it would otherwise
 * wait for this one, where its consumer waits for it. */
static bool start_producer(struct kind *k, pthread_t *out)
{
    pthread_attr_t attr;
    cpu_set_t set;
    bool ok;

    CPU_ZERO(&set);
    CPU_SET(BENCH_FAR_CPU, &set);
    pthread_attr_init(&attr);
    ok = !pthread_attr_setaffinity_np(&attr, sizeof(set), &set) &&
         !pthread_create(out, &attr, produce, k);
    pthread_attr_destroy(&attr);
    return ok;
}

/* ns per packet; 0 without a thread. */
static double sample_two(struct kind *k)
{
    const uint64_t begin = bench_now_ns();
    pthread_t thread;

    if (!start_producer(k, &thread))
        return 0;
    for (unsigned n = 0; n < PACKETS;)
        n += k->take(&k->ring);
    pthread_join(thread, NULL);
    while (k->take(&k->ring) > 0) /* the rest of the last batch */
        continue;
    return (double)(bench_now_ns() - begin) / PACKETS;
}

static double sample_one(struct kind *k)
{
    const uint64_t begin = bench_now_ns();

    for (unsigned n = 0; n < PACKETS; n += k->take(&k->ring))
        k->put(&k->ring);
    return (double)(bench_now_ns() - begin) / PACKETS;
}

/* Every packet came out as it went in. */
static bool whole(const struct ring *r)
{
    uint64_t one =
        bench_min_descriptor(VMBUS_PKT_INBAND, HEADER_WORDS, WORDS, VMBUS_PKT_FLAG_COMPLETION);

    for (unsigned i = 0; i < sizeof(payload) / sizeof(payload[0]); i++)
        one += payload[i];
    return r->count >= PACKETS && r->sum == r->count * one;
}

static int run(const struct test *t, unsigned pairs)
{
    double (*const sample)(struct kind * k) = t->one_thread ? sample_one : sample_two;

    bench_pin(BENCH_DRIVER_CPU);
    if (!open_rings(t->ring_bytes))
        return 1;
    for (unsigned i = 0; i < pairs; i++) {
        const double a = sample(&ours), b = sample(&peer);

        if (a <= 0 || b <= 0)
            return 1;
        printf("{\"ours\":%.2f,\"peer\":%.2f,\"ratio\":%.4f}\n", a, b, a / b);
    }
    if (!whole(&ours.ring) || !whole(&peer.ring)) {
        fprintf(stderr, "bench_vmbus: what came out is not what was put in\n");
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    for (unsigned i = 0; argc == 3 && i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (strcmp(argv[1], tests[i].name) == 0)
            return run(&tests[i], (unsigned)atoi(argv[2]));
    }
    fprintf(stderr, "usage: bench_vmbus ring|ring-64k|ring-one PAIRS\n");
    return 2;
}
