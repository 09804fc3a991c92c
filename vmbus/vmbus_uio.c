/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * The provider for a real machine: Linux' uio_hv_generic. Opening /dev/uioN makes the kernel open
 * the primary channel; five maps give us its memory. A map is chosen by the offset of mmap(): K
 * pages is mapK, whatever sizes the maps have. The device closes, on the host too, when the last
 * descriptor and mapping are gone. Two programs could open it at once and would ruin each other's
 * rings, as the kernel only counts; so we lock the node.
 *
 * Interrupts. A read() of four bytes takes the interrupt counter, -EAGAIN when it has not moved,
 * -EIO once the host has withdrawn the device. Letting interrupts through needs no call: the
 * kernel's write(1) would clear the mask word of the ring, which we do ourselves through the same
 * memory. Of write(1) we need the other half, from Linux 6.10 on: it signals the host for a channel
 * that has no monitor. Its unmasking is the side effect that vmbus_transport_ops.signal warns of.
 * (Older kernels refuse to bind a card without a monitor, so nobody gets here with one.)
 *
 * Sub-channels have no uio device: their ring is a file to map, channels/RELID/ring, and it appears
 * after its folder. Where the primary channel has no such file (Linux before 5.0) no other will
 * ever have one, and nobody need wait for it. Two things need Linux 6.16: the interrupt of a sub-
 * channel crashes older kernels (its callback uses a null device pointer), so there it must stay
 * masked; and write(1) signals only the primary channel, so there a sub-channel without monitor has
 * no doorbell. Some stable kernels have the fix too, but nothing in sysfs shows it, and the price
 * of a wrong guess is the machine.
 *
 * Memory the host may address by page is a huge page whose page numbers /proc/self/pagemap tells
 * those who may ask. Where it does not, everything goes through the send buffer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "vmbus_sysfs_var.h"
#include "vmbus_uio_var.h"

/* One mapping to give back; base NULL = none. */
struct uio_mapping {
    void *base;
    size_t len_bytes;
};

struct uio {
    int fd;
    uint32_t relid;       /* of the primary channel */
    bool subchannel_irqs; /* this kernel survives the interrupt of a sub-channel */
    char dir[VMBUS_PATH_BYTES];
    struct uio_mapping map[VMBUS_MAP_KINDS];
    struct vmbus_region ring[64]; /* of sub-channel (index) */
    struct vmbus_uio_dma dma;
};

/* ---- operations ------------------------------------------------------------------------------ */

static int uio_signal(void *ctx, uint32_t relid)
{
    const struct uio *uio = ctx;
    const int32_t on = 1;

    (void)relid; /* the kernel signals every channel that has no monitor */
    ssize_t done = write(uio->fd, &on, sizeof(on));
    return done == (ssize_t)sizeof(on) || (done < 0 && errno == EINTR) ? 0 : -EIO;
}

static int uio_irq_enable(void *ctx, bool on)
{
    (void)ctx; /* the mask word in the ring is all there is, see the top */
    (void)on;
    return 0;
}

static int uio_irq_take(void *ctx)
{
    const struct uio *uio = ctx;
    int32_t count;

    ssize_t got = read(uio->fd, &count, sizeof(count));
    if (got == (ssize_t)sizeof(count))
        return 0;
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? -EAGAIN : -EIO;
}

static void unmap(void *base, size_t len_bytes)
{
    if (base == NULL)
        return;
    vmbus_uio_unguard(base);
    munmap(base, len_bytes);
}

static int uio_subchannel_open(void *ctx, uint32_t index, struct vmbus_chan_region *out)
{
    struct uio *uio = ctx;

    if (index == 0 || index >= sizeof(uio->ring) / sizeof(uio->ring[0]))
        return -ENOTSUP;
    int error = vmbus_sysfs_subchannel(uio->dir, uio->relid, index, out);
    if (error != 0)
        return error;
    unmap(uio->ring[index].base, uio->ring[index].len_bytes); /* of an attempt that failed */
    uio->ring[index] = out->rings;
    vmbus_uio_guard(out->rings.base, out->rings.len_bytes);
    out->keep_masked = !uio->subchannel_irqs;
    return out->monitor_id == VMBUS_MONITOR_NONE && !uio->subchannel_irqs ? -ENOTSUP : 0;
}

