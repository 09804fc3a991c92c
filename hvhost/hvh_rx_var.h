/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames to the guest: what hvh_rx.c, hvh_message.c and hvh_rsc.c share. */
#ifndef HVH_RX_VAR_H
#define HVH_RX_VAR_H

#include <string.h>

#include "hvh_nic_var.h"

/* ---- hvh_message.c: one RNDIS message with a frame, or a part of one -------------------- */

#define HVH_ELEMENTS_MAX 5u

/* What is in front of a message's data, in the making. */
struct hvh_head {
    struct rndis_packet packet;
    uint8_t elements[HVH_ELEMENTS_MAX * RNDIS_PPI_BYTES]; /* per-packet info */
    uint32_t elements_bytes;
    uint32_t data_off; /* in the message */
};

/* What the guest is told about (frame) beside its bytes; (csum) is RNDIS_RXCSUM_*. */
void hvh_describe(const struct hvhost_frame *frame, struct hvh_hash hash, uint32_t csum,
                  struct hvh_head *head);
/* That the message is a part of frame (id), with (flags): RNDIS_PACKET_ID_*. */
void hvh_describe_part(uint8_t flags, uint16_t id, struct hvh_head *head);
/* It is of (data_bytes): finished. */
void hvh_describe_data(const struct hvhost_nic *nic, uint32_t data_bytes, struct hvh_head *head);
/* Bytes of data that fit a section behind (elements_bytes) of them. */
uint32_t hvh_message_room(const struct hvhost_nic *nic, uint32_t elements_bytes);
/* Write the message with the finished (head) and (data) to (at). */
static inline void hvh_message_write(const struct hvh_head *head, const uint8_t *data, uint8_t *at)
{
    memcpy(at, &head->packet, sizeof(head->packet));
    for (uint32_t off = 0; off < head->elements_bytes; off += RNDIS_PPI_BYTES)
        memcpy(at + sizeof(head->packet) + off, head->elements + off, RNDIS_PPI_BYTES);
    memcpy(at + head->data_off, data, head->packet.data_bytes);
}

/* ---- hvh_rx.c --------------------------------------------------------------------------- */

/* A frame in one message, to the channel its (hash) says. Counted. */
void hvh_rx_whole(struct hvhost_nic *nic, const struct hvhost_frame *frame, struct hvh_hash hash,
                  uint32_t csum);
/*
 * Sections for (messages), and ring room for a packet of (most) unless one is being gathered? Then
 * it is promised. Else (frames) are counted as dropped.
 */
bool hvh_rx_room_for(struct hvh_chan *chan, uint32_t most, uint32_t messages, uint32_t frames);
/* (count) more messages of the packet being gathered, for which there is room, all with (head); the
 * data of the first is at (data), that of each other behind it. */
void hvh_rx_add(struct hvh_chan *chan, const uint8_t *data, const struct hvh_head *head,
                uint32_t count);

/* ---- hvh_rsc.c: segments put together --------------------------------------------------- */

/* Large frames may come as they are: the guest gets them in fragments. */
bool hvh_rsc_takes_large(const struct hvhost_nic *nic);
/* A frame with mss. */
void hvh_rsc_large(struct hvhost_nic *nic, const struct hvhost_frame *frame, struct hvh_hash hash);
/* Keep (frame) for the next ones to join, or let it join. False: send it, after a flush. */
bool hvh_rsc_take(struct hvhost_nic *nic, const struct hvhost_frame *frame, struct hvh_hash hash,
                  uint32_t csum);

#endif
