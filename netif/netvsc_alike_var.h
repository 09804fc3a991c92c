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
    uint64_t kind;  /* length and type */
    uint64_t value; /* offset of its data, and the data */
    uint64_t mask;  /* which bits of that must be equal */
};

struct netvsc_alike {
    uint64_t range_bytes;      /* NETVSC_ALIKE_NONE: there is none */
    uint64_t head, data, ppis; /* words of its header: type and length; data; elements */
    uint32_t elements;         /* how many it has */
    /* What it means: */
    uint32_t data_off; /* where its frame is */
    uint64_t len;      /* word 1 of the frame, see netvsc_rx_var.h */
    uint32_t hash_off; /* where its hash is; 0: it has none */
    struct netvsc_alike_element element[RNDIS_QUICK_PPIS_BYTES_MAX / RNDIS_PPI_BYTES];
};

#endif
