/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What no program behind a TAP device can exceed: it answers GET /N with N bytes, in segments of
 * 61,320 bytes for the kernel to take whole, each one writev() of headers and of memory it never
 * looks at. One connection; no driver, no rings, no host, no TCP but numbers that are added. It
 * believes what it reads, and a lost segment is the end.
 *
 * bench_tapwrite TAP ADDRESS MEMORY-BYTES
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench_rawtap.h"

#define MSS 1460u
#define SEGMENT_BYTES (42 * MSS)
#define FLIGHT_BYTES (3 * SEGMENT_BYTES) /* our send buffer */
#define WINDOW_SHIFT 7

static struct rawtap_frame in, out;
static char *memory;
static size_t memory_bytes;
static int tap;
static uint32_t first_seq, next_seq, head_end, answer_end, acked; /* of what we send */
static uint32_t window, window_shift;                             /* of the client's */
static char head[256];

/* The headers in (out) with (bytes) of (data) behind them, from (seq) on. */
static void put(uint32_t seq, const void *data, size_t bytes)
{
    const size_t tcp_bytes = out.tcp.doff * 4u;
    const struct iovec part[2] = {
        {&out, offsetof(struct rawtap_frame, tcp) + tcp_bytes},
        {(void *)(uintptr_t)data, bytes},
    };

    out.tcp.seq = htonl(seq);
    rawtap_seal(&out, tcp_bytes + bytes, bytes > MSS ? MSS : 0);
    if (writev(tap, part, 2) < 0)
        rawtap_die("write");
}

/* The shift of the client's window, from the options of its SYN. */
static uint32_t shift_of(const uint8_t *at, const uint8_t *end)
{
    for (; at + 3 <= end && *at; at += *at == 1 ? 1 : at[1]) {
        if (*at == 3)
            return at[2];
        if (*at != 1 && at[1] < 2)
            break;
    }
    return 0;
}

static void accept_connection(void)
{
    static const uint8_t options[8] = {2, 4, MSS >> 8, MSS & 0xff, 1, 3, 3, WINDOW_SHIFT};

    memcpy(out.eth.ether_dhost, in.eth.ether_shost, 6);
    out.ip.daddr = in.ip.saddr;
    out.tcp = (struct tcphdr){.source = in.tcp.dest,
                              .dest = in.tcp.source,
                              .ack_seq = htonl(ntohl(in.tcp.seq) + 1),
                              .doff = 7,
                              .syn = 1,
                              .ack = 1,
                              .window = htons(0xffff)};
    memcpy(out.rest, options, sizeof(options));
    window_shift = shift_of(in.rest, (uint8_t *)&in.tcp + in.tcp.doff * 4u);
    first_seq += 1u << 30; /* no older one's */
    put(first_seq, NULL, 0);
    out.tcp.syn = 0;
    out.tcp.doff = 5;
    acked = next_seq = answer_end = first_seq + 1;
}

static void start_answer(size_t request_bytes)
{
    const char *request = (char *)&in.tcp + in.tcp.doff * 4u;
    const unsigned long body = request_bytes > 5 ? strtoul(request + 5, NULL, 10) : 0;

    head_end = answer_end +
               (uint32_t)sprintf(head, "HTTP/1.1 200 OK\r\nContent-Length: %lu\r\n\r\n", body);
    answer_end = head_end + (uint32_t)body;
    out.tcp.ack_seq = htonl(ntohl(in.tcp.seq) + (uint32_t)request_bytes);
    put(next_seq, head, head_end - next_seq);
    next_seq = head_end;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void go_on(void)
{
    const uint32_t room = least(window, FLIGHT_BYTES);

    while (next_seq != answer_end) {
        const uint32_t left = answer_end - next_seq, flight = next_seq - acked;
        const uint32_t bytes = least(left, least(SEGMENT_BYTES, room / MSS * MSS));

        if (flight + bytes > room)
            break;
        put(next_seq, memory + (next_seq - head_end) % (memory_bytes - SEGMENT_BYTES), bytes);
        next_seq += bytes;
    }
}

static void take(size_t bytes)
{
    size_t payload;

    if (in.eth.ether_type == htons(ETHERTYPE_ARP))
        rawtap_answer_arp(tap, &in, out.ip.saddr);
    if (in.eth.ether_type != htons(ETHERTYPE_IP) || in.ip.protocol != IPPROTO_TCP ||
        bytes < offsetof(struct rawtap_frame, rest) || in.tcp.dest != htons(80))
        return;
    if (in.tcp.syn) {
        accept_connection();
        return;
    }
    acked = ntohl(in.tcp.ack_seq);
    window = (uint32_t)ntohs(in.tcp.window) << window_shift;
    payload = rawtap_data_bytes(&in);
    if (payload)
        start_answer(payload);
    go_on();
}

int main(int argc, char **argv)
{
    static const uint8_t mac[6] = RAWTAP_MAC;

    if (argc != 4 || inet_pton(AF_INET, argv[2], &out.ip.saddr) != 1 ||
        (memory_bytes = strtoul(argv[3], NULL, 10)) <= SEGMENT_BYTES) {
        fprintf(stderr, "usage: bench_tapwrite TAP ADDRESS MEMORY-BYTES\n");
        return 2;
    }
    memory = malloc(memory_bytes);
    if (!memory)
        rawtap_die("memory");
    memset(memory, 'x', memory_bytes); /* never written, it would be one page of zeros */
    tap = rawtap_open(argv[1]);
    memcpy(out.eth.ether_shost, mac, sizeof(mac));
    out.eth.ether_type = htons(ETHERTYPE_IP);
    out.ip.version = 4;
    out.ip.ihl = 5;
    out.ip.ttl = 64;
    out.ip.protocol = IPPROTO_TCP;
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        const ssize_t got = read(tap, &in, sizeof(in));

        if (got > 0)
            take((size_t)got);
    }
}
