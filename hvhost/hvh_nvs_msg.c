/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each NVSP message does. hvh_nvs.c has checked that it may come now and is long enough; what
 * the message says is judged here. Refusals the protocol can express are answered.
 */
#include <string.h>

#include "hvh_host_var.h"
#include "hvh_nvs_var.h"

#define NVS_VERSION_FIELD 0xFFFFFFFFu /* the deprecated field of INIT_COMPLETE */
#define NVS_MAX_MDL_CHAIN 34u

static void reply(struct hvh_chan *chan, const struct hvh_nvs_request *req, const void *msg,
                  uint32_t bytes)
{
    if (req->flagged)
        hvh_complete(chan, req->xid, msg, bytes, NULL);
}

/* An empty completion if asked for: the UEFI client does for messages that have no answer. */
static void acknowledge(struct hvh_chan *chan, const struct hvh_nvs_request *req)
{
    reply(chan, req, "", 0);
}

void hvh_nvs_out_of_order(struct hvh_chan *chan)
{
    hvh_strict(chan, &chan->nic->stats.strict_nvs);
}

static void config_done(struct hvhost_nic *nic)
{
    bool config = nic->got_config || nic->nvs_version < NVS_VERSION_2;

    if (nic->state == HVH_CONFIG && config && nic->got_ndis && nic->got_recv)
        nic->state = HVH_READY;
}

/* ---- one function per message ----------------------------------------------------------- */

static bool version_spoken(const struct hvhost_nic *nic, uint32_t version)
{
    static const uint32_t known[] = {NVS_VERSION_1, NVS_VERSION_2, NVS_VERSION_4,
                                     NVS_VERSION_5, NVS_VERSION_6, NVS_VERSION_61};

    if (version > nic->config.nvs_version_max)
        return false;
    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i] == version)
            return true;
    }
    return false;
}

void hvh_nvs_init(struct hvh_chan *chan, const struct hvh_nvs_request *req)
{
    struct nvs_init_complete done = {.type = NVS_MSG_INIT_COMPLETE,
                                     .version_deprecated = NVS_VERSION_FIELD,
                                     .max_mdl_chain = NVS_MAX_MDL_CHAIN};
    const struct hvhost_fault *fault = hvh_fault_strike(chan->nic, HVH_ON_NVS_INIT, 0);
    struct nvs_init msg;

    memcpy(&msg, req->msg, sizeof(msg));
    /* Guests offer one version at a time; OpenVMM, too, reads only the first field. */
    done.status = version_spoken(chan->nic, msg.version_min) ? NVS_STATUS_SUCCESS : NVS_STATUS_NONE;
    if (done.status == NVS_STATUS_SUCCESS && !(fault && fault->act == HVH_ACT_REFUSE)) {
        chan->nic->nvs_version = msg.version_min;
        chan->nic->state = HVH_CONFIG;
    }
    if (msg.version_min == NVS_VERSION_1)
        done.version_deprecated = NVS_VERSION_1;
    hvh_complete(chan, req->xid, &done, sizeof(done), fault);
}

void hvh_nvs_ndis_version(struct hvh_chan *chan, const struct hvh_nvs_request *req)
{
    if (chan->nic->got_ndis)
        hvh_nvs_out_of_order(chan);
    chan->nic->got_ndis = true;
    config_done(chan->nic);
    acknowledge(chan, req);
}

void hvh_nvs_ndis_config(struct hvh_chan *chan, const struct hvh_nvs_request *req)
{
    struct hvhost_nic *nic = chan->nic;
    uint32_t max = nic->config.mtu_max_bytes;
    struct nvs_ndis_config msg;

    if (nic->got_config || nic->got_recv) {
        hvh_nvs_out_of_order(chan); /* the section size follows from the MTU: too late for it now */
        return;
    }
    memcpy(&msg, req->msg, sizeof(msg));
    /* Nonsense is replaced silently, as Windows does; the guest reads back what it got. */
    nic->mtu_bytes = max < HVH_MTU_DEFAULT ? max : HVH_MTU_DEFAULT;
    if (msg.mtu_bytes >= HVH_MTU_DEFAULT + HVH_ETH_BYTES && msg.mtu_bytes - HVH_ETH_BYTES <= max)
        nic->mtu_bytes = msg.mtu_bytes - HVH_ETH_BYTES;
    nic->capabilities = msg.capabilities;
    nic->got_config = true;
    config_done(nic);
    acknowledge(chan, req);
}

static uint32_t recv_section_bytes(const struct hvhost_nic *nic)
{
    uint32_t bytes = nic->mtu_bytes + HVH_SECTION_EXTRA_BYTES;

    if (nic->config.recv_section_bytes)
        return nic->config.recv_section_bytes;
    return (bytes + 1) & ~1u; /* even: an odd MTU would put every other section at an odd address */
}

static bool recv_buf_take(struct hvhost_nic *nic, const struct nvs_buf *msg)
{
    const struct vmbus_region *mem = hvh_mem_gpadl(&nic->guest, msg->gpadl);
    uint32_t bytes = recv_section_bytes(nic);
    uint64_t count = mem ? mem->len_bytes / bytes : 0;

    if (count <= HVH_SECTIONS_CONTROL)
        return false;
    nic->recv = *mem;
    nic->recv_id = msg->id;
    nic->got_recv = true;
    hvh_sections_init(&nic->sections, bytes, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX,
                      nic->host->config.attended ? 0 : hvh_sections_row_bytes());
    return true;
}

