/* SPDX-License-Identifier: BSD-3-Clause */
/* Which frames come in, and as whom we are known, changed while the NIC runs. */
#include "check.h"

#include <errno.h>
#include <string.h>

#include "netif_fixture.h"
#include "netvsc_control.h"
#include "rndis_reg.h"

static const uint8_t groups[2][6] = {{0x01, 0, 0x5e, 0, 0, 0xaa}, {0x33, 0x33, 0, 0, 0, 0xbb}};
static const uint8_t *const group_a = groups[0], *const group_b = groups[1];
static const uint8_t other[6] = {0x02, 0xee, 0, 0, 0, 9};
static const uint8_t spoofed[6] = {0x02, 0x15, 0x5d, 0xde, 0xad, 0x01};
static const uint8_t second[6] = {0x02, 0x77, 0, 0, 0, 0x02};

#define ALL (NDIS_FILTER_DIRECTED | NDIS_FILTER_BROADCAST | NDIS_FILTER_ALL_MULTICAST)
#define LIST (NDIS_FILTER_DIRECTED | NDIS_FILTER_BROADCAST | NDIS_FILTER_MULTICAST)

/* Does a frame to (to) reach the guest? */
static bool hears(struct netif_fixture *f, const uint8_t to[6])
{
    uint8_t frame[60] = {0};
    const struct hvhost_frame out = {.data = frame, .len_bytes = sizeof(frame)};
    const unsigned before = f->rx_count;

    memcpy(frame, to, 6);
    frame[6] = 0x02;
    frame[11] = 0x77;
    hvhost_port_send(f->port, &out);
    bench_turn(f, 3);
    return f->rx_count != before;
}

/* Up on a host where nobody may be promiscuous or have another address. */
static void up_forbidden(struct netif_fixture *f)
{
    bench_init(f);
    f->card_config.refuse_promiscuous = true;
    bench_come_up(f);
}

/* The host does (act) once, when (oid) is asked for or set. */
static void fault(struct netif_fixture *f, enum hvhost_fault_on on, uint32_t oid,
                  enum hvhost_fault_act act, uint64_t arg)
{
    const struct hvhost_fault what = {.on = on, .act = act, .oid = oid, .count = 1, .arg = arg};

    hvhost_fault_arm(f->card, &what);
}

static void promiscuous_goes_on_and_off(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_up(&f);
    assert_false(hears(&f, other));
    netvsc_promiscuous(f.nic, true);
    assert_int_equal(netvsc_next_deadline(f.nic, f.now_ns), 0);
    bench_turn(&f, 5);
    assert_int_equal(netvsc_filter(f.nic), ALL | NDIS_FILTER_PROMISCUOUS);
    assert_true(hears(&f, other));
    netvsc_promiscuous(f.nic, false);
    bench_turn(&f, 5);
    assert_false(hears(&f, other));
    assert_int_equal(bench_stats(&f).ctl_changes, 2);
    assert_true(netvsc_next_deadline(f.nic, f.now_ns) == UINT64_MAX);
    bench_check_strict(&f);
    bench_stop(&f);
}

static void a_refusal_is_told_and_changes_nothing(void **state)
{
    struct netif_fixture f;

    (void)state;
    up_forbidden(&f);
    netvsc_promiscuous(f.nic, true);
    bench_turn(&f, 5);
    assert_int_equal(f.event_count[NETVSC_EVENT_REFUSED], 1);
    assert_int_equal(bench_stats(&f).ctl_refused, 1);
    assert_string_equal(netvsc_failure(f.nic), "promiscuous mode: the host refused it (is MAC "
                                               "address spoofing allowed for this card?)");
    assert_int_equal(netvsc_filter(f.nic), ALL);
    assert_int_equal(netvsc_state(f.nic), NETVSC_UP);
    assert_true(hears(&f, group_a));
    bench_turn(&f, 50); /* and is not asked for again and again */
    assert_int_equal(bench_stats(&f).ctl_refused, 1);
    bench_stop(&f);
}

