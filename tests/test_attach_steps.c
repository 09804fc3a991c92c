/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attach to a host that misbehaves: every step refused, silent, late, misaddressed, doubled, cut.
 */
#include "check.h"

#include <string.h>

#include "netif_fixture.h"
#include "nvs_reg.h"
#include "rndis_reg.h"

#define MS 1000000ull

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
        cmocka_unit_test(every_step_survives_every_misbehaviour),
        cmocka_unit_test(a_refused_promiscuous_filter_is_told),
        cmocka_unit_test(a_failed_attach_can_be_tried_again),
        cmocka_unit_test(waiting_is_bounded_and_says_when_to_look_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
