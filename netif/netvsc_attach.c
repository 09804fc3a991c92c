/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attach as a table: what is sent, what must come back.
 *
 * Theory of operation. NVSP first: a version both speak (newest first; a host refuses what it does
 * not know and silence is a failure), then MTU and NDIS version, which must precede the buffers
 * because the host cuts the receive buffer into sections by the MTU, then the two buffers by the
 * handles the transport found. Then RNDIS: initialise, filter 0 at once (some hosts start with an
 * open filter), the facts we need (MAC) or would like (largest frame, link), and the filter that
 * lets traffic in. We claim 802.1Q, and RSC where our user takes frames in fragments: SR-IOV would
 * bring message 128, teaming nothing.
 */
#include "netvsc_var.h"

#include <errno.h>
#include <string.h>

/* ---- NVSP ------------------------------------------------------------------------------------ */

static const uint32_t versions[] = {NVS_VERSION_61, NVS_VERSION_6, NVS_VERSION_5,
                                    NVS_VERSION_4,  NVS_VERSION_2, NVS_VERSION_1};
#define VERSION_COUNT (sizeof(versions) / sizeof(versions[0]))

static int send_version(struct netvsc *nic)
{
    struct nvs_msg msg;

    while (nic->version_try < VERSION_COUNT &&
           versions[nic->version_try] > nic->config.nvs_version_max)
        nic->version_try++;
    if (nic->version_try == VERSION_COUNT)
        return -EPROTONOSUPPORT;
    nvs_build_init(&msg, versions[nic->version_try]);
    return netvsc_ctl_send_nvs(nic, &msg, true);
}

static int accept_version(struct netvsc *nic)
{
    struct nvs_init_complete reply;
    int rc = nvs_parse_init_complete(nic->ctl.reply, nic->ctl.reply_bytes, &reply);

    if (rc == -ECONNREFUSED) {
        nic->version_try++;
        return NETVSC_STEP_RESEND;
    }
    if (rc)
        return rc;
    nic->info.nvs_version = versions[nic->version_try];
    return 0;
}

static int send_ndis_config(struct netvsc *nic)
{
    const uint64_t rsc = netvsc_rsc_wanted(nic) ? NVS_CAP_RSC : 0;
    struct nvs_msg msg;

    if (nic->info.nvs_version < NVS_VERSION_2)
        return 0;
    nvs_build_ndis_config(&msg, nic->mtu_wanted, NVS_CAP_8021Q | rsc);
    return netvsc_ctl_send_nvs(nic, &msg, false);
}

static int send_ndis_version(struct netvsc *nic)
{
    struct nvs_msg msg;

    nvs_build_ndis_version(&msg, nic->info.nvs_version);
    return netvsc_ctl_send_nvs(nic, &msg, false);
}

static int send_recv_buf(struct netvsc *nic)
{
    struct nvs_msg msg;

    nvs_build_recv_buf(&msg, nic->mem->recv_gpadl);
    return netvsc_ctl_send_nvs(nic, &msg, true);
}

static int accept_recv_buf(struct netvsc *nic)
{
    struct nvs_recv_buf_complete reply;
    int rc = nvs_parse_recv_buf_complete(nic->ctl.reply, nic->ctl.reply_bytes,
                                         nic->mem->recv.len_bytes, &reply);

    if (rc)
        return rc;
    nic->info.recv_section_bytes = reply.section_bytes;
    nic->info.recv_sections = reply.section_count;
    nic->recv = nic->mem->recv.base;
    nic->recv_off_max = nic->mem->recv.len_bytes - reply.section_bytes;
    nic->recv_over_max = reply.section_bytes - (uint32_t)sizeof(struct rndis_packet);
    return 0;
}

static int send_send_buf(struct netvsc *nic)
{
    struct nvs_msg msg;

    nvs_build_send_buf(&msg, nic->mem->send_gpadl);
    return netvsc_ctl_send_nvs(nic, &msg, true);
}

/* What a section carries beside the payload of the largest IP packet. */
#define SECTION_OVERHEAD_BYTES                                                                     \
    ((uint32_t)sizeof(struct rndis_packet) + RNDIS_TX_PPIS_BYTES_MAX + NETVSC_ETH_BYTES)

static int accept_send_buf(struct netvsc *nic)
{
    struct nvs_send_buf_complete reply;
    int rc = nvs_parse_send_buf_complete(nic->ctl.reply, nic->ctl.reply_bytes,
                                         nic->mem->send.len_bytes, &reply);

    if (rc)
        return rc;
    if (reply.section_bytes < SECTION_OVERHEAD_BYTES + NETVSC_MTU_BYTES_MIN)
        return -EPROTO;
    nic->info.send_section_bytes = reply.section_bytes;
    nic->info.send_sections = (uint32_t)(nic->mem->send.len_bytes / reply.section_bytes);
    netvsc_tx_open(nic->queue[0], 0, nic->info.send_sections);
    return netvsc_ctl_open(nic);
}

/* ---- RNDIS ----------------------------------------------------------------------------------- */

static int accept_initialize(struct netvsc *nic)
{
    struct rndis_initialize_complete reply;
    int rc = rndis_parse_initialize_complete(nic->ctl.reply, nic->ctl.reply_bytes, &reply);

    if (rc)
        return rc;
    if (reply.status != RNDIS_STATUS_SUCCESS)
        return -ECONNREFUSED;
    nic->info.align_bytes = 1u << reply.align_shift;
    nic->info.max_packets = reply.max_packets;
    nic->info.max_transfer_bytes = reply.max_transfer_bytes;
    return 0;
}

static int send_filter_off(struct netvsc *nic)
{
    return netvsc_ctl_set_u32(nic, OID_PACKET_FILTER, 0);
}

