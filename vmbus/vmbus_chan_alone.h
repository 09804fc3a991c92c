/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channels of one device in the hands of several processes, which share the driver's memory
 * (vmbus_heap.h): one process has the device and reads its interrupt, others have a channel each.
 */
#ifndef VMBUS_CHAN_ALONE_H
#define VMBUS_CHAN_ALONE_H

#include <stdbool.h>
#include <stdint.h>

struct vmbus_chan;

/*
 * As vmbus_irq_arm() and vmbus_irq_disarm(), for this channel only: true = may sleep until somebody
 * who reads the device's interrupt says so. From the first call on a doorbell masks nothing but
 * its own channel again, and vmbus_irq_arm() is not for this device.
 */
bool vmbus_chan_arm(struct vmbus_chan *chan);
void vmbus_chan_disarm(struct vmbus_chan *chan);

/* For any process: would an armed channel find work? */
bool vmbus_chan_waiting(const struct vmbus_chan *chan);

/*
 * The process that had this channel died in the middle of whatever it did; the caller takes it
 * over. Packets the host was not shown yet are dropped, (forgotten) being told of each. Packets
 * received whose room was not given back come again from vmbus_chan_recv(). The host is woken if
 * the dead process may have owed it a doorbell. -EPROTO: the host's indices are nonsense, the
 * channel is dead.
 */
int vmbus_chan_takeover(struct vmbus_chan *chan,
                        void (*forgotten)(void *ctx, uint16_t type, uint64_t xid), void *ctx);

/* Begin again to receive at the first packet whose room was not given back. As above. */
int vmbus_chan_rewind(struct vmbus_chan *chan);

#endif
