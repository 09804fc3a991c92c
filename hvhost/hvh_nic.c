/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * Each card's channels are drained in turn, bounded; when a channel is looked at is hvh_bell.c's
 * affair.
 *
 * No guest packet is taken unless its answers fit (HVH_REPLY_ROOM), so answers need no queue. When
 * they do not fit the host asks for room with pending_send_size and waits for the guest's signal.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hvh_host_var.h"
#include "hvh_nic_var.h"

void hvh_strict(struct hvh_chan *chan, uint64_t *counter)
{
    (*counter)++;
    if (chan->nic->config.punish)
        chan->faulted = true;
}

static void chan_bad_ring(struct hvh_chan *chan)
{
    if (!chan->faulted)
        chan->nic->stats.bad_ring++;
    chan->faulted = true;
}

static void interrupt(struct hvh_chan *chan)
{
    chan->nic->stats.interrupts++;
    chan->nic->face->interrupt(chan->nic->face_ctx, chan->relid);
}

/* ---- serving ---------------------------------------------------------------------------- */

static void packet_serve(struct hvh_chan *chan)
{
    struct hvhost_nic *nic = chan->nic;
    const struct hvh_packet *pkt = &nic->packet;

    if (!pkt->trailer_ok)
        hvh_strict(chan, &nic->stats.strict_trailer);
    if (pkt->desc.flags & ~VMBUS_PKT_FLAG_COMPLETION)
        hvh_strict(chan, &nic->stats.strict_flag);
    if (chan->faulted)
        return;
    switch (pkt->desc.type) {
    case VMBUS_PKT_INBAND:
    case VMBUS_PKT_GPA_DIRECT:
        hvh_nvs_serve(chan);
        break;
    case VMBUS_PKT_COMPLETION:
        hvh_rx_complete(chan);
        break;
    default:
        hvh_strict(chan, &nic->stats.strict_nvs);
    }
}

static bool room_for_answers(struct hvh_chan *chan)
{
    const bool asked = chan->out.waiting;

    if (!asked && hvh_ring_has(&chan->out, HVH_REPLY_ROOM))
        return true;
    chan->blocked = !hvh_ring_want(&chan->out, HVH_REPLY_ROOM);
    if (chan->out.corrupt)
        chan_bad_ring(chan);
    if (!asked && (chan->blocked || chan->out.waiting))
        hvh_bell_excuse(chan);
    return !chan->blocked;
}

/* The next packet: 1 taken, 0 there is none, -EAGAIN its answers would not fit, -EPROTO. */
static int packet_next(struct hvh_chan *chan)
{
    int rc = hvh_ring_any(&chan->in);

    if (rc <= 0)
        return rc;
    if (hvh_rx_complete_usual(chan)) {
        hvh_tx_look_ahead(chan);
        return 1;
    }
    if (!room_for_answers(chan))
        return -EAGAIN;
    if (!hvh_tx_usual(chan)) {
        rc = hvh_ring_take(&chan->in, &chan->nic->packet);
        if (rc <= 0)
            return rc;
        hvh_tx_look_ahead(chan);
        packet_serve(chan);
    }
    hvh_ahead_read(&chan->nic->send_ahead, chan->nic->send_ahead.end);
    return rc;
}

/* A look at the guest's index at the begin of a turn: nonsense is found whether room is short or
 * not. */
static bool answers_sound(struct hvh_chan *chan)
{
    (void)hvh_ring_room(&chan->out);
    if (chan->out.corrupt)
        chan_bad_ring(chan);
    return !chan->out.corrupt;
}

static unsigned chan_drain(struct hvh_chan *chan)
{
    unsigned n;
    int rc = 1;

    if (!answers_sound(chan))
        return 0;
    for (n = 0; n < HVH_STEP_PACKETS && chan->open && !chan->faulted; n++) {
        rc = packet_next(chan);
        if (rc <= 0)
            break;
    }
    if (rc == -EPROTO)
        chan_bad_ring(chan);
    if (!chan->open || chan->faulted)
        return n;
    if (hvh_ring_release(&chan->in))
        interrupt(chan);
    if (rc == 0)
        hvh_bell_sleep(chan);
    return n;
}

static unsigned chan_serve(struct hvh_chan *chan, uint64_t now_ns)
{
    if (!chan->open || chan->faulted)
        return 0;
    hvh_monitor_look(chan, now_ns);
    if (!chan->signalled && !chan->nic->config.poll && (!chan->awake || chan->blocked))
        return 0;
    if (chan->in.attended && !chan->signalled && hvh_ring_empty(&chan->in))
        return 0;
    chan->signalled = false;
    hvh_bell_wake(chan);
    return chan_drain(chan);
}

unsigned hvh_nic_serve(struct hvhost_nic *nic, uint64_t now_ns)
{
    unsigned n = hvh_leave_serve(nic, now_ns);

    if (nic->late_count)
        n += hvh_late_serve(nic, now_ns);
    if (nic->granted || nic->table_due)
        n += hvh_subchan_serve(nic, now_ns);
    for (unsigned i = 0; i < nic->chans; i++)
        n += chan_serve(&nic->chan[i], now_ns);
    return n;
}

unsigned hvh_nic_flush(struct hvhost_nic *nic)
{
    unsigned busy = 0;

    if (hvh_tell_differs(nic))
        hvh_tell(nic);
    hvh_rsc_flush(nic);
    for (unsigned i = 0; i < nic->chans; i++) {
        struct hvh_chan *chan = &nic->chan[i];

        if (!chan->open || chan->faulted)
            continue;
        hvh_rx_flush(chan);
        if (chan->out.write != chan->out.published) {
            busy++;
            hvh_monitor_used(chan, nic->host->now_ns);
        }
        if (chan->out.corrupt)
            chan_bad_ring(chan);
        else if (hvh_ring_publish(&chan->out))
            interrupt(chan);
    }
    return busy;
}

