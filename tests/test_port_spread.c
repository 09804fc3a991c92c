/* SPDX-License-Identifier: BSD-3-Clause */
/* Our idea of where the host sends a frame, against the host's. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "hvh_rss.h"
#include "hvhost_frame.h"
#include "port_spread.h"
#include "rss_reg.h"

#define QUEUES 5u

static struct netvsc_rss rss;
static struct hvh_rss host;

static void setup(uint32_t types, uint32_t wire_types)
{
    for (unsigned i = 0; i < NETVSC_RSS_KEY_BYTES; i++)
        rss.key[i] = (uint8_t)rand();
    rss.types = types;
    host = (struct hvh_rss){.on = true, .hash_types = wire_types};
    memcpy(host.key, rss.key, sizeof(host.key));
    for (unsigned i = 0; i < NETVSC_RETA_ENTRIES; i++) {
        rss.reta[i] = (uint8_t)(i % QUEUES);
        host.table[i] = rss.reta[i];
    }
}

/* The host's entry for (frame). */
static uint32_t hosts(const uint8_t *frame, uint32_t bytes)
{
    const struct hvhost_frame f = {.data = frame, .len_bytes = bytes};
    const struct hvh_hash hash = hvh_rss_hash(&host, &f);

    return hash.type ? hash.value % NETVSC_RETA_ENTRIES : PORT_SPREAD_NONE;
}

static uint32_t random_frame(uint8_t *frame)
{
    static const uint8_t protos[] = {6, 17, 1, 58};
    const bool v6 = rand() & 1;

    for (unsigned i = 0; i < 80; i++)
        frame[i] = (uint8_t)rand();
    frame[12] = v6 ? 0x86 : 0x08;
    frame[13] = v6 ? 0xDD : 0x00;
    frame[14] = v6 ? 0x60 : 0x45;
    frame[v6 ? 20 : 23] = protos[rand() % 4];
    if (!v6 && rand() % 4)
        frame[20] = frame[21] = 0; /* no fragment */
    return rand() % 8 ? 80 : 18 + (uint32_t)rand() % 62;
}

static void every_frame_is_where_the_host_sends_it(void **state)
{
    static const struct {
        uint32_t ours, wire;
    } types[] = {
        {NETVSC_RSS_DEFAULT, NDIS_RSS_IP4 | NDIS_RSS_TCP4 | NDIS_RSS_IP6 | NDIS_RSS_TCP6},
        {NETVSC_RSS_TCP4 | NETVSC_RSS_UDP6, NDIS_RSS_TCP4 | NDIS_RSS_UDP6},
        {NETVSC_RSS_DEFAULT | NETVSC_RSS_UDP4 | NETVSC_RSS_UDP6, NDIS_RSS_IP4 | NDIS_RSS_TCP4 |
                                                                     NDIS_RSS_IP6 | NDIS_RSS_TCP6 |
                                                                     NDIS_RSS_UDP4 | NDIS_RSS_UDP6},
    };
    uint8_t frame[80];

    (void)state;
    for (unsigned t = 0; t < 3; t++) {
        setup(types[t].ours, types[t].wire);
        for (unsigned i = 0; i < 3000; i++) {
            const uint32_t bytes = random_frame(frame);

            assert_int_equal(port_spread_frame(&rss, frame, bytes), hosts(frame, bytes));
        }
    }
}

/* The SYN+ACK of (remote) to (port), as a frame. */
static uint32_t answer4(uint8_t *frame, const ip_addr_t *local,
                        const struct port_spread_end *remote, uint16_t port)
{
    memset(frame, 0, 60);
    frame[12] = 0x08;
    frame[14] = 0x45;
    frame[23] = 6;
    memcpy(frame + 26, &ip_2_ip4(&remote->addr)->addr, 4);
    memcpy(frame + 30, &ip_2_ip4(local)->addr, 4);
    frame[34] = (uint8_t)(remote->port >> 8);
    frame[35] = (uint8_t)remote->port;
    frame[36] = (uint8_t)(port >> 8);
    frame[37] = (uint8_t)port;
    return 60;
}

static void answers_to_a_chosen_port_come_to_the_queue(void **state)
{
    struct port_spread_end remote = {.port = 443};
    uint8_t frame[60];
    ip_addr_t local;

    (void)state;
    setup(NETVSC_RSS_DEFAULT, NDIS_RSS_IP4 | NDIS_RSS_TCP4 | NDIS_RSS_IP6 | NDIS_RSS_TCP6);
    for (unsigned i = 0; i < 500; i++) {
        const unsigned queue = i % QUEUES;
        uint16_t port;
        uint32_t bytes, entry;

        ip_addr_set_ip4_u32_val(local, (uint32_t)rand());
        ip_addr_set_ip4_u32_val(remote.addr, (uint32_t)rand());
        port = port_spread_local_port(&rss, queue, &local, &remote, (uint16_t)rand());
        assert_in_range(port, 49152, 65535);
        bytes = answer4(frame, &local, &remote, port);
        entry = hosts(frame, bytes);
        assert_int_not_equal(entry, PORT_SPREAD_NONE);
        assert_int_equal(host.table[entry], queue);
    }
}

static void the_next_port_is_another_one(void **state)
{
    const struct port_spread_end remote = {.addr = IPADDR4_INIT_BYTES(10, 0, 0, 9), .port = 80};
    const ip_addr_t local = IPADDR4_INIT_BYTES(10, 0, 0, 1);
    uint16_t first, second;

    (void)state;
    setup(NETVSC_RSS_DEFAULT, 0);
    first = port_spread_local_port(&rss, 1, &local, &remote, 65535);
    second = port_spread_local_port(&rss, 1, &local, &remote, (uint16_t)(first + 1));
    assert_int_not_equal(first, second);
    assert_int_not_equal(second, 0);
}

static void a_queue_the_table_does_not_name_has_no_port(void **state)
{
    const struct port_spread_end remote = {.addr = IPADDR4_INIT_BYTES(10, 0, 0, 9), .port = 80};
    const ip_addr_t local = IPADDR4_INIT_BYTES(10, 0, 0, 1);

    (void)state;
    setup(NETVSC_RSS_DEFAULT, 0);
    assert_int_equal(port_spread_local_port(&rss, QUEUES, &local, &remote, 0), 0);
    setup(NETVSC_RSS_UDP4, 0);
    assert_int_equal(port_spread_local_port(&rss, 1, &local, &remote, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_frame_is_where_the_host_sends_it),
        cmocka_unit_test(answers_to_a_chosen_port_come_to_the_queue),
        cmocka_unit_test(the_next_port_is_another_one),
        cmocka_unit_test(a_queue_the_table_does_not_name_has_no_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