void hvh_nvs_recv_buf(struct hvh_chan *chan, const struct hvh_nvs_request *req)
{
    struct hvhost_nic *nic = chan->nic;
    struct nvs_recv_buf_complete done = {.type = NVS_MSG_RECV_BUF_COMPLETE,
                                         .status = NVS_STATUS_FAILURE};
    const struct hvhost_fault *fault;
    struct nvs_buf msg;

    if (nic->got_recv || (nic->nvs_version >= NVS_VERSION_2 && !nic->got_config)) {
        hvh_nvs_out_of_order(chan);
        return;
    }
    memcpy(&msg, req->msg, sizeof(msg));
    if (recv_buf_take(nic, &msg)) {
        done.status = NVS_STATUS_SUCCESS;
        done.group_count = 1;
        done.section_bytes = nic->sections.bytes;
        done.section_count = nic->sections.count;
        done.group_end_bytes = nic->sections.bytes * nic->sections.count;
        config_done(nic);
    } else {
        hvh_strict(chan, &nic->stats.strict_gpa);
    }
    fault = hvh_fault_strike(nic, HVH_ON_RECV_BUF, 0);
    hvh_complete(chan, req->xid, &done, sizeof(done), fault);
}

void hvh_nvs_send_buf(struct hvh_chan *chan, const struct hvh_nvs_request *req)
{
    struct hvhost_nic *nic = chan->nic;
    struct nvs_send_buf_complete done = {.type = NVS_MSG_SEND_BUF_COMPLETE,
                                         .status = NVS_STATUS_FAILURE};
    const struct vmbus_region *mem;
    struct nvs_buf msg;

    if (nic->got_send) {
        hvh_nvs_out_of_order(chan);
        return;
    }
    memcpy(&msg, req->msg, sizeof(msg));
    mem = hvh_mem_gpadl(&nic->guest, msg.gpadl);
    if (mem && mem->len_bytes >= nic->config.send_section_bytes) {
        nic->send = *mem;
        nic->send_section_bytes = nic->config.send_section_bytes;
        nic->got_send = true;
        done.status = NVS_STATUS_SUCCESS;
        done.section_bytes = nic->send_section_bytes;
    } else {
        hvh_strict(chan, &nic->stats.strict_gpa);
    }
    hvh_complete(chan, req->xid, &done, sizeof(done), hvh_fault_strike(nic, HVH_ON_SEND_BUF, 0));
}

void hvh_nvs_stop(struct hvh_chan *chan)
{
    struct hvhost_nic *nic = chan->nic;

    if (nic->filter != 0)
        hvh_strict(chan, &nic->stats.strict_close);
    nic->filter = 0;
    nic->state = HVH_STOPPED;
}

static void recv_buf_drop(struct hvh_chan *chan)
{
    hvh_rx_revoke(chan);
    chan->nic->recv = (struct vmbus_region){0};
}

static void send_buf_drop(struct hvhost_nic *nic)
{
    nic->send_section_bytes = 0;
    nic->send = (struct vmbus_region){0};
}

void hvh_nvs_revoke(struct hvh_chan *chan, const struct hvh_nvs_request *req)
{
    struct hvhost_nic *nic = chan->nic;
    struct nvs_revoke_buf msg;

    memcpy(&msg, req->msg, sizeof(msg));
    hvh_nvs_stop(chan);
    if (msg.type == NVS_MSG_REVOKE_RECV_BUF)
        recv_buf_drop(chan);
    else
        send_buf_drop(nic);
    acknowledge(chan, req);
}

void hvh_nvs_memory_gone(struct hvh_chan *chan, const struct vmbus_region *mem)
{
    struct hvhost_nic *nic = chan->nic;
    const bool is_recv = nic->recv.base == mem->base, is_send = nic->send.base == mem->base;

    if (!is_recv && !is_send)
        return;
    hvh_strict(chan, &nic->stats.strict_gpa);
    hvh_nvs_stop(chan);
    if (is_recv)
        recv_buf_drop(chan);
    if (is_send) /* nothing keeps a guest from naming one memory for both */
        send_buf_drop(nic);
}

void hvh_nvs_oid_query_ex(struct hvh_chan *chan, const struct hvh_nvs_request *req)
{
    /* Type, NDIS status, bytes of information. */
    const uint32_t done[] = {NVS_MSG_OID_QUERY_EX_COMPLETE, RNDIS_STATUS_NOT_SUPPORTED, 0};

    reply(chan, req, done, sizeof(done));
}

void hvh_nvs_rndis(struct hvh_chan *chan, const struct hvh_nvs_request *req)
{
    struct hvhost_nic *nic = chan->nic;
    struct nvs_rndis msg;

    memcpy(&msg, req->msg, sizeof(msg));
    if (msg.channel_type == NVS_RNDIS_CONTROL && chan->index == 0)
        hvh_rndis_serve(chan, &msg);
    else if (msg.channel_type == NVS_RNDIS_DATA && nic->state == HVH_OPERATIONAL)
        hvh_tx_serve(chan, &msg);
    else
        hvh_nvs_out_of_order(chan);
}
