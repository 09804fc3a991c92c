/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames to the guest: what hvh_rx.c, hvh_message.c and hvh_rsc.c share. */
#ifndef HVH_RX_VAR_H
#define HVH_RX_VAR_H

#include "hvh_nic_var.h"

/* ---- hvh_message.c: one RNDIS message with a frame, or a part of one -------------------- */

#define HVH_ELEMENTS_MAX 5u

/* Per-packet info of one message, in the making. */
struct hvh_elements {
    uint8_t bytes[HVH_ELEMENTS_MAX * RNDIS_PPI_BYTES];
    uint32_t len;
};

/* What the guest is told about (frame) beside its bytes; (csum) is RNDIS_RXCSUM_*. */
void hvh_describe(const struct hvhost_frame *frame, struct hvh_hash hash, uint32_t csum,
                  struct hvh_elements *e);
/* That the message is a part of frame (id), with (flags): RNDIS_PACKET_ID_*. */
void hvh_describe_part(uint8_t flags, uint16_t id, struct hvh_elements *e);
/* Bytes of data that fit a section behind (elements_bytes) of them. */
uint32_t hvh_message_room(const struct hvhost_nic *nic, uint32_t elements_bytes);
/* Write the message of (bytes) of (data) to (at), return the length its range has. */
uint32_t hvh_message_write(const struct hvhost_nic *nic, const uint8_t *data, uint32_t bytes,
                           const struct hvh_elements *e, uint8_t *at);

/* ---- hvh_rx.c --------------------------------------------------------------------------- */

/* A frame in one message, to the channel its (hash) says. Counted. */
void hvh_rx_whole(struct hvhost_nic *nic, const struct hvhost_frame *frame, struct hvh_hash hash,
                  uint32_t csum);
/*
 * Sections for (messages), and ring room for a packet of (most) unless one is being gathered? Then
 * it is promised. Else (frames) are counted as dropped.
 */
bool hvh_rx_room_for(struct hvh_chan *chan, uint32_t most, uint32_t messages, uint32_t frames);
/* One more message of the packet being gathered, for which there is room. */
void hvh_rx_add(struct hvh_chan *chan, const uint8_t *data, uint32_t bytes,
                const struct hvh_elements *e);

/* ---- hvh_rsc.c: segments put together --------------------------------------------------- */

/* Large frames may come as they are: the guest gets them in fragments. */
bool hvh_rsc_takes_large(const struct hvhost_nic *nic);
/* A frame with mss. */
void hvh_rsc_large(struct hvhost_nic *nic, const struct hvhost_frame *frame, struct hvh_hash hash);
/* Keep (frame) for the next ones to join, or let it join. False: send it, after a flush. */
bool hvh_rsc_take(struct hvhost_nic *nic, const struct hvhost_frame *frame, struct hvh_hash hash,
                  uint32_t csum);

#endif
