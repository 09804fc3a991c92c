/* SPDX-License-Identifier: BSD-3-Clause */
/* The translator: who may begin, what comes back, what is refused and under which name. Its table
 * of flows with it. */
#include <string.h>

#include "check.h"
#include "ip4_packets.h"
#include "nat.h"

#define S UINT64_C(1000000000)
#define ROUTER_IN 0x0A000001u
#define HOST 0x0A000005u
#define ROUTER_OUT 0xCB007101u
#define SERVER 0xC0000201u
#define SYN 0x02u
#define FIN_ACK 0x11u
#define RST 0x04u
#define ACK 0x10u

static struct nat nat;
static uint64_t now_ns;
static struct packet seen; /* the last */

static int make(void **state)
{
    (void)state;
    now_ns = S;
    if (nat_create(&nat, 8))
        return -1;
    nat.inside_address = ip4_net32(ROUTER_IN);
    nat.inside_mask = ip4_net32(0xFFFFFF00);
    nat_set_outside(&nat, ip4_net32(ROUTER_OUT));
    return 0;
}

static int drop(void **state)
{
    const char *wrong = nat_audit(&nat);

    (void)state;
    if (wrong)
        print_error("%s\n", wrong);
    nat_destroy(&nat);
    return wrong ? -1 : 0;
}

static enum nat_verdict give(enum nat_side from, struct ip4_packet *p)
{
    enum packet_fault fault;

    ip4_build(p);
    fault = packet_parse(&seen, p->data, p->len_bytes, p->len_bytes);
    return nat_packet(&nat, from, &seen, fault, now_ns);
}

static enum nat_verdict out(uint8_t proto, uint16_t sport, uint16_t dport, uint8_t flags)
{
    struct ip4_packet p = {.src = HOST,
                           .dst = SERVER,
                           .proto = proto,
                           .type = 8,
                           .sport = sport,
                           .dport = dport,
                           .flags = flags};
    const enum nat_verdict verdict = give(NAT_INSIDE, &p);

    if (verdict == NAT_FORWARD) {
        assert_true(ip4_sums_hold(p.data));
        assert_int_equal(ip4_src(p.data), ROUTER_OUT);
        assert_int_equal(ip4_dst(p.data), SERVER);
    }
    return verdict;
}

static enum nat_verdict in(uint8_t proto, uint16_t sport, uint16_t dport, uint8_t flags)
{
    struct ip4_packet p = {.src = SERVER,
                           .dst = ROUTER_OUT,
                           .proto = proto,
                           .type = 0,
                           .sport = proto == 1 ? dport : sport,
                           .dport = dport,
                           .flags = flags};
    const enum nat_verdict verdict = give(NAT_OUTSIDE, &p);

    if (verdict == NAT_FORWARD) {
        assert_true(ip4_sums_hold(p.data));
        assert_int_equal(ip4_dst(p.data), HOST);
    }
    return verdict;
}

static void each_protocol_goes_out_and_its_answer_comes_back(void **state)
{
    static const uint8_t protos[] = {1, 6, 17};

    (void)state;
    for (unsigned i = 0; i < countof(protos); i++) {
        assert_int_equal(out(protos[i], 5000, 80, SYN), NAT_FORWARD);
        assert_int_equal(in(protos[i], 80, 5000, SYN | ACK), NAT_FORWARD);
    }
    assert_int_equal(nat.stats.out, 3);
    assert_int_equal(nat.stats.in, 3);
}

static void two_hosts_with_one_port_get_two(void **state)
{
    struct ip4_packet a = {.src = HOST, .dst = SERVER, .proto = 17, .sport = 5000, .dport = 53};
    struct ip4_packet b = {.src = HOST + 1, .dst = SERVER, .proto = 17, .sport = 5000, .dport = 53};
    struct ip4_packet answer = {.src = SERVER, .dst = ROUTER_OUT, .proto = 17, .sport = 53};

    (void)state;
    assert_int_equal(give(NAT_INSIDE, &a), NAT_FORWARD);
    assert_int_equal(give(NAT_INSIDE, &b), NAT_FORWARD);
    assert_int_equal(ip4_sport(a.data), 5000);
    assert_int_not_equal(ip4_sport(b.data), 5000);
    answer.dport = ip4_sport(b.data);
    assert_int_equal(give(NAT_OUTSIDE, &answer), NAT_FORWARD);
    assert_int_equal(ip4_dst(answer.data), HOST + 1);
    assert_int_equal(ip4_dport(answer.data), 5000);
}

