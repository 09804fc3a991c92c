/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * GPADLs: lists of pages a guest shares under a handle. A list too long for one message comes as a
 * header and bodies; only the last part is answered, for all of them. A list that contradicts
 * itself, or names pages the guest does not have, is refused in that answer.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hvh_vmbus_var.h"

#define PFN_BYTES 8u
#define RANGE_BYTES 8u /* length and offset before the page numbers */

static struct hvh_bus_gpadl *entry_find(struct hvh_vmbus *bus, uint32_t handle)
{
    for (unsigned i = 0; i < HVH_BUS_GPADLS_MAX; i++) {
        if (bus->gpadl[i].handle == handle)
            return &bus->gpadl[i];
    }
    return NULL;
}

struct hvh_bus_gpadl *hvh_bus_gpadl_find(struct hvh_vmbus *bus, uint32_t relid, uint32_t handle)
{
    struct hvh_bus_gpadl *gpadl = handle ? entry_find(bus, handle) : NULL;

    return gpadl && gpadl->relid == relid && gpadl->mem.base ? gpadl : NULL;
}

static void entry_free(struct hvh_bus_gpadl *gpadl)
{
    if (gpadl->mem.base)
        (void)munmap(gpadl->mem.base, gpadl->mem.len_bytes);
    free(gpadl->pfn);
    *gpadl = (struct hvh_bus_gpadl){0};
}

void hvh_bus_gpadls_drop(struct hvh_vmbus *bus, uint32_t relid)
{
    for (unsigned i = 0; i < HVH_BUS_GPADLS_MAX; i++) {
        if (bus->gpadl[i].handle != 0 && (relid == 0 || bus->gpadl[i].relid == relid))
            entry_free(&bus->gpadl[i]);
    }
}

/* ---- mapping ---------------------------------------------------------------------------- */

static bool pages_exist(const struct hvh_vmbus *bus, const struct hvh_bus_gpadl *gpadl)
{
    uint64_t ram_pages = bus->config.ram.len_bytes / VMBUS_PAGE_BYTES;

    for (uint32_t i = 0; i < gpadl->pages; i++) {
        if (gpadl->pfn[i] >= ram_pages)
            return false;
    }
    return true;
}

/* Pages from (i) on that follow each other in guest memory. */
static uint32_t run_length(const struct hvh_bus_gpadl *gpadl, uint32_t i)
{
    uint32_t n = 1;

    while (i + n < gpadl->pages && gpadl->pfn[i + n] == gpadl->pfn[i] + n)
        n++;
    return n;
}

/* All pages side by side. -ENOMEM: no memory, or more runs than a process may map. */
static int pages_map(const struct hvh_vmbus *bus, struct hvh_bus_gpadl *gpadl)
{
    size_t bytes = (size_t)gpadl->pages * VMBUS_PAGE_BYTES;
    const int reserve = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    uint8_t *base = mmap(NULL, bytes, PROT_NONE, reserve, -1, 0);
    uint32_t i, n;

    if (base == MAP_FAILED)
        return -ENOMEM;
    for (i = 0; i < gpadl->pages; i += n) {
        n = run_length(gpadl, i);
        if (mmap(base + (size_t)i * VMBUS_PAGE_BYTES, (size_t)n * VMBUS_PAGE_BYTES,
                 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, bus->config.ram_fd,
                 (off_t)(gpadl->pfn[i] * VMBUS_PAGE_BYTES)) == MAP_FAILED) {
            (void)munmap(base, bytes);
            return -ENOMEM;
        }
    }
    gpadl->mem = (struct vmbus_region){.base = base, .len_bytes = bytes};
    return 0;
}

/* ---- messages --------------------------------------------------------------------------- */

/* A channel that is open learns of its guest's new memory at once; others when they are opened. */
static bool announce(struct hvh_vmbus *bus, const struct hvh_bus_gpadl *gpadl)
{
    struct hvh_bus_chan *chan = hvh_bus_chan_find(bus, gpadl->relid);
    struct hvh_gpadl memory = {.handle = gpadl->handle, .mem = gpadl->mem};

    if (!chan || chan->state != HVH_BUS_OPEN || chan->index)
        return chan != NULL;
    return hvh_nic_gpadl_add(chan->nic, &memory) == 0;
}

