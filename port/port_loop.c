/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A turn is, in this order:
 *   1. each NIC is polled: received frames run through lwIP and the program's callbacks, and what
 *      these send is flushed at the end of the poll;
 *   2. lwIP's timers run, at most once a millisecond, which is as fine as they are;
 *   3. a flush, if something may have been sent since the polls: by a timer, or by one card's
 * frames on another card;
 *   4. the emulated host, if it lives in this thread, takes a step. It is last, so that an answer
 *      reaches the uplink in the turn in which its question was seen.
 * A turn is bounded by the NICs' budget, so one busy card starves neither timers nor another card.
 *
 * After config.spin_us without work the loop sleeps. The order is what makes it safe: arm the
 * interrupts, which looks at the rings once more; only if all are empty, ppoll() on the interrupt
 * and the host's descriptors for at most as long as the next timer allows; disarm. A frame that
 * comes between the last look and ppoll() has raised the interrupt, so ppoll() returns at once.
 * After a sleep the emulated host is first, for it has the frame that woke us: else cards without
 * frames and timers would come before it, all of them code and data that have left the caches.
 *
 * Stopping is a counter and an eventfd: the handler of a signal may do both, and a loop that never
 * sleeps sees the counter while one that sleeps is woken by the eventfd.
 */
#define _GNU_SOURCE /* ppoll() */
#include "port_loop.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lwip/timeouts.h"
#include "netvsc_netif_worker.h"
#include "port_clock.h"

#define PEER_FDS_MAX 68u /* a worker for every queue, and what wakes us */

int port_loop_open(struct port_loop *loop, const struct port_loop_config *config)
{
    if (config->nics == 0 || config->nics > PORT_LOOP_NICS_MAX)
        return -EINVAL;
    memset(loop, 0, sizeof(*loop));
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0)
        return -errno;
    loop->config = *config;
    loop->idle.spin_ns =
        config->spin_us == PORT_LOOP_SPIN_ALWAYS ? UINT64_MAX : config->spin_us * PORT_NS_PER_US;
    loop->second_at_ns = port_clock_now() + PORT_NS_PER_S;
    return 0;
}

void port_loop_close(struct port_loop *loop)
{
    close(loop->wake_fd);
    loop->wake_fd = -1;
}

void port_loop_stop(struct port_loop *loop)
{
    const uint64_t one = 1;
    const int saved = errno;

    atomic_fetch_add_explicit(&loop->stops, 1, memory_order_relaxed);
    /* Fails only when the counter is at its end, and then the loop is awake already. */
    if (write(loop->wake_fd, &one, sizeof(one)) < 0)
        errno = saved;
}

/* ---- working ------------------------------------------------------------------------------- */

static uint64_t next_deadline_of(const struct port_loop_config *config, unsigned i, uint64_t now_ns)
{
    return config->nif[i] ? netvsc_netif_next_deadline(config->nif[i], now_ns)
                          : netvsc_next_deadline(config->nic[i], now_ns);
}

static int irq_fd_of(const struct port_loop_config *config, unsigned i)
{
    return config->nif[i] ? netvsc_netif_irq_fd(config->nif[i]) : netvsc_irq_fd(config->nic[i]);
}

static bool arm(const struct port_loop_config *config, unsigned i)
{
    return config->nif[i] ? netvsc_netif_arm(config->nif[i]) : netvsc_irq_arm(config->nic[i]);
}

static void disarm(const struct port_loop_config *config, unsigned i)
{
    if (config->nif[i])
        netvsc_netif_disarm(config->nif[i]);
    else
        netvsc_irq_disarm(config->nic[i]);
}

static unsigned poll_nic(const struct port_loop_config *config, unsigned i, uint64_t now_ns)
{
    if (config->nif[i])
        return netvsc_netif_poll(config->nif[i], now_ns, PORT_LOOP_BUDGET);
    return netvsc_poll(config->nic[i], now_ns, PORT_LOOP_BUDGET);
}

static void flush_nic(const struct port_loop_config *config, unsigned i)
{
    if (config->nif[i])
        netvsc_netif_flush(config->nif[i]);
    else
        netvsc_flush(config->nic[i]);
}

static void flush_all(const struct port_loop_config *config)
{
    for (unsigned i = 0; i < config->nics; i++)
        flush_nic(config, i);
}

static unsigned step_peer(const struct port_loop_peer *peer, uint64_t now_ns)
{
    return peer->step ? peer->step(peer->ctx, now_ns) : 0;
}

/* True: some may have run, and have sent. */
static bool run_timers(struct port_loop *loop, uint64_t now_ns)
{
    const uint64_t now_ms = now_ns / PORT_NS_PER_MS;

    if (now_ms == loop->timers_at_ms)
        return false;
    loop->timers_at_ms = now_ms;
    sys_check_timeouts();
    if (loop->config.second && now_ns >= loop->second_at_ns) {
        loop->second_at_ns = now_ns + PORT_NS_PER_S;
        loop->config.second(loop->config.ctx, now_ns);
    }
    return true;
}