static void only_the_inside_begins(void **state)
{
    (void)state;
    assert_int_equal(in(6, 80, 5000, SYN), NAT_LOCAL);
    assert_int_equal(in(17, 53, 5000, 0), NAT_LOCAL);
    assert_int_equal(out(6, 5000, 80, ACK), NAT_DROP);
    assert_int_equal(out(6, 5000, 80, SYN | ACK), NAT_DROP);
    assert_int_equal(nat.stats.drop_no_flow, 2);
    assert_int_equal(nat.flows.used, 0);
}

static void an_answer_from_somebody_else_is_not_let_in(void **state)
{
    struct ip4_packet other = {
        .src = SERVER + 1, .dst = ROUTER_OUT, .proto = 17, .sport = 53, .dport = 5000};

    (void)state;
    assert_int_equal(out(17, 5000, 53, 0), NAT_FORWARD);
    assert_int_equal(give(NAT_OUTSIDE, &other), NAT_LOCAL);
    assert_int_equal(in(17, 54, 5000, 0), NAT_LOCAL);
    assert_int_equal(in(17, 53, 5000, 0), NAT_FORWARD);
}

static void addresses_that_cannot_be_there_are_dropped_by_name(void **state)
{
    static const struct {
        enum nat_side from;
        uint32_t src, dst;
        enum nat_verdict verdict;
        size_t counter;
    } row[] = {
#define C(name) offsetof(struct nat_stats, name)
        {NAT_INSIDE, 0x0B000001, SERVER, NAT_DROP, C(drop_source)},
        {NAT_INSIDE, 0x0A0000FF, SERVER, NAT_DROP, C(drop_source)},
        {NAT_INSIDE, ROUTER_IN, SERVER, NAT_DROP, C(drop_source)},
        {NAT_INSIDE, HOST, 0x7F000001, NAT_DROP, C(drop_destination)},
        {NAT_INSIDE, HOST, 0xF0000001, NAT_DROP, C(drop_destination)},
        {NAT_INSIDE, HOST, 0x00000001, NAT_DROP, C(drop_destination)},
        {NAT_INSIDE, HOST, 0x0A000009, NAT_DROP, C(drop_same_side)},
        {NAT_INSIDE, HOST, ROUTER_IN, NAT_LOCAL, C(local)},
        {NAT_INSIDE, HOST, ROUTER_OUT, NAT_LOCAL, C(local)},
        {NAT_INSIDE, HOST, 0xE0000001, NAT_LOCAL, C(local)},
        {NAT_INSIDE, HOST, 0x0A0000FF, NAT_LOCAL, C(local)},
        {NAT_OUTSIDE, SERVER, 0xE0000001, NAT_LOCAL, C(local)},
        {NAT_OUTSIDE, SERVER, HOST, NAT_DROP, C(drop_not_ours)},
        {NAT_OUTSIDE, HOST, ROUTER_OUT, NAT_DROP, C(drop_source)},
        {NAT_OUTSIDE, ROUTER_OUT, ROUTER_OUT, NAT_DROP, C(drop_source)},
        {NAT_OUTSIDE, 0x7F000001, ROUTER_OUT, NAT_DROP, C(drop_source)},
        {NAT_OUTSIDE, 0xFFFFFFFF, ROUTER_OUT, NAT_DROP, C(drop_source)},
#undef C
    };

    (void)state;
    for (unsigned i = 0; i < countof(row); i++) {
        struct ip4_packet p = {.src = row[i].src, .dst = row[i].dst, .proto = 17, .sport = 1};
        const uint64_t *counter = (const uint64_t *)((const char *)&nat.stats + row[i].counter);
        const uint64_t before = *counter;

        if (give(row[i].from, &p) != row[i].verdict || *counter != before + 1)
            fail_msg("row %u", i);
    }
    assert_int_equal(nat.flows.used, 0);
}

