/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Stack to stack: two cards on one switch, a driver and an lwIP over each, a process and a
 * processor for each. The client's process turns the emulated host in its loop; the server's,
 * forked before any driver exists, has its card's memory and nothing else of the host, as behind a
 * real bus. Both poll and never sleep, so there is no third party on two processors.
 *
 *   rr      send 64 bytes, wait until they are back, again, on each of CONNECTIONS
 *   send    as many bytes as the server takes, on each
 *
 * bench_stack rr|send CONNECTIONS SECONDS: one JSON line, latencies of requests.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_card.h"
#include "bench_times.h"
#include "lwip/init.h"
#include "lwip/tcp.h"
#include "port_heap.h"
#include "port_loop.h"
#include "port_tcp.h"

#define REQUEST_BYTES 64u
#define ECHO_PORT 7u
#define DISCARD_PORT 9u
#define CONNECTIONS_MAX 10000u
#define WARM_UP_NS 200000000u
#define WAIT_NS_MAX UINT64_C(20000000000)

struct conn {
    struct tcp_pcb *pcb;
    uint64_t asked_ns;
    uint32_t got_bytes; /* of the answer */
};

static const struct bench_card_config config = {.card = {.poll = true}, .to_lwip = true};

static struct {
    struct bench_card card[2]; /* client's, server's */
    struct port_loop loop;
    struct conn *conn;
    unsigned count, open;
    bool bulk, measuring, failed;
    uint64_t now_ns, answers, bytes;
    struct bench_times times;
    uint8_t data[65536];
} b;

/* ---- both ------------------------------------------------------------------------------------ */

static bool bring_up(struct bench_card *card, uint8_t last, const struct port_loop_peer *peer)
{
    struct port_loop_config loop = {.nif = {&card->nif}, .nics = 1};
    struct bench_card_config mine = config;
    struct netif *netif = &card->nif.netif;
    ip4_addr_t address, mask;

    if (peer) {
        loop.peer = *peer;
        /* The server's memory would have to be shown to the host after the fork: it copies. */
        if (port_heap_open(PORT_HEAP_BYTES, 0) == 0)
            mine.nic.memory = port_heap_memory();
    }
    lwip_init();
    if (bench_card_attach(card, &mine))
        return false;
    IP4_ADDR(&address, 10, 0, 0, last);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    netif_set_addr(netif, &address, &mask, IP4_ADDR_ANY4);
    netif_set_up(netif);
    return port_loop_open(&b.loop, &loop) == 0;
}

static void turn(void)
{
    b.now_ns = bench_now_ns();
    port_loop_turn(&b.loop, b.now_ns);
}

/* ---- the server ------------------------------------------------------------------------------ */

static err_t on_request(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    const bool echo = arg != NULL;

    (void)err;
    if (!p)
        return tcp_close(pcb);
    for (const struct pbuf *q = p; echo && q; q = q->next)
        tcp_write(pcb, q->payload, q->len, TCP_WRITE_FLAG_COPY);
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    if (err != ERR_OK || !pcb)
        return ERR_VAL;
    tcp_nagle_disable(pcb);
    tcp_arg(pcb, arg);
    tcp_recv(pcb, on_request);
    return ERR_OK;
}

static bool serve(u16_t port, void *echo)
{
    struct tcp_pcb *pcb = tcp_new();

    if (!pcb || tcp_bind(pcb, IP4_ADDR_ANY, port) != ERR_OK)
        return false;
    pcb = tcp_listen_with_backlog(pcb, TCP_DEFAULT_LISTEN_BACKLOG);
    tcp_arg(pcb, echo);
    tcp_accept(pcb, on_accept);
    return true;
}

static void server_main(atomic_bool *ready)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bench_pin(BENCH_DRIVER_CPU);
    b.card[1].host = NULL;
    if (!bring_up(&b.card[1], 1, NULL) || !serve(ECHO_PORT, &b) || !serve(DISCARD_PORT, NULL))
        _exit(1);
    atomic_store(ready, true);
    for (;;)
        turn();
}

/* ---- the client ------------------------------------------------------------------------------ */

static void ask(struct conn *c)
{
    c->asked_ns = b.now_ns;
    c->got_bytes = 0;
    if (tcp_write(c->pcb, b.data, REQUEST_BYTES, TCP_WRITE_FLAG_COPY) != ERR_OK ||
        tcp_output(c->pcb) != ERR_OK)
        b.failed = true;
}

static void send_more(struct conn *c)
{
    const uint16_t large = port_tcp_large(c->pcb);

    while (tcp_sndbuf(c->pcb) >= large &&
           tcp_write(c->pcb, b.data, large, TCP_WRITE_FLAG_COPY) == ERR_OK)
        continue;
    tcp_output(c->pcb);
}

