/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to vmbus/: what a device and its channels are made of. */
#ifndef VMBUS_CHAN_VAR_H
#define VMBUS_CHAN_VAR_H

#include "vmbus.h"
#include "vmbus_chan.h"
#include "vmbus_ring_var.h"

/* Primary and 63 sub-channels, as many as a host offers. */
#define VMBUS_CHANNELS_MAX 64u

/* One bit of a word shared with the host; word is NULL where there is none. */
struct vmbus_bell {
    _Atomic uint32_t *word;
    uint32_t bit;
};

struct vmbus_chan {
    struct vmbus_rx_ring rx;
    struct vmbus_tx_ring tx;
    bool dead; /* one of the rings is corrupt */
    struct vmbus_device *dev;
    struct vmbus_bell monitor; /* how the hypervisor is told, or NULL: ops->signal */
    uint16_t *latency;         /* its entry in the monitor page, or NULL */
    struct vmbus_bell event;   /* which channel it is, for hosts that look there */
    struct vmbus_chan_stats stats;
    uint32_t relid;
    bool keep_masked;
    _Atomic bool armed; /* between vmbus_chan_arm() and disarm */
    _Alignas(8) uint8_t bounce[VMBUS_PKT_BYTES_MAX];
};

struct vmbus_device {
    struct vmbus_transport t;
    struct vmbus_chan *chan[VMBUS_CHANNELS_MAX]; /* by index; 0 always there, others may be NULL */
    unsigned channels;                           /* all indices in use are below this */
    _Atomic bool armed;                          /* between vmbus_irq_arm() and disarm */
    _Atomic bool alone;                          /* channels are armed one by one */
    _Atomic bool gone;                           /* an operation said -EIO */
    uint64_t *shared_pfn;                        /* of what vmbus_share() showed the host */
};

/* A channel of (dev) over (region), masked. -EINVAL, -EPROTO nonsense, -ENOMEM. */
int vmbus_chan_create(struct vmbus_device *dev, const struct vmbus_chan_region *region,
                      struct vmbus_chan **out);
void vmbus_chan_destroy(struct vmbus_chan *chan);

/* Ring the doorbell, whatever the host's mask says. 0, or -EIO device gone. */
int vmbus_chan_signal(struct vmbus_chan *chan);
/* After unmasking: a packet came, or room for one that was refused. */
bool vmbus_chan_has_work(struct vmbus_chan *chan);

/* Do not interrupt for any channel. */
void vmbus_device_mask(struct vmbus_device *dev);

#endif
