/* SPDX-License-Identifier: BSD-3-Clause */
/* What a guest gives back: completions of the packets with frames it was sent. */
#include "hvh_nic_var.h"
#include "raw_guest.h"

/* A card that is up, and has all its control packets back. */
static struct raw_guest *up(void)
{
    struct raw_guest *g = raw_guest_create(NULL);

    raw_bring_up(g);
    raw_step(g);
    return g;
}

/* A frame for the guest; the transaction id of its packet. */
static uint64_t lend(struct raw_guest *g)
{
    struct raw_packet pkt;

    raw_port_send(g, 60, NULL);
    raw_expect(g, &pkt);
    assert_int_equal(pkt.desc.type, VMBUS_PKT_XFER_PAGES);
    return pkt.desc.xid;
}

/* One word longer than it need be, so that all behind it lies elsewhere. */
static void complete_long(struct raw_guest *g, uint64_t xid)
{
    const struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_COMPLETION, .xid = xid};
    const uint32_t msg[4] = {NVS_MSG_RNDIS_COMPLETE, NVS_STATUS_SUCCESS};

    raw_packet(g, desc, NULL, 0, msg, sizeof(msg));
}

static void completions_are_taken_wherever_in_the_ring_they_lie(void **state)
{
    struct raw_guest *g = up();
    uint64_t count = 0;

    (void)state;
    for (unsigned lap = 0; lap < 5; lap++) {
        uint32_t last;

        complete_long(g, lend(g));
        count++;
        do {
            last = g->tx_write;
            raw_complete(g, lend(g));
            count++;
        } while (g->tx_write > last);
    }
    raw_step(g);
    assert_int_equal(raw_stat(g, rx_packets), count);
    assert_int_equal(raw_stat(g, rx_completed) - raw_stat(g, ctl_replies), count);
    assert_int_equal(g->nic->sections.packets, 0);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void many_completions_at_once_are_taken_in_one_step(void **state)
{
    struct raw_guest *g = up();
    uint64_t xid[10], before;

    (void)state;
    before = raw_stat(g, rx_completed);
    for (unsigned i = 0; i < countof(xid); i++)
        xid[i] = lend(g);
    for (unsigned i = countof(xid); i-- > 0;)
        raw_complete(g, xid[i]);
    raw_step(g);
    assert_int_equal(raw_stat(g, rx_completed) - before, countof(xid));
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void a_completion_with_a_wrong_trailer_counts_and_still_gives_back(void **state)
{
    struct raw_guest *g = up();
    uint64_t words[4], before;

    (void)state;
    before = raw_stat(g, rx_completed);
    words[0] = VMBUS_PKT_COMPLETION | 2u << 16 | UINT64_C(3) << 32;
    words[1] = lend(g);
    words[2] = NVS_MSG_RNDIS_COMPLETE | (uint64_t)NVS_STATUS_SUCCESS << 32;
    words[3] = (uint64_t)(g->tx_write + 8) << 32;
    raw_write(g, words, sizeof(words));
    raw_step(g);
    assert_int_equal(raw_stat(g, strict_trailer), 1);
    assert_int_equal(raw_stat(g, rx_completed) - before, 1);
    raw_check_strict(g, "strict_trailer");
    raw_guest_destroy(g);
}

static void a_completion_on_another_channel_counts_and_still_gives_back(void **state)
{
    struct raw_guest *g = up();
    uint64_t xid, before;

    (void)state;
    before = raw_stat(g, rx_completed);
    xid = lend(g);
    g->nic->lent_on[xid] = 1;
    raw_complete(g, xid);
    raw_step(g);
    assert_int_equal(raw_stat(g, strict_xid), 1);
    assert_int_equal(raw_stat(g, rx_completed) - before, 1);
    raw_check_strict(g, "strict_xid");
    raw_guest_destroy(g);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(completions_are_taken_wherever_in_the_ring_they_lie),
        cmocka_unit_test(many_completions_at_once_are_taken_in_one_step),
        cmocka_unit_test(a_completion_with_a_wrong_trailer_counts_and_still_gives_back),
        cmocka_unit_test(a_completion_on_another_channel_counts_and_still_gives_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
