/* SPDX-License-Identifier: BSD-3-Clause */
#include "port_net.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/acd.h"
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/ethip6.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/nd6.h"
#include "lwip/timeouts.h"
#include "lwip/prot/dhcp.h"
#include "port_log.h"
#include "port_net_share.h"

#define DHCP_PATIENCE_MS 10000u

/* A decimal number 0..(max) that is all of (text); -1 otherwise. */
static int parse_small(const char *text, long max)
{
    char *end;
    long value;

    if (text[0] < '0' || text[0] > '9')
        return -1;
    value = strtol(text, &end, 10);
    return *end == '\0' && value <= max ? (int)value : -1;
}

/* Split "(address)/(prefix)" into (address) of at most (bytes); returns the prefix or (otherwise),
 * -1 if bad. */
static int split_prefix(const char *text, char *address, size_t bytes, int max)
{
    const char *slash = strchr(text, '/');
    const size_t len = slash ? (size_t)(slash - text) : strlen(text);

    if (len >= bytes)
        return -1;
    memcpy(address, text, len);
    address[len] = '\0';
    return slash ? parse_small(slash + 1, max) : max + 1;
}

/* inet_aton's short and hexadecimal forms (10.1, 0x0a.0.0.1) are a typing error more often than a
 * wish. */
static bool is_dotted_quad(const char *text)
{
    unsigned dots = 0;

    for (const char *at = text; (at = strchr(at, '.')) != NULL; at++)
        dots++;
    return dots == 3 && strspn(text, "0123456789.") == strlen(text);
}

int port_net_parse_ip4(const char *text, ip4_addr_t *address, ip4_addr_t *mask)
{
    char host[16];
    const int prefix = split_prefix(text, host, sizeof(host), 32);

    if (prefix < 0 || prefix > 32)
        return -EINVAL;
    if (!is_dotted_quad(host) || !ip4addr_aton(host, address))
        return -EINVAL;
    if (ip4_addr_isany(address) || ip4_addr_ismulticast(address))
        return -EINVAL;
    ip4_addr_set_u32(mask, prefix == 0 ? 0 : lwip_htonl(0xffffffffu << (32 - prefix)));
    return 0;
}

int port_net_parse_ip6(const char *text, ip6_addr_t *address)
{
    char host[48];
    const int prefix = split_prefix(text, host, sizeof(host), 128);

    if (prefix != 64 && prefix != 129)
        return -EINVAL;
    if (strchr(host, '%') || !ip6addr_aton(host, address))
        return -EINVAL;
    return ip6_addr_isany(address) || ip6_addr_ismulticast(address) ? -EINVAL : 0;
}

static void append(char *out, size_t out_bytes, const char *text)
{
    const size_t used = strlen(out);

    snprintf(out + used, out_bytes - used, "%s%s", used ? " " : "", text);
}

const char *port_net_text(const struct netif *netif, char *out, size_t out_bytes)
{
    out[0] = '\0';
    if (!ip4_addr_isany(netif_ip4_addr(netif)))
        append(out, out_bytes, ip4addr_ntoa(netif_ip4_addr(netif)));
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
            append(out, out_bytes, ip6addr_ntoa(netif_ip6_addr(netif, i)));
    }
    if (out[0] == '\0')
        append(out, out_bytes, "none");
    /* RFC 5952 wants IPv6 in lower case, lwIP writes capitals. */
    for (char *at = out; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return out;
}

/*
 * lwIP ignores a router's answer while our link-local address is still being checked, and its first
 * question goes out just then. Asking again at once saves the 4 s until the next one.
 */
static void ask_routers_again(struct netif *netif)
{
    static u8_t before;
    const u8_t state = netif_ip6_addr_state(netif, 0);

    if (ip6_addr_istentative(before) && ip6_addr_isvalid(state))
        nd6_restart_netif(netif);
    before = state;
}

/*
 * Address set or lost. lwIP also calls this for changes that do not show; those are not repeated.
 */
static void on_status(struct netif *netif)
{
    static char before[256] = "none";
    char text[sizeof(before)];

    ask_routers_again(netif);
    port_net_text(netif, text, sizeof(text));
    if (strcmp(text, before) == 0)
        return;
    memcpy(before, text, sizeof(before));
    port_log(PORT_LOG_INFO, "address %s", text);
}

/* A re-attached card may have another MAC address, and with it another link-local address. */
static void on_link(struct netif *netif)
{
    port_log(PORT_LOG_INFO, "link %s", netif_is_link_up(netif) ? "up" : "down");
    if (netif_is_link_up(netif) && !ip6_addr_isinvalid(netif_ip6_addr_state(netif, 0)))
        netif_create_ip6_linklocal_address(netif, 1);
}

/* ---- somebody else's address ----------------------------------------------------------------- */

