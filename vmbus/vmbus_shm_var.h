/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to the shared-memory provider: vmbus_shm.c and vmbus_shm_map.c. */
#ifndef VMBUS_SHM_VAR_H
#define VMBUS_SHM_VAR_H

#include "vmbus_sysfs_var.h"

#define VMBUS_SHM_CHANS 64u

struct vmbus_shm {
    int sock;
    int lock_fd;
    struct vmbus_region map[VMBUS_MAP_KINDS];
    struct vmbus_region ram;
    uint64_t *pfn;
    struct vmbus_ring_ctl *in;  /* host to guest */
    char dir[VMBUS_PATH_BYTES]; /* DEVICE_DIR, where sub-channels appear */
    uint32_t relid;             /* of the primary */
    struct vmbus_region ring[VMBUS_SHM_CHANS];
};

/* What is being opened, handed from step to step. */
struct vmbus_shm_opening {
    const struct vmbus_bus *bus;
    const struct vmbus_info *info;
    struct vmbus_error *err;
    char node[VMBUS_PATH_BYTES];
    struct vmbus_shm *dev;
};

/*
 * Make the rings, map all other regions and guest memory into o->dev, which keeps what was mapped
 * when this fails. Errors as vmbus_shm_open(), in words, too.
 */
int vmbus_shm_map(const struct vmbus_shm_opening *o, const struct vmbus_map maps[VMBUS_MAP_KINDS]);

/* A file beside the node could not be used: say so in the words that fit the reason. */
int vmbus_shm_fail_file(const struct vmbus_shm_opening *o, int error, const char *path);

#endif
