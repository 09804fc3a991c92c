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
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "hvh_nic_var.h"

enum { WORD_DESC, WORD_XID, WORD_STATUS, WORD_TRAILER, WORDS };
#define BYTES ((uint32_t)(WORDS * sizeof(uint64_t)))

/* The usual descriptor: no header, one word of payload, no flags. */
#define USUAL_DESC                                                                                 \
    ((uint64_t)VMBUS_PKT_COMPLETION | (uint64_t)(sizeof(struct vmbus_pkt_desc) / 8) << 16 |        \
     (uint64_t)(sizeof(struct vmbus_pkt_desc) / 8 + 1) << 32)
static_assert(offsetof(struct vmbus_pkt_desc, header_qwords) == 2, "second quarter of its word");
static_assert(offsetof(struct vmbus_pkt_desc, total_qwords) == 4, "third quarter of its word");
static_assert(sizeof(struct nvs_rndis_complete) == sizeof(uint64_t), "type, then status");

/*
 * The next packet where it lies, if it may be a usual one: so many bytes are known, and do not
 * reach the ring's end. They are the guest's, who may change them.
 */
static const uint8_t *next_in(struct hvh_ring_in *in)
{
    /* Acquire: as in hvh_ring_take(). */
    const uint32_t write = atomic_load_explicit(&in->ctl->write_index, memory_order_acquire);
    const uint32_t end = write < in->read ? in->data_bytes : write;

    if (write >= in->data_bytes || write % 8 || end - in->read < BYTES ||
        in->data_bytes - in->read <= BYTES)
        return NULL;
    in->seen = write;
    return in->data + in->read;
}

static uint64_t word_at(const uint8_t *packet, unsigned word)
{
    return atomic_load_explicit((const _Atomic uint64_t *)(const void *)packet + word,
                                memory_order_relaxed);
}

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
    struct hvh_ring_in *in = &chan->in;
    const uint8_t *packet = next_in(in);

    if (!packet || word_at(packet, WORD_DESC) != USUAL_DESC ||
        (uint32_t)word_at(packet, WORD_STATUS) != NVS_MSG_RNDIS_COMPLETE ||
        word_at(packet, WORD_TRAILER) != (uint64_t)in->read << 32 ||
        !give_back(chan, word_at(packet, WORD_XID)))
        return false;
    in->read += BYTES;
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
