/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Everything under sysfs is text written by somebody else: a kernel of unknown age, or the emulated
 * host's folder that mirrors it. Files come and go while we look (a card is unbound, a sub-channel
 * closes), so a missing file is an ordinary answer and never ends a walk; a file that is there but
 * holds nonsense is -EPROTO.
 *
 * An attribute is read with one read() into a bounded buffer, as sysfs promises to give it whole.
 * A number must fill its line: "7 " or "+7" is nonsense, because whoever writes that is not the
 * kernel we know.
 *
 * The five maps are found by name. Their numbers differ between kernels, and a kernel too old to
 * export the buffers shows itself by the missing names. The names of the two buffers carry the only
 * copy of the GPADL handles that user space can get at.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmbus_sysfs_var.h"

/* A uio device has at most five maps (MAX_UIO_MAPS); a few more cost nothing to look for. */
#define MAPS_LOOKED_AT 16u
/* No kernel gives out more than 31 MiB; beyond this the number is a mistake, not a buffer. */
#define MAP_BYTES_MAX (1u << 30)

int vmbus_fail(struct vmbus_error *err, int result, const char *remedy, const char *what, ...)
{
    if (err == NULL)
        return result;
    va_list ap;
    va_start(ap, what);
    (void)vsnprintf(err->what, sizeof(err->what), what, ap);
    va_end(ap);
    (void)snprintf(err->remedy, sizeof(err->remedy), "%s", remedy);
    return result;
}

int vmbus_path(char out[VMBUS_PATH_BYTES], const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    int len = vsnprintf(out, VMBUS_PATH_BYTES, format, ap);
    va_end(ap);
    if (len >= 0 && (size_t)len < VMBUS_PATH_BYTES)
        return 0;
    out[0] = '\0';
    return -ENAMETOOLONG;
}

int vmbus_sysfs_device_dir(const struct vmbus_bus *bus, const struct vmbus_info *info,
                           char out[VMBUS_PATH_BYTES])
{
    return vmbus_path(out, "%s/devices/%s", bus->root, info->instance);
}

int vmbus_sysfs_node_path(const struct vmbus_bus *bus, const struct vmbus_info *info,
                          char out[VMBUS_PATH_BYTES])
{
    return vmbus_path(out, "%s/uio%d", bus->dev, info->uio);
}

int vmbus_parse_u64(const char *text, int base, uint64_t max, uint64_t *out)
{
    char *end;

    /* strtoull() would take leading blanks and a sign, and negate. */
    if (!isdigit((unsigned char)text[0]))
        return -EINVAL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, base);
    if (errno != 0 || *end != '\0' || value > max)
        return -EINVAL;
    *out = value;
    return 0;
}

int vmbus_sysfs_text(const char *dir, const char *name, char *out, size_t size)
{
    char path[VMBUS_PATH_BYTES];
    int error;

    out[0] = '\0';
    error = vmbus_path(path, "%s/%s", dir, name);
    if (error != 0)
        return error;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t got = read(fd, out, size);
    error = got < 0 ? -errno : 0;
    close(fd);
    if (got < 0 || (size_t)got == size) {
        out[0] = '\0';
        return error != 0 ? error : -EPROTO;
    }
    out[got] = '\0';
    size_t line = strcspn(out, "\n");
    /* More after the line end, or a NUL inside: not a sysfs attribute. */
    if (line + (out[line] == '\n') != (size_t)got) {
        out[0] = '\0';
        return -EPROTO;
    }
    out[line] = '\0';
    return 0;
}

int vmbus_sysfs_u64(const char *dir, const char *name, int base, uint64_t max, uint64_t *out)
{
    char text[32];

    int error = vmbus_sysfs_text(dir, name, text, sizeof(text));
    if (error != 0)
        return error;
    return vmbus_parse_u64(text, base, max, out) == 0 ? 0 : -EPROTO;
}

int vmbus_sysfs_monitor_id(const char *dir, uint8_t *out)
{
    uint64_t id;

    *out = VMBUS_MONITOR_NONE;
    int error = vmbus_sysfs_u64(dir, "monitor_id", 10, VMBUS_MONITOR_NONE, &id);
    if (error == -ENOENT)
        return 0;
    if (error != 0)
        return error;
    if (id >= VMBUS_MONITOR_COUNT && id != VMBUS_MONITOR_NONE)
        return -EPROTO;
    *out = (uint8_t)id;
    return 0;
}

/* ---- maps ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    bool has_gpadl;
} map_names[VMBUS_MAP_KINDS] = {
    [VMBUS_MAP_RINGS] = {"txrx_rings", false},
    [VMBUS_MAP_INT_PAGE] = {"int_page", false},
    [VMBUS_MAP_MONITOR_PAGE] = {"monitor_page", false},
    [VMBUS_MAP_RECV] = {"recv:", true},
    [VMBUS_MAP_SEND] = {"send:", true},
};

/* Which of the five (name) is, and its handle; VMBUS_MAP_KINDS when it is none of them. */
static enum vmbus_map_kind map_kind(const char *name, uint64_t *gpadl)
{
    *gpadl = 0;
    for (unsigned kind = 0; kind < VMBUS_MAP_KINDS; kind++) {
        size_t len = strlen(map_names[kind].name);
        if (!map_names[kind].has_gpadl) {
            if (strcmp(name, map_names[kind].name) == 0)
                return (enum vmbus_map_kind)kind;
        } else if (strncmp(name, map_names[kind].name, len) == 0 &&
                   vmbus_parse_u64(name + len, 0, UINT32_MAX, gpadl) == 0) {
            return (enum vmbus_map_kind)kind;
        }
    }
    return VMBUS_MAP_KINDS;
}

