/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A channel is a ring in each direction and a doorbell. The rings know order and room; what is
 * added here is what packets mean to each other:
 *
 * Completions have a reserve. The host stops handing us frames when we do not complete the ones we
 * have, and it may stop consuming our ring until we do. So other packets leave room for
 * VMBUS_CHAN_RESERVE_ACKS completions.
 *
 * The doorbell is one of two. A channel with a monitor has a bit in the monitor page, where the
 * hypervisor looks by itself after a latency; this costs no exit. A channel without is signalled by
 * the transport: a system call. Either way the channel's bit in the interrupt page is set first,
 * for hosts old enough to look there. That operation may unmask our interrupts as a side effect
 * (Linux' uio_hv_generic has one write for both), so while we poll they are masked again.
 *
 * Nothing here waits. A ring that turned out corrupt makes the channel dead: every later call says
 * so, and the caller closes.
 */
#include "vmbus_chan_var.h"
#include "vmbus_heap.h"

/* Found nonsense. Nobody gets here twice: every entry looks at (dead) first. */
static int chan_die(struct vmbus_chan *chan)
{
    chan->stats.bad_ring++;
    chan->dead = true;
    return -EPROTO;
}

/* ---- the doorbell ---------------------------------------------------------------------------- */

/* An atomic or, as the host clears the word. Seq_cst: what was published must be visible first. */
static void bell_ring(const struct vmbus_bell *bell)
{
    atomic_fetch_or_explicit(bell->word, bell->bit, memory_order_seq_cst);
}

int vmbus_chan_signal(struct vmbus_chan *chan)
{
    struct vmbus_device *dev = chan->dev;

    bell_ring(&chan->event);
    if (chan->monitor.word != NULL) {
        bell_ring(&chan->monitor);
        return 0;
    }
    int error = dev->t.ops->signal(dev->t.ctx, chan->relid);
    if (dev->alone) {
        if (!chan->armed)
            vmbus_rx_mask(&chan->rx);
    } else if (!dev->armed) {
        vmbus_device_mask(dev);
    }
    if (error != 0)
        dev->gone = true;
    return error;
}

/* ---- receiving ------------------------------------------------------------------------------- */

static struct vmbus_packet packet_of(const struct vmbus_rx_view *view)
{
    return (struct vmbus_packet){
        .type = view->desc.type,
        .xid = view->desc.xid,
        .header = view->bytes + sizeof(view->desc),
        .header_bytes = view->header_bytes - (uint32_t)sizeof(view->desc),
        .payload = view->bytes + view->header_bytes,
        .payload_bytes = view->len_bytes - view->header_bytes,
    };
}

/* Take packets already known of, as long as they lie in one piece before the end. How many. */
static uint32_t take_straight(struct vmbus_rx_ring *rx, struct vmbus_packet *out, uint32_t count)
{
    const uint32_t end = rx->write >= rx->read ? rx->write : rx->size_bytes;
    const struct vmbus_packet *first = out, *last = out + count;
    struct vmbus_rx_view view = {.len_bytes = UINT32_MAX}; /* lies before no end */
    uint32_t read = rx->read;
    uint64_t judged = 0;

    while (out < last && read < end) {
        const uint64_t word = vmbus_rx_word(rx, read);

        /* Most packets are as long as the one before. */
        if (word != judged && !vmbus_rx_judge(word, &view))
            break;
        judged = word;
        if (!vmbus_rx_locate(rx, read, end, &view))
            break;
        *out++ = packet_of(&view);
        read += view.len_bytes + VMBUS_PKT_TRAILER_BYTES;
    }
    rx->read = read < rx->size_bytes ? read : 0;
    return (uint32_t)(out - first);
}

int vmbus_chan_recv_some(struct vmbus_chan *chan, struct vmbus_packet *out, uint32_t count)
{
    struct vmbus_rx_ring *rx = &chan->rx;
    struct vmbus_rx_view view;
    bool looked = false; /* at the host's index */
    uint32_t done = 0;
    int got = 1;

    if (chan->dead)
        return -EPROTO;
    while (done < count && got > 0) {
        if (rx->read == rx->write) {
            if (looked)
                break;
            looked = true;
            got = vmbus_rx_refresh(rx);
            continue;
        }
        const uint32_t straight = take_straight(rx, out + done, count - done);

        done += straight;
        if (straight > 0)
            continue;
        /* This one goes around the end, or is nonsense. */
        got = vmbus_rx_peek(rx, &view);
        if (got > 0) {
            out[done++] = packet_of(&view);
            vmbus_rx_consume(rx, &view);
        }
    }
    chan->stats.rx_packets += done;
    if (done > 0 || got >= 0)
        return (int)done;
    return chan_die(chan);
}

int vmbus_chan_known(struct vmbus_chan *chan, struct vmbus_known *out)
{
    struct vmbus_rx_ring *rx = &chan->rx;

    if (chan->dead)
        return -EPROTO;
    if (rx->read == rx->write) {
        const int got = vmbus_rx_refresh(rx);

        if (got <= 0)
            return got < 0 ? chan_die(chan) : 0;
    }
    out->at = rx->data + rx->read;
    out->bytes = (rx->write > rx->read ? rx->write : rx->size_bytes) - rx->read;
    return 1;
}

bool vmbus_chan_take(struct vmbus_chan *chan, uint32_t bytes, uint32_t count)
{
    struct vmbus_rx_ring *rx = &chan->rx;

    chan->stats.rx_packets += count;
    rx->read += bytes;
    if (rx->read == rx->size_bytes)
        rx->read = 0;
    return rx->read != rx->write;
}

void vmbus_chan_recv_back(struct vmbus_chan *chan, const struct vmbus_packet *pkt, uint32_t count)
{
    chan->stats.rx_packets -= count;
    for (; count > 0; count--, pkt++)
        vmbus_rx_back(&chan->rx, (uint32_t)sizeof(struct vmbus_pkt_desc) + pkt->header_bytes +
                                     pkt->payload_bytes);
}

void vmbus_chan_recv_done(struct vmbus_chan *chan)
{
    if (chan->dead || !vmbus_rx_publish(&chan->rx))
        return;
    chan->stats.tx_room_doorbells++;
    (void)vmbus_chan_signal(chan); /* a device that is gone shows in the next vmbus_chan_flush() */
}

/* ---- sending --------------------------------------------------------------------------------- */

static int chan_put(struct vmbus_chan *chan, const struct vmbus_send *pkt, uint32_t keep_bytes)
{
    if (chan->dead)
        return -EPROTO;
    int error =
        vmbus_tx_reserve(&chan->tx, vmbus_tx_len(pkt) + VMBUS_PKT_TRAILER_BYTES, keep_bytes);
    if (error == 0) {
        vmbus_tx_write(&chan->tx, pkt);
        chan->stats.tx_packets++;
        return 0;
    }
    if (error != -EAGAIN)
        return chan_die(chan);
    chan->stats.tx_ring_full++;
    return error;
}

/* Our own numbers, and the sum has 64 bits: it cannot wrap. */
static bool send_ok(const struct vmbus_send *pkt)
{
    return pkt->header_bytes % 8 == 0 && (uint64_t)pkt->header_bytes + pkt->payload_bytes <=
                                             VMBUS_PKT_BYTES_MAX - sizeof(struct vmbus_pkt_desc);
}

int vmbus_chan_send(struct vmbus_chan *chan, const struct vmbus_send *pkt)
{
    if (!send_ok(pkt))
        return -EINVAL;
    return chan_put(chan, pkt, VMBUS_CHAN_RESERVE_ACKS * VMBUS_CHAN_ACK_BYTES);
}

static __attribute__((noinline)) int send_short_any(struct vmbus_chan *chan, uint64_t xid,
                                                    uint64_t first, uint64_t second)
{
    const uint64_t words[VMBUS_CHAN_SHORT_BYTES / sizeof(uint64_t)] = {first, second};
    const struct vmbus_send pkt = {.type = VMBUS_PKT_INBAND,
                                   .wants_completion = true,
                                   .xid = xid,
                                   .payload = words,
                                   .payload_bytes = sizeof(words)};

    return vmbus_chan_send(chan, &pkt);
}

int vmbus_chan_send_short(struct vmbus_chan *chan, uint64_t xid, uint64_t first, uint64_t second)
{
    const uint32_t keep_bytes = VMBUS_CHAN_RESERVE_ACKS * VMBUS_CHAN_ACK_BYTES;

    if (chan->dead || !vmbus_tx_write_short(&chan->tx, keep_bytes, xid, first, second))
        return send_short_any(chan, xid, first, second);
    chan->stats.tx_packets++;
    return 0;
}

int vmbus_chan_complete(struct vmbus_chan *chan, uint64_t xid, const void *payload,
                        uint32_t payload_bytes)
{
    const struct vmbus_send pkt = {
        .type = VMBUS_PKT_COMPLETION,
        .xid = xid,
        .payload = payload,
        .payload_bytes = payload_bytes,
    };

    if (!send_ok(&pkt))
        return -EINVAL;
    return chan_put(chan, &pkt, 0);
}

uint32_t vmbus_chan_complete_all(struct vmbus_chan *chan, const struct vmbus_ack *acks,
                                 uint32_t count)
{
    uint32_t done = 0;

    while (!chan->dead) {
        const uint32_t put = vmbus_tx_write_acks(&chan->tx, acks + done, count - done);

        chan->stats.tx_packets += put;
        done += put;
        /* The next one goes around the end, or the host's index has to be looked at. */
        if (done == count || vmbus_chan_complete(chan, acks[done].xid, &acks[done].payload,
                                                 sizeof(acks[done].payload)))
            break;
        done++;
    }
    return done;
}

uint32_t vmbus_chan_ack_room(struct vmbus_chan *chan, uint32_t limit)
{
    struct vmbus_tx_ring *tx = &chan->tx;

    if (chan->dead)
        return 0;
    /* Free is a multiple of 8 and at least 8, and one unit must stay free. */
    uint32_t room = (vmbus_tx_free(tx) - VMBUS_RING_UNIT_BYTES) / VMBUS_CHAN_ACK_BYTES;
    if (room < limit) {
        if (vmbus_tx_refresh(tx) != 0) {
            (void)chan_die(chan);
            return 0;
        }
        room = (vmbus_tx_free(tx) - VMBUS_RING_UNIT_BYTES) / VMBUS_CHAN_ACK_BYTES;
    }
    return room < limit ? room : limit;
}

int vmbus_chan_flush(struct vmbus_chan *chan)
{
    if (chan->dead || chan->dev->gone)
        return -EIO;
    if (chan->tx.write == chan->tx.published)
        return 0;
    if (!vmbus_tx_publish(&chan->tx)) {
        chan->stats.tx_no_doorbell++;
        return 0;
    }
    chan->stats.tx_doorbells++;
    return vmbus_chan_signal(chan);
}

bool vmbus_chan_tx_drained(struct vmbus_chan *chan)
{
    if (chan->dead)
        return false;
    if (vmbus_tx_refresh(&chan->tx) != 0) {
        (void)chan_die(chan);
        return false;
    }
    return chan->tx.read == chan->tx.published;
}

/* ---- life ------------------------------------------------------------------------------------ */

uint32_t vmbus_chan_relid(const struct vmbus_chan *chan)
{
    return chan->relid;
}

const struct vmbus_chan_stats *vmbus_chan_stats(const struct vmbus_chan *chan)
{
    return &chan->stats;
}

static bool region_ok(const struct vmbus_chan_region *region)
{
    return region->relid != 0 && region->relid <= VMBUS_RELID_MAX &&
           (region->monitor_id < VMBUS_MONITOR_COUNT || region->monitor_id == VMBUS_MONITOR_NONE) &&
           region->rings.base != NULL && region->rings.len_bytes % 2 == 0;
}

/* Point the bells at their words; relid and monitor id have been checked. */
static void chan_hang_bells(struct vmbus_chan *chan, const struct vmbus_chan_region *region)
{
    const struct vmbus_transport *t = &chan->dev->t;
    uint8_t *events = t->int_page.base + VMBUS_INT_PAGE_TO_HOST_BYTES;

    chan->event.word = (_Atomic uint32_t *)(void *)events + region->relid / 32;
    chan->event.bit = 1u << (region->relid % 32);
    if (region->monitor_id == VMBUS_MONITOR_NONE)
        return;
    struct vmbus_monitor_page *page = (struct vmbus_monitor_page *)(void *)t->monitor_page.base;
    chan->monitor.word = &page->group[region->monitor_id / 32].pending;
    chan->monitor.bit = 1u << (region->monitor_id % 32);
    chan->latency = &page->latency_100ns[region->monitor_id / 32][region->monitor_id % 32];
}

int vmbus_chan_latency(struct vmbus_chan *chan, uint32_t us)
{
    if (chan->latency == NULL)
        return -ENOTSUP;
    *chan->latency = us < UINT16_MAX / 10 ? (uint16_t)(us * 10) : UINT16_MAX;
    return 0;
}

int vmbus_chan_create(struct vmbus_device *dev, const struct vmbus_chan_region *region,
                      struct vmbus_chan **out)
{
    if (!region_ok(region))
        return -EINVAL;
    struct vmbus_chan *chan = vmbus_heap_alloc(sizeof(*chan));
    if (chan == NULL)
        return -ENOMEM;
    size_t half = region->rings.len_bytes / 2;
    int error = vmbus_tx_init(&chan->tx, region->rings.base, half);
    if (error == 0)
        error = vmbus_rx_init(&chan->rx, region->rings.base + half, half, chan->bounce);
    if (error != 0) {
        vmbus_heap_free(chan);
        return error;
    }
    chan->dev = dev;
    chan->relid = region->relid;
    chan->keep_masked = region->keep_masked;
    chan_hang_bells(chan, region);
    /* Before anything else: some kernels leave the channel unmasked, see vmbus_irq_arm(). */
    vmbus_rx_mask(&chan->rx);
    *out = chan;
    return 0;
}

void vmbus_chan_destroy(struct vmbus_chan *chan)
{
    vmbus_heap_free(chan);
}
