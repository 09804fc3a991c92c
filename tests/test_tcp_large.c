/* SPDX-License-Identifier: BSD-3-Clause */
/* Segments longer than the wire takes, against a far end that gets them in the pieces a NIC cuts,
 * some of which are lost. */
#include "check.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"
#include "port_clock.h"
#include "port_heap.h"
#include "port_log.h"
#include "port_tcp.h"
#include "port_tcp_table.h"
#include "tcp_peer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MSS 1460u
#define LARGE (42 * MSS)
#define STREAM_BYTES (4u << 20)
#define PIECES 4096u

static const u32_t large[2] = {62720, 5900}; /* what the NIC takes from the heap, from elsewhere */
static struct netif *card;
static struct tcp_pcb *pcb; /* ours */
static uint64_t now_ns;

/* What left, before it was cut. */
static struct {
    u32_t off; /* in the stream */
    u16_t bytes, cut_to;
} left[PIECES];
static unsigned left_count;
static u32_t reported; /* to the program, by lwIP */

/* The far end. */
static struct {
    u32_t first_seq, next; /* offset in the stream that it has up to here */
    u8_t has[STREAM_BYTES], data[STREAM_BYTES];
    unsigned acks_due; /* one for each piece out of order, and for every second else */
    unsigned uneven;
    u32_t window;
} far;

static bool (*lost)(u32_t off); /* on the wire; NULL = nothing */

