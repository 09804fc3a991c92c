/* SPDX-License-Identifier: BSD-3-Clause */
/* Which card: by GUID, by the kernel's interface name, by MAC address, or the only one there is. */
#include "app_var.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static int fail_no_bus(const char *dir, int rc)
{
    char what[300];

    snprintf(what, sizeof(what), "no VMBus at %s", dir ? dir : VMBUS_ROOT_DEFAULT);
    if (rc == -EACCES || rc == -EPERM)
        return app_fail(1, what, "no permission to look", "Run as root");
    if (rc == -ENAMETOOLONG)
        return app_fail(2, "--bus", "the path is too long", "Give a shorter one");
    return app_fail(1, what, "this is no Hyper-V guest, or the directory is wrong",
                    "Give --bus DIR of a running hvhost, or --emulate tap=NAME");
}

bool app_bus_mac(const struct vmbus_bus *bus, const struct vmbus_info *info, char *out,
                 size_t out_bytes)
{
    char path[400], line[32];
    FILE *file;
    bool ok = false;

    if (!info->ifname[0])
        return false;
    snprintf(path, sizeof(path), "%s/devices/%s/net/%s/address", bus->root, info->instance,
             info->ifname);
    file = fopen(path, "re");
    if (!file)
        return false;
    if (fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        ok = snprintf(out, out_bytes, "%s", line) < (int)out_bytes;
    }
    fclose(file);
    return ok;
}

/* Does (info) answer to (nic)? */
static bool matches(const struct vmbus_bus *bus, const struct vmbus_info *info, const char *nic)
{
    char mac[32];
    uuid_t guid;

    if (vmbus_guid_parse(nic, guid) == 0)
        return uuid_compare(guid, info->device_id) == 0;
    if (info->ifname[0] && strcmp(nic, info->ifname) == 0)
        return true;
    return app_bus_mac(bus, info, mac, sizeof(mac)) && strcasecmp(nic, mac) == 0;
}

static int fail_choice(const struct vmbus_info *nics, size_t count)
{
    char why[2048] = "";
    size_t used = 0;

    for (size_t i = 0; i < count && used < sizeof(why); i++)
        used +=
            (size_t)snprintf(why + used, sizeof(why) - used, "%s%s%s%s", i ? ", " : "there are ",
                             nics[i].instance, nics[i].ifname[0] ? " " : "", nics[i].ifname);
    return app_fail(2, "which card", why, "Give --nic GUID");
}

/* Nothing answers to (nic): was it meant as a GUID, a name or a MAC address? */
static int fail_unknown(const char *nic)
{
    uint8_t mac[6];
    uuid_t guid;
    char what[96];

    snprintf(what, sizeof(what), "--nic %.64s", nic);
    if (vmbus_guid_parse(nic, guid) == 0)
        return app_fail(1, what, "no card has this GUID", "Run netvscctl list");
    if (app_mac_parse(nic, mac))
        return app_fail(1, what, "no card shows this address; only those of hv_netvsc show theirs",
                        "Give the GUID, see netvscctl list");
    if (strpbrk(nic, "-{}") && strlen(nic) > 15)
        return app_fail(2, what, "not a GUID", "Write it as f8615163-df3e-46c5-913f-f2d2f965ed0e");
    return app_fail(1, what, "no card has this interface name", "Run netvscctl list");
}

int app_bus_scan(const char *dir, struct vmbus_bus *bus, struct vmbus_info nics[APP_NICS_MAX],
                 int *count)
{
    int rc = vmbus_bus_find(dir, bus);

    if (rc == 0)
        rc = vmbus_scan_nics(bus, nics, APP_NICS_MAX);
    if (rc < 0)
        return fail_no_bus(dir, rc);
    *count = rc < (int)APP_NICS_MAX ? rc : (int)APP_NICS_MAX;
    return 0;
}

int app_bus_choose(struct app_bus *bus, const char *dir, const char *nic)
{
    struct vmbus_info nics[APP_NICS_MAX];
    int count = 0;
    const int status = app_bus_scan(dir, &bus->bus, nics, &count);

    if (status)
        return status;
    if (count == 0)
        return app_fail(1, "no network card", "the bus has none", "Add one to the virtual machine");
    if (!nic && count > 1)
        return fail_choice(nics, (size_t)count);
    for (int i = 0; i < count; i++) {
        if (nic && !matches(&bus->bus, &nics[i], nic))
            continue;
        bus->info = nics[i];
        return 0;
    }
    return fail_unknown(nic);
}

/* The kernel's driver has the card, or none: say how to hand it over. */
static int fail_unbound(const struct vmbus_info *info)
{
    char what[64], why[128], remedy[160];

    snprintf(what, sizeof(what), "card %s", info->instance);
    if (info->driver[0])
        snprintf(why, sizeof(why), "it is bound to %s%s%s", info->driver,
                 info->ifname[0] ? " as " : "", info->ifname);
    else
        snprintf(why, sizeof(why), "it is bound to no driver");
    snprintf(remedy, sizeof(remedy), "Bind it: netvscctl bind %s", info->instance);
    return app_fail(1, what, why, remedy);
}

int app_bus_open_first(struct app_bus *bus, struct vmbus_device **out)
{
    struct vmbus_error err = {.what = "", .remedy = ""};
    char what[64], why[300];
    int rc;

    if (bus->info.uio < 0)
        return fail_unbound(&bus->info);
    rc = vmbus_open(&bus->bus, &bus->info, &err, out);
    if (rc == 0)
        return 0;
    snprintf(what, sizeof(what), "card %s", bus->info.instance);
    snprintf(why, sizeof(why), "%s%s", rc == -EACCES || rc == -EPERM ? "no permission: " : "",
             err.what[0] ? err.what : strerror(-rc));
    return app_fail(1, what, why, err.remedy[0] ? err.remedy : "Run netvscctl list");
}

int app_bus_open(void *ctx, struct vmbus_device **out)
{
    struct app_bus *bus = ctx;
    struct vmbus_info nics[APP_NICS_MAX];
    const int count = vmbus_scan_nics(&bus->bus, nics, APP_NICS_MAX);

    *out = NULL;
    /* A host that restarted may offer the card under another relid and uio number. */
    for (int i = 0; i < count && i < (int)APP_NICS_MAX; i++) {
        if (strcmp(nics[i].instance, bus->info.instance) != 0)
            continue;
        if (nics[i].uio < 0)
            return -ENODEV;
        return vmbus_open(&bus->bus, &nics[i], NULL, out);
    }
    return count < 0 ? count : -ENODEV;
}
