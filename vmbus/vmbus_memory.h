/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory from which a NIC may send without copying. It belongs to the process: made once, before
 * any device is open, shown to each device by vmbus_share(), and still there when they have gone,
 * so that what lives in it need not be moved.
 */
#ifndef VMBUS_MEMORY_H
#define VMBUS_MEMORY_H

#include <stddef.h>

#include "vmbus_transport.h"

/*
 * Zeroed memory of (len_bytes), rounded up to 2 MiB: locked huge pages if there are enough free
 * ones, whose page numbers a real host can be told; else ordinary pages, which only an emulated
 * host can use. A forked child does not have it. -EINVAL 0 bytes, -ENOMEM; or errno, (*out) zeroed.
 */
int vmbus_memory_create(size_t len_bytes, struct vmbus_memory *out);
/* After every device that was shown it is closed. A zeroed one is allowed. */
void vmbus_memory_destroy(struct vmbus_memory *mem);

#endif
