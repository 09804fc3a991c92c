/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Sub-channels as sysfs shows them: one way for a real kernel and for the emulated host. The file
 * channels/RELID/ring is there once the channel is open; before that there is its folder only, or
 * nothing.
 *
 * A program that opens the card right after another has closed it sees the sub-channels of that
 * one go, file by file, while its own come, under the same numbers. So number and monitor are read
 * when the ring is mapped, and count if the file "ring" is still the one that was: all three are of
 * one folder then. Whatever fails on the way other than by nonsense is a channel that goes or is
 * not whole yet: -EAGAIN, for the caller looks again until its deadline. The kernel makes the ring
 * last: before it, a missing monitor_id might just not be there yet.
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

/* A file that was removed before, or after, it was opened. */
static bool vanished(int error)
{
    return error == ENOENT || error == ENODEV;
}

/* Map the ring of the channel in (dir); (*file) says which file that was. */
static int ring_map(const char *dir, struct vmbus_region *out, ino_t *file)
{
    char path[VMBUS_PATH_BYTES];
    struct stat st = {0};
    void *base = MAP_FAILED;

    if (vmbus_path(path, "%s/ring", dir) != 0)
        return -EPROTO;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return vanished(errno) ? -EAGAIN : -errno;
    int error = fstat(fd, &st) == 0 ? 0 : -errno;
    if (error == 0 && !size_ok(st.st_size))
        error = -EPROTO;
    if (error == 0) {
        base = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (base == MAP_FAILED)
            error = vanished(errno) ? -EAGAIN : -errno; /* ENODEV: not open yet, too */
    }
    close(fd);
    *file = st.st_ino;
    if (error == 0)
        *out = (struct vmbus_region){.base = base, .len_bytes = (size_t)st.st_size};
    return error;
}

/* Does this kernel show rings at all? It shows the primary's, too, then. */
static bool has_rings(const char *device_dir, uint32_t primary_relid)
{
    char path[VMBUS_PATH_BYTES];

    return vmbus_path(path, "%s/channels/%u/ring", device_dir, primary_relid) == 0 &&
           access(path, F_OK) == 0;
}

static bool ring_is(const char *dir, ino_t file)
{
    char path[VMBUS_PATH_BYTES];
    struct stat st;

    return vmbus_path(path, "%s/ring", dir) == 0 && stat(path, &st) == 0 && st.st_ino == file;
}

/* The monitor of the channel in (dir) whose ring is (file), if it is channel (index). */
static int monitor_of(const char *dir, ino_t file, uint32_t index, uint8_t *monitor_id)
{
    uint64_t subchannel;

    int error = vmbus_sysfs_monitor_id(dir, monitor_id);
    if (error == 0)
        error = vmbus_sysfs_u64(dir, "subchannel_id", 10, UINT16_MAX, &subchannel);
    if (error != 0)
        return error == -EPROTO ? error : -EAGAIN;
    return subchannel == index && ring_is(dir, file) ? 0 : -EAGAIN;
}

int vmbus_sysfs_subchannel(const char *device_dir, uint32_t primary_relid, uint32_t index,
                           struct vmbus_chan_region *out)
{
    char dir[VMBUS_PATH_BYTES];
    ino_t file = 0;

    *out = (struct vmbus_chan_region){.subchannel = index};
    if (!has_rings(device_dir, primary_relid))
        return -ENOTSUP;
    int error = vmbus_sysfs_channel_find(device_dir, index, &out->relid);
    if (error == 0 && vmbus_path(dir, "%s/channels/%u", device_dir, out->relid) != 0)
        error = -EPROTO;
    if (error == 0)
        error = ring_map(dir, &out->rings, &file);
    if (error != 0)
        return error;
    error = monitor_of(dir, file, index, &out->monitor_id);
    if (error != 0)
        munmap(out->rings.base, out->rings.len_bytes);
    return error;
}