static uint64_t chan_deadline(const struct hvh_chan *chan, uint64_t now_ns)
{
    if (!chan->open || chan->faulted)
        return UINT64_MAX;
    if (chan->signalled || chan->nic->config.poll)
        return 0;
    if (chan->awake && !chan->blocked && !chan->nic->host->config.attended)
        return 0;
    if (chan->batch.count > 0 || chan->out.write != chan->out.published)
        return 0;
    return hvh_monitor_deadline(chan, now_ns);
}

uint64_t hvh_nic_deadline(const struct hvhost_nic *nic, uint64_t now_ns)
{
    uint64_t late_ns = hvh_late_deadline(nic);
    uint64_t offer_ns = hvh_subchan_deadline(nic);
    uint64_t least = hvh_tell_deadline(nic, now_ns);
    uint64_t leave = hvh_leave_deadline(nic);

    if (leave < least)
        least = leave;
    if (offer_ns < late_ns)
        late_ns = offer_ns;
    if (late_ns <= now_ns || nic->rsc.segments > 0)
        return 0;
    if (late_ns != UINT64_MAX && late_ns - now_ns < least)
        least = late_ns - now_ns;
    for (unsigned i = 0; i < nic->chans; i++) {
        uint64_t due = chan_deadline(&nic->chan[i], now_ns);

        if (due < least)
            least = due;
    }
    return least;
}

void hvh_nic_look(struct hvhost_nic *nic, uint64_t now_ns)
{
    for (unsigned i = 0; i < nic->chans; i++) {
        if (nic->chan[i].open && !nic->chan[i].faulted)
            hvh_monitor_look(&nic->chan[i], now_ns);
    }
}

/* ---- opening and closing ---------------------------------------------------------------- */

void hvh_chan_start(struct hvh_chan *chan)
{
    const bool attended = chan->nic->host->config.attended;

    chan->in.attended = attended;
    chan->out.attended = attended;
    hvh_monitor_used(chan, chan->nic->host->now_ns);
    if (chan->nic->config.poll || attended)
        hvh_bell_wake(chan);
    else
        hvh_bell_sleep(chan);
}

int hvh_nic_connect(struct hvhost_nic *nic, const struct hvh_guest *guest,
                    const struct hvh_face_ops *ops, void *ctx)
{
    struct hvh_chan chan = {.nic = nic, .relid = guest->primary.relid};
    bool monitored = guest->primary.monitor_id != VMBUS_MONITOR_NONE;

    if (!nic->offered)
        return -ENODEV;
    if (nic->face)
        return -EBUSY;
    if (guest->gpadl_count > HVH_GPADLS_MAX || guest->ram_count > HVH_RAM_MAX ||
        guest->primary.relid > VMBUS_RELID_MAX ||
        hvh_ring_attach(&guest->primary.rings, &chan.in, &chan.out))
        return -EINVAL;
    if (monitored && (guest->primary.monitor_id >= VMBUS_MONITOR_COUNT ||
                      guest->monitor_page.len_bytes < VMBUS_PAGE_BYTES))
        return -EINVAL;

    chan.monitor_id = guest->primary.monitor_id;
    chan.open = true;
    nic->guest = *guest;
    nic->face = ops;
    nic->face_ctx = ctx;
    hvh_subchan_reset(nic);
    nic->chan[0] = chan;
    nic->stats.opens++;
    hvh_nvs_open(nic);
    hvh_chan_start(&nic->chan[0]);
    return 0;
}

/* From here on the guest's memory is not touched. */
static void chans_close(struct hvhost_nic *nic)
{
    for (unsigned i = 0; i < HVH_CHANS_MAX; i++)
        nic->chan[i].open = false;
    hvh_subchan_reset(nic);
    nic->late_count = 0;
    hvh_nvs_close(nic);
}

void hvh_nic_disconnect(struct hvhost_nic *nic)
{
    if (!nic->face)
        return;
    /* A channel given up could not have been asked to switch the filter off. */
    if (nic->chan[0].open && !nic->chan[0].faulted && !nic->withdrawn && nic->filter != 0)
        nic->stats.strict_close++;
    chans_close(nic);
    nic->face = NULL;
    nic->withdrawn = false;
    nic->stats.closes++;
}

int hvh_nic_gpadl_add(struct hvhost_nic *nic, const struct hvh_gpadl *gpadl)
{
    struct hvh_guest *guest = &nic->guest;

    if (guest->gpadl_count == HVH_GPADLS_MAX)
        return -ENOSPC;
    guest->gpadl[guest->gpadl_count++] = *gpadl;
    return 0;
}

int hvh_nic_ram_add(struct hvhost_nic *nic, const struct hvh_ram *ram)
{
    return nic->face ? hvh_mem_ram_add(&nic->guest, ram) : -EINVAL;
}

void hvh_nic_gpadl_remove(struct hvhost_nic *nic, uint32_t handle)
{
    struct hvh_guest *guest = &nic->guest;

    for (unsigned i = 0; i < guest->gpadl_count; i++) {
        if (guest->gpadl[i].handle != handle)
            continue;
        hvh_nvs_memory_gone(&nic->chan[0], &guest->gpadl[i].mem);
        guest->gpadl[i] = guest->gpadl[--guest->gpadl_count];
        return;
    }
}