static void only_the_groups_wanted_are_heard(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_up(&f);
    netvsc_all_multicast(f.nic, false);
    bench_turn(&f, 5);
    assert_false(hears(&f, group_a));
    netvsc_multicast(f.nic, groups, 1);
    bench_turn(&f, 6);
    assert_int_equal(netvsc_filter(f.nic), LIST);
    assert_true(hears(&f, group_a));
    assert_false(hears(&f, group_b));
    netvsc_multicast(f.nic, groups, 2);
    bench_turn(&f, 6);
    assert_true(hears(&f, group_b));
    netvsc_multicast(f.nic, NULL, 0);
    bench_turn(&f, 6);
    assert_false(hears(&f, group_a));
    assert_int_equal(bench_stats(&f).ctl_refused, 0);
    bench_check_strict(&f);
    bench_stop(&f);
}

static void too_many_groups_are_all_multicast(void **state)
{
    uint8_t many[NETVSC_MULTICAST_MAX + 1][6];
    struct netif_fixture f;

    (void)state;
    for (unsigned i = 0; i < countof(many); i++) {
        memcpy(many[i], group_a, 6);
        many[i][4] = (uint8_t)i;
    }
    bench_up(&f);
    netvsc_all_multicast(f.nic, false);
    netvsc_multicast(f.nic, many, countof(many));
    bench_turn(&f, 8);
    assert_int_equal(netvsc_filter(f.nic), ALL);
    assert_true(hears(&f, many[countof(many) - 1]));
    netvsc_multicast(f.nic, many, countof(many) - 1);
    bench_turn(&f, 8);
    assert_int_equal(netvsc_filter(f.nic), LIST);
    assert_true(hears(&f, many[0]));
    assert_false(hears(&f, many[countof(many) - 1]));
    bench_stop(&f);
}

static void a_host_without_lists_gives_all_multicast(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_init(&f);
    f.card_config.refuse_multicast = true;
    bench_come_up(&f);
    netvsc_all_multicast(f.nic, false);
    netvsc_multicast(f.nic, groups, 1);
    bench_turn(&f, 8);
    assert_int_equal(netvsc_filter(f.nic), ALL);
    assert_true(hears(&f, group_a));
    assert_non_null(strstr(netvsc_failure(f.nic), "all multicast is received instead"));
    netvsc_multicast(f.nic, groups, 1); /* asked once, not with every join */
    bench_turn(&f, 8);
    assert_int_equal(bench_stats(&f).ctl_refused, 1);
    netvsc_multicast(f.nic, NULL, 0);
    bench_turn(&f, 8);
    assert_false(hears(&f, group_a));
    bench_stop(&f);
}

static void reattach(struct netif_fixture *f)
{
    netvsc_detach(f->nic, f->now_ns);
    bench_until(f, NETVSC_DOWN);
    bench_attach(f);
    bench_until(f, NETVSC_UP);
    bench_turn(f, 10);
}

static void what_is_wanted_survives_a_new_device(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_up(&f);
    netvsc_promiscuous(f.nic, true);
    netvsc_all_multicast(f.nic, false);
    netvsc_multicast(f.nic, groups, 1);
    assert_int_equal(netvsc_set_mac(f.nic, spoofed), 0);
    netvsc_detach(f.nic, f.now_ns); /* before anything could be asked for */
    bench_until(&f, NETVSC_DOWN);
    assert_int_equal(netvsc_filter(f.nic), 0);
    bench_attach(&f);
    bench_until(&f, NETVSC_UP);
    bench_turn(&f, 10);
    assert_int_equal(netvsc_filter(f.nic), LIST | NDIS_FILTER_PROMISCUOUS);
    assert_memory_equal(netvsc_info(f.nic)->mac, spoofed, 6);
    reattach(&f);
    assert_int_equal(netvsc_filter(f.nic), LIST | NDIS_FILTER_PROMISCUOUS);
    assert_memory_equal(netvsc_info(f.nic)->mac, spoofed, 6);
    bench_check_strict(&f);
    bench_stop(&f);
}

static void a_host_that_does_not_answer_costs_a_timeout_only(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_up(&f);
    fault(&f, HVH_ON_RNDIS_SET, OID_PACKET_FILTER, HVH_ACT_SILENT, 0);
    netvsc_promiscuous(f.nic, true);
    bench_turn(&f, 2);
    assert_in_range(netvsc_next_deadline(f.nic, f.now_ns), 90000000, 100000000);
    bench_turn(&f, 110);
    assert_int_equal(f.event_count[NETVSC_EVENT_REFUSED], 1);
    assert_non_null(strstr(netvsc_failure(f.nic), "did not answer in time"));
    netvsc_promiscuous(f.nic, true);
    bench_turn(&f, 5);
    assert_true(hears(&f, other));
    bench_stop(&f);
}

