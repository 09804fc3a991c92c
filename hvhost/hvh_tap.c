/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Uplink: a TAP device as one more port of the switch, so that the kernel of this machine is a
 * neighbour of the emulated cards.
 *
 * Frames are read only while a card could take them; until then they wait in the kernel's queue,
 * where TCP notices. A VLAN tag is beside the frame on the switch and inside it on the TAP device.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hvh_var.h"

#define TAP_BATCH 64u                  /* frames read per step */
#define TAP_FRAME_BYTES (65536u + 64u) /* more than any MTU makes */

#define ETH_ADDRESSES_BYTES 12u /* destination and source: a VLAN tag comes after them */
#define VLAN_TAG_BYTES 4u
#define VLAN_TPID 0x8100u

struct hvh_tap {
    struct hvhost *host;
    struct hvhost_port *port;
    struct hvhost_switch_stats *count;
    int fd; /* -1 once the device has been deleted under us */
    uint8_t buf[TAP_FRAME_BYTES];
};

/* ---- to the kernel --------------------------------------------------------------------------- */

static void deliver(void *ctx, const struct hvhost_frame *frame)
{
    struct hvh_tap *tap = ctx;
    uint8_t tag[VLAN_TAG_BYTES] = {VLAN_TPID >> 8, VLAN_TPID & 0xff, (uint8_t)(frame->tci >> 8),
                                   (uint8_t)frame->tci};
    /* writev() takes no const, and does not write. */
    uint8_t *data = (uint8_t *)(uintptr_t)frame->data;
    struct iovec part[3];
    int parts = 0;
    uint32_t head = frame->has_tci ? ETH_ADDRESSES_BYTES : 0;

    if (tap->fd < 0 || frame->len_bytes < head) {
        tap->count->tap_drop++;
        return;
    }
    if (frame->has_tci) {
        part[parts++] = (struct iovec){.iov_base = data, .iov_len = head};
        part[parts++] = (struct iovec){.iov_base = tag, .iov_len = sizeof(tag)};
    }
    part[parts++] = (struct iovec){.iov_base = data + head, .iov_len = frame->len_bytes - head};
    /* EAGAIN: queue full; EIO: interface down. Either way a wire would have lost it, too. */
    if (writev(tap->fd, part, parts) < 0)
        tap->count->tap_drop++;
    else
        tap->count->tap_tx++;
}

static const struct hvh_port_ops port_ops = {.deliver = deliver};

/* ---- from the kernel ------------------------------------------------------------------------- */

/* Take the VLAN tag out of the (len) bytes in the buffer, if there is one. */
static struct hvhost_frame untag(struct hvh_tap *tap, uint32_t len)
{
    struct hvhost_frame frame = {.data = tap->buf, .len_bytes = len};
    const uint8_t *tag = tap->buf + ETH_ADDRESSES_BYTES;

    if (len < ETH_ADDRESSES_BYTES + VLAN_TAG_BYTES || (tag[0] << 8 | tag[1]) != VLAN_TPID)
        return frame;
    frame.tci = (uint16_t)(tag[2] << 8 | tag[3]);
    frame.has_tci = true;
    memmove(tap->buf + VLAN_TAG_BYTES, tap->buf, ETH_ADDRESSES_BYTES);
    frame.data = tap->buf + VLAN_TAG_BYTES;
    frame.len_bytes = len - VLAN_TAG_BYTES;
    return frame;
}

/* One frame: 1, 0 when there is none. */
static unsigned take_frame(struct hvh_tap *tap)
{
    struct hvhost_frame frame;
    ssize_t len = read(tap->fd, tap->buf, sizeof(tap->buf));

    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (len <= 0) {
        /* The device was deleted; its descriptor would be ready for ever. */
        close(tap->fd);
        tap->fd = -1;
        return 0;
    }
    tap->count->tap_rx++;
    frame = untag(tap, (uint32_t)len);
    hvhost_port_send(tap->port, &frame);
    return 1;
}

static unsigned step(void *ctx, uint64_t now_ns)
{
    struct hvh_tap *tap = ctx;
    unsigned done = 0;

    (void)now_ns;
    while (tap->fd >= 0 && done < TAP_BATCH) {
        if (!hvh_switch_has_room(tap->host)) {
            tap->count->tap_paused++;
            break;
        }
        if (!take_frame(tap))
            break;
        done++;
    }
    return done;
}

/* While no card has room we do not wait for frames: the card that makes room wakes us. */
static unsigned pollfds(const void *ctx, struct pollfd *out, unsigned max)
{
    const struct hvh_tap *tap = ctx;

    if (tap->fd < 0 || !hvh_switch_has_room(tap->host))
        return 0;
    if (max > 0)
        out[0] = (struct pollfd){.fd = tap->fd, .events = POLLIN};
    return 1;
}

static void release(void *ctx)
{
    struct hvh_tap *tap = ctx;

    if (tap->fd >= 0)
        close(tap->fd);
    free(tap);
}

static const struct hvh_service_ops service_ops = {
    .step = step,
    .pollfds = pollfds,
    .close = release,
};

/* ---- opening --------------------------------------------------------------------------------- */

/* The kernel would take "tap%d" as a pattern and pick a name of its own. */
static bool name_ok(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len < IFNAMSIZ && !strpbrk(name, "/%: \t\n") && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static int open_device(const char *name)
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    int fd, rc;

    if (!name_ok(name))
        return -EINVAL;
    fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) /* ENXIO, ENODEV: the node is there, the driver is not */
        return errno == ENXIO || errno == ENODEV ? -ENOENT : -errno;
    memcpy(ifr.ifr_name, name, strlen(name));
    if (ioctl(fd, TUNSETIFF, &ifr) != 0) {
        rc = -errno;
        close(fd);
        return rc;
    }
    return fd;
}

int hvhost_tap_add(struct hvhost *host, const char *name)
{
    struct hvh_tap *tap = calloc(1, sizeof(*tap));
    int rc;

    if (!tap)
        return -ENOMEM;
    tap->host = host;
    tap->count = hvh_switch_counters(host);
    tap->fd = open_device(name);
    rc = tap->fd < 0 ? tap->fd : hvh_service_add(host, &service_ops, tap);
    if (rc != 0) {
        release(tap);
        return rc;
    }
    rc = hvh_port_add(host, &port_ops, tap, &tap->port);
    if (rc != 0) {
        hvh_service_remove(host, tap);
        release(tap);
    }
    return rc;
}
