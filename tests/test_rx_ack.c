/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lwIP acknowledges a chain of segments at once, as it would the segments: no sender waits for the
 * 250 ms after which it acknowledges anything. Not one of lwIP's timers runs in this file: what is
 * acknowledged here was acknowledged without them.
 */
#include <string.h>

#include "ip_frames.h"
#include "lwip/etharp.h"
#include "lwip/tcp.h"
#include "lwip_bench.h"
#include "netvsc_hold.h"

#define NO_RSC (HVHOST_OFFLOAD_ALL & ~HVHOST_OFFLOAD_RSC)
#define MSS 1400u

static struct {
    struct ip_frame out; /* the peer's side of the connection */
    unsigned acks, frames;
    uint32_t seq, ack; /* of the last segment from lwIP */
    uint32_t next;     /* expected from it: it sends no data */
    uint32_t received;
    bool swallow; /* the program reads, or keeps its window shut */
    struct tcp_pcb *listener, *pcb;
    struct hvhost_port *port;
} peer;

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void on_frame(void *ctx, const struct hvhost_frame *frame)
{
    (void)ctx;
    if (frame->len_bytes < 54 || frame->data[12] != 8 || frame->data[13] != 0 ||
        frame->data[23] != 6)
        return;
    peer.frames++;
    peer.seq = get32(frame->data + 38);
    peer.ack = get32(frame->data + 42);
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    assert_int_equal(err, ERR_OK);
    if (!p)
        return ERR_OK;
    for (uint32_t i = 0; i < p->tot_len; i++)
        assert_int_equal(pbuf_get_at(p, (u16_t)i), (uint8_t)(1 + peer.received + i));
    peer.received += p->tot_len;
    if (peer.swallow)
        tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    assert_int_equal(err, ERR_OK);
    peer.pcb = pcb;
    tcp_recv(pcb, on_recv);
    return ERR_OK;
}

/* A segment to the card, not yet turned. */
static void send(uint32_t bytes, uint8_t flags)
{
    struct hvhost_frame out = {.data = peer.out.data};

    peer.out.flags = flags;
    peer.out.payload_bytes = bytes;
    peer.out.ack = peer.next;
    ip_frame_build(&peer.out);
    out.len_bytes = peer.out.len_bytes;
    hvhost_port_send(peer.port, &out);
    peer.out.seq += bytes + (flags & 2 ? 1 : 0);
}

/* Who has 10.0.0.2? Tell 10.0.0.1: so lwIP knows where to send. */
static void introduce(void)
{
    static const uint8_t arp[28] = {0,  1, 8, 0, 6, 4, 0, 1, 2, 0xfa, 0,  0, 0, 1,
                                    10, 0, 0, 1, 0, 0, 0, 0, 0, 0,    10, 0, 0, 2};
    uint8_t frame[60] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, [12] = 8, [13] = 6};
    const struct hvhost_frame out = {.data = frame, .len_bytes = sizeof(frame)};

    memcpy(frame + 6, stack_far_mac, 6);
    memcpy(frame + 14, arp, sizeof(arp));
    hvhost_port_send(peer.port, &out);
    stack_turn(2);
}

static void connect_peer(uint32_t offload)
{
    ip4_addr_t address, mask, none = {0};

    memset(&peer, 0, sizeof(peer));
    peer.out = (struct ip_frame){.proto = 6, .seq = 0};
    stack_card_config.offload = offload;
    stack_setup(64);
    assert_int_equal(hvhost_port_add(stack.host, on_frame, NULL, &peer.port), 0);
    stack.nif.netif.input = netif_input;
    IP4_ADDR(&address, 10, 0, 0, 2);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    netif_set_addr(&stack.nif.netif, &address, &mask, &none);
    peer.listener = tcp_new();
    assert_int_equal(tcp_bind(peer.listener, IP_ANY_TYPE, 80), ERR_OK);
    peer.listener = tcp_listen(peer.listener);
    tcp_accept(peer.listener, on_accept);
    introduce();
    send(0, 0x02);
    stack_turn(3);
    assert_int_equal(peer.ack, 1);
    peer.next = peer.seq + 1;
    send(0, 0x10);
    stack_turn(3);
    assert_non_null(peer.pcb);
    peer.frames = 0;
}

static void disconnect_peer(void)
{
    tcp_abort(peer.pcb);
    tcp_close(peer.listener);
    stack_turn(3);
    stack_teardown();
}

/* (count) segments of (bytes) in one turn of the host; all but the last without PSH. */
static void send_burst(unsigned count, uint32_t bytes)
{
    for (unsigned i = 1; i <= count; i++)
        send(bytes, i == count ? 0x18 : 0x10);
    stack_turn(3);
}

