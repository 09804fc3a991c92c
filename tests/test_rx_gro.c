/* SPDX-License-Identifier: BSD-3-Clause */
/* Segments that reach lwIP as one chain, put together by the NIC's lwIP face (GRO), and what is
 * left alone. */
#include <string.h>

#include "chain_fixture.h"
#include "lwip/inet_chksum.h"

static struct ip_frame f;

static void consecutive_segments_become_one_chain(void **state)
{
    static const uint32_t sizes[] = {1, 100, CHAINS_MSS}; /* copied, copied, lent */

    (void)state;
    for (unsigned i = 0; i < 2 * 2 * countof(sizes); i++) {
        uint32_t bytes = sizes[i / 4];

        f = (struct ip_frame){.v6 = i & 1, .seq = 0xFFFFF000, .option_bytes = i & 2 ? 12 : 0};
        chains_setup(CHAINS_NO_RSC);
        for (unsigned k = 0; k < 5; k++)
            chains_send(&f, bytes, 0x10);
        chains_send(&f, bytes + 1, 0x18);
        stack_turn(2);
        assert_int_equal(chain_count, 1);
        chains_check(&f, 0, 0xFFFFF000, 6 * bytes + 1, true);
        assert_int_equal(chains[0].segments, 6);
        assert_int_equal(pbuf_get_at(chains[0].p, (f.v6 ? 54 : 34) + 13), 0x18);
        assert_int_equal(stack.nif.stats.rx_gro_chains, 1);
        assert_int_equal(stack.nif.stats.rx_gro_segments, 6);
        assert_int_equal(stack.nif.stats.rx_input, 6);
        assert_int_equal(stack.nif.stats.rx_zerocopy, bytes == CHAINS_MSS ? 6 : 0);
        assert_int_equal(chains_host().rx_frames, 6);
        chains_teardown();
    }
}

static void a_chain_ends_before_it_is_too_long(void **state)
{
    (void)state;
    f = (struct ip_frame){.seq = 7};
    chains_setup(CHAINS_NO_RSC);
    for (unsigned i = 0; i < 60; i++)
        chains_send(&f, CHAINS_MSS, 0x10);
    stack_turn(2);
    assert_int_equal(chain_count, 2);
    chains_check(&f, 0, 7, 46 * CHAINS_MSS, true);
    chains_check(&f, 1, 7 + 46 * CHAINS_MSS, 14 * CHAINS_MSS, true);
    chains_teardown();
}

/* What the second of two segments differs in. */
struct apart {
    const char *what;
    int32_t gap;
    uint8_t first_flags, flags, option_bytes;
    uint16_t source;
    uint32_t ack;
};

static const struct apart aparts[] = {
    {.what = "a gap", .gap = 1},
    {.what = "an overlap", .gap = -1},
    {.what = "the same again", .gap = -500},
    {.what = "another connection", .source = 1001},
    {.what = "FIN", .flags = 0x11},
    {.what = "ECE", .flags = 0x50},
    {.what = "URG", .flags = 0x30},
    {.what = "SYN first", .first_flags = 0x12},
    {.what = "CWR first", .first_flags = 0x90},
    {.what = "PSH first", .first_flags = 0x18},
    {.what = "acknowledgement", .ack = 1},
    {.what = "options", .option_bytes = 12},
};

static void what_differs_stays_apart_and_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < countof(aparts); i++) {
        const struct apart *a = &aparts[i];

        print_message("%s\n", a->what);
        f = (struct ip_frame){.seq = 1000};
        chains_setup(CHAINS_NO_RSC);
        chains_send(&f, 500, a->first_flags ? a->first_flags : 0x10);
        f.seq += (uint32_t)a->gap;
        f.source = a->source;
        f.ack = a->ack;
        f.option_bytes = a->option_bytes;
        chains_send(&f, 500, a->flags ? a->flags : 0x10);
        stack_turn(2);
        assert_int_equal(chain_count, 2);
        chains_check(&f, 1, 1500u + (uint32_t)a->gap, 500, true);
        f.option_bytes = 0;
        chains_check(&f, 0, 1000, 500, true);
        assert_int_equal(chains[0].segments, 0);
        assert_int_equal(stack.nif.stats.rx_gro_chains, 0);
        chains_teardown();
    }
}