/* Not having said yes is not having done nothing. */
static void a_filter_of_which_nobody_knows_is_asked_for_again(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_up(&f);
    fault(&f, HVH_ON_RNDIS_SET, OID_PACKET_FILTER, HVH_ACT_SILENT, 0);
    netvsc_promiscuous(f.nic, true);
    bench_turn(&f, 120);
    assert_int_equal(f.event_count[NETVSC_EVENT_REFUSED], 1);
    assert_int_equal(netvsc_filter(f.nic), ALL);
    assert_false(hears(&f, other));
    bench_stop(&f);
}

static void the_address_can_be_another(void **state)
{
    static const uint8_t zero[6], group[6] = {1};
    struct netif_fixture f;
    uint8_t own[6];

    (void)state;
    bench_up(&f);
    memcpy(own, netvsc_info(f.nic)->mac, 6);
    assert_int_equal(netvsc_set_mac(f.nic, zero), -EINVAL);
    assert_int_equal(netvsc_set_mac(f.nic, group), -EINVAL);
    assert_int_equal(netvsc_set_mac(f.nic, spoofed), 0);
    bench_turn(&f, 6);
    assert_memory_equal(netvsc_info(f.nic)->mac, spoofed, 6);
    assert_int_equal(f.event_count[NETVSC_EVENT_MAC], 1);
    assert_true(hears(&f, spoofed));
    assert_false(hears(&f, own));
    assert_int_equal(netvsc_set_mac(f.nic, NULL), 0);
    bench_turn(&f, 6);
    assert_memory_equal(netvsc_info(f.nic)->mac, own, 6);
    assert_true(hears(&f, own));
    assert_int_equal(f.event_count[NETVSC_EVENT_MAC], 2);
    bench_check_strict(&f);
    bench_stop(&f);
}

/* However far the first change has come when the second is asked for. */
static void the_last_of_two_addresses_counts(void **state)
{
    struct netif_fixture f;

    (void)state;
    for (unsigned turns = 0; turns < 8; turns++) {
        bench_up(&f);
        assert_int_equal(netvsc_set_mac(f.nic, spoofed), 0);
        bench_turn(&f, turns);
        assert_int_equal(netvsc_set_mac(f.nic, second), 0);
        bench_turn(&f, 12);
        assert_int_equal(f.event_count[NETVSC_EVENT_REFUSED], 0);
        assert_memory_equal(netvsc_info(f.nic)->mac, second, 6);
        assert_true(hears(&f, second));
        bench_check_strict(&f);
        bench_stop(&f);
    }
}

/* Whatever became of the answer, it receives at the address the card has now. */
static void an_address_taken_without_an_answer_is_found_out(void **state)
{
    static const struct {
        enum hvhost_fault_act act;
        uint64_t arg;
    } row[] = {{HVH_ACT_SILENT, 0}, {HVH_ACT_LATE, 150}, {HVH_ACT_SHORT, 4}, {HVH_ACT_WRONG_ID, 0}};
    struct netif_fixture f;

    (void)state;
    for (unsigned i = 0; i < countof(row); i++) {
        bench_up(&f);
        fault(&f, HVH_ON_RNDIS_SET, OID_RNDIS_CONFIG, row[i].act, row[i].arg);
        assert_int_equal(netvsc_set_mac(f.nic, spoofed), 0);
        bench_turn(&f, 200);
        assert_memory_equal(netvsc_info(f.nic)->mac, spoofed, 6);
        assert_true(hears(&f, spoofed));
        assert_int_equal(f.event_count[NETVSC_EVENT_MAC], 1);
        assert_int_equal(f.event_count[NETVSC_EVENT_REFUSED], 0);
        bench_stop(&f);
    }
}

