/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNDIS messages, per-packet info and NDIS objects as carried under NVSP message 107.
 * Little-endian. Offsets *inside* messages count from byte 8, after the common header: requests
 * carry 20, replies 16, packets 36. Source: docs/protocol.md, section "RNDIS".
 */
#ifndef RNDIS_REG_H
#define RNDIS_REG_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define RNDIS_MSG_PACKET 0x00000001u
#define RNDIS_MSG_INITIALIZE 0x00000002u
#define RNDIS_MSG_HALT 0x00000003u
#define RNDIS_MSG_QUERY 0x00000004u
#define RNDIS_MSG_SET 0x00000005u
#define RNDIS_MSG_RESET 0x00000006u
#define RNDIS_MSG_INDICATE_STATUS 0x00000007u
#define RNDIS_MSG_KEEPALIVE 0x00000008u
#define RNDIS_MSG_COMPLETE 0x80000000u /* or-ed to the request's type */

#define RNDIS_STATUS_SUCCESS 0x00000000u
#define RNDIS_STATUS_FAILURE 0xC0000001u
#define RNDIS_STATUS_RESOURCES 0xC000009Au
#define RNDIS_STATUS_NOT_SUPPORTED 0xC00000BBu
#define RNDIS_STATUS_BAD_VERSION 0xC0010004u
#define RNDIS_STATUS_INVALID_LENGTH 0xC0010014u
#define RNDIS_STATUS_INVALID_DATA 0xC0010015u
#define RNDIS_STATUS_INVALID_OID 0xC0010017u

/* Status values of INDICATE_STATUS. */
#define RNDIS_IND_MEDIA_CONNECT 0x4001000Bu
#define RNDIS_IND_MEDIA_DISCONNECT 0x4001000Cu
#define RNDIS_IND_LINK_SPEED 0x40010013u     /* buffer: u32, in NDIS_LINK_SPEED_UNIT_BPS */
#define RNDIS_IND_NETWORK_CHANGE 0x40010018u /* buffer: u32: 1 possible, 2 sure, 3 by media */
#define RNDIS_IND_OFFLOAD_CONFIG 0x40020006u /* buffer: NDIS offload object */

/* Offsets inside messages count from here. */
#define RNDIS_OFFSET_BASE 8u

struct rndis_header {
    uint32_t type;      /* RNDIS_MSG_* */
    uint32_t len_bytes; /* of the whole message */
};
static_assert(sizeof(struct rndis_header) == 8, "wire layout");

struct rndis_initialize {
    uint32_t type, len_bytes, request_id;
    uint32_t version_major; /* 1 */
    uint32_t version_minor; /* 0 */
    uint32_t max_transfer_bytes;
};
static_assert(sizeof(struct rndis_initialize) == 24, "wire layout");
#define RNDIS_VERSION_MAJOR 1u
#define RNDIS_VERSION_MINOR 0u
#define RNDIS_MAX_TRANSFER_BYTES 0x4000u

struct rndis_initialize_complete {
    uint32_t type, len_bytes, request_id, status;
    uint32_t version_major, version_minor;
    uint32_t device_flags; /* 1 = connectionless */
    uint32_t medium;       /* 0 = 802.3 */
    uint32_t max_packets;  /* per message sent by the guest */
    uint32_t max_transfer_bytes;
    uint32_t align_shift; /* each message but the last is padded to 1 << this */
    uint32_t af_list_off, af_list_bytes;
};
static_assert(sizeof(struct rndis_initialize_complete) == 52, "wire layout");
static_assert(offsetof(struct rndis_initialize_complete, max_packets) == 32, "wire layout");

/* HALT, RESET (request id reserved) and KEEPALIVE. */
struct rndis_simple {
    uint32_t type, len_bytes, request_id;
};
static_assert(sizeof(struct rndis_simple) == 12, "wire layout");

/* QUERY and SET; the information follows at info_off (20 even when there is none). */
struct rndis_request {
    uint32_t type, len_bytes, request_id;
    uint32_t oid; /* OID_* */
    uint32_t info_bytes;
    uint32_t info_off; /* from byte 8 */
    uint32_t vc_handle;
};
static_assert(sizeof(struct rndis_request) == 28, "wire layout");
#define RNDIS_REQUEST_INFO_OFF 20u

