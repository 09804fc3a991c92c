/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One row per way the host can misbehave once the NIC is up: the counter that must move, and no
 * other, and whether the NIC lives on. Before and after the fault a frame goes each way.
 */
#include "check.h"

#include <string.h>

#include "netif_fixture.h"
#include "nvs_reg.h"
#include "rndis_reg.h"

enum outcome {
    LIVES,
    LIVES_WITHOUT_ACK, /* what the host garbled beyond recognition cannot be given back to it */
    FAILS,
};

struct fault_case {
    const char *what;
    enum hvhost_fault_on on;
    enum hvhost_fault_act act;
    uint64_t arg;
    const char *counter; /* NULL: nothing is wrong, or nobody can know */
    enum outcome outcome;
};

#define RX HVH_ON_RX_DATA
#define TX HVH_ON_TX_DONE
#define BUF (1u << 20)

static const struct fault_case fault_cases[] = {
    {"range beyond the buffer", RX, HVH_ACT_RANGE_OFF, BUF, "rx_drop_range", LIVES},
    {"range ends beyond the buffer", RX, HVH_ACT_RANGE_OFF, BUF - 40, "rx_drop_range", LIVES},
    {"range offset wraps", RX, HVH_ACT_RANGE_OFF, 0xFFFFFFF0, "rx_drop_range", LIVES},
    {"range longer than a section", RX, HVH_ACT_RANGE_LEN, 1807, "rx_drop_range", LIVES},
    {"range of all memory", RX, HVH_ACT_RANGE_LEN, 0xFFFFFFFF, "rx_drop_range", LIVES},
    {"range of 7", RX, HVH_ACT_RANGE_LEN, 7, "rx_drop_range", LIVES},
    {"range of nothing", RX, HVH_ACT_RANGE_LEN, 0, "rx_drop_range", LIVES},
    {"range shorter than its message", RX, HVH_ACT_RANGE_LEN, 100, "rx_drop_rndis", LIVES},
    {"range shorter than a header", RX, HVH_ACT_RANGE_LEN, 40, "rx_drop_rndis", LIVES},
    {"no ranges", RX, HVH_ACT_RANGE_COUNT, 0, "host_bad_set", LIVES},
    {"one range too many", RX, HVH_ACT_RANGE_COUNT, 2, "host_bad_set", LIVES},
    {"ranges beyond the packet", RX, HVH_ACT_RANGE_COUNT, 563, "host_bad_set", LIVES},
    {"range count wraps", RX, HVH_ACT_RANGE_COUNT, 0x20000001, "host_bad_set", LIVES},
    {"foreign set", RX, HVH_ACT_SET_ID, 0xFACE, "host_bad_set", LIVES},
    {"not an RNDIS packet", RX, HVH_ACT_NVS_TYPE, NVS_MSG_INIT, "host_bad_set", LIVES},
    {"inner type unknown", RX, HVH_ACT_WRONG_TYPE, 0, "host_bad_set", LIVES},
    {"NVSP message missing", RX, HVH_ACT_SHORT, 0, "host_bad_set", LIVES},
    {"NVSP message cut", RX, HVH_ACT_SHORT, 4, NULL, LIVES}, /* zeros read as data */
    {"RNDIS type unknown", RX, HVH_ACT_MSG_TYPE, 0x77, "rx_drop_rndis", LIVES},
    {"RNDIS reply as data", RX, HVH_ACT_MSG_TYPE, 0x80000004, "ctl_late", LIVES},
    {"message longer than its range", RX, HVH_ACT_MSG_LEN, 2000, "rx_drop_rndis", LIVES},
    {"message shorter than a header", RX, HVH_ACT_MSG_LEN, 43, "rx_drop_rndis", LIVES},
    {"message of nothing", RX, HVH_ACT_MSG_LEN, 0, "rx_drop_rndis", LIVES},
    {"message of all memory", RX, HVH_ACT_MSG_LEN, 0xFFFFFFFF, "rx_drop_rndis", LIVES},
    {"data in the header", RX, HVH_ACT_DATA_OFF, 35, "rx_drop_rndis", LIVES},
    {"data beyond the message", RX, HVH_ACT_DATA_OFF, 37, "rx_drop_rndis", LIVES},
    {"data offset wraps", RX, HVH_ACT_DATA_OFF, 0xFFFFFF9C, "rx_drop_rndis", LIVES},
    {"data longer than the message", RX, HVH_ACT_DATA_LEN, 201, "rx_drop_rndis", LIVES},
    {"data length wraps", RX, HVH_ACT_DATA_LEN, 0xFFFFFFE0, "rx_drop_rndis", LIVES},
    {"data of 13", RX, HVH_ACT_DATA_LEN, 13, "rx_drop_size", LIVES},
    {"data of nothing", RX, HVH_ACT_DATA_LEN, 0, "rx_drop_size", LIVES},
    {"info in the header", RX, HVH_ACT_PPI_OFF, 32, "rx_drop_rndis", LIVES},
    {"info in the data", RX, HVH_ACT_PPI_OFF, 40, "rx_drop_rndis", LIVES},
    {"info not aligned", RX, HVH_ACT_PPI_OFF, 38, "rx_drop_rndis", LIVES},
    {"info offset wraps", RX, HVH_ACT_PPI_OFF, 0xFFFFFFFC, "rx_drop_rndis", LIVES},
    {"packet of unknown type", RX, HVH_ACT_PKT_TYPE, 5, "host_bad_packet", LIVES_WITHOUT_ACK},
    {"packet longer than the ring has", RX, HVH_ACT_DESC_LEN, 0xFFFF, "host_bad_ring", FAILS},
    {"packet shorter than its header", RX, HVH_ACT_DESC_LEN, 1, "host_bad_ring", FAILS},
    {"packet without header", RX, HVH_ACT_DESC_HEADER, 1, "host_bad_ring", FAILS},
    {"header longer than its packet", RX, HVH_ACT_DESC_HEADER, 99, "host_bad_ring", FAILS},
    {"index not aligned", RX, HVH_ACT_RING_INDEX, 4, "host_bad_ring", FAILS},
    {"index beyond the ring", RX, HVH_ACT_RING_INDEX, 0x7FFFFFF8, "host_bad_ring", FAILS},

    {"completion says failed", TX, HVH_ACT_REFUSE, 0, "tx_failed", LIVES},
    {"completion comes late", TX, HVH_ACT_LATE, 40, NULL, LIVES},
    {"completion comes twice", TX, HVH_ACT_TWICE, 0, "host_bad_xid", LIVES},
    {"completion for another", TX, HVH_ACT_WRONG_ID, 0, "host_bad_xid", LIVES},
    {"completion never comes", TX, HVH_ACT_SILENT, 0, NULL, LIVES},
    {"completion of another type", TX, HVH_ACT_WRONG_TYPE, 0, "host_bad_packet", LIVES},
    {"completion empty", TX, HVH_ACT_SHORT, 0, "host_bad_packet", LIVES},
    {"completion without status", TX, HVH_ACT_SHORT, 4, "tx_failed", LIVES},
};

