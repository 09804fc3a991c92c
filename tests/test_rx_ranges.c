/* SPDX-License-Identifier: BSD-3-Clause */
/* Receive, with the test as host: where a frame's message may lie and how long it may be, what is
 * unlike the message before, and packets that are not what they say. */
#include <string.h>

#include "check.h"
#include "netif_wire.h"
#include "rndis.h"

#define MTU 1500u

/* ---- ranges ---------------------------------------------------------------------------------- */

struct range_case {
    uint32_t off_bytes, len_bytes; /* of 1728-byte sections in a buffer of 64 */
    bool good;
};

#define BUF_BYTES (1728u * 64u)

static const struct range_case range_cases[] = {
    {0, 104, true},
    {BUF_BYTES - 104, 104, true}, /* ends where the buffer does */
    {BUF_BYTES - 103, 104, false},
    {BUF_BYTES, 104, false},
    {BUF_BYTES, 0, false},
    {BUF_BYTES + 1, 8, false},
    {0xFFFFFFFF, 104, false},
    {0xFFFFFFF8, 16, false}, /* the 32-bit sum is 8 */
    {104, 0xFFFFFFF8, false},
    {0, 0xFFFFFFFF, false},
    {0, 1729, false},                /* longer than a section */
    {BUF_BYTES - 1728, 1728, true},  /* the last section */
    {BUF_BYTES - 1727, 1728, false}, /* a byte beyond it, its message well inside */
    {0, 7, false},                   /* shorter than a header */
    {0, 0, false},
    {64, 104, true}, /* sections are the host's business, the buffer is ours */
};

static void a_range_must_lie_in_the_buffer_and_fit_a_section(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(range_cases); i++) {
        const struct range_case *c = &range_cases[i];
        struct vmbus_xfer_range ranges[2] = {
            {.len_bytes = c->len_bytes, .off_bytes = c->off_bytes}};
        struct rndis_packet head = {RNDIS_MSG_PACKET, 104, 36, 60, 0, 0, 0, 0, 0, 0, 0};
        struct wire w;

        print_message("case %zu\n", i);
        wire_up(&w, NULL);
        ranges[1] = wire_message(&w, 9, 60, 9);
        if (c->off_bytes <= BUF_BYTES - sizeof(head)) /* nothing wrong with what is there */
            memcpy(w.t.recv.base + c->off_bytes, &head, sizeof(head));
        wire_xfer(&w, 1, NVS_RNDIS_DATA, ranges, 2);
        wire_poll(&w);
        assert_int_equal(wire_stats(&w).rx_drop_range, !c->good);
        assert_int_equal(w.rx_count, c->good ? 2 : 1); /* the neighbour does not suffer */
        wire_expect_ack(&w, 1, c->good ? NVS_STATUS_SUCCESS : NVS_STATUS_FAILURE);
        wire_expect_nothing(&w);
        wire_close(&w);
    }
}

/* Of 60 bytes, with a tag beside it. */
static struct vmbus_xfer_range tagged_message(struct wire *w, uint32_t index)
{
    const struct vmbus_xfer_range range = {.len_bytes = 44 + RNDIS_PPI_BYTES + 60,
                                           .off_bytes = index * 1728};
    const struct rndis_ppi ppi = {RNDIS_PPI_BYTES, RNDIS_PPI_VLAN, RNDIS_PPI_DATA_OFF};
    uint8_t *msg = w->t.recv.base + range.off_bytes;

    memset(msg, 0, range.len_bytes);
    rndis_put_packet(msg, RNDIS_PPI_BYTES, 60);
    memcpy(msg + 44, &ppi, sizeof(ppi));
    return range;
}

/* The driver keeps the last message judged, for those that say the same: at first there is none. */
static void the_first_message_is_like_none_before_even_if_it_is_all_zeros(void **state)
{
    const struct vmbus_xfer_range nothing[] = {{0}, {0}};
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    memset(w.t.recv.base, 0, sizeof(struct rndis_packet));
    wire_xfer(&w, 1, NVS_RNDIS_DATA, nothing, 1);
    wire_xfer(&w, 2, NVS_RNDIS_DATA, nothing, 2);
    wire_poll(&w);
    assert_int_equal(w.rx_count, 0);
    assert_int_equal(wire_stats(&w).rx_drop_range, 3);
    wire_expect_ack(&w, 1, NVS_STATUS_FAILURE);
    wire_expect_ack(&w, 2, NVS_STATUS_FAILURE);
    wire_close(&w);
}

static void a_frame_unlike_its_neighbours_is_counted_as_what_it_is(void **state)
{
    struct vmbus_xfer_range ranges[3];
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    for (uint32_t i = 0; i < 6; i++) {
        ranges[0] = wire_message(&w, 3, 60, 2);
        ranges[1] = i == 1   ? wire_message(&w, 4, 60, 1)
                    : i == 2 ? wire_message(&w, 4, 60, 0xff)
                    : i == 3 ? wire_message(&w, 4, 61, 2)
                    : i == 4 ? tagged_message(&w, 4)
                             : wire_message(&w, 4, 60, 2);
        ranges[2] = wire_message(&w, 5, 60, 2);
        wire_xfer(&w, 7, NVS_RNDIS_DATA, ranges, 3);
        wire_poll(&w);
        assert_int_equal(wire_stats(&w).rx_multicast, i >= 1);
        assert_int_equal(wire_stats(&w).rx_broadcast, i >= 2);
        assert_int_equal(wire_stats(&w).rx_size_65_127, i >= 3);
        assert_int_equal(wire_stats(&w).rx_vlan, i >= 4);
        assert_int_equal(wire_stats(&w).rx_size_64, 3 * (i + 1) - (i >= 3));
        assert_int_equal(wire_stats(&w).rx_bytes, 180 * (i + 1) + (i >= 3));
        wire_expect_ack(&w, 7, NVS_STATUS_SUCCESS);
    }
    wire_close(&w);
}

