/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What sleeping and starting cost. One line each, times in microseconds:
 *
 *   first COUNT PAUSE_MS PORT ADDRESS...   an echo of one byte after a pause, when the server
 *                                          sleeps; of each server in turns, and the machine's own
 *                                          wake-up in turns with them
 *   start ADDRESS PORT COMMAND...          from exec of COMMAND to the first SYN-ACK, then ends it
 *
 * The machine's own wake-up is what no program here can do better: a thread on the server's
 * processor sleeps in poll() and is woken by an eventfd, until it runs. This program never sleeps,
 * so only the other side is woken; each time after a pause, so that the processor slept, not only
 * the server. How long a processor takes to wake changes with what the machine beneath does, for
 * seconds at a time, by more than all else here. So the two are asked one by one, quantiles are
 * compared within blocks of BLOCK pairs, and the median block counts: a spell in which somebody
 * else had the processor spoils blocks, not the result.
 *
 * "start" sends a SYN each 200 us: the address must be in the neighbour table, or the kernel would
 * ask for it once a second.
 */
#define _GNU_SOURCE /* CPU_SET */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_clock.h"

#define COUNT_MAX 100000u
#define BLOCK 100u
#define SERVERS_MAX 4u
#define SYN_EVERY_US 200
#define START_MS_MAX 5000u
#define ANSWER_MS_MAX 5000u /* a client that spins for ever could stop what it waits for */

struct server {
    int fd;
    double us[COUNT_MAX];
};

static struct server servers[SERVERS_MAX];
static double own_us[COUNT_MAX];
static unsigned count;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void take_count(const char *text)
{
    const long n = atol(text);

    if (n < 1 || n > (long)COUNT_MAX) {
        fprintf(stderr, "bench_wake: COUNT is 1 to %u\n", COUNT_MAX);
        exit(2);
    }
    count = (unsigned)n;
}

static void pin(unsigned cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        die("sched_setaffinity");
}

/* ---- the machine's own ----------------------------------------------------------------------- */

static int bell;
static _Atomic uint64_t woken_ns;

static void *sleeper(void *arg)
{
    struct pollfd fd = {.fd = bell, .events = POLLIN};
    uint64_t rung;

    pin(1);
    for (unsigned i = 0; i < count; i++) {
        poll(&fd, 1, -1);
        atomic_store(&woken_ns, bench_now_ns());
        if (read(bell, &rung, sizeof(rung)) < 0)
            die("eventfd");
    }
    return arg;
}

static double wake_us(void)
{
    const uint64_t one = 1;
    uint64_t rung_ns;

    atomic_store(&woken_ns, 0);
    rung_ns = bench_now_ns();
    if (write(bell, &one, sizeof(one)) < 0)
        die("eventfd");
    while (atomic_load(&woken_ns) == 0)
        continue;
    return (double)(atomic_load(&woken_ns) - rung_ns) / 1000;
}

/* ---- first ----------------------------------------------------------------------------------- */

static struct sockaddr_in address_of(const char *address, const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

    if (inet_pton(AF_INET, address, &to.sin_addr) != 1) {
        fprintf(stderr, "bench_wake: %s is no IPv4 address\n", address);
        exit(2);
    }
    return to;
}

/* Awake: what it costs the asking side to come back from a pause is not what is looked for. */
static void wait_us(uint64_t pause_us)
{
    const uint64_t end_ns = bench_now_ns() + pause_us * 1000;

    while (bench_now_ns() < end_ns)
        continue;
}

static double ask_us(int fd)
{
    const uint64_t asked_ns = bench_now_ns();
    char byte = 'x';
    ssize_t got;

    if (write(fd, &byte, 1) != 1)
        die("write");
    do {
        got = recv(fd, &byte, 1, MSG_DONTWAIT);
    } while (got < 0 && errno == EAGAIN &&
             bench_now_ns() - asked_ns < ANSWER_MS_MAX * UINT64_C(1000000));
    if (got != 1)
        die("recv");
    return (double)(bench_now_ns() - asked_ns) / 1000;
}

/* The quantile (q) of each block less that of the same block in (less), which may be NULL; the
 * median of these. Orders blocks. */
