/* SPDX-License-Identifier: BSD-3-Clause */
/* The far end of lwIP's connections: segments made by hand, and what lwIP sends thrown away or
 * looked at. */
#ifndef TCP_PEER_H
#define TCP_PEER_H

#include "lwip/ip_addr.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/prot/tcp.h"
#include "lwip/tcp.h"

struct tcp_peer_segment {
    ip_addr_t from, to; /* of one IP version */
    u16_t from_port, to_port;
    u32_t seq, ack;
    u8_t flags;
    u16_t wnd;
    u16_t data_bytes; /* zeros */
    const u8_t *options;
    u16_t option_bytes; /* a multiple of 4 */
};

/* lwip_init() is the caller's. An interface 10.0.0.1/8 and fd00::1 with nothing behind it. */
struct netif *tcp_peer_start(void);

/* Each TCP segment lwIP sends, from its TCP header on; NULL = nobody looks. */
extern void (*tcp_peer_sees)(const struct tcp_hdr *head, u16_t bytes);

/* A program on TCP_PEER_PORT, and a connection to it from (from_port) of 10.0.0.2. 0 or -1. */
#define TCP_PEER_PORT 80
int tcp_peer_listen(tcp_accept_fn accept);
void tcp_peer_connect(u16_t from_port);

/* What lwIP receives now, on (tcp_peer_on) or, if that is NULL, on that interface. */
extern struct netif *tcp_peer_on;
void tcp_peer_send(const struct tcp_peer_segment *s);

/* A SACK option of one block, as (options): (from) to (to), sequence numbers. */
#define TCP_PEER_SACK_BYTES 12
void tcp_peer_sack(u8_t options[TCP_PEER_SACK_BYTES], u32_t from, u32_t to);

/* The next segment of the far end of (pcb), acknowledging everything sent. */
struct tcp_peer_segment tcp_peer_next(const struct tcp_pcb *pcb, u8_t flags, u16_t data_bytes);

#endif
