/* SPDX-License-Identifier: BSD-3-Clause */
/* A client that takes a port again while the server has its last connection in TIME_WAIT. */
#include "check.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "port_clock.h"
#include "port_tcp.h"
#include "tcp_peer.h"

#define CLIENT_PORT 2000

static struct tcp_pcb *server; /* our end of the connection accepted last */
static struct tcp_hdr last;    /* what was sent last, fields in host byte order */

static uint64_t frozen_clock(void *ctx)
{
    (void)ctx;
    return 100 * PORT_NS_PER_S;
}

static void on_sent(const struct tcp_hdr *head, u16_t bytes)
{
    (void)bytes;
    last = *head;
    last.seqno = lwip_ntohl(head->seqno);
    last.ackno = lwip_ntohl(head->ackno);
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    server = pcb;
    return err;
}

static struct tcp_peer_segment segment(u8_t flags, u32_t seq)
{
    return (struct tcp_peer_segment){.from = IPADDR4_INIT_BYTES(10, 0, 0, 2),
                                     .to = IPADDR4_INIT_BYTES(10, 0, 0, 1),
                                     .from_port = CLIENT_PORT,
                                     .to_port = TCP_PEER_PORT,
                                     .seq = seq,
                                     .flags = flags,
                                     .wnd = 0xffff};
}

/* The server sends (bytes) and closes first. What it expects of the client next. */
static u32_t into_time_wait(u16_t bytes)
{
    static const uint8_t data[65535];
    struct tcp_peer_segment s;
    struct tcp_pcb *pcb;

    tcp_peer_connect(CLIENT_PORT);
    pcb = server;
    assert_int_equal(tcp_write(pcb, data, bytes, TCP_WRITE_FLAG_COPY), ERR_OK);
    assert_int_equal(tcp_close(pcb), ERR_OK);
    while (pcb->state == FIN_WAIT_1) {
        s = tcp_peer_next(pcb, TCP_ACK, 0);
        tcp_peer_send(&s);
    }
    s = tcp_peer_next(pcb, TCP_ACK | TCP_FIN, 0);
    tcp_peer_send(&s);
    assert_ptr_equal(tcp_tw_pcbs, pcb);
    return pcb->rcv_nxt;
}

static void all_gone(void)
{
    while (tcp_active_pcbs)
        tcp_abort(tcp_active_pcbs);
    while (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
}

static void a_syn_beyond_the_last_segment_opens_a_new_connection_at_once(void **state)
{
    const u32_t expected = into_time_wait(1);
    struct tcp_peer_segment s = segment(TCP_SYN, expected + 1);

    (void)state;
    server = NULL;
    tcp_peer_send(&s);
    assert_null(tcp_tw_pcbs);
    assert_int_equal(TCPH_FLAGS(&last), TCP_SYN | TCP_ACK);
    assert_int_equal(last.ackno, expected + 2);
    s = segment(TCP_ACK, expected + 2);
    s.ack = last.seqno + 1;
    tcp_peer_send(&s);
    assert_non_null(server);
    assert_int_equal(server->state, ESTABLISHED);
    all_gone();
}

static void its_numbers_are_beyond_all_the_old_one_sent(void **state)
{
    struct tcp_peer_segment s;
    u32_t sent, expected;

    (void)state;
    expected = into_time_wait(60000); /* in less time than the clock of numbers needs for them */
    sent = tcp_tw_pcbs->snd_nxt;
    s = segment(TCP_SYN, expected + 1);
    tcp_peer_send(&s);
    assert_int_equal(TCPH_FLAGS(&last), TCP_SYN | TCP_ACK);
    assert_true(TCP_SEQ_GEQ(last.seqno, sent + PORT_TCP_WND_MAX));
    all_gone();
    tcp_peer_connect(CLIENT_PORT); /* and that was for this one only */
    assert_true(TCP_SEQ_LT(server->lastack, sent));
    all_gone();
}

static void an_old_syn_is_answered_as_ever(void **state)
{
    const u32_t expected = into_time_wait(1);
    struct tcp_pcb *waiting = tcp_tw_pcbs;
    struct tcp_peer_segment s = segment(TCP_SYN, expected - 100);

    (void)state;
    tcp_peer_send(&s);
    assert_ptr_equal(tcp_tw_pcbs, waiting);
    assert_null(tcp_active_pcbs);
    assert_int_equal(TCPH_FLAGS(&last), TCP_ACK);
    assert_int_equal(last.ackno, expected);
    all_gone();
}

static void no_other_segment_ends_time_wait(void **state)
{
    static const u8_t flags[] = {TCP_ACK,           TCP_RST,           TCP_FIN | TCP_ACK,
                                 TCP_SYN | TCP_ACK, TCP_SYN | TCP_RST, TCP_SYN | TCP_FIN};
    const u32_t expected = into_time_wait(1);
    struct tcp_pcb *waiting = tcp_tw_pcbs;

    (void)state;
    for (unsigned i = 0; i < countof(flags); i++) {
        const struct tcp_peer_segment s = segment(flags[i], expected + 1);

        tcp_peer_send(&s);
        assert_ptr_equal(tcp_tw_pcbs, waiting);
        assert_null(tcp_active_pcbs);
    }
    all_gone();
}

static int start_stack(void **state)
{
    (void)state;
    port_clock_source(frozen_clock, NULL);
    lwip_init();
    tcp_peer_sees = on_sent;
    return tcp_peer_start() ? tcp_peer_listen(on_accept) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_syn_beyond_the_last_segment_opens_a_new_connection_at_once),
        cmocka_unit_test(its_numbers_are_beyond_all_the_old_one_sent),
        cmocka_unit_test(an_old_syn_is_answered_as_ever),
        cmocka_unit_test(no_other_segment_ends_time_wait),
    };

    return cmocka_run_group_tests(tests, start_stack, NULL);
}
