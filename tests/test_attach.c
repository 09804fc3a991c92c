/* SPDX-License-Identifier: BSD-3-Clause */
/* Attach against the emulated host: every step answered, refused, silent, late, wrong,
 * short. */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "netif_fixture.h"
#include "nvs_reg.h"
#include "rndis_reg.h"

#define MS 1000000ull

/* ---- it works -------------------------------------------------------------------------------- */

static void attach_learns_what_the_host_offers(void **state)
{
    struct netif_fixture f;
    const struct netvsc_info *info;

    (void)state;
    bench_init(&f);
    bench_start(&f);
    assert_int_equal(netvsc_info(f.nic)->nvs_version, 0);
    bench_attach(&f);
    assert_int_equal(netvsc_state(f.nic), NETVSC_ATTACHING);
    assert_int_equal(netvsc_info(f.nic)->nvs_version, 0);
    bench_until(&f, NETVSC_UP);

    info = netvsc_info(f.nic);
    assert_int_equal(info->nvs_version, NVS_VERSION_61);
    assert_memory_equal(info->mac, f.card_config.mac, 6);
    assert_int_equal(info->mtu_bytes, 1500);
    assert_true(info->link_up);
    assert_int_equal(info->link_speed_bps, 10000000000);
    assert_int_equal(info->recv_section_bytes, 1806);
    assert_int_equal(info->recv_sections, (1u << 20) / 1806);
    assert_int_equal(info->send_section_bytes, 6144);
    assert_int_equal(info->send_sections, (1u << 20) / 6144);
    assert_int_equal(info->align_bytes, 8);
    assert_int_equal(info->max_packets, 8);
    assert_true(info->gpa_direct);
    assert_int_equal(f.event_count[NETVSC_EVENT_STATE], 2);
    assert_string_equal(netvsc_failure(f.nic), "");
    bench_check_strict(&f);
    bench_stop(&f);
}

static void each_of_six_versions_carries_frames_both_ways(void **state)
{
    static const uint32_t versions[] = {NVS_VERSION_1, NVS_VERSION_2, NVS_VERSION_4,
                                        NVS_VERSION_5, NVS_VERSION_6, NVS_VERSION_61};

    (void)state;
    for (size_t i = 0; i < 2 * countof(versions); i++) {
        uint32_t version = versions[i / 2];
        struct netif_fixture f;

        bench_init(&f);
        if (i % 2) /* the host's limit or ours */
            f.card_config.nvs_version_max = version;
        else
            f.config.nvs_version_max = version;
        bench_start(&f);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        assert_int_equal(netvsc_info(f.nic)->nvs_version, version);
        bench_far_send(&f, 1514, 3);
        assert_int_equal(bench_send(&f, 1514, 5), 0);
        bench_turn(&f, 3);
        assert_int_equal(f.rx_count, 1);
        assert_int_equal(f.far_count, 1);
        bench_check_frame(f.rx_frame, f.rx_bytes, 1514, 3);
        bench_check_frame(f.far_frame, f.far_bytes, 1514, 5);
        bench_check_strict(&f);
        bench_stop(&f);
    }
}

static void control_works_where_page_numbers_are_unknown(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_init(&f);
    f.card_config.dma_bytes = UINT32_MAX;
    bench_start(&f);
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    assert_false(netvsc_info(f.nic)->gpa_direct);
    /* One section is the control requests': all others carry frames. */
    for (uint32_t i = 1; i < netvsc_info(f.nic)->send_sections; i++)
        assert_int_equal(bench_send(&f, 60, 1), 0);
    assert_int_equal(bench_send(&f, 60, 1), -EAGAIN);
    bench_turn(&f, 6);
    netvsc_detach(f.nic, f.now_ns);
    bench_until(&f, NETVSC_DOWN);
    bench_check_strict(&f);
    bench_stop(&f);
}

static void the_mtu_is_the_least_of_wanted_and_granted(void **state)
{
    static const struct {
        uint32_t wanted, host_max, want;
    } cases[] = {
        {0, 9202, 1500}, {1500, 9202, 1500}, {4000, 9202, 4000},  {4000, 2000, 1500},
        {68, 9202, 68},  {1500, 1400, 1400}, {65521, 9202, 1500}, {9000, 9202, 6086},
    };

    (void)state;
    for (size_t i = 0; i < countof(cases); i++) {
        struct netif_fixture f;

        print_message("case %zu\n", i);
        bench_init(&f);
        f.config.mtu_bytes = cases[i].wanted;
        f.card_config.mtu_max_bytes = cases[i].host_max;
        bench_start(&f);
        bench_attach(&f);
        bench_until(&f, NETVSC_UP);
        assert_int_equal(netvsc_info(f.nic)->mtu_bytes, cases[i].want);
        assert_int_equal(bench_send(&f, cases[i].want + 14, 1), 0);
        assert_int_equal(bench_send(&f, cases[i].want + 15, 1), -EMSGSIZE);
        bench_turn(&f, 2);
        assert_int_equal(f.far_count, 1);
        bench_check_strict(&f);
        bench_stop(&f);
    }
}

