/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest written by hand: it moves bytes over the rings of the in-process face and knows no
 * driver. It obeys the doorbell rules, so that a strict_* counter moves only where a test breaks
 * one.
 */
#ifndef RAW_GUEST_H
#define RAW_GUEST_H

#include <stdbool.h>
#include <string.h>

#include "check.h"
#include "hvhost.h"
#include "nvs_reg.h"
#include "rndis_reg.h"
#include "vmbus_reg.h"
#include "vmbus_transport.h"

#define RAW_PACKET_MAX 8192u
#define RAW_MTU 1500u

struct raw_guest {
    struct hvhost *host;
    struct hvhost_nic *nic;
    struct hvhost_port *port; /* a far end on the switch that keeps the last frame */
    struct vmbus_transport t;
    struct vmbus_ring_ctl *tx_ctl, *rx_ctl;
    uint8_t *tx_data, *rx_data;
    uint32_t data_bytes;
    uint32_t tx_write, rx_read;
    uint64_t now_ns;
    uint64_t xid;               /* of the last request */
    bool mute;                  /* forget doorbells */
    uint64_t more_capabilities; /* claimed beside 802.1Q */
    unsigned port_frames;
    struct hvhost_frame port_last; /* data points at port_bytes */
    uint8_t port_bytes[65536];
};

/* A packet from the host, copied, taken apart. */
struct raw_packet {
    uint32_t start;              /* ring offset */
    uint32_t bytes;              /* all but the trailer */
    uint8_t raw[RAW_PACKET_MAX]; /* from the descriptor on, trailer included */
    struct vmbus_pkt_desc desc;
    const uint8_t *header, *payload; /* in raw */
    uint32_t header_bytes, payload_bytes;
};

/* Host, one card, one custom port. open: also connect. Sizes of 0 get small defaults. */
struct raw_guest *raw_guest_create(const struct hvhost_nic_config *config);
struct raw_guest *raw_guest_create_on(const struct hvhost_config *host,
                                      const struct hvhost_nic_config *config);
void raw_guest_open(struct raw_guest *g);
/* Destroys the host; checks its books first. */
void raw_guest_destroy(struct raw_guest *g);

/* One host step, a microsecond later. */
void raw_step(struct raw_guest *g);

/* Write (len) bytes as they are to the ring and publish; rings if due. */
void raw_write(struct raw_guest *g, const void *bytes, uint32_t len);
/* A well-formed packet around header and payload. */
void raw_packet(struct raw_guest *g, struct vmbus_pkt_desc desc, const void *header,
                uint32_t header_bytes, const void *payload, uint32_t payload_bytes);
/* An NVSP message of (len) bytes padded to 40, as in-band packet with (flags). */
void raw_nvs(struct raw_guest *g, const void *msg, uint32_t len, uint16_t flags);

/*
 * Take the next packet: true and (*pkt). Room is given back at once, signalled if the host waits.
 */
bool raw_take(struct raw_guest *g, struct raw_packet *pkt);
/* Step, then there must be one. */
void raw_expect(struct raw_guest *g, struct raw_packet *pkt);
/* Step, then there must be none. */
void raw_expect_none(struct raw_guest *g);
/* Complete (xid) with message 108. */
void raw_complete(struct raw_guest *g, uint64_t xid);

/* Up to HVH_READY, HVH_OPERATIONAL, filter 0x0D. */
void raw_bring_ready(struct raw_guest *g, uint32_t version, uint32_t mtu_bytes);
void raw_bring_up(struct raw_guest *g);

/* A control request through page 0 of dma; takes the 108 and the reply, completes it. Reply's
 * bytes. */
uint32_t raw_control(struct raw_guest *g, const void *msg, uint32_t len, uint8_t *reply);
/* Only send it. Its transaction id is g->xid. */
void raw_control_send(struct raw_guest *g, const void *msg, uint32_t len);
/* QUERY: status, information in (info). SET: status. */
uint32_t raw_query(struct raw_guest *g, uint32_t oid, const void *in, uint32_t in_bytes,
                   uint8_t *info, uint32_t *info_bytes);
uint32_t raw_set(struct raw_guest *g, uint32_t oid, const void *in, uint32_t in_bytes);

/* (len) bytes of RNDIS in send section (section), data. */
void raw_section_send(struct raw_guest *g, uint32_t section, const void *msg, uint32_t len);
/* Write a PACKET message with a frame of (frame_bytes), filled with (fill). Returns its bytes. */
uint32_t raw_frame_message(uint8_t *to, uint32_t frame_bytes, uint8_t fill);
/* Send a frame from the far end: broadcast unless (to). */
void raw_port_send(struct raw_guest *g, uint32_t bytes, const uint8_t *to);

/* The (index)th u32 of what lies at (at). */
uint32_t raw_word(const uint8_t *at, unsigned index);

/* The host does (act) with its next (on). */
void raw_fault_once(struct raw_guest *g, enum hvhost_fault_on on, enum hvhost_fault_act act,
                    uint64_t arg);

uint64_t raw_stat_find(const struct raw_guest *g, const char *name);
#define raw_stat(g, field) raw_stat_find(g, #field)
/* No strict_* counter but (except) has moved. */
void raw_check_strict(const struct raw_guest *g, const char *except);

#endif
