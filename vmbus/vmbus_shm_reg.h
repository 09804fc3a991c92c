/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages on the socket that stands for a uio node, beside the s32 a real node knows: see
 * vmbus_shm.c and hvhost/README.md. Emulation only; no real machine has them.
 */
#ifndef VMBUS_SHM_REG_H
#define VMBUS_SHM_REG_H

#include <assert.h>
#include <stdint.h>

/*
 * Guest to host, with one descriptor: more guest memory, readable, sealed against shrinking. Its
 * pages are guest pages (first_pfn) on. At most VMBUS_SHM_SHARES per guest.
 */
struct vmbus_shm_share {
    uint32_t what; /* VMBUS_SHM_SHARE */
    uint32_t pages;
    uint64_t first_pfn;
};
static_assert(sizeof(struct vmbus_shm_share) == 16, "wire layout");

#define VMBUS_SHM_SHARE 0x48534D56u
#define VMBUS_SHM_SHARES 1u
#define VMBUS_SHM_SHARE_PFN UINT64_C(0x100000) /* 4 GiB: above every file of guest memory */

#endif
