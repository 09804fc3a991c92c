/* SPDX-License-Identifier: BSD-3-Clause */
/* For tcp_accept(): a connection whose data goes nowhere. */
#ifndef BENCH_DISCARD_H
#define BENCH_DISCARD_H

#include "lwip/tcp.h"

static inline err_t bench_discard_data(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    (void)arg;
    (void)err;
    if (!p)
        return tcp_close(pcb);
    tcp_recved(pcb, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static inline err_t bench_discard(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    if (err == ERR_OK)
        tcp_recv(pcb, bench_discard_data);
    return err;
}

#endif
