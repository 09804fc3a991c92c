/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NDIS offload objects as carried in RNDIS queries and sets. Little-endian. Source:
 * docs/protocol.md, sections "NDIS offload object" and "Offload parameters".
 */
#ifndef NDIS_REG_H
#define NDIS_REG_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "rndis_reg.h"

/* Flags of one direction and family of struct ndis_offload. */
#define NDIS_CSUM_IP_OPTIONS 0x001u /* IPv4 */
#define NDIS_CSUM_IP6_EXT 0x001u    /* IPv6 */
#define NDIS_CSUM_TCP_OPTIONS 0x004u
#define NDIS_CSUM_TCP 0x010u
#define NDIS_CSUM_UDP 0x040u
#define NDIS_CSUM_IP 0x100u /* IPv4 header */

#define NDIS_ENCAP_8023 2u /* the only encapsulation there is */

struct ndis_csum {
    uint32_t encap; /* NDIS_ENCAP_8023 or 0 */
    uint32_t flags; /* NDIS_CSUM_* */
};

struct ndis_lso {
    uint32_t encap;
    uint32_t max_bytes; /* longest packet to be cut */
    uint32_t min_segments;
};

/* OID_OFFLOAD_HW_CAPS, OID_OFFLOAD_CONFIG, RNDIS_IND_OFFLOAD_CONFIG. */
struct ndis_offload {
    struct ndis_object header; /* NDIS_OBJECT_OFFLOAD */
    struct ndis_csum ip4_tx, ip4_rx, ip6_tx, ip6_rx;
    uint32_t lso_v1[4];
    uint32_t ipsec_v1[7];
    struct ndis_lso lso4, lso6;
    uint32_t lso6_options;
    uint32_t flags;       /* end of revision 1 */
    uint32_t ipsec_v2[8]; /* end of revision 2 */
    uint8_t rsc4, rsc6;   /* both not 0: receive coalescing */
    uint8_t pad[2];
    uint32_t nvgre[2]; /* end of revision 3 */
};
static_assert(sizeof(struct ndis_offload) == NDIS_OFFLOAD_BYTES_REV3, "wire layout");
static_assert(offsetof(struct ndis_offload, lso4) == 80, "wire layout");
static_assert(offsetof(struct ndis_offload, ipsec_v2) == NDIS_OFFLOAD_BYTES_REV1, "wire layout");
static_assert(offsetof(struct ndis_offload, rsc4) == NDIS_OFFLOAD_BYTES_REV2, "wire layout");

/* Checksum fields of struct ndis_offload_params: an enumeration, not flags. */
#define NDIS_PARAM_KEEP 0u
#define NDIS_PARAM_OFF 1u
#define NDIS_PARAM_TX 2u
#define NDIS_PARAM_RX 3u
#define NDIS_PARAM_BOTH 4u
#define NDIS_PARAM_ON 2u /* of LSO and RSC fields */

/* OID_OFFLOAD_PARAMS. */
struct ndis_offload_params {
    struct ndis_object header;                                    /* NDIS_OBJECT_DEFAULT */
    uint8_t ip4_csum, tcp4_csum, udp4_csum, tcp6_csum, udp6_csum; /* NDIS_PARAM_* */
    uint8_t lso_v1, ipsec_v1;
    uint8_t lso4, lso6;
    uint8_t tcp4_connection, tcp6_connection;
    uint8_t pad;
    uint32_t flags;
    uint8_t ipsec_v2, ipsec_v2_ip4;
    uint8_t rsc4, rsc6; /* end of revision 2: 22 bytes before them */
    uint8_t encap, encap_types;
    uint8_t pad2[2];
};
static_assert(sizeof(struct ndis_offload_params) == 28, "wire layout");
static_assert(offsetof(struct ndis_offload_params, flags) == 16, "wire layout");
static_assert(offsetof(struct ndis_offload_params, rsc4) == 22, "wire layout");
#define NDIS_PARAMS_REVISION 3u
#define NDIS_PARAMS_REVISION_OLD 2u /* NVSP <= 4 */
#define NDIS_PARAMS_BYTES_OLD 22u
#define NDIS_PARAMS_BYTES_MIN 20u

#endif
