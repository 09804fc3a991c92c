/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device whose host is the test itself: memory, operations that count, and a few lines that write
 * and read ring bytes by offset, sharing no code with the driver's rings.
 */
#ifndef FAKE_TRANSPORT_H
#define FAKE_TRANSPORT_H

#include "check.h"
#include "vmbus.h"
#include "vmbus_chan.h"

#define FAKE_HALF_BYTES (3u * VMBUS_PAGE_BYTES)
#define FAKE_SIZE (2u * VMBUS_PAGE_BYTES) /* data area of one ring */
#define FAKE_CHANNELS 3u

/* What the host sees of one channel. */
struct fake_channel {
    uint8_t *rings;
    struct vmbus_ring_ctl *to_host;
    struct vmbus_ring_ctl *to_guest;
    uint8_t *to_host_data;
    uint8_t *to_guest_data;
};

struct fake_transport {
    struct vmbus_transport t;
    struct fake_channel chan[FAKE_CHANNELS];
    struct vmbus_chan_region offered[FAKE_CHANNELS]; /* relid 0 = not offered */
    unsigned signals;
    uint32_t signalled_relid;
    unsigned enables;
    unsigned disables;
    unsigned closes;
    bool unmask_on_signal; /* as uio_hv_generic does */
    bool gone;
    int irq;                                        /* interrupts to take */
    void (*on_enable)(struct fake_transport *fake); /* called as interrupts are let through */
};

/* Channel (n) has relid 5 + n; monitor 69 for the primary unless the test changes it. */
void fake_transport_setup(struct fake_transport *fake);
void fake_transport_teardown(struct fake_transport *fake);

/*
 * Put (len) bytes, descriptor first and a multiple of 8, on the ring to the guest, trailer added.
 */
void fake_host_put(struct fake_transport *fake, unsigned channel, const void *bytes, uint32_t len);
/* An in-band packet with an 8-byte payload. */
void fake_host_put_inband(struct fake_transport *fake, unsigned channel, uint64_t xid);
/* The guest's packets are read: read_index = write_index. Returns how many there were. */
unsigned fake_host_drain(struct fake_transport *fake, unsigned channel);

/*
 * Pending word of monitor group (g), and word (w) of the guest-to-host half of the interrupt page.
 */
uint32_t fake_monitor_word(const struct fake_transport *fake, unsigned g);
uint32_t fake_event_word(const struct fake_transport *fake, unsigned w);

#endif
