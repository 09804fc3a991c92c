/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The TAP uplink against a real kernel, in a network namespace of its own. Needs root: skipped (77)
 * without. The kernel's side is a packet socket, the switch's side a port that keeps what it gets.
 */
#define _GNU_SOURCE 1 /* unshare() */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "hvhost.h"
#include "raw_guest.h"

#define TAP "nvt0"
#define WAIT_MS 5000
#define ETHERTYPE_OURS 0x88b5u /* for local experiments: nobody else in here uses it */
#define FRAME_BYTES_MAX 65550u

/* ---- both ends ------------------------------------------------------------------------------ */

struct ends {
    struct hvhost *host;
    struct hvhost_port *port;
    int packet; /* packet socket on the TAP device */
    /* the last frame of ours that came up */
    unsigned frames;
    uint32_t len_bytes;
    uint16_t tci;
    bool has_tci;
    uint8_t data[FRAME_BYTES_MAX];
};

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

static void set_link(const char *name, bool up, int mtu)
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

static int packet_socket(const char *name)
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

static int setup(void **state)
{
    struct ends *e = calloc(1, sizeof(*e));

    if (!e || hvhost_create(NULL, &e->host) != 0 || hvhost_tap_add(e->host, TAP) != 0 ||
        hvhost_port_add(e->host, keep, e, &e->port) != 0)
        return -1;
    set_link(TAP, true, 65521);
    e->packet = packet_socket(TAP);
    *state = e;
    return 0;
}

static int teardown(void **state)
{
    struct ends *e = *state;

    close(e->packet);
    assert_null(hvhost_audit(e->host));
    hvhost_destroy(e->host);
    assert_int_equal(if_nametoindex(TAP), 0); /* gone with its last user */
    free(e);
    return 0;
}

/* A frame of (len) bytes with our type and counting contents. */
static void fill(uint8_t *data, uint32_t len)
{
    static const uint8_t head[] = {0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5};
    uint32_t i;

    memcpy(data, head, sizeof(head));
    for (i = sizeof(head); i < len; i++)
        data[i] = (uint8_t)(i * 7);
}

/* Turn the host until (frames) of ours have come up. */
static void await(struct ends *e, unsigned frames)
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

/* What the kernel received, and the VLAN tag it took out; tag -1: none. */
static ssize_t kernel_receives(struct ends *e, uint8_t *data, size_t size, int *tag)
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

static struct hvhost_switch_stats stats_of(const struct ends *e)
{
    struct hvhost_switch_stats stats;

    hvhost_switch_stats(e->host, &stats);
    return stats;
}

/* ---- frames --------------------------------------------------------------------------------- */

static void a_frame_of_the_kernel_comes_up_unchanged(void **state)
{
    static const uint32_t sizes[] = {60, 1514, 9014, 65535};
    struct ends *e = *state;
    uint8_t *data = malloc(FRAME_BYTES_MAX);
    unsigned i;

    for (i = 0; i < countof(sizes); i++) {
        fill(data, sizes[i]);
        assert_int_equal(send(e->packet, data, sizes[i], 0), sizes[i]);
        await(e, i + 1);
        assert_int_equal(e->len_bytes, sizes[i]);
        assert_memory_equal(e->data, data, sizes[i]);
        assert_false(e->has_tci);
    }
    assert_true(stats_of(e).tap_rx >= countof(sizes));
    free(data);
}

static void a_frame_of_the_switch_reaches_the_kernel_unchanged(void **state)
{
    static const uint32_t sizes[] = {60, 1514, 9014, 65535};
    struct ends *e = *state;
    uint8_t *data = malloc(FRAME_BYTES_MAX), *got = malloc(FRAME_BYTES_MAX);
    struct hvhost_frame frame = {.data = data};
    unsigned i;
    int tag;

    for (i = 0; i < countof(sizes); i++) {
        fill(data, sizes[i]);
        frame.len_bytes = sizes[i];
        hvhost_port_send(e->port, &frame);
        assert_int_equal(kernel_receives(e, got, FRAME_BYTES_MAX, &tag), sizes[i]);
        assert_memory_equal(got, data, sizes[i]);
        assert_int_equal(tag, -1);
    }
    assert_int_equal(stats_of(e).tap_tx, countof(sizes));
    assert_int_equal(stats_of(e).tap_drop, 0);
    free(got);
    free(data);
}

