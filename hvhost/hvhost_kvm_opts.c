/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of the hvhost-kvm program. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hvh_vmbus_reg.h"
#include "hvhost_kvm_var.h"

#define CPUS_DEFAULT 2u
#define RAM_DEFAULT (UINT64_C(512) << 20)
#define RAM_MAX (UINT64_C(3) << 30)

enum {
    KEY_NVS = 256,
    KEY_MONITOR,
    KEY_JSON,
    KEY_PUNISH,
    KEY_VMBUS,
    KEY_AGENT,
    KEY_CONTROL,
    KEY_CHECK
};

static const struct argp_option argp_options[] = {
    {"kernel", 'k', "FILE", 0, "Linux: vmlinux (boots faster) or bzImage", 0},
    {"initrd", 'i', "FILE", 0, "Its initramfs", 0},
    {"append", 'a', "TEXT", 0, "Its command line", 0},
    {"cpus", 'c', "N", 0, "Processors [2]", 0},
    {"memory", 'm', "BYTES", 0, "Memory [512M]", 0},
    {"nic", 'n', "KEY=VALUE,...", 0, "One card; repeatable [one with the defaults]", 0},
    {"tap", 't', "NAME", 0, "Uplink of the switch: this TAP device, created if missing", 0},
    {"nvs-version", KEY_NVS, "V", 0, "Newest NVSP version of all cards [6.1]", 0},
    {"monitor", KEY_MONITOR, "US", 0, "Doorbells by monitor page, looked at every US", 0},
    {"punish", KEY_PUNISH, NULL, 0, "Close the channel of a guest that breaks a rule", 0},
    {"vmbus", KEY_VMBUS, "V", 0, "Newest VMBus version: 2.4, 3.0, 4.0, 4.1 or 5.0 to 5.3 [5.3]", 0},
    {"agent", KEY_AGENT, "COMMAND", 0, "Run it with stdin and stdout on the second serial port", 0},
    {"control", KEY_CONTROL, "PIPE", 0, "Obey: rescind N, offer N, link N up|down, books FILE", 0},
    {"check", KEY_CHECK, NULL, 0, "Say whether this machine's KVM will do, and end", 0},
    {"json", KEY_JSON, NULL, 0, "Print the books at the end as JSON", 0},
    {0},
};

static const char doc[] =
    "A virtual machine on /dev/kvm whose network cards are this emulated Hyper-V host's.\v"
    "The guest's console is stdin and stdout, all else goes to stderr. KEYs of --nic are those of\n"
    "hvhost. The guest ends the machine, and this program, by writing a status to port 0xf4.\n\n"
    "Example:\n"
    "  hvhost-kvm --kernel vmlinux --initrd initrd --append console=ttyS0 --tap tap0";

/* --nic is parsed last, over the defaults the others set. */
struct parse {
    struct kvm_options *out;
    char *nic_text[MAIN_NICS_MAX];
    unsigned nic_texts;
    struct hvhost_nic_config defaults;
};

static void usage(const char *option, const char *value, const char *why)
{
    char what[160];

    (void)snprintf(what, sizeof(what), "bad %s %s", option, value);
    exit(main_fail(2, what, why, "See hvhost-kvm --help"));
}

static uint64_t number(const char *option, const char *text, uint64_t max)
{
    uint64_t value = 0;
    char why[64];

    (void)snprintf(why, sizeof(why), "it is a number up to %llu", (unsigned long long)max);
    if (main_number_parse(text, max, &value) != 0)
        usage(option, text, why);
    return value;
}

static uint32_t bus_version(const char *text)
{
    static const struct {
        const char *text;
        uint32_t version;
    } known[] = {
        {"2.4", HVH_BUS_2_4}, {"3.0", HVH_BUS_3_0}, {"4.0", HVH_BUS_4_0}, {"4.1", HVH_BUS_4_1},
        {"5.0", HVH_BUS_5_0}, {"5.1", HVH_BUS_5_1}, {"5.2", HVH_BUS_5_2}, {"5.3", HVH_BUS_5_3},
    };

    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(text, known[i].text) == 0)
            return known[i].version;
    }
    usage("--vmbus", text, "there is no such version");
    return 0;
}

