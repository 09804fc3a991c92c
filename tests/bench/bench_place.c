/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * From which length on is it cheaper to leave a frame where it is? Driver and emulated host take
 * turns in one thread, some frames of one length a turn, with a stopwatch each, as in bench_nic.c.
 *
 *   tx   in place: the host reads the program's memory by page list; or copied into a section.
 *        The memory is 64 MiB, walked through from end to end, so that a frame is in no near cache:
 *        who copies it waits for it. The emulated host puts together a frame that comes in parts,
 *        which is a copy, too; a real one maps it. So its time is told apart.
 *   rx   in place: pbufs over the receive buffer; or copied into pbufs. In either case the program,
 *        an input function in lwIP's place, then copies the frame out and frees the pbuf. The
 *        driver's time has the program's in it. What the host wrote is in this thread's caches;
 *        across processors whoever reads first waits, in place the program, else the driver.
 *
 * Both sides have cards of their own, opened anew for each length with sections of their usual size
 * or, if need be, as long as the frame; the frames of a sample alternate with the other side's.
 *
 * bench_place tx|rx: {"x":bytes,"ours":ns in place,"peer":ns copied,"ours_host":ns,"peer_host":ns}
 * per length, driver's and host's time per frame.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_card.h"
#include "bench_frame.h"
#include "lwip/init.h"
#include "netvsc_gather.h"
#include "vmbus_memory.h"

#define MEMORY_BYTES (64u << 20)
#define TURN_BYTES (128u << 10)
#define TURN_FRAMES_MAX 64u
#define TURNS 101u
#define ROUNDS 3u
#define STEPS_MAX 64u /* of the host, until it has taken a turn's frames */
#define LEN_MAX 65000u
#define SECTION_BYTES 6144u /* as the emulated host by default */
#define SECTION_EXTRA 128u  /* the RNDIS header and what may stand behind it */
#define MTU 1500u

struct side {
    struct bench_card card;
    bool in_place;
    uint64_t frames; /* that came out at the other end */
    double driver[TURNS * ROUNDS], host[TURNS * ROUNDS];
};

static struct side sides[2]; /* in place, copied */
static struct vmbus_memory memory;
static uint8_t copy[LEN_MAX];
static uint32_t len_bytes, stride, batch, at;

static err_t on_input(struct pbuf *p, struct netif *netif)
{
    struct side *s = (struct side *)((char *)netif - offsetof(struct side, card.nif.netif));

    s->frames += pbuf_copy_partial(p, copy, p->tot_len, 0) == len_bytes;
    pbuf_free(p);
    return ERR_OK;
}

static void on_deliver(void *ctx, const struct hvhost_frame *frame)
{
    struct side *s = ctx;

    s->frames += frame->len_bytes == len_bytes;
}

/* ---- turns ----------------------------------------------------------------------------------- */

static void step_host(struct side *s)
{
    s->card.now_ns += 1000;
    hvhost_step(s->card.host, s->card.now_ns);
}

static void send_batch(struct side *s)
{
    struct netvsc_piece piece = {.len_bytes = len_bytes};
    const struct netvsc_vector v = {.piece = &piece, .count = 1, .copy = !s->in_place};

    for (unsigned i = 0; i < batch; i++) {
        piece.data = memory.region.base + at;
        at = (at + stride) % MEMORY_BYTES;
        netvsc_queue_tx_vector(s->card.nic, 0, &v);
    }
    netvsc_flush(s->card.nic);
}

static void transmit_turn(struct side *s, double *driver, double *host)
{
    const uint64_t before = s->frames, t0 = bench_now_ns();
    uint64_t t1, t2;

    send_batch(s);
    t1 = bench_now_ns();
    for (unsigned i = 0; i < STEPS_MAX && s->frames - before < batch; i++)
        step_host(s);
    t2 = bench_now_ns();
    bench_card_poll(&s->card, batch);
    *host = (double)(t2 - t1) / batch;
    *driver = (double)(t1 - t0 + bench_now_ns() - t2) / batch;
}

static void receive_turn(struct side *s, double *driver, double *host)
{
    const struct hvhost_frame frame = {.data = memory.region.base, .len_bytes = len_bytes};
    const uint64_t t0 = bench_now_ns();
    uint64_t t1;

    for (unsigned i = 0; i < batch; i++)
        hvhost_port_send(s->card.port, &frame);
    step_host(s);
    t1 = bench_now_ns();
    bench_card_poll(&s->card, batch);
    *host = (double)(t1 - t0) / batch;
    *driver = (double)(bench_now_ns() - t1) / batch;
}

