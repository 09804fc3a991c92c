/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of the hvhost-kvm program. */
#include <stdlib.h>
#include <string.h>

#include "hvh_vmbus_reg.h"
#include "hvhost_kvm_var.h"
#include "hvhost_opts_var.h"

#define CPUS_DEFAULT 2u
#define RAM_DEFAULT (UINT64_C(512) << 20)
#define RAM_MAX (UINT64_C(3) << 30)

enum { KEY_VMBUS = 256, KEY_AGENT, KEY_CONTROL, KEY_CHECK };

static const struct argp_option argp_options[] = {
    {"kernel", 'k', "FILE", 0, "Linux: vmlinux (boots faster) or bzImage", 0},
    {"initrd", 'i', "FILE", 0, "Its initramfs", 0},
    {"append", 'a', "TEXT", 0, "Its command line", 0},
    {"cpus", 'c', "N", 0, "Processors [2]", 0},
    {"memory", 'm', "BYTES", 0, "Memory [512M]", 0},
    {"vmbus", KEY_VMBUS, "V", 0, "Newest VMBus version: 2.4, 3.0, 4.0, 4.1 or 5.0 to 5.3 [5.3]", 0},
    {"agent", KEY_AGENT, "COMMAND", 0, "Run it with stdin and stdout on the second serial port", 0},
    {"control", KEY_CONTROL, "PIPE", 0, "Obey rescind N [now], offer N, link N up|down, books", 0},
    {"check", KEY_CHECK, NULL, 0, "Say whether this machine's KVM will do, and end", 0},
    {0},
};

static const char doc[] =
    "A virtual machine on /dev/kvm whose network cards are this emulated Hyper-V host's.\v"
    "The guest's console is stdin and stdout, all else goes to stderr. KEYs of --nic are those of\n"
    "hvhost. The guest ends the machine, and this program, by writing a status to port 0xf4.\n\n"
    "Example:\n"
    "  hvhost-kvm --kernel vmlinux --initrd initrd --append console=ttyS0 --tap tap0";

struct parse {
    struct kvm_options *out;
    struct main_cards cards;
};

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
    main_usage("--vmbus", text, "there is no such version");
    return 0;
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
    struct parse *p = state->input;
    struct kvm_options *out = p->out;
    struct hvh_kvm_config *machine = &out->machine;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &p->cards;
        return 0;
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
        machine->cpus = (unsigned)main_number("--cpus", arg, HVH_KVM_CPUS_MAX);
        return 0;
    case 'm':
        machine->ram_bytes = main_number("--memory", arg, RAM_MAX);
        return 0;
    case KEY_VMBUS:
        machine->bus_version = bus_version(arg);
        return 0;
    case KEY_AGENT:
        out->agent = arg;
        return 0;
    case KEY_CONTROL:
        out->control = arg;
        return 0;
    case KEY_CHECK:
        out->check = true;
        return 0;
    case ARGP_KEY_ARG:
        main_usage("argument", arg, "there are only options");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void kvm_options_parse(int argc, char **argv, struct kvm_options *out)
{
    static const struct argp_child children[] = {{&main_cards_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {argp_options, parse_one, NULL, doc, children, NULL, NULL};
    struct parse p = {.out = out, .cards = {.out = &out->cards}};

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
    main_cards_parse(&p.cards);
}