static void a_tag_in_the_kernels_frame_is_taken_out(void **state)
{
    struct ends *e = *state;
    uint8_t plain[100], tagged[104];

    fill(plain, sizeof(plain));
    memcpy(tagged, plain, 12);
    memcpy(tagged + 12, "\x81\x00\x6a\xbc", 4); /* priority 3, VLAN 0xabc */
    memcpy(tagged + 16, plain + 12, sizeof(plain) - 12);
    assert_int_equal(send(e->packet, tagged, sizeof(tagged), 0), sizeof(tagged));
    await(e, 1);
    assert_true(e->has_tci);
    assert_int_equal(e->tci, 0x6abc);
    assert_int_equal(e->len_bytes, sizeof(plain));
    assert_memory_equal(e->data, plain, sizeof(plain));
}

static void a_tag_beside_the_frame_is_put_in_for_the_kernel(void **state)
{
    struct ends *e = *state;
    uint8_t plain[100], got[200];
    struct hvhost_frame frame = {
        .data = plain, .len_bytes = sizeof(plain), .tci = 0x6abc, .has_tci = true};
    int tag;

    fill(plain, sizeof(plain));
    hvhost_port_send(e->port, &frame);
    assert_int_equal(kernel_receives(e, got, sizeof(got), &tag), sizeof(plain));
    assert_int_equal(tag, 0x6abc);
    assert_memory_equal(got, plain, sizeof(plain));
}

static void a_turn_is_bounded(void **state)
{
    struct ends *e = *state;
    struct pollfd fds[2];
    uint8_t data[60];
    unsigned i;

    fill(data, sizeof(data));
    for (i = 0; i < 100; i++)
        assert_int_equal(send(e->packet, data, sizeof(data), 0), sizeof(data));
    assert_int_equal(hvhost_pollfds(e->host, fds, countof(fds)), 1);
    assert_int_equal(poll(fds, 1, WAIT_MS), 1);
    hvhost_step(e->host, 0);
    assert_in_range(e->frames, 1, 64);
    await(e, 100);
}

static unsigned frames_of_a_step(struct ends *e)
{
    const unsigned before = e->frames;

    hvhost_step(e->host, 0);
    return e->frames - before;
}

/* What it spares is the look for one that is not there. */
static void a_turn_reads_as_many_frames_as_the_last_found_and_more_after_two_such(void **state)
{
    static const unsigned expected[] = {1, 1, 2, 2, 4, 4, 6, 0, 1, 1, 1, 0};
    struct ends *e = *state;
    uint8_t data[60];
    unsigned i;

    fill(data, sizeof(data));
    set_link(TAP, true, 1200); /* too little for IPv6, which would say something now and then */
    while (hvhost_step(e->host, 0) > 0)
        continue; /* the last finds nothing */
    for (i = 0; i < countof(expected); i++) {
        if (i == 0 || i == 8) {
            for (unsigned n = i ? 3 : 20; n > 0; n--)
                assert_int_equal(send(e->packet, data, sizeof(data), 0), sizeof(data));
        }
        assert_int_equal(frames_of_a_step(e), expected[i]);
    }
}

/* ---- a card that is full --------------------------------------------------------------------- */

/* A guest that is up and has few receive sections, behind an uplink of its own. */
static struct raw_guest *small_guest(int *packet)
{
    const struct hvhost_nic_config config = {.recv_buf_bytes = 64u << 10, .mtu_max_bytes = 1500};
    struct raw_guest *g = raw_guest_create(&config);

    raw_bring_up(g);
    assert_int_equal(hvhost_tap_add(g->host, "nvt1"), 0);
    set_link("nvt1", true, 1500);
    *packet = packet_socket("nvt1");
    return g;
}

static void frames_wait_in_the_kernel_while_no_card_has_room(void **state)
{
    enum { FRAMES = 200 };
    struct hvhost_switch_stats stats;
    struct raw_packet pkt;
    struct pollfd fds[2];
    struct raw_guest *g;
    uint8_t data[1000];
    int packet;
    unsigned i;

    (void)state;
    g = small_guest(&packet);
    fill(data, sizeof(data));
    memset(data, 0xff, 6);
    for (i = 0; i < FRAMES; i++)
        assert_int_equal(send(packet, data, sizeof(data), 0), sizeof(data));
    for (i = 0; i < 10; i++)
        raw_step(g);
    hvhost_switch_stats(g->host, &stats);
    assert_true(stats.tap_paused > 0);
    assert_true(stats.tap_rx < FRAMES);
    /* Not asked for, or a full card would make us spin. */
    assert_int_equal(hvhost_pollfds(g->host, fds, countof(fds)), 0);
    for (i = 0; i < FRAMES && stats.tap_rx < FRAMES; i++) {
        raw_step(g);
        while (raw_take(g, &pkt))
            raw_complete(g, pkt.desc.xid);
        hvhost_switch_stats(g->host, &stats);
    }
    assert_true(raw_stat(g, rx_frames) >= FRAMES);
    assert_int_equal(raw_stat(g, rx_drop_section), 0);
    close(packet);
    raw_guest_destroy(g);
}

