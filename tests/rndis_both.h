/* SPDX-License-Identifier: BSD-3-Clause */
/* The two ways of reading a PACKET message, beside each other. */
#ifndef RNDIS_BOTH_H
#define RNDIS_BOTH_H

#include "rndis_quick.h"

enum rndis_both {
    RNDIS_BOTH_LONG,     /* the quick way leaves it to the other */
    RNDIS_BOTH_PLAIN,    /* it takes it, and so does the other, with the same result */
    RNDIS_BOTH_ELEMENTS, /* with its elements */
    RNDIS_BOTH_FRAGMENT, /* with its only element, which says that it is one */
    RNDIS_BOTH_DIFFER,
};

static inline bool rndis_both_metas_equal(const struct rndis_meta *a, const struct rndis_meta *b)
{
    return a->tci == b->tci && a->has_tci == b->has_tci && a->csum == b->csum &&
           a->hash == b->hash && a->fragment == b->fragment;
}

/* The elements, (len_bytes) at (ppis), which both ways found in the same place. */
static inline enum rndis_both rndis_both_ppis(const uint8_t *ppis, uint32_t len_bytes)
{
    struct rndis_meta meta, quick = {0};
    const bool ok = rndis_parse_ppis(ppis, len_bytes, &meta) == 0;
    const bool usual = rndis_quick_ppis(ppis, len_bytes, &quick);
    const uint8_t fragment = rndis_quick_fragment(ppis, len_bytes);

    if (fragment)
        return ok && meta.fragment == fragment && !usual ? RNDIS_BOTH_FRAGMENT : RNDIS_BOTH_DIFFER;
    if (!usual)
        return RNDIS_BOTH_LONG;
    return ok && !meta.fragment && rndis_both_metas_equal(&meta, &quick) ? RNDIS_BOTH_ELEMENTS
                                                                         : RNDIS_BOTH_DIFFER;
}

/*
 * (msg) is memory of RNDIS_QUICK_PPIS_BYTES_MAX more bytes than a header has, at least, and
 * said to be a range of (range_bytes >= 44).
 */
static inline enum rndis_both rndis_both(const uint8_t *msg, uint32_t range_bytes)
{
    const uint32_t plain_bytes = rndis_quick_plain(msg, range_bytes);
    struct rndis_layout at, quick = {0};
    const bool ok = rndis_parse_packet(msg, sizeof(struct rndis_packet), range_bytes, &at) == 0;

    if (plain_bytes)
        return ok && at.data_off == sizeof(struct rndis_packet) && at.data_bytes == plain_bytes &&
                       at.ppi_bytes == 0
                   ? RNDIS_BOTH_PLAIN
                   : RNDIS_BOTH_DIFFER;
    if (!rndis_quick_packet(msg, range_bytes, &quick))
        return RNDIS_BOTH_LONG;
    if (!ok || at.data_off != quick.data_off || at.data_bytes != quick.data_bytes ||
        at.ppi_off != quick.ppi_off || at.ppi_bytes != quick.ppi_bytes ||
        at.ppi_bytes > RNDIS_QUICK_PPIS_BYTES_MAX)
        return RNDIS_BOTH_DIFFER;
    return rndis_both_ppis(msg + at.ppi_off, at.ppi_bytes);
}

#endif
