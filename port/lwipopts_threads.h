/* SPDX-License-Identifier: BSD-3-Clause */
/* lwipopts.h where lwIP runs with threads and has sockets: see cmake/threads.cmake. */
/* clang-format off */
#ifndef PORT_LWIPOPTS_THREADS_H
#define PORT_LWIPOPTS_THREADS_H

#define NO_SYS 0              /* sockets and netconns; all of lwIP under one lock */
#define LWIP_TCPIP_CORE_LOCKING 1 /* [1] the thread that polls the NIC takes it for a batch */
#define LWIP_SO_RCVTIMEO 1    /* [0] what programs with sockets expect to work, */
#define LWIP_SO_SNDTIMEO 1    /* [0] this, */
#define SO_REUSE 1            /* [0] and this */
#define LWIP_TIMEVAL_PRIVATE 0 /* [1] libc has struct timeval */
#define LWIP_COMPAT_SOCKETS 0 /* [1] lwip_socket() is lwIP's, socket() stays the kernel's */
#define LWIP_POSIX_SOCKETS_IO_NAMES 0 /* [1] so does read() */
#define MEMP_NUM_NETCONN 1024 /* [4] sockets, as many as fit an fd_set */
#define MEMP_NUM_NETBUF 4096  /* [2] datagrams waiting in sockets */
#define MEMP_NUM_TCPIP_MSG_API 256 /* [8] calls waiting for lwIP's thread */
#define MEMP_NUM_TCPIP_MSG_INPKT 256 /* [8] used by lwIP's loop interface only */
#define TCPIP_MBOX_SIZE 128   /* [0] places in the mailbox of lwIP's thread */
#define DEFAULT_ACCEPTMBOX_SIZE 128 /* [0] connections waiting for accept() */
#define DEFAULT_TCP_RECVMBOX_SIZE ((int)(2 * TCP_WND / PORT_TCP_MSS)) /* [0] segments: more */
                              /* than a window of full ones, for a full mailbox costs 250 ms */
#define DEFAULT_UDP_RECVMBOX_SIZE 128 /* [0] datagrams */
#define DEFAULT_RAW_RECVMBOX_SIZE 128 /* [0] packets */
#define SYS_STATS 0           /* [1] mailboxes and so on, counted without a lock */

/* lwIP's own pools, which it locks: arrays, of sizes that do not change. */
#define MEMP_NUM_PBUF 32768    /* [16] one per segment sent by reference */
#define MEMP_NUM_TCP_PCB 1024  /* [5] connections */
#define MEMP_NUM_TCP_SEG 65535 /* [16] the most such a pool can count */
#define MEM_LIBC_MALLOC 1      /* [0] libc's heap has locks, port_heap.c has none */

#endif
