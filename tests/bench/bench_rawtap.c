/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench_rawtap.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void rawtap_die(const char *what)
{
    perror(what);
    exit(1);
}

int rawtap_open(const char *name)
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    const int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

    strncpy(ifr.ifr_name, name, IFNAMSIZ - 1);
    if (tap < 0 || ioctl(tap, TUNSETIFF, &ifr) != 0 ||
        ioctl(tap, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4) != 0)
        rawtap_die(name);
    return tap;
}

void rawtap_answer_arp(int tap, struct rawtap_frame *in, uint32_t address)
{
    static const uint8_t mac[6] = RAWTAP_MAC;
    struct ether_arp *arp = (void *)((uint8_t *)in + offsetof(struct rawtap_frame, ip));

    if (ntohs(arp->ea_hdr.ar_op) != ARPOP_REQUEST || memcmp(arp->arp_tpa, &address, 4) != 0)
        return;
    arp->ea_hdr.ar_op = htons(ARPOP_REPLY);
    memcpy(arp->arp_tha, arp->arp_sha, 6);
    memcpy(arp->arp_tpa, arp->arp_spa, 4);
    memcpy(arp->arp_sha, mac, 6);
    memcpy(arp->arp_spa, &address, 4);
    memcpy(in->eth.ether_dhost, in->eth.ether_shost, 6);
    memcpy(in->eth.ether_shost, mac, 6);
    memset(&in->vnet, 0, sizeof(in->vnet));
    if (write(tap, in, sizeof(in->vnet) + sizeof(in->eth) + sizeof(*arp)) < 0)
        rawtap_die("write");
}

static uint16_t folded(uint32_t sum)
{
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static uint32_t sum16(const void *data, size_t bytes)
{
    const uint8_t *at = data;
    uint32_t sum = 0;

    for (size_t i = 0; i + 1 < bytes; i += 2)
        sum += (uint32_t)(at[i] << 8 | at[i + 1]);
    return sum;
}

void rawtap_seal(struct rawtap_frame *out, size_t tcp_bytes, uint16_t mss)
{
    const size_t head_bytes = sizeof(out->eth) + sizeof(out->ip) + out->tcp.doff * 4u;

    out->vnet = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                        .gso_type = mss ? VIRTIO_NET_HDR_GSO_TCPV4
                                                        : VIRTIO_NET_HDR_GSO_NONE,
                                        .hdr_len = (uint16_t)head_bytes,
                                        .gso_size = mss,
                                        .csum_start = sizeof(out->eth) + sizeof(out->ip),
                                        .csum_offset = offsetof(struct tcphdr, check)};
    out->ip.tot_len = htons((uint16_t)(sizeof(out->ip) + tcp_bytes));
    out->ip.check = 0;
    out->ip.check = htons((uint16_t)~folded(sum16(&out->ip, sizeof(out->ip))));
    out->tcp.check = htons(folded(sum16(&out->ip.saddr, 8) + IPPROTO_TCP + (uint32_t)tcp_bytes));
}

size_t rawtap_data_bytes(const struct rawtap_frame *in)
{
    return ntohs(in->ip.tot_len) - sizeof(in->ip) - in->tcp.doff * 4u;
}
