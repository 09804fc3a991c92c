/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * THE seam between the driver and the world. A transport is memory plus a few operations; it says
 * where a device's memory came from and how its host is nudged, and nothing above it can tell which
 * transport it has. Three exist: vmbus_uio.c (real machine), vmbus_shm.c (emulated host in another
 * process) and the in-process face of hvhost/ (emulated host in this process).
 *
 * No operation is called per packet: signal at most once per flush, the rest when idle or never.
 * No operation blocks.
 */
#ifndef VMBUS_TRANSPORT_H
#define VMBUS_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vmbus_region {
    uint8_t *base;
    size_t len_bytes;
};

/*
 * Memory of this process for a host to read where it is: see vmbus_memory.h. It belongs to the
 * process; devices come and go over it.
 */
struct vmbus_memory {
    struct vmbus_region region; /* whole pages; base NULL: none */
    int fd;                     /* the same memory, for a host in another process */
    bool locked;                /* its pages never move */
};

/* The memory of one channel as the transport found it. */
struct vmbus_chan_region {
    uint32_t relid;            /* 1..2047 */
    uint32_t subchannel;       /* 0 = primary */
    uint8_t monitor_id;        /* 0..127, or VMBUS_MONITOR_NONE: signalled through ops->signal */
    struct vmbus_region rings; /* first half guest to host, second half host to guest */
    bool keep_masked;          /* never unmask it: its interrupt would crash this kernel */
};

struct vmbus_transport_ops {
    /*
     * Doorbell of channel (relid), which has no monitor. May as a side effect unmask the interrupts
     * of every channel (Linux' uio_hv_generic does): the caller masks again what it wants masked.
     * 0, or -EIO when the host has withdrawn the device.
     */
    int (*signal)(void *ctx, uint32_t relid);
    /* Let interrupts through (on) or not, beyond the mask word in each ring. 0 or -EIO. */
    int (*irq_enable)(void *ctx, bool on);
    /* Take a pending interrupt without waiting: 0 there was one, -EAGAIN none, -EIO device gone. */
    int (*irq_take)(void *ctx);
    /*
     * Map subchannel (index), 1..63. 0, -EAGAIN while the host has not offered it yet, -ENOTSUP
     * when this kernel has no sub-channel rings. The memory stays the transport's.
     */
    int (*subchannel_open)(void *ctx, uint32_t index, struct vmbus_chan_region *out);
    /*
     * Let the host read (mem) by guest-physical page; pfn[i] becomes the number of its page i. At
     * most once per device. -ENOTSUP no numbers to be had (of these pages); or errno. NULL: never.
     */
    int (*share)(void *ctx, const struct vmbus_memory *mem, uint64_t *pfn);
    /* Unmap everything and free ctx. The host sees the channel closed. */
    void (*close)(void *ctx);
};

struct vmbus_transport {
    const struct vmbus_transport_ops *ops;
    void *ctx;
    /*
     * As many channels as this kernel is safe with, the primary included; 0 = no limit. More must
     * not even be asked for: see vmbus_uio_channels_max().
     */
    uint32_t channels_max;
    int irq_fd; /* readable when irq_take has something to say; -1 when interrupts need no fd */
    struct vmbus_chan_region primary;
    struct vmbus_region int_page;
    struct vmbus_region monitor_page;
    struct vmbus_region recv; /* the host writes received frames here */
    struct vmbus_region send; /* the guest writes frames to send here */
    uint32_t recv_gpadl;      /* the handles by which the host knows the two buffers */
    uint32_t send_gpadl;
    /*
     * Memory the guest may name by guest-physical page: page i of dma is guest page dma_pfn[i].
     * dma_pfn is NULL where page numbers are unknown (no privilege, confidential machine).
     */
    struct vmbus_region dma;
    const uint64_t *dma_pfn;
    /* Our thread turns the host, too: what it has just read is in this processor's caches. */
    bool host_here;
};

#endif
