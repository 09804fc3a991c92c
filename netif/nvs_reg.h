/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVSP: the network control protocol in VMBus packets between netvsc (guest) and NetVSP (host).
 * Little-endian, offsets from the start of the message. Source: docs/protocol.md, section "NVSP".
 */
#ifndef NVS_REG_H
#define NVS_REG_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* Guests always send the whole union; shorter requests are never answered by Hyper-V. */
#define NVS_MSG_BYTES 40u

#define NVS_VERSION_1 0x00000002u
#define NVS_VERSION_2 0x00030002u
#define NVS_VERSION_4 0x00040000u
#define NVS_VERSION_5 0x00050000u
#define NVS_VERSION_6 0x00060000u
#define NVS_VERSION_61 0x00060001u

#define NVS_MSG_INIT 1u
#define NVS_MSG_INIT_COMPLETE 2u
#define NVS_MSG_NDIS_VERSION 100u
#define NVS_MSG_RECV_BUF 101u
#define NVS_MSG_RECV_BUF_COMPLETE 102u
#define NVS_MSG_REVOKE_RECV_BUF 103u
#define NVS_MSG_SEND_BUF 104u
#define NVS_MSG_SEND_BUF_COMPLETE 105u
#define NVS_MSG_REVOKE_SEND_BUF 106u
#define NVS_MSG_RNDIS 107u
#define NVS_MSG_RNDIS_COMPLETE 108u
#define NVS_MSG_NDIS_CONFIG 125u
#define NVS_MSG_VF_ASSOCIATION 128u
#define NVS_MSG_SWITCH_DATA_PATH 129u
#define NVS_MSG_OID_QUERY_EX 131u
#define NVS_MSG_OID_QUERY_EX_COMPLETE 132u
#define NVS_MSG_SUBCHANNEL 133u /* request and reply share the code */
#define NVS_MSG_SEND_TABLE 134u

/* Success is 1, not 0. */
#define NVS_STATUS_NONE 0u
#define NVS_STATUS_SUCCESS 1u
#define NVS_STATUS_FAILURE 2u
#define NVS_STATUS_TOO_NEW 3u
#define NVS_STATUS_TOO_OLD 4u
#define NVS_STATUS_INVALID_RNDIS 5u
#define NVS_STATUS_BUSY 6u
#define NVS_STATUS_UNSUPPORTED 7u

#define NVS_RECV_BUF_ID 0xCAFEu
#define NVS_SEND_BUF_ID 0xFACEu
#define NVS_SECTION_NONE 0xFFFFFFFFu /* the RNDIS bytes are not in a send section */
#define NVS_SECTION_BYTES_MIN 68u    /* smaller sections cannot hold a frame with its header */

/* Capabilities of NDIS_CONFIG. */
#define NVS_CAP_SRIOV (1ull << 2)
#define NVS_CAP_8021Q (1ull << 3)
#define NVS_CAP_TEAMING (1ull << 5)
#define NVS_CAP_RSC (1ull << 7)

#define NVS_NDIS_MAJOR 6u
#define NVS_NDIS_MINOR_OLD 1u /* NVSP <= 4 */
#define NVS_NDIS_MINOR 30u

struct nvs_init {
    uint32_t type; /* NVS_MSG_INIT */
    uint32_t version_min;
    uint32_t version_max;
};
static_assert(sizeof(struct nvs_init) == 12, "wire layout");

struct nvs_init_complete {
    uint32_t type; /* NVS_MSG_INIT_COMPLETE */
    uint32_t version_deprecated;
    uint32_t max_mdl_chain;
    uint32_t status; /* NVS_STATUS_* */
};
static_assert(sizeof(struct nvs_init_complete) == 16, "wire layout");
static_assert(offsetof(struct nvs_init_complete, status) == 12, "wire layout");

struct nvs_ndis_version {
    uint32_t type; /* NVS_MSG_NDIS_VERSION */
    uint32_t major;
    uint32_t minor;
};
static_assert(sizeof(struct nvs_ndis_version) == 12, "wire layout");

