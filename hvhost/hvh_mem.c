/* SPDX-License-Identifier: BSD-3-Clause */
/* Bounds of guest memory: every offset, handle and page number of a guest is judged here. */
#include "hvh_mem.h"

#include <errno.h>

#include "vmbus_reg.h"

uint8_t *hvh_mem_at(const struct vmbus_region *mem, uint64_t off, uint64_t len)
{
    if (off > mem->len_bytes || len > mem->len_bytes - off)
        return NULL;
    return mem->base + off;
}

const struct vmbus_region *hvh_mem_gpadl(const struct hvh_guest *guest, uint32_t handle)
{
    for (unsigned i = 0; i < guest->gpadl_count; i++) {
        if (guest->gpadl[i].handle == handle)
            return &guest->gpadl[i].mem;
    }
    return NULL;
}

static uint64_t pages_of(const struct hvh_ram *ram)
{
    return ram->mem.len_bytes / VMBUS_PAGE_BYTES;
}

int hvh_mem_ram_add(struct hvh_guest *guest, const struct hvh_ram *ram)
{
    if (guest->ram_count == HVH_RAM_MAX)
        return -ENOSPC;
    if (ram->first_pfn > UINT64_MAX - pages_of(ram))
        return -EINVAL;
    for (unsigned i = 0; i < guest->ram_count; i++) {
        const struct hvh_ram *old = &guest->ram[i];

        if (ram->first_pfn < old->first_pfn + pages_of(old) &&
            old->first_pfn < ram->first_pfn + pages_of(ram))
            return -EINVAL;
    }
    guest->ram[guest->ram_count++] = *ram;
    return 0;
}

uint8_t *hvh_mem_page(const struct hvh_guest *guest, uint64_t pfn, uint32_t off, uint32_t len)
{
    if (off > VMBUS_PAGE_BYTES || len > VMBUS_PAGE_BYTES - off)
        return NULL;
    for (unsigned i = 0; i < guest->ram_count; i++) {
        const struct hvh_ram *ram = &guest->ram[i];

        if (pfn >= ram->first_pfn && pfn - ram->first_pfn < pages_of(ram))
            return ram->mem.base + (pfn - ram->first_pfn) * VMBUS_PAGE_BYTES + off;
    }
    return NULL;
}
