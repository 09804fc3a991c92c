/* SPDX-License-Identifier: BSD-3-Clause */
/* How large lwIP's TCP windows are (small ones starve long paths), and how many connections
 * there can be. */
#ifndef PORT_TCP_H
#define PORT_TCP_H

#include <stdint.h>

#include "lwip/err.h"

struct pbuf;
struct tcp_pcb;

#define PORT_TCP_WND_DEFAULT (256u * 1024)     /* costs us nothing: the sender keeps the data */
#define PORT_TCP_SND_BUF_DEFAULT (320u * 1024) /* five of the longest segments */

/*
 * Receive window and send buffer of every connection from now on; call before lwip_init(). 0 =
 * default. -ERANGE outside PORT_TCP_*_MIN..MAX of lwipopts.h; nothing changes.
 */
int port_tcp_sizes(uint32_t wnd_bytes, uint32_t snd_buf_bytes);

/*
 * The longest segment tcp_write() makes now: a multiple of tcp_mss(), and that
 * itself where no NIC cuts segments. Programs that write so much at a time are served best.
 */
uint16_t port_tcp_large(const struct tcp_pcb *pcb);

/*
 * tcp_write() of (p), one piece of PBUF_RAM for PBUF_TRANSPORT and no longer than port_tcp_large():
 * it is sent without a copy unless earlier data needs filling up. (p) is gone, whatever is
 * returned.
 */
err_t port_tcp_write_buffer(struct tcp_pcb *pcb, struct pbuf *p, uint8_t flags);

struct port_tcp_lent {
    const void *data;
    uint16_t len_bytes;
    uint32_t *loans; /* of how many pieces TCP, or the NIC, still reads */
};

/*
 * tcp_write() of memory that stays the caller's and is not copied, if the NIC can send from it
 * (port_heap_apart()). It must stay as it is, and (loans) where it is, until that is 0 again:
 * acknowledged, or the connection reset, and the NIC done with it. What lies behind it in memory
 * must be under the same count. As tcp_write().
 */
err_t port_tcp_write_lent(struct tcp_pcb *pcb, const struct port_tcp_lent *what, uint8_t flags);

#define PORT_CONNECTIONS_DEFAULT 16384u

/*
 * At most (count) connections at a time, those in TIME_WAIT included; call before lwip_init(). 0 =
 * default. Each costs up to 320 bytes once it exists, and what it has in its buffers. -ERANGE above
 * PORT_CONNECTIONS_MAX; nothing changes.
 */
int port_tcp_connections(uint32_t count);

#endif
