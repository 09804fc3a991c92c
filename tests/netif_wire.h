/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A NIC whose host is the test: the test reads and writes the rings' bytes itself. For what a
 * well-bred host never does, and for looking at each byte that goes over.
 */
#ifndef NETIF_WIRE_H
#define NETIF_WIRE_H

#include <stdbool.h>

#include "check.h"
#include "ndis_reg.h"
#include "netif_books.h"
#include "netvsc.h"
#include "nvs_reg.h"
#include "rndis_reg.h"
#include "vmbus.h"

#define WIRE_PFN 0x12345u /* guest page of the dma page */
#define WIRE_RECV_GPADL 0xE1E11u
#define WIRE_SEND_GPADL 0xE1E12u
#define WIRE_FRAMES_MAX 2048u

struct wire_options {
    uint32_t ring_pages;                        /* per direction, control page included [16] */
    uint32_t recv_section_bytes, recv_sections; /* [1728, 64] */
    uint32_t send_section_bytes, send_sections; /* [6144, 32] */
    uint32_t mtu_bytes;
    bool no_dma;              /* page numbers unknown: control goes through a section */
    uint32_t max_frame_bytes; /* what OID_MAX_FRAME_SIZE says [1500] */
    const uint8_t *mac;       /* what OID_PERMANENT_MAC says, and how long; at most 8 */
    uint32_t mac_bytes;
    uint32_t aggregate_bytes; /* frames up to so long share packets [1: none] */
    uint32_t align_shift;     /* of messages in a packet [3] */
    uint16_t tx_tci;          /* of frames sent without a tag [none] */
    bool host_here;           /* see struct vmbus_transport */
    bool rsc;                 /* offers verdicts and RSC to a guest that takes frames in pieces */
    const struct ndis_offload *can; /* what OID_OFFLOAD_HW_CAPS says, header aside */
};

/* One packet the guest sent, as it lay on the ring. */
struct wire_packet {
    struct vmbus_pkt_desc desc;
    uint32_t bytes; /* trailer included */
    uint8_t raw[VMBUS_PKT_BYTES_MAX + VMBUS_PKT_TRAILER_BYTES];
};

struct wire_frame {
    struct netvsc_frame frame; /* data is not valid any more */
    uint8_t head[64];
    unsigned call; /* which call of rx brought it */
};

/* In a message without frame: an element says that it is a fragment. */
#define WIRE_FRAGMENT_BYTES ((uint32_t)(sizeof(struct rndis_packet) + RNDIS_PPI_BYTES))

struct wire {
    struct wire_options options;
    struct vmbus_transport t;
    struct netvsc_config config;
    struct netvsc *nic;
    uint64_t now_ns;
    bool gone;   /* the transport says EIO from now on */
    bool closed; /* the NIC has closed the device */
    unsigned signals, rx_calls, rx_count, state_events, link_events, speed_events, network_events;
    struct wire_frame *frames;
    void (*on_rx)(struct wire *w);      /* called inside rx */
    uint64_t begins;                    /* calls of wire_send and friends, for the books */
    uint64_t capabilities;              /* the guest claimed */
    struct ndis_offload_params offload; /* it switched on */
};

/* Memory, device and NIC. The guest has not said anything yet. */
void wire_open(struct wire *w, const struct wire_options *options);
/* Attach to a fresh device in the same memory. */
void wire_attach(struct wire *w);
/* Open, attach, and answer as a good host does until NETVSC_UP. */
void wire_up(struct wire *w, const struct wire_options *options);
/* Check the books and give everything back. */
void wire_close(struct wire *w);

/* One poll, a millisecond later than the last. */
unsigned wire_poll(struct wire *w);
/* Answer what the guest asked; true if there was something. */
bool wire_answer(struct wire *w, const struct wire_packet *pkt);

/* Take the next packet of the guest. */
bool wire_get(struct wire *w, struct wire_packet *out);
/* The u32 at (off) of its payload. */
uint32_t wire_word(const struct wire_packet *pkt, uint32_t off);
/* Take the next, which carries data by section; returns the section's memory. */
const uint8_t *wire_take_data(struct wire *w, struct wire_packet *pkt);
/* Put a packet, from descriptor to padded payload, on the guest's ring. */
void wire_put(struct wire *w, const void *bytes, uint32_t len_bytes);

void wire_complete(struct wire *w, uint64_t xid, const void *payload, uint32_t payload_bytes);
void wire_complete_rndis(struct wire *w, uint64_t xid, uint32_t status);
void wire_xfer(struct wire *w, uint64_t xid, uint32_t channel_type,
               const struct vmbus_xfer_range *ranges, unsigned count);

/* Put a data message with a frame of (data_bytes) of (fill) into section (index); returns its
 * range. */
struct vmbus_xfer_range wire_message(struct wire *w, uint32_t index, uint32_t data_bytes,
                                     uint8_t fill);
/* The same as part of a frame, with (flags): RNDIS_PACKET_ID_*. */
struct vmbus_xfer_range wire_fragment(struct wire *w, uint32_t index, uint32_t data_bytes,
                                      uint8_t fill, uint8_t flags);
/* One frame in one packet whose xid is its section. */
void wire_deliver(struct wire *w, uint32_t section, uint32_t data_bytes, uint8_t fill);
/* An RNDIS control message in section (index). */
void wire_control(struct wire *w, uint32_t index, const void *msg, uint32_t bytes);

/* The next packet is the completion of (xid) with (status). */
void wire_expect_ack(struct wire *w, uint64_t xid, uint32_t status);
void wire_expect_nothing(struct wire *w);

/* Send a frame of (len_bytes) of (fill). What netvsc_tx_begin() says. */
int wire_send(struct wire *w, uint32_t len_bytes, uint8_t fill);

struct netvsc_stats wire_stats(const struct wire *w);

#endif
