/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of programs with one card and lwIP above it: addresses, offloads, sizes. */
#include "app_options_var.h"

#include <string.h>

#include "port_tcp.h"
#include "port_workers.h"

enum {
    KEY_IP = APP_KEYS_STACK,
    KEY_DHCP,
    KEY_GATEWAY,
    KEY_IPV6,
    KEY_DNS,
    KEY_OFFLOAD,
    KEY_RX_COPYBREAK,
    KEY_RX_HOLD,
    KEY_TX_COPY,
    KEY_PCAP,
    KEY_CONTROL,
    KEY_MAC,
    KEY_PROMISCUOUS,
    KEY_CPU,
    KEY_LATENCY,
    KEY_TCP_WINDOW,
    KEY_TCP_SNDBUF,
    KEY_CONNECTIONS,
    KEY_WORKERS,
};

const struct argp_option app_stack_options[] = {
    {"ip", KEY_IP, "ADDR/N", 0, "static IPv4 address", 0},
    {"gateway", KEY_GATEWAY, "ADDR", 0, "IPv4 gateway, with --ip", 0},
    {"dhcp", KEY_DHCP, NULL, 0, "IPv4 address by DHCP", 0},
    {"ipv6", KEY_IPV6, "ADDR", OPTION_ARG_OPTIONAL, "link-local and SLAAC, and ADDR", 0},
    {"dns", KEY_DNS, "ADDR", 0, "name server; up to two", 0},
    {"workers", KEY_WORKERS, "N", 0, "serve in N processes, with N + 1 queues", 0},
    {"pcap", KEY_PCAP, "FILE", 0, "capture all frames for Wireshark", 0},
    {"control", KEY_CONTROL, "PATH", 0, "socket for netvscctl stats, or none", 0},
    {"connections", KEY_CONNECTIONS, "N", 0, "TCP connections at a time [16384]", 0},
    /* Left out of --help, which fits a screen: docs/features.md has them. */
    {"mac", KEY_MAC, "ADDR", OPTION_HIDDEN, "another MAC address, if the host allows it", 0},
    {"cpu", KEY_CPU, "N", OPTION_HIDDEN, "stay on this CPU", 0},
    {"latency", KEY_LATENCY, "US", OPTION_HIDDEN, "how often the hypervisor looks", 0},
    {"promiscuous", KEY_PROMISCUOUS, NULL, OPTION_HIDDEN, "receive frames for others, too", 0},
    {"offload", KEY_OFFLOAD, "HOW", OPTION_HIDDEN,
     "work for the host: auto, off, verify; with ,no-rsc or ,no-gro: segments come one by one", 0},
    {"rx-copybreak", KEY_RX_COPYBREAK, "BYTES", OPTION_HIDDEN, "copy frames up to so long", 0},
    {"rx-hold", KEY_RX_HOLD, "PERCENT", OPTION_HIDDEN, "of the receive buffer kept at most", 0},
    {"tx-copy", KEY_TX_COPY, "BYTES", OPTION_HIDDEN, "longer frames leave uncopied, or all", 0},
    {"tcp-window", KEY_TCP_WINDOW, "BYTES", OPTION_HIDDEN, "receive window [262144]", 0},
    {"tcp-sndbuf", KEY_TCP_SNDBUF, "BYTES", OPTION_HIDDEN, "send buffer [196608]", 0},
    {0},
};

static error_t parse_ip(struct app_parsing *p, const char *text)
{
    struct port_net_config *net = &p->out->net;

    p->ip_given = true;
    if (port_net_parse_ip4(text, &net->address, &net->mask) == 0)
        return 0;
    return app_bad_value("ip", text, "Give an address and a prefix length, as 10.0.0.2/24");
}

static error_t parse_gateway(struct app_parsing *p, const char *text)
{
    char host[32];
    ip4_addr_t mask;

    p->gateway_given = true;
    /* A slash of its own makes two, and two are refused. */
    snprintf(host, sizeof(host), "%s/32", text);
    if (port_net_parse_ip4(host, &p->out->net.gateway, &mask) == 0)
        return 0;
    return app_bad_value("gateway", text, "Give an IPv4 address, as 10.0.0.1");
}

static error_t parse_ipv6(struct app_parsing *p, const char *text)
{
    p->out->net.ipv6 = true;
    if (!text || port_net_parse_ip6(text, &p->out->net.address6) == 0)
        return 0;
    return app_bad_value("ipv6", text,
                         "Give an address of a /64 network, as --ipv6=fd00::2/64, or none");
}

static error_t parse_dns(struct app_parsing *p, const char *text)
{
    struct port_net_config *net = &p->out->net;

    if (net->dns_count == PORT_NET_DNS_MAX)
        return app_bad_value("dns", text, "Give at most two name servers");
    if (!ipaddr_aton(text, &net->dns[net->dns_count]))
        return app_bad_value("dns", text, "Give an IPv4 or IPv6 address");
    net->dns_count++;
    return 0;
}

