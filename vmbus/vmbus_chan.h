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
 * Take the next packets, (count) at most: how many and (out); fewer when there are no more now, 0
 * when there is none. -EPROTO when the ring is corrupt (it stays so). Their pointers are good until
 * vmbus_chan_recv_done().
 */
int vmbus_chan_recv_some(struct vmbus_chan *chan, struct vmbus_packet *out, uint32_t count);

static inline int vmbus_chan_recv(struct vmbus_chan *chan, struct vmbus_packet *out)
{
    return vmbus_chan_recv_some(chan, out, 1);
}

/*
 * The packets that lie in one piece from the next one on, for who judges their words where they lie
 * (each read once, for the host may write to them): 1 and (*out), 0 there are none, -EPROTO as
 * above. The host's index is looked at if none are known.
 */
struct vmbus_known {
    const uint8_t *at; /* a descriptor */
    uint32_t bytes;    /* trailers included; of the last packet perhaps only the beginning */
};
int vmbus_chan_known(struct vmbus_chan *chan, struct vmbus_known *out);

/* The first (count) of them are taken, (bytes) long. True: others are known. */
bool vmbus_chan_take(struct vmbus_chan *chan, uint32_t bytes, uint32_t count);

/* The last (count) packets taken, from (pkt) on, are not taken after all. */
void vmbus_chan_recv_back(struct vmbus_chan *chan, const struct vmbus_packet *pkt, uint32_t count);

/* Give the ring space of all packets taken back to the host; signals it if it waits for room. */
void vmbus_chan_recv_done(struct vmbus_chan *chan);

/* One packet to send. (header) is the range list, (payload) is padded here. */
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
 * The same for an in-band packet that wants a completion and has VMBUS_CHAN_SHORT_BYTES, zeros but
 * for two words at their beginning: what each frame sent comes with.
 */
#define VMBUS_CHAN_SHORT_BYTES 40u
int vmbus_chan_send_short(struct vmbus_chan *chan, uint64_t xid, uint64_t first, uint64_t second);

/* Complete the host's packet (xid) with (payload). May use the reserve. As vmbus_chan_send(). */
int vmbus_chan_complete(struct vmbus_chan *chan, uint64_t xid, const void *payload,
                        uint32_t payload_bytes);

/* The same for (count) packets, in order, with a word each: how many, and what is left can wait. */
struct vmbus_ack {
    uint64_t xid, payload;
};
uint32_t vmbus_chan_complete_all(struct vmbus_chan *chan, const struct vmbus_ack *acks,
                                 uint32_t count);

#define VMBUS_CHAN_RESERVE_ACKS 64u
#define VMBUS_CHAN_ACK_BYTES 32u /* ring bytes of a completion with an 8-byte payload */

/* How many 8-byte completions fit now, at most (limit). Receive no more packets than this. */
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