/* The answer about which address there is now is lost, and perhaps the one to setting it again. */
static void an_address_nobody_knows_of_is_asked_for_again(void **state)
{
    struct netif_fixture f;

    (void)state;
    for (unsigned again = 0; again < 2; again++) {
        bench_up(&f);
        fault(&f, HVH_ON_RNDIS_QUERY, OID_CURRENT_MAC, again ? HVH_ACT_REFUSE : HVH_ACT_SILENT, 0);
        assert_int_equal(netvsc_set_mac(f.nic, spoofed), 0);
        bench_turn(&f, 90);
        if (again)
            fault(&f, HVH_ON_RNDIS_SET, OID_RNDIS_CONFIG, HVH_ACT_SILENT, 0);
        bench_turn(&f, 160);
        assert_memory_equal(netvsc_info(f.nic)->mac, spoofed, 6);
        assert_true(hears(&f, spoofed));
        assert_int_equal(f.event_count[NETVSC_EVENT_MAC], 1);
        assert_int_equal(f.event_count[NETVSC_EVENT_REFUSED], 0);
        bench_stop(&f);
    }
}

/* ... but not for ever; then it is learned with the next change. */
static void an_address_the_host_never_tells_is_given_up(void **state)
{
    const struct hvhost_fault always = {
        .on = HVH_ON_RNDIS_QUERY, .act = HVH_ACT_SILENT, .oid = OID_CURRENT_MAC};
    struct netif_fixture f;

    (void)state;
    bench_up(&f);
    hvhost_fault_arm(f.card, &always);
    assert_int_equal(netvsc_set_mac(f.nic, spoofed), 0);
    bench_turn(&f, 380);
    assert_int_equal(f.event_count[NETVSC_EVENT_REFUSED], 0);
    bench_turn(&f, 40);
    assert_int_equal(f.event_count[NETVSC_EVENT_REFUSED], 1);
    hvhost_fault_arm(f.card, NULL);
    fault(&f, HVH_ON_RNDIS_SET, OID_RNDIS_CONFIG, HVH_ACT_REFUSE, 0);
    assert_int_equal(netvsc_set_mac(f.nic, second), 0);
    bench_turn(&f, 20);
    assert_int_equal(f.event_count[NETVSC_EVENT_REFUSED], 2);
    assert_memory_equal(netvsc_info(f.nic)->mac, spoofed, 6);
    assert_true(hears(&f, spoofed));
    bench_stop(&f);
}

static void a_refused_address_is_told(void **state)
{
    struct netif_fixture f;
    uint8_t own[6];

    (void)state;
    up_forbidden(&f);
    memcpy(own, netvsc_info(f.nic)->mac, 6);
    assert_int_equal(netvsc_set_mac(f.nic, spoofed), 0);
    bench_turn(&f, 6);
    assert_memory_equal(netvsc_info(f.nic)->mac, own, 6);
    assert_int_equal(f.event_count[NETVSC_EVENT_REFUSED], 1);
    assert_non_null(strstr(netvsc_failure(f.nic), "MAC address: the host refused it"));
    assert_true(hears(&f, own));
    reattach(&f); /* nor is it asked for again */
    assert_int_equal(bench_stats(&f).ctl_refused, 1);
    bench_stop(&f);
}

static void there_are_no_filters_in_the_device(void **state)
{
    struct netif_fixture f;

    (void)state;
    bench_up(&f);
    assert_int_equal(netvsc_filter_mac(f.nic, other, true), -ENOTSUP);
    assert_int_equal(netvsc_filter_vlan(f.nic, 5, true), -ENOTSUP);
    bench_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(promiscuous_goes_on_and_off),
        cmocka_unit_test(a_refusal_is_told_and_changes_nothing),
        cmocka_unit_test(only_the_groups_wanted_are_heard),
        cmocka_unit_test(too_many_groups_are_all_multicast),
        cmocka_unit_test(a_host_without_lists_gives_all_multicast),
        cmocka_unit_test(what_is_wanted_survives_a_new_device),
        cmocka_unit_test(a_host_that_does_not_answer_costs_a_timeout_only),
        cmocka_unit_test(a_filter_of_which_nobody_knows_is_asked_for_again),
        cmocka_unit_test(the_address_can_be_another),
        cmocka_unit_test(the_last_of_two_addresses_counts),
        cmocka_unit_test(an_address_taken_without_an_answer_is_found_out),
        cmocka_unit_test(an_address_nobody_knows_of_is_asked_for_again),
        cmocka_unit_test(an_address_the_host_never_tells_is_given_up),
        cmocka_unit_test(a_refused_address_is_told),
        cmocka_unit_test(there_are_no_filters_in_the_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