/* ---- a length -------------------------------------------------------------------------------- */

static bool open_side(struct side *s, bool transmit)
{
    const uint32_t mtu = len_bytes < MTU + NETVSC_ETH_BYTES ? MTU : len_bytes - NETVSC_ETH_BYTES;
    const uint32_t section = (len_bytes + SECTION_EXTRA + 3) & ~3u;
    const struct bench_card_config config = {
        .card = {.poll = true,
                 .mtu_max_bytes = mtu,
                 .send_section_bytes = section < SECTION_BYTES ? SECTION_BYTES : section},
        .nic = {.mtu_bytes = mtu,
                .memory = transmit ? &memory : NULL,
                .tx_copy_bytes = 1,
                .rx_copybreak_bytes = s->in_place ? 1 : NETVSC_RX_COPY_ALL},
        .to_lwip = true,
        .deliver = on_deliver,
        .ctx = s,
    };

    if (bench_card_open(&s->card, &config))
        return false;
    s->card.nif.netif.input = on_input;
    s->frames = 0;
    bench_card_settle(&s->card);
    return true;
}

/* As many frames as the memory holds, none across a page that would fit in one. */
static void lay_out(uint32_t len, const uint8_t *mac, bool transmit)
{
    len_bytes = len;
    for (stride = 64; stride < len;)
        stride *= 2;
    batch = TURN_BYTES / len < TURN_FRAMES_MAX ? TURN_BYTES / len : TURN_FRAMES_MAX;
    if (!transmit)
        bench_frame_udp(memory.region.base, len, mac, bench_frame_far_mac);
    for (at = 0; transmit && at < MEMORY_BYTES; at += stride)
        bench_frame_udp(memory.region.base + at, len, bench_frame_far_mac, mac);
    at = 0;
}

static bool measure(bool transmit)
{
    void (*const turn)(struct side * s, double *driver, double *host) =
        transmit ? transmit_turn : receive_turn;
    double warm;

    for (unsigned k = 0; k < 2; k++) {
        for (unsigned i = 0; i < TURNS; i++)
            turn(&sides[k], &warm, &warm);
    }
    for (unsigned r = 0; r < 2 * ROUNDS; r++) {
        struct side *s = &sides[r % 2];

        for (unsigned i = r / 2 * TURNS; i < (r / 2 + 1) * TURNS; i++)
            turn(s, &s->driver[i], &s->host[i]);
    }
    return sides[0].frames == (uint64_t)batch * TURNS * (ROUNDS + 1) &&
           sides[1].frames == sides[0].frames;
}

static bool measure_length(uint32_t len, bool transmit)
{
    bool ok = true;

    len_bytes = len;
    for (unsigned k = 0; k < 2; k++)
        ok = ok && open_side(&sides[k], transmit);
    if (!ok)
        return false;
    /* Both cards have one address, each is alone with its host. */
    lay_out(len, netvsc_info(sides[0].card.nic)->mac, transmit);
    ok = measure(transmit);
    if (ok)
        printf("{\"x\":%u,\"ours\":%.1f,\"peer\":%.1f,\"ours_host\":%.1f,\"peer_host\":%.1f}\n",
               len, bench_median(sides[0].driver, TURNS * ROUNDS),
               bench_median(sides[1].driver, TURNS * ROUNDS),
               bench_median(sides[0].host, TURNS * ROUNDS),
               bench_median(sides[1].host, TURNS * ROUNDS));
    else
        fprintf(stderr, "bench_place: frames of %u bytes are missing\n", len);
    for (unsigned k = 0; k < 2; k++)
        bench_card_close(&sides[k].card);
    return ok;
}

int main(int argc, char **argv)
{
    static const uint32_t lens[] = {64,   128,  256,  384,  512,   768,   1024,   1514,
                                    2048, 4096, 8192, 9014, 16384, 32768, LEN_MAX};
    const bool transmit = argc == 2 && strcmp(argv[1], "tx") == 0;

    if (argc != 2 || (!transmit && strcmp(argv[1], "rx") != 0)) {
        fprintf(stderr, "usage: bench_place tx|rx\n");
        return 2;
    }
    lwip_init();
    if (vmbus_memory_create(MEMORY_BYTES, &memory))
        return 1;
    sides[0].in_place = true;
    for (unsigned i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        if (!measure_length(lens[i], transmit))
            return 1;
    }
    vmbus_memory_destroy(&memory);
    return 0;
}
