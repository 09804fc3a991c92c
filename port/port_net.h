/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses of an lwIP interface: static or DHCP, IPv6 link-local with SLAAC or static, DNS
 * servers. */
#ifndef PORT_NET_H
#define PORT_NET_H

#include <stdbool.h>
#include <stddef.h>

#include "lwip/ip_addr.h"
#include "lwip/netif.h"

#define PORT_NET_DNS_MAX 2

struct port_net_config {
    bool dhcp; /* else address, mask and gateway, all 0 = no IPv4 */
    ip4_addr_t address, mask, gateway;
    bool ipv6;           /* link-local address and SLAAC */
    ip6_addr_t address6; /* a static one beside them; all 0 = none */
    ip_addr_t dns[PORT_NET_DNS_MAX];
    unsigned dns_count;
    const char *hostname; /* for DHCP; kept, not copied. NULL = none */
    /*
     * The static address belongs to another machine on the link. Called at most once, within the 9
     * s after port_net_up(); one that comes later is only logged. May be NULL.
     */
    void (*taken)(void *ctx);
    void *ctx;
};

/*
 * "A.B.C.D/N" with N in 0..32 into address and mask. -EINVAL for anything else, 0.0.0.0 included.
 */
int port_net_parse_ip4(const char *text, ip4_addr_t *address, ip4_addr_t *mask);

/* An IPv6 address with or without "/64"; lwIP knows no other prefix length. -EINVAL. */
int port_net_parse_ip6(const char *text, ip6_addr_t *address);

/*
 * Configure (netif), which has its MAC address, and bring it up. Takes the netif's status and link
 * callbacks: addresses are logged when they come and go, the link-local address follows the MAC.
 * -ENOMEM when DHCP cannot start.
 */
int port_net_up(struct netif *netif, const struct port_net_config *config);

/* Give the DHCP lease back, take the interface down, and forget fragments, whoever they came to. */
void port_net_down(struct netif *netif);

/*
 * All valid addresses of (netif), separated by blanks; "none" when there are none. Returns (out).
 */
const char *port_net_text(const struct netif *netif, char *out, size_t out_bytes);

#endif
