/* SPDX-License-Identifier: BSD-3-Clause */
/* A channel of a fake transport, for tests of what is received and what is sent on it. */
#ifndef CHAN_FIXTURE_H
#define CHAN_FIXTURE_H

#include "fake_transport.h"

#define with_chan(test) cmocka_unit_test_setup_teardown(test, chan_setup, chan_teardown)

extern struct fake_transport fake;
extern struct vmbus_device *dev;
extern struct vmbus_chan *chan; /* its first */
extern const uint64_t status;   /* a completion's payload: not looked at, only carried */

int chan_setup(void **state);
int chan_teardown(void **state);

/* Send one in-band packet with (payload_bytes) of zeroes; as vmbus_chan_send(). */
int send_bytes(uint32_t payload_bytes);

#endif
