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
#include "netvsc_look.h"
#include "port_clock.h"
#include "port_threads.h"

#define BACKLOG 64
#define BUFFER_BYTES 65536u
#define ATTACH_NS (60 * PORT_NS_PER_S)
#define DETACH_NS (20 * PORT_NS_PER_S)

static struct {
    struct app_options options;
    uint64_t port;
    struct app_bus bus;
    struct app_emulate emulate;
    struct netvsc_netif nif;
    struct port_attach attach;
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
    pthread_attr_t detached;
    pthread_t thread;
    int fd;

    (void)arg;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    while ((fd = lwip_accept(sockets.listener, NULL, NULL)) >= 0) {
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

static int open_device(struct vmbus_device **out)
{
    int status;

    if (sockets.options.emulated) {
        status = app_emulate_start(&sockets.emulate, &sockets.options.emulate);
        if (status)
            return status;
        sockets.attach.open = app_emulate_open;
        sockets.attach.ctx = &sockets.emulate;
        status = app_emulate_open(&sockets.emulate, out);
        return status ? app_fail(1, "emulated card", strerror(-status), "Please report this") : 0;
    }
    status = app_bus_choose(&sockets.bus, sockets.options.bus, sockets.options.nic);
    if (status)
        return status;
    sockets.attach.open = app_bus_open;
    sockets.attach.ctx = &sockets.bus;
    return app_bus_open_first(&sockets.bus, out);
}

static int open_card(struct vmbus_device *dev)
{
    const struct netvsc_config config = {.mtu_bytes = sockets.options.mtu_bytes};
    int rc;

    LOCK_TCPIP_CORE();
    rc = netvsc_netif_add(&sockets.nif, &config);
    if (rc) {
        vmbus_close(dev);
    } else {
        sockets.attach.nic = sockets.nif.nic;
        rc = port_attach_begin(&sockets.attach, dev, port_clock_now());
    }
    UNLOCK_TCPIP_CORE();
    return rc ? app_fail(1, "card", strerror(-rc), "Free some memory") : 0;
}

static int bring_up(void)
{
    struct port_threads_config config = {
        .nif = &sockets.nif, .attach = &sockets.attach, .spin_us = sockets.options.spin_us};
    const char *why;
    int rc;

    if (sockets.options.emulated)
        config.peer = app_emulate_peer(sockets.emulate.host);
    rc = port_threads_start(&sockets.threads, &config);
    if (rc)
        return app_fail(1, "poll thread", strerror(-rc), "Allow more threads: ulimit -u");
    rc = port_threads_wait(&sockets.threads, attached, NULL, ATTACH_NS);
    LOCK_TCPIP_CORE();
    why = netvsc_failure(sockets.nif.nic);
    if (netvsc_state(sockets.nif.nic) == NETVSC_UP)
        rc = port_net_up(&sockets.nif.netif, &sockets.options.net);
    else
        rc = -EIO;
    UNLOCK_TCPIP_CORE();
    if (rc)
        return app_fail(1, "attach", *why ? why : strerror(-rc), "Check that the host runs");
    port_log(PORT_LOG_INFO, "card up, NVSP %s",
             netvsc_version_name(netvsc_info(sockets.nif.nic)->nvs_version));
    return 0;
}

static void leave(void)
{
    LOCK_TCPIP_CORE();
    port_net_down(&sockets.nif.netif);
    port_attach_end(&sockets.attach, port_clock_now());
    UNLOCK_TCPIP_CORE();
    if (port_threads_wait(&sockets.threads, detached, NULL, DETACH_NS) != 0)
        port_log(PORT_LOG_WARN, "the host did not confirm the detach; leaving without");
    port_threads_stop(&sockets.threads);
    if (sockets.options.stats)
        app_stats_print(&sockets.nif, sockets.options.emulated ? &sockets.emulate : NULL, stderr);
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

static int run(void)
{
    struct vmbus_device *dev;
    int status, signal;

    start_lwip();
    status = open_device(&dev);
    if (status == 0)
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
    };
    int status = app_options_parse(&spec, argc, argv, &sockets.options);

    if (status != APP_GO_ON)
        return status;
    port_log_setup(spec.name, sockets.options.log);
    /* Before any thread: they all inherit it, so that only sigwait() sees them. */
    sigemptyset(&sockets.signals);
    sigaddset(&sockets.signals, SIGINT);
    sigaddset(&sockets.signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &sockets.signals, NULL);
    return run();
}
