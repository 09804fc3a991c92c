/* SPDX-License-Identifier: BSD-3-Clause */
#include "port_attach.h"

#include <errno.h>
#include <string.h>

#include "netvsc_control.h"
#include "netvsc_worker.h"
#include "port_clock.h"
#include "port_log.h"
#include "vmbus.h"

static bool is_lost(enum netvsc_state state)
{
    return state == NETVSC_GONE || state == NETVSC_FAILED || state == NETVSC_DOWN;
}

int port_attach_begin(struct port_attach *attach, struct vmbus_device *dev, uint64_t now_ns)
{
    const int rc = netvsc_attach(attach->nic, dev, now_ns);

    if (rc) {
        vmbus_close(dev);
        return rc;
    }
    attach->wanted = true;
    attach->seen = netvsc_state(attach->nic);
    return 0;
}

static void schedule(struct port_attach *attach, uint64_t now_ns)
{
    attach->retry_at_ns = now_ns + attach->delay_ms * PORT_NS_PER_MS;
    attach->delay_ms *= 2;
    if (attach->delay_ms > PORT_ATTACH_RETRY_MAX_MS)
        attach->delay_ms = PORT_ATTACH_RETRY_MAX_MS;
}

/* A NIC with fewer queues works, but not as its user expects. */
static void say_queues(const struct netvsc *nic)
{
    const struct netvsc_info *info = netvsc_info(nic);
    const unsigned wanted = netvsc_queues_wanted(nic);

    if (info->queues == wanted)
        return;
    if (info->left_out)
        port_log(PORT_LOG_WARN, "%u of %u queues: %s: %s", (unsigned)info->queues, wanted,
                 info->left_out, strerror(-info->left_out_error));
    else
        port_log(PORT_LOG_WARN, "%u of %u queues: no more were given", (unsigned)info->queues,
                 wanted);
}

static void on_up(struct port_attach *attach, uint64_t now_ns)
{
    say_queues(attach->nic);
    if (attach->reopening)
        port_log(PORT_LOG_INFO, "attached again after %llu ms, MTU %u",
                 (unsigned long long)((now_ns - attach->lost_at_ns) / PORT_NS_PER_MS),
                 netvsc_info(attach->nic)->mtu_bytes);
    else if (attach->said)
        port_log(PORT_LOG_INFO, "the host is back after %llu ms",
                 (unsigned long long)((now_ns - attach->lost_at_ns) / PORT_NS_PER_MS));
    attach->was_up = true;
    attach->said = false;
    attach->reopening = false;
    attach->lost_at_ns = 0;
}

/* One line per outage; failing tries after that are silent, or a long outage fills the log. */
static void say_lost(struct port_attach *attach, uint64_t now_ns)
{
    const char *why = netvsc_failure(attach->nic);
    uint64_t skipped;

    attach->said = port_log_allow(&attach->limit, now_ns, &skipped);
    if (!attach->said)
        return;
    port_log(PORT_LOG_WARN, "the host is gone%s%s; connections are kept, trying again",
             *why ? ": " : "", why);
    if (skipped)
        port_log(PORT_LOG_WARN, "it was %llu times before, not shown", (unsigned long long)skipped);
}

static void on_lost(struct port_attach *attach, uint64_t now_ns)
{
    if (attach->reopening && !attach->lost_at_ns) {
        attach->lost_at_ns = now_ns;
        attach->delay_ms = PORT_ATTACH_RETRY_MIN_MS;
        attach->retry_at_ns = now_ns; /* nothing is wrong: no need to wait */
        return;
    }
    if (!attach->lost_at_ns) {
        say_lost(attach, now_ns);
        attach->lost_at_ns = now_ns;
        attach->delay_ms = PORT_ATTACH_RETRY_MIN_MS;
    }
    schedule(attach, now_ns);
}

static void try_again(struct port_attach *attach, uint64_t now_ns)
{
    struct vmbus_device *dev;

    if (attach->open(attach->ctx, &dev) != 0) {
        schedule(attach, now_ns);
        return;
    }
    if (netvsc_attach(attach->nic, dev, now_ns) != 0) {
        vmbus_close(dev);
        schedule(attach, now_ns);
    }
}

void port_attach_poll(struct port_attach *attach, uint64_t now_ns)
{
    const enum netvsc_state state = netvsc_state(attach->nic);

    if (!attach->wanted || (state == attach->seen && !is_lost(state)))
        return;
    if (state != attach->seen) {
        attach->seen = state;
        if (state == NETVSC_UP)
            on_up(attach, now_ns);
        else if (is_lost(state) && attach->was_up)
            on_lost(attach, now_ns);
    }
    /*
     * A first attach that fails is for the program to report; only what once worked is tried again.
     */
    if (is_lost(state) && attach->was_up && now_ns >= attach->retry_at_ns)
        try_again(attach, now_ns);
}

uint64_t port_attach_next_deadline(const struct port_attach *attach, uint64_t now_ns)
{
    if (!attach->wanted || !attach->was_up || !is_lost(netvsc_state(attach->nic)))
        return UINT64_MAX;
    return attach->retry_at_ns > now_ns ? attach->retry_at_ns - now_ns : 0;
}

int port_attach_set_mtu(struct port_attach *attach, uint32_t mtu_bytes, uint64_t now_ns)
{
    const enum netvsc_state state = netvsc_state(attach->nic);
    int rc;

    /* To detach now would look like a first attach that failed, with which programs end. */
    if (state == NETVSC_ATTACHING && !attach->was_up)
        return -EBUSY;
    rc = netvsc_set_mtu(attach->nic, mtu_bytes, now_ns);
    if (rc == 0 && state == NETVSC_UP)
        attach->reopening = true;
    return rc;
}

void port_attach_end(struct port_attach *attach, uint64_t now_ns)
{
    attach->wanted = false;
    netvsc_detach(attach->nic, now_ns);
}
