/* SPDX-License-Identifier: BSD-3-Clause */
/* pbuf chains of any shape, by chance. */
#ifndef PBUF_SHAPE_H
#define PBUF_SHAPE_H

#include "chance.h"
#include "lwip/pbuf.h"

struct pbuf_shape {
    pbuf_layer layer;     /* of the first pbuf: room for headers in front */
    uint32_t first_bytes; /* the first has so many at least */
    uint32_t most_bytes;  /* in a piece */
    unsigned pieces;      /* so many; what is left then is one more */
};

/*
 * The (bytes) at (memory) as a chain: pieces of the heap and of the pool have copies, others
 * (PBUF_REF, PBUF_ROM) are over (memory) itself.
 */
struct pbuf *pbuf_shape_make(const struct pbuf_shape *shape, uint8_t *memory, uint32_t bytes);

#endif
