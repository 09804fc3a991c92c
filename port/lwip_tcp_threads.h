/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Included by the compiler before the first line of lwIP's tcp.c, tcp_in.c and tcp_out.c where lwIP
 * runs with threads (cmake/threads.cmake): what is between lwIP's input and output is in
 * port_tcp_threads.c. Each of the two calls the other's function by its own name, which is ours.
 */
#ifndef LWIP_TCP_THREADS_H
#define LWIP_TCP_THREADS_H

#include "lwip/opt.h"

#include "lwip/memp.h"
#include "lwip/priv/tcp_priv.h"
#include "port_tcp_ends.h"
#include "port_tcp_loss.h"
#include "port_tcp_table.h"

#ifdef PORT_LWIP_TCP
#define tcp_tmr lwip_tcp_tmr
#define tcp_rexmit_rto_prepare port_tcp_timeout_begin
#define tcp_rexmit_rto_commit port_tcp_rexmit_threads
#define tcp_zero_window_probe port_tcp_window_probe
#define tcp_split_unsent_seg port_tcp_split_unsent
#define memp_free(type, mem) PORT_TCP_MEMP_FREE(type, mem)
#endif
#ifdef PORT_LWIP_TCP_IN
#include "lwip_tcp_in_both.h"
#define tcp_input lwip_tcp_input
#define tcp_rexmit_fast port_tcp_rexmit_fast
#endif
#ifdef PORT_LWIP_TCP_OUT
#define tcp_output lwip_tcp_output
#endif

#endif
