/* SPDX-License-Identifier: BSD-3-Clause */
/* Several losses in a window, in lwIP as it is built for threads. Nobody else has its lock here. */
#include "check.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "tcp_peer.h"

#define CLIENT_PORT 2000
#define SEGMENTS 12u
#define MSS 1460u

static u32_t first;              /* sequence number of the stream's first byte */
static u32_t sent[4 * SEGMENTS]; /* offsets, in the order they left */
static unsigned sent_count;
static struct tcp_pcb *server;

static void on_sent(const struct tcp_hdr *head, u16_t bytes)
{
    if (bytes > TCPH_HDRLEN_BYTES(head) && sent_count < countof(sent))
        sent[sent_count++] = lwip_ntohl(head->seqno) - first;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    server = pcb;
    return err;
}

/* All segments up to (count) are there, and nothing between. */
static void acknowledge(unsigned count)
{
    struct tcp_peer_segment s = tcp_peer_next(server, TCP_ACK, 0);

    s.ack = first + count * MSS;
    tcp_peer_send(&s);
}

/* A connection with SEGMENTS segments on their way. */
static void begin(void)
{
    static const u8_t data[SEGMENTS * MSS];

    tcp_peer_connect(CLIENT_PORT);
    server->mss = MSS;
    server->cwnd = server->ssthresh = 10 * SEGMENTS * MSS;
    first = server->snd_nxt;
    sent_count = 0;
    assert_int_equal(tcp_write(server, data, sizeof(data), TCP_WRITE_FLAG_COPY), ERR_OK);
    assert_int_equal(tcp_output(server), ERR_OK);
    assert_int_equal(sent_count, SEGMENTS);
}

static void each_segment_missing_in_a_window_is_sent_again_at_once(void **state)
{
    (void)state;
    begin();
    acknowledge(2);
    for (unsigned i = 0; i < 3; i++)
        acknowledge(2);
    assert_int_equal(sent_count, SEGMENTS + 1);
    assert_int_equal(sent[SEGMENTS], 2 * MSS);
    acknowledge(5); /* it came, and so had those behind it, but for one more */
    assert_int_equal(sent_count, SEGMENTS + 2);
    assert_int_equal(sent[SEGMENTS + 1], 5 * MSS);
    acknowledge(9);
    assert_int_equal(sent_count, SEGMENTS + 3);
    assert_int_equal(sent[SEGMENTS + 2], 9 * MSS);
    acknowledge(SEGMENTS);
    assert_int_equal(sent_count, SEGMENTS + 3);
    assert_null(server->unacked);
    assert_false(server->flags & TF_INFR);
    tcp_abort(server);
}

static void what_is_sent_after_input_is_over_is_no_recovery(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < 4; i++)
        acknowledge(2);
    acknowledge(SEGMENTS);
    assert_int_equal(tcp_output(server), ERR_OK);
    assert_int_equal(sent_count, SEGMENTS + 1);
    tcp_abort(server);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_segment_missing_in_a_window_is_sent_again_at_once),
        cmocka_unit_test(what_is_sent_after_input_is_over_is_no_recovery),
    };

    lwip_init();
    tcp_peer_sees = on_sent;
    if (!tcp_peer_start() || tcp_peer_listen(on_accept))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