static uint64_t virtual_clock(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static u8_t byte_at(u32_t off)
{
    return (u8_t)(off * 7 + (off >> 9) * 13);
}

static void far_end_gets(u32_t off, const u8_t *data, u32_t bytes)
{
    const bool in_order = off == far.next;

    if (lost && lost(off))
        return;
    assert_true(off + bytes <= STREAM_BYTES);
    memcpy(far.data + off, data, bytes);
    memset(far.has + off, 1, bytes);
    while (far.next < STREAM_BYTES && far.has[far.next])
        far.next++;
    if (!in_order || far.uneven++ % 2)
        far.acks_due++;
}

static u8_t *lendable; /* the stream once more, beside the heap */

static err_t output4(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    u8_t frame[65536];
    const struct tcp_hdr *tcp = (const void *)(frame + IP_HLEN);
    const u16_t bytes = pbuf_copy_partial(p, frame, sizeof(frame) - 1, 0);
    const u32_t head = IP_HLEN + TCPH_HDRLEN_BYTES(tcp),
                off = lwip_ntohl(tcp->seqno) - far.first_seq;
    const u32_t cut_to = p->segment_bytes ? p->segment_bytes : bytes - head;

    (void)to;
    if (bytes == head)
        return ERR_OK;
    assert_int_equal(frame[6] & 0x3F, 0); /* no fragment */
    assert_true(cut_to <= MSS);
    assert_true(p->segment_bytes == 0 || netif->client_data[LWIP_NETIF_CLIENT_DATA_INDEX_MAX]);
    if (left_count < PIECES) {
        left[left_count].off = off;
        left[left_count].bytes = (u16_t)(bytes - head);
        left[left_count++].cut_to = p->segment_bytes;
    }
    for (u32_t at = head; at < bytes; at += cut_to)
        far_end_gets(off + at - head, frame + at, LWIP_MIN(cut_to, bytes - at));
    return ERR_OK;
}

static void far_end_acknowledges(u32_t upto)
{
    struct tcp_peer_segment s = tcp_peer_next(pcb, TCP_ACK, 0);

    s.ack = far.first_seq + upto;
    s.wnd = (u16_t)(far.window >> pcb->snd_scale);
    tcp_peer_send(&s);
}

/* All acknowledgements that are due, and what they lead to. */
static void exchange(void)
{
    while (far.acks_due > 0 && pcb) {
        far.acks_due--;
        far_end_acknowledges(far.next);
    }
}

static void pass_ms(unsigned ms)
{
    for (unsigned i = 0; i < ms && pcb; i++) {
        now_ns += PORT_NS_PER_MS;
        sys_check_timeouts();
        exchange();
    }
}

static err_t on_sent(void *arg, struct tcp_pcb *from, u16_t bytes)
{
    (void)arg;
    (void)from;
    reported += bytes;
    return ERR_OK;
}

static err_t on_accept(void *arg, struct tcp_pcb *from, err_t err)
{
    (void)arg;
    (void)err;
    pcb = from;
    tcp_nagle_disable(pcb);
    tcp_sent(pcb, on_sent);
    return ERR_OK;
}

/* A connection with these windows; the far end's is scaled by 64. */
static int open_with(void **state)
{
    static u16_t port = 2000;
    struct tcp_peer_segment s = {.from_port = ++port, .to_port = 80, .seq = 1, .wnd = 0xffff};

    (void)state;
    IP_ADDR4(&s.from, 10, 0, 0, 2);
    IP_ADDR4(&s.to, 10, 0, 0, 1);
    s.flags = TCP_SYN;
    tcp_peer_send(&s);
    s = tcp_peer_next(tcp_active_pcbs, TCP_ACK, 0);
    tcp_peer_send(&s);
    memset(&far, 0, sizeof(far));
    far.first_seq = pcb->snd_nxt;
    far.window = 1u << 20;
    pcb->flags |= TF_WND_SCALE;
    pcb->snd_scale = 6;
    pcb->mss = MSS;
    pcb->snd_wnd = pcb->snd_wnd_max = pcb->cwnd = pcb->ssthresh = 1u << 20;
    card->client_data[LWIP_NETIF_CLIENT_DATA_INDEX_MAX] = (void *)(uintptr_t)large;
    left_count = reported = 0;
    lost = NULL;
    return 0;
}

static int close_again(void **state)
{
    (void)state;
    if (pcb)
        tcp_abort(pcb);
    pcb = NULL;
    return 0;
}

/* Write what follows (off), (bytes) of it, in one go. */
static err_t say(u32_t off, u32_t bytes)
{
    static u8_t data[65535];

    for (u32_t i = 0; i < bytes; i++)
        data[i] = byte_at(off + i);
    return tcp_write(pcb, data, (u16_t)bytes, TCP_WRITE_FLAG_COPY | TCP_WRITE_FLAG_MORE);
}

static void check_arrived(u32_t bytes)
{
    assert_int_equal(far.next, bytes);
    for (u32_t i = 0; i < bytes; i++)
        if (far.data[i] != byte_at(i))
            fail_msg("byte %u is wrong", (unsigned)i);
}

static void what_is_written_at_once_leaves_as_one_segment_to_be_cut(void **state)
{
    (void)state;
    assert_int_equal(port_tcp_large(pcb), LARGE);
    assert_int_equal(say(0, LARGE), ERR_OK);
    assert_int_equal(tcp_output(pcb), ERR_OK);
    assert_int_equal(left_count, 1);
    assert_int_equal(left[0].bytes, LARGE);
    assert_int_equal(left[0].cut_to, MSS);
    assert_int_equal(tcp_mss(pcb), MSS);
    assert_int_equal(card->mtu, 1500);
    assert_int_equal(card->mtu6, 1500);
    check_arrived(LARGE);
}

static void small_writes_are_not_made_long(void **state)
{
    (void)state;
    for (u32_t i = 0; i < 8; i++)
        assert_int_equal(say(i * MSS, MSS), ERR_OK);
    assert_int_equal(tcp_output(pcb), ERR_OK);
    assert_int_equal(left_count, 8);
    for (u32_t i = 0; i < 8; i++)
        assert_int_equal(left[i].cut_to, 0);
    check_arrived(8 * MSS);
}

/* A pbuf as lwIP makes them, with what follows (off). */
static struct pbuf *buffer(u32_t off, u16_t bytes)
{
    struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, bytes, PBUF_RAM);

    assert_non_null(p);
    for (u32_t i = 0; i < bytes; i++)
        ((u8_t *)p->payload)[i] = byte_at(off + i);
    return p;
}

static void a_buffer_given_away_is_the_segment_and_is_not_copied(void **state)
{
    struct pbuf *p = buffer(0, LARGE);

    (void)state;
    assert_int_equal(port_tcp_write_buffer(pcb, p, TCP_WRITE_FLAG_MORE), ERR_OK);
    assert_ptr_equal(pcb->unsent->p, p);
    tcp_output(pcb);
    assert_int_equal(left_count, 1);
    check_arrived(LARGE);
}

static void a_buffer_behind_a_short_segment_fills_it_up_first(void **state)
{
    (void)state;
    assert_int_equal(say(0, 1000), ERR_OK);
    assert_int_equal(port_tcp_write_buffer(pcb, buffer(1000, LARGE), 0), ERR_OK);
    tcp_output(pcb);
    check_arrived(1000 + LARGE);
}

static void a_buffer_fills_up_what_has_memory_left(void **state)
{
    (void)state;
    pcb->snd_wnd = 0;
    assert_int_equal(say(0, 2 * MSS - 400), ERR_OK);
    pcb->cwnd = 8 * MSS;
    assert_true(pcb->unsent_oversize > 0);
    assert_int_equal(
        port_tcp_write_buffer(pcb, buffer(2 * MSS - 400, 2 * MSS), TCP_WRITE_FLAG_MORE), ERR_OK);
    pcb->snd_wnd = far.window;
    tcp_output(pcb);
    check_arrived(4 * MSS - 400);
}

