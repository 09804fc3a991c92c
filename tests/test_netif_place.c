/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lwIP's memory left where it is until the host has read it: which may be, for how long, and that
 * TCP sees it. lwIP's heap is one the host is told of, as in our programs.
 */
#include "lwip_bench.h"

#include <string.h>

#include "burst.h"
#include "lwip/priv/tcp_priv.h"
#include "netif/etharp.h"
#include "netif/ethernet.h"
#include "port_heap.h"
#include "port_tcp_table.h"

#define MTU 9000u
#define MSS 1460u

static uint32_t tx_copy_bytes;

static void setup(void)
{
    stack_config.memory = port_heap_memory();
    stack_config.tx_copy_bytes = tx_copy_bytes ? tx_copy_bytes : 1000;
    stack_config.mtu_bytes = stack_config.mtu_bytes ? stack_config.mtu_bytes : MTU;
    stack_card_config.mtu_max_bytes = MTU;
    stack_setup(64);
    assert_int_equal(netvsc_info(stack.nif.nic)->tx_gpa, tx_copy_bytes != NETVSC_TX_COPY_ALL);
    tx_copy_bytes = 0;
}

static err_t output(struct pbuf *p)
{
    return stack.nif.netif.linkoutput(&stack.nif.netif, p);
}

static void check_last(uint32_t bytes, const uint8_t *copy)
{
    const struct far_frame *far = &stack.far[stack.far_count - 1];

    assert_int_equal(far->bytes, bytes);
    assert_int_equal(far->sum, stack_sum(copy, bytes));
}

/* ---- chains ---------------------------------------------------------------------------------- */

/* How many pieces of stack_chain() have bytes behind the head, which is copied. */
static unsigned pieces_left(uint32_t bytes, unsigned pieces)
{
    unsigned count = 0;

    for (uint32_t i = 0, done = 0; i < pieces; i++) {
        done += (bytes - done) / (pieces - i);
        count += done > NETVSC_VECTOR_HEAD_BYTES;
    }
    return count;
}

static void chains_of_the_heap_stay_where_they_are_until_the_host_is_done(void **state)
{
    static const uint32_t sizes[] = {1000, 1001, 1514, 4097, 6053, 9014};
    uint8_t copy[MTU + 14];

    (void)state;
    setup();
    for (unsigned s = 0; s < countof(sizes); s++) {
        for (unsigned pieces = 1; pieces <= 40; pieces++) {
            bool stays = sizes[s] > 1000 && pieces_left(sizes[s], pieces) <= NETVSC_PIECES_MAX;
            struct pbuf *p = stack_chain(sizes[s], pieces, pieces, copy);
            unsigned before = stack.far_count;

            assert_int_equal(output(p), ERR_OK);
            assert_int_equal(p->ref, stays ? 2 : 1);
            stack_turn(2);
            assert_int_equal(p->ref, 1);
            pbuf_free(p);
            assert_int_equal(stack.far_count, before + 1);
            check_last(sizes[s], copy);
        }
    }
    assert_int_equal(stack.nif.stats.tx_linearised, 2 * 8); /* 6053 and 9014, 33 pieces and more */
    stack_teardown();
}

static void what_is_freed_meanwhile_is_not_used_again_meanwhile(void **state)
{
    uint8_t copy[MTU + 14], other[MTU + 14];
    struct pbuf *p;

    (void)state;
    setup();
    p = stack_chain(5000, 3, 7, copy);
    assert_int_equal(output(p), ERR_OK);
    pbuf_free(p); /* its connection was reset */
    for (unsigned i = 0; i < 50; i++)
        pbuf_free(stack_chain(5000, 3, 99, other));
    stack_turn(2);
    check_last(5000, copy);
    stack_teardown();
}

/* The last (bytes) of the chain are memory of the program's. */
static struct pbuf *with_rom(uint32_t bytes, uint8_t *copy)
{
    struct pbuf *p = stack_chain(1400, 2, 5, copy);
    struct pbuf *rom = pbuf_alloc(PBUF_RAW, (u16_t)bytes, PBUF_ROM);

    for (uint32_t i = 0; i < bytes; i++)
        copy[1400 + i] = (uint8_t)(i * 3);
    rom->payload = copy + 1400;
    pbuf_cat(p, rom);
    return p;
}

