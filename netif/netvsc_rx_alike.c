/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNDIS messages that are not parsed, because they equal the last one that was.
 *
 * Theory of operation. What a PACKET message means depends on the length of its range, six words of
 * its header and its per-packet info elements. Of the last message judged these are kept (struct
 * netvsc_alike), with the result: where in the message its frame is, how long, with which tag and
 * verdict. A message with the same words in a range of the same length has the same result at
 * another place. So it need not be judged, and no value the host wrote is used for it but its
 * place: a range of the receive buffer, read once and checked.
 *
 * RSS hashes differ from flow to flow, and would have every message judged. So the value of a hash
 * element is not compared, as any value is valid, and neither are those nobody uses. The hash is
 * read from the message itself, at the place where its element is.
 *
 * Nearly all messages are like the one before. One that is not is judged (rndis_quick.h, as is the
 * first) and kept in turn. What that does not accept is left to netvsc_rx_message.c, and the one
 * kept stays: an odd message in between does not have those behind it judged.
 *
 * With frames far apart each packet has one range. Those are taken several at a time, too.
 */
#include "netvsc_rx_var.h"

/* Of word 1 of a frame: its length, and whether it has a tag. */
#define LEN_AND_TAGGED UINT64_C(0x00FF0000FFFFFFFF)
static_assert(offsetof(struct netvsc_frame, has_tci) == 14, "byte 6 of word 1");

/* ---- what is alike --------------------------------------------------------------------------- */

/* Only compared: it does not matter how often the compiler reads it. */
static inline uint64_t differs(uint64_t known, const uint8_t *host)
{
    uint64_t word;

    memcpy(&word, host, sizeof(word));
    return known ^ word;
}

/* Not inlined, so that the loops below have the registers: most messages have none. */
static __attribute__((noinline)) bool elements_alike(const struct netvsc_queue *q,
                                                     const uint8_t *host)
{
    const struct netvsc_alike_element *e = q->like.element, *end = e + q->like.elements;

    for (; e < end; e++, host += RNDIS_PPI_BYTES) {
        if (differs(e->kind, host) | (differs(e->value, host + sizeof(e->kind)) & e->mask))
            return false;
    }
    return true;
}

/* The hash a message at (host) says, which is like (like). */
static inline uint32_t hash_of(const struct netvsc_alike *like, const uint8_t *host)
{
    return like->hash_off ? rndis_quick_half(host + like->hash_off) : 0;
}

/* Does the message at (host), in a range of (range_bytes), say what (like), a copy of q->like, did?
 * No more of it is looked at than lies in such a range. */
static inline bool message_alike(const struct netvsc_queue *q, const struct netvsc_alike *like,
                                 const uint8_t *host, uint32_t range_bytes)
{
    uint64_t diff = like->range_bytes ^ range_bytes;

    diff |= differs(like->head, host);
    diff |= differs(like->data, host + offsetof(struct rndis_packet, data_off));
    diff |= differs(like->ppis, host + offsetof(struct rndis_packet, ppi_off));
    return diff == 0 &&
           (like->elements == 0 || elements_alike(q, host + sizeof(struct rndis_packet)));
}

/* ---- judging --------------------------------------------------------------------------------- */

static inline bool length_usual(const struct netvsc *nic, uint32_t data_bytes)
{
    return data_bytes - NETVSC_ETH_BYTES <= nic->rx_frame_bytes_max - NETVSC_ETH_BYTES;
}

/* A message as it was judged. */
struct judged {
    uint64_t head, data, ppis;                                     /* words of its header */
    uint64_t words[RNDIS_QUICK_PPIS_BYTES_MAX / sizeof(uint64_t)]; /* its elements */
    struct rndis_layout at;
    struct rndis_meta meta;
};

/* Its elements, at (host), copied; what they say. */
static bool judge_elements(struct judged *m, const uint8_t *host)
{
    for (uint32_t off = 0; off < m->at.ppi_bytes; off += sizeof(uint64_t))
        m->words[off / sizeof(uint64_t)] = rndis_quick_word(host + off);
    return rndis_quick_ppis((const uint8_t *)m->words, m->at.ppi_bytes, &m->meta);
}

