/* SPDX-License-Identifier: BSD-3-Clause */
/* Build what goes in front of a frame: the PACKET header and its per-packet info. */
#include "rndis.h"

uint32_t rndis_csum_word(uint32_t kinds, uint32_t l4_off)
{
    return kinds | l4_off << RNDIS_TXCSUM_L4_OFF_SHIFT;
}

uint32_t rndis_lso_word(bool v6, uint32_t mss_bytes, uint32_t l4_off)
{
    return (mss_bytes & RNDIS_LSO_MSS_MASK) | l4_off << RNDIS_LSO_TCP_OFF_SHIFT | RNDIS_LSO_V2 |
           (v6 ? RNDIS_LSO_IPV6 : 0);
}

static uint32_t vlan_word(uint16_t tci)
{
    return (uint32_t)(tci >> 13) << RNDIS_VLAN_PRIO_SHIFT |
           (uint32_t)(tci >> 12 & 1) << RNDIS_VLAN_DEI_SHIFT |
           (uint32_t)(tci & 0xFFF) << RNDIS_VLAN_ID_SHIFT;
}

static uint8_t *put_ppi(uint8_t *at, uint32_t type, uint32_t word)
{
    rndis_put_ppi(at, type, word);
    return at + RNDIS_PPI_BYTES;
}

uint32_t rndis_build_tx_info(void *buf, const struct rndis_tx_info *info)
{
    uint8_t *at = buf;

    if (info->has_hash)
        at = put_ppi(at, RNDIS_PPI_HASH, info->hash);
    if (info->has_tci)
        at = put_ppi(at, RNDIS_PPI_VLAN, vlan_word(info->tci));
    if (info->csum)
        at = put_ppi(at, RNDIS_PPI_CSUM, info->csum);
    if (info->lso)
        at = put_ppi(at, RNDIS_PPI_LSO, info->lso);
    return (uint32_t)(at - (uint8_t *)buf);
}
