/* SPDX-License-Identifier: BSD-3-Clause */
/* RNDIS control: the OIDs whose value is an NDIS object with a revision, offloads and RSS. */
#include "raw_guest.h"

static void offload_object_has_the_revision_asked_for(void **state)
{
    static const struct {
        uint8_t revision;
        uint16_t size, want_bytes;
        uint8_t want_revision;
    } rows[] = {
        {3, 156, 156, 3}, {2, 144, 144, 2}, {1, 112, 112, 1}, {3, 144, 144, 2}, /* the size rules */
        {3, 168, 156, 3},                                                       /* older Linux */
        {2, 156, 144, 2},                                                       /* likewise */
        {9, 180, 156, 3},
    };
    const struct hvhost_nic_config config = {.offload = HVHOST_OFFLOAD_NONE};
    struct raw_guest *g = raw_guest_create(&config);

    (void)state;
    raw_bring_up(g);
    for (unsigned i = 0; i < countof(rows); i++) {
        uint8_t in[180] = {NDIS_OBJECT_OFFLOAD, rows[i].revision, (uint8_t)rows[i].size, 0};
        uint8_t info[1024];
        uint32_t bytes;

        assert_int_equal(raw_query(g, OID_OFFLOAD_HW_CAPS, in, rows[i].size, info, &bytes), 0);
        assert_int_equal(bytes, rows[i].want_bytes);
        assert_int_equal(info[0], NDIS_OBJECT_OFFLOAD);
        assert_int_equal(info[1], rows[i].want_revision);
        assert_int_equal(info[2], rows[i].want_bytes);
        assert_int_equal(raw_word(info, 1), 2);  /* 802.3 */
        assert_int_equal(raw_word(info, 2), 0);  /* no checksums */
        assert_int_equal(raw_word(info, 20), 0); /* no LSO */
    }
    raw_guest_destroy(g);
}

static void offload_reply_is_never_longer_than_the_question(void **state)
{
    uint8_t in[156] = {NDIS_OBJECT_OFFLOAD, 3, 156, 0};
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t info[1024];
    uint32_t bytes;

    (void)state;
    raw_bring_up(g);
    assert_int_equal(raw_query(g, OID_OFFLOAD_HW_CAPS, in, 112, info, &bytes), 0);
    assert_int_equal(bytes, 112);
    assert_int_equal(info[1], 1);
    in[2] = 144; /* of the 156 bytes, it says */
    assert_int_equal(raw_query(g, OID_OFFLOAD_HW_CAPS, in, 156, info, &bytes), 0);
    assert_int_equal(bytes, 144);
    raw_guest_destroy(g);
}

static void offload_query_too_short_for_any_revision_is_refused(void **state)
{
    const uint8_t in[16] = {NDIS_OBJECT_OFFLOAD, 3, 16, 0};
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t info[1024];
    uint32_t bytes;

    (void)state;
    raw_bring_up(g);
    assert_int_equal(raw_query(g, OID_OFFLOAD_HW_CAPS, in, sizeof(in), info, &bytes),
                     RNDIS_STATUS_INVALID_LENGTH);
    raw_guest_destroy(g);
}

static void rss_capabilities_say_one_queue_and_a_table(void **state)
{
    const struct ndis_rss_caps in = {.header = {NDIS_OBJECT_RSS_CAPS, 2, sizeof(in)}};
    struct ndis_rss_caps caps;
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t info[1024];
    uint32_t bytes;

    (void)state;
    raw_bring_up(g);
    assert_int_equal(raw_query(g, OID_RSS_CAPS, &in, sizeof(in), info, &bytes), 0);
    assert_int_equal(bytes, 18);
    memcpy(&caps, info, sizeof(caps));
    assert_int_equal(caps.header.type, NDIS_OBJECT_RSS_CAPS);
    assert_int_equal(caps.rx_queues, 1);
    assert_int_equal(caps.reta_entries, 128);
    raw_guest_destroy(g);
}

static void rss_parameters_are_judged(void **state)
{
    /* V13, with a table of 128 entries and a key. */
    static const uint8_t head[40] = {0x89, 2, 40, 0, 0, 0, 0,  0, 1, 0x17, 0,    0, 0, 2,
                                     0,    0, 40, 0, 0, 0, 40, 0, 0, 0,    0x28, 2, 0, 0};
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t msg[592] = {0};

    (void)state;
    raw_bring_up(g);
    memcpy(msg, head, sizeof(head));
    assert_int_equal(raw_set(g, OID_RSS_PARAMS, msg, sizeof(msg)), RNDIS_STATUS_SUCCESS);
    msg[40 + 4 * 127] = 1; /* a queue that is not there */
    assert_int_equal(raw_set(g, OID_RSS_PARAMS, msg, sizeof(msg)), RNDIS_STATUS_INVALID_DATA);
    msg[4] = 0x10; /* disable: then nothing else matters */
    assert_int_equal(raw_set(g, OID_RSS_PARAMS, msg, sizeof(msg)), RNDIS_STATUS_SUCCESS);
    msg[4] = 0;
    msg[40 + 4 * 127] = 0;
    assert_int_equal(raw_set(g, OID_RSS_PARAMS, msg, 591), RNDIS_STATUS_INVALID_DATA);
    msg[20] = 39;
    assert_int_equal(raw_set(g, OID_RSS_PARAMS, msg, sizeof(msg)), RNDIS_STATUS_INVALID_DATA);
    assert_int_equal(raw_set(g, OID_RSS_PARAMS, msg, 39), RNDIS_STATUS_INVALID_LENGTH);
    raw_guest_destroy(g);
}

static void offload_parameters_are_confirmed_by_an_indication(void **state)
{
    static const uint8_t params[28] = {0x80, 3, 28, 0, 4, 4, 4, 4, 4, 0, 0, 2, 2};
    struct raw_guest *g = raw_guest_create(NULL);
    struct rndis_indicate head;
    struct vmbus_xfer_range range;
    struct raw_packet pkt;

    (void)state;
    raw_bring_up(g);
    assert_int_equal(raw_set(g, OID_OFFLOAD_PARAMS, params, sizeof(params)), RNDIS_STATUS_SUCCESS);
    assert_true(raw_take(g, &pkt));
    memcpy(&range, pkt.header + 8, sizeof(range));
    memcpy(&head, g->t.recv.base + range.off_bytes, sizeof(head));
    assert_int_equal(head.type, RNDIS_MSG_INDICATE_STATUS);
    assert_int_equal(head.status, RNDIS_IND_OFFLOAD_CONFIG);
    assert_int_equal(head.buffer_bytes, 156);
    assert_int_equal(range.len_bytes, head.len_bytes);
    /* The object says what is on now. */
    assert_int_equal(raw_word(g->t.recv.base + range.off_bytes + head.buffer_off + 8, 2), 0x155);
    assert_int_equal(raw_set(g, OID_OFFLOAD_PARAMS, params, 19), RNDIS_STATUS_INVALID_LENGTH);
    raw_guest_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offload_object_has_the_revision_asked_for),
        cmocka_unit_test(offload_reply_is_never_longer_than_the_question),
        cmocka_unit_test(offload_query_too_short_for_any_revision_is_refused),
        cmocka_unit_test(rss_capabilities_say_one_queue_and_a_table),
        cmocka_unit_test(rss_parameters_are_judged),
        cmocka_unit_test(offload_parameters_are_confirmed_by_an_indication),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
