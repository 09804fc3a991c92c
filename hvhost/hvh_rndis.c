/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * RNDIS control. A request comes as message 107 of channel type 1; two things go back, in this
 * order (DPDK needs it): the 108 that says the host has copied the request, and the RNDIS reply in
 * a receive section of its own. HALT has no reply, its 108 is the acknowledgement.
 *
 * Lengths and offsets are checked against the copy: offsets count from byte 8, and information may
 * not start before byte 28 even when there is none, as on Hyper-V. A request that breaks this
 * counts in strict_rndis. Where the reply can say so it does, else there is none.
 */
#include <string.h>

#include "hvh_nic_var.h"

#define MAX_PACKETS 8u
#define MAX_TRANSFER_BYTES 0xEFFFFFFFu
#define ALIGN_SHIFT 3u
#define DEVICE_CONNECTIONLESS 1u

struct request {
    uint32_t bytes; /* as it came, >= 12 */
    struct rndis_simple head;
    _Alignas(8) uint8_t msg[HVH_RNDIS_BYTES_MAX];
};

static void malformed(struct hvh_chan *chan)
{
    hvh_strict(chan, &chan->nic->stats.strict_rndis);
}

/* False: it does not arrive, or not like this. */
static bool reply(struct hvhost_nic *nic, const void *msg, uint32_t bytes,
                  const struct hvhost_fault *fault)
{
    const bool sent = hvh_control(nic, msg, bytes, fault);

    nic->stats.ctl_lost += !sent;
    return sent && !fault;
}

static void indicate(struct hvhost_nic *nic, uint32_t status, const void *buffer, uint32_t bytes)
{
    uint8_t msg[sizeof(struct rndis_indicate) + NDIS_OFFLOAD_BYTES_REV3];
    struct rndis_indicate head = {
        .type = RNDIS_MSG_INDICATE_STATUS,
        .len_bytes = (uint32_t)sizeof(head) + bytes,
        .status = status,
        .buffer_bytes = bytes,
        .buffer_off = bytes ? RNDIS_INDICATE_BUFFER_OFF : 0,
    };

    memcpy(msg, &head, sizeof(head));
    memcpy(msg + sizeof(head), buffer, bytes);
    reply(nic, msg, head.len_bytes, NULL);
}

/* ---- one function per request ----------------------------------------------------------- */

static void serve_initialize(struct hvh_chan *chan, const struct request *req)
{
    struct hvhost_nic *nic = chan->nic;
    struct rndis_initialize_complete done = {
        .type = RNDIS_MSG_INITIALIZE | RNDIS_MSG_COMPLETE,
        .len_bytes = sizeof(done),
        .request_id = req->head.request_id,
        .version_major = RNDIS_VERSION_MAJOR,
        .version_minor = RNDIS_VERSION_MINOR,
        .device_flags = DEVICE_CONNECTIONLESS,
        .max_packets = MAX_PACKETS,
        .max_transfer_bytes = MAX_TRANSFER_BYTES,
        .align_shift = ALIGN_SHIFT,
    };
    const struct hvhost_fault *fault;
    struct rndis_initialize msg;

    if (nic->state != HVH_READY || req->bytes < sizeof(msg)) {
        malformed(chan);
        return;
    }
    memcpy(&msg, req->msg, sizeof(msg));
    if (msg.version_major != RNDIS_VERSION_MAJOR)
        done.status = RNDIS_STATUS_BAD_VERSION;
    fault = hvh_fault_strike(nic, HVH_ON_RNDIS_INIT, 0);
    if (done.status == RNDIS_STATUS_SUCCESS && !(fault && fault->act == HVH_ACT_REFUSE))
        nic->state = HVH_OPERATIONAL;
    reply(nic, &done, sizeof(done), fault);
}

/* The information of a QUERY or SET, or NULL when its place is wrong. */
static const uint8_t *request_info(const struct request *req, const struct rndis_request *msg)
{
    uint32_t room = req->bytes - RNDIS_OFFSET_BASE;

    if (msg->info_off < RNDIS_REQUEST_INFO_OFF || msg->info_off > room ||
        msg->info_bytes > room - msg->info_off)
        return NULL;
    return req->msg + RNDIS_OFFSET_BASE + msg->info_off;
}

static void serve_query(struct hvh_chan *chan, const struct request *req)
{
    struct hvhost_nic *nic = chan->nic;
    struct {
        struct rndis_query_complete head;
        uint8_t info[HVH_INFO_BYTES_MAX];
    } done = {.head = {.type = RNDIS_MSG_QUERY | RNDIS_MSG_COMPLETE,
                       .request_id = req->head.request_id,
                       .status = RNDIS_STATUS_INVALID_DATA,
                       .info_off = RNDIS_REPLY_INFO_OFF}};
    const uint8_t *info;
    struct rndis_request msg;
    uint32_t bytes = 0;

    if (nic->state != HVH_OPERATIONAL || req->bytes < sizeof(msg)) {
        malformed(chan);
        return;
    }
    memcpy(&msg, req->msg, sizeof(msg));
    info = request_info(req, &msg);
    if (info)
        done.head.status = hvh_oid_query(nic, msg.oid, info, msg.info_bytes, done.info, &bytes);
    else
        malformed(chan);
    if (done.head.status == RNDIS_STATUS_SUCCESS)
        done.head.info_bytes = bytes;
    done.head.len_bytes = (uint32_t)sizeof(done.head) + done.head.info_bytes;
    if (reply(nic, &done, done.head.len_bytes,
              hvh_fault_strike(nic, HVH_ON_RNDIS_QUERY, msg.oid)) &&
        info && (msg.oid == OID_MEDIA_CONNECT_STATUS || msg.oid == OID_LINK_STATE))
        nic->link_told = nic->link_up;
}

