/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of every program. argp finds and lists them; what is wrong with a value we say in our
 * own one line. A program with two cards is told twice what names one. */
#include "app_options_var.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_BUS = APP_KEYS_COMMON,
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
    {"spin", KEY_SPIN, "US", 0, "poll so long before sleeping, or always [50]", 0},
    {"stats", KEY_STATS, NULL, 0, "rates each second, counters at the end", 0},
    {"log", KEY_LOG, "LEVEL", 0, "error, warn, info or debug [info]", 0},
    {"help", KEY_HELP, NULL, 0, "this text", -1},
    {"version", KEY_VERSION, NULL, 0, "print the version", -1},
    {0},
};

static const struct argp_option one_card[] = {
    {"nic", KEY_NIC, "ID", 0, "card: GUID, interface name or MAC [the only one]", 0},
    {"emulate", KEY_EMULATE, "tap=NAME", 0, "no bus: emulate host and card here", 0},
    {"mtu", KEY_MTU, "BYTES", 0, "wanted MTU [1500]", 0},
    {"queues", KEY_QUEUES, "N", OPTION_HIDDEN, "queues wanted, 1 to 64 [1]", 0},
    {0},
};

static const struct argp_option two_cards[] = {
    {"nic", KEY_NIC, "ID", 0, "card: GUID, interface name or MAC; give two", 0},
    {"emulate", KEY_EMULATE, "tap=NAME", 0, "no bus: emulate host and cards here; give two", 0},
    {"mtu", KEY_MTU, "BYTES", 0, "wanted MTU of both [1500]", 0},
    {"queues", KEY_QUEUES, "N", 0, "queues wanted of each, 1 to 64 [1]", 0},
    {0},
};

static unsigned cards_of(const struct app_spec *spec)
{
    return spec->sides ? 2 : 1;
}

/* ---- values ---------------------------------------------------------------------------------- */

error_t app_bad_value(const char *option, const char *value, const char *remedy)
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
    return app_bad_value(name, text, remedy);
}

error_t app_number32(const char *name, const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
    uint64_t value;
    const error_t rc = app_number(name, text, min, max, &value);

    if (rc == 0)
        *out = (uint32_t)value;
    return rc;
}

static error_t parse_spin(const char *text, uint32_t *out)
{
    if (strcmp(text, "always") != 0)
        return app_number32("spin", text, 0, 1000000, out);
    *out = PORT_LOOP_SPIN_ALWAYS;
    return 0;
}

static error_t parse_log(const char *text, enum port_log_level *out)
{
    if (port_log_parse(text, out))
        return 0;
    return app_bad_value("log", text, "Give error, warn, info or debug");
}

/* There is room for one more card. */
static bool is_free(const struct app_parsing *p, const char *option, unsigned given)
{
    if (given < cards_of(p->spec))
        return true;
    app_fail(2, option, "given for more cards than there are",
             p->spec->sides ? "Give it twice" : "Give it once");
    return false;
}

