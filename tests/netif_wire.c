/* SPDX-License-Identifier: BSD-3-Clause */
#include "netif_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MS 1000000ull
#define RELID 5u

/* ---- the transport --------------------------------------------------------------------------- */

static int wire_signal(void *ctx, uint32_t relid)
{
    struct wire *w = ctx;

    assert_int_equal(relid, RELID);
    w->signals++;
    return w->gone ? -EIO : 0;
}

static int wire_irq_enable(void *ctx, bool on)
{
    const struct wire *w = ctx;

    (void)on;
    return w->gone ? -EIO : 0;
}

static int wire_irq_take(void *ctx)
{
    const struct wire *w = ctx;

    return w->gone ? -EIO : -EAGAIN;
}

static int wire_subchannel(void *ctx, uint32_t index, struct vmbus_chan_region *out)
{
    (void)ctx;
    (void)index;
    (void)out;
    return -ENOTSUP;
}

static void wire_closed(void *ctx)
{
    struct wire *w = ctx;

    w->closed = true;
}

static const struct vmbus_transport_ops ops = {
    .signal = wire_signal,
    .irq_enable = wire_irq_enable,
    .irq_take = wire_irq_take,
    .subchannel_open = wire_subchannel,
    .close = wire_closed,
};

static struct vmbus_region region(size_t len_bytes)
{
    struct vmbus_region r = {.len_bytes = len_bytes};
    size_t round = (len_bytes + VMBUS_PAGE_BYTES - 1) & ~(size_t)(VMBUS_PAGE_BYTES - 1);

    r.base = aligned_alloc(VMBUS_PAGE_BYTES, round);
    assert_non_null(r.base);
    memset(r.base, 0, round);
    return r;
}

static void build_transport(struct wire *w)
{
    static const uint64_t pfn[] = {WIRE_PFN};
    const struct wire_options *o = &w->options;

    w->t = (struct vmbus_transport){
        .ops = &ops,
        .ctx = w,
        .irq_fd = -1,
        .primary = {.relid = RELID,
                    .monitor_id = VMBUS_MONITOR_NONE,
                    .rings = region((size_t)2 * o->ring_pages * VMBUS_PAGE_BYTES)},
        .int_page = region(VMBUS_PAGE_BYTES),
        .monitor_page = region(VMBUS_PAGE_BYTES),
        .recv = region((size_t)o->recv_section_bytes * o->recv_sections),
        .send = region((size_t)o->send_section_bytes * o->send_sections),
        .recv_gpadl = WIRE_RECV_GPADL,
        .send_gpadl = WIRE_SEND_GPADL,
        .host_here = o->host_here,
        .dma = region(VMBUS_PAGE_BYTES),
        .dma_pfn = o->no_dma ? NULL : pfn,
    };
}

/* ---- rings ----------------------------------------------------------------------------------- */

static uint8_t *half(const struct wire *w, bool to_guest)
{
    return w->t.primary.rings.base + (to_guest ? w->t.primary.rings.len_bytes / 2 : 0);
}

static uint32_t ring_bytes(const struct wire *w)
{
    return (uint32_t)(w->t.primary.rings.len_bytes / 2) - VMBUS_PAGE_BYTES;
}

static void ring_copy(const struct wire *w, bool to_guest, uint32_t at, uint8_t *bytes, uint32_t n)
{
    uint8_t *data = half(w, to_guest) + VMBUS_PAGE_BYTES;

    for (uint32_t i = 0; i < n; i++) {
        uint8_t *byte = &data[(at + i) % ring_bytes(w)];

        if (to_guest)
            *byte = bytes[i];
        else
            bytes[i] = *byte;
    }
}

uint32_t wire_word(const struct wire_packet *pkt, uint32_t off)
{
    uint32_t value;

    memcpy(&value, pkt->raw + pkt->desc.header_qwords * 8u + off, sizeof(value));
    return value;
}

bool wire_get(struct wire *w, struct wire_packet *out)
{
    struct vmbus_ring_ctl *ctl = (void *)half(w, false);
    uint32_t read = atomic_load(&ctl->read_index);

    if (read == atomic_load(&ctl->write_index))
        return false;
    ring_copy(w, false, read, (uint8_t *)&out->desc, sizeof(out->desc));
    out->bytes = out->desc.total_qwords * 8u + VMBUS_PKT_TRAILER_BYTES;
    assert_true(out->bytes <= sizeof(out->raw));
    ring_copy(w, false, read, out->raw, out->bytes);
    atomic_store(&ctl->read_index, (read + out->bytes) % ring_bytes(w));
    return true;
}

