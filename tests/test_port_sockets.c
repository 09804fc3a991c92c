/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lwIP with threads: streams whose reader is behind. Both ends of a stream are here: the card gives
 * every packet back to lwIP's thread. The reader is a socket; the sender is lwIP's raw API, which
 * decides what goes into a segment.
 *
 * Time is the machine's, for threads sleep in the kernel. Nothing waits longer than it must, but
 * for what got lost: then a test fails after PATIENCE_MS.
 */
#include "check.h"
#include "port_tcp.h"

#include <errno.h>
#include <sched.h>

#include "lwip/opt.h"

#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sockets.h"
#include "lwip/sys.h"
#include "lwip/tcpip.h"

#define ECHO_PORT 7u
#define PATIENCE_MS 5000
#define PLACES ((unsigned)DEFAULT_TCP_RECVMBOX_SIZE)

/* ---- a card that gives everything back ------------------------------------------------------- */

static struct netif card;

static err_t give_back(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
    struct pbuf *copy = pbuf_clone(PBUF_RAW, PBUF_POOL, p);

    (void)to;
    if (copy && tcpip_inpkt(copy, netif, ip_input) != ERR_OK)
        pbuf_free(copy);
    return ERR_OK;
}

static err_t init_card(struct netif *netif)
{
    netif->mtu = 1500;
    netif->output = give_back;
    return ERR_OK;
}

static void on_tcpip(void *ready)
{
    sys_sem_signal(ready);
}

static int start_lwip(void **state)
{
    ip4_addr_t address, mask;
    sys_sem_t ready;

    (void)state;
    if (port_tcp_sizes(PORT_TCP_WND_MIN, 0))
        return -1;
    sys_sem_new(&ready, 0);
    tcpip_init(on_tcpip, &ready);
    sys_sem_wait(&ready);
    sys_sem_free(&ready);
    IP4_ADDR(&address, 10, 0, 0, 1);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    LOCK_TCPIP_CORE();
    netif_add(&card, &address, &mask, NULL, NULL, init_card, tcpip_input);
    netif_set_up(&card);
    netif_set_link_up(&card);
    UNLOCK_TCPIP_CORE();
    return 0;
}

/* ---- a stream -------------------------------------------------------------------------------- */

static struct {
    struct tcp_pcb *sender;
    int listener, reader;
} stream;

static struct tcp_pcb *reader_pcb(void)
{
    struct tcp_pcb *pcb = tcp_active_pcbs;

    while (pcb && pcb->local_port != ECHO_PORT)
        pcb = pcb->next;
    return pcb;
}

/* Until (so) under the core lock. What it waits for happens in lwIP's thread. */
static void until(bool (*so)(void))
{
    const u32_t began = sys_now();
    bool yes;

    do {
        sched_yield();
        LOCK_TCPIP_CORE();
        yes = so();
        UNLOCK_TCPIP_CORE();
    } while (!yes && sys_now() - began < PATIENCE_MS);
    assert_true(yes);
}

