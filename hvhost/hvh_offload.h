/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sums, and frames with work left over: what hvh_sum.c, hvh_segment.c and hvh_offload.c offer the
 * rest of the host. Packets are looked at in memory no guest can write to.
 */
#ifndef HVH_OFFLOAD_H
#define HVH_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

struct hvhost_frame;
struct hvhost_nic;
struct hvhost_port;

/* ---- hvh_sum.c: Internet checksums ------------------------------------------------------ */

#define HVH_PROTO_TCP 6u
#define HVH_PROTO_UDP 17u
#define HVH_TCP_SUM_OFF 16u /* of the sum in its header */
#define HVH_UDP_SUM_OFF 6u
#define HVH_IP4_SUM_OFF 10u
#define HVH_L4_OFF_MASK 0x3FFu /* of the transport's offset in an element, once shifted down */

/* Add (bytes) of (data) to (sum). Only the last piece may be of odd length. */
uint64_t hvh_sum_add(uint64_t sum, const void *data, uint32_t bytes);
/* The sum as 16 bits in memory order, not yet complemented. */
uint16_t hvh_sum_fold(uint64_t sum);

/* Where things are in a frame. */
struct hvh_ip {
    bool v6;
    bool fragment; /* what follows is not (only) a TCP or UDP header */
    uint8_t proto; /* the last one, behind IPv6's extension headers */
    uint32_t l3_off, l4_off;
    uint32_t end_off; /* as the IP header says; the frame's end when it says 0 */
};

/* False: neither IPv4 nor IPv6, or its lengths do not fit (bytes). */
bool hvh_ip_parse(const uint8_t *frame, uint32_t bytes, struct hvh_ip *out);
/* Folded sum of the pseudo-header for (l4_bytes) of TCP or UDP. */
uint16_t hvh_ip_pseudo(const uint8_t *frame, const struct hvh_ip *ip, uint32_t l4_bytes);
/* Write the right sum into an IPv4 header. */
void hvh_ip_fill(uint8_t *frame, const struct hvh_ip *ip);
/* Write length fields of the IP header for a packet that ends at (end_off). */
void hvh_ip_set_end(uint8_t *frame, const struct hvh_ip *ip, uint32_t end_off);

/* ---- hvh_segment.c: work left over, done for ports that do not do it -------------------- */

#define HVH_SCRATCH_BYTES (65536u + 128u) /* per level of nested sends */
#define HVH_SEGMENTS_MAX 1024u            /* of one large frame */

/* Deliver (frame) to (to): as it is, with its sum filled in, or in segments. */
void hvh_port_deliver(struct hvhost_port *to, const struct hvhost_frame *frame);

/* ---- hvh_offload.c: what a guest asks for per packet ------------------------------------ */

struct hvh_tx_info {
    bool has_csum, has_lso;
    uint32_t csum, lso; /* RNDIS_TXCSUM_*, RNDIS_LSO_* */
};

/*
 * Prepare the frame (*out), a copy of whose out->len_bytes is at (data), as (info) asks: fills in
 * headers and the members that say what is left to do. Counted in tx_csum, tx_lso*. False: it asks
 * for nonsense or for what was not offered, so that nothing is to be sent. (*strict): it is served,
 * but broke a rule.
 */
bool hvh_offload_frame(struct hvhost_nic *nic, const struct hvh_tx_info *info, uint8_t *data,
                       struct hvhost_frame *out, bool *strict);

/* ---- hvh_oid_offload.c: what is offered and switched on --------------------------------- */

/* Bits of struct hvh_offload_set. */
#define HVH_CSUM_IP4 0x01u
#define HVH_CSUM_TCP4 0x02u
#define HVH_CSUM_UDP4 0x04u
#define HVH_CSUM_TCP6 0x08u
#define HVH_CSUM_UDP6 0x10u
#define HVH_LARGE_V4 0x1u
#define HVH_LARGE_V6 0x2u

struct hvh_offload_set {
    uint8_t csum_tx, csum_rx; /* HVH_CSUM_* */
    uint8_t lso, rsc;         /* HVH_LARGE_* */
};

/* What this guest may use: by configuration and NVSP version. */
struct hvh_offload_set hvh_offload_offered(const struct hvhost_nic *nic);
/* An NDIS object of (bytes) at most that says (set). Returns its length. */
uint32_t hvh_offload_object(const struct hvhost_nic *nic, const struct hvh_offload_set *set,
                            uint8_t *out, uint32_t bytes);
/* As hvh_oid_query(): what is offered (caps), or what is switched on. */
uint32_t hvh_offload_query(const struct hvhost_nic *nic, bool caps, const uint8_t *in,
                           uint32_t in_bytes, uint8_t *out, uint32_t *out_bytes);
/* OID_OFFLOAD_PARAMS into nic->offload. */
uint32_t hvh_offload_params(struct hvhost_nic *nic, const uint8_t *in, uint32_t in_bytes);

/* ---- hvh_verdict.c: what the guest is told about sums it receives ----------------------- */

/* RNDIS_RXCSUM_* about a whole frame; 0 when nothing was checked. Counted in rx_csum_*. */
uint32_t hvh_verdict(struct hvhost_nic *nic, const struct hvhost_frame *frame);

#endif
