/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lwIP as a server's stack. Only deviations from lwIP's defaults (lwip/opt.h) stand here, each with
 * its reason; figures in brackets are the defaults.
 */
/* clang-format off */
#ifndef PORT_LWIPOPTS_H
#define PORT_LWIPOPTS_H

#include "port_heap.h"

/* ---- one thread, no operating system; or threads -------------------------------------------- */
#ifdef PORT_THREADS
#include "lwipopts_threads.h"
#else
#define NO_SYS 1              /* [0] one stack per worker thread; nothing to lock */
#define SYS_LIGHTWEIGHT_PROT 0 /* [1] so critical sections protect from nobody */
#define LWIP_NETCONN 0        /* [1] needs threads */
#define LWIP_SOCKET 0         /* [1] needs threads */
#endif

/* ---- memory -------------------------------------------------------------------------------- */
extern unsigned port_connections; /* chosen when a program starts: port_tcp_connections() */
#define PORT_CONNECTIONS_MAX 4000000u
#define MEM_ALIGNMENT 8   /* [1] 64-bit pointers live in pool elements */
#ifndef PORT_THREADS
#define MEMP_MEM_MALLOC 1 /* [0] no arrays: pools are port_memp.c's, each as large as said here */
#define MEM_CUSTOM_ALLOCATOR 1 /* [0] lwIP's heap searches a list; a NIC can send from ours */
#define MEM_CUSTOM_MALLOC port_heap_malloc
#define MEM_CUSTOM_CALLOC port_heap_calloc
#define MEM_CUSTOM_FREE port_heap_free
#define MEMP_NUM_PBUF (32768 + port_connections) /* [16] per segment sent by reference */
#define MEMP_NUM_TCP_PCB port_connections /* [5] run-time, those in TIME_WAIT included */
#define MEMP_NUM_TCP_SEG (65536 + 2 * port_connections) /* [16] two each, and 290 send buffers */
#endif
#define PBUF_POOL_SIZE 8192     /* [16] received data not yet read by programs: 16 MiB */
#define PBUF_POOL_BUFSIZE 2048  /* [1516] a full frame with headroom in one piece */
#define MEMP_NUM_TCP_PCB_LISTEN 64 /* [8] */
#define MEMP_NUM_UDP_PCB 256    /* [4] */
#define MEMP_NUM_SYS_TIMEOUT (LWIP_NUM_SYS_TIMEOUT_INTERNAL + 65) /* [+0] programs', and ours */
#define LWIP_PBUF_REF_T u32_t   /* [u8_t] a body sent to many clients is referenced by each */
#define LWIP_SUPPORT_CUSTOM_PBUF 1 /* [0 without IP_FRAG] pbufs over the receive buffer */
/*
 * [none] How many segments are in this TCP chain, when received (port_hooks.h); how long each shall
 * be, when sent to be cut (port_tcp_large.c). It lies in padding.
 */
#define LWIP_PBUF_CUSTOM_DATA union { u16_t segments; u16_t segment_bytes; };
#define LWIP_PBUF_CUSTOM_DATA_INIT(p) ((p)->segments = 0)
#define NETVSC_NETIF_CHAINS 1 /* the NIC may fill it in */
/* How long these may be, or NULL: two u32_t, in memory the NIC can send from and in any other. */
#define LWIP_NUM_NETIF_CLIENT_DATA 1 /* [0] */
#define PORT_NETIF_LARGE(netif)                                                                    \
    ((const u32_t *)(netif)->client_data[LWIP_NETIF_CLIENT_DATA_INDEX_MAX])
#ifndef PORT_THREADS /* the NIC shows frames before lwIP gets them: port_tcp_ahead.c */
#define NETVSC_NETIF_AHEAD 12u /* so many before */
#define NETVSC_NETIF_SHOW(frame, bytes) ((void)port_tcp_ahead(frame, bytes))
struct tcp_pcb;
const struct tcp_pcb *port_tcp_ahead(const void *frame, unsigned bytes);
#define NETVSC_NETIF_LARGE_SLOT LWIP_NETIF_CLIENT_DATA_INDEX_MAX /* where the NIC says so */
#endif

/* ---- neighbours ---------------------------------------------------------------------------- */
#define ARP_TABLE_SIZE 127        /* [10] peers on the subnet; 127 still fit a byte-sized hint */
#define ARP_QUEUEING 1            /* [0] keep every first packet, not just the last, while asking */
#define MEMP_NUM_ARP_QUEUE 256    /* [30] */
#define LWIP_NETIF_HWADDRHINT 1   /* [0] a connection remembers its table entry */
#define LWIP_ND6_NUM_NEIGHBORS 127    /* [10] as ARP_TABLE_SIZE */
#define LWIP_ND6_NUM_DESTINATIONS 127 /* [10] one per IPv6 peer, or they evict each other */
#define MEMP_NUM_ND6_QUEUE 255    /* [20] as ARP, but lwIP counts them in a byte */

