/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long answers of each size take: GET /N, a file of N bytes, for each N given.
 *
 *   keep   one request after the other on one connection
 *   pipe   eight in one segment, on one connection; how long all eight answers take
 *   fresh  a connection for each, from its begin on
 *
 * Stalls are systematic: a timer of one end (40 ms for an acknowledgement, 200 ms for a segment)
 * waits for what the other end keeps back. So of fifteen times the median counts, and not what a
 * busy machine does to some. A size is stalled if that is above 25 ms, and 20 ns per byte, in three
 * rounds. Prints those; status 1 if there are any.
 */
#define _GNU_SOURCE /* memmem */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TIMES 15u
#define ROUNDS 3u
#define AT_ONCE 8u
#define LIMIT_US 25000u
#define NS_PER_BYTE 20u

static struct sockaddr_in to = {.sin_family = AF_INET};
static enum { KEEP, PIPE, FRESH } mode;

static struct {
    int fd;
    size_t bytes; /* read, and not yet looked at */
    char data[65536];
} in = {.fd = -1};

static void die(const char *what)
{
    fprintf(stderr, "http_sizes: %s: %s\n", what, errno ? strerror(errno) : "not the answer");
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static void open_connection(void)
{
    int one = 1;

    in.bytes = 0;
    in.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (in.fd < 0 || connect(in.fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
        die("connect");
    setsockopt(in.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void read_more(void)
{
    const ssize_t got = read(in.fd, in.data + in.bytes, sizeof(in.data) - in.bytes);

    if (got <= 0)
        die("read");
    in.bytes += (size_t)got;
}

/* The first (bytes) were looked at. */
static void forget(size_t bytes)
{
    in.bytes -= bytes;
    memmove(in.data, in.data + bytes, in.bytes);
}

/* Take one answer, of (size) bytes behind its head. */
static void take_answer(size_t size)
{
    const char *end, *length;
    size_t left;

    errno = 0;
    while (!(end = memmem(in.data, in.bytes, "\r\n\r\n", 4)))
        read_more();
    length = memmem(in.data, in.bytes, "\r\nContent-Length: ", 18);
    if (strncmp(in.data, "HTTP/1.1 200 ", 13) != 0 || !length || length > end ||
        strtoull(length + 18, NULL, 10) != size)
        die("answer");
    forget((size_t)(end - in.data) + 4);
    for (left = size; left > in.bytes; read_more()) {
        left -= in.bytes;
        in.bytes = 0;
    }
    forget(left);
}

static uint64_t time_of(size_t size)
{
    const unsigned count = mode == PIPE ? AT_ONCE : 1;
    const uint64_t begin = now_us();
    char request[AT_ONCE * 64];
    int bytes = 0;

    if (mode == FRESH)
        open_connection();
    for (unsigned i = 0; i < count; i++)
        bytes += sprintf(request + bytes, "GET /%zu HTTP/1.1\r\nHost: a\r\n\r\n", size);
    if (write(in.fd, request, (size_t)bytes) != bytes)
        die("write");
    for (unsigned i = 0; i < count; i++)
        take_answer(size);
    if (mode == FRESH)
        close(in.fd);
    return now_us() - begin;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* The least of three medians. */
static uint64_t median_us(size_t size, uint64_t limit_us)
{
    uint64_t took[TIMES], least = UINT64_MAX;

    for (unsigned round = 0; round < ROUNDS && least > limit_us; round++) {
        for (unsigned i = 0; i < TIMES; i++)
            took[i] = time_of(size);
        qsort(took, TIMES, sizeof(took[0]), by_value);
        least = took[TIMES / 2] < least ? took[TIMES / 2] : least;
    }
    return least;
}

int main(int argc, char **argv)
{
    unsigned stalled = 0;

    if (argc < 5 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
        fprintf(stderr, "usage: http_sizes ADDRESS PORT keep|pipe|fresh BYTES...\n");
        return 2;
    }
    to.sin_port = htons((uint16_t)atoi(argv[2]));
    mode = argv[3][0] == 'k' ? KEEP : argv[3][0] == 'p' ? PIPE : FRESH;
    if (mode != FRESH)
        open_connection();
    for (int i = 4; i < argc; i++) {
        const size_t size = strtoull(argv[i], NULL, 10);
        const uint64_t limit_us =
            LIMIT_US + size * (mode == PIPE ? AT_ONCE : 1) * NS_PER_BYTE / 1000;
        const uint64_t us = median_us(size, limit_us);

        if (us > limit_us && ++stalled)
            printf("%zu bytes: %llu us, limit %llu\n", size, (unsigned long long)us,
                   (unsigned long long)limit_us);
    }
    return stalled > 0;
}
