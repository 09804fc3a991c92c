/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Included by the compiler before the first line of lwIP's tcp_in.c. Its search through the lists
 * of connections begins at the one the segment belongs to, or at none: lwip_tcp_input() is called
 * by our tcp_input(), which has looked it up.
 *
 * The names stand for the lists in two more places, where tcp_in.c passes their addresses to
 * TCP_REG and tcp_pcb_remove(). What these do does not depend on it, see lwip_tcp.h.
 */
#ifndef LWIP_TCP_IN_H
#define LWIP_TCP_IN_H

#include "lwip_tcp.h"
#include "lwip_tcp_in_both.h"

#define tcp_input lwip_tcp_input
#define tcp_active_pcbs port_tcp_hit
#define tcp_tw_pcbs port_tcp_hit_tw

#endif
