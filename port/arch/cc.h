/* SPDX-License-Identifier: BSD-3-Clause */
/* What lwIP needs to know about compiler and platform. Options are in lwipopts.h. */
#ifndef PORT_ARCH_CC_H
#define PORT_ARCH_CC_H

#include <endian.h> /* BYTE_ORDER */
#include <stdint.h>

#include "port_log.h"
#include "port_rand.h"

#define LWIP_ERRNO_STDINCLUDE 1

#define LWIP_RAND() port_rand_u32()

/* lwIP's debug output, off unless LWIP_DEBUG is defined; (x) comes with its own parentheses. */
#define LWIP_PLATFORM_DIAG(x) port_log_debug x

/*
 * lwIP asserts on its own state, never on what a frame says; one that fires is a bug of ours or of
 * lwIP. While developing we want the core dump. A server in service is better off limping than dead
 * for all its other connections: it says so once per place and goes on, as lwIP built with LWIP_NOASSERT would.
 */
#define LWIP_PLATFORM_ASSERT(text)                                                                 \
    do {                                                                                           \
        static int said;                                                                           \
        port_assert_failed(text, __FILE__, __LINE__, &said);                                       \
    } while (0)

#endif
