/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Small frames have a quick way and a long one, which come to the same. Two cards of several
 * queues, one of which shows its frames to a capture and so goes the long way always, send the same
 * at random: whatever can be seen of them is the same, from where a frame is written to what comes
 * out of the switch and what is counted. And each flow, on the queue of its hash, stays in order.
 */
#include "burst.h"
#include "chance.h"
#include "netif_fixture.h"
#include "netvsc_queue.h"
#include "netvsc_var.h"

#include <errno.h>
#include <string.h>

#define WALKS 60u
#define STEPS 1500u
#define FLOWS 16u
#define DRAFTS_MAX 6u
#define FRAMES_MAX 4096u
#define SOURCE_OFF 7u /* in a frame: flow and number are in its sender's address */

enum kind { PLAIN, TAGGED, GROUP, TAG_BESIDE, TCP4, TCP6, UDP4, TCP4_IP4, TCP4_TAG_BESIDE, KINDS };

struct mark {
    uint8_t flow;
    uint32_t number;
};

struct draft {
    struct netvsc_slot slot[2];
    struct netvsc_tx_meta meta;
    enum kind kind;
    uint32_t len_bytes, first_bytes; /* when it is committed; as begin is told */
    uint8_t flow;
};

/* What came out of one card's switch. */
struct way {
    struct netif_fixture f;
    unsigned frames;
    uint64_t hash[FRAMES_MAX];
};

static struct way ways[2]; /* quick, long */
static struct draft drafts[DRAFTS_MAX];
static unsigned draft_count;
static struct mark sent[NETVSC_QUEUES_MAX][FRAMES_MAX]; /* by queue, in the order of commits */
static unsigned sent_count[NETVSC_QUEUES_MAX], come[NETVSC_QUEUES_MAX];
static uint32_t next_number;
static unsigned quick_begins;

static unsigned queue_of(uint8_t flow)
{
    return netvsc_queue_for(ways[0].f.nic, flow * 7u);
}

/* ---- the far end ----------------------------------------------------------------------------- */

static uint64_t hash_of(const struct hvhost_frame *frame)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ frame->has_tci ^ (uint64_t)frame->tci << 8;

    for (uint32_t i = 0; i < frame->len_bytes; i++)
        hash = (hash ^ frame->data[i]) * UINT64_C(1099511628211);
    return hash;
}

static void check_order(const uint8_t *frame)
{
    const unsigned q = queue_of(frame[SOURCE_OFF]);
    const struct mark *want = &sent[q][come[q]];

    assert_in_range(++come[q], 1, sent_count[q]);
    assert_int_equal(frame[SOURCE_OFF], want->flow);
    assert_int_equal(burst_get32(frame + SOURCE_OFF + 1), want->number);
}

static void look(void *ctx, const struct hvhost_frame *frame)
{
    struct way *w = ctx;

    assert_true(w->frames < FRAMES_MAX);
    w->hash[w->frames++] = hash_of(frame);
    if (w == &ways[0])
        check_order(frame->data);
}

static void capture(void *ctx, bool sent_by_us, const struct netvsc_frame *frame)
{
    (void)ctx;
    (void)sent_by_us;
    (void)frame;
}

/* ---- the cards ------------------------------------------------------------------------------- */

static void forget(void)
{
    draft_count = 0;
    memset(sent_count, 0, sizeof(sent_count));
    memset(come, 0, sizeof(come));
    ways[0].frames = ways[1].frames = 0;
}

static void start(void)
{
    const uint32_t queues = between(1, 5), granted = happens(300) ? below(4) : UINT32_MAX;
    const uint32_t aggregate = pick(0, 0, 1, 100), sends = pick(1u << 18, 1u << 18, 1u << 17);

    for (unsigned i = 0; i < 2; i++) {
        struct netif_fixture *f = &ways[i].f;
        const struct hvhost_fault fault = {
            .on = HVH_ON_SUBCHANNEL, .act = HVH_ACT_GRANTED, .arg = granted};
        struct hvhost_port *far;

        bench_init(f);
        f->card_config.max_queues = 8;
        f->card_config.offload = HVHOST_OFFLOAD_ALL;
        f->card_config.send_buf_bytes = sends;
        f->config.queues = queues;
        f->config.tx_aggregate_bytes = aggregate;
        f->config.capture = i ? capture : NULL;
        bench_start(f);
        assert_int_equal(hvhost_port_add(f->host, look, &ways[i], &far), 0);
        if (granted != UINT32_MAX)
            hvhost_fault_arm(f->card, &fault);
        bench_attach(f);
        bench_until(f, NETVSC_UP);
        bench_turn(f, 1);
    }
    assert_int_equal(netvsc_info(ways[0].f.nic)->queues, netvsc_info(ways[1].f.nic)->queues);
    forget();
}

