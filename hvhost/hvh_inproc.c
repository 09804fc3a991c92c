/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * The in-process face: guest memory is anonymous memory of this process, shared with its children
 * as a real device's is, laid out as the maps of uio_hv_generic; and the transport's operations are
 * function calls into the core. It plays the guest's kernel too: it registers both buffers,
 * initialises the rings and lets interrupts through or not. Regions are kept apart by pages nobody
 * may touch, so that either side running over the end of one faults instead of spoiling the next.
 *
 * There is no descriptor to sleep on: guest and host share a thread, which asks irq_take().
 * After a rescind the memory stays mapped until the guest closes, as with the real kernel, while
 * every operation says -EIO.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hvh_host_var.h"
#include "hvh_nic_var.h"
#include "vmbus_transport.h"

/* dma is "above 4 GiB": a page number that loses its upper half somewhere is found out. */
#define DMA_FIRST_PFN UINT64_C(0x140000)
/* And what the guest shares besides. */
#define SHARED_FIRST_PFN UINT64_C(0x280000)

struct inproc {
    struct hvhost_nic *nic;
    struct vmbus_region sub[HVH_CHANS_MAX]; /* rings of sub-channels, once open */
    uint8_t *base;
    size_t bytes;
    uint64_t *pfn;
    bool no_pages; /* the guest does not know page numbers */
    bool gone;
    bool irq_on;
    bool irq_pending;
};

/* ---- host to guest ---------------------------------------------------------------------- */

static void on_interrupt(void *ctx, uint32_t relid)
{
    struct inproc *self = ctx;

    (void)relid; /* like uio: one interrupt for all channels */
    self->irq_pending = true;
}

static void on_rescinded(void *ctx)
{
    struct inproc *self = ctx;

    self->gone = true;
    self->irq_pending = true;
}

