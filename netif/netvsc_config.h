/* SPDX-License-Identifier: BSD-3-Clause */
/* What a NIC is asked for, and the frames and events it tells its user. Part of netvsc.h. */
#ifndef NETVSC_CONFIG_H
#define NETVSC_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "netvsc_offload.h"

#define NETVSC_FRAME_BYTES_MIN 60u /* on the wire, without FCS; shorter ones are zero padded */
#define NETVSC_FRAME_BYTES_MAX 65536u
#define NETVSC_ETH_BYTES 14u
#define NETVSC_MTU_BYTES_MIN 68u /* IPv4 wants as much (RFC 791) */
#define NETVSC_MTU_BYTES_MAX (NETVSC_FRAME_BYTES_MAX - NETVSC_ETH_BYTES)
#define NETVSC_BATCH_MAX 64u /* frames per call of the receive function, at most */

/* One received frame, or with (more) the first piece of one. */
struct netvsc_frame {
    const uint8_t *data; /* Ethernet header first. The host can still write it: copy, then use */
    uint32_t len_bytes;  /* without FCS and without VLAN tag */
    uint16_t tci;        /* PCP, DEI and VLAN id as in an 802.1Q tag, host byte order */
    bool has_tci;
    uint8_t csum;  /* NETVSC_CSUM_* verdicts of the host */
    uint8_t queue; /* that it came on, or leaves by */
    /* So many entries behind this one continue the frame; they have only data, length and queue. */
    uint16_t more;
    uint32_t packet; /* private */
    uint32_t hash;   /* RSS hash, 0 if the host gave none */
};
#define NETVSC_CSUM_IP_OK 0x1u
#define NETVSC_CSUM_L4_OK 0x2u
#define NETVSC_CSUM_IP_BAD 0x4u
#define NETVSC_CSUM_L4_BAD 0x8u
#define NETVSC_CSUM_STALE 0x10u /* of segments put together: the frame's own sums say nothing */

/* Bytes of (frame) with all its pieces. */
static inline uint32_t netvsc_frame_bytes(const struct netvsc_frame *frame)
{
    uint32_t sum = frame->len_bytes;

    for (unsigned i = 1; i <= frame->more; i++)
        sum += frame[i].len_bytes;
    return sum;
}

#define NETVSC_RSS_IP4 0x01u /* by address: fragments, and what is none of those below */
#define NETVSC_RSS_TCP4 0x02u
#define NETVSC_RSS_IP6 0x04u
#define NETVSC_RSS_TCP6 0x08u
#define NETVSC_RSS_UDP4 0x10u /* may set fragments apart from the rest of their flow */
#define NETVSC_RSS_UDP6 0x20u
#define NETVSC_RSS_DEFAULT (NETVSC_RSS_IP4 | NETVSC_RSS_TCP4 | NETVSC_RSS_IP6 | NETVSC_RSS_TCP6)

enum netvsc_event {
    NETVSC_EVENT_LINK,           /* link_up changed */
    NETVSC_EVENT_SPEED,          /* link_speed_bps changed */
    NETVSC_EVENT_NETWORK_CHANGE, /* the host moved us to another network: DHCP again */
    NETVSC_EVENT_MAC,            /* info.mac changed as netvsc_set_mac() asked */
    NETVSC_EVENT_REFUSED,        /* a change was refused, see netvsc_control.h */
    NETVSC_EVENT_STATE,          /* netvsc_state() changed */
};

#define NETVSC_RX_COPY_ALL UINT32_MAX
#define NETVSC_RX_COPY_BYTES 256u /* default of rx_copybreak_bytes */
#define NETVSC_TX_COPY_ALL UINT32_MAX
#define NETVSC_TX_COPY_BYTES 2048u /* measured: see docs/bench-device.md */

struct vmbus_memory;

struct netvsc_config {
    uint32_t mtu_bytes; /* wanted, without Ethernet header; 68..65522. 0 = 1500 */
    uint32_t queues;    /* wanted, 1..64; info.queues says how many there are. 0 = 1 */
    uint32_t rss_types; /* what is hashed: NETVSC_RSS_*. 0 = NETVSC_RSS_DEFAULT */
    bool rss_symmetric; /* a key with which both directions of a flow have one hash */
    bool promiscuous;
    enum netvsc_switch tx_csum, tx_lso; /* sums and segments left to the host; LSO needs both */
    uint32_t tx_aggregate_bytes;        /* frames up to so long share packets. 0 = 512, 1 = none */
    uint16_t tx_tci;                    /* VLAN tag of frames sent without one. 0 = none */
    /*
     * Memory the host may read frames in, see netvsc_gather.h; it outlives the NIC. NULL = none.
     * Frames longer than tx_copy_bytes are sent from there. 0 = NETVSC_TX_COPY_BYTES;
     * NETVSC_TX_COPY_ALL: the host is not told of it.
     */
    const struct vmbus_memory *memory;
    uint32_t tx_copy_bytes;
    /* lwIP gets frames up to so long as copies. 0 = 256; NETVSC_RX_COPY_ALL: no memory of the
     * host's is ever shown to it, for guests that do not trust theirs. */
    uint32_t rx_copybreak_bytes;
    uint8_t rx_hold_percent; /* of the receive buffer that may be held, see netvsc_hold.h. 0 = 50 */
    enum netvsc_switch rx_csum; /* the host's verdicts in netvsc_frame.csum */
    /* Segments of a TCP connection put together by the host (RSC): with its verdicts only, and only
     * if config.rx knows netvsc_frame.more (rx_pieces). Not for who sends on what it receives. */
    enum netvsc_switch rx_rsc;
    bool rx_pieces;
    enum netvsc_switch rx_gro; /* lwIP's face does so where the host does not, see netvsc_netif.h */
    uint32_t step_timeout_ms;  /* deadline of each attach and detach step. 0 = 5000 */
    uint32_t monitor_latency_us; /* how often the hypervisor looks for doorbells. 0 = as it likes */
    uint32_t nvs_version_max;    /* NVS_VERSION_*, to test old ones. 0 = newest */
    /*
     * Received frames, in order. Called from netvsc_poll() only, 1..NETVSC_BATCH_MAX frames, whose
     * memory goes back to the host on return. May transmit and detach; must not poll or destroy.
     * With rx_pieces (count) is that of entries, and the last frame may go beyond the maximum.
     */
    void (*rx)(void *ctx, const struct netvsc_frame *frames, unsigned count);
    /*
     * The host has read what these sent, or the device is closed. Up to NETVSC_BATCH_MAX at a time,
     * within the queue's poll, or queue 0's when the device goes. Must not poll. Or NULL.
     */
    void (*tx_done)(void *ctx, void *const *owners, unsigned count);
    /* Last thing in poll, attach, detach. May attach and detach, not poll or destroy. Or NULL. */
    void (*event)(void *ctx, enum netvsc_event event);
    /* Every frame sent or received, its pieces behind it; for captures, NULL on the fast path. */
    void (*capture)(void *ctx, bool sent, const struct netvsc_frame *frame);
    void *ctx;
};

#endif
