/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Agreeing with the host on offloads. During attach the host says what it can (an NDIS object whose
 * revision follows the NVSP version), we switch on what the configuration wants of it. A host that
 * does not answer as it should offers nothing. What comes of it frame by frame: netvsc_tx_meta.c.
 */
#include "netvsc_var.h"

#include <errno.h>
#include <string.h>

#include "ndis_reg.h"

#define LSO_V6_NEEDS_TCP_OPTIONS 0x4u /* extension headers we never send */
#define LSO_BYTES_LIMIT 65535u
#define LSO_SEGMENTS_MIN 2u /* all hosts cut as few; one that wants more is not asked to cut */

/* ---- what the host can ----------------------------------------------------------------------- */

int netvsc_offload_query(struct netvsc *nic)
{
    struct ndis_offload ask = {.header = {.type = NDIS_OBJECT_OFFLOAD}};
    uint32_t version = nic->info.nvs_version;
    uint8_t revision = version >= NVS_VERSION_5 ? 3 : version >= NVS_VERSION_4 ? 2 : 1;
    static const uint16_t bytes[] = {0, NDIS_OFFLOAD_BYTES_REV1, NDIS_OFFLOAD_BYTES_REV2,
                                     NDIS_OFFLOAD_BYTES_REV3};

    memset(&nic->host_can, 0, sizeof(nic->host_can));
    ask.header.revision = revision;
    ask.header.size_bytes = bytes[revision];
    return netvsc_ctl_ask(nic, RNDIS_MSG_QUERY, OID_OFFLOAD_HW_CAPS, &ask, bytes[revision]);
}

int netvsc_offload_accept(struct netvsc *nic)
{
    struct ndis_offload can = {0};
    int bytes = netvsc_ctl_accept_some(nic, &can, NDIS_OFFLOAD_BYTES_REV1, sizeof(can));

    if (bytes < 0)
        return bytes;
    if (can.header.type != NDIS_OBJECT_OFFLOAD || can.header.revision < 1 ||
        can.header.size_bytes < NDIS_OFFLOAD_BYTES_REV1 || can.header.size_bytes > bytes)
        return -EPROTO;
    nic->host_can = can;
    return 0;
}

/* ---- what is used of it ---------------------------------------------------------------------- */

/* Linux' rules: TCP needs TCP options, over IPv6 also extension headers. */
static uint8_t csums_offered(const struct ndis_offload *can)
{
    const uint32_t tcp4 = NDIS_CSUM_TCP | NDIS_CSUM_TCP_OPTIONS;
    const uint32_t tcp6 = tcp4 | NDIS_CSUM_IP6_EXT;
    uint8_t csum = 0;

    if (can->ip4_tx.flags & NDIS_CSUM_IP)
        csum |= NETVSC_CSUM_IP4;
    if ((can->ip4_tx.flags & tcp4) == tcp4)
        csum |= NETVSC_CSUM_TCP4;
    if ((can->ip4_tx.flags & NDIS_CSUM_UDP) && (csum & NETVSC_CSUM_TCP4))
        csum |= NETVSC_CSUM_UDP4;
    if ((can->ip6_tx.flags & tcp6) == tcp6)
        csum |= NETVSC_CSUM_TCP6;
    if ((can->ip6_tx.flags & NDIS_CSUM_UDP) && (csum & NETVSC_CSUM_TCP6))
        csum |= NETVSC_CSUM_UDP6;
    return csum;
}

/* What there will be verdicts about. */
static uint8_t verdicts(const struct netvsc *nic)
{
    uint32_t rx4 = nic->host_can.ip4_rx.flags, rx6 = nic->host_can.ip6_rx.flags;
    uint8_t csum = (uint8_t)((rx4 & NDIS_CSUM_IP ? NETVSC_CSUM_IP4 : 0) |
                             (rx4 & NDIS_CSUM_TCP ? NETVSC_CSUM_TCP4 : 0) |
                             (rx4 & NDIS_CSUM_UDP ? NETVSC_CSUM_UDP4 : 0) |
                             (rx6 & NDIS_CSUM_TCP ? NETVSC_CSUM_TCP6 : 0) |
                             (rx6 & NDIS_CSUM_UDP ? NETVSC_CSUM_UDP6 : 0));

    if (nic->config.rx_csum == NETVSC_OFF)
        return 0;
    if (nic->info.nvs_version < NVS_VERSION_5)
        csum &= (uint8_t) ~(NETVSC_CSUM_UDP4 | NETVSC_CSUM_UDP6);
    return csum;
}

