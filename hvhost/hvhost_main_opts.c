/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of the hvhost program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvhost_opts_var.h"

#define SPIN_DEFAULT_US 50u
#define SPIN_MAX_US 1000000u

enum { KEY_STATS = 256, KEY_LOG, KEY_SPIN, KEY_IMPAIR };

static const struct argp_option argp_options[] = {
    {"dir", 'd', "DIR", 0, "Serve guests through this folder, new or empty, best in tmpfs", 0},
    {"impair", KEY_IMPAIR, "KEY=VALUE,...", 0, "Spoil what crosses the switch, see below", 0},
    {"spin", KEY_SPIN, "US", 0, "After work, look again this long before sleeping [50]", 0},
    {"stats", KEY_STATS, NULL, 0, "A line per second on stderr, terminal or not", 0},
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

static void set_log(struct main_options *out, const char *level)
{
    if (strcmp(level, "error") == 0)
        out->quiet = true;
    else if (strcmp(level, "info") == 0)
        out->quiet = false;
    else
        main_usage("--log", level, "it is error or info");
}

static void set_impair(struct main_options *out, char *arg)
{
    char shown[128];
    const char *wrong;

    (void)snprintf(shown, sizeof(shown), "%s", arg);
    wrong = hvhost_impair_parse(arg, &out->impair);
    if (wrong)
        main_usage("--impair", shown, wrong);
    out->impaired = true;
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
    struct main_cards *cards = state->input;
    struct main_options *out = cards->out;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = cards;
        return 0;
    case 'd':
        out->dir = arg;
        return 0;
    case KEY_SPIN:
        out->spin_ns = main_number("--spin", arg, SPIN_MAX_US) * UINT64_C(1000);
        return 0;
    case KEY_IMPAIR:
        set_impair(out, arg);
        return 0;
    case KEY_STATS:
        out->stats = true;
        return 0;
    case KEY_LOG:
        set_log(out, arg);
        return 0;
    case ARGP_KEY_ARG:
        main_usage("argument", arg, "there are only options");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void main_options_parse(int argc, char **argv, struct main_options *out)
{
    static const struct argp_child children[] = {{&main_cards_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {argp_options, parse_one, NULL, doc, children, NULL, NULL};
    struct main_cards cards = {.out = out};

    *out = (struct main_options){.spin_ns = SPIN_DEFAULT_US * UINT64_C(1000)};
    argp_program_version = "hvhost " NETVSC_VERSION;
    argp_err_exit_status = 2;
    if (argp_parse(&argp, argc, argv, 0, NULL, &cards) != 0)
        exit(2);
    if (!out->dir)
        exit(main_fail(2, "no folder given", "guests find the cards through one",
                       "Add --dir /dev/shm/hv"));
    main_cards_parse(&cards);
}
