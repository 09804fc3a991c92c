/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checksum verdicts from the emulated host to lwIP's switches: what the host checked is not checked
 * again, what it found wrong is dropped, what nobody checked lwIP checks.
 */
#include <string.h>

#include "ip_frames.h"
#include "lwip_bench.h"
#include "nvs_reg.h"

#define CHECK_L4 (NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP)
#define CHECK_ALL (CHECK_L4 | NETIF_CHECKSUM_CHECK_IP)

static struct ip_frame f;

/* (f) as it stands to the card. (known): the switch says that its sum is right. */
static void send(bool known)
{
    const struct hvhost_frame out = {.data = f.data, .len_bytes = f.len_bytes, .csum_ok = known};

    hvhost_port_send(stack.port, &out);
    stack_turn(2);
}

static void build(bool v6, uint8_t proto, uint32_t payload_bytes)
{
    f = (struct ip_frame){.v6 = v6, .proto = proto, .payload_bytes = payload_bytes, .seq = 7};
    ip_frame_build(&f);
}

static uint64_t host_said(bool ok)
{
    struct hvhost_nic_stats s;

    hvhost_nic_stats(stack.card, &s);
    return ok ? s.rx_csum_ok : s.rx_csum_bad;
}

static void what_the_host_found_right_is_not_checked_again(void **state)
{
    unsigned count = 0;

    (void)state;
    stack_setup(16);
    assert_int_equal(netvsc_info(stack.nif.nic)->rx_csum, 0x1F);
    for (unsigned v6 = 0; v6 < 2; v6++) {
        for (unsigned i = 0; i < 2; i++) {
            for (uint32_t bytes = 0; bytes < 1400; bytes += 97) {
                unsigned spared = i ? NETIF_CHECKSUM_CHECK_UDP : NETIF_CHECKSUM_CHECK_TCP;

                build(v6, i ? 17 : 6, bytes);
                send(false);
                assert_int_equal(stack.in_count, ++count);
                assert_int_equal(stack.in_checks & spared, 0);
                assert_int_equal(!(stack.in_checks & NETIF_CHECKSUM_CHECK_IP), !v6);
            }
        }
    }
    assert_int_equal(host_said(true), count);
    assert_int_equal(stack.nif.stats.rx_csum_spared, count);
    assert_int_equal(stack.nif.netif.chksum_flags & CHECK_ALL, CHECK_ALL);
    stack_teardown();
}

static void what_the_host_found_wrong_is_dropped_and_counted(void **state)
{
    unsigned dropped = 0;

    (void)state;
    stack_setup(16);
    for (unsigned v6 = 0; v6 < 2; v6++) {
        for (unsigned i = 0; i < 2; i++) {
            build(v6, i ? 17 : 6, 100);
            f.data[f.len_bytes - 1] ^= 1;
            send(false);
            assert_int_equal(stack.nif.stats.rx_drop_csum, ++dropped);
        }
    }
    build(false, 1, 100); /* ICMP: only the IP header has a verdict */
    f.data[14 + 8]--;
    send(false);
    assert_int_equal(stack.nif.stats.rx_drop_csum, 5);
    assert_int_equal(stack.in_count, 0);
    assert_int_equal(host_said(false), 5);
    stack_teardown();
}

/* Not TCP or UDP, a fragment, a datagram without sum: no verdict that would spare a check. */
static void what_nobody_checked_is_checked_by_lwip(void **state)
{
    (void)state;
    stack_setup(16);
    build(false, 1, 100);
    send(false);
    assert_int_equal(stack.in_checks & CHECK_ALL, CHECK_L4);

    f = (struct ip_frame){.proto = 17, .payload_bytes = 64, .fragment = 0x2000};
    ip_frame_build(&f);
    send(true);
    assert_int_equal(stack.in_checks & CHECK_ALL, CHECK_L4);

    build(false, 17, 100);
    memset(f.data + f.l4_off + 6, 0, 2);
    send(false);
    assert_int_equal(stack.in_checks & CHECK_ALL, CHECK_L4);

    f.data[12] = 0x88; /* no IP at all */
    send(false);
    assert_int_equal(stack.in_checks & CHECK_ALL, CHECK_ALL);
    assert_int_equal(stack.in_count, 4);
    assert_int_equal(stack.nif.stats.rx_csum_spared, 0);
    stack_teardown();
}

static void without_the_offload_everything_is_checked_by_lwip(void **state)
{
    const struct {
        enum netvsc_switch mode;
        uint32_t offload, nvs;
        uint8_t sums;
    } rows[] = {{NETVSC_OFF, 0, 0, 0},
                {NETVSC_AUTO, HVHOST_OFFLOAD_NONE, 0, 0},
                {NETVSC_AUTO, HVHOST_OFFLOAD_TX_CSUM, 0, 0},
                {NETVSC_AUTO, 0, NVS_VERSION_4, 0x0B}, /* no UDP before version 5 */
                {NETVSC_AUTO, 0, NVS_VERSION_2, 0x0B}};

    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        stack_config.rx_csum = rows[i].mode;
        stack_card_config.offload = rows[i].offload;
        stack_card_config.nvs_version_max = rows[i].nvs;
        stack_setup(16);
        assert_int_equal(netvsc_info(stack.nif.nic)->rx_csum, rows[i].sums);
        build(false, 17, 10);
        f.data[f.len_bytes - 1] ^= 1;
        send(false);
        assert_int_equal(stack.in_count, 1);
        assert_int_equal(stack.in_checks & CHECK_L4, CHECK_L4);
        stack_teardown();
    }
}

static void a_host_that_lies_is_found_out_in_verify_mode(void **state)
{
    (void)state;
    stack_config.rx_csum = NETVSC_VERIFY;
    stack_setup(16);
    build(true, 6, 500);
    send(false);
    assert_int_equal(stack.nif.stats.rx_csum_disagree, 0);
    f.data[f.len_bytes - 3] ^= 0x10;
    send(true);
    assert_int_equal(stack.nif.stats.rx_csum_disagree, 1);
    assert_int_equal(stack.nif.stats.rx_drop_csum, 1);
    assert_int_equal(stack.in_count, 1);
    stack_teardown();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_host_found_right_is_not_checked_again),
        cmocka_unit_test(what_the_host_found_wrong_is_dropped_and_counted),
        cmocka_unit_test(what_nobody_checked_is_checked_by_lwip),
        cmocka_unit_test(without_the_offload_everything_is_checked_by_lwip),
        cmocka_unit_test(a_host_that_lies_is_found_out_in_verify_mode),
    };

    return cmocka_run_group_tests(tests, stack_start, NULL);
}
