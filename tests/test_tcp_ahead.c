/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames shown before lwIP gets them: the right connection is asked for in time, and nothing else
 * happens, whatever the frame says. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "port_tcp.h"
#include "port_tcp_table.h"

#define CONNECTIONS 3000u
#define FRAME4_BYTES (SIZEOF_ETH_HDR + IP_HLEN + TCP_HLEN)
#define FRAME6_BYTES (SIZEOF_ETH_HDR + IP6_HLEN + TCP_HLEN)

static struct tcp_pcb *pcbs[CONNECTIONS];

/* Odd ones by IPv6. */
static void forge(unsigned i)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(i & 1 ? IPADDR_TYPE_V6 : IPADDR_TYPE_V4);

    assert_non_null(pcb);
    if (i & 1) {
        IP_ADDR6(&pcb->local_ip, PP_HTONL(0xfd000000u), 0, 0, PP_HTONL(1));
        IP_ADDR6(&pcb->remote_ip, PP_HTONL(0xfd000000u), 0, 0, lwip_htonl(2 + i));
    } else {
        IP_ADDR4(&pcb->local_ip, 10, 0, 0, 1);
        IP_ADDR4(&pcb->remote_ip, 10, 1, (u8_t)(i >> 8), (u8_t)i);
    }
    pcb->local_port = 80;
    pcb->remote_port = (u16_t)(1024 + i);
    pcb->state = ESTABLISHED;
    port_tcp_reg(pcb);
    pcbs[i] = pcb;
}

static void connect(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        forge(i);
}

static int start(void **state)
{
    (void)state;
    port_tcp_connections(CONNECTIONS);
    lwip_init();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NETVSC_NETIF_AHEAD; i++)
        port_tcp_ahead(NULL, 0);
    while (tcp_active_pcbs)
        tcp_abandon(tcp_active_pcbs, 0);
    return 0;
}

/* A segment of connection (i), in memory of exactly its length. */
static uint8_t *frame_of(unsigned i, uint32_t *bytes)
{
    const struct tcp_pcb *pcb = pcbs[i];
    const bool v6 = IP_IS_V6_VAL(pcb->local_ip);
    uint8_t *frame = calloc(1, *bytes = v6 ? FRAME6_BYTES : FRAME4_BYTES);
    struct eth_hdr *eth = (void *)frame;
    struct ip_hdr *ip4 = (void *)(eth + 1);
    struct ip6_hdr *ip6 = (void *)(eth + 1);
    u16_t *ports = (void *)(frame + *bytes - TCP_HLEN);

    assert_non_null(frame);
    eth->type = lwip_htons(v6 ? ETHTYPE_IPV6 : ETHTYPE_IP);
    if (v6) {
        IP6H_VTCFL_SET(ip6, 6, 0, 0);
        IP6H_NEXTH_SET(ip6, IP6_NEXTH_TCP);
        ip6_addr_copy_to_packed(ip6->src, *ip_2_ip6(&pcb->remote_ip));
        ip6_addr_copy_to_packed(ip6->dest, *ip_2_ip6(&pcb->local_ip));
    } else {
        IPH_VHL_SET(ip4, 4, 5);
        IPH_PROTO_SET(ip4, IP_PROTO_TCP);
        ip4->src.addr = ip4_addr_get_u32(ip_2_ip4(&pcb->remote_ip));
        ip4->dest.addr = ip4_addr_get_u32(ip_2_ip4(&pcb->local_ip));
    }
    ports[0] = lwip_htons(pcb->remote_port);
    ports[1] = lwip_htons(pcb->local_port);
    return frame;
}

static void show(unsigned i)
{
    uint32_t bytes;
    uint8_t *frame = frame_of(i, &bytes);

    port_tcp_ahead(frame, bytes);
    free(frame);
}

/* Whose turn it is when (count) more frames have been shown, which are nobody's. */
static const struct tcp_pcb *after(unsigned count)
{
    const struct tcp_pcb *due = NULL;

    for (unsigned i = 0; i < count; i++)
        due = port_tcp_ahead(NULL, 0);
    return due;
}

