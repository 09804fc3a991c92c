/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unfinished frames over the TAP uplink, against a real kernel in a network namespace of its own.
 * Needs root: skipped (77) without. The kernel's side is a packet socket that shows virtio's
 * header.
 */
#define _GNU_SOURCE 1 /* unshare() */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "burst.h"
#include "hvhost.h"

#define TAP "nvt0"
#define WAIT_MS 5000
#define MSS 1448u

static struct {
    struct hvhost *host;
    struct hvhost_port *port;
    int packet;
    struct burst burst;
    unsigned frames;
    uint32_t payload_bytes, longest;
} ends;

/* TCP or UDP from port 80: ours. */
static bool is_ours(const uint8_t *frame, uint32_t bytes)
{
    const struct burst *b = &ends.burst;

    return bytes >= b->head_bytes && memcmp(frame, b->frame, 14) == 0 &&
           burst_get16(frame + (b->v6 ? 54 : 34)) == 80;
}

static void look(void *ctx, const struct hvhost_frame *frame)
{
    const struct burst *b = &ends.burst;
    uint32_t bytes = frame->len_bytes - b->head_bytes;

    (void)ctx;
    if (!is_ours(frame->data, frame->len_bytes))
        return;
    burst_check_sums(frame->data, frame->len_bytes, b->v6, frame->data[b->v6 ? 20 : 23]);
    assert_memory_equal(frame->data + b->head_bytes, b->frame + b->head_bytes + ends.payload_bytes,
                        bytes);
    ends.payload_bytes += bytes;
    ends.longest = bytes > ends.longest ? bytes : ends.longest;
    ends.frames++;
}

static void set_link_up(const char *name)
{
    struct ifreq ifr = {.ifr_flags = IFF_UP};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    strcpy(ifr.ifr_name, name);
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
    close(fd);
}

static int setup(void **state)
{
    int one = 1;

    (void)state;
    memset(&ends, 0, sizeof(ends));
    if (hvhost_create(NULL, &ends.host) || hvhost_tap_add(ends.host, TAP) ||
        hvhost_port_add(ends.host, look, NULL, &ends.port))
        return -1;
    set_link_up(TAP);
    ends.packet = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (setsockopt(ends.packet, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)))
        return -1;
    struct sockaddr_ll addr = {.sll_family = AF_PACKET,
                               .sll_protocol = htons(ETH_P_ALL),
                               .sll_ifindex = (int)if_nametoindex(TAP)};
    return bind(ends.packet, (struct sockaddr *)&addr, sizeof(addr));
}

static int teardown(void **state)
{
    (void)state;
    assert_null(hvhost_audit(ends.host));
    close(ends.packet);
    hvhost_destroy(ends.host);
    return 0;
}

static struct virtio_net_hdr vnet(uint16_t csum_off, uint16_t mss)
{
    uint16_t l4 = (uint16_t)(BURST_IP + (ends.burst.v6 ? 40 : 20));
    struct virtio_net_hdr h = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                               .csum_start = l4,
                               .csum_offset = csum_off,
                               .hdr_len = (uint16_t)ends.burst.head_bytes,
                               .gso_size = mss};

    if (mss)
        h.gso_type = ends.burst.v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
    return h;
}

/* The packet or burst leaves the kernel unfinished; turn until all of it has come up. */
static void kernel_sends(uint16_t csum_off, uint16_t mss)
{
    struct virtio_net_hdr h = vnet(csum_off, mss);
    uint32_t bytes = ends.burst.head_bytes + ends.burst.payload_bytes;
    struct iovec part[] = {{&h, sizeof(h)}, {ends.burst.frame, bytes}};

    ends.payload_bytes = 0;
    assert_int_equal(writev(ends.packet, part, 2), sizeof(h) + bytes);
    while (ends.payload_bytes < ends.burst.payload_bytes) {
        struct pollfd fds[2];
        unsigned count = hvhost_pollfds(ends.host, fds, countof(fds));

        assert_true(poll(fds, count, WAIT_MS) > 0);
        hvhost_step(ends.host, 0);
    }
}

static struct hvhost_switch_stats stats(void)
{
    struct hvhost_switch_stats s;

    hvhost_switch_stats(ends.host, &s);
    return s;
}

