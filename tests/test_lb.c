/* SPDX-License-Identifier: BSD-3-Clause */
/* The balancer: who gets which backend, what is seen on either side, what a dead backend costs. */
#include <string.h>

#include "check.h"
#include "ip4_packets.h"
#include "lb.h"

#define S UINT64_C(1000000000)
#define OWN 0x0A000001u
#define VIP 0x0A000064u
#define CLIENT 0x0A000102u
#define BACKEND 0x0A00000Bu /* and those after it */
#define SYN 0x02u
#define ACK 0x10u

static struct lb lb;
static uint64_t now_ns;
static uint32_t hop;
static struct packet seen;

static int make(void **state)
{
    (void)state;
    now_ns = S;
    if (lb_create(&lb, 64))
        return -1;
    lb.own = ip4_net32(OWN);
    lb.vip = ip4_net32(VIP);
    lb.vport = ip4_net16(80);
    lb.backends = 4;
    for (unsigned i = 0; i < lb.backends; i++)
        lb.backend[i] =
            (struct lb_backend){.address = ip4_net32(BACKEND + i), .port = ip4_net16(8080)};
    return 0;
}

static int drop(void **state)
{
    const char *wrong = lb_audit(&lb);

    (void)state;
    if (wrong)
        print_error("%s\n", wrong);
    lb_destroy(&lb);
    return wrong ? -1 : 0;
}

static enum lb_verdict give(struct ip4_packet *p)
{
    enum packet_fault fault;

    ip4_build(p);
    fault = packet_parse(&seen, p->data, p->len_bytes, p->len_bytes);
    return lb_packet(&lb, &seen, fault, now_ns, &hop);
}

/* From client port (port); the packet as the backend gets it is left in (p). */
static enum lb_verdict from_client(struct ip4_packet *p, uint16_t port, uint8_t flags)
{
    *p = (struct ip4_packet){
        .src = CLIENT, .dst = VIP, .proto = 6, .sport = port, .dport = 80, .flags = flags};
    return give(p);
}

static unsigned backend_of(uint16_t port)
{
    struct ip4_packet p;

    assert_int_equal(from_client(&p, port, SYN), LB_FORWARD);
    assert_true(ip4_sums_hold(p.data));
    assert_int_equal(ip4_src(p.data), OWN);
    assert_int_equal(ip4_dport(p.data), 8080);
    assert_int_equal(hop, ip4_net32(ip4_dst(p.data)));
    return ip4_dst(p.data) - BACKEND;
}

static void a_connection_stays_with_its_backend_and_answers_come_from_the_vip(void **state)
{
    struct ip4_packet there, back = {.proto = 6, .sport = 8080, .dst = OWN, .flags = SYN | ACK};

    (void)state;
    assert_int_equal(from_client(&there, 5000, SYN), LB_FORWARD);
    back.src = ip4_dst(there.data);
    back.dport = ip4_sport(there.data);
    assert_int_equal(give(&back), LB_FORWARD);
    assert_true(ip4_sums_hold(back.data));
    assert_int_equal(ip4_src(back.data), VIP);
    assert_int_equal(ip4_sport(back.data), 80);
    assert_int_equal(ip4_dst(back.data), CLIENT);
    assert_int_equal(ip4_dport(back.data), 5000);
    assert_int_equal(from_client(&there, 5000, ACK), LB_FORWARD);
    assert_int_equal(ip4_dst(there.data), back.src);
}

static void connections_are_spread_by_hash(void **state)
{
    unsigned count[4] = {0};

    (void)state;
    for (uint16_t i = 0; i < 64; i++)
        count[backend_of((uint16_t)(5000 + i))]++;
    for (unsigned i = 0; i < 4; i++)
        assert_in_range(count[i], 3, 40); /* less is less likely than one in ten thousand */
}

static void the_least_busy_backend_is_next(void **state)
{
    (void)state;
    lb.least = true;
    for (uint16_t i = 0; i < 40; i++)
        backend_of((uint16_t)(5000 + i));
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(lb.backend[i].flows, 10);
    now_ns += 300 * S;
    flow_expire(&lb.flows, now_ns, 100);
    assert_int_equal(lb.backend[0].flows, 0);
}

