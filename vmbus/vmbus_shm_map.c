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

static int map_fd(int fd, size_t len_bytes, struct vmbus_region *out)
{
    void *base = mmap(NULL, len_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (base == MAP_FAILED)
        return -errno;
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
