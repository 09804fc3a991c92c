/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A server on lwIP, and at the other end of the emulated host's rings as many clients as wanted, in
 * one process and thread: the loop programs have (port_loop.h), with the host inside. The clients
 * are a few lines that make segments and look at those that come back; each connection is opened
 * with a handshake. What they do is one of
 *
 *   rr, ack, http    bench_gen_ask.c: ask, on connections that stay
 *   cps, ...         bench_gen_cps.c: open and close, while CONNECTIONS stay
 *   in, out          bench_gen_bulk.c: as many bytes as the other end takes
 *
 * Two stopwatches: what clients and host take, and the whole; the guest's share, driver and lwIP
 * with its timers, is the difference. The first is read in every second window of WINDOW_NS only,
 * for reading it takes as long as two hundred instructions, and the whole is that of the other
 * windows (which is the same as without any reading: docs/bench-tcp.md). Of the windows
 * the median counts, which leaves out those in which somebody else had the processor. The latencies
 * are of all requests: from the turn in which one leaves to that in which its answer is seen.
 *
 * bench_gen WHAT CONNECTIONS SECONDS [DIR FILE]: one JSON line, times per what is counted.
 */
#include "bench_gen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/init.h"
#include "port_heap.h"
#include "port_loop.h"
#include "port_tcp.h"

#define WARM_UP_NS 200000000u
#define WINDOW_NS 1000000u
#define APART_BYTES (16u << 20)

struct gen gen;

static struct {
    struct port_loop loop;
    uint64_t host_ns;
    bool measuring;
    bool timing; /* in this window host_ns is measured */
    bool stalled;
} run;

uint32_t gen_rnd(uint32_t below)
{
    static uint64_t x = 88172645463325252u;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)((x >> 32) * below >> 32);
}

void gen_done(uint64_t units)
{
    gen.done += units;
    gen.served += units;
}

void gen_done_one(uint32_t asked_ns)
{
    bench_times_add(&gen.times, (uint32_t)gen.turn_ns - asked_ns);
    gen_done(1);
}

/* ---- the host, as a guest of the loop -------------------------------------------------------- */

static unsigned step(void *ctx, uint64_t now_ns)
{
    const uint64_t begin = run.timing ? bench_now_ns() : 0;
    uint64_t sent;
    unsigned done;

    (void)ctx;
    gen.turn_ns = now_ns;
    done =
        hvhost_step(gen.card.host, now_ns); /* what the server said, and mostly what it is told */
    sent = gen.sent;
    if (run.measuring && gen.work->turn)
        gen.work->turn();
    if (gen.sent != sent)
        done += hvhost_step(gen.card.host, now_ns);
    if (run.timing)
        run.host_ns += bench_now_ns() - begin;
    return done;
}

static uint64_t next_deadline(void *ctx, uint64_t now_ns)
{
    (void)ctx, (void)now_ns;
    return 0;
}

/* ---- the server ------------------------------------------------------------------------------ */

static err_t on_data(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (!p) {
        tcp_close(pcb);
        return ERR_OK;
    }
    for (const struct pbuf *q = p; q; q = q->next) {
        if (tcp_write(pcb, q->payload, q->len, TCP_WRITE_FLAG_COPY) != ERR_OK)
            gen.wrong++;
    }
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

err_t gen_echo_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    if (err != ERR_OK || !pcb)
        return ERR_VAL;
    tcp_nagle_disable(pcb);
    tcp_recv(pcb, on_data);
    return ERR_OK;
}

bool gen_listen(uint16_t port, tcp_accept_fn accept)
{
    struct tcp_pcb *pcb = tcp_new();

    if (!pcb || tcp_bind(pcb, IP4_ADDR_ANY, port) != ERR_OK)
        return false;
    pcb = tcp_listen(pcb);
    tcp_accept(pcb, accept);
    return pcb != NULL;
}

/* ---- main ------------------------------------------------------------------------------------ */

static uint32_t connections(void)
{
    const uint32_t least = gen.count + 2 * GEN_BATCH_MAX;

    return least > PORT_CONNECTIONS_DEFAULT ? least : PORT_CONNECTIONS_DEFAULT;
}

static int start(void)
{
    struct bench_card_config config = {
        .to_lwip = true, .attended = true, .deliver = gen_wire_deliver};
    struct port_loop_config loop = {.nic = {0}, .nics = 1};
    ip4_addr_t address, mask, router;

    if (port_tcp_connections(connections()))
        return -1;
    if (port_heap_open(PORT_HEAP_BYTES, gen.work->large ? APART_BYTES : 0) == 0)
        config.nic.memory = port_heap_memory();
    lwip_init();
    if (bench_card_open(&gen.card, &config))
        return -1;
    hvhost_port_large(gen.card.port, gen.work->large);
    IP4_ADDR(&address, 10, 0, 0, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&router, 10, 0, 0, 2);
    netif_set_addr(&gen.card.nif.netif, &address, &mask, &router);
    netif_set_default(&gen.card.nif.netif);
    netif_set_up(&gen.card.nif.netif);
    loop.nif[0] = &gen.card.nif;
    loop.peer = (struct port_loop_peer){.step = step, .next_deadline = next_deadline};
    if (port_loop_open(&run.loop, &loop))
        return -1;
    gen_wire_begin();
    for (uint32_t i = 0; i < gen.count; i++)
        gen.client[i].seq = gen_rnd(UINT32_MAX);
    return gen.work->begin() ? 0 : -1;
}

