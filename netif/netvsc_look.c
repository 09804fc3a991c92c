/* SPDX-License-Identifier: BSD-3-Clause */
#include "netvsc_look.h"

#include "netvsc_var.h"

bool netvsc_queue_look(const struct netvsc *nic, unsigned queue, struct netvsc_queue_look *out)
{
    const struct netvsc_queue *q = queue < nic->config.queues ? nic->queue[queue] : NULL;

    if (!q || !q->chan)
        return false;
    vmbus_chan_look(q->chan, &out->chan);
    out->sections = q->tx.slot_count;
    out->sections_used = q->tx.slot_count - q->tx.free_count;
    out->sections_peak = q->tx.peak;
    out->outstanding = q->tx.outstanding;
    out->owed = q->ack_count;
    return true;
}

const char *netvsc_version_name(uint32_t nvs_version)
{
    static const struct {
        uint32_t version;
        const char *name;
    } names[] = {
        {NVS_VERSION_1, "1"}, {NVS_VERSION_2, "2"}, {NVS_VERSION_4, "4"},
        {NVS_VERSION_5, "5"}, {NVS_VERSION_6, "6"}, {NVS_VERSION_61, "6.1"},
    };

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].version == nvs_version)
            return names[i].name;
    return "?";
}
