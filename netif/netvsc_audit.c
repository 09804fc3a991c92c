/* SPDX-License-Identifier: BSD-3-Clause */
/* The books of netvsc_stats.h, as one function for programs and tests. */
#include <stdio.h>

#include "netvsc_var.h"

const char *netvsc_audit(const struct netvsc *nic)
{
    struct netvsc_stats s;

    netvsc_stats(nic, &s);
    return netvsc_audit_stats(&s, netvsc_tx_outstanding(nic));
}

const char *netvsc_audit_stats(const struct netvsc_stats *stats, uint64_t outstanding)
{
    static _Thread_local char text[200];
    const struct netvsc_stats s = *stats;
    const uint64_t ended = s.tx_completed + s.tx_failed + s.tx_lost;
    const struct {
        uint64_t left, right;
        const char *law;
    } books[] = {
        {s.rx_messages, netvsc_messages_known(&s),
         "%llu messages offered, %llu handed up and dropped"},
        {s.tx_frames, ended + outstanding,
         "%llu frames sent, %llu completed, failed, lost or outstanding"},
        {s.rx_frames, netvsc_sizes_rx(&s), "%llu frames handed up, %llu in the size classes"},
        {s.tx_frames, netvsc_sizes_tx(&s), "%llu frames sent, %llu in the size classes"},
    };

    for (unsigned i = 0; i < sizeof(books) / sizeof(books[0]); i++) {
        if (books[i].left == books[i].right)
            continue;
        snprintf(text, sizeof(text), books[i].law, (unsigned long long)books[i].left,
                 (unsigned long long)books[i].right);
        return text;
    }
    return NULL;
}
