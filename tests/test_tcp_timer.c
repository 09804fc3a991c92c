/* SPDX-License-Identifier: BSD-3-Clause */
/* How long things take: by a virtual clock, against a far end that acknowledges like Linux. */
#include "check.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "lwip/timeouts.h"
#include "port_clock.h"
#include "port_tcp.h"
#include "tcp_peer.h"

#include <stdbool.h>
#include <string.h>

#define SENT_MAX 32u
#define PEER_DELAY_MS 40u /* Linux delays an acknowledgement for so long */

static uint64_t now_ns;
static struct tcp_pcb *server; /* our end of the connection */
static u16_t peer_port = 2000;
static u32_t response_left;

/* What was sent: times since forget_sent(), and how far the far end got in order. */
static uint64_t since_ns, sent_at_ms[SENT_MAX];
static unsigned sent, acks_sent;
static u32_t got, acked;
static unsigned unacked_segments;
static uint64_t first_unacked_ns;

static uint64_t virtual_clock(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static void on_segment(const struct tcp_hdr *head, u16_t bytes)
{
    const u16_t data_bytes = (u16_t)(bytes - TCPH_HDRLEN_BYTES(head));
    const u32_t seq = lwip_ntohl(head->seqno);

    if (data_bytes == 0 && !(TCPH_FLAGS(head) & TCP_SYN)) {
        acks_sent++;
        return;
    }
    if (sent < SENT_MAX)
        sent_at_ms[sent] = (now_ns - since_ns) / PORT_NS_PER_MS;
    sent++;
    if (data_bytes > 0 && seq == got) {
        got += data_bytes;
        if (unacked_segments++ == 0)
            first_unacked_ns = now_ns;
    }
}

static void forget_sent(void)
{
    since_ns = now_ns;
    sent = acks_sent = 0;
}

static void pass_ms(unsigned ms)
{
    for (unsigned i = 0; i < ms; i++) {
        now_ns += PORT_NS_PER_MS;
        sys_check_timeouts();
    }
}

/* The program: writes what is left whenever there is room. */
static err_t respond(void *arg, struct tcp_pcb *pcb, u16_t len)
{
    static const uint8_t data[16384];

    (void)arg;
    (void)len;
    while (response_left > 0 && tcp_sndbuf(pcb) > 0) {
        const u32_t n = LWIP_MIN(response_left, LWIP_MIN(tcp_sndbuf(pcb), (u32_t)sizeof(data)));

        if (tcp_write(pcb, data, (u16_t)n, TCP_WRITE_FLAG_COPY) != ERR_OK)
            break;
        response_left -= n;
    }
    tcp_output(pcb);
    return ERR_OK;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)err;
    if (!p)
        return tcp_close(pcb);
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return respond(arg, pcb, 0);
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)err;
    server = pcb;
    tcp_nagle_disable(pcb);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, respond);
    return ERR_OK;
}

static void on_error(void *arg, err_t err)
{
    (void)arg;
    (void)err;
    server = NULL;
}

static void open_connection(void **state)
{
    (void)state;
    tcp_peer_connect(++peer_port);
    assert_non_null(server);
    tcp_err(server, on_error);
    got = acked = server->snd_nxt;
    unacked_segments = 0;
    forget_sent();
}

static void close_connection(void)
{
    if (server)
        tcp_abort(server);
    server = NULL;
    response_left = 0;
}

static void far_end_sends(u16_t bytes)
{
    struct tcp_peer_segment s = tcp_peer_next(server, TCP_ACK | TCP_PSH, bytes);

    s.ack = acked = got;
    unacked_segments = 0;
    tcp_peer_send(&s);
}

/* Every second segment at once, a single one late. */
static void far_end_acknowledges(void)
{
    const bool late = now_ns - first_unacked_ns >= PEER_DELAY_MS * PORT_NS_PER_MS;
    struct tcp_peer_segment s = tcp_peer_next(server, TCP_ACK, 0);

    if (unacked_segments < 2 && !(unacked_segments == 1 && late))
        return;
    s.ack = acked = got;
    unacked_segments = 0;
    tcp_peer_send(&s);
}

/* ---- tests ---------------------------------------------------------------------------------- */

static void an_acknowledgement_waits_20_ms_at_most(void **state)
{
    open_connection(state);
    far_end_sends(1);
    assert_int_equal(acks_sent, 0); /* for it may go with an answer */
    pass_ms(20);
    assert_int_equal(acks_sent, 1);
    close_connection();
}

