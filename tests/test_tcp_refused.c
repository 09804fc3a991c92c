/* SPDX-License-Identifier: BSD-3-Clause */
/* A program that refuses data after it has ended its own side, while the other side ends, too. */
#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "lwip/timeouts.h"
#include "port_clock.h"
#include "port_tcp.h"
#include "tcp_peer.h"

#define CLIENT_PORT 2000
#define DATA_BYTES 100u
#define BETWEEN_OFFERS_MS 1000u /* lwIP: 250, 500 with threads; its clock has ticks */
#define TIME_WAIT_MS (2u * TCP_MSL)

static struct {
    struct tcp_pcb *pcb;
    bool takes;
    bool closes; /* when told of the end */
    unsigned bytes, ends, errors;
    err_t error;
} program;

static uint64_t now_ns;

static uint64_t virtual_clock(void *ctx)
{
    (void)ctx;
    return now_ns;
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (p && !program.takes)
        return ERR_MEM;
    if (p) {
        program.bytes += p->tot_len;
        tcp_recved(pcb, p->tot_len);
        pbuf_free(p);
        return ERR_OK;
    }
    program.ends++;
    return program.closes ? tcp_close(pcb) : ERR_OK;
}

static void on_error(void *arg, err_t err)
{
    assert_ptr_equal(arg, &program);
    program.errors++;
    program.error = err;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    program.pcb = pcb;
    tcp_arg(pcb, &program);
    tcp_recv(pcb, on_recv);
    tcp_err(pcb, on_error);
    return err;
}

static void pass(unsigned ms)
{
    for (; ms >= 10; ms -= 10) {
        now_ns += 10 * PORT_NS_PER_MS;
        sys_check_timeouts();
    }
}

static void receive(u8_t flags, u16_t data_bytes, u32_t not_acked)
{
    struct tcp_peer_segment s = tcp_peer_next(program.pcb, flags, data_bytes);

    s.ack -= not_acked;
    tcp_peer_send(&s);
}

static void shut(void)
{
    assert_int_equal(tcp_shutdown(program.pcb, 0, 1), ERR_OK);
}

/* ---- the ways there: each ends with data and the end refused, the connection in TIME_WAIT ---- */

static void from_fin_wait_1(void)
{
    shut();
    receive(TCP_ACK | TCP_PSH | TCP_FIN, DATA_BYTES, 0);
}

static void from_fin_wait_2(void)
{
    shut();
    receive(TCP_ACK, 0, 0);
    receive(TCP_ACK | TCP_PSH | TCP_FIN, DATA_BYTES, 0);
}

static void from_closing(void)
{
    shut();
    receive(TCP_ACK | TCP_PSH | TCP_FIN, DATA_BYTES, 1);
    assert_int_equal(program.pcb->state, CLOSING);
    receive(TCP_ACK, 0, 0);
}

static void from_last_ack(void)
{
    receive(TCP_ACK | TCP_PSH | TCP_FIN, DATA_BYTES, 0);
    shut();
    receive(TCP_ACK, 0, 0);
}

static void (*const ways[])(void) = {from_fin_wait_1, from_fin_wait_2, from_closing, from_last_ack};

static void begin(unsigned way)
{
    memset(&program, 0, sizeof(program));
    tcp_peer_connect(CLIENT_PORT);
    ways[way]();
    assert_null(tcp_active_pcbs);
    assert_ptr_equal(tcp_tw_pcbs, program.pcb);
    assert_int_equal(program.bytes + program.ends + program.errors, 0);
    assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 1);
}

static void nothing_is_left(void)
{
    while (tcp_tw_pcbs)
        tcp_abort(tcp_tw_pcbs);
    assert_null(tcp_active_pcbs);
    assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 0);
    assert_int_equal(lwip_stats.memp[MEMP_TCP_PCB]->used, 0);
}

/* ---- the tests ------------------------------------------------------------------------------- */

static void what_was_refused_comes_in_time_wait_and_then_the_end(void **state)
{
    (void)state;
    for (unsigned way = 0; way < countof(ways); way++) {
        begin(way);
        pass(BETWEEN_OFFERS_MS);
        assert_int_equal(program.bytes + program.ends + program.errors, 0);
        program.takes = true;
        pass(BETWEEN_OFFERS_MS);
        assert_int_equal(program.bytes, DATA_BYTES);
        assert_int_equal(program.ends, 1);
        assert_int_equal(program.errors, 1); /* not to use it any more */
        assert_int_equal(program.error, ERR_CLSD);
        nothing_is_left();
        assert_int_equal(program.errors, 1);
    }
}

