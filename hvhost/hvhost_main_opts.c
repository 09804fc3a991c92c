/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of the hvhost program. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvhost_main_var.h"

#define SPIN_DEFAULT_US 50u
#define SPIN_MAX_US 1000000u

enum { KEY_NVS = 256, KEY_MONITOR, KEY_STATS, KEY_JSON, KEY_LOG, KEY_SPIN, KEY_PUNISH, KEY_IMPAIR };

static const struct argp_option argp_options[] = {
    {"dir", 'd', "DIR", 0, "Serve guests through this folder, new or empty, best in tmpfs", 0},
    {"nic", 'n', "KEY=VALUE,...", 0, "One card; repeatable [one with the defaults]", 0},
    {"tap", 't', "NAME", 0, "Uplink of the switch: this TAP device, created if missing", 0},
    {"nvs-version", KEY_NVS, "V", 0, "Newest NVSP version of all cards [6.1]", 0},
    {"monitor", KEY_MONITOR, "US", 0, "Doorbells by monitor page, looked at every US", 0},
    {"punish", KEY_PUNISH, NULL, 0, "Close the channel of a guest that breaks a rule", 0},
    {"impair", KEY_IMPAIR, "KEY=VALUE,...", 0, "Spoil what crosses the switch, see below", 0},
    {"spin", KEY_SPIN, "US", 0, "After work, look again this long before sleeping [50]", 0},
    {"stats", KEY_STATS, NULL, 0, "A line per second on stderr, terminal or not", 0},
    {"json", KEY_JSON, NULL, 0, "Print the books at the end as JSON", 0},
    {"log", KEY_LOG, "LEVEL", 0, "error or info [info]", 0},
    {0},
};

static const char doc[] =
    "An emulated Hyper-V host: network cards on a VMBus in a folder, joined by a switch.\v"
    "KEYs: guid mac mtu nvs recv send section rsection ring dma batch monitor speed lso queues\n"
    "(sizes in bytes, k or M), offload=all|none|csum+lso+rcsum+rsc, and the words: poll punish\n"
    "nopromisc nodma. network=N, also after --tap NAME, sets cards and uplinks apart [0].\n"
    "KEYs of --impair: loss duplicate corrupt reorder (shares, as 0.5%), delay (5ms), rate (bits\n"
    "per second, as 100M) and seed (a number: the same chances again).\n\n"
    "Example, a card behind tap0 and a web server on it:\n"
    "  hvhost --dir /dev/shm/hv --nic mac=00:15:5d:01:02:03 --tap tap0 &\n"
    "  ip addr add 10.9.9.1/24 dev tap0; ip link set tap0 up\n"
    "  netvsc-http --bus /dev/shm/hv --ip 10.9.9.2/24";

/* What argp's parser works on: --nic is parsed last, over the defaults the others set. */
struct parse {
    struct main_options *out;
    char *nic_text[MAIN_NICS_MAX];
    unsigned nic_texts;
    struct hvhost_nic_config defaults;
};

static void usage(const char *option, const char *value, const char *why)
{
    char what[160];

    (void)snprintf(what, sizeof(what), "bad %s %s", option, value);
    exit(main_fail(2, what, why, "See hvhost --help"));
}

static uint32_t number(const char *option, const char *text, uint32_t max)
{
    uint64_t value = 0;
    char why[64];

    (void)snprintf(why, sizeof(why), "it is a number up to %u", max);
    if (main_number_parse(text, max, &value) != 0)
        usage(option, text, why);
    return (uint32_t)value;
}

static void set_log(struct main_options *out, const char *level)
{
    if (strcmp(level, "error") == 0)
        out->quiet = true;
    else if (strcmp(level, "info") == 0)
        out->quiet = false;
    else
        usage("--log", level, "it is error or info");
}

static void add_text(const char *option, unsigned max, unsigned *count, const char *value)
{
    char why[64];

    (void)snprintf(why, sizeof(why), "there can be %u at most", max);
    if (*count == max)
        usage(option, value, why);
    (*count)++;
}

static void set_impair(struct main_options *out, char *arg)
{
    char shown[128];
    const char *wrong;

    (void)snprintf(shown, sizeof(shown), "%s", arg);
    wrong = hvhost_impair_parse(arg, &out->impair);
    if (wrong)
        usage("--impair", shown, wrong);
    out->impaired = true;
}

static error_t parse_card_default(int key, char *arg, struct parse *p)
{
    switch (key) {
    case KEY_NVS:
        if (main_nvs_parse(arg, &p->defaults.nvs_version_max) != 0)
            usage("--nvs-version", arg, "it is 1, 2, 4, 5, 6.0 or 6.1");
        return 0;
    case KEY_MONITOR:
        p->defaults.monitor_latency_us = number("--monitor", arg, 6553);
        return 0;
    case KEY_PUNISH:
        p->defaults.punish = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
    struct parse *p = state->input;
    struct main_options *out = p->out;
    const char *wrong;

    switch (key) {
    case 'd':
        out->dir = arg;
        return 0;
    case 'n':
        add_text("--nic", MAIN_NICS_MAX, &p->nic_texts, arg);
        p->nic_text[p->nic_texts - 1] = arg;
        return 0;
    case 't':
        add_text("--tap", MAIN_TAPS_MAX, &out->tap_count, arg);
        wrong = main_tap_parse(arg, &out->tap[out->tap_count - 1]);
        if (wrong)
            usage("--tap", arg, wrong);
        return 0;
    case KEY_SPIN:
        out->spin_ns = number("--spin", arg, SPIN_MAX_US) * UINT64_C(1000);
        return 0;
    case KEY_IMPAIR:
        set_impair(out, arg);
        return 0;
    case KEY_STATS:
        out->stats = true;
        return 0;
    case KEY_JSON:
        out->json = true;
        return 0;
    case KEY_LOG:
        set_log(out, arg);
        return 0;
    case ARGP_KEY_ARG:
        usage("argument", arg, "there are only options");
        return 0;
    default:
        return parse_card_default(key, arg, p);
    }
}

static void parse_nics(struct parse *p)
{
    struct main_options *out = p->out;
    char shown[128];
    const char *wrong;
    unsigned i;

    out->nic_count = p->nic_texts > 0 ? p->nic_texts : 1;
    for (i = 0; i < out->nic_count; i++) {
        out->nic[i] = p->defaults;
        if (i >= p->nic_texts)
            continue;
        (void)snprintf(shown, sizeof(shown), "%s", p->nic_text[i]);
        wrong = main_nic_parse(p->nic_text[i], &out->nic[i]);
        if (wrong)
            usage("--nic", shown, wrong);
    }
}

void main_options_parse(int argc, char **argv, struct main_options *out)
{
    static const struct argp argp = {argp_options, parse_one, NULL, doc, NULL, NULL, NULL};
    struct parse p = {.out = out};

    *out = (struct main_options){.spin_ns = SPIN_DEFAULT_US * UINT64_C(1000)};
    argp_program_version = "hvhost " NETVSC_VERSION;
    argp_err_exit_status = 2;
    if (argp_parse(&argp, argc, argv, 0, NULL, &p) != 0)
        exit(2);
    if (!out->dir)
        exit(main_fail(2, "no folder given", "guests find the cards through one",
                       "Add --dir /dev/shm/hv"));
    parse_nics(&p);
}