static void attach_refuses_what_cannot_be(void **state)
{
    struct netvsc_config config = {0};
    struct vmbus_transport t;
    struct vmbus_device *dev;
    struct netif_fixture f;
    struct netvsc *nic = (struct netvsc *)&f;

    (void)state;
    bench_up(&f);
    assert_int_equal(netvsc_create(&config, &nic), -EINVAL); /* no rx */
    assert_null(nic);
    config.rx = f.config.rx;
    config.mtu_bytes = 67;
    assert_int_equal(netvsc_create(&config, &nic), -EINVAL);
    config.mtu_bytes = 65522;
    assert_int_equal(netvsc_create(&config, &nic), -EINVAL);
    config.mtu_bytes = 0;
    config.nvs_version_max = 1;
    assert_int_equal(netvsc_create(&config, &nic), -EINVAL);

    assert_int_equal(hvhost_nic_open(f.card, &t), -EBUSY);
    netvsc_detach(f.nic, f.now_ns);
    bench_until(&f, NETVSC_DOWN);
    bench_attach(&f);
    memset(&t, 0, sizeof(t));
    dev = (struct vmbus_device *)&t; /* never looked into */
    assert_int_equal(netvsc_attach(f.nic, dev, f.now_ns), -EBUSY);
    bench_stop(&f);
}

/* ---- every step misbehaving ------------------------------------------------------------------ */

struct attach_case {
    const char *what;
    struct hvhost_fault fault;
    const char *failure; /* part of the sentence; NULL = attach succeeds */
    const char *counter; /* that moves by one; NULL = none */
};

#define STEPS_OF(on, oid, step)                                                                    \
    {step " refused", {on, HVH_ACT_REFUSE, oid, 0, 0, 0}, step ": the host refused", NULL},        \
        {step " silent", {on, HVH_ACT_SILENT, oid, 0, 0, 0}, step ": the host did not", NULL},     \
        {step " late", {on, HVH_ACT_LATE, oid, 0, 1, 60}, NULL, NULL},                             \
        {step " too late", {on, HVH_ACT_LATE, oid, 0, 1, 150}, step ": the host did not", NULL},   \
        {step " wrong id",                                                                         \
         {on, HVH_ACT_WRONG_ID, oid, 0, 0, 0},                                                     \
         step ": the host did not",                                                                \
         "ctl_late"},                                                                              \
        {step " twice", {on, HVH_ACT_TWICE, oid, 0, 1, 0}, NULL, "ctl_late"},                      \
    {                                                                                              \
        step " wrong type", {on, HVH_ACT_WRONG_TYPE, oid, 0, 0, 0}, step ": the host", NULL        \
    }