static void a_buffer_is_gone_when_there_is_no_room_for_it(void **state)
{
    struct port_heap_stats before, after;

    (void)state;
    port_heap_stats(&before);
    pcb->snd_buf = LARGE - 1;
    assert_int_equal(port_tcp_write_buffer(pcb, buffer(0, LARGE), 0), ERR_MEM);
    pcb->snd_buf = 0xffff;
    pcb->snd_queuelen = (u16_t)TCP_SND_QUEUELEN; /* found once it was taken */
    pcb->unsent = NULL;
    assert_int_not_equal(port_tcp_write_buffer(pcb, buffer(0, LARGE), 0), ERR_OK);
    pcb->snd_queuelen = 0;
    port_heap_stats(&after);
    assert_int_equal(after.used_bytes, before.used_bytes);
}

/* What follows (off), in memory the NIC can send from; counted in (*loans). */
static err_t lend(u32_t off, u16_t bytes, u8_t flags, u32_t *loans)
{
    const struct port_tcp_lent lent = {lendable + off, bytes, loans};

    return port_tcp_write_lent(pcb, &lent, flags);
}

static void what_is_lent_is_one_long_segment_and_is_not_copied(void **state)
{
    u32_t loans = 0;

    (void)state;
    assert_int_equal(lend(0, LARGE, TCP_WRITE_FLAG_MORE, &loans), ERR_OK);
    assert_int_equal(loans, 1);
    assert_null(pcb->unsent->next);
    assert_ptr_equal(pcb->unsent->p->next->payload, lendable);
    tcp_output(pcb);
    assert_int_equal(left_count, 1);
    assert_int_equal(left[0].bytes, LARGE);
    check_arrived(LARGE);
    assert_int_equal(loans, 1);
    exchange();
    assert_int_equal(loans, 0);
}

static void what_is_lent_fills_up_a_head_that_was_copied(void **state)
{
    u32_t loans = 0;

    (void)state;
    pcb->snd_wnd = 0;
    assert_int_equal(say(0, 200), ERR_OK);
    assert_int_equal(lend(200, LARGE - 200, TCP_WRITE_FLAG_MORE, &loans), ERR_OK);
    assert_int_equal(lend(LARGE, LARGE, 0, &loans), ERR_OK);
    assert_int_equal(pcb->unsent->len, LARGE);
    pcb->snd_wnd = far.window;
    tcp_output(pcb);
    assert_int_equal(left_count, 2);
    check_arrived(2 * LARGE);
    exchange();
    assert_int_equal(loans, 0);
}

static void a_reset_returns_what_is_lent_but_what_the_nic_has(void **state)
{
    u32_t loans = 0;
    struct pbuf *kept;

    (void)state;
    assert_int_equal(lend(0, LARGE, 0, &loans), ERR_OK);
    kept = pcb->unsent->p;
    pbuf_ref(kept);
    assert_int_equal(lend(LARGE, LARGE, 0, &loans), ERR_OK);
    tcp_abort(pcb);
    pcb = NULL;
    assert_int_equal(loans, 1);
    pbuf_free(kept);
    assert_int_equal(loans, 0);
}

static void without_room_nothing_is_lent(void **state)
{
    u32_t loans = 0;

    (void)state;
    pcb->snd_buf = LARGE - 1;
    assert_int_equal(lend(0, LARGE, 0, &loans), ERR_MEM);
    assert_int_equal(loans, 0);
    pcb->snd_buf = 0xffff;
    pcb->snd_queuelen = (u16_t)TCP_SND_QUEUELEN; /* found once it was taken */
    pcb->unsent = NULL;
    assert_int_not_equal(lend(0, LARGE, 0, &loans), ERR_OK);
    pcb->snd_queuelen = 0;
    assert_int_equal(loans, 0);
}

static void a_peer_with_a_small_window_gets_at_most_half_of_it_at_once(void **state)
{
    (void)state;
    pcb->snd_wnd = pcb->snd_wnd_max = far.window = 16384;
    assert_int_equal(port_tcp_large(pcb), 5 * MSS);
    assert_int_equal(say(0, 20 * MSS), ERR_OK);
    tcp_output(pcb);
    for (unsigned i = 0; i < left_count; i++)
        assert_true(left[i].bytes <= 5 * MSS);
    assert_true(far.next <= 16384 && far.next > 16384 - 5 * MSS);
}

