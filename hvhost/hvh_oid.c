/* SPDX-License-Identifier: BSD-3-Clause */
/* What the card says about itself: every OID that Linux, FreeBSD and DPDK ask for. */
#include <string.h>

#include "hvh_nic_var.h"

#define UNITS_100BPS UINT64_C(100)
#define MAC_OPTIONS 0xDu /* copies lookahead data, transfers not pending, no loopback */

static const uint32_t supported[] = {
    OID_SUPPORTED_LIST, OID_MEDIA_SUPPORTED, OID_MEDIA_IN_USE,    OID_MAX_FRAME_SIZE,
    OID_LINK_SPEED,     OID_PACKET_FILTER,   OID_MAX_TOTAL_SIZE,  OID_MAC_OPTIONS,
    OID_RSS_CAPS,       OID_RSS_PARAMS,      OID_MAX_LINK_SPEED,  OID_MEDIA_CONNECT_STATUS,
    OID_LINK_STATE,     OID_RNDIS_CONFIG,    OID_FRIENDLY_NAME,   OID_PERMANENT_MAC,
    OID_CURRENT_MAC,    OID_MULTICAST_LIST,  OID_MAX_MULTICAST,   OID_OFFLOAD_ENCAP,
    OID_OFFLOAD_CONFIG, OID_OFFLOAD_PARAMS,  OID_OFFLOAD_HW_CAPS,
};

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

static void put64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof(value));
}

static void put_object(uint8_t *at, uint8_t type, uint8_t revision, uint32_t bytes)
{
    struct ndis_object head = {.type = type, .revision = revision, .size_bytes = (uint16_t)bytes};

    memcpy(at, &head, sizeof(head));
}

/* ---- queries ---------------------------------------------------------------------------- */

/* The OIDs whose answer is one number. */
static bool query_number(const struct hvhost_nic *nic, uint32_t oid, uint32_t *out)
{
    switch (oid) {
    case OID_MEDIA_SUPPORTED:
    case OID_MEDIA_IN_USE:
        *out = 0;
        return true;
    case OID_MAX_FRAME_SIZE:
        *out = nic->mtu_bytes;
        return true;
    case OID_MAX_TOTAL_SIZE:
        *out = nic->mtu_bytes + HVH_ETH_BYTES;
        return true;
    case OID_LINK_SPEED:
        *out = nic->config.link_speed_100bps;
        return true;
    case OID_PACKET_FILTER:
        *out = nic->filter;
        return true;
    case OID_MAC_OPTIONS:
        *out = MAC_OPTIONS;
        return true;
    case OID_MEDIA_CONNECT_STATUS:
        *out = nic->link_up ? NDIS_MEDIA_CONNECTED : NDIS_MEDIA_DISCONNECTED;
        return true;
    case OID_MAX_MULTICAST:
        *out = HVH_MULTICAST_MAX;
        return true;
    default:
        return false;
    }
}

static uint32_t query_rss_caps(const struct hvhost_nic *nic, uint32_t in_bytes, uint8_t *out,
                               uint32_t *out_bytes)
{
    struct ndis_rss_caps caps = {
        .header = {.type = NDIS_OBJECT_RSS_CAPS, .revision = 2, .size_bytes = sizeof(caps)},
        .flags = HVH_RSS_FLAGS,
        .interrupt_messages = hvh_subchan_max(nic),
        .rx_queues = hvh_subchan_max(nic),
        .reta_entries = HVH_RSS_TABLE, /* even with one queue: DPDK is confused by 0 */
    };

    if (in_bytes != 0 && in_bytes < sizeof(caps))
        return RNDIS_STATUS_INVALID_LENGTH;
    memcpy(out, &caps, sizeof(caps));
    *out_bytes = sizeof(caps);
    return RNDIS_STATUS_SUCCESS;
}

static uint32_t query_link_state(const struct hvhost_nic *nic, uint8_t *out)
{
    uint64_t bps = nic->config.link_speed_100bps * UNITS_100BPS;

    memset(out, 0, 40);
    put_object(out, NDIS_OBJECT_DEFAULT, 1, 40);
    put32(out + 4, nic->link_up ? 1 : 2); /* the opposite sense of OID_MEDIA_CONNECT_STATUS */
    put32(out + 8, 2);                    /* full duplex */
    put64(out + 16, bps);
    put64(out + 24, bps);
    return 40;
}

static uint32_t query_name(uint8_t *out)
{
    static const char name[] = "Emulated Hyper-V Network Adapter";

    for (uint32_t i = 0; i < sizeof(name); i++) {
        out[2 * i] = (uint8_t)name[i];
        out[2 * i + 1] = 0;
    }
    return 2 * sizeof(name);
}

static uint32_t query_encapsulation(uint8_t *out)
{
    memset(out, 0, 28);
    put_object(out, NDIS_OBJECT_OFFLOAD_ENCAP, 1, 28);
    return 28;
}

uint32_t hvh_oid_query(struct hvhost_nic *nic, uint32_t oid, const uint8_t *in, uint32_t in_bytes,
                       uint8_t *info, uint32_t *info_bytes)
{
    uint32_t number;

    if (query_number(nic, oid, &number)) {
        put32(info, number);
        *info_bytes = sizeof(number);
        return RNDIS_STATUS_SUCCESS;
    }
    switch (oid) {
    case OID_SUPPORTED_LIST:
        memcpy(info, supported, sizeof(supported));
        *info_bytes = sizeof(supported);
        return RNDIS_STATUS_SUCCESS;
    case OID_PERMANENT_MAC:
    case OID_CURRENT_MAC:
        memcpy(info, oid == OID_CURRENT_MAC ? nic->mac : nic->permanent_mac, 6);
        *info_bytes = 6;
        return RNDIS_STATUS_SUCCESS;
    case OID_MAX_LINK_SPEED:
        put64(info, nic->config.link_speed_100bps * UNITS_100BPS);
        put64(info + 8, nic->config.link_speed_100bps * UNITS_100BPS);
        *info_bytes = 16;
        return RNDIS_STATUS_SUCCESS;
    case OID_LINK_STATE:
        *info_bytes = query_link_state(nic, info);
        return RNDIS_STATUS_SUCCESS;
    case OID_FRIENDLY_NAME:
        *info_bytes = query_name(info);
        return RNDIS_STATUS_SUCCESS;
    case OID_OFFLOAD_ENCAP:
        *info_bytes = query_encapsulation(info);
        return RNDIS_STATUS_SUCCESS;
    case OID_OFFLOAD_CONFIG:
    case OID_OFFLOAD_HW_CAPS:
        return hvh_offload_query(nic, oid == OID_OFFLOAD_HW_CAPS, in, in_bytes, info, info_bytes);
    case OID_RSS_CAPS:
        return query_rss_caps(nic, in_bytes, info, info_bytes);
    default:
        return RNDIS_STATUS_NOT_SUPPORTED;
    }
}
