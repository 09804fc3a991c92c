/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to vmbus/: the parts of the uio provider that a test can look at without a uio device. */
#ifndef VMBUS_UIO_VAR_H
#define VMBUS_UIO_VAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmbus_transport.h"

/* Whether a kernel with this uname() release surely survives the interrupt of a sub-channel. */
bool vmbus_uio_subchannel_irqs(const char *release);

/*
 * Channels that are safe with (release) when the primary has (monitor_id); 0 = no limit. Without
 * monitor, a kernel before 6.16 does not ring for sub-channels. Some of its stable releases do, and
 * these write through a null pointer when write(1) meets a sub-channel that is offered and not yet
 * open (seen: 6.12.107). So there the host must not be asked for any.
 */
uint32_t vmbus_uio_channels_max(const char *release, uint8_t monitor_id);

/*
 * Until vmbus_uio_unguard(): memory of (base) that the kernel took away is zeroes, not SIGBUS, when
 * it is touched; see vmbus_uio_guard.c. Any thread.
 */
void vmbus_uio_guard(void *base, size_t len_bytes);
/* Before it is unmapped. Nothing happens when (base) is not guarded. */
void vmbus_uio_unguard(const void *base);

/* Memory and the guest-physical number of each of its 4 KiB pages; all NULL when there is none. */
struct vmbus_uio_dma {
    uint8_t *base;
    size_t len_bytes;
    uint64_t *pfn;
};

/* Get one locked huge page and its numbers. Without the privilege or a free huge page: none. */
void vmbus_uio_dma_alloc(struct vmbus_uio_dma *out);
void vmbus_uio_dma_free(struct vmbus_uio_dma *dma);

/*
 * Page numbers out of (count) words of /proc/PID/pagemap. False when one is not present or not
 * shown (0 for those without CAP_SYS_ADMIN): better no numbers than one wrong.
 */
bool vmbus_uio_pagemap_parse(const uint64_t *words, size_t count, uint64_t *pfn);

/* The numbers of all pages of (mem), which must be locked. False: as above, or no pagemap. */
bool vmbus_uio_pfns(const struct vmbus_region *mem, uint64_t *pfn);

#endif