static void a_burst_of_the_kernel_is_cut_for_a_port_that_wants_frames(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        burst_packet(&ends.burst, v6, 6, 30000);
        ends.frames = 0;
        kernel_sends(16, MSS);
        assert_int_equal(ends.frames, (30000 + MSS - 1) / MSS);
        assert_int_equal(ends.longest, MSS);
        assert_int_equal(stats().tap_gso_rx, v6 + 1);
        assert_int_equal(stats().gso_frames, v6 + 1);
    }
    assert_int_equal(stats().gso_bad, 0);
}

static void sums_the_kernel_leaves_open_are_filled(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        burst_packet(&ends.burst, v6, 17, 777);
        /* IPv4's own sum is not the card's business here. */
        if (!v6)
            burst_put16(ends.burst.frame + 24,
                        0xFFFF - burst_sum(0, ends.burst.frame + BURST_IP, 20));
        kernel_sends(6, 0);
        assert_int_equal(stats().csum_filled, v6 + 1);
        assert_int_equal(stats().tap_csum_rx, v6 + 1);
    }
}

/* What the packet socket sees of a frame the switch gave the kernel. */
static void kernel_receives(struct virtio_net_hdr *h, uint8_t *data, size_t size, ssize_t *len)
{
    struct iovec part[] = {{h, sizeof(*h)}, {data, size}};
    struct pollfd p = {.fd = ends.packet, .events = POLLIN};

    do {
        assert_int_equal(poll(&p, 1, WAIT_MS), 1);
        *len = readv(ends.packet, part, 2) - (ssize_t)sizeof(*h);
    } while (!is_ours(data, (uint32_t)*len));
}

static void a_burst_reaches_the_kernel_in_one_piece(void **state)
{
    static uint8_t data[65536 + 64];
    struct virtio_net_hdr h;
    ssize_t len;

    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct hvhost_frame frame = {
            .data = ends.burst.frame, .csum_partial = true, .csum_off = 16, .mss = MSS};

        burst_packet(&ends.burst, v6, 6, 60000);
        frame.csum_start = v6 ? 54 : 34;
        frame.len_bytes = ends.burst.head_bytes + ends.burst.payload_bytes;
        hvhost_port_send(ends.port, &frame);
        kernel_receives(&h, data, sizeof(data), &len);
        assert_int_equal(len, frame.len_bytes);
        assert_memory_equal(data, ends.burst.frame, frame.len_bytes);
        assert_int_equal(h.gso_size, MSS);
        assert_int_equal(h.gso_type, v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4);
        assert_int_equal(stats().tap_gso_tx, v6 + 1);
        assert_int_equal(stats().gso_segments, 0);
    }
}

/* Does the kernel leave sums of frames to the device's owner? */
static bool leaves_sums_open(const char *name)
{
    struct ethtool_value value = {.cmd = ETHTOOL_GTXCSUM};
    struct ifreq ifr = {.ifr_data = (char *)&value};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    strcpy(ifr.ifr_name, name);
    assert_int_equal(ioctl(fd, SIOCETHTOOL, &ifr), 0);
    close(fd);
    return value.data != 0;
}

static void who_opens_the_device_after_us_gets_finished_frames(void **state)
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
    struct hvhost *host;
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    (void)state;
    strcpy(ifr.ifr_name, "nvt1");
    assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
    assert_int_equal(ioctl(fd, TUNSETPERSIST, 1), 0);
    close(fd);
    assert_int_equal(hvhost_create(NULL, &host), 0);
    assert_int_equal(hvhost_tap_add(host, "nvt1"), 0);
    assert_true(leaves_sums_open("nvt1"));
    hvhost_destroy(host);
    assert_false(leaves_sums_open("nvt1"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_burst_of_the_kernel_is_cut_for_a_port_that_wants_frames),
        TEST(sums_the_kernel_leaves_open_are_filled),
        TEST(a_burst_reaches_the_kernel_in_one_piece),
        cmocka_unit_test(who_opens_the_device_after_us_gets_finished_frames),
    };

    if (access("/dev/net/tun", R_OK | W_OK) != 0 || unshare(CLONE_NEWNET) != 0) {
        fprintf(stderr, "skipped: needs root and /dev/net/tun\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
