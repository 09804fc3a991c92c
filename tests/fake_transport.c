/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake_transport.h"

static struct vmbus_region pages(unsigned count)
{
    struct vmbus_region region = {.len_bytes = count * VMBUS_PAGE_BYTES};

    region.base = aligned_alloc(VMBUS_PAGE_BYTES, region.len_bytes);
    assert_non_null(region.base);
    memset(region.base, 0, region.len_bytes);
    return region;
}

/* ---- operations ------------------------------------------------------------------------------ */

static int fake_signal(void *ctx, uint32_t relid)
{
    struct fake_transport *fake = ctx;

    fake->signals++;
    fake->signalled_relid = relid;
    for (unsigned i = 0; i < FAKE_CHANNELS && fake->unmask_on_signal; i++)
        atomic_store(&fake->chan[i].to_guest->interrupt_mask, 0);
    return fake->gone ? -EIO : 0;
}

static int fake_irq_enable(void *ctx, bool on)
{
    struct fake_transport *fake = ctx;

    if (on)
        fake->enables++;
    else
        fake->disables++;
    if (on && fake->on_enable != NULL)
        fake->on_enable(fake);
    return fake->gone ? -EIO : 0;
}

static int fake_irq_take(void *ctx)
{
    struct fake_transport *fake = ctx;

    if (fake->gone)
        return -EIO;
    if (fake->irq == 0)
        return -EAGAIN;
    fake->irq--;
    return 0;
}

static int fake_subchannel_open(void *ctx, uint32_t index, struct vmbus_chan_region *out)
{
    struct fake_transport *fake = ctx;

    if (index >= FAKE_CHANNELS)
        return -ENOTSUP;
    if (fake->offered[index].relid == 0)
        return -EAGAIN;
    *out = fake->offered[index];
    return 0;
}

static void fake_close(void *ctx)
{
    struct fake_transport *fake = ctx;
    fake->closes++;
}

static const struct vmbus_transport_ops fake_ops = {
    .signal = fake_signal,
    .irq_enable = fake_irq_enable,
    .irq_take = fake_irq_take,
    .subchannel_open = fake_subchannel_open,
    .close = fake_close,
};

/* ---- life ------------------------------------------------------------------------------------ */

void fake_transport_setup(struct fake_transport *fake)
{
    memset(fake, 0, sizeof(*fake));
    for (unsigned i = 0; i < FAKE_CHANNELS; i++) {
        struct vmbus_region rings = pages(2 * FAKE_HALF_BYTES / VMBUS_PAGE_BYTES);
        struct fake_channel *chan = &fake->chan[i];
        chan->rings = rings.base;
        chan->to_host = (struct vmbus_ring_ctl *)(void *)rings.base;
        chan->to_guest = (struct vmbus_ring_ctl *)(void *)(rings.base + FAKE_HALF_BYTES);
        chan->to_host_data = rings.base + VMBUS_PAGE_BYTES;
        chan->to_guest_data = rings.base + FAKE_HALF_BYTES + VMBUS_PAGE_BYTES;
        atomic_store(&chan->to_host->feature_bits, 1);
        atomic_store(&chan->to_guest->feature_bits, 1);
        fake->offered[i] = (struct vmbus_chan_region){
            .relid = 5 + i, .subchannel = i, .monitor_id = VMBUS_MONITOR_NONE, .rings = rings};
    }
    fake->t = (struct vmbus_transport){
        .ops = &fake_ops,
        .ctx = fake,
        .irq_fd = 77,
        .primary = fake->offered[0],
        .int_page = pages(1),
        .monitor_page = pages(1),
        .recv = pages(4),
        .send = pages(4),
        .recv_gpadl = 0xE1E10,
        .send_gpadl = 0xE1E11,
    };
    fake->t.primary.monitor_id = 69;
}

void fake_transport_teardown(struct fake_transport *fake)
{
    for (unsigned i = 0; i < FAKE_CHANNELS; i++)
        free(fake->chan[i].rings);
    free(fake->t.int_page.base);
    free(fake->t.monitor_page.base);
    free(fake->t.recv.base);
    free(fake->t.send.base);
}

/* ---- the host -------------------------------------------------------------------------------- */

void fake_host_put(struct fake_transport *fake, unsigned channel, const void *bytes, uint32_t len)
{
    struct fake_channel *chan = &fake->chan[channel];
    uint32_t write = atomic_load(&chan->to_guest->write_index);
    uint64_t trailer = (uint64_t)write << 32;

    for (uint32_t i = 0; i < len; i++)
        chan->to_guest_data[(write + i) % FAKE_SIZE] = ((const uint8_t *)bytes)[i];
    memcpy(chan->to_guest_data + (write + len) % FAKE_SIZE, &trailer, sizeof(trailer));
    atomic_store(&chan->to_guest->write_index, (write + len + 8) % FAKE_SIZE);
}

void fake_host_put_inband(struct fake_transport *fake, unsigned channel, uint64_t xid)
{
    const uint64_t packet[3] = {0x0000000300020006u, xid, 0xAABBCCDDEEFF0011u};
    fake_host_put(fake, channel, packet, sizeof(packet));
}

unsigned fake_host_drain(struct fake_transport *fake, unsigned channel)
{
    struct fake_channel *chan = &fake->chan[channel];
    uint32_t write = atomic_load(&chan->to_host->write_index);
    uint32_t read = atomic_load(&chan->to_host->read_index);
    unsigned count = 0;

    while (read != write) {
        uint16_t qwords;
        memcpy(&qwords, chan->to_host_data + read + 4, sizeof(qwords));
        assert_true(qwords >= 2);
        read = (read + qwords * 8u + 8) % FAKE_SIZE;
        count++;
    }
    atomic_store(&chan->to_host->read_index, read);
    return count;
}

uint32_t fake_monitor_word(const struct fake_transport *fake, unsigned g)
{
    uint32_t word;
    memcpy(&word, fake->t.monitor_page.base + 8 + 8 * g, sizeof(word));
    return word;
}

uint32_t fake_event_word(const struct fake_transport *fake, unsigned w)
{
    uint32_t word;
    memcpy(&word, fake->t.int_page.base + 2048 + 4 * w, sizeof(word));
    return word;
}
