/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * A frame is copied once, from the receive buffer of one card into a send section of the other: the
 * two belong to different VMBus channels, and the host reads only what is in the second's own.
 *
 * When the other card has no room the frame is held where it is, and the frames after it queue up
 * behind it, so order is kept and nothing is lost to a burst. Holding is limited by the receive
 * buffer (netvsc_hold.h) and by the queue; what comes after that is dropped here rather than at the
 * host, because only then somebody counts it.
 *
 * The memory of a frame is the host's to write: its bytes are copied blindly, and nothing here
 * looks at them.
 */
#include "l2fwd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "netvsc_hold.h"
#include "netvsc_queue.h"

/* Queue of the other card for a frame that came on (frame->queue). */
static unsigned queue_of(const struct l2fwd_side *side, const struct netvsc_frame *frame)
{
    const uint32_t queues = netvsc_info(side->out)->queues;

    return queues ? frame->queue % queues : 0;
}

/* False: no room, nothing was counted. */
static bool forward(struct l2fwd_side *side, const struct netvsc_frame *frame)
{
    const struct netvsc_tx_meta meta = {.tci = frame->tci, .has_tci = frame->has_tci};
    const unsigned q = queue_of(side, frame);
    struct netvsc_slot slot;

    switch (netvsc_queue_tx_begin_meta(side->out, q, frame->len_bytes, &meta, &slot)) {
    case 0:
        memcpy(slot.data, frame->data, frame->len_bytes);
        netvsc_queue_tx_commit(side->out, q, &slot, frame->len_bytes);
        side->stats.forwarded++;
        return true;
    case -EAGAIN:
        return false;
    case -EMSGSIZE:
        side->stats.drop_size++;
        return true;
    case -EOPNOTSUPP:
        side->stats.drop_offload++;
        return true;
    default:
        side->stats.drop_down++;
        return true;
    }
}

static void wait_for_room(struct l2fwd_side *side, const struct netvsc_frame *frame)
{
    struct l2fwd_waiting *w = &side->waiting[side->tail % L2FWD_WAITING];

    w->hold = side->tail - side->head < L2FWD_WAITING ? netvsc_frame_hold(side->in, frame) : NULL;
    if (!w->hold) {
        side->stats.drop_busy++;
        return;
    }
    w->frame = *frame;
    side->tail++;
}

void l2fwd_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    struct l2fwd_side *side = ctx;

    side->stats.frames += count;
    for (unsigned i = 0; i < count; i++) {
        if (side->head != side->tail || !forward(side, &frames[i]))
            wait_for_room(side, &frames[i]);
    }
}

unsigned l2fwd_turn(struct l2fwd_side *side)
{
    const uint32_t before = side->head;

    while (side->head != side->tail) {
        struct l2fwd_waiting *w = &side->waiting[side->head % L2FWD_WAITING];
        const uint64_t forwarded = side->stats.forwarded;

        if (!forward(side, &w->frame))
            break;
        side->stats.waited += side->stats.forwarded - forwarded;
        netvsc_hold_release(w->hold);
        side->head++;
    }
    return side->head - before;
}

void l2fwd_end(struct l2fwd_side *side)
{
    for (; side->head != side->tail; side->head++) {
        netvsc_hold_release(side->waiting[side->head % L2FWD_WAITING].hold);
        side->stats.drop_busy++;
    }
}

const char *l2fwd_audit(const struct l2fwd_side *side)
{
    static char text[120];
    const struct l2fwd_stats *s = &side->stats;
    const uint64_t known = s->forwarded + s->drop_busy + s->drop_size + s->drop_down +
                           s->drop_offload + (side->tail - side->head);

    if (s->frames == known)
        return NULL;
    snprintf(text, sizeof(text), "forwarder: %llu frames received, %llu forwarded or dropped",
             (unsigned long long)s->frames, (unsigned long long)known);
    return text;
}
