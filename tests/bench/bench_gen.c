/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A server on lwIP, and at the other end of the emulated host's rings as many clients as wanted, in
 * one process and thread: the loop programs have (port_loop.h), with the host inside. The clients
 * are a few lines that make segments and look at those that come back; each connection is opened
 * with a handshake, from as many addresses as 60,000 ports each make necessary.
 *
 *   rr    send 64 bytes, wait until they are back, on up to 64 connections at a time
 *   ack   acknowledgements nobody answers, the cheapest segment there is; 64 at a time in any case
 *
 * Connections take turns in a random order, all of them before the first again. Two stopwatches:
 * what clients and host take, and the whole; the guest's share, driver and lwIP with its timers, is
 * the difference. The first is read in every second window of WINDOW_NS only, for reading it takes
 * as long as two hundred instructions, and the whole is that of the other windows (which is the
 * same as without any reading: docs/benchmarks.md, Method). Of the windows
 * the median counts, which leaves out those in which somebody else had the processor. The latencies
 * are of all requests: from the turn in which one leaves to that in which its answer is seen.
 *
 * bench_gen rr|ack CONNECTIONS SECONDS: one JSON line, times per request or acknowledgement.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_card.h"
#include "bench_times.h"
#include "lwip/init.h"
#include "lwip/inet_chksum.h"
#include "lwip/prot/etharp.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/tcp.h"
#include "lwip/tcp.h"
#include "port_loop.h"
#include "port_tcp.h"

#define REQUEST_BYTES 64u
#define BATCH_MAX 64u
#define SERVER_PORT 7u
#define ADDRESS_FIRST 0x0a010001u /* 10.1.0.1, beyond a router */
#define PORT_FIRST 1024u
#define PORTS 60000u /* per address */
#define HEAD_BYTES (SIZEOF_ETH_HDR + IP_HLEN + TCP_HLEN)
#define WARM_UP_NS 200000000u
#define WINDOW_NS 1000000u
#define STALL_NS 1000000000u

static const uint8_t far_mac[6] = {0x02, 0, 0, 0, 0, 0x99};

struct client {
    uint32_t seq, ack; /* what it sent so far, and has got */
    uint64_t asked_ns;
};

static struct {
    struct bench_card card;
    struct port_loop loop;
    struct client *client;
    uint32_t *order; /* whose turn it is */
    uint32_t count, next, batch;
    uint32_t open, waiting; /* connections; requests without answer */
    bool measuring, acks;
    bool timing;                           /* in this window host_ns is measured */
    uint64_t done, served, wrong, host_ns; /* (done) of a window, (served) of all */
    uint64_t turn_ns; /* when this turn's answers were there, and its requests left */
    struct bench_times times;
    uint8_t frame[HEAD_BYTES + REQUEST_BYTES];
} gen;

static uint32_t rnd(uint32_t below)
{
    static uint64_t x = 88172645463325252u;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return (uint32_t)((x >> 32) * below >> 32);
}

/* ---- the clients ----------------------------------------------------------------------------- */

static uint32_t address_of(uint32_t i)
{
    return lwip_htonl(ADDRESS_FIRST + i / PORTS);
}

static void put(const void *data, uint32_t bytes)
{
    const struct hvhost_frame frame = {.data = data, .len_bytes = bytes, .csum_ok = true};

    hvhost_port_send(gen.card.port, &frame);
}

