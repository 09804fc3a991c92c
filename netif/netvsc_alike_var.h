/* SPDX-License-Identifier: BSD-3-Clause */
/* Private: a PACKET message that was judged, for those to come that say the same. See
 * netvsc_rx_alike.c. */
#ifndef NETVSC_ALIKE_VAR_H
#define NETVSC_ALIKE_VAR_H

#include <stdint.h>

#include "rndis_quick.h"

#define NETVSC_ALIKE_NONE UINT64_MAX /* no range is so long */

struct netvsc_alike {
    uint64_t range_bytes;      /* NETVSC_ALIKE_NONE: there is none */
    uint64_t head, data, ppis; /* type and length; where its data is; where its elements are */
    uint32_t element_words;    /* they are so long */
    uint32_t data_off;         /* what came of it: where its frame is, */
    uint64_t len, hash;        /* and words of that */
    uint64_t element[RNDIS_QUICK_PPIS_BYTES_MAX / sizeof(uint64_t)];
};

#endif
