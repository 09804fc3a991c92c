/* SPDX-License-Identifier: BSD-3-Clause */
/* netvscctl: look at a bus from outside. Changes nothing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app_var.h"

struct options {
    const char *command, *bus;
    bool json, answered, said;
};

static const struct argp_option option_list[] = {
    {"bus", 'b', "DIR", 0, "VMBus tree [$NETVSC_BUS or " VMBUS_ROOT_DEFAULT "]", 0},
    {"json", 'j', NULL, 0, "for programs", 0},
    {"help", 'h', NULL, 0, "this text", -1},
    {"version", 'V', NULL, 0, "print the version", -1},
    {0},
};

static void print_help(struct argp_state *state)
{
    printf("Usage: netvscctl COMMAND [OPTION...]\n"
           "Look at Hyper-V's synthetic network cards.\n\n"
           "  list    the cards of a bus: GUID, driver, interface, MAC, queues, state\n\n");
    app_help(state);
    printf("\nState: ready = bound to uio_hv_generic, a program can take it; kernel = held by "
           "hv_netvsc;\n"
           "unbound = no driver; other = a driver that is neither.\n"
           "\nExample: netvscctl list --bus /run/hvhost --json\n");
}

static error_t say_argument(struct options *options, char *arg)
{
    if (!options->command) {
        options->command = arg;
        return 0;
    }
    app_fail(2, arg, "one command is enough", "See netvscctl --help");
    return EINVAL;
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
        break;
    case 'V':
        printf("netvscctl %s\n", NETVSC_VERSION);
        options->answered = true;
        break;
    case ARGP_KEY_ARG:
        rc = say_argument(options, arg);
        break;
    case ARGP_KEY_ERROR:
        if (!options->said)
            app_fail(2, state->argv[state->next - 1], "unknown option, or one without its value",
                     "See netvscctl --help");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
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

/* What sysfs says is text of the kernel's; a name with a quote in it must still not break the JSON.
 */
static void print_json_text(const char *name, const char *text)
{
    printf("\"%s\": ", name);
    if (!text[0]) {
        printf("null");
        return;
    }
    putchar('"');
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
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

static int list(const struct options *options)
{
    struct vmbus_info nics[APP_NICS_MAX];
    struct vmbus_bus bus;
    int count;
    const int status = app_bus_scan(options->bus, &bus, nics, &count);

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
    if (strcmp(options.command, "list") == 0)
        return list(&options);
    return app_fail(2, options.command, "unknown command", "See netvscctl --help");
}
