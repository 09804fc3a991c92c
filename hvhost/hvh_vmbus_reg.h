/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The VMBus control connection: messages by which a guest's kernel finds channels, shares memory
 * and opens channels. All integers little-endian, offsets in bytes. Every message begins with the
 * 8 bytes of struct hvh_msg_head. Source: docs/protocol.md, "Control connection". Guests written as
 * drivers for user space never see these: their kernel speaks them.
 */
#ifndef HVH_VMBUS_REG_H
#define HVH_VMBUS_REG_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define HVH_MSG_BYTES_MAX 240u  /* payload of a SynIC message */
#define HVH_MSG_TYPE_CHANNEL 1u /* SynIC message type of all of them */
#define HVH_SINT_VMBUS 2u       /* the synthetic interrupt source VMBus uses */

/* Connection ids of HvPostMessage; of HvSignalEvent: HVH_CONN_EVENT | relid. */
#define HVH_CONN_MSG_OLD 1u /* versions before 5.0 */
#define HVH_CONN_MSG_5 4u
#define HVH_CONN_EVENT 0x2000u

#define HVH_BUS_2_4 0x00020004u
#define HVH_BUS_3_0 0x00030000u
#define HVH_BUS_4_0 0x00040000u
#define HVH_BUS_4_1 0x00040001u
#define HVH_BUS_5_0 0x00050000u
#define HVH_BUS_5_1 0x00050001u
#define HVH_BUS_5_2 0x00050002u
#define HVH_BUS_5_3 0x00050003u

enum hvh_msg_type {
    HVH_MSG_OFFER = 1,             /* to guest */
    HVH_MSG_RESCIND = 2,           /* to guest */
    HVH_MSG_REQUEST_OFFERS = 3,    /* to host */
    HVH_MSG_OFFERS_DELIVERED = 4,  /* to guest */
    HVH_MSG_OPEN = 5,              /* to host */
    HVH_MSG_OPEN_RESULT = 6,       /* to guest */
    HVH_MSG_CLOSE = 7,             /* to host */
    HVH_MSG_GPADL_HEADER = 8,      /* to host */
    HVH_MSG_GPADL_BODY = 9,        /* to host */
    HVH_MSG_GPADL_CREATED = 10,    /* to guest */
    HVH_MSG_GPADL_TEARDOWN = 11,   /* to host */
    HVH_MSG_GPADL_TORNDOWN = 12,   /* to guest */
    HVH_MSG_RELID_RELEASED = 13,   /* to host */
    HVH_MSG_CONTACT = 14,          /* to host */
    HVH_MSG_VERSION_RESPONSE = 15, /* to guest */
    HVH_MSG_UNLOAD = 16,           /* to host */
    HVH_MSG_UNLOAD_RESPONSE = 17,  /* to guest */
    HVH_MSG_MODIFY = 22,           /* to host */
    HVH_MSG_MODIFY_RESPONSE = 24,  /* to guest */
};

#define HVH_STATUS_OK 0u
#define HVH_STATUS_UNSUCCESSFUL 0xC0000001u

struct hvh_msg_head {
    uint32_t type; /* enum hvh_msg_type */
    uint32_t zero;
};
static_assert(sizeof(struct hvh_msg_head) == 8, "wire layout");

struct hvh_msg_offer {
    struct hvh_msg_head head;
    uint8_t class_id[16]; /* first three fields little-endian */
    uint8_t instance_id[16];
    uint64_t reserved0[2];
    uint16_t flags; /* HVH_OFFER_ENUMERATE */
    uint16_t mmio_megabytes;
    uint8_t user[120];
    uint16_t subchannel; /* 0 = primary */
    uint16_t mmio_optional;
    uint32_t relid;
    uint8_t monitor_id;
    uint8_t monitor_allocated; /* bit 0 */
    uint16_t dedicated;        /* bit 0: the guest need not look at the shared interrupt page */
    uint32_t connection_id;    /* for HvSignalEvent */
};
#define HVH_OFFER_ENUMERATE 0x1u
static_assert(sizeof(struct hvh_msg_offer) == 200, "196 on the wire, see HVH_OFFER_BYTES");
static_assert(offsetof(struct hvh_msg_offer, relid) == 184, "wire layout");
static_assert(offsetof(struct hvh_msg_offer, connection_id) == 192, "wire layout");
#define HVH_OFFER_BYTES 196u /* without the padding C adds */

