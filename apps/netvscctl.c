/* SPDX-License-Identifier: BSD-3-Clause */
/* netvscctl: the cards of a bus; give them to user space, and back. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl_var.h"
#include "netvscctl_stats.h"

struct options {
    const char *command, *nic;
    const char *program; /* after set NAME=VALUE */
    const char *bus, *state, *root;
    struct ctl_bind_options bind;
    bool json, answered, said;
};

enum { KEY_ONCE = 0x100, KEY_FORCE, KEY_ROLLBACK, KEY_DRY_RUN, KEY_STATE, KEY_ROOT };

static const struct argp_option option_list[] = {
    {"bus", 'b', "DIR", 0, "VMBus tree [$NETVSC_BUS or " VMBUS_ROOT_DEFAULT "]", 0},
    {"json", 'j', NULL, 0, "list, doctor, stats, xstats, ring: for programs", 0},
    {"once", KEY_ONCE, NULL, 0, "bind, unbind: until the next boot only", 0},
    {"rollback", KEY_ROLLBACK, "SECONDS", 0, "bind: undo it then, unless confirmed", 0},
    {"force", KEY_FORCE, NULL, 0, "bind: even if it cuts off this machine", 0},
    {"dry-run", KEY_DRY_RUN, NULL, 0, "bind, unbind: only say what would be done", 0},
    {"state", KEY_STATE, "DIR", 0, "what bind remembers [/run/netvsc]", 0},
    /* For tests: a made-up machine. */
    {"root", KEY_ROOT, "DIR", OPTION_HIDDEN, "before /sys, /proc, /etc and /run", 0},
    {"help", 'h', NULL, 0, "this text", -1},
    {"version", 'V', NULL, 0, "print the version", -1},
    {0},
};

static void print_help(struct argp_state *state)
{
    printf("Usage: netvscctl COMMAND [NIC] [OPTION...]\n"
           "Hyper-V's synthetic network cards. NIC: GUID, interface name or MAC address.\n\n"
           "  list          the cards of a bus: GUID, driver, interface, MAC, queues, state\n"
           "  doctor [NIC]  is everything there that a program needs? One remedy per line\n"
           "  bind NIC      take it from the kernel: addresses saved, uio_hv_generic bound\n"
           "  confirm NIC   keep what bind --rollback has done\n"
           "  options NIC   options with which a program takes over the saved addresses\n"
           "  unbind NIC    give it back to the kernel: hv_netvsc bound, addresses restored\n"
           "  stats [PID|PATH]   the card of a running program; xstats: every counter, per queue;\n"
           "                     ring: indices, masks and send sections as they are now\n"
           "  set NAME=VALUE [PID|PATH]   mtu=BYTES, promiscuous=on|off or mac=ADDRESS|own\n\n");
    app_help(state);
    printf("\nState: ready = bound to uio_hv_generic, a program can take it; kernel = held by "
           "hv_netvsc;\n"
           "unbound = no driver; other = a driver that is neither.\n"
           "\nExample: netvscctl bind eth1 --rollback 60\n");
}

static error_t say_argument(struct options *options, char *arg)
{
    if (!options->command) {
        options->command = arg;
        return 0;
    }
    if (!options->nic) {
        options->nic = arg;
        return 0;
    }
    if (!options->program && strcmp(options->command, "set") == 0) {
        options->program = arg;
        return 0;
    }
    app_fail(2, arg, "one command and one card are enough", "See netvscctl --help");
    return EINVAL;
}

static error_t parse_rollback(struct options *options, const char *arg)
{
    uint64_t seconds;
    const error_t rc = app_number("rollback", arg, 1, 86400, &seconds);

    if (rc == 0)
        options->bind.rollback_s = (unsigned)seconds;
    return rc;
}

