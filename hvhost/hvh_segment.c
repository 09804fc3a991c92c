/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Cards and uplinks may put frames on the switch that are not finished: a TCP or UDP sum is missing
 * (csum_partial), or the frame is a whole burst of TCP segments under one header (mss). Who can go
 * on with such a frame says so in hvh_port_ops.takes, so that a burst crosses from a guest to the
 * kernel in one piece; for all others the work is done here, port by port, at delivery.
 *
 * A burst's data may still lie in the memory of the guest that sent it; who does not take it like
 * that gets it copied behind its headers.
 *
 * Segments get the header of the large frame with length, identification, sequence number, flags
 * and sums of their own: FIN and PSH belong to the last, CWR to the first. Each is built in scratch
 * memory of its own nesting level, because a far end may answer from within deliver.
 */
#include <string.h>

#include "hvh_host_var.h"
#include "hvh_nic_var.h"

#define IP4_ID_OFF 4u
#define TCP_BYTES_MIN 20u
#define TCP_SEQ_OFF 4u
#define TCP_DATA_OFF 12u
#define TCP_FLAGS_OFF 13u
#define TCP_FLAGS_LAST 0x09u  /* FIN, PSH */
#define TCP_FLAGS_FIRST 0x80u /* CWR */

struct large {
    const struct hvhost_frame *frame;
    struct hvh_ip ip;
    uint32_t head_bytes; /* to the end of the TCP header */
    uint32_t payload_bytes;
};

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void put32(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

static bool large_parse(const struct hvhost_frame *frame, struct large *l)
{
    uint32_t tcp_bytes;

    l->frame = frame;
    if (!hvh_ip_parse(frame->data, frame->len_bytes, &l->ip) || l->ip.fragment ||
        l->ip.proto != HVH_PROTO_TCP || l->ip.end_off - l->ip.l4_off < TCP_BYTES_MIN)
        return false;
    tcp_bytes = (frame->data[l->ip.l4_off + TCP_DATA_OFF] >> 4) * 4u;
    if (tcp_bytes < TCP_BYTES_MIN || tcp_bytes >= l->ip.end_off - l->ip.l4_off)
        return false;
    l->head_bytes = l->ip.l4_off + tcp_bytes;
    l->payload_bytes = l->ip.end_off - l->head_bytes;
    return (l->payload_bytes - 1) / frame->mss < HVH_SEGMENTS_MAX;
}

/* The segment of (bytes) that starts (off) into the payload, without its sums. */
static void segment_write(const struct large *l, uint32_t off, uint32_t bytes, uint8_t *to)
{
    uint8_t *tcp = to + l->ip.l4_off;

    memcpy(to, l->frame->data, l->head_bytes);
    memcpy(to + l->head_bytes, l->frame->data + l->head_bytes + off, bytes);
    hvh_ip_set_end(to, &l->ip, l->head_bytes + bytes);
    if (!l->ip.v6) {
        uint8_t *id = to + l->ip.l3_off + IP4_ID_OFF;
        uint32_t next = (uint32_t)(id[0] << 8 | id[1]) + off / l->frame->mss;

        id[0] = (uint8_t)(next >> 8);
        id[1] = (uint8_t)next;
    }
    put32(tcp + TCP_SEQ_OFF, get32(tcp + TCP_SEQ_OFF) + off);
    if (off > 0)
        tcp[TCP_FLAGS_OFF] &= (uint8_t)~TCP_FLAGS_FIRST;
    if (off + bytes < l->payload_bytes)
        tcp[TCP_FLAGS_OFF] &= (uint8_t)~TCP_FLAGS_LAST;
}

static void segment_sum(const struct large *l, uint32_t bytes, uint8_t *to)
{
    uint32_t l4_bytes = l->head_bytes + bytes - l->ip.l4_off;
    uint16_t sum = hvh_ip_pseudo(to, &l->ip, l4_bytes);

    hvh_ip_fill(to, &l->ip);
    memcpy(to + l->ip.l4_off + HVH_TCP_SUM_OFF, &sum, sizeof(sum));
    sum = (uint16_t)~hvh_sum_fold(hvh_sum_add(0, to + l->ip.l4_off, l4_bytes));
    memcpy(to + l->ip.l4_off + HVH_TCP_SUM_OFF, &sum, sizeof(sum));
}

static void deliver_segments(struct hvhost_port *to, const struct hvhost_frame *frame,
                             uint8_t *scratch)
{
    struct hvhost *host = to->host;
    struct hvhost_frame one = *frame;
    struct large l;

    if (!large_parse(frame, &l)) {
        host->stats.gso_bad++;
        return;
    }
    one.data = scratch;
    one.mss = 0;
    one.csum_partial = false;
    one.csum_ok = true;
    host->stats.gso_frames++;
    for (uint32_t off = 0; off < l.payload_bytes; off += frame->mss) {
        uint32_t left = l.payload_bytes - off;
        uint32_t bytes = left < frame->mss ? left : frame->mss;

        segment_write(&l, off, bytes, scratch);
        segment_sum(&l, bytes, scratch);
        one.len_bytes = l.head_bytes + bytes;
        host->stats.gso_segments++;
        to->ops->deliver(to->ctx, &one);
    }
}

static void deliver_summed(struct hvhost_port *to, const struct hvhost_frame *frame,
                           uint8_t *scratch)
{
    struct hvhost *host = to->host;
    struct hvhost_frame whole = *frame;
    uint32_t len = frame->len_bytes;
    uint32_t start = frame->csum_start;
    uint16_t sum;

    if (start > len || len - start < sizeof(sum) || frame->csum_off > len - start - sizeof(sum)) {
        host->stats.gso_bad++;
        return;
    }
    memcpy(scratch, frame->data, len);
    sum = (uint16_t)~hvh_sum_fold(hvh_sum_add(0, scratch + start, len - start));
    if (sum == 0 && frame->csum_off == HVH_UDP_SUM_OFF)
        sum = 0xFFFF; /* 0 would say "none" */
    memcpy(scratch + start + frame->csum_off, &sum, sizeof(sum));
    host->stats.csum_filled++;
    whole.data = scratch;
    whole.csum_partial = false;
    whole.csum_ok = true;
    to->ops->deliver(to->ctx, &whole);
}

struct hvhost_frame hvh_frame_whole(const struct hvhost_frame *frame)
{
    struct hvhost_frame whole = *frame;
    /* The sender's copy of the headers, with room for the rest. */
    uint8_t *end = (uint8_t *)(uintptr_t)frame->data + frame->len_bytes;

    for (unsigned i = frame->pieces; i-- > 0;) {
        end -= frame->piece[i].iov_len;
        memcpy(end, frame->piece[i].iov_base, frame->piece[i].iov_len);
    }
    whole.pieces = 0;
    return whole;
}

/* Does (to) do itself what is left to do with (frame)? */
static bool takes_unfinished(const struct hvhost_port *to, const struct hvhost_frame *frame)
{
    if (!frame->mss)
        return to->ops->takes & HVH_TAKES_CSUM;
    return to->ops->takes & HVH_TAKES_GSO || (to->ops->takes_gso && to->ops->takes_gso(to->ctx));
}

static void deliver_unfinished(struct hvhost_port *to, const struct hvhost_frame *frame)
{
    struct hvhost *host = to->host;
    uint8_t *scratch = host->scratch + (size_t)(host->depth - 1) * HVH_SCRATCH_BYTES;
    struct hvhost_frame whole;

    if (frame->pieces && !(to->ops->takes & HVH_TAKES_PIECES)) {
        whole = hvh_frame_whole(frame);
        frame = &whole;
    }
    if (takes_unfinished(to, frame))
        to->ops->deliver(to->ctx, frame);
    else if (frame->len_bytes > HVH_SCRATCH_BYTES)
        host->stats.gso_bad++;
    else if (frame->mss)
        deliver_segments(to, frame, scratch);
    else
        deliver_summed(to, frame, scratch);
}

void hvh_port_deliver(struct hvhost_port *to, const struct hvhost_frame *frame)
{
    if (!frame->csum_partial && frame->mss == 0)
        to->ops->deliver(to->ctx, frame);
    else
        deliver_unfinished(to, frame);
}
