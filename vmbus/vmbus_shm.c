/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A device whose node DEV/uioN is a socket lives in files beside it: DEV/uioN.mapK for each map of
 * uio, DEV/uioN.ram for memory the guest names by page (guest-physical address = file offset), and
 * DEV/uioN.lock. Finding it and reading its attributes is the scan's code, unchanged. What the
 * guest's kernel does when a real node is opened, this file does:
 *
 *   lock      flock(2) on DEV/uioN.lock: one guest at a time. The kernel drops it when we die.
 *   rings     the guest's kernel allocates ring memory, so we make a new DEV/uioN.map0 each time. A
 *             host that has not noticed yet that the previous guest is dead still writes to the
 *             previous file, and nothing of that can be seen in ours. We replace the file only
 *             while holding the lock, which is how the host knows whose file it has.
 *   open      connecting the socket is OPEN_CHANNEL. It never waits: a full backlog is an error.
 *   close     closing the socket, by us or by our death, is CLOSE_CHANNEL.
 *   signal    writing the s32 1 is what it is on kernels from 6.10 on: interrupts unmasked, then
 *             the host signalled. We clear the mask word ourselves, as that kernel does, and the
 *             caller masks again.
 *   share     a message with the descriptor of the memory (vmbus_shm_reg.h). No kernel does this;
 *             here the host is another process and has to be given the memory.
 *   interrupt reading gives an s32 count, one message per interrupt; hang-up is EIO: device gone.
 *
 * Enabling interrupts sends nothing: the host looks at the mask words in the rings, which are the
 * caller's, and a write(1) would also be a doorbell nobody needs.
 */
#define _GNU_SOURCE 1 /* recvmmsg() */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "vmbus_shm_reg.h"
#include "vmbus_shm_var.h"

/* Interrupts taken with one system call; more than the host's send buffer holds. */
#define IRQ_BATCH 16u

/* ---- operations ---------------------------------------------------------------------------- */

static int shm_signal(void *ctx, uint32_t relid)
{
    struct vmbus_shm *dev = ctx;
    const int32_t one = 1;

    (void)relid; /* the node's write() names none: the interrupt page does */
    atomic_store_explicit(&dev->in->interrupt_mask, 0, memory_order_seq_cst);
    if (send(dev->sock, &one, sizeof(one), MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(one))
        return 0;
    /* A full socket holds signals the host has not read yet: it will look. */
    return errno == EAGAIN || errno == EINTR ? 0 : -EIO;
}

static int shm_irq_enable(void *ctx, bool on)
{
    (void)ctx;
    (void)on;
    return 0;
}

static int shm_irq_take(void *ctx)
{
    struct vmbus_shm *dev = ctx;
    struct mmsghdr msg[IRQ_BATCH];
    struct iovec iov[IRQ_BATCH];
    int32_t count[IRQ_BATCH];

    for (unsigned i = 0; i < IRQ_BATCH; i++) {
        iov[i] = (struct iovec){.iov_base = &count[i], .iov_len = sizeof(count[i])};
        msg[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1}};
    }
    int got = recvmmsg(dev->sock, msg, IRQ_BATCH, MSG_DONTWAIT, NULL);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EIO;
    for (int i = 0; i < got; i++) {
        if (msg[i].msg_len == 0) /* end of file: the host is gone */
            return -EIO;
    }
    return got > 0 ? 0 : -EAGAIN;
}

static void unmap(struct vmbus_region *region)
{
    if (region->base != NULL)
        (void)munmap(region->base, region->len_bytes);
    *region = (struct vmbus_region){0};
}

static int shm_subchannel_open(void *ctx, uint32_t index, struct vmbus_chan_region *out)
{
    struct vmbus_shm *dev = ctx;

    if (index == 0 || index >= VMBUS_SHM_CHANS)
        return -ENOTSUP;
    int error = vmbus_sysfs_subchannel(dev->dir, dev->relid, index, out);
    if (error != 0)
        return error;
    unmap(&dev->ring[index]); /* of an attempt that failed */
    dev->ring[index] = out->rings;
    return 0;
}