static error_t parse_card(int key, char *arg, struct parse *p)
{
    struct main_options *cards = &p->out->cards;
    const char *wrong;

    switch (key) {
    case 'n':
        if (p->nic_texts == MAIN_NICS_MAX)
            usage("--nic", arg, "there are too many");
        p->nic_text[p->nic_texts++] = arg;
        return 0;
    case 't':
        if (cards->tap_count == MAIN_TAPS_MAX)
            usage("--tap", arg, "there are too many");
        wrong = main_tap_parse(arg, &cards->tap[cards->tap_count++]);
        if (wrong)
            usage("--tap", arg, wrong);
        return 0;
    case KEY_NVS:
        if (main_nvs_parse(arg, &p->defaults.nvs_version_max) != 0)
            usage("--nvs-version", arg, "it is 1, 2, 4, 5, 6.0 or 6.1");
        return 0;
    case KEY_MONITOR:
        p->defaults.monitor_latency_us = (uint32_t)number("--monitor", arg, 6553);
        return 0;
    case KEY_PUNISH:
        p->defaults.punish = true;
        return 0;
    case KEY_JSON:
        cards->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
    struct parse *p = state->input;
    struct hvh_kvm_config *machine = &p->out->machine;

    switch (key) {
    case 'k':
        machine->kernel = arg;
        return 0;
    case 'i':
        machine->initrd = arg;
        return 0;
    case 'a':
        machine->cmdline = arg;
        return 0;
    case 'c':
        machine->cpus = (unsigned)number("--cpus", arg, HVH_KVM_CPUS_MAX);
        return 0;
    case 'm':
        machine->ram_bytes = number("--memory", arg, RAM_MAX);
        return 0;
    case KEY_VMBUS:
        machine->bus_version = bus_version(arg);
        return 0;
    case KEY_AGENT:
        p->out->agent = arg;
        return 0;
    case KEY_CONTROL:
        p->out->control = arg;
        return 0;
    case KEY_CHECK:
        p->out->check = true;
        return 0;
    case ARGP_KEY_ARG:
        usage("argument", arg, "there are only options");
        return 0;
    default:
        return parse_card(key, arg, p);
    }
}

static void parse_nics(struct parse *p)
{
    struct main_options *cards = &p->out->cards;
    const char *wrong;

    cards->nic_count = p->nic_texts > 0 ? p->nic_texts : 1;
    for (unsigned i = 0; i < cards->nic_count; i++) {
        cards->nic[i] = p->defaults;
        wrong = i < p->nic_texts ? main_nic_parse(p->nic_text[i], &cards->nic[i]) : NULL;
        if (wrong)
            usage("--nic", p->nic_text[i], wrong);
    }
}

void kvm_options_parse(int argc, char **argv, struct kvm_options *out)
{
    static const struct argp argp = {argp_options, parse_one, NULL, doc, NULL, NULL, NULL};
    struct parse p = {.out = out};

    *out = (struct kvm_options){
        .machine = {.cmdline = "", .cpus = CPUS_DEFAULT, .ram_bytes = RAM_DEFAULT},
    };
    argp_program_version = "hvhost-kvm " NETVSC_VERSION;
    argp_err_exit_status = 2;
    if (argp_parse(&argp, argc, argv, 0, NULL, &p) != 0)
        exit(2);
    if (out->check)
        return;
    if (!out->machine.kernel || !out->machine.initrd)
        exit(main_fail(2, "no guest given", "it needs a kernel and an initramfs",
                       "Add --kernel FILE and --initrd FILE"));
    parse_nics(&p);
}
