/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Preparing a frame for what the host shall do with it. The host sums from the transport header on
 * and expects the pseudo-header's sum in the field. For a packet to be cut the length in it is left
 * out, as it differs from segment to segment, and so are the lengths in the IP header. Addresses
 * are read from the frame in memory shared with the host; whatever it may write there spoils no
 * more than a sum.
 */
#include "netvsc_packet_var.h"
#include "netvsc_var.h"

#include <arpa/inet.h>
#include <string.h>

#define KINDS_V6 (NETVSC_CSUM_TCP6 | NETVSC_CSUM_UDP6)
#define KINDS_UDP (NETVSC_CSUM_UDP4 | NETVSC_CSUM_UDP6)
#define KINDS_L4 (NETVSC_CSUM_TCP4 | NETVSC_CSUM_TCP6 | KINDS_UDP)

static bool is_v6(const struct netvsc_tx_meta *meta)
{
    return meta->lso6 || (meta->csum & KINDS_V6);
}

static bool csum_ok(const struct netvsc_offload *use, const struct netvsc_tx_meta *meta)
{
    uint8_t l4 = meta->csum & KINDS_L4;

    return (meta->csum & ~use->csum) == 0 && (l4 & (l4 - 1)) == 0 &&
           !((meta->csum & NETVSC_CSUM_IP4) && (meta->csum & KINDS_V6));
}

static bool lso_ok(const struct netvsc *nic, const struct netvsc_tx_meta *meta, uint32_t len_bytes)
{
    const struct netvsc_offload *use = &nic->info.offload;
    uint32_t max = meta->lso6 ? use->lso6_bytes : use->lso4_bytes;
    uint32_t head = meta->l4_off + NETVSC_TCP_BYTES;

    return meta->csum == 0 && !(meta->lso4 && meta->lso6) && meta->mss_bytes != 0 &&
           len_bytes <= max + NETVSC_ETH_BYTES &&
           head + meta->mss_bytes <= nic->info.mtu_bytes + NETVSC_ETH_BYTES &&
           len_bytes > head + meta->mss_bytes; /* two segments at least */
}

bool netvsc_offload_ok(const struct netvsc *nic, const struct netvsc_tx_meta *meta,
                       uint32_t len_bytes)
{
    bool lso = meta->lso4 || meta->lso6;
    uint32_t l4_bytes = meta->csum & KINDS_UDP ? NETVSC_UDP_BYTES : NETVSC_TCP_BYTES;

    if (!lso && meta->csum == 0)
        return true;
    if (meta->l4_off < (is_v6(meta) ? NETVSC_L4_OFF_MIN6 : NETVSC_L4_OFF_MIN4) ||
        len_bytes < meta->l4_off + l4_bytes)
        return false;
    return lso ? lso_ok(nic, meta, len_bytes) : csum_ok(&nic->info.offload, meta);
}

/* A sum of words as one of halves of words, carries added. */
static uint64_t folded(uint64_t sum)
{
    sum = (sum & 0xFFFFFFFF) + (sum >> 32);
    sum = (sum & 0xFFFF) + (sum >> 16);
    sum = (sum & 0xFFFF) + (sum >> 16);
    return (sum & 0xFFFF) + (sum >> 16);
}

/* The pseudo-header's sum for (l4_bytes), folded, at (at). By words as they lie in memory: in which
 * order bytes are summed makes no difference but to their order in the sum. */
static void put_pseudo_sum(uint8_t *at, const uint8_t *frame, bool v6, uint32_t proto,
                           uint32_t l4_bytes)
{
    const uint8_t *addr = frame + (v6 ? NETVSC_IP6_ADDR_OFF : NETVSC_IP4_ADDR_OFF);
    uint64_t sum = (uint64_t)htonl(proto) + htonl(l4_bytes);
    uint16_t field;
    uint32_t word;

    for (unsigned i = 0; i < (v6 ? 32 : 8); i += sizeof(word)) {
        memcpy(&word, addr + i, sizeof(word));
        sum += word;
    }
    field = (uint16_t)folded(sum);
    memcpy(at, &field, sizeof(field));
}

/* RNDIS_TXCSUM_* of NETVSC_CSUM_*. */
static uint32_t kinds_of(uint8_t csum)
{
    uint32_t kinds = csum & KINDS_V6 ? RNDIS_TXCSUM_IPV6 : RNDIS_TXCSUM_IPV4;

    if (csum & NETVSC_CSUM_IP4)
        kinds |= RNDIS_TXCSUM_IPHDR;
    if (csum & KINDS_L4)
        kinds |= csum & KINDS_UDP ? RNDIS_TXCSUM_UDP : RNDIS_TXCSUM_TCP;
    return kinds;
}

