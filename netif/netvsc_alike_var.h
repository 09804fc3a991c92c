/* SPDX-License-Identifier: BSD-3-Clause */
/* Private: a PACKET message that was judged, for those to come that say the same. See
 * netvsc_rx_alike.c. */
#ifndef NETVSC_ALIKE_VAR_H
#define NETVSC_ALIKE_VAR_H

#include <stdint.h>

#include "rndis_quick.h"

#define NETVSC_ALIKE_NONE UINT64_MAX /* no range is so long */

/* An element of the usual form. */
struct netvsc_alike_element {
    uint64_t kind;        /* length and type */
    uint64_t value, mask; /* where its value is, and the value; what of them makes a difference */
};

struct netvsc_alike {
    uint64_t range_bytes;      /* NETVSC_ALIKE_NONE: there is none */
    uint64_t head, data, ppis; /* type and length; where its data is; where its elements are */
    uint32_t elements;         /* it has so many */
    uint32_t data_off;         /* what came of it: where its frame is, */
    uint64_t len;              /* a word of that, */
    uint32_t hash_off;         /* and where its hash is; 0: it has none */
    struct netvsc_alike_element element[RNDIS_QUICK_PPIS_BYTES_MAX / RNDIS_PPI_BYTES];
};

#endif
