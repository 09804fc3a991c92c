/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Guest to host frames. One message 107 names the bytes (hvh_gather.c), in which lie one or more
 * RNDIS PACKET messages back to back, each but the last padded to a multiple of 8. Header and
 * per-packet info are copied once and judged as a copy. A frame is opaque: it goes to the switch by
 * pointer into guest memory, or is gathered once when it comes in pieces, and is copied by whoever
 * receives it. If the guest leaves sums or segments to us it is copied and prepared first
 * (hvh_offload.c); of a burst of segments only the headers are, as nobody here looks at what is
 * behind them, and it may change as it likes. The packet is completed when all its frames are
 * switched, so the guest's memory is not looked at later.
 *
 * What the next packet names was written by the guest's processor, and each of its lines takes as
 * long to come from there as all else that is done for a packet; they are asked for one packet
 * ahead (hvh_ahead.h).
 *
 * A malformed message ends its packet, since where the next one starts is then unknown. The
 * completion says FAILURE.
 */
#include <string.h>

#include "hvh_host_var.h"
#include "hvh_nic_var.h"

#define MAX_MESSAGES 8u /* per packet, as INITIALIZE_CMPLT said */
#define ALIGN 8u        /* of each message but the last, likewise */
#define PPI_BYTES_MAX 256u
#define PADDING_LOOKED_AT 64u
#define HEAD_COPIED 256u /* of a burst of segments */
#define TCP_HEAD_BYTES_MAX 60u
#define AHEAD_BYTES_MAX 2048u

struct message {
    struct rndis_packet head; /* a copy */
    uint32_t off;             /* of the message in the gathered bytes */
    bool last;
    struct hvh_tx_info info;
    struct hvhost_frame frame;
};

static bool malformed(struct hvh_chan *chan)
{
    chan->nic->stats.tx_drop_rndis++;
    hvh_strict(chan, &chan->nic->stats.strict_rndis);
    return false;
}

/* Offsets and lengths inside one message, all counting from byte 8. */
static bool layout_ok(const struct rndis_packet *head)
{
    uint32_t body = head->len_bytes - RNDIS_OFFSET_BASE;

    if (head->oob_off || head->oob_bytes || head->oob_count || head->vc_handle)
        return false;
    if (head->data_off < RNDIS_PACKET_OFF_MIN || head->data_off > body || head->data_bytes == 0 ||
        head->data_bytes > body - head->data_off)
        return false;
    if (head->ppi_bytes == 0)
        return head->ppi_off == 0 || head->ppi_off == RNDIS_PACKET_OFF_MIN;
    if (head->ppi_off < RNDIS_PACKET_OFF_MIN || head->ppi_off % 4 || head->ppi_off > body ||
        head->ppi_bytes > body - head->ppi_off || head->ppi_bytes > PPI_BYTES_MAX)
        return false;
    return head->ppi_off < head->data_off ? head->ppi_bytes <= head->data_off - head->ppi_off
                                          : head->data_bytes <= head->ppi_off - head->data_off;
}

static uint16_t tci_of(uint32_t word)
{
    uint32_t prio = word >> RNDIS_VLAN_PRIO_SHIFT & 7;
    uint32_t dei = word >> RNDIS_VLAN_DEI_SHIFT & 1;
    uint32_t id = word >> RNDIS_VLAN_ID_SHIFT & 0xFFF;

    return (uint16_t)(prio << 13 | dei << 12 | id);
}

static void ppi_take(uint32_t type, uint32_t word, struct message *m)
{
    switch (type) {
    case RNDIS_PPI_CSUM:
        m->info.has_csum = true;
        m->info.csum = word;
        break;
    case RNDIS_PPI_LSO:
        m->info.has_lso = true;
        m->info.lso = word;
        break;
    case RNDIS_PPI_VLAN:
        m->frame.has_tci = true;
        m->frame.tci = tci_of(word);
        break;
    default: /* hash values, and what we never heard of */
        break;
    }
}

