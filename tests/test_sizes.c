/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of every size class up to 65,536 bytes through the emulated host, both ways. Larger ones
 * than the default send section need a host whose sections hold them.
 */
#include <errno.h>

#include "netif_fixture.h"

#define LARGEST 65536u

static void start(struct netif_fixture *f)
{
    bench_init(f);
    f->config.mtu_bytes = LARGEST - 14;
    f->card_config.mtu_max_bytes = LARGEST - 14;
    f->card_config.send_section_bytes = LARGEST + 128;
    f->card_config.send_buf_bytes = 2u << 20;
    f->card_config.recv_buf_bytes = 4u << 20;
    bench_come_up(f);
    assert_int_equal(netvsc_info(f->nic)->mtu_bytes, LARGEST - 14);
}

static void both_ways(struct netif_fixture *f, uint32_t bytes)
{
    unsigned rx = f->rx_count, far = f->far_count;

    assert_int_equal(bench_send(f, bytes, (uint8_t)bytes), 0);
    bench_far_send(f, bytes, (uint8_t)(bytes >> 3));
    bench_turn(f, 2);
    assert_int_equal(f->far_count, far + 1);
    assert_int_equal(f->rx_count, rx + 1);
    bench_check_frame(f->far_frame, f->far_bytes, bytes, (uint8_t)bytes);
    assert_int_equal(f->rx_bytes, bytes);
    for (uint32_t i = 14; i < bytes; i++)
        assert_int_equal(f->rx_frame[i], (uint8_t)((bytes >> 3) + i));
}

static void frames_up_to_65536_bytes_cross_both_ways(void **state)
{
    static const uint32_t edges[] = {4095,  4096,  4097,  9014,  16383,
                                     16384, 32768, 65534, 65535, LARGEST};
    struct netif_fixture f;

    (void)state;
    start(&f);
    for (uint32_t bytes = 14; bytes <= 2100; bytes += 7)
        both_ways(&f, bytes);
    for (unsigned i = 0; i < countof(edges); i++)
        both_ways(&f, edges[i]);
    bench_check_strict(&f);
    bench_stop(&f);
}

static void one_byte_more_is_refused_and_counted_on_both_sides(void **state)
{
    struct netif_fixture f;

    (void)state;
    start(&f);
    assert_int_equal(bench_send(&f, LARGEST + 1, 0), -EMSGSIZE);
    assert_int_equal(bench_stats(&f).tx_drop_size, 1);
    bench_far_send(&f, LARGEST + 1, 0);
    bench_turn(&f, 2);
    assert_int_equal(f.rx_count, 0);
    assert_int_equal(bench_host_stats(&f).rx_drop_size, 1);
    bench_stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_up_to_65536_bytes_cross_both_ways),
        cmocka_unit_test(one_byte_more_is_refused_and_counted_on_both_sides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
