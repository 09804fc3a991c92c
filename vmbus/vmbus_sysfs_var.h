/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private to vmbus/: reading the sysfs tree of a bus. The scan and both providers parse with these
 * functions only, so the emulated host's tree and a real one cannot be read differently.
 */
#ifndef VMBUS_SYSFS_VAR_H
#define VMBUS_SYSFS_VAR_H

#include "vmbus_var.h"

#define VMBUS_PATH_BYTES 512u

/* snprintf() that fails instead of cutting: 0 or -ENAMETOOLONG, then (*out) is empty. */
int vmbus_path(char out[VMBUS_PATH_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ROOT/devices/INSTANCE, and the node DEV/uioN. */
int vmbus_sysfs_device_dir(const struct vmbus_bus *bus, const struct vmbus_info *info,
                           char out[VMBUS_PATH_BYTES]);
int vmbus_sysfs_node_path(const struct vmbus_bus *bus, const struct vmbus_info *info,
                          char out[VMBUS_PATH_BYTES]);

/*
 * The whole of (text) as a number <= (max): digits only, no sign, no blanks. (base) as strtoul():
 * 0 takes "0x10" too. -EINVAL.
 */
int vmbus_parse_u64(const char *text, int base, uint64_t max, uint64_t *out);

/*
 * First line of the attribute DIR/NAME without its newline. -errno of the file, -EPROTO when it
 * does not fit (size) or holds a NUL. (*out) is terminated always, empty on failure.
 */
int vmbus_sysfs_text(const char *dir, const char *name, char *out, size_t size);

/* The same as a number; -EPROTO when it is none or above (max). */
int vmbus_sysfs_u64(const char *dir, const char *name, int base, uint64_t max, uint64_t *out);

/*
 * A monitor_id attribute below (dir), 0..127; VMBUS_MONITOR_NONE when there is none or it says 255.
 * -EPROTO for any other value.
 */
int vmbus_sysfs_monitor_id(const char *dir, uint8_t *out);

/* ---- maps of a uio device ------------------------------------------------------------------ */

enum vmbus_map_kind {
    VMBUS_MAP_RINGS,        /* "txrx_rings" */
    VMBUS_MAP_INT_PAGE,     /* "int_page" */
    VMBUS_MAP_MONITOR_PAGE, /* "monitor_page" */
    VMBUS_MAP_RECV,         /* "recv:<gpadl>" */
    VMBUS_MAP_SEND,         /* "send:<gpadl>" */
    VMBUS_MAP_KINDS
};

struct vmbus_map {
    unsigned index;    /* K of mapK: mmap() offset is K pages */
    size_t size_bytes; /* of the memory, a multiple of the page; at most 1 GiB */
    size_t off_bytes;  /* where it starts in the mapping, less than a page; map size + off */
    uint32_t gpadl;    /* handle from the name; 0 for the first three kinds */
};

/*
 * Read uio/uioN/maps of (info) and find the five maps by name, in any order; unknown names are
 * skipped. -ENOTSUP one is missing (which one is in (err)), -EPROTO nonsense or one twice,
 * -ENODEV no maps folder.
 */
int vmbus_sysfs_maps(const struct vmbus_bus *bus, const struct vmbus_info *info,
                     struct vmbus_error *err, struct vmbus_map out[VMBUS_MAP_KINDS]);

/* ---- channels ------------------------------------------------------------------------------ */

/*
 * Find the channel whose subchannel_id is (index) below DEVICE_DIR/channels: its relid, the name of
 * its folder. -EAGAIN when it is not there (yet), -EPROTO nonsense. Numbers are used again, so it
 * may be another's the next moment.
 */
int vmbus_sysfs_channel_find(const char *device_dir, uint32_t index, uint32_t *relid);

/*
 * Sub-channel (index) with its ring, which is DEVICE_DIR/channels/RELID/ring; munmap() it.
 * -EAGAIN it is not there (yet) or went while we looked, -ENOTSUP (primary_relid) has no such file:
 * this kernel shows no rings, -EPROTO nonsense, or -errno.
 */
int vmbus_sysfs_subchannel(const char *device_dir, uint32_t primary_relid, uint32_t index,
                           struct vmbus_chan_region *out);

/*
 * Relid and monitor of the primary channel from attributes of the device itself. -EPROTO with (err)
 * filled. Both providers fill (*out) with it, then set (*out).rings.
 */
int vmbus_sysfs_primary(const char *device_dir, struct vmbus_error *err,
                        struct vmbus_chan_region *out);

#endif
