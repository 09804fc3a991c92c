/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A card's coming and going, and its cable.
 *
 * Theory of operation. Linux' hv_netvsc that learns of a rescind first stops listening to the
 * channel, then stops sending, and then waits without limit for the completion of all it has sent.
 * What was on its way between the first two steps is completed to nobody, and the kernel's thread
 * that removes devices stands for ever. However fast we complete: a guest at full speed always has
 * something on its way.
 *
 * So the cable comes out first, which makes Linux stop sending, though not at once: it looks at its
 * cables every two seconds at most. The card is withdrawn when nothing has gone to its guest for
 * SILENCE_NS, completions included, and the guest has read all there was; or when LIMIT_NS have
 * passed, because no guest shall be able to keep a card. The cable is as before when it comes back.
 */
#include "hvh_host_var.h"
#include "hvh_nic_var.h"

#define SILENCE_NS UINT64_C(500000000)
#define LIMIT_NS UINT64_C(8000000000)
#define LOOK_NS UINT64_C(20000000) /* reading wakes nobody */

/* It stays, or is gone now: the cable is as it was. */
static void leave_end(struct hvhost_nic *nic)
{
    if (nic->leave.due_ns)
        nic->link_up = nic->leave.link_up;
    nic->leave = (struct hvh_leave){0};
}

/*
 * The card leaves the switch at once, but its guest is served until it closes: Linux' hv_netvsc
 * waits, without a limit, for every packet it has sent to be completed.
 */
void hvhost_nic_rescind(struct hvhost_nic *nic)
{
    if (!nic->offered)
        return;
    nic->offered = false;
    leave_end(nic);
    if (!nic->face)
        return;
    nic->withdrawn = true;
    hvh_rsc_drop(nic);
    nic->face->rescinded(nic->face_ctx);
}

void hvhost_nic_offer(struct hvhost_nic *nic)
{
    leave_end(nic);
    nic->offered = true;
}

void hvhost_nic_link(struct hvhost_nic *nic, bool up)
{
    if (nic->leave.due_ns)
        nic->leave.link_up = up;
    else
        nic->link_up = up;
}

void hvhost_nic_leave(struct hvhost_nic *nic)
{
    if (!nic->offered || nic->leave.due_ns)
        return;
    if (!nic->face) {
        hvhost_nic_rescind(nic);
        return;
    }
    nic->leave = (struct hvh_leave){
        .begun_ns = nic->host->now_ns,
        .due_ns = nic->host->now_ns + LIMIT_NS,
        .link_up = nic->link_up,
    };
    nic->link_up = false;
}

static bool is_silent(const struct hvh_chan *chan, uint64_t now_ns)
{
    if (!chan->open || chan->faulted)
        return true;
    return now_ns - chan->used_ns >= SILENCE_NS && hvh_ring_all_read(&chan->out);
}

unsigned hvh_leave_serve(struct hvhost_nic *nic, uint64_t now_ns)
{
    bool silent = nic->leave.due_ns && now_ns - nic->leave.begun_ns >= SILENCE_NS;

    for (unsigned i = 0; silent && i < nic->chans; i++)
        silent = is_silent(&nic->chan[i], now_ns);
    if (!nic->leave.due_ns || (!silent && nic->face && now_ns < nic->leave.due_ns))
        return 0;
    hvhost_nic_rescind(nic);
    return 1;
}

uint64_t hvh_leave_deadline(const struct hvhost_nic *nic)
{
    return nic->leave.due_ns ? LOOK_NS : UINT64_MAX;
}