static void prepare_lso(const struct netvsc_tx_meta *meta, uint8_t *frame)
{
    netvsc_put16(frame + (meta->lso6 ? NETVSC_IP6_PAYLOAD_OFF : NETVSC_IP4_TOTAL_OFF), 0);
    if (meta->lso4)
        netvsc_put16(frame + NETVSC_IP4_SUM_OFF, 0);
    put_pseudo_sum(frame + meta->l4_off + NETVSC_TCP_SUM_OFF, frame, meta->lso6, NETVSC_PROTO_TCP,
                   0);
}

/* How far the IP packet in (frame) goes, at most to (len_bytes): padding is not summed. */
static uint32_t packet_end(const uint8_t *frame, bool v6, uint32_t len_bytes)
{
    const uint8_t *at = frame + (v6 ? NETVSC_IP6_PAYLOAD_OFF : NETVSC_IP4_TOTAL_OFF);
    uint32_t end = NETVSC_IP_OFF + (v6 ? 40u : 0u) + ((uint32_t)at[0] << 8 | at[1]);

    return end < len_bytes ? end : len_bytes;
}

static void prepare_csum(const struct netvsc_tx_meta *meta, uint8_t *frame, uint32_t len_bytes)
{
    bool v6 = is_v6(meta), udp = meta->csum & KINDS_UDP;
    uint32_t end = packet_end(frame, v6, len_bytes);
    uint32_t l4_bytes = end > meta->l4_off ? end - meta->l4_off : 0;

    if (meta->csum & NETVSC_CSUM_IP4)
        netvsc_put16(frame + NETVSC_IP4_SUM_OFF, 0);
    if (meta->csum & KINDS_L4)
        put_pseudo_sum(frame + meta->l4_off + (udp ? NETVSC_UDP_SUM_OFF : NETVSC_TCP_SUM_OFF),
                       frame, v6, udp ? NETVSC_PROTO_UDP : NETVSC_PROTO_TCP, l4_bytes);
}

void netvsc_offload_prepare(const struct netvsc_tx_meta *meta, uint8_t *frame, uint32_t len_bytes)
{
    if (meta->lso4 || meta->lso6)
        prepare_lso(meta, frame);
    else if (meta->csum)
        prepare_csum(meta, frame, len_bytes);
}

void netvsc_offload_info(const struct netvsc_tx_meta *meta, struct rndis_tx_info *out)
{
    out->has_tci = meta->has_tci;
    out->tci = meta->tci;
    out->csum = meta->csum ? rndis_csum_word(kinds_of(meta->csum), meta->l4_off) : 0;
    out->lso =
        meta->lso4 || meta->lso6 ? rndis_lso_word(meta->lso6, meta->mss_bytes, meta->l4_off) : 0;
}

/* ---- another wish ---------------------------------------------------------------------------- */

bool netvsc_tx_rewish(struct netvsc_queue *q, const struct netvsc_slot *slot, size_t len_bytes,
                      const struct netvsc_tx_meta *meta)
{
    struct netvsc_tx_slot *entry = netvsc_tx_begun(&q->tx, slot->token);
    struct netvsc_tx_meta wish = *meta;

    if (!entry)
        return false;
    if (wish.has_tci) {
        entry->tag_by_default = false;
    } else {
        wish.has_tci = entry->meta.has_tci;
        wish.tci = entry->meta.tci;
    }
    if (!netvsc_offload_ok(q->nic, &wish, (uint32_t)len_bytes) ||
        netvsc_tx_head_bytes(q, &wish) != entry->head_bytes) {
        netvsc_queue_tx_cancel(q->nic, q->index, slot);
        return false;
    }
    entry->meta = wish;
    return true;
}

void netvsc_queue_tx_commit_meta(struct netvsc *nic, unsigned queue, const struct netvsc_slot *slot,
                                 size_t len_bytes, const struct netvsc_tx_meta *meta)
{
    if (len_bytes > slot->room_bytes)
        netvsc_queue_tx_cancel(nic, queue, slot);
    else if (netvsc_tx_rewish(nic->queue[queue], slot, len_bytes, meta))
        netvsc_queue_tx_commit(nic, queue, slot, len_bytes);
}