bool port_loop_turn(struct port_loop *loop, uint64_t now_ns)
{
    const struct port_loop_config *config = &loop->config;
    unsigned done = 0;

    port_clock_turn(now_ns);
    for (unsigned i = 0; i < config->nics; i++) {
        done += poll_nic(config, i, now_ns);
        if (config->attach[i])
            port_attach_poll(config->attach[i], now_ns);
    }
    if (run_timers(loop, now_ns) || config->nics > 1)
        flush_all(config);
    port_clock_turn(0);
    done += step_peer(&config->peer, now_ns);
    done += step_peer(&config->control, now_ns);
    loop->stats.turns++;
    loop->stats.busy_turns += done != 0;
    return done != 0;
}

/* ---- sleeping ------------------------------------------------------------------------------ */

static uint64_t peer_deadline(const struct port_loop_peer *peer, uint64_t now_ns)
{
    return peer->step ? peer->next_deadline(peer->ctx, now_ns) : UINT64_MAX;
}

uint64_t port_loop_sleep_ns(const struct port_loop *loop, uint64_t now_ns)
{
    const struct port_loop_config *config = &loop->config;
    uint64_t left = port_idle_from_ms(sys_timeouts_sleeptime());

    for (unsigned i = 0; i < config->nics; i++) {
        left = port_idle_sooner(left, next_deadline_of(config, i, now_ns));
        if (config->attach[i])
            left = port_idle_sooner(left, port_attach_next_deadline(config->attach[i], now_ns));
    }
    left = port_idle_sooner(left, peer_deadline(&config->peer, now_ns));
    left = port_idle_sooner(left, peer_deadline(&config->control, now_ns));
    if (config->second)
        left =
            port_idle_sooner(left, loop->second_at_ns > now_ns ? loop->second_at_ns - now_ns : 0);
    return left;
}

/* Arm every NIC; on the first that has work, disarm those before it. */
static bool arm_all(struct port_loop *loop)
{
    for (unsigned i = 0; i < loop->config.nics; i++) {
        if (arm(&loop->config, i))
            continue;
        while (i-- > 0)
            disarm(&loop->config, i);
        return false;
    }
    return true;
}

static bool peer_arm(const struct port_loop_peer *peer, bool on)
{
    return !peer->arm || peer->arm(peer->ctx, on);
}

static unsigned peer_fds(const struct port_loop_peer *peer, struct pollfd *fds)
{
    return peer->step ? peer->pollfds(peer->ctx, fds, PEER_FDS_MAX) : 0;
}

static unsigned collect_fds(struct port_loop *loop, struct pollfd *fds)
{
    const struct port_loop_config *config = &loop->config;
    unsigned count = 0;

    fds[count++] = (struct pollfd){.fd = loop->wake_fd, .events = POLLIN};
    for (unsigned i = 0; i < config->nics; i++) {
        const int fd = irq_fd_of(config, i);

        if (fd >= 0)
            fds[count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    }
    count += peer_fds(&config->peer, fds + count);
    count += peer_fds(&config->control, fds + count);
    return count;
}

/* Sleep at most (left_ns), if there really is nothing to do. */
static void sleep_armed(struct port_loop *loop, uint64_t left_ns, uint64_t now_ns)
{
    struct pollfd fds[1 + PORT_LOOP_NICS_MAX + 2 * PEER_FDS_MAX];
    const struct timespec timeout = {
        .tv_sec = (time_t)(left_ns / PORT_NS_PER_S),
        .tv_nsec = (long)(left_ns % PORT_NS_PER_S),
    };
    const unsigned count = collect_fds(loop, fds);
    uint64_t woken_ns = now_ns;

    if (!arm_all(loop))
        return;
    if (peer_arm(&loop->config.peer, true)) {
        ppoll(fds, count, left_ns == UINT64_MAX ? NULL : &timeout, NULL);
        woken_ns = port_clock_now();
        loop->stats.sleeps++;
        loop->stats.slept_ns += woken_ns - now_ns;
    }
    peer_arm(&loop->config.peer, false);
    for (unsigned i = 0; i < loop->config.nics; i++)
        disarm(&loop->config, i);
    step_peer(&loop->config.peer, woken_ns);
}

static bool take_stop(struct port_loop *loop)
{
    uint64_t wakes;

    if (atomic_load_explicit(&loop->stops, memory_order_relaxed) == loop->stops_seen)
        return false;
    loop->stops_seen++;
    /* Empty afterwards or already; either way later sleeps are not cut short. */
    return read(loop->wake_fd, &wakes, sizeof(wakes)) != 0;
}

int port_loop_run(struct port_loop *loop, bool (*until)(void *ctx), void *ctx, uint64_t deadline_ns)
{
    for (;;) {
        const uint64_t now_ns = port_clock_now();
        const bool worked = port_loop_turn(loop, now_ns);
        uint64_t left;

        if (until && until(ctx))
            return 0;
        if (take_stop(loop))
            return -EINTR;
        if (now_ns >= deadline_ns)
            return -ETIMEDOUT;
        if (!port_idle_turn(&loop->idle, worked, now_ns))
            continue;
        left = port_idle_sooner(port_loop_sleep_ns(loop, now_ns), deadline_ns - now_ns);
        if (left > 0)
            sleep_armed(loop, left, now_ns);
    }
}
