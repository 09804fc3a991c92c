/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Doorbells: when a channel's ring is looked at.
 *
 * A channel sleeps until its guest rings. Asleep, the host does not look at the ring at all: a
 * guest that forgets a doorbell really stalls, as it would on Hyper-V. Rung, the host masks, drains
 * at most HVH_STEP_PACKETS, gives the room back, and when it found the ring empty unmasks and looks
 * again. With config.poll it stays masked and looks at every step. A channel with a monitor id is
 * rung by a bit in the monitor page, seen at most every monitor_latency_us. A channel without
 * traffic for a while is looked at once a millisecond only, for each look wakes a processor; the
 * first frame in either direction ends that.
 *
 * A host inside its guest's process is attended: the same loop turns both, so there is nobody a
 * doorbell could wake. Its channels stay masked and are looked at in every step, which costs a load
 * each, until the loop is about to sleep (hvhost_arm()): then, and only then, they unmask, look
 * once more, and what the guest says before the next step is rung for.
 *
 * Surplus doorbells. A correct guest rings only when it saw the mask clear and its batch start at
 * read_index. While the mask is clear the host does not move read_index, so of all batches of one
 * such period only the first can start there: one doorbell per unmasking. A guest in another
 * process may be overtaken once: it loads a clear mask, then the host masks and drains up to the
 * start of its batch, then it loads read_index. The next batch sees the mask. Hence two at most.
 * Each time the host asks for room allows one more. These allowances are kept as "excuses"; a
 * doorbell without one is surplus. In one thread the count is exact; across processes doorbells
 * still on their way belong to past unmaskings, so excuses are kept, up to EXCUSES_MAX.
 */
#include "hvh_host_var.h"
#include "hvh_nic_var.h"

#define EXCUSES_MAX 8u

static void excuse(struct hvh_chan *chan, bool unmasked)
{
    if (chan->nic->guest.same_thread)
        chan->excuses = unmasked ? 1 : chan->excuses + 1;
    else
        chan->excuses += unmasked ? 2 : 1;
    if (chan->excuses > EXCUSES_MAX)
        chan->excuses = EXCUSES_MAX;
}

void hvh_bell_excuse(struct hvh_chan *chan)
{
    excuse(chan, false);
}

void hvh_bell_wake(struct hvh_chan *chan)
{
    if (chan->awake)
        return;
    hvh_ring_mask(&chan->in);
    chan->awake = true;
}

/* Ask for a doorbell, unless there is something to take already. */
static void listen(struct hvh_chan *chan)
{
    excuse(chan, true);
    chan->awake = !hvh_ring_unmask(&chan->in);
}

void hvh_bell_sleep(struct hvh_chan *chan)
{
    if (!chan->nic->config.poll && !chan->nic->host->config.attended)
        listen(chan);
}

static bool chan_arm(struct hvh_chan *chan, bool on)
{
    if (!chan->open || chan->faulted || chan->blocked || chan->nic->config.poll)
        return true;
    if (!on) {
        hvh_bell_wake(chan);
        return true;
    }
    if (chan->awake)
        listen(chan);
    return !chan->awake;
}

bool hvhost_arm(struct hvhost *host, bool on)
{
    bool idle = true;

    for (unsigned i = 0; host->config.attended && i < host->nic_count; i++) {
        for (unsigned k = 0; k < host->nics[i]->chans; k++)
            idle = chan_arm(&host->nics[i]->chan[k], on) && idle;
    }
    return idle;
}

void hvh_chan_rung(struct hvh_chan *chan)
{
    chan->nic->stats.doorbells++;
    if (chan->excuses > 0)
        chan->excuses--;
    else
        hvh_strict(chan, &chan->nic->stats.strict_doorbell);
    chan->signalled = true;
}

void hvh_nic_doorbell(struct hvhost_nic *nic, uint32_t relid)
{
    uint32_t index = relid - hvh_nic_relid(nic);
    struct hvh_chan *chan = &nic->chan[index < HVH_CHANS_MAX ? index : 0];

    if (!nic->chan[0].open || nic->chan[0].faulted || chan->faulted)
        return;
    /* Linux does not signal for a monitored channel; who thinks it does waits in vain. */
    if (!chan->open || chan->relid != relid || chan->monitor_id != VMBUS_MONITOR_NONE) {
        nic->stats.strict_doorbell++;
        return;
    }
    hvh_chan_rung(chan);
}
