/* SPDX-License-Identifier: BSD-3-Clause */
/* netvsc-loopback: the self-test anyone can run. No root, no TAP, one process; see loopback.h. */
#include <errno.h>
#include <inttypes.h>

#include "loopback.h"
#include "lwip/init.h"
#include "port_clock.h"

#define BYTES_DEFAULT (64u << 20)
#define PHASE_TIMEOUT_NS (600 * PORT_NS_PER_S)

struct options {
    struct loopback_config config;
    bool stats, answered, said;
};

static const struct argp_option option_list[] = {
    {"bytes", 'b', "N", 0, "how much to send each way [67108864]", 0},
    {"mtu", 'm', "BYTES", 0, "MTU of both cards [1500]", 0},
    {"stats", 's', NULL, 0, "all counters at the end", 0},
    {"help", 'h', NULL, 0, "this text", -1},
    {"version", 'V', NULL, 0, "print the version", -1},
    {0},
};

static void print_help(struct argp_state *state)
{
    printf(
        "Usage: %s [OPTION...]\n"
        "Send a known stream both ways between two emulated cards in this process and compare.\n\n",
        app_name());
    app_help(state);
    printf("\nExample: netvsc-loopback --bytes 1000000 --stats\n");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    uint64_t mtu_bytes;
    error_t rc = 0;

    switch (key) {
    case 'b':
        rc = app_number("bytes", arg, 0, UINT64_C(1) << 40, &options->config.bytes);
        break;
    case 'm':
        rc = app_number("mtu", arg, 576, 65521, &mtu_bytes);
        if (rc == 0)
            options->config.mtu_bytes = (uint32_t)mtu_bytes;
        break;
    case 's':
        options->stats = true;
        break;
    case 'h':
        print_help(state);
        options->answered = true;
        state->next = state->argc; /* what follows is not looked at */
        break;
    case 'V':
        printf("%s %s\n", app_name(), NETVSC_VERSION);
        options->answered = true;
        state->next = state->argc; /* what follows is not looked at */
        break;
    case ARGP_KEY_ARG:
        if (options->answered)
            break;
        app_fail(2, arg, "not an option", "See --help");
        rc = EINVAL;
        break;
    case ARGP_KEY_ERROR:
        if (!options->said)
            app_fail(2, state->argv[state->next - 1], "unknown option, or one without its value",
                     "See --help");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    options->said = options->said || rc == EINVAL;
    return rc;
}

static void print_result(struct loopback *lb)
{
    struct netvsc_stats card[2];
    const double s = (double)lb->transfer_ns / (double)PORT_NS_PER_S;

    netvsc_stats(lb->nif[0].nic, &card[0]);
    netvsc_stats(lb->nif[1].nic, &card[1]);
    printf("transport: emulated host in this process, one thread for both ends\n");
    printf("transfer:  %" PRIu64 " bytes each way in %.3f s, %.2f Gbit/s in sum\n",
           lb->config.bytes, s, s > 0 ? (double)lb->config.bytes * 16e-9 / s : 0);
    for (unsigned i = 0; i < 2; i++)
        printf("card %u:    %" PRIu64 " frames out, %" PRIu64 " in, %" PRIu64
               " doorbells, checksum in %016" PRIx64 "\n",
               i, card[i].tx_frames, card[i].rx_frames, card[i].tx_doorbells,
               lb->end[i].sum_in.sums);
    printf("attach:    %.1f ms, detach %.1f ms\n", (double)lb->attached_ns * 1e-6,
           (double)lb->detached_ns * 1e-6);
}

int main(int argc, char **argv)
{
    static struct loopback lb;
    struct options options = {.config = {.bytes = BYTES_DEFAULT,
                                         .spin_us = PORT_LOOP_SPIN_US,
                                         .timeout_ns = PHASE_TIMEOUT_NS}};
    const struct argp argp = {
        .options = option_list, .parser = parse, .help_filter = app_help_filter};
    int rc;

    app_set_name("netvsc-loopback");
    if (argp_parse(&argp, argc, argv, ARGP_NO_HELP | ARGP_NO_EXIT | ARGP_NO_ERRS, NULL, &options) !=
        0)
        return 2;
    if (options.answered)
        return 0;
    port_log_setup(app_name(), PORT_LOG_INFO);
    lwip_init();
    rc = loopback_run(&lb, &options.config);
    if (rc == 0)
        print_result(&lb);
    for (unsigned i = 0; options.stats && i < 2; i++) {
        if (lb.nif[i].nic)
            app_stats_print(&lb.nif[i], &lb.emulate[i], stderr);
    }
    if (rc == 0)
        printf("books:     balance on both cards and on the host\nOK\n");
    else
        app_fail(1, "loopback", lb.why, "Run it again with --stats; this should never happen");
    loopback_close(&lb);
    return rc ? 1 : 0;
}
