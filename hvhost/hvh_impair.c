/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * With impairments on, a frame that enters the switch does not go on at once: it is copied, held
 * until it is due, and put on the switch by a later turn of this service, which plays the part of
 * the port it came from. So there is one path, whether a frame waits for its delay, for the rate of
 * its port, or for nothing; and its sender may be in the middle of anything.
 *
 * Frames come here through hvh_port_deliver(), as if we were a port that can do nothing: so bursts
 * arrive cut and sums filled in, and what gets lost is one frame of a wire, not 60 KB of a TCP
 * stream. A flipped bit is then one that a checksum must find.
 *
 * All chances come from one generator with a seed; the same frames in the same order meet the same
 * fate. Time is the caller's.
 *
 * impair_frames + impair_duplicated = impair_lost + impair_drop + impair_passed + those held.
 */
#include "hvhost_impair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hvh_host_var.h"
#include "hvh_nic_var.h"

#define MILLION 1000000u
#define NS_PER_S UINT64_C(1000000000)
#define REORDER_NS UINT64_C(1000000)
#define BATCH 256u              /* frames let go per turn */
#define ARENA_BYTES (32u << 20) /* all that can be held; touched only as far as it is used */
#define SLOT_BYTES_MIN 1600u    /* a frame of an MTU of 1500, with tags */
#define SLOT_EXTRA_BYTES 32u    /* Ethernet header and room for what peers get wrong */

struct held {
    uint64_t due_ns;
    uint64_t number; /* among equals the first goes first */
    struct hvhost_port *from;
    struct hvhost_frame frame;
    uint32_t slot;
};

struct hvh_impair {
    struct hvhost *host;
    struct hvhost_impair how;
    struct hvhost_port self;  /* not on the switch, see the top */
    struct hvhost_port *from; /* where the frame being taken came in */
    uint64_t random;
    uint64_t number;
    uint32_t slot_bytes;
    uint32_t slots;
    uint32_t count;      /* of held ones */
    struct held *heap;   /* the one due first on top */
    uint32_t *free_slot; /* slots - count of them */
    uint8_t *arena;
};

/* ---- chances --------------------------------------------------------------------------------- */

static uint64_t random_next(struct hvh_impair *i)
{
    /* xorshift64*: enough to spread losses, and the same on every machine. */
    i->random ^= i->random >> 12;
    i->random ^= i->random << 25;
    i->random ^= i->random >> 27;
    return i->random * UINT64_C(2685821657736338717);
}

static uint32_t random_below(struct hvh_impair *i, uint32_t bound)
{
    return (uint32_t)((random_next(i) >> 32) * bound >> 32);
}

static bool strikes(struct hvh_impair *i, uint32_t ppm)
{
    return ppm > 0 && random_below(i, MILLION) < ppm;
}

/* ---- those held ------------------------------------------------------------------------------ */

static bool before(const struct held *a, const struct held *b)
{
    return a->due_ns < b->due_ns || (a->due_ns == b->due_ns && a->number < b->number);
}

static void heap_push(struct hvh_impair *i, const struct held *h)
{
    uint32_t at = i->count++;

    for (; at > 0 && before(h, &i->heap[(at - 1) / 2]); at = (at - 1) / 2)
        i->heap[at] = i->heap[(at - 1) / 2];
    i->heap[at] = *h;
}

static struct held heap_pop(struct hvh_impair *i)
{
    const struct held top = i->heap[0];
    const struct held last = i->heap[--i->count];
    uint32_t at = 0, child;

    while ((child = 2 * at + 1) < i->count) {
        if (child + 1 < i->count && before(&i->heap[child + 1], &i->heap[child]))
            child++;
        if (!before(&i->heap[child], &last))
            break;
        i->heap[at] = i->heap[child];
        at = child;
    }
    i->heap[at] = last;
    return top;
}

/* When the frame has left its port, which sends one after the other. */
static uint64_t sent_ns(struct hvh_impair *i, uint32_t len_bytes)
{
    struct hvhost_port *from = i->from;
    uint64_t now_ns = i->host->now_ns;

    if (i->how.rate_bps == 0)
        return now_ns;
    if (from->wire_free_ns < now_ns)
        from->wire_free_ns = now_ns;
    from->wire_free_ns += len_bytes * 8 * NS_PER_S / i->how.rate_bps;
    return from->wire_free_ns;
}

static void corrupt(struct hvh_impair *i, uint8_t *data, uint32_t len_bytes)
{
    uint32_t bit;

    if (len_bytes == HVH_ETH_BYTES)
        return;
    bit = random_below(i, (len_bytes - HVH_ETH_BYTES) * 8);
    data[HVH_ETH_BYTES + bit / 8] ^= (uint8_t)(1u << bit % 8);
    i->host->stats.impair_corrupted++;
}

