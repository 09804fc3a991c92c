/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Included by the compiler before the first line of lwIP's tcp_out.c: the two functions that walk
 * get other names, and port_tcp_out.c has the ones programs call. Around its calls of IP, both in
 * functions with a connection called (pcb), the netif's MTU may be hidden (port_tcp_large.c).
 */
#ifndef LWIP_TCP_OUT_H
#define LWIP_TCP_OUT_H

#include "lwip/opt.h"

#include "lwip/ip.h"
#include "lwip/pbuf.h"
#include "lwip/priv/tcp_priv.h"
#include "port_tcp_table.h"

#define tcp_output lwip_tcp_output
#define tcp_write lwip_tcp_write

/* What a program gave away need not be allocated, nor copied onto itself. */
#define pbuf_alloc port_tcp_pbuf_alloc
#undef MEMCPY
#define MEMCPY(to, from, bytes)                                                                    \
    ((const void *)(to) == (const void *)(from) ? (void)0 : (void)memcpy(to, from, bytes))

#undef ip_output_if
#define ip_output_if(p, src, dest, ttl, tos, proto, netif)                                         \
    (port_tcp_ip_begin(pcb, p, netif),                                                             \
     port_tcp_ip_end(                                                                              \
         netif, IP_IS_V6(dest)                                                                     \
                    ? ip6_output_if(p, ip_2_ip6(src), ip_2_ip6(dest), ttl, tos, proto, netif)      \
                    : ip4_output_if(p, ip_2_ip4(src), ip_2_ip4(dest), ttl, tos, proto, netif)))

#endif