struct rndis_query_complete {
    uint32_t type, len_bytes, request_id, status;
    uint32_t info_bytes;
    uint32_t info_off; /* from byte 8; >= 16 */
};
static_assert(sizeof(struct rndis_query_complete) == 24, "wire layout");
#define RNDIS_REPLY_INFO_OFF 16u

/* SET_CMPLT and KEEPALIVE_CMPLT. */
struct rndis_set_complete {
    uint32_t type, len_bytes, request_id, status;
};
static_assert(sizeof(struct rndis_set_complete) == 16, "wire layout");

struct rndis_reset_complete {
    uint32_t type, len_bytes, status, addressing_reset;
};
static_assert(sizeof(struct rndis_reset_complete) == 16, "wire layout");

struct rndis_indicate {
    uint32_t type, len_bytes;
    uint32_t status; /* RNDIS_IND_* */
    uint32_t buffer_bytes;
    uint32_t buffer_off; /* from byte 8 */
};
static_assert(sizeof(struct rndis_indicate) == 20, "wire layout");
#define RNDIS_INDICATE_BUFFER_OFF 12u

struct rndis_packet {
    uint32_t type, len_bytes;
    uint32_t data_off; /* from byte 8; >= 36 */
    uint32_t data_bytes;
    uint32_t oob_off, oob_bytes, oob_count;
    uint32_t ppi_off; /* from byte 8; 0 = none */
    uint32_t ppi_bytes;
    uint32_t vc_handle, reserved;
};
static_assert(sizeof(struct rndis_packet) == 44, "wire layout");
static_assert(offsetof(struct rndis_packet, ppi_off) == 28, "wire layout");
#define RNDIS_PACKET_OFF_MIN 36u

/* One per-packet info element; its data follows at data_off. */
struct rndis_ppi {
    uint32_t size_bytes; /* with this header; a multiple of 4 */
    uint32_t type;       /* RNDIS_PPI_* */
    uint32_t data_off;   /* from the start of the element: 12 */
};
static_assert(sizeof(struct rndis_ppi) == 12, "wire layout");
#define RNDIS_PPI_DATA_OFF 12u
#define RNDIS_PPI_BYTES 16u /* of an element with one u32 */

#define RNDIS_PPI_CSUM 0u
#define RNDIS_PPI_LSO 2u
#define RNDIS_PPI_VLAN 6u
#define RNDIS_PPI_HASH 8u
#define RNDIS_PPI_HASH_INFO 9u
#define RNDIS_PPI_INTERNAL 0x80000000u
#define RNDIS_PPI_PACKET_ID (RNDIS_PPI_INTERNAL | 1u) /* RSC fragments */

/* Data of RNDIS_PPI_PACKET_ID: this message is a part of a frame. */
struct rndis_packet_id {
    uint8_t version; /* 1 */
    uint8_t flags;   /* RNDIS_PACKET_ID_* */
    uint16_t id;
};
static_assert(sizeof(struct rndis_packet_id) == 4, "wire layout");
static_assert(offsetof(struct rndis_packet_id, flags) == 1, "wire layout");
#define RNDIS_PACKET_ID_VERSION 1u
#define RNDIS_PACKET_ID_FRAGMENT 0x1u /* without it the message is a whole frame */
#define RNDIS_PACKET_ID_FIRST 0x2u
#define RNDIS_PACKET_ID_LAST 0x4u

/* VLAN word: priority, DEI, id. */
#define RNDIS_VLAN_PRIO_SHIFT 0
#define RNDIS_VLAN_DEI_SHIFT 3
#define RNDIS_VLAN_ID_SHIFT 4

#define RNDIS_TXCSUM_IPV4 (1u << 0)
#define RNDIS_TXCSUM_IPV6 (1u << 1)
#define RNDIS_TXCSUM_TCP (1u << 2)
#define RNDIS_TXCSUM_UDP (1u << 3)
#define RNDIS_TXCSUM_IPHDR (1u << 4)
#define RNDIS_TXCSUM_L4_OFF_SHIFT 16

