/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a guest sends most: frames in a section of its send buffer.
 *
 * Theory of operation. Nearly all packets with frames are the same eight words but for three of
 * them: the transaction id, which section, how much of it, and where they lie (the trailer). Such a
 * one is judged by its words, each read once from the ring; there is nothing about it that the long
 * way (hvh_ring_take(), hvh_nvs.c, hvh_gather.c) would count or refuse, so nothing is copied and
 * nobody is asked. Any other is left where it is, to be judged there from its beginning.
 *
 * The frames themselves are judged as those of any packet (hvh_tx.c).
 */
#include <assert.h>

#include "hvh_nic_var.h"
#include "hvh_ring_words.h"

#define MSG_OFF ((uint32_t)sizeof(struct vmbus_pkt_desc))
#define USUAL_BYTES (MSG_OFF + NVS_MSG_BYTES + VMBUS_PKT_TRAILER_BYTES)
static_assert(offsetof(struct nvs_rndis, channel_type) == 4, "high half of the first word");
static_assert(offsetof(struct nvs_rndis, section) == 8, "low half of the second word");
static_assert(offsetof(struct nvs_rndis, section_bytes) == 12, "its high half");

/* What is behind the second word of its message is zero, as padding must be. */
static bool rest_zero(const uint8_t *msg)
{
    uint64_t any = 0;

    for (uint32_t off = sizeof(struct nvs_rndis); off < NVS_MSG_BYTES; off += 8)
        any |= hvh_get_word(msg + off);
    return any == 0;
}

/* The bytes that (named), the second word of a message, names. False: there are none such. */
static bool in_section(const struct hvhost_nic *nic, uint64_t named, struct hvh_gather *g)
{
    const uint32_t section = (uint32_t)named, bytes = (uint32_t)(named >> 32);
    uint8_t *base = hvh_mem_at(&nic->send, (uint64_t)section * nic->send_section_bytes, bytes);

    if (section == NVS_SECTION_NONE || bytes > nic->send_section_bytes || !base)
        return false;
    g->part[0] = (struct vmbus_region){.base = base, .len_bytes = bytes};
    g->parts = g->pages = 1;
    g->bytes = bytes;
    g->from_section = true;
    return true;
}

bool hvh_tx_usual(struct hvh_chan *chan)
{
    const uint64_t first =
        hvh_first_word(VMBUS_PKT_INBAND, 0, NVS_MSG_BYTES, VMBUS_PKT_FLAG_COMPLETION);
    const uint8_t *at = hvh_ring_next(&chan->in, first, USUAL_BYTES);
    struct hvh_gather g;
    uint64_t xid;

    if (!at || chan->nic->state != HVH_OPERATIONAL ||
        hvh_get_word(at + MSG_OFF) != (NVS_MSG_RNDIS | (uint64_t)NVS_RNDIS_DATA << 32) ||
        !rest_zero(at + MSG_OFF) || !in_section(chan->nic, hvh_get_word(at + MSG_OFF + 8), &g))
        return false;
    xid = hvh_get_word(at + 8);
    chan->in.read += USUAL_BYTES;
    hvh_tx_look_ahead(chan);
    hvh_tx_gathered(chan, xid, &g);
    return true;
}