/* A host that does not want it says so to the first frame: it fails. */
static int shm_share(void *ctx, const struct vmbus_memory *mem, uint64_t *pfn)
{
    struct vmbus_shm *dev = ctx;
    const size_t pages = mem->region.len_bytes / VMBUS_PAGE_BYTES;
    struct vmbus_shm_share share = {VMBUS_SHM_SHARE, (uint32_t)pages, VMBUS_SHM_SHARE_PFN};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {&share, sizeof(share)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

    if (dev->pfn == NULL || pages > UINT32_MAX) /* a host without page numbers */
        return -ENOTSUP;
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(head), &mem->fd, sizeof(int));
    if (sendmsg(dev->sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof(share))
        return errno == EAGAIN || errno == EINTR ? -ENOTSUP : -EIO;
    for (size_t i = 0; i < pages; i++)
        pfn[i] = VMBUS_SHM_SHARE_PFN + i;
    return 0;
}

static void shm_close(void *ctx)
{
    struct vmbus_shm *dev = ctx;

    if (dev->sock >= 0)
        close(dev->sock);
    for (unsigned kind = 0; kind < VMBUS_MAP_KINDS; kind++)
        unmap(&dev->map[kind]);
    for (unsigned i = 0; i < VMBUS_SHM_CHANS; i++)
        unmap(&dev->ring[i]);
    unmap(&dev->ram);
    free(dev->pfn);
    /* Last, so that the next guest cannot be in before we are out. */
    if (dev->lock_fd >= 0)
        close(dev->lock_fd);
    free(dev);
}

static const struct vmbus_transport_ops shm_ops = {
    .signal = shm_signal,
    .irq_enable = shm_irq_enable,
    .irq_take = shm_irq_take,
    .subchannel_open = shm_subchannel_open,
    .share = shm_share,
    .close = shm_close,
};

/* ---- opening ------------------------------------------------------------------------------- */

static int take_lock(const struct vmbus_shm_opening *o)
{
    char path[VMBUS_PATH_BYTES];

    if (vmbus_path(path, "%s.lock", o->node) != 0)
        return vmbus_shm_fail_file(o, -ENAMETOOLONG, o->node);
    o->dev->lock_fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (o->dev->lock_fd < 0)
        return vmbus_shm_fail_file(o, -errno, path);
    if (flock(o->dev->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return vmbus_shm_fail_file(o, -errno, path);
    return vmbus_fail(o->err, -EBUSY, "stop the other program, or choose another NIC with --nic",
                      "another program uses this NIC (%s)", o->info->instance);
}

/* The address goes through the folder's descriptor: its path may be longer than sun_path. */
static int node_address(const struct vmbus_shm_opening *o, int dir_fd, struct sockaddr_un *addr)
{
    *addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    int len = snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d/uio%d", dir_fd,
                       o->info->uio);
    return len > 0 && (size_t)len < sizeof(addr->sun_path) ? 0 : -ENAMETOOLONG;
}

static int connect_node(const struct vmbus_shm_opening *o)
{
    struct sockaddr_un addr;
    int dir_fd = open(o->bus->dev, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir_fd < 0)
        return vmbus_shm_fail_file(o, -errno, o->bus->dev);
    int error = node_address(o, dir_fd, &addr);
    o->dev->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (error == 0 &&
        (o->dev->sock < 0 || connect(o->dev->sock, (struct sockaddr *)&addr, sizeof(addr)) != 0))
        error = -errno;
    close(dir_fd);
    if (error == -ECONNREFUSED)
        return vmbus_fail(o->err, -ENODEV, "start the host program again",
                          "nobody serves %s: the host program is not running", o->node);
    if (error == -EAGAIN)
        return vmbus_fail(o->err, -EBUSY, "see whether the host program is stopped or overloaded",
                          "%s does not answer: its queue of openers is full", o->node);
    return error != 0 ? vmbus_shm_fail_file(o, error, o->node) : 0;
}

static int open_steps(const struct vmbus_shm_opening *o, struct vmbus_map maps[VMBUS_MAP_KINDS],
                      struct vmbus_chan_region *primary)
{
    char dir[VMBUS_PATH_BYTES];

    int error = vmbus_sysfs_device_dir(o->bus, o->info, dir);
    if (error != 0)
        return vmbus_shm_fail_file(o, -EPROTO, o->info->instance);
    memcpy(o->dev->dir, dir, sizeof(dir));
    error = vmbus_sysfs_maps(o->bus, o->info, o->err, maps);
    if (error == 0)
        error = vmbus_sysfs_primary(dir, o->err, primary);
    if (error == 0)
        error = take_lock(o);
    if (error == 0)
        error = vmbus_shm_map(o, maps);
    return error == 0 ? connect_node(o) : error;
}

int vmbus_shm_open(const struct vmbus_bus *bus, const struct vmbus_info *info,
                   struct vmbus_error *err, struct vmbus_transport *out)
{
    struct vmbus_shm_opening o = {.bus = bus, .info = info, .err = err};
    struct vmbus_map maps[VMBUS_MAP_KINDS];
    struct vmbus_chan_region primary = {0};

    if (vmbus_sysfs_node_path(bus, info, o.node) != 0)
        return vmbus_fail(err, -EPROTO, "use a shorter path for the bus",
                          "the path of %s is too long", info->instance);
    o.dev = calloc(1, sizeof(*o.dev));
    if (o.dev == NULL)
        return vmbus_fail(err, -ENOMEM, "free some memory", "out of memory");
    o.dev->sock = -1;
    o.dev->lock_fd = -1;
    int error = open_steps(&o, maps, &primary);
    if (error != 0) {
        shm_close(o.dev);
        return error;
    }
    primary.rings = o.dev->map[VMBUS_MAP_RINGS];
    o.dev->relid = primary.relid;
    *out = (struct vmbus_transport){
        .ops = &shm_ops,
        .ctx = o.dev,
        .irq_fd = o.dev->sock,
        .primary = primary,
        .int_page = o.dev->map[VMBUS_MAP_INT_PAGE],
        .monitor_page = o.dev->map[VMBUS_MAP_MONITOR_PAGE],
        .recv = o.dev->map[VMBUS_MAP_RECV],
        .send = o.dev->map[VMBUS_MAP_SEND],
        .recv_gpadl = maps[VMBUS_MAP_RECV].gpadl,
        .send_gpadl = maps[VMBUS_MAP_SEND].gpadl,
        .dma = o.dev->ram,
        .dma_pfn = o.dev->pfn,
    };
    return 0;
}