/* The first word says how, those behind it what not. */
static error_t parse_offload(const char *text, struct app_options *out)
{
    static const struct {
        const char *name;
        enum netvsc_switch how;
    } known[] = {{"auto", NETVSC_AUTO}, {"off", NETVSC_OFF}, {"verify", NETVSC_VERIFY}};

    const size_t first = strcspn(text, ",");
    const char *rest = text + first;

    while (*rest) {
        const char *word = rest + 1;
        const size_t len = strcspn(word, ",");

        if (len == strlen("no-rsc") && strncmp(word, "no-rsc", len) == 0)
            out->no_rsc = true;
        else if (len == strlen("no-gro") && strncmp(word, "no-gro", len) == 0)
            out->no_gro = true;
        else
            return app_bad_value("offload", text, "Behind the first word say no-rsc or no-gro");
        rest = word + len;
    }
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (first == strlen(known[i].name) && strncmp(text, known[i].name, first) == 0) {
            out->offload = known[i].how;
            return 0;
        }
    }
    return app_bad_value("offload", text, "Say auto, off or verify");
}

/* 0 stands for the default elsewhere: copying nothing is copying what is shorter than any frame. */
static error_t parse_copybreak(const char *text, uint32_t *out)
{
    error_t rc;

    if (strcmp(text, "all") == 0) {
        *out = NETVSC_RX_COPY_ALL;
        return 0;
    }
    rc = app_number32("rx-copybreak", text, 0, NETVSC_FRAME_BYTES_MAX, out);
    if (rc == 0 && *out == 0)
        *out = 1;
    return rc;
}

static error_t parse_mac(struct app_parsing *p, const char *text)
{
    p->out->has_mac = app_mac_parse(text, p->out->mac);
    return p->out->has_mac
               ? 0
               : app_bad_value("mac", text, "Give a unicast address, as 02:15:5d:01:02:03");
}

static error_t parse_tx_copy(const char *text, uint32_t *out)
{
    if (strcmp(text, "all") != 0)
        return app_number32("tx-copy", text, 1, 65536, out);
    *out = NETVSC_TX_COPY_ALL;
    return 0;
}

error_t app_stack_option(struct app_parsing *p, int key, char *arg)
{
    struct app_options *out = p->out;

    switch (key) {
    case KEY_IP:
        return parse_ip(p, arg);
    case KEY_DHCP:
        out->net.dhcp = true;
        return 0;
    case KEY_GATEWAY:
        return parse_gateway(p, arg);
    case KEY_IPV6:
        return parse_ipv6(p, arg);
    case KEY_DNS:
        return parse_dns(p, arg);
    case KEY_OFFLOAD:
        return parse_offload(arg, out);
    case KEY_RX_COPYBREAK:
        return parse_copybreak(arg, &out->rx_copybreak_bytes);
    case KEY_RX_HOLD:
        return app_number32("rx-hold", arg, 1, 90, &out->rx_hold_percent);
    case KEY_TX_COPY:
        return parse_tx_copy(arg, &out->tx_copy_bytes);
    case KEY_PCAP:
        out->pcap = arg;
        return 0;
    case KEY_CONTROL:
        out->control = arg;
        return 0;
    case KEY_WORKERS:
        return app_number32("workers", arg, 1, PORT_WORKERS_MAX, &out->workers);
    case KEY_MAC:
        return parse_mac(p, arg);
    case KEY_PROMISCUOUS:
        out->promiscuous = true;
        return 0;
    case KEY_LATENCY:
        return app_number32("latency", arg, 1, 6553, &out->latency_us);
    case KEY_CPU:
        out->pinned = true;
        return app_number32("cpu", arg, 0, 1023, &out->cpu);
    case KEY_TCP_WINDOW:
        return app_number32("tcp-window", arg, PORT_TCP_WND_MIN, PORT_TCP_WND_MAX,
                            &out->tcp_window_bytes);
    case KEY_TCP_SNDBUF:
        return app_number32("tcp-sndbuf", arg, PORT_TCP_SND_BUF_MIN, PORT_TCP_SND_BUF_MAX,
                            &out->tcp_sndbuf_bytes);
    case KEY_CONNECTIONS:
        return app_number32("connections", arg, 1, PORT_CONNECTIONS_MAX, &out->connections);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int check_workers(const struct app_spec *spec, const struct app_options *out)
{
    if (!out->workers)
        return APP_GO_ON;
    if (!spec->by_workers)
        return app_fail(2, "--workers", "this program has work for one process only",
                        "Leave --workers out");
    if (out->emulated)
        return app_fail(2, "--workers", "the emulated host would be in one of the processes only",
                        "Run hvhost --nic queues=N --dir DIR --tap NAME, and give --bus DIR");
    if (out->queues)
        return app_fail(2, "--workers", "it says how many queues there are", "Leave --queues out");
    return APP_GO_ON;
}

int app_stack_check(const struct app_parsing *p)
{
    const struct port_net_config *net = &p->out->net;

    if (net->dhcp && p->ip_given)
        return app_fail(2, "--dhcp", "a static address is given, too", "Leave --ip or --dhcp out");
    if (!net->dhcp && !p->ip_given && !net->ipv6)
        return app_fail(2, "no address", "the card needs one",
                        "Give --ip ADDR/N, --dhcp or --ipv6");
    if (p->gateway_given && !p->ip_given)
        return app_fail(2, "--gateway", "it goes with a static address", "Give --ip ADDR/N, too");
    if (p->gateway_given && !ip4_addr_netcmp(&net->gateway, &net->address, &net->mask))
        return app_fail(2, "--gateway", "it is not in the network of --ip", "Check both");
    return check_workers(p->spec, p->out);
}