static void chains_are_acknowledged_without_a_timer(void **state)
{
    static const uint32_t offloads[] = {HVHOST_OFFLOAD_ALL, NO_RSC};
    static const struct {
        unsigned count;
        uint32_t bytes;
    } bursts[] = {{2, 1}, {3, 1}, {2, MSS}, {3, MSS}, {5, 100}, {10, MSS}, {2, 1}, {7, MSS}};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        connect_peer(offloads[i / 2]);
        peer.swallow = i & 1; /* a program that reads opens the window, which is told, too */
        for (unsigned k = 0; k < countof(bursts); k++) {
            unsigned before = peer.frames;

            if (!peer.swallow && peer.received + bursts[k].count * bursts[k].bytes > 16384)
                break; /* the window is shut */
            send_burst(bursts[k].count, bursts[k].bytes);
            assert_int_equal(peer.received, peer.out.seq - 1);
            assert_int_equal(peer.ack, peer.out.seq);
            assert_int_equal(peer.frames, before + 1); /* and once */
        }
        if (i / 2)
            assert_true(stack.nif.stats.rx_gro_chains >= 4);
        disconnect_peer();
    }
}

/* That the test can tell: one segment alone waits for company or a timer. */
static void a_single_segment_is_not_acknowledged_at_once(void **state)
{
    (void)state;
    connect_peer(HVHOST_OFFLOAD_ALL);
    send_burst(1, 100);
    assert_int_equal(peer.received, 100);
    assert_int_equal(peer.frames, 0);
    send_burst(1, 100);
    assert_int_equal(peer.frames, 1);
    assert_int_equal(peer.ack, peer.out.seq);
    disconnect_peer();
}

/* In one turn, so that host and driver see them side by side: what continues what is theirs to
 * tell. */
static void what_comes_out_of_order_or_twice_is_put_right(void **state)
{
    static const uint8_t orders[][12] = {{1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
                                         {0, 1, 2, 2, 1, 3, 4, 4, 4, 5, 6, 7},
                                         {0, 1, 5, 6, 7, 2, 3, 4, 8, 9, 9, 10},
                                         {11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
                                         {0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3}};

    (void)state;
    for (unsigned i = 0; i < 2 * countof(orders); i++) {
        const uint8_t *order = orders[i / 2];
        unsigned most = 0;

        connect_peer(i & 1 ? HVHOST_OFFLOAD_ALL : NO_RSC);
        peer.swallow = true;
        for (unsigned k = 0; k < countof(orders[0]); k++) {
            peer.out.seq = 1 + order[k] * MSS;
            send(MSS, 0x10);
            most = order[k] > most ? order[k] : most;
        }
        stack_turn(3);
        assert_int_equal(peer.received, (most + 1) * MSS);
        assert_int_equal(peer.ack, 1 + (most + 1) * MSS);
        disconnect_peer();
    }
}

/* Minutes in the out-of-order queue: the host gets its sections back when the gap is filled. */
static void sections_come_back_when_a_gap_is_filled_after_minutes(void **state)
{
    struct hvhost_nic_stats host;

    (void)state;
    connect_peer(NO_RSC);
    peer.swallow = true;
    peer.out.seq += MSS;
    send_burst(4, MSS);
    assert_int_equal(peer.received, 0);
    assert_int_equal(netvsc_held_sections(stack.nif.nic), 4);
    stack_turn(5 * 60 * 10); /* of a millisecond, without traffic: enough */
    stack.now_ns += 5 * 60 * 1000 * STACK_MS;
    stack_turn(10);
    assert_int_equal(netvsc_held_sections(stack.nif.nic), 4);
    peer.out.seq = 1;
    send_burst(1, MSS);
    assert_int_equal(peer.received, 5 * MSS);
    assert_int_equal(peer.ack, 1 + 5 * MSS);
    stack_turn(2);
    assert_int_equal(netvsc_held_sections(stack.nif.nic), 0);
    hvhost_nic_stats(stack.card, &host);
    assert_int_equal(host.rx_completed, host.rx_packets + host.ctl_replies);
    peer.out.seq = 1 + 5 * MSS;
    disconnect_peer();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chains_are_acknowledged_without_a_timer),
        cmocka_unit_test(a_single_segment_is_not_acknowledged_at_once),
        cmocka_unit_test(what_comes_out_of_order_or_twice_is_put_right),
        cmocka_unit_test(sections_come_back_when_a_gap_is_filled_after_minutes),
    };

    return cmocka_run_group_tests(tests, stack_start, NULL);
}