/* RESCIND, CLOSE, RELID_RELEASED. */
struct hvh_msg_relid {
    struct hvh_msg_head head;
    uint32_t relid;
};
static_assert(sizeof(struct hvh_msg_relid) == 12, "wire layout");

struct hvh_msg_open {
    struct hvh_msg_head head;
    uint32_t relid;
    uint32_t open_id; /* echoed */
    uint32_t ring_gpadl;
    uint32_t vp;          /* gets the channel's interrupts */
    uint32_t second_page; /* the host-to-guest ring starts at this page of the GPADL */
    uint8_t user[120];
};
static_assert(sizeof(struct hvh_msg_open) == 148, "wire layout");
static_assert(offsetof(struct hvh_msg_open, second_page) == 24, "wire layout");

/* OPEN_RESULT and GPADL_CREATED: (id) is the open id or the handle. */
struct hvh_msg_result {
    struct hvh_msg_head head;
    uint32_t relid;
    uint32_t id;
    uint32_t status; /* 0 or an NTSTATUS */
};
static_assert(sizeof(struct hvh_msg_result) == 20, "wire layout");

/* Followed by page numbers, u64 each, not aligned to 8. */
struct hvh_msg_gpadl_header {
    struct hvh_msg_head head;
    uint32_t relid;
    uint32_t handle;
    uint16_t ranges_bytes; /* of all ranges: 8 + 8 per page for one range */
    uint16_t range_count;
    uint32_t len_bytes; /* of the first range */
    uint32_t off_bytes; /* in its first page */
};
static_assert(sizeof(struct hvh_msg_gpadl_header) == 28, "wire layout");
static_assert(offsetof(struct hvh_msg_gpadl_header, range_count) == 18, "wire layout");

struct hvh_msg_gpadl_body {
    struct hvh_msg_head head;
    uint32_t number; /* of no meaning */
    uint32_t handle;
};
static_assert(sizeof(struct hvh_msg_gpadl_body) == 16, "wire layout");

struct hvh_msg_gpadl_teardown {
    struct hvh_msg_head head;
    uint32_t relid;
    uint32_t handle;
};
static_assert(sizeof(struct hvh_msg_gpadl_teardown) == 16, "wire layout");

struct hvh_msg_gpadl_torndown {
    struct hvh_msg_head head;
    uint32_t handle;
};
static_assert(sizeof(struct hvh_msg_gpadl_torndown) == 12, "wire layout");

struct hvh_msg_contact {
    struct hvh_msg_head head;
    uint32_t version;          /* HVH_BUS_* */
    uint32_t vp;               /* gets all messages */
    uint64_t interrupt_page;   /* before 5.0; from then on SINT and VTL */
    uint64_t monitor_to_guest; /* guest-physical addresses, 0 = none */
    uint64_t monitor_to_host;
};
static_assert(sizeof(struct hvh_msg_contact) == 40, "wire layout");
static_assert(offsetof(struct hvh_msg_contact, monitor_to_host) == 32, "wire layout");

struct hvh_msg_version_response {
    struct hvh_msg_head head;
    uint8_t supported;
    uint8_t state; /* 0 */
    uint16_t zero;
    uint32_t connection_id; /* from 5.0 on: where to post messages */
};
static_assert(sizeof(struct hvh_msg_version_response) == 16, "wire layout");

struct hvh_msg_modify {
    struct hvh_msg_head head;
    uint32_t relid;
    uint32_t vp; /* HVH_VP_NONE: interrupts off */
};
#define HVH_VP_NONE 0xFFFFFFFFu
static_assert(sizeof(struct hvh_msg_modify) == 16, "wire layout");

struct hvh_msg_modify_response {
    struct hvh_msg_head head;
    uint32_t relid;
    uint32_t status;
};
static_assert(sizeof(struct hvh_msg_modify_response) == 16, "wire layout");

#endif
