/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets with frames in a section: the usual form, and each way in which it may be another. */
#include "hvh_nic_var.h"
#include "raw_guest.h"

#define SECTION 2u
#define SECTION_BYTES 6144u
enum { WORD_FIRST, WORD_XID, WORD_TYPE, WORD_NAMED, WORD_REST, WORD_TRAILER = 7, WORDS };

static struct raw_guest *up(void)
{
    struct raw_guest *g = raw_guest_create(NULL);

    raw_bring_up(g);
    raw_step(g);
    return g;
}

/* One frame in its section, and the words of the packet that names it. */
static void make(struct raw_guest *g, uint64_t xid, uint64_t words[WORDS])
{
    const uint32_t bytes = raw_frame_message(g->t.send.base + SECTION * SECTION_BYTES, 60, 0x5A);

    memset(words, 0, WORDS * sizeof(words[0]));
    words[WORD_FIRST] = VMBUS_PKT_INBAND | 2u << 16 | UINT64_C(7) << 32 | UINT64_C(1) << 48;
    words[WORD_XID] = xid;
    words[WORD_TYPE] = NVS_MSG_RNDIS;
    words[WORD_NAMED] = SECTION | (uint64_t)bytes << 32;
    words[WORD_TRAILER] = (uint64_t)g->tx_write << 32;
}

/* What the host says to packet (xid). */
static uint32_t status_of(struct raw_guest *g, uint64_t xid)
{
    struct nvs_rndis_complete done;
    struct raw_packet pkt;

    raw_expect(g, &pkt);
    assert_int_equal(pkt.desc.type, VMBUS_PKT_COMPLETION);
    assert_int_equal(pkt.desc.xid, xid);
    memcpy(&done, pkt.payload, sizeof(done));
    return done.status;
}

static void frames_leave_wherever_in_the_ring_their_packets_lie(void **state)
{
    struct raw_guest *g = up();
    const uint64_t none[2] = {NVS_MSG_RNDIS_COMPLETE, 0};
    uint64_t count = 0;

    (void)state;
    for (unsigned lap = 0; lap < 9; lap++) {
        const struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_COMPLETION, .xid = 0};
        uint32_t last;

        raw_packet(g, desc, NULL, 0, none, lap % 2 ? 8 : 16); /* each lap lies elsewhere */
        raw_step(g);
        do {
            uint64_t words[WORDS];

            last = g->tx_write;
            make(g, ++count, words);
            raw_write(g, words, sizeof(words));
            assert_int_equal(status_of(g, count), NVS_STATUS_SUCCESS);
        } while (g->tx_write > last);
    }
    assert_int_equal(raw_stat(g, tx_packets), count);
    assert_int_equal(raw_stat(g, tx_section_packets), count);
    assert_int_equal(raw_stat(g, tx_switched), count);
    assert_int_equal(g->port_frames, count);
    raw_check_strict(g, "strict_xid"); /* completions of nothing, which only took room */
    raw_guest_destroy(g);
}

/* A word of the packet is another: what counts it, and is the frame sent all the same? */
static const struct {
    unsigned word;
    uint64_t flip;
    const char *counter;
    bool completed, sent;
} spoilt[] = {
    {WORD_FIRST, UINT64_C(1) << 48, "strict_flag", false, false},
    {WORD_FIRST, UINT64_C(2) << 48, "strict_flag", true, true},
    {WORD_FIRST, 14, "strict_nvs", false, false},
    {WORD_TYPE, 64, "strict_nvs", false, false},
    {WORD_TYPE, UINT64_C(2) << 32, "strict_nvs", false, false},
    {WORD_NAMED, 1u << 20, "strict_gpa", true, false},
    {WORD_NAMED, UINT64_C(1) << 45, "strict_gpa", true, false},
    {WORD_NAMED, SECTION ^ NVS_SECTION_NONE, "strict_rndis", true, false},
    {WORD_REST, 1, "strict_trailer", true, true},
    {WORD_REST + 1, UINT64_C(1) << 63, "strict_trailer", true, true},
    {WORD_REST + 2, UINT64_C(1) << 56, "strict_trailer", true, true},
    {WORD_TRAILER, 1, "strict_trailer", true, true},
    {WORD_TRAILER, UINT64_C(8) << 32, "strict_trailer", true, true},
};

static void a_packet_that_differs_in_one_word_is_judged_the_long_way(void **state)
{
    (void)state;
    for (unsigned i = 0; i < countof(spoilt); i++) {
        struct raw_guest *g = up();
        uint64_t words[WORDS];

        make(g, 77, words);
        words[spoilt[i].word] ^= spoilt[i].flip;
        raw_write(g, words, sizeof(words));
        if (spoilt[i].completed)
            assert_int_equal(status_of(g, 77) == NVS_STATUS_SUCCESS, spoilt[i].sent);
        else
            raw_expect_none(g);
        assert_int_equal(g->port_frames, spoilt[i].sent);
        if (strcmp(spoilt[i].counter, "strict_gpa") != 0)
            assert_int_equal(raw_stat_find(g, spoilt[i].counter), 1);
        raw_check_strict(g, spoilt[i].counter);
        raw_guest_destroy(g);
    }
}

static void frames_before_the_card_is_initialized_are_out_of_order(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    uint64_t words[WORDS];

    (void)state;
    raw_guest_open(g);
    raw_bring_ready(g, NVS_VERSION_61, RAW_MTU);
    make(g, 77, words);
    raw_write(g, words, sizeof(words));
    raw_expect_none(g);
    assert_int_equal(g->port_frames, 0);
    assert_int_equal(raw_stat(g, strict_nvs), 1);
    raw_check_strict(g, "strict_nvs");
    raw_guest_destroy(g);
}

static void a_packet_shown_in_part_waits_for_its_rest_and_is_not_guessed(void **state)
{
    struct raw_guest *g = up();
    uint64_t words[WORDS];

    (void)state;
    make(g, 77, words);
    memcpy(g->tx_data + g->tx_write, words, sizeof(words));
    raw_write(g, words, sizeof(words) - 8);
    raw_step(g);
    assert_int_equal(g->port_frames, 0);
    assert_int_equal(raw_stat(g, bad_ring), 1);
    raw_guest_destroy(g);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_leave_wherever_in_the_ring_their_packets_lie),
        cmocka_unit_test(a_packet_that_differs_in_one_word_is_judged_the_long_way),
        cmocka_unit_test(frames_before_the_card_is_initialized_are_out_of_order),
        cmocka_unit_test(a_packet_shown_in_part_waits_for_its_rest_and_is_not_guessed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
