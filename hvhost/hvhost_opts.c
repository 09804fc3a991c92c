/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the command lines of hvhost and hvhost-kvm share: the options about cards, as argp's child.
 */
#define _GNU_SOURCE /* program_invocation_short_name */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hvhost_opts_var.h"

#define MONITOR_MAX_US 6553u /* what the monitor page can say */

enum { KEY_NVS = 256, KEY_MONITOR, KEY_PUNISH, KEY_JSON };

static const struct argp_option argp_options[] = {
    {"nic", 'n', "KEY=VALUE,...", 0, "One card; repeatable [one with the defaults]", 0},
    {"tap", 't', "NAME", 0, "Uplink of the switch: this TAP device, created if missing", 0},
    {"nvs-version", KEY_NVS, "V", 0, "Newest NVSP version of all cards [6.1]", 0},
    {"monitor", KEY_MONITOR, "US", 0, "Doorbells by monitor page, seen every US (idle: 1 ms)", 0},
    {"punish", KEY_PUNISH, NULL, 0, "Close the channel of a guest that breaks a rule", 0},
    {"json", KEY_JSON, NULL, 0, "Print the books at the end as JSON", 0},
    {0},
};

void main_usage(const char *option, const char *value, const char *why)
{
    char what[160], remedy[64];

    (void)snprintf(what, sizeof(what), "bad %s %s", option, value);
    (void)snprintf(remedy, sizeof(remedy), "See %s --help", program_invocation_short_name);
    exit(main_fail(2, what, why, remedy));
}

uint64_t main_number(const char *option, const char *text, uint64_t max)
{
    uint64_t value = 0;
    char why[64];

    (void)snprintf(why, sizeof(why), "it is a number up to %llu", (unsigned long long)max);
    if (main_number_parse(text, max, &value) != 0)
        main_usage(option, text, why);
    return value;
}

static void one_more(const char *option, const char *text, unsigned max, unsigned *count)
{
    char why[64];

    (void)snprintf(why, sizeof(why), "there can be %u at most", max);
    if (*count == max)
        main_usage(option, text, why);
    (*count)++;
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
    struct main_cards *cards = state->input;
    struct main_options *out = cards->out;
    const char *wrong;

    switch (key) {
    case 'n':
        one_more("--nic", arg, MAIN_NICS_MAX, &out->nic_count);
        cards->nic_text[out->nic_count - 1] = arg;
        return 0;
    case 't':
        one_more("--tap", arg, MAIN_TAPS_MAX, &out->tap_count);
        wrong = main_tap_parse(arg, &out->tap[out->tap_count - 1]);
        if (wrong)
            main_usage("--tap", arg, wrong);
        return 0;
    case KEY_NVS:
        if (main_nvs_parse(arg, &cards->defaults.nvs_version_max) != 0)
            main_usage("--nvs-version", arg, "it is 1, 2, 4, 5, 6.0 or 6.1");
        return 0;
    case KEY_MONITOR:
        cards->defaults.monitor_latency_us =
            (uint32_t)main_number("--monitor", arg, MONITOR_MAX_US);
        return 0;
    case KEY_PUNISH:
        cards->defaults.punish = true;
        return 0;
    case KEY_JSON:
        out->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp main_cards_argp = {argp_options, parse_one, NULL, NULL, NULL, NULL, NULL};

void main_cards_parse(struct main_cards *cards)
{
    struct main_options *out = cards->out;
    const unsigned texts = out->nic_count;
    const char *wrong;
    char shown[128];

    if (texts == 0)
        out->nic_count = 1;
    for (unsigned i = 0; i < out->nic_count; i++) {
        out->nic[i] = cards->defaults;
        if (i >= texts)
            continue;
        (void)snprintf(shown, sizeof(shown), "%s", cards->nic_text[i]);
        wrong = main_nic_parse(cards->nic_text[i], &out->nic[i]);
        if (wrong)
            main_usage("--nic", shown, wrong);
    }
}