static const struct attach_case attach_cases[] = {
    /* A version refused once is not the end; refused always it is. */
    {"version refused once", {HVH_ON_NVS_INIT, HVH_ACT_REFUSE, 0, 0, 1, 0}, NULL, NULL},
    {"version refused",
     {HVH_ON_NVS_INIT, HVH_ACT_REFUSE, 0, 0, 0, 0},
     "none of our versions",
     NULL},
    {"version silent",
     {HVH_ON_NVS_INIT, HVH_ACT_SILENT, 0, 0, 0, 0},
     "NVSP version: the host did not",
     NULL},
    {"version late", {HVH_ON_NVS_INIT, HVH_ACT_LATE, 0, 0, 1, 60}, NULL, NULL},
    {"version too late",
     {HVH_ON_NVS_INIT, HVH_ACT_LATE, 0, 0, 1, 150},
     "NVSP version: the host did",
     NULL},
    {"version wrong id",
     {HVH_ON_NVS_INIT, HVH_ACT_WRONG_ID, 0, 0, 0, 0},
     "NVSP version: the host did not",
     "ctl_late"},
    {"version twice", {HVH_ON_NVS_INIT, HVH_ACT_TWICE, 0, 0, 1, 0}, NULL, "ctl_late"},
    {"version wrong type",
     {HVH_ON_NVS_INIT, HVH_ACT_WRONG_TYPE, 0, 0, 0, 0},
     "makes no sense",
     NULL},
    {"version short", {HVH_ON_NVS_INIT, HVH_ACT_SHORT, 0, 0, 0, 8}, "makes no sense", NULL},
    {"version empty", {HVH_ON_NVS_INIT, HVH_ACT_SHORT, 0, 0, 0, 0}, "makes no sense", NULL},

    STEPS_OF(HVH_ON_RECV_BUF, 0, "receive buffer"),
    {"receive buffer short", {HVH_ON_RECV_BUF, HVH_ACT_SHORT, 0, 0, 0, 24}, "makes no sense", NULL},
    {"no groups", {HVH_ON_RECV_BUF, HVH_ACT_GROUPS, 0, 0, 0, 0}, "makes no sense", NULL},
    {"two groups", {HVH_ON_RECV_BUF, HVH_ACT_GROUPS, 0, 0, 0, 2}, "makes no sense", NULL},
    {"group offset", {HVH_ON_RECV_BUF, HVH_ACT_OFFSET, 0, 0, 0, 8}, "makes no sense", NULL},
    {"section of 0", {HVH_ON_RECV_BUF, HVH_ACT_SECTION_BYTES, 0, 0, 0, 0}, "no sense", NULL},
    {"section of 67", {HVH_ON_RECV_BUF, HVH_ACT_SECTION_BYTES, 0, 0, 0, 67}, "no sense", NULL},
    {"section too large",
     {HVH_ON_RECV_BUF, HVH_ACT_SECTION_BYTES, 0, 0, 0, 0xFFFFFFFF},
     "no sense",
     NULL},
    {"no sections", {HVH_ON_RECV_BUF, HVH_ACT_SECTION_COUNT, 0, 0, 0, 0}, "no sense", NULL},
    {"too many sections", {HVH_ON_RECV_BUF, HVH_ACT_SECTION_COUNT, 0, 0, 0, 581}, "no sense", NULL},
    {"sections that wrap",
     {HVH_ON_RECV_BUF, HVH_ACT_SECTION_COUNT, 0, 0, 0, 0xFFFFFFFF},
     "no sense",
     NULL},

    STEPS_OF(HVH_ON_SEND_BUF, 0, "send buffer"),
    {"send buffer short", {HVH_ON_SEND_BUF, HVH_ACT_SHORT, 0, 0, 0, 8}, "makes no sense", NULL},
    {"send section 0", {HVH_ON_SEND_BUF, HVH_ACT_SECTION_BYTES, 0, 0, 0, 0}, "no sense", NULL},
    {"send section 64", {HVH_ON_SEND_BUF, HVH_ACT_SECTION_BYTES, 0, 0, 0, 64}, "no sense", NULL},
    {"send section odd", {HVH_ON_SEND_BUF, HVH_ACT_SECTION_BYTES, 0, 0, 0, 6145}, "no sense", NULL},
    {"send section without a frame",
     {HVH_ON_SEND_BUF, HVH_ACT_SECTION_BYTES, 0, 0, 0, 124},
     "no sense",
     NULL},
    {"send section huge",
     {HVH_ON_SEND_BUF, HVH_ACT_SECTION_BYTES, 0, 0, 0, 0xFFFFFFFC},
     "no sense",
     NULL},

    STEPS_OF(HVH_ON_RNDIS_INIT, 0, "RNDIS initialise"),
    {"initialise short", {HVH_ON_RNDIS_INIT, HVH_ACT_SHORT, 0, 0, 0, 48}, "makes no sense", NULL},
    {"initialise very short", {HVH_ON_RNDIS_INIT, HVH_ACT_SHORT, 0, 0, 0, 4}, "did not", NULL},
    {"alignment of 2 to the 13",
     {HVH_ON_RNDIS_INIT, HVH_ACT_ALIGN_SHIFT, 0, 0, 0, 13},
     "no sense",
     NULL},
    {"alignment of 2 to the 32",
     {HVH_ON_RNDIS_INIT, HVH_ACT_ALIGN_SHIFT, 0, 0, 0, 32},
     "no sense",
     NULL},
    {"alignment of 1", {HVH_ON_RNDIS_INIT, HVH_ACT_ALIGN_SHIFT, 0, 0, 0, 0}, NULL, NULL},
    {"no packets per message",
     {HVH_ON_RNDIS_INIT, HVH_ACT_MAX_PACKETS, 0, 0, 0, 0},
     "no sense",
     NULL},

    STEPS_OF(HVH_ON_RNDIS_QUERY, OID_PERMANENT_MAC, "MAC address"),
    {"MAC of 5 bytes",
     {HVH_ON_RNDIS_QUERY, HVH_ACT_INFO_BYTES, OID_PERMANENT_MAC, 0, 0, 5},
     "no sense",
     NULL},
    {"MAC of 7 bytes",
     {HVH_ON_RNDIS_QUERY, HVH_ACT_INFO_BYTES, OID_PERMANENT_MAC, 0, 0, 7},
     "no sense",
     NULL},
    {"MAC of no bytes",
     {HVH_ON_RNDIS_QUERY, HVH_ACT_INFO_BYTES, OID_PERMANENT_MAC, 0, 0, 0},
     "no sense",
     NULL},
    {"MAC in the header",
     {HVH_ON_RNDIS_QUERY, HVH_ACT_INFO_OFF, OID_PERMANENT_MAC, 0, 0, 8},
     "no sense",
     NULL},
    {"MAC beyond",
     {HVH_ON_RNDIS_QUERY, HVH_ACT_INFO_OFF, OID_PERMANENT_MAC, 0, 0, 0xFFFFFFFA},
     "no sense",
     NULL},
    {"MAC short",
     {HVH_ON_RNDIS_QUERY, HVH_ACT_SHORT, OID_PERMANENT_MAC, 0, 0, 28},
     "no sense",
     NULL},

    STEPS_OF(HVH_ON_RNDIS_SET, OID_PACKET_FILTER, "packet filter off"),
    {"filter on refused",
     {HVH_ON_RNDIS_SET, HVH_ACT_REFUSE, OID_PACKET_FILTER, 1, 1, 0},
     "packet filter on: the host refused",
     NULL},
    {"filter on silent",
     {HVH_ON_RNDIS_SET, HVH_ACT_SILENT, OID_PACKET_FILTER, 1, 1, 0},
     "packet filter on: the host did not",
     NULL},

    /* What we would like to know but can do without. */
    {"frame size refused",
     {HVH_ON_RNDIS_QUERY, HVH_ACT_REFUSE, OID_MAX_FRAME_SIZE, 0, 0, 0},
     NULL,
     NULL},
    {"frame size silent",
     {HVH_ON_RNDIS_QUERY, HVH_ACT_SILENT, OID_MAX_FRAME_SIZE, 0, 0, 0},
     NULL,
     NULL},
    {"frame size too late",
     {HVH_ON_RNDIS_QUERY, HVH_ACT_LATE, OID_MAX_FRAME_SIZE, 0, 1, 101},
     NULL,
     "ctl_late"},
    {"frame size wrong id",
     {HVH_ON_RNDIS_QUERY, HVH_ACT_WRONG_ID, OID_MAX_FRAME_SIZE, 0, 0, 0},
     NULL,
     "ctl_late"},
    {"frame size short",
     {HVH_ON_RNDIS_QUERY, HVH_ACT_SHORT, OID_MAX_FRAME_SIZE, 0, 0, 20},
     NULL,
     NULL},
    {"link state refused",
     {HVH_ON_RNDIS_QUERY, HVH_ACT_REFUSE, OID_MEDIA_CONNECT_STATUS, 0, 0, 0},
     NULL,
     NULL},
    {"link state silent",
     {HVH_ON_RNDIS_QUERY, HVH_ACT_SILENT, OID_MEDIA_CONNECT_STATUS, 0, 0, 0},
     NULL,
     NULL},
    {"link speed refused",
     {HVH_ON_RNDIS_QUERY, HVH_ACT_REFUSE, OID_LINK_SPEED, 0, 0, 0},
     NULL,
     NULL},
    {"link speed silent",
     {HVH_ON_RNDIS_QUERY, HVH_ACT_SILENT, OID_LINK_SPEED, 0, 0, 0},
     NULL,
     NULL},

    /* The rings themselves. */
    {"ring index out of range",
     {HVH_ON_SEND_BUF, HVH_ACT_RING_INDEX, 0, 0, 1, 0xFFFFFFF8},
     "the ring from the host is corrupt",
     "host_bad_ring"},
    {"packet header of one word",
     {HVH_ON_RECV_BUF, HVH_ACT_DESC_HEADER, 0, 0, 1, 1},
     "the ring from the host is corrupt",
     "host_bad_ring"},
    {"packet of unknown type",
     {HVH_ON_RECV_BUF, HVH_ACT_PKT_TYPE, 0, 0, 1, 2},
     "receive buffer: the host did not",
     "host_bad_packet"},
};

