/* SPDX-License-Identifier: BSD-3-Clause */
/* netvsc-nat: a router that hides a network behind one address: options, start and end. */
#include "nat_router.h"
#include "pair.h"

#include <errno.h>
#include <string.h>

#include "port_clock.h"

#define EXPIRE_PER_TURN 64u
#define FLOWS_DEFAULT 65536u

/* What the command line says. */
static struct {
    struct port_net_config net[PAIR_CARDS]; /* by enum nat_side */
    uint64_t flows, udp_s, tcp_s, port_min, port_max;
    bool gateway_given;
} wish = {.flows = FLOWS_DEFAULT, .port_min = 1024, .port_max = UINT16_MAX};

/* ---- program --------------------------------------------------------------------------------- */

static int create(void *ctx, unsigned side, struct netvsc_config *config, struct netvsc **nic,
                  struct netvsc_netif **nif)
{
    int rc;

    (void)ctx;
    rc = netvsc_netif_add(&nat_router.nif[side], config);
    if (rc)
        return rc;
    nat_router.nif[side].netif.input = nat_router_input;
    *nif = &nat_router.nif[side];
    *nic = nat_router.nif[side].nic;
    return 0;
}

static void destroy(void *ctx, unsigned side)
{
    (void)ctx;
    netvsc_netif_remove(&nat_router.nif[side]);
}

static int start(void *ctx)
{
    struct nat *nat = &nat_router.nat;
    int rc = nat_create(nat, (uint32_t)wish.flows);

    (void)ctx;
    for (unsigned i = 0; i < PAIR_CARDS && rc == 0; i++)
        rc = port_net_up(&nat_router.nif[i].netif, &wish.net[i]);
    if (rc)
        return app_fail(1, "start", strerror(-rc), "Free some memory, or give fewer --flows");
    netif_set_default(&nat_router.nif[NAT_OUTSIDE].netif);
    nat->inside_address = wish.net[NAT_INSIDE].address.addr;
    nat->inside_mask = wish.net[NAT_INSIDE].mask.addr;
    nat->port_min = (uint16_t)wish.port_min;
    nat->port_max = (uint16_t)wish.port_max;
    if (wish.udp_s)
        nat->flows.quiet_ns[FLOW_UDP] = wish.udp_s * PORT_NS_PER_S;
    if (wish.tcp_s)
        nat->flows.quiet_ns[FLOW_TCP_OPEN] = wish.tcp_s * PORT_NS_PER_S;
    return 0;
}

static void stop(void *ctx)
{
    (void)ctx;
    for (unsigned i = 0; i < PAIR_CARDS; i++)
        port_net_down(&nat_router.nif[i].netif);
    port_log(PORT_LOG_INFO, "%u connections known at the end", nat_router.nat.flows.used);
}

static unsigned turn(void *ctx, uint64_t now_ns)
{
    (void)ctx;
    /* Not work: a loop with nothing else to do may sleep on it. */
    if (nat_router.nat.flows.flow)
        flow_expire(&nat_router.nat.flows, now_ns, EXPIRE_PER_TURN);
    return 0;
}

static void print(void *ctx, FILE *out)
{
    const struct nat_router_stats *r = &nat_router.stats;
    const struct nat_stats *n = &nat_router.nat.stats;
#define X(counter, text) {#counter, text, r->counter},
    const struct app_counter frames[] = {NAT_ROUTER_STATS(X)};
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
    (void)ctx;
    return nat_router_audit();
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

    wish.gateway_given = true;
    snprintf(host, sizeof(host), "%s/32", text);
    if (port_net_parse_ip4(host, &wish.net[NAT_OUTSIDE].gateway, &mask) == 0)
        return 0;
    return bad("--gateway", "Give an IPv4 address, as 10.0.0.1");
}

static error_t parse_ports(char *text)
{
    char *dash = strchr(text, '-');

    if (!dash)
        return bad("--ports", "Give the first and the last, as 1024-65535");
    *dash = '\0';
    if (app_number("ports", text, 1, UINT16_MAX, &wish.port_min) ||
        app_number("ports", dash + 1, wish.port_min, UINT16_MAX, &wish.port_max))
        return EINVAL;
    return 0;
}

static error_t parse(int key, char *arg, void *ctx)
{
    (void)ctx;
    switch (key) {
    case 'i':
        return parse_address("--inside", arg, &wish.net[NAT_INSIDE]);
    case 'o':
        return parse_address("--outside", arg, &wish.net[NAT_OUTSIDE]);
    case 'g':
        return parse_gateway(arg);
    case 'd':
        wish.net[NAT_OUTSIDE].dhcp = true;
        return 0;
    case 'f':
        return app_number("flows", arg, 1, 1u << 24, &wish.flows);
    case 'p':
        return parse_ports(arg);
    case 'u':
        return app_number("udp-timeout", arg, 1, 86400, &wish.udp_s);
    case 't':
        return app_number("tcp-timeout", arg, 1, 864000, &wish.tcp_s);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int check(void *ctx)
{
    const struct port_net_config *in = &wish.net[NAT_INSIDE], *out = &wish.net[NAT_OUTSIDE];

    (void)ctx;
    if (!in->address.addr)
        return app_fail(2, "--inside", "the router needs an address there", "Give --inside ADDR/N");
    if (!out->dhcp == !out->address.addr)
        return app_fail(2, "--outside", "the router needs one address there",
                        "Give --outside ADDR/N or --dhcp");
    if (wish.gateway_given && !ip4_addr_netcmp(&out->gateway, &out->address, &out->mask))
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

    nat_destroy(&nat_router.nat);
    return status;
}