#define RNDIS_RXCSUM_TCP_BAD (1u << 0)
#define RNDIS_RXCSUM_UDP_BAD (1u << 1)
#define RNDIS_RXCSUM_IP_BAD (1u << 2)
#define RNDIS_RXCSUM_TCP_OK (1u << 3)
#define RNDIS_RXCSUM_UDP_OK (1u << 4)
#define RNDIS_RXCSUM_IP_OK (1u << 5)
/* Checked; but the frame was put together since, and its field holds another sum. */
#define RNDIS_RXCSUM_TCP_STALE (1u << 7)
#define RNDIS_RXCSUM_IP_STALE (1u << 8)

#define RNDIS_LSO_MSS_MASK 0xFFFFFu
#define RNDIS_LSO_TCP_OFF_SHIFT 20
#define RNDIS_LSO_V2 (1u << 30)
#define RNDIS_LSO_IPV6 (1u << 31)

#define OID_SUPPORTED_LIST 0x00010101u
#define OID_MEDIA_SUPPORTED 0x00010103u
#define OID_MEDIA_IN_USE 0x00010104u
#define OID_MAX_FRAME_SIZE 0x00010106u /* MTU without the Ethernet header */
#define OID_LINK_SPEED 0x00010107u     /* u32, in NDIS_LINK_SPEED_UNIT_BPS */
#define NDIS_LINK_SPEED_UNIT_BPS 100u
#define OID_PACKET_FILTER 0x0001010Eu
#define OID_MAX_TOTAL_SIZE 0x00010111u
#define OID_MAC_OPTIONS 0x00010113u
#define OID_MEDIA_CONNECT_STATUS 0x00010114u /* 0 = connected */
#define OID_RSS_CAPS 0x00010203u
#define OID_RSS_PARAMS 0x00010204u
#define OID_MAX_LINK_SPEED 0x00010206u
#define OID_LINK_STATE 0x00010207u
#define OID_RNDIS_CONFIG 0x0001021Bu
#define OID_FRIENDLY_NAME 0x00020216u
#define OID_PERMANENT_MAC 0x01010101u
#define OID_CURRENT_MAC 0x01010102u
#define OID_MULTICAST_LIST 0x01010103u
#define OID_MAX_MULTICAST 0x01010104u
#define OID_OFFLOAD_ENCAP 0x0101010Au
#define OID_OFFLOAD_CONFIG 0xFC01020Bu
#define OID_OFFLOAD_PARAMS 0xFC01020Cu
#define OID_OFFLOAD_HW_CAPS 0xFC01020Du

#define NDIS_FILTER_DIRECTED 0x01u
#define NDIS_FILTER_MULTICAST 0x02u
#define NDIS_FILTER_ALL_MULTICAST 0x04u
#define NDIS_FILTER_BROADCAST 0x08u
#define NDIS_FILTER_PROMISCUOUS 0x20u

#define NDIS_MEDIA_CONNECTED 0u
#define NDIS_MEDIA_DISCONNECTED 1u

struct ndis_object {
    uint8_t type; /* NDIS_OBJECT_* */
    uint8_t revision;
    uint16_t size_bytes; /* with this header */
};
static_assert(sizeof(struct ndis_object) == 4, "wire layout");
#define NDIS_OBJECT_DEFAULT 0x80u
#define NDIS_OBJECT_RSS_CAPS 0x88u
#define NDIS_OBJECT_RSS_PARAMS 0x89u
#define NDIS_OBJECT_OFFLOAD 0xA7u
#define NDIS_OBJECT_OFFLOAD_ENCAP 0xA8u

/* Offload object sizes by revision (NDIS 6.0, 6.1, 6.30). */
#define NDIS_OFFLOAD_BYTES_REV1 112u
#define NDIS_OFFLOAD_BYTES_REV2 144u
#define NDIS_OFFLOAD_BYTES_REV3 156u

struct ndis_rss_caps {
    struct ndis_object header; /* type 0x88, revision 2, size 18 */
    uint32_t flags;
    uint32_t interrupt_messages;
    uint32_t rx_queues;
    uint16_t reta_entries;
} __attribute__((packed));
static_assert(sizeof(struct ndis_rss_caps) == 18, "wire layout");

#endif
