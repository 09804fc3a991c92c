/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * netvsc-nat: a router that hides a network behind one address.
 *
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
#include "nat.h"
#include "pair.h"

#include <errno.h>
#include <string.h>

#include "lwip/etharp.h"
#include "lwip/ip4.h"
#include "lwip/ip4_frag.h"
#include "lwip/prot/ethernet.h"
#include "netif/ethernet.h"
#include "port_clock.h"

#define ICMP_PER_SECOND 200u /* errors sent; RFC 1812, 4.3.2.8 asks for a limit */
#define EXPIRE_PER_TURN 64u
#define FLOWS_DEFAULT 65536u

/*
 * X(name, help): what happens around nat.c. Every frame is in exactly one of to_nat, to_lwip and
 * absorbed; every packet nat.c forwards in one of sent and drop_send.
 */
#define ROUTER_STATS(X)                                                                            \
    X(to_nat, "frames with a packet to translate")                                                 \
    X(to_lwip, "frames of other kinds: ARP, groups, IPv6")                                         \
    X(absorbed, "fragments taken to be put together")                                              \
    X(reassembled, "datagrams put together")                                                       \
    X(cut, "datagrams cut into fragments again")                                                   \
    X(sent, "packets given to the other card")                                                     \
    X(drop_send, "packets the other card or ARP had no room for")                                  \
    X(icmp_sent, "ICMP errors sent")                                                               \
    X(icmp_limited, "ICMP errors not sent: too many this second, or no memory")

struct router_stats {
#define X(name, help) uint64_t name;
    ROUTER_STATS(X)
#undef X
    uint64_t frames;
};

static struct {
    struct nat nat;
    struct netvsc_netif nif[PAIR_CARDS]; /* by enum nat_side */
    struct port_net_config net[PAIR_CARDS];
    struct router_stats stats;
    uint64_t icmp_second_ns;
    unsigned icmp_left;
    uint64_t flows, udp_s, tcp_s, port_min, port_max;
    bool gateway_given;
} router = {.flows = FLOWS_DEFAULT, .port_min = 1024, .port_max = UINT16_MAX};

/* ---- packets --------------------------------------------------------------------------------- */

static bool may_tell(uint64_t now_ns)
{
    if (now_ns - router.icmp_second_ns >= PORT_NS_PER_S) {
        router.icmp_second_ns = now_ns;
        router.icmp_left = ICMP_PER_SECOND;
    }
    if (router.icmp_left == 0)
        return false;
    router.icmp_left--;
    return true;
}

/* An ICMP error about (packet) to its sender. Never about one (RFC 1122, 3.2.2). */
static void tell(enum nat_verdict verdict, const struct packet *packet, struct netif *in,
                 uint64_t now_ns)
{
    const struct netif *out = &router.nif[in == &router.nif[NAT_INSIDE].netif].netif;
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
        router.stats.icmp_limited++;
        return;
    }
    memcpy(p->payload, bytes, len);
    router.stats.icmp_sent +=
        ip4_output_if(p, netif_ip4_addr(in), &to, ICMP_TTL, 0, IP_PROTO_ICMP, in) == ERR_OK;
    pbuf_free(p);
}

/* Send the packet (p), IP header first, to (dst). */
static void send(struct pbuf *p, struct netif *out, uint32_t dst)
{
    const ip4_addr_t to = {.addr = dst};
    err_t err;

    if (p->tot_len > out->mtu) {
        router.stats.cut++;
        err = ip4_frag(p, out, &to);
    } else {
        err = out->output(out, p, &to);
    }
    if (err == ERR_OK)
        router.stats.sent++;
    else
        router.stats.drop_send++;
}

/* Judge (p), which starts at its IP header, and do what has to be done. It stays the caller's. */
static enum nat_verdict translate(struct pbuf *p, struct netif *in, struct packet *packet,
                                  enum packet_fault fault)
{
    const enum nat_side from = in == &router.nif[NAT_INSIDE].netif ? NAT_INSIDE : NAT_OUTSIDE;
    const uint64_t now_ns = port_clock_now();
    enum nat_verdict verdict;

