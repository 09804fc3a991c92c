/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A raw guest that takes TCP segments put together, and segments of a connection from the far end.
 */
#ifndef RSC_GUEST_H
#define RSC_GUEST_H

#include "raw_guest.h"

#define RSC_FRAME_MAX 65536u

/* Up, and wanting it. */
struct raw_guest *rsc_start(const struct hvhost_nic_config *config);
/* Switch it NDIS_PARAM_ON or _OFF (how), and sums of IP headers with it. */
void rsc_want(struct raw_guest *g, uint8_t how);
void rsc_want_and(struct raw_guest *g, uint8_t how, uint8_t ip4_csum);

/* A segment from the far end; in brackets what 0 means. Its data follows from (seq). */
struct rsc_segment {
    bool v6;
    uint32_t seq, ack, payload_bytes;
    uint8_t flags;   /* [ACK] */
    uint16_t window; /* [1000] */
    uint16_t source; /* [80] */
    uint8_t hops, traffic_class;
    bool wrong_sum, wrong_ip_sum;
    uint16_t mss; /* not 0: large */
    uint16_t tci;
    uint8_t option; /* not 0: its last one, and the first four bytes of data are options */
};

void rsc_send(struct raw_guest *g, const struct rsc_segment *s);

/* What came of some. */
struct rsc_got {
    uint32_t pieces, bytes;
    bool whole; /* no fragment */
    uint32_t csum;
    uint8_t frame[RSC_FRAME_MAX];
};

extern struct rsc_got rsc_got; /* the last, by rsc_expect() */

/* Put the frame together that begins in range (*at) of (pkt), by the book. */
void rsc_take_frame(struct raw_guest *g, const struct raw_packet *pkt, unsigned *at,
                    struct rsc_got *got);
/* It says it has (payload_bytes), and these are the connection's from (seq) on. */
void rsc_check_frame(const struct rsc_got *got, bool v6, uint32_t seq, uint32_t payload_bytes);
/* The next packet has one frame, and this it is. */
void rsc_expect(struct raw_guest *g, bool v6, uint32_t seq, uint32_t payload_bytes, bool whole);

#endif
