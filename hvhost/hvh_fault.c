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
    nic->faulty = fault != NULL;
    if (fault)
        *slot = (struct hvh_fault_slot){.fault = *fault, .armed = true};
}

static bool slot_matches(const struct hvh_fault_slot *slot, enum hvhost_fault_on on, uint32_t oid)
{
    return slot->armed && slot->fault.on == on && (slot->fault.oid == 0 || slot->fault.oid == oid);
}

const struct hvhost_fault *hvh_fault_look(struct hvhost_nic *nic, enum hvhost_fault_on on,
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

/* ---- fields := (arg) ------------------------------------------------------------------------- */

struct field {
    enum hvhost_fault_act act;
    uint32_t off_bytes;
};

static const struct field recv_buf_fields[] = {
    {HVH_ACT_GROUPS, offsetof(struct nvs_recv_buf_complete, group_count)},
    {HVH_ACT_OFFSET, offsetof(struct nvs_recv_buf_complete, group_off_bytes)},
    {HVH_ACT_SECTION_BYTES, offsetof(struct nvs_recv_buf_complete, section_bytes)},
    {HVH_ACT_SECTION_COUNT, offsetof(struct nvs_recv_buf_complete, section_count)},
    {0},
};

static const struct field send_buf_fields[] = {
    {HVH_ACT_SECTION_BYTES, offsetof(struct nvs_send_buf_complete, section_bytes)},
    {0},
};

static const struct field control_fields[] = {
    {HVH_ACT_ALIGN_SHIFT, offsetof(struct rndis_initialize_complete, align_shift)},
    {HVH_ACT_MAX_PACKETS, offsetof(struct rndis_initialize_complete, max_packets)},
    {HVH_ACT_INFO_BYTES, offsetof(struct rndis_query_complete, info_bytes)},
    {HVH_ACT_INFO_OFF, offsetof(struct rndis_query_complete, info_off)},
    {0},
};

static const struct field range_fields[] = {
    {HVH_ACT_RANGE_OFF, offsetof(struct vmbus_xfer_range, off_bytes)},
    {HVH_ACT_RANGE_LEN, offsetof(struct vmbus_xfer_range, len_bytes)},
    {0},
};

static const struct field message_fields[] = {
    {HVH_ACT_MSG_TYPE, offsetof(struct rndis_packet, type)},
    {HVH_ACT_MSG_LEN, offsetof(struct rndis_packet, len_bytes)},
    {HVH_ACT_DATA_OFF, offsetof(struct rndis_packet, data_off)},
    {HVH_ACT_DATA_LEN, offsetof(struct rndis_packet, data_bytes)},
    {HVH_ACT_PPI_OFF, offsetof(struct rndis_packet, ppi_off)},
    {0},
};

/* Write the argument to the field of (at) that (fault) is about, if it is one of (fields). */
static void put_field(const struct hvhost_fault *fault, const struct field *fields, uint8_t *at)
{
    /* No field is HVH_ACT_REFUSE's, which is 0. */
    for (; fields->act; fields++) {
        if (fields->act == fault->act)
            put32(at + fields->off_bytes, fault->arg);
    }
}

/* ---- packets --------------------------------------------------------------------------------- */

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

/* What can be wrong with any packet, whose NVSP message is at (nvs). */
static void spoil_packet(const struct hvhost_fault *fault, struct hvh_send *pkt, uint8_t *nvs)
{
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
    default:
        break;
    }
}

void hvh_fault_completion(const struct hvhost_fault *fault, struct hvh_send *pkt)
{
    const uint32_t type = get32(pkt->body);

    if (fault->act == HVH_ACT_REFUSE)
        put32(pkt->body + status_off(type), NVS_STATUS_FAILURE);
    else if (type == NVS_MSG_RECV_BUF_COMPLETE)
        put_field(fault, recv_buf_fields, pkt->body);
    else if (type == NVS_MSG_SEND_BUF_COMPLETE)
        put_field(fault, send_buf_fields, pkt->body);
    spoil_packet(fault, pkt, pkt->body);
}

/* The packet: descriptor, transfer header, first range, NVSP message. */
static void data_packet(const struct hvhost_fault *fault, struct hvh_send *pkt)
{
    uint8_t *nvs = pkt->body + pkt->desc.header_qwords * 8u - sizeof(pkt->desc);
    uint16_t set_id = (uint16_t)fault->arg;

    switch (fault->act) {
    case HVH_ACT_NVS_TYPE:
        put32(nvs, fault->arg);
        break;
    case HVH_ACT_RANGE_COUNT:
        put32(pkt->body + offsetof(struct vmbus_xfer_header, range_count), fault->arg);
        break;
    case HVH_ACT_SET_ID:
        memcpy(pkt->body, &set_id, sizeof(set_id));
        break;
    default:
        put_field(fault, range_fields, pkt->body + sizeof(struct vmbus_xfer_header));
        spoil_packet(fault, pkt, nvs);
    }
}

void hvh_fault_data(const struct hvhost_fault *fault, struct hvh_send *pkt, uint8_t *first_message)
{
    const uint32_t ppi_off = get32(first_message + offsetof(struct rndis_packet, ppi_off));

    if (fault->act == HVH_ACT_PPI_SIZE && ppi_off != 0)
        put32(first_message + RNDIS_OFFSET_BASE + ppi_off, fault->arg);
    if (fault->act == HVH_ACT_PPI_OFF && ppi_off == 0) /* a frame without any: claim one */
        put32(first_message + offsetof(struct rndis_packet, ppi_bytes), RNDIS_PPI_BYTES);
    put_field(fault, message_fields, first_message);
    data_packet(fault, pkt);
}

/* ---- control messages ------------------------------------------------------------------------ */

static void refuse_control(uint8_t *msg, uint32_t *bytes)
{
    put32(msg + offsetof(struct rndis_set_complete, status), RNDIS_STATUS_FAILURE);
    if (get32(msg) != (RNDIS_MSG_QUERY | RNDIS_MSG_COMPLETE))
        return;
    /* And then no information. */
    put32(msg + offsetof(struct rndis_query_complete, info_bytes), 0);
    *bytes = sizeof(struct rndis_query_complete);
    put32(msg + offsetof(struct rndis_query_complete, len_bytes), *bytes);
}

void hvh_fault_control(const struct hvhost_fault *fault, uint8_t *msg, uint32_t *bytes)
{
    uint8_t *request_id = msg + offsetof(struct rndis_simple, request_id);

    switch (fault->act) {
    case HVH_ACT_REFUSE:
        refuse_control(msg, bytes);
        break;
    case HVH_ACT_WRONG_ID:
        put32(request_id, get32(request_id) ^ WRONG_ID);
        break;
    case HVH_ACT_SHORT:
        if (fault->arg < *bytes)
            *bytes = (uint32_t)fault->arg;
        break;
    case HVH_ACT_WRONG_TYPE:
        put32(msg, WRONG_TYPE);
        break;
    default:
        put_field(fault, control_fields, msg);
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
