/* SPDX-License-Identifier: BSD-3-Clause */
/* The common options. argp finds and lists them; what is wrong with a value we say in our own one
 * line. */
#include "app_var.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "port_pcap.h"
#include "port_tcp.h"
#include "port_workers.h"

enum {
    KEY_BUS = 0x100,
    KEY_NIC,
    KEY_IP,
    KEY_DHCP,
    KEY_GATEWAY,
    KEY_IPV6,
    KEY_DNS,
    KEY_MTU,
    KEY_OFFLOAD,
    KEY_RX_COPYBREAK,
    KEY_RX_HOLD,
    KEY_TX_COPY,
    KEY_PCAP,
    KEY_STATS,
    KEY_CONTROL,
    KEY_MAC,
    KEY_PROMISCUOUS,
    KEY_CPU,
    KEY_LATENCY,
    KEY_LOG,
    KEY_SPIN,
    KEY_TCP_WINDOW,
    KEY_TCP_SNDBUF,
    KEY_CONNECTIONS,
    KEY_EMULATE,
    KEY_QUEUES,
    KEY_WORKERS,
    KEY_HELP,
    KEY_VERSION,
};

static const struct argp_option common[] = {
    {"bus", KEY_BUS, "DIR", 0, "VMBus tree [$NETVSC_BUS or " VMBUS_ROOT_DEFAULT "]", 0},
    {"nic", KEY_NIC, "ID", 0, "card: GUID, interface name or MAC [the only one]", 0},
    {"emulate", KEY_EMULATE, "tap=NAME", 0, "no bus: emulate host and card here", 0},
    {"ip", KEY_IP, "ADDR/N", 0, "static IPv4 address", 0},
    {"gateway", KEY_GATEWAY, "ADDR", 0, "IPv4 gateway, with --ip", 0},
    {"dhcp", KEY_DHCP, NULL, 0, "IPv4 address by DHCP", 0},
    {"ipv6", KEY_IPV6, "ADDR", OPTION_ARG_OPTIONAL, "link-local and SLAAC, and ADDR", 0},
    {"dns", KEY_DNS, "ADDR", 0, "name server; up to two", 0},
    {"mtu", KEY_MTU, "BYTES", 0, "wanted MTU [1500]", 0},
    {"workers", KEY_WORKERS, "N", 0, "serve in N processes, with N + 1 queues", 0},
    /* Left out of --help, which fits a screen: docs/features.md has them. */
    {"queues", KEY_QUEUES, "N", OPTION_HIDDEN, "queues wanted, 1 to 64 [1]", 0},
    {"mac", KEY_MAC, "ADDR", OPTION_HIDDEN, "another MAC address, if the host allows it", 0},
    {"cpu", KEY_CPU, "N", OPTION_HIDDEN, "stay on this CPU", 0},
    {"latency", KEY_LATENCY, "US", OPTION_HIDDEN, "how often the hypervisor looks", 0},
    {"promiscuous", KEY_PROMISCUOUS, NULL, OPTION_HIDDEN, "receive frames for others, too", 0},
    {"offload", KEY_OFFLOAD, "HOW", OPTION_HIDDEN,
     "work for the host: auto, off, verify; with ,no-rsc or ,no-gro: segments come one by one", 0},
    {"rx-copybreak", KEY_RX_COPYBREAK, "BYTES", OPTION_HIDDEN, "copy frames up to so long", 0},
    {"rx-hold", KEY_RX_HOLD, "PERCENT", OPTION_HIDDEN, "of the receive buffer kept at most", 0},
    {"tx-copy", KEY_TX_COPY, "BYTES", OPTION_HIDDEN, "longer frames leave uncopied, or all", 0},
    {"pcap", KEY_PCAP, "FILE", 0, "capture all frames for Wireshark", 0},
    {"stats", KEY_STATS, NULL, 0, "rates each second, counters at the end", 0},
    {"control", KEY_CONTROL, "PATH", 0, "socket for netvscctl stats, or none", 0},
    {"log", KEY_LOG, "LEVEL", 0, "error, warn, info or debug [info]", 0},
    {"spin", KEY_SPIN, "US", 0, "poll so long before sleeping, or always [50]", 0},
    {"tcp-window", KEY_TCP_WINDOW, "BYTES", OPTION_HIDDEN, "receive window [262144]", 0},
    {"tcp-sndbuf", KEY_TCP_SNDBUF, "BYTES", OPTION_HIDDEN, "send buffer [131072]", 0},
    {"connections", KEY_CONNECTIONS, "N", 0, "TCP connections at a time [16384]", 0},
    {"help", KEY_HELP, NULL, 0, "this text", -1},
    {"version", KEY_VERSION, NULL, 0, "print the version", -1},
    {0},
};

