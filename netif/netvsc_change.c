/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changes asked for while the NIC is up.
 *
 * Theory of operation. A change is a table of steps, as attach is, run by queue 0's poll when no
 * other change is under way. Asking sets a bit; asking again before the change has begun is the
 * same change. When its last step is done or one has failed, the change is told and the next one
 * begins. Detach and losing the device forget all of them.
 */
#include "netvsc_var.h"

static const struct netvsc_change *const changes[NETVSC_CHANGES] = {
    [NETVSC_CHANGE_RSS] = &netvsc_rss_change,
    [NETVSC_CHANGE_MAC] = &netvsc_mac_change,
    [NETVSC_CHANGE_LIST] = &netvsc_list_change,
    [NETVSC_CHANGE_FILTER] = &netvsc_filter_change,
};

void netvsc_change_ask(struct netvsc *nic, enum netvsc_change_id id)
{
    nic->changes |= 1u << id;
}

bool netvsc_change_pending(const struct netvsc *nic, enum netvsc_change_id id)
{
    return (nic->changes & 1u << id) || (nic->changing && nic->change == id);
}

void netvsc_changes_forget(struct netvsc *nic)
{
    nic->changes = 0;
    nic->changing = false;
}

static bool begin_next(struct netvsc *nic)
{
    for (unsigned id = 0; id < NETVSC_CHANGES; id++) {
        if (!(nic->changes & 1u << id))
            continue;
        nic->changes &= ~(1u << id);
        nic->change = id;
        nic->changing = true;
        netvsc_steps_begin(nic, changes[id]->steps);
        return true;
    }
    return false;
}

void netvsc_changes_run(struct netvsc *nic)
{
    while (nic->changing || begin_next(nic)) {
        int rc = netvsc_steps_run(nic);

        if (rc == 0)
            return;
        nic->changing = false;
        changes[nic->change]->done(nic, rc < 0 ? rc : 0);
    }
}