static void old_and_long_packets_are_told_about_and_cost_nothing(void **state)
{
    struct ip4_packet old = {.src = HOST, .dst = SERVER, .proto = 17, .ttl = 1};
    struct ip4_packet big = {
        .src = HOST, .dst = SERVER, .proto = 17, .fragment = 0x4000, .payload_bytes = 1000};

    (void)state;
    nat.mtu_bytes[NAT_OUTSIDE] = 1000;
    assert_int_equal(give(NAT_INSIDE, &old), NAT_TELL_TTL);
    assert_int_equal(give(NAT_INSIDE, &big), NAT_TELL_TOO_BIG);
    assert_int_equal(nat.flows.used, 0);
    big.fragment = 0;
    assert_int_equal(give(NAT_INSIDE, &big), NAT_FORWARD); /* may be cut */
    nat_set_outside(&nat, 0);
    assert_int_equal(give(NAT_INSIDE, &big), NAT_TELL_NO_ROUTE);
}

static void errors_come_in_to_who_they_are_for(void **state)
{
    struct ip4_packet sent = {.src = HOST, .dst = SERVER, .proto = 17, .sport = 5000, .dport = 53};
    struct ip4_packet error = {
        .src = 0x08080808, .dst = ROUTER_OUT, .proto = 1, .type = 3, .about = &sent};
    struct ip4_packet later = {.src = 0x08080808, .dst = ROUTER_OUT, .proto = 1, .type = 3};
    struct ip4_packet stray = {.src = ROUTER_OUT, .dst = SERVER, .proto = 17, .sport = 6000};

    (void)state;
    assert_int_equal(give(NAT_INSIDE, &sent),
                     NAT_FORWARD); /* (sent) is now as the server sees it */
    assert_int_equal(give(NAT_OUTSIDE, &error), NAT_FORWARD);
    assert_int_equal(ip4_dst(error.data), HOST);
    assert_int_equal(ip4_src(ip4_quoted(error.data)), HOST);
    assert_true(ip4_sums_hold(error.data));
    ip4_build(&stray);
    later.about = &stray;
    assert_int_equal(give(NAT_OUTSIDE, &later), NAT_LOCAL);
    /* About what nobody outside can have seen: an answer as it looks inside. */
    stray =
        (struct ip4_packet){.src = SERVER, .dst = HOST, .proto = 17, .sport = 53, .dport = 5000};
    ip4_build(&stray);
    assert_int_equal(give(NAT_OUTSIDE, &later), NAT_LOCAL);
}

static void a_full_table_refuses_until_something_is_forgotten(void **state)
{
    (void)state;
    for (uint16_t i = 0; i < 8; i++)
        assert_int_equal(out(17, (uint16_t)(5000 + i), 53, 0), NAT_FORWARD);
    assert_int_equal(out(17, 6000, 53, 0), NAT_DROP);
    assert_int_equal(nat.stats.drop_table_full, 1);
    assert_int_equal(out(17, 5003, 53, 0), NAT_FORWARD); /* known ones go on */
    now_ns += 301 * S;
    assert_int_equal(out(17, 6000, 53, 0), NAT_FORWARD);
    flow_expire(&nat.flows, now_ns, 100);
    assert_int_equal(nat.flows.used, 1);
}

static void ports_run_out_by_name(void **state)
{
    (void)state;
    nat.port_min = 2000;
    nat.port_max = 2002;
    for (uint16_t i = 0; i < 3; i++)
        assert_int_equal(out(17, (uint16_t)(5000 + i), 53, 0), NAT_FORWARD);
    assert_int_equal(out(17, 5003, 53, 0), NAT_DROP);
    assert_int_equal(nat.stats.drop_no_port, 1);
    assert_int_equal(out(17, 5003, 54, 0), NAT_FORWARD); /* to another port of the server's */
}

/* Seconds of silence after which the connection must be forgotten, one less it must not. */
static void check_lives(uint64_t seconds)
{
    now_ns += (seconds - 1) * S;
    flow_expire(&nat.flows, now_ns, 100);
    assert_int_equal(nat.flows.used, 1);
    now_ns += S;
    flow_expire(&nat.flows, now_ns, 100);
    assert_int_equal(nat.flows.used, 0);
}

