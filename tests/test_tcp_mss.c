/* SPDX-License-Identifier: BSD-3-Clause */
/* Two cards in one network, with different MTUs: segments are for the one that is to take them. */
#include "check.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "port_tcp.h"
#include "tcp_peer.h"

#define CLIENT_PORT 2000
#define LARGE_MTU 1500u
#define SMALL_MTU 600u
#define HEADERS 40u

static struct netif *large, small;
static u32_t syn_seq;

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)pcb;
    return err;
}

static void on_segment(const struct tcp_hdr *head, u16_t bytes)
{
    (void)bytes;
    if (TCPH_FLAGS(head) & TCP_SYN)
        syn_seq = lwip_ntohl(head->seqno);
}

static err_t init_small(struct netif *netif)
{
    netif->mtu = netif->mtu6 = SMALL_MTU;
    netif->output = large->output;
    netif->output_ip6 = large->output_ip6;
    NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_DISABLE_ALL);
    return ERR_OK;
}

/* A SYN, or its answer, with an MSS of an Ethernet's. */
static void send_syn(struct netif *on, const struct tcp_pcb *to)
{
    static const u8_t mss[] = {2, 4, (LARGE_MTU - HEADERS) >> 8, (LARGE_MTU - HEADERS) & 0xff};
    struct tcp_peer_segment s = {.from = IPADDR4_INIT_BYTES(10, 0, 0, 2),
                                 .from_port = to ? to->remote_port : CLIENT_PORT,
                                 .to_port = to ? to->local_port : TCP_PEER_PORT,
                                 .seq = 1,
                                 .ack = syn_seq + 1,
                                 .flags = to ? TCP_SYN | TCP_ACK : TCP_SYN,
                                 .wnd = 0xffff,
                                 .options = mss,
                                 .option_bytes = sizeof(mss)};

    s.to = on->ip_addr;
    tcp_peer_on = on;
    tcp_peer_send(&s);
}

static void listen_on(struct netif *on)
{
    struct tcp_pcb *pcb = tcp_new();

    tcp_bind_netif(pcb, on);
    assert_int_equal(tcp_bind(pcb, &on->ip_addr, TCP_PEER_PORT), ERR_OK);
    tcp_accept(tcp_listen(pcb), on_accept);
}

static void who_is_accepted_on_a_card_sends_what_that_takes(void **state)
{
    struct netif *const cards[] = {large, &small};

    (void)state;
    for (unsigned i = 0; i < countof(cards); i++) {
        listen_on(cards[i]);
        send_syn(cards[i], NULL);
        assert_non_null(tcp_active_pcbs);
        assert_int_equal(tcp_active_pcbs->mss, cards[i]->mtu - HEADERS);
        tcp_abort(tcp_active_pcbs);
    }
}

static void who_connects_through_a_card_sends_what_that_takes(void **state)
{
    struct netif *const cards[] = {large, &small};
    const ip_addr_t to = IPADDR4_INIT_BYTES(10, 0, 0, 2);

    (void)state;
    for (unsigned i = 0; i < countof(cards); i++) {
        struct tcp_pcb *pcb = tcp_new();

        tcp_bind_netif(pcb, cards[i]);
        assert_int_equal(tcp_connect(pcb, &to, 80, NULL), ERR_OK);
        send_syn(cards[i], pcb);
        assert_int_equal(pcb->state, ESTABLISHED);
        assert_int_equal(pcb->mss, cards[i]->mtu - HEADERS);
        tcp_abort(pcb);
    }
}

static int start(void **state)
{
    ip4_addr_t address, mask;

    (void)state;
    lwip_init();
    large = tcp_peer_start();
    tcp_peer_sees = on_segment;
    IP4_ADDR(&address, 10, 0, 0, 3);
    IP4_ADDR(&mask, 255, 0, 0, 0);
    if (!large || !netif_add(&small, &address, &mask, &address, NULL, init_small, ip_input))
        return -1;
    netif_set_up(&small);
    netif_set_link_up(&small);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_accepted_on_a_card_sends_what_that_takes),
        cmocka_unit_test(who_connects_through_a_card_sends_what_that_takes),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