static void memory_of_the_program_is_copied_even_if_the_host_could_read_it(void **state)
{
    static uint8_t keep[MTU + 14];
    uint8_t *shared = port_heap_malloc(MTU + 14);

    (void)state;
    setup();
    for (unsigned round = 0; round < 4; round++) {
        uint8_t copy[MTU + 14], *at = round & 1 ? shared : copy;
        uint32_t bytes = round < 2 ? 4000 : 7000; /* fits a section, does not */
        struct pbuf *p = with_rom(bytes, at);

        memcpy(keep, at, 1400 + bytes);
        assert_int_equal(output(p), ERR_OK);
        assert_int_equal(p->ref, 1);
        pbuf_free(p);
        memset(at, 0xEE, 1400 + bytes); /* the program has it back */
        stack_turn(2);
        check_last(1400 + bytes, keep);
        assert_int_equal(stack.nif.stats.tx_linearised, round < 2 ? 0 : round - 1);
    }
    port_heap_free(shared);
    stack_teardown();
}

static void a_tag_inside_is_left_out(void **state)
{
    static const uint8_t tag[] = {0x81, 0, 0x20, 0x05};
    uint8_t copy[MTU + 14];
    struct pbuf *p;

    (void)state;
    setup();
    for (unsigned pieces = 1; pieces <= 34; pieces += 33) {
        p = stack_chain(8000, pieces, 1, copy);
        pbuf_take_at(p, tag, sizeof(tag), 12);
        assert_int_equal(output(p), ERR_OK);
        pbuf_free(p);
        stack_turn(2);
        memmove(copy + 12, copy + 16, 8000 - 16);
        check_last(7996, copy);
    }
    stack_teardown();
}

/* A TCP segment without sum in one pbuf, or in two with the cut at (first). */
static struct pbuf *tcp_frame(bool is_tagged, u16_t first)
{
    static const uint8_t macs[] = {2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1};
    static const uint8_t tag[] = {0x81, 0, 0x20, 0x05};
    static const uint8_t rest[] = {0x08, 0, 0x45, 0,  0,    60,   0,    1, 0, 0, 64, 6, 0,   0,  10,
                                   0,    0, 1,    10, 0,    0,    2,    0, 7, 0, 8,  0, 0,   0,  1,
                                   0,    0, 0,    1,  0x50, 0x18, 0x10, 0, 0, 0, 0,  0, 'd', 'a'};
    u16_t skip = is_tagged ? sizeof(tag) : 0, bytes = (u16_t)(14 + 60 + skip);
    struct pbuf *p = pbuf_alloc(PBUF_RAW, first ? first : bytes, PBUF_RAM);

    assert_non_null(p);
    if (first)
        pbuf_cat(p, pbuf_alloc(PBUF_RAW, (u16_t)(bytes - first), PBUF_RAM));
    for (u16_t i = 0; i < bytes; i++)
        pbuf_put_at(p, i, 0);
    pbuf_take_at(p, macs, sizeof(macs), 0);
    pbuf_take_at(p, tag, skip, sizeof(macs));
    pbuf_take_at(p, rest, sizeof(rest), (u16_t)(sizeof(macs) + skip));
    return p;
}

static void a_sum_left_to_the_host_is_asked_for_wherever_the_headers_lie(void **state)
{
    struct hvhost_nic_stats host;
    unsigned sent = 0;

    (void)state;
    setup();
    for (unsigned is_tagged = 0; is_tagged < 2; is_tagged++) {
        for (u16_t first = 0; first < 70; first++) {
            struct pbuf *p = tcp_frame(is_tagged, first);

            assert_int_equal(output(p), ERR_OK);
            pbuf_free(p);
            stack_turn(2);
            sent++;
        }
    }
    hvhost_nic_stats(stack.card, &host);
    assert_int_equal(host.tx_csum, sent);
    assert_int_equal(host.tx_vlan, sent / 2);
    assert_int_equal(host.strict_offload, 0);
    stack_teardown();
}

static void what_the_heap_has_no_room_for_is_copied_or_refused(void **state)
{
    static void *all[4096];
    unsigned count = 0;
    uint8_t copy[MTU + 14];
    struct pbuf *p;

    (void)state;
    setup();
    for (size_t len = 128u << 10; len >= 64; len /= 2) {
        struct port_heap_stats stats;

        do {
            all[count++] = port_heap_malloc(len);
            port_heap_stats(&stats);
        } while (stats.beyond == 0 || netvsc_gather_reaches(stack.nif.nic, all[count - 1], len));
        assert_true(count < countof(all));
    }
    p = stack_chain(5000, 2, 1, copy);
    assert_int_equal(output(p), ERR_OK);
    assert_int_equal(p->ref, 1);
    pbuf_free(p);
    stack_turn(2);
    check_last(5000, copy);
    p = stack_chain(9014, 2, 1, copy);
    assert_int_equal(output(p), ERR_MEM);
    pbuf_free(p);
    assert_int_equal(stack.nif.stats.tx_drop_heap, 1);
    while (count)
        port_heap_free(all[--count]);
    stack_teardown();
}