static void quiet_connections_are_forgotten_by_their_kind(void **state)
{
    (void)state;
    out(1, 5000, 0, 0);
    check_lives(60);
    out(17, 5000, 53, 0);
    check_lives(300);
    out(6, 5000, 80, SYN);
    check_lives(240);
    out(6, 5000, 80, SYN);
    in(6, 80, 5000, SYN | ACK);
    out(6, 5000, 80, ACK);
    check_lives(7440);
    out(6, 5000, 80, SYN);
    in(6, 80, 5000, SYN | ACK);
    out(6, 5000, 80, ACK);
    out(6, 5000, 80, FIN_ACK);
    in(6, 80, 5000, FIN_ACK);
    check_lives(240);
    out(6, 5000, 80, SYN);
    in(6, 80, 5000, SYN | ACK);
    out(6, 5000, 80, ACK);
    in(6, 80, 5000, RST);
    check_lives(240);
}

/* A forged RST costs patience, not the connection; and the same ports may be used again. */
static void a_reset_connection_works_while_it_is_used(void **state)
{
    (void)state;
    out(6, 5000, 80, SYN);
    in(6, 80, 5000, SYN | ACK);
    out(6, 5000, 80, ACK);
    in(6, 80, 5000, RST);
    assert_int_equal(out(6, 5000, 80, ACK), NAT_FORWARD);
    assert_int_equal(in(6, 80, 5000, ACK), NAT_FORWARD);
    assert_int_equal(out(6, 5000, 80, SYN), NAT_FORWARD);
    in(6, 80, 5000, SYN | ACK);
    out(6, 5000, 80, ACK);
    check_lives(7440);
}

static void a_clock_read_earlier_makes_nothing_old(void **state)
{
    (void)state;
    out(17, 5000, 53, 0);
    assert_int_equal(flow_expire(&nat.flows, now_ns - 1, 100), 0);
    assert_int_equal(nat.flows.used, 1);
}

static void another_outside_address_forgets_all(void **state)
{
    (void)state;
    out(17, 5000, 53, 0);
    nat_set_outside(&nat, ip4_net32(ROUTER_OUT + 1));
    assert_int_equal(nat.flows.used, 0);
}

static void malformed_packets_and_fragments_have_names(void **state)
{
    struct ip4_packet p = {.src = HOST, .dst = SERVER, .proto = 17};
    struct ip4_packet piece = {.src = HOST, .dst = SERVER, .proto = 17, .fragment = 9};
    struct ip4_packet gre = {.src = HOST, .dst = SERVER, .proto = 47};
    enum packet_fault fault;

    (void)state;
    ip4_build(&p);
    p.data[10]++;
    fault = packet_parse(&seen, p.data, p.len_bytes, p.len_bytes);
    assert_int_equal(nat_packet(&nat, NAT_INSIDE, &seen, fault, now_ns), NAT_DROP);
    assert_int_equal(nat.stats.drop_malformed, 1);
    assert_int_equal(give(NAT_INSIDE, &piece), NAT_DROP);
    assert_int_equal(nat.stats.drop_fragment, 1);
    assert_int_equal(give(NAT_INSIDE, &gre), NAT_DROP);
    assert_int_equal(nat.stats.drop_unknown, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, drop)
    const struct CMUnitTest tests[] = {
        T(each_protocol_goes_out_and_its_answer_comes_back),
        T(two_hosts_with_one_port_get_two),
        T(only_the_inside_begins),
        T(an_answer_from_somebody_else_is_not_let_in),
        T(addresses_that_cannot_be_there_are_dropped_by_name),
        T(old_and_long_packets_are_told_about_and_cost_nothing),
        T(errors_come_in_to_who_they_are_for),
        T(a_full_table_refuses_until_something_is_forgotten),
        T(ports_run_out_by_name),
        T(quiet_connections_are_forgotten_by_their_kind),
        T(a_reset_connection_works_while_it_is_used),
        T(a_clock_read_earlier_makes_nothing_old),
        T(another_outside_address_forgets_all),
        T(malformed_packets_and_fragments_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