static int send_filter_on(struct netvsc *nic)
{
    uint32_t filter = NDIS_FILTER_DIRECTED | NDIS_FILTER_ALL_MULTICAST | NDIS_FILTER_BROADCAST;

    if (nic->config.promiscuous)
        filter |= NDIS_FILTER_PROMISCUOUS;
    nic->control.filter = filter;
    return netvsc_ctl_set_u32(nic, OID_PACKET_FILTER, filter);
}

/* What may come in: the tag a host left in the frame is no reason to drop it. */
static uint32_t rx_frame_max(uint32_t mtu_bytes)
{
    uint32_t bytes = mtu_bytes + NETVSC_ETH_BYTES + NETVSC_TAG_BYTES;

    return bytes < NETVSC_FRAME_BYTES_MAX ? bytes : NETVSC_FRAME_BYTES_MAX;
}

static int query_max_frame(struct netvsc *nic)
{
    /* What stands if the host does not say: all that can be sent, at most what was wanted. */
    uint32_t max_bytes = nic->info.tx_gpa ? NETVSC_MTU_BYTES_MAX
                                          : nic->info.send_section_bytes - SECTION_OVERHEAD_BYTES;

    nic->info.mtu_bytes = nic->mtu_wanted < max_bytes ? nic->mtu_wanted : max_bytes;
    nic->tx_frame_bytes_max = nic->info.mtu_bytes + NETVSC_ETH_BYTES;
    nic->rx_frame_bytes_max = rx_frame_max(nic->mtu_wanted);
    return netvsc_ctl_query(nic, OID_MAX_FRAME_SIZE);
}

static int accept_max_frame(struct netvsc *nic)
{
    uint32_t mtu_bytes;
    int rc = netvsc_ctl_accept_info(nic, &mtu_bytes, sizeof(mtu_bytes));

    if (rc)
        return rc;
    if (mtu_bytes < NETVSC_MTU_BYTES_MIN || mtu_bytes > NETVSC_MTU_BYTES_MAX)
        return -EPROTO;
    if (mtu_bytes > nic->mtu_wanted) /* its neighbours may send us that much */
        nic->rx_frame_bytes_max = rx_frame_max(mtu_bytes);
    if (mtu_bytes < nic->info.mtu_bytes) {
        nic->info.mtu_bytes = mtu_bytes;
        nic->tx_frame_bytes_max = mtu_bytes + NETVSC_ETH_BYTES;
    }
    return 0;
}

static int query_mac(struct netvsc *nic)
{
    return netvsc_ctl_query(nic, OID_PERMANENT_MAC);
}

static int accept_mac(struct netvsc *nic)
{
    uint8_t mac[NETVSC_MAC_BYTES];
    int rc = netvsc_ctl_accept_info(nic, mac, sizeof(mac));

    if (rc)
        return rc;
    if (!netvsc_mac_ok(mac))
        return -EPROTO;
    memcpy(nic->info.mac, mac, sizeof(mac));
    return 0;
}

static int query_link(struct netvsc *nic)
{
    return netvsc_ctl_query(nic, OID_MEDIA_CONNECT_STATUS);
}

static int accept_link(struct netvsc *nic)
{
    uint32_t media;
    int rc = netvsc_ctl_accept_info(nic, &media, sizeof(media));

    if (rc)
        return rc;
    if (!nic->ctl.link_heard)
        nic->info.link_up = media == NDIS_MEDIA_CONNECTED;
    return 0;
}

static int query_speed(struct netvsc *nic)
{
    return netvsc_ctl_query(nic, OID_LINK_SPEED);
}

static int accept_speed(struct netvsc *nic)
{
    uint32_t units;
    int rc = netvsc_ctl_accept_info(nic, &units, sizeof(units));

    if (rc)
        return rc;
    if (!nic->ctl.speed_heard)
        nic->info.link_speed_bps = (uint64_t)units * NDIS_LINK_SPEED_UNIT_BPS;
    return 0;
}

const struct netvsc_step netvsc_attach_steps[] = {
    {"NVSP version", send_version, accept_version, 0, false},
    {"NDIS configuration", send_ndis_config, NULL, 0, false},
    {"NDIS version", send_ndis_version, NULL, 0, false},
    {"receive buffer", send_recv_buf, accept_recv_buf, 0, false},
    {"send buffer", send_send_buf, accept_send_buf, 0, false},
    {"RNDIS initialise", netvsc_ctl_initialize, accept_initialize, 0, false},
    {"packet filter off", send_filter_off, netvsc_ctl_accept_set, 0, false},
    {"largest frame", query_max_frame, accept_max_frame, 0, true},
    {"MAC address", query_mac, accept_mac, 0, false},
    {"link state", query_link, accept_link, 0, true},
    {"link speed", query_speed, accept_speed, 0, true},
    {"offload capabilities", netvsc_offload_query, netvsc_offload_accept, 0, true},
    {"offload parameters", netvsc_offload_set, netvsc_offload_agreed, 0, true},
    {"RSS capabilities", netvsc_rss_query_caps, netvsc_rss_accept_caps, 0, true},
    {"sub-channels", netvsc_rss_ask_channels, netvsc_rss_accept_channels, 0, true},
    {"sub-channel rings", NULL, netvsc_rss_open_channels, 0, true},
    {"RSS off", netvsc_rss_send_off, netvsc_rss_accept_off, 0, true},
    {"RSS table", netvsc_rss_send, netvsc_rss_accept, 0, true},
    {"shares of the send buffer", NULL, netvsc_rss_settle, 0, false},
    {"packet filter on", send_filter_on, netvsc_ctl_accept_set, 0, false},
    {NULL, NULL, NULL, 0, false},
};
