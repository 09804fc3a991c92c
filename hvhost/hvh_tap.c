/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Uplink: a TAP device as one more port of the switch, so that the kernel of this machine is a
 * neighbour of the emulated cards.
 *
 * Frames are read only while a card could take them; until then they wait in the kernel's queue,
 * where TCP notices. A VLAN tag is beside the frame on the switch and inside it on the TAP device.
 *
 * A frame is a system call, and so is to find that there is none. A turn therefore ends with as
 * many as the last one found, without a look for another; when two in a row have found that many
 * there may be more, and the next reads twice as many. A lone frame goes on at once. Of long ones
 * fewer are a turn's: what a card's guest is given in it should be in a near cache when it looks.
 *
 * Each frame has virtio's header in front (IFF_VNET_HDR), in which sums not computed and bursts of
 * TCP segments not cut cross in both directions. It says the same as struct hvhost_frame, but for
 * offsets, which count the VLAN tag.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hvh_var.h"

#define TAP_BATCH 64u /* frames read per step at most */
#define TAP_FULL 2u   /* steps in a row that found all they read, before more are */
#define TAP_FRAME_BYTES (65536u + 64u) /* more than any MTU makes */
/* Up to here a copy costs less than telling the kernel of several pieces. */
#define TAP_SMALL_BYTES 512u

#define ETH_ADDRESSES_BYTES 12u /* destination and source: a VLAN tag comes after them */
#define VLAN_TAG_BYTES 4u
#define VLAN_TPID 0x8100u
#define ETHERTYPE_IP6 0x86DDu
#define TCP_DATA_OFF 12u

struct hvh_tap {
    struct hvhost *host;
    struct hvhost_port *port;
    struct hvhost_switch_stats *count;
    int fd;         /* -1 once the device has been deleted under us */
    unsigned usual; /* frames to read in a step */
    unsigned full;  /* steps in a row that found so many */
    /* What one read() fills: nothing may lie between. */
    struct {
        struct virtio_net_hdr vnet;
        uint8_t buf[TAP_FRAME_BYTES];
    } in;
    struct iovec part[4 + HVH_PARTS_MAX]; /* of the frame being written */
};
static_assert(offsetof(struct hvh_tap, in.buf) ==
                  offsetof(struct hvh_tap, in) + sizeof(struct virtio_net_hdr),
              "header and frame are one piece");

/* ---- to the kernel --------------------------------------------------------------------------- */

/* What is left to do with (frame), for the kernel. */
static struct virtio_net_hdr vnet_of(const struct hvhost_frame *frame)
{
    uint16_t tag = frame->has_tci ? VLAN_TAG_BYTES : 0;
    bool v6 = (frame->data[12] << 8 | frame->data[13]) == (int)ETHERTYPE_IP6;
    struct virtio_net_hdr h = {0};

    if (!frame->csum_partial)
        return h;
    h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    h.csum_start = (uint16_t)(frame->csum_start + tag);
    h.csum_offset = frame->csum_off;
    if (frame->mss == 0)
        return h;
    h.gso_type = v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
    h.gso_size = frame->mss;
    h.hdr_len = (uint16_t)(h.csum_start + (frame->data[frame->csum_start + TCP_DATA_OFF] >> 4) * 4);
    return h;
}

static ssize_t write_small(const struct hvh_tap *tap, const struct hvhost_frame *frame,
                           const struct virtio_net_hdr *vnet)
{
    uint8_t whole[sizeof(*vnet) + TAP_SMALL_BYTES];

    memcpy(whole, vnet, sizeof(*vnet));
    memcpy(whole + sizeof(*vnet), frame->data, frame->len_bytes);
    return write(tap->fd, whole, sizeof(*vnet) + frame->len_bytes);
}