static void check_alike(void)
{
    const struct vmbus_region *send[2];
    struct netvsc_stats stats[2];

    for (unsigned q = 0; q < netvsc_info(ways[0].f.nic)->queues; q++) {
        for (unsigned i = 0; i < 2; i++)
            netvsc_queue_stats(ways[i].f.nic, q, &stats[i]);
        assert_memory_equal(&stats[0], &stats[1], sizeof(stats[0]));
    }
    for (unsigned i = 0; i < 2; i++)
        send[i] = &ways[i].f.nic->mem->send;
    assert_memory_equal(send[0]->base, send[1]->base, send[0]->len_bytes);
    assert_int_equal(ways[0].frames, ways[1].frames);
    assert_memory_equal(ways[0].hash, ways[1].hash, ways[0].frames * sizeof(ways[0].hash[0]));
}

static void turn(void)
{
    for (unsigned i = 0; i < 2; i++)
        bench_turn(&ways[i].f, 1);
    check_alike();
}

/* All that was committed has come. */
static void settle(void)
{
    for (unsigned i = 0; i < 4; i++)
        turn();
    assert_memory_equal(come, sent_count, sizeof(come));
}

/* ---- frames ---------------------------------------------------------------------------------- */

static uint8_t frame[2048];
static struct burst burst;

static bool is_ip(enum kind kind)
{
    return kind >= TCP4;
}

static struct netvsc_tx_meta meta_of(enum kind kind)
{
    static const uint8_t csum[KINDS] = {[TCP4] = NETVSC_CSUM_TCP4,
                                        [TCP6] = NETVSC_CSUM_TCP6,
                                        [UDP4] = NETVSC_CSUM_UDP4,
                                        [TCP4_IP4] = NETVSC_CSUM_TCP4 | NETVSC_CSUM_IP4,
                                        [TCP4_TAG_BESIDE] = NETVSC_CSUM_TCP4};

    return (struct netvsc_tx_meta){.csum = csum[kind],
                                   .l4_off = kind == TCP6  ? 54
                                             : is_ip(kind) ? 34
                                                           : 0,
                                   .has_tci = kind == TAG_BESIDE || kind == TCP4_TAG_BESIDE,
                                   .tci = 77};
}

static uint32_t some_length(enum kind kind)
{
    const uint32_t bytes = happens(300) ? pick(14, 59, 60, 61, 511, 512, 513, 1514)
                                        : between(14, happens(800) ? 200 : 1500);

    if (!is_ip(kind))
        return bytes;
    burst_packet(&burst, kind == TCP6, kind == UDP4 ? 17 : 6, bytes > 100 ? bytes - 94 : bytes / 9);
    return burst.head_bytes + burst.payload_bytes;
}

