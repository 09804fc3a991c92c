/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Both cards are lwIP interfaces, which gives us ARP, DHCP and a host that answers pings; but
 * lwIP's input comes second. Each frame with an IPv4 packet to one of our MAC addresses is looked
 * at by nat.c first: what it forwards leaves by the other interface's output, which finds the next
 * hop's MAC; what it leaves to the router goes to lwIP as if nothing had been.
 *
 * Fragments are put together by lwIP, translated, and cut again where they leave: only the first
 * of them has ports. DF is not set on any of them then.
 *
 * A packet is forwarded in the pbuf it came in: with its payload where the host wrote it, and its
 * headers in our memory. Nothing joins or cuts TCP segments on the way.
 */
#include "nat_router.h"

#include <stdio.h>
#include <string.h>

#include "lwip/ip4.h"
#include "lwip/ip4_frag.h"
#include "lwip/prot/ethernet.h"
#include "netif/ethernet.h"
#include "port_clock.h"

#define ICMP_PER_SECOND 200u /* errors sent; RFC 1812, 4.3.2.8 asks for a limit */

struct nat_router nat_router;

/* ---- packets --------------------------------------------------------------------------------- */

static bool may_tell(uint64_t now_ns)
{
    if (now_ns - nat_router.icmp_second_ns >= PORT_NS_PER_S) {
        nat_router.icmp_second_ns = now_ns;
        nat_router.icmp_left = ICMP_PER_SECOND;
    }
    if (nat_router.icmp_left == 0)
        return false;
    nat_router.icmp_left--;
    return true;
}

/* An ICMP error about (packet) to its sender. Never about one (RFC 1122, 3.2.2). */
static void tell(enum nat_verdict verdict, const struct packet *packet, struct netif *in,
                 uint64_t now_ns)
{
    const struct netif *out = &nat_router.nif[in == &nat_router.nif[NAT_INSIDE].netif].netif;
    uint8_t type = PACKET_ICMP_UNREACHABLE, code = PACKET_CODE_NET;
    uint8_t bytes[PACKET_ICMP_BYTES_MAX];
    ip4_addr_t to = {.addr = packet->src};
    uint16_t mtu = 0;
    struct pbuf *p;
    uint32_t len;

    if (packet->inner)
        return;
    if (verdict == NAT_TELL_TTL) {
        type = PACKET_ICMP_TIME_EXCEEDED;
    } else if (verdict == NAT_TELL_TOO_BIG) {
        code = PACKET_CODE_TOO_BIG;
        mtu = out->mtu;
    }
    len = packet_icmp_error(packet, type, code, mtu, bytes);
    p = may_tell(now_ns) ? pbuf_alloc(PBUF_IP, (u16_t)len, PBUF_RAM) : NULL;
    if (!p) {
        nat_router.stats.icmp_limited++;
        return;
    }
    memcpy(p->payload, bytes, len);
    nat_router.stats.icmp_sent +=
        ip4_output_if(p, netif_ip4_addr(in), &to, ICMP_TTL, 0, IP_PROTO_ICMP, in) == ERR_OK;
    pbuf_free(p);
}

/* Send the packet (p), IP header first, to (dst). */
static void send(struct pbuf *p, struct netif *out, uint32_t dst)
{
    const ip4_addr_t to = {.addr = dst};
    err_t err;

    if (p->tot_len > out->mtu) {
        nat_router.stats.cut++;
        err = ip4_frag(p, out, &to);
    } else {
        err = out->output(out, p, &to);
    }
    if (err == ERR_OK)
        nat_router.stats.sent++;
    else
        nat_router.stats.drop_send++;
}

/* Judge (p), which starts at its IP header, and do what has to be done. It stays the caller's. */
static enum nat_verdict translate(struct pbuf *p, struct netif *in, struct packet *packet,
                                  enum packet_fault fault)
{
    const enum nat_side from = in == &nat_router.nif[NAT_INSIDE].netif ? NAT_INSIDE : NAT_OUTSIDE;
    const uint64_t now_ns = port_clock_now();
    enum nat_verdict verdict;