static err_t on_answer(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct conn *c = arg;

    (void)err;
    if (!p) {
        b.failed = true;
        return tcp_close(pcb);
    }
    c->got_bytes += p->tot_len;
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    if (c->got_bytes < REQUEST_BYTES)
        return ERR_OK;
    if (b.measuring) {
        bench_times_add(&b.times, b.now_ns - c->asked_ns);
        b.answers++;
    }
    ask(c);
    return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t bytes)
{
    (void)pcb;
    if (b.bulk) {
        b.bytes += b.measuring ? bytes : 0;
        send_more(arg);
    }
    return ERR_OK;
}

static void on_error(void *arg, err_t err)
{
    (void)arg, (void)err;
    b.failed = true;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)pcb, (void)err;
    b.open++;
    if (b.bulk)
        send_more(arg);
    else
        ask(arg);
    return ERR_OK;
}

static bool open_conn(struct conn *c)
{
    ip_addr_t to;

    IP_ADDR4(&to, 10, 0, 0, 1);
    c->pcb = tcp_new();
    if (!c->pcb)
        return false;
    tcp_nagle_disable(c->pcb);
    tcp_arg(c->pcb, c);
    tcp_recv(c->pcb, on_answer);
    tcp_sent(c->pcb, on_sent);
    tcp_err(c->pcb, on_error);
    return tcp_connect(c->pcb, &to, b.bulk ? DISCARD_PORT : ECHO_PORT, on_connected) == ERR_OK;
}

static bool open_all(void)
{
    const uint64_t begin_ns = bench_now_ns();

    for (unsigned i = 0; i < b.count; i++) {
        /* One by one: many at once would wait for the first's ARP, and what waits is bounded. */
        if (!open_conn(&b.conn[i]))
            return false;
        while (b.open <= i && !b.failed && bench_now_ns() - begin_ns < WAIT_NS_MAX)
            turn();
    }
    return b.open == b.count;
}

static unsigned step(void *ctx, uint64_t now_ns)
{
    (void)ctx;
    return hvhost_step(b.card[0].host, now_ns);
}

static uint64_t next_deadline(void *ctx, uint64_t now_ns)
{
    (void)ctx, (void)now_ns;
    return 0;
}

/* On a busy machine the server may not get a turn for a while. */
static bool over(uint64_t begin_ns, double seconds)
{
    const uint64_t ns = b.now_ns - begin_ns;

    return b.failed || ((double)ns >= seconds * 1e9 && b.answers + b.bytes > 0) || ns > WAIT_NS_MAX;
}

static int measure(double seconds)
{
    uint64_t begin_ns = bench_now_ns();
    const char *books;
    double took;

    while (bench_now_ns() - begin_ns < WARM_UP_NS)
        turn();
    begin_ns = b.now_ns;
    b.measuring = true;
    while (!over(begin_ns, seconds))
        turn();
    took = (double)(b.now_ns - begin_ns) * 1e-9;
    books = hvhost_audit(b.card[0].host);
    if (b.failed || books || b.answers + b.bytes == 0) {
        fprintf(stderr, "bench_stack: %s\n", books ? books : "a connection was lost, or silent");
        return 1;
    }
    printf("{\"conns\":%u,\"requests_per_s\":%.0f,\"p50_us\":%.2f,\"p99_us\":%.2f,"
           "\"p999_us\":%.2f,\"gbit_per_s\":%.3f}\n",
           b.count, (double)b.answers / took, bench_times_us(&b.times, 0.5),
           bench_times_us(&b.times, 0.99), bench_times_us(&b.times, 0.999),
           (double)b.bytes * 8e-9 / took);
    return 0;
}

static int client_main(const atomic_bool *ready, double seconds)
{
    const struct port_loop_peer peer = {.step = step, .next_deadline = next_deadline};
    const uint64_t begin_ns = bench_now_ns();

    bench_pin(BENCH_FAR_CPU);
    if (!bring_up(&b.card[0], 2, &peer))
        return 1;
    while (!atomic_load(ready) && bench_now_ns() - begin_ns < WAIT_NS_MAX)
        turn();
    if (atomic_load(ready) && open_all())
        return measure(seconds);
    fprintf(stderr, "bench_stack: %u of %u connections opened\n", b.open, b.count);
    return 1;
}

int main(int argc, char **argv)
{
    atomic_bool *ready =
        mmap(NULL, sizeof(*ready), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct hvhost *host;
    int status;
    pid_t pid;

    b.bulk = argc == 4 && strcmp(argv[1], "send") == 0;
    b.count = argc == 4 ? (unsigned)atoi(argv[2]) : 0;
    if (b.count == 0 || b.count > CONNECTIONS_MAX || !(b.bulk || strcmp(argv[1], "rr") == 0)) {
        fprintf(stderr, "usage: bench_stack rr|send CONNECTIONS SECONDS\n");
        return 2;
    }
    b.conn = calloc(b.count, sizeof(*b.conn));
    if (!b.conn || ready == MAP_FAILED || hvhost_create(NULL, &host) ||
        bench_card_add(&b.card[0], host, &config) || bench_card_add(&b.card[1], host, &config))
        return 1;
    pid = fork();
    if (pid < 0)
        return 1;
    if (pid == 0)
        server_main(ready);
    status = client_main(ready, atof(argv[3]));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return status;
}