static void a_message_may_be_as_long_as_its_section_and_end_in_padding(void **state)
{
    struct vmbus_xfer_range range;
    struct rndis_packet head;
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    range = wire_message(&w, 2, 60, 9);
    memcpy(&head, w.t.recv.base + range.off_bytes, sizeof(head));
    head.len_bytes = 1728;
    memcpy(w.t.recv.base + range.off_bytes, &head, sizeof(head));
    range.len_bytes = 1728;
    wire_xfer(&w, 2, NVS_RNDIS_DATA, &range, 1);
    wire_poll(&w);
    assert_int_equal(w.rx_count, 1);
    assert_int_equal(w.frames[0].frame.len_bytes, 60);
    wire_close(&w);
}

static void frames_have_a_least_and_a_largest_size(void **state)
{
    static const struct {
        uint32_t bytes;
        bool good;
    } cases[] = {{0, false}, {13, false}, {14, true}, {MTU + 18, true}, {MTU + 19, false}};

    (void)state;
    for (size_t i = 0; i < countof(cases); i++) {
        struct wire w;

        wire_up(&w, NULL);
        wire_deliver(&w, 5, cases[i].bytes, 1);
        wire_poll(&w);
        assert_int_equal(w.rx_count, cases[i].good);
        assert_int_equal(wire_stats(&w).rx_drop_size, !cases[i].good);
        wire_expect_ack(&w, 5, cases[i].good ? NVS_STATUS_SUCCESS : NVS_STATUS_FAILURE);
        wire_close(&w);
    }
}

/* ---- malformed packets ----------------------------------------------------------------------- */

struct bad_packet {
    const char *what;
    uint32_t off; /* 16-bit words to overwrite in a packet with one range */
    uint16_t value;
    const char *counter;
    bool acked;
};

static const struct bad_packet bad_packets[] = {
    {"set id", 16, 0xBEEF, "host_bad_set", true},
    {"range count one more than ranges", 20, 2, "host_bad_set", true},
    {"range count 0", 20, 0, "host_bad_set", true},
    {"range count beyond all", 20, 0xFFFF, "host_bad_set", true},
    {"NVSP type", 32, 108, "host_bad_set", true},
    {"range list cut off", 2, 2, "host_bad_set", true},
    {"range list half there", 2, 3, "host_bad_set", true},
    {"packet type", 0, 8, "host_bad_packet", false},
};

static uint64_t counter(const struct wire *w, const char *name)
{
    struct netvsc_stats stats = wire_stats(w);

    return netvsc_counter(&stats, name);
}

static void malformed_packets_are_counted_and_still_acked(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(bad_packets); i++) {
        const struct bad_packet *c = &bad_packets[i];
        const struct vmbus_pkt_desc desc = {VMBUS_PKT_XFER_PAGES, 4, 9, 1, 6};
        const struct vmbus_xfer_header set = {NVS_RECV_BUF_ID, 0, 0, 1};
        const struct nvs_rndis msg = {NVS_MSG_RNDIS, NVS_RNDIS_DATA, NVS_SECTION_NONE, 0};
        struct vmbus_xfer_range range;
        uint8_t bytes[72] = {0};
        struct wire w;

        print_message("%s\n", c->what);
        wire_up(&w, NULL);
        range = wire_message(&w, 6, 60, 1);
        memcpy(bytes, &desc, 16);
        memcpy(bytes + 16, &set, 8);
        memcpy(bytes + 24, &range, 8);
        memcpy(bytes + 32, &msg, sizeof(msg));
        memcpy(bytes + c->off, &c->value, 2);
        wire_put(&w, bytes, sizeof(bytes));
        wire_poll(&w);
        assert_int_equal(counter(&w, c->counter), 1);
        assert_int_equal(w.rx_count, 0);
        if (c->acked)
            wire_expect_ack(&w, 6, NVS_STATUS_FAILURE);
        wire_expect_nothing(&w);
        wire_close(&w);
    }
}

static void a_corrupt_ring_ends_the_device_and_says_so(void **state)
{
    const struct vmbus_pkt_desc nonsense = {VMBUS_PKT_INBAND, 9, 3, 0, 0};
    struct wire w;

    (void)state;
    wire_up(&w, NULL);
    wire_deliver(&w, 5, 60, 1);
    wire_put(&w, &nonsense, sizeof(nonsense));
    wire_poll(&w);
    assert_int_equal(w.rx_count, 1); /* what came before is still good */
    wire_poll(&w);
    assert_int_equal(w.rx_count, 1);
    assert_int_equal(netvsc_state(w.nic), NETVSC_FAILED);
    assert_string_equal(netvsc_failure(w.nic), "the ring from the host is corrupt");
    assert_true(w.closed);
    assert_int_equal(counter(&w, "host_bad_ring"), 1);
    assert_int_equal(counter(&w, "device_gone"), 0);
    wire_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_must_lie_in_the_buffer_and_fit_a_section),
        cmocka_unit_test(the_first_message_is_like_none_before_even_if_it_is_all_zeros),
        cmocka_unit_test(a_frame_unlike_its_neighbours_is_counted_as_what_it_is),
        cmocka_unit_test(a_message_may_be_as_long_as_its_section_and_end_in_padding),
        cmocka_unit_test(frames_have_a_least_and_a_largest_size),
        cmocka_unit_test(malformed_packets_are_counted_and_still_acked),
        cmocka_unit_test(a_corrupt_ring_ends_the_device_and_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
