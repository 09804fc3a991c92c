/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of programs between two cards. What names a card is given twice: for the first and for
 * the second side. */
#include "pair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_BUS = 0x100,
    KEY_NIC,
    KEY_EMULATE,
    KEY_MTU,
    KEY_QUEUES,
    KEY_SPIN,
    KEY_STATS,
    KEY_LOG,
    KEY_HELP,
    KEY_VERSION,
};

static const struct argp_option common[] = {
    {"bus", KEY_BUS, "DIR", 0, "VMBus tree [$NETVSC_BUS or " VMBUS_ROOT_DEFAULT "]", 0},
    {"nic", KEY_NIC, "ID", 0, "card: GUID, interface name or MAC; give two", 0},
    {"emulate", KEY_EMULATE, "tap=NAME", 0, "no bus: emulate host and cards here; give two", 0},
    {"mtu", KEY_MTU, "BYTES", 0, "wanted MTU of both [1500]", 0},
    {"queues", KEY_QUEUES, "N", 0, "queues wanted of each, 1 to 64 [1]", 0},
    {"spin", KEY_SPIN, "US", 0, "poll so long before sleeping, or always [50]", 0},
    {"stats", KEY_STATS, NULL, 0, "rates each second, counters at the end", 0},
    {"log", KEY_LOG, "LEVEL", 0, "error, warn, info or debug [info]", 0},
    {"help", KEY_HELP, NULL, 0, "this text", -1},
    {"version", KEY_VERSION, NULL, 0, "print the version", -1},
    {0},
};

struct parsing {
    const struct pair_spec *spec;
    struct pair_options *out;
    bool said, answered;
};

static error_t too_many(const char *option)
{
    app_fail(2, option, "there are two sides", "Give it twice");
    return EINVAL;
}

static error_t parse_u32(const char *name, const char *text, uint32_t min, uint32_t max,
                         uint32_t *out)
{
    uint64_t value;

    if (app_number(name, text, min, max, &value))
        return EINVAL;
    *out = (uint32_t)value;
    return 0;
}

static error_t parse_log(const char *text, enum port_log_level *out)
{
    if (port_log_parse(text, out))
        return 0;
    app_fail(2, "--log", "not a level", "Give error, warn, info or debug");
    return EINVAL;
}

static error_t parse_value(struct pair_options *out, int key, char *arg)
{
    switch (key) {
    case KEY_BUS:
        out->bus = arg;
        return 0;
    case KEY_NIC:
        if (out->nics == PAIR_CARDS)
            return too_many("--nic");
        out->nic[out->nics++] = arg;
        return 0;
    case KEY_EMULATE:
        if (out->emulated == PAIR_CARDS)
            return too_many("--emulate");
        return app_emulate_parse(arg, &out->emulate[out->emulated++]);
    case KEY_MTU:
        return parse_u32("mtu", arg, 68, 65521, &out->mtu_bytes);
    case KEY_QUEUES:
        return parse_u32("queues", arg, 1, 64, &out->queues);
    case KEY_SPIN:
        if (strcmp(arg, "always") == 0) {
            out->spin_us = PORT_LOOP_SPIN_ALWAYS;
            return 0;
        }
        return parse_u32("spin", arg, 0, 1000000, &out->spin_us);
    case KEY_STATS:
        out->stats = true;
        return 0;
    case KEY_LOG:
        return parse_log(arg, &out->log);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void answer(struct parsing *p, int key, struct argp_state *state)
{
    const struct pair_spec *spec = p->spec;

    p->answered = true;
    if (key == KEY_VERSION) {
        printf("%s %s\n", spec->name, NETVSC_VERSION);
        return;
    }
    printf("Usage: %s [OPTION...]\n%s\nFirst card: %s, second card: %s.\n\n", spec->name,
           spec->summary, spec->side[0], spec->side[1]);
    app_help(state);
    printf("\nExample: %s\n", spec->example);
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
    case KEY_VERSION:
        answer(p, key, state);
        break;
    case ARGP_KEY_ARG:
        app_fail(2, arg, "not an option", "See --help");
        rc = EINVAL;
        break;
    case ARGP_KEY_ERROR:
        if (!p->said)
            app_fail(2, state->next > 0 ? state->argv[state->next - 1] : "?",
                     "unknown option, or one without its value", "See --help");
        p->said = true;
        break;
    default:
        rc = parse_value(p->out, key, arg);
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
    if (key == ARGP_KEY_ARG || key >= ARGP_KEY_END || !p->spec->parse)
        return ARGP_ERR_UNKNOWN;
    rc = p->spec->parse(key, arg, p->spec->ctx);
    p->said = p->said || rc == EINVAL;
    return rc;
}

static int check_together(const struct parsing *p)
{
    const struct pair_options *out = p->out;

    if (out->emulated && (out->bus || out->nics))
        return app_fail(2, "--emulate", "it brings its own bus and cards",
                        "Leave --bus and --nic out");
    if (out->emulated == 1)
        return app_fail(2, "--emulate", "there are two sides", "Give it twice");
    if (!out->emulated && out->nics != PAIR_CARDS)
        return app_fail(2, "which cards", "there are two sides",
                        "Give --nic ID twice, or --emulate tap=NAME twice");
    return p->spec->check && p->spec->check(p->spec->ctx) ? 2 : APP_GO_ON;
}

int pair_options_parse(const struct pair_spec *spec, int argc, char **argv,
                       struct pair_options *out)
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
    *out = (struct pair_options){.log = PORT_LOG_INFO, .spin_us = PORT_LOOP_SPIN_US};
    if (argp_parse(&argp, argc, argv, ARGP_NO_HELP | ARGP_NO_EXIT | ARGP_NO_ERRS, NULL, &parsing) !=
        0)
        return 2;
    if (parsing.answered)
        return 0;
    if (!out->bus && !out->emulated && bus && *bus)
        out->bus = bus;
    return check_together(&parsing);
}
