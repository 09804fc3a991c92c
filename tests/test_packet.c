/* SPDX-License-Identifier: BSD-3-Clause */
/* Parsing and rewriting IPv4 packets of strangers. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "ip4_packets.h"
#include "packet.h"

#define A 0x0A000001u
#define B 0xC0000201u
#define NAT 0xCB007109u

static struct packet parsed;

static enum packet_fault parse(struct ip4_packet *p)
{
    ip4_build(p);
    return packet_parse(&parsed, p->data, p->len_bytes, p->len_bytes);
}

static struct packet_key key(uint32_t src, uint16_t sport, uint32_t dst, uint16_t dport,
                             uint32_t proto)
{
    return (struct packet_key){.src = ip4_net32(src),
                               .dst = ip4_net32(dst),
                               .sport = ip4_net16(sport),
                               .dport = ip4_net16(dport),
                               .proto = proto};
}

static void check_key(const struct packet_key *want)
{
    assert_memory_equal(&parsed.key, want, sizeof(*want));
}

static void each_protocol_has_its_key(void **state)
{
    static const struct {
        uint8_t proto, type;
        uint16_t sport, dport; /* of the key */
    } row[] = {{6, 0, 1000, 80}, {17, 0, 1000, 80}, {1, 8, 1000, 0}, {1, 0, 0, 1000}};

    (void)state;
    for (unsigned i = 0; i < countof(row); i++) {
        struct ip4_packet p = {.src = A,
                               .dst = B,
                               .proto = row[i].proto,
                               .type = row[i].type,
                               .sport = 1000,
                               .dport = 80,
                               .payload_bytes = 33};
        const struct packet_key want = key(A, row[i].sport, B, row[i].dport, row[i].proto);

        assert_int_equal(parse(&p), PACKET_OK);
        check_key(&want);
        assert_int_equal(parsed.echo_request, row[i].proto == 1 && row[i].type == 8);
    }
}

/* Every change of addresses and ports, with sums that end up as 0 among them. */
static void sums_hold_after_any_rewrite(void **state)
{
    static const uint8_t protos[] = {1, 6, 17};

    (void)state;
    srand(7);
    for (unsigned i = 0; i < 60000; i++) {
        struct ip4_packet p = {.src = (uint32_t)rand(),
                               .dst = (uint32_t)rand(),
                               .proto = protos[i % 3],
                               .type = i % 2 ? 8 : 0,
                               .sport = (uint16_t)rand(),
                               .dport = (uint16_t)rand(),
                               .payload_bytes = (uint32_t)rand() % 40};
        const struct packet_key to =
            key((uint32_t)rand(), (uint16_t)rand(), (uint32_t)rand(), (uint16_t)rand(), p.proto);

        assert_int_equal(parse(&p), PACKET_OK);
        packet_rewrite(&parsed, &to, true);
        packet_age(&parsed);
        assert_true(ip4_sums_hold(p.data));
        assert_int_equal(ip4_src(p.data), ip4_net32(to.src));
        assert_int_equal(ip4_dst(p.data), ip4_net32(to.dst));
        assert_int_equal(p.data[8], 63);
        if (p.proto == 17)
            assert_false(p.data[26] == 0 && p.data[27] == 0); /* that would say "no sum" */
    }
}

/* Chosen so that the sum comes out as 0, which in UDP would say that there is none. */
static void a_udp_sum_of_zero_is_written_the_other_way(void **state)
{
    struct ip4_packet p = {.src = A, .dst = B, .proto = 17, .sport = 5, .dport = 6};
    struct packet_key to = key(NAT, 7, B, 8, 17);
    uint32_t port;

    (void)state;
    assert_int_equal(parse(&p), PACKET_OK);
    packet_rewrite(&parsed, &to, true);
    port = 8u + (uint32_t)(p.data[26] << 8 | p.data[27]);
    to.dport = ip4_net16((uint16_t)((port & 0xFFFF) + (port >> 16)));
    assert_int_equal(parse(&p), PACKET_OK);
    packet_rewrite(&parsed, &to, true);
    assert_int_equal(p.data[26] << 8 | p.data[27], 0xFFFF);
    assert_true(ip4_sums_hold(p.data));
}