static void a_small_congestion_window_is_filled_and_not_exceeded(void **state)
{
    (void)state;
    assert_int_equal(say(0, LARGE), ERR_OK);
    pcb->cwnd = 10 * MSS + 7;
    tcp_output(pcb);
    assert_int_equal(far.next, 10 * MSS);
    exchange();
    assert_true(pcb->snd_nxt - pcb->lastack <= pcb->cwnd);
    assert_true(far.next > 12 * MSS);
}

static void segments_are_a_quarter_of_the_congestion_window_at_most(void **state)
{
    (void)state;
    pcb->cwnd = 40 * MSS;
    assert_int_equal(port_tcp_large(pcb), 10 * MSS);
    pcb->cwnd = 7 * MSS;
    assert_int_equal(port_tcp_large(pcb), MSS);
}

static void what_follows_a_long_segment_that_waits_breaks_no_rule_of_lwip(void **state)
{
    const uint64_t broken = port_asserts();

    (void)state;
    pcb->snd_wnd = 0;
    assert_int_equal(say(0, LARGE), ERR_OK);
    assert_int_equal(say(LARGE, 10), ERR_OK);
    assert_int_equal(say(LARGE + 10, 3000), ERR_OK);
    assert_int_equal(port_asserts(), broken);
    pcb->snd_wnd = far.window;
    tcp_output(pcb);
    check_arrived(LARGE + 3010);
}

static void a_window_of_one_wire_segment_is_used(void **state)
{
    (void)state;
    assert_int_equal(say(0, LARGE), ERR_OK);
    pcb->cwnd = MSS;
    tcp_output(pcb);
    assert_int_equal(far.next, MSS);
    assert_int_equal(left[0].cut_to, 0);
}

static void a_nic_that_cuts_no_more_gets_wire_segments(void **state)
{
    (void)state;
    assert_int_equal(say(0, LARGE), ERR_OK);
    card->client_data[LWIP_NETIF_CLIENT_DATA_INDEX_MAX] = NULL;
    assert_int_equal(port_tcp_large(pcb), MSS);
    tcp_output(pcb);
    assert_int_equal(left_count, 42);
    for (unsigned i = 0; i < left_count; i++)
        assert_int_equal(left[i].bytes, MSS);
    check_arrived(LARGE);
}

static unsigned losses;
static u32_t lost_at;

static bool lose_once(u32_t off)
{
    return off == lost_at && losses++ == 0;
}

static void one_lost_piece_is_sent_again_alone(void **state)
{
    (void)state;
    lost = lose_once;
    losses = 0;
    lost_at = 5 * MSS;
    assert_int_equal(say(0, LARGE), ERR_OK);
    tcp_output(pcb);
    exchange();
    assert_int_equal(left_count, 2);
    assert_int_equal(left[1].off, 5 * MSS);
    assert_int_equal(left[1].bytes, MSS);
    check_arrived(LARGE);
    pass_ms(300);
    far_end_acknowledges(far.next);
    assert_int_equal(left_count, 2);
    assert_int_equal(reported, LARGE);
    assert_int_equal(pcb->snd_queuelen, 0);
    assert_null(pcb->unacked);
}

static bool lose_tail(u32_t off)
{
    return off >= 20 * MSS;
}

static void after_a_timeout_what_the_far_end_has_is_not_sent_again(void **state)
{
    (void)state;
    lost = lose_tail;
    assert_int_equal(say(0, LARGE), ERR_OK);
    tcp_output(pcb);
    far.acks_due = 1;
    exchange();
    lost = NULL;
    left_count = 0;
    pass_ms(3000);
    assert_true(left_count > 0);
    assert_int_equal(left[0].off, 20 * MSS);
    check_arrived(LARGE);
    far_end_acknowledges(far.next);
    assert_int_equal(reported, LARGE);
    assert_int_equal(pcb->snd_queuelen, 0);
}

static bool lose_all(u32_t off)
{
    (void)off;
    return true;
}

static void after_a_timeout_one_wire_segment_leaves_and_then_more(void **state)
{
    (void)state;
    lost = lose_all;
    assert_int_equal(say(0, LARGE), ERR_OK);
    tcp_output(pcb);
    lost = NULL;
    left_count = 0;
    for (unsigned i = 0; i < 3000 && left_count == 0; i++) {
        now_ns += PORT_NS_PER_MS;
        sys_check_timeouts();
    }
    assert_int_equal(left_count, 1);
    assert_int_equal(left[0].bytes, MSS);
    far.acks_due = 1;
    pass_ms(2000);
    check_arrived(LARGE);
    far_end_acknowledges(far.next);
    assert_int_equal(reported, LARGE);
    assert_int_equal(pcb->snd_queuelen, 0);
}

