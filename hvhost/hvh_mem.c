/* SPDX-License-Identifier: BSD-3-Clause */
/* Bounds of guest memory: every offset, handle and page number of a guest is judged here. */
#include "hvh_mem.h"

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

uint8_t *hvh_mem_page(const struct hvh_guest *guest, uint64_t pfn, uint32_t off, uint32_t len)
{
    if (off > VMBUS_PAGE_BYTES || len > VMBUS_PAGE_BYTES - off)
        return NULL;
    for (unsigned i = 0; i < guest->ram_count; i++) {
        const struct hvh_ram *ram = &guest->ram[i];
        uint64_t pages = ram->mem.len_bytes / VMBUS_PAGE_BYTES;

        if (pfn >= ram->first_pfn && pfn - ram->first_pfn < pages)
            return ram->mem.base + (pfn - ram->first_pfn) * VMBUS_PAGE_BYTES + off;
    }
    return NULL;
}
