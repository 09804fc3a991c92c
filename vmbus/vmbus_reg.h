/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VMBus bytes shared by guest and host: the ring control page, packet descriptors, range lists and
 * the monitor page. All integers are little-endian, all offsets in bytes. Source: docs/protocol.md,
 * sections "Ring buffer" and "Monitor page".
 */
#ifndef VMBUS_REG_H
#define VMBUS_REG_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "VMBus is little-endian; this code reads its structs in place"
#endif

#define VMBUS_PAGE_BYTES 4096u

/* Class of the synthetic network card as text. On the wire the first three fields are swapped. */
#define VMBUS_CLASS_NIC "f8615163-df3e-46c5-913f-f2d2f965ed0e"

/* Channel ids ("relid") are also event flag numbers. */
#define VMBUS_RELID_MAX 2047u
/* A channel has a monitor id 0..127, or none and is then signalled by a hypercall. */
#define VMBUS_MONITOR_COUNT 128u
#define VMBUS_MONITOR_NONE 255u

/*
 * First page of a ring. Who writes which field decides who must order what: see vmbus_ring.c
 * (guest) and hvh_ring.c (host).
 */
struct vmbus_ring_ctl {
    _Atomic uint32_t write_index;       /* producer: where the next packet starts, 8-aligned */
    _Atomic uint32_t read_index;        /* consumer: next packet to consume, 8-aligned */
    _Atomic uint32_t interrupt_mask;    /* consumer: non-zero = do not signal new data */
    _Atomic uint32_t pending_send_size; /* producer: needs more than this much free; 0 = no */
    uint32_t reserved[12];
    _Atomic uint32_t feature_bits; /* VMBUS_RING_FEATURE_*, set by whoever initialises the ring */
};
#define VMBUS_RING_FEATURE_PENDING 0x1u
static_assert(sizeof(_Atomic uint32_t) == 4, "wire layout");
static_assert(offsetof(struct vmbus_ring_ctl, pending_send_size) == 12, "wire layout");
static_assert(offsetof(struct vmbus_ring_ctl, feature_bits) == 64, "wire layout");

/* Packet types; the others are never used with a network card. */
#define VMBUS_PKT_INBAND 0x6u
#define VMBUS_PKT_XFER_PAGES 0x7u
#define VMBUS_PKT_GPA_DIRECT 0x9u
#define VMBUS_PKT_COMPLETION 0xBu

#define VMBUS_PKT_FLAG_COMPLETION 0x1u /* the sender wants a completion with the same xid */

/* Every packet: this, a type-specific header up to header_qwords, payload, then the trailer. */
struct vmbus_pkt_desc {
    uint16_t type;          /* VMBUS_PKT_* */
    uint16_t header_qwords; /* payload starts here; >= 2 */
    uint16_t total_qwords;  /* header and padded payload; the trailer is not counted */
    uint16_t flags;         /* VMBUS_PKT_FLAG_* */
    uint64_t xid;           /* echoed by the completion */
};
static_assert(sizeof(struct vmbus_pkt_desc) == 16, "wire layout");
static_assert(offsetof(struct vmbus_pkt_desc, xid) == 8, "wire layout");

/* Last 8 bytes: low half zero, high half the write index at which this packet started. */
#define VMBUS_PKT_TRAILER_BYTES 8u

/* Follows the descriptor of a transfer-page packet; then range_count ranges. */
struct vmbus_xfer_header {
    uint16_t set_id; /* the receive buffer's id, 0xCAFE */
    uint8_t sender_owns_set;
    uint8_t reserved;
    uint32_t range_count;
};
static_assert(sizeof(struct vmbus_xfer_header) == 8, "wire layout");
static_assert(offsetof(struct vmbus_xfer_header, range_count) == 4, "wire layout");

/* Host to guest: one range of the receive buffer holding one RNDIS message. */
struct vmbus_xfer_range {
    uint32_t len_bytes;
    uint32_t off_bytes; /* from the start of the receive buffer */
};
static_assert(sizeof(struct vmbus_xfer_range) == 8, "wire layout");
static_assert(offsetof(struct vmbus_xfer_range, off_bytes) == 4, "wire layout");
#define VMBUS_XFER_RANGES_MAX 562u /* with RSC; 375 without */

/* Follows the descriptor of a GPA-direct packet; then range_count ranges of varying length. */
struct vmbus_gpa_header {
    uint32_t reserved; /* may hold garbage */
    uint32_t range_count;
};
static_assert(sizeof(struct vmbus_gpa_header) == 8, "wire layout");

/* One GPA range: this, then one u64 page number per 4096-byte page it touches. */
struct vmbus_gpa_range {
    uint32_t len_bytes;
    uint32_t off_bytes; /* in the first page, < 4096 */
};
static_assert(sizeof(struct vmbus_gpa_range) == 8, "wire layout");
#define VMBUS_GPA_RANGES_MAX 32u

/*
 * The largest packet a network card may send: descriptor, transfer header, all ranges, one NVSP
 * message and slack. Anything longer is a corrupt ring.
 */
#define VMBUS_PKT_BYTES_MAX (16u + 8u + VMBUS_XFER_RANGES_MAX * 8u + 40u + 64u)
static_assert(VMBUS_PKT_BYTES_MAX == 4624, "same bound as Linux' netvsc");

/* Guest-to-host monitor page: the hypervisor looks at the pending words with a latency. */
struct vmbus_monitor_page {
    uint32_t trigger_state;
    uint32_t reserved0;
    struct {
        _Atomic uint32_t pending; /* bit id % 32 of group id / 32: "look at this channel" */
        _Atomic uint32_t armed;
    } group[4];
    uint32_t reserved1[6];
    int32_t next_check[4][32];
    uint16_t latency_100ns[4][32];
    uint8_t reserved2[256];
    struct {
        uint32_t connection_id;
        uint16_t flag_number;
        uint16_t reserved;
    } parameter[4][32];
    uint8_t reserved3[1984];
};
static_assert(sizeof(struct vmbus_monitor_page) == 4096, "wire layout");
static_assert(offsetof(struct vmbus_monitor_page, group) == 8, "wire layout");
static_assert(offsetof(struct vmbus_monitor_page, latency_100ns) == 576, "wire layout");
static_assert(offsetof(struct vmbus_monitor_page, parameter) == 1088, "wire layout");

/* Legacy interrupt page: bit relid of the first half host to guest, of the second guest to host. */
#define VMBUS_INT_PAGE_TO_HOST_BYTES 2048u

#endif
