/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Bytes through the driver, as many as go: the driver on one processor, its host on the other
 * (bench_far.c). What is received the host copies in and the program copies out; what is sent the
 * program copies in and the host copies out. Peer: the same bytes copied in by one processor and
 * out by the other, with nothing around them (bench_copy.c).
 *
 *   rx1514         to a callback, out of the receive buffer
 *   rx64k          frames of 65,000 bytes in one piece each, MTU 65522, to an input function in
 *                  lwIP's place, as pbufs over the receive buffer
 *   rx64k-copied   the same as pbufs the driver has copied into
 *   rx64k-rsc      the same bytes as TCP segments the host put together, MTU 1500: in 43 pieces
 *   tx1514         into sections of the send buffer
 *   tx64k          frames of 65,000 bytes into memory of the program's, which the host reads by
 *                  page list
 *   tx64k-copied   the same into sections, which are as long as that here
 *
 * bench_copies CASE PAIRS: {"ours":..,"peer":..,"ratio":ours/peer} per pair; ns per frame of 1514
 * bytes, Gbit/s of longer ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench_card.h"
#include "bench_far.h"
#include "bench_frame.h"
#include "bench_min.h"
#include "lwip/init.h"
#include "vmbus_memory.h"

#define BURST_BYTES 100000u /* sent, or received, before a look at what the host did */
#define SETTLE_NS 5000000u
#define SAMPLE_NS 40000000u
#define SAMPLES_MAX 50u
#define PEER_BYTES 600000000u
#define FRAME_BYTES_MAX 65536u /* smaller, and gcc copies with an instruction slow to start */
#define LONG_BYTES 65000u
#define LONG_MTU 65522u
#define LONG_SECTION_BYTES 65664u /* a frame of the MTU and its header */
#define SLOTS 32u                 /* in memory of the program's, a frame each */

struct test {
    const char *name;
    uint32_t len_bytes;
    bool transmit, to_lwip, rsc, copied;
};

static const struct test tests[] = {
    {"rx1514", 1514, .copied = true},
    {"rx64k", LONG_BYTES, .to_lwip = true},
    {"rx64k-copied", LONG_BYTES, .to_lwip = true, .copied = true},
    {"rx64k-rsc", LONG_BYTES, .to_lwip = true, .rsc = true},
    {"tx1514", 1514, .transmit = true, .copied = true},
    {"tx64k", LONG_BYTES, .transmit = true},
    {"tx64k-copied", LONG_BYTES, .transmit = true, .copied = true},
};

static struct {
    const struct test *test;
    struct bench_card card;
    struct bench_far far;
    struct vmbus_memory memory; /* SLOTS frames to be sent from there */
    uint8_t frame[FRAME_BYTES_MAX], copy[FRAME_BYTES_MAX];
    uint64_t received, sum;
    uint64_t sent, done; /* from (memory) */
} b;

static void on_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    (void)ctx;
    for (unsigned i = 0; i < count; i++) {
        b.sum += frames[i].data[0] + frames[i].len_bytes;
        if (frames[i].len_bytes <= sizeof(b.copy))
            memcpy(b.copy, frames[i].data, frames[i].len_bytes);
    }
    b.received += count;
}

static err_t on_input(struct pbuf *p, struct netif *netif)
{
    (void)netif;
    b.sum += pbuf_copy_partial(p, b.copy, p->tot_len, 0);
    b.received += p->tot_len == b.test->len_bytes;
    pbuf_free(p);
    return ERR_OK;
}

static void on_done(void *ctx, void *const *owners, unsigned count)
{
    (void)ctx, (void)owners;
    b.done += count;
}

/* ---- set-up ---------------------------------------------------------------------------------- */

static bool make_memory(void)
{
    if (vmbus_memory_create((size_t)SLOTS * FRAME_BYTES_MAX, &b.memory))
        return false;
    /* The host is a child of ours. */
    return madvise(b.memory.region.base, b.memory.region.len_bytes, MADV_DOFORK) == 0;
}

static struct bench_card_config config_of(const struct test *t)
{
    struct bench_card_config config = {
        .card = {.poll = true},
        .nic = {.rx = t->to_lwip ? NULL : on_rx, .tx_done = on_done},
        .to_lwip = t->to_lwip,
        .deliver = bench_far_deliver,
        .ctx = &b.card,
    };

    if (t->len_bytes == LONG_BYTES && !t->rsc)
        config.card.mtu_max_bytes = config.nic.mtu_bytes = LONG_MTU;
    if (t->transmit && t->copied && t->len_bytes == LONG_BYTES)
        config.card.send_section_bytes = LONG_SECTION_BYTES;
    if (!t->copied)
        config.nic.memory = t->transmit ? &b.memory : NULL;
    else if (t->to_lwip)
        config.nic.rx_copybreak_bytes = NETVSC_RX_COPY_ALL;
    return config;
}