static bool ppi_parse(const uint8_t *at, uint32_t left, struct message *m)
{
    while (left > 0) {
        struct rndis_ppi ppi;
        uint32_t word;

        if (left < RNDIS_PPI_BYTES)
            return false;
        memcpy(&ppi, at, sizeof(ppi));
        if (ppi.size_bytes < RNDIS_PPI_BYTES || ppi.size_bytes % 4 || ppi.size_bytes > left ||
            ppi.data_off != RNDIS_PPI_DATA_OFF)
            return false;
        memcpy(&word, at + RNDIS_PPI_DATA_OFF, sizeof(word));
        ppi_take(ppi.type, word, m);
        at += ppi.size_bytes;
        left -= ppi.size_bytes;
    }
    return true;
}

/* What follows the frame up to the message's end is zero. */
static void padding_check(struct hvh_chan *chan, const struct hvh_gather *g,
                          const struct message *m)
{
    uint32_t used = RNDIS_OFFSET_BASE + m->head.data_off + m->head.data_bytes;
    uint32_t len = m->head.len_bytes - used;
    uint64_t any = 0;

    if (m->head.ppi_off > m->head.data_off)
        return;
    if (len > PADDING_LOOKED_AT)
        len = PADDING_LOOKED_AT;
    for (uint32_t off = 0, take; off < len; off += take) {
        uint64_t word = 0;

        take = len - off < sizeof(word) ? len - off : (uint32_t)sizeof(word);
        hvh_gather_copy(g, m->off + used + off, &word, take);
        any |= word;
    }
    if (any)
        hvh_strict(chan, &chan->nic->stats.strict_trailer);
}

static bool size_ok(const struct hvhost_nic *nic, const struct message *m)
{
    uint32_t max = m->info.has_lso ? nic->config.lso_max_bytes : nic->mtu_bytes;

    return m->head.data_bytes >= HVH_ETH_BYTES && m->head.data_bytes <= max + HVH_ETH_BYTES;
}

/* May what is behind the first HEAD_COPIED bytes stay with the guest? All headers are in these. */
static bool may_stay(const struct message *m)
{
    uint32_t tcp_off = m->info.lso >> RNDIS_LSO_TCP_OFF_SHIFT & HVH_L4_OFF_MASK;

    return m->info.has_lso && tcp_off && tcp_off + TCP_HEAD_BYTES_MAX <= HEAD_COPIED &&
           m->head.data_bytes > HEAD_COPIED;
}

/* Where the frame is, prepared if the guest wants something done. False: it wants nonsense. */
static bool frame_find(struct hvh_chan *chan, const struct hvh_gather *g, struct message *m)
{
    uint32_t at = m->off + RNDIS_OFFSET_BASE + m->head.data_off;
    bool offload = m->info.has_csum || m->info.has_lso;
    uint32_t head_bytes = may_stay(m) ? HEAD_COPIED : m->head.data_bytes;
    uint8_t *copy = chan->nic->host->gather;
    bool strict = false, ok = true;

    m->frame.len_bytes = m->head.data_bytes;
    m->frame.data = offload ? NULL : hvh_gather_at(g, at, m->frame.len_bytes);
    if (m->frame.data)
        return true;
    hvh_gather_copy(g, at, copy, head_bytes);
    m->frame.data = copy;
    m->frame.piece = chan->nic->tx_piece;
    m->frame.pieces =
        hvh_gather_pieces(g, at + head_bytes, m->frame.len_bytes - head_bytes, chan->nic->tx_piece);
    if (offload)
        ok = hvh_offload_frame(chan->nic, &m->info, copy, &m->frame, &strict);
    if (strict || !ok)
        hvh_strict(chan, &chan->nic->stats.strict_offload);
    return ok;
}

static bool frame_switch(struct hvh_chan *chan, const struct hvh_gather *g, struct message *m)
{
    struct hvhost_nic *nic = chan->nic;

    if (!size_ok(nic, m)) {
        nic->stats.tx_drop_size++;
        return true;
    }
    if (!nic->link_up || nic->withdrawn) {
        nic->stats.tx_drop_link++;
        return true;
    }
    if (!frame_find(chan, g, m)) {
        nic->stats.tx_drop_rndis++;
        return false;
    }
    nic->stats.tx_switched++;
    nic->stats.tx_vlan += m->frame.has_tci;
    hvhost_port_send(nic->port, &m->frame);
    return true;
}

