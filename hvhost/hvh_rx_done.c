/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a guest gives back: completions of the packets with frames it was sent.
 *
 * Theory of operation. Each returns the sections its packet lent, by transaction id, once, and on
 * the channel the packet went out on. A guest has as many of them as it gets packets, and nearly
 * all are the same four words but for that id: descriptor, id, status, trailer. Such a one is
 * judged by its words, each read once from the ring, and nothing is copied. It needs no answer
 * either, so there need not be room for one. Any other is left where it is for hvh_ring_take(),
 * and what is wrong with it is found and counted there and in hvh_rx_complete().
 */
#include <assert.h>
#include <string.h>

#include "hvh_nic_var.h"
#include "hvh_ring_words.h"

/* The usual one: no header, one word of payload, no flags. */
#define USUAL_BYTES                                                                                \
    ((uint32_t)(sizeof(struct vmbus_pkt_desc) + sizeof(struct nvs_rndis_complete) +                \
                VMBUS_PKT_TRAILER_BYTES))
static_assert(sizeof(struct nvs_rndis_complete) == sizeof(uint64_t), "type, then status");

/* The packet of (id), lent on this channel, comes back. */
static bool give_back(struct hvh_chan *chan, uint64_t id)
{
    struct hvhost_nic *nic = chan->nic;

    if (id >= nic->sections.count || nic->lent_on[id] != chan->index ||
        !hvh_sections_return(&nic->sections, id))
        return false;
    nic->stats.rx_completed++;
    return true;
}

bool hvh_rx_complete_usual(struct hvh_chan *chan)
{
    const uint64_t first =
        hvh_first_word(VMBUS_PKT_COMPLETION, 0, sizeof(struct nvs_rndis_complete), 0);
    const uint8_t *at = hvh_ring_next(&chan->in, first, USUAL_BYTES);

    if (!at || (uint32_t)hvh_get_word(at + 16) != NVS_MSG_RNDIS_COMPLETE ||
        !give_back(chan, hvh_get_word(at + 8)))
        return false;
    chan->in.read += USUAL_BYTES;
    return true;
}

void hvh_rx_complete(struct hvh_chan *chan)
{
    struct hvhost_nic *nic = chan->nic;
    const struct hvh_packet *pkt = &nic->packet;
    struct nvs_rndis_complete msg;

    if (pkt->payload_bytes < sizeof(msg)) {
        hvh_strict(chan, &nic->stats.strict_nvs);
        return;
    }
    memcpy(&msg, pkt->body + pkt->header_bytes, sizeof(msg));
    if (msg.type != NVS_MSG_RNDIS_COMPLETE)
        hvh_strict(chan, &nic->stats.strict_nvs);
    else if (!hvh_packet_tail_zero(pkt, sizeof(msg)))
        hvh_strict(chan, &nic->stats.strict_trailer);
    /* The sections come back whatever the message says: to keep them would punish ourselves. */
    if (pkt->desc.xid < nic->sections.count && nic->lent_on[pkt->desc.xid] != chan->index)
        hvh_strict(chan, &nic->stats.strict_xid); /* on another channel than it came on */
    if (hvh_sections_return(&nic->sections, pkt->desc.xid))
        nic->stats.rx_completed++;
    else
        hvh_strict(chan, &nic->stats.strict_xid);
}
