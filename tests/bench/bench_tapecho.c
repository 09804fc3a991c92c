/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What no program behind a TAP device can exceed with small requests: each segment with data is
 * turned around where it lies, addresses, ports and numbers exchanged, and written back. Port 7
 * gets its own bytes, port 80 an answer of 128 bytes made beforehand. One read() and one write()
 * per request; no driver, no rings, no host, no memory of connections at all.
 *
 * bench_tapecho TAP ADDRESS [sleep]
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench_rawtap.h"

#define BODY_BYTES 128
#define WINDOW 0xffff

static struct rawtap_frame frame;
static int tap;
static uint32_t address;
static char answer[512];
static size_t answer_bytes;

static void put(size_t bytes)
{
    if (write(tap, &frame, bytes) < 0)
        rawtap_die("write");
}

/* The frame goes back, and acknowledges (bytes) of what it brought. */
static void turn_around(uint32_t bytes)
{
    const struct ether_header eth = frame.eth;
    const struct iphdr ip = frame.ip;
    const struct tcphdr tcp = frame.tcp;

    memcpy(frame.eth.ether_dhost, eth.ether_shost, sizeof(eth.ether_shost));
    memcpy(frame.eth.ether_shost, eth.ether_dhost, sizeof(eth.ether_dhost));
    frame.ip.saddr = ip.daddr;
    frame.ip.daddr = ip.saddr;
    frame.tcp.source = tcp.dest;
    frame.tcp.dest = tcp.source;
    frame.tcp.seq = tcp.ack_seq;
    frame.tcp.ack_seq = htonl(ntohl(tcp.seq) + bytes);
    frame.tcp.window = htons(WINDOW);
}

/* Without options, so that there are none in what follows. FIN is answered by FIN. */
static void shake_hands(void)
{
    turn_around(1);
    frame.tcp.ack = 1;
    frame.tcp.doff = 5;
    rawtap_seal(&frame, sizeof(frame.tcp), 0);
    put(offsetof(struct rawtap_frame, rest));
}

static void answer_http(void)
{
    memcpy(frame.rest, answer, answer_bytes);
    rawtap_seal(&frame, sizeof(frame.tcp) + answer_bytes, 0);
    put(offsetof(struct rawtap_frame, rest) + answer_bytes);
}

static void take(size_t bytes)
{
    size_t data_bytes;

    if (frame.eth.ether_type == htons(ETHERTYPE_ARP))
        rawtap_answer_arp(tap, &frame, address);
    if (frame.eth.ether_type != htons(ETHERTYPE_IP) || frame.ip.protocol != IPPROTO_TCP ||
        bytes < offsetof(struct rawtap_frame, rest) || frame.tcp.rst)
        return;
    data_bytes = rawtap_data_bytes(&frame);
    if (frame.tcp.syn || frame.tcp.fin) {
        shake_hands();
    } else if (data_bytes) {
        turn_around((uint32_t)data_bytes);
        if (frame.tcp.source == htons(80))
            answer_http();
        else
            put(bytes); /* its sums are as they were: the same words in another order */
    }
}

int main(int argc, char **argv)
{
    const bool sleeps = argc == 4 && strcmp(argv[3], "sleep") == 0;
    struct pollfd readable;

    if (argc < 3 || argc > 4 || inet_pton(AF_INET, argv[2], &address) != 1) {
        fprintf(stderr, "usage: bench_tapecho TAP ADDRESS [sleep]\n");
        return 2;
    }
    tap = rawtap_open(argv[1]);
    readable = (struct pollfd){.fd = tap, .events = POLLIN};
    answer_bytes = (size_t)sprintf(answer,
                                   "HTTP/1.1 200 OK\r\nServer: bench\r\n"
                                   "Content-Type: application/octet-stream\r\n"
                                   "Content-Length: %d\r\n\r\n%*s",
                                   BODY_BYTES, BODY_BYTES, "");
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        const ssize_t got = read(tap, &frame, sizeof(frame));

        if (got > 0)
            take((size_t)got);
        else if (sleeps)
            poll(&readable, 1, -1);
    }
}
