/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * More than can be taken: the driver on one processor, its host on the other (bench_far.c).
 *
 * bench_cross overload-N-X-SINK PAIRS: 60-byte frames, N in a VMBus packet, offered at X hundredths
 * of the rate the driver delivers at best, to a UDP socket of lwIP (lwip) or to a callback (none).
 * Peer: that best rate, offered as it is. X 0: no row but the curve, offered and delivered.
 *
 * The best rate is looked for once: the offered rate grows by steps of a sixth until several in a
 * row deliver less than nine tenths of what was offered; best is the one that delivered most. Both
 * sides of a pair are then measured anew, so that a lucky step does not make the goal harder.
 * Delivered is what the driver's callback saw. What the host dropped is under its own names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_card.h"
#include "bench_far.h"
#include "bench_frame.h"
#include "lwip/init.h"
#include "lwip/udp.h"

#define BUDGET 64u
#define SETTLE_NS 5000000u
#define SAMPLE_NS 40000000u
#define SWEEP_FIRST 500000.0 /* frames per second */
#define SWEEP_STEP 1.1667
#define SWEEP_LATE 4u /* steps in a row that deliver too little: one may be an accident */
#define SWEEP_MAX 1e9
#define CURVE_STEP 1.414
#define FRAME_BYTES 60u

static struct {
    struct bench_card card;
    struct bench_far far;
    uint8_t frame[FRAME_BYTES];
    uint32_t per_packet;
    bool to_lwip;
    uint64_t received, sum;
} b;

struct sample {
    double per_s, offered_per_s; /* delivered; put on the switch */
    struct bench_far_count lost; /* during it */
};

static void on_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    (void)ctx;
    for (unsigned i = 0; i < count; i++)
        b.sum += frames[i].data[0] + frames[i].len_bytes;
    b.received += count;
}

static void on_datagram(void *arg, struct udp_pcb *pcb, struct pbuf *p, const ip_addr_t *from,
                        u16_t port)
{
    (void)arg, (void)pcb, (void)from, (void)port;
    b.sum += *(const uint8_t *)p->payload;
    pbuf_free(p);
    b.received++;
}

static bool open_sink(void)
{
    struct udp_pcb *pcb = udp_new();
    struct netif *netif = &b.card.nif.netif;
    ip4_addr_t address, mask;

    IP4_ADDR(&address, 10, 0, 0, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    netif_set_addr(netif, &address, &mask, IP4_ADDR_ANY4);
    netif_set_up(netif);
    if (!pcb || udp_bind(pcb, IP4_ADDR_ANY, BENCH_FRAME_PORT) != ERR_OK)
        return false;
    udp_recv(pcb, on_datagram, NULL);
    return true;
}

static bool open_all(void)
{
    struct bench_far_config far = {.card = &b.card, .minimal = b.per_packet};
    const struct bench_card_config config = {
        .card = {.batch_frames = b.per_packet, .poll = true},
        .nic = {.rx = b.to_lwip ? NULL : on_rx},
        .to_lwip = b.to_lwip,
    };

    if (b.to_lwip)
        lwip_init();
    if (bench_card_open(&b.card, &config) || (b.to_lwip && !open_sink()))
        return false;
    bench_card_settle(&b.card);
    far.frame =
        bench_frame_udp(b.frame, FRAME_BYTES, netvsc_info(b.card.nic)->mac, bench_frame_far_mac);
    return bench_far_start(&b.far, &far) == 0;
}

/* Receive until (end_ns); the last clock reading. */
static uint64_t receive_until(uint64_t end_ns)
{
    uint64_t now_ns;

    do {
        b.card.now_ns = now_ns = bench_now_ns();
        bench_card_poll(&b.card, BUDGET);
    } while (now_ns < end_ns);
    return now_ns;
}

static struct sample receive(uint64_t per_s)
{
    struct bench_far_count before, after;
    struct sample s;
    uint64_t begin, end, received;
    double seconds;

    bench_far_rate(&b.far, per_s, NULL);
    receive_until(bench_now_ns() + SETTLE_NS);
    bench_far_rate(&b.far, per_s, &before);
    begin = bench_now_ns();
    received = b.received;
    end = receive_until(begin + SAMPLE_NS);
    seconds = (double)(end - begin) * 1e-9;
    s.per_s = (double)(b.received - received) / seconds;
    bench_far_rate(&b.far, BENCH_FAR_SILENT, &after);
    s.offered_per_s = (double)(after.offered - before.offered) / seconds;
    s.lost.drop_section = after.drop_section - before.drop_section;
    s.lost.drop_ring = after.drop_ring - before.drop_ring;
    receive_until(bench_now_ns() + SETTLE_NS); /* what is left in the ring */
    return s;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static double best_rate(void)
{
    double best = 0, best_offered = 0, offered = SWEEP_FIRST;
    unsigned late = 0;

    for (; late < SWEEP_LATE && offered < SWEEP_MAX; offered *= SWEEP_STEP) {
        const struct sample s = receive((uint64_t)offered);

        late = s.per_s < 0.9 * offered ? late + 1 : 0;
        if (s.per_s > best) {
            best = s.per_s;
            best_offered = offered;
        }
    }
    return best < best_offered ? best : best_offered;
}

static void overload(double times, unsigned pairs)
{
    const double best = best_rate();

    for (unsigned i = 0; i < pairs; i++) {
        const struct sample s = receive((uint64_t)(best * times));
        const struct sample peer = receive((uint64_t)best);

        printf("{\"ours\":%.0f,\"peer\":%.0f,\"ratio\":%.4f,\"offered_times\":%.2f,"
               "\"drop_section\":%llu,\"drop_ring\":%llu}\n",
               s.per_s, peer.per_s, s.per_s / peer.per_s, s.offered_per_s / peer.per_s,
               (unsigned long long)s.lost.drop_section, (unsigned long long)s.lost.drop_ring);
    }
}

/* What is delivered of what is offered, up to far more than can be. */
static void curve(void)
{
    const double best = best_rate();
    /* On a machine that has other things to do the best may be less than the first. */
    const double first = best / 4 < SWEEP_FIRST ? best / 4 : SWEEP_FIRST;

    for (double offered = first; offered < 5 * best; offered *= CURVE_STEP) {
        const struct sample s = receive((uint64_t)offered);

        printf("{\"x\":%.0f,\"ours\":%.0f}\n", s.offered_per_s, s.per_s);
    }
}

static bool take_case(const char *name, unsigned *hundredths)
{
    char sink[8] = "";

    if (sscanf(name, "overload-%u-%u-%4s", &b.per_packet, hundredths, sink) != 3)
        return false;
    b.to_lwip = strcmp(sink, "lwip") == 0;
    return b.per_packet > 0 && (b.to_lwip || strcmp(sink, "none") == 0);
}

int main(int argc, char **argv)
{
    unsigned hundredths = 0;
    const char *wrong;

    if (argc != 3 || !take_case(argv[1], &hundredths)) {
        fprintf(stderr, "usage: bench_cross overload-N-X-none|overload-N-X-lwip PAIRS\n");
        return 2;
    }
    if (!open_all())
        return 1;
    if (hundredths)
        overload(hundredths / 100.0, (unsigned)atoi(argv[2]));
    else
        curve();
    wrong = bench_far_stop(&b.far);
    if (wrong)
        fprintf(stderr, "bench_cross: %s\n", wrong);
    return wrong ? 1 : 0;
}