static ssize_t write_parts(struct hvh_tap *tap, const struct hvhost_frame *frame,
                           struct virtio_net_hdr *vnet)
{
    uint8_t tag[VLAN_TAG_BYTES] = {VLAN_TPID >> 8, VLAN_TPID & 0xff, (uint8_t)(frame->tci >> 8),
                                   (uint8_t)frame->tci};
    /* writev() takes no const, and does not write. */
    uint8_t *data = (uint8_t *)(uintptr_t)frame->data;
    struct iovec *part = tap->part;
    int parts = 0;
    uint32_t head = frame->has_tci ? ETH_ADDRESSES_BYTES : 0, bytes = frame->len_bytes - head;

    for (unsigned i = 0; i < frame->pieces; i++)
        bytes -= (uint32_t)frame->piece[i].iov_len;
    part[parts++] = (struct iovec){.iov_base = vnet, .iov_len = sizeof(*vnet)};
    if (frame->has_tci) {
        part[parts++] = (struct iovec){.iov_base = data, .iov_len = head};
        part[parts++] = (struct iovec){.iov_base = tag, .iov_len = sizeof(tag)};
    }
    part[parts++] = (struct iovec){.iov_base = data + head, .iov_len = bytes};
    for (unsigned i = 0; i < frame->pieces; i++)
        part[parts++] = frame->piece[i];
    return writev(tap->fd, part, parts);
}

static void deliver(void *ctx, const struct hvhost_frame *frame)
{
    struct hvh_tap *tap = ctx;
    struct virtio_net_hdr vnet = vnet_of(frame);
    bool small = frame->len_bytes <= TAP_SMALL_BYTES && !frame->has_tci && !frame->pieces;

    tap->count->tap_offered++;
    if (tap->fd < 0) {
        tap->count->tap_drop++;
        return;
    }
    /* EAGAIN: queue full; EIO: interface down. Either way a wire would have lost it, too. */
    if ((small ? write_small(tap, frame, &vnet) : write_parts(tap, frame, &vnet)) < 0) {
        tap->count->tap_drop++;
        return;
    }
    tap->count->tap_tx++;
    tap->count->tap_gso_tx += frame->mss != 0;
}

/* The kernel sums and cuts as well as we do, when its turn comes. */
static const struct hvh_port_ops port_ops = {
    .deliver = deliver,
    .takes = HVH_TAKES_CSUM | HVH_TAKES_GSO | HVH_TAKES_PIECES,
};

/* ---- from the kernel ------------------------------------------------------------------------- */

/* Take the VLAN tag out of the (len) bytes in the buffer, if there is one. */
static struct hvhost_frame untag(struct hvh_tap *tap, uint32_t len)
{
    struct hvhost_frame frame = {.data = tap->in.buf, .len_bytes = len};
    const uint8_t *tag = tap->in.buf + ETH_ADDRESSES_BYTES;

    if (len < ETH_ADDRESSES_BYTES + VLAN_TAG_BYTES || (tag[0] << 8 | tag[1]) != VLAN_TPID)
        return frame;
    frame.tci = (uint16_t)(tag[2] << 8 | tag[3]);
    frame.has_tci = true;
    memmove(tap->in.buf + VLAN_TAG_BYTES, tap->in.buf, ETH_ADDRESSES_BYTES);
    frame.data = tap->in.buf + VLAN_TAG_BYTES;
    frame.len_bytes = len - VLAN_TAG_BYTES;
    return frame;
}

/* What the kernel left to us with the frame in the buffer. False: what we never said we can do. */
static bool take_vnet(struct hvh_tap *tap, struct hvhost_frame *frame)
{
    const struct virtio_net_hdr *h = &tap->in.vnet;
    unsigned kind = h->gso_type & ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;
    uint16_t tag = frame->has_tci ? VLAN_TAG_BYTES : 0;

    frame->csum_ok = h->flags & VIRTIO_NET_HDR_F_DATA_VALID;
    if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
        frame->csum_partial = true;
        frame->csum_start = (uint16_t)(h->csum_start - tag);
        frame->csum_off = h->csum_offset;
        tap->count->tap_csum_rx++;
    }
    if (h->gso_type == VIRTIO_NET_HDR_GSO_NONE)
        return true;
    if ((kind != VIRTIO_NET_HDR_GSO_TCPV4 && kind != VIRTIO_NET_HDR_GSO_TCPV6) ||
        !frame->csum_partial || h->gso_size == 0)
        return false;
    frame->mss = h->gso_size;
    tap->count->tap_gso_rx++;
    return true;
}

