/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets that come alone: a request by itself, and the completion of the answer to the last one.
 *
 * Theory of operation. Taking several packets at a time costs little for each further one, but much
 * for the first: packets are described, their frames prefetched, then runs of equal ones looked
 * for. One or two packets gain nothing by that. If such a packet is a completion with an 8-byte
 * payload, or a single frame like the last one judged, it is taken here, by words read once where
 * they lie in the ring. If the host runs in this thread, more than two are taken so, for all of it
 * is in this processor's caches. The first packet that is anything else stays in the ring, for
 * netvsc_rx_packets().
 *
 * A host in this thread does not run while we do: when all it sent has been taken there is no more.
 */
#include "netvsc_rx_var.h"

#define LONE_BYTES 160u /* in the ring: a completion and a frame, hardly more */

#define DESC_BYTES ((uint32_t)sizeof(struct vmbus_pkt_desc))
#define DONE_BYTES_MIN (DESC_BYTES + (uint32_t)sizeof(struct nvs_rndis_complete))
#define SINGLE_BYTES (DESC_BYTES + (uint32_t)NETVSC_SINGLE_BYTES + NVS_MSG_BYTES)

/* The first word of a descriptor: type, lengths of header and whole in 8-byte words, flags. */
#define WHOLE_SHIFT 32
#define FIRST(type, header_bytes, whole_bytes, flags)                                              \
    ((uint64_t)(type) | (uint64_t)((header_bytes) / 8) << 16 |                                     \
     (uint64_t)((whole_bytes) / 8) << WHOLE_SHIFT | (uint64_t)(flags) << 48)
#define DONE_FIRST FIRST(VMBUS_PKT_COMPLETION, DESC_BYTES, 0, 0)
#define SINGLE_FIRST                                                                               \
    FIRST(VMBUS_PKT_XFER_PAGES, DESC_BYTES + NETVSC_SINGLE_BYTES, SINGLE_BYTES,                    \
          VMBUS_PKT_FLAG_COMPLETION)

/* The packet at (at) is a completion: is it of a packet of ours that is outstanding? Take it. */
static inline bool take_done(struct netvsc_queue *q, const uint8_t *at)
{
    const uint64_t says = netvsc_word(at + DESC_BYTES);
    struct netvsc_tx_slot *slot =
        (uint32_t)says == NVS_MSG_RNDIS_COMPLETE
            ? netvsc_tx_sent_slot(&q->tx, netvsc_word(at + offsetof(struct vmbus_pkt_desc, xid)))
            : NULL;

    if (!slot)
        return false;
    netvsc_tx_take_back(q, slot, (uint32_t)(says >> 32));
    return true;
}

/* Take the packet at (at), (left) bytes before the end of what is known. How long it was, or 0. */
static inline uint32_t take_one(struct netvsc_queue *q, const uint8_t *at, uint32_t left)
{
    const uint64_t first = netvsc_word(at);
    const uint32_t whole = (uint32_t)(first >> WHOLE_SHIFT & UINT16_MAX);
    const uint32_t bytes = whole * 8u + VMBUS_PKT_TRAILER_BYTES;
    bool taken = false;

    if (bytes > left)
        return 0;
    if (first == SINGLE_FIRST)
        taken = netvsc_rx_single(q, netvsc_word(at + offsetof(struct vmbus_pkt_desc, xid)),
                                 at + DESC_BYTES);
    else if ((first ^ (uint64_t)whole << WHOLE_SHIFT) == DONE_FIRST && whole >= DONE_BYTES_MIN / 8)
        taken = take_done(q, at);
    return taken ? bytes : 0;
}

unsigned netvsc_rx_lone(struct netvsc_queue *q, unsigned most, bool *more)
{
    const bool here = q->tx.host_here;
    struct vmbus_known known;
    uint32_t left, bytes;
    unsigned done = 0;
    int got = vmbus_chan_known(q->chan, &known);

    *more = got != 0;
    if (got <= 0 || (known.bytes > LONE_BYTES && !here))
        return 0;
    for (left = known.bytes; done < most && left > 0; done++, left -= bytes) {
        bytes = take_one(q, known.at + (known.bytes - left), left);
        if (!bytes)
            break;
    }
    *more = vmbus_chan_take(q->chan, known.bytes - left, done) || !here;
    return done;
}
