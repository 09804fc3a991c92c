/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pages of 2 MiB under the buffers of an emulated card. Best effort: what is refused stays in
 * ordinary pages, and nobody is told but by a counter.
 */
#ifndef HVH_LARGE_H
#define HVH_LARGE_H

#include <stdbool.h>
#include <stddef.h>

#include "vmbus_transport.h"

#define HVH_LARGE_BYTES ((size_t)2 << 20)

/* Memory in use from its beginning on, made large piece by piece. */
struct hvh_large {
    struct vmbus_region mem;
    size_t due; /* once a byte from this offset on is used; SIZE_MAX: no more */
};

/*
 * (len_bytes) of file (fd), or of memory of no file (-1), shared with children, with access (prot),
 * at an address at which large pages can lie. MAP_FAILED and errno.
 */
void *hvh_large_map(int fd, size_t len_bytes, int prot);

/* All of the empty file (fd), as far as it is whole pieces. Returns how many. */
unsigned hvh_large_fill(int fd, size_t len_bytes);

/* Begin with (mem), none of it in use yet. */
void hvh_large_watch(struct hvh_large *large, const struct vmbus_region *mem);
/* Make the piece that is due, if (due) has been reached. False: refused, and never tried again. */
bool hvh_large_grow(struct hvh_large *large);

#endif
