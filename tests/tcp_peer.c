/* SPDX-License-Identifier: BSD-3-Clause */
#include "tcp_peer.h"

#include <string.h>

#include "lwip/ip4.h"
#include "lwip/ip6.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/priv/tcp_priv.h"

static struct netif card;
struct netif *tcp_peer_on;
void (*tcp_peer_sees)(const struct tcp_hdr *head, u16_t bytes);

static void look_at(const struct pbuf *p, u16_t header_bytes)
{
    if (tcp_peer_sees && p->len >= header_bytes + TCP_HLEN)
        tcp_peer_sees((const void *)((const uint8_t *)p->payload + header_bytes),
                      (u16_t)(p->tot_len - header_bytes));
}

static err_t output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    (void)netif;
    (void)to;
    look_at(p, IP_HLEN);
    return ERR_OK;
}

static err_t output6(struct netif *netif, struct pbuf *p, const ip6_addr_t *to)
{
    (void)netif;
    (void)to;
    look_at(p, IP6_HLEN);
    return ERR_OK;
}

static err_t init_card(struct netif *netif)
{
    netif->mtu = netif->mtu6 = 1500;
    netif->output = output4;
    netif->output_ip6 = output6;
    NETIF_SET_CHECKSUM_CTRL(netif, NETIF_CHECKSUM_DISABLE_ALL);
    return ERR_OK;
}

struct netif *tcp_peer_start(void)
{
    ip4_addr_t address, mask;

    IP4_ADDR(&address, 10, 0, 0, 1);
    IP4_ADDR(&mask, 255, 0, 0, 0);
    if (!netif_add(&card, &address, &mask, &address, NULL, init_card, ip_input))
        return NULL;
    ip6addr_aton("fd00::1", ip_2_ip6(&card.ip6_addr[0]));
    netif_ip6_addr_set_state(&card, 0, IP6_ADDR_PREFERRED);
    netif_set_default(&card);
    netif_set_up(&card);
    netif_set_link_up(&card);
    return &card;
}

int tcp_peer_listen(tcp_accept_fn accept)
{
    struct tcp_pcb *pcb = tcp_new();

    if (!pcb || tcp_bind(pcb, IP_ADDR_ANY, TCP_PEER_PORT) != ERR_OK)
        return -1;
    tcp_accept(tcp_listen(pcb), accept);
    return 0;
}

void tcp_peer_connect(u16_t from_port)
{
    struct tcp_peer_segment s = {.from = IPADDR4_INIT_BYTES(10, 0, 0, 2),
                                 .to = IPADDR4_INIT_BYTES(10, 0, 0, 1),
                                 .from_port = from_port,
                                 .to_port = TCP_PEER_PORT,
                                 .seq = 1,
                                 .flags = TCP_SYN,
                                 .wnd = 0xffff};

    tcp_peer_send(&s);
    s = tcp_peer_next(tcp_active_pcbs, TCP_ACK, 0);
    tcp_peer_send(&s);
}

static u16_t tcp_bytes(const struct tcp_peer_segment *s)
{
    return (u16_t)(TCP_HLEN + s->option_bytes + s->data_bytes);
}

static void *put_ip4(void *at, const struct tcp_peer_segment *s)
{
    struct ip_hdr *head = at;

    IPH_VHL_SET(head, 4, 5);
    IPH_LEN_SET(head, lwip_htons((u16_t)(IP_HLEN + tcp_bytes(s))));
    IPH_TTL_SET(head, 64);
    IPH_PROTO_SET(head, IP_PROTO_TCP);
    head->src.addr = ip4_addr_get_u32(ip_2_ip4(&s->from));
    head->dest.addr = ip4_addr_get_u32(ip_2_ip4(&s->to));
    return (uint8_t *)at + IP_HLEN;
}

static void *put_ip6(void *at, const struct tcp_peer_segment *s)
{
    struct ip6_hdr *head = at;

    IP6H_VTCFL_SET(head, 6, 0, 0);
    IP6H_PLEN_SET(head, tcp_bytes(s));
    IP6H_NEXTH_SET(head, IP6_NEXTH_TCP);
    IP6H_HOPLIM_SET(head, 64);
    ip6_addr_copy_to_packed(head->src, *ip_2_ip6(&s->from));
    ip6_addr_copy_to_packed(head->dest, *ip_2_ip6(&s->to));
    return (uint8_t *)at + IP6_HLEN;
}

void tcp_peer_send(const struct tcp_peer_segment *s)
{
    const u16_t ip_bytes = IP_IS_V6(&s->from) ? IP6_HLEN : IP_HLEN;
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)(ip_bytes + tcp_bytes(s)), PBUF_POOL);
    struct netif *on = tcp_peer_on ? tcp_peer_on : &card;
    struct tcp_hdr *head;

    if (!p)
        return;
    memset(p->payload, 0, p->len);
    head = IP_IS_V6(&s->from) ? put_ip6(p->payload, s) : put_ip4(p->payload, s);
    head->src = lwip_htons(s->from_port);
    head->dest = lwip_htons(s->to_port);
    head->seqno = lwip_htonl(s->seq);
    head->ackno = lwip_htonl(s->ack);
    TCPH_HDRLEN_FLAGS_SET(head, (TCP_HLEN + s->option_bytes) / 4, s->flags);
    head->wnd = lwip_htons(s->wnd);
    if (s->option_bytes)
        memcpy(head + 1, s->options, s->option_bytes);
    on->input(p, on);
}

struct tcp_peer_segment tcp_peer_next(const struct tcp_pcb *pcb, u8_t flags, u16_t data_bytes)
{
    return (struct tcp_peer_segment){
        .from = pcb->remote_ip,
        .to = pcb->local_ip,
        .from_port = pcb->remote_port,
        .to_port = pcb->local_port,
        .seq = pcb->rcv_nxt,
        .ack = pcb->snd_nxt,
        .flags = flags,
        .wnd = 0xffff,
        .data_bytes = data_bytes,
    };
}

static void put32(u8_t *at, u32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (u8_t)(value >> (24 - 8 * i));
}

void tcp_peer_sack(u8_t options[TCP_PEER_SACK_BYTES], u32_t from, u32_t to)
{
    memcpy(options, (u8_t[]){1, 1, 5, 10}, 4); /* two that mean nothing, its kind, its length */
    put32(options + 4, from);
    put32(options + 8, to);
}
