/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * ROOT/devices has one folder (on a real machine: a link to one) per device of the bus, named by
 * its instance GUID. A network card is told by its class_id. What else we want to know is spread
 * over attributes, a link named driver, and the folders net/ (while the kernel's driver has the
 * card), uio/ (while user space may) and channels/.
 *
 * Devices vanish while we walk. A folder that has no class_id any more is skipped; of one that is
 * still there, what cannot be read or makes no sense stays empty or 0. The scan is for showing and
 * choosing; vmbus_open() reads strictly what it relies on.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmbus_sysfs_var.h"

#define NUMA_NODES_MAX 1023u

int vmbus_bus_find(const char *root, struct vmbus_bus *out)
{
    char path[VMBUS_PATH_BYTES];
    struct stat st;

    if (root == NULL)
        root = VMBUS_ROOT_DEFAULT;
    /* Room for the longest path below it is checked where that is made. */
    if (strlen(root) + sizeof("/dev") > sizeof(out->root))
        return -ENAMETOOLONG;
    if (vmbus_path(path, "%s/devices", root) != 0)
        return -ENAMETOOLONG;
    if (stat(path, &st) != 0)
        return errno == ENOTDIR ? -ENOENT : -errno;
    if (!S_ISDIR(st.st_mode))
        return -ENOENT;
    memcpy(out->root, root, strlen(root) + 1);
    (void)vmbus_path(path, "%s/dev", root);
    bool own = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    memcpy(out->dev, own ? path : "/dev", own ? strlen(path) + 1 : sizeof("/dev"));
    return 0;
}

/* Call (each) with every name in DIR/SUB until it returns true. False when it never did. */
static bool any_entry(const char *dir, const char *sub, bool (*each)(const char *name, void *arg),
                      void *arg)
{
    char path[VMBUS_PATH_BYTES];
    const struct dirent *entry;
    bool done = false;

    if (vmbus_path(path, "%s/%s", dir, sub) != 0)
        return false;
    DIR *stream = opendir(path);
    if (stream == NULL)
        return false;
    while (!done && (entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] != '.')
            done = each(entry->d_name, arg);
    }
    closedir(stream);
    return done;
}

/* uioN: its N. */
static bool take_uio(const char *name, void *arg)
{
    struct vmbus_info *info = arg;
    uint64_t number;

    if (strncmp(name, "uio", 3) != 0 || vmbus_parse_u64(name + 3, 10, INT16_MAX, &number) != 0)
        return false;
    info->uio = (int)number;
    return true;
}

static bool take_ifname(const char *name, void *arg)
{
    struct vmbus_info *info = arg;

    if (strlen(name) >= sizeof(info->ifname))
        return false;
    memcpy(info->ifname, name, strlen(name) + 1);
    return true;
}

/* A folder of channels/ is a relid. */
static bool count_channel(const char *name, void *arg)
{
    struct vmbus_info *info = arg;
    uint64_t relid;

    if (vmbus_parse_u64(name, 10, VMBUS_RELID_MAX, &relid) == 0 && relid != 0)
        info->channels++;
    return false;
}

/* The driver's name is where the link points to. */
static void read_driver(const char *dir, struct vmbus_info *info)
{
    char path[VMBUS_PATH_BYTES];
    char target[VMBUS_PATH_BYTES];

    if (vmbus_path(path, "%s/driver", dir) != 0)
        return;
    ssize_t len = readlink(path, target, sizeof(target) - 1);
    if (len <= 0)
        return;
    target[len] = '\0';
    const char *slash = strrchr(target, '/');
    const char *name = slash != NULL ? slash + 1 : target;
    if (strlen(name) < sizeof(info->driver))
        memcpy(info->driver, name, strlen(name) + 1);
}

static int read_guid(const char *dir, const char *name, uuid_t out)
{
    char text[64];

    int error = vmbus_sysfs_text(dir, name, text, sizeof(text));
    return error != 0 ? error : vmbus_guid_parse(text, out);
}

/* "-1" where there is one node only. */
static int read_numa_node(const char *dir)
{
    uint64_t node;

    return vmbus_sysfs_u64(dir, "numa_node", 10, NUMA_NODES_MAX, &node) == 0 ? (int)node : -1;
}

/* Describe the device in (dir) if it is a network card. */
static bool read_nic(const char *dir, const char *instance, struct vmbus_info *info)
{
    uuid_t nic_class;
    uint64_t relid = 0;

    memset(info, 0, sizeof(*info));
    if (strlen(instance) >= sizeof(info->instance) ||
        read_guid(dir, "class_id", info->class_id) != 0)
        return false;
    if (uuid_parse(VMBUS_CLASS_NIC, nic_class) != 0 || uuid_compare(info->class_id, nic_class) != 0)
        return false;
    memcpy(info->instance, instance, strlen(instance) + 1);
    (void)read_guid(dir, "device_id", info->device_id);
    if (vmbus_sysfs_u64(dir, "id", 10, VMBUS_RELID_MAX, &relid) == 0)
        info->relid = (uint32_t)relid;
    (void)vmbus_sysfs_monitor_id(dir, &info->monitor_id);
    info->numa_node = read_numa_node(dir);
    info->uio = -1;
    read_driver(dir, info);
    (void)any_entry(dir, "net", take_ifname, info);
    (void)any_entry(dir, "uio", take_uio, info);
    (void)any_entry(dir, "channels", count_channel, info);
    return true;
}

/* strcmp(), not strcoll(): the order must not depend on the user's language. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int vmbus_scan_nics(const struct vmbus_bus *bus, struct vmbus_info *out, size_t max)
{
    char path[VMBUS_PATH_BYTES];
    struct dirent **names;
    struct vmbus_info info;
    int found = 0;

    int error = vmbus_path(path, "%s/devices", bus->root);
    if (error != 0)
        return error;
    int count = scandir(path, &names, not_hidden, by_name);
    if (count < 0)
        return errno == ENOTDIR ? -ENOENT : -errno;
    for (int i = 0; i < count; i++) {
        if (vmbus_path(path, "%s/devices/%s", bus->root, names[i]->d_name) == 0 &&
            read_nic(path, names[i]->d_name, &info)) {
            if ((size_t)found < max)
                out[found] = info;
            found++;
        }
        free(names[i]);
    }
    free(names);
    return found;
}