static void udp_without_a_sum_stays_without(void **state)
{
    struct ip4_packet p = {.src = A, .dst = B, .proto = 17, .sport = 5, .dport = 6, .no_sum = true};
    const struct packet_key to = key(NAT, 7, B, 6, 17);

    (void)state;
    assert_int_equal(parse(&p), PACKET_OK);
    packet_rewrite(&parsed, &to, true);
    assert_int_equal(p.data[26] | p.data[27], 0);
    assert_int_equal(ip4_sport(p.data), 7);
}

/* What a router far away says about a packet we sent as (NAT:99), which (A:1000) had sent. */
static void errors_are_found_and_rewritten_by_what_they_are_about(void **state)
{
    static const uint8_t protos[] = {6, 17, 1};
    const uint32_t router = 0x08080808;

    (void)state;
    for (unsigned i = 0; i < countof(protos); i++) {
        struct ip4_packet sent = {.src = NAT,
                                  .dst = B,
                                  .proto = protos[i],
                                  .type = 8,
                                  .sport = 99,
                                  .dport = 80,
                                  .payload_bytes = 50};
        struct ip4_packet error = {
            .src = router, .dst = NAT, .proto = 1, .type = 3, .code = 4, .about = &sent};
        const uint16_t port = protos[i] == 1 ? 0 : 80;
        const struct packet_key want = key(B, port, NAT, 99, protos[i]);
        const struct packet_key to = key(B, port, A, 1000, protos[i]);
        const uint8_t *quoted;

        ip4_build(&sent);
        assert_int_equal(parse(&error), PACKET_OK);
        assert_non_null(parsed.inner);
        check_key(&want);
        packet_rewrite(&parsed, &to, false);
        assert_true(ip4_sums_hold(error.data));
        assert_int_equal(ip4_src(error.data), router);
        assert_int_equal(ip4_dst(error.data), A);
        quoted = ip4_quoted(error.data);
        assert_int_equal(ip4_src(quoted), A);
        assert_int_equal(ip4_sport(quoted), 1000);
        assert_int_equal(ip4_dst(quoted), B);
    }
}

static void errors_from_inside_hide_who_says_them(void **state)
{
    struct ip4_packet sent = {.src = B, .dst = A, .proto = 17, .sport = 80, .dport = 1000};
    struct ip4_packet error = {.src = A + 5, .dst = B, .proto = 1, .type = 3, .about = &sent};
    const struct packet_key to = key(NAT, 99, B, 80, 17);

    (void)state;
    ip4_build(&sent);
    assert_int_equal(parse(&error), PACKET_OK);
    packet_rewrite(&parsed, &to, true);
    assert_true(ip4_sums_hold(error.data));
    assert_int_equal(ip4_src(error.data), NAT);
    assert_int_equal(ip4_dst(ip4_quoted(error.data)), NAT);
    assert_int_equal(ip4_dport(ip4_quoted(error.data)), 99);
}

/* Cut anywhere, with memory that ends there: ASan sees a byte too many. */
static void packets_cut_short_are_malformed(void **state)
{
    static const uint8_t protos[] = {1, 6, 17};

    (void)state;
    for (unsigned i = 0; i < 2 * countof(protos); i++) {
        struct ip4_packet sent = {.src = B, .dst = A, .proto = 17, .sport = 80, .dport = 1000};
        struct ip4_packet p = {.src = A, .dst = B, .proto = protos[i / 2], .type = 8};
        uint32_t needed = 20 + (p.proto == 6 ? 20 : 8);

        ip4_build(&sent);
        if (i == 1) {
            p.type = 11;
            p.about = &sent;
            needed = 20 + 8 + 28;
        }
        ip4_build(&p);
        for (uint32_t bytes = 0; bytes < needed; bytes++) {
            uint8_t *cut = malloc(bytes + 1);

            memcpy(cut, p.data, bytes);
            assert_int_equal(packet_parse(&parsed, cut, bytes, p.len_bytes), PACKET_MALFORMED);
            free(cut);
        }
        assert_int_equal(packet_parse(&parsed, p.data, needed, p.len_bytes), PACKET_OK);
    }
}

static void headers_that_lie_are_malformed(void **state)
{
    static const struct {
        unsigned at;
        uint8_t value;
        bool sum_fits;
    } lie[] = {{0, 0x65, true}, {0, 0x44, true}, {2, 0xFF, true},   {3, 19, true},
               {3, 37, true},   {0, 0x4F, true}, {10, 0x55, false}, {8, 1, false}};

    (void)state;
    for (unsigned i = 0; i < countof(lie); i++) {
        struct ip4_packet p = {.src = A, .dst = B, .proto = 17, .payload_bytes = 8};

        ip4_build(&p);
        p.data[lie[i].at] = lie[i].value;
        if (lie[i].sum_fits)
            ip4_resum(p.data);
        assert_int_equal(packet_parse(&parsed, p.data, p.len_bytes, p.len_bytes), PACKET_MALFORMED);
    }
}

