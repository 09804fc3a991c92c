/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A transport made a device: what is refused, masks, sleeping, sub-channels, a host that goes away.
 */
#include <errno.h>
#include <string.h>

#include "fake_transport.h"

static struct fake_transport fake;
static struct vmbus_device *dev;

static int setup(void **state)
{
    (void)state;
    dev = NULL;
    fake_transport_setup(&fake);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    vmbus_close(dev);
    fake_transport_teardown(&fake);
    return 0;
}

#define with_fake(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static void create(void)
{
    assert_int_equal(vmbus_device_create(&fake.t, &dev), 0);
}

static uint32_t mask_of(unsigned channel)
{
    return atomic_load(&fake.chan[channel].to_guest->interrupt_mask);
}

static void send_one(struct vmbus_chan *chan)
{
    const struct vmbus_send pkt = {.type = VMBUS_PKT_INBAND, .xid = 1};
    assert_int_equal(vmbus_chan_send(chan, &pkt), 0);
}

/* ---- making and closing ---------------------------------------------------------------------- */

static void good_transport_makes_a_masked_device(void **state)
{
    (void)state;
    create();
    assert_int_equal(mask_of(0), 1);
    assert_int_equal(vmbus_chan_relid(vmbus_chan(dev, 0)), 5);
    assert_null(vmbus_chan(dev, 1));
    assert_null(vmbus_chan(dev, UINT32_MAX));
    assert_int_equal(vmbus_memory(dev)->recv_gpadl, 0xE1E10);
    assert_int_equal(vmbus_irq_fd(dev), 77);
    vmbus_close(dev);
    dev = NULL;
    assert_int_equal(fake.closes, 1);
    vmbus_close(NULL);
}

static void expect_refused(int error)
{
    dev = (struct vmbus_device *)(void *)&fake;
    assert_int_equal(vmbus_device_create(&fake.t, &dev), error);
    assert_null(dev);
    assert_int_equal(fake.closes, 0); /* still the caller's */
}

static void regions_must_be_there_and_big_enough(void **state)
{
    struct vmbus_region *const regions[] = {&fake.t.primary.rings, &fake.t.int_page,
                                            &fake.t.monitor_page, &fake.t.recv, &fake.t.send};

    (void)state;
    for (size_t i = 0; i < countof(regions); i++) {
        struct vmbus_region good = *regions[i];
        regions[i]->base = NULL;
        expect_refused(-EINVAL);
        *regions[i] = good;
        regions[i]->len_bytes = VMBUS_PAGE_BYTES - 1;
        expect_refused(-EINVAL);
        *regions[i] = good;
    }
    create();
}

static void ring_region_must_be_two_equal_rings(void **state)
{
    static const uint32_t bad[] = {
        0, 1, 8192, 2 * 8192, 2 * 12288 - 1, 2 * 12288 + 1, 2 * 12288 - 4096, 2 * 12288 - 16};

    (void)state;
    for (size_t i = 0; i < countof(bad); i++) {
        fake.t.primary.rings.len_bytes = bad[i];
        expect_refused(-EINVAL);
    }
}

static void numbers_must_be_in_range(void **state)
{
    (void)state;
    fake.t.primary.relid = 0;
    expect_refused(-EINVAL);
    fake.t.primary.relid = 2048;
    expect_refused(-EINVAL);
    fake.t.primary.relid = 2047;
    fake.t.primary.monitor_id = 128;
    expect_refused(-EINVAL);
    fake.t.primary.monitor_id = 254;
    expect_refused(-EINVAL);
    fake.t.primary.monitor_id = 127;
    fake.t.primary.subchannel = 1;
    expect_refused(-EINVAL);
    fake.t.primary.subchannel = 0;
    fake.t.ops = NULL;
    expect_refused(-EINVAL);
}

static void dma_memory_must_be_whole_pages(void **state)
{
    static const uint64_t pfn[] = {7};

    (void)state;
    fake.t.dma_pfn = pfn;
    expect_refused(-EINVAL);
    fake.t.dma = (struct vmbus_region){fake.t.recv.base, 100};
    expect_refused(-EINVAL);
    fake.t.dma = (struct vmbus_region){fake.t.recv.base + 8, VMBUS_PAGE_BYTES};
    expect_refused(-EINVAL);
    fake.t.dma = (struct vmbus_region){fake.t.recv.base, VMBUS_PAGE_BYTES};
    create();
}

static void nonsense_in_the_rings_is_refused(void **state)
{
    (void)state;
    atomic_store(&fake.chan[0].to_guest->read_index, 3);
    expect_refused(-EPROTO);
}

/* The last bits of both pages, where an off-by-one would write beside them. */
static void highest_numbers_ring_the_last_bits(void **state)
{
    (void)state;
    fake.t.primary.relid = 2047;
    fake.t.primary.monitor_id = 127;
    create();
    send_one(vmbus_chan(dev, 0));
    assert_int_equal(vmbus_chan_flush(vmbus_chan(dev, 0)), 0);
    assert_int_equal(fake_event_word(&fake, 63), 1u << 31);
    assert_int_equal(fake_monitor_word(&fake, 3), 1u << 31);
}

