/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * netvsc-lb: a layer 4 load balancer on one card.
 *
 * Theory of operation
 *
 * As in netvsc-nat, lwIP's input comes second: lb.c sees each IPv4 packet sent to our MAC address
 * first. A virtual address other than the card's own is unknown to lwIP, so ARP for it is answered
 * here. Backends that lb_health.c finds down get no new connections.
 */
#include "app_var.h"
#include "lb_health.h"

#include <errno.h>
#include <string.h>

#include "lwip/etharp.h"
#include "lwip/prot/ethernet.h"
#include "netif/ethernet.h"
#include "port_clock.h"

#define FLOWS_DEFAULT 65536u
#define EXPIRE_PER_SECOND 65536u
#define ARP_BYTES 28u

static struct {
    struct lb lb;
    struct lb_backend backend[LB_BACKENDS_MAX];
    struct lb_health health;
    unsigned backends;
    uint32_t vip;
    uint16_t vport;
    uint64_t flows, health_s, seconds;
    bool udp, least, direct;
    uint64_t sent, drop_send, arp_answers;
} bal = {.flows = FLOWS_DEFAULT, .health_s = 1};

/* ---- frames ---------------------------------------------------------------------------------- */

/* "Who has the virtual address?" True: it was asked, and answered; (p) is still the caller's. */
static bool answer_arp(const struct pbuf *p, struct netif *netif)
{
    const struct eth_hdr *eth = p->payload;
    const uint8_t *arp = (const uint8_t *)p->payload + SIZEOF_ETH_HDR;
    static const uint8_t request[] = {0, 1, 8, 0, 6, 4, 0, 1};
    struct eth_addr to;
    struct pbuf *answer;
    uint8_t *out;

    if (p->len < SIZEOF_ETH_HDR + ARP_BYTES || eth->type != PP_HTONS(ETHTYPE_ARP) ||
        memcmp(arp, request, sizeof(request)) != 0 || memcmp(arp + 24, &bal.vip, 4) != 0)
        return false;
    answer = pbuf_alloc(PBUF_LINK, ARP_BYTES, PBUF_RAM);
    if (!answer)
        return true;
    out = answer->payload;
    memcpy(out, request, sizeof(request));
    out[7] = 2; /* a reply */
    memcpy(out + 8, netif->hwaddr, 6);
    memcpy(out + 14, &bal.vip, 4);
    memcpy(out + 18, arp + 8, 10);
    memcpy(&to, arp + 8, 6);
    bal.arp_answers += ethernet_output(netif, answer, (const struct eth_addr *)netif->hwaddr, &to,
                                       ETHTYPE_ARP) == ERR_OK;
    pbuf_free(answer);
    return true;
}

static bool is_for_us(const struct pbuf *p, const struct netif *netif)
{
    const struct eth_hdr *eth = p->payload;

    return p->len > SIZEOF_ETH_HDR && eth->type == PP_HTONS(ETHTYPE_IP) &&
           memcmp(&eth->dest, netif->hwaddr, ETH_HWADDR_LEN) == 0;
}

static enum lb_verdict judge(const struct pbuf *p, struct packet *packet, uint32_t *next_hop)
{
    uint8_t *ip = (uint8_t *)p->payload + SIZEOF_ETH_HDR;
    const enum packet_fault fault = packet_parse(packet, ip, (uint32_t)p->len - SIZEOF_ETH_HDR,
                                                 (uint32_t)p->tot_len - SIZEOF_ETH_HDR);

    bal.lb.own = netif_ip4_addr(&app_netif()->netif)->addr;
    return lb_packet(&bal.lb, packet, fault, port_clock_now(), next_hop);
}

/* The interface's input, before lwIP's. */
static err_t input(struct pbuf *p, struct netif *netif)
{
    struct packet packet;
    ip4_addr_t next_hop = {0};
    enum lb_verdict verdict = LB_LOCAL;

    if (is_for_us(p, netif))
        verdict = judge(p, &packet, &next_hop.addr);
    else if (bal.vip != netif_ip4_addr(netif)->addr && answer_arp(p, netif))
        verdict = LB_DROP;
    if (verdict == LB_LOCAL)
        return ethernet_input(p, netif);
    if (verdict == LB_FORWARD) {
        pbuf_remove_header(p, SIZEOF_ETH_HDR);
        pbuf_realloc(p, (u16_t)packet.total_bytes); /* what Ethernet padded stays behind */
        if (netif->output(netif, p, &next_hop) == ERR_OK)
            bal.sent++;
        else
            bal.drop_send++;
    }
    pbuf_free(p);
    return ERR_OK;
}

/* ---- program --------------------------------------------------------------------------------- */

static int start(void *ctx)
{
    struct netif *netif = &app_netif()->netif;
    int rc = lb_create(&bal.lb, (uint32_t)bal.flows);

    (void)ctx;
    if (rc)
        return app_fail(1, "connections", strerror(-rc), "Give fewer --flows");
    if (bal.direct && bal.vip == netif_ip4_addr(netif)->addr)
        return app_fail(2, "--direct", "backends could not tell our ARP requests from their own",
                        "Give --vip another address than --ip");
    bal.lb.vip = bal.vip;
    bal.lb.vport = bal.vport;
    bal.lb.proto = bal.udp ? PACKET_UDP : PACKET_TCP;
    bal.lb.least = bal.least;
    bal.lb.direct = bal.direct;
    bal.lb.backends = bal.backends;
    memcpy(bal.lb.backend, bal.backend, sizeof(bal.backend));
    lb_health_open(&bal.health, &bal.lb);
    netif->input = input;
    port_log(PORT_LOG_INFO, "balancing port %u between %u backends", lwip_ntohs(bal.vport),
             bal.backends);
    return 0;
}