static void uio_close(void *ctx)
{
    struct uio *uio = ctx;

    for (size_t i = 0; i < sizeof(uio->ring) / sizeof(uio->ring[0]); i++)
        unmap(uio->ring[i].base, uio->ring[i].len_bytes);
    for (unsigned i = 0; i < VMBUS_MAP_KINDS; i++)
        unmap(uio->map[i].base, uio->map[i].len_bytes);
    vmbus_uio_dma_free(&uio->dma);
    if (uio->fd >= 0)
        close(uio->fd);
    free(uio);
}

/* Only of pages that stay where they are, and only for those who may know where that is. */
static int uio_share(void *ctx, const struct vmbus_memory *mem, uint64_t *pfn)
{
    (void)ctx;
    return mem->locked && vmbus_uio_pfns(&mem->region, pfn) ? 0 : -ENOTSUP;
}

static const struct vmbus_transport_ops uio_ops = {
    .signal = uio_signal,
    .irq_enable = uio_irq_enable,
    .irq_take = uio_irq_take,
    .subchannel_open = uio_subchannel_open,
    .share = uio_share,
    .close = uio_close,
};

/* ---- opening --------------------------------------------------------------------------------- */

bool vmbus_uio_subchannel_irqs(const char *release)
{
    unsigned major;
    unsigned minor;

    if (sscanf(release, "%u.%u", &major, &minor) != 2)
        return false;
    return major > 6 || (major == 6 && minor >= 16);
}

uint32_t vmbus_uio_channels_max(const char *release, uint8_t monitor_id)
{
    return monitor_id != VMBUS_MONITOR_NONE || vmbus_uio_subchannel_irqs(release) ? 0 : 1;
}

/* Open and lock the node. */
static int open_node(struct uio *uio, const char *node, struct vmbus_error *err)
{
    uio->fd = open(node, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    int error = uio->fd < 0 ? errno : 0;
    if (error == 0 && flock(uio->fd, LOCK_EX | LOCK_NB) != 0)
        error = errno;
    switch (error) {
    case 0:
        return 0;
    case EWOULDBLOCK:
    case EBUSY:
        return vmbus_fail(err, -EBUSY, "stop the other program, or choose another NIC with --nic",
                          "another program uses %s", node);
    case EACCES:
    case EPERM:
        return vmbus_fail(err, -error, "run as root, or give yourself the node: chown it",
                          "no permission to open %s", node);
    default:
        return vmbus_fail(err, -ENODEV, "look again with: netvscctl list", "cannot open %s: %s",
                          node, strerror(error));
    }
}

/*
 * Map the five, each at the offset that names it. Populated: pages not touched yet are gone when
 * the host withdraws the card.
 */
static int map_all(struct uio *uio, const struct vmbus_map map[VMBUS_MAP_KINDS],
                   struct vmbus_region out[VMBUS_MAP_KINDS], struct vmbus_error *err)
{
    for (unsigned kind = 0; kind < VMBUS_MAP_KINDS; kind++) {
        size_t len = map[kind].off_bytes + map[kind].size_bytes;
        off_t at = (off_t)map[kind].index * (off_t)VMBUS_PAGE_BYTES;
        void *base =
            mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, uio->fd, at);
        if (base == MAP_FAILED)
            return vmbus_fail(err, errno == EACCES || errno == EPERM ? -errno : -EPROTO,
                              "run as root; if you are, report this with your kernel version",
                              "cannot map map%u (%zu bytes) of the uio device: %s", map[kind].index,
                              len, strerror(errno));
        uio->map[kind] = (struct uio_mapping){base, len};
        vmbus_uio_guard(base, len);
        out[kind].base = (uint8_t *)base + map[kind].off_bytes;
        out[kind].len_bytes = map[kind].size_bytes;
    }
    return 0;
}

