/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * NVSP as the host sees it: VERSION until an INIT names a version we speak, CONFIG until MTU (from
 * version 2 on), NDIS version and receive buffer are known, READY until RNDIS INITIALIZE, then
 * OPERATIONAL. A revoke or a HALT leads to STOPPED, which only closing leaves.
 *
 * A request is a row of a table: its size, the version that introduced it, the states it is allowed
 * in, and whether it makes sense without a completion. What breaks its row counts in strict_nvs and
 * has no effect and no answer. Real hosts fault the channel for it, as we do with config.punish.
 * Refusals that the protocol can express (unknown version, unusable buffer) are answered.
 *
 * Replies always have 40 bytes: DPDK insists on that for the sub-channel reply, nobody minds.
 */
#include <string.h>

#include "hvh_nvs_var.h"

#define IN(state) (1u << (state))
#define NVS_BYTES_MIN 32u /* FreeBSD sends 32; anything shorter is never answered */

#define ANY_TIME (IN(HVH_CONFIG) | IN(HVH_READY) | IN(HVH_OPERATIONAL) | IN(HVH_STOPPED))
#define RUNNING (IN(HVH_READY) | IN(HVH_OPERATIONAL))

struct rule {
    uint32_t type;
    uint32_t bytes; /* of the message; what follows must be zero */
    uint32_t version_min;
    uint32_t states;
    bool must_flag; /* makes no sense without a completion */
    void (*serve)(struct hvh_chan *chan, const struct hvh_nvs_request *req);
};

/* In the order in which they are looked for: every frame's first. */
static const struct rule rules[] = {
    {NVS_MSG_RNDIS, sizeof(struct nvs_rndis), NVS_VERSION_1, RUNNING | IN(HVH_STOPPED), true,
     hvh_nvs_rndis},
    {NVS_MSG_INIT, sizeof(struct nvs_init), 0, IN(HVH_VERSION), true, hvh_nvs_init},
    {NVS_MSG_NDIS_VERSION, sizeof(struct nvs_ndis_version), NVS_VERSION_1, IN(HVH_CONFIG), false,
     hvh_nvs_ndis_version},
    {NVS_MSG_NDIS_CONFIG, sizeof(struct nvs_ndis_config), NVS_VERSION_2, IN(HVH_CONFIG), false,
     hvh_nvs_ndis_config},
    {NVS_MSG_RECV_BUF, sizeof(struct nvs_buf), NVS_VERSION_1, IN(HVH_CONFIG), true,
     hvh_nvs_recv_buf},
    {NVS_MSG_SEND_BUF, sizeof(struct nvs_buf), NVS_VERSION_1, IN(HVH_CONFIG) | IN(HVH_READY), true,
     hvh_nvs_send_buf},
    {NVS_MSG_REVOKE_RECV_BUF, sizeof(struct nvs_revoke_buf), NVS_VERSION_1, ANY_TIME, false,
     hvh_nvs_revoke},
    {NVS_MSG_REVOKE_SEND_BUF, sizeof(struct nvs_revoke_buf), NVS_VERSION_1, ANY_TIME, false,
     hvh_nvs_revoke},
    {NVS_MSG_SWITCH_DATA_PATH, sizeof(struct nvs_switch_data_path), NVS_VERSION_4, RUNNING, false,
     hvh_nvs_switch_data_path},
    {NVS_MSG_OID_QUERY_EX, 8, NVS_VERSION_5, RUNNING, false, hvh_nvs_oid_query_ex},
    {NVS_MSG_SUBCHANNEL, sizeof(struct nvs_subchannel), NVS_VERSION_5, RUNNING, true,
     hvh_nvs_subchannel},
};

static const struct rule *rule_for(uint32_t type)
{
    for (unsigned i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].type == type)
            return &rules[i];
    }
    return NULL;
}

void hvh_nvs_serve(struct hvh_chan *chan)
{
    struct hvhost_nic *nic = chan->nic;
    const struct hvh_packet *pkt = &nic->packet;
    struct hvh_nvs_request req = {.xid = pkt->desc.xid,
                                  .flagged = pkt->desc.flags & VMBUS_PKT_FLAG_COMPLETION};
    const struct rule *rule;
    uint32_t type;

    if (pkt->payload_bytes < NVS_BYTES_MIN) {
        hvh_nvs_out_of_order(chan);
        return;
    }
    if (pkt->payload_bytes >= NVS_MSG_BYTES) /* a length the compiler knows: all but FreeBSD's */
        memcpy(req.msg, pkt->body + pkt->header_bytes, NVS_MSG_BYTES);
    else
        memcpy(req.msg, pkt->body + pkt->header_bytes, pkt->payload_bytes);
    memcpy(&type, req.msg, sizeof(type));
    rule = rule_for(type);
    if (!rule || !(rule->states & IN(nic->state)) || nic->nvs_version < rule->version_min ||
        (pkt->desc.type == VMBUS_PKT_GPA_DIRECT && type != NVS_MSG_RNDIS)) {
        hvh_nvs_out_of_order(chan);
        return;
    }
    if (chan->index > 0 && type != NVS_MSG_RNDIS) {
        hvh_nvs_out_of_order(chan); /* sub-channels carry frames, nothing else */
        return;
    }
    if (rule->must_flag && !req.flagged) {
        hvh_strict(chan, &nic->stats.strict_flag);
        return;
    }
    /* The sender pads with zeros. (DPDK's receive-buffer message does not: no punish with DPDK.) */
    if (!hvh_packet_tail_zero(pkt, rule->bytes))
        hvh_strict(chan, &nic->stats.strict_trailer);
    if (!chan->faulted)
        rule->serve(chan, &req);
}

void hvh_nvs_open(struct hvhost_nic *nic)
{
    nic->state = HVH_VERSION;
    nic->nvs_version = 0;
    nic->got_config = nic->got_ndis = nic->got_recv = nic->got_send = false;
    nic->capabilities = 0;
    nic->mtu_bytes =
        nic->config.mtu_max_bytes < HVH_MTU_DEFAULT ? nic->config.mtu_max_bytes : HVH_MTU_DEFAULT;
    nic->send_section_bytes = 0;
    nic->recv = nic->send = (struct vmbus_region){0};
    nic->filter = 0;
    nic->multicast_count = 0;
    nic->offload = (struct hvh_offload_set){0};
    hvh_tell_open(nic);
    memcpy(nic->mac, nic->permanent_mac, sizeof(nic->mac));
}

void hvh_nvs_close(struct hvhost_nic *nic)
{
    nic->state = HVH_CLOSED;
    nic->filter = 0;
    hvh_rsc_drop(nic);
    nic->recv = nic->send = (struct vmbus_region){0};
    nic->stats.rx_reclaimed += hvh_sections_reset(&nic->sections);
}
