/* SPDX-License-Identifier: BSD-3-Clause */
#include "netif_books.h"

#include <string.h>

uint64_t netvsc_counter(const struct netvsc_stats *stats, const char *name)
{
#define X(field, help)                                                                             \
    if (strcmp(name, #field) == 0)                                                                 \
        return stats->field;
    NETVSC_STATS(X)
#undef X
    fail_msg("no counter %s", name);
    return 0;
}

void check_books(const struct netvsc *nic, uint64_t begins)
{
    const char *wrong = netvsc_audit(nic);
    struct netvsc_stats s;

    if (wrong)
        fail_msg("the card's books: %s", wrong);
    netvsc_stats(nic, &s);
    assert_int_equal(begins, s.tx_frames + s.tx_cancelled + s.tx_busy + s.tx_drop_size +
                                 s.tx_drop_offload + s.tx_drop_down);
}
