/* SPDX-License-Identifier: BSD-3-Clause */
/* Kinds of frames, the time the ring was full, and books that do not balance. */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "netif_fixture.h"
#include "netvsc_var.h"

/* Every border of the size classes, without the 4 bytes of FCS. */
static const uint32_t sizes[] = {60,  61,   123,  124,  251,  252, 507,
                                 508, 1019, 1020, 1514, 1515, 9014};

static void check_sizes(const uint64_t got[8])
{
    static const uint64_t want[8] = {1, 2, 2, 2, 2, 2, 2, 0};

    for (unsigned i = 0; i < countof(want); i++)
        assert_int_equal(got[i], want[i]);
}

static void up_with_jumbo(struct netif_fixture *f)
{
    bench_init(f);
    f->config.mtu_bytes = 9000;
    f->card_config.send_section_bytes = 9216;
    bench_come_up(f);
}

static void frames_are_counted_by_size(void **state)
{
    struct netif_fixture f;
    struct netvsc_stats s;

    (void)state;
    up_with_jumbo(&f);
    for (unsigned i = 0; i < countof(sizes); i++) {
        bench_far_send(&f, sizes[i], 1);
        assert_int_equal(bench_send(&f, sizes[i], 1), 0);
        bench_turn(&f, 3);
    }
    s = bench_stats(&f);
    const uint64_t rx[] = {s.rx_size_64,        s.rx_size_65_127,   s.rx_size_128_255,
                           s.rx_size_256_511,   s.rx_size_512_1023, s.rx_size_1024_1518,
                           s.rx_size_1519_9018, s.rx_size_9019_up};
    const uint64_t tx[] = {s.tx_size_64,        s.tx_size_65_127,   s.tx_size_128_255,
                           s.tx_size_256_511,   s.tx_size_512_1023, s.tx_size_1024_1518,
                           s.tx_size_1519_9018, s.tx_size_9019_up};
    check_sizes(rx);
    check_sizes(tx);
    bench_stop(&f);
}

static void send_to(struct netif_fixture *f, const uint8_t to[6])
{
    uint8_t frame[60] = {0};
    const struct hvhost_frame out = {
        .data = frame, .len_bytes = sizeof(frame), .tci = 5, .has_tci = true};
    struct netvsc_slot slot;

    memcpy(frame, to, 6);
    frame[7] = 1;
    hvhost_port_send(f->port, &out);
    assert_int_equal(netvsc_tx_begin(f->nic, sizeof(frame), &slot), 0);
    f->begins++;
    memcpy(slot.data, frame, sizeof(frame));
    netvsc_tx_commit(f->nic, &slot, sizeof(frame));
    bench_turn(f, 3);
}

static void groups_and_vlans_are_counted(void **state)
{
    static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t group[6] = {0x01, 0, 0x5e, 0, 0, 1};
    struct netif_fixture f;
    struct netvsc_stats s;

    (void)state;
    bench_up(&f);
    send_to(&f, all);
    send_to(&f, group);
    send_to(&f, group);
    s = bench_stats(&f);
    assert_int_equal(s.rx_broadcast, 1);
    assert_int_equal(s.tx_broadcast, 1);
    assert_int_equal(s.rx_multicast, 2);
    assert_int_equal(s.tx_multicast, 2);
    assert_int_equal(s.rx_vlan, 3);
    bench_stop(&f);
}

static void the_time_without_room_is_counted(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_up(&f);
    while (bench_send(&f, 60, 1) == 0)
        continue;
    for (unsigned i = 0; i < 7; i++) { /* 7 ms in which the host does nothing */
        netvsc_poll(f.nic, f.now_ns, 64);
        f.now_ns += 1000000;
    }
    assert_int_equal(bench_stats(&f).tx_full_ns, 0);
    assert_int_equal(f.nic->queue[0]->tx.peak, f.nic->queue[0]->tx.slot_count);
    bench_turn(&f, 5);
    assert_in_range(bench_stats(&f).tx_full_ns, 7000000, 10000000);
    bench_stop(&f);
}

static void books_that_do_not_balance_are_told_with_their_numbers(void **state)
{
    struct netif_fixture f;
    struct netvsc_stats *s;

    (void)state;
    bench_up(&f);
    s = &f.nic->queue[0]->stats;
    assert_null(netvsc_audit(f.nic));
    s->rx_messages += 2;
    assert_string_equal(netvsc_audit(f.nic), "2 messages offered, 0 handed up and dropped");
    s->rx_messages -= 2;
    s->tx_completed++;
    assert_string_equal(netvsc_audit(f.nic),
                        "0 frames sent, 1 completed, failed, lost or outstanding");
    s->tx_completed--;
    s->tx_size_64++;
    assert_string_equal(netvsc_audit(f.nic), "0 frames sent, 1 in the size classes");
    s->tx_size_64--;
    s->rx_size_65_127++;
    assert_string_equal(netvsc_audit(f.nic), "0 frames handed up, 1 in the size classes");
    s->rx_size_65_127--;
    bench_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_counted_by_size),
        cmocka_unit_test(groups_and_vlans_are_counted),
        cmocka_unit_test(the_time_without_room_is_counted),
        cmocka_unit_test(books_that_do_not_balance_are_told_with_their_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