/* Rendezvous hashing: nobody else's clients move. */
static void a_dead_backend_moves_only_its_own_clients(void **state)
{
    unsigned before[32], after;

    (void)state;
    for (uint16_t i = 0; i < 32; i++)
        before[i] = backend_of((uint16_t)(5000 + i));
    now_ns += 300 * S;
    flow_expire(&lb.flows, now_ns, 100);
    lb.backend[2].down = true;
    for (uint16_t i = 0; i < 32; i++) {
        after = backend_of((uint16_t)(5000 + i));
        assert_int_not_equal(after, 2);
        if (before[i] != 2)
            assert_int_equal(after, before[i]);
    }
}

static void a_client_that_begins_anew_leaves_a_dead_backend(void **state)
{
    struct ip4_packet p;
    const unsigned first = backend_of(5000);

    (void)state;
    lb.backend[first].down = true;
    assert_int_equal(from_client(&p, 5000, ACK), LB_FORWARD); /* what lives, lives */
    assert_int_equal(ip4_dst(p.data), BACKEND + first);
    assert_int_not_equal(backend_of(5000), first);
    assert_int_equal(lb.backend[first].flows, 0);
    for (unsigned i = 0; i < 4; i++)
        lb.backend[i].down = true;
    assert_int_equal(from_client(&p, 6000, SYN), LB_DROP);
    assert_int_equal(lb.stats.drop_no_backend, 1);
}

static void direct_return_changes_nothing_but_the_next_hop(void **state)
{
    struct ip4_packet p;

    (void)state;
    lb.direct = true;
    assert_int_equal(from_client(&p, 5000, SYN), LB_FORWARD);
    assert_int_equal(ip4_src(p.data), CLIENT);
    assert_int_equal(ip4_dst(p.data), VIP);
    assert_int_equal(ip4_dport(p.data), 80);
    assert_true(ip4_sums_hold(p.data));
    assert_in_range(ip4_net32(hop), BACKEND, BACKEND + 3);
}

static void the_rest_is_local_or_dropped_by_name(void **state)
{
    struct ip4_packet own = {.src = CLIENT, .dst = OWN, .proto = 6, .dport = 22};
    struct ip4_packet other = {.src = CLIENT, .dst = VIP, .proto = 6, .dport = 81};
    struct ip4_packet piece = {.src = CLIENT, .dst = VIP, .proto = 6, .fragment = 5};
    struct ip4_packet old = {.src = CLIENT, .dst = VIP, .proto = 6, .dport = 80, .ttl = 1};
    struct ip4_packet p;

    (void)state;
    assert_int_equal(give(&own), LB_LOCAL);
    assert_int_equal(give(&other), LB_DROP);
    assert_int_equal(from_client(&p, 5000, ACK), LB_DROP);
    assert_int_equal(lb.stats.drop_no_flow, 2);
    assert_int_equal(give(&piece), LB_DROP);
    assert_int_equal(lb.stats.drop_fragment, 1);
    assert_int_equal(give(&old), LB_DROP);
    assert_int_equal(lb.stats.drop_ttl, 1);
    ip4_build(&own);
    own.data[10]++;
    assert_int_equal(lb_packet(&lb, &seen, packet_parse(&seen, own.data, 40, 40), now_ns, &hop),
                     LB_DROP);
    assert_int_equal(lb.stats.drop_malformed, 1);
    for (uint16_t i = 0; i < 64; i++)
        backend_of((uint16_t)(5000 + i));
    assert_int_equal(from_client(&p, 7000, SYN), LB_DROP);
    assert_int_equal(lb.stats.drop_table_full, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        T(a_connection_stays_with_its_backend_and_answers_come_from_the_vip),
        T(connections_are_spread_by_hash),
        T(the_least_busy_backend_is_next),
        T(a_dead_backend_moves_only_its_own_clients),
        T(a_client_that_begins_anew_leaves_a_dead_backend),
        T(direct_return_changes_nothing_but_the_next_hop),
        T(the_rest_is_local_or_dropped_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