/* One after the other. */
static bool connect_all(void)
{
    uint64_t begin = bench_now_ns();
    uint32_t asked = 0, before = 0;

    while (gen.open < gen.count) {
        /* The first alone: those who come while lwIP asks for the router's address would wait. */
        for (; asked < gen.count && asked < (gen.open ? gen.open + GEN_BATCH_MAX : 1); asked++)
            gen_send(asked, &gen.client[asked], TCP_SYN, 0);
        port_loop_turn(&run.loop, bench_now_ns());
        if (gen.open != before) {
            before = gen.open;
            begin = bench_now_ns();
        }
        if (bench_now_ns() - begin > GEN_STALL_NS)
            return false;
    }
    return true;
}

struct window {
    double total_ns, guest_ns; /* per what is done */
};

/* At least one is done in it, or all stand still. */
static struct window run_window(bool timing)
{
    const uint64_t begin = bench_now_ns();
    uint64_t now = begin;

    run.timing = timing;
    gen.done = run.host_ns = 0;
    while (now - begin < WINDOW_NS || (gen.done == 0 && now - begin < GEN_STALL_NS)) {
        port_loop_turn(&run.loop, now);
        now = bench_now_ns();
    }
    run.stalled = gen.done == 0;
    return (struct window){(double)(now - begin) / (double)gen.done,
                           (double)(now - begin - run.host_ns) / (double)gen.done};
}

static void print(double total_ns, double guest_ns)
{
    if (gen.work->large)
        printf("{\"conns\":%u,\"gbit_per_s\":%.2f,\"guest_ns_per_kb\":%.1f}\n", gen.count,
               8 / total_ns, 1000 * guest_ns);
    else
        printf("{\"conns\":%u,\"requests_per_s\":%.0f,\"total_ns\":%.1f,\"guest_ns\":%.1f,"
               "\"p50_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f,\"again\":%" PRIu64 "}\n",
               gen.count, 1e9 / total_ns, total_ns, guest_ns, bench_times_us(&gen.times, 0.5),
               bench_times_us(&gen.times, 0.99), bench_times_us(&gen.times, 0.999), gen.again);
}

/* After the last window. */
static int is_right(void)
{
    const char *books = hvhost_audit(gen.card.host);

    if (!run.stalled && !gen.wrong && !books)
        return 0;
    fprintf(stderr, "bench_gen: %" PRIu64 " wrong answers, %s; %s\n", gen.wrong,
            run.stalled ? "one missing for seconds" : "none missing",
            books ? books : "the host's books balance");
    return 1;
}

static int measure(double seconds)
{
    const unsigned count = (unsigned)(seconds * 1e9 / WINDOW_NS / 2) + 1;
    double *total = calloc(count, sizeof(*total)), *guest = calloc(count, sizeof(*guest));
    int status = 1;

    if (!total || !guest)
        return 1;
    run.measuring = true;
    for (unsigned i = 0; i < WARM_UP_NS / WINDOW_NS && !run.stalled; i++)
        run_window(false);
    gen.times = (struct bench_times){0};
    for (unsigned i = 0; i < count && !run.stalled; i++) {
        total[i] = run_window(false).total_ns;
        guest[i] = run_window(true).guest_ns;
    }
    while (gen.work->over && !gen.work->over() && !run.stalled)
        run_window(false);
    status = is_right();
    if (!status)
        print(bench_median(total, count), bench_median(guest, count));
    free(total);
    free(guest);
    return status;
}

static bool prepare(int argc, char **argv)
{
    static const struct gen_work *const works[] = {
        &gen_rr, &gen_ack, &gen_http, &gen_cps, &gen_cps_fin, &gen_cps_wait, &gen_in, &gen_out};

    for (unsigned i = 0; argc >= 4 && i < sizeof(works) / sizeof(works[0]); i++) {
        if (strcmp(argv[1], works[i]->name) == 0)
            gen.work = works[i];
    }
    if (!gen.work || argc != (gen.work == &gen_http ? 6 : 4))
        return false;
    gen.count = (uint32_t)atoi(argv[2]);
    gen.client = calloc(gen.count, sizeof(*gen.client));
    return gen.client && gen.count > 0 &&
           (gen.work != &gen_http || gen_http_site(argv[4], argv[5]));
}

int main(int argc, char **argv)
{
    int status = 1;

    if (!prepare(argc, argv)) {
        fprintf(stderr, "usage: bench_gen rr|ack|in|out CONNECTIONS SECONDS\n"
                        "       bench_gen cps|cps-fin|cps-wait CONNECTIONS-HELD SECONDS\n"
                        "       bench_gen http CONNECTIONS SECONDS DIR FILE\n");
        return 2;
    }
    if (start()) {
        fprintf(stderr, "bench_gen: no card, or no server\n");
        return 1;
    }
    if (connect_all())
        status = measure(atof(argv[3]));
    else
        fprintf(stderr, "bench_gen: only %u of %u connections opened\n", gen.open, gen.count);
    port_loop_close(&run.loop);
    bench_card_close(&gen.card);
    return status;
}
