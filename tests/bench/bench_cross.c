/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * The driver on one processor, its host on the other (bench_far.c). Two kinds of rows:
 *
 *   rx1514, tx1514   frames as fast as they go; received ones are copied out by the driver's side,
 *                    sent ones are copied in there and out by the host. Peer: the same bytes copied
 *                    in by one processor and out by the other, through 1024 slots (bench_copy.c)
 *   overload-N-X     60-byte frames, N in a VMBus packet, offered at X hundredths of the rate the
 *                    driver delivers at best, to a UDP socket of lwIP or (none) to a callback.
 *                    Peer: that best rate, offered as it is. X 0: no row but the curve, offered and
 *                    delivered
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
#include "bench_min.h"
#include "lwip/inet_chksum.h"
#include "lwip/init.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/udp.h"
#include "lwip/udp.h"

#define BUDGET 64u
#define SETTLE_NS 5000000u
#define SAMPLE_NS 40000000u
#define SWEEP_FIRST 500000.0 /* frames per second */
#define SWEEP_STEP 1.1667
#define SWEEP_LATE 4u /* steps in a row that deliver too little: one may be an accident */
#define SWEEP_MAX 1e9
#define CURVE_STEP 1.414
#define COPY_FRAMES 400000u
#define FRAME_BYTES_MAX 65536u /* smaller, and gcc copies with an instruction slow to start */
#define FLOOD_BYTES 60u
#define SINK_PORT 9u /* discard */

static struct {
    struct bench_card card;
    struct bench_far far;
    uint8_t frame[FRAME_BYTES_MAX], copy[FRAME_BYTES_MAX];
    uint32_t len_bytes, per_packet;
    bool copies, transmits, to_lwip;
    uint64_t received, sum;
} b;

struct sample {
    double per_s, offered_per_s; /* delivered; put on the switch */
    struct bench_far_count lost; /* during it */
};

static void on_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    (void)ctx;
    for (unsigned i = 0; i < count; i++) {
        b.sum += frames[i].data[0] + frames[i].len_bytes;
        if (b.copies && frames[i].len_bytes <= sizeof(b.copy))
            memcpy(b.copy, frames[i].data, frames[i].len_bytes);
    }
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

/* The datagram's sum is left out, which IPv4 allows. */
static void make_frame(void)
{
    static const uint8_t far_mac[6] = {0x02, 0, 0, 0, 0, 0x99};
    const uint8_t *mac = netvsc_info(b.card.nic)->mac;
    struct eth_hdr *eth = (void *)b.frame;
    struct ip_hdr *ip = (void *)(eth + 1);
    struct udp_hdr *udp = (void *)(ip + 1);

    memcpy(eth->dest.addr, b.transmits ? far_mac : mac, 6);
    memcpy(eth->src.addr, b.transmits ? mac : far_mac, 6);
    eth->type = PP_HTONS(ETHTYPE_IP);
    IPH_VHL_SET(ip, 4, 5);
    IPH_LEN_SET(ip, lwip_htons((u16_t)(b.len_bytes - SIZEOF_ETH_HDR)));
    IPH_TTL_SET(ip, 64);
    IPH_PROTO_SET(ip, IP_PROTO_UDP);
    ip->src.addr = PP_HTONL(0x0a000002u);
    ip->dest.addr = PP_HTONL(0x0a000001u);
    IPH_CHKSUM_SET(ip, inet_chksum(ip, IP_HLEN));
    udp->src = udp->dest = PP_HTONS(SINK_PORT);
    udp->len = lwip_htons((u16_t)(b.len_bytes - SIZEOF_ETH_HDR - IP_HLEN));
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
    if (!pcb || udp_bind(pcb, IP4_ADDR_ANY, SINK_PORT) != ERR_OK)
        return false;
    udp_recv(pcb, on_datagram, NULL);
    return true;
}

static bool open_all(void)
{
    struct bench_far_config far = {.card = &b.card, .frame = b.frame, .len_bytes = b.len_bytes};
    const struct bench_card_config config = {
        .card = {.batch_frames = b.per_packet, .poll = true},
        .nic = {.rx = b.to_lwip ? NULL : on_rx},
        .to_lwip = b.to_lwip,
        .deliver = bench_far_deliver,
    };

    if (b.to_lwip)
        lwip_init();
    if (bench_card_open(&b.card, &config) || (b.to_lwip && !open_sink()))
        return false;
    bench_card_settle(&b.card);
    make_frame();
    far.minimal = b.len_bytes == FLOOD_BYTES ? b.per_packet : 0;
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

static uint64_t send_until(uint64_t end_ns)
{
    struct netvsc_slot slot;
    uint64_t now_ns;

    do {
        now_ns = bench_now_ns();
        for (unsigned i = 0; i < BUDGET; i++) {
            if (netvsc_tx_begin(b.card.nic, b.len_bytes, &slot))
                break;
            memcpy(slot.data, b.frame, b.len_bytes);
            netvsc_tx_commit(b.card.nic, &slot, b.len_bytes);
        }
        netvsc_poll(b.card.nic, now_ns, BUDGET);
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

static struct sample transmit(void)
{
    struct bench_far_count before, after;
    uint64_t begin, end;

    send_until(bench_now_ns() + SETTLE_NS);
    bench_far_rate(&b.far, BENCH_FAR_SILENT, &before);
    begin = bench_now_ns();
    end = send_until(begin + SAMPLE_NS);
    bench_far_rate(&b.far, BENCH_FAR_SILENT, &after);
    return (struct sample){.per_s =
                               (double)(after.sent - before.sent) * 1e9 / (double)(end - begin)};
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Time per frame beside the same bytes copied. */
static void copies(unsigned pairs)
{
    for (unsigned i = 0; i < pairs; i++) {
        const struct sample s = b.transmits ? transmit() : receive(BENCH_FAR_ROOM);
        double peer;

        bench_far_pause(&b.far, true);
        peer = bench_copy_ns(b.len_bytes, COPY_FRAMES);
        bench_far_pause(&b.far, false);
        printf("{\"ours\":%.2f,\"peer\":%.2f,\"ratio\":%.4f}\n", 1e9 / s.per_s, peer,
               1e9 / s.per_s / peer);
    }
}

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
    const double most = 5 * best_rate();

    for (double offered = SWEEP_FIRST; offered < most; offered *= CURVE_STEP) {
        const struct sample s = receive((uint64_t)offered);

        printf("{\"x\":%.0f,\"ours\":%.0f}\n", s.offered_per_s, s.per_s);
    }
}

static bool take_case(const char *name, unsigned *hundredths)
{
    char sink[8] = "";

    b.transmits = strcmp(name, "tx1514") == 0;
    b.copies = strcmp(name, "rx1514") == 0;
    b.len_bytes = 1514;
    b.per_packet = 8;
    if (b.transmits || b.copies)
        return true;
    b.len_bytes = FLOOD_BYTES;
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
        fprintf(stderr, "usage: bench_cross rx1514|tx1514|overload-N-X-none|overload-N-X-lwip "
                        "PAIRS\n");
        return 2;
    }
    if (!open_all())
        return 1;
    if (b.len_bytes == FLOOD_BYTES && hundredths == 0)
        curve();
    else if (hundredths)
        overload(hundredths / 100.0, (unsigned)atoi(argv[2]));
    else
        copies((unsigned)atoi(argv[2]));
    wrong = bench_far_stop(&b.far);
    if (wrong)
        fprintf(stderr, "bench_cross: %s\n", wrong);
    return wrong ? 1 : 0;
}
