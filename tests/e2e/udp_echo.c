/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * udp_echo ADDRESS PORT FROM TO: one datagram of each size FROM..TO to an echo server, each
 * answered within a second with the same bytes, or exit status 1. ADDRESS may be IPv6 and carry a
 * %scope.
 */
#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#define BYTES_MAX 65507u

static int connected(const char *address, const char *port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST};
    const struct timeval patience = {.tv_sec = 1};
    struct addrinfo *to;
    int fd = -1;

    if (getaddrinfo(address, port, &hints, &to) != 0)
        return -1;
    fd = socket(to->ai_family, SOCK_DGRAM, 0);
    if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
                    connect(fd, to->ai_addr, to->ai_addrlen) != 0))
        fd = -1;
    freeaddrinfo(to);
    return fd;
}

static int echo_one(int fd, size_t size)
{
    static uint8_t sent[BYTES_MAX], got[BYTES_MAX + 1];
    ssize_t len;

    for (size_t i = 0; i < size; i++)
        sent[i] = (uint8_t)(i * 31 + size);
    if (send(fd, sent, size, 0) != (ssize_t)size) {
        fprintf(stderr, "udp_echo: size %zu not sent: %s\n", size, strerror(errno));
        return -1;
    }
    len = recv(fd, got, sizeof(got), 0);
    if (len != (ssize_t)size || memcmp(sent, got, size) != 0) {
        fprintf(stderr, "udp_echo: size %zu: %s\n", size,
                len < 0 ? strerror(errno) : "another answer than what was sent");
        return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    size_t from, to;
    int fd;

    if (argc != 5) {
        fprintf(stderr, "usage: udp_echo ADDRESS PORT FROM TO\n");
        return 2;
    }
    from = strtoul(argv[3], NULL, 10);
    to = strtoul(argv[4], NULL, 10);
    if (to > BYTES_MAX || from > to)
        return 2;
    fd = connected(argv[1], argv[2]);
    if (fd < 0) {
        fprintf(stderr, "udp_echo: cannot reach %s port %s\n", argv[1], argv[2]);
        return 1;
    }
    for (size_t size = from; size <= to; size++) {
        if (echo_one(fd, size) != 0)
            return 1;
    }
    printf("%zu sizes answered\n", to - from + 1);
    return 0;
}
