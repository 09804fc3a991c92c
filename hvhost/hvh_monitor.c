/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Doorbells in shared memory. A channel with a monitor id is rung by a bit in the monitor page,
 * which we look at every monitor_latency_us, or sooner if the guest's entry there says so. Memory
 * wakes nobody: each look at an idle channel wakes a processor, ten thousand times a second at 100
 * us. So a channel without traffic for a while is looked at once a millisecond, and as often as
 * promised again as soon as something goes to the guest: a frame, or the answer to one of its.
 */
#include "hvh_host_var.h"
#include "hvh_nic_var.h"

#define QUIET_NS UINT64_C(10000000) /* without traffic, and a channel is idle */
#define IDLE_NS UINT64_C(1000000)   /* between two looks at an idle one */

static struct vmbus_monitor_page *page_of(const struct hvh_chan *chan)
{
    return (struct vmbus_monitor_page *)(void *)chan->nic->guest.monitor_page.base;
}

/* As configured, or less if the guest's entry says so. Its unit is 100 ns. */
static uint64_t latency_ns(const struct hvh_chan *chan)
{
    const uint64_t own_ns = chan->nic->config.monitor_latency_us * UINT64_C(1000);
    const uint64_t wish_ns =
        page_of(chan)->latency_100ns[chan->monitor_id / 32][chan->monitor_id % 32] * UINT64_C(100);

    return wish_ns && wish_ns < own_ns ? wish_ns : own_ns;
}

/*
 * When the channel is looked at next. Idle channels meet at whole milliseconds, so that any number
 * of them wakes a processor once.
 */
static uint64_t next_look_ns(const struct hvh_chan *chan, uint64_t now_ns)
{
    const uint64_t wanted_ns = latency_ns(chan);

    if (now_ns - chan->used_ns < QUIET_NS || wanted_ns > IDLE_NS)
        return now_ns + wanted_ns;
    return (now_ns / IDLE_NS + 1) * IDLE_NS;
}

void hvh_monitor_used(struct hvh_chan *chan, uint64_t now_ns)
{
    chan->used_ns = now_ns;
    if (chan->monitor_id != VMBUS_MONITOR_NONE && chan->monitor_due_ns > now_ns + latency_ns(chan))
        chan->monitor_due_ns = now_ns + latency_ns(chan);
}

void hvh_monitor_look(struct hvh_chan *chan, uint64_t now_ns)
{
    uint32_t bit = 1u << (chan->monitor_id % 32);
    _Atomic uint32_t *pending;

    if (chan->monitor_id == VMBUS_MONITOR_NONE || now_ns < chan->monitor_due_ns)
        return;
    chan->monitor_due_ns = next_look_ns(chan, now_ns);
    pending = &page_of(chan)->group[chan->monitor_id / 32].pending;
    if (!(atomic_load_explicit(pending, memory_order_relaxed) & bit))
        return; /* and the line stays with the guest's processor */
    /* Acquire: pairs with the guest's atomic OR. What it published before is seen after. */
    if (atomic_fetch_and_explicit(pending, ~bit, memory_order_acq_rel) & bit)
        hvh_chan_rung(chan);
}

uint64_t hvh_monitor_deadline(const struct hvh_chan *chan, uint64_t now_ns)
{
    if (chan->monitor_id == VMBUS_MONITOR_NONE)
        return UINT64_MAX;
    return chan->monitor_due_ns > now_ns ? chan->monitor_due_ns - now_ns : 0;
}
