/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one range of a transfer-page packet says, whatever it is: every check there is, on a private
 * copy. A message that cannot be read costs its packet's good status and a counter.
 *
 * Control travels on the primary channel only, so that queue 0's thread alone deals with it.
 */
#include "netvsc_var.h"

#include <errno.h>
#include <string.h>

static uint8_t csum_verdict(uint32_t word)
{
    uint8_t verdict = 0;

    if (word & RNDIS_RXCSUM_IP_OK)
        verdict |= NETVSC_CSUM_IP_OK;
    if (word & (RNDIS_RXCSUM_TCP_OK | RNDIS_RXCSUM_UDP_OK))
        verdict |= NETVSC_CSUM_L4_OK;
    if (word & RNDIS_RXCSUM_IP_BAD)
        verdict |= NETVSC_CSUM_IP_BAD;
    if (word & (RNDIS_RXCSUM_TCP_BAD | RNDIS_RXCSUM_UDP_BAD))
        verdict |= NETVSC_CSUM_L4_BAD;
    if (word & (RNDIS_RXCSUM_TCP_STALE | RNDIS_RXCSUM_IP_STALE))
        verdict |= NETVSC_CSUM_STALE;
    return verdict;
}

void netvsc_rx_meta(struct netvsc_frame *frame, const struct rndis_meta *meta)
{
    frame->tci = meta->tci;
    frame->has_tci = meta->has_tci;
    frame->csum = csum_verdict(meta->csum);
    frame->hash = meta->hash;
}

/* What goes with a frame; (*fragment): RNDIS_PACKET_ID_*, 0 for a whole one. */
static int parse_meta(const uint8_t *msg, const struct rndis_layout *at, struct netvsc_frame *frame,
                      uint8_t *fragment)
{
    uint8_t copy[RNDIS_PPI_AREA_BYTES_MAX];
    struct rndis_meta meta;

    memcpy(copy, msg + at->ppi_off, at->ppi_bytes);
    if (rndis_parse_ppis(copy, at->ppi_bytes, &meta))
        return -EPROTO;
    netvsc_rx_meta(frame, &meta);
    *fragment = meta.fragment;
    return 0;
}

/*
 * A frame in one message. False: dropped, and counted why. (frame) is behind the batch, which is
 * its place unless fragments in front of it had to go.
 */
static bool take_whole(struct netvsc_queue *q, const struct netvsc_frame *frame)
{
    bool ok = netvsc_rsc_end(q);

    if (frame->len_bytes < NETVSC_ETH_BYTES || frame->len_bytes > q->nic->rx_frame_bytes_max) {
        q->stats.rx_drop_size++;
        return false;
    }
    if (frame != &q->batch[q->batch_count])
        q->batch[q->batch_count] = *frame;
    q->batch_count++;
    return ok;
}

/* One data message whose header is in (copy). False: dropped, and counted why. */
static bool take_data(struct netvsc_queue *q, const uint8_t *msg, const struct rndis_packet *copy,
                      uint32_t range_bytes)
{
    struct netvsc_frame *frame = &q->batch[q->batch_count]; /* made where it will be */
    struct rndis_layout at;
    uint8_t fragment = 0;
    bool ok;

    q->stats.rx_messages++;
    if (q->nic->state != NETVSC_UP) {
        q->stats.rx_drop_down++;
        return true; /* nothing wrong with it */
    }
    *frame = (struct netvsc_frame){.packet = q->ack_count - 1, .queue = (uint8_t)q->index};
    if (rndis_parse_packet(copy, sizeof(*copy), range_bytes, &at) ||
        (at.ppi_bytes && parse_meta(msg, &at, frame, &fragment))) {
        q->stats.rx_drop_rndis++;
        netvsc_rsc_end(q);
        return false;
    }
    frame->data = msg + at.data_off;
    frame->len_bytes = at.data_bytes;
    q->batch_mixed = 1;
    ok = fragment ? netvsc_rsc_take(q, frame, fragment) : take_whole(q, frame);
    if (q->batch_count >= NETVSC_BATCH_MAX && !q->chain.pieces)
        netvsc_rx_hand_up(q);
    return ok;
}

/* The receive-buffer range named by the host, or NULL if it is no range of one section. */
static const uint8_t *range_at(const struct netvsc *nic, const struct vmbus_xfer_range *host)
{
    size_t size = nic->mem->recv.len_bytes;

    if (host->off_bytes > size || host->len_bytes > size - host->off_bytes)
        return NULL;
    if (host->len_bytes > nic->info.recv_section_bytes ||
        host->len_bytes < sizeof(struct rndis_header))
        return NULL;
    return nic->mem->recv.base + host->off_bytes;
}

/* A message that cannot be read: in the books if it was announced as data. */
static bool drop_message(struct netvsc_queue *q, bool is_data, uint64_t *reason)
{
    netvsc_rsc_end(q);
    if (is_data) {
        q->stats.rx_messages++;
        (*reason)++;
    } else {
        q->stats.host_bad_packet++;
    }
    return false;
}

bool netvsc_rx_range(struct netvsc_queue *q, const struct vmbus_xfer_range *range, bool is_data)
{
    const uint8_t *msg = range_at(q->nic, range);
    struct rndis_packet copy;

    if (!msg)
        return drop_message(q, is_data, &q->stats.rx_drop_range);
    if (range->len_bytes >= sizeof(copy)) {
        memcpy(&copy, msg, sizeof(copy)); /* of a length known here it is four instructions */
    } else {
        memset(&copy, 0, sizeof(copy));
        memcpy(&copy, msg, range->len_bytes);
    }
    if (copy.type == RNDIS_MSG_PACKET)
        return take_data(q, msg, &copy, range->len_bytes);
    if (q->index == 0 && netvsc_ctl_message(q->nic, msg, range->len_bytes))
        return netvsc_rsc_end(q);
    return drop_message(q, is_data, &q->stats.rx_drop_rndis);
}
