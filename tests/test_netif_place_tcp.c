/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP segments left in lwIP's heap until the host has read them: how they share packets, and that
 * TCP neither sends nor frees what is still on its way.
 */
#include "lwip_bench.h"

#include <string.h>

#include "burst.h"
#include "lwip/priv/tcp_priv.h"
#include "netif/etharp.h"
#include "netif/ethernet.h"
#include "port_heap.h"
#include "port_tcp.h"
#include "port_tcp_table.h"

#define MSS 1460u
#define JUMBO_MSS 8960u

static struct {
    uint32_t frames, bytes, first_seq;
    uint8_t data[1u << 17];
} got;

static void on_segment(void *ctx, const struct hvhost_frame *frame)
{
    uint32_t at, bytes = burst_get16(frame->data + 16) - 40;

    (void)ctx;
    if (frame->data[12] != 8 || frame->data[13] != 0 || frame->data[23] != 6)
        return;
    burst_check_sums(frame->data, frame->len_bytes < 60 ? 54 + bytes : frame->len_bytes, false, 6);
    at = burst_get32(frame->data + 38) - got.first_seq;
    assert_true(at + bytes <= sizeof(got.data));
    memcpy(got.data + at, frame->data + 54, bytes);
    got.frames++;
    got.bytes += bytes;
}

/* Behind (port) is 10.0.0.2. */
static void tell_arp(struct hvhost_port *port)
{
    uint8_t frame[60] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2};
    const struct hvhost_frame out = {.data = frame, .len_bytes = sizeof(frame)};

    memcpy(frame, stack_card_mac, 6);
    memcpy(frame + 6, stack_far_mac, 6);
    memcpy(frame + 22, stack_far_mac, 6);
    memcpy(frame + 28, "\x0a\x00\x00\x02", 4);
    memcpy(frame + 32, stack_card_mac, 6);
    memcpy(frame + 38, "\x0a\x00\x00\x01", 4);
    hvhost_port_send(port, &out);
    stack_turn(2);
}

static void setup(uint32_t tx_copy_bytes)
{
    stack_config.memory = port_heap_memory();
    stack_config.tx_copy_bytes = tx_copy_bytes;
    stack_setup(64);
    assert_int_equal(netvsc_info(stack.nif.nic)->tx_gpa, tx_copy_bytes != NETVSC_TX_COPY_ALL);
}

/* A connection to it whose window takes all we have. */
static struct tcp_pcb *connected(uint32_t tx_copy_bytes)
{
    struct netif *netif = &stack.nif.netif;
    struct hvhost_port *port;
    ip4_addr_t ip, mask;
    struct tcp_pcb *pcb;

