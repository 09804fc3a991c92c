/* SPDX-License-Identifier: BSD-3-Clause */
/* A program that ends its connection when told that what it sent has arrived. */
#include "check.h"
#include "lwip/init.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"
#include "port_tcp.h"
#include "tcp_peer.h"

static err_t (*end)(struct tcp_pcb *pcb);

static err_t aborts(struct tcp_pcb *pcb)
{
    tcp_abort(pcb);
    return ERR_ABRT;
}

static err_t closes(struct tcp_pcb *pcb)
{
    tcp_sent(pcb, NULL);
    return tcp_close(pcb);
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t bytes)
{
    (void)arg;
    (void)bytes;
    return end(pcb);
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    tcp_sent(pcb, on_sent);
    return err;
}

/* The acknowledgement brings the next request with it, as of any client that pipelines. */
static void data_that_comes_with_the_acknowledgement_is_freed(void **state)
{
    static err_t (*const ends[])(struct tcp_pcb *) = {aborts, closes};
    struct tcp_peer_segment s;

    (void)state;
    for (u16_t i = 0; i < countof(ends); i++) {
        end = ends[i];
        tcp_peer_connect((u16_t)(2000 + i));
        assert_int_equal(tcp_write(tcp_active_pcbs, "answer", 6, TCP_WRITE_FLAG_COPY), ERR_OK);
        tcp_output(tcp_active_pcbs);
        s = tcp_peer_next(tcp_active_pcbs, TCP_ACK | TCP_PSH, 100);
        tcp_peer_send(&s);
        assert_null(tcp_active_pcbs);
        assert_int_equal(lwip_stats.memp[MEMP_PBUF_POOL]->used, 0);
        assert_int_equal(lwip_stats.memp[MEMP_TCP_SEG]->used, 0);
    }
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
        cmocka_unit_test(data_that_comes_with_the_acknowledgement_is_freed),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
