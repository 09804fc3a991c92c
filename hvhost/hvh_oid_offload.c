/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The NDIS offload object (what the card can do, what is switched on) and the parameters by which a
 * guest switches. A guest that asks for more than is offered gets what is offered: Linux wants
 * "both directions" whenever one is there. Packets may use what is offered whether switched on or
 * not, as on OpenVMM.
 */
#include <string.h>

#include "hvh_nic_var.h"
#include "ndis_reg.h"

#define LSO_SEGMENTS_MIN 2u
#define LSO_V6_OPTIONS 0x5u /* extension headers, TCP options */

/* Behind here of struct ndis_offload_params stand five checksum fields, in this order. */
#define PARAM_CSUM offsetof(struct ndis_offload_params, ip4_csum)
#define PARAMS_BYTES_RSC 24u

struct hvh_offload_set hvh_offload_offered(const struct hvhost_nic *nic)
{
    uint32_t offload = nic->config.offload;
    struct hvh_offload_set set = {0};
    uint8_t kinds = HVH_CSUM_IP4 | HVH_CSUM_TCP4 | HVH_CSUM_TCP6;

    if (offload & HVHOST_OFFLOAD_NONE)
        return set;
    if (nic->nvs_version >= NVS_VERSION_5)
        kinds |= HVH_CSUM_UDP4 | HVH_CSUM_UDP6;
    if (offload & HVHOST_OFFLOAD_TX_CSUM)
        set.csum_tx = kinds;
    if (offload & HVHOST_OFFLOAD_RX_CSUM)
        set.csum_rx = kinds;
    if (offload & HVHOST_OFFLOAD_LSO)
        set.lso = HVH_LARGE_V4 | HVH_LARGE_V6;
    if ((offload & HVHOST_OFFLOAD_RSC) && nic->nvs_version >= NVS_VERSION_61 &&
        (nic->capabilities & NVS_CAP_RSC))
        set.rsc = HVH_LARGE_V4 | HVH_LARGE_V6;
    return set;
}

/* ---- the object ------------------------------------------------------------------------- */

static uint32_t flags_v4(uint8_t csum)
{
    return (csum & HVH_CSUM_IP4 ? NDIS_CSUM_IP | NDIS_CSUM_IP_OPTIONS : 0) |
           (csum & HVH_CSUM_TCP4 ? NDIS_CSUM_TCP | NDIS_CSUM_TCP_OPTIONS : 0) |
           (csum & HVH_CSUM_UDP4 ? NDIS_CSUM_UDP : 0);
}

static uint32_t flags_v6(uint8_t csum)
{
    return (csum & HVH_CSUM_TCP6 ? NDIS_CSUM_TCP | NDIS_CSUM_TCP_OPTIONS | NDIS_CSUM_IP6_EXT : 0) |
           (csum & HVH_CSUM_UDP6 ? NDIS_CSUM_UDP : 0);
}

static struct ndis_csum sums(uint32_t flags)
{
    return (struct ndis_csum){.encap = NDIS_ENCAP_8023, .flags = flags};
}

static struct ndis_lso large(const struct hvhost_nic *nic, bool on)
{
    if (!on)
        return (struct ndis_lso){0};
    return (struct ndis_lso){.encap = NDIS_ENCAP_8023,
                             .max_bytes = nic->config.lso_max_bytes,
                             .min_segments = LSO_SEGMENTS_MIN};
}

uint32_t hvh_offload_object(const struct hvhost_nic *nic, const struct hvh_offload_set *set,
                            uint8_t *out, uint32_t bytes)
{
    struct ndis_offload object = {
        .header = {.type = NDIS_OBJECT_OFFLOAD, .revision = 3},
        .ip4_tx = sums(flags_v4(set->csum_tx)),
        .ip4_rx = sums(flags_v4(set->csum_rx)),
        .ip6_tx = sums(flags_v6(set->csum_tx)),
        .ip6_rx = sums(flags_v6(set->csum_rx)),
        .lso4 = large(nic, set->lso & HVH_LARGE_V4),
        .lso6 = large(nic, set->lso & HVH_LARGE_V6),
        .lso6_options = set->lso & HVH_LARGE_V6 ? LSO_V6_OPTIONS : 0,
        .rsc4 = set->rsc & HVH_LARGE_V4 ? 1 : 0,
        .rsc6 = set->rsc & HVH_LARGE_V6 ? 1 : 0,
    };

    if (bytes >= NDIS_OFFLOAD_BYTES_REV3) {
        bytes = NDIS_OFFLOAD_BYTES_REV3;
    } else if (bytes >= NDIS_OFFLOAD_BYTES_REV2) {
        bytes = NDIS_OFFLOAD_BYTES_REV2;
        object.header.revision = 2;
    } else {
        bytes = NDIS_OFFLOAD_BYTES_REV1;
        object.header.revision = 1;
    }
    object.header.size_bytes = (uint16_t)bytes;
    memcpy(out, &object, bytes);
    return bytes;
}

