/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * What does one packet cost in the driver alone? Driver and emulated host take turns in one thread,
 * a batch of frames at a time, and two stopwatches run: one while the host has its turn (generator
 * or sink, switch, NetVSP), one while the driver has. Only the driver's is reported as the
 * driver's; the host's is printed beside it, because its caches are the driver's too: the memory
 * the host just wrote is warm, as it would be with a host on a core that shares the last level
 * cache.
 *
 *   receive    [host: put a batch on the switch, step] [driver: poll]  [host: take completions]
 *   transmit   [driver: begin, copy, commit each; flush] [host: step]  [driver: poll completions]
 *
 * The driver's turn includes checking, parsing, handing the frame to a receive function that reads
 * its first bytes, and completions; for transmit also the copy of the frame into its section. It
 * does not include lwIP. A doorbell costs next to nothing in one process, so their number is
 * printed too: on a real machine each is a system call or an exit to the hypervisor.
 *
 * "to lwIP" is receive once more through netvsc_netif.h: the frame is copied into a pbuf, which an
 * input function in place of lwIP's frees.
 *
 * The two clock reads per turn are measured first and subtracted.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_card.h"
#include "lwip/init.h"

#define REPEATS_MAX 31u
#define ETH_TYPE_TEST 0x88b5u /* IEEE 802: local experimental */

struct setup {
    struct bench_card card;
    uint64_t rx_frames, rx_sum, tx_frames;
};

/* One repetition. */
struct sample {
    double driver_ns, host_ns; /* per frame */
};

struct options {
    unsigned repeats;
    unsigned frames; /* per repetition */
    unsigned batch;
    const char *json;
};

static double clock_cost_ns;

static void on_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    struct setup *s = ctx;

    for (unsigned i = 0; i < count; i++)
        s->rx_sum += frames[i].data[0] + frames[i].len_bytes;
    s->rx_frames += count;
}

static err_t on_input(struct pbuf *p, struct netif *netif)
{
    struct setup *s = (struct setup *)((char *)netif - offsetof(struct setup, card.nif.netif));

    s->rx_sum += ((const uint8_t *)p->payload)[0];
    s->rx_frames++;
    pbuf_free(p);
    return ERR_OK;
}

static void on_deliver(void *ctx, const struct hvhost_frame *frame)
{
    struct setup *s = ctx;

    s->rx_sum += frame->data[0];
    s->tx_frames++;
}

static int setup_open(struct setup *s, unsigned host_batch, bool to_lwip)
{
    const struct bench_card_config config = {
        .card = {.batch_frames = host_batch},
        .nic = {.rx = on_rx, .ctx = s},
        .to_lwip = to_lwip,
        .deliver = on_deliver,
        .ctx = s,
    };
    int err = bench_card_open(&s->card, &config);

    if (!err && to_lwip)
        s->card.nif.netif.input = on_input;
    return err;
}

static void fill_frame(uint8_t *frame, unsigned len, const uint8_t *dst, const uint8_t *src)
{
    memcpy(frame, dst, 6);
    memcpy(frame + 6, src, 6);
    frame[12] = ETH_TYPE_TEST >> 8;
    frame[13] = ETH_TYPE_TEST & 0xff;
    for (unsigned i = 14; i < len; i++)
        frame[i] = (uint8_t)i;
}

static const uint8_t far_mac[6] = {0x02, 0, 0, 0, 0, 0x99};

static int measure_rx(struct setup *s, const struct options *opt, unsigned len, struct sample *out)
{
    uint8_t bytes[1514];
    const struct hvhost_frame frame = {.data = bytes, .len_bytes = len};
    uint64_t driver = 0, host = 0, turns = 0, before = s->rx_frames;

    fill_frame(bytes, len, netvsc_info(s->card.nic)->mac, far_mac);
    for (unsigned sent = 0; sent < opt->frames; sent += opt->batch, turns++) {
        uint64_t t0 = bench_now_ns(), t1, t2;

        s->card.now_ns += 1000;
        for (unsigned i = 0; i < opt->batch; i++)
            hvhost_port_send(s->card.port, &frame);
        hvhost_step(s->card.host, s->card.now_ns);
        t1 = bench_now_ns();
        bench_card_poll(&s->card, opt->batch);
        t2 = bench_now_ns();
        driver += t2 - t1;
        host += t1 - t0;
    }
    bench_card_settle(&s->card);
    if (s->rx_frames - before != turns * opt->batch) {
        fprintf(stderr, "bench_nic: %" PRIu64 " of %" PRIu64 " frames arrived\n",
                s->rx_frames - before, turns * opt->batch);
        return -EIO;
    }
    out->driver_ns =
        ((double)driver - clock_cost_ns * (double)turns) / (double)(turns * opt->batch);
    out->host_ns = ((double)host - clock_cost_ns * (double)turns) / (double)(turns * opt->batch);
    return 0;
}

/* The driver's share of sending one batch; how many were accepted. */
static unsigned send_batch(struct setup *s, const uint8_t *bytes, unsigned len, unsigned batch)
{
    struct netvsc_slot slot;
    unsigned done = 0;

    while (done < batch && netvsc_tx_begin(s->card.nic, len, &slot) == 0) {
        memcpy(slot.data, bytes, len);
        netvsc_tx_commit(s->card.nic, &slot, len);
        done++;
    }
    netvsc_flush(s->card.nic);
    return done;
}

