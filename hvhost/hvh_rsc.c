/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Receive coalescing (RSC over VMBus). A guest that speaks NVSP 6.1, claimed the capability, and
 * switched on both RSC and the verdicts it rests on gets TCP segments put together: as one frame in
 * several messages ("fragments") of a packet of its own, each with an element saying so.
 *
 * Large frames come from the switch as they are, from the kernel by TAP or from another guest's
 * LSO. Segments that come one by one are gathered here: one connection at a time, in memory of the
 * card, until one comes that does not fit, PSH is set, or the host's turn ends, so nothing is kept
 * back for later. What joins continues the sequence, has right sums, and the same header but for
 * acknowledgement and window, of which the last one's are told; options must be equal. A single
 * segment leaves as the frame it was.
 *
 * The frame's header is the first segment's with the length of all. Its sums are not made right, as
 * with real hosts, and the verdict says that: "checked, value invalid". A fragment is as long as a
 * frame of the guest's MTU, or as its section allows.
 */
#include <string.h>

#include "hvh_rx_var.h"

#define SUM_RIGHT 0xFFFFu
#define TCP_BYTES_MIN 20u
#define TCP_SEQ_OFF 4u
#define TCP_ACK_OFF 8u
#define TCP_DATA_OFF 12u
#define TCP_FLAGS_OFF 13u
#define TCP_WINDOW_OFF 14u
#define TCP_PSH 0x08u
#define TCP_ACK 0x10u
#define HEAD_BYTES_MAX (HVH_ETH_BYTES + 40u + 60u)

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* ---- what the guest wants --------------------------------------------------------------- */

/* Bytes in a fragment; the elements of the first are the most. */
static uint32_t part_bytes(const struct hvhost_nic *nic)
{
    uint32_t room = hvh_message_room(nic, HVH_ELEMENTS_MAX * RNDIS_PPI_BYTES);
    uint32_t frame = nic->mtu_bytes + HVH_ETH_BYTES;

    return room < frame ? room : frame;
}

/*
 * The longest frame must fit a packet. Linux switches the verdict about IP headers off, and counts
 * on it in these frames all the same, whose header it then makes right.
 */
static bool wanted(const struct hvhost_nic *nic, bool v6)
{
    const uint8_t sums = v6 ? HVH_CSUM_TCP6 : HVH_CSUM_TCP4;

    return (nic->offload.rsc & (v6 ? HVH_LARGE_V6 : HVH_LARGE_V4)) &&
           (nic->offload.csum_rx & sums) == sums &&
           part_bytes(nic) >= (HVH_RSC_BYTES_MAX + HVH_BATCH_MAX - 1) / HVH_BATCH_MAX;
}

bool hvh_rsc_takes_large(const struct hvhost_nic *nic)
{
    return wanted(nic, false) && wanted(nic, true);
}

/* ---- to the guest ----------------------------------------------------------------------- */

/* The (parts) of (frame), all but the last of (bytes); (head) describes the frame, of which only
 * the first is told. Those in between have one head. */
static void put_parts(struct hvh_chan *chan, const struct hvhost_frame *frame,
                      struct hvh_head *head, uint32_t parts, uint32_t bytes)
{
    uint32_t count;

    for (uint32_t done = 0; done < parts; done += count) {
        const bool first = done == 0, last = done == parts - 1;
        const uint32_t off = done * bytes;

        count = first || last ? 1 : parts - 1 - done;
        hvh_describe_part(
            (uint8_t)((first ? RNDIS_PACKET_ID_FIRST : 0) | (last ? RNDIS_PACKET_ID_LAST : 0)),
            chan->nic->rsc.id, head);
        hvh_describe_data(chan->nic, last ? frame->len_bytes - off : bytes, head);
        hvh_rx_add(chan, frame->data + off, head, count);
        head->elements_bytes = 0;
    }
}

/* (frame) was (segments), each offered to us if (merged). Its header is at rsc.at. */
static void send_parts(struct hvhost_nic *nic, const struct hvhost_frame *frame,
                       struct hvh_hash hash, uint32_t segments, bool merged)
{
    struct hvh_chan *chan = hvh_subchan_for(nic, hash);
    const uint32_t part = part_bytes(nic), parts = (frame->len_bytes + part - 1) / part;
    uint32_t csum = RNDIS_RXCSUM_TCP_OK | RNDIS_RXCSUM_TCP_STALE;
    struct hvh_head head;

