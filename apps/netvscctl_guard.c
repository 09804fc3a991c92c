/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A card given to user space takes its interface with it. Three losses cannot be repaired from the
 * outside and are refused without --force: the default route, the SSH session of the operator, and
 * the last card.
 *
 * What hangs on the interface need not name it: a bond, bridge or VLAN above it does. So "the
 * interface" here is a list of names, the card's own and those above.
 *
 * sudo drops SSH_CONNECTION, so where this process has none, its ancestors are asked: the shell
 * that ran sudo still has it.
 */
#include "ctl_var.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define NAMES_MAX 16u
#define ANCESTORS_MAX 32

struct names {
    char name[NAMES_MAX][16];
    unsigned count;
};

static bool has_name(const struct names *names, const char *name)
{
    for (unsigned i = 0; i < names->count; i++) {
        if (strcmp(names->name[i], name) == 0)
            return true;
    }
    return false;
}

static void add_name(struct names *names, const char *name)
{
    if (names->count < NAMES_MAX && strlen(name) < sizeof(names->name[0]) && !has_name(names, name))
        snprintf(names->name[names->count++], sizeof(names->name[0]), "%s", name);
}

/* (ifname) and every interface above it. The list grows while it is walked. */
static void collect_names(const struct ctl *ctl, const char *ifname, struct names *names)
{
    static const char upper[] = "upper_";
    char path[CTL_PATH_BYTES];

    names->count = 0;
    add_name(names, ifname);
    for (unsigned i = 0; i < names->count; i++) {
        const struct dirent *entry;
        DIR *dir = opendir(ctl_path(ctl, path, "/sys/class/net/%s", names->name[i]));

        while (dir && (entry = readdir(dir)) != NULL) {
            if (strncmp(entry->d_name, upper, sizeof(upper) - 1) == 0)
                add_name(names, entry->d_name + sizeof(upper) - 1);
        }
        if (dir)
            closedir(dir);
    }
}

/* ---- default route --------------------------------------------------------------------------- */

static bool default_route4(const char *line, char ifname[16])
{
    unsigned destination, mask;

    return sscanf(line, "%15s %x %*s %*s %*s %*s %*s %x", ifname, &destination, &mask) == 3 &&
           destination == 0 && mask == 0;
}

static bool default_route6(const char *line, char ifname[16])
{
    const unsigned reject = 0x200; /* "no route" is kept as a route, too */
    unsigned len, flags;

    return strncmp(line, "00000000000000000000000000000000 00", 35) == 0 &&
           sscanf(line, "%*s %x %*s %*s %*s %*s %*s %*s %x %15s", &len, &flags, ifname) == 3 &&
           !(flags & reject);
}

static bool table_has(const struct ctl *ctl, const char *table,
                      bool (*is_default)(const char *line, char ifname[16]),
                      const struct names *names)
{
    char path[CTL_PATH_BYTES], line[256], ifname[16];
    FILE *file = fopen(ctl_path(ctl, path, "%s", table), "re");
    bool found = false;

    while (file && !found && fgets(line, sizeof(line), file))
        found = is_default(line, ifname) && has_name(names, ifname);
    if (file)
        fclose(file);
    return found;
}

static bool carries_default_route(const struct ctl *ctl, const struct names *names)
{
    return table_has(ctl, "/proc/net/route", default_route4, names) ||
           table_has(ctl, "/proc/net/ipv6_route", default_route6, names);
}

/* ---- SSH session ----------------------------------------------------------------------------- */

