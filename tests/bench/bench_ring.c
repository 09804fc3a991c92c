/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * The driver alone, beside the least that could do its work. Each sample is some thousand turns of
 * a batch of frames, the emulated host between them in the same thread; of the driver's times per
 * turn the median counts, so that turns in which somebody else had the processor do not. Ours and
 * the peer take samples in turns, and what is printed is a line per pair.
 *
 *   rx60-1, rx60-8   receive, so many frames per packet; peer: bench_min_read() on a second card
 *   rx60-rss-1, rx60-rss-8
 *                    the same of datagrams of 64 flows, each message with a hash, its kind and a
 *                    verdict on the sums, all for one of two queues
 *   tx60             transmit; peer: bench_min_write() and bench_min_read() of completions
 *   rx60-full        receive out of a receive buffer that is always full, as four times as much is
 *                    offered as is taken; peer: the same as fast as it is taken. What reading
 *                    memory costs that has left the caches, and no more: the host has the time of
 *                    this thread. Whether frames offered in excess harm: bench_cross.c
 *   rx60-burst-N, tx60-burst-N
 *                    N frames per turn, 1 to 256, up to eight in a packet; peer: one
 *
 * bench_ring CASE PAIRS: {"ours":ns,"peer":ns,"ratio":ours/peer} per pair, per frame.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_card.h"
#include "bench_frame.h"
#include "bench_min.h"
#include "netvsc_queue.h"

#define BATCH 64u /* unless it is what is measured */
#define BATCH_MAX 256u
#define TURNS 3000u
#define STEPS_MAX 8u /* of the host, until it has taken a batch */
#define FRAME_BYTES_MAX 60u
#define FLOWS 64u
#define SOURCE_PORT_OFF (14u + 20u) /* in a frame: Ethernet, IPv4 */

struct side {
    struct bench_card card;
    struct bench_min min;
    bool minimal;    /* the peer's */
    unsigned batch;  /* frames per turn */
    uint64_t frames; /* received, or that came out of the card */
    uint64_t sum;
    uint8_t frame[FRAME_BYTES_MAX];
};

struct test {
    const char *name;
    uint32_t len_bytes, per_packet;
    bool transmit, full, rss;
    unsigned burst; /* 0: BATCH, and the peer is the minimal one unless (full) */
};

static const struct test tests[] = {
    {.name = "rx60-1", .len_bytes = 60, .per_packet = 1},
    {.name = "rx60-8", .len_bytes = 60, .per_packet = 8},
    {.name = "rx60-rss-1", .len_bytes = 60, .per_packet = 1, .rss = true},
    {.name = "rx60-rss-8", .len_bytes = 60, .per_packet = 8, .rss = true},
    {.name = "tx60", .len_bytes = 60, .per_packet = 8, .transmit = true},
    {.name = "rx60-full", .len_bytes = 60, .per_packet = 8, .full = true},
};

static struct side sides[2];
static double clock_ns;

/* ---- the two sides --------------------------------------------------------------------------- */

static void on_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    struct side *s = ctx;

    for (unsigned i = 0; i < count; i++)
        s->sum += frames[i].data[0] + frames[i].len_bytes;
    s->frames += count;
}

static void on_deliver(void *ctx, const struct hvhost_frame *frame)
{
    struct side *s = ctx;

    s->sum += frame->data[0];
    s->frames++;
}

/* The second queue is there so that the host says hashes; the first one gets all. */
static bool spread_to_first(struct bench_card *c)
{
    struct netvsc_rss rss;

    if (netvsc_rss_get(c->nic, &rss))
        return false;
    memset(rss.reta, 0, sizeof(rss.reta));
    if (netvsc_rss_set(c->nic, &rss))
        return false;
    bench_card_settle(c);
    return netvsc_rss_get(c->nic, &rss) == 0;
}

static void make_frame(struct side *s, const struct test *t)
{
    const uint8_t *mac = netvsc_info(s->card.nic)->mac;

    if (t->rss) {
        bench_frame_udp(s->frame, t->len_bytes, mac, bench_frame_far_mac);
        return;
    }
    memcpy(s->frame, t->transmit ? bench_frame_far_mac : mac, 6);
    memcpy(s->frame + 6, t->transmit ? mac : bench_frame_far_mac, 6);
    memcpy(s->frame + 12, "\x88\xb5", 2); /* IEEE 802: local experimental */
}

static bool open_side(struct side *s, const struct test *t, bool minimal)
{
    const unsigned queues = t->rss ? 2 : 1;
    const struct bench_card_config config = {
        .card = {.batch_frames = t->per_packet, .poll = true, .max_queues = queues},
        .nic = {.rx = on_rx, .ctx = s, .queues = queues, .rss_types = NETVSC_RSS_UDP4},
        .deliver = on_deliver,
        .ctx = s,
    };
    const struct netvsc_info *info;

    if (bench_card_open(&s->card, &config))
        return false;
    bench_card_settle(&s->card);
    if (t->rss && !spread_to_first(&s->card))
        return false;
    info = netvsc_info(s->card.nic);
    make_frame(s, t);
    s->minimal = minimal;
    if (minimal)
        bench_min_open(&s->min, &s->card.memory, info->send_section_bytes);
    return true;
}