/* Without a verdict nobody could tell whether what was put together is right. */
static uint8_t rsc(const struct netvsc *nic)
{
    const uint8_t both4 = NETVSC_CSUM_IP4 | NETVSC_CSUM_TCP4;
    uint8_t csum = verdicts(nic);

    if (!netvsc_rsc_wanted(nic))
        return 0;
    return (uint8_t)((nic->host_can.rsc4 && (csum & both4) == both4 ? NETVSC_RSC_IP4 : 0) |
                     (nic->host_can.rsc6 && (csum & NETVSC_CSUM_TCP6) ? NETVSC_RSC_IP6 : 0));
}

static uint32_t lso_offered(const struct ndis_lso *lso)
{
    if (!(lso->encap & NDIS_ENCAP_8023) || lso->min_segments > LSO_SEGMENTS_MIN)
        return 0;
    return lso->max_bytes < LSO_BYTES_LIMIT ? lso->max_bytes : LSO_BYTES_LIMIT;
}

static struct netvsc_offload choose(const struct netvsc *nic)
{
    const struct ndis_offload *can = &nic->host_can;
    struct netvsc_offload use = {0};

    if (nic->config.tx_csum != NETVSC_OFF)
        use.csum = csums_offered(can);
    if (nic->info.nvs_version < NVS_VERSION_5)
        use.csum &= (uint8_t) ~(NETVSC_CSUM_UDP4 | NETVSC_CSUM_UDP6);
    if (nic->config.tx_lso == NETVSC_OFF)
        return use;
    if (use.csum & NETVSC_CSUM_TCP4)
        use.lso4_bytes = lso_offered(&can->lso4);
    if ((use.csum & NETVSC_CSUM_TCP6) && (can->lso6_options & LSO_V6_NEEDS_TCP_OPTIONS))
        use.lso6_bytes = lso_offered(&can->lso6);
    return use;
}

static uint8_t param(bool tx, bool rx)
{
    if (tx)
        return rx ? NDIS_PARAM_BOTH : NDIS_PARAM_TX;
    return rx ? NDIS_PARAM_RX : NDIS_PARAM_OFF;
}

int netvsc_offload_set(struct netvsc *nic)
{
    const struct ndis_offload *can = &nic->host_can;
    struct netvsc_offload use = choose(nic);
    uint8_t rx = verdicts(nic);
    bool old = nic->info.nvs_version < NVS_VERSION_5;
    struct ndis_offload_params p = {
        .header = {.type = NDIS_OBJECT_DEFAULT,
                   .revision = old ? NDIS_PARAMS_REVISION_OLD : NDIS_PARAMS_REVISION,
                   .size_bytes = old ? NDIS_PARAMS_BYTES_OLD : (uint16_t)sizeof(p)},
        .ip4_csum = param(use.csum & NETVSC_CSUM_IP4, rx & NETVSC_CSUM_IP4),
        .tcp4_csum = param(use.csum & NETVSC_CSUM_TCP4, rx & NETVSC_CSUM_TCP4),
        .tcp6_csum = param(use.csum & NETVSC_CSUM_TCP6, rx & NETVSC_CSUM_TCP6),
        .lso4 = use.lso4_bytes ? NDIS_PARAM_ON : NDIS_PARAM_OFF,
        .lso6 = use.lso6_bytes ? NDIS_PARAM_ON : NDIS_PARAM_OFF,
    };

    if (can->header.type != NDIS_OBJECT_OFFLOAD)
        return 0; /* nothing to choose from */
    if (!old) {
        p.udp4_csum = param(use.csum & NETVSC_CSUM_UDP4, rx & NETVSC_CSUM_UDP4);
        p.udp6_csum = param(use.csum & NETVSC_CSUM_UDP6, rx & NETVSC_CSUM_UDP6);
        p.rsc4 = rsc(nic) & NETVSC_RSC_IP4 ? NDIS_PARAM_ON : NDIS_PARAM_OFF;
        p.rsc6 = rsc(nic) & NETVSC_RSC_IP6 ? NDIS_PARAM_ON : NDIS_PARAM_OFF;
    }
    /* An answer may be lost although the host does it: what it then sends must be understood. */
    nic->info.rx_csum = rx;
    nic->info.rx_rsc = rsc(nic);
    return netvsc_ctl_ask(nic, RNDIS_MSG_SET, OID_OFFLOAD_PARAMS, &p, p.header.size_bytes);
}

int netvsc_offload_agreed(struct netvsc *nic)
{
    int rc = nic->ctl.await == NETVSC_AWAIT_NOTHING ? 0 : netvsc_ctl_accept_set(nic);

    if (rc == -ECONNREFUSED)
        nic->info.rx_csum = nic->info.rx_rsc = 0;
    if (rc == 0)
        nic->info.offload = choose(nic);
    return rc;
}
