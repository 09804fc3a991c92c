/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * netvsc-sockets: TCP and UDP echo with BSD sockets and a thread per connection, on lwIP with
 * threads. For who has such a program already: netvsc-echo does the same without, and faster.
 */
#include "app_var.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "lwip/sockets.h"
#include "lwip/tcpip.h"
#include "port_clock.h"
#include "port_threads.h"

#define BACKLOG 64
#define BUFFER_BYTES 65536u

static struct {
    struct app_options options;
    uint64_t port;
    struct app_card card;
    struct netvsc_netif nif;
    struct port_threads threads;
    int listener, udp;
    sigset_t signals;
} sockets = {.port = 7};

/* ---- echo ------------------------------------------------------------------------------------ */

static bool send_all(int fd, const char *data, ssize_t len)
{
    while (len > 0) {
        const ssize_t sent = lwip_send(fd, data, (size_t)len, 0);

        if (sent <= 0)
            return false;
        data += sent;
        len -= sent;
    }
    return true;
}

static void *serve_connection(void *arg)
{
    const int fd = (int)(intptr_t)arg;
    char buffer[16384];
    ssize_t got;

    while ((got = lwip_recv(fd, buffer, sizeof(buffer), 0)) > 0) {
        if (!send_all(fd, buffer, got))
            break;
    }
    lwip_close(fd);
    return NULL;
}

static void *accept_connections(void *arg)
{
    const int yes = 1;
    pthread_attr_t detached;
    pthread_t thread;
    int fd;

    (void)arg;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    while ((fd = lwip_accept(sockets.listener, NULL, NULL)) >= 0) {
        /* Or an answer's last bytes wait until the peer has acknowledged the others: 40 ms. */
        lwip_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        if (pthread_create(&thread, &detached, serve_connection, (void *)(intptr_t)fd) != 0)
            lwip_close(fd);
    }
    pthread_attr_destroy(&detached);
    return NULL;
}

static void *serve_datagrams(void *arg)
{
    static char buffer[BUFFER_BYTES];
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    ssize_t got;

    (void)arg;
    while ((got = lwip_recvfrom(sockets.udp, buffer, sizeof(buffer), 0, (struct sockaddr *)&from,
                                &len)) >= 0) {
        /* Two echo servers must not play for ever. */
        if (lwip_ntohs(from.sin_port) != sockets.port)
            lwip_sendto(sockets.udp, buffer, (size_t)got, 0, (struct sockaddr *)&from, len);
        len = sizeof(from);
    }
    return NULL;
}

static int open_sockets(void)
{
    const struct sockaddr_in address = {.sin_len = sizeof(address),
                                        .sin_family = AF_INET,
                                        .sin_port = lwip_htons((uint16_t)sockets.port)};
    const struct sockaddr *any = (const struct sockaddr *)&address;
    pthread_t thread;

    sockets.listener = lwip_socket(AF_INET, SOCK_STREAM, 0);
    sockets.udp = lwip_socket(AF_INET, SOCK_DGRAM, 0);
    if (sockets.listener < 0 || sockets.udp < 0 ||
        lwip_bind(sockets.listener, any, sizeof(address)) < 0 ||
        lwip_listen(sockets.listener, BACKLOG) < 0 ||
        lwip_bind(sockets.udp, any, sizeof(address)) < 0)
        return app_fail(1, "sockets", strerror(errno), "Choose another --port");
    if (pthread_create(&thread, NULL, accept_connections, NULL) != 0 ||
        pthread_create(&thread, NULL, serve_datagrams, NULL) != 0)
        return app_fail(1, "threads", strerror(errno), "Allow more of them: ulimit -u");
    return 0;
}

/* ---- the card -------------------------------------------------------------------------------- */

static bool attached(void *ctx)
{
    (void)ctx;
    return netvsc_state(sockets.nif.nic) != NETVSC_ATTACHING;
}

static bool detached(void *ctx)
{
    (void)ctx;
    return netvsc_state(sockets.nif.nic) != NETVSC_DETACHING;
}

static int open_card(struct vmbus_device *dev)
{
    struct netvsc_config config = app_card_config(&sockets.options);
    int rc;

    LOCK_TCPIP_CORE();
    rc = netvsc_netif_add(&sockets.nif, &config);
    if (rc)
        vmbus_close(dev);
    else
        rc = app_card_begin(&sockets.card, sockets.nif.nic, &sockets.options, dev);
    UNLOCK_TCPIP_CORE();
    return rc ? app_fail(1, "card", strerror(-rc), "Free some memory") : 0;
}

