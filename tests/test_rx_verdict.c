/* SPDX-License-Identifier: BSD-3-Clause */
/* What a verdict about checksums covers, and what the lwIP face finds out itself about a frame in
 * pieces. */
#include "check.h"
#include "ip_frames.h"
#include "netvsc_netif_var.h"

static struct ip_frame f;

/* A datagram's fragment has no sum of its own; a host that says so has not looked at the others. */
static void no_verdict_about_a_fragment_is_believed(void **state)
{
    static const uint16_t kinds[] = {0x2000, 0x0001, 0x2010};
    struct netvsc_frame frame = {.data = f.data};

    (void)state;
    for (unsigned i = 0; i < countof(kinds); i++) {
        for (unsigned proto = 6; proto <= 17; proto += 11) {
            f = (struct ip_frame){
                .proto = (uint8_t)proto, .fragment = kinds[i], .payload_bytes = 64};
            ip_frame_build(&f);
            frame.len_bytes = f.len_bytes;
            assert_int_equal(netvsc_netif_spared(&frame, NETVSC_CSUM_L4_OK), 0);
            f.fragment = 0x4000; /* "do not fragment" is no fragment */
            ip_frame_build(&f);
            assert_int_not_equal(netvsc_netif_spared(&frame, NETVSC_CSUM_L4_OK), 0);
        }
    }
}

/* Cut anywhere behind the headers, at odd places too, the truth is the same. */
static void the_truth_about_a_frame_in_pieces_is_that_of_the_whole(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        f = (struct ip_frame){.v6 = v6, .proto = 6, .payload_bytes = 301, .seq = 3};
        ip_frame_build(&f);
        for (uint32_t cut = f.l4_off + 20; cut < f.len_bytes - 2; cut += 3) {
            const struct netvsc_frame pieces[] = {
                {.data = f.data, .len_bytes = cut, .more = 2},
                {.data = f.data + cut, .len_bytes = 1},
                {.data = f.data + cut + 1, .len_bytes = f.len_bytes - cut - 1}};

            assert_int_equal(netvsc_netif_rx_truth(pieces),
                             v6 ? NETVSC_CSUM_L4_OK : NETVSC_CSUM_L4_OK | NETVSC_CSUM_IP_OK);
            assert_true(netvsc_netif_joined_right(pieces));
            f.data[cut] ^= 4;
            assert_true(netvsc_netif_rx_truth(pieces) & NETVSC_CSUM_L4_BAD);
            f.data[cut] ^= 4;
        }
    }
}

static void a_header_that_does_not_fit_what_was_put_together_is_found(void **state)
{
    struct netvsc_frame pieces[2];

    (void)state;
    f = (struct ip_frame){.proto = 6, .payload_bytes = 300};
    ip_frame_build(&f);
    pieces[0] = (struct netvsc_frame){.data = f.data, .len_bytes = 100, .more = 1};
    pieces[1] = (struct netvsc_frame){.data = f.data + 100, .len_bytes = f.len_bytes - 101};
    assert_false(netvsc_netif_joined_right(pieces));
    pieces[1].len_bytes += 2;
    assert_false(netvsc_netif_joined_right(pieces));
    pieces[1].len_bytes--;
    assert_true(netvsc_netif_joined_right(pieces));
    f.data[23] = 17;
    assert_false(netvsc_netif_joined_right(pieces));
    pieces[0].len_bytes = 33; /* its IP header is not even in the first piece */
    assert_false(netvsc_netif_joined_right(pieces));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_verdict_about_a_fragment_is_believed),
        cmocka_unit_test(the_truth_about_a_frame_in_pieces_is_that_of_the_whole),
        cmocka_unit_test(a_header_that_does_not_fit_what_was_put_together_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