void wire_put(struct wire *w, const void *bytes, uint32_t len_bytes)
{
    struct vmbus_ring_ctl *ctl = (void *)half(w, true);
    uint32_t write = atomic_load(&ctl->write_index);
    uint32_t read = atomic_load(&ctl->read_index);
    uint32_t free = (read + ring_bytes(w) - write - 1) % ring_bytes(w) + 1;
    uint8_t copy[VMBUS_PKT_BYTES_MAX + VMBUS_PKT_TRAILER_BYTES];

    assert_int_equal(len_bytes % 8, 0);
    assert_true(free > len_bytes + VMBUS_PKT_TRAILER_BYTES);
    memcpy(copy, bytes, len_bytes);
    memset(copy + len_bytes, 0, 4);
    memcpy(copy + len_bytes + 4, &write, 4);
    ring_copy(w, true, write, copy, len_bytes + VMBUS_PKT_TRAILER_BYTES);
    atomic_store(&ctl->write_index, (write + len_bytes + VMBUS_PKT_TRAILER_BYTES) % ring_bytes(w));
}

void wire_complete(struct wire *w, uint64_t xid, const void *payload, uint32_t payload_bytes)
{
    uint32_t padded = (payload_bytes + 7) & ~7u;
    const struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_COMPLETION,
                                        .header_qwords = 2,
                                        .total_qwords = (uint16_t)(2 + padded / 8),
                                        .xid = xid};
    uint8_t bytes[sizeof(desc) + 64] = {0};

    memcpy(bytes, &desc, sizeof(desc));
    memcpy(bytes + sizeof(desc), payload, payload_bytes);
    wire_put(w, bytes, (uint32_t)sizeof(desc) + padded);
}

void wire_complete_rndis(struct wire *w, uint64_t xid, uint32_t status)
{
    const struct nvs_rndis_complete msg = {NVS_MSG_RNDIS_COMPLETE, status};

    wire_complete(w, xid, &msg, sizeof(msg));
}

void wire_xfer(struct wire *w, uint64_t xid, uint32_t channel_type,
               const struct vmbus_xfer_range *ranges, unsigned count)
{
    const struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_XFER_PAGES,
                                        .header_qwords = (uint16_t)(3 + count),
                                        .total_qwords = (uint16_t)(3 + count + 5),
                                        .flags = VMBUS_PKT_FLAG_COMPLETION,
                                        .xid = xid};
    const struct vmbus_xfer_header set = {.set_id = NVS_RECV_BUF_ID, .range_count = count};
    const struct nvs_rndis msg = {NVS_MSG_RNDIS, channel_type, NVS_SECTION_NONE, 0};
    uint8_t bytes[VMBUS_PKT_BYTES_MAX] = {0};
    uint8_t *at = bytes;

    memcpy(at, &desc, sizeof(desc));
    memcpy(at + 16, &set, sizeof(set));
    memcpy(at + 24, ranges, count * sizeof(*ranges));
    memcpy(at + 24 + count * sizeof(*ranges), &msg, sizeof(msg));
    wire_put(w, bytes, desc.total_qwords * 8u);
}

/* ---- the NIC --------------------------------------------------------------------------------- */

static void on_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    struct wire *w = ctx;

    assert_in_range(count, 1, w->options.rsc ? WIRE_FRAMES_MAX : NETVSC_BATCH_MAX);
    for (unsigned i = 0; i < count; i++) {
        struct wire_frame *f = &w->frames[w->rx_count++];
        uint32_t head =
            frames[i].len_bytes < sizeof(f->head) ? frames[i].len_bytes : (uint32_t)sizeof(f->head);

        assert_true(w->rx_count < WIRE_FRAMES_MAX);
        f->frame = frames[i];
        memcpy(f->head, frames[i].data, head);
        f->call = w->rx_calls;
    }
    w->rx_calls++;
    if (w->on_rx)
        w->on_rx(w);
}

static void on_event(void *ctx, enum netvsc_event event)
{
    struct wire *w = ctx;

    w->state_events += event == NETVSC_EVENT_STATE;
    w->link_events += event == NETVSC_EVENT_LINK;
    w->speed_events += event == NETVSC_EVENT_SPEED;
    w->network_events += event == NETVSC_EVENT_NETWORK_CHANGE;
}

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value ? value : fallback;
}

