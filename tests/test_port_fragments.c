/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stranger's fragments. Put together they may be longer than a pbuf chain can say (65535 bytes),
 * which lwIP meets with an assert: the program must live on, and no pbuf may stay behind.
 */
#include "check.h"
#include "port_log.h"
#include "port_net.h"

#include <string.h>

#include "lwip/inet_chksum.h"
#include "lwip/init.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6.h"
#include "lwip/ip6_frag.h"
#include "lwip/netif.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/stats.h"
#include "lwip/udp.h"

#define PIECE_BYTES 1448u /* a multiple of 8 */
#define UDP_PORT 7u

static struct netif card;
static struct udp_pcb *pcb;
static uint64_t received_bytes;
static unsigned sent;

static err_t drop(struct netif *netif, struct pbuf *p)
{
    (void)netif;
    (void)p;
    sent++;
    return ERR_OK;
}

static err_t drop4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    (void)to;
    return drop(netif, p);
}

static err_t drop6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to)
{
    (void)to;
    return drop(netif, p);
}

static err_t init_card(struct netif *netif)
{
    netif->mtu = netif->mtu6 = 1500;
    netif->output = drop4;
    netif->output_ip6 = drop6;
    netif->linkoutput = drop;
    return ERR_OK;
}

static void on_datagram(void *arg, struct udp_pcb *from_pcb, struct pbuf *p, const ip_addr_t *from,
                        u16_t port)
{
    (void)arg;
    (void)from_pcb;
    (void)from;
    (void)port;
    received_bytes += p->tot_len;
    pbuf_free(p);
}

static int start_stack(void **state)
{
    ip4_addr_t address, mask;

    (void)state;
    port_log_setup("prog", PORT_LOG_ERROR);
    lwip_init();
    IP4_ADDR(&address, 10, 0, 0, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    if (!netif_add(&card, &address, &mask, &address, NULL, init_card, netif_input))
        return -1;
    ip6addr_aton("fe80::1", ip_2_ip6(&card.ip6_addr[0]));
    ip6_addr_assign_zone(ip_2_ip6(&card.ip6_addr[0]), IP6_UNICAST, &card);
    netif_ip6_addr_set_state(&card, 0, IP6_ADDR_PREFERRED);
    netif_set_up(&card);
    netif_set_link_up(&card);
    pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
    if (!pcb || udp_bind(pcb, IP_ANY_TYPE, UDP_PORT) != ERR_OK)
        return -1;
    udp_recv(pcb, on_datagram, NULL);
    return 0;
}

/*
 * A UDP datagram without checksum would be refused over IPv6; its own length field decides instead.
 */
static void put_udp_header(uint8_t *out, uint32_t total_bytes)
{
    const uint16_t fields[] = {PP_HTONS(9999), PP_HTONS(UDP_PORT),
                               lwip_htons((u16_t)(total_bytes > 65535 ? 0 : total_bytes)), 0};

    memcpy(out, fields, sizeof(fields));
}

/*
 * Fragment of an IPv6 datagram whose payload is (total_bytes): bytes (offset).. of at most a piece.
 */
static void send_piece6(uint32_t id, uint32_t offset, uint32_t total_bytes)
{
    const uint32_t rest = total_bytes - offset;
    const uint32_t len = rest < PIECE_BYTES ? rest : PIECE_BYTES;
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)(40 + 8 + len), PBUF_POOL);
    uint8_t *at = p->payload;
    struct ip6_hdr *head = p->payload;
    struct ip6_frag_hdr *frag = (struct ip6_frag_hdr *)(void *)(at + 40);

    assert_non_null(p);
    memset(at, 0, 48 + len);
    IP6H_VTCFL_SET(head, 6, 0, 0);
    IP6H_PLEN_SET(head, (u16_t)(8 + len));
    IP6H_NEXTH_SET(head, IP6_NEXTH_FRAGMENT);
    IP6H_HOPLIM_SET(head, 64);
    at[8] = at[24] = 0xfe;
    at[9] = at[25] = 0x80;
    at[23] = 2;
    at[39] = 1;
    frag->_nexth = IP6_NEXTH_UDP;
    frag->_fragment_offset = lwip_htons((u16_t)(offset | (rest > len)));
    frag->_identification = id;
    if (offset == 0)
        put_udp_header(at + 48, total_bytes);
    ip6_input(p, &card);
}