static void what_nobody_can_translate_is_unknown(void **state)
{
    struct ip4_packet fragment = {.src = B, .dst = A, .proto = 17, .fragment = 100};
    struct ip4_packet gre = {.src = A, .dst = B, .proto = 47};
    struct ip4_packet redirect = {.src = A, .dst = B, .proto = 1, .type = 5, .payload_bytes = 60};
    struct ip4_packet about = {.src = A, .dst = B, .proto = 1, .type = 3, .about = &fragment};

    (void)state;
    ip4_build(&fragment);
    assert_int_equal(parse(&gre), PACKET_UNKNOWN);
    assert_int_equal(parse(&redirect), PACKET_UNKNOWN);
    assert_int_equal(parse(&about), PACKET_UNKNOWN);
    assert_int_equal(parse(&fragment), PACKET_FRAGMENT);
    fragment.fragment = 0x2000;
    assert_int_equal(parse(&fragment), PACKET_FRAGMENT);
    fragment.fragment = 0x4000;
    assert_int_equal(parse(&fragment), PACKET_OK);
    assert_true(parsed.dont_fragment);
}

/* Anything at all: no access outside (ASan), and what was found sound can be rewritten. */
static void noise_is_survived(void **state)
{
    const struct packet_key to = key(NAT, 7, B, 6, 17);

    (void)state;
    srand(11);
    for (unsigned i = 0; i < 200000; i++) {
        struct ip4_packet sent = {.src = B, .dst = A, .proto = i % 2 ? 17 : 6, .sport = 80};
        struct ip4_packet p = {.src = A, .dst = B, .proto = 1, .type = 3, .about = &sent};
        uint32_t bytes = 20 + (uint32_t)rand() % 60;
        uint8_t *copy = malloc(bytes);

        ip4_build(&sent);
        ip4_build(&p);
        for (unsigned n = 0; n < 3; n++)
            p.data[20 + rand() % 40] = (uint8_t)rand();
        memcpy(copy, p.data, bytes);
        if (packet_parse(&parsed, copy, bytes, p.len_bytes) == PACKET_OK) {
            struct packet_key all = to;

            all.proto = parsed.key.proto;
            packet_rewrite(&parsed, &all, false);
        }
        free(copy);
    }
}

static void an_error_of_ours_quotes_what_it_is_about(void **state)
{
    struct ip4_packet p = {.src = A, .dst = B, .proto = 17, .sport = 5, .payload_bytes = 900};
    uint8_t wire[20 + PACKET_ICMP_BYTES_MAX] = {0x45};
    uint32_t bytes;

    (void)state;
    assert_int_equal(parse(&p), PACKET_OK);
    bytes = packet_icmp_error(&parsed, 3, PACKET_CODE_TOO_BIG, 1400, wire + 20);
    assert_int_equal(bytes, PACKET_ICMP_BYTES_MAX);
    assert_memory_equal(wire + 28, p.data, bytes - 8);
    assert_int_equal(wire[26] << 8 | wire[27], 1400);
    assert_int_equal(packet_parse(&parsed, p.data, 28, p.len_bytes), PACKET_OK);
    assert_int_equal(packet_icmp_error(&parsed, 11, 0, 0, wire + 20), 8 + 28);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_protocol_has_its_key),
        cmocka_unit_test(sums_hold_after_any_rewrite),
        cmocka_unit_test(a_udp_sum_of_zero_is_written_the_other_way),
        cmocka_unit_test(udp_without_a_sum_stays_without),
        cmocka_unit_test(errors_are_found_and_rewritten_by_what_they_are_about),
        cmocka_unit_test(errors_from_inside_hide_who_says_them),
        cmocka_unit_test(packets_cut_short_are_malformed),
        cmocka_unit_test(headers_that_lie_are_malformed),
        cmocka_unit_test(what_nobody_can_translate_is_unknown),
        cmocka_unit_test(noise_is_survived),
        cmocka_unit_test(an_error_of_ours_quotes_what_it_is_about),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