static void send_segment(uint32_t i, u8_t flags, uint32_t data_bytes)
{
    struct ip_hdr *ip = (void *)(gen.frame + SIZEOF_ETH_HDR);
    struct tcp_hdr *tcp = (void *)(ip + 1);
    struct client *c = &gen.client[i];

    ip->src.addr = address_of(i);
    IPH_LEN_SET(ip, lwip_htons((u16_t)(IP_HLEN + TCP_HLEN + data_bytes)));
    IPH_CHKSUM_SET(ip, 0);
    IPH_CHKSUM_SET(ip, inet_chksum(ip, IP_HLEN));
    tcp->src = lwip_htons((u16_t)(PORT_FIRST + i % PORTS));
    tcp->seqno = lwip_htonl(c->seq);
    tcp->ackno = lwip_htonl(c->ack);
    TCPH_HDRLEN_FLAGS_SET(tcp, 5, flags);
    c->seq += data_bytes + (flags & TCP_SYN ? 1 : 0);
    memcpy(gen.frame + HEAD_BYTES, &i, sizeof(i));
    put(gen.frame, HEAD_BYTES + data_bytes);
}

/* All that stays the same. */
static void make_frame(void)
{
    struct eth_hdr *eth = (void *)gen.frame;
    struct ip_hdr *ip = (void *)(eth + 1);
    struct tcp_hdr *tcp = (void *)(ip + 1);

    memset(gen.frame, 'x', sizeof(gen.frame));
    memcpy(eth->dest.addr, netvsc_info(gen.card.nic)->mac, sizeof(eth->dest.addr));
    memcpy(eth->src.addr, far_mac, sizeof(eth->src.addr));
    eth->type = PP_HTONS(ETHTYPE_IP);
    memset(ip, 0, HEAD_BYTES - SIZEOF_ETH_HDR);
    IPH_VHL_SET(ip, 4, 5);
    IPH_TTL_SET(ip, 64);
    IPH_PROTO_SET(ip, IP_PROTO_TCP);
    ip->dest.addr = PP_HTONL(0x0a000001u);
    tcp->dest = PP_HTONS(SERVER_PORT);
    tcp->wnd = PP_HTONS(0xffff);
}

/* The router's, whose address everybody asks for. */
static void answer_arp(const uint8_t *data)
{
    uint8_t reply[SIZEOF_ETH_HDR + SIZEOF_ETHARP_HDR];
    struct eth_hdr *eth = (void *)reply;
    struct etharp_hdr *arp = (void *)(eth + 1);
    const struct etharp_hdr *asked = (const void *)(data + SIZEOF_ETH_HDR);

    memcpy(reply, data, sizeof(reply));
    if (arp->opcode != PP_HTONS(ARP_REQUEST) || memcmp(&asked->dipaddr, "\x0a\x00\x00\x02", 4) != 0)
        return;
    memcpy(eth->dest.addr, asked->shwaddr.addr, 6);
    memcpy(eth->src.addr, far_mac, 6);
    arp->opcode = PP_HTONS(ARP_REPLY);
    arp->dhwaddr = asked->shwaddr;
    memcpy(&arp->dipaddr, &asked->sipaddr, 4);
    memcpy(arp->shwaddr.addr, far_mac, 6);
    memcpy(&arp->sipaddr, &asked->dipaddr, 4);
    put(reply, sizeof(reply));
}

static void on_segment(uint32_t i, const struct tcp_hdr *tcp, uint32_t data_bytes)
{
    struct client *c = &gen.client[i];

    if (TCPH_FLAGS(tcp) & TCP_SYN) {
        c->ack = lwip_ntohl(tcp->seqno) + 1;
        send_segment(i, TCP_ACK, 0);
        gen.open++;
        return;
    }
    if (data_bytes == 0)
        return;
    if (lwip_ntohl(tcp->seqno) - c->ack > INT32_MAX)
        return; /* once more: it was not acknowledged for 200 ms */
    if (lwip_ntohl(tcp->seqno) != c->ack || data_bytes != REQUEST_BYTES ||
        memcmp((const uint8_t *)tcp + TCPH_HDRLEN_BYTES(tcp), &i, sizeof(i)) != 0)
        gen.wrong++;
    c->ack += data_bytes;
    bench_times_add(&gen.times, gen.turn_ns - c->asked_ns);
    gen.waiting--;
    gen.done++;
    gen.served++;
}

