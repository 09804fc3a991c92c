/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * frame_storm DEVICE MAC ADDRESS SECONDS SEED: frames of any content from the kernel's side of a
 * TAP device, for a card with MAC and an IPv4 ADDRESS of its own: noise, packets with fields that
 * lie or that end early, VLAN tags in tags, and, as a packet socket may say so, sums and bursts of
 * segments to be finished by whoever gets them, wherever that is and however long. Prints how many
 * the kernel took.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define ETH 14u
#define FRAME_MAX 65535u
#define MTU_FRAME 1514u
#define GSO_UDP_L4 5 /* GSO_UDP_L4, which older headers lack */

static uint64_t seed;
static uint8_t card_mac[6], kernel_mac[6], card_ip[4];

struct storm_frame {
    struct virtio_net_hdr vnet;
    uint32_t bytes;
    uint8_t data[FRAME_MAX];
};

static uint32_t below(uint32_t limit)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((seed >> 33) % limit);
}

static bool happens(uint32_t percent)
{
    return below(100) < percent;
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t sum(uint32_t start, const uint8_t *at, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        start += i % 2 ? at[i] : (uint32_t)at[i] << 8;
    while (start >> 16)
        start = (start & 0xFFFF) + (start >> 16);
    return start;
}

static void noise(uint8_t *at, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)below(256);
}

/* ---- packets that make sense, but for one thing ---------------------------------------------- */

static const uint8_t protocols[] = {IPPROTO_TCP,  IPPROTO_TCP, IPPROTO_UDP,
                                    IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_ICMPV6};

static uint32_t some_bytes(void)
{
    return happens(50) ? below(80) : below(MTU_FRAME - 80);
}

/* What is behind IP's header: a segment, a datagram, an echo; (bytes) long, its sum right. */
static void put_l4(uint8_t *at, uint8_t proto, uint32_t bytes, uint32_t pseudo)
{
    static const uint32_t off[] = {[IPPROTO_ICMP] = 2, [IPPROTO_TCP] = 16, [IPPROTO_UDP] = 6};
    const uint32_t sum_off = proto == IPPROTO_ICMPV6 ? 2 : off[proto];

    noise(at, bytes);
    if (bytes < 20)
        return;
    put16(at + 2, happens(70) ? 80 : 7);
    if (proto == IPPROTO_TCP)
        at[12] = (uint8_t)(happens(70) ? 0x50 : below(256));
    else if (proto == IPPROTO_UDP)
        put16(at + 4, happens(80) ? bytes : below(0x10000));
    else
        at[0] = (uint8_t)(happens(50) ? 8 : 128 + below(10)), at[1] = 0;
    put16(at + sum_off, 0);
    put16(at + sum_off, ~sum(proto == IPPROTO_ICMP ? 0 : pseudo + proto + bytes, at, bytes));
}

static void make_ip4(struct storm_frame *f)
{
    const uint32_t head = 20 + (happens(20) ? 4 * below(11) : 0), bytes = some_bytes();
    uint8_t *ip = f->data + ETH;

    noise(ip, head);
    put16(f->data + 12, ETH_P_IP);
    ip[0] = (uint8_t)(0x40 | head / 4);
    put16(ip + 2, head + bytes);
    put16(ip + 6, happens(20) ? below(0x10000) : 0);
    ip[9] = protocols[below(5)];
    memcpy(ip + 12, card_ip, 4);
    ip[15] ^= 3; /* a neighbour */
    memcpy(ip + 16, card_ip, 4);
    put_l4(ip + head, ip[9], bytes, sum(0, ip + 12, 8));
    f->bytes = ETH + head + bytes;
}

static void make_ip6(struct storm_frame *f)
{
    static const uint8_t extensions[] = {0, 43, 44, 60};
    const uint32_t more = happens(30) ? 8 : 0, bytes = some_bytes();
    const uint8_t proto = protocols[happens(60) ? below(3) : 5];
    uint8_t *ip = f->data + ETH;

    noise(ip, 48);
    put16(f->data + 12, ETH_P_IPV6);
    ip[0] = 0x60;
    put16(ip + 4, more + bytes);
    ip[6] = more ? extensions[below(4)] : proto;
    ip[7] = 255;
    memset(ip + 8, 0, 32);
    ip[8] = ip[24] = 0xFE;
    ip[9] = ip[25] = 0x80;
    memcpy(ip + 16, kernel_mac, 6);
    ip[32] = card_mac[0] ^ 2; /* the link-local address of the card */
    ip[33] = card_mac[1], ip[34] = card_mac[2], ip[35] = 0xFF, ip[36] = 0xFE;
    memcpy(ip + 37, card_mac + 3, 3);
    ip[40] = proto;
    ip[41] = (uint8_t)(happens(70) ? 0 : below(256));
    put_l4(ip + 40 + more, proto, bytes, sum(0, ip + 8, 32));
    f->bytes = ETH + 40 + more + bytes;
}

