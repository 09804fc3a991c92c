/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A device is a transport's memory plus the channels in it. It polls by default: the interrupt mask
 * of every ring is set when the channel is made, and stays so until somebody wants to sleep.
 *
 * Sleeping is a question to both ends at once, see vmbus_ring.c: clear the masks, then look at
 * every ring again, because a packet written between the last look and the clearing was not
 * signalled, and no later one will be either as the ring is not empty any more. The same holds for
 * room in our own ring: tell the host what is missing, then look again.
 *
 * Some kernels crash on the interrupt of a sub-channel (uio_hv_generic before Linux 6.16 uses a
 * null pointer in it). The transport marks such channels keep_masked. A device that has one cannot
 * sleep at all, as nobody would wake it for that channel's packets.
 */
#include <stdlib.h>

#include "vmbus_chan_var.h"
#include "vmbus_heap.h"

/* The first page of both buffers is needed by the smallest conversation. */
static bool memory_ok(const struct vmbus_region *region)
{
    return region->base != NULL && region->len_bytes >= VMBUS_PAGE_BYTES &&
           (uintptr_t)region->base % 8 == 0;
}

static bool ops_ok(const struct vmbus_transport_ops *ops)
{
    return ops != NULL && ops->signal != NULL && ops->irq_enable != NULL && ops->irq_take != NULL &&
           ops->subchannel_open != NULL && ops->close != NULL;
}

/* Memory with page numbers starts on a page and has whole ones. */
static bool dma_ok(const struct vmbus_transport *t)
{
    if (t->dma_pfn == NULL)
        return true;
    return t->dma.base != NULL && (uintptr_t)t->dma.base % VMBUS_PAGE_BYTES == 0 &&
           t->dma.len_bytes % VMBUS_PAGE_BYTES == 0;
}

int vmbus_device_create(const struct vmbus_transport *t, struct vmbus_device **out)
{
    *out = NULL;
    if (!ops_ok(t->ops) || !memory_ok(&t->int_page) || !memory_ok(&t->monitor_page) ||
        !memory_ok(&t->recv) || !memory_ok(&t->send) || !dma_ok(t) || t->primary.subchannel != 0)
        return -EINVAL;
    struct vmbus_device *dev = vmbus_heap_alloc(sizeof(*dev));
    if (dev == NULL)
        return -ENOMEM;
    dev->t = *t;
    int error = vmbus_chan_create(dev, &dev->t.primary, &dev->chan[0]);
    if (error != 0) {
        vmbus_heap_free(dev);
        return error;
    }
    dev->channels = 1;
    *out = dev;
    return 0;
}

void vmbus_close(struct vmbus_device *dev)
{
    if (dev == NULL)
        return;
    for (unsigned i = 0; i < dev->channels; i++)
        vmbus_chan_destroy(dev->chan[i]);
    dev->t.ops->close(dev->t.ctx);
    free(dev->shared_pfn);
    vmbus_heap_free(dev);
}

const struct vmbus_transport *vmbus_memory(const struct vmbus_device *dev)
{
    return &dev->t;
}

int vmbus_share(struct vmbus_device *dev, const struct vmbus_memory *mem, const uint64_t **pfn)
{
    *pfn = NULL;
    if (dev->t.ops->share == NULL)
        return -ENOTSUP;
    if (dev->shared_pfn != NULL)
        return -EBUSY;
    uint64_t *table = calloc(mem->region.len_bytes / VMBUS_PAGE_BYTES, sizeof(*table));
    if (table == NULL)
        return -ENOMEM;
    int error = dev->t.ops->share(dev->t.ctx, mem, table);
    if (error != 0) {
        free(table);
        return error;
    }
    dev->shared_pfn = table;
    *pfn = table;
    return 0;
}

struct vmbus_chan *vmbus_chan(struct vmbus_device *dev, uint32_t index)
{
    return index < VMBUS_CHANNELS_MAX ? dev->chan[index] : NULL;
}

/* Has an open channel this number already? Two doorbells on one bit would be a host's trick. */
static bool relid_taken(const struct vmbus_device *dev, uint32_t relid)
{
    for (unsigned i = 0; i < dev->channels; i++) {
        if (dev->chan[i] != NULL && dev->chan[i]->relid == relid)
            return true;
    }
    return false;
}

int vmbus_chan_open(struct vmbus_device *dev, uint32_t index)
{
    struct vmbus_chan_region region = {0};

    if (index >= VMBUS_CHANNELS_MAX)
        return -ENOTSUP;
    if (dev->chan[index] != NULL)
        return 0;
    int error = dev->t.ops->subchannel_open(dev->t.ctx, index, &region);
    if (error != 0)
        return error;
    if (region.subchannel != index || relid_taken(dev, region.relid))
        return -EPROTO;
    error = vmbus_chan_create(dev, &region, &dev->chan[index]);
    if (error == 0 && index >= dev->channels)
        dev->channels = index + 1;
    return error == -EINVAL ? -EPROTO : error;
}

/* ---- sleeping -------------------------------------------------------------------------------- */

void vmbus_device_mask(struct vmbus_device *dev)
{
    for (unsigned i = 0; i < dev->channels; i++) {
        if (dev->chan[i] != NULL)
            vmbus_rx_mask(&dev->chan[i]->rx);
    }
}

static bool may_sleep(const struct vmbus_device *dev)
{
    for (unsigned i = 0; i < dev->channels; i++) {
        if (dev->chan[i] != NULL && (dev->chan[i]->dead || dev->chan[i]->keep_masked))
            return false;
    }
    return !dev->gone;
}

bool vmbus_chan_has_work(struct vmbus_chan *chan)
{
    if (vmbus_rx_pending(&chan->rx))
        return true;
    return chan->tx.wanted_bytes != 0 && !vmbus_tx_block(&chan->tx);
}

bool vmbus_irq_arm(struct vmbus_device *dev)
{
    if (!may_sleep(dev))
        return false;
    dev->armed = true;
    for (unsigned i = 0; i < dev->channels; i++) {
        if (dev->chan[i] != NULL)
            vmbus_rx_unmask(&dev->chan[i]->rx);
    }
    bool work = dev->t.ops->irq_enable(dev->t.ctx, true) != 0;
    if (work)
        dev->gone = true;
    for (unsigned i = 0; i < dev->channels && !work; i++)
        work = dev->chan[i] != NULL && vmbus_chan_has_work(dev->chan[i]);
    if (work)
        vmbus_irq_disarm(dev);
    return !work;
}

void vmbus_irq_disarm(struct vmbus_device *dev)
{
    dev->armed = false;
    if (dev->t.ops->irq_enable(dev->t.ctx, false) != 0)
        dev->gone = true;
    vmbus_device_mask(dev);
}

int vmbus_irq_fd(const struct vmbus_device *dev)
{
    return dev->t.irq_fd;
}

int vmbus_irq_take(struct vmbus_device *dev)
{
    int error = dev->t.ops->irq_take(dev->t.ctx);

    if (error == 0)
        dev->chan[0]->stats.rx_interrupts++;
    else if (error == -EIO)
        dev->gone = true;
    return error;
}