static void on_deliver(void *ctx, const struct hvhost_frame *frame)
{
    const struct eth_hdr *eth = (const void *)frame->data;
    const struct ip_hdr *ip = (const void *)(eth + 1);
    const struct tcp_hdr *tcp = (const void *)(ip + 1);
    uint32_t i;

    (void)ctx;
    if (frame->len_bytes >= SIZEOF_ETH_HDR + SIZEOF_ETHARP_HDR &&
        eth->type == PP_HTONS(ETHTYPE_ARP)) {
        answer_arp(frame->data);
        return;
    }
    if (frame->len_bytes < HEAD_BYTES || eth->type != PP_HTONS(ETHTYPE_IP) ||
        IPH_PROTO(ip) != IP_PROTO_TCP)
        return;
    i = (lwip_ntohl(ip->dest.addr) - ADDRESS_FIRST) * PORTS + lwip_ntohs(tcp->dest) - PORT_FIRST;
    if (i < gen.count)
        on_segment(i, tcp, lwip_ntohs(IPH_LEN(ip)) - IP_HLEN - (uint32_t)TCPH_HDRLEN_BYTES(tcp));
}

static void take_turns(void)
{
    while (gen.waiting < gen.batch) {
        const uint32_t i = gen.order[gen.next];

        gen.next = (gen.next + 1) % gen.count;
        gen.client[i].asked_ns = gen.turn_ns;
        send_segment(i, TCP_ACK | TCP_PSH, gen.acks ? 0 : REQUEST_BYTES);
        gen.waiting++;
    }
    if (!gen.acks)
        return;
    gen.done += gen.waiting;
    gen.served += gen.waiting;
    gen.waiting = 0;
}

/* ---- the host, as a guest of the loop -------------------------------------------------------- */

static unsigned step(void *ctx, uint64_t now_ns)
{
    const uint64_t begin = gen.timing ? bench_now_ns() : 0;
    unsigned done;

    (void)ctx;
    gen.turn_ns = now_ns;
    done = hvhost_step(gen.card.host, now_ns); /* what the server said */
    if (gen.measuring) {
        take_turns();
        done += hvhost_step(gen.card.host, now_ns);
    }
    if (gen.timing)
        gen.host_ns += bench_now_ns() - begin;
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

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    if (err != ERR_OK || !pcb)
        return ERR_VAL;
    tcp_nagle_disable(pcb);
    tcp_recv(pcb, on_data);
    return ERR_OK;
}

static bool serve(void)
{
    struct tcp_pcb *pcb = tcp_new();

    if (!pcb || tcp_bind(pcb, IP4_ADDR_ANY, SERVER_PORT) != ERR_OK)
        return false;
    pcb = tcp_listen(pcb);
    tcp_accept(pcb, on_accept);
    return pcb != NULL;
}

/* ---- main ------------------------------------------------------------------------------------ */

static int start(void)
{
    const struct bench_card_config config = {
        .to_lwip = true, .attended = true, .deliver = on_deliver};
    struct port_loop_config loop = {.nic = {0}, .nics = 1};
    ip4_addr_t address, mask, router;

    if (port_tcp_connections(gen.count + 64))
        return -1;
    lwip_init();
    if (bench_card_open(&gen.card, &config))
        return -1;
    IP4_ADDR(&address, 10, 0, 0, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&router, 10, 0, 0, 2);
    netif_set_addr(&gen.card.nif.netif, &address, &mask, &router);
    netif_set_default(&gen.card.nif.netif);
    netif_set_up(&gen.card.nif.netif);
    loop.nif[0] = &gen.card.nif;
    loop.peer = (struct port_loop_peer){.step = step, .next_deadline = next_deadline};
    if (!serve() || port_loop_open(&gen.loop, &loop))
        return -1;
    make_frame();
    return 0;
}

