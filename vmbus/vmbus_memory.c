/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory hosts may read where it is.
 *
 * There is no IOMMU between us and a real host: a page number that no longer is ours lets it read
 * somebody else's page. So a real host is only told of locked huge pages, which the kernel neither
 * moves nor swaps out. It is a memfd in any case: shared, because a private page is copied on the
 * first write after a fork and has another number from then on; and with a descriptor, by which an
 * emulated host in another process gets to see it. The seals promise that host that the file will
 * not be shortened under its feet.
 *
 * A child would go on writing to pages that are the parent's, too. It does not get them.
 */
#define _GNU_SOURCE /* memfd_create() */
#include "vmbus_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_BYTES (2u << 20)

static int map(struct vmbus_memory *mem, unsigned fd_flags, int map_flags)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

    mem->fd = memfd_create("netvsc", MFD_CLOEXEC | MFD_ALLOW_SEALING | fd_flags);
    if (mem->fd < 0)
        return -errno;
    if (ftruncate(mem->fd, (off_t)mem->region.len_bytes) != 0 ||
        fcntl(mem->fd, F_ADD_SEALS, seals) != 0)
        return -errno;
    void *base = mmap(NULL, mem->region.len_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | map_flags,
                      mem->fd, 0);
    if (base == MAP_FAILED)
        return -errno;
    mem->region.base = base;
    return madvise(base, mem->region.len_bytes, MADV_DONTFORK) == 0 ? 0 : -errno;
}

int vmbus_memory_create(size_t len_bytes, struct vmbus_memory *out)
{
    const size_t rounded = (len_bytes + HUGE_BYTES - 1) / HUGE_BYTES * HUGE_BYTES;

    *out = (struct vmbus_memory){.region.len_bytes = rounded, .fd = -1};
    if (rounded == 0)
        return -EINVAL;
    int error = map(out, MFD_HUGETLB, MAP_POPULATE);
    out->locked = error == 0 && mlock(out->region.base, rounded) == 0;
    if (out->locked)
        return 0;
    vmbus_memory_destroy(out);
    *out = (struct vmbus_memory){.region.len_bytes = rounded, .fd = -1};
    error = map(out, 0, MAP_NORESERVE);
    if (error != 0)
        vmbus_memory_destroy(out);
    return error;
}

void vmbus_memory_destroy(struct vmbus_memory *mem)
{
    if (mem->region.base != NULL)
        munmap(mem->region.base, mem->region.len_bytes);
    if (mem->region.len_bytes != 0 && mem->fd >= 0)
        close(mem->fd);
    memset(mem, 0, sizeof(*mem));
}