    setup(tx_copy_bytes);
    assert_int_equal(hvhost_port_add(stack.host, on_segment, NULL, &port), 0);
    IP4_ADDR(&ip, 10, 0, 0, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    netif_set_addr(netif, &ip, &mask, IP4_ADDR_ANY4);
    netif->input = netif_input;
    tell_arp(port);
    pcb = tcp_new();
    assert_int_equal(tcp_bind(pcb, netif_ip_addr4(netif), 80), ERR_OK);
    port_tcp_rmv(pcb);
    IP_ADDR4(&pcb->remote_ip, 10, 0, 0, 2);
    pcb->remote_port = 4000;
    pcb->state = ESTABLISHED;
    pcb->snd_wnd = pcb->snd_wnd_max = pcb->cwnd = 1u << 17;
    pcb->mss = MSS;
    pcb->snd_buf = 0xFFFF;
    port_tcp_reg(pcb);
    memset(&got, 0, sizeof(got));
    got.first_seq = pcb->snd_nxt;
    return pcb;
}

/*
 * Write (count) segments one by one, which makes no long ones of them, and send them; (flags):
 * TCP_WRITE_FLAG_MORE, or 0: the last has PSH.
 */
static void say_with(struct tcp_pcb *pcb, unsigned count, u8_t flags)
{
    static uint8_t data[45 * MSS];

    assert_true(count * MSS <= sizeof(data));
    for (uint32_t i = 0; i < count * MSS; i++)
        data[i] = (uint8_t)(i * 7 + (i >> 9));
    for (unsigned i = 0; i < count; i++) {
        const u8_t more = i + 1 < count ? TCP_WRITE_FLAG_MORE : flags;

        assert_int_equal(tcp_write(pcb, data + i * MSS, MSS, TCP_WRITE_FLAG_COPY | more), ERR_OK);
    }
    memset(data, 0, sizeof(data));
    assert_int_equal(tcp_output(pcb), ERR_OK);
    netvsc_netif_flush(&stack.nif);
}

static void say(struct tcp_pcb *pcb, unsigned count)
{
    say_with(pcb, count, TCP_WRITE_FLAG_MORE);
}

static void check_said(unsigned count)
{
    assert_int_equal(got.bytes, count * MSS);
    for (uint32_t i = 0; i < count * MSS; i++)
        assert_int_equal(got.data[i], (uint8_t)(i * 7 + (i >> 9)));
}

static void stop(struct tcp_pcb *pcb)
{
    if (pcb) {
        port_tcp_rmv(pcb); /* without telling */
        pcb->state = CLOSED;
        tcp_segs_free(pcb->unacked);
        tcp_segs_free(pcb->unsent);
        pcb->unacked = pcb->unsent = NULL;
        tcp_free(pcb);
    }
    stack_teardown();
}

static void segments_of_a_window_leave_as_one_packet(void **state)
{
    struct hvhost_nic_stats host;
    struct tcp_pcb *pcb;

    (void)state;
    pcb = connected(1000);
    say(pcb, 42);
    stack_turn(2);
    check_said(42);
    hvhost_nic_stats(stack.card, &host);
    assert_int_equal(host.tx_lso, 2); /* 1 copied and 32 left in place; and the rest */
    assert_int_equal(host.tx_lso_segments, 42);
    assert_int_equal(stack.nif.stats.tx_held, 32 + 8);
    assert_int_equal(host.strict_page + host.strict_gpa + host.strict_offload, 0);
    for (const struct tcp_seg *seg = pcb->unacked; seg; seg = seg->next)
        assert_int_equal(seg->p->ref, 1);
    stop(pcb);
}

/* What a program lends is often one stretch of memory: 42 segments of it lie in 16 pages. */
static void segments_that_adjoin_in_memory_are_held_one_by_one(void **state)
{
    struct netvsc_netif_held *held;
    uint32_t loans = 0, unused = 0;
    struct tcp_pcb *pcb;
    uint8_t *data;

    (void)state;
    pcb = connected(1000);
    data = port_heap_malloc(42 * MSS);
    for (uint32_t i = 0; i < 42 * MSS; i++)
        data[i] = (uint8_t)(i * 7 + (i >> 9));
    for (unsigned i = 0; i < 42; i++) {
        const struct port_tcp_lent lent = {
            .data = data + i * MSS, .len_bytes = MSS, .loans = &loans};

        assert_int_equal(port_tcp_write_lent(pcb, &lent, TCP_WRITE_FLAG_MORE), ERR_OK);
    }
    assert_int_equal(tcp_output(pcb), ERR_OK);
    netvsc_netif_flush(&stack.nif);
    stack_turn(2);
    check_said(42);
    assert_true(stack.nif.stats.tx_held > NETVSC_PIECES_MAX);
    for (const struct tcp_seg *seg = pcb->unacked; seg; seg = seg->next)
        assert_int_equal(seg->p->ref, 1);
    for (held = stack.nif.held_free; held && unused <= NETVSC_NETIF_HELD; held = held->next)
        unused++;
    assert_int_equal(unused, NETVSC_NETIF_HELD);
    stop(pcb);
    assert_int_equal(loans, 0);
    port_heap_free(data);
}

/* The program may have the memory back when the connection is reset, so the host gets a copy. */
static void what_is_not_the_heaps_is_copied_once_and_cut_by_the_host(void **state)
{
    static uint8_t data[42 * MSS];
    struct hvhost_nic_stats host;
    struct tcp_pcb *pcb;

    (void)state;
    pcb = connected(1000);
    for (uint32_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + (i >> 9));
    assert_int_equal(tcp_write(pcb, data, sizeof(data), 0), ERR_OK);
    assert_int_equal(tcp_output(pcb), ERR_OK);
    assert_int_equal(pcb->unacked->p->ref, 1);
    netvsc_netif_flush(&stack.nif);
    memset(data, 0, sizeof(data));
    stack_turn(2);
    check_said(42);
    hvhost_nic_stats(stack.card, &host);
    assert_int_equal(host.tx_lso, 2); /* of a quarter of the congestion window */
    assert_int_equal(host.tx_lso_segments, 42);
    assert_int_equal(stack.nif.stats.tx_linearised, 2);
    stop(pcb);
}

static void tcp_does_not_send_again_what_the_host_still_reads(void **state)
{
    struct tcp_pcb *pcb;

    (void)state;
    pcb = connected(1000);
    say(pcb, 10);
    assert_int_equal(pcb->unacked->p->ref, 1); /* copied */
    assert_int_equal(pcb->unacked->next->p->ref, 2);
    port_tcp_forget_tails(pcb);
    assert_int_equal(tcp_rexmit_rto_prepare(pcb), ERR_VAL);
    stack_turn(2);
    check_said(10);
    /* Now it may: the same bytes again, with headers of their own. */
    memset(got.data, 0, sizeof(got.data));
    got.bytes = 0;
    port_tcp_forget_tails(pcb);
    tcp_rexmit_rto(pcb);
    netvsc_netif_flush(&stack.nif);
    stack_turn(2);
    check_said(10);
    stop(pcb);
}

static void a_connection_reset_meanwhile_does_not_spoil_what_is_on_its_way(void **state)
{
    struct tcp_pcb *pcb;

    (void)state;
    pcb = connected(1000);
    say(pcb, 10);
    tcp_abandon(pcb, 0);
    for (unsigned i = 0; i < 100; i++) {
        struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, MSS, PBUF_RAM);

        memset(p->payload, 0xEE, MSS);
        pbuf_free(p);
    }
    stack_turn(2);
    check_said(10);
    stop(NULL);
}

