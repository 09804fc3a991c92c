/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way back: by unbind, by a bind that failed half way, and by the dead man's switch. All three
 * start from where things stand, not from what was done: what is right already is not written.
 */
#include "ctl_var.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A probe of uio_hv_generic registers 47 MiB with the host: about a second. */
#define WAIT_MS 10000u
#define WAIT_STEP_MS 50u
/* udev gives the interface its name after the kernel has shown it. */
#define RENAME_MS 2000u
#define KERNEL_DRIVER "hv_netvsc"

/* ---- waiting --------------------------------------------------------------------------------- */

static bool arrived(const struct vmbus_info *nic, const char *driver)
{
    if (strcmp(nic->driver, driver) != 0)
        return false;
    if (strcmp(driver, CTL_DRIVER) == 0)
        return nic->uio >= 0;
    return strcmp(driver, KERNEL_DRIVER) != 0 || nic->ifname[0];
}

int ctl_wait_driver(struct ctl *ctl, const char *driver)
{
    for (unsigned ms = 0; ms <= WAIT_MS; ms += WAIT_STEP_MS) {
        const int rc = ctl_look(ctl);

        if (rc)
            return rc;
        if (arrived(&ctl->nic, driver))
            return 0;
        ctl->ops->pause(ctl->ctx, WAIT_STEP_MS);
    }
    return -ETIMEDOUT;
}

/* Another name than before may be on its way to the right one. */
static void wait_name(struct ctl *ctl, const char *ifname)
{
    for (unsigned ms = 0; ms < RENAME_MS && strcmp(ctl->nic.ifname, ifname) != 0;
         ms += WAIT_STEP_MS) {
        ctl->ops->pause(ctl->ctx, WAIT_STEP_MS);
        (void)ctl_look(ctl);
    }
}

/* ---- driverctl's memory ---------------------------------------------------------------------- */

static const char *persist_path(const struct ctl *ctl, char out[CTL_PATH_BYTES])
{
    return ctl_path(ctl, out, "/etc/driverctl.d/vmbus-%s", ctl->nic.instance);
}

int ctl_persist(const struct ctl *ctl)
{
    char path[CTL_PATH_BYTES];

    return ctl_write_file(persist_path(ctl, path), CTL_DRIVER "\n");
}

static int forget(const struct ctl *ctl)
{
    char path[CTL_PATH_BYTES];

    return unlink(persist_path(ctl, path)) == 0 || errno == ENOENT ? 0 : -errno;
}

/* ---- giving back ----------------------------------------------------------------------------- */

int ctl_put_failed(const char *path, int rc)
{
    const char *remedy = "See dmesg, and netvscctl doctor";

    if (rc == -EACCES || rc == -EPERM)
        remedy = "Run as root";
    else if (rc == -ENOENT)
        remedy = "This bus has no such driver; an emulated one has none to change";
    return app_fail(1, path, strerror(-rc), remedy);
}

/* Write (text); what fails is said, and the rest is tried all the same. Exit status. */
static int put(struct ctl *ctl, const char *path, const char *text)
{
    const int rc = ctl->ops->write(ctl->ctx, path, text);

    return rc ? ctl_put_failed(path, rc) : 0;
}

static int put_override(struct ctl *ctl, const struct ctl_saved *saved)
{
    char path[CTL_PATH_BYTES], now[64];

    ctl_bus_path(ctl, path, "/devices/%s/driver_override", ctl->nic.instance);
    if (ctl_read(path, now, sizeof(now)) != 0)
        return 0;
    if (strcmp(now, "(null)") == 0)
        now[0] = '\0';
    if (strcmp(now, saved->driver_override) == 0)
        return 0;
    /* An empty line, not an empty write: that would not reach the kernel. */
    return put(ctl, path, saved->driver_override[0] ? saved->driver_override : "\n");
}

/* The class stays in the driver's list as long as another card got there through it. */
static int remove_id(struct ctl *ctl, const struct ctl_saved *saved)
{
    char path[CTL_PATH_BYTES];
    struct vmbus_info nics[APP_NICS_MAX];
    const int count = saved->id_added ? vmbus_scan_nics(&ctl->bus, nics, APP_NICS_MAX) : 0;

    for (int i = 0; i < count && i < (int)APP_NICS_MAX; i++) {
        if (strcmp(nics[i].driver, CTL_DRIVER) == 0 &&
            strcmp(nics[i].instance, ctl->nic.instance) != 0)
            return 0;
    }
    if (!saved->id_added)
        return 0;
    return put(ctl, ctl_bus_path(ctl, path, "/drivers/" CTL_DRIVER "/remove_id"), VMBUS_CLASS_NIC);
}

