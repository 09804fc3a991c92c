/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A load generator over the kernel's own stack, of connections that end: AT_A_TIME on their way,
 * while HELD others stay open and silent.
 *
 *   echo  connect, send BYTES, have them back, reset: no port waits for its minute of TIME_WAIT
 *   get   connect, ask for PATH by HTTP with "Connection: close", read until the server closes:
 *         TIME_WAIT is the server's, and this side's ports come again within a second
 *
 * It never sleeps while it measures. Prints one JSON line: connections/s, how long they took,
 * segments the kernel here had to send again (all of this network namespace), and the share of the
 * time in which it found nothing to do. A refused or reset connection ends it with an error.
 */
#define _GNU_SOURCE /* SOCK_NONBLOCK */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench_clock.h"
#include "bench_times.h"

#define AT_A_TIME 64u
#define WARM_UP_NS 200000000u
#define REQUEST_BYTES_MAX 1024u

struct conn {
    int fd;
    bool asked;
    uint32_t got_bytes;
    uint64_t begin_ns;
};

static struct sockaddr_in to = {.sin_family = AF_INET};
static char request[REQUEST_BYTES_MAX];
static uint32_t request_bytes;
static bool by_http, measuring;
static int epoll;
static uint64_t done, idle_ns;
static struct bench_times times;

static void die(const char *what)
{
    fprintf(stderr, "bench_conns: %s: %s\n", what, errno ? strerror(errno) : "not the answer");
    exit(1);
}

/* Segments sent again by all of this namespace, so far. */
static unsigned long sent_again(void)
{
    static const char *const skip = "Tcp: %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %lu";
    FILE *books = fopen("/proc/self/net/snmp", "r");
    char line[1024];
    unsigned long count = 0;

    while (books && fgets(line, sizeof(line), books)) {
        if (sscanf(line, skip, &count) == 1)
            break;
    }
    if (books)
        fclose(books);
    return count;
}

static void watch(struct conn *c, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.ptr = c};

    if (epoll_ctl(epoll, how, c->fd, &event) != 0)
        die("epoll_ctl");
}

static int open_socket(int flags)
{
    const int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    const struct linger reset = {.l_onoff = 1};
    int one = 1;

    if (fd < 0)
        die("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (!by_http) /* or its port would be taken for a minute */
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    return fd;
}

static void begin(struct conn *c)
{
    *c = (struct conn){.fd = open_socket(SOCK_NONBLOCK), .begin_ns = bench_now_ns()};
    if (connect(c->fd, (const struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS)
        die("connect");
    watch(c, EPOLLOUT, EPOLL_CTL_ADD);
}

static void end(struct conn *c)
{
    close(c->fd);
    if (measuring) {
        bench_times_add(&times, bench_now_ns() - c->begin_ns);
        done++;
    }
    begin(c);
}

static void take(struct conn *c)
{
    char answer[16384];
    const ssize_t got = read(c->fd, answer, sizeof(answer));

    if (got < 0 && errno == EAGAIN)
        return;
    errno = got < 0 ? errno : 0;
    if (got < 0 || (got == 0 && (!by_http || c->got_bytes == 0)) ||
        (by_http && c->got_bytes == 0 && strncmp(answer, "HTTP/1.1 200 ", 13) != 0))
        die("read");
    c->got_bytes += (uint32_t)got;
    if (by_http ? got == 0 : c->got_bytes == request_bytes)
        end(c);
}

static void on_ready(struct conn *c)
{
    if (c->asked) {
        take(c);
        return;
    }
    if (write(c->fd, request, request_bytes) != (ssize_t)request_bytes)
        die("write to a connection just opened");
    c->asked = true;
    watch(c, EPOLLIN, EPOLL_CTL_MOD);
}

static double run(uint64_t length_ns)
{
    struct epoll_event events[AT_A_TIME];
    uint64_t start = bench_now_ns() + WARM_UP_NS, now;

    while ((now = bench_now_ns()) < start + length_ns) {
        const int ready = epoll_wait(epoll, events, AT_A_TIME, 0);

        if (!measuring && now >= start) {
            measuring = true;
            start = now;
        }
        for (int i = 0; i < ready; i++)
            on_ready(events[i].data.ptr);
        if (measuring && ready == 0)
            idle_ns += bench_now_ns() - now;
    }
    return (double)(now - start) / 1e9;
}

static bool prepare(char **argv)
{
    by_http = strcmp(argv[1], "get") == 0;
    if (by_http)
        request_bytes = (uint32_t)snprintf(
            request, sizeof(request), "GET %.400s HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n",
            argv[5]);
    else
        request_bytes = (uint32_t)atoi(argv[5]);
    to.sin_port = htons((uint16_t)atoi(argv[3]));
    return (by_http || strcmp(argv[1], "echo") == 0) && request_bytes >= 1 &&
           request_bytes <= REQUEST_BYTES_MAX && inet_pton(AF_INET, argv[2], &to.sin_addr) == 1;
}

int main(int argc, char **argv)
{
    static struct conn conns[AT_A_TIME];
    unsigned long again;
    double seconds;

    if (argc != 7 || !prepare(argv)) {
        fprintf(stderr, "usage: bench_conns echo|get ADDRESS PORT HELD BYTES|PATH SECONDS\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    epoll = epoll_create1(0);
    for (int held = atoi(argv[4]); held > 0; held--) {
        if (connect(open_socket(0), (const struct sockaddr *)&to, sizeof(to)) != 0)
            die("connect one that stays");
    }
    again = sent_again();
    for (unsigned i = 0; i < AT_A_TIME; i++)
        begin(&conns[i]);
    seconds = run((uint64_t)(atof(argv[6]) * 1e9));
    printf("{\"held\":%d,\"requests_per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
           "\"p999_us\":%.1f,\"again\":%lu,\"client_cpu\":1,\"client_idle\":%.2f}\n",
           atoi(argv[4]), (double)done / seconds, bench_times_us(&times, 0.5),
           bench_times_us(&times, 0.99), bench_times_us(&times, 0.999), sent_again() - again,
           (double)idle_ns / 1e9 / seconds);
    return done ? 0 : 1;
}
