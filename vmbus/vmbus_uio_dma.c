/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory the host may address by guest-physical page.
 *
 * There is no IOMMU between us and the host: a wrong page number lets it read or overwrite somebody
 * else's page. So the memory is one huge page, which the kernel neither splits nor swaps out while
 * it is locked, and its numbers are believed only if every one of them is there.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmbus_reg.h"
#include "vmbus_uio_var.h"

#define DMA_BYTES (2u << 20)
#define DMA_PAGES (DMA_BYTES / VMBUS_PAGE_BYTES)

/* A word of pagemap: bit 63 = in memory, bits 0..54 = page frame number. */
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_PFN ((1ull << 55) - 1)

bool vmbus_uio_pagemap_parse(const uint64_t *words, size_t count, uint64_t *pfn)
{
    for (size_t i = 0; i < count; i++) {
        pfn[i] = words[i] & PAGEMAP_PFN;
        if (!(words[i] & PAGEMAP_PRESENT) || pfn[i] == 0)
            return false;
    }
    return true;
}

/* Ask the kernel where (base) is. */
static bool read_pfns(const uint8_t *base, uint64_t pfn[DMA_PAGES])
{
    uint64_t words[DMA_PAGES];

    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    off_t at = (off_t)((uintptr_t)base / VMBUS_PAGE_BYTES * sizeof(words[0]));
    ssize_t got = pread(fd, words, sizeof(words), at);
    close(fd);
    return got == (ssize_t)sizeof(words) && vmbus_uio_pagemap_parse(words, DMA_PAGES, pfn);
}

void vmbus_uio_dma_alloc(struct vmbus_uio_dma *out)
{
    /* Shared: after a fork, a private page would be copied on the next write, and its number lie.
     */
    const int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | MAP_LOCKED | MAP_POPULATE;

    memset(out, 0, sizeof(*out));
    void *base = mmap(NULL, DMA_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (base == MAP_FAILED)
        return;
    out->base = base;
    out->len_bytes = DMA_BYTES;
    out->pfn = calloc(DMA_PAGES, sizeof(out->pfn[0]));
    if (out->pfn == NULL || mlock(base, DMA_BYTES) != 0 || !read_pfns(out->base, out->pfn))
        vmbus_uio_dma_free(out);
}

void vmbus_uio_dma_free(struct vmbus_uio_dma *dma)
{
    if (dma->base != NULL)
        munmap(dma->base, dma->len_bytes);
    free(dma->pfn);
    memset(dma, 0, sizeof(*dma));
}
