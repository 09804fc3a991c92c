/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench_frame.h"

#include <string.h>

#include "lwip/inet_chksum.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/tcp.h"
#include "lwip/prot/udp.h"

#define MSS_BYTES 1460u

const uint8_t bench_frame_far_mac[6] = {0x02, 0, 0, 0, 0, 0x99};

/* Both headers; what follows them. */
static void *make_ip(uint8_t *at, uint32_t len_bytes, const uint8_t *to, const uint8_t *from,
                     uint8_t proto)
{
    struct eth_hdr *eth = (void *)at;
    struct ip_hdr *ip = (void *)(eth + 1);

    memset(at, 0, len_bytes);
    memcpy(eth->dest.addr, to, 6);
    memcpy(eth->src.addr, from, 6);
    eth->type = PP_HTONS(ETHTYPE_IP);
    IPH_VHL_SET(ip, 4, 5);
    IPH_LEN_SET(ip, lwip_htons((u16_t)(len_bytes - SIZEOF_ETH_HDR)));
    IPH_TTL_SET(ip, 64);
    IPH_PROTO_SET(ip, proto);
    ip->src.addr = PP_HTONL(0x0a000002u);
    ip->dest.addr = PP_HTONL(0x0a000001u);
    IPH_CHKSUM_SET(ip, inet_chksum(ip, IP_HLEN));
    return ip + 1;
}

struct hvhost_frame bench_frame_udp(uint8_t *at, uint32_t len_bytes, const uint8_t *to,
                                    const uint8_t *from)
{
    struct udp_hdr *udp = make_ip(at, len_bytes, to, from, IP_PROTO_UDP);

    udp->src = udp->dest = PP_HTONS(BENCH_FRAME_PORT);
    udp->len = lwip_htons((u16_t)(len_bytes - SIZEOF_ETH_HDR - IP_HLEN));
    return (struct hvhost_frame){.data = at, .len_bytes = len_bytes};
}

struct hvhost_frame bench_frame_tcp(uint8_t *at, uint32_t len_bytes, const uint8_t *to,
                                    const uint8_t *from)
{
    struct tcp_hdr *tcp = make_ip(at, len_bytes, to, from, IP_PROTO_TCP);

    tcp->src = tcp->dest = PP_HTONS(BENCH_FRAME_PORT);
    TCPH_HDRLEN_FLAGS_SET(tcp, TCP_HLEN / 4, TCP_ACK);
    return (struct hvhost_frame){.data = at,
                                 .len_bytes = len_bytes,
                                 .csum_ok = true,
                                 .csum_partial = true,
                                 .csum_start = SIZEOF_ETH_HDR + IP_HLEN,
                                 .csum_off = offsetof(struct tcp_hdr, chksum),
                                 .mss = MSS_BYTES};
}
