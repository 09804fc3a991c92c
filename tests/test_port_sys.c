/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"
#include "port_clock.h"
#include "port_hooks.h"
#include "port_tcp.h"

#include <errno.h>

#include "lwip/ip_addr.h"
#include "lwip/opt.h"
#include "lwip/sys.h"

static uint64_t now_ns;

static uint64_t virtual_clock(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static int use_virtual_clock(void **state)
{
    (void)state;
    now_ns = 5 * PORT_NS_PER_S;
    port_clock_source(virtual_clock, NULL);
    return 0;
}

static u32_t isn_of(const char *local, u16_t local_port, const char *remote, u16_t remote_port)
{
    ip_addr_t l, r;

    assert_true(ipaddr_aton(local, &l));
    assert_true(ipaddr_aton(remote, &r));
    return port_isn(&l, local_port, &r, remote_port);
}

static void lwip_sees_milliseconds_of_our_clock(void **state)
{
    (void)state;
    now_ns = 1234567890;
    assert_int_equal(sys_now(), 1234);
    now_ns = (UINT64_C(1) << 32) * PORT_NS_PER_MS + 7 * PORT_NS_PER_MS;
    assert_int_equal(sys_now(), 7); /* wraps, as lwIP expects */
}

static void isn_of_a_connection_advances_by_one_each_four_microseconds(void **state)
{
    const u32_t first = isn_of("10.0.0.1", 80, "10.0.0.2", 40000);

    (void)state;
    assert_int_equal(isn_of("10.0.0.1", 80, "10.0.0.2", 40000), first);
    now_ns += 4000;
    assert_int_equal(isn_of("10.0.0.1", 80, "10.0.0.2", 40000), first + 1);
    now_ns += PORT_NS_PER_S;
    assert_int_equal(isn_of("10.0.0.1", 80, "10.0.0.2", 40000), first + 250001);
}

/* Each part of the four-tuple must matter, or one connection tells the ISN of another. */
static void isn_depends_on_every_part_of_the_connection(void **state)
{
    const u32_t first = isn_of("10.0.0.1", 80, "10.0.0.2", 40000);

    (void)state;
    assert_int_not_equal(isn_of("10.0.0.3", 80, "10.0.0.2", 40000), first);
    assert_int_not_equal(isn_of("10.0.0.1", 81, "10.0.0.2", 40000), first);
    assert_int_not_equal(isn_of("10.0.0.1", 80, "10.0.0.4", 40000), first);
    assert_int_not_equal(isn_of("10.0.0.1", 80, "10.0.0.2", 40001), first);
    assert_int_not_equal(isn_of("fd00::1", 80, "fd00::2", 40000),
                         isn_of("fd00::1", 80, "fd00::3", 40000));
    assert_int_equal(isn_of("fd00::1", 80, "fd00::2", 40000),
                     isn_of("fd00::1", 80, "fd00::2", 40000));
}

static void window_and_send_buffer_follow_the_chosen_sizes(void **state)
{
    (void)state;
    assert_int_equal(TCP_WND, PORT_TCP_WND_DEFAULT);
    assert_int_equal(TCP_SND_BUF, PORT_TCP_SND_BUF_DEFAULT);
    assert_int_equal(port_tcp_sizes(1u << 20, 1u << 21), 0);
    assert_int_equal(TCP_WND, 1u << 20);
    assert_int_equal(TCP_SND_BUF, 1u << 21);
    assert_true(TCP_SND_QUEUELEN >= 2 * (TCP_SND_BUF / PORT_TCP_MSS)); /* grows with it */
    assert_int_equal(port_tcp_sizes(0, 0), 0);
    assert_int_equal(TCP_WND, PORT_TCP_WND_DEFAULT);
}

/* What lwIP checks with #if it only checks for the least size; the rest is checked here. */
static void the_largest_sizes_still_fit_lwip(void **state)
{
    (void)state;
    assert_int_equal(port_tcp_sizes(PORT_TCP_WND_MAX, PORT_TCP_SND_BUF_MAX), 0);
    assert_true(TCP_WND <= 0xffffu << TCP_RCV_SCALE);
    assert_true(TCP_WND <= PBUF_POOL_SIZE * (PBUF_POOL_BUFSIZE - 100));
    assert_true(TCP_SND_QUEUELEN <= 0xffff);
    assert_true(MEMP_NUM_TCP_SEG >= TCP_SND_QUEUELEN);
    assert_int_equal(port_tcp_sizes(0, 0), 0);
}

static void sizes_out_of_bounds_are_refused_and_change_nothing(void **state)
{
    (void)state;
    assert_int_equal(port_tcp_sizes(PORT_TCP_WND_MIN - 1, 0), -ERANGE);
    assert_int_equal(port_tcp_sizes(PORT_TCP_WND_MAX + 1, 0), -ERANGE);
    assert_int_equal(port_tcp_sizes(1u << 20, PORT_TCP_SND_BUF_MIN - 1), -ERANGE);
    assert_int_equal(port_tcp_sizes(1u << 20, PORT_TCP_SND_BUF_MAX + 1), -ERANGE);
    assert_int_equal(TCP_WND, PORT_TCP_WND_DEFAULT);
}

/* All pools that depend on them follow; none has lwIP's limit of 65535. */
static void pools_grow_with_the_connections(void **state)
{
    (void)state;
    assert_int_equal(port_tcp_connections(100000), 0);
    assert_int_equal(MEMP_NUM_TCP_PCB, 100000);
    assert_int_equal(MEMP_NUM_TCP_SEG, 265536);
    assert_int_equal(MEMP_NUM_PBUF, 132768);
    assert_int_equal(port_tcp_connections(PORT_CONNECTIONS_MAX + 1), -ERANGE);
    assert_int_equal(MEMP_NUM_TCP_PCB, 100000);
    assert_int_equal(port_tcp_connections(0), 0);
    assert_int_equal(MEMP_NUM_TCP_PCB, PORT_CONNECTIONS_DEFAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lwip_sees_milliseconds_of_our_clock),
        cmocka_unit_test(isn_of_a_connection_advances_by_one_each_four_microseconds),
        cmocka_unit_test(isn_depends_on_every_part_of_the_connection),
        cmocka_unit_test(window_and_send_buffer_follow_the_chosen_sizes),
        cmocka_unit_test(the_largest_sizes_still_fit_lwip),
        cmocka_unit_test(pools_grow_with_the_connections),
        cmocka_unit_test(sizes_out_of_bounds_are_refused_and_change_nothing),
    };

    return cmocka_run_group_tests(tests, use_virtual_clock, NULL);
}