static void hold(struct hvh_impair *i, const struct hvhost_frame *frame)
{
    struct hvhost_switch_stats *stats = &i->host->stats;
    struct held h = {.number = i->number++, .from = i->from, .frame = *frame};
    uint8_t *data;

    if (i->count == i->slots || frame->len_bytes > i->slot_bytes) {
        stats->impair_drop++;
        return;
    }
    h.slot = i->free_slot[i->slots - i->count - 1];
    data = i->arena + (size_t)h.slot * i->slot_bytes;
    memcpy(data, frame->data, frame->len_bytes);
    h.frame.data = data;
    if (strikes(i, i->how.corrupt_ppm)) {
        corrupt(i, data, frame->len_bytes);
        h.frame.csum_ok = false;
    }
    h.due_ns = sent_ns(i, frame->len_bytes) + i->how.delay_us * UINT64_C(1000);
    if (strikes(i, i->how.reorder_ppm)) {
        h.due_ns += REORDER_NS;
        stats->impair_reordered++;
    }
    heap_push(i, &h);
}

/* As a port: one finished frame. */
static void deliver(void *ctx, const struct hvhost_frame *frame)
{
    struct hvh_impair *i = ctx;
    struct hvhost_switch_stats *stats = &i->host->stats;

    stats->impair_frames++;
    if (strikes(i, i->how.loss_ppm)) {
        stats->impair_lost++;
        return;
    }
    hold(i, frame);
    if (strikes(i, i->how.duplicate_ppm)) {
        stats->impair_duplicated++;
        hold(i, frame);
    }
}

static const struct hvh_port_ops port_ops = {.deliver = deliver};

void hvh_impair_take(struct hvh_impair *i, struct hvhost_port *from,
                     const struct hvhost_frame *frame)
{
    i->from = from;
    hvh_port_deliver(&i->self, frame);
}

uint32_t hvh_impair_held(const struct hvh_impair *i)
{
    return i ? i->count : 0;
}

/* ---- the service ----------------------------------------------------------------------------- */

static unsigned step(void *ctx, uint64_t now_ns)
{
    struct hvh_impair *i = ctx;
    unsigned done;

    for (done = 0; done < BATCH && i->count > 0 && i->heap[0].due_ns <= now_ns; done++) {
        struct held h = heap_pop(i);

        i->host->stats.impair_passed++;
        hvh_switch_forward(h.from, &h.frame);
        /* Only now: a far end that answers at once must not write over what it answers. */
        i->free_slot[i->slots - i->count - 1] = h.slot;
    }
    return done;
}

static uint64_t deadline(const void *ctx, uint64_t now_ns)
{
    const struct hvh_impair *i = ctx;

    if (i->count == 0)
        return UINT64_MAX;
    return i->heap[0].due_ns > now_ns ? i->heap[0].due_ns - now_ns : 0;
}

static void release(void *ctx)
{
    struct hvh_impair *i = ctx;

    free(i->heap);
    free(i->free_slot);
    free(i->arena);
    free(i);
}

static const struct hvh_service_ops service_ops = {
    .step = step,
    .deadline = deadline,
    .close = release,
};

static bool in_bounds(const struct hvhost_impair *how)
{
    return how->loss_ppm <= MILLION && how->duplicate_ppm <= MILLION &&
           how->corrupt_ppm <= MILLION && how->reorder_ppm <= MILLION &&
           how->delay_us <= HVHOST_IMPAIR_DELAY_US_MAX && how->rate_bps <= HVHOST_IMPAIR_RATE_MAX;
}

/* Room for the longest frame any card may send. */
static int make_room(struct hvh_impair *i)
{
    const struct hvhost_nic *nic;

    i->slot_bytes = SLOT_BYTES_MIN;
    for (unsigned n = 0; (nic = hvh_nic_at(i->host, n)); n++) {
        uint32_t bytes = hvh_nic_config(nic)->mtu_max_bytes + SLOT_EXTRA_BYTES;

        if (bytes > i->slot_bytes)
            i->slot_bytes = bytes;
    }
    i->slots = ARENA_BYTES / i->slot_bytes;
    i->heap = calloc(i->slots, sizeof(*i->heap));
    i->free_slot = calloc(i->slots, sizeof(*i->free_slot));
    i->arena = malloc(ARENA_BYTES);
    if (!i->heap || !i->free_slot || !i->arena)
        return -ENOMEM;
    for (uint32_t slot = 0; slot < i->slots; slot++)
        i->free_slot[slot] = slot;
    return 0;
}

int hvhost_impair(struct hvhost *host, const struct hvhost_impair *how)
{
    struct hvh_impair *i;
    int rc;

    if (host->impair)
        return -EEXIST;
    if (!in_bounds(how))
        return -EINVAL;
    i = calloc(1, sizeof(*i));
    if (!i)
        return -ENOMEM;
    i->host = host;
    i->how = *how;
    i->self = (struct hvhost_port){.host = host, .ops = &port_ops, .ctx = i};
    i->random = (how->seed ? how->seed : 1) * UINT64_C(0x9E3779B97F4A7C15);
    rc = make_room(i);
    if (rc == 0)
        rc = hvh_service_add(host, &service_ops, i);
    if (rc != 0) {
        release(i);
        return rc;
    }
    host->impair = i;
    return 0;
}