/* The options of bind and unbind. */
static error_t parse_bind(int key, char *arg, struct options *options)
{
    switch (key) {
    case KEY_ONCE:
        options->bind.once = true;
        return 0;
    case KEY_FORCE:
        options->bind.force = true;
        return 0;
    case KEY_DRY_RUN:
        options->bind.dry_run = true;
        return 0;
    case KEY_STATE:
        options->state = arg;
        return 0;
    case KEY_ROOT:
        options->root = arg;
        return 0;
    case KEY_ROLLBACK:
        return parse_rollback(options, arg);
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct options *options = state->input;
    error_t rc = 0;

    switch (key) {
    case 'b':
        options->bus = arg;
        break;
    case 'j':
        options->json = true;
        break;
    case 'h':
        print_help(state);
        options->answered = true;
        state->next = state->argc; /* what follows is not looked at */
        break;
    case 'V':
        printf("netvscctl %s\n", NETVSC_VERSION);
        options->answered = true;
        state->next = state->argc; /* what follows is not looked at */
        break;
    case ARGP_KEY_ARG:
        rc = options->answered ? 0 : say_argument(options, arg);
        break;
    case ARGP_KEY_ERROR:
        if (!options->said)
            app_fail(2, state->argv[state->next - 1], "unknown option, or one without its value",
                     "See netvscctl --help");
        break;
    default:
        rc = parse_bind(key, arg, options);
        break;
    }
    options->said = options->said || rc == EINVAL;
    return rc;
}

static const char *state_of(const struct vmbus_info *info)
{
    if (!info->driver[0])
        return "unbound";
    if (strcmp(info->driver, "hv_netvsc") == 0)
        return "kernel";
    return info->uio >= 0 ? "ready" : "other";
}

static const char *or_dash(const char *text)
{
    return text[0] ? text : "-";
}

static void print_json_text(const char *name, const char *text)
{
    printf("\"%s\": ", name);
    if (text[0])
        ctl_json_text(stdout, text);
    else
        printf("null");
}

static void print_json(const struct vmbus_info *info, const char *mac, bool last)
{
    printf("  {");
    print_json_text("guid", info->instance);
    printf(", ");
    print_json_text("driver", info->driver);
    printf(", ");
    print_json_text("interface", info->ifname);
    printf(", ");
    print_json_text("mac", mac);
    printf(", \"queues\": %u, \"relid\": %u, \"uio\": ", info->channels, info->relid);
    if (info->uio >= 0)
        printf("%d, ", info->uio);
    else
        printf("null, ");
    print_json_text("state", state_of(info));
    printf("}%s\n", last ? "" : ",");
}

static void print_row(const struct vmbus_info *info, const char *mac)
{
    printf("%-36s  %-14s  %-9s  %-17s  %6u  %s\n", info->instance, or_dash(info->driver),
           or_dash(info->ifname), or_dash(mac), info->channels, state_of(info));
}

static int list(struct ctl *ctl, const struct options *options)
{
    struct vmbus_info nics[APP_NICS_MAX];
    struct vmbus_bus bus;
    int count;
    const int status = app_bus_scan(ctl->bus.root, &bus, nics, &count);

    if (status)
        return status;
    if (options->json)
        printf("[\n");
    else
        printf("%-36s  %-14s  %-9s  %-17s  %6s  %s\n", "GUID", "DRIVER", "INTERFACE", "MAC",
               "QUEUES", "STATE");
    for (int i = 0; i < count; i++) {
        char mac[32] = "";

        app_bus_mac(&bus, &nics[i], mac, sizeof(mac));
        if (options->json)
            print_json(&nics[i], mac, i == count - 1);
        else
            print_row(&nics[i], mac);
    }
    if (options->json)
        printf("]\n");
    return 0;
}

/* ---- commands -------------------------------------------------------------------------------- */

static int doctor(struct ctl *ctl, const struct options *options)
{
    return ctl_doctor(ctl, options->nic, options->json);
}

static int bind_card(struct ctl *ctl, const struct options *options)
{
    return ctl_bind(ctl, &options->bind);
}

static int unbind_card(struct ctl *ctl, const struct options *options)
{
    return ctl_unbind(ctl, options->bind.once, options->bind.dry_run);
}

static int confirm(struct ctl *ctl, const struct options *options)
{
    (void)options;
    return ctl_confirm(ctl);
}

static int say_options(struct ctl *ctl, const struct options *options)
{
    (void)options;
    return ctl_options(ctl);
}

static const struct command {
    const char *name;
    int (*run)(struct ctl *ctl, const struct options *options);
    enum { NO_NIC, ANY_NIC, ONE_NIC, A_PROGRAM } nic;
    bool changes; /* one at a time */
} commands[] = {
    {"list", list, NO_NIC, false},
    {"set", NULL, A_PROGRAM, false},
    {"stats", NULL, A_PROGRAM, false},
    {"xstats", NULL, A_PROGRAM, false},
    {"ring", NULL, A_PROGRAM, false},
    {"doctor", doctor, ANY_NIC, false},
    {"bind", bind_card, ONE_NIC, true},
    {"confirm", confirm, ONE_NIC, false},
    {"options", say_options, ONE_NIC, false},
    {"unbind", unbind_card, ONE_NIC, true},
};

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

/* Half a change is worse than none or all of it: Ctrl-C and a session that ends have to wait. */
static void hold_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static int run_locked(const struct command *command, struct ctl *ctl, const struct options *options)
{
    const int lock = ctl_lock(ctl);
    int status;

    if (lock < 0)
        return app_fail(1, ctl->state_dir, strerror(-lock),
                        lock == -EBUSY ? "Wait for the other netvscctl"
                                       : "Run as root, or give --state");
    hold_signals();
    status = ctl_look(ctl) == 0
                 ? command->run(ctl, options)
                 : app_fail(1, ctl->nic.instance, "it has left the bus", "See netvscctl list");
    close(lock);
    return status;
}

static int run(const struct options *options)
{
    const struct command *command = find_command(options->command);
    struct ctl ctl;
    int status;

    if (!command)
        return app_fail(2, options->command, "unknown command", "See netvscctl --help");
    if (command->nic == A_PROGRAM && strcmp(command->name, "set") == 0)
        return ctl_set(options->nic, options->program, options->json);
    if (command->nic == A_PROGRAM)
        return ctl_ask(command->name, options->nic, options->json);
    if (command->nic == NO_NIC && options->nic)
        return app_fail(2, options->nic, "one command is enough", "See netvscctl --help");
    if (command->nic == ONE_NIC && !options->nic)
        return app_fail(2, options->command, "of which card", "Give it, see netvscctl list");
    status = ctl_open(&ctl, options->root, options->bus, options->state);
    if (status == 0 && command->nic == ONE_NIC)
        status = ctl_choose(&ctl, options->nic);
    if (status)
        return status;
    if (command->changes && !options->bind.dry_run)
        return run_locked(command, &ctl, options);
    return command->run(&ctl, options);
}

int main(int argc, char **argv)
{
    struct options options = {.command = NULL};
    const struct argp argp = {
        .options = option_list, .parser = parse, .help_filter = app_help_filter};
    const char *bus = getenv("NETVSC_BUS");

    app_set_name("netvscctl");
    if (argp_parse(&argp, argc, argv, ARGP_NO_HELP | ARGP_NO_EXIT | ARGP_NO_ERRS, NULL, &options) !=
        0)
        return 2;
    if (options.answered)
        return 0;
    if (!options.bus && bus && *bus)
        options.bus = bus;
    if (!options.command)
        return app_fail(2, "netvscctl", "no command", "See netvscctl --help");
    return run(&options);
}
