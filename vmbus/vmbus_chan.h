/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets over one channel. Receiving reads in place: a packet's bytes stay in memory the host can
 * still write to, so a caller copies what it checks, once, and uses the copy. Sending and receiving
 * become visible to the host per batch: vmbus_chan_flush() and vmbus_chan_recv_done().
 */
#ifndef VMBUS_CHAN_H
#define VMBUS_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmbus_reg.h"

struct vmbus_chan;

struct vmbus_packet {
    uint16_t type; /* VMBUS_PKT_*, any value: unknown ones are for the caller to count and skip */
    uint64_t xid;
    const uint8_t *header; /* between descriptor and payload: range lists. Host-writable memory */
    uint32_t header_bytes;
    const uint8_t *payload; /* host-writable memory */
    uint32_t payload_bytes; /* padded up to 8 by the sender: never exact */
};

struct vmbus_chan_stats {
    uint64_t rx_packets;
    uint64_t rx_interrupts; /* filled by vmbus_irq_take(), primary channel only */
    uint64_t tx_packets;
    uint64_t tx_doorbells;      /* signals given: ring was empty and the host had not masked */
    uint64_t tx_no_doorbell;    /* flushes with data that needed no signal */
    uint64_t tx_room_doorbells; /* signals given: the host waited for room (pending_send_size) */
    uint64_t tx_ring_full;      /* sends refused for want of room */
    uint64_t bad_ring;          /* corrupt index or descriptor: the channel is dead from then on */
};

/*
 * Take the next packets into (out), at most (count). Returns how many, 0 when there is none now;
 * -EPROTO when the ring is corrupt (it stays so). Their pointers are good until
 * vmbus_chan_recv_done().
 */
int vmbus_chan_recv_some(struct vmbus_chan *chan, struct vmbus_packet *out, uint32_t count);

static inline int vmbus_chan_recv(struct vmbus_chan *chan, struct vmbus_packet *out)
{
    return vmbus_chan_recv_some(chan, out, 1);
}

/*
 * Show the caller the ring itself: the bytes the host has written from the next packet on, up to
 * the end of the data area. Nothing of them is checked, and the host can still write to them: each
 * word is to be read once. Returns 1 and (*out), 0 when there are none, or -EPROTO as above. The
 * host's index is read only if no packets are known from before.
 */
struct vmbus_known {
    const uint8_t *at; /* the next packet's descriptor */
    uint32_t bytes;    /* trailers included; the last packet may go on at the start of the ring */
};
int vmbus_chan_known(struct vmbus_chan *chan, struct vmbus_known *out);

/* Take the first (count) of these packets, together (bytes) long with their trailers. True: the
 * host is known to have written more. */
bool vmbus_chan_take(struct vmbus_chan *chan, uint32_t bytes, uint32_t count);

/* Untake the last (count) packets, which (pkt) describes in order: they will be received again. */
void vmbus_chan_recv_back(struct vmbus_chan *chan, const struct vmbus_packet *pkt, uint32_t count);

/* Give the ring space of all packets taken back to the host; signals it if it waits for room. */
void vmbus_chan_recv_done(struct vmbus_chan *chan);

/* One packet to send. (header) is the range list; (payload) is padded by the call. */
struct vmbus_send {
    uint16_t type;
    bool wants_completion;
    uint64_t xid;
    const void *header;
    uint32_t header_bytes; /* multiple of 8 */
    const void *payload;
    uint32_t payload_bytes;
};

/*
 * Put one packet on the ring, unseen by the host until vmbus_chan_flush(). All or nothing.
 * -EAGAIN no room (room for VMBUS_CHAN_RESERVE_ACKS completions is kept back from other packets),
 * -EPROTO the ring is corrupt, -EINVAL longer than VMBUS_PKT_BYTES_MAX or a ragged header.
 */
int vmbus_chan_send(struct vmbus_chan *chan, const struct vmbus_send *pkt);

/*
 * The same for the packet that goes with every frame sent: in-band, wanting a completion, with a
 * payload of VMBUS_CHAN_SHORT_BYTES that begins with two words and is zero behind them.
 */
#define VMBUS_CHAN_SHORT_BYTES 40u
int vmbus_chan_send_short(struct vmbus_chan *chan, uint64_t xid, uint64_t first, uint64_t second);

/* Complete the host's packet (xid) with (payload). May use the reserve. As vmbus_chan_send(). */
int vmbus_chan_complete(struct vmbus_chan *chan, uint64_t xid, const void *payload,
                        uint32_t payload_bytes);

/*
 * Complete (count) packets, in order, each with an 8-byte payload. Returns how many found room; the
 * others are the caller's to complete later.
 */
struct vmbus_ack {
    uint64_t xid, payload;
};
uint32_t vmbus_chan_complete_all(struct vmbus_chan *chan, const struct vmbus_ack *acks,
                                 uint32_t count);

#define VMBUS_CHAN_RESERVE_ACKS 64u
#define VMBUS_CHAN_ACK_BYTES 32u /* ring bytes of a completion with an 8-byte payload */

/* How many completions with an 8-byte payload fit now, at most (limit). */
uint32_t vmbus_chan_ack_room(struct vmbus_chan *chan, uint32_t limit);

/*
 * Publish what was sent and ring the doorbell if the ring was empty and the host listens. 0, or
 * -EIO when the channel is dead: the host withdrew the device, or a ring is corrupt.
 */
int vmbus_chan_flush(struct vmbus_chan *chan);

/* True when all that was published has been consumed by the host; never on a dead channel. */
bool vmbus_chan_tx_drained(struct vmbus_chan *chan);

/*
 * Ask the hypervisor to look for this channel's doorbell every (us) microseconds, 6553 at most; it
 * follows as far as it likes. -ENOTSUP the channel has no monitor.
 */
int vmbus_chan_latency(struct vmbus_chan *chan, uint32_t us);

uint32_t vmbus_chan_relid(const struct vmbus_chan *chan);
const struct vmbus_chan_stats *vmbus_chan_stats(const struct vmbus_chan *chan);

#endif