/* Size and offset of the map described in (dir). */
static int map_read(const char *dir, struct vmbus_map *out)
{
    uint64_t size;
    uint64_t offset;

    int error = vmbus_sysfs_u64(dir, "size", 0, MAP_BYTES_MAX, &size);
    if (error == 0)
        error = vmbus_sysfs_u64(dir, "offset", 0, VMBUS_PAGE_BYTES - 1, &offset);
    if (error != 0)
        return error;
    if (size == 0 || size % VMBUS_PAGE_BYTES != 0)
        return -EPROTO;
    out->size_bytes = (size_t)size;
    out->off_bytes = (size_t)offset;
    return 0;
}

/* Look at mapK below (maps): 0 = seen or not ours, -ENOENT no such map, -EPROTO nonsense. */
static int map_look(const char *maps, unsigned index, struct vmbus_map out[VMBUS_MAP_KINDS])
{
    char dir[VMBUS_PATH_BYTES];
    char name[64];
    uint64_t gpadl;

    int error = vmbus_path(dir, "%s/map%u", maps, index);
    if (error == 0)
        error = vmbus_sysfs_text(dir, "name", name, sizeof(name));
    if (error != 0)
        return error;
    enum vmbus_map_kind kind = map_kind(name, &gpadl);
    if (kind == VMBUS_MAP_KINDS)
        return 0;
    if (out[kind].size_bytes != 0)
        return -EPROTO;
    out[kind].index = index;
    out[kind].gpadl = (uint32_t)gpadl;
    return map_read(dir, &out[kind]);
}

int vmbus_sysfs_maps(const struct vmbus_bus *bus, const struct vmbus_info *info,
                     struct vmbus_error *err, struct vmbus_map out[VMBUS_MAP_KINDS])
{
    char maps[VMBUS_PATH_BYTES];

    memset(out, 0, VMBUS_MAP_KINDS * sizeof(out[0]));
    if (vmbus_path(maps, "%s/devices/%s/uio/uio%d/maps", bus->root, info->instance, info->uio) != 0)
        return vmbus_fail(err, -EPROTO, "use a shorter path for the bus",
                          "the path of %s is too long", info->instance);
    if (access(maps, F_OK) != 0)
        return vmbus_fail(err, -ENODEV, "look again: netvscctl list", "%s has gone (%s: %s)",
                          info->instance, maps, strerror(errno));
    for (unsigned index = 0; index < MAPS_LOOKED_AT; index++) {
        int error = map_look(maps, index, out);
        if (error != 0 && error != -ENOENT)
            return vmbus_fail(err, error == -EACCES ? error : -EPROTO,
                              error == -EACCES ? "run as root"
                                               : "report this with your kernel version",
                              "cannot make sense of %s/map%u: %s", maps, index, strerror(-error));
    }
    for (unsigned kind = 0; kind < VMBUS_MAP_KINDS; kind++) {
        if (out[kind].size_bytes == 0)
            return vmbus_fail(err, -ENOTSUP, "use Linux 4.16 or later",
                              "this kernel's uio_hv_generic gives no map named %s%s for %s",
                              map_names[kind].name, map_names[kind].has_gpadl ? "<handle>" : "",
                              info->instance);
    }
    return 0;
}

/* ---- channels -------------------------------------------------------------------------------- */

/* Whether the folder channels/NAME is channel (index): 1, 0 no or closing, or -EPROTO nonsense. */
static int channel_look(const char *channels, const char *name, uint32_t index, uint32_t *relid)
{
    char dir[VMBUS_PATH_BYTES];
    uint64_t number;
    uint64_t subchannel;

    if (vmbus_parse_u64(name, 10, VMBUS_RELID_MAX, &number) != 0 || number == 0)
        return -EPROTO;
    if (vmbus_path(dir, "%s/%s", channels, name) != 0)
        return -EPROTO;
    int error = vmbus_sysfs_u64(dir, "subchannel_id", 10, UINT16_MAX, &subchannel);
    if (error != 0)
        return error == -EPROTO ? error : 0; /* not whole yet, or closed while we looked */
    *relid = (uint32_t)number;
    return subchannel == index;
}

int vmbus_sysfs_channel_find(const char *device_dir, uint32_t index, uint32_t *relid)
{
    char channels[VMBUS_PATH_BYTES];
    const struct dirent *entry;
    int found = 0;

    if (vmbus_path(channels, "%s/channels", device_dir) != 0)
        return -EPROTO;
    DIR *dir = opendir(channels);
    if (dir == NULL)
        return -EAGAIN;
    while (found == 0 && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.')
            found = channel_look(channels, entry->d_name, index, relid);
    }
    closedir(dir);
    if (found < 0)
        return -EPROTO;
    return found == 1 ? 0 : -EAGAIN;
}

int vmbus_sysfs_primary(const char *device_dir, struct vmbus_error *err,
                        struct vmbus_chan_region *out)
{
    uint64_t relid;

    int error = vmbus_sysfs_u64(device_dir, "id", 10, VMBUS_RELID_MAX, &relid);
    if (error != 0 || relid == 0)
        return vmbus_fail(err, -EPROTO, "report this with your kernel version",
                          "%s/id is no channel number: %s", device_dir,
                          strerror(error ? -error : EPROTO));
    error = vmbus_sysfs_monitor_id(device_dir, &out->monitor_id);
    if (error != 0)
        return vmbus_fail(err, -EPROTO, "report this with your kernel version",
                          "%s/monitor_id is no monitor number: %s", device_dir, strerror(-error));
    out->relid = (uint32_t)relid;
    out->subchannel = 0;
    return 0;
}