static double of_blocks(double *values, double *less, double q)
{
    static double block[COUNT_MAX / BLOCK + 1];
    unsigned blocks = 0;

    for (unsigned i = 0; i == 0 || i + BLOCK <= count; i += BLOCK) {
        const unsigned size = count < BLOCK ? count : BLOCK;
        const unsigned at = (unsigned)(q * (size - 1));

        qsort(values + i, size, sizeof(double), by_size);
        if (less)
            qsort(less + i, size, sizeof(double), by_size);
        block[blocks++] = values[i + at] - (less ? less[i + at] : 0);
    }
    qsort(block, blocks, sizeof(double), by_size);
    return block[blocks / 2];
}

static int connected(const struct sockaddr_in *to)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static void ask_all(unsigned asked, uint64_t pause_us)
{
    for (unsigned i = 0; i < count; i++) {
        wait_us(pause_us);
        own_us[i] = wake_us();
        for (unsigned k = 0; k < asked; k++) {
            wait_us(pause_us);
            servers[k].us[i] = ask_us(servers[k].fd);
        }
    }
}

static void print_all(unsigned asked)
{
    const double late = count < BLOCK ? 0.9 : 0.99;

    printf("{\"count\":%u,\"late\":%.2f,\"own_p50_us\":%.1f,\"own_late_us\":%.1f,\"servers\":[",
           count, late, of_blocks(own_us, NULL, 0.5), of_blocks(own_us, NULL, late));
    for (unsigned k = 0; k < asked; k++) {
        double *us = servers[k].us;

        printf("%s{\"p50_us\":%.1f,\"late_us\":%.1f,", k ? "," : "", of_blocks(us, NULL, 0.5),
               of_blocks(us, NULL, late));
        printf("\"above_p50_us\":%.1f,\"above_late_us\":%.1f}", of_blocks(us, own_us, 0.5),
               of_blocks(us, own_us, late));
    }
    printf("]}\n");
}

/* The servers at (addresses), all on (port). */
static void first(const char *port, char **addresses, unsigned asked, uint64_t pause_us)
{
    pthread_t thread;

    bell = eventfd(0, 0);
    if (bell < 0 || pthread_create(&thread, NULL, sleeper, NULL) != 0)
        die("thread");
    pin(0);
    for (unsigned k = 0; k < asked; k++) {
        const struct sockaddr_in to = address_of(addresses[k], port);

        servers[k].fd = connected(&to);
    }
    ask_all(asked, pause_us);
    pthread_join(thread, NULL);
    print_all(asked);
}

/* ---- start ----------------------------------------------------------------------------------- */

/* A SYN; is it answered within the time to the next? */
static bool answered(const struct sockaddr_in *to)
{
    const struct timespec wait = {.tv_nsec = SYN_EVERY_US * 1000};
    struct pollfd fd = {.events = POLLOUT};
    socklen_t len = sizeof(int);
    int error = 1;

    fd.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd.fd < 0)
        die("socket");
    if (connect(fd.fd, (const struct sockaddr *)to, sizeof(*to)) == 0)
        error = 0;
    else if (errno == EINPROGRESS && ppoll(&fd, 1, &wait, NULL) > 0)
        getsockopt(fd.fd, SOL_SOCKET, SO_ERROR, &error, &len);
    close(fd.fd);
    return error == 0;
}

static void start(const struct sockaddr_in *to, char **command)
{
    const uint64_t begun_ns = bench_now_ns();
    const pid_t pid = fork();

    if (pid < 0)
        die("fork");
    if (pid == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO); /* where our one line goes */
        execvp(command[0], command);
        die(command[0]);
    }
    while (!answered(to)) {
        if (bench_now_ns() - begun_ns > START_MS_MAX * UINT64_C(1000000)) {
            kill(pid, SIGKILL);
            fprintf(stderr, "bench_wake: no answer in %u ms\n", START_MS_MAX);
            exit(1);
        }
    }
    printf("{\"start_us\":%.1f}\n", (double)(bench_now_ns() - begun_ns) / 1000);
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
    if (argc >= 6 && argc <= 5 + (int)SERVERS_MAX && strcmp(argv[1], "first") == 0) {
        take_count(argv[2]);
        first(argv[4], argv + 5, (unsigned)argc - 5, (uint64_t)atoi(argv[3]) * 1000);
    } else if (argc >= 5 && strcmp(argv[1], "start") == 0) {
        const struct sockaddr_in to = address_of(argv[2], argv[3]);

        start(&to, argv + 4);
    } else {
        fprintf(stderr, "usage: bench_wake first COUNT PAUSE_MS PORT ADDRESS...\n"
                        "       bench_wake start ADDRESS PORT COMMAND...\n");
        return 2;
    }
    return 0;
}
