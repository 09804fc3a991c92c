/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the card tells its guest unasked: link, speed, another network, a virtual function.
 *
 * Theory of operation. Each is a state and what the guest heard of it last; every flush tells what
 * differs, so that a message for which there was no room now goes later and only the last word on a
 * thing must arrive. RNDIS indications need a guest that is operational, the VF association an NVSP
 * version of 4 or newer; DPDK fails an attach in which it comes between two answers, which is why
 * it may come there.
 *
 * A guest that has been offered a VF may switch its data path there (message 129): then unicast
 * frames to it go by the VF, which nobody emulates but for counting them. Withdrawing the VF takes
 * the path back and tells the guest. A switch to a VF that is not there is answered by 129 back.
 */
#include <string.h>

#include "hvh_host_var.h"
#include "hvh_nvs_var.h"

#define VF_XID UINT64_C(0x8000000000000000) /* as OpenVMM; nobody answers */
#define VF_SERIAL 1u
#define RETRY_NS UINT64_C(1000000) /* for room that only the guest can make */

static bool indicate(struct hvhost_nic *nic, uint32_t status, const uint32_t *value)
{
    struct {
        struct rndis_indicate head;
        uint32_t value;
    } msg = {.head = {.type = RNDIS_MSG_INDICATE_STATUS,
                      .len_bytes = value ? sizeof(msg) : sizeof(msg.head),
                      .status = status,
                      .buffer_bytes = value ? sizeof(msg.value) : 0,
                      .buffer_off = value ? RNDIS_INDICATE_BUFFER_OFF : 0}};

    if (value)
        msg.value = *value;
    return hvh_control(nic, &msg, msg.head.len_bytes, NULL);
}

/* An NVSP message on its own. False: no room. */
static bool send_nvs(struct hvhost_nic *nic, uint64_t xid, const void *msg, uint32_t bytes)
{
    struct hvh_chan *chan = &nic->chan[0];
    struct hvh_send pkt;

    if (!chan->open || chan->faulted || hvh_ring_room(&chan->out) < HVH_REPLY_ROOM)
        return false;
    hvh_send_init(&pkt, VMBUS_PKT_INBAND, xid, 0, NVS_MSG_BYTES);
    memcpy(pkt.body, msg, bytes);
    hvh_answer(chan, &pkt, NULL);
    return true;
}

/* ---- the virtual function -------------------------------------------------------------------- */

static bool send_path(struct hvhost_nic *nic, uint32_t path)
{
    const struct nvs_switch_data_path msg = {NVS_MSG_SWITCH_DATA_PATH, path};

    return send_nvs(nic, VF_XID | 1, &msg, sizeof(msg));
}

static bool send_association(struct hvhost_nic *nic)
{
    const struct nvs_vf_association msg = {NVS_MSG_VF_ASSOCIATION, nic->tell.vf_offered, VF_SERIAL};

    return send_nvs(nic, VF_XID, &msg, sizeof(msg));
}

void hvh_nvs_switch_data_path(struct hvh_chan *chan, const struct hvh_nvs_request *req)
{
    struct hvhost_nic *nic = chan->nic;
    struct nvs_switch_data_path msg;

    memcpy(&msg, req->msg, sizeof(msg));
    if (msg.path > NVS_DATA_PATH_VF) {
        hvh_nvs_out_of_order(chan);
        return;
    }
    nic->stats.vf_switches++;
    nic->tell.vf_path = msg.path == NVS_DATA_PATH_VF && nic->tell.vf_offered;
    if (req->flagged)
        hvh_complete(chan, req->xid, "", 0, NULL);
    if (msg.path == NVS_DATA_PATH_VF && !nic->tell.vf_offered)
        nic->tell.path_back = true;
}

bool hvh_tell_by_vf(const struct hvhost_nic *nic, const uint8_t *frame)
{
    return nic->tell.vf_path && !(frame[0] & 1);
}

/* ---- telling --------------------------------------------------------------------------------- */

void hvh_tell_open(struct hvhost_nic *nic)
{
    nic->link_told = true; /* a guest assumes a cable until told otherwise */
    nic->tell.speed_told = nic->config.link_speed_100bps;
    nic->tell.network_change = 0;
    nic->tell.vf_told = false;
    nic->tell.vf_path = false;
    nic->tell.path_back = false;
    nic->tell.retry_ns = 0;
}

static bool vf_may_be_told(const struct hvhost_nic *nic)
{
    return nic->nvs_version >= NVS_VERSION_4 &&
           (nic->state == HVH_CONFIG || nic->state == HVH_READY || nic->state == HVH_OPERATIONAL);
}

static bool is_due(const struct hvhost_nic *nic)
{
    const struct hvh_tell *tell = &nic->tell;

    if (!nic->chan[0].open || nic->chan[0].faulted || nic->withdrawn)
        return false;
    if (vf_may_be_told(nic) && (tell->vf_told != tell->vf_offered || tell->path_back))
        return true;
    return nic->state == HVH_OPERATIONAL &&
           (nic->link_told != nic->link_up || tell->speed_told != nic->config.link_speed_100bps ||
            tell->network_change);
}

uint64_t hvh_tell_deadline(const struct hvhost_nic *nic, uint64_t now_ns)
{
    if (!is_due(nic))
        return UINT64_MAX;
    return nic->tell.retry_ns > now_ns ? nic->tell.retry_ns - now_ns : 0;
}

static void tell_vf(struct hvhost_nic *nic)
{
    struct hvh_tell *tell = &nic->tell;

    if (tell->path_back && send_path(nic, NVS_DATA_PATH_SYNTHETIC))
        tell->path_back = false;
    if (tell->vf_told != tell->vf_offered && send_association(nic))
        tell->vf_told = tell->vf_offered;
}

static void tell_rndis(struct hvhost_nic *nic)
{
    struct hvh_tell *tell = &nic->tell;

    if (nic->link_told != nic->link_up &&
        indicate(nic, nic->link_up ? RNDIS_IND_MEDIA_CONNECT : RNDIS_IND_MEDIA_DISCONNECT, NULL))
        nic->link_told = nic->link_up;
    if (tell->speed_told != nic->config.link_speed_100bps &&
        indicate(nic, RNDIS_IND_LINK_SPEED, &nic->config.link_speed_100bps))
        tell->speed_told = nic->config.link_speed_100bps;
    if (tell->network_change && indicate(nic, RNDIS_IND_NETWORK_CHANGE, &tell->network_change))
        tell->network_change = 0;
}

void hvh_tell(struct hvhost_nic *nic)
{
    if (!is_due(nic))
        return;
    if (vf_may_be_told(nic))
        tell_vf(nic);
    if (nic->state == HVH_OPERATIONAL)
        tell_rndis(nic);
    nic->tell.retry_ns = is_due(nic) ? nic->host->now_ns + RETRY_NS : 0;
}

/* ---- what happens to the card ---------------------------------------------------------------- */

void hvhost_nic_indicate(struct hvhost_nic *nic, enum hvhost_indication what, uint32_t value)
{
    switch (what) {
    case HVHOST_LINK_SPEED:
        nic->config.link_speed_100bps = value;
        break;
    case HVHOST_NETWORK_CHANGE:
        nic->tell.network_change = value;
        break;
    case HVHOST_VF:
        nic->tell.path_back |= !value && nic->tell.vf_path;
        nic->tell.vf_path = nic->tell.vf_path && value;
        nic->tell.vf_offered = value;
        break;
    }
}
