/* SPDX-License-Identifier: BSD-3-Clause */
/* The files of a shared-memory device, as memory. Which there are and why: see vmbus_shm.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmbus_shm_var.h"

#define LARGE_BYTES ((size_t)2 << 20)

int vmbus_shm_fail_file(const struct vmbus_shm_opening *o, int error, const char *path)
{
    if (error == -ENOENT)
        return vmbus_fail(o->err, -ENODEV, "start the host program again",
                          "%s has gone: %s is not there", o->info->instance, path);
    if (error == -EACCES || error == -EPERM)
        return vmbus_fail(o->err, error, "run as the user who runs the host program",
                          "may not open %s", path);
    return vmbus_fail(o->err, error, "start the host program again, in a new folder",
                      "cannot use %s: %s", path, strerror(-error));
}

/*
 * At a 2 MiB boundary: the host makes its files of pages of that size if it can, which the kernel
 * maps as such only where file and addresses agree.
 */
static int map_fd(int fd, size_t len_bytes, struct vmbus_region *out)
{
    const size_t slack = len_bytes < LARGE_BYTES ? 0 : LARGE_BYTES;
    uint8_t *room = mmap(NULL, len_bytes + slack, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (room == MAP_FAILED)
        return -errno;
    const size_t before = slack != 0 ? -(uintptr_t)room % LARGE_BYTES : 0;
    uint8_t *base =
        mmap(room + before, len_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
    if (base == MAP_FAILED) {
        const int error = -errno;
        (void)munmap(room, len_bytes + slack);
        return error;
    }
    if (before > 0)
        (void)munmap(room, before);
    if (slack > before)
        (void)munmap(base + len_bytes, slack - before);
    *out = (struct vmbus_region){.base = base, .len_bytes = len_bytes};
    return 0;
}

/* Map a file the host made. (len_bytes) 0: all of it. Memory past its end would be a SIGBUS. */
static int map_file(const char *path, size_t len_bytes, struct vmbus_region *out)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    int error = fstat(fd, &st) != 0 ? -errno : 0;
    if (error == 0 && len_bytes == 0 && st.st_size > 0)
        len_bytes = (size_t)st.st_size;
    if (error == 0 && (!S_ISREG(st.st_mode) || (uint64_t)st.st_size < len_bytes || len_bytes == 0 ||
                       len_bytes % VMBUS_PAGE_BYTES != 0))
        error = -EPROTO;
    if (error == 0)
        error = map_fd(fd, len_bytes, out);
    close(fd);
    return error;
}

/* New ring memory in place of the previous guest's; all zero, so only the feature bits are left. */
static int make_rings(const struct vmbus_shm_opening *o, const struct vmbus_map *map)
{
    char path[VMBUS_PATH_BYTES];
    struct vmbus_region *rings = &o->dev->map[VMBUS_MAP_RINGS];

    if (map->size_bytes % (2 * VMBUS_PAGE_BYTES) != 0 ||
        vmbus_path(path, "%s.map%u", o->node, map->index) != 0)
        return vmbus_shm_fail_file(o, -EPROTO, o->node);
    if (unlink(path) != 0 && errno != ENOENT)
        return vmbus_shm_fail_file(o, -errno, path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return vmbus_shm_fail_file(o, -errno, path);
    int error = -posix_fallocate(fd, 0, (off_t)map->size_bytes);
    if (error == 0)
        error = map_fd(fd, map->size_bytes, rings);
    close(fd);
    if (error != 0)
        return vmbus_shm_fail_file(o, error, path);

    struct vmbus_ring_ctl *out = (void *)rings->base;
    o->dev->in = (void *)(rings->base + rings->len_bytes / 2);
    atomic_store_explicit(&out->feature_bits, VMBUS_RING_FEATURE_PENDING, memory_order_relaxed);
    atomic_store_explicit(&o->dev->in->feature_bits, VMBUS_RING_FEATURE_PENDING,
                          memory_order_relaxed);
    return 0;
}

static int map_regions(const struct vmbus_shm_opening *o, const struct vmbus_map *maps)
{
    char path[VMBUS_PATH_BYTES];

    int error = make_rings(o, &maps[VMBUS_MAP_RINGS]);
    for (unsigned kind = 0; error == 0 && kind < VMBUS_MAP_KINDS; kind++) {
        if (kind == VMBUS_MAP_RINGS)
            continue;
        error = vmbus_path(path, "%s.map%u", o->node, maps[kind].index);
        if (error == 0)
            error = map_file(path, maps[kind].size_bytes, &o->dev->map[kind]);
        if (error != 0)
            return vmbus_shm_fail_file(o, error, path);
    }
    return error;
}

/* Memory with page numbers. A host that has none has no such file, and that is no failure. */
static int map_ram(const struct vmbus_shm_opening *o)
{
    char path[VMBUS_PATH_BYTES];

    int error = vmbus_path(path, "%s.ram", o->node);
    if (error == 0)
        error = map_file(path, 0, &o->dev->ram);
    if (error == -ENOENT)
        return 0;
    if (error != 0)
        return vmbus_shm_fail_file(o, error, path);
    size_t pages = o->dev->ram.len_bytes / VMBUS_PAGE_BYTES;
    o->dev->pfn = calloc(pages, sizeof(*o->dev->pfn));
    if (o->dev->pfn == NULL)
        return vmbus_shm_fail_file(o, -ENOMEM, path);
    for (size_t i = 0; i < pages; i++)
        o->dev->pfn[i] = i;
    return 0;
}

int vmbus_shm_map(const struct vmbus_shm_opening *o, const struct vmbus_map maps[VMBUS_MAP_KINDS])
{
    int error = map_regions(o, maps);

    return error == 0 ? map_ram(o) : error;
}
