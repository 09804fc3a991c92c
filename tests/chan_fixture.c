/* SPDX-License-Identifier: BSD-3-Clause */
#include "chan_fixture.h"

struct fake_transport fake;
struct vmbus_device *dev;
struct vmbus_chan *chan;
const uint64_t status = 0x100000006Cu;

int chan_setup(void **state)
{
    (void)state;
    fake_transport_setup(&fake);
    assert_int_equal(vmbus_device_create(&fake.t, &dev), 0);
    chan = vmbus_chan(dev, 0);
    assert_non_null(chan);
    return 0;
}

int chan_teardown(void **state)
{
    (void)state;
    vmbus_close(dev);
    fake_transport_teardown(&fake);
    return 0;
}

int send_bytes(uint32_t payload_bytes)
{
    static const uint8_t zeroes[VMBUS_PKT_BYTES_MAX];
    const struct vmbus_send pkt = {
        .type = VMBUS_PKT_INBAND, .xid = 1, .payload = zeroes, .payload_bytes = payload_bytes};

    return vmbus_chan_send(chan, &pkt);
}
