/* SPDX-License-Identifier: BSD-3-Clause */
/* A queue as it is now: what counters, which only grow, cannot say. */
#ifndef NETVSC_LOOK_H
#define NETVSC_LOOK_H

#include "vmbus_look.h"

struct netvsc;

struct netvsc_queue_look {
    struct vmbus_chan_look chan;
    uint32_t sections, sections_used, sections_peak; /* of the send buffer, this queue's share */
    uint32_t outstanding;                            /* sent, not completed by the host */
    uint32_t owed;                                   /* completions that wait for ring room */
};

/* For the queue's own thread. False: the queue has no channel. */
bool netvsc_queue_look(const struct netvsc *nic, unsigned q, struct netvsc_queue_look *out);

/* What people call NVSP version NVS_VERSION_*: "1" to "6.1"; "?" for others. */
const char *netvsc_version_name(uint32_t nvs_version);

#endif
