/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The NIC as an lwIP network interface. Received frames become pbuf chains handed to netif->input;
 * linkoutput takes any pbuf chain. What the NIC cannot take at once waits in a bounded backlog that
 * holds a reference to the pbuf (nothing is copied twice) and is drained by netvsc_netif_poll().
 *
 * Consecutive segments of a TCP connection come to lwIP as one chain: put together by the host
 * (config.rx_rsc) or here (config.rx_gro). lwIP would acknowledge every second chain only, so this
 * needs its help: lwipopts.h defines NETVSC_NETIF_CHAINS 1, gives pbufs a member u16_t segments and
 * a hook that looks at it (port/port_hooks.h does). Without that, and where lwIP forwards, neither
 * is done.
 *
 * Where lwipopts.h defines NETVSC_NETIF_SHOW(frame, bytes), each frame of a batch is shown to it
 * NETVSC_NETIF_AHEAD frames before lwIP gets it, so that memory can be asked for in time
 * (port/port_tcp_ahead.c does); behind the last come as many NULLs. Both are memory the host may
 * write to: read once, believe nothing.
 *
 * Segments longer than the MTU allows are cut by the host (LSO). lwIP makes none by itself; where a
 * TCP does (port/port_tcp_large.c), lwipopts.h defines NETVSC_NETIF_LARGE_SLOT, a place in
 * netif->client_data that shall point at two u32_t, how long they may be: in config.memory, and
 * elsewhere. A pbuf's member u16_t segment_bytes says how long the pieces shall be, 0 for all else.
 */
#ifndef NETVSC_NETIF_H
#define NETVSC_NETIF_H

#include <stdbool.h>
#include <stdint.h>

#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "netvsc_gather.h"

#ifndef NETVSC_NETIF_CHAINS
#define NETVSC_NETIF_CHAINS 0
#endif

#define NETVSC_NETIF_BACKLOG 1024u /* pbuf chains; a power of two */

/* X(name, help): what lwIP's side of the NIC counts. */
#define NETVSC_NETIF_STATS(X)                                                                      \
    X(rx_input, "frames lwIP took")                                                                \
    X(rx_drop_pbuf, "frames dropped: no pbuf free")                                                \
    X(rx_drop_input, "frames lwIP's input refused")                                                \
    X(rx_zerocopy, "frames handed to lwIP where the host wrote them, but for their headers")       \
    X(rx_copied, "frames copied: short ones, and all while too many are lent")                     \
    X(rx_csum_spared, "frames whose TCP or UDP sum lwIP did not check again: the host had")        \
    X(rx_drop_csum, "frames dropped: the host found an IP, TCP or UDP sum wrong")                  \
    X(rx_csum_disagree, "verdicts of the host that were wrong (mode verify)")                      \
    X(rx_gro_chains, "chains of TCP segments put together here, not by the host")                  \
    X(rx_gro_segments, "segments in them")                                                         \
    X(rx_above_stack, "frames longer than a pbuf chain can say (65535)")                           \
    X(tx_csum_differs, "sums of lwIP's that tx_csum = verify found wrong")                         \
    X(tx_bursts, "packets put together from segments, for the host to cut")                        \
    X(tx_burst_segments, "segments in them")                                                       \
    X(tx_large, "segments longer than the wire takes, for the host to cut")                        \
    X(tx_large_pieces, "segments they make")                                                       \
    X(tx_held, "chains left where they are until the host has read them")                          \
    X(tx_linearised, "long chains copied into one piece: over 32 pages, or not in the heap")       \
    X(tx_drop_heap, "chains refused with ERR_MEM: no room in the heap for such a copy")            \
    X(tx_queued, "chains that had to wait in the backlog")                                         \
    X(tx_drop_backlog, "chains refused with ERR_MEM: backlog full or no memory to copy")           \
    X(tx_drop_size, "chains refused with ERR_VAL: longer than the MTU allows, or empty")           \
    X(tx_drop_down, "chains refused or dropped: the NIC is not up")

struct netvsc_netif_stats {
#define X(name, help) uint64_t name;
    NETVSC_NETIF_STATS(X)
#undef X
};

