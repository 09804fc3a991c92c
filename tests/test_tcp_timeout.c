/* SPDX-License-Identifier: BSD-3-Clause */
/* What expired timers do to a connection: how long it goes on, and how fast when it goes on. */
#include "check.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"
#include "port_clock.h"
#include "port_tcp.h"
#include "tcp_peer.h"

#define CLIENT_PORT 2000
#define WINDOW_SEGMENTS 16u
#define MSS 536u                /* the far end's SYN has no options */
#define CONNECTS_FOR_MS 180000u /* RFC 1122, 4.2.3.5 */
#define MINUTE_MS 60000u

static uint64_t now_ns;
static struct tcp_pcb *server;
static struct netif *card;
static unsigned syns, connected, errors, with_data;
static struct tcp_hdr last_syn; /* as it was sent */

static uint64_t virtual_clock(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static void pass(unsigned ms)
{
    for (; ms >= 10; ms -= 10) {
        now_ns += 10 * PORT_NS_PER_MS;
        sys_check_timeouts();
    }
}

static void on_segment(const struct tcp_hdr *head, u16_t bytes)
{
    with_data += bytes > TCPH_HDRLEN_BYTES(head);
    if ((TCPH_FLAGS(head) & (TCP_SYN | TCP_ACK)) != TCP_SYN)
        return;
    syns++;
    last_syn = *head;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    server = pcb;
    return err;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg, (void)pcb;
    connected++;
    return err;
}

static void on_error(void *arg, err_t err)
{
    (void)arg, (void)err;
    errors++;
}

static struct tcp_pcb *start_connecting(void)
{
    const ip_addr_t to = IPADDR4_INIT_BYTES(10, 0, 0, 2);
    struct tcp_pcb *pcb = tcp_new();

    syns = connected = errors = 0;
    tcp_err(pcb, on_error);
    assert_int_equal(tcp_connect(pcb, &to, 80, on_connected), ERR_OK);
    assert_int_equal(syns, 1);
    return pcb;
}

static void answer_syn(const struct tcp_pcb *pcb)
{
    struct tcp_peer_segment s = tcp_peer_next(pcb, TCP_SYN | TCP_ACK, 0);

    s.ack = lwip_ntohl(last_syn.seqno) + 1;
    tcp_peer_send(&s);
}

static void send_window(struct tcp_pcb *pcb)
{
    static const char data[WINDOW_SEGMENTS * MSS];

    pcb->cwnd = sizeof(data);
    assert_int_equal(tcp_write(pcb, data, sizeof(data), 0), ERR_OK);
    assert_int_equal(tcp_output(pcb), ERR_OK);
}

static void a_second_timeout_of_a_segment_leaves_ssthresh_where_it_is(void **state)
{
    (void)state;
    tcp_peer_connect(CLIENT_PORT);
    send_window(server);
    while (server->nrtx < 1)
        pass(10);
    assert_int_equal(server->cwnd, MSS);
    assert_int_equal(server->ssthresh, WINDOW_SEGMENTS / 2 * MSS);
    while (server->nrtx < 4)
        pass(10);
    assert_int_equal(server->cwnd, MSS);
    assert_int_equal(server->ssthresh, WINDOW_SEGMENTS / 2 * MSS);
    tcp_abort(server);
}

static void a_timeout_in_recovery_has_the_connection_begin_slowly(void **state)
{
    struct tcp_peer_segment s;

    (void)state;
    tcp_peer_connect(CLIENT_PORT);
    send_window(server);
    for (unsigned i = 0; i < 3; i++) {
        s = tcp_peer_next(server, TCP_ACK, 0);
        s.ack = server->lastack;
        tcp_peer_send(&s);
    }
    assert_true(server->cwnd > WINDOW_SEGMENTS / 2 * MSS);
    while (server->nrtx < 1)
        pass(10);
    assert_int_equal(server->ssthresh, WINDOW_SEGMENTS / 2 * MSS);
    for (unsigned i = 0; i < 3; i++) /* of the same window */
        tcp_peer_send(&s);
    assert_int_equal(server->cwnd, MSS);
    s.ack = server->lastack + MSS;
    tcp_peer_send(&s);
    assert_in_range(server->cwnd, 2 * MSS, 3 * MSS);
    assert_int_equal(server->ssthresh, WINDOW_SEGMENTS / 2 * MSS);
    tcp_abort(server);
}

/* Four segments have arrived: what is lost now was sent with a smaller window. */
static void a_timeout_after_an_acknowledgement_halves_it_again(void **state)
{
    struct tcp_peer_segment s;

    (void)state;
    tcp_peer_connect(CLIENT_PORT);
    send_window(server);
    while (server->nrtx < 2)
        pass(10);
    s = tcp_peer_next(server, TCP_ACK, 0);
    s.ack = server->lastack + 4 * MSS;
    tcp_peer_send(&s);
    assert_int_equal(server->nrtx, 0);
    assert_true(server->cwnd > MSS);
    while (server->nrtx < 1)
        pass(10);
    assert_true(server->ssthresh < WINDOW_SEGMENTS / 2 * MSS);
    tcp_abort(server);
}

static void a_lost_syn_says_nothing_of_how_much_is_too_much(void **state)
{
    struct tcp_pcb *pcb = start_connecting();
    const tcpwnd_size_t ssthresh = pcb->ssthresh;

    (void)state;
    while (syns < 4)
        pass(10);
    answer_syn(pcb);
    assert_int_equal(connected, 1);
    assert_int_equal(pcb->ssthresh, ssthresh);
    tcp_abort(pcb);
}

static void data_does_not_wait_as_long_as_the_last_syn_did(void **state)
{
    struct tcp_pcb *pcb = start_connecting();
    uint64_t began;

    (void)state;
    while (syns < 6)
        pass(10);
    answer_syn(pcb);
    send_window(pcb);
    began = now_ns;
    while (pcb->nrtx < 1)
        pass(10);
    assert_in_range(now_ns - began, PORT_NS_PER_S / 2, 2 * PORT_NS_PER_S);
    tcp_abort(pcb);
}

static void connecting_is_tried_for_three_minutes_less_and_less_often(void **state)
{
    const uint64_t began = now_ns;
    uint64_t wait_ns = 0;

    (void)state;
    start_connecting();
    for (unsigned n = 2; n <= 8; n++) {
        const uint64_t since = now_ns;

        while (syns < n && now_ns - began < 2 * CONNECTS_FOR_MS * PORT_NS_PER_MS)
            pass(10);
        assert_true(now_ns - since > wait_ns);
        wait_ns = now_ns - since;
        assert_true(wait_ns < 62 * PORT_NS_PER_S);
    }
    assert_int_equal(errors, 0);
    while (!errors)
        pass(10);
    assert_in_range((now_ns - began) / PORT_NS_PER_MS, CONNECTS_FOR_MS, CONNECTS_FOR_MS + 10000);
    assert_null(tcp_active_pcbs);
}

/* ---- nothing can leave ----------------------------------------------------------------------- */

static unsigned ms_to_data(void)
{
    const unsigned before = with_data;
    unsigned ms = 0;

    for (; with_data == before && ms < MINUTE_MS; ms += 10)
        pass(10);
    return ms;
}

static unsigned ms_to_error(void)
{
    unsigned ms = 0;

    errors = 0;
    tcp_err(server, on_error);
    for (; !errors && ms < 30 * MINUTE_MS; ms += 10)
        pass(10);
    return ms;
}

/* All is acknowledged, there is no room for more, and more waits. */
static void close_window(struct tcp_pcb *pcb)
{
    struct tcp_peer_segment s;

    send_window(pcb);
    s = tcp_peer_next(pcb, TCP_ACK, 0);
    s.wnd = 0;
    tcp_peer_send(&s);
    assert_int_equal(tcp_write(pcb, "ten bytes.", 10, 0), ERR_OK);
    assert_int_equal(tcp_output(pcb), ERR_OK);
    assert_true(pcb->persist_backoff > 0);
}

static void what_cannot_leave_is_no_attempt(void **state)
{
    (void)state;
    tcp_peer_connect(CLIENT_PORT);
    send_window(server);
    netif_set_link_down(card);
    pass(4 * MINUTE_MS);
    assert_int_equal(server->nrtx, 0);
    netif_set_link_up(card);
    assert_in_range(ms_to_data(), 10, 2000);
    tcp_abort(server);
}

static void a_syn_that_cannot_leave_is_no_attempt(void **state)
{
    struct tcp_pcb *pcb = start_connecting();

    (void)state;
    netif_set_link_down(card);
    pass(4 * MINUTE_MS);
    assert_int_equal(errors, 0);
    netif_set_link_up(card);
    pass(2000);
    assert_in_range(syns, 2, 3);
    tcp_abort(pcb);
}

static void a_probe_that_cannot_leave_is_no_attempt(void **state)
{
    (void)state;
    tcp_peer_connect(CLIENT_PORT);
    close_window(server);
    netif_set_link_down(card);
    pass(4 * MINUTE_MS);
    assert_int_equal(server->persist_probe, 0);
    netif_set_link_up(card);
    assert_in_range(ms_to_data(), 10, 500);
    tcp_abort(server);
}

static void what_never_leaves_again_ends_the_connection(void **state)
{
    (void)state;
    for (unsigned closed = 0; closed < 2; closed++) {
        tcp_peer_connect((u16_t)(CLIENT_PORT + closed));
        if (closed)
            close_window(server);
        else
            send_window(server);
        netif_set_link_down(card);
        assert_in_range(ms_to_error(), 5 * MINUTE_MS, 20 * MINUTE_MS);
        netif_set_link_up(card);
    }
}

/* ---- a window that takes a part -------------------------------------------------------------- */

static void the_end_stays_behind_the_last_byte(void **state)
{
    static const char data[300];
    struct tcp_peer_segment s;

    (void)state;
    tcp_peer_connect(CLIENT_PORT);
    send_window(server);
    s = tcp_peer_next(server, TCP_ACK, 0);
    s.wnd = 100;
    tcp_peer_send(&s);
    assert_int_equal(tcp_write(server, data, sizeof(data), 0), ERR_OK);
    assert_int_equal(tcp_shutdown(server, 0, 1), ERR_OK);
    if (server->unacked == NULL)
        (void)ms_to_data();
    assert_int_equal(server->unacked->len, 100);
    assert_int_equal(TCPH_FLAGS(server->unacked->tcphdr) & TCP_FIN, 0);
    assert_int_equal(TCPH_FLAGS(server->unsent->tcphdr) & TCP_FIN, TCP_FIN);
    tcp_abort(server);
}

static int start(void **state)
{
    (void)state;
    now_ns = 100 * PORT_NS_PER_S;
    port_clock_source(virtual_clock, NULL);
    lwip_init();
    tcp_peer_sees = on_segment;
    card = tcp_peer_start();
    return card ? tcp_peer_listen(on_accept) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_timeout_of_a_segment_leaves_ssthresh_where_it_is),
        cmocka_unit_test(a_timeout_in_recovery_has_the_connection_begin_slowly),
        cmocka_unit_test(a_timeout_after_an_acknowledgement_halves_it_again),
        cmocka_unit_test(a_lost_syn_says_nothing_of_how_much_is_too_much),
        cmocka_unit_test(data_does_not_wait_as_long_as_the_last_syn_did),
        cmocka_unit_test(connecting_is_tried_for_three_minutes_less_and_less_often),
        cmocka_unit_test(what_cannot_leave_is_no_attempt),
        cmocka_unit_test(a_syn_that_cannot_leave_is_no_attempt),
        cmocka_unit_test(a_probe_that_cannot_leave_is_no_attempt),
        cmocka_unit_test(what_never_leaves_again_ends_the_connection),
        cmocka_unit_test(the_end_stays_behind_the_last_byte),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
