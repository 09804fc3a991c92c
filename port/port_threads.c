/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Three kinds of threads meet at lwIP's core lock: the program's, in sockets; lwIP's tcpip thread,
 * which runs the timers; and ours, which polls the NIC. Ours takes the lock once per turn and hands
 * a whole batch of frames to lwIP while it has it: tcpip_input() would cost a message and two
 * context switches per frame, and polling from the tcpip thread itself would need it to wait on a
 * file descriptor, which it cannot.
 *
 * A socket sends in its own thread, under the lock, down to linkoutput. What it sends there is
 * published at once, for our thread may be asleep; and if it had to wait in the backlog, our thread
 * is woken to look after it.
 *
 * Received frames are copied, all of them: sockets free pbufs without the lock, which lwIP's own
 * pools bear, but pbufs over the receive buffer do not.
 *
 * Sleeping is as in port_loop.c: arm, look again, release the lock, ppoll(), disarm. pthread
 * mutexes are not fair, so a busy turn ends by giving up the CPU while the lock is free.
 */
#define _GNU_SOURCE /* ppoll() */
#include "port_threads.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lwip/tcpip.h"
#include "port_clock.h"

#define FDS_MAX 34u
#define WAIT_NS (1 * PORT_NS_PER_MS)

static struct port_threads *the; /* linkoutput has no context but the netif */

static void wake(struct port_threads *t)
{
    const uint64_t one = 1;

    /* Fails only when the counter is at its end, and then the thread is awake already. */
    if (write(t->wake_fd, &one, sizeof(one)) < 0)
        return;
}

/* Under the core lock, in any thread. */
static err_t output(struct netif *netif, struct pbuf *p)
{
    struct netvsc_netif *nif = the->config.nif;
    const err_t err = the->linkoutput(netif, p);

    if (the->in_turn)
        return err;
    netvsc_netif_flush(nif);
    if (nif->backlog_head != nif->backlog_tail || the->config.peer.step)
        wake(the);
    return err;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static unsigned turn(struct port_threads *t, uint64_t now_ns)
{
    const struct port_threads_config *config = &t->config;
    unsigned done;

    t->in_turn = true;
    done = netvsc_netif_poll(config->nif, now_ns, PORT_LOOP_BUDGET);
    port_attach_poll(config->attach, now_ns);
    netvsc_netif_flush(config->nif);
    if (config->peer.step)
        done += config->peer.step(config->peer.ctx, now_ns);
    t->in_turn = false;
    return done;
}

static uint64_t sleep_ns(const struct port_threads *t, uint64_t now_ns)
{
    const struct port_threads_config *config = &t->config;
    uint64_t left = netvsc_next_deadline(config->nif->nic, now_ns);

    left = port_idle_sooner(left, port_attach_next_deadline(config->attach, now_ns));
    if (config->peer.step)
        left = port_idle_sooner(left, config->peer.next_deadline(config->peer.ctx, now_ns));
    return left;
}

static unsigned collect_fds(const struct port_threads *t, struct pollfd *fds)
{
    const int irq = netvsc_irq_fd(t->config.nif->nic);
    unsigned count = 0;

    fds[count++] = (struct pollfd){.fd = t->wake_fd, .events = POLLIN};
    if (irq >= 0)
        fds[count++] = (struct pollfd){.fd = irq, .events = POLLIN};
    if (t->config.peer.step)
        count += t->config.peer.pollfds(t->config.peer.ctx, fds + count, FDS_MAX - count);
    return count;
}

static bool peer_arm(const struct port_threads *t, bool on)
{
    const struct port_loop_peer *peer = &t->config.peer;

    return !peer->arm || peer->arm(peer->ctx, on);
}

/* Under the lock, which is released while asleep. */
static void sleep_armed(struct port_threads *t, uint64_t left_ns)
{
    const struct timespec timeout = {.tv_sec = (time_t)(left_ns / PORT_NS_PER_S),
                                     .tv_nsec = (long)(left_ns % PORT_NS_PER_S)};
    struct pollfd fds[FDS_MAX];
    const unsigned count = collect_fds(t, fds);
    uint64_t wakes;

    if (!netvsc_irq_arm(t->config.nif->nic))
        return;
    if (peer_arm(t, true)) {
        UNLOCK_TCPIP_CORE();
        ppoll(fds, count, left_ns == UINT64_MAX ? NULL : &timeout, NULL);
        LOCK_TCPIP_CORE();
    }
    peer_arm(t, false);
    netvsc_irq_disarm(t->config.nif->nic);
    if (fds[0].revents && read(t->wake_fd, &wakes, sizeof(wakes)) < 0)
        return; /* somebody emptied it before: no matter */
}

static void *run(void *arg)
{
    struct port_threads *t = arg;

    LOCK_TCPIP_CORE();
    while (!atomic_load_explicit(&t->stop, memory_order_relaxed)) {
        const uint64_t now_ns = port_clock_now();
        const bool worked = turn(t, now_ns) != 0;

        if (port_idle_turn(&t->idle, worked, now_ns)) {
            const uint64_t left = sleep_ns(t, now_ns);

            if (left > 0)
                sleep_armed(t, left);
        }
        UNLOCK_TCPIP_CORE();
        sched_yield();
        LOCK_TCPIP_CORE();
    }
    UNLOCK_TCPIP_CORE();
    return NULL;
}

/* ---- for the program ------------------------------------------------------------------------- */

int port_threads_start(struct port_threads *t, const struct port_threads_config *config)
{
    int rc;

    memset(t, 0, sizeof(*t));
    t->config = *config;
    t->idle.spin_ns = config->spin_us * PORT_NS_PER_US;
    t->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (t->wake_fd < 0)
        return -errno;
    LOCK_TCPIP_CORE();
    the = t;
    t->linkoutput = config->nif->netif.linkoutput;
    config->nif->netif.linkoutput = output;
    config->nif->rx_copybreak_bytes = NETVSC_RX_COPY_ALL;
    UNLOCK_TCPIP_CORE();
    rc = pthread_create(&t->thread, NULL, run, t);
    if (rc == 0)
        return 0;
    config->nif->netif.linkoutput = t->linkoutput;
    close(t->wake_fd);
    return -rc;
}

int port_threads_wait(struct port_threads *t, bool (*until)(void *ctx), void *ctx,
                      uint64_t timeout_ns)
{
    const uint64_t deadline_ns = port_clock_now() + timeout_ns;
    const struct timespec pause = {.tv_nsec = WAIT_NS};
    bool yes;

    for (;;) {
        LOCK_TCPIP_CORE();
        yes = until(ctx);
        UNLOCK_TCPIP_CORE();
        if (yes)
            return 0;
        if (port_clock_now() >= deadline_ns)
            return -ETIMEDOUT;
        wake(t); /* what we wait for may need a look that nobody else asks for */
        nanosleep(&pause, NULL);
    }
}

void port_threads_stop(struct port_threads *t)
{
    atomic_store_explicit(&t->stop, true, memory_order_relaxed);
    wake(t);
    pthread_join(t->thread, NULL);
    LOCK_TCPIP_CORE();
    t->config.nif->netif.linkoutput = t->linkoutput;
    UNLOCK_TCPIP_CORE();
    close(t->wake_fd);
}