static bool open_all(const struct test *t)
{
    const struct bench_card_config config = config_of(t);
    struct bench_far_config far = {.card = &b.card};
    const uint8_t *mac;

    if (t->to_lwip)
        lwip_init();
    if ((t->transmit && !t->copied && !make_memory()) || bench_card_open(&b.card, &config))
        return false;
    b.card.nif.netif.input = on_input;
    bench_card_settle(&b.card);
    mac = netvsc_info(b.card.nic)->mac;
    if (t->transmit)
        bench_frame_udp(b.frame, t->len_bytes, bench_frame_far_mac, mac);
    else if (t->rsc)
        far.frame = bench_frame_tcp(b.frame, t->len_bytes, mac, bench_frame_far_mac);
    else
        far.frame = bench_frame_udp(b.frame, t->len_bytes, mac, bench_frame_far_mac);
    return bench_far_start(&b.far, &far) == 0;
}

/* ---- the program ----------------------------------------------------------------------------- */

/* Write a frame where it will be sent from, and send it. */
static bool send_copied(void)
{
    struct netvsc_slot slot;

    if (netvsc_tx_begin(b.card.nic, b.test->len_bytes, &slot))
        return false;
    memcpy(slot.data, b.frame, b.test->len_bytes);
    netvsc_tx_commit(b.card.nic, &slot, b.test->len_bytes);
    return true;
}

static bool send_in_place(void)
{
    uint8_t *slot = b.memory.region.base + b.sent % SLOTS * FRAME_BYTES_MAX;
    const struct netvsc_piece piece = {slot, b.test->len_bytes};
    const struct netvsc_vector v = {.piece = &piece, .count = 1, .owner = &b};

    if (b.sent - b.done == SLOTS)
        return false;
    memcpy(slot, b.frame, b.test->len_bytes);
    if (netvsc_queue_tx_vector(b.card.nic, 0, &v))
        return false;
    b.sent++;
    return true;
}

/* Receive, and (send), until (end_ns); the last clock reading. */
static uint64_t turn_until(uint64_t end_ns, bool send)
{
    bool (*const send_one)(void) = b.test->copied ? send_copied : send_in_place;
    const unsigned burst = BURST_BYTES / b.test->len_bytes;

    do {
        b.card.now_ns = bench_now_ns();
        for (unsigned i = 0; send && i < burst && send_one(); i++)
            continue;
        bench_card_poll(&b.card, burst);
    } while (b.card.now_ns < end_ns);
    return b.card.now_ns;
}

/* ---- samples --------------------------------------------------------------------------------- */

static double receive_ns(void)
{
    uint64_t begin, end, before;

    bench_far_rate(&b.far, BENCH_FAR_ROOM, NULL);
    begin = turn_until(bench_now_ns() + SETTLE_NS, false);
    before = b.received;
    end = turn_until(begin + SAMPLE_NS, false);
    before = b.received - before;
    bench_far_rate(&b.far, BENCH_FAR_SILENT, NULL);
    turn_until(bench_now_ns() + SETTLE_NS, false); /* what is left in the ring */
    return before ? (double)(end - begin) / (double)before : 0;
}

static double transmit_ns(void)
{
    struct bench_far_count before, after;
    uint64_t begin, end;

    turn_until(bench_now_ns() + SETTLE_NS, true);
    bench_far_rate(&b.far, BENCH_FAR_SILENT, &before);
    begin = bench_now_ns();
    end = turn_until(begin + SAMPLE_NS, true);
    bench_far_rate(&b.far, BENCH_FAR_SILENT, &after);
    turn_until(bench_now_ns() + SETTLE_NS, false);
    return after.sent == before.sent ? 0
                                     : (double)(end - begin) / (double)(after.sent - before.sent);
}

static bool measure_pair(const struct test *t)
{
    double ours = 0, peer;

    /* The host's processor may have been another's for all of a sample. */
    for (unsigned i = 0; ours <= 0 && i < SAMPLES_MAX; i++)
        ours = t->transmit ? transmit_ns() : receive_ns();
    bench_far_pause(&b.far, true);
    peer = bench_copy_ns(t->len_bytes, PEER_BYTES / t->len_bytes);
    bench_far_pause(&b.far, false);
    if (ours <= 0 || peer <= 0) {
        fprintf(stderr, "bench_copies: %s: no frame came through\n", t->name);
        return false;
    }
    if (t->len_bytes == LONG_BYTES) { /* ns per frame to Gbit/s */
        ours = 8 * LONG_BYTES / ours;
        peer = 8 * LONG_BYTES / peer;
    }
    printf("{\"ours\":%.2f,\"peer\":%.2f,\"ratio\":%.4f}\n", ours, peer, ours / peer);
    return true;
}

static int run(const struct test *t, unsigned pairs)
{
    const char *wrong;
    bool ok = true;

    b.test = t;
    if (!open_all(t))
        return 1;
    for (unsigned i = 0; ok && i < pairs; i++)
        ok = measure_pair(t);
    wrong = bench_far_stop(&b.far);
    if (wrong)
        fprintf(stderr, "bench_copies: %s\n", wrong);
    return ok && !wrong ? 0 : 1;
}

int main(int argc, char **argv)
{
    for (unsigned i = 0; argc == 3 && i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (strcmp(argv[1], tests[i].name) == 0)
            return run(&tests[i], (unsigned)atoi(argv[2]));
    }
    fprintf(stderr, "usage: bench_copies rx1514|rx64k|rx64k-copied|rx64k-rsc|tx1514|tx64k|"
                    "tx64k-copied PAIRS\n");
    return 2;
}