static void make_arp(struct storm_frame *f)
{
    noise(f->data + ETH, 46);
    put16(f->data + 12, ETH_P_ARP);
    put16(f->data + ETH, 1);
    put16(f->data + ETH + 2, ETH_P_IP);
    put16(f->data + ETH + 4, 0x0604);
    put16(f->data + ETH + 6, 1 + below(3));
    memcpy(f->data + ETH + 24, card_ip, 4);
    f->bytes = 60;
}

/* ---- what is wrong with them ----------------------------------------------------------------- */

static void spoil(struct storm_frame *f)
{
    for (unsigned n = below(4); n > 0; n--)
        f->data[12 + below(f->bytes < 100 ? f->bytes - 12 : 88)] = (uint8_t)below(256);
    if (happens(20))
        f->bytes = ETH + below(f->bytes - ETH + 1);
    for (unsigned tags = happens(15) ? 1 + below(3) : 0; tags && f->bytes + 4 <= MTU_FRAME;
         tags--) {
        memmove(f->data + 16, f->data + 12, f->bytes - 12);
        put16(f->data + 12, happens(90) ? ETH_P_8021Q : ETH_P_8021AD);
        f->bytes += 4;
    }
}

/* Left to whoever gets it: a sum, or segments to be cut, of lengths that need not make sense. */
static void leave_work(struct storm_frame *f)
{
    static const uint8_t kinds[] = {VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_GSO_TCPV6,
                                    VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, GSO_UDP_L4,
                                    VIRTIO_NET_HDR_GSO_UDP};
    const bool v6 = f->data[12] == 0x86;
    const uint32_t l4 = ETH + (v6 ? 40u : 20u);

    f->vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    f->vnet.csum_start = (uint16_t)(happens(80) ? l4 : below(f->bytes));
    f->vnet.csum_offset = (uint16_t)(happens(80) ? 16 : below(64));
    if (happens(40) || f->bytes < 100)
        return;
    f->vnet.gso_type = happens(70) ? kinds[v6] : kinds[below(5)];
    f->vnet.gso_size = (uint16_t)(happens(60) ? 1448 : 1 + below(happens(50) ? 40 : 65535));
    f->vnet.hdr_len = (uint16_t)(happens(70) ? l4 + 20 : below(200));
    if (happens(50)) {
        noise(f->data + f->bytes, 60000 - f->bytes);
        f->bytes = 2000 + below(58000);
        put16(f->data + ETH + (v6 ? 4 : 2), f->bytes - ETH - (v6 ? 40 : 0));
    }
}

static void make_frame(struct storm_frame *f)
{
    static void (*const kinds[])(struct storm_frame *) = {make_ip4, make_ip4, make_ip6, make_arp};

    memset(&f->vnet, 0, sizeof(f->vnet));
    memcpy(f->data, card_mac, 6);
    memcpy(f->data + 6, kernel_mac, 6);
    if (happens(20))
        noise(f->data, 6), f->data[0] |= 1;
    if (happens(5))
        memset(f->data, 0xFF, 6);
    if (happens(90)) {
        kinds[below(4)](f);
        if (happens(60))
            spoil(f);
    } else {
        f->bytes = ETH + below(MTU_FRAME - ETH + 1);
        noise(f->data + 12, f->bytes - 12);
    }
    if (happens(25))
        leave_work(f);
}

/* ---- the kernel ------------------------------------------------------------------------------ */

static int open_socket(const char *device)
{
    struct ifreq ifr = {0};
    struct sockaddr_ll addr = {.sll_family = AF_PACKET};
    int one = 1, fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

    (void)snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", device);
    addr.sll_ifindex = (int)if_nametoindex(device);
    if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) != 0 ||
        ioctl(fd, SIOCGIFHWADDR, &ifr) != 0 || bind(fd, (void *)&addr, sizeof(addr)) != 0)
        return -1;
    memcpy(kernel_mac, ifr.ifr_hwaddr.sa_data, 6);
    return fd;
}

static bool parse(char **argv)
{
    uint8_t *m = card_mac;

    seed = strtoull(argv[5], NULL, 0);
    return sscanf(argv[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", m, m + 1, m + 2, m + 3, m + 4, m + 5) ==
               6 &&
           inet_pton(AF_INET, argv[3], card_ip) == 1;
}

int main(int argc, char **argv)
{
    static struct storm_frame f;
    unsigned long taken = 0, refused = 0;
    int fd = argc == 6 && parse(argv) ? open_socket(argv[1]) : -1;
    time_t end;

    if (fd < 0) {
        (void)fprintf(stderr, "usage: frame_storm DEVICE MAC ADDRESS SECONDS SEED, by root\n");
        return 2;
    }
    end = time(NULL) + atoi(argv[4]);
    while (time(NULL) < end) {
        struct iovec part[] = {{&f.vnet, sizeof(f.vnet)}, {f.data, 0}};

        make_frame(&f);
        part[1].iov_len = f.bytes;
        if (writev(fd, part, 2) >= 0)
            taken++;
        else
            refused++;
    }
    printf("seed %s: %lu frames taken, %lu refused\n", argv[5], taken, refused);
    close(fd);
    return taken == 0;
}
