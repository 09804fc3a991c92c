/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening a device the scan has found. Which provider it takes is not asked of anybody: a uio
 * device is a character device, an emulated host's is a socket. Above this file nothing can tell
 * them apart.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "vmbus_sysfs_var.h"

/* Not bound to a driver that lets user space in: say to which instead. */
static int fail_unbound(const struct vmbus_info *info, struct vmbus_error *err)
{
    char remedy[sizeof(err->remedy)];

    (void)snprintf(remedy, sizeof(remedy),
                   "give it to user space: modprobe uio_hv_generic && "
                   "driverctl -b vmbus set-override %s uio_hv_generic",
                   info->instance);
    if (info->driver[0] == '\0')
        return vmbus_fail(err, -ENODEV, remedy, "NIC %s has no driver", info->instance);
    if (info->ifname[0] == '\0')
        return vmbus_fail(err, -ENODEV, remedy, "NIC %s is bound to %s", info->instance,
                          info->driver);
    return vmbus_fail(err, -ENODEV, remedy, "NIC %s is still bound to %s, as interface %s",
                      info->instance, info->driver, info->ifname);
}

/* The transport of (info), by whichever provider its node calls for. */
static int open_transport(const struct vmbus_bus *bus, const struct vmbus_info *info,
                          struct vmbus_error *err, struct vmbus_transport *out)
{
    char node[VMBUS_PATH_BYTES];
    struct stat st;

    if (info->uio < 0)
        return fail_unbound(info, err);
    if (vmbus_sysfs_node_path(bus, info, node) != 0)
        return vmbus_fail(err, -EPROTO, "use a shorter path for the bus", "%s is too long a path",
                          bus->dev);
    if (stat(node, &st) != 0) {
        int error = errno;
        if (error == EACCES || error == EPERM)
            return vmbus_fail(err, -error, "run as root, or get access to the folder",
                              "cannot look at %s: %s", node, strerror(error));
        return vmbus_fail(err, -ENODEV, "look again with: netvscctl list",
                          "NIC %s has no node %s: %s", info->instance, node, strerror(error));
    }
    if (S_ISCHR(st.st_mode))
        return vmbus_uio_open(bus, info, err, out);
    if (S_ISSOCK(st.st_mode))
        return vmbus_shm_open(bus, info, err, out);
    return vmbus_fail(err, -ENODEV, "point --bus at /sys/bus/vmbus or at an emulated host",
                      "%s is neither a uio device nor a socket", node);
}

int vmbus_open(const struct vmbus_bus *bus, const struct vmbus_info *info, struct vmbus_error *err,
               struct vmbus_device **out)
{
    struct vmbus_transport t = {0};

    *out = NULL;
    int error = open_transport(bus, info, err, &t);
    if (error != 0)
        return error;
    error = vmbus_device_create(&t, out);
    if (error == 0)
        return 0;
    t.ops->close(t.ctx);
    return vmbus_fail(err, error == -EINVAL ? -EPROTO : error,
                      "close other programs that use the NIC; bind it anew",
                      "the memory of NIC %s makes no sense: %s", info->instance, strerror(-error));
}
