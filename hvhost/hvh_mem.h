/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory as the host sees it. Whoever provides a face (in-process, shared memory, virtual
 * machine) fills struct hvh_guest; the core reaches guest memory through the functions below only,
 * so that every number of the guest is checked in one place. The memory stays the face's.
 */
#ifndef HVH_MEM_H
#define HVH_MEM_H

#include <stdint.h>

#include "vmbus_transport.h"

#define HVH_GPADLS_MAX 4u
#define HVH_RAM_MAX 2u

/* First handle a guest kernel gives out. */
#define HVH_GPADL_FIRST 0xE1E10u

/* A handle the guest's kernel registered and the memory behind it, mapped in one piece. */
struct hvh_gpadl {
    uint32_t handle;
    struct vmbus_region mem;
};

/* Guest-physical pages from (first_pfn) on, mapped in one piece. */
struct hvh_ram {
    uint64_t first_pfn;
    struct vmbus_region mem;
};

struct hvh_guest {
    struct vmbus_chan_region
        primary;                  /* relid and monitor id as hvh_nic_relid(), hvh_nic_monitor() */
    struct vmbus_region int_page; /* base NULL: none */
    struct vmbus_region monitor_page; /* base NULL: none, all doorbells by hvh_nic_doorbell() */
    struct hvh_gpadl gpadl[HVH_GPADLS_MAX];
    unsigned gpadl_count;
    struct hvh_ram ram[HVH_RAM_MAX];
    unsigned ram_count;
    bool same_thread; /* guest and host take turns: doorbells are judged with no room for races */
};

/* The memory of GPADL (handle), or NULL. */
const struct vmbus_region *hvh_mem_gpadl(const struct hvh_guest *guest, uint32_t handle);

/* (len) bytes at (off) of (mem), or NULL if any of them lies outside. */
uint8_t *hvh_mem_at(const struct vmbus_region *mem, uint64_t off, uint64_t len);

/* More RAM. -ENOSPC more pieces than HVH_RAM_MAX, -EINVAL it overlaps, or its numbers overflow. */
int hvh_mem_ram_add(struct hvh_guest *guest, const struct hvh_ram *ram);

/* (len) bytes at (off) of guest page (pfn), all within that page, or NULL. */
uint8_t *hvh_mem_page(const struct hvh_guest *guest, uint64_t pfn, uint32_t off, uint32_t len);

#endif