static void open_stream(void)
{
    const struct sockaddr_in at = {
        .sin_len = sizeof(at), .sin_family = AF_INET, .sin_port = lwip_htons(ECHO_PORT)};
    const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    const int yes = 1;

    stream.listener = lwip_socket(AF_INET, SOCK_STREAM, 0);
    assert_true(stream.listener >= 0);
    lwip_setsockopt(stream.listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    assert_int_equal(lwip_bind(stream.listener, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(lwip_listen(stream.listener, 1), 0);
    LOCK_TCPIP_CORE();
    stream.sender = tcp_new();
    tcp_nagle_disable(stream.sender);
    assert_int_equal(tcp_connect(stream.sender, &card.ip_addr, ECHO_PORT, NULL), ERR_OK);
    UNLOCK_TCPIP_CORE();
    stream.reader = lwip_accept(stream.listener, NULL, NULL);
    assert_true(stream.reader >= 0);
    lwip_setsockopt(stream.reader, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
}

static void close_stream(void)
{
    lwip_close(stream.reader);
    lwip_close(stream.listener);
}

/* (count) segments of (bytes) each, and the end in the last one if (end). */
static void send_segments(unsigned count, unsigned bytes, bool end)
{
    static char data[PORT_TCP_MSS];

    LOCK_TCPIP_CORE();
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(tcp_write(stream.sender, data, (u16_t)bytes, 0), ERR_OK);
        if (i + 1 < count || !end)
            tcp_output(stream.sender);
    }
    if (end)
        assert_int_equal(tcp_close(stream.sender), ERR_OK);
    UNLOCK_TCPIP_CORE();
}

static bool all_acknowledged(void)
{
    return !stream.sender->unsent && !stream.sender->unacked;
}

static bool end_came(void)
{
    return reader_pcb() && reader_pcb()->state == CLOSE_WAIT;
}

static bool nothing_refused(void)
{
    return !reader_pcb()->refused_data;
}

static bool something_refused(void)
{
    return reader_pcb() && reader_pcb()->refused_data;
}

static bool sender_heard_end(void)
{
    return stream.sender->state == CLOSE_WAIT;
}

/* As when connections are short. */
static void forget_waiting(void)
{
    LOCK_TCPIP_CORE();
    while (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
    UNLOCK_TCPIP_CORE();
}

/* Each lwip_recv() of a byte takes a message of a byte. */
static void read_bytes(unsigned count)
{
    char byte;

    for (unsigned i = 0; i < count; i++)
        assert_int_equal(lwip_recv(stream.reader, &byte, 1, 0), 1);
}

static void test_a_reader_far_behind_is_told_of_the_end(void **state)
{
    char byte;

    (void)state;
    open_stream();
    send_segments(PLACES, 1, false);
    until(all_acknowledged);
    send_segments(0, 0, true);
    until(end_came);
    until(nothing_refused);
    read_bytes(PLACES);
    assert_int_equal(lwip_recv(stream.reader, &byte, 1, 0), 0);
    close_stream();
}

static void test_the_end_behind_refused_data_comes_when_its_place_is_the_last(void **state)
{
    char byte;

    (void)state;
    open_stream();
    send_segments(PLACES, 1, false);
    until(all_acknowledged);
    send_segments(1, 1, true);
    until(end_came);
    until(something_refused);
    read_bytes(1);
    until(nothing_refused); /* in the place of that one, and the mailbox is full again */
    read_bytes(PLACES);
    assert_int_equal(lwip_recv(stream.reader, &byte, 1, 0), 0);
    close_stream();
}

static void test_a_reset_after_the_end_wakes_a_reader_far_behind(void **state)
{
    char byte;

    (void)state;
    open_stream();
    send_segments(PLACES, 1, false);
    until(all_acknowledged);
    LOCK_TCPIP_CORE();
    tcp_shutdown(stream.sender, 0, 1);
    UNLOCK_TCPIP_CORE();
    until(end_came);
    LOCK_TCPIP_CORE();
    tcp_abort(stream.sender);
    UNLOCK_TCPIP_CORE();
    read_bytes(PLACES);
    assert_true(lwip_recv(stream.reader, &byte, 1, 0) <= 0);
    assert_true(errno != EWOULDBLOCK);
    close_stream();
}

/* Refused data costs 250 ms, and what comes meanwhile is dropped. */
static void test_a_window_of_full_segments_finds_its_places(void **state)
{
    const unsigned count = PORT_TCP_WND_MIN / PORT_TCP_MSS;
    static char all[PORT_TCP_WND_MIN];
    unsigned got = 0;

    (void)state;
    open_stream();
    send_segments(count, PORT_TCP_MSS, false);
    until(all_acknowledged);
    until(nothing_refused);
    while (got < count * PORT_TCP_MSS) {
        const ssize_t some = lwip_recv(stream.reader, all, sizeof(all), 0);

        assert_true(some > 0);
        got += (unsigned)some;
    }
    assert_int_equal(got, count * PORT_TCP_MSS);
    send_segments(0, 0, true);
    assert_int_equal(lwip_recv(stream.reader, all, sizeof(all), 0), 0);
    close_stream();
}

static bool reader_waits(void)
{
    struct tcp_pcb *pcb = tcp_tw_pcbs;

    while (pcb && pcb->local_port != ECHO_PORT)
        pcb = pcb->next;
    return pcb != NULL;
}

/* lwIP's own closes the connection at the other side's end. */
static err_t hears(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg, (void)pcb, (void)p, (void)err;
    return ERR_OK;
}

/* The reader has ended its own side: the sender's end brings its connection to TIME_WAIT. */
static void open_half_stream(void)
{
    open_stream();
    LOCK_TCPIP_CORE();
    tcp_recv(stream.sender, hears);
    UNLOCK_TCPIP_CORE();
    assert_int_equal(lwip_shutdown(stream.reader, SHUT_WR), 0);
    until(sender_heard_end);
}

static void test_what_was_refused_comes_although_both_sides_have_ended(void **state)
{
    char byte;

    (void)state;
    open_half_stream();
    send_segments(PLACES, 1, false);
    until(all_acknowledged);
    send_segments(1, 1, true);
    until(reader_waits);
    read_bytes(PLACES + 1);
    assert_int_equal(lwip_recv(stream.reader, &byte, 1, 0), 0);
    forget_waiting();
    close_stream();
}

/* The connection's memory is somebody else's by then. */
static void test_a_socket_closed_late_closes_no_other_connection(void **state)
{
    int late;
    char byte;

    (void)state;
    open_half_stream();
    send_segments(0, 0, true);
    until(reader_waits);
    assert_int_equal(lwip_recv(stream.reader, &byte, 1, 0), 0);
    late = stream.reader;
    lwip_close(stream.listener);
    forget_waiting();
    open_stream();
    assert_int_equal(lwip_close(late), 0);
    send_segments(1, 1, false);
    read_bytes(1);
    send_segments(0, 0, true);
    assert_int_equal(lwip_recv(stream.reader, &byte, 1, 0), 0);
    close_stream();
}

#define ECHOES 300u
static unsigned echoed;

static bool all_echoed(void)
{
    return echoed == ECHOES;
}

static err_t takes(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg, (void)err;
    if (p) {
        echoed += p->tot_len;
        tcp_recved(pcb, p->tot_len);
        pbuf_free(p);
    }
    return ERR_OK;
}

/* Two threads with one socket, for ThreadSanitizer: its reader, and lwIP's, which is told that what
 * the reader sent has arrived. */
static void test_a_socket_is_read_while_what_it_sent_is_acknowledged(void **state)
{
    char byte;

    (void)state;
    open_stream();
    LOCK_TCPIP_CORE();
    tcp_recv(stream.sender, takes);
    UNLOCK_TCPIP_CORE();
    for (unsigned i = 0; i < ECHOES; i++) {
        send_segments(1, 1, false);
        assert_int_equal(lwip_recv(stream.reader, &byte, 1, 0), 1);
        assert_int_equal(lwip_send(stream.reader, &byte, 1, 0), 1);
    }
    until(all_echoed);
    send_segments(0, 0, true);
    assert_int_equal(lwip_recv(stream.reader, &byte, 1, 0), 0);
    close_stream();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_reader_far_behind_is_told_of_the_end),
        cmocka_unit_test(test_the_end_behind_refused_data_comes_when_its_place_is_the_last),
        cmocka_unit_test(test_a_reset_after_the_end_wakes_a_reader_far_behind),
        cmocka_unit_test(test_a_window_of_full_segments_finds_its_places),
        cmocka_unit_test(test_what_was_refused_comes_although_both_sides_have_ended),
        cmocka_unit_test(test_a_socket_closed_late_closes_no_other_connection),
        cmocka_unit_test(test_a_socket_is_read_while_what_it_sent_is_acknowledged),
    };

    return cmocka_run_group_tests(tests, start_lwip, NULL);
}
