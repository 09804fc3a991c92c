/* SPDX-License-Identifier: BSD-3-Clause */
/* netvscctl doctor: what it says about one card. */
#include "ctl_doctor.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static void check_driver(struct ctl_doctor *d)
{
    const struct vmbus_info *nic = &d->ctl->nic;
    const char *as = nic->ifname[0] ? " as " : "";
    char remedy[80];

    if (strcmp(nic->driver, CTL_DRIVER) == 0) {
        ctl_doctor_say(d, CTL_OK, "driver", NULL, "%s has " CTL_DRIVER ", uio%d", nic->instance,
                       nic->uio);
        return;
    }
    snprintf(remedy, sizeof(remedy), "netvscctl bind %s", nic->instance);
    ctl_doctor_say(d, d->must_be_bound ? CTL_BAD : CTL_NOTE, "driver", remedy, "%s has %s%s%s",
                   nic->instance, nic->driver[0] ? nic->driver : "no driver", as, nic->ifname);
}

static void check_override(struct ctl_doctor *d)
{
    char path[CTL_PATH_BYTES];

    if (ctl_exists(ctl_bus_path(d->ctl, path, "/devices/%s/driver_override", d->ctl->nic.instance)))
        ctl_doctor_say(d, CTL_OK, "override", NULL, "driver_override is there");
    else
        ctl_doctor_say(d, CTL_NOTE, "override", "Bind again after each boot",
                       "no driver_override; bind uses new_id, which nothing remembers");
}

/* ---- what only a bound card shows ------------------------------------------------------------ */

static const char *const map_names[] = {"txrx_rings", "int_page", "monitor_page", "recv:", "send:"};
#define MAPS (sizeof(map_names) / sizeof(map_names[0]))

/* Which of the names (name) is, as a bit. The buffers' names end in a handle. */
static unsigned map_bit(const char *name)
{
    for (unsigned i = 0; i < MAPS; i++) {
        const size_t len = strlen(map_names[i]);

        if (strncmp(name, map_names[i], len) == 0 &&
            (map_names[i][len - 1] == ':' || name[len] == '\0'))
            return 1u << i;
    }
    return 0;
}

static void check_maps(struct ctl_doctor *d)
{
    const struct vmbus_info *nic = &d->ctl->nic;
    char path[CTL_PATH_BYTES], name[64], missing[80] = "";
    unsigned found = 0;

    for (unsigned k = 0; k < MAPS; k++) {
        ctl_bus_path(d->ctl, path, "/devices/%s/uio/uio%d/maps/map%u/name", nic->instance, nic->uio,
                     k);
        if (ctl_read(path, name, sizeof(name)) == 0)
            found |= map_bit(name);
    }
    for (unsigned i = 0; i < MAPS; i++) {
        if (!(found & 1u << i))
            snprintf(missing + strlen(missing), sizeof(missing) - strlen(missing), " %s",
                     map_names[i]);
    }
    if (missing[0])
        ctl_doctor_say(d, CTL_BAD, "maps", "Use Linux 4.16 or later", "missing:%s", missing);
    else
        ctl_doctor_say(d, CTL_OK, "maps", NULL, "all five");
}

static void check_rings(struct ctl_doctor *d)
{
    char path[CTL_PATH_BYTES];

    if (ctl_exists(ctl_bus_path(d->ctl, path, "/devices/%s/channels/%u/ring", d->ctl->nic.instance,
                                d->ctl->nic.relid)))
        ctl_doctor_say(d, CTL_OK, "queues", NULL, "rings of sub-channels can be mapped");
    else
        ctl_doctor_say(d, CTL_NOTE, "queues", "For several queues: Linux 5.0 or later",
                       "one only, no channels/%u/ring", d->ctl->nic.relid);
}

static void check_node(struct ctl_doctor *d)
{
    char path[CTL_PATH_BYTES];

    snprintf(path, sizeof(path), "%s/uio%d", d->ctl->bus.dev, d->ctl->nic.uio);
    if (access(path, R_OK | W_OK) == 0)
        ctl_doctor_say(d, CTL_OK, "access", NULL, "%s can be opened", path);
    else
        ctl_doctor_say(d, CTL_BAD, "access",
                       errno == ENOENT ? "Is udev running? See dmesg"
                                       : "Run as root, or allow it by a udev rule",
                       "%s: %s", path, strerror(errno));
}

static void check_monitor(struct ctl_doctor *d)
{
    if (d->ctl->nic.monitor_id != VMBUS_MONITOR_NONE)
        ctl_doctor_say(d, CTL_OK, "doorbell", NULL, "monitor page, bit %u", d->ctl->nic.monitor_id);
    else if (d->release[0] && ctl_doctor_kernel_before(d, 6, 10))
        ctl_doctor_say(d, CTL_BAD, "doorbell", "Use Linux 6.10 or later",
                       "the host gave no monitor bit, and %s cannot signal without", d->release);
    else
        ctl_doctor_say(d, CTL_OK, "doorbell", NULL, "by the kernel, the host gave no monitor bit");
}

/* ---- accelerated networking ------------------------------------------------------------------ */

/* Of the interface, or of the one there was before the bind. */
static bool find_mac(struct ctl_doctor *d, char mac[32])
{
    struct ctl_saved saved;

    if (app_bus_mac(&d->ctl->bus, &d->ctl->nic, mac, 32))
        return true;
    if (ctl_saved_read(d->ctl->state_dir, d->ctl->nic.instance, &saved) != 0)
        return false;
    snprintf(mac, 32, "%s", saved.net.mac);
    return mac[0] != '\0';
}

static bool is_pci(const struct ctl *ctl, const char *ifname)
{
    char path[CTL_PATH_BYTES], target[CTL_PATH_BYTES];
    const ssize_t len = readlink(ctl_path(ctl, path, "/sys/class/net/%s/device/subsystem", ifname),
                                 target, sizeof(target) - 1);

    if (len <= 0)
        return false;
    target[len] = '\0';
    return len >= 4 && strcmp(target + len - 4, "/pci") == 0;
}

static void check_vf(struct ctl_doctor *d)
{
    char path[CTL_PATH_BYTES], own[32], mac[32], found[16] = "";
    const struct dirent *entry;
    DIR *dir;

    if (!find_mac(d, own))
        return;
    dir = opendir(ctl_path(d->ctl, path, "/sys/class/net"));
    while (dir && (entry = readdir(dir)) != NULL) {
        ctl_path(d->ctl, path, "/sys/class/net/%s/address", entry->d_name);
        if (strlen(entry->d_name) < sizeof(found) && is_pci(d->ctl, entry->d_name) &&
            ctl_read(path, mac, sizeof(mac)) == 0 && strcasecmp(mac, own) == 0)
            memcpy(found, entry->d_name, strlen(entry->d_name) + 1);
    }
    if (dir)
        closedir(dir);
    if (found[0])
        ctl_doctor_say(d, CTL_NOTE, "vf", "Best turn accelerated networking off for this card",
                       "accelerated networking: %s has its MAC address; traffic stays on the "
                       "synthetic card",
                       found);
    else
        ctl_doctor_say(d, CTL_OK, "vf", NULL, "no accelerated networking");
}

void ctl_doctor_card(struct ctl_doctor *d)
{
    check_driver(d);
    check_override(d);
    check_monitor(d);
    check_vf(d);
    if (d->ctl->nic.uio < 0)
        return;
    check_maps(d);
    check_rings(d);
    check_node(d);
}
