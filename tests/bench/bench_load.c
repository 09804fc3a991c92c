/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* strcasestr */
/*
 * A load generator over the kernel's own stack, CONNS connections for SECONDS:
 *
 *   get   HTTP/1.1 with keep-alive: ask for PATH again and again, one request outstanding on each
 *   echo  send BYTES, wait until they are back, again
 *   send  as many bytes as the server takes, BYTES at a time
 *
 * It never sleeps while it measures, so that what is seen is the server's time and not that of
 * waking up this program. Prints one JSON line: requests/s, latencies, Gbit/s of what was asked for
 * or sent, the client's own CPU share, and the share of the time in which it found nothing to do:
 * near 0, it was the client that was measured.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench_clock.h"
#include "bench_times.h"

#define WARM_UP_NS 200000000u
#define HEAD_BYTES_MAX 2048u

struct conn {
    int fd;
    bool in_body;
    size_t head_bytes; /* of the current response, seen so far */
    uint64_t body_left;
    uint64_t asked_ns;
    char head[HEAD_BYTES_MAX + 1];
};

static char request[1 << 16], sink[1 << 20];
static size_t request_bytes;
static enum { GET, ECHO, SEND } mode;
static struct bench_times times;
static uint64_t body_bytes, idle_ns;
static bool measuring;

static void die(const char *what)
{
    fprintf(stderr, "bench_load: %s: %s\n", what, errno ? strerror(errno) : "protocol");
    exit(1);
}

static double cpu_seconds(void)
{
    struct rusage use;

    getrusage(RUSAGE_SELF, &use);
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
           (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

static void ask(struct conn *c)
{
    c->in_body = mode == ECHO;
    c->body_left = request_bytes;
    c->head_bytes = 0;
    c->asked_ns = bench_now_ns();
    if (write(c->fd, request, request_bytes) != (ssize_t)request_bytes)
        die("write");
}

static void answered(struct conn *c)
{
    if (measuring)
        bench_times_add(&times, bench_now_ns() - c->asked_ns);
    ask(c);
}

static void take_body(struct conn *c, size_t bytes)
{
    if (bytes > c->body_left)
        die("more than the announced length");
    c->body_left -= bytes;
    if (measuring)
        body_bytes += bytes;
    if (c->body_left == 0)
        answered(c);
}

/* Collects the head; what follows it belongs to the body. */
static void take_head(struct conn *c)
{
    ssize_t got = read(c->fd, c->head + c->head_bytes, HEAD_BYTES_MAX - c->head_bytes);
    char *end, *length;

    if (got <= 0) {
        if (got < 0 && errno == EAGAIN)
            return;
        die("the server closed the connection");
    }
    c->head_bytes += (size_t)got;
    c->head[c->head_bytes] = '\0';
    end = strstr(c->head, "\r\n\r\n");
    if (!end)
        return;
    end += 4;
    length = strcasestr(c->head, "\r\nContent-Length:");
    if (strncmp(c->head, "HTTP/1.1 200 ", 13) != 0 || !length || length > end) {
        errno = 0;
        die("no 200 answer with a Content-Length");
    }
    c->in_body = true;
    c->body_left = strtoull(length + 17, NULL, 10);
    take_body(c, c->head_bytes - (size_t)(end - c->head));
}

static void send_more(const struct conn *c)
{
    const ssize_t put = write(c->fd, request, request_bytes);

    if (put > 0 && measuring)
        body_bytes += (uint64_t)put;
    else if (put < 0 && errno != EAGAIN)
        die("write");
}

static void on_ready(struct conn *c)
{
    ssize_t got;

    if (mode == SEND) {
        send_more(c);
        return;
    }
    if (!c->in_body) {
        take_head(c);
        return;
    }
    got = read(c->fd, sink, c->body_left < sizeof(sink) ? c->body_left : sizeof(sink));
    if (got > 0)
        take_body(c, (size_t)got);
    else if (got == 0 || errno != EAGAIN)
        die("the server closed the connection");
}

static void open_conn(struct conn *c, const struct sockaddr_in *to, int epoll)
{
    struct epoll_event event = {.events = mode == SEND ? EPOLLOUT : EPOLLIN, .data.ptr = c};
    const struct linger reset = {.l_onoff = 1};
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)to, sizeof(*to)) != 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    /* At the end, or 10,000 ports would be taken for a minute. */
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        die("epoll");
}

static double run(int epoll, uint64_t length_ns)
{
    struct epoll_event events[256];
    uint64_t start = bench_now_ns() + WARM_UP_NS, now;

    while ((now = bench_now_ns()) < start + length_ns) {
        int ready = epoll_wait(epoll, events, 256, 0);

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

/* What is asked for, from the arguments. False: they make no sense. */
static bool prepare(const char *how, const char *what)
{
    if (strcmp(how, "get") == 0) {
        request_bytes = (size_t)snprintf(request, sizeof(request),
                                         "GET %.400s HTTP/1.1\r\nHost: b\r\n\r\n", what);
        return true;
    }
    mode = strcmp(how, "echo") == 0 ? ECHO : SEND;
    request_bytes = (size_t)atoi(what);
    return (mode == ECHO || strcmp(how, "send") == 0) && request_bytes >= 1 &&
           request_bytes <= sizeof(request);
}

int main(int argc, char **argv)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct conn *conns;
    unsigned count;
    double seconds, cpu;
    int epoll;

    if (argc != 7 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1 || atoi(argv[4]) < 1 ||
        !prepare(argv[1], argv[5])) {
        fprintf(stderr, "usage: bench_load get|echo|send ADDRESS PORT CONNS PATH|BYTES SECONDS\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    to.sin_port = htons((uint16_t)atoi(argv[3]));
    count = (unsigned)atoi(argv[4]);
    conns = calloc(count, sizeof(*conns));
    epoll = epoll_create1(0);
    if (!conns || epoll < 0)
        die("memory");
    for (unsigned i = 0; i < count; i++)
        open_conn(&conns[i], &to, epoll);
    for (unsigned i = 0; mode != SEND && i < count; i++)
        ask(&conns[i]);
    cpu = cpu_seconds();
    seconds = run(epoll, (uint64_t)(atof(argv[6]) * 1e9));
    cpu = (cpu_seconds() - cpu) / (seconds + WARM_UP_NS / 1e9);
    printf("{\"conns\":%u,\"requests_per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
           "\"p999_us\":%.1f,\"gbit_per_s\":%.3f,\"client_cpu\":%.2f,\"client_idle\":%.2f}\n",
           count, (double)times.count / seconds, bench_times_us(&times, 0.5),
           bench_times_us(&times, 0.99), bench_times_us(&times, 0.999),
           (double)body_bytes * 8 / seconds / 1e9, cpu, (double)idle_ns / 1e9 / seconds);
    free(conns);
    return times.count || body_bytes ? 0 : 1;
}