/* ---- IPv4, IPv6 ---------------------------------------------------------------------------- */
#define LWIP_IPV6 1                /* [0] */
#define LWIP_IPV6_NUM_ADDRESSES 4  /* [3] link-local, a static one, two prefixes by SLAAC */
#define MEMP_NUM_MLD6_GROUP 16     /* [4] a solicited-node group per address, and programs' own */
#define IPV6_FRAG_COPYHEADER 1     /* [0] its notes, with 64-bit pointers, outgrow the header */
#define LWIP_IGMP 1                /* [0] multicast receivers */
#define MEMP_NUM_IGMP_GROUP 16     /* [8] */
#define LWIP_DHCP 1                /* [0] */
#define LWIP_DHCP_DOES_ACD_CHECK 0 /* [1] probing costs seconds; the fabric owns addresses */
#define LWIP_ACD 1                 /* [0] is a static address somebody's already? */
#define LWIP_DNS 1                 /* [0] */
#define IP_REASS_MAX_PBUFS 512     /* [10] eight datagrams of 64 KB; more would feed a flood */
#define MEMP_NUM_REASSDATA 64      /* [5] datagrams being put together */
#define MEMP_NUM_FRAG_PBUF 1024    /* [15] fragments waiting to leave; 46 per 64 KB datagram */

/* ---- TCP ----------------------------------------------------------------------------------- */
/*
 * Window and send buffer are chosen when a program starts (port_tcp_sizes()), which lwIP does not
 * foresee: it checks them with #if. The preprocessor takes a name it does not know for 0, so the
 * checks see the smallest size and the code sees the chosen one. Bounds: PORT_TCP_*_MIN/MAX.
 */
extern unsigned port_tcp_wnd_above, port_tcp_snd_buf_above; /* bytes above the minimum */
#define PORT_TCP_WND_MIN 16384u
#define PORT_TCP_WND_MAX 4194240u /* 65535 << TCP_RCV_SCALE */
#define PORT_TCP_SND_BUF_MIN 17920u /* two segments */
#define PORT_TCP_SND_BUF_MAX 4194240u
#define TCP_WND (PORT_TCP_WND_MIN + port_tcp_wnd_above)             /* [5840] run-time, 256 KiB */
#define TCP_SND_BUF (PORT_TCP_SND_BUF_MIN + port_tcp_snd_buf_above) /* [2920] run-time, 320 KiB */
/*
 * A segment is as long as the interface's MTU and the peer allow. TCP_MSS is the most, for jumbo
 * frames; what counts in segments must do for PORT_TCP_MSS, those of an MTU of 1500.
 */
#define TCP_MSS 8960               /* [536] MTU 9000 */
#define PORT_TCP_MSS 1460u
#define TCP_SND_QUEUELEN (4 * TCP_SND_BUF / PORT_TCP_MSS + 1) /* [by TCP_MSS] */
#define TCP_OVERSIZE PORT_TCP_MSS  /* [TCP_MSS] what a small write takes beyond its bytes */
#define TCP_WND_UPDATE_THRESHOLD   /* [4 TCP_MSS] asked for where (pcb) is the connection */       \
    LWIP_MIN(TCP_WND / 4, 4u * LWIP_MAX(pcb->mss, PORT_TCP_MSS))
#define TCP_SNDLOWAT (2 * PORT_TCP_MSS + 1) /* [SND_BUF / 2] sockets only, must fit 16 bits */
#define LWIP_WND_SCALE 1           /* [0] windows above 64 KB */
#define TCP_RCV_SCALE 6            /* [0] up to 4 MiB in steps of 64 bytes */
#define TCP_LISTEN_BACKLOG 1       /* [0] half-open connections must not take all pcbs */
#define LWIP_TCP_SACK_OUT 1        /* [0] peers resend only what was lost */
#define LWIP_TCP_MAX_SACK_NUM 2    /* [4] 8 bytes each per connection; peers add up what they see */
#define TCP_OOSEQ_MAX_PBUFS 1024   /* [0 = no limit] one-byte segments must not eat the pool */
#define LWIP_TCP_KEEPALIVE 1       /* [0] servers set their own intervals */
#ifndef TCP_SLOW_INTERVAL          /* lwip_threads and the benchmarks' peer have lwIP's own */
#define TCP_SLOW_INTERVAL 10       /* [500] ms per tick of its clock: port_tcp_timer.c */
#endif
#define TCP_SYNMAXRTX 8            /* [6] tries, 183 s in all; RFC 1122, 4.2.3.5, asks for 180 */
#define LWIP_TCP_RTO_TIME 1000     /* [3000] ms until the first SYN is sent again (RFC 6298) */
#define LWIP_HOOK_FILENAME "port_hooks.h" /* keyed initial sequence numbers */

/* ---- interfaces ---------------------------------------------------------------------------- */
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1 /* [0] a NIC that checks sums is not checked again */
#define LWIP_NETIF_HOSTNAME 1          /* [0] sent with DHCP */
#define LWIP_NETIF_STATUS_CALLBACK 1   /* [0] programs print the address they got */
#define LWIP_NETIF_LINK_CALLBACK 1     /* [0] the link-local address follows the MAC */

/* ---- counting ------------------------------------------------------------------------------ */
#define LWIP_STATS_LARGE 1 /* [0] 16-bit counters wrap within a second */
#define MEMP_STATS 1       /* [0 with MEMP_MEM_MALLOC] how full the pools are */
#define LWIP_STATS_DISPLAY 1 /* [0] pools have names: --stats says which one ran out */
#define MEM_STATS 0        /* [1] libc counts its own */

#endif