static void send_piece4(uint32_t id, uint32_t offset, uint32_t total_bytes)
{
    const uint32_t rest = total_bytes - offset;
    const uint32_t len = rest < PIECE_BYTES ? rest : PIECE_BYTES;
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)(20 + len), PBUF_POOL);
    uint8_t *at = p->payload;
    struct ip_hdr *head = p->payload;

    assert_non_null(p);
    memset(at, 0, 20 + len);
    IPH_VHL_SET(head, 4, 5);
    IPH_LEN_SET(head, lwip_htons((u16_t)(20 + len)));
    IPH_ID_SET(head, (u16_t)id);
    IPH_OFFSET_SET(head, lwip_htons((u16_t)(offset / 8 | (rest > len ? IP_MF : 0))));
    IPH_TTL_SET(head, 64);
    IPH_PROTO_SET(head, IP_PROTO_UDP);
    head->src.addr = PP_HTONL(0x0a000002);
    head->dest.addr = PP_HTONL(0x0a000001);
    IPH_CHKSUM_SET(head, inet_chksum(head, 20));
    if (offset == 0)
        put_udp_header(at + 20, total_bytes);
    ip4_input(p, &card);
}

static void send_datagram(void (*piece)(uint32_t id, uint32_t offset, uint32_t total),
                          uint32_t total, bool backwards)
{
    static uint32_t id;
    const uint32_t pieces = (total + PIECE_BYTES - 1) / PIECE_BYTES;

    id++;
    for (uint32_t i = 0; i < pieces; i++)
        piece(id, (backwards ? pieces - 1 - i : i) * PIECE_BYTES, total);
}

/* Reassembly gives up after 15 s (IPv4) and 60 s (IPv6) at most. */
static void expire(void)
{
    for (unsigned i = 0; i < 70; i++) {
        ip_reass_tmr();
        ip6_reass_tmr();
    }
}

static void a_large_datagram_is_put_together(void **state)
{
    (void)state;
    received_bytes = 0;
    send_datagram(send_piece4, 30000, false);
    send_datagram(send_piece4, 30000, true);
    assert_int_equal(received_bytes, 2 * (30000 - 8));
    assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 0);
}

/* Offsets have 13 bits of 8 bytes: with the last fragment up to 65528 + 1448 bytes can be named. */
static void one_that_is_too_large_costs_nothing(void **state)
{
    (void)state;
    for (uint32_t total = 65400; total < 66900; total += 8) {
        send_datagram(send_piece4, total, false);
        send_datagram(send_piece4, total, true);
        send_datagram(send_piece6, total, false);
        send_datagram(send_piece6, total, true);
        expire();
    }
    assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 0);
    assert_int_equal(lwip_stats.memp[MEMP_REASSDATA]->used, 0);
    assert_int_equal(lwip_stats.memp[MEMP_IP6_REASSDATA]->used, 0);
    assert_true(port_asserts() > 0); /* or lwIP was mended, and arch/cc.h can be */
}

/* They would keep frames of the card, and so the card, for a minute. */
static void what_lacks_a_fragment_goes_with_the_interface(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 2; first++) { /* with the first a sender would be told */
        send_piece4(999 + first, first ? 0 : PIECE_BYTES, 30000);
        send_piece6(999 + first, first ? 0 : PIECE_BYTES, 30000);
    }
    assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 4);
    sent = 0;
    port_net_down(&card);
    assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 0);
    assert_int_equal(sent, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_datagram_is_put_together),
        cmocka_unit_test(one_that_is_too_large_costs_nothing),
        cmocka_unit_test(what_lacks_a_fragment_goes_with_the_interface),
    };

    return cmocka_run_group_tests(tests, start_stack, NULL);
}