static void a_frame_is_due_when_it_was_said(void **state)
{
    (void)state;
    connect(CONNECTIONS);
    for (unsigned i = 0; i < 100; i++) {
        show(i);
        assert_null(after(NETVSC_NETIF_AHEAD - 1));
        assert_ptr_equal(after(1), pcbs[i]);
        assert_null(after(1));
    }
}

static void each_connection_is_found(void **state)
{
    (void)state;
    connect(CONNECTIONS);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        show(i);
        assert_ptr_equal(after(NETVSC_NETIF_AHEAD), pcbs[i]);
    }
}

static void one_behind_the_other_keeps_the_order(void **state)
{
    (void)state;
    connect(CONNECTIONS);
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        uint32_t bytes;
        uint8_t *frame = frame_of(i, &bytes);
        const struct tcp_pcb *due = port_tcp_ahead(frame, bytes);

        assert_ptr_equal(due, i < NETVSC_NETIF_AHEAD ? NULL : pcbs[i - NETVSC_NETIF_AHEAD]);
        free(frame);
    }
}

/* AddressSanitizer watches what is read. */
static void a_frame_that_ends_early_is_nobodys(void **state)
{
    (void)state;
    connect(CONNECTIONS);
    for (unsigned i = 0; i < 2; i++) {
        uint32_t bytes;
        uint8_t *frame = frame_of(i, &bytes);

        for (uint32_t cut = 0; cut < bytes; cut++) {
            uint8_t *begin = malloc(cut ? cut : 1);

            assert_non_null(begin);
            memcpy(begin, frame, cut);
            port_tcp_ahead(begin, cut);
            free(begin);
            assert_null(after(NETVSC_NETIF_AHEAD));
        }
        free(frame);
    }
}

static void a_header_longer_than_the_frame_is_nobodys(void **state)
{
    uint32_t bytes;
    uint8_t *frame;

    (void)state;
    connect(CONNECTIONS);
    frame = frame_of(0, &bytes);
    IPH_VHL_SET((struct ip_hdr *)(void *)(frame + SIZEOF_ETH_HDR), 4, 15);
    port_tcp_ahead(frame, bytes);
    assert_null(after(NETVSC_NETIF_AHEAD));
    free(frame);
}

static void other_protocols_are_nobodys(void **state)
{
    (void)state;
    connect(CONNECTIONS);
    for (unsigned i = 0; i < 2; i++) {
        uint32_t bytes;
        uint8_t *frame = frame_of(i, &bytes);

        /* protocol and next header */
        frame[SIZEOF_ETH_HDR + (i ? 6 : 9)] = IP_PROTO_UDP;
        port_tcp_ahead(frame, bytes);
        assert_null(after(NETVSC_NETIF_AHEAD));
        free(frame);
    }
}

static void a_connection_closed_in_between_is_not_touched(void **state)
{
    (void)state;
    connect(CONNECTIONS);
    for (unsigned shown = 0; shown < NETVSC_NETIF_AHEAD; shown++) {
        const struct tcp_pcb *gone = pcbs[shown];

        show(shown);
        after(shown);
        tcp_abandon(pcbs[shown], 0);
        assert_ptr_not_equal(after(NETVSC_NETIF_AHEAD - shown), gone);
    }
}

static void with_few_connections_nothing_is_done(void **state)
{
    (void)state;
    connect(100);
    show(0);
    assert_null(after(NETVSC_NETIF_AHEAD));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_frame_is_due_when_it_was_said, teardown),
        cmocka_unit_test_teardown(each_connection_is_found, teardown),
        cmocka_unit_test_teardown(one_behind_the_other_keeps_the_order, teardown),
        cmocka_unit_test_teardown(a_frame_that_ends_early_is_nobodys, teardown),
        cmocka_unit_test_teardown(a_header_longer_than_the_frame_is_nobodys, teardown),
        cmocka_unit_test_teardown(other_protocols_are_nobodys, teardown),
        cmocka_unit_test_teardown(a_connection_closed_in_between_is_not_touched, teardown),
        cmocka_unit_test_teardown(with_few_connections_nothing_is_done, teardown),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
