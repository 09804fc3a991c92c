/* SPDX-License-Identifier: BSD-3-Clause */
/* What lwIP needs to know about compiler and platform. Options are in lwipopts.h. */
#ifndef PORT_ARCH_CC_H
#define PORT_ARCH_CC_H

#include <endian.h> /* BYTE_ORDER */
#include <stdint.h>

#include "port_log.h"
#include "port_rand.h"
#include "port_sum.h"

#define LWIP_ERRNO_STDINCLUDE 1

#ifdef PORT_THREADS
#include <sys/time.h> /* struct timeval and fd_set are libc's, for lwip_select() too */
typedef int sys_prot_t;
#endif

#define LWIP_RAND() port_rand_u32()

/* lwIP has functions for these two, and calls them fifty times for a segment and its answer. */
#define lwip_htons(x) __builtin_bswap16(x)
#define lwip_htonl(x) __builtin_bswap32(x)
#define LWIP_CHKSUM port_sum

/* lwIP's debug output, off unless LWIP_DEBUG is defined; (x) comes with its own parentheses. */
#define LWIP_PLATFORM_DIAG(x) port_log_debug x

/*
 * Most of lwIP's asserts can only fire by a bug, but not all: a stranger's IPv6 fragments that add
 * up to more than 65495 bytes reach one, and lwIP recovers after it. So an assert never ends the
 * program, in no build: it is counted, and said once per place. Tests look at port_asserts().
 */
#define LWIP_PLATFORM_ASSERT(text)                                                                 \
    do {                                                                                           \
        static int said;                                                                           \
        port_assert_failed(text, __FILE__, __LINE__, &said);                                       \
    } while (0)

#endif