/* Counters of trouble. A completion without meaning counts as what it is and as failed. */
#define TROUBLE(X)                                                                                 \
    X(rx_drop_range)                                                                               \
    X(rx_drop_rndis)                                                                               \
    X(rx_drop_size)                                                                                \
    X(rx_drop_down)                                                                                \
    X(ctl_late)                                                                                    \
    X(host_bad_xid)                                                                                \
    X(host_bad_packet)                                                                             \
    X(host_bad_set)                                                                                \
    X(host_bad_ring)                                                                               \
    X(device_gone)

static void check_only_counter(const struct netif_fixture *f, const char *name)
{
    struct netvsc_stats stats = bench_stats(f);

    if (name)
        assert_int_equal(netvsc_counter(&stats, name), 1);
#define X(field)                                                                                   \
    if ((!name || strcmp(name, #field) != 0) && stats.field)                                       \
        fail_msg("%s moved too", #field);
    TROUBLE(X)
#undef X
}

static void exchange(struct netif_fixture *f)
{
    bench_far_send(f, 200, 9);
    assert_int_equal(bench_send(f, 300, 8), 0);
    bench_turn(f, 4);
}

static void check_alive(struct netif_fixture *f, const struct fault_case *c)
{
    struct hvhost_nic_stats host;
    unsigned rx, far;

    bench_turn(f, 50);
    rx = f->rx_count;
    far = f->far_count;
    exchange(f);
    assert_int_equal(f->rx_count, rx + 1);
    assert_int_equal(f->far_count, far + 1);
    bench_check_frame(f->rx_frame, f->rx_bytes, 200, 9);
    bench_check_frame(f->far_frame, f->far_bytes, 300, 8);
    host = bench_host_stats(f);
    assert_int_equal(host.rx_packets + host.ctl_replies - host.rx_completed,
                     c->outcome == LIVES_WITHOUT_ACK);
}

static void check_fault_case(const struct fault_case *c)
{
    const struct hvhost_fault fault = {c->on, c->act, 0, 0, 1, c->arg};
    struct netif_fixture f;

    print_message("%s\n", c->what);
    bench_up(&f);
    exchange(&f);
    assert_int_equal(f.rx_count, 1);
    assert_int_equal(f.far_count, 1);
    hvhost_fault_arm(f.card, &fault);
    exchange(&f);
    assert_int_equal(bench_host_stats(&f).faults, 1);
    if (c->outcome == FAILS) {
        assert_int_equal(netvsc_state(f.nic), NETVSC_FAILED);
        assert_string_equal(netvsc_failure(f.nic), "the ring from the host is corrupt");
        check_only_counter(&f, c->counter);
        bench_attach(&f); /* it may have been a passing madness */
        bench_until(&f, NETVSC_UP);
        exchange(&f);
        bench_check_frame(f.rx_frame, f.rx_bytes, 200, 9);
    } else {
        check_alive(&f, c);
        check_only_counter(&f, c->counter);
        if (c->counter) /* one frame fewer came, or one completion was odd, no more than that */
            assert_in_range(f.rx_count, 2, 3);
    }
    bench_stop(&f);
}

static void every_misbehaviour_moves_its_counter_and_nothing_else(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(fault_cases); i++)
        check_fault_case(&fault_cases[i]);
}

/* The same again, for as long as it likes: nothing may leak, stop or loop. */
static void a_host_that_never_stops_misbehaving_is_survived(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(fault_cases); i++) {
        const struct fault_case *c = &fault_cases[i];
        const struct hvhost_fault fault = {c->on, c->act, 0, 0, 0, c->arg};
        struct netif_fixture f;

        if (c->outcome == FAILS)
            continue;
        bench_up(&f);
        hvhost_fault_arm(f.card, &fault);
        for (unsigned turn = 0; turn < 300; turn++) {
            bench_far_send(&f, 200, 9);
            bench_send(&f, 300, 8);
            bench_turn(&f, 1);
        }
        hvhost_fault_arm(f.card, NULL);
        /* Unless what was taken can never come back, it is as good as new. */
        if (c->outcome == LIVES && c->act != HVH_ACT_SILENT && c->act != HVH_ACT_WRONG_ID)
            check_alive(&f, c);
        bench_stop(&f);
    }
}

static void a_frame_with_a_tag_may_lie_about_its_element(void **state)
{
    static const uint64_t sizes[] = {0, 4, 12, 14, 20, 0xFFFFFFFC};
    const uint8_t data[100] = {0x00, 0x15, 0x5d, 0xaa, 0xbb, 0xcc};
    const struct hvhost_frame frame = {
        .data = data, .len_bytes = sizeof(data), .tci = 0x2064, .has_tci = true};

    (void)state;
    for (size_t i = 0; i < countof(sizes); i++) {
        const struct hvhost_fault fault = {RX, HVH_ACT_PPI_SIZE, 0, 0, 1, sizes[i]};
        struct netif_fixture f;

        bench_up(&f);
        hvhost_fault_arm(f.card, &fault);
        hvhost_port_send(f.port, &frame);
        bench_turn(&f, 3);
        check_only_counter(&f, "rx_drop_rndis");
        hvhost_port_send(f.port, &frame);
        bench_turn(&f, 3);
        assert_int_equal(f.rx_count, 1);
        bench_stop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_misbehaviour_moves_its_counter_and_nothing_else),
        cmocka_unit_test(a_host_that_never_stops_misbehaving_is_survived),
        cmocka_unit_test(a_frame_with_a_tag_may_lie_about_its_element),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