/* The frame of (d), with the next number. */
static void write_frame(const struct draft *d)
{
    if (is_ip(d->kind)) {
        burst_packet(&burst, d->kind == TCP6, d->kind == UDP4 ? 17 : 6,
                     d->len_bytes - (d->kind == TCP6   ? 74
                                     : d->kind == UDP4 ? 42
                                                       : 54));
        memcpy(frame, burst.frame, d->len_bytes);
    } else {
        for (uint32_t i = 0; i < d->len_bytes; i++)
            frame[i] = (uint8_t)(next_number + i * 7);
        memcpy(frame, "\x02\x00\x00\x00\x00\x77", 6);
        frame[0] |= d->kind == GROUP;
        memcpy(frame + 12, "\x88\xb5", 2);
        if (d->kind == TAGGED && d->len_bytes >= 18)
            memcpy(frame + 12, "\x81\x00\x00\x33", 4);
    }
    frame[6] = 6; /* not 2: flow 0's number 0x77 would be the address all frames go to */
    frame[SOURCE_OFF] = d->flow;
    burst_put16(frame + SOURCE_OFF + 1, next_number >> 16);
    burst_put16(frame + SOURCE_OFF + 3, next_number);
    for (unsigned i = 0; i < 2; i++)
        memcpy(d->slot[i].data, frame, d->len_bytes);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void begin_one(void)
{
    struct draft *d = &drafts[draft_count];
    const unsigned flow = below(FLOWS), q = queue_of((uint8_t)flow);
    int rc[2];

    *d = (struct draft){.flow = (uint8_t)flow,
                        .kind = happens(400) ? PLAIN : (enum kind)below(KINDS)};
    d->meta = meta_of(d->kind);
    d->len_bytes = d->first_bytes = some_length(d->kind);
    if (is_ip(d->kind) && happens(150)) /* longer than it looked, by as much as there is room */
        d->first_bytes = burst.head_bytes;
    for (unsigned i = 0; i < 2; i++) {
        struct netvsc *nic = ways[i].f.nic;

        ways[i].f.begins++;
        rc[i] = d->kind <= GROUP && happens(500)
                    ? netvsc_queue_tx_begin(nic, q, d->first_bytes, &d->slot[i])
                    : netvsc_queue_tx_begin_meta(nic, q, d->first_bytes, &d->meta, &d->slot[i]);
    }
    assert_int_equal(rc[0], rc[1]);
    if (rc[0])
        return;
    assert_int_equal(d->slot[0].token, d->slot[1].token);
    assert_int_equal(d->slot[0].room_bytes, d->slot[1].room_bytes);
    assert_int_equal(d->slot[0].data - ways[0].f.nic->mem->send.base,
                     d->slot[1].data - ways[1].f.nic->mem->send.base);
    if (d->len_bytes > d->slot[0].room_bytes)
        d->len_bytes = d->first_bytes;
    quick_begins += ways[0].f.nic->queue[q]->tx.pile.state == NETVSC_PILE_PLAIN ||
                    ways[0].f.nic->queue[q]->tx.pile.state == NETVSC_PILE_SUM;
    draft_count++;
}

static void commit_one(const struct draft *d)
{
    const unsigned q = queue_of(d->flow);
    /* Shorter than at begin, at times: not what has to be a whole packet. */
    const uint32_t less = is_ip(d->kind) || d->kind == TAGGED || happens(800) ? 0 : below(20);
    const uint32_t bytes = d->len_bytes > 14 + less ? d->len_bytes - less : d->len_bytes;
    const bool again = is_ip(d->kind) && happens(200);

    write_frame(d);
    for (unsigned i = 0; i < 2; i++) {
        if (again) /* the same wish once more */
            netvsc_queue_tx_commit_meta(ways[i].f.nic, q, &d->slot[i], bytes, &d->meta);
        else
            netvsc_queue_tx_commit(ways[i].f.nic, q, &d->slot[i], bytes);
    }
    assert_true(sent_count[q] < FRAMES_MAX);
    sent[q][sent_count[q]++] = (struct mark){.flow = d->flow, .number = next_number++};
}

static void end_one(unsigned which)
{
    const struct draft d = drafts[which];

    if (happens(150)) {
        for (unsigned i = 0; i < 2; i++)
            netvsc_queue_tx_cancel(ways[i].f.nic, queue_of(d.flow), &d.slot[i]);
    } else {
        commit_one(&d);
    }
    drafts[which] = drafts[--draft_count];
}

/*
 * What is committed and not yet seen is lost. While a frame is begun on another queue than the
 * first the device stays; without a device what was begun is nothing any more.
 */
static void withdraw(void)
{
    for (unsigned k = draft_count; k-- > 0;)
        if (queue_of(drafts[k].flow) > 0)
            end_one(k);
    for (unsigned i = 0; i < 2; i++) {
        struct netif_fixture *f = &ways[i].f;

        hvhost_nic_rescind(f->card);
        bench_until(f, NETVSC_GONE);
        for (unsigned k = 0; k < draft_count; k++)
            netvsc_queue_tx_commit(f->nic, 0, &drafts[k].slot[i], drafts[k].len_bytes);
        hvhost_nic_offer(f->card);
        bench_attach(f);
        bench_until(f, NETVSC_UP);
        bench_turn(f, 1);
    }
    forget();
}

/* A queue that is polled no more sends no more, whatever is in its pile. */
static void leave_one(void)
{
    const unsigned q = 1 + below(netvsc_info(ways[0].f.nic)->queues);
    struct netvsc_slot slot;

    for (unsigned k = draft_count; k-- > 0;)
        if (queue_of(drafts[k].flow) == q)
            end_one(k);
    for (unsigned i = 0; i < 2 && q < netvsc_info(ways[0].f.nic)->queues; i++) {
        netvsc_queue_leave(ways[i].f.nic, q);
        ways[i].f.begins++;
        assert_int_equal(netvsc_queue_tx_begin(ways[i].f.nic, q, 60, &slot), -ENETDOWN);
    }
}

static void step(void)
{
    const uint32_t what = below(100);

    if (what < 45 && draft_count < DRAFTS_MAX) {
        begin_one();
    } else if (what < 90 && draft_count > 0) {
        end_one(below(draft_count));
    } else if (what < 94) {
        for (unsigned i = 0; i < 2; i++)
            netvsc_flush(ways[i].f.nic);
    } else if (what == 98) {
        leave_one();
    } else if (what == 99 && happens(30)) {
        withdraw();
    } else {
        turn();
    }
}

static void both_ways_come_to_the_same(unsigned number)
{
    (void)number;
    start();
    quick_begins = 0;
    for (unsigned i = 0; i < STEPS; i++)
        step();
    while (draft_count)
        end_one(0);
    settle();
    assert_true(quick_begins > 50 || ways[0].f.config.tx_aggregate_bytes == 1);
    for (unsigned i = 0; i < 2; i++) {
        bench_check_strict(&ways[i].f);
        bench_stop(&ways[i].f);
    }
}

int main(int argc, char **argv)
{
    return chance_main(argc, argv, WALKS, both_ways_come_to_the_same);
}