/* The guest's kernel: make rings and open at once, as uio_hv_generic does. */
static void on_offered(void *ctx, unsigned index)
{
    struct inproc *self = ctx;
    const struct hvhost_nic_config *c = hvh_nic_config(self->nic);
    struct vmbus_region rings = {.len_bytes = c->ring_bytes};
    void *base;

    if (c->no_subchannel_rings)
        return;
    base = mmap(NULL, rings.len_bytes, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return;
    rings.base = base;
    hvh_rings_init(&rings);
    if (self->sub[index].base || hvh_nic_subchannel_open(self->nic, index, &rings))
        (void)munmap(base, rings.len_bytes);
    else
        self->sub[index] = rings;
}

static const struct hvh_face_ops face_ops = {
    .interrupt = on_interrupt, .rescinded = on_rescinded, .offered = on_offered};

/* ---- guest to host ---------------------------------------------------------------------- */

static int op_signal(void *ctx, uint32_t relid)
{
    struct inproc *self = ctx;

    if (self->gone)
        return -EIO;
    hvh_nic_doorbell(self->nic, relid);
    return 0;
}

static int op_irq_enable(void *ctx, bool on)
{
    struct inproc *self = ctx;

    self->irq_on = on;
    return self->gone ? -EIO : 0;
}

static int op_irq_take(void *ctx)
{
    struct inproc *self = ctx;

    if (self->gone)
        return -EIO;
    if (!self->irq_pending || !self->irq_on)
        return -EAGAIN;
    self->irq_pending = false;
    return 0;
}

static int op_subchannel_open(void *ctx, uint32_t index, struct vmbus_chan_region *out)
{
    struct inproc *self = ctx;

    const struct hvhost_nic_config *c = hvh_nic_config(self->nic);

    if (index == 0 || index >= c->max_queues || c->no_subchannel_rings)
        return -ENOTSUP;
    if (!self->sub[index].base)
        return -EAGAIN;
    hvh_nic_subchannel(self->nic, index, out);
    out->rings = self->sub[index];
    return 0;
}

static int op_share(void *ctx, const struct vmbus_memory *mem, uint64_t *pfn)
{
    struct inproc *self = ctx;
    const struct hvh_ram ram = {SHARED_FIRST_PFN, mem->region};
    int rc = self->no_pages ? -ENOTSUP : hvh_nic_ram_add(self->nic, &ram);

    for (size_t i = 0; rc == 0 && i < mem->region.len_bytes / VMBUS_PAGE_BYTES; i++)
        pfn[i] = SHARED_FIRST_PFN + i;
    return rc;
}

static void inproc_free(struct inproc *self)
{
    for (unsigned i = 1; i < HVH_CHANS_MAX; i++) {
        if (self->sub[i].base)
            munmap(self->sub[i].base, self->sub[i].len_bytes);
    }
    if (self->base)
        munmap(self->base, self->bytes);
    free(self->pfn);
    free(self);
}

static void op_close(void *ctx)
{
    struct inproc *self = ctx;

    hvh_nic_disconnect(self->nic);
    inproc_free(self);
}

static const struct vmbus_transport_ops transport_ops = {
    .signal = op_signal,
    .irq_enable = op_irq_enable,
    .irq_take = op_irq_take,
    .subchannel_open = op_subchannel_open,
    .share = op_share,
    .close = op_close,
};

/* ---- opening ---------------------------------------------------------------------------- */

/* In pages of this kernel, which may be longer than the guest's: what mprotect() counts in. */
static size_t whole_pages(size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (bytes + page - 1) / page * page;
}

/* The next region, and a page nobody may touch behind it. */
static int carve(struct inproc *self, size_t *at, struct vmbus_region *out, size_t bytes)
{
    *out = (struct vmbus_region){.base = self->base + *at, .len_bytes = bytes};
    *at += whole_pages(bytes) + whole_pages(1);
    return mprotect(out->base, bytes, PROT_READ | PROT_WRITE) ? -errno : 0;
}

static int memory_map(struct inproc *self, struct vmbus_transport *t)
{
    const struct hvhost_nic_config *c = hvh_nic_config(self->nic);
    size_t dma = c->dma_bytes == UINT32_MAX ? 0 : c->dma_bytes;
    size_t at = whole_pages(1);
    int rc = 0;

    self->bytes = whole_pages(c->ring_bytes) + whole_pages(c->recv_buf_bytes) +
                  whole_pages(c->send_buf_bytes) + whole_pages(dma) + 9 * whole_pages(1);
    self->base =
        mmap(NULL, self->bytes, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (self->base == MAP_FAILED) {
        self->base = NULL;
        return -errno;
    }
    rc = rc ? rc : carve(self, &at, &t->primary.rings, c->ring_bytes);
    rc = rc ? rc : carve(self, &at, &t->int_page, VMBUS_PAGE_BYTES);
    rc = rc ? rc : carve(self, &at, &t->monitor_page, VMBUS_PAGE_BYTES);
    rc = rc ? rc : carve(self, &at, &t->recv, c->recv_buf_bytes);
    rc = rc ? rc : carve(self, &at, &t->send, c->send_buf_bytes);
    if (!rc && dma)
        rc = carve(self, &at, &t->dma, dma);
    return rc;
}

static int pages_number(struct inproc *self, struct vmbus_transport *t)
{
    size_t pages = t->dma.len_bytes / VMBUS_PAGE_BYTES;

    if (pages == 0)
        return 0;
    self->pfn = calloc(pages, sizeof(*self->pfn));
    if (!self->pfn)
        return -ENOMEM;
    for (size_t i = 0; i < pages; i++)
        self->pfn[i] = DMA_FIRST_PFN + i;
    t->dma_pfn = self->pfn;
    return 0;
}

static int connect(struct inproc *self, const struct vmbus_transport *t)
{
    struct hvh_guest guest = {
        .primary = t->primary,
        .int_page = t->int_page,
        .monitor_page = t->monitor_page,
        .gpadl = {{t->recv_gpadl, t->recv}, {t->send_gpadl, t->send}},
        .gpadl_count = 2,
        .ram = {{DMA_FIRST_PFN, t->dma}},
        .ram_count = t->dma_pfn ? 1 : 0,
        .same_thread = true,
    };

    self->no_pages = !t->dma_pfn;
    hvh_rings_init(&t->primary.rings);
    return hvh_nic_connect(self->nic, &guest, &face_ops, self);
}

int hvhost_nic_open(struct hvhost_nic *nic, struct vmbus_transport *t)
{
    struct inproc *self = calloc(1, sizeof(*self));
    int rc;

    *t = (struct vmbus_transport){0};
    if (!self)
        return -ENOMEM;
    self->nic = nic;
    *t = (struct vmbus_transport){
        .ops = &transport_ops,
        .ctx = self,
        .irq_fd = -1,
        .primary = {.relid = hvh_nic_relid(nic), .monitor_id = hvh_nic_monitor(nic)},
        .recv_gpadl = HVH_GPADL_FIRST,
        .send_gpadl = HVH_GPADL_FIRST + 1,
        .host_here = nic->host->config.attended,
    };
    rc = memory_map(self, t);
    if (!rc)
        rc = pages_number(self, t);
    if (!rc)
        rc = connect(self, t);
    if (rc) {
        inproc_free(self);
        *t = (struct vmbus_transport){0};
    }
    return rc;
}
