/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * lwIP looks at every connection each 250 ms for acknowledgements it delayed, and each 500 ms for
 * segments to send again; a lost segment costs 1.5 s. To look at all of them each 10 ms would take
 * a core. Here a bit per connection says whether it owes something, an acknowledgement or data its
 * program refused, and another whether its retransmission timer runs; tcp_output() sets them
 * (port_tcp_out.c), for it ends whatever can start either. While any is set a tick of 10 ms looks
 * at
 *
 *   - all connections that owe something, and
 *   - a fifth of those with a running timer, so that each has its turn every 50 ms.
 *
 * lwIP's tcp_ticks counts in the same 10 ms (TCP_SLOW_INTERVAL), by the clock, and so measures
 * round trips. Its own timers run as ever, for all that takes seconds: closing, keep-alive, zero
 * windows, polling of programs. Its tcp_slowtmr() also advances running timers, by one tick in
 * fifty, and retransmits when it comes across an expired one: it may, our limits hold there, too.
 *
 * The retransmission timeout is RFC 6298's, but for its minimum: 200 ms, which everybody uses,
 * because a peer may delay its acknowledgement for that long. What happens then is RFC 5681's. Two
 * segments and more it acknowledges at once: when nothing was heard of those for two round trips
 * and 50 to 100 ms, the first is sent again as after three duplicates, once (port_tcp_probe()). The
 * answer says what was lost, if it was not only the acknowledgement, and the window stays open.
 */
#include "port_tcp_table.h"

#include <stdlib.h>

#include "lwip/opt.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/timeouts.h"
#include "port_clock.h"
#include "port_log.h"
#include "port_tcp_ends.h"
#include "port_tcp_loss.h"

#define TICK_MS TCP_SLOW_INTERVAL
#define SLICES 5u
#define RTO_MIN_TICKS (200 / TICK_MS)
#define RTO_MAX_TICKS (60000 / TICK_MS)
#define PROBE_TICKS 5 /* beyond two round trips: not before the second turn */
#define WORD_BITS 64u
#define FAST_CALLS (2000u / TCP_TMR_INTERVAL)
#define REFUSED_TICKS (TICK_MS < 250 ? 250 / TICK_MS : 1) /* as often as lwIP */

struct bits {
    uint64_t *words;
    uint32_t set;
};

static struct {
    struct bits owing, running;
    uint32_t words;
    uint32_t tick;      /* which slice is next */
    uint32_t ticked_at; /* tcp_ticks at the last one */
    int advance;        /* ticks since the turn before, of those whose turn it is */
    uint32_t seen_at;   /* the clock in ticks, when tcp_ticks was brought up to date */
    bool armed;
    u8_t tmr_calls;
} timer;

/* ---- clock ---------------------------------------------------------------------------------- */

static void keep_time(void)
{
    const uint32_t now = (uint32_t)(port_clock_now() / (TICK_MS * PORT_NS_PER_MS));

    tcp_ticks += now - timer.seen_at;
    timer.seen_at = now;
}

void port_tcp_timer_sending(void)
{
    if (!timer.armed)
        keep_time();
}

/* In place of lwIP's, which lets tcp_slowtmr() count the ticks: one each 500 ms. */
void tcp_tmr(void)
{
    keep_time();
    timer.tmr_calls++;
    if (timer.tmr_calls % FAST_CALLS == 0 || !timer.words)
        tcp_fasttmr();
    if (timer.tmr_calls & 1) {
        tcp_ticks--; /* which it adds */
        tcp_slowtmr();
    }
}

/* ---- what is due ---------------------------------------------------------------------------- */

/* The program may end any connection in this, its own, too. */
static bool settle(struct tcp_pcb *pcb)
{
    if (pcb->flags & TF_ACK_DELAY) {
        tcp_ack_now(pcb);
        tcp_output(pcb);
        tcp_clear_flags(pcb, TF_ACK_DELAY | TF_ACK_NOW);
    }
    if (!pcb->refused_data)
        return false;
    if (timer.tick % (uint32_t)REFUSED_TICKS != 0)
        return true;
    return port_tcp_offer(pcb);
}

static s16_t timeout_of(const struct tcp_pcb *pcb)
{
    const unsigned doubled = LWIP_MIN(pcb->nrtx, 9u);
    const int measured = ((pcb->sa >> 3) + pcb->sv) << doubled;

    return (s16_t)LWIP_MIN(LWIP_MAX(measured, RTO_MIN_TICKS << doubled), RTO_MAX_TICKS);
}

static void retransmit(struct tcp_pcb *pcb)
{
    const tcpwnd_size_t flight = LWIP_MIN(pcb->cwnd, pcb->snd_wnd);

    port_tcp_forget_tails(pcb);
    if (port_tcp_timeout_begin(pcb) != ERR_OK && (pcb->unacked || !pcb->unsent))
        return; /* the card still has a segment; at its next turn again */
    pcb->rtime = 0;
    pcb->ssthresh = LWIP_MAX(flight / 2, 2u * pcb->mss);
    pcb->cwnd = pcb->mss;
    pcb->bytes_acked = 0;
    port_tcp_rexmit_all(pcb);
    pcb->rto = timeout_of(pcb);
}