static int measure_tx(struct setup *s, const struct options *opt, unsigned len, struct sample *out)
{
    uint8_t bytes[1514];
    uint64_t driver = 0, host = 0, turns = 0, sent = 0, before = s->tx_frames;

    fill_frame(bytes, len, far_mac, netvsc_info(s->card.nic)->mac);
    for (; sent < opt->frames; turns++) {
        uint64_t t0 = bench_now_ns(), t1, t2, t3;
        unsigned done = send_batch(s, bytes, len, opt->batch);

        if (done == 0)
            break;
        sent += done;
        t1 = bench_now_ns();
        s->card.now_ns += 1000;
        hvhost_step(s->card.host, s->card.now_ns);
        t2 = bench_now_ns();
        bench_card_poll(&s->card, opt->batch);
        t3 = bench_now_ns();
        driver += (t1 - t0) + (t3 - t2);
        host += t2 - t1;
    }
    bench_card_settle(&s->card);
    if (sent < opt->frames || s->tx_frames - before != sent) {
        fprintf(stderr, "bench_nic: %" PRIu64 " of %" PRIu64 " frames reached the switch\n",
                s->tx_frames - before, sent);
        return -EIO;
    }
    out->driver_ns = ((double)driver - 2 * clock_cost_ns * (double)turns) / (double)sent;
    out->host_ns = ((double)host - clock_cost_ns * (double)turns) / (double)sent;
    return 0;
}

struct bench_case {
    const char *name;
    int (*measure)(struct setup *s, const struct options *opt, unsigned len, struct sample *out);
    unsigned host_batch; /* frames per VMBus packet to the guest, at most */
    bool to_lwip;
};

static const struct bench_case cases[] = {
    {"receive", measure_rx, 1, false},
    {"receive", measure_rx, 8, false},
    {"to lwIP", measure_rx, 8, true},
    {"transmit", measure_tx, 1, false},
};

static void report(FILE *json, const struct bench_case *c, unsigned len,
                   const struct sample *samples, const struct options *opt, double doorbells)
{
    double driver[REPEATS_MAX], host[REPEATS_MAX], mid, host_mid;

    for (unsigned i = 0; i < opt->repeats; i++) {
        driver[i] = samples[i].driver_ns;
        host[i] = samples[i].host_ns;
    }
    mid = bench_median(driver, opt->repeats);
    host_mid = bench_median(host, opt->repeats);
    printf("%-8s %5u %6u %6u  %7.1f (%.1f-%.1f)  %7.2f  %8.1f  %9.3f\n", c->name, len,
           c->host_batch, opt->batch, mid, driver[0], driver[opt->repeats - 1], 1e3 / mid, host_mid,
           doorbells);
    if (json)
        fprintf(json,
                "{\"name\":\"nic %s\",\"transport\":\"in-process\",\"frame_bytes\":%u,"
                "\"frames_per_packet\":%u,\"batch\":%u,\"repeats\":%u,\"driver_ns\":%.2f,"
                "\"driver_ns_min\":%.2f,\"driver_ns_max\":%.2f,\"host_ns\":%.2f,"
                "\"doorbells_per_frame\":%.4f}\n",
                c->name, len, c->host_batch, opt->batch, opt->repeats, mid, driver[0],
                driver[opt->repeats - 1], host_mid, doorbells);
}

static double doorbells_per_frame(const struct netvsc_stats *before,
                                  const struct netvsc_stats *after)
{
    uint64_t frames = after->rx_frames - before->rx_frames + after->tx_frames - before->tx_frames;

    return (double)(after->tx_doorbells - before->tx_doorbells) / (double)frames;
}

static int run_case(const struct options *opt, FILE *json, const struct bench_case *c, unsigned len)
{
    static struct setup s; /* lwIP keeps a pointer to its netif */
    struct sample samples[REPEATS_MAX], warm;
    struct netvsc_stats before, after;
    int err;

    memset(&s, 0, sizeof(s));
    err = setup_open(&s, c->host_batch, c->to_lwip);
    if (!err)
        err = c->measure(&s, opt, len, &warm);
    if (!err)
        netvsc_stats(s.card.nic, &before);
    for (unsigned i = 0; !err && i < opt->repeats; i++)
        err = c->measure(&s, opt, len, &samples[i]);
    if (!err) {
        netvsc_stats(s.card.nic, &after);
        report(json, c, len, samples, opt, doorbells_per_frame(&before, &after));
        if (hvhost_audit(s.card.host)) {
            fprintf(stderr, "bench_nic: the host's books: %s\n", hvhost_audit(s.card.host));
            err = -EIO;
        }
    }
    bench_card_close(&s.card);
    return err;
}

static int parse(int argc, char **argv, struct options *opt)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            opt->repeats = 5;
            opt->frames = 64000;
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            opt->json = argv[++i];
        } else {
            fprintf(stderr, "usage: bench_nic [--quick] [--json FILE]\n");
            return -EINVAL;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const unsigned sizes[] = {60, 1500}; /* 60 here is 64 on a wire, with the FCS */
    struct options opt = {.repeats = 9, .frames = 1024000, .batch = 64};
    FILE *json = NULL;
    int err = 0;

    if (parse(argc, argv, &opt))
        return 2;
    if (opt.json && !(json = fopen(opt.json, "a"))) {
        perror(opt.json);
        return 1;
    }
    clock_cost_ns = bench_clock_ns();
    lwip_init();
    printf("nic: driver alone, in-process host in the same thread; sizes without FCS; "
           "%u x %u frames; a clock read costs %.1f ns\n\n",
           opt.repeats, opt.frames, clock_cost_ns);
    printf("         frame frames frames  driver, ns per frame    driver      host  doorbells\n");
    printf("         bytes /packet  /poll  median (min-max)         Mpps        ns     /frame\n");
    for (unsigned i = 0; !err && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (unsigned k = 0; !err && k < sizeof(cases) / sizeof(cases[0]); k++)
            err = run_case(&opt, json, &cases[k], sizes[i]);
    }
    if (json)
        fclose(json);
    return err ? 1 : 0;
}
