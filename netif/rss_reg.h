/* SPDX-License-Identifier: BSD-3-Clause */
/* OID_RSS_PARAMS on the wire. Little-endian. Source: docs/protocol.md, section "RSS". */
#ifndef RSS_REG_H
#define RSS_REG_H

#include <assert.h>
#include <stdint.h>

#include "rndis_reg.h"

#define NDIS_RSS_PARAMS_REVISION 2u
#define NDIS_RSS_KEY_BYTES 40u
#define NDIS_RSS_TABLE_MAX 128u

/* flags */
#define NDIS_RSS_DISABLE 0x10u

/* hash: function in the low byte, then what is hashed and how */
#define NDIS_RSS_FUNCTION_MASK 0xFFu
#define NDIS_RSS_TOEPLITZ 0x1u
#define NDIS_RSS_IP4 0x100u
#define NDIS_RSS_TCP4 0x200u
#define NDIS_RSS_IP6 0x400u
#define NDIS_RSS_TCP6 0x1000u
#define NDIS_RSS_UDP4 0x4000u
#define NDIS_RSS_UDP6 0x8000u

/* Followed by the table, 32 bits per entry, and the key. */
struct ndis_rss_params {
    struct ndis_object header; /* NDIS_OBJECT_RSS_PARAMS */
    uint16_t flags;
    uint16_t base_cpu;
    uint32_t hash;
    uint16_t table_bytes, pad0;
    uint32_t table_off; /* from the start of this */
    uint16_t key_bytes, pad1;
    uint32_t key_off;
    uint32_t cpu_mask_off, cpu_mask_count, cpu_mask_bytes;
};
static_assert(sizeof(struct ndis_rss_params) == 40, "wire layout");

#endif
