/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Included by the compiler before the first line of lwIP's files with sockets and netconns
 * (cmake/threads.cmake). The flags of a netconn are changed by its program's thread and by the one
 * that polls the NIC: lwIP 2.2.1 clears one at each acknowledgement (room to write), while a reader
 * notes that the end of the stream came behind the data it returns with. One of the two could get
 * lost, and with it the end: the reader waits for ever. So they are atomic here.
 */
#ifndef LWIP_API_THREADS_H
#define LWIP_API_THREADS_H

#include "lwip/opt.h"

/* All that its header includes, so that only the netconn's own flags are meant. */
#include "lwip/arch.h"
#include "lwip/err.h"
#include "lwip/ip_addr.h"
#include "lwip/netbuf.h"
#include "lwip/sys.h"

#define flags _Atomic flags
#include "lwip/api.h"
#undef flags

_Static_assert(sizeof(((struct netconn *)0)->flags) == 1, "where other files have it, too");

#undef netconn_set_flags
#undef netconn_clear_flags
#define netconn_set_flags(conn, some) ((void)((conn)->flags |= (u8_t)(some)))
#define netconn_clear_flags(conn, some) ((void)((conn)->flags &= (u8_t) ~(some)))

#endif