/* One frame: how long it is, 0 when there is none. */
static uint32_t take_frame(struct hvh_tap *tap)
{
    struct hvhost_frame frame;
    ssize_t len = read(tap->fd, &tap->in, sizeof(tap->in));

    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (len <= 0) {
        /* The device was deleted; its descriptor would be ready for ever. */
        close(tap->fd);
        tap->fd = -1;
        return 0;
    }
    tap->count->tap_rx++;
    len -= (ssize_t)sizeof(tap->in.vnet);
    frame = untag(tap, len > 0 ? (uint32_t)len : 0);
    if (take_vnet(tap, &frame))
        hvhost_port_send(tap->port, &frame);
    else
        tap->count->tap_bad++;
    return len > 0 ? (uint32_t)len : 1;
}

/* A step has read (done) frames: how many the next one reads. */
static void expect(struct hvh_tap *tap, unsigned done)
{
    if (done < tap->usual) {
        tap->usual = done > 0 ? done : 1;
        tap->full = 0;
    } else if (++tap->full == TAP_FULL) {
        tap->usual = 2 * done < TAP_BATCH ? 2 * done : TAP_BATCH;
        tap->full = 0;
    }
}

static unsigned step(void *ctx, uint64_t now_ns)
{
    struct hvh_tap *tap = ctx;
    unsigned done = 0, room = 0; /* for frames after those */
    uint32_t bytes = 0, len;

    (void)now_ns;
    for (; tap->fd >= 0 && done < tap->usual && bytes < HVHOST_TURN_BYTES; done++, room--) {
        if (room == 0)
            room = hvh_switch_room(tap->port, tap->usual - done);
        if (room == 0) {
            tap->count->tap_paused++;
            break;
        }
        len = take_frame(tap);
        if (len == 0)
            break;
        bytes += len;
    }
    expect(tap, done);
    return done;
}

/* While no card has room we do not wait for frames: the card that makes room wakes us. */
static unsigned pollfds(const void *ctx, struct pollfd *out, unsigned max)
{
    const struct hvh_tap *tap = ctx;

    if (tap->fd < 0 || hvh_switch_room(tap->port, 1) == 0)
        return 0;
    if (max > 0)
        out[0] = (struct pollfd){.fd = tap->fd, .events = POLLIN};
    return 1;
}

static void release(void *ctx)
{
    struct hvh_tap *tap = ctx;

    if (tap->fd >= 0) {
        /* The device may stay, and remembers: the next owner would get frames without sums. */
        (void)ioctl(tap->fd, TUNSETOFFLOAD, 0);
        close(tap->fd);
    }
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
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int header_bytes = sizeof(struct virtio_net_hdr); /* a device made earlier remembers another */
    int fd, rc;

    if (!name_ok(name))
        return -EINVAL;
    fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) /* ENXIO, ENODEV: the node is there, the driver is not */
        return errno == ENXIO || errno == ENODEV ? -ENOENT : -errno;
    memcpy(ifr.ifr_name, name, strlen(name));
    if (ioctl(fd, TUNSETIFF, &ifr) != 0 || ioctl(fd, TUNSETVNETHDRSZ, &header_bytes) != 0) {
        rc = -errno;
        close(fd);
        return rc;
    }
    /* Refused: then the kernel sums and cuts before we read, which is slower and no failure. */
    (void)ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6);
    return fd;
}

int hvhost_tap_add(struct hvhost *host, const char *name)
{
    return hvhost_tap_join(host, name, 0);
}

int hvhost_tap_join(struct hvhost *host, const char *name, uint32_t network)
{
    struct hvh_tap *tap = calloc(1, sizeof(*tap));
    int rc;

    if (!tap)
        return -ENOMEM;
    tap->host = host;
    tap->usual = 1;
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
        return rc;
    }
    hvhost_port_network(tap->port, network);
    return 0;
}
