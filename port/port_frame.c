/* SPDX-License-Identifier: BSD-3-Clause */
#include "port_frame.h"

#include <string.h>

#define ETH_BYTES 14u
#define TYPE_IP4 0x0800u
#define TYPE_ARP 0x0806u
#define TYPE_IP6 0x86DDu
#define IP4_BYTES 20u
#define IP6_BYTES 40u
#define PROTO_HOPOPTS 0u
#define PROTO_IGMP 2u
#define PROTO_TCP 6u
#define PROTO_UDP 17u
#define PROTO_ICMP6 58u
#define DHCP_CLIENT 68u
#define TCP_FLAGS_OFF 13u
#define TCP_SYN 0x02u
#define TCP_ACK 0x10u
#define ARP_REPLY 2u
#define ARP_SENDER_OFF 14u
#define ARP_TARGET_OFF 24u
#define ARP_BYTES 28u
/* ICMPv6: 1 to 4 are errors, 128 and 129 echo. */
#define ICMP6_ERROR_MAX 4u
#define ICMP6_MLD_FIRST 130u
#define ICMP6_MLD_LAST 132u
#define ICMP6_RS 133u
#define ICMP6_NS 135u
#define ICMP6_NA 136u
#define ICMP6_REDIRECT 137u
#define ICMP6_MLD2 143u

/* An IP packet, as far as it lies in (head). */
struct packet {
    uint8_t proto;
    const uint8_t *l4;
    uint32_t l4_bytes;
    const uint8_t *from6; /* NULL for IPv4 */
    bool fragment;
};

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static bool take_ip4(const uint8_t *ip, uint32_t bytes, struct packet *out)
{
    const uint32_t header = (ip[0] & 0xFu) * 4;

    if (header < IP4_BYTES || header > bytes)
        return false;
    *out = (struct packet){.proto = ip[9],
                           .l4 = ip + header,
                           .l4_bytes = bytes - header,
                           .fragment = (get16(ip + 6) & 0x1FFF) != 0};
    return true;
}

static bool take_ip6(const uint8_t *ip, uint32_t bytes, struct packet *out)
{
    *out = (struct packet){
        .proto = ip[6], .l4 = ip + IP6_BYTES, .l4_bytes = bytes - IP6_BYTES, .from6 = ip + 8};
    /* MLD comes behind a router alert of 8 bytes. */
    if (out->proto == PROTO_HOPOPTS && out->l4_bytes >= 8 && out->l4[1] == 0) {
        out->proto = out->l4[0];
        out->l4 += 8;
        out->l4_bytes -= 8;
    }
    return true;
}

static bool take_packet(const uint8_t *head, uint32_t bytes, struct packet *out)
{
    if (bytes >= ETH_BYTES + IP4_BYTES && get16(head + 12) == TYPE_IP4)
        return take_ip4(head + ETH_BYTES, bytes - ETH_BYTES, out);
    if (bytes >= ETH_BYTES + IP6_BYTES && get16(head + 12) == TYPE_IP6)
        return take_ip6(head + ETH_BYTES, bytes - ETH_BYTES, out);
    return false;
}

static enum port_frame_kind kind_icmp6(uint8_t type, bool group)
{
    if ((type >= ICMP6_RS && type <= ICMP6_REDIRECT) || type <= ICMP6_ERROR_MAX)
        return PORT_FRAME_SHARED;
    if ((type >= ICMP6_MLD_FIRST && type <= ICMP6_MLD_LAST) || type == ICMP6_MLD2)
        return PORT_FRAME_OWNER;
    return group ? PORT_FRAME_OTHER : PORT_FRAME_FLOW;
}

enum port_frame_kind port_frame_kind(const uint8_t *head, uint32_t bytes, bool *tcp, bool *syn)
{
    const bool group = bytes > 0 && (head[0] & 1);
    struct packet p;

    *tcp = *syn = false;
    if (bytes >= ETH_BYTES && get16(head + 12) == TYPE_ARP)
        return PORT_FRAME_SHARED;
    if (!take_packet(head, bytes, &p))
        return PORT_FRAME_OTHER;
    if (p.proto == PROTO_IGMP && !p.from6)
        return PORT_FRAME_OWNER;
    if (p.proto == PROTO_ICMP6 && p.from6 && p.l4_bytes > 0)
        return kind_icmp6(p.l4[0], group);
    if (p.proto == PROTO_UDP && !p.fragment && p.l4_bytes >= 4 && get16(p.l4 + 2) == DHCP_CLIENT)
        return PORT_FRAME_OWNER;
    if (p.proto == PROTO_TCP && !p.fragment && p.l4_bytes > TCP_FLAGS_OFF) {
        *tcp = true;
        *syn = (p.l4[TCP_FLAGS_OFF] & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    }
    return group ? PORT_FRAME_OTHER : PORT_FRAME_FLOW;
}

/* A question of ours for a neighbour is everybody's; an answer, a claim, a probe are not. */
static bool owners_arp(const uint8_t *arp)
{
    static const uint8_t nobody[4];

    return get16(arp + 6) == ARP_REPLY || memcmp(arp + ARP_SENDER_OFF, nobody, 4) == 0 ||
           memcmp(arp + ARP_SENDER_OFF, arp + ARP_TARGET_OFF, 4) == 0;
}

static bool owners_icmp6(const struct packet *p)
{
    static const uint8_t nobody[16];
    const uint8_t type = p->l4[0];

    return type == ICMP6_RS || type == ICMP6_NA || type == ICMP6_MLD2 ||
           (type >= ICMP6_MLD_FIRST && type <= ICMP6_MLD_LAST) ||
           (type == ICMP6_NS && memcmp(p->from6, nobody, sizeof(nobody)) == 0);
}

bool port_frame_owners(const uint8_t *head, uint32_t bytes)
{
    struct packet p;

    if (bytes >= ETH_BYTES + ARP_BYTES && get16(head + 12) == TYPE_ARP)
        return owners_arp(head + ETH_BYTES);
    if (!take_packet(head, bytes, &p))
        return false;
    if (p.proto == PROTO_ICMP6 && p.from6 && p.l4_bytes > 0)
        return owners_icmp6(&p);
    if (p.proto == PROTO_UDP && !p.fragment && p.l4_bytes >= 2 && get16(p.l4) == DHCP_CLIENT)
        return true;
    return p.proto == PROTO_IGMP && !p.from6;
}