static void serve_set(struct hvh_chan *chan, const struct request *req)
{
    struct hvhost_nic *nic = chan->nic;
    struct rndis_set_complete done = {.type = RNDIS_MSG_SET | RNDIS_MSG_COMPLETE,
                                      .len_bytes = sizeof(done),
                                      .request_id = req->head.request_id,
                                      .status = RNDIS_STATUS_INVALID_DATA};
    uint8_t offload[NDIS_OFFLOAD_BYTES_REV3];
    const struct hvhost_fault *fault;
    const uint8_t *info;
    struct rndis_request msg;

    if (nic->state != HVH_OPERATIONAL || req->bytes < sizeof(msg)) {
        malformed(chan);
        return;
    }
    memcpy(&msg, req->msg, sizeof(msg));
    info = request_info(req, &msg);
    fault = hvh_fault_strike(nic, HVH_ON_RNDIS_SET, msg.oid);
    if (!info)
        malformed(chan);
    else if (fault && fault->act == HVH_ACT_REFUSE)
        done.status = RNDIS_STATUS_FAILURE; /* and without effect */
    else
        done.status = hvh_oid_set(nic, msg.oid, info, msg.info_bytes);
    reply(nic, &done, sizeof(done), fault);
    if (msg.oid == OID_OFFLOAD_PARAMS && done.status == RNDIS_STATUS_SUCCESS)
        indicate(nic, RNDIS_IND_OFFLOAD_CONFIG, offload,
                 hvh_offload_object(nic, &nic->offload, offload, sizeof(offload)));
}

static void serve_keepalive(struct hvh_chan *chan, const struct request *req)
{
    struct rndis_set_complete done = {.type = RNDIS_MSG_KEEPALIVE | RNDIS_MSG_COMPLETE,
                                      .len_bytes = sizeof(done),
                                      .request_id = req->head.request_id};

    reply(chan->nic, &done, sizeof(done), NULL);
}

static void serve_reset(struct hvh_chan *chan)
{
    struct rndis_reset_complete done = {.type = RNDIS_MSG_RESET | RNDIS_MSG_COMPLETE,
                                        .len_bytes = sizeof(done)};

    reply(chan->nic, &done, sizeof(done), NULL);
}

/* ---- dispatch --------------------------------------------------------------------------- */

/* Copy the request once. False: no request. */
static bool request_copy(struct hvh_chan *chan, const struct hvh_gather *g, struct request *req)
{
    uint32_t bytes = g->bytes < sizeof(req->msg) ? g->bytes : (uint32_t)sizeof(req->msg);
    uint32_t head =
        bytes < sizeof(struct rndis_request) ? bytes : (uint32_t)sizeof(struct rndis_request);

    if (bytes < sizeof(req->head) || !hvh_gather_copy(g, 0, req->msg, bytes)) {
        malformed(chan);
        return false;
    }
    if (g->part[0].len_bytes < head)
        hvh_strict(chan, &chan->nic->stats.strict_page);
    memcpy(&req->head, req->msg, sizeof(req->head));
    req->bytes = req->head.len_bytes;
    if (req->bytes < sizeof(req->head) || req->bytes > bytes) {
        malformed(chan);
        return false;
    }
    return true;
}

static void dispatch(struct hvh_chan *chan, const struct request *req)
{
    switch (req->head.type) {
    case RNDIS_MSG_INITIALIZE:
        serve_initialize(chan, req);
        break;
    case RNDIS_MSG_QUERY:
        serve_query(chan, req);
        break;
    case RNDIS_MSG_SET:
        serve_set(chan, req);
        break;
    case RNDIS_MSG_KEEPALIVE:
        serve_keepalive(chan, req);
        break;
    case RNDIS_MSG_RESET:
        serve_reset(chan);
        break;
    case RNDIS_MSG_HALT:
        /* It stops frames by itself: Linux 6.1 unloads hv_netvsc with the filter still open. */
        chan->nic->filter = 0;
        hvh_nvs_stop(chan);
        break;
    default:
        malformed(chan);
    }
}

void hvh_rndis_serve(struct hvh_chan *chan, const struct nvs_rndis *msg)
{
    struct hvhost_nic *nic = chan->nic;
    uint64_t xid = nic->packet.desc.xid;
    const struct hvhost_fault *fault = NULL;
    struct hvh_gather g;
    struct request req;

    nic->stats.ctl_requests++;
    if (!hvh_gather(chan, msg, &g) || !request_copy(chan, &g, &req)) {
        hvh_complete_rndis(chan, xid, NVS_STATUS_INVALID_RNDIS, NULL);
        return;
    }
    if (req.head.type == RNDIS_MSG_HALT)
        fault = hvh_fault_strike(nic, HVH_ON_RNDIS_HALT, 0);
    hvh_complete_rndis(chan, xid, NVS_STATUS_SUCCESS, fault);
    if (!chan->faulted)
        dispatch(chan, &req);
}
