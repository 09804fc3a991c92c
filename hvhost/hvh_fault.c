/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Faults: which answer is hit and how it is spoilt. Every act is deterministic, so that a failing
 * test fails again. Acts on sending itself (silent, late, twice, ring index) are in hvh_answer.c;
 * refusing is also known to the code that would otherwise act on the request.
 */
#include <string.h>

#include "hvh_nic_var.h"

#define WRONG_TYPE 0x7Fu          /* neither NVSP nor RNDIS knows it */
#define WRONG_ID UINT64_C(0x5A5A) /* xor-ed: far from any id in use */

void hvhost_fault_arm(struct hvhost_nic *nic, const struct hvhost_fault *fault)
{
    struct hvh_fault_slot *slot = &nic->fault[HVH_FAULTS_MAX - 1];

    for (unsigned i = 0; i < HVH_FAULTS_MAX; i++) {
        if (!fault)
            nic->fault[i].armed = false;
        else if (!nic->fault[i].armed) {
            slot = &nic->fault[i];
            break;
        }
    }
    if (fault)
        *slot = (struct hvh_fault_slot){.fault = *fault, .armed = true};
}

static bool slot_matches(const struct hvh_fault_slot *slot, enum hvhost_fault_on on, uint32_t oid)
{
    return slot->armed && slot->fault.on == on && (slot->fault.oid == 0 || slot->fault.oid == oid);
}

const struct hvhost_fault *hvh_fault_strike(struct hvhost_nic *nic, enum hvhost_fault_on on,
                                            uint32_t oid)
{
    for (unsigned i = 0; i < HVH_FAULTS_MAX; i++) {
        struct hvh_fault_slot *slot = &nic->fault[i];

        if (!slot_matches(slot, on, oid))
            continue;
        if (slot->seen < slot->fault.after) {
            slot->seen++;
            return NULL;
        }
        slot->struck++;
        if (slot->fault.count != 0 && slot->struck == slot->fault.count)
            slot->armed = false; /* its contents stay until the next arm: the caller may use them */
        nic->stats.faults++;
        return &slot->fault;
    }
    return NULL;
}

static void put32(uint8_t *at, uint64_t value)
{
    uint32_t word = (uint32_t)value;

    memcpy(at, &word, sizeof(word));
}