/*
 * RFC 5227, but without waiting: its probing takes up to 9 s, and nobody wants to wait that long at
 * each start because of a mistake that is rare. We serve at once and probe beside it.
 */
static struct {
    struct acd acd;
    void (*taken)(void *ctx);
    void *ctx;
    bool active;
    bool settled; /* probing is over: the address is ours */
} claim;

static void on_conflict(struct netif *netif, acd_callback_enum_t state)
{
    if (state == ACD_IP_OK) {
        claim.settled = true;
        return;
    }
    /* A conflict is two calls, ACD_DECLINE and then ACD_RESTART_CLIENT. */
    if (state != ACD_DECLINE)
        return;
    if (claim.settled)
        port_log(PORT_LOG_WARN, "another machine uses our address %s",
                 ip4addr_ntoa(netif_ip4_addr(netif)));
    else if (claim.taken)
        claim.taken(claim.ctx);
}

static void claim_address(struct netif *netif, const struct port_net_config *config)
{
    claim.taken = config->taken;
    claim.ctx = config->ctx;
    claim.settled = false;
    claim.active = acd_add(netif, &claim.acd, on_conflict) == ERR_OK;
    if (claim.active)
        acd_start(netif, &claim.acd, config->address);
}

static void give_up_claim(struct netif *netif)
{
    if (!claim.active)
        return;
    acd_stop(&claim.acd);
    acd_remove(netif, &claim.acd);
    claim.active = false;
}

/* ---- up and down ----------------------------------------------------------------------------- */

/* A missing DHCP server is otherwise silence. */
static void say_no_lease(void *arg)
{
    const struct netif *netif = arg;

    if (ip4_addr_isany(netif_ip4_addr(netif)))
        port_log(PORT_LOG_WARN, "no DHCP server has answered in %u s; still asking",
                 DHCP_PATIENCE_MS / 1000);
}

static int up_dhcp(struct netif *netif)
{
    if (dhcp_start(netif) != ERR_OK)
        return -ENOMEM;
    sys_timeout(DHCP_PATIENCE_MS, say_no_lease, netif);
    return 0;
}

static void up_ip6(struct netif *netif, const struct port_net_config *config)
{
    s8_t index;

    netif_create_ip6_linklocal_address(netif, 1);
    netif_set_ip6_autoconfig_enabled(netif, 1);
    if (ip6_addr_isany(&config->address6))
        return;
    if (netif_add_ip6_address(netif, &config->address6, &index) == ERR_OK)
        netif_ip6_addr_set_state(netif, index, IP6_ADDR_TENTATIVE);
}

int port_net_up(struct netif *netif, const struct port_net_config *config)
{
    netif_set_hostname(netif, config->hostname);
    netif_set_status_callback(netif, on_status);
    netif_set_link_callback(netif, on_link);
    netif_set_default(netif);
    for (unsigned i = 0; i < config->dns_count; i++)
        dns_setserver((u8_t)i, &config->dns[i]);
    if (!config->dhcp)
        netif_set_addr(netif, &config->address, &config->mask, &config->gateway);
    if (config->ipv6)
        up_ip6(netif, config);
    netif_set_up(netif);
    if (!ip4_addr_isany(&config->address))
        claim_address(netif, config);
    return config->dhcp ? up_dhcp(netif) : 0;
}

/* DHCP's state, when it is not to be told of the end: as before the first answer. */
#define DHCP_UNBOUND DHCP_STATE_SELECTING

void port_net_disown(struct netif *netif)
{
    struct dhcp *dhcp = netif_dhcp_data(netif);

    netif_set_status_callback(netif, NULL);
    netif_set_link_callback(netif, NULL);
    netif_set_ip6_autoconfig_enabled(netif, 0);
    netif->rs_count = 0;
    give_up_claim(netif);
    if (!dhcp)
        return;
    sys_untimeout(say_no_lease, netif);
    dhcp->state = DHCP_UNBOUND;
    dhcp_stop(netif);
    dhcp_cleanup(netif);
}

/* Datagrams that lack a fragment would keep frames, and so their card, for up to a minute. */
static void forget_fragments(void)
{
    for (unsigned i = 0; i <= IPV6_REASS_MAXAGE; i++) {
        ip_reass_tmr();
        ip6_reass_tmr();
    }
}

void port_net_down(struct netif *netif)
{
    netif_set_status_callback(netif, NULL);
    netif_set_link_callback(netif, NULL);
    give_up_claim(netif);
    if (netif_dhcp_data(netif)) {
        sys_untimeout(say_no_lease, netif);
        dhcp_release_and_stop(netif);
        dhcp_cleanup(netif);
    }
    netif_set_down(netif);
    forget_fragments(); /* now that nobody can be told of it */
}