static void poll_side(struct side *s)
{
    if (s->minimal)
        s->frames += bench_min_read(&s->min, s->batch);
    else
        bench_card_poll(&s->card, s->batch);
}

static void send_batch(struct side *s, const struct test *t)
{
    struct netvsc_slot slot;

    if (s->minimal) {
        bench_min_write(&s->min, s->frame, t->len_bytes, s->batch, t->per_packet);
        return;
    }
    for (unsigned i = 0; i < s->batch && !netvsc_tx_begin(s->card.nic, t->len_bytes, &slot); i++) {
        memcpy(slot.data, s->frame, t->len_bytes);
        netvsc_tx_commit(s->card.nic, &slot, t->len_bytes);
    }
    netvsc_flush(s->card.nic);
}

static void step_host(struct side *s)
{
    s->card.now_ns += 1000;
    hvhost_step(s->card.host, s->card.now_ns);
}

/* ---- samples --------------------------------------------------------------------------------- */

/* What the driver takes of a turn. */
static uint64_t receive_turn(struct side *s, const struct test *t, unsigned offered)
{
    const struct hvhost_frame frame = {
        .data = s->frame, .len_bytes = t->len_bytes, .csum_ok = t->rss};
    uint64_t begin;

    for (unsigned i = 0; i < offered; i++) {
        if (t->rss)
            s->frame[SOURCE_PORT_OFF] = (uint8_t)(i % FLOWS);
        hvhost_port_send(s->card.port, &frame);
    }
    step_host(s);
    begin = bench_now_ns();
    poll_side(s);
    return bench_now_ns() - begin;
}

static uint64_t transmit_turn(struct side *s, const struct test *t)
{
    uint64_t begin = bench_now_ns(), took;
    const uint64_t before = s->frames;

    send_batch(s, t);
    took = bench_now_ns() - begin;
    for (unsigned i = 0; i < STEPS_MAX && s->frames - before < s->batch; i++)
        step_host(s);
    begin = bench_now_ns();
    if (s->minimal)
        bench_min_read(&s->min, s->batch); /* completions */
    else
        bench_card_poll(&s->card, s->batch);
    took += bench_now_ns() - begin;
    return s->frames - before == s->batch ? took : 0;
}

/* ns per frame; 0 when frames were missing. */
static double sample(struct side *s, const struct test *t, unsigned offered)
{
    static double turn[TURNS];
    const unsigned reads = t->transmit ? 2 : 1;

    for (unsigned i = 0; i < TURNS; i++) {
        const uint64_t before = s->frames;
        const uint64_t took = t->transmit ? transmit_turn(s, t) : receive_turn(s, t, offered);

        /* A packet is taken whole, so there may be a few more. */
        if (took == 0 || s->frames - before < s->batch)
            return 0;
        turn[i] = ((double)took - reads * clock_ns) / (double)(s->frames - before);
    }
    return bench_median(turn, TURNS);
}

static double sample_of(struct side *s, const struct test *t, bool ours)
{
    s->batch = !t->burst ? BATCH : ours ? t->burst : 1;
    return sample(s, t, t->full && ours ? 4 * s->batch : s->batch);
}

/* ---- main ------------------------------------------------------------------------------------ */

static int run(const struct test *t, unsigned pairs)
{
    const bool minimal = !t->full && !t->burst;

    if (!open_side(&sides[0], t, false) || !open_side(&sides[1], t, minimal))
        return 1;
    sample_of(&sides[0], t, true); /* caches and branch predictors */
    sample_of(&sides[1], t, false);
    for (unsigned i = 0; i < pairs; i++) {
        const double ours = sample_of(&sides[0], t, true);
        const double peer = sample_of(&sides[1], t, false);

        if (ours <= 0 || peer <= 0) {
            fprintf(stderr, "bench_ring: %s: frames are missing\n", t->name);
            return 1;
        }
        printf("{\"ours\":%.2f,\"peer\":%.2f,\"ratio\":%.4f}\n", ours, peer, ours / peer);
    }
    bench_card_close(&sides[0].card);
    bench_card_close(&sides[1].card);
    return 0;
}

/* rx60-burst-N, tx60-burst-N */
static bool take_burst(const char *name, struct test *out)
{
    char way;

    *out = (struct test){.name = name, .len_bytes = 60, .per_packet = 8};
    if (sscanf(name, "%cx60-burst-%u", &way, &out->burst) != 2 || out->burst > BATCH_MAX)
        return false;
    out->transmit = way == 't';
    return out->burst > 0;
}

int main(int argc, char **argv)
{
    struct test burst;

    clock_ns = bench_clock_ns();
    for (unsigned i = 0; argc == 3 && i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (strcmp(argv[1], tests[i].name) == 0)
            return run(&tests[i], (unsigned)atoi(argv[2]));
    }
    if (argc == 3 && take_burst(argv[1], &burst))
        return run(&burst, (unsigned)atoi(argv[2]));
    fprintf(stderr, "usage: bench_ring rx60-1|rx60-8|rx60-rss-1|rx60-rss-8|tx60|rx60-full|"
                    "rx60-burst-N|tx60-burst-N PAIRS\n");
    return 2;
}
