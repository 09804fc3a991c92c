/* SPDX-License-Identifier: BSD-3-Clause */
/* What a guest may set: packet filter, multicast list, offloads, RSS, and its MAC address. */
#include <string.h>

#include "hvh_nic_var.h"

/* OID_RNDIS_CONFIG; offsets count from the start of this. */
struct config_param {
    uint32_t name_off, name_bytes;
    uint32_t type; /* 2 = string */
    uint32_t value_off, value_bytes;
};
static_assert(sizeof(struct config_param) == 20, "wire layout");
#define CONFIG_PARAM_STRING 2u

static bool inside(uint32_t off, uint32_t len, uint32_t bytes)
{
    return off <= bytes && len <= bytes - off;
}

static uint32_t set_filter(struct hvhost_nic *nic, const uint8_t *in, uint32_t in_bytes)
{
    uint32_t filter;

    if (in_bytes < sizeof(filter))
        return RNDIS_STATUS_INVALID_LENGTH;
    memcpy(&filter, in, sizeof(filter));
    if (nic->config.refuse_promiscuous && (filter & NDIS_FILTER_PROMISCUOUS))
        return RNDIS_STATUS_NOT_SUPPORTED;
    nic->filter = filter;
    return RNDIS_STATUS_SUCCESS;
}

static uint32_t set_multicast(struct hvhost_nic *nic, const uint8_t *in, uint32_t in_bytes)
{
    if (nic->config.refuse_multicast)
        return RNDIS_STATUS_NOT_SUPPORTED;
    if (in_bytes % 6 != 0)
        return RNDIS_STATUS_INVALID_LENGTH;
    if (in_bytes / 6 > HVH_MULTICAST_MAX)
        return RNDIS_STATUS_RESOURCES;
    nic->multicast_count = in_bytes / 6;
    memcpy(nic->multicast, in, in_bytes);
    return RNDIS_STATUS_SUCCESS;
}

static int hex_digit(const uint8_t *utf16)
{
    if (utf16[1] != 0)
        return -1;
    if (utf16[0] >= '0' && utf16[0] <= '9')
        return utf16[0] - '0';
    if ((utf16[0] | 0x20) >= 'a' && (utf16[0] | 0x20) <= 'f')
        return (utf16[0] | 0x20) - 'a' + 10;
    return -1;
}

static bool parse_mac(const uint8_t *text, uint8_t mac[6])
{
    for (unsigned i = 0; i < 6; i++) {
        int high = hex_digit(text + 4 * i);
        int low = hex_digit(text + 4 * i + 2);

        if (high < 0 || low < 0)
            return false;
        mac[i] = (uint8_t)(high << 4 | low);
    }
    return (mac[0] & 1) == 0;
}

/* "NetworkAddress" := twelve hex digits, both UTF-16. Other names are accepted and ignored. */
static uint32_t set_config(struct hvhost_nic *nic, const uint8_t *in, uint32_t in_bytes)
{
    static const char name[] = "NetworkAddress";
    struct config_param msg;
    uint8_t mac[6];

    if (in_bytes < sizeof(msg))
        return RNDIS_STATUS_INVALID_LENGTH;
    memcpy(&msg, in, sizeof(msg));
    if (!inside(msg.name_off, msg.name_bytes, in_bytes) ||
        !inside(msg.value_off, msg.value_bytes, in_bytes))
        return RNDIS_STATUS_INVALID_DATA;
    if (msg.name_bytes != 2 * (sizeof(name) - 1))
        return RNDIS_STATUS_SUCCESS;
    for (uint32_t i = 0; i < sizeof(name) - 1; i++) {
        if (in[msg.name_off + 2 * i] != (uint8_t)name[i] || in[msg.name_off + 2 * i + 1] != 0)
            return RNDIS_STATUS_SUCCESS;
    }
    if (nic->config.refuse_promiscuous)
        return RNDIS_STATUS_NOT_SUPPORTED;
    if (msg.type != CONFIG_PARAM_STRING || msg.value_bytes < 24 ||
        !parse_mac(in + msg.value_off, mac))
        return RNDIS_STATUS_INVALID_DATA;
    memcpy(nic->mac, mac, sizeof(mac));
    return RNDIS_STATUS_SUCCESS;
}

uint32_t hvh_oid_set(struct hvhost_nic *nic, uint32_t oid, const uint8_t *in, uint32_t in_bytes)
{
    switch (oid) {
    case OID_PACKET_FILTER:
        return set_filter(nic, in, in_bytes);
    case OID_MULTICAST_LIST:
        return set_multicast(nic, in, in_bytes);
    case OID_OFFLOAD_PARAMS:
        return hvh_offload_params(nic, in, in_bytes);
    case OID_OFFLOAD_ENCAP:
        return RNDIS_STATUS_SUCCESS;
    case OID_RSS_PARAMS:
        return hvh_rss_set(&nic->rss, hvh_subchan_queues(nic), in, in_bytes);
    case OID_RNDIS_CONFIG:
        return set_config(nic, in, in_bytes);
    default:
        return RNDIS_STATUS_NOT_SUPPORTED;
    }
}