/* Guests ask with an empty object of the revision they know and reject anything longer. */
uint32_t hvh_offload_query(const struct hvhost_nic *nic, bool caps, const uint8_t *in,
                           uint32_t in_bytes, uint8_t *out, uint32_t *out_bytes)
{
    static const uint32_t bytes_of[] = {NDIS_OFFLOAD_BYTES_REV1, NDIS_OFFLOAD_BYTES_REV1,
                                        NDIS_OFFLOAD_BYTES_REV2, NDIS_OFFLOAD_BYTES_REV3};
    struct hvh_offload_set set = caps ? hvh_offload_offered(nic) : nic->offload;
    uint32_t bytes = NDIS_OFFLOAD_BYTES_REV3;
    struct ndis_object asked;

    if (in_bytes >= sizeof(asked)) {
        memcpy(&asked, in, sizeof(asked));
        if (asked.revision < sizeof(bytes_of) / sizeof(bytes_of[0]))
            bytes = bytes_of[asked.revision];
        if (asked.size_bytes < bytes)
            bytes = asked.size_bytes;
        if (in_bytes < bytes)
            bytes = in_bytes;
    }
    if (bytes < NDIS_OFFLOAD_BYTES_REV1)
        return RNDIS_STATUS_INVALID_LENGTH;
    *out_bytes = hvh_offload_object(nic, &set, out, bytes);
    return RNDIS_STATUS_SUCCESS;
}

/* ---- the switches ----------------------------------------------------------------------- */

static void turn(uint8_t *set, uint8_t bit, bool on, uint8_t offered)
{
    *set = (uint8_t)((*set & ~bit) | (on ? bit & offered : 0));
}

static bool set_csums(struct hvh_offload_set *set, const struct hvh_offload_set *offered,
                      const uint8_t *values)
{
    static const uint8_t order[] = {HVH_CSUM_IP4, HVH_CSUM_TCP4, HVH_CSUM_UDP4, HVH_CSUM_TCP6,
                                    HVH_CSUM_UDP6};

    for (unsigned i = 0; i < sizeof(order); i++) {
        bool both = values[i] == NDIS_PARAM_BOTH;

        if (values[i] > NDIS_PARAM_BOTH)
            return false;
        if (values[i] == NDIS_PARAM_KEEP)
            continue;
        turn(&set->csum_tx, order[i], both || values[i] == NDIS_PARAM_TX, offered->csum_tx);
        turn(&set->csum_rx, order[i], both || values[i] == NDIS_PARAM_RX, offered->csum_rx);
    }
    return true;
}

static bool set_large(uint8_t *set, uint8_t offered, uint8_t v4, uint8_t v6)
{
    if (v4 > NDIS_PARAM_ON || v6 > NDIS_PARAM_ON)
        return false;
    if (v4 != NDIS_PARAM_KEEP)
        turn(set, HVH_LARGE_V4, v4 == NDIS_PARAM_ON, offered);
    if (v6 != NDIS_PARAM_KEEP)
        turn(set, HVH_LARGE_V6, v6 == NDIS_PARAM_ON, offered);
    return true;
}

uint32_t hvh_offload_params(struct hvhost_nic *nic, const uint8_t *in, uint32_t in_bytes)
{
    struct hvh_offload_set offered = hvh_offload_offered(nic);
    struct hvh_offload_set set = nic->offload;
    struct ndis_offload_params msg = {0};

    if (in_bytes < NDIS_PARAMS_BYTES_MIN)
        return RNDIS_STATUS_INVALID_LENGTH;
    memcpy(&msg, in, in_bytes < sizeof(msg) ? in_bytes : sizeof(msg));
    if (msg.header.type != NDIS_OBJECT_DEFAULT || msg.header.revision < 1 ||
        msg.header.size_bytes < NDIS_PARAMS_BYTES_MIN)
        return RNDIS_STATUS_INVALID_DATA;
    if (msg.header.revision < NDIS_PARAMS_REVISION || msg.header.size_bytes < PARAMS_BYTES_RSC)
        msg.rsc4 = msg.rsc6 = NDIS_PARAM_KEEP;
    if (msg.lso_v1 == NDIS_PARAM_ON || !set_csums(&set, &offered, in + PARAM_CSUM) ||
        !set_large(&set.lso, offered.lso, msg.lso4, msg.lso6) ||
        !set_large(&set.rsc, offered.rsc, msg.rsc4, msg.rsc6))
        return RNDIS_STATUS_INVALID_DATA;
    nic->offload = set;
    return RNDIS_STATUS_SUCCESS;
}