static void check_attach_case(const struct attach_case *c)
{
    struct netvsc_stats stats;
    struct netif_fixture f;

    print_message("%s\n", c->what);
    bench_init(&f);
    bench_start(&f);
    hvhost_fault_arm(f.card, &c->fault);
    bench_attach(&f);
    for (unsigned i = 0; i < 600 && netvsc_state(f.nic) == NETVSC_ATTACHING; i++)
        bench_turn(&f, 1);
    bench_turn(&f, 2);
    stats = bench_stats(&f);
    assert_true(bench_host_stats(&f).faults > 0);
    if (c->failure) {
        assert_string_equal(netvsc_state_name(netvsc_state(f.nic)), "failed");
        if (!strstr(netvsc_failure(f.nic), c->failure))
            fail_msg("'%s' does not say '%s'", netvsc_failure(f.nic), c->failure);
    } else {
        assert_string_equal(netvsc_state_name(netvsc_state(f.nic)), "up");
        assert_string_equal(netvsc_failure(f.nic), "");
    }
    assert_int_equal(stats.attaches, !c->failure);
    assert_int_equal(stats.attach_failures, !!c->failure);
    if (c->counter)
        assert_true(netvsc_counter(&stats, c->counter) > 0);
    else
        assert_int_equal(stats.ctl_late + stats.host_bad_xid + stats.host_bad_set, 0);
    bench_stop(&f);
}