#define NVS_MTU_EXTRA_BYTES 14u /* the Ethernet header counts here, not in OID_MAX_FRAME_SIZE */
struct nvs_ndis_config {
    uint32_t type;      /* NVS_MSG_NDIS_CONFIG */
    uint32_t mtu_bytes; /* with the 14 bytes of Ethernet header */
    uint32_t reserved;
    uint64_t capabilities; /* NVS_CAP_*, not 8-aligned */
} __attribute__((packed));
static_assert(sizeof(struct nvs_ndis_config) == 20, "wire layout");
static_assert(offsetof(struct nvs_ndis_config, capabilities) == 12, "wire layout");

/* RECV_BUF and SEND_BUF. */
struct nvs_buf {
    uint32_t type;
    uint32_t gpadl;
    uint16_t id; /* NVS_RECV_BUF_ID, NVS_SEND_BUF_ID */
    uint16_t reserved;
};
static_assert(sizeof(struct nvs_buf) == 12, "wire layout");
static_assert(offsetof(struct nvs_buf, id) == 8, "wire layout");

struct nvs_recv_buf_complete {
    uint32_t type; /* NVS_MSG_RECV_BUF_COMPLETE */
    uint32_t status;
    uint32_t group_count; /* must be 1 */
    uint32_t group_off_bytes;
    uint32_t section_bytes;
    uint32_t section_count;
    uint32_t group_end_bytes;
};
static_assert(sizeof(struct nvs_recv_buf_complete) == 28, "wire layout");
static_assert(offsetof(struct nvs_recv_buf_complete, section_bytes) == 16, "wire layout");

struct nvs_send_buf_complete {
    uint32_t type; /* NVS_MSG_SEND_BUF_COMPLETE */
    uint32_t status;
    uint32_t section_bytes;
};
static_assert(sizeof(struct nvs_send_buf_complete) == 12, "wire layout");

/* REVOKE_RECV_BUF and REVOKE_SEND_BUF. */
struct nvs_revoke_buf {
    uint32_t type;
    uint16_t id;
    uint16_t reserved;
};
static_assert(sizeof(struct nvs_revoke_buf) == 8, "wire layout");

#define NVS_RNDIS_DATA 0u
#define NVS_RNDIS_CONTROL 1u
struct nvs_rndis {
    uint32_t type;          /* NVS_MSG_RNDIS */
    uint32_t channel_type;  /* NVS_RNDIS_DATA, NVS_RNDIS_CONTROL */
    uint32_t section;       /* of the send buffer, or NVS_SECTION_NONE */
    uint32_t section_bytes; /* used in that section; 0 with NVS_SECTION_NONE */
};
static_assert(sizeof(struct nvs_rndis) == 16, "wire layout");
static_assert(offsetof(struct nvs_rndis, section) == 8, "wire layout");

struct nvs_rndis_complete {
    uint32_t type; /* NVS_MSG_RNDIS_COMPLETE */
    uint32_t status;
};
static_assert(sizeof(struct nvs_rndis_complete) == 8, "wire layout");

struct nvs_vf_association {
    uint32_t type; /* NVS_MSG_VF_ASSOCIATION */
    uint32_t allocated;
    uint32_t serial;
};
static_assert(sizeof(struct nvs_vf_association) == 12, "wire layout");

#define NVS_DATA_PATH_SYNTHETIC 0u
#define NVS_DATA_PATH_VF 1u
struct nvs_switch_data_path {
    uint32_t type; /* NVS_MSG_SWITCH_DATA_PATH */
    uint32_t path;
};
static_assert(sizeof(struct nvs_switch_data_path) == 8, "wire layout");

#define NVS_SUBCHANNEL_ALLOCATE 1u
struct nvs_subchannel {
    uint32_t type;  /* NVS_MSG_SUBCHANNEL */
    uint32_t op;    /* request: NVS_SUBCHANNEL_ALLOCATE; reply: NVS_STATUS_* */
    uint32_t count; /* additional channels wanted, or granted */
};
static_assert(sizeof(struct nvs_subchannel) == 12, "wire layout");

#define NVS_SEND_TABLE_ENTRIES 16u
struct nvs_send_table {
    uint32_t type;        /* NVS_MSG_SEND_TABLE */
    uint32_t entry_count; /* NVS_SEND_TABLE_ENTRIES */
    uint32_t off_bytes;   /* of the table, from the message start; wrong on hosts up to 6.0 */
};
static_assert(sizeof(struct nvs_send_table) == 12, "wire layout");

#endif
