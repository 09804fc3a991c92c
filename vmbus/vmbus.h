/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The bus seen from the guest: find a device, open it, move packets over its channels.
 *
 * Results are 0 or -errno unless said otherwise. Nothing here blocks, except that vmbus_open()
 * makes the few system calls that map memory. A device and its channels belong to one thread.
 */
#ifndef VMBUS_H
#define VMBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uuid/uuid.h>

#include "vmbus_reg.h"
#include "vmbus_transport.h"

/* ---- finding ------------------------------------------------------------------------------- */

/* Where the bus is: (root) has devices/ like /sys/bus/vmbus; (dev) has uioN nodes like /dev. */
struct vmbus_bus {
    char root[256];
    char dev[256];
};

#define VMBUS_ROOT_DEFAULT "/sys/bus/vmbus"

/*
 * The bus below (root), NULL for the default. A tree with a dev/ folder of its own (the emulated
 * host's) uses that, any other uses /dev. -ENOENT no such bus, -ENAMETOOLONG.
 */
int vmbus_bus_find(const char *root, struct vmbus_bus *out);

/*
 * One device as sysfs shows it. Text is always terminated; what could not be read is empty or 0, or
 * what is said below.
 */
struct vmbus_info {
    char instance[40]; /* folder name, the instance GUID in lower case without braces */
    uuid_t class_id;
    uuid_t device_id;
    char driver[32]; /* "hv_netvsc", "uio_hv_generic", or empty when unbound */
    char ifname[16]; /* kernel interface while hv_netvsc holds it, else empty */
    int uio;         /* N of uioN, -1 when not bound to uio_hv_generic */
    uint32_t relid;
    uint8_t monitor_id; /* VMBUS_MONITOR_NONE when the host gave none */
    uint32_t channels;  /* folders below channels/ */
    int numa_node;      /* -1 when unknown or the only one */
};

/*
 * All NICs of (bus), sorted by instance. Returns how many exist; at most (max) are written.
 * -ENOENT when the bus has no devices folder, -EACCES.
 */
int vmbus_scan_nics(const struct vmbus_bus *bus, struct vmbus_info *out, size_t max);

/* GUID text in upper or lower case, with or without braces. -EINVAL for anything else. */
int vmbus_guid_parse(const char *text, uuid_t out);

/* ---- a device ------------------------------------------------------------------------------ */

struct vmbus_device;
struct vmbus_chan;

/* What was wrong, in words for a person, when opening failed. */
struct vmbus_error {
    char what[256];
    char remedy[256];
};

/*
 * Map the device and open its primary channel. On failure (*out) is NULL, nothing is held and
 * (err), if not NULL, says what and what to do.
 * -ENODEV not bound to uio_hv_generic, -EACCES/-EPERM, -EBUSY another program has it,
 * -ENOTSUP this kernel's uio_hv_generic has not the five maps, or its pages are not 4 KiB long,
 * -EPROTO nonsense in sysfs.
 */
int vmbus_open(const struct vmbus_bus *bus, const struct vmbus_info *info, struct vmbus_error *err,
               struct vmbus_device **out);

/*
 * A device over a transport made elsewhere, copied from (*t). Owns it from success on; on failure
 * the caller still does and (*out) is NULL. -EINVAL memory missing, too small or misaligned, or a
 * number out of range; -EPROTO ring indices are nonsense; -ENOMEM.
 */
int vmbus_device_create(const struct vmbus_transport *t, struct vmbus_device **out);

/* Close all channels and give the memory back. NULL is allowed. */
void vmbus_close(struct vmbus_device *dev);

/* The device's memory: recv, send, dma and their handles. Valid until vmbus_close(). */
const struct vmbus_transport *vmbus_memory(const struct vmbus_device *dev);

/*
 * Let the host of (dev) read (mem), see vmbus_memory.h, until vmbus_close(). Page i of it is guest
 * page (*pfn)[i] then; the table is the device's. -ENOTSUP page numbers are unknown or change,
 * -EBUSY shared some already, -ENOMEM; or errno. Then (*pfn) is NULL and no harm is done.
 */
int vmbus_share(struct vmbus_device *dev, const struct vmbus_memory *mem, const uint64_t **pfn);

/* Channel (index): 0 = primary, always there; n = sub-channel once opened, else NULL. */
struct vmbus_chan *vmbus_chan(struct vmbus_device *dev, uint32_t index);

/*
 * Open sub-channel (index) if the host has offered it; 0 when it is open. -EAGAIN not offered yet,
 * -ENOTSUP this kernel or host has none, -EPROTO what was offered makes no sense.
 */
int vmbus_chan_open(struct vmbus_device *dev, uint32_t index);

/* ---- sleeping ------------------------------------------------------------------------------ */

/*
 * Ask to be interrupted, then look at every ring once more. True: all are empty; the caller may
 * sleep on vmbus_irq_fd() and calls vmbus_irq_disarm() when it wakes. False: there is work, or the
 * device cannot wake us; it is disarmed again. Call vmbus_chan_flush() and vmbus_chan_recv_done()
 * of all channels first.
 */
bool vmbus_irq_arm(struct vmbus_device *dev);
void vmbus_irq_disarm(struct vmbus_device *dev);
int vmbus_irq_fd(const struct vmbus_device *dev);

/* Take a pending interrupt, one system call: 0, -EAGAIN none, -EIO the host withdrew the device. */
int vmbus_irq_take(struct vmbus_device *dev);

/* ---- packets: see vmbus_chan.h ------------------------------------------------------------- */

#endif