/* ---- a device that goes, a host that errs ---------------------------------------------------- */

static void references_come_back_when_the_device_goes(void **state)
{
    struct pbuf *p[20];
    uint8_t copy[MTU + 14];

    (void)state;
    setup();
    for (unsigned i = 0; i < countof(p); i++) {
        p[i] = stack_chain(3000, 2, i, copy);
        assert_int_equal(output(p[i]), ERR_OK);
        assert_int_equal(p[i]->ref, 2);
    }
    hvhost_nic_rescind(stack.card);
    for (unsigned i = 0; i < 20; i++) {
        netvsc_netif_poll(&stack.nif, stack.now_ns, 64);
        stack.now_ns += STACK_MS;
    }
    assert_int_equal(netvsc_state(stack.nif.nic), NETVSC_GONE);
    for (unsigned i = 0; i < countof(p); i++) {
        assert_int_equal(p[i]->ref, 1);
        pbuf_free(p[i]);
    }
    stack_teardown();
}

static void a_completion_for_something_else_frees_nothing(void **state)
{
    const struct hvhost_fault wrong = {.on = HVH_ON_TX_DONE, .act = HVH_ACT_WRONG_ID, .count = 1};
    uint8_t copy[MTU + 14];
    struct pbuf *p;

    (void)state;
    setup();
    p = stack_chain(3000, 2, 1, copy);
    hvhost_fault_arm(stack.card, &wrong);
    assert_int_equal(output(p), ERR_OK);
    stack_turn(5);
    check_last(3000, copy);
    assert_int_equal(p->ref, 2);
    netvsc_detach(stack.nif.nic, stack.now_ns); /* waits for it, then goes on */
    for (unsigned i = 0; i < 20000 && netvsc_state(stack.nif.nic) != NETVSC_DOWN; i++)
        stack_turn(1);
    assert_int_equal(p->ref, 1);
    pbuf_free(p);
    stack_teardown();
}

/* ---- TCP ------------------------------------------------------------------------------------- */

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

/* A connection to it whose window takes all we have. */
static struct tcp_pcb *connected(void)
{
    struct netif *netif = &stack.nif.netif;
    struct hvhost_port *port;
    ip4_addr_t ip, mask;
    struct tcp_pcb *pcb;

    stack_config.mtu_bytes = 1500;
    setup();
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
    pcb = connected();
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

static void tcp_does_not_send_again_what_the_host_still_reads(void **state)
{
    struct tcp_pcb *pcb;

    (void)state;
    pcb = connected();
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
    pcb = connected();
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
    tx_copy_bytes = 65536;
    pcb = connected();
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
    tx_copy_bytes = NETVSC_TX_COPY_ALL;
    pcb = connected();
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
    pcb = connected();
    say_with(pcb, 3, 0);
    say_with(pcb, 1, 0);
    stack_turn(2);
    assert_int_equal(got.bytes, (3 + 1) * MSS);
    hvhost_nic_stats(stack.card, &host);
    assert_int_equal(host.tx_lso, 1);
    assert_int_equal(host.tx_lso_segments, 3);
    stop(pcb);
}

static int start(void **state)
{
    if (port_heap_open(16u << 20))
        return -1;
    return stack_start(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_of_the_heap_stay_where_they_are_until_the_host_is_done),
        cmocka_unit_test(what_is_freed_meanwhile_is_not_used_again_meanwhile),
        cmocka_unit_test(memory_of_the_program_is_copied_even_if_the_host_could_read_it),
        cmocka_unit_test(a_tag_inside_is_left_out),
        cmocka_unit_test(a_sum_left_to_the_host_is_asked_for_wherever_the_headers_lie),
        cmocka_unit_test(references_come_back_when_the_device_goes),
        cmocka_unit_test(a_completion_for_something_else_frees_nothing),
        cmocka_unit_test(segments_of_a_window_leave_as_one_packet),
        cmocka_unit_test(tcp_does_not_send_again_what_the_host_still_reads),
        cmocka_unit_test(a_connection_reset_meanwhile_does_not_spoil_what_is_on_its_way),
        cmocka_unit_test(a_high_threshold_fills_the_section_before_anything_stays),
        cmocka_unit_test(the_last_segment_of_an_answer_leaves_with_the_others),
        cmocka_unit_test(switched_off_a_burst_is_what_a_section_holds),
        /* Last: the heap's pages keep the sizes they were given. */
        cmocka_unit_test(what_the_heap_has_no_room_for_is_copied_or_refused),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