struct parsing {
    const struct app_spec *spec;
    struct app_options *out;
    bool ip_given, gateway_given, arg_given;
    bool said;     /* what is wrong has been said */
    bool answered; /* --help or --version: nothing to run */
};

static error_t bad(const char *option, const char *value, const char *remedy)
{
    char what[160];

    snprintf(what, sizeof(what), "--%s %s", option, value);
    app_fail(2, what, "not a valid value", remedy);
    return EINVAL;
}

error_t app_number(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    char *end = NULL;
    char remedy[80];
    unsigned long long value;

    errno = 0;
    value = strtoull(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && value >= min &&
        value <= max) {
        *out = value;
        return 0;
    }
    snprintf(remedy, sizeof(remedy), "Give a number from %llu to %llu", (unsigned long long)min,
             (unsigned long long)max);
    return bad(name, text, remedy);
}

static error_t parse_u32(const char *name, const char *text, uint32_t min, uint32_t max,
                         uint32_t *out)
{
    uint64_t value;
    const error_t rc = app_number(name, text, min, max, &value);

    if (rc == 0)
        *out = (uint32_t)value;
    return rc;
}

static error_t parse_ip(struct parsing *p, const char *text)
{
    struct port_net_config *net = &p->out->net;

    p->ip_given = true;
    if (port_net_parse_ip4(text, &net->address, &net->mask) == 0)
        return 0;
    return bad("ip", text, "Give an address and a prefix length, as 10.0.0.2/24");
}

static error_t parse_gateway(struct parsing *p, const char *text)
{
    char host[32];
    ip4_addr_t mask;

    p->gateway_given = true;
    /* A slash of its own makes two, and two are refused. */
    snprintf(host, sizeof(host), "%s/32", text);
    if (port_net_parse_ip4(host, &p->out->net.gateway, &mask) == 0)
        return 0;
    return bad("gateway", text, "Give an IPv4 address, as 10.0.0.1");
}

static error_t parse_ipv6(struct parsing *p, const char *text)
{
    p->out->net.ipv6 = true;
    if (!text || port_net_parse_ip6(text, &p->out->net.address6) == 0)
        return 0;
    return bad("ipv6", text, "Give an address of a /64 network, as --ipv6=fd00::2/64, or none");
}

static error_t parse_dns(struct parsing *p, const char *text)
{
    struct port_net_config *net = &p->out->net;

    if (net->dns_count == PORT_NET_DNS_MAX)
        return bad("dns", text, "Give at most two name servers");
    if (!ipaddr_aton(text, &net->dns[net->dns_count]))
        return bad("dns", text, "Give an IPv4 or IPv6 address");
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
            return bad("offload", text, "Behind the first word say no-rsc or no-gro.");
        rest = word + len;
    }
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (first == strlen(known[i].name) && strncmp(text, known[i].name, first) == 0) {
            out->offload = known[i].how;
            return 0;
        }
    }
    return bad("offload", text, "Say auto, off or verify.");
}

/* 0 stands for the default elsewhere: copying nothing is copying what is shorter than any frame. */
static error_t parse_copybreak(const char *text, uint32_t *out)
{
    error_t rc;

    if (strcmp(text, "all") == 0) {
        *out = NETVSC_RX_COPY_ALL;
        return 0;
    }
    rc = parse_u32("rx-copybreak", text, 0, NETVSC_FRAME_BYTES_MAX, out);
    if (rc == 0 && *out == 0)
        *out = 1;
    return rc;
}

static error_t parse_log(struct parsing *p, const char *text)
{
    if (port_log_parse(text, &p->out->log))
        return 0;
    return bad("log", text, "Give error, warn, info or debug");
}

