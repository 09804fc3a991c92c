/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clients' side of the wire: a frame whose rest stays the same is filled in and put on the
 * emulated host's switch; what comes back is looked at in place. Client number i is a port of one
 * of as many addresses as 60,000 ports each make necessary, all behind one router.
 */
#include "bench_gen.h"

#include <string.h>

#include "lwip/inet_chksum.h"
#include "lwip/prot/etharp.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip4.h"

#define ADDRESS_FIRST 0x0a010001u /* 10.1.0.1, beyond a router */
#define PORT_FIRST 1024u
#define PORTS 60000u /* per address */
#define HEAD_BYTES (SIZEOF_ETH_HDR + IP_HLEN + TCP_HLEN)
#define TCP_SUM_OFF 16u

/* Longest segment 1460, windows in units of 128 bytes: what a client of today's says in its SYN. */
static const uint8_t options[8] = {2, 4, GEN_MSS >> 8, GEN_MSS & 0xff, 1, 3, 3, 7};
static const uint8_t far_mac[6] = {0x02, 0, 0, 0, 0, 0x99};

static uint8_t frame[HEAD_BYTES + GEN_DATA_BYTES_MAX];
static uint8_t syn[HEAD_BYTES + sizeof(options)];

uint8_t *gen_data(void)
{
    return frame + HEAD_BYTES;
}

void gen_wire_begin(void)
{
    struct eth_hdr *eth = (void *)frame;
    struct ip_hdr *ip = (void *)(eth + 1);
    struct tcp_hdr *tcp = (void *)(ip + 1);

    memcpy(eth->dest.addr, netvsc_info(gen.card.nic)->mac, sizeof(eth->dest.addr));
    memcpy(eth->src.addr, far_mac, sizeof(eth->src.addr));
    eth->type = PP_HTONS(ETHTYPE_IP);
    memset(ip, 0, HEAD_BYTES - SIZEOF_ETH_HDR);
    IPH_VHL_SET(ip, 4, 5);
    IPH_TTL_SET(ip, 64);
    IPH_PROTO_SET(ip, IP_PROTO_TCP);
    ip->dest.addr = PP_HTONL(0x0a000001u);
    tcp->dest = lwip_htons(gen.work->port);
    tcp->wnd = PP_HTONS(0xffff);
    memcpy(syn, frame, HEAD_BYTES);
    memcpy(syn + HEAD_BYTES, options, sizeof(options));
}

void gen_send(uint32_t i, struct gen_client *c, u8_t flags, uint32_t data_bytes)
{
    uint8_t *const from = flags & TCP_SYN ? syn : frame;
    const uint32_t behind = flags & TCP_SYN ? sizeof(options) : data_bytes;
    const bool large = behind > GEN_MSS;
    const struct hvhost_frame out = {.data = from,
                                     .len_bytes = HEAD_BYTES + behind,
                                     .csum_ok = !large,
                                     .csum_partial = large,
                                     .csum_start = SIZEOF_ETH_HDR + IP_HLEN,
                                     .csum_off = TCP_SUM_OFF,
                                     .mss = large ? GEN_MSS : 0};
    struct ip_hdr *ip = (void *)(from + SIZEOF_ETH_HDR);
    struct tcp_hdr *tcp = (void *)(ip + 1);

    ip->src.addr = lwip_htonl(ADDRESS_FIRST + i / PORTS);
    IPH_LEN_SET(ip, lwip_htons((u16_t)(IP_HLEN + TCP_HLEN + behind)));
    IPH_CHKSUM_SET(ip, 0);
    IPH_CHKSUM_SET(ip, inet_chksum(ip, IP_HLEN));
    tcp->src = lwip_htons((u16_t)(PORT_FIRST + i % PORTS));
    tcp->seqno = lwip_htonl(c->seq);
    tcp->ackno = lwip_htonl(c->ack);
    TCPH_HDRLEN_FLAGS_SET(tcp, flags & TCP_SYN ? (TCP_HLEN + sizeof(options)) / 4 : TCP_HLEN / 4,
                          flags);
    c->seq += data_bytes + ((flags & (TCP_SYN | TCP_FIN)) != 0);
    gen.sent++;
    hvhost_port_send(gen.card.port, &out);
}

/* The router's address, which everybody asks for. */
static void answer_arp(const uint8_t *data)
{
    uint8_t reply[SIZEOF_ETH_HDR + SIZEOF_ETHARP_HDR];
    const struct hvhost_frame out = {.data = reply, .len_bytes = sizeof(reply), .csum_ok = true};
    struct eth_hdr *eth = (void *)reply;
    struct etharp_hdr *arp = (void *)(eth + 1);
    const struct etharp_hdr *asked = (const void *)(data + SIZEOF_ETH_HDR);

    memcpy(reply, data, sizeof(reply));
    if (arp->opcode != PP_HTONS(ARP_REQUEST) || memcmp(&asked->dipaddr, "\x0a\x00\x00\x02", 4) != 0)
        return;
    memcpy(eth->dest.addr, asked->shwaddr.addr, 6);
    memcpy(eth->src.addr, far_mac, 6);
    arp->opcode = PP_HTONS(ARP_REPLY);
    arp->dhwaddr = asked->shwaddr;
    memcpy(&arp->dipaddr, &asked->sipaddr, 4);
    memcpy(arp->shwaddr.addr, far_mac, 6);
    memcpy(&arp->sipaddr, &asked->dipaddr, 4);
    hvhost_port_send(gen.card.port, &out);
}

/* A frame to be cut has no length in its IP header that counts. */
static uint32_t data_bytes_of(const struct hvhost_frame *in, const struct ip_hdr *ip,
                              const struct tcp_hdr *tcp)
{
    const uint32_t bytes =
        in->mss ? in->len_bytes - SIZEOF_ETH_HDR : (uint32_t)lwip_ntohs(IPH_LEN(ip));

    return bytes - IP_HLEN - (uint32_t)TCPH_HDRLEN_BYTES(tcp);
}

void gen_wire_deliver(void *ctx, const struct hvhost_frame *in)
{
    const struct eth_hdr *eth = (const void *)in->data;
    const struct ip_hdr *ip = (const void *)(eth + 1);
    const struct tcp_hdr *tcp = (const void *)(ip + 1);
    uint32_t i;

    (void)ctx;
    if (in->len_bytes >= SIZEOF_ETH_HDR + SIZEOF_ETHARP_HDR && eth->type == PP_HTONS(ETHTYPE_ARP)) {
        answer_arp(in->data);
        return;
    }
    if (in->len_bytes < HEAD_BYTES || eth->type != PP_HTONS(ETHTYPE_IP) ||
        IPH_PROTO(ip) != IP_PROTO_TCP)
        return;
    i = (lwip_ntohl(ip->dest.addr) - ADDRESS_FIRST) * PORTS + lwip_ntohs(tcp->dest) - PORT_FIRST;
    if (i < gen.count && TCPH_FLAGS(tcp) & TCP_SYN) {
        gen.client[i].ack = lwip_ntohl(tcp->seqno) + 1;
        gen_send(i, &gen.client[i], TCP_ACK, 0);
        gen.open++;
    } else {
        gen.work->on_segment(i, tcp, data_bytes_of(in, ip, tcp));
    }
}