/* From the driver it has to the one it had. (*moved): its interface is a new one. Exit status. */
static int put_driver(struct ctl *ctl, const char *driver, bool *moved)
{
    char path[CTL_PATH_BYTES];
    int status = 0;

    if (strcmp(ctl->nic.driver, driver) == 0)
        return 0;
    if (ctl->nic.driver[0]) {
        status = put(ctl, ctl_bus_path(ctl, path, "/drivers/%s/unbind", ctl->nic.driver),
                     ctl->nic.instance);
        if (status == 0)
            status = ctl_wait_driver(ctl, "") ? 1 : 0;
    }
    if (status == 0 && driver[0])
        status = put(ctl, ctl_bus_path(ctl, path, "/drivers/%s/bind", driver), ctl->nic.instance);
    *moved = status == 0;
    return status;
}

/* Exit status. */
static int put_net(struct ctl *ctl, const struct ctl_net *net)
{
    char line[CTL_LINE_BYTES], remedy[CTL_LINE_BYTES + 64];
    int rc;

    if (!net->ifname[0])
        return 0;
    wait_name(ctl, net->ifname);
    if (!ctl->nic.ifname[0])
        return app_fail(1, net->ifname, "the card has no interface to give its addresses to",
                        "See dmesg; then netvscctl unbind");
    rc = ctl->ops->net_restore(ctl->ctx, ctl->nic.ifname, net, line);
    if (rc == 0)
        return 0;
    snprintf(remedy, sizeof(remedy), "Set by hand: %s", line);
    return app_fail(1, net->ifname, strerror(-rc), remedy);
}

int ctl_give_back(struct ctl *ctl, const struct ctl_saved *saved)
{
    char what[64];
    bool moved = false;
    int status;

    if (ctl_look(ctl) != 0) {
        snprintf(what, sizeof(what), "card %s", saved->guid);
        return app_fail(1, what, "it has left the bus", "See netvscctl list");
    }
    /* Before the driver: hv_netvsc refuses a card whose override names another. */
    status = put_override(ctl, saved);
    status |= remove_id(ctl, saved);
    status |= put_driver(ctl, saved->driver, &moved);
    if (moved && ctl_wait_driver(ctl, saved->driver) != 0) {
        snprintf(what, sizeof(what), "card %s", saved->guid);
        return app_fail(1, what, "it did not get its driver back in time",
                        "See dmesg; then netvscctl unbind");
    }
    if (moved)
        status |= put_net(ctl, &saved->net);
    return status;
}

/* ---- the command ----------------------------------------------------------------------------- */

static void show(const struct ctl *ctl, const struct ctl_saved *saved, bool once)
{
    char path[CTL_PATH_BYTES];

    if (ctl_exists(ctl_bus_path(ctl, path, "/devices/%s/driver_override", ctl->nic.instance)))
        printf("write an empty line to %s\n", path);
    if (saved->id_added)
        printf("write " VMBUS_CLASS_NIC " to %s\n",
               ctl_bus_path(ctl, path, "/drivers/" CTL_DRIVER "/remove_id"));
    if (ctl->nic.driver[0])
        printf("write %s to %s\n", ctl->nic.instance,
               ctl_bus_path(ctl, path, "/drivers/%s/unbind", ctl->nic.driver));
    printf("write %s to %s\n", ctl->nic.instance,
           ctl_bus_path(ctl, path, "/drivers/%s/bind", saved->driver));
    if (saved->net.ifname[0])
        printf("restore %u addresses and %u routes of %s\n", saved->net.address_count,
               saved->net.route_count, saved->net.ifname);
    if (!once)
        printf("remove %s\n", persist_path(ctl, path));
}

int ctl_unbind(struct ctl *ctl, bool once, bool dry_run)
{
    struct ctl_saved saved;
    int rc = ctl_saved_read(ctl->state_dir, ctl->nic.instance, &saved);
    int status;

    if (rc) {
        /* Bound by driverctl, or by hand, or before this boot: the kernel's defaults. */
        memset(&saved, 0, sizeof(saved));
        memcpy(saved.guid, ctl->nic.instance, sizeof(saved.guid));
    }
    if (!saved.driver[0])
        snprintf(saved.driver, sizeof(saved.driver), KERNEL_DRIVER);
    saved.driver_override[0] = '\0';
    if (dry_run) {
        show(ctl, &saved, once);
        return 0;
    }
    if (ctl_used(ctl) != 0)
        return 1;
    (void)ctl_rollback_disarm(ctl);
    status = ctl_give_back(ctl, &saved);
    rc = once ? 0 : forget(ctl);
    if (rc)
        status = app_fail(1, "/etc/driverctl.d", strerror(-rc), "Run as root");
    if (status)
        return status;
    ctl_saved_remove(ctl->state_dir, saved.guid);
    printf("%s: %s%s%s\n", ctl->nic.instance, saved.driver, ctl->nic.ifname[0] ? ", " : "",
           ctl->nic.ifname);
    return 0;
}