static bool message_serve(struct hvh_chan *chan, const struct hvh_gather *g, struct message *m)
{
    struct hvhost_nic *nic = chan->nic;
    uint32_t head_end = RNDIS_OFFSET_BASE + m->head.ppi_off + m->head.ppi_bytes;
    uint8_t ppi[PPI_BYTES_MAX];

    m->info = (struct hvh_tx_info){0};
    m->frame = (struct hvhost_frame){0};
    if (!layout_ok(&m->head) || (!m->last && m->head.len_bytes % ALIGN))
        return malformed(chan);
    if (m->off == 0 &&
        g->part[0].len_bytes < (head_end < sizeof(m->head) ? sizeof(m->head) : head_end))
        hvh_strict(chan, &nic->stats.strict_page);
    if (m->head.ppi_bytes) {
        hvh_gather_copy(g, m->off + RNDIS_OFFSET_BASE + m->head.ppi_off, ppi, m->head.ppi_bytes);
        if (!ppi_parse(ppi, m->head.ppi_bytes, m))
            return malformed(chan);
    }
    padding_check(chan, g, m);
    nic->stats.tx_bytes += m->head.data_bytes;
    return frame_switch(chan, g, m);
}

static bool packet_serve(struct hvh_chan *chan, const struct hvh_gather *g)
{
    struct hvhost_nic *nic = chan->nic;
    struct message m;

    m.off = 0;
    for (unsigned n = 0; n == 0 || m.off < g->bytes; n++, m.off += m.head.len_bytes) {
        nic->stats.tx_frames++;
        if (n == MAX_MESSAGES || !hvh_gather_copy(g, m.off, &m.head, sizeof(m.head)))
            return malformed(chan);
        if (m.head.type != RNDIS_MSG_PACKET || m.head.len_bytes < sizeof(m.head) ||
            m.head.len_bytes > g->bytes - m.off)
            return malformed(chan);
        m.last = m.head.len_bytes == g->bytes - m.off;
        if (!message_serve(chan, g, &m))
            return false;
        if (!chan->open || chan->faulted)
            return false;
    }
    return true;
}

void hvh_tx_ahead(struct hvh_chan *chan)
{
    struct hvhost_nic *nic = chan->nic;
    struct {
        struct vmbus_pkt_desc desc;
        struct nvs_rndis msg;
    } next;
    uint32_t bytes;
    const uint8_t *at;

    if (!hvh_ring_ahead(&chan->in, &next, sizeof(next)) || next.desc.type != VMBUS_PKT_INBAND ||
        next.msg.type != NVS_MSG_RNDIS || next.msg.section == NVS_SECTION_NONE)
        return;
    bytes = next.msg.section_bytes < AHEAD_BYTES_MAX ? next.msg.section_bytes : AHEAD_BYTES_MAX;
    at = hvh_mem_at(&nic->send, (uint64_t)next.msg.section * nic->send_section_bytes, bytes);
    if (!at)
        return;
    nic->send_ahead = (struct hvh_ahead){at, at + bytes};
    hvh_ahead_read(&nic->send_ahead, hvh_ahead_first(&nic->send_ahead));
}

void hvh_tx_gathered(struct hvh_chan *chan, uint64_t xid, const struct hvh_gather *g)
{
    struct hvhost_nic *nic = chan->nic;
    uint32_t status = NVS_STATUS_FAILURE;

    nic->stats.tx_packets++;
    if (g) {
        nic->stats.tx_section_packets += g->from_section;
        if (packet_serve(chan, g))
            status = NVS_STATUS_SUCCESS;
    }
    hvh_complete_rndis(chan, xid, status, hvh_fault_strike(nic, HVH_ON_TX_DONE, 0));
}

void hvh_tx_serve(struct hvh_chan *chan, const struct nvs_rndis *msg)
{
    const struct vmbus_pkt_desc desc = chan->nic->packet.desc;
    struct hvh_gather g;
    const bool found = hvh_gather(chan, msg, &g);

    if (found && desc.type == VMBUS_PKT_GPA_DIRECT)
        chan->nic->stats.tx_gpa_packets++;
    hvh_tx_gathered(chan, desc.xid, found ? &g : NULL);
}
