/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bulk through whatever a network and a card may do at the same time: what was lost is lost again,
 * acknowledgements come late, together or not at all, windows close, the card is full, keeps what
 * it sends, loses its link or its LSO. Each weather is made from its number alone, under a virtual
 * clock: every byte arrives, each is reported once, and nothing is left behind. A connection that
 * stands still is what this is for; the number of its weather is in the message.
 */
#include "chance.h"
#include "tcp_stream.h"

#include <string.h>

#include "port_tcp.h"

#define WEATHERS 100u
#define BYTES (300u << 10)
#define LIMIT_MS (20u * 60 * 1000) /* lwIP gives up earlier */
#define KEPT_MAX 64u
#define DELAYED_ACK_MS 40u

/* Of a thousand. */
struct climate {
    unsigned lose, lose_ack, full, keep, flap, close, cut, short_write;
    unsigned turn_ms; /* acknowledgements come at most so late */
};

static struct {
    struct climate climate;
    unsigned ms, quiet_ms;       /* since the far end said anything */
    unsigned down_ms, closed_ms; /* for so long still */
    u32_t said, lent;
    struct pbuf *kept[KEPT_MAX]; /* by the card, until it has sent them */
    unsigned kept_count;
} now;

static void change_climate(void)
{
    memset(&now, 0, sizeof(now));
    now.climate = (struct climate){
        .lose = pick(0, 1, 10, 10, 50, 200),
        .lose_ack = pick(0, 10, 100, 300),
        .full = pick(0, 0, 10, 200),
        .keep = pick(0, 0, 100, 900),
        .flap = pick(0, 0, 1),
        .close = pick(0, 0, 1, 3),
        .cut = pick(0, 0, 2),
        .short_write = pick(0, 500, 1000),
        .turn_ms = pick(1, 1, 5, 30, 120),
    };
}

/* ---- the card -------------------------------------------------------------------------------- */

static err_t takes(struct pbuf *p)
{
    if (happens(now.climate.full))
        return ERR_MEM;
    if (now.kept_count < KEPT_MAX && happens(now.climate.keep)) {
        pbuf_ref(p);
        now.kept[now.kept_count++] = p;
    }
    return ERR_OK;
}

/* It has sent (count) of them, in any order. */
static void give_back(unsigned count)
{
    while (count-- > 0 && now.kept_count > 0) {
        const unsigned at = below(now.kept_count);

        pbuf_free(now.kept[at]);
        now.kept[at] = now.kept[--now.kept_count];
    }
}

static void flap(void)
{
    if (now.down_ms > 0 && --now.down_ms == 0)
        netif_set_link_up(stream.card);
    if (now.down_ms > 0 || !happens(now.climate.flap))
        return;
    now.down_ms = 1 + below(1500);
    netif_set_link_down(stream.card);
}

/* ---- the network and the far end ------------------------------------------------------------- */

static bool loses(u32_t off)
{
    (void)off;
    return now.down_ms > 0 || happens(now.climate.lose);
}

/* What it has first behind what it lacks, as a SACK option; none: no bytes. */
static u16_t selective(u8_t options[TCP_PEER_SACK_BYTES])
{
    u32_t from = stream.far.next, to;

    while (from < BYTES && !stream.far.has[from])
        from++;
    for (to = from; to < BYTES && stream.far.has[to];)
        to++;
    tcp_peer_sack(options, stream.far.first_seq + from, stream.far.first_seq + to);
    return from < to ? TCP_PEER_SACK_BYTES : 0;
}

static void acknowledge(void)
{
    struct tcp_peer_segment s = tcp_peer_next(stream.pcb, TCP_ACK, 0);
    const u32_t window = now.closed_ms > 0 ? 0 : stream.far.window;
    u8_t options[TCP_PEER_SACK_BYTES];

    now.quiet_ms = 0;
    if (now.down_ms > 0 || happens(now.climate.lose_ack))
        return;
    s.ack = stream.far.first_seq + stream.far.next;
    s.wnd = (u16_t)(window >> stream.pcb->snd_scale);
    s.options = options;
    s.option_bytes = selective(options);
    tcp_peer_send(&s);
}