static void a_program_that_takes_it_after_two_minutes_still_gets_it(void **state)
{
    (void)state;
    for (unsigned way = 0; way < countof(ways); way++) {
        begin(way);
        pass(2 * TIME_WAIT_MS);
        program.takes = true;
        pass(BETWEEN_OFFERS_MS);
        assert_int_equal(program.bytes, DATA_BYTES);
        assert_int_equal(program.ends, 1);
        assert_non_null(tcp_tw_pcbs);
        pass(TIME_WAIT_MS + BETWEEN_OFFERS_MS);
        assert_null(tcp_tw_pcbs);
        nothing_is_left();
    }
}

static void a_program_that_closes_it_then_is_told_nothing_more(void **state)
{
    (void)state;
    for (unsigned way = 0; way < countof(ways); way++) {
        begin(way);
        program.takes = program.closes = true;
        pass(BETWEEN_OFFERS_MS);
        assert_int_equal(program.ends, 1);
        nothing_is_left();
        assert_int_equal(program.errors, 0);
    }
}

static void a_program_that_closes_it_before_is_offered_nothing_more(void **state)
{
    (void)state;
    for (unsigned way = 0; way < countof(ways); way++) {
        begin(way);
        tcp_recv(program.pcb, NULL);
        assert_int_equal(tcp_close(program.pcb), ERR_OK);
        pass(BETWEEN_OFFERS_MS);
        assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 0);
        nothing_is_left();
        assert_int_equal(program.bytes + program.ends + program.errors, 0);
    }
}

/* As when connections are short. */
static void who_has_not_heard_all_is_told_when_the_connection_is_given_up(void **state)
{
    (void)state;
    for (unsigned way = 0; way < countof(ways); way++) {
        begin(way);
        tcp_abort(tcp_tw_pcbs);
        assert_int_equal(program.errors, 1);
        assert_int_equal(program.error, ERR_ABRT);
        nothing_is_left();
    }
}

static void a_client_from_the_same_port_does_not_take_its_place(void **state)
{
    struct tcp_pcb *pcb;
    struct tcp_peer_segment s;

    (void)state;
    begin(0);
    pcb = tcp_tw_pcbs;
    s = tcp_peer_next(pcb, TCP_SYN, 0);
    s.seq += 100000;
    tcp_peer_send(&s);
    assert_ptr_equal(tcp_tw_pcbs, pcb);
    assert_null(tcp_active_pcbs);
    program.takes = true;
    pass(BETWEEN_OFFERS_MS);
    assert_int_equal(program.bytes, DATA_BYTES);
    nothing_is_left();
}

/* Or what it does with the connection later is done to somebody else's. */
static void a_program_that_took_all_is_told_that_the_connection_is_over(void **state)
{
    (void)state;
    for (unsigned way = 0; way + 1 < countof(ways); way++) {
        memset(&program, 0, sizeof(program));
        program.takes = true;
        tcp_peer_connect(CLIENT_PORT);
        ways[way]();
        assert_int_equal(program.bytes, DATA_BYTES);
        assert_int_equal(program.ends, 1);
        assert_int_equal(program.errors, 1);
        assert_int_equal(program.error, ERR_CLSD);
        receive(TCP_ACK | TCP_FIN, 0, 0); /* again: once is enough */
        assert_int_equal(program.errors, 1);
        nothing_is_left();
    }
}

static int start(void **state)
{
    (void)state;
    port_clock_source(virtual_clock, NULL);
    lwip_init();
    return tcp_peer_start() ? tcp_peer_listen(on_accept) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_refused_comes_in_time_wait_and_then_the_end),
        cmocka_unit_test(a_program_that_takes_it_after_two_minutes_still_gets_it),
        cmocka_unit_test(a_program_that_closes_it_then_is_told_nothing_more),
        cmocka_unit_test(a_program_that_closes_it_before_is_offered_nothing_more),
        cmocka_unit_test(who_has_not_heard_all_is_told_when_the_connection_is_given_up),
        cmocka_unit_test(a_client_from_the_same_port_does_not_take_its_place),
        cmocka_unit_test(a_program_that_took_all_is_told_that_the_connection_is_over),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