    nat_set_outside(&router.nat, netif_ip4_addr(&router.nif[NAT_OUTSIDE].netif)->addr);
    router.nat.mtu_bytes[NAT_INSIDE] = router.nif[NAT_INSIDE].netif.mtu;
    router.nat.mtu_bytes[NAT_OUTSIDE] = router.nif[NAT_OUTSIDE].netif.mtu;
    verdict = nat_packet(&router.nat, from, packet, fault, now_ns);
    if (verdict == NAT_FORWARD) {
        pbuf_realloc(p, (u16_t)packet->total_bytes); /* what Ethernet padded stays behind */
        send(p, &router.nif[1 - from].netif, packet->key.dst);
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

    router.stats.absorbed++;
    p = ip4_reass(p);
    if (!p)
        return;
    router.stats.reassembled++;
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
static err_t input(struct pbuf *p, struct netif *in)
{
    struct packet packet;
    enum packet_fault fault;
    uint8_t *ip;

    router.stats.frames++;
    if (!is_for_us(p, in)) {
        router.stats.to_lwip++;
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
    router.stats.to_nat++;
    if (translate(p, in, &packet, fault) != NAT_LOCAL) {
        pbuf_free(p);
        return ERR_OK;
    }
    pbuf_add_header(p, SIZEOF_ETH_HDR);
    return ethernet_input(p, in);
}

/* ---- program --------------------------------------------------------------------------------- */

static int create(void *ctx, unsigned side, struct netvsc_config *config, struct netvsc **nic,
                  struct netvsc_netif **nif)
{
    int rc;

    (void)ctx;
    rc = netvsc_netif_add(&router.nif[side], config);
    if (rc)
        return rc;
    router.nif[side].netif.input = input;
    *nif = &router.nif[side];
    *nic = router.nif[side].nic;
    return 0;
}

static void destroy(void *ctx, unsigned side)
{
    (void)ctx;
    netvsc_netif_remove(&router.nif[side]);
}

static int start(void *ctx)
{
    struct nat *nat = &router.nat;
    int rc = nat_create(nat, (uint32_t)router.flows);

    (void)ctx;
    for (unsigned i = 0; i < PAIR_CARDS && rc == 0; i++)
        rc = port_net_up(&router.nif[i].netif, &router.net[i]);
    if (rc)
        return app_fail(1, "start", strerror(-rc), "Free some memory, or give fewer --flows");
    netif_set_default(&router.nif[NAT_OUTSIDE].netif);
    nat->inside_address = router.net[NAT_INSIDE].address.addr;
    nat->inside_mask = router.net[NAT_INSIDE].mask.addr;
    nat->port_min = (uint16_t)router.port_min;
    nat->port_max = (uint16_t)router.port_max;
    if (router.udp_s)
        nat->flows.quiet_ns[FLOW_UDP] = router.udp_s * PORT_NS_PER_S;
    if (router.tcp_s)
        nat->flows.quiet_ns[FLOW_TCP_OPEN] = router.tcp_s * PORT_NS_PER_S;
    return 0;
}

static void stop(void *ctx)
{
    (void)ctx;
    for (unsigned i = 0; i < PAIR_CARDS; i++)
        port_net_down(&router.nif[i].netif);
    port_log(PORT_LOG_INFO, "%u connections known at the end", router.nat.flows.used);
}

static unsigned turn(void *ctx, uint64_t now_ns)
{
    (void)ctx;
    /* Not work: a loop with nothing else to do may sleep on it. */
    if (router.nat.flows.flow)
        flow_expire(&router.nat.flows, now_ns, EXPIRE_PER_TURN);
    return 0;
}

static void print(void *ctx, FILE *out)
{
    const struct router_stats *r = &router.stats;
    const struct nat_stats *n = &router.nat.stats;
#define X(counter, text) {#counter, text, r->counter},
    const struct app_counter frames[] = {ROUTER_STATS(X)};
#undef X
#define X(counter, text) {#counter, text, n->counter},
    const struct app_counter packets[] = {NAT_STATS(X)};
#undef X

    (void)ctx;
    app_counters_print(out, "router (netvsc-nat)", frames, sizeof(frames) / sizeof(frames[0]));
    app_counters_print(out, "translator (nat)", packets, sizeof(packets) / sizeof(packets[0]));
}

static const char *audit(void *ctx)
{
    static char text[160];
    const struct router_stats *r = &router.stats;
    const struct nat_stats *n = &router.nat.stats;

    (void)ctx;
    if (r->frames == r->to_nat + r->to_lwip + r->absorbed &&
        n->packets == r->to_nat + r->reassembled && n->out + n->in == r->sent + r->drop_send)
        return nat_audit(&router.nat);
    snprintf(text, sizeof(text), "router: %llu frames, %llu packets, %llu sent",
             (unsigned long long)r->frames, (unsigned long long)n->packets,
             (unsigned long long)r->sent);
    return text;
}

/* ---- options --------------------------------------------------------------------------------- */

static error_t bad(const char *option, const char *remedy)
{
    app_fail(2, option, "not a valid value", remedy);
    return EINVAL;
}

static error_t parse_address(const char *option, const char *text, struct port_net_config *net)
{
    if (port_net_parse_ip4(text, &net->address, &net->mask) == 0)
        return 0;
    return bad(option, "Give an address and a prefix length, as 10.0.0.1/24");
}

static error_t parse_gateway(const char *text)
{
    char host[32];
    ip4_addr_t mask;

    router.gateway_given = true;
    snprintf(host, sizeof(host), "%s/32", text);
    if (port_net_parse_ip4(host, &router.net[NAT_OUTSIDE].gateway, &mask) == 0)
        return 0;
    return bad("--gateway", "Give an IPv4 address, as 10.0.0.1");
}

static error_t parse_ports(char *text)
{
    char *dash = strchr(text, '-');

    if (!dash)
        return bad("--ports", "Give the first and the last, as 1024-65535");
    *dash = '\0';
    if (app_number("ports", text, 1, UINT16_MAX, &router.port_min) ||
        app_number("ports", dash + 1, router.port_min, UINT16_MAX, &router.port_max))
        return EINVAL;
    return 0;
}

static error_t parse(int key, char *arg, void *ctx)
{
    (void)ctx;
    switch (key) {
    case 'i':
        return parse_address("--inside", arg, &router.net[NAT_INSIDE]);
    case 'o':
        return parse_address("--outside", arg, &router.net[NAT_OUTSIDE]);
    case 'g':
        return parse_gateway(arg);
    case 'd':
        router.net[NAT_OUTSIDE].dhcp = true;
        return 0;
    case 'f':
        return app_number("flows", arg, 1, 1u << 24, &router.flows);
    case 'p':
        return parse_ports(arg);
    case 'u':
        return app_number("udp-timeout", arg, 1, 86400, &router.udp_s);
    case 't':
        return app_number("tcp-timeout", arg, 1, 864000, &router.tcp_s);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int check(void *ctx)
{
    const struct port_net_config *in = &router.net[NAT_INSIDE], *out = &router.net[NAT_OUTSIDE];

    (void)ctx;
    if (!in->address.addr)
        return app_fail(2, "--inside", "the router needs an address there", "Give --inside ADDR/N");
    if (!out->dhcp == !out->address.addr)
        return app_fail(2, "--outside", "the router needs one address there",
                        "Give --outside ADDR/N or --dhcp");
    if (router.gateway_given && !ip4_addr_netcmp(&out->gateway, &out->address, &out->mask))
        return app_fail(2, "--gateway", "it is not in the network of --outside", "Check both");
    if (out->address.addr && (ip4_addr_netcmp(&in->address, &out->address, &in->mask) ||
                              ip4_addr_netcmp(&in->address, &out->address, &out->mask)))
        return app_fail(2, "--inside", "it overlaps --outside", "Give two networks");
    return 0;
}

int main(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"inside", 'i', "ADDR/N", 0, "the router's address inside", 0},
        {"outside", 'o', "ADDR/N", 0, "its address outside", 0},
        {"gateway", 'g', "ADDR", 0, "next router outside, with --outside", 0},
        {"dhcp", 'd', NULL, 0, "address and router outside by DHCP", 0},
        {"flows", 'f', "N", 0, "connections at a time [65536]", 0},
        {"ports", 'p', "LO-HI", 0, "ports outside [1024-65535]", 0},
        {"udp-timeout", 'u', "S", 0, "seconds a quiet UDP flow is known [300]", 0},
        {"tcp-timeout", 't', "S", 0, "seconds a quiet TCP connection is [7440]", 0},
        {0},
    };
    static const char *const sides[] = {[NAT_INSIDE] = "inside", [NAT_OUTSIDE] = "outside"};
    static const struct pair_spec spec = {
        .app = {.name = "netvsc-nat",
                .summary = "A router that hides a network behind one IPv4 address (NAT44).",
                .example = "netvsc-nat --emulate tap=nvt0 --emulate tap=nvt1 "
                           "--inside 10.78.0.1/24 --outside 10.79.0.1/24",
                .sides = sides,
                .options = options,
                .parse = parse,
                .check = check,
                .start = start,
                .stop = stop},
        .create = create,
        .destroy = destroy,
        .turn = turn,
        .print = print,
        .audit = audit,
    };
    const int status = pair_main(&spec, argc, argv);

    nat_destroy(&router.nat);
    return status;
}