static pid_t parent_of(const struct ctl *ctl, pid_t pid)
{
    char path[CTL_PATH_BYTES], text[512];
    const char *after;
    int parent;

    /* "7 (name) S 6 ...", and the name may hold anything. */
    if (ctl_read(ctl_path(ctl, path, "/proc/%d/stat", (int)pid), text, sizeof(text)) != 0)
        return 0;
    after = strrchr(text, ')');
    return after && sscanf(after, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* Value of SSH_CONNECTION in the environment of (pid). */
static bool ssh_of(const struct ctl *ctl, pid_t pid, char *out, size_t out_bytes)
{
    static const char name[] = "SSH_CONNECTION=";
    char path[CTL_PATH_BYTES];
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    FILE *file = fopen(ctl_path(ctl, path, "/proc/%d/environ", (int)pid), "re");

    while (file && !found && getdelim(&line, &room, '\0', file) > 0) {
        found = strncmp(line, name, sizeof(name) - 1) == 0;
        if (found)
            snprintf(out, out_bytes, "%s", line + sizeof(name) - 1);
    }
    free(line);
    if (file)
        fclose(file);
    return found;
}

static bool find_ssh(const struct ctl *ctl, char *out, size_t out_bytes)
{
    const char *own = getenv("SSH_CONNECTION");
    pid_t pid = getppid();

    if (own && *own) {
        snprintf(out, out_bytes, "%s", own);
        return true;
    }
    for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
        if (ssh_of(ctl, pid, out, out_bytes))
            return true;
        pid = parent_of(ctl, pid);
    }
    return false;
}

/* Is (text), "10.0.0.4" or "fe80::1%eth0", an address of the saved interface? */
static bool is_address_of(const struct ctl_net *net, const char *text)
{
    char want[64], have[64];
    uint8_t a[16], b[16];
    int family;

    snprintf(want, sizeof(want), "%.*s", (int)strcspn(text, "%"), text);
    if (strncasecmp(want, "::ffff:", 7) == 0 && strchr(want, '.'))
        memmove(want, want + 7, strlen(want + 7) + 1);
    family = strchr(want, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, want, a) != 1)
        return false;
    for (unsigned i = 0; i < net->address_count; i++) {
        snprintf(have, sizeof(have), "%.*s", (int)strcspn(net->addresses[i], "/ "),
                 net->addresses[i]);
        if (inet_pton(family, have, b) == 1 && memcmp(a, b, family == AF_INET ? 4 : 16) == 0)
            return true;
    }
    return false;
}

/* Does the operator's session end at (names)? A bond above has the address, not the card. */
static bool carries_ssh(const struct ctl *ctl, const struct ctl_net *net, const struct names *names,
                        char address[64])
{
    char session[256];
    struct ctl_net above;

    if (!find_ssh(ctl, session, sizeof(session)) || sscanf(session, "%*s %*s %63s", address) != 1)
        return false;
    if (is_address_of(net, address))
        return true;
    for (unsigned i = 1; i < names->count; i++) {
        memset(&above, 0, sizeof(above));
        snprintf(above.ifname, sizeof(above.ifname), "%s", names->name[i]);
        if (ctl->ops->net_save(ctl->ctx, &above) == 0 && is_address_of(&above, address))
            return true;
    }
    return false;
}

/* ---- last card ------------------------------------------------------------------------------- */

static void read_mac(const struct ctl *ctl, const char *ifname, char out[32])
{
    char path[CTL_PATH_BYTES];

    (void)ctl_read(ctl_path(ctl, path, "/sys/class/net/%s/address", ifname), out, 32);
}

/* Another interface with hardware behind it; the card's own VF has its MAC and goes with it. */
static bool has_other_card(const struct ctl *ctl, const char *ifname)
{
    char path[CTL_PATH_BYTES], own[32], mac[32];
    const struct dirent *entry;
    DIR *dir = opendir(ctl_path(ctl, path, "/sys/class/net"));
    bool found = false;

    read_mac(ctl, ifname, own);
    while (dir && !found && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, ifname) == 0 ||
            !ctl_exists(ctl_path(ctl, path, "/sys/class/net/%s/device", entry->d_name)))
            continue;
        read_mac(ctl, entry->d_name, mac);
        found = strcmp(mac, own) != 0;
    }
    if (dir)
        closedir(dir);
    return found;
}

int ctl_guard(const struct ctl *ctl, const struct ctl_saved *saved)
{
    const char *ifname = saved->net.ifname;
    char address[64], why[160];
    struct names names;

    if (!ifname[0])
        return 0;
    collect_names(ctl, ifname, &names);
    if (carries_ssh(ctl, &saved->net, &names, address)) {
        snprintf(why, sizeof(why), "your SSH session comes in at its address %s", address);
        return app_fail(1, ifname, why,
                        "Come in another way (serial console, another card), or --force with "
                        "--rollback 60");
    }
    if (carries_default_route(ctl, &names))
        return app_fail(1, ifname, "it carries the default route",
                        "Use another card, move the route, or --force with --rollback 60");
    if (!has_other_card(ctl, ifname))
        return app_fail(1, ifname, "it is the last network card the kernel has",
                        "Add a card to the virtual machine, or --force with --rollback 60");
    return 0;
}
