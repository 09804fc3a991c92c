/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What TCP costs per packet when there are many connections, and when much is in flight. Built
 * twice: bench_tcp with lwIP as it is used here, bench_tcp_upstream with lwIP as it is published;
 * tcp.sh runs them in turns. Connections are forged, packets made in place, nothing leaves.
 *
 * bench_tcp ack|echo|window|timers|memory NUMBER: one line, the result in ns (memory: bytes).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "port_tcp.h"
#include "tcp_peer.h"

#undef tcp_tmr /* lwip_tcp.h is for lwIP's files */

#define DATA_BYTES 64u
#define LOCAL_PORT 80u
#define WARM_UP_NS 100000000u
#define MEASURE_NS 400000000u

static unsigned count;
static struct tcp_pcb **pcbs;
static u32_t *sent; /* what the far end of each sent so far, and got back */

/* Of this process only, or other work on the machine would be counted. */
static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static unsigned rnd(unsigned below)
{
    static uint64_t x = 88172645463325252u;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (unsigned)((x >> 32) * below >> 32);
}

static err_t echo(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (!p)
        return ERR_OK;
    tcp_write(pcb, p->payload, p->len, TCP_WRITE_FLAG_COPY);
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

/* Connection (i) comes from 10.x.y.z: some addresses, many ports. */
static void forge(unsigned i)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_V4);

    if (!pcb) {
        fprintf(stderr, "bench_tcp: no memory for connection %u\n", i);
        exit(1);
    }
    IP_ADDR4(&pcb->local_ip, 10, 0, 0, 1);
    IP_ADDR4(&pcb->remote_ip, 10, 1, 0, 1 + i / 60000);
    pcb->local_port = LOCAL_PORT;
    pcb->remote_port = (u16_t)(1024 + i % 60000);
    pcb->state = ESTABLISHED;
    pcb->snd_wnd = pcb->snd_wnd_max = 0xffff;
    pcb->mss = PORT_TCP_MSS;
    pcb->cwnd = 10 * PORT_TCP_MSS;
    tcp_nagle_disable(pcb);
    tcp_recv(pcb, echo);
    TCP_REG_ACTIVE(pcb);
    pcbs[i] = pcb;
}

static void send_to(unsigned i, u16_t data_bytes)
{
    struct tcp_peer_segment s = {
        .from_port = (u16_t)(1024 + i % 60000),
        .to_port = LOCAL_PORT,
        .seq = sent[i],
        .ack = sent[i],
        .flags = TCP_ACK,
        .wnd = 0xffff,
        .data_bytes = data_bytes,
    };

    IP_ADDR4(&s.from, 10, 1, 0, 1 + i / 60000);
    IP_ADDR4(&s.to, 10, 0, 0, 1);
    sent[i] += data_bytes;
    tcp_peer_send(&s);
}

/* Random over all, for so long. */
static double send_for(uint64_t limit_ns, u16_t data_bytes)
{
    const uint64_t begin = now_ns();
    uint64_t took = 0, packets = 0;

    while (took < limit_ns) {
        for (unsigned i = 0; i < 256; i++, packets++)
            send_to(rnd(count), data_bytes);
        took = now_ns() - begin;
    }
    return (double)took / (double)packets;
}

static double per_packet(u16_t data_bytes)
{
    send_for(WARM_UP_NS, data_bytes);
    return send_for(MEASURE_NS, data_bytes);
}

/* One bulk sender with (count) bytes in flight: fills the window, then gets an acknowledgement. */
static void send_and_ack(struct tcp_pcb *pcb, u32_t acked)
{
    static uint8_t data[0x4000];
    struct tcp_peer_segment s;

    while (tcp_write(pcb, data, sizeof(data), 0) == ERR_OK)
        continue;
    tcp_output(pcb);
    s = tcp_peer_next(pcb, TCP_ACK, 0);
    s.ack = acked;
    s.wnd = (u16_t)(count >> 7);
    tcp_peer_send(&s);
}

/*
 * The far end acknowledges every second segment. The clock is a system call, so it is read rarely.
 */
static double bulk_for(struct tcp_pcb *pcb, u32_t *acked, uint64_t limit_ns)
{
    const uint64_t begin = now_ns();
    const u32_t before = *acked;
    uint64_t took = 0;

    while (took < limit_ns) {
        for (unsigned i = 0; i < 64; i++)
            send_and_ack(pcb, *acked += 2 * PORT_TCP_MSS);
        took = now_ns() - begin;
    }
    return (double)took / ((*acked - before) / PORT_TCP_MSS);
}

static double per_segment(void)
{
    struct tcp_pcb *pcb = pcbs[0];
    u32_t acked = 0;

    pcb->snd_scale = 7;
    pcb->snd_wnd = pcb->snd_wnd_max = pcb->cwnd = count;
    tcp_recv(pcb, NULL);
    bulk_for(pcb, &acked, WARM_UP_NS);
    return bulk_for(pcb, &acked, MEASURE_NS);
}

/* What lwIP's timers take of half a second; all connections idle. */
static double per_half_second(void)
{
    uint64_t best = UINT64_MAX;

    for (unsigned i = 0; i < 9; i++) {
        const uint64_t begin = now_ns();

        tcp_tmr();
        tcp_tmr();
        if (now_ns() - begin < best)
            best = now_ns() - begin;
    }
    return (double)best;
}

static double resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (!f || fscanf(f, "%*d %ld", &pages) != 1)
        exit(1);
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

int main(int argc, char **argv)
{
    const char *what = argc == 3 ? argv[1] : "";
    const bool window = strcmp(what, "window") == 0;
    unsigned connections;
    double before, result;

    count = argc == 3 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
    connections = window ? 1 : count;
    if (port_tcp_connections(connections < 64 ? 64 : connections) ||
        (window && port_tcp_sizes(0, count)) || connections == 0) {
        fprintf(stderr, "usage: bench_tcp ack|echo|timers|memory CONNECTIONS\n"
                        "       bench_tcp window BYTES\n");
        return 2;
    }
    lwip_init();
    if (!tcp_peer_start())
        return 1;
    pcbs = calloc(connections, sizeof(*pcbs));
    sent = calloc(connections, sizeof(*sent));
    before = resident_bytes();
    for (unsigned i = 0; i < connections; i++)
        forge(i);
    if (strcmp(what, "memory") == 0)
        result = (resident_bytes() - before) / connections - sizeof(*pcbs);
    else if (strcmp(what, "timers") == 0)
        result = per_half_second();
    else if (window)
        result = per_segment();
    else
        result = per_packet(strcmp(what, "echo") == 0 ? DATA_BYTES : 0);
    printf("%.1f\n", result);
    return 0;
}