/* The message at (host), in a range of (range_bytes >= 44) of the receive buffer, has a usual
 * frame. False: it may be anything. */
static bool judge(const struct netvsc *nic, struct judged *m, const uint8_t *host,
                  uint32_t range_bytes)
{
    uint8_t copy[sizeof(struct rndis_packet)];

    memcpy(copy, host, sizeof(copy));
    atomic_signal_fence(memory_order_acquire); /* the only look at it */
    m->at = (struct rndis_layout){.data_off = sizeof(copy)};
    m->meta = (struct rndis_meta){0};
    m->at.data_bytes = rndis_quick_plain(copy, range_bytes);
    if (!m->at.data_bytes && (!rndis_quick_packet(copy, range_bytes, &m->at) ||
                              !judge_elements(m, host + m->at.ppi_off)))
        return false;
    m->head = rndis_quick_word(copy);
    m->data = rndis_quick_word(copy + offsetof(struct rndis_packet, data_off));
    m->ppis = rndis_quick_word(copy + offsetof(struct rndis_packet, ppi_off));
    return length_usual(nic, m->at.data_bytes);
}

static void learn_elements(struct netvsc_alike *like, const struct judged *m)
{
    like->elements = like->hash_off = 0;
    for (uint32_t off = 0; off < m->at.ppi_bytes; off += RNDIS_PPI_BYTES) {
        const uint64_t *word = &m->words[off / sizeof(uint64_t)];
        const uint32_t type = (uint32_t)(word[0] >> 32);
        const bool used = type == RNDIS_PPI_CSUM || type == RNDIS_PPI_VLAN;

        like->element[like->elements++] = (struct netvsc_alike_element){
            .kind = word[0], .value = word[1], .mask = used ? UINT64_MAX : UINT32_MAX};
        if (type == RNDIS_PPI_HASH)
            like->hash_off = (uint32_t)sizeof(struct rndis_packet) + off + RNDIS_PPI_DATA_OFF;
    }
}

/* Word 1 of a frame of (len_bytes) with (meta). */
static void learn_frame(struct netvsc_alike *like, uint32_t len_bytes,
                        const struct rndis_meta *meta)
{
    struct netvsc_frame frame = {.len_bytes = len_bytes};

    netvsc_rx_meta(&frame, meta);
    memcpy(&like->len, (uint8_t *)&frame + offsetof(struct netvsc_frame, len_bytes),
           sizeof(like->len));
}

static void learn(struct netvsc_alike *like, const struct judged *m, uint32_t range_bytes)
{
    like->range_bytes = range_bytes;
    like->head = m->head;
    like->data = m->data;
    like->ppis = m->ppis;
    like->data_off = m->at.data_off;
    learn_elements(like, m);
    learn_frame(like, m->at.data_bytes, &m->meta);
}

/* (count) frames like q->like are in the batch; (group): the first bytes of any of them. */
static inline void count_alike(struct netvsc_queue *q, uint32_t count, uint8_t group)
{
    q->batch_mixed |= ((q->like.len ^ q->alike_bytes) & LEN_AND_TAGGED) | (group & 1);
    q->batch_count += count;
    q->stats.rx_messages += count;
}

bool netvsc_rx_judge(struct netvsc_queue *q, uint64_t range)
{
    const struct netvsc *nic = q->nic;
    const uint8_t *host = nic->recv + (range >> 32), *data;
    struct judged m;

    if (!netvsc_range_usual(nic, range) || !judge(nic, &m, host, (uint32_t)range))
        return false;
    learn(&q->like, &m, (uint32_t)range);
    data = host + q->like.data_off;
    netvsc_put_words(&q->batch[q->batch_count], data, q->like.len, q->origin,
                     hash_of(&q->like, host));
    count_alike(q, 1, *data);
    return true;
}

/* ---- runs ------------------------------------------------------------------------------------ */

