/* SPDX-License-Identifier: BSD-3-Clause */
/* A channel's rings as they are now, for a person who asks why nothing moves. */
#ifndef VMBUS_LOOK_H
#define VMBUS_LOOK_H

#include <stdbool.h>
#include <stdint.h>

struct vmbus_chan;

/* One direction. The other side writes half of it: numbers to show, not to believe. */
struct vmbus_ring_look {
    uint32_t size_bytes; /* of the data area */
    uint32_t write_index, read_index;
    uint32_t used_bytes; /* between them; 0 when they are nonsense */
    uint32_t interrupt_mask;
    uint32_t pending_send_size; /* the writer waits for this much room; 0 = it does not */
    uint32_t feature_bits;
};

struct vmbus_chan_look {
    uint32_t relid;
    bool dead; /* a ring is corrupt */
    struct vmbus_ring_look to_host, from_host;
    uint32_t unpublished_bytes; /* written, not yet shown to the host */
};

/* For the thread that polls the channel. */
void vmbus_chan_look(const struct vmbus_chan *chan, struct vmbus_chan_look *out);

#endif
