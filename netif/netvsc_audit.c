/* SPDX-License-Identifier: BSD-3-Clause */
/* The books of netvsc_stats.h, as one function for programs and tests. */
#include <stdio.h>

#include "netvsc_var.h"

static uint64_t rx_sizes(const struct netvsc_stats *s)
{
    return s->rx_size_64 + s->rx_size_65_127 + s->rx_size_128_255 + s->rx_size_256_511 +
           s->rx_size_512_1023 + s->rx_size_1024_1518 + s->rx_size_1519_9018 + s->rx_size_9019_up;
}

static uint64_t tx_sizes(const struct netvsc_stats *s)
{
    return s->tx_size_64 + s->tx_size_65_127 + s->tx_size_128_255 + s->tx_size_256_511 +
           s->tx_size_512_1023 + s->tx_size_1024_1518 + s->tx_size_1519_9018 + s->tx_size_9019_up;
}

const char *netvsc_audit(const struct netvsc *nic)
{
    static _Thread_local char text[200];
    struct netvsc_stats s;

    netvsc_stats(nic, &s);
    const uint64_t dropped = s.rx_drop_range + s.rx_drop_rndis + s.rx_drop_size + s.rx_drop_down +
                             s.rx_drop_rsc_first + s.rx_drop_rsc_last + s.rx_drop_rsc_size +
                             s.rx_drop_rsc_unasked;
    const uint64_t handed_up = s.rx_frames - s.rx_rsc_frames + s.rx_rsc_fragments;
    const uint64_t ended = s.tx_completed + s.tx_failed + s.tx_lost;
    const struct {
        uint64_t left, right;
        const char *law;
    } books[] = {
        {s.rx_messages, handed_up + dropped, "%llu messages offered, %llu handed up and dropped"},
        {s.tx_frames, ended + netvsc_tx_outstanding(nic),
         "%llu frames sent, %llu completed, failed, lost or outstanding"},
        {s.rx_frames, rx_sizes(&s), "%llu frames handed up, %llu in the size classes"},
        {s.tx_frames, tx_sizes(&s), "%llu frames sent, %llu in the size classes"},
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