static uint32_t get32(const uint8_t *at)
{
    uint32_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

/* Where an NVSP message has its status. */
static size_t status_off(uint32_t nvs_type)
{
    return nvs_type == NVS_MSG_INIT_COMPLETE ? offsetof(struct nvs_init_complete, status)
                                             : offsetof(struct nvs_rndis_complete, status);
}

static void cut(struct hvh_send *pkt, uint64_t payload_bytes)
{
    uint32_t header_bytes = pkt->desc.header_qwords * 8u - (uint32_t)sizeof(pkt->desc);
    uint32_t had = pkt->body_bytes - header_bytes;
    uint32_t now = payload_bytes < had ? ((uint32_t)payload_bytes + 7) & ~7u : had;

    pkt->body_bytes = header_bytes + now;
    pkt->desc.total_qwords = (uint16_t)((sizeof(pkt->desc) + pkt->body_bytes) / 8);
    if (payload_bytes < now)
        memset(pkt->body + header_bytes + payload_bytes, 0, now - payload_bytes);
}

void hvh_fault_completion(const struct hvhost_fault *fault, struct hvh_send *pkt)
{
    uint8_t *msg = pkt->body;
    uint32_t type = get32(msg);
    bool recv = type == NVS_MSG_RECV_BUF_COMPLETE;

    switch (fault->act) {
    case HVH_ACT_REFUSE:
        put32(msg + status_off(type), NVS_STATUS_FAILURE);
        break;
    case HVH_ACT_WRONG_ID:
        pkt->desc.xid ^= WRONG_ID;
        break;
    case HVH_ACT_SHORT:
        cut(pkt, fault->arg);
        break;
    case HVH_ACT_WRONG_TYPE:
        put32(msg, WRONG_TYPE);
        break;
    case HVH_ACT_GROUPS:
        put32(msg + offsetof(struct nvs_recv_buf_complete, group_count), fault->arg);
        break;
    case HVH_ACT_OFFSET:
        put32(msg + offsetof(struct nvs_recv_buf_complete, group_off_bytes), fault->arg);
        break;
    case HVH_ACT_SECTION_BYTES:
        put32(msg + (recv ? offsetof(struct nvs_recv_buf_complete, section_bytes)
                          : offsetof(struct nvs_send_buf_complete, section_bytes)),
              fault->arg);
        break;
    case HVH_ACT_SECTION_COUNT:
        put32(msg + offsetof(struct nvs_recv_buf_complete, section_count), fault->arg);
        break;
    default:
        break;
    }
}

void hvh_fault_control(const struct hvhost_fault *fault, uint8_t *msg, uint32_t *bytes)
{
    uint32_t type = get32(msg);

    switch (fault->act) {
    case HVH_ACT_REFUSE:
        put32(msg + offsetof(struct rndis_set_complete, status), RNDIS_STATUS_FAILURE);
        if (type == (RNDIS_MSG_QUERY | RNDIS_MSG_COMPLETE)) { /* and then no information */
            put32(msg + offsetof(struct rndis_query_complete, info_bytes), 0);
            *bytes = sizeof(struct rndis_query_complete);
            put32(msg + offsetof(struct rndis_query_complete, len_bytes), *bytes);
        }
        break;
    case HVH_ACT_WRONG_ID:
        put32(msg + offsetof(struct rndis_simple, request_id),
              get32(msg + offsetof(struct rndis_simple, request_id)) ^ WRONG_ID);
        break;
    case HVH_ACT_SHORT:
        if (fault->arg < *bytes)
            *bytes = (uint32_t)fault->arg;
        break;
    case HVH_ACT_WRONG_TYPE:
        put32(msg, WRONG_TYPE);
        break;
    case HVH_ACT_ALIGN_SHIFT:
        put32(msg + offsetof(struct rndis_initialize_complete, align_shift), fault->arg);
        break;
    case HVH_ACT_MAX_PACKETS:
        put32(msg + offsetof(struct rndis_initialize_complete, max_packets), fault->arg);
        break;
    case HVH_ACT_INFO_BYTES:
        put32(msg + offsetof(struct rndis_query_complete, info_bytes), fault->arg);
        break;
    case HVH_ACT_INFO_OFF:
        put32(msg + offsetof(struct rndis_query_complete, info_off), fault->arg);
        break;
    default:
        break;
    }
}

/* The packet: descriptor, transfer header, first range, NVSP message. */
static void data_packet(const struct hvhost_fault *fault, struct hvh_send *pkt)
{
    uint8_t *range = pkt->body + sizeof(struct vmbus_xfer_header);
    uint8_t *nvs = pkt->body + pkt->desc.header_qwords * 8u - sizeof(pkt->desc);
    uint16_t set_id = (uint16_t)fault->arg;

    switch (fault->act) {
    case HVH_ACT_WRONG_ID:
        pkt->desc.xid ^= WRONG_ID;
        break;
    case HVH_ACT_SHORT:
        cut(pkt, fault->arg);
        break;
    case HVH_ACT_WRONG_TYPE:
        put32(nvs, WRONG_TYPE);
        break;
    case HVH_ACT_NVS_TYPE:
        put32(nvs, fault->arg);
        break;
    case HVH_ACT_RANGE_OFF:
        put32(range + offsetof(struct vmbus_xfer_range, off_bytes), fault->arg);
        break;
    case HVH_ACT_RANGE_LEN:
        put32(range + offsetof(struct vmbus_xfer_range, len_bytes), fault->arg);
        break;
    case HVH_ACT_RANGE_COUNT:
        put32(pkt->body + offsetof(struct vmbus_xfer_header, range_count), fault->arg);
        break;
    case HVH_ACT_SET_ID:
        memcpy(pkt->body, &set_id, sizeof(set_id));
        break;
    default:
        break;
    }
}

void hvh_fault_data(const struct hvhost_fault *fault, struct hvh_send *pkt, uint8_t *first_message)
{
    uint32_t ppi_off = get32(first_message + offsetof(struct rndis_packet, ppi_off));

    switch (fault->act) {
    case HVH_ACT_MSG_TYPE:
        put32(first_message, fault->arg);
        break;
    case HVH_ACT_MSG_LEN:
        put32(first_message + offsetof(struct rndis_packet, len_bytes), fault->arg);
        break;
    case HVH_ACT_DATA_OFF:
        put32(first_message + offsetof(struct rndis_packet, data_off), fault->arg);
        break;
    case HVH_ACT_DATA_LEN:
        put32(first_message + offsetof(struct rndis_packet, data_bytes), fault->arg);
        break;
    case HVH_ACT_PPI_OFF:
        put32(first_message + offsetof(struct rndis_packet, ppi_off), fault->arg);
        if (ppi_off == 0) /* a frame without any: claim one */
            put32(first_message + offsetof(struct rndis_packet, ppi_bytes), RNDIS_PPI_BYTES);
        break;
    case HVH_ACT_PPI_SIZE:
        if (ppi_off != 0)
            put32(first_message + RNDIS_OFFSET_BASE + ppi_off, fault->arg);
        break;
    default:
        data_packet(fault, pkt);
    }
}

void hvh_fault_desc(const struct hvhost_fault *fault, struct vmbus_pkt_desc *desc)
{
    switch (fault->act) {
    case HVH_ACT_DESC_LEN:
        desc->total_qwords = (uint16_t)fault->arg;
        break;
    case HVH_ACT_DESC_HEADER:
        desc->header_qwords = (uint16_t)fault->arg;
        break;
    case HVH_ACT_PKT_TYPE:
        desc->type = (uint16_t)fault->arg;
        break;
    default:
        break;
    }
}
