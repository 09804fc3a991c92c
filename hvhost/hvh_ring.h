/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host's end of a channel's two rings. Private indices are the truth, the shared ones are only
 * published copies or claims of the guest. Written apart from the driver's ring code on purpose: a
 * misreading of the protocol would have to be made twice to go unseen.
 */
#ifndef HVH_RING_H
#define HVH_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "vmbus_reg.h"
#include "vmbus_transport.h"

/* Most bytes between a packet's descriptor and its trailer that a guest may send. */
#define HVH_BODY_BYTES_IN (VMBUS_PKT_BYTES_MAX - 16u)
/* And that we send: a transfer-page packet with HVH_BATCH_MAX ranges. */
#define HVH_BATCH_MAX 64u
#define HVH_BODY_BYTES_OUT (8u + 8u * HVH_BATCH_MAX + 40u)

/* A packet taken from the guest: a private copy, lengths checked against each other. */
struct hvh_packet {
    struct vmbus_pkt_desc desc;
    uint32_t header_bytes;  /* of body: the range list */
    uint32_t payload_bytes; /* after it */
    bool trailer_ok;
    _Alignas(8) uint8_t body[HVH_BODY_BYTES_IN];
};

/* A packet to the guest: header and payload lie in body, both multiples of 8. */
struct hvh_send {
    struct vmbus_pkt_desc desc; /* lengths filled in by hvh_send_init(); a fault may falsify them */
    uint32_t body_bytes;
    _Alignas(8) uint8_t body[HVH_BODY_BYTES_OUT];
};

struct hvh_ring_in {
    struct vmbus_ring_ctl *ctl;
    const uint8_t *data;
    uint32_t data_bytes;
    uint32_t read;      /* next packet to take */
    uint32_t published; /* read_index as the guest sees it */
    uint32_t seen;      /* the guest's write_index as last looked at and checked */
    bool attended;      /* the guest does not run while we do: no fences */
};

struct hvh_ring_out {
    struct vmbus_ring_ctl *ctl;
    uint8_t *data;
    uint32_t data_bytes;
    uint32_t write;     /* next packet goes here */
    uint32_t published; /* write_index as the guest sees it */
    uint32_t read;      /* the guest's read_index as last looked at and checked */
    uint32_t promised;  /* bytes kept for a packet still being gathered */
    bool waiting;       /* pending_send_size is set */
    bool corrupt;       /* the guest's read_index made no sense */
    bool attended;      /* as above */
};

/*
 * Take over both rings of (rings), first half guest to host, indices as found.
 * -EINVAL sizes or indices that make no ring.
 */
int hvh_ring_attach(const struct vmbus_region *rings, struct hvh_ring_in *in,
                    struct hvh_ring_out *out);

/* An index the other side gave: in the data area, and 8-aligned. */
static inline bool hvh_ring_index_ok(uint32_t index, uint32_t data_bytes)
{
    return index < data_bytes && index % 8 == 0;
}

/* Bytes from (read) to (write), around the end. */
static inline uint32_t hvh_ring_used(uint32_t write, uint32_t read, uint32_t data_bytes)
{
    return write >= read ? write - read : data_bytes - read + write;
}

/* ---- guest to host ---------------------------------------------------------------------- */

/* Look at the guest's index: 1 there is a packet, 0 none, -EPROTO the ring is corrupt. */
int hvh_ring_look(struct hvh_ring_in *in);

/* The same, only when the packets known of are all taken. */
static inline int hvh_ring_any(struct hvh_ring_in *in)
{
    return in->read != in->seen ? 1 : hvh_ring_look(in);
}

/* Copy the next packet out: 1 and (*pkt), 0 when none, -EPROTO when the ring is corrupt. */
int hvh_ring_take(struct hvh_ring_in *in, struct hvh_packet *pkt);

/*
 * The first (bytes) of the packet that will be taken next, for a guess of what it needs: nothing is
 * checked, and the guest may change it. False: none is known, or it goes around the ring's end.
 */
bool hvh_ring_ahead(const struct hvh_ring_in *in, void *to, uint32_t bytes);

/* Nothing to take: the least a look at a ring can cost. */
static inline bool hvh_ring_empty(const struct hvh_ring_in *in)
{
    /* Relaxed: no byte is read for it, and who finds something asks hvh_ring_take(). */
    return atomic_load_explicit(&in->ctl->write_index, memory_order_relaxed) == in->read;
}

/* Is everything of the payload from (off) on zero, as padding must be? */
bool hvh_packet_tail_zero(const struct hvh_packet *pkt, uint32_t off);

/* Give the room of all packets taken back. True: the guest waits for room, interrupt it. */
bool hvh_ring_release(struct hvh_ring_in *in);

/* Stop asking for doorbells. What is in the ring after this is seen by hvh_ring_take(). */
void hvh_ring_mask(struct hvh_ring_in *in);

/* Ask for a doorbell and look again. False: there is a packet, the ring stays masked. */
bool hvh_ring_unmask(struct hvh_ring_in *in);

/* ---- host to guest ---------------------------------------------------------------------- */

/* Set up (*pkt) for a header of (header_bytes) and a payload of (payload_bytes), body zeroed. */
void hvh_send_init(struct hvh_send *pkt, uint16_t type, uint64_t xid, uint32_t header_bytes,
                   uint32_t payload_bytes);

/* Bytes that can be written now, promised ones excluded; 0 with (corrupt) set on nonsense. */
uint32_t hvh_ring_room(struct hvh_ring_out *out);

/* The same, looking at the guest's line only when it is not known already that (bytes) fit. */
static inline bool hvh_ring_has(struct hvh_ring_out *out, uint32_t bytes)
{
    const uint32_t used = hvh_ring_used(out->write, out->read, out->data_bytes);

    return out->data_bytes - used >= bytes + out->promised + 8 || hvh_ring_room(out) >= bytes;
}

/* Put (*pkt) on the ring, unseen until published. -EAGAIN no room, -EPROTO corrupt. */
int hvh_ring_put(struct hvh_ring_out *out, const struct hvh_send *pkt);

/* Show the guest what was put. True: interrupt it. */
bool hvh_ring_publish(struct hvh_ring_out *out);

/* The guest has read all that was published. */
bool hvh_ring_all_read(const struct hvh_ring_out *out);

/* True: (bytes) can be written. False: the guest was asked to signal when they can. */
bool hvh_ring_want(struct hvh_ring_out *out, uint32_t bytes);

#endif