static void every_step_survives_every_misbehaviour(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(attach_cases); i++)
        check_attach_case(&attach_cases[i]);
}

static void a_refused_promiscuous_filter_is_told(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_init(&f);
    f.config.promiscuous = true;
    f.card_config.refuse_promiscuous = true;
    bench_start(&f);
    bench_attach(&f);
    bench_until(&f, NETVSC_FAILED);
    assert_non_null(strstr(netvsc_failure(f.nic), "packet filter on: the host refused"));
    bench_stop(&f);
}

static void a_failed_attach_can_be_tried_again(void **state)
{
    const struct hvhost_fault silent = {HVH_ON_SEND_BUF, HVH_ACT_SILENT, 0, 0, 1, 0};
    struct netif_fixture f;

    (void)state;
    bench_init(&f);
    bench_start(&f);
    hvhost_fault_arm(f.card, &silent);
    bench_attach(&f);
    bench_until(&f, NETVSC_FAILED);
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    assert_int_equal(bench_stats(&f).attach_failures, 1);
    assert_int_equal(bench_stats(&f).attaches, 1);
    bench_stop(&f);
}

static void waiting_is_bounded_and_says_when_to_look_again(void **state)
{
    const struct hvhost_fault silent = {HVH_ON_NVS_INIT, HVH_ACT_SILENT, 0, 0, 0, 0};
    struct netif_fixture f;

    (void)state;
    bench_init(&f);
    bench_start(&f);
    assert_int_equal(netvsc_next_deadline(f.nic, f.now_ns), UINT64_MAX);
    hvhost_fault_arm(f.card, &silent);
    bench_attach(&f);
    bench_turn(&f, 1);
    assert_int_equal(netvsc_next_deadline(f.nic, f.now_ns), 99 * MS);
    bench_turn(&f, 99);
    assert_int_equal(netvsc_state(f.nic), NETVSC_ATTACHING);
    assert_int_equal(netvsc_next_deadline(f.nic, f.now_ns), 0);
    bench_turn(&f, 1);
    assert_int_equal(netvsc_state(f.nic), NETVSC_FAILED);
    assert_int_equal(netvsc_next_deadline(f.nic, f.now_ns), UINT64_MAX);
    bench_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attach_learns_what_the_host_offers),
        cmocka_unit_test(each_of_six_versions_carries_frames_both_ways),
        cmocka_unit_test(control_works_where_page_numbers_are_unknown),
        cmocka_unit_test(the_mtu_is_the_least_of_wanted_and_granted),
        cmocka_unit_test(attach_refuses_what_cannot_be),
        cmocka_unit_test(every_step_survives_every_misbehaviour),
        cmocka_unit_test(a_refused_promiscuous_filter_is_told),
        cmocka_unit_test(a_failed_attach_can_be_tried_again),
        cmocka_unit_test(waiting_is_bounded_and_says_when_to_look_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
