/* SPDX-License-Identifier: BSD-3-Clause */
/* The Internet checksum, for lwIP (LWIP_CHKSUM in arch/cc.h). */
#ifndef PORT_SUM_H
#define PORT_SUM_H

#include <stdint.h>

/*
 * The sum of (bytes) of (data) as 16-bit words in memory order, folded, not complemented. The last
 * byte of an odd length counts as the first of a word. Any alignment.
 */
uint16_t port_sum(const void *data, int bytes);

#endif
