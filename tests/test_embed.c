/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a program with a loop of its own uses the NIC: everything between here and the wire is
 * netvsc_netif and lwIP, and nothing of port_loop, port_attach or apps/ is linked. turn() is all
 * such a loop has to do.
 */
#include <string.h>

#include "check.h"
#include "hvhost.h"
#include "ip4_packets.h"
#include "lwip/init.h"
#include "lwip/timeouts.h"
#include "netvsc_netif.h"
#include "port_clock.h"
#include "vmbus.h"
#include "vmbus_transport.h"

#define OURS 0x0A000001u
#define THEIRS 0x0A000002u

static struct embed {
    struct hvhost *host;
    struct hvhost_port *port;
    struct netvsc_netif nif;
    uint64_t now_ns;
    unsigned frames;
    uint8_t frame[1514]; /* the last */
} e;

static const uint8_t mac[] = {0x00, 0x15, 0x5D, 0, 0, 1}, far_mac[] = {2, 0, 0, 0, 0, 9};

static uint64_t virtual_clock(void *ctx)
{
    (void)ctx;
    return e.now_ns;
}

static void deliver(void *ctx, const struct hvhost_frame *frame)
{
    (void)ctx;
    e.frames++;
    memcpy(e.frame, frame->data, frame->len_bytes < sizeof(e.frame) ? frame->len_bytes : 1514);
}

/* The whole loop: poll the NIC, which runs lwIP's input; lwIP's timers; send what they said. */
static void turn(unsigned count)
{
    while (count-- > 0) {
        netvsc_netif_poll(&e.nif, e.now_ns, 64);
        sys_check_timeouts();
        netvsc_netif_flush(&e.nif);
        hvhost_step(e.host, e.now_ns); /* a real host does this by itself */
        e.now_ns += 1000000;
    }
}

/* What a program does once: get a device, add the interface, attach, poll until it is up. */
static void start(void)
{
    const struct netvsc_config config = {.mtu_bytes = 1500};
    const ip4_addr_t address = {ip4_net32(OURS)}, mask = {ip4_net32(0xFFFFFF00)}, none = {0};
    struct vmbus_transport transport;
    struct vmbus_device *dev;
    struct hvhost_nic *card;

    assert_int_equal(hvhost_create(NULL, &e.host), 0);
    assert_int_equal(hvhost_nic_add(e.host, NULL, &card), 0);
    assert_int_equal(hvhost_port_add(e.host, deliver, NULL, &e.port), 0);
    assert_int_equal(hvhost_nic_open(card, &transport), 0);
    assert_int_equal(vmbus_device_create(&transport, &dev), 0); /* or vmbus_open() */
    assert_int_equal(netvsc_netif_add(&e.nif, &config), 0);
    assert_int_equal(netvsc_attach(e.nif.nic, dev, e.now_ns), 0);
    for (unsigned i = 0; i < 100 && netvsc_state(e.nif.nic) != NETVSC_UP; i++)
        turn(1);
    assert_int_equal(netvsc_state(e.nif.nic), NETVSC_UP);
    netif_set_addr(&e.nif.netif, &address, &mask, &none);
    netif_set_up(&e.nif.netif);
}

static void send(uint16_t type, const uint8_t *data, uint32_t len_bytes)
{
    uint8_t bytes[1514];
    const struct hvhost_frame frame = {.data = bytes, .len_bytes = 14 + len_bytes};

    memcpy(bytes, mac, 6);
    memcpy(bytes + 6, far_mac, 6);
    bytes[12] = (uint8_t)(type >> 8);
    bytes[13] = (uint8_t)type;
    memcpy(bytes + 14, data, len_bytes);
    hvhost_port_send(e.port, &frame);
}

static void a_loop_of_ones_own_answers_arp_and_ping(void **state)
{
    static const uint8_t arp[46] = {0,  1, 8, 0, 6, 4, 0, 1, 2, 0, 0,  0, 0, 9,
                                    10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1};
    struct ip4_packet ping = {
        .src = THEIRS, .dst = OURS, .proto = 1, .type = 8, .sport = 77, .payload_bytes = 1000};

    (void)state;
    start();
    turn(5);
    send(0x0806, arp, sizeof(arp));
    turn(3);
    assert_memory_equal(e.frame, far_mac, 6);
    assert_int_equal(e.frame[21], 2); /* an ARP reply */
    assert_memory_equal(e.frame + 22, mac, 6);
    ip4_build(&ping);
    send(0x0800, ping.data, ping.len_bytes);
    turn(3);
    assert_int_equal(ip4_dst(e.frame + 14), THEIRS);
    assert_int_equal(e.frame[34], 0); /* an echo reply */
    assert_true(ip4_sums_hold(e.frame + 14));
    assert_memory_equal(e.frame + 42, ping.data + 28, 1000);

    netvsc_detach(e.nif.nic, e.now_ns);
    turn(50);
    assert_int_equal(netvsc_state(e.nif.nic), NETVSC_DOWN);
    assert_null(netvsc_audit(e.nif.nic));
    assert_null(hvhost_audit(e.host));
    netvsc_netif_remove(&e.nif);
    hvhost_destroy(e.host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_of_ones_own_answers_arp_and_ping),
    };

    e.now_ns = 1000000;
    port_clock_source(virtual_clock, NULL);
    lwip_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