/* ---- doorbell by signal ---------------------------------------------------------------------- */

static void channel_without_monitor_is_signalled_and_masked_again(void **state)
{
    (void)state;
    fake.t.primary.monitor_id = VMBUS_MONITOR_NONE;
    fake.unmask_on_signal = true;
    create();
    send_one(vmbus_chan(dev, 0));
    assert_int_equal(vmbus_chan_flush(vmbus_chan(dev, 0)), 0);
    assert_int_equal(fake.signals, 1);
    assert_int_equal(fake.signalled_relid, 5);
    assert_int_equal(fake_event_word(&fake, 0), 1u << 5);
    assert_int_equal(mask_of(0), 1);
    for (unsigned g = 0; g < 4; g++)
        assert_int_equal(fake_monitor_word(&fake, g), 0);
}

static void signal_while_armed_leaves_interrupts_on(void **state)
{
    (void)state;
    fake.t.primary.monitor_id = VMBUS_MONITOR_NONE;
    create();
    assert_true(vmbus_irq_arm(dev));
    send_one(vmbus_chan(dev, 0));
    assert_int_equal(vmbus_chan_flush(vmbus_chan(dev, 0)), 0);
    assert_int_equal(fake.signals, 1);
    assert_int_equal(mask_of(0), 0);
}

static void withdrawn_device_says_so_from_then_on(void **state)
{
    (void)state;
    fake.t.primary.monitor_id = VMBUS_MONITOR_NONE;
    create();
    struct vmbus_chan *chan = vmbus_chan(dev, 0);
    send_one(chan);
    fake.gone = true;
    assert_int_equal(vmbus_chan_flush(chan), -EIO);
    fake.gone = false; /* a device does not come back, whatever it says */
    assert_int_equal(vmbus_chan_flush(chan), -EIO);
    assert_false(vmbus_irq_arm(dev));
}

static void withdrawal_shows_while_taking_interrupts(void **state)
{
    (void)state;
    create();
    assert_int_equal(vmbus_irq_take(dev), -EAGAIN);
    fake.irq = 2;
    assert_int_equal(vmbus_irq_take(dev), 0);
    assert_int_equal(vmbus_irq_take(dev), 0);
    assert_int_equal(vmbus_irq_take(dev), -EAGAIN);
    assert_int_equal(vmbus_chan_stats(vmbus_chan(dev, 0))->rx_interrupts, 2);
    fake.gone = true;
    assert_int_equal(vmbus_irq_take(dev), -EIO);
    assert_int_equal(vmbus_chan_flush(vmbus_chan(dev, 0)), -EIO);
}

/* ---- sleeping -------------------------------------------------------------------------------- */

static void idle_device_is_armed_until_disarmed(void **state)
{
    (void)state;
    create();
    assert_true(vmbus_irq_arm(dev));
    assert_int_equal(mask_of(0), 0);
    assert_int_equal(fake.enables, 1);
    assert_int_equal(fake.disables, 0);
    vmbus_irq_disarm(dev);
    assert_int_equal(mask_of(0), 1);
    assert_int_equal(fake.disables, 1);
}

static void waiting_packet_forbids_sleep(void **state)
{
    (void)state;
    create();
    fake_host_put_inband(&fake, 0, 1);
    assert_false(vmbus_irq_arm(dev));
    assert_int_equal(mask_of(0), 1);
    assert_int_equal(fake.disables, fake.enables);
}

static void packet_arriving_as_we_arm(struct fake_transport *host)
{
    fake_host_put_inband(host, 0, 1);
}

static void packet_that_comes_while_arming_is_not_slept_over(void **state)
{
    (void)state;
    create();
    fake.on_enable = packet_arriving_as_we_arm;
    assert_false(vmbus_irq_arm(dev));
    assert_int_equal(mask_of(0), 1);
}

static void full_ring_is_waited_for_by_telling_the_host(void **state)
{
    const struct vmbus_send pkt = {.type = VMBUS_PKT_INBAND, .xid = 1};

    (void)state;
    create();
    struct vmbus_chan *chan = vmbus_chan(dev, 0);
    while (vmbus_chan_send(chan, &pkt) == 0) {
    }
    assert_int_equal(vmbus_chan_flush(chan), 0);
    assert_int_equal(atomic_load(&fake.chan[0].to_host->pending_send_size), 0);
    assert_true(vmbus_irq_arm(dev));
    /* 24 bytes and the reserve: more than this must be free. */
    assert_int_equal(atomic_load(&fake.chan[0].to_host->pending_send_size), 24 + 2048);
    vmbus_irq_disarm(dev);
    fake_host_drain(&fake, 0);
    assert_false(vmbus_irq_arm(dev)); /* room: there is work */
    assert_int_equal(vmbus_chan_send(chan, &pkt), 0);
    assert_int_equal(atomic_load(&fake.chan[0].to_host->pending_send_size), 0);
    assert_true(vmbus_irq_arm(dev));
}