/* In a random order later, but opened one after the other. */
static bool connect_all(void)
{
    uint64_t begin = bench_now_ns();
    uint32_t asked = 0, before = 0;

    while (gen.open < gen.count) {
        /* The first alone: those who come while lwIP asks for the router's address would wait. */
        for (; asked < gen.count && asked < (gen.open ? gen.open + BATCH_MAX : 1); asked++) {
            gen.client[asked].seq = rnd(UINT32_MAX);
            send_segment(asked, TCP_SYN, 0);
        }
        port_loop_turn(&gen.loop, bench_now_ns());
        if (gen.open != before) {
            before = gen.open;
            begin = bench_now_ns();
        }
        if (bench_now_ns() - begin > STALL_NS)
            return false;
    }
    for (uint32_t i = 0; i < gen.count; i++)
        gen.order[i] = i;
    for (uint32_t i = gen.count; i > 1; i--) {
        const uint32_t k = rnd(i), other = gen.order[k];

        gen.order[k] = gen.order[i - 1];
        gen.order[i - 1] = other;
    }
    return true;
}

struct window {
    double total_ns, guest_ns; /* per request */
};

static struct window run_window(bool timing)
{
    const uint64_t begin = bench_now_ns();
    uint64_t now = begin;

    gen.timing = timing;
    gen.done = gen.host_ns = 0;
    while (now - begin < WINDOW_NS || gen.done == 0) {
        port_loop_turn(&gen.loop, now);
        now = bench_now_ns();
    }
    return (struct window){(double)(now - begin) / (double)gen.done,
                           (double)(now - begin - gen.host_ns) / (double)gen.done};
}

static int measure(double seconds)
{
    const unsigned count = (unsigned)(seconds * 1e9 / WINDOW_NS / 2) + 1;
    double *total = calloc(count, sizeof(*total)), *guest = calloc(count, sizeof(*guest));
    double per_request;
    const char *books;

    if (!total || !guest)
        return 1;
    gen.measuring = true;
    for (unsigned i = 0; i < WARM_UP_NS / WINDOW_NS; i++)
        run_window(false);
    gen.times = (struct bench_times){0};
    for (unsigned i = 0; i < count; i++) {
        total[i] = run_window(false).total_ns;
        guest[i] = run_window(true).guest_ns;
    }
    while (gen.served < gen.count) /* each has had its turn, or it was not about so many */
        run_window(false);
    books = hvhost_audit(gen.card.host);
    if (gen.wrong || books) {
        fprintf(stderr, "bench_gen: %" PRIu64 " wrong answers; %s\n", gen.wrong,
                books ? books : "the host's books balance");
        return 1;
    }
    per_request = bench_median(total, count);
    printf("{\"conns\":%u,\"requests_per_s\":%.0f,\"total_ns\":%.1f,\"guest_ns\":%.1f,"
           "\"p50_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f}\n",
           gen.count, 1e9 / per_request, per_request, bench_median(guest, count),
           bench_times_us(&gen.times, 0.5), bench_times_us(&gen.times, 0.99),
           bench_times_us(&gen.times, 0.999));
    free(total);
    free(guest);
    return 0;
}

int main(int argc, char **argv)
{
    int status = 1;

    if (argc != 4 || (strcmp(argv[1], "rr") != 0 && strcmp(argv[1], "ack") != 0) ||
        atoi(argv[2]) < 1) {
        fprintf(stderr, "usage: bench_gen rr|ack CONNECTIONS SECONDS\n");
        return 2;
    }
    gen.acks = argv[1][0] == 'a';
    gen.count = (uint32_t)atoi(argv[2]);
    gen.batch = gen.acks || gen.count > BATCH_MAX ? BATCH_MAX : gen.count;
    gen.client = calloc(gen.count, sizeof(*gen.client));
    gen.order = calloc(gen.count, sizeof(*gen.order));
    if (!gen.client || !gen.order || start())
        return 1;
    if (connect_all())
        status = measure(atof(argv[3]));
    else
        fprintf(stderr, "bench_gen: only %u of %u connections opened\n", gen.open, gen.count);
    port_loop_close(&gen.loop);
    bench_card_close(&gen.card);
    return status;
}