uint32_t netvsc_rx_alike(struct netvsc_queue *q, const uint8_t *host, uint32_t count)
{
    const struct netvsc_alike like = q->like;
    const uint8_t *recv = q->nic->recv;
    const uint64_t off_max = q->nic->recv_off_max, origin = q->origin;
    struct netvsc_frame *out = &q->batch[q->batch_count];
    uint32_t done = 0;
    uint8_t group = 0;

    for (; done < count; done++, out++) {
        const uint64_t range = netvsc_word(host + done * sizeof(range));
        const uint8_t *msg = recv + (range >> 32);

        if (range >> 32 > off_max || !message_alike(q, &like, msg, (uint32_t)range))
            break;
        netvsc_put_words(out, msg + like.data_off, like.len, origin, hash_of(&like, msg));
        group |= msg[like.data_off];
    }
    count_alike(q, done, group);
    return done;
}

/* Data, in one range of the receive buffer, say the words in front of it and of the payload. */
static inline bool one_range(const uint8_t *header, const uint8_t *payload)
{
    const uint64_t set = NVS_RECV_BUF_ID | UINT64_C(1) << 32, set_mask = 0xFFFFFFFF0000FFFF;
    const uint64_t nvs = NVS_MSG_RNDIS | (uint64_t)NVS_RNDIS_DATA << 32;

    return (((netvsc_word(header) ^ set) & set_mask) | (netvsc_word(payload) ^ nvs)) == 0;
}

/* A data packet with one range, and nothing wrong with it so far. */
static inline bool is_single(const struct vmbus_packet *pkt)
{
    return pkt->type == VMBUS_PKT_XFER_PAGES && pkt->header_bytes == NETVSC_SINGLE_BYTES &&
           pkt->payload_bytes >= sizeof(uint64_t) && one_range(pkt->header, pkt->payload);
}

uint32_t netvsc_rx_singles(struct netvsc_queue *q, const struct vmbus_packet *pkt, uint32_t count)
{
    const struct netvsc_alike like = q->like;
    const uint8_t *recv = q->nic->recv;
    const uint64_t off_max = q->nic->recv_off_max;
    struct netvsc_frame *out = &q->batch[q->batch_count];
    uint32_t done = 0;
    uint8_t group = 0;

    for (; done < count && is_single(pkt); done++, pkt++, out++) {
        const uint32_t index = q->ack_count + done;
        const uint64_t range = netvsc_word(pkt->header + sizeof(struct vmbus_xfer_header));
        const uint8_t *msg = recv + (range >> 32);

        if (range >> 32 > off_max || !message_alike(q, &like, msg, (uint32_t)range))
            break;
        netvsc_put_words(out, msg + like.data_off, like.len, netvsc_origin(q, index),
                         hash_of(&like, msg));
        group |= msg[like.data_off];
        netvsc_owe_at(q, index, pkt->xid, NETVSC_ACK(NVS_STATUS_SUCCESS), 1);
    }
    count_alike(q, done, group);
    q->stats.rx_packets += done;
    atomic_signal_fence(memory_order_release); /* as in netvsc_owe() */
    q->ack_count += done;
    return done;
}

bool netvsc_rx_single(struct netvsc_queue *q, uint64_t xid, const uint8_t *header)
{
    const struct netvsc_alike *like = &q->like;
    const uint64_t range = netvsc_word(header + sizeof(struct vmbus_xfer_header));
    const uint8_t *msg = q->nic->recv + (range >> 32);

    if (!one_range(header, header + NETVSC_SINGLE_BYTES) || q->nic->state != NETVSC_UP ||
        range >> 32 > q->nic->recv_off_max || !message_alike(q, like, msg, (uint32_t)range))
        return false;
    netvsc_put_words(&q->batch[q->batch_count], msg + like->data_off, like->len,
                     netvsc_origin(q, q->ack_count), hash_of(like, msg));
    count_alike(q, 1, msg[like->data_off]);
    q->stats.rx_packets++;
    netvsc_owe(q, xid, NETVSC_ACK(NVS_STATUS_SUCCESS), 1);
    return true;
}
