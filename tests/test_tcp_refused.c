/* SPDX-License-Identifier: BSD-3-Clause */
/* A program that refuses data after it has ended its own side. */
#include "check.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "port_tcp.h"
#include "tcp_peer.h"

static err_t refuses(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)pcb;
    (void)p;
    (void)err;
    return ERR_MEM;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    tcp_recv(pcb, refuses);
    return err;
}

/* Acknowledgement of our FIN, data and the other side's FIN in one: straight to TIME_WAIT. */
static void what_was_refused_is_freed_with_the_connection(void **state)
{
    struct tcp_peer_segment s;

    (void)state;
    tcp_peer_connect(2000);
    assert_int_equal(tcp_shutdown(tcp_active_pcbs, 0, 1), ERR_OK);
    s = tcp_peer_next(tcp_active_pcbs, TCP_ACK | TCP_PSH | TCP_FIN, 100);
    tcp_peer_send(&s);
    assert_null(tcp_active_pcbs);
    assert_non_null(tcp_tw_pcbs);
    assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 1);
    tcp_abort(tcp_tw_pcbs);
    assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 0);
}

static int start(void **state)
{
    (void)state;
    lwip_init();
    return tcp_peer_start() ? tcp_peer_listen(on_accept) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_refused_is_freed_with_the_connection),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