/* ---- all of it at random --------------------------------------------------------------------- */

static bool lose_some(u32_t off)
{
    (void)off;
    return rand() % 100 == 0;
}

static void disturb(void)
{
    const int what = rand() % 400;

    if (what == 0)
        far.window = 2000u + (u32_t)rand() % 200000;
    else if (what == 1)
        card->client_data[LWIP_NETIF_CLIENT_DATA_INDEX_MAX] = NULL;
    else if (what == 2)
        card->client_data[LWIP_NETIF_CLIENT_DATA_INDEX_MAX] = (void *)(uintptr_t)large;
    if (what == 3 && far.acks_due == 0)
        far.acks_due = 1; /* what a delayed acknowledgement is */
}

static u32_t somewhere; /* what say_somehow() lent */

static err_t say_somehow(u32_t off, u32_t bytes)
{
    const u8_t flags = rand() % 2 ? TCP_WRITE_FLAG_MORE : 0;

    switch (rand() % 3) {
    case 0:
        return say(off, bytes);
    case 1:
        return lend(off, (u16_t)bytes, flags, &somewhere);
    default:
        return port_tcp_write_buffer(pcb, buffer(off, (u16_t)bytes), flags);
    }
}

static void every_byte_arrives_once_whatever_is_lost_and_whatever_changes(void **state)
{
    u32_t said = 0;

    (void)state;
    srand(4711);
    lost = lose_some;
    while (far.next < STREAM_BYTES && pcb) {
        const u32_t wish = 1 + (u32_t)rand() % 65535, want = LWIP_MIN(wish, STREAM_BYTES - said);

        if (want && want <= tcp_sndbuf(pcb) && say_somehow(said, want) == ERR_OK)
            said += want;
        tcp_output(pcb);
        exchange();
        disturb();
        pass_ms((unsigned)rand() % 8);
        if (rand() % 20 == 0)
            far.acks_due++;
    }
    assert_non_null(pcb);
    check_arrived(STREAM_BYTES);
    lost = NULL;
    far_end_acknowledges(far.next);
    assert_int_equal(reported, STREAM_BYTES);
    assert_int_equal(pcb->snd_queuelen, 0);
    assert_null(pcb->unsent);
    assert_int_equal(somewhere, 0);
}

static int start(void **state)
{
    struct tcp_pcb *listener;
    size_t lendable_bytes;

    (void)state;
    port_clock_source(virtual_clock, NULL);
    if (port_heap_open(16u << 20, STREAM_BYTES) || port_tcp_sizes(0, 0))
        return -1;
    lendable = port_heap_apart(&lendable_bytes);
    for (u32_t i = 0; i < STREAM_BYTES; i++)
        lendable[i] = byte_at(i);
    lwip_init();
    card = tcp_peer_start();
    listener = tcp_new();
    if (!card || !listener || tcp_bind(listener, IP_ADDR_ANY, 80) != ERR_OK)
        return -1;
    card->output = output4;
    tcp_accept(tcp_listen(listener), on_accept);
    return 0;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_with, close_again)
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_at_once_leaves_as_one_segment_to_be_cut),
        TEST(small_writes_are_not_made_long),
        TEST(a_buffer_given_away_is_the_segment_and_is_not_copied),
        TEST(a_buffer_behind_a_short_segment_fills_it_up_first),
        TEST(a_buffer_fills_up_what_has_memory_left),
        TEST(a_buffer_is_gone_when_there_is_no_room_for_it),
        TEST(what_is_lent_is_one_long_segment_and_is_not_copied),
        TEST(what_is_lent_fills_up_a_head_that_was_copied),
        TEST(a_reset_returns_what_is_lent_but_what_the_nic_has),
        TEST(without_room_nothing_is_lent),
        TEST(a_peer_with_a_small_window_gets_at_most_half_of_it_at_once),
        TEST(a_small_congestion_window_is_filled_and_not_exceeded),
        TEST(segments_are_a_quarter_of_the_congestion_window_at_most),
        TEST(what_follows_a_long_segment_that_waits_breaks_no_rule_of_lwip),
        TEST(a_window_of_one_wire_segment_is_used),
        TEST(a_nic_that_cuts_no_more_gets_wire_segments),
        TEST(one_lost_piece_is_sent_again_alone),
        TEST(after_a_timeout_what_the_far_end_has_is_not_sent_again),
        TEST(after_a_timeout_one_wire_segment_leaves_and_then_more),
        TEST(every_byte_arrives_once_whatever_is_lost_and_whatever_changes),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
