/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rings of sub-channels as sysfs shows them: one way for a real kernel and for the emulated host.
 * The file channels/RELID/ring is there once the channel is open; before that there is its folder
 * only, or nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmbus_sysfs_var.h"

/* Two halves, so whole pages and an even number of them. */
static bool size_ok(off_t bytes)
{
    return bytes > 0 && bytes <= INT32_MAX && bytes % (off_t)(2 * VMBUS_PAGE_BYTES) == 0;
}

int vmbus_sysfs_ring_map(const char *device_dir, uint32_t relid, struct vmbus_region *out)
{
    char path[VMBUS_PATH_BYTES];
    struct stat st;
    void *base = MAP_FAILED;

    if (vmbus_path(path, "%s/channels/%u/ring", device_dir, relid) != 0)
        return -EPROTO;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -EAGAIN : -errno;
    int error = fstat(fd, &st) == 0 ? 0 : -errno;
    if (error == 0 && !size_ok(st.st_size))
        error = -EPROTO;
    if (error == 0) {
        base = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (base == MAP_FAILED)
            error = errno == ENODEV ? -EAGAIN : -errno; /* ENODEV: not open yet */
    }
    close(fd);
    if (error == 0)
        *out = (struct vmbus_region){.base = base, .len_bytes = (size_t)st.st_size};
    return error;
}

bool vmbus_sysfs_has_rings(const char *device_dir, uint32_t primary_relid)
{
    char path[VMBUS_PATH_BYTES];

    return vmbus_path(path, "%s/channels/%u/ring", device_dir, primary_relid) == 0 &&
           access(path, F_OK) == 0;
}
