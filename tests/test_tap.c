/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames over the TAP uplink, to and from a real kernel, in a network namespace of its own. Needs
 * root: skipped (77) without.
 */
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "raw_guest.h"
#include "tap_ends.h"

#define LONG_BYTES 65000u

/* ---- frames --------------------------------------------------------------------------------- */

static void a_frame_of_the_kernel_comes_up_unchanged(void **state)
{
    static const uint32_t sizes[] = {60, 1514, 9014, 65535};
    struct ends *e = *state;
    uint8_t *data = malloc(FRAME_BYTES_MAX);
    unsigned i;

    for (i = 0; i < countof(sizes); i++) {
        tap_fill(data, sizes[i]);
        assert_int_equal(send(e->packet, data, sizes[i], 0), sizes[i]);
        tap_await(e, i + 1);
        assert_int_equal(e->len_bytes, sizes[i]);
        assert_memory_equal(e->data, data, sizes[i]);
        assert_false(e->has_tci);
    }
    assert_true(tap_stats(e).tap_rx >= countof(sizes));
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
        tap_fill(data, sizes[i]);
        frame.len_bytes = sizes[i];
        hvhost_port_send(e->port, &frame);
        assert_int_equal(tap_kernel_receives(e, got, FRAME_BYTES_MAX, &tag), sizes[i]);
        assert_memory_equal(got, data, sizes[i]);
        assert_int_equal(tag, -1);
    }
    assert_int_equal(tap_stats(e).tap_tx, countof(sizes));
    assert_int_equal(tap_stats(e).tap_drop, 0);
    free(got);
    free(data);
}

static void a_tag_in_the_kernels_frame_is_taken_out(void **state)
{
    struct ends *e = *state;
    uint8_t plain[100], tagged[104];

    tap_fill(plain, sizeof(plain));
    memcpy(tagged, plain, 12);
    memcpy(tagged + 12, "\x81\x00\x6a\xbc", 4); /* priority 3, VLAN 0xabc */
    memcpy(tagged + 16, plain + 12, sizeof(plain) - 12);
    assert_int_equal(send(e->packet, tagged, sizeof(tagged), 0), sizeof(tagged));
    tap_await(e, 1);
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

    tap_fill(plain, sizeof(plain));
    hvhost_port_send(e->port, &frame);
    assert_int_equal(tap_kernel_receives(e, got, sizeof(got), &tag), sizeof(plain));
    assert_int_equal(tag, 0x6abc);
    assert_memory_equal(got, plain, sizeof(plain));
}

static void a_turn_is_bounded(void **state)
{
    struct ends *e = *state;
    struct pollfd fds[2];
    uint8_t data[60];
    unsigned i;

    tap_fill(data, sizeof(data));
    for (i = 0; i < 100; i++)
        assert_int_equal(send(e->packet, data, sizeof(data), 0), sizeof(data));
    assert_int_equal(hvhost_pollfds(e->host, fds, countof(fds)), 1);
    assert_int_equal(poll(fds, 1, WAIT_MS), 1);
    hvhost_step(e->host, 0);
    assert_in_range(e->frames, 1, 64);
    tap_await(e, 100);
}

static unsigned frames_of_a_step(struct ends *e)
{
    const unsigned before = e->frames;

    hvhost_step(e->host, 0);
    return e->frames - before;
}

/* What would leave the near caches before the guest looks at it waits in the kernel. */
static void of_long_frames_a_turn_reads_256_kb_and_the_rest_of_one(void **state)
{
    const int room_bytes = 8 << 20;
    struct ends *e = *state;
    uint8_t *data = malloc(FRAME_BYTES_MAX);
    unsigned most = 0;

    assert_int_equal(
        setsockopt(e->packet, SOL_SOCKET, SO_SNDBUFFORCE, &room_bytes, sizeof(room_bytes)), 0);
    tap_fill(data, LONG_BYTES);
    for (unsigned i = 0; i < 40; i++)
        assert_int_equal(send(e->packet, data, LONG_BYTES, 0), LONG_BYTES);
    while (e->frames < 40) {
        const unsigned frames = frames_of_a_step(e);

        most = frames > most ? frames : most;
    }
    assert_int_equal(most, (256u << 10) / LONG_BYTES + 1);
    free(data);
}

/* What it spares is the look for one that is not there. */
static void a_turn_reads_as_many_frames_as_the_last_found_and_more_after_two_such(void **state)
{
    static const unsigned expected[] = {1, 1, 2, 2, 4, 4, 6, 0, 1, 1, 1, 0};
    struct ends *e = *state;
    uint8_t data[60];
    unsigned i;

    tap_fill(data, sizeof(data));
    tap_set_link(TAP, true, 1200); /* too little for IPv6, which would say something now and then */
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
    tap_set_link("nvt1", true, 1500);
    *packet = tap_packet_socket("nvt1");
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
    tap_fill(data, sizeof(data));
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
    return tap_setup(state);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, tap_setup, tap_teardown)

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
        TEST(of_long_frames_a_turn_reads_256_kb_and_the_rest_of_one),
        TEST(a_turn_reads_as_many_frames_as_the_last_found_and_more_after_two_such),
        TEST(frames_wait_in_the_kernel_while_no_card_has_room),
    };

    return tap_run_tests(tests);
}