static void fill_transport(struct uio *uio, const struct vmbus_map map[VMBUS_MAP_KINDS],
                           const struct vmbus_region region[VMBUS_MAP_KINDS],
                           struct vmbus_transport *out)
{
    out->ops = &uio_ops;
    out->ctx = uio;
    out->irq_fd = uio->fd;
    out->primary.rings = region[VMBUS_MAP_RINGS];
    out->int_page = region[VMBUS_MAP_INT_PAGE];
    out->monitor_page = region[VMBUS_MAP_MONITOR_PAGE];
    out->recv = region[VMBUS_MAP_RECV];
    out->send = region[VMBUS_MAP_SEND];
    out->recv_gpadl = map[VMBUS_MAP_RECV].gpadl;
    out->send_gpadl = map[VMBUS_MAP_SEND].gpadl;
    out->dma.base = uio->dma.base;
    out->dma.len_bytes = uio->dma.len_bytes;
    out->dma_pfn = uio->dma.pfn;
}

/* What can be said before the device is touched: paths, page size, maps. */
static int look(struct uio *uio, const struct vmbus_bus *bus, const struct vmbus_info *info,
                struct vmbus_error *err, struct vmbus_map map[VMBUS_MAP_KINDS])
{
    /*
     * The host's pages have 4096 bytes on every processor; this kernel's may have 16 or 64 KiB on
     * arm64. There a ring's control page fills a whole page of the kernel's, with a gap behind it
     * that this driver does not know of; offsets of maps and numbers in pagemap count the kernel's
     * pages, too.
     */
    if (sysconf(_SC_PAGESIZE) != (long)VMBUS_PAGE_BYTES)
        return vmbus_fail(err, -ENOTSUP, "use a kernel with 4 KiB pages",
                          "this kernel's pages have %ld bytes", sysconf(_SC_PAGESIZE));
    if (vmbus_sysfs_device_dir(bus, info, uio->dir) != 0)
        return vmbus_fail(err, -EPROTO, "use a shorter path for the bus",
                          "the path of %s is too long", info->instance);
    return vmbus_sysfs_maps(bus, info, err, map);
}

int vmbus_uio_open(const struct vmbus_bus *bus, const struct vmbus_info *info,
                   struct vmbus_error *err, struct vmbus_transport *out)
{
    struct vmbus_map map[VMBUS_MAP_KINDS];
    struct vmbus_region region[VMBUS_MAP_KINDS];
    char node[VMBUS_PATH_BYTES];
    struct utsname kernel;

    memset(out, 0, sizeof(*out));
    struct uio *uio = calloc(1, sizeof(*uio));
    if (uio == NULL)
        return vmbus_fail(err, -ENOMEM, "free some memory", "out of memory");
    uio->fd = -1;
    int error = look(uio, bus, info, err, map);
    if (error == 0)
        error = vmbus_sysfs_primary(uio->dir, err, &out->primary);
    if (error == 0 && vmbus_sysfs_node_path(bus, info, node) != 0)
        error = vmbus_fail(err, -EPROTO, "use a shorter path", "%s is too long", bus->dev);
    if (error == 0)
        error = open_node(uio, node, err);
    if (error == 0)
        error = map_all(uio, map, region, err);
    if (error != 0) {
        uio_close(uio);
        return error;
    }
    uio->relid = out->primary.relid;
    if (uname(&kernel) != 0)
        kernel.release[0] = '\0';
    uio->subchannel_irqs = vmbus_uio_subchannel_irqs(kernel.release);
    out->channels_max = vmbus_uio_channels_max(kernel.release, out->primary.monitor_id);
    vmbus_uio_dma_alloc(&uio->dma);
    fill_transport(uio, map, region, out);
    return 0;
}