    hvh_rx_flush(chan);
    if (!hvh_rx_room_for(chan, parts, parts, merged ? segments : 1))
        return;
    if (!nic->rsc.at.v6)
        csum |= RNDIS_RXCSUM_IP_OK | RNDIS_RXCSUM_IP_STALE;
    hvh_describe(frame, hash, csum, &head);
    nic->rsc.id++;
    put_parts(chan, frame, &head, parts, part);
    hvh_rx_flush(chan);
    nic->stats.rx_frames++;
    nic->stats.rx_bytes += frame->len_bytes;
    nic->stats.rx_hashed += hash.type != 0;
    nic->stats.rx_rsc_frames++;
    nic->stats.rx_rsc_segments += segments;
    nic->stats.rx_rsc_merged += merged ? segments - 1 : 0;
}

/* Where things are in a TCP frame. Its copy must be of (have) bytes at least. */
static bool tcp_parse(const uint8_t *frame, uint32_t have, uint32_t bytes, struct hvh_ip *ip,
                      uint32_t *head_bytes)
{
    if (!hvh_ip_parse(frame, bytes, ip) || ip->fragment || ip->proto != HVH_PROTO_TCP ||
        ip->end_off != bytes || have < ip->l4_off + TCP_BYTES_MIN)
        return false;
    *head_bytes = ip->l4_off + (frame[ip->l4_off + TCP_DATA_OFF] >> 4) * 4u;
    return *head_bytes >= ip->l4_off + TCP_BYTES_MIN && *head_bytes < bytes && *head_bytes <= have;
}

void hvh_rsc_large(struct hvhost_nic *nic, const struct hvhost_frame *frame, struct hvh_hash hash)
{
    uint32_t head_bytes;

    if (!tcp_parse(frame->data, frame->len_bytes, frame->len_bytes, &nic->rsc.at, &head_bytes) ||
        head_bytes + frame->mss > nic->mtu_bytes + HVH_ETH_BYTES ||
        frame->len_bytes > HVH_RSC_BYTES_MAX) {
        nic->stats.rx_drop_size++;
        return;
    }
    send_parts(nic, frame, hash, (frame->len_bytes - head_bytes + frame->mss - 1u) / frame->mss,
               false);
}

/* ---- segments one by one ---------------------------------------------------------------- */

void hvh_rsc_drop(struct hvhost_nic *nic)
{
    nic->stats.rx_drop_down += nic->rsc.segments;
    nic->rsc.segments = 0;
}

void hvh_rsc_end(struct hvhost_nic *nic)
{
    struct hvh_rsc *rsc = &nic->rsc;
    uint32_t segments = rsc->segments;

    if (!hvh_rx_running(nic)) {
        hvh_rsc_drop(nic);
        return;
    }
    rsc->segments = 0;
    if (segments == 1) {
        hvh_rx_whole(nic, &rsc->frame, rsc->hash, rsc->csum);
        return;
    }
    hvh_ip_set_end(rsc->bytes, &rsc->at, rsc->frame.len_bytes);
    send_parts(nic, &rsc->frame, rsc->hash, segments, true);
}

/* Plain data, of which nothing is lost when only the first header is kept; IPv4's is right. */
static bool plain(const uint8_t *frame, const struct hvh_ip *ip)
{
    const uint8_t *tcp = frame + ip->l4_off;
    uint64_t sum = hvh_sum_add(0, frame + ip->l3_off, ip->v6 ? 0 : ip->l4_off - ip->l3_off);

    return (ip->v6 || hvh_sum_fold(sum) == SUM_RIGHT) &&
           ip->l4_off == ip->l3_off + (ip->v6 ? 40u : 20u) && !(tcp[TCP_DATA_OFF] & 0xFu) &&
           (tcp[TCP_FLAGS_OFF] & ~TCP_PSH) == TCP_ACK;
}

/*
 * A segment nothing would join, told by one byte: most are, between hosts that ask and answer. The
 * frame may change after this look; then it was not kept, which is never wrong.
 */
static bool is_last(const struct hvhost_frame *frame)
{
    bool v6 = frame->len_bytes > HVH_ETH_BYTES && frame->data[HVH_ETH_BYTES] >> 4 == 6;
    uint32_t flags_off = HVH_ETH_BYTES + (v6 ? 40u : 20u) + TCP_FLAGS_OFF;

    return frame->len_bytes > flags_off && frame->data[flags_off] & TCP_PSH;
}