static void a_lost_segment_is_sent_again_after_200_ms_and_then_ever_later(void **state)
{
    static const uint64_t expected[] = {0, 200, 600, 1400, 3000, 6200};

    open_connection(state);
    for (unsigned i = 0; i < 50; i++) { /* a short round trip is measured first */
        tcp_write(server, "x", 1, 0);
        tcp_output(server);
        far_end_sends(1);
    }
    pass_ms(100);
    forget_sent();
    tcp_write(server, "x", 1, 0);
    tcp_output(server);
    pass_ms(7000);
    assert_int_equal(sent, countof(expected));
    for (unsigned i = 1; i < countof(expected); i++) {
        /* A turn is 50 ms, and the first one does not count. */
        assert_true(sent_at_ms[i] >= expected[i]);
        assert_true(sent_at_ms[i] <= expected[i] + 60 * i);
    }
    close_connection();
}

static void a_program_is_told_when_nothing_helps(void **state)
{
    open_connection(state);
    tcp_write(server, "x", 1, 0);
    tcp_output(server);
    for (unsigned s = 0; s < 600 && server; s++)
        pass_ms(1000);
    assert_null(server);
    assert_true(now_ns - since_ns > 100 * PORT_NS_PER_S); /* RFC 1122, 4.2.3.5: R2 */
}

static void a_syn_is_sent_again_after_1_2_and_4_seconds(void **state)
{
    static const uint64_t expected[] = {0, 1000, 3000, 7000};
    struct tcp_pcb *pcb = tcp_new();
    ip_addr_t host;

    (void)state;
    IP_ADDR4(&host, 10, 0, 0, 2);
    forget_sent();
    assert_int_equal(tcp_connect(pcb, &host, 80, NULL), ERR_OK);
    pass_ms(8000);
    assert_int_equal(sent, countof(expected));
    for (unsigned i = 0; i < countof(expected); i++) {
        assert_true(sent_at_ms[i] >= expected[i]);
        assert_true(sent_at_ms[i] <= expected[i] + 60 * i);
    }
    tcp_abort(pcb);
}

static void a_new_connection_may_send_ten_segments(void **state)
{
    open_connection(state);
    response_left = 100000;
    far_end_sends(1);
    assert_int_equal(sent, 10);
    close_connection();
}

static void nothing_ticks_when_nothing_waits(void **state)
{
    mem_size_t timeouts = lwip_stats.memp[MEMP_SYS_TIMEOUT]->used;

    open_connection(state);
    pass_ms(1000);
    timeouts = lwip_stats.memp[MEMP_SYS_TIMEOUT]->used;
    far_end_sends(1);
    assert_int_equal(lwip_stats.memp[MEMP_SYS_TIMEOUT]->used, timeouts + 1);
    pass_ms(50);
    assert_int_equal(lwip_stats.memp[MEMP_SYS_TIMEOUT]->used, timeouts);
    close_connection();
}

static unsigned ms_for(u32_t response_bytes)
{
    const u32_t end = got + response_bytes;
    unsigned ms = 0;

    response_left = response_bytes;
    far_end_sends(1);
    for (; got != end && ms < 10000; ms++) {
        u32_t before;

        do { /* a round trip takes no time */
            before = acked;
            far_end_acknowledges();
        } while (acked != before);
        if (got == end)
            break;
        pass_ms(1);
    }
    return ms;
}

/* One request after the other on one connection, and each on its own. */
static void no_response_stalls_whatever_its_size(void **state)
{
    static const u32_t sizes[] = {1,     2,     535,    536,    537,    1071,   1072,
                                  1073,  1460,  2144,   5359,   5360,   5361,   16384,
                                  65535, 65536, 131072, 131073, 262144, 1048576};

    open_connection(state);
    for (unsigned i = 0; i < countof(sizes); i++)
        assert_true(ms_for(sizes[i]) < 5);
    for (u32_t bytes = 1; bytes < 20000; bytes += 97)
        assert_true(ms_for(bytes) < 5);
    close_connection();
    for (unsigned i = 0; i < countof(sizes); i++) {
        open_connection(state);
        /* An odd number of segments in flight may wait for the far end once, as with any sender. */
        assert_true(ms_for(sizes[i]) <= PEER_DELAY_MS + 5);
        close_connection();
    }
}

static int start_stack(void **state)
{
    (void)state;
    now_ns = 100 * PORT_NS_PER_S;
    port_clock_source(virtual_clock, NULL);
    lwip_init();
    tcp_peer_sees = on_segment;
    return tcp_peer_start() ? tcp_peer_listen(on_accept) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_acknowledgement_waits_20_ms_at_most),
        cmocka_unit_test(a_lost_segment_is_sent_again_after_200_ms_and_then_ever_later),
        cmocka_unit_test(a_program_is_told_when_nothing_helps),
        cmocka_unit_test(a_syn_is_sent_again_after_1_2_and_4_seconds),
        cmocka_unit_test(a_new_connection_may_send_ten_segments),
        cmocka_unit_test(nothing_ticks_when_nothing_waits),
        cmocka_unit_test(no_response_stalls_whatever_its_size),
    };

    return cmocka_run_group_tests(tests, start_stack, NULL);
}