/* Has (pcb), silent for (before) at its last turn, been silent for too long now? Said once. */
static bool too_silent(const struct tcp_pcb *pcb, s16_t before)
{
    const int limit = 2 * (pcb->sa >> 3) + PROBE_TICKS;

    return before < limit && pcb->rtime >= limit && pcb->unacked && !(pcb->flags & TF_RTO) &&
           pcb->snd_nxt - pcb->lastack >= 2u * pcb->mss;
}

static bool step(struct tcp_pcb *pcb)
{
    const s16_t before = pcb->rtime;

    if (pcb->rtime < 0)
        return false;
    if (pcb->persist_backoff > 0)
        return true; /* a zero window is lwIP's business */
    pcb->rto = timeout_of(pcb);
    /* It may have started at any time since the last turn: that part does not count. */
    pcb->rtime = (s16_t)(pcb->rtime == 0 ? 1 : LWIP_MIN(pcb->rtime + timer.advance, 0x7fff));
    /* After the last attempt lwIP's timer gives the connection up. */
    if (pcb->rtime >= pcb->rto && pcb->nrtx < TCP_MAXRTX)
        retransmit(pcb);
    else if (too_silent(pcb, before))
        port_tcp_probe(pcb);
    return true;
}

/* ---- whose turn it is ----------------------------------------------------------------------- */

static void set_bit(struct bits *bits, uint32_t i)
{
    const uint64_t mask = UINT64_C(1) << i % WORD_BITS;

    bits->set += !(bits->words[i / WORD_BITS] & mask);
    bits->words[i / WORD_BITS] |= mask;
}

static void clear_bit(struct bits *bits, uint32_t i)
{
    const uint64_t mask = UINT64_C(1) << i % WORD_BITS;

    bits->set -= (bits->words[i / WORD_BITS] & mask) != 0;
    bits->words[i / WORD_BITS] &= ~mask;
}

/* What step() and settle() look at; nobody had these connections in mind just now. */
static void prefetch(uint32_t w, uint64_t rest)
{
    for (; rest; rest &= rest - 1) {
        const struct tcp_pcb *pcb = port_tcp_at(w * WORD_BITS + (uint32_t)__builtin_ctzll(rest));

        __builtin_prefetch(&pcb->flags);
        __builtin_prefetch(&pcb->rtime);
        __builtin_prefetch(&pcb->refused_data);
        __builtin_prefetch(&pcb->persist_backoff);
    }
}

static void visit(struct bits *bits, uint32_t first, uint32_t stride,
                  bool (*look)(struct tcp_pcb *))
{
    for (uint32_t w = first; w < timer.words; w += stride) {
        prefetch(w, bits->words[w]);
        for (uint64_t rest = bits->words[w]; rest; rest &= rest - 1) {
            const uint32_t i = w * WORD_BITS + (uint32_t)__builtin_ctzll(rest);

            /* The one before may have ended it. */
            if (bits->words[w] & rest & -rest && !look(port_tcp_at(i)))
                clear_bit(bits, i);
        }
    }
}

/* A program that was busy elsewhere calls late: then more than one slice has its turn. */
static void on_tick(void *arg)
{
    uint32_t late;

    (void)arg;
    keep_time();
    late = tcp_ticks - timer.ticked_at;
    timer.ticked_at = tcp_ticks;
    timer.advance = (int)LWIP_MIN(LWIP_MAX(late, SLICES), 0x7fffu);
    visit(&timer.owing, 0, 1, settle);
    for (uint32_t turns = LWIP_MIN(LWIP_MAX(late, 1u), SLICES); turns > 0; turns--)
        visit(&timer.running, timer.tick++ % SLICES, SLICES, step);
    timer.armed = timer.owing.set + timer.running.set > 0;
    if (timer.armed)
        sys_timeout(TICK_MS, on_tick, NULL);
}

void port_tcp_timer_watch(const struct tcp_pcb *pcb, uint32_t i)
{
    if (!timer.words)
        return;
    if (pcb->flags & TF_ACK_DELAY || pcb->refused_data)
        set_bit(&timer.owing, i);
    if (pcb->rtime >= 0)
        set_bit(&timer.running, i);
    if (timer.armed || timer.owing.set + timer.running.set == 0)
        return;
    keep_time();
    timer.armed = true;
    timer.ticked_at = tcp_ticks;
    sys_timeout(TICK_MS, on_tick, NULL);
}

void port_tcp_timer_forget(uint32_t i)
{
    if (!timer.words)
        return;
    clear_bit(&timer.owing, i);
    clear_bit(&timer.running, i);
}

void port_tcp_timer_open(size_t count)
{
    const size_t words = (count + WORD_BITS - 1) / WORD_BITS;

    free(timer.owing.words);
    free(timer.running.words);
    timer = (typeof(timer)){
        .owing.words = calloc(words, sizeof(uint64_t)),
        .running.words = calloc(words, sizeof(uint64_t)),
        .words = (uint32_t)words,
        .seen_at = (uint32_t)(port_clock_now() / (TICK_MS * PORT_NS_PER_MS)),
    };
    if (tcp_ticks == 0)
        tcp_ticks = 1; /* 0 means "no round trip is measured" */
    if (timer.owing.words && timer.running.words)
        return;
    timer.words = 0;
    port_log(PORT_LOG_WARN, "no memory for timers of %zu connections; lwIP's own are slower",
             count);
}