static bool begin(struct hvhost_nic *nic, const struct hvhost_frame *frame, struct hvh_hash hash,
                  uint32_t csum)
{
    struct hvh_rsc *rsc = &nic->rsc;
    const uint8_t *tcp;

    memcpy(rsc->bytes, frame->data, frame->len_bytes);
    if (!tcp_parse(rsc->bytes, frame->len_bytes, frame->len_bytes, &rsc->at, &rsc->head_bytes) ||
        !plain(rsc->bytes, &rsc->at) || !wanted(nic, rsc->at.v6))
        return false;
    tcp = rsc->bytes + rsc->at.l4_off;
    if (tcp[TCP_FLAGS_OFF] & TCP_PSH)
        return false; /* nothing would join it */
    rsc->frame = *frame;
    rsc->frame.data = rsc->bytes;
    rsc->hash = hash;
    rsc->csum = csum;
    rsc->segments = 1;
    rsc->next_seq = get32(tcp + TCP_SEQ_OFF) + frame->len_bytes - rsc->head_bytes;
    return true;
}

/* The same header but for lengths, sums, sequence, acknowledgement, window and PSH? */
static bool same_head(const struct hvh_rsc *rsc, const uint8_t *head)
{
    const uint8_t *mine = rsc->bytes;
    uint32_t l3 = rsc->at.l3_off, l4 = rsc->at.l4_off;
    uint32_t rest = rsc->at.v6 ? 6 : 12; /* from next header, or source address, on */

    return memcmp(mine, head, l3 + 2) == 0 &&
           (rsc->at.v6 ? memcmp(mine + l3 + 2, head + l3 + 2, 2) == 0
                       : memcmp(mine + l3 + 6, head + l3 + 6, 4) == 0) &&
           memcmp(mine + l3 + rest, head + l3 + rest, l4 + TCP_SEQ_OFF - l3 - rest) == 0 &&
           mine[l4 + TCP_DATA_OFF] == head[l4 + TCP_DATA_OFF] &&
           memcmp(mine + l4 + TCP_BYTES_MIN, head + l4 + TCP_BYTES_MIN,
                  rsc->head_bytes - l4 - TCP_BYTES_MIN) == 0;
}

static bool join(struct hvh_rsc *rsc, const struct hvhost_frame *frame)
{
    uint32_t have = frame->len_bytes < HEAD_BYTES_MAX ? frame->len_bytes : HEAD_BYTES_MAX;
    uint32_t l4 = rsc->at.l4_off, head_bytes, payload;
    uint8_t head[HEAD_BYTES_MAX] = {0}, *mine = rsc->bytes + l4;
    struct hvh_ip ip;

    memcpy(head, frame->data, have);
    if (!tcp_parse(head, have, frame->len_bytes, &ip, &head_bytes) || !plain(head, &ip) ||
        head_bytes != rsc->head_bytes || ip.l4_off != l4 || !same_head(rsc, head) ||
        frame->has_tci != rsc->frame.has_tci || frame->tci != rsc->frame.tci ||
        get32(head + l4 + TCP_SEQ_OFF) != rsc->next_seq ||
        get32(head + l4 + TCP_ACK_OFF) - get32(mine + TCP_ACK_OFF) > INT32_MAX)
        return false;
    payload = frame->len_bytes - head_bytes;
    if (payload > HVH_RSC_BYTES_MAX - rsc->frame.len_bytes)
        return false;
    memcpy(rsc->bytes + rsc->frame.len_bytes, frame->data + head_bytes, payload);
    rsc->frame.len_bytes += payload;
    rsc->next_seq += payload;
    rsc->segments++;
    memcpy(mine + TCP_ACK_OFF, head + l4 + TCP_ACK_OFF, 4);
    memcpy(mine + TCP_WINDOW_OFF, head + l4 + TCP_WINDOW_OFF, 2);
    mine[TCP_FLAGS_OFF] = head[l4 + TCP_FLAGS_OFF];
    return true;
}

bool hvh_rsc_take(struct hvhost_nic *nic, const struct hvhost_frame *frame, struct hvh_hash hash,
                  uint32_t csum)
{
    struct hvh_rsc *rsc = &nic->rsc;

    if (!(nic->offload.rsc && csum & RNDIS_RXCSUM_TCP_OK) || csum & RNDIS_RXCSUM_IP_BAD ||
        frame->len_bytes > nic->mtu_bytes + HVH_ETH_BYTES)
        return false;
    if (rsc->segments > 0 && join(rsc, frame)) {
        if (rsc->bytes[rsc->at.l4_off + TCP_FLAGS_OFF] & TCP_PSH)
            hvh_rsc_flush(nic);
        return true;
    }
    hvh_rsc_flush(nic);
    return !is_last(frame) && begin(nic, frame, hash, csum);
}
