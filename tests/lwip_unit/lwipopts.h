/* SPDX-License-Identifier: BSD-3-Clause */
/* Our options, but for what lwIP's own tests count with: see test/unit/lwipopts.h there. */
#ifndef LWIP_UNIT_LWIPOPTS_H
#define LWIP_UNIT_LWIPOPTS_H

#include_next <lwipopts.h> /* in port/ */

#define LWIP_TESTMODE 1

#undef TCP_SND_BUF
#undef TCP_WND
#undef TCP_RCV_SCALE
#undef TCP_MSS
#undef TCP_SND_QUEUELEN
#undef TCP_OVERSIZE
#undef TCP_WND_UPDATE_THRESHOLD
#undef MEMP_NUM_TCP_SEG
#undef TCP_SLOW_INTERVAL /* its timers are called by hand, as often as lwIP calls them */
#undef LWIP_TCP_RTO_TIME
#undef LWIP_HOOK_FILENAME /* initial sequence numbers are expected by value */
#undef PBUF_POOL_SIZE
#define TCP_MSS 536
#define TCP_SND_QUEUELEN 40
#define MEMP_NUM_TCP_SEG TCP_SND_QUEUELEN
#define TCP_SND_BUF (12 * TCP_MSS)
#define TCP_WND (10 * TCP_MSS)
#define TCP_RCV_SCALE 0
#define PBUF_POOL_SIZE 400

#endif