static void second(void *ctx, uint64_t now_ns)
{
    (void)ctx;
    flow_expire(&bal.lb.flows, now_ns, EXPIRE_PER_SECOND);
    if (bal.health_s == 0 || bal.udp || bal.seconds++ % bal.health_s != 0)
        return;
    lb_health_ask(&bal.health);
}

static void stop(void *ctx)
{
    const char *wrong = lb_audit(&bal.lb);

    (void)ctx;
    app_netif()->netif.input = ethernet_input;
    bal.health_s = 0;
    lb_health_close(&bal.health);
    for (unsigned i = 0; i < bal.backends; i++) {
        const struct lb_backend *backend = &bal.lb.backend[i];
        const ip4_addr_t address = {backend->address};

        port_log(PORT_LOG_INFO, "backend %s:%u had %llu connections", ip4addr_ntoa(&address),
                 lwip_ntohs(backend->port), (unsigned long long)backend->flows_all);
    }
#define X(name, help)                                                                              \
    if (bal.lb.stats.name)                                                                         \
        port_log(PORT_LOG_INFO, "%-16s %llu  %s", #name, (unsigned long long)bal.lb.stats.name,    \
                 help);
    LB_STATS(X)
#undef X
    port_log(PORT_LOG_INFO, "sent %llu, no room %llu; balancer's books: %s",
             (unsigned long long)bal.sent, (unsigned long long)bal.drop_send,
             wrong ? wrong : "balance");
}

/* ---- options --------------------------------------------------------------------------------- */

/* "10.0.0.1:80" */
static error_t parse_endpoint(const char *option, char *text, uint32_t *address, uint16_t *port)
{
    char *colon = strchr(text, ':');
    char host[32];
    ip4_addr_t ip, mask;
    uint64_t number;

    if (colon)
        *colon = '\0';
    snprintf(host, sizeof(host), "%.20s/32", text);
    if (!colon || port_net_parse_ip4(host, &ip, &mask) != 0) {
        app_fail(2, option, "not an address and a port", "Write it as 10.0.0.1:80");
        return EINVAL;
    }
    if (app_number(option + 2, colon + 1, 1, UINT16_MAX, &number))
        return EINVAL;
    *address = ip.addr;
    *port = lwip_htons((u16_t)number);
    return 0;
}

static error_t add_backend(char *text)
{
    struct lb_backend *backend = &bal.backend[bal.backends];

    if (bal.backends == LB_BACKENDS_MAX) {
        app_fail(2, "--backend", "there are too many", "Give at most 64");
        return EINVAL;
    }
    bal.backends++;
    return parse_endpoint("--backend", text, &backend->address, &backend->port);
}

static error_t parse(int key, char *arg, void *ctx)
{
    (void)ctx;
    switch (key) {
    case 'v':
        return parse_endpoint("--vip", arg, &bal.vip, &bal.vport);
    case 'b':
        return add_backend(arg);
    case 'f':
        return app_number("flows", arg, 1, 1u << 24, &bal.flows);
    case 'H':
        return app_number("health", arg, 0, 3600, &bal.health_s);
    case 'u':
        bal.udp = true;
        return 0;
    case 'l':
        bal.least = true;
        return 0;
    case 'd':
        bal.direct = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int check_given(void *ctx)
{
    (void)ctx;
    if (!bal.vip)
        return app_fail(2, "--vip", "clients need an address to connect to",
                        "Give --vip ADDR:PORT");
    if (!bal.backends)
        return app_fail(2, "--backend", "there is none", "Give --backend ADDR:PORT, repeatedly");
    for (unsigned i = 0; i < bal.backends && bal.direct; i++) {
        if (bal.backend[i].port != bal.vport)
            return app_fail(2, "--direct", "packets keep the port of --vip",
                            "Give each --backend the same port");
    }
    return 0;
}

int main(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"vip", 'v', "ADDR:PORT", 0, "where clients connect to", 0},
        {"backend", 'b', "ADDR:PORT", 0, "who serves them; repeatable", 0},
        {"udp", 'u', NULL, 0, "UDP instead of TCP", 0},
        {"least", 'l', NULL, 0, "fewest connections instead of hash", 0},
        {"direct", 'd', NULL, 0, "backends have the address and answer themselves", 0},
        {"health", 'H', "S", 0, "connect to backends so often, 0 never [1]", 0},
        {"flows", 'f', "N", OPTION_HIDDEN, "connections at a time [65536]", 0},
        {0},
    };
    static const struct app_spec spec = {
        .name = "netvsc-lb",
        .summary = "Layer 4 load balancer over lwIP on Hyper-V's synthetic network card.",
        .example = "netvsc-lb --ip 10.0.0.2/24 --vip 10.0.0.100:80 --backend 10.0.0.11:80 "
                   "--backend 10.0.0.12:80",
        .options = options,
        .parse = parse,
        .check = check_given,
        .start = start,
        .stop = stop,
        .second = second,
        .forwards = true,
    };
    const int status = app_main(&spec, argc, argv);

    lb_destroy(&bal.lb);
    return status;
}