void wire_open(struct wire *w, const struct wire_options *options)
{
    static const uint8_t mac[6] = {0x00, 0x15, 0x5d, 0x01, 0x02, 0x03};
    struct wire_options *o = &w->options;

    memset(w, 0, sizeof(*w));
    if (options)
        *o = *options;
    o->ring_pages = or_default(o->ring_pages, 16);
    o->recv_section_bytes = or_default(o->recv_section_bytes, 1728);
    o->recv_sections = or_default(o->recv_sections, 64);
    o->send_section_bytes = or_default(o->send_section_bytes, 6144);
    o->send_sections = or_default(o->send_sections, 32);
    o->max_frame_bytes = or_default(o->max_frame_bytes, 1500);
    o->aggregate_bytes = or_default(o->aggregate_bytes, 1);
    o->align_shift = or_default(o->align_shift, 3);
    if (!o->mac) {
        o->mac = mac;
        o->mac_bytes = sizeof(mac);
    }
    build_transport(w);
    w->frames = calloc(WIRE_FRAMES_MAX, sizeof(*w->frames));
    assert_non_null(w->frames);
    w->config = (struct netvsc_config){.mtu_bytes = o->mtu_bytes,
                                       .tx_aggregate_bytes = o->aggregate_bytes,
                                       .tx_tci = o->tx_tci,
                                       .rx_pieces = o->rsc,
                                       .rx = on_rx,
                                       .event = on_event,
                                       .ctx = w};
    assert_int_equal(netvsc_create(&w->config, &w->nic), 0);
}

void wire_attach(struct wire *w)
{
    struct vmbus_device *dev;

    memset(w->t.primary.rings.base, 0, w->t.primary.rings.len_bytes);
    w->gone = false;
    w->closed = false;
    assert_int_equal(vmbus_device_create(&w->t, &dev), 0);
    assert_int_equal(netvsc_attach(w->nic, dev, w->now_ns), 0);
}

unsigned wire_poll(struct wire *w)
{
    w->now_ns += MS;
    return netvsc_poll(w->nic, w->now_ns, NETVSC_BATCH_MAX);
}

static void answer_until(struct wire *w, enum netvsc_state state)
{
    struct wire_packet pkt;

    for (unsigned i = 0; i < 100 && netvsc_state(w->nic) != state; i++) {
        wire_poll(w);
        while (!w->closed && wire_get(w, &pkt))
            wire_answer(w, &pkt);
    }
    assert_string_equal(netvsc_state_name(netvsc_state(w->nic)), netvsc_state_name(state));
}

void wire_up(struct wire *w, const struct wire_options *options)
{
    struct wire_packet pkt;

    wire_open(w, options);
    wire_attach(w);
    answer_until(w, NETVSC_UP);
    wire_poll(w);
    while (wire_get(w, &pkt)) {
    }
}

void wire_close(struct wire *w)
{
    check_books(w->nic, w->begins);
    netvsc_destroy(w->nic);
    free(w->t.primary.rings.base);
    free(w->t.int_page.base);
    free(w->t.monitor_page.base);
    free(w->t.recv.base);
    free(w->t.send.base);
    free(w->t.dma.base);
    free(w->frames);
}

int wire_send(struct wire *w, uint32_t len_bytes, uint8_t fill)
{
    struct netvsc_slot slot;
    int rc = netvsc_tx_begin(w->nic, len_bytes, &slot);

    w->begins++;
    if (rc)
        return rc;
    memset(slot.data, fill, len_bytes);
    netvsc_tx_commit(w->nic, &slot, len_bytes);
    return 0;
}

/* ---- expectations ---------------------------------------------------------------------------- */

void wire_expect_ack(struct wire *w, uint64_t xid, uint32_t status)
{
    struct wire_packet pkt;

    assert_true(wire_get(w, &pkt));
    assert_int_equal(pkt.desc.type, VMBUS_PKT_COMPLETION);
    assert_int_equal(pkt.desc.flags, 0);
    assert_int_equal(pkt.desc.xid, xid);
    assert_int_equal(pkt.desc.total_qwords, 3);
    assert_int_equal(wire_word(&pkt, 0), NVS_MSG_RNDIS_COMPLETE);
    assert_int_equal(wire_word(&pkt, 4), status);
}

void wire_expect_nothing(struct wire *w)
{
    struct wire_packet pkt;

    assert_false(wire_get(w, &pkt));
}

struct netvsc_stats wire_stats(const struct wire *w)
{
    struct netvsc_stats stats;

    netvsc_stats(w->nic, &stats);
    return stats;
}