/* A byte of the second segment's header, and the IPv4 sum that goes with it (offset 24). */
static void no_field_of_the_header_is_lost(void **state)
{
    static const struct {
        const char *what;
        bool v6;
        uint32_t off;
    } rows[] = {{"MAC address", false, 7},           {"congestion mark", false, 15},
                {"fragment flags", false, 20},       {"hop limit", false, 22},
                {"congestion mark, IPv6", true, 15}, {"flow label", true, 17},
                {"hop limit, IPv6", true, 21}};

    (void)state;
    for (size_t i = 0; i < countof(rows); i++) {
        struct hvhost_frame out = {.data = f.data, .csum_ok = true};
        u16_t sum;

        print_message("%s\n", rows[i].what);
        f = (struct ip_frame){.v6 = rows[i].v6, .seq = 1000};
        chains_setup(CHAINS_NO_RSC);
        chains_send(&f, 500, 0x10);
        ip_frame_build(&f);
        f.data[rows[i].off] ^= rows[i].off == 20 ? 0x40 : 1; /* "do not fragment" */
        if (!f.v6) {
            memset(f.data + 24, 0, 2);
            sum = inet_chksum(f.data + 14, 20);
            memcpy(f.data + 24, &sum, 2);
        }
        out.len_bytes = f.len_bytes;
        hvhost_port_send(stack.port, &out);
        stack_turn(2);
        assert_int_equal(chain_count, 2);
        chains_teardown();
    }
}

static void a_segment_with_a_wrong_sum_joins_nothing(void **state)
{
    struct hvhost_frame out = {.data = f.data};

    (void)state;
    for (unsigned verify = 0; verify < 2; verify++) {
        f = (struct ip_frame){.seq = 1000};
        stack_config.rx_csum = verify ? NETVSC_VERIFY : NETVSC_AUTO;
        chains_setup(CHAINS_NO_RSC);
        chains_send(&f, 500, 0x10);
        ip_frame_build(&f);
        f.data[f.len_bytes - 1] ^= 1;
        out.len_bytes = f.len_bytes;
        out.csum_ok = verify; /* a host that lies */
        hvhost_port_send(stack.port, &out);
        f.seq += 500;
        chains_send(&f, 500, 0x10);
        stack_turn(2);
        assert_int_equal(chain_count, 2);
        chains_check(&f, 0, 1000, 500, true);
        chains_check(&f, 1, 2000, 500, true);
        assert_int_equal(stack.nif.stats.rx_drop_csum, 1);
        assert_int_equal(stack.nif.stats.rx_csum_disagree, verify);
        chains_teardown();
    }
}

static void what_nobody_checked_or_wanted_together_comes_one_by_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        f = (struct ip_frame){.seq = 1000};
        stack_config.rx_gro = i == 0 ? NETVSC_OFF : NETVSC_AUTO;
        stack_config.rx_csum = i == 1 ? NETVSC_OFF : NETVSC_AUTO;
        chains_setup(i == 2 ? CHAINS_NO_RSC & ~HVHOST_OFFLOAD_RX_CSUM : CHAINS_NO_RSC);
        chains_send(&f, 500, 0x10);
        chains_send(&f, 500, 0x10);
        stack_turn(2);
        assert_int_equal(chain_count, 2);
        assert_int_equal(chains[0].checks & NETIF_CHECKSUM_CHECK_TCP,
                         i == 0 ? 0 : NETIF_CHECKSUM_CHECK_TCP);
        chains_teardown();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(consecutive_segments_become_one_chain),
        cmocka_unit_test(a_chain_ends_before_it_is_too_long),
        cmocka_unit_test(what_differs_stays_apart_and_in_order),
        cmocka_unit_test(no_field_of_the_header_is_lost),
        cmocka_unit_test(a_segment_with_a_wrong_sum_joins_nothing),
        cmocka_unit_test(what_nobody_checked_or_wanted_together_comes_one_by_one),
    };

    return cmocka_run_group_tests(tests, stack_start, NULL);
}