static void complete(struct hvh_vmbus *bus, struct hvh_bus_gpadl *gpadl)
{
    uint32_t relid = gpadl->relid, handle = gpadl->handle;
    bool ok = !gpadl->bad && pages_exist(bus, gpadl) && pages_map(bus, gpadl) == 0 &&
              announce(bus, gpadl);

    free(gpadl->pfn);
    gpadl->pfn = NULL;
    if (!ok) {
        bus->stats.bad_gpadls++;
        entry_free(gpadl);
    }
    hvh_bus_result(bus, HVH_MSG_GPADL_CREATED, relid, handle, ok);
}

/* Page numbers at the end of a message; more than were announced make the list bad. */
static void pages_take(struct hvh_vmbus *bus, struct hvh_bus_gpadl *gpadl, const uint8_t *from,
                       uint32_t bytes)
{
    uint32_t count = bytes / PFN_BYTES;
    uint32_t room = gpadl->pages - gpadl->have;

    if (count > room) {
        gpadl->bad = true;
        count = room;
    }
    if (count > 0)
        memcpy(gpadl->pfn + gpadl->have, from, (size_t)count * PFN_BYTES);
    gpadl->have += count;
    if (gpadl->have == gpadl->pages)
        complete(bus, gpadl);
}

/* One range, whole pages, and as many page numbers as its length needs. */
static bool header_sound(const struct hvh_msg_gpadl_header *msg)
{
    uint32_t pages = (msg->ranges_bytes - RANGE_BYTES) / PFN_BYTES;

    return msg->range_count == 1 && msg->ranges_bytes % PFN_BYTES == 0 && msg->off_bytes == 0 &&
           pages <= HVH_BUS_PAGES_MAX && msg->len_bytes == pages * VMBUS_PAGE_BYTES;
}

void hvh_bus_gpadl_header(struct hvh_vmbus *bus, const void *data, uint32_t bytes)
{
    struct hvh_msg_gpadl_header msg;
    struct hvh_bus_gpadl *gpadl = NULL;

    memcpy(&msg, data, sizeof(msg));
    if (msg.handle != 0 && !entry_find(bus, msg.handle) && hvh_bus_chan_find(bus, msg.relid) &&
        msg.ranges_bytes >= RANGE_BYTES + PFN_BYTES)
        gpadl = entry_find(bus, 0);
    if (gpadl)
        gpadl->pfn = calloc((msg.ranges_bytes - RANGE_BYTES) / PFN_BYTES, PFN_BYTES);
    if (!gpadl || !gpadl->pfn) {
        bus->stats.bad_gpadls++;
        hvh_bus_result(bus, HVH_MSG_GPADL_CREATED, msg.relid, msg.handle, false);
        return;
    }
    gpadl->handle = msg.handle;
    gpadl->relid = msg.relid;
    gpadl->pages = (msg.ranges_bytes - RANGE_BYTES) / PFN_BYTES;
    gpadl->bad = !header_sound(&msg);
    pages_take(bus, gpadl, (const uint8_t *)data + sizeof(msg), bytes - (uint32_t)sizeof(msg));
}

void hvh_bus_gpadl_body(struct hvh_vmbus *bus, const void *data, uint32_t bytes)
{
    struct hvh_msg_gpadl_body msg;
    struct hvh_bus_gpadl *gpadl;

    memcpy(&msg, data, sizeof(msg));
    gpadl = msg.handle ? entry_find(bus, msg.handle) : NULL;
    if (!gpadl || !gpadl->pfn) {
        bus->stats.bad_messages++;
        return;
    }
    pages_take(bus, gpadl, (const uint8_t *)data + sizeof(msg), bytes - (uint32_t)sizeof(msg));
}

void hvh_bus_gpadl_teardown(struct hvh_vmbus *bus, const void *data, uint32_t bytes)
{
    struct hvh_msg_gpadl_torndown answer = {.head.type = HVH_MSG_GPADL_TORNDOWN};
    struct hvh_msg_gpadl_teardown msg;
    struct hvh_bus_gpadl *gpadl;
    struct hvh_bus_chan *chan;

    (void)bytes;
    memcpy(&msg, data, sizeof(msg));
    gpadl = msg.handle ? entry_find(bus, msg.handle) : NULL;
    chan = gpadl ? hvh_bus_chan_find(bus, gpadl->relid) : NULL;
    /* The ring of an open channel stays: the guest has to close first. One withdrawn is open
     * until then. */
    if (!gpadl || (chan && chan->ring_gpadl == msg.handle)) {
        bus->stats.bad_messages++;
        return;
    }
    if (chan && chan->ring_gpadl && !chan->index)
        hvh_nic_gpadl_remove(chan->nic, msg.handle);
    entry_free(gpadl);
    answer.handle = msg.handle;
    hvh_bus_send(bus, &answer, sizeof(answer));
}