static error_t card_option(struct app_parsing *p, int key, char *arg)
{
    struct app_options *out = p->out;

    switch (key) {
    case KEY_NIC:
        if (!is_free(p, "--nic", out->nics))
            return EINVAL;
        out->nic[out->nics++] = arg;
        return 0;
    case KEY_EMULATE:
        if (!is_free(p, "--emulate", out->emulated))
            return EINVAL;
        return app_emulate_parse(arg, &out->emulate[out->emulated++]);
    case KEY_MTU:
        return app_number32("mtu", arg, 68, 65521, &out->mtu_bytes);
    case KEY_QUEUES:
        return app_number32("queues", arg, 1, 64, &out->queues);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t own_option(struct app_parsing *p, int key, char *arg)
{
    /* argp's own events are none of the program's business. */
    if (key >= ARGP_KEY_END || !p->spec->parse || (key == ARGP_KEY_ARG && !p->spec->args))
        return ARGP_ERR_UNKNOWN;
    p->arg_given = p->arg_given || key == ARGP_KEY_ARG;
    return p->spec->parse(key, arg, p->spec->ctx);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static void print_help(struct argp_state *state, const struct app_spec *spec)
{
    printf("Usage: %s [OPTION...]%s%s\n%s\n", spec->name, spec->args ? " " : "",
           spec->args ? spec->args : "", spec->summary);
    if (spec->sides)
        printf("First card: %s, second card: %s.\n", spec->sides[0], spec->sides[1]);
    printf("\n");
    app_help(state);
    printf("\nExample: %s\n", spec->example);
}

/* getopt stopped at an argument it does not know, or one that lacks its value. */
static void say_unknown(const struct argp_state *state)
{
    const char *arg =
        state->next > 0 && state->next <= state->argc ? state->argv[state->next - 1] : "?";

    app_fail(2, arg, "unknown option, or one without its value", "See --help");
}

static error_t common_option(struct app_parsing *p, int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case KEY_BUS:
        p->out->bus = arg;
        return 0;
    case KEY_SPIN:
        return parse_spin(arg, &p->out->spin_us);
    case KEY_STATS:
        p->out->stats = true;
        return 0;
    case KEY_LOG:
        return parse_log(arg, &p->out->log);
    case KEY_HELP:
        print_help(state, p->spec);
        p->answered = true;
        state->next = state->argc; /* what follows is not looked at */
        return 0;
    case KEY_VERSION:
        printf("%s %s\n", p->spec->name, NETVSC_VERSION);
        p->answered = true;
        state->next = state->argc; /* what follows is not looked at */
        return 0;
    case ARGP_KEY_ARG:
        if (p->answered)
            return 0;
        if (p->spec->args)
            return ARGP_ERR_UNKNOWN;
        app_fail(2, arg, "not an option", "See --help");
        return EINVAL;
    case ARGP_KEY_ERROR:
        if (!p->said)
            say_unknown(state);
        p->said = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Who returns EINVAL has said why. */
static error_t told(struct app_parsing *p, error_t rc)
{
    p->said = p->said || rc == EINVAL;
    return rc;
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
    struct app_parsing *p = state->input;

    if (key == ARGP_KEY_INIT) {
        for (unsigned i = 0; state->root_argp->children[i].argp; i++)
            state->child_inputs[i] = p;
        return 0;
    }
    return told(p, common_option(p, key, arg, state));
}

static error_t parse_card(int key, char *arg, struct argp_state *state)
{
    return told(state->input, card_option(state->input, key, arg));
}

static error_t parse_stack(int key, char *arg, struct argp_state *state)
{
    return told(state->input, app_stack_option(state->input, key, arg));
}

static error_t parse_own(int key, char *arg, struct argp_state *state)
{
    return told(state->input, own_option(state->input, key, arg));
}

/* What no single option can tell. */
static int check_together(const struct app_parsing *p)
{
    const struct app_spec *spec = p->spec;
    const struct app_options *out = p->out;
    int status = APP_GO_ON;

    if (spec->args && !p->arg_given)
        return app_fail(2, spec->args, "missing", "See --help");
    if (out->emulated && (out->bus || out->nics))
        return app_fail(2, "--emulate", "it brings its own bus and card",
                        "Leave --bus and --nic out");
    if (spec->sides && out->emulated != 2 && out->nics != 2)
        return app_fail(2, "which cards", "there are two sides",
                        "Give --nic ID twice, or --emulate tap=NAME twice");
    if (!spec->sides)
        status = app_stack_check(p);
    if (status != APP_GO_ON)
        return status;
    return spec->check && spec->check(spec->ctx) ? 2 : APP_GO_ON;
}

int app_options_parse(const struct app_spec *spec, int argc, char **argv, struct app_options *out)
{
    struct app_parsing parsing = {.spec = spec, .out = out};
    const struct argp own = {.options = spec->options, .parser = parse_own};
    const struct argp cards = {.options = spec->sides ? two_cards : one_card, .parser = parse_card};
    const struct argp stack = {.options = app_stack_options, .parser = parse_stack};
    const struct argp_child children[] = {
        {&own, 0, NULL, 0},
        {&cards, 0, NULL, 0},
        {spec->sides ? NULL : &stack, 0, NULL, 0},
        {0},
    };
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