/* Some or all of what is due; and what was delayed. */
static void far_end_speaks(void)
{
    if (stream.far.next > 0 && ++now.quiet_ms == DELAYED_ACK_MS)
        stream.far.acks_due++;
    if (below(now.climate.turn_ms) > 0)
        return;
    for (unsigned count = 1 + below(64); count > 0 && stream.far.acks_due > 0 && stream.pcb;
         count--) {
        stream.far.acks_due--;
        acknowledge();
    }
}

/* Its program does not read for a while; then the window opens, and it says so once. */
static void close_and_open(void)
{
    if (now.closed_ms > 0 && --now.closed_ms == 0) {
        stream.far.window = 3000 + below(1u << 20);
        stream.far.acks_due++;
    }
    if (now.closed_ms == 0 && happens(now.climate.close))
        now.closed_ms = 1 + below(3000);
}

/* ---- the program ----------------------------------------------------------------------------- */

static err_t say(u32_t off, u32_t bytes)
{
    const u8_t flags = below(2) ? TCP_WRITE_FLAG_MORE : 0;

    switch (below(4)) {
    case 0:
        return stream_say(off, bytes);
    case 1:
        return stream_lend(off, (u16_t)bytes, flags, &now.lent);
    case 2:
        return stream_refer(off, (u16_t)bytes, flags);
    default:
        return port_tcp_write_buffer(stream.pcb, stream_buffer(off, (u16_t)bytes), flags);
    }
}

static void write_some(void)
{
    const u32_t most = happens(now.climate.short_write) ? 3000 : 65535, wish = 1 + below(most),
                bytes = LWIP_MIN(wish, BYTES - now.said);

    if (bytes > 0 && bytes <= tcp_sndbuf(stream.pcb) && say(now.said, bytes) == ERR_OK)
        now.said += bytes;
    if (stream.pcb)
        tcp_output(stream.pcb);
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void pass_one_ms(void)
{
    now.ms++;
    flap();
    close_and_open();
    if (happens(now.climate.cut))
        stream_cuts(below(2));
    give_back(below(8));
    write_some();
    stream_tick();
    far_end_speaks();
}

/* The sun comes out: what is under way is enough for the rest. */
static void clear_up(void)
{
    now.climate = (struct climate){.turn_ms = 1};
    give_back(KEPT_MAX);
    if (now.down_ms > 0)
        netif_set_link_up(stream.card);
    now.down_ms = 0;
}

static void check_nothing_is_left(void)
{
    clear_up();
    for (unsigned ms = 0; ms < 5000 && stream.pcb && stream.reported < BYTES; ms++)
        pass_one_ms();
    assert_non_null(stream.pcb);
    stream_check(BYTES);
    assert_int_equal(stream.reported, BYTES);
    assert_int_equal(stream.pcb->snd_queuelen, 0);
    assert_null(stream.pcb->unsent);
    assert_null(stream.pcb->unacked);
    assert_int_equal(now.lent, 0);
}

static void every_byte_arrives_in_every_weather(unsigned number)
{
    stream_open(NULL);
    change_climate();
    stream.lost = loses;
    stream.takes = takes;
    while (stream.far.next < BYTES && stream.pcb && now.ms < LIMIT_MS)
        pass_one_ms();
    if (stream.far.next < BYTES)
        fail_msg("weather %u: the connection %s after %u ms, at byte %u of %u", number,
                 stream.pcb ? "stands still" : "gave up", now.ms, (unsigned)stream.far.next, BYTES);
    check_nothing_is_left();
    stream_close(NULL);
}

int main(int argc, char **argv)
{
    if (stream_start(NULL))
        return 1;
    return chance_main(argc, argv, WEATHERS, every_byte_arrives_in_every_weather);
}