    nat_set_outside(&nat_router.nat, netif_ip4_addr(&nat_router.nif[NAT_OUTSIDE].netif)->addr);
    nat_router.nat.mtu_bytes[NAT_INSIDE] = nat_router.nif[NAT_INSIDE].netif.mtu;
    nat_router.nat.mtu_bytes[NAT_OUTSIDE] = nat_router.nif[NAT_OUTSIDE].netif.mtu;
    verdict = nat_packet(&nat_router.nat, from, packet, fault, now_ns);
    if (verdict == NAT_FORWARD) {
        pbuf_realloc(p, (u16_t)packet->total_bytes); /* what Ethernet padded stays behind */
        send(p, &nat_router.nif[1 - from].netif, packet->key.dst);
    } else if (verdict != NAT_LOCAL && verdict != NAT_DROP) {
        tell(verdict, packet, in, now_ns);
    }
    return verdict;
}

/* A fragment: lwIP keeps it until the others are there. Then the datagram is a packet like any. */
static void take_fragment(struct pbuf *p, struct netif *in)
{
    struct packet packet;
    enum packet_fault fault;

    nat_router.stats.absorbed++;
    p = ip4_reass(p);
    if (!p)
        return;
    nat_router.stats.reassembled++;
    fault = packet_parse(&packet, p->payload, p->len, p->tot_len);
    if (translate(p, in, &packet, fault) == NAT_LOCAL)
        ip4_input(p, in);
    else
        pbuf_free(p);
}

/* ---- frames ---------------------------------------------------------------------------------- */

static bool is_for_us(const struct pbuf *p, const struct netif *in)
{
    const struct eth_hdr *eth = p->payload;

    return p->len > SIZEOF_ETH_HDR && eth->type == PP_HTONS(ETHTYPE_IP) &&
           memcmp(&eth->dest, in->hwaddr, ETH_HWADDR_LEN) == 0;
}

/* The interfaces' input, before lwIP's. */
err_t nat_router_input(struct pbuf *p, struct netif *in)
{
    struct packet packet;
    enum packet_fault fault;
    uint8_t *ip;

    nat_router.stats.frames++;
    if (!is_for_us(p, in)) {
        nat_router.stats.to_lwip++;
        return ethernet_input(p, in);
    }
    ip = (uint8_t *)p->payload + SIZEOF_ETH_HDR;
    fault = packet_parse(&packet, ip, (uint32_t)p->len - SIZEOF_ETH_HDR,
                         (uint32_t)p->tot_len - SIZEOF_ETH_HDR);
    pbuf_remove_header(p, SIZEOF_ETH_HDR);
    if (fault == PACKET_FRAGMENT) {
        pbuf_realloc(p, (u16_t)packet.total_bytes);
        take_fragment(p, in);
        return ERR_OK;
    }
    nat_router.stats.to_nat++;
    if (translate(p, in, &packet, fault) != NAT_LOCAL) {
        pbuf_free(p);
        return ERR_OK;
    }
    pbuf_add_header(p, SIZEOF_ETH_HDR);
    return ethernet_input(p, in);
}

const char *nat_router_audit(void)
{
    static char text[160];
    const struct nat_router_stats *r = &nat_router.stats;
    const struct nat_stats *n = &nat_router.nat.stats;

    if (r->frames == r->to_nat + r->to_lwip + r->absorbed &&
        n->packets == r->to_nat + r->reassembled && n->out + n->in == r->sent + r->drop_send)
        return nat_audit(&nat_router.nat);
    snprintf(text, sizeof(text), "router: %llu frames, %llu packets, %llu sent",
             (unsigned long long)r->frames, (unsigned long long)n->packets,
             (unsigned long long)r->sent);
    return text;
}