#define NETVSC_NETIF_GROUPS 40u /* more than a host is told of */

struct netvsc_netif_group {
    uint8_t mac[6];
    unsigned uses; /* groups of lwIP's with this address; 0 = free */
};

#define NETVSC_NETIF_HEAD_BYTES 114u /* Ethernet, IPv6, TCP with all its options */

/* Segments of one connection being put together; see netvsc_netif_burst.c. */
struct netvsc_netif_burst {
    bool open;
    uint8_t flags; /* of the last segment */
    uint32_t head_bytes, mss_bytes, bytes, bytes_max;
    uint32_t segments, next_seq;
    uint32_t copy_max; /* of the bytes, before segments are left in place */
    struct netvsc_tx_meta meta;
    struct netvsc_gather g;                /* g.slot alone if no segment can be left in place */
    struct netvsc_netif_held *held;        /* those that are; NULL: none yet */
    uint8_t head[NETVSC_NETIF_HEAD_BYTES]; /* what is the same in all of them */
};

#define NETVSC_NETIF_HELD 1024u      /* packets with memory of lwIP's on their way */
#define NETVSC_NETIF_HELD_CHAINS 48u /* in each: 64 KB of 1460-byte segments, which may adjoin */

/* pbuf chains one packet is read from; see netvsc_netif_place.c. */
struct netvsc_netif_held {
    struct netvsc_netif_held *next;
    unsigned count;
    struct pbuf *p[NETVSC_NETIF_HELD_CHAINS];
};

struct netvsc_netif {
    struct netif netif; /* lwIP's; first, so that a struct netif * finds us */
    struct netvsc *nic;
    bool alone;                  /* this process has one queue only; see netvsc_netif_worker.h */
    unsigned queue;              /* what lwIP sends leaves by */
    uint32_t rx_copybreak_bytes; /* shorter frames are copied */
    struct netvsc_netif_loans *loans;
    bool rx_verify;        /* config.rx_csum is NETVSC_VERIFY */
    bool rsc_verify;       /* config.rx_rsc is */
    bool gro_wanted;       /* config.rx_gro */
    bool gro_ip4, gro_ip6; /* and the host does not do it */
    struct netvsc_netif_stats stats;
    enum netvsc_switch tx_csum; /* as configured */
    bool tcp_sums_by_host;      /* agreed on */
    bool shrank;                /* the MTU, since the netif was added */
    uint32_t mtu_before;
    uint32_t large_bytes[2]; /* of TCP data the host cuts: in config.memory, elsewhere */
    uint32_t tx_copy_bytes;
    struct netvsc_netif_held *held, *held_free; /* NETVSC_NETIF_HELD of them, or NULL; a list */
    struct netvsc_netif_burst burst;
    struct pbuf *backlog[NETVSC_NETIF_BACKLOG];
    uint32_t backlog_head, backlog_tail;
    struct netvsc_netif_group group[NETVSC_NETIF_GROUPS];
    unsigned groups_beyond;                               /* joined, but without a place there */
    void (*on_event)(void *ctx, enum netvsc_event event); /* after ours; may be NULL */
    void *on_event_ctx;
};

/*
 * Create the NIC with (config), whose rx, tx_done, event and ctx are overwritten, and add it to
 * lwIP, down and without address. (nif) must stay where it is until netvsc_netif_remove(). -ENOMEM
 * and what netvsc_create() returns; then nothing is left behind.
 */
int netvsc_netif_add(struct netvsc_netif *nif, const struct netvsc_config *config);

/* Detaches without ceremony, frees the backlog, removes the netif from lwIP, destroys the NIC. */
void netvsc_netif_remove(struct netvsc_netif *nif);

/*
 * netvsc_poll(), then the backlog. When the NIC reaches NETVSC_UP its MAC, MTU and link go into the
 * netif (netif_set_link_up); when it leaves, netif_set_link_down: lwIP's connections live on.
 */
unsigned netvsc_netif_poll(struct netvsc_netif *nif, uint64_t now_ns, unsigned budget);

/* Send what lwIP said since the last poll: as netvsc_flush(). */
void netvsc_netif_flush(struct netvsc_netif *nif);

#endif
