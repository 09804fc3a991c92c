/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A receive buffer of 16 MiB is 4096 pages, of which a processor knows some 1500; and each costs
 * two microseconds when it is touched first. In pages of 2 MiB it is eight. The kernel gives none
 * for shared memory by itself (shmem_enabled is "never" nearly everywhere), but it does when asked
 * for a range at a 2 MiB boundary (MADV_COLLAPSE, Linux 6.1): memory that is there is copied
 * together, what is not there is zeroed, and whoever has mapped it at such a boundary, children and
 * other processes too, finds the large page at the next fault.
 *
 * When? To ask costs 0.2 to 0.4 ms a piece, as much as a hundred first touches, and then all of the
 * piece is memory in use. A card with nothing to do shall pay neither, and start-up nothing. So a
 * piece is made once its first eighth has been used: until then 64 pages serve, which are no more
 * than the first-level TLB knows. Both ends use their buffers from the beginning on and go further
 * only when more is under way at a time, so what is used is a beginning of the buffer.
 *
 * Files are another matter: their memory is allocated as a whole when they are made, so it is made
 * large at once, which is faster than page by page.
 *
 * Nothing here touches memory beyond the region: a buffer smaller than a piece, or the rest behind
 * its last whole piece, stays in ordinary pages. On a real machine the kernel allocates and maps
 * the buffers, and none of this applies.
 */
#define _GNU_SOURCE /* madvise() */
#include "hvh_large.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmbus_reg.h"

#ifndef MADV_COLLAPSE /* Debian 12's libc does not name it */
#define MADV_COLLAPSE 25
#endif

#define USED_BYTES (HVH_LARGE_BYTES / 8) /* of a piece, before it is made large */

void *hvh_large_map(int fd, size_t len_bytes, int prot)
{
    const int flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
    const size_t slack = len_bytes < HVH_LARGE_BYTES ? 0 : HVH_LARGE_BYTES;
    uint8_t *room = mmap(NULL, len_bytes + slack, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    size_t before;
    void *base;

    if (room == MAP_FAILED)
        return MAP_FAILED;
    before = slack ? -(uintptr_t)room % HVH_LARGE_BYTES : 0;
    base = mmap(room + before, len_bytes, prot, flags | MAP_FIXED, fd, 0);
    if (base == MAP_FAILED) {
        (void)munmap(room, len_bytes + slack);
        return MAP_FAILED;
    }
    if (before > 0)
        (void)munmap(room, before);
    if (slack > before)
        (void)munmap(room + before + len_bytes, slack - before);
    return base;
}

/* There must be something in a piece, or it counts as a hole and is refused. */
static bool make(uint8_t *piece)
{
    (void)madvise(piece, VMBUS_PAGE_BYTES, MADV_POPULATE_READ);
    return madvise(piece, HVH_LARGE_BYTES, MADV_COLLAPSE) == 0;
}

unsigned hvh_large_fill(int fd, size_t len_bytes)
{
    const size_t whole = len_bytes / HVH_LARGE_BYTES * HVH_LARGE_BYTES;
    unsigned made = 0;
    uint8_t *base;

    if (whole == 0 || ftruncate(fd, (off_t)len_bytes) != 0)
        return 0;
    base = hvh_large_map(fd, whole, PROT_READ | PROT_WRITE);
    if (base == MAP_FAILED)
        return 0;
    for (size_t off = 0; off < whole; off += HVH_LARGE_BYTES) {
        /* Written to as a file: where there is no memory that is an error, a touch is SIGBUS. */
        if (pwrite(fd, "", 1, (off_t)off) != 1 || !make(base + off))
            break;
        made++;
    }
    (void)munmap(base, whole);
    return made;
}

void hvh_large_watch(struct hvh_large *large, const struct vmbus_region *mem)
{
    *large = (struct hvh_large){.mem = *mem, .due = SIZE_MAX};
    if (mem->len_bytes >= HVH_LARGE_BYTES)
        large->due = USED_BYTES;
}

bool hvh_large_grow(struct hvh_large *large)
{
    const size_t piece = large->due - USED_BYTES;
    const bool made = make(large->mem.base + piece);

    large->due = SIZE_MAX;
    if (made && large->mem.len_bytes - piece >= 2 * HVH_LARGE_BYTES)
        large->due = piece + HVH_LARGE_BYTES + USED_BYTES;
    return made;
}