/* ---- when it does not work ------------------------------------------------------------------ */

static void frames_for_a_link_that_is_down_are_counted(void **state)
{
    struct ends *e = *state;
    uint8_t data[60];
    struct hvhost_frame frame = {.data = data, .len_bytes = sizeof(data)};

    fill(data, sizeof(data));
    set_link(TAP, false, 1500);
    hvhost_port_send(e->port, &frame);
    assert_int_equal(stats_of(e).tap_drop, 1);
    set_link(TAP, true, 1500);
    hvhost_port_send(e->port, &frame);
    assert_int_equal(stats_of(e).tap_drop, 1);
    assert_int_equal(stats_of(e).tap_tx, 1);
}

static void a_deleted_device_is_let_go(void **state)
{
    struct ends *e = *state;
    uint8_t data[60];
    struct hvhost_frame frame = {.data = data, .len_bytes = sizeof(data)};
    struct pollfd fds[2];

    fill(data, sizeof(data));
    assert_int_equal(system("ip link delete " TAP), 0);
    hvhost_step(e->host, 0);
    assert_int_equal(hvhost_pollfds(e->host, fds, countof(fds)), 0); /* or we would spin */
    hvhost_port_send(e->port, &frame);
    assert_int_equal(stats_of(e).tap_drop, 1);
}

static void a_device_in_use_is_refused(void **state)
{
    struct ends *e = *state;
    struct hvhost *other;

    (void)e;
    assert_int_equal(hvhost_create(NULL, &other), 0);
    assert_int_equal(hvhost_tap_add(other, TAP), -EBUSY);
    hvhost_destroy(other);
}

static void names_no_device_can_have_are_refused(void **state)
{
    static const char *const names[] = {
        "", "sixteen_letters_", "a/b", "nvt%d", "two words", ".", "..", "lo"};
    struct ends *e = *state;
    unsigned i;

    for (i = 0; i < countof(names); i++)
        assert_int_equal(hvhost_tap_add(e->host, names[i]), -EINVAL);
}

/* ---- a device that outlives its users -------------------------------------------------------- */

/* As a virtual machine leaves it that had a longer header in front of frames. */
static void persist(bool on)
{
    struct ifreq ifr = {.ifr_name = TAP, .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    int header_bytes = 12;

    assert_true(fd >= 0);
    assert_int_equal(ioctl(fd, TUNSETIFF, &ifr), 0);
    assert_int_equal(ioctl(fd, TUNSETVNETHDRSZ, &header_bytes), 0);
    assert_int_equal(ioctl(fd, TUNSETPERSIST, on), 0);
    close(fd);
}

static int setup_used(void **state)
{
    persist(true);
    return setup(state);
}

static int teardown_used(void **state)
{
    struct ends *e = *state;

    close(e->packet);
    assert_null(hvhost_audit(e->host));
    hvhost_destroy(e->host);
    free(e);
    persist(false);
    return if_nametoindex(TAP) ? -1 : 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_USED(name) cmocka_unit_test_setup_teardown(name, setup_used, teardown_used)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_frame_of_the_kernel_comes_up_unchanged),
        TEST(a_frame_of_the_switch_reaches_the_kernel_unchanged),
        TEST_USED(a_frame_of_the_kernel_comes_up_unchanged),
        TEST_USED(a_frame_of_the_switch_reaches_the_kernel_unchanged),
        TEST(a_tag_in_the_kernels_frame_is_taken_out),
        TEST(a_tag_beside_the_frame_is_put_in_for_the_kernel),
        TEST(a_turn_is_bounded),
        TEST(a_turn_reads_as_many_frames_as_the_last_found_and_more_after_two_such),
        TEST(frames_wait_in_the_kernel_while_no_card_has_room),
        TEST(frames_for_a_link_that_is_down_are_counted),
        TEST(a_deleted_device_is_let_go),
        TEST(a_device_in_use_is_refused),
        TEST(names_no_device_can_have_are_refused),
    };

    if (access("/dev/net/tun", R_OK | W_OK) != 0 || unshare(CLONE_NEWNET) != 0) {
        puts("skipped: needs root and /dev/net/tun");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