static void corrupt_ring_forbids_sleep(void **state)
{
    struct vmbus_packet pkt = {0};

    (void)state;
    create();
    atomic_store(&fake.chan[0].to_guest->write_index, 12);
    assert_int_equal(vmbus_chan_recv(vmbus_chan(dev, 0), &pkt), -EPROTO);
    atomic_store(&fake.chan[0].to_guest->write_index, 0);
    assert_false(vmbus_irq_arm(dev));
}

/* ---- sub-channels ---------------------------------------------------------------------------- */

static void subchannel_opens_when_offered(void **state)
{
    (void)state;
    fake.offered[2].relid = 0;
    fake.unmask_on_signal = true;
    create();
    assert_int_equal(vmbus_chan_open(dev, 0), 0);
    assert_int_equal(vmbus_chan_open(dev, 2), -EAGAIN);
    assert_null(vmbus_chan(dev, 2));
    fake.offered[2].relid = 7;
    assert_int_equal(vmbus_chan_open(dev, 2), 0);
    assert_int_equal(vmbus_chan_open(dev, 2), 0);
    assert_int_equal(vmbus_chan_relid(vmbus_chan(dev, 2)), 7);
    assert_int_equal(mask_of(2), 1);
    assert_null(vmbus_chan(dev, 1));
    assert_int_equal(vmbus_chan_open(dev, FAKE_CHANNELS), -ENOTSUP);
    assert_int_equal(vmbus_chan_open(dev, 64), -ENOTSUP);
    send_one(vmbus_chan(dev, 2));
    assert_int_equal(vmbus_chan_flush(vmbus_chan(dev, 2)), 0);
    assert_int_equal(fake.signalled_relid, 7);
    assert_int_equal(mask_of(0), 1);
    assert_int_equal(mask_of(2), 1);
}

static void nonsense_offers_are_refused(void **state)
{
    (void)state;
    create();
    fake.offered[1].relid = 5; /* the primary's */
    assert_int_equal(vmbus_chan_open(dev, 1), -EPROTO);
    fake.offered[1].relid = 2048;
    assert_int_equal(vmbus_chan_open(dev, 1), -EPROTO);
    fake.offered[1].relid = 6;
    fake.offered[1].subchannel = 2;
    assert_int_equal(vmbus_chan_open(dev, 1), -EPROTO);
    fake.offered[1].subchannel = 1;
    fake.offered[1].rings.len_bytes = 8192;
    assert_int_equal(vmbus_chan_open(dev, 1), -EPROTO);
    assert_null(vmbus_chan(dev, 1));
}

static void every_open_channel_is_armed_and_looked_at(void **state)
{
    (void)state;
    create();
    assert_int_equal(vmbus_chan_open(dev, 1), 0);
    assert_true(vmbus_irq_arm(dev));
    assert_int_equal(mask_of(0) + mask_of(1), 0);
    vmbus_irq_disarm(dev);
    assert_int_equal(mask_of(0) + mask_of(1), 2);
    fake_host_put_inband(&fake, 1, 1);
    assert_false(vmbus_irq_arm(dev));
}

static void channel_whose_interrupt_would_crash_the_kernel_stays_masked(void **state)
{
    (void)state;
    create();
    fake.offered[1].keep_masked = true;
    assert_int_equal(vmbus_chan_open(dev, 1), 0);
    assert_false(vmbus_irq_arm(dev));
    assert_int_equal(mask_of(1), 1);
    assert_int_equal(fake.enables, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fake(good_transport_makes_a_masked_device),
        with_fake(regions_must_be_there_and_big_enough),
        with_fake(ring_region_must_be_two_equal_rings),
        with_fake(numbers_must_be_in_range),
        with_fake(dma_memory_must_be_whole_pages),
        with_fake(nonsense_in_the_rings_is_refused),
        with_fake(highest_numbers_ring_the_last_bits),
        with_fake(channel_without_monitor_is_signalled_and_masked_again),
        with_fake(signal_while_armed_leaves_interrupts_on),
        with_fake(withdrawn_device_says_so_from_then_on),
        with_fake(withdrawal_shows_while_taking_interrupts),
        with_fake(idle_device_is_armed_until_disarmed),
        with_fake(waiting_packet_forbids_sleep),
        with_fake(packet_that_comes_while_arming_is_not_slept_over),
        with_fake(full_ring_is_waited_for_by_telling_the_host),
        with_fake(corrupt_ring_forbids_sleep),
        with_fake(subchannel_opens_when_offered),
        with_fake(nonsense_offers_are_refused),
        with_fake(every_open_channel_is_armed_and_looked_at),
        with_fake(channel_whose_interrupt_would_crash_the_kernel_stays_masked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