static void a_high_threshold_fills_the_section_before_anything_stays(void **state)
{
    struct hvhost_nic_stats host;
    struct tcp_pcb *pcb;

    (void)state;
    pcb = connected(65536);
    say(pcb, 42);
    stack_turn(2);
    check_said(42);
    hvhost_nic_stats(stack.card, &host);
    assert_int_equal(host.tx_lso, 2); /* 4 copied and 32 left in place; and 4 and 2 */
    assert_int_equal(stack.nif.stats.tx_held, 34);
    stop(pcb);
}

static void switched_off_a_burst_is_what_a_section_holds(void **state)
{
    struct hvhost_nic_stats host;
    struct tcp_pcb *pcb;

    (void)state;
    pcb = connected(NETVSC_TX_COPY_ALL);
    say(pcb, 40);
    assert_int_equal(pcb->unacked->next->p->ref, 1);
    stack_turn(2);
    check_said(40);
    hvhost_nic_stats(stack.card, &host);
    assert_int_equal(host.tx_lso, 10);
    assert_int_equal(host.tx_gpa_packets, 0);
    stop(pcb);
}

static void the_last_segment_of_an_answer_leaves_with_the_others(void **state)
{
    struct hvhost_nic_stats host;
    struct tcp_pcb *pcb;

    (void)state;
    pcb = connected(1000);
    say_with(pcb, 3, 0);
    say_with(pcb, 1, 0);
    stack_turn(2);
    assert_int_equal(got.bytes, (3 + 1) * MSS);
    hvhost_nic_stats(stack.card, &host);
    assert_int_equal(host.tx_lso, 1);
    assert_int_equal(host.tx_lso_segments, 3);
    stop(pcb);
}

/* Jumbo frames, with room in a section for 6144 bytes. */
static void a_segment_longer_than_a_section_goes_alone(void **state)
{
    static uint8_t data[3 * JUMBO_MSS];
    struct hvhost_nic_stats host;
    struct tcp_pcb *pcb;

    (void)state;
    stack_config.mtu_bytes = stack_card_config.mtu_max_bytes = JUMBO_MSS + 40;
    pcb = connected(1000);
    pcb->mss = JUMBO_MSS;
    for (uint32_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 + (i >> 9));
    for (unsigned i = 0; i < 3; i++) /* the last with PSH */
        assert_int_equal(tcp_write(pcb, data + i * JUMBO_MSS, JUMBO_MSS,
                                   TCP_WRITE_FLAG_COPY | (i < 2 ? TCP_WRITE_FLAG_MORE : 0)),
                         ERR_OK);
    assert_int_equal(tcp_output(pcb), ERR_OK);
    netvsc_netif_flush(&stack.nif);
    stack_turn(2);
    assert_int_equal(got.frames, 3);
    assert_int_equal(got.bytes, sizeof(data));
    assert_memory_equal(got.data, data, sizeof(data));
    hvhost_nic_stats(stack.card, &host);
    assert_int_equal(host.tx_lso, 0);
    assert_int_equal(host.tx_gpa_packets, 3);
    stop(pcb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_of_a_window_leave_as_one_packet),
        cmocka_unit_test(segments_that_adjoin_in_memory_are_held_one_by_one),
        cmocka_unit_test(what_is_not_the_heaps_is_copied_once_and_cut_by_the_host),
        cmocka_unit_test(tcp_does_not_send_again_what_the_host_still_reads),
        cmocka_unit_test(a_connection_reset_meanwhile_does_not_spoil_what_is_on_its_way),
        cmocka_unit_test(a_high_threshold_fills_the_section_before_anything_stays),
        cmocka_unit_test(the_last_segment_of_an_answer_leaves_with_the_others),
        cmocka_unit_test(a_segment_longer_than_a_section_goes_alone),
        cmocka_unit_test(switched_off_a_burst_is_what_a_section_holds),
    };

    return cmocka_run_group_tests(tests, stack_start_in_heap, NULL);
}
