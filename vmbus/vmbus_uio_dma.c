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

/* Ask the kernel where the (count) pages from number (page) of our address space on are. */
static bool read_some(int fd, uint64_t page, size_t count, uint64_t *pfn)
{
    uint64_t words[DMA_PAGES];
    const size_t bytes = count * sizeof(words[0]);

    return pread(fd, words, bytes, (off_t)(page * sizeof(words[0]))) == (ssize_t)bytes &&
           vmbus_uio_pagemap_parse(words, count, pfn);
}

bool vmbus_uio_pfns(const struct vmbus_region *mem, uint64_t *pfn)
{
    const uint64_t first = (uintptr_t)mem->base / VMBUS_PAGE_BYTES;
    const size_t pages = mem->len_bytes / VMBUS_PAGE_BYTES;
    bool ok = true;

    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    for (size_t done = 0; ok && done < pages; done += DMA_PAGES) {
        size_t count = pages - done < DMA_PAGES ? pages - done : DMA_PAGES;
        ok = read_some(fd, first + done, count, pfn + done);
    }
    close(fd);
    return ok;
}

void vmbus_uio_dma_alloc(struct vmbus_uio_dma *out)
{
    /* Shared: a private page is copied on the first write after a fork, and has another number. */
    const int flags = MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB | MAP_LOCKED | MAP_POPULATE;

    memset(out, 0, sizeof(*out));
    void *base = mmap(NULL, DMA_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (base == MAP_FAILED)
        return;
    out->base = base;
    out->len_bytes = DMA_BYTES;
    out->pfn = calloc(DMA_PAGES, sizeof(out->pfn[0]));
    const struct vmbus_region region = {out->base, out->len_bytes};
    if (out->pfn == NULL || mlock(base, DMA_BYTES) != 0 || !vmbus_uio_pfns(&region, out->pfn))
        vmbus_uio_dma_free(out);
}

void vmbus_uio_dma_free(struct vmbus_uio_dma *dma)
{
    if (dma->base != NULL)
        munmap(dma->base, dma->len_bytes);
    free(dma->pfn);
    memset(dma, 0, sizeof(*dma));
}