static error_t parse_emulate(struct parsing *p, char *text)
{
    p->out->emulated = true;
    return app_emulate_parse(text, &p->out->emulate);
}

static error_t parse_mac(struct parsing *p, const char *text)
{
    p->out->has_mac = app_mac_parse(text, p->out->mac);
    return p->out->has_mac ? 0 : bad("mac", text, "Give a unicast address, as 02:15:5d:01:02:03");
}

static error_t parse_spin(struct parsing *p, const char *text)
{
    if (strcmp(text, "always") != 0)
        return parse_u32("spin", text, 0, 1000000, &p->out->spin_us);
    p->out->spin_us = PORT_LOOP_SPIN_ALWAYS;
    return 0;
}

static error_t parse_tx_copy(const char *text, uint32_t *out)
{
    if (strcmp(text, "all") != 0)
        return parse_u32("tx-copy", text, 1, 65536, out);
    *out = NETVSC_TX_COPY_ALL;
    return 0;
}

static error_t parse_value(struct parsing *p, int key, char *arg)
{
    struct app_options *out = p->out;

    switch (key) {
    case KEY_IP:
        return parse_ip(p, arg);
    case KEY_GATEWAY:
        return parse_gateway(p, arg);
    case KEY_IPV6:
        return parse_ipv6(p, arg);
    case KEY_DNS:
        return parse_dns(p, arg);
    case KEY_MTU:
        return parse_u32("mtu", arg, 68, 65521, &out->mtu_bytes);
    case KEY_OFFLOAD:
        return parse_offload(arg, out);
    case KEY_RX_COPYBREAK:
        return parse_copybreak(arg, &out->rx_copybreak_bytes);
    case KEY_RX_HOLD:
        return parse_u32("rx-hold", arg, 1, 90, &out->rx_hold_percent);
    case KEY_TX_COPY:
        return parse_tx_copy(arg, &out->tx_copy_bytes);
    case KEY_QUEUES:
        return parse_u32("queues", arg, 1, 64, &out->queues);
    case KEY_WORKERS:
        return parse_u32("workers", arg, 1, PORT_WORKERS_MAX, &out->workers);
    case KEY_LOG:
        return parse_log(p, arg);
    case KEY_MAC:
        return parse_mac(p, arg);
    case KEY_LATENCY:
        return parse_u32("latency", arg, 1, 6553, &out->latency_us);
    case KEY_CPU:
        out->pinned = true;
        return parse_u32("cpu", arg, 0, 1023, &out->cpu);
    case KEY_SPIN:
        return parse_spin(p, arg);
    case KEY_TCP_WINDOW:
        return parse_u32("tcp-window", arg, PORT_TCP_WND_MIN, PORT_TCP_WND_MAX,
                         &out->tcp_window_bytes);
    case KEY_TCP_SNDBUF:
        return parse_u32("tcp-sndbuf", arg, PORT_TCP_SND_BUF_MIN, PORT_TCP_SND_BUF_MAX,
                         &out->tcp_sndbuf_bytes);
    case KEY_CONNECTIONS:
        return parse_u32("connections", arg, 1, PORT_CONNECTIONS_MAX, &out->connections);
    case KEY_EMULATE:
        return parse_emulate(p, arg);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print_help(struct argp_state *state, const struct app_spec *spec)
{
    printf("Usage: %s [OPTION...]%s%s\n%s\n\n", spec->name, spec->args ? " " : "",
           spec->args ? spec->args : "", spec->summary);
    app_help(state);
    printf("\nExample: %s\n", spec->example);
}

/* getopt stopped at an argument it does not know, or one that lacks its value. */
static void say_unknown(struct argp_state *state)
{
    const char *arg =
        state->next > 0 && state->next <= state->argc ? state->argv[state->next - 1] : "?";

    app_fail(2, arg, "unknown option, or one without its value", "See --help");
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
    struct parsing *p = state->input;
    error_t rc = 0;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = p;
        break;
    case KEY_HELP:
        print_help(state, p->spec);
        p->answered = true;
        break;
    case KEY_VERSION:
        printf("%s %s\n", p->spec->name, NETVSC_VERSION);
        p->answered = true;
        break;
    case KEY_BUS:
        p->out->bus = arg;
        break;
    case KEY_NIC:
        p->out->nic = arg;
        break;
    case KEY_DHCP:
        p->out->net.dhcp = true;
        break;
    case KEY_PCAP:
        p->out->pcap = arg;
        break;
    case KEY_PROMISCUOUS:
        p->out->promiscuous = true;
        break;
    case KEY_CONTROL:
        p->out->control = arg;
        break;
    case KEY_STATS:
        p->out->stats = true;
        break;
    case ARGP_KEY_ARG:
        if (p->spec->args)
            return ARGP_ERR_UNKNOWN;
        app_fail(2, arg, "not an option", "See --help");
        rc = EINVAL;
        break;
    case ARGP_KEY_ERROR:
        if (!p->said)
            say_unknown(state);
        p->said = true;
        return 0;
    default:
        rc = parse_value(p, key, arg);
        break;
    }
    p->said = p->said || rc == EINVAL;
    return rc;
}

static error_t parse_own(int key, char *arg, struct argp_state *state)
{
    struct parsing *p = state->input;
    error_t rc;

    /* argp's own events are none of the program's business. */
    if (key >= ARGP_KEY_END || !p->spec->parse)
        return ARGP_ERR_UNKNOWN;
    p->arg_given = p->arg_given || key == ARGP_KEY_ARG;
    rc = p->spec->parse(key, arg, p->spec->ctx);
    p->said = p->said || rc == EINVAL;
    return rc;
}

/* What no single option can tell. */
static int check_together(const struct parsing *p)
{
    const struct app_options *out = p->out;
    const struct port_net_config *net = &out->net;

    if (p->spec->args && !p->arg_given)
        return app_fail(2, p->spec->args, "missing", "See --help");
    if (out->emulated && (out->bus || out->nic))
        return app_fail(2, "--emulate", "it brings its own bus and card",
                        "Leave --bus and --nic out");
    if (out->workers && !p->spec->by_workers)
        return app_fail(2, "--workers", "this program has work for one process only",
                        "Leave --workers out");
    if (out->workers && out->emulated)
        return app_fail(2, "--workers", "the emulated host would be in one of the processes only",
                        "Run hvhost --nic queues=N --dir DIR --tap NAME, and give --bus DIR");
    if (out->workers && out->queues)
        return app_fail(2, "--workers", "it says how many queues there are", "Leave --queues out");
    if (net->dhcp && p->ip_given)
        return app_fail(2, "--dhcp", "a static address is given, too", "Leave --ip or --dhcp out");
    if (!net->dhcp && !p->ip_given && !net->ipv6)
        return app_fail(2, "no address", "the card needs one",
                        "Give --ip ADDR/N, --dhcp or --ipv6");
    if (p->gateway_given && !p->ip_given)
        return app_fail(2, "--gateway", "it goes with a static address", "Give --ip ADDR/N, too");
    if (p->gateway_given && !ip4_addr_netcmp(&net->gateway, &net->address, &net->mask))
        return app_fail(2, "--gateway", "it is not in the network of --ip", "Check both");
    return APP_GO_ON;
}

int app_options_parse(const struct app_spec *spec, int argc, char **argv, struct app_options *out)
{
    struct parsing parsing = {.spec = spec, .out = out};
    const struct argp own = {.options = spec->options, .parser = parse_own};
    const struct argp_child children[] = {{&own, 0, NULL, 0}, {0}};
    const struct argp argp = {
        .options = common,
        .parser = parse_common,
        .children = children,
        .help_filter = app_help_filter,
    };
    const char *bus = getenv("NETVSC_BUS");

    app_set_name(spec->name);
    *out = (struct app_options){.log = PORT_LOG_INFO, .spin_us = PORT_LOOP_SPIN_US};
    out->net.hostname = spec->name;
    if (argp_parse(&argp, argc, argv, ARGP_NO_HELP | ARGP_NO_EXIT | ARGP_NO_ERRS, NULL, &parsing) !=
        0)
        return 2;
    if (parsing.answered)
        return 0;
    if (!out->bus && !out->emulated && bus && *bus)
        out->bus = bus;
    return check_together(&parsing);
}
