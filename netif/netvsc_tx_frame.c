/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What stands in front of a frame sent: RNDIS header and per-packet info; and counting it.
 *
 * The virtual switch does not understand VLAN tags inside frames. So a tag found there is taken out
 * and sent beside the frame, unless the caller gave one to be sent beside it: then the one inside
 * stays, and the frame goes to the VLAN the caller said.
 */
#include <string.h>

#include "netvsc_count_var.h"
#include "netvsc_var.h"

const struct netvsc_tx_meta netvsc_tx_nothing;

/* With several queues the host is told on which channel to complete the packet. */
static bool has_hash(const struct netvsc_queue *q)
{
    return q->nic->info.queues > 1;
}

/* What goes with it: as many elements as netvsc_tx_head_bytes() kept room for. */
static void put_info(const struct netvsc_queue *q, const struct netvsc_tx_meta *meta, uint8_t *at)
{
    struct rndis_tx_info info = {.has_hash = has_hash(q), .hash = q->index};

    netvsc_offload_info(meta, &info);
    rndis_build_tx_info(at, &info);
}

uint32_t netvsc_tx_head_bytes(const struct netvsc_queue *q, const struct netvsc_tx_meta *meta)
{
    const bool lso = meta->lso4 || meta->lso6;
    const int elements = has_hash(q) + meta->has_tci + (meta->csum != 0) + lso;

    return (uint32_t)sizeof(struct rndis_packet) + (uint32_t)elements * RNDIS_PPI_BYTES;
}

uint32_t netvsc_tx_untag(struct netvsc_queue *q, struct netvsc_tx_slot *slot, uint8_t **data,
                         uint32_t len_bytes)
{
    struct netvsc_tx_meta *meta = &slot->meta;
    uint8_t *at = *data;

    if (!netvsc_tx_tagged(at, len_bytes))
        return len_bytes;
    if (meta->csum || meta->lso4 || meta->lso6)
        return len_bytes; /* whoever knows headers knows tags */
    if (meta->has_tci && !slot->tag_by_default)
        return len_bytes;
    meta->tci = (uint16_t)(at[NETVSC_TYPE_OFF + 2] << 8 | at[NETVSC_TYPE_OFF + 3]);
    if (!meta->has_tci) {
        *data += RNDIS_PPI_BYTES;
        slot->head_bytes += RNDIS_PPI_BYTES;
    }
    meta->has_tci = true;
    memmove(*data + NETVSC_TYPE_OFF, at + NETVSC_TYPE_OFF + NETVSC_TAG_BYTES,
            len_bytes - NETVSC_TYPE_OFF - NETVSC_TAG_BYTES);
    memmove(*data, at, NETVSC_TYPE_OFF);
    q->stats.tx_untagged++;
    return len_bytes - NETVSC_TAG_BYTES;
}

uint32_t netvsc_tx_message(struct netvsc_queue *q, const struct netvsc_tx_slot *slot, uint8_t *data,
                           uint32_t first_bytes, uint32_t len_bytes)
{
    uint32_t ppi_bytes = slot->head_bytes - (uint32_t)sizeof(struct rndis_packet);
    uint32_t wire_bytes = len_bytes;

    if (len_bytes < NETVSC_FRAME_BYTES_MIN) { /* then all of it is here */
        memset(data + len_bytes, 0, NETVSC_FRAME_BYTES_MIN - len_bytes);
        wire_bytes = NETVSC_FRAME_BYTES_MIN;
    }
    if (ppi_bytes) {
        netvsc_offload_prepare(&slot->meta, data, len_bytes);
        put_info(q, &slot->meta, data - ppi_bytes);
    }
    return rndis_put_packet(data - ppi_bytes - sizeof(struct rndis_packet), ppi_bytes, wire_bytes) -
           (len_bytes - first_bytes);
}

void netvsc_tx_count(struct netvsc_queue *q, const struct netvsc_tx_meta *meta, const uint8_t *data,
                     uint32_t bytes)
{
    netvsc_count_tx(&q->stats, data, bytes);
    q->stats.tx_csum += meta->csum != 0;
    q->stats.tx_vlan += meta->has_tci;
    if (meta->lso4 || meta->lso6) {
        q->stats.tx_lso++;
        q->stats.tx_lso_bytes += bytes;
    }
}
