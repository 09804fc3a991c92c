/* SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE 1 /* unshare() */
#include "tap_ends.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ETHERTYPE_OURS 0x88b5u /* for local experiments: nobody else in here uses it */

bool tap_is_possible(void)
{
    if (access("/dev/net/tun", R_OK | W_OK) == 0 && unshare(CLONE_NEWNET) == 0)
        return true;
    puts("skipped: needs root and /dev/net/tun");
    return false;
}

static bool is_ours(const uint8_t *data, uint32_t len)
{
    return len >= 14 && (data[12] << 8 | data[13]) == (int)ETHERTYPE_OURS;
}

static void keep(void *ctx, const struct hvhost_frame *frame)
{
    struct ends *e = ctx;

    if (!is_ours(frame->data, frame->len_bytes))
        return; /* the kernel greets its neighbours */
    assert_true(frame->len_bytes <= sizeof(e->data));
    memcpy(e->data, frame->data, frame->len_bytes);
    e->len_bytes = frame->len_bytes;
    e->tci = frame->tci;
    e->has_tci = frame->has_tci;
    e->frames++;
}

void tap_set_link(const char *name, bool up, int mtu)
{
    struct ifreq ifr = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    strcpy(ifr.ifr_name, name);
    ifr.ifr_mtu = mtu;
    assert_int_equal(ioctl(fd, SIOCSIFMTU, &ifr), 0);
    ifr.ifr_flags = up ? IFF_UP : 0;
    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
    close(fd);
}

int tap_packet_socket(const char *name)
{
    /* All types: a socket of one type gets frames of an unknown VLAN without their tag. */
    struct sockaddr_ll addr = {.sll_family = AF_PACKET,
                               .sll_protocol = htons(ETH_P_ALL),
                               .sll_ifindex = (int)if_nametoindex(name)};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    int one = 1;

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)), 0);
    return fd;
}

int tap_setup(void **state)
{
    struct ends *e = calloc(1, sizeof(*e));

    if (!e || hvhost_create(NULL, &e->host) != 0 || hvhost_tap_add(e->host, TAP) != 0 ||
        hvhost_port_add(e->host, keep, e, &e->port) != 0)
        return -1;
    tap_set_link(TAP, true, 65521);
    e->packet = tap_packet_socket(TAP);
    *state = e;
    return 0;
}

int tap_teardown(void **state)
{
    struct ends *e = *state;

    close(e->packet);
    assert_null(hvhost_audit(e->host));
    hvhost_destroy(e->host);
    assert_int_equal(if_nametoindex(TAP), 0); /* gone with its last user */
    free(e);
    return 0;
}

void tap_fill(uint8_t *data, uint32_t len)
{
    static const uint8_t head[] = {0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5};
    uint32_t i;

    memcpy(data, head, sizeof(head));
    for (i = sizeof(head); i < len; i++)
        data[i] = (uint8_t)(i * 7);
}

void tap_await(struct ends *e, unsigned frames)
{
    struct pollfd fds[4];
    unsigned count;

    while (e->frames < frames) {
        count = hvhost_pollfds(e->host, fds, countof(fds));
        assert_int_equal(count, 1);
        assert_true(poll(fds, count, WAIT_MS) > 0);
        hvhost_step(e->host, 0);
    }
}

ssize_t tap_kernel_receives(struct ends *e, uint8_t *data, size_t size, int *tag)
{
    char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    struct iovec iov = {.iov_base = data, .iov_len = size};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    struct pollfd p = {.fd = e->packet, .events = POLLIN};
    struct tpacket_auxdata aux;
    struct cmsghdr *c;
    ssize_t len;

    do {
        msg.msg_controllen = sizeof(control);
        assert_int_equal(poll(&p, 1, WAIT_MS), 1);
        len = recvmsg(e->packet, &msg, MSG_DONTWAIT);
    } while (!is_ours(data, (uint32_t)len));
    *tag = -1;
    for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        memcpy(&aux, CMSG_DATA(c), sizeof(aux));
        if (c->cmsg_type == PACKET_AUXDATA && (aux.tp_status & TP_STATUS_VLAN_VALID))
            *tag = aux.tp_vlan_tci;
    }
    return len;
}

struct hvhost_switch_stats tap_stats(const struct ends *e)
{
    struct hvhost_switch_stats stats;

    hvhost_switch_stats(e->host, &stats);
    return stats;
}
