/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames the host put together from TCP segments (RSC over VMBus, NVSP 6.1).
 *
 * Theory of operation. Such a frame comes as several RNDIS messages in consecutive ranges of one
 * transfer-page packet. Each says in an info element that it is a fragment, the first and the last
 * say so, too; put one behind the other they are one long frame, whose tag, hash and verdict came
 * with the first. Nothing is copied to put it together: the fragments are consecutive entries of
 * the batch handed up, and the first says how many follow (netvsc_frame.more).
 *
 * While fragments come in, the entries at the end of the batch are not yet a frame. They become one
 * with the last fragment, or are taken back and counted when anything else comes: another first
 * one, a whole frame, a control message, a message that cannot be read, the end of the packet. So
 * nothing is kept from one packet to the next, and what other channels receive cannot get between.
 * A fragment without a first one is dropped, and so are all those behind it.
 *
 * 64 KB are 43 fragments. Those behind the first one are all alike, with a single element that says
 * that they are fragments: they are taken in a run of their own, the quick way (netvsc_rx.c).
 *
 * A packet has VMBUS_XFER_RANGES_MAX ranges at most, so a frame has no more fragments, and the
 * batch has room for them. A frame put together is RSC_BYTES_MAX long at most.
 */
#include "netvsc_rx_var.h"

#define RSC_BYTES_MAX 65535u

bool netvsc_rsc_wanted(const struct netvsc *nic)
{
    return nic->info.nvs_version >= NVS_VERSION_61 && nic->config.rx_pieces &&
           nic->config.rx_rsc != NETVSC_OFF;
}

bool netvsc_rsc_end(struct netvsc_queue *q)
{
    unsigned pieces = q->chain.pieces;

    if (!pieces)
        return true;
    q->stats.rx_drop_rsc_last += pieces;
    q->batch_count -= pieces;
    q->chain = (struct netvsc_chain){0};
    return false;
}

/* The last fragment is in the batch: hand the frame up with it. */
static void complete(struct netvsc_queue *q)
{
    unsigned pieces = q->chain.pieces;

    q->batch[q->batch_count - pieces].more = (uint16_t)(pieces - 1);
    q->stats.rx_rsc_frames++;
    q->stats.rx_rsc_fragments += pieces;
    q->chain = (struct netvsc_chain){0};
}

static bool drop(struct netvsc_queue *q, uint64_t *reason)
{
    (*reason)++;
    netvsc_rsc_end(q);
    return false;
}

bool netvsc_rsc_take(struct netvsc_queue *q, const struct netvsc_frame *piece, uint8_t flags)
{
    bool first = flags & RNDIS_PACKET_ID_FIRST;
    struct netvsc_chain *chain = &q->chain;
    bool ok = true;

    if (!q->nic->info.rx_rsc)
        return drop(q, &q->stats.rx_drop_rsc_unasked);
    if (first)
        ok = netvsc_rsc_end(q);
    else if (!chain->pieces)
        return drop(q, &q->stats.rx_drop_rsc_first);
    if (piece->len_bytes < (first ? NETVSC_ETH_BYTES : 1) ||
        piece->len_bytes > RSC_BYTES_MAX - chain->bytes)
        return drop(q, &q->stats.rx_drop_rsc_size);
    q->batch[q->batch_count++] = *piece;
    chain->pieces++;
    chain->bytes += piece->len_bytes;
    if (flags & RNDIS_PACKET_ID_LAST)
        complete(q);
    return ok;
}

/*
 * A fragment behind the first, of (bytes_max) at most, with one element; false: it may be anything.
 */
static inline bool take_fragment(const struct netvsc_queue *q, uint64_t range, uint32_t bytes_max,
                                 struct netvsc_frame *out, uint8_t *flags)
{
    const uint8_t *msg = q->nic->recv + (range >> 32);
    struct rndis_layout at;

    if (!netvsc_range_usual(q->nic, range) || !rndis_quick_packet(msg, (uint32_t)range, &at) ||
        at.data_bytes - 1 >= bytes_max)
        return false;
    *flags = rndis_quick_fragment(msg + at.ppi_off, at.ppi_bytes);
    netvsc_put_frame(q, msg + at.data_off, at.data_bytes, out);
    return *flags && !(*flags & RNDIS_PACKET_ID_FIRST);
}

const uint8_t *netvsc_rsc_run(struct netvsc_queue *q, const uint8_t *host, const uint8_t *end)
{
    struct netvsc_frame *out = &q->batch[q->batch_count];
    struct netvsc_chain *chain = &q->chain;
    uint32_t done = 0;
    uint8_t flags = 0;
    bool usual = true;

    while (host < end && !(flags & RNDIS_PACKET_ID_LAST)) {
        const uint64_t range = rndis_quick_word(host);

        usual = take_fragment(q, range, RSC_BYTES_MAX - chain->bytes, out, &flags);
        if (!usual)
            break;
        chain->bytes += out++->len_bytes;
        host += sizeof(range);
        done++;
    }
    chain->pieces += done;
    q->batch_count += done;
    q->stats.rx_messages += done;
    if (usual && flags & RNDIS_PACKET_ID_LAST)
        complete(q);
    if (q->batch_count >= NETVSC_BATCH_MAX && !chain->pieces)
        netvsc_rx_hand_up(q);
    return host;
}