static int bring_up(void)
{
    struct port_threads_config config = {
        .nif = &sockets.nif, .attach = &sockets.card.attach, .spin_us = sockets.options.spin_us};
    int status, rc;

    if (sockets.options.emulated)
        config.peer = app_emulate_peer(sockets.card.emulate.host);
    rc = port_threads_start(&sockets.threads, &config);
    if (rc)
        return app_fail(1, "poll thread", strerror(-rc), "Allow more threads: ulimit -u");
    port_threads_wait(&sockets.threads, attached, NULL, APP_ATTACH_TIMEOUT_NS);
    LOCK_TCPIP_CORE();
    status = app_card_check(app_card_name(&sockets.card), sockets.nif.nic);
    if (status == 0)
        rc = port_net_up(&sockets.nif.netif, &sockets.options.net);
    UNLOCK_TCPIP_CORE();
    return rc ? app_fail(1, "address", strerror(-rc), "Free some memory") : status;
}

static void leave(void)
{
    LOCK_TCPIP_CORE();
    port_net_down(&sockets.nif.netif);
    port_attach_end(&sockets.card.attach, port_clock_now());
    UNLOCK_TCPIP_CORE();
    if (port_threads_wait(&sockets.threads, detached, NULL, APP_DETACH_TIMEOUT_NS) != 0)
        port_log(PORT_LOG_WARN, "the host did not confirm the detach; leaving without");
    port_threads_stop(&sockets.threads);
    if (sockets.options.stats)
        app_stats_print(&sockets.nif, sockets.options.emulated ? &sockets.card.emulate : NULL,
                        stderr);
    app_capture_say();
    app_capture_close();
}

/* ---- program --------------------------------------------------------------------------------- */

static void on_tcpip(void *arg)
{
    sys_sem_signal(arg);
}

static void start_lwip(void)
{
    sys_sem_t ready;

    sys_sem_new(&ready, 0);
    tcpip_init(on_tcpip, &ready);
    sys_sem_wait(&ready);
    sys_sem_free(&ready);
}

static error_t parse(int key, char *arg, void *ctx)
{
    (void)ctx;
    return key == 'p' ? app_number("port", arg, 1, 65535, &sockets.port) : ARGP_ERR_UNKNOWN;
}

/* What only the loop of programs without threads can do must not look as if it were done. */
static int check(void *ctx)
{
    (void)ctx;
    if (sockets.options.control)
        return app_fail(2, "--control", "this program cannot be asked", "Leave it out");
    if (sockets.options.connections)
        return app_fail(2, "--connections", "lwIP's own pools have one size", "Leave it out");
    return 0;
}

static int run(void)
{
    struct vmbus_device *dev;
    int status, signal;

    start_lwip();
    status = app_card_open(&sockets.card, NULL, &sockets.options, &dev);
    if (status)
        return status;
    status = app_capture_open(sockets.options.pcap, app_card_name(&sockets.card));
    if (status)
        vmbus_close(dev);
    else
        status = open_card(dev);
    if (status == 0)
        status = bring_up();
    if (status == 0)
        status = open_sockets();
    if (status)
        return status;
    port_log(PORT_LOG_INFO, "echo by sockets on TCP and UDP port %u", (unsigned)sockets.port);
    sigwait(&sockets.signals, &signal);
    leave();
    return 0; /* threads still in sockets end with the process */
}

int main(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"port", 'p', "PORT", 0, "TCP and UDP port [7]", 0},
        {0},
    };
    static const struct app_spec spec = {
        .name = "netvsc-sockets",
        .summary = "Echo server with BSD sockets and threads, on lwIP with NO_SYS=0.",
        .example = "netvsc-sockets --emulate tap=nvt0 --ip 10.78.0.2/24",
        .options = options,
        .parse = parse,
        .check = check,
    };
    int status = app_begin(&spec, argc, argv, &sockets.options);

    if (status != APP_GO_ON)
        return status;
    /* Before any thread: they all inherit it, so that only sigwait() sees them. */
    sigemptyset(&sockets.signals);
    sigaddset(&sockets.signals, SIGINT);
    sigaddset(&sockets.signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &sockets.signals, NULL);
    return run();
}
