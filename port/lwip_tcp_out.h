/* SPDX-License-Identifier: BSD-3-Clause */
/* Included by the compiler before the first line of lwIP's tcp_out.c: the two functions that walk
 * get other names, and port_tcp_out.c has the ones programs call. */
#ifndef LWIP_TCP_OUT_H
#define LWIP_TCP_OUT_H

#include "lwip/opt.h"
#include "lwip/priv/tcp_priv.h"
#include "port_tcp_table.h"

#define tcp_output lwip_tcp_output
#define tcp_write lwip_tcp_write

#endif
