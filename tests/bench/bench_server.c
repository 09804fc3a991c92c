/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The peer on the kernel's own stack: one thread, epoll that never sleeps, or with the argument
 * "sleep" one that does. Echo on port 7, discard on 5001, and on 80 HTTP/1.1 with keep-alive, where
 * GET /N answers with N bytes from memory. What a careful programmer gets out of Linux sockets
 * without tricks.
 */
#define _GNU_SOURCE /* accept4, memmem */
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
#include <sys/uio.h>
#include <unistd.h>

#define BUFFER_BYTES (16u << 20) /* the longest answer, and the longest piece read */
#define HEAD_BYTES_MAX 512u

enum service { LISTEN_ECHO, LISTEN_DISCARD, LISTEN_HTTP, ECHO, DISCARD, HTTP };

struct conn {
    int fd;
    enum service service;
    size_t head_bytes; /* of the answer at hand, in (head) */
    size_t sent_bytes, total_bytes;
    bool waiting; /* for room */
    char head[HEAD_BYTES_MAX];
};

static char *buffer;
static int epoll;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void watch(struct conn *c, uint32_t events, int how)
{
    struct epoll_event event = {.events = events, .data.ptr = c};

    if (epoll_ctl(epoll, how, c->fd, &event) != 0)
        die("epoll_ctl");
}

static void drop(struct conn *c)
{
    close(c->fd);
    free(c);
}

static struct conn *conn_new(int fd, enum service service)
{
    struct conn *c = calloc(1, sizeof(*c));

    if (!c)
        die("memory");
    c->fd = fd;
    c->service = service;
    watch(c, EPOLLIN, EPOLL_CTL_ADD);
    return c;
}

static void listen_on(uint16_t port, enum service service)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4096) != 0)
        die("listen");
    conn_new(fd, service);
}

static void take_all(const struct conn *listener)
{
    int fd, one = 1;

    while ((fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        conn_new(fd, listener->service - LISTEN_ECHO + ECHO);
    }
}

static ssize_t put_some(const struct conn *c)
{
    const size_t left = c->total_bytes - c->sent_bytes;
    struct iovec part[2] = {
        {(void *)(uintptr_t)(c->head + c->sent_bytes), c->head_bytes - c->sent_bytes},
        {buffer, c->total_bytes - c->head_bytes},
    };

    if (c->sent_bytes < c->head_bytes)
        return writev(c->fd, part, 2);
    return write(c->fd, buffer + (c->sent_bytes - c->head_bytes), left);
}

/* Go on with the answer at hand. */
static void answer(struct conn *c)
{
    const bool waited = c->waiting;

    while (c->sent_bytes < c->total_bytes) {
        const ssize_t put = put_some(c);

        if (put < 0)
            break;
        c->sent_bytes += (size_t)put;
    }
    c->waiting = c->sent_bytes < c->total_bytes && errno == EAGAIN;
    if (c->waiting != waited)
        watch(c, c->waiting ? EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
}

/* One request per segment is all that bench_load sends. */
static void request(struct conn *c, size_t bytes)
{
    const size_t body = strtoull(bytes > 5 ? buffer + 5 : "0", NULL, 10);

    if (!memmem(buffer, bytes, "\r\n\r\n", 4) || body > BUFFER_BYTES)
        return;
    c->head_bytes = (size_t)snprintf(c->head, sizeof(c->head),
                                     "HTTP/1.1 200 OK\r\nServer: bench\r\n"
                                     "Content-Type: application/octet-stream\r\n"
                                     "Content-Length: %zu\r\n\r\n",
                                     body);
    c->sent_bytes = 0;
    c->total_bytes = c->head_bytes + body;
    answer(c);
}

static void readable(struct conn *c)
{
    const ssize_t got = read(c->fd, buffer, c->service == DISCARD ? 1u << 20 : 1u << 16);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        drop(c);
    else if (c->service == HTTP)
        request(c, (size_t)got);
    else if (c->service == ECHO && write(c->fd, buffer, (size_t)got) != got)
        drop(c);
}

int main(int argc, char **argv)
{
    const int wait_ms = argc == 2 && strcmp(argv[1], "sleep") == 0 ? -1 : 0;
    struct epoll_event events[256];

    signal(SIGPIPE, SIG_IGN);
    buffer = malloc(BUFFER_BYTES);
    epoll = epoll_create1(0);
    if (!buffer || epoll < 0)
        die("memory");
    memset(buffer, 'x', BUFFER_BYTES); /* never written, it would be one page of zeros again */
    listen_on(7, LISTEN_ECHO);
    listen_on(5001, LISTEN_DISCARD);
    listen_on(80, LISTEN_HTTP);
    for (;;) {
        const int ready = epoll_wait(epoll, events, 256, wait_ms);

        for (int i = 0; i < ready; i++) {
            struct conn *c = events[i].data.ptr;

            if (c->service < ECHO)
                take_all(c);
            else if (events[i].events & EPOLLOUT)
                answer(c);
            else
                readable(c);
        }
    }
}
