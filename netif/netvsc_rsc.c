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
 * that they are fragments: they are taken in a run of their own. One of them is judged, on a copy
 * of its header; who says the same, word by word, needs no judge (as in netvsc_rx_alike.c). The
 * first that is anything else ends the run and is judged as any other message.
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

/* A fragment behind the first: what its message says. */
struct said {
    uint64_t head, data, ppis, kind, value; /* words of it, its only element's among them */
    uint32_t range_bytes;
    uint32_t data_off, data_bytes;
    uint8_t flags;
};

/* The message of (range) says what most do. False: it may be anything. */
static bool judge(const struct netvsc *nic, uint64_t range, struct said *said)
{
    const uint32_t range_bytes = (uint32_t)range;
    uint8_t copy[sizeof(struct rndis_packet) + RNDIS_PPI_BYTES];
    struct rndis_layout at;

    if (!netvsc_range_usual(nic, range) || range_bytes < sizeof(copy))
        return false;
    memcpy(copy, nic->recv + (range >> 32), sizeof(copy));
    atomic_signal_fence(memory_order_acquire); /* the only look at it */
    if (!rndis_quick_packet(copy, range_bytes, &at))
        return false;
    *said = (struct said){
        .head = rndis_quick_word(copy),
        .data = rndis_quick_word(copy + offsetof(struct rndis_packet, data_off)),
        .ppis = rndis_quick_word(copy + offsetof(struct rndis_packet, ppi_off)),
        .kind = rndis_quick_word(copy + at.ppi_off),
        .value = rndis_quick_word(copy + at.ppi_off + offsetof(struct rndis_ppi, data_off)),
        .range_bytes = range_bytes,
        .data_off = at.data_off,
        .data_bytes = at.data_bytes,
        .flags = rndis_quick_fragment(copy + at.ppi_off, at.ppi_bytes),
    };
    return said->flags && !(said->flags & RNDIS_PACKET_ID_FIRST) && said->data_bytes > 0;
}

/* Only compared: it does not matter how often the compiler reads it. */
static inline uint64_t differs(uint64_t known, const uint8_t *host)
{
    uint64_t word;

    memcpy(&word, host, sizeof(word));
    return known ^ word;
}

/* Does the message at (host) say the same, in a range that is as long? */
static inline bool alike(const struct said *said, const uint8_t *host)
{
    const uint8_t *element = host + sizeof(struct rndis_packet);

    return !(differs(said->head, host) |
             differs(said->data, host + offsetof(struct rndis_packet, data_off)) |
             differs(said->ppis, host + offsetof(struct rndis_packet, ppi_off)) |
             differs(said->kind, element) |
             differs(said->value, element + offsetof(struct rndis_ppi, data_off)));
}

/* Of the (count) ranges at (host) those whose messages say the same become fragments at (out), from
 * the first on. How many. */
static uint32_t take_alike(const struct netvsc_queue *q, const struct said *said,
                           const uint8_t *host, uint32_t count, struct netvsc_frame *out)
{
    const uint8_t *recv = q->nic->recv, *msg;
    const uint64_t off_max = q->nic->recv_off_max;
    uint32_t n = 0;
    uint64_t range;

    for (; n < count; n++, host += sizeof(range)) {
        range = rndis_quick_word(host);
        msg = recv + (range >> 32);
        if (range >> 32 > off_max || (uint32_t)range != said->range_bytes || !alike(said, msg))
            break;
        netvsc_put_frame(q, msg + said->data_off, said->data_bytes, &out[n]);
    }
    return n;
}

const uint8_t *netvsc_rsc_run(struct netvsc_queue *q, const uint8_t *host, const uint8_t *end)
{
    struct netvsc_chain *chain = &q->chain;
    struct said said = {0};
    uint32_t count, n;

    while (host < end && chain->pieces && judge(q->nic, rndis_quick_word(host), &said)) {
        const uint32_t ranges = (uint32_t)(end - host) / (uint32_t)sizeof(uint64_t);

        count = (RSC_BYTES_MAX - chain->bytes) / said.data_bytes;
        if (count > ranges)
            count = ranges;
        if (said.flags & RNDIS_PACKET_ID_LAST && count > 1)
            count = 1;
        n = take_alike(q, &said, host, count, &q->batch[q->batch_count]);
        if (n == 0) /* too long, or it has changed since */
            break;
        host += n * sizeof(uint64_t);
        chain->pieces += n;
        chain->bytes += n * said.data_bytes;
        q->batch_count += n;
        q->stats.rx_messages += n;
        if (said.flags & RNDIS_PACKET_ID_LAST)
            complete(q);
    }
    if (q->batch_count >= NETVSC_BATCH_MAX && !chain->pieces)
        netvsc_rx_hand_up(q);
    return host;
}
