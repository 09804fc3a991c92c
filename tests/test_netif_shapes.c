/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of any kind in pbuf chains of any shape, between two cards and in both directions: IPv4
 * with and without options, IPv6, TCP, UDP, ICMP, fragments, what is none of these; none, one or
 * two VLAN tags; bytes behind the packet; from the least to the most an MTU allows. They are given
 * to the lwIP face below lwIP, and taken from it before lwIP sees them, so each byte counts. Sums
 * are right, left to the card, or wrong: what is wrong is not mended on the way.
 */
#include "card_pair.h"

#include <string.h>

#include "burst.h"
#include "netif_books.h"
#include "pbuf_shape.h"

#define WORLDS 60u
#define ROUNDS 60u
#define TURNS 50u
#define FRAME_MAX (14u + 4u + 9000u)
#define ON_WAY_MAX 10u /* receive buffers are small */
#define ON_WAY_BYTES 40000u
#define IP 14u
#define PADDED 60u

struct draft {
    uint32_t bytes, l4_off, end_off; /* without tags; where IP says it ends */
    bool v6;
    uint8_t proto;
    bool wrong; /* its sum, which whoever looks may drop it for */
    uint8_t data[FRAME_MAX + 8];
};

static struct {
    struct draft way[2][ON_WAY_MAX]; /* to each card, in the order they left */
    unsigned first[2], last[2];
    uint64_t dropped[2];
    uint8_t memory[FRAME_MAX + 8];
} world;

/* ---- what is sent ---------------------------------------------------------------------------- */

static uint32_t sum_of(const struct draft *d)
{
    const uint32_t addresses = d->v6 ? 32 : 8, bytes = d->end_off - d->l4_off;
    uint32_t sum = d->proto + bytes;

    if (d->proto == 1)
        sum = 0; /* ICMP knows no pseudo-header */
    else
        sum = burst_sum(sum, d->data + IP + (d->v6 ? 8 : 12), addresses);
    sum = ~burst_sum(sum, d->data + d->l4_off, bytes) & 0xFFFF;
    return sum || d->proto != 17 ? sum : 0xFFFF;
}

static uint32_t sum_off(const struct draft *d)
{
    return d->l4_off + (d->proto == 6 ? 16u : d->proto == 17 ? 6u : 2u);
}

/* Header of IP's with options or an extension in front of (proto): where that begins. */
static uint32_t put_ip(struct draft *d, uint32_t room)
{
    uint8_t *ip = d->data + IP;
    uint32_t head;

    burst_put16(d->data + 12, d->v6 ? 0x86DD : 0x0800);
    if (d->v6) {
        head = 40 + (happens(150) && room >= 48 ? 8 : 0);
        ip[0] = 0x60;
        burst_put16(ip + 4, room - 40);
        ip[6] = head > 40 ? 0 : d->proto; /* hop by hop */
        ip[40] = head > 40 ? d->proto : ip[40];
        ip[41] = head > 40 ? 0 : ip[41];
        return IP + head;
    }
    head = 20 + 4 * (happens(200) && room >= 60 ? below(11) : 0);
    ip[0] = (uint8_t)(0x40 | head / 4);
    burst_put16(ip + 2, room);
    burst_put16(ip + 6, happens(100) ? 0x2000 | below(100) : happens(500) ? 0x4000 : 0);
    ip[9] = d->proto;
    burst_put16(ip + 10, 0);
    burst_put16(ip + 10, ~burst_sum(0, ip, head));
    return IP + head;
}

static bool is_fragment(const struct draft *d)
{
    return !d->v6 && burst_get16(d->data + IP + 6) & 0x3FFF;
}

/* A packet in what follows the Ethernet header, if there is room for one. */
static void put_packet(struct draft *d)
{
    static const uint8_t heads[] = {[1] = 8, [6] = 20, [17] = 8, [58] = 8};
    const uint32_t least = 20 + 20 + 8;

    d->v6 = happens(500);
    d->proto = (uint8_t)pick(6, 6, 6, 17, d->v6 ? 58 : 1);
    if (d->bytes < IP + least + 20)
        return;
    d->end_off = d->bytes - (happens(800) ? 0 : below(20));
    d->l4_off = put_ip(d, d->end_off - IP);
    if (d->end_off < d->l4_off + heads[d->proto])
        d->l4_off = 0;
    else if (d->proto == 6)
        d->data[d->l4_off + 12] = 0x50;
    else if (d->proto == 17)
        burst_put16(d->data + d->l4_off + 4, d->end_off - d->l4_off);
    if (!d->l4_off || is_fragment(d))
        d->l4_off = 0;
}

/* Its sum as it should arrive; (*left): as it leaves. */
static void put_sum(struct draft *d, const struct netvsc_netif *nif, uint32_t *left)
{
    const bool plain =
        !d->v6 || d->l4_off == IP + 40; /* as lwIP's are that it leaves to the card */
    uint8_t *at = d->data + sum_off(d);

    burst_put16(at, 0);
    burst_put16(at, sum_of(d));
    if (nif->tcp_sums_by_host) /* which takes what is behind the packet for padding */
        memset(d->data + d->end_off, 0, d->bytes - d->end_off);
    if (d->proto == 6 && plain && nif->tcp_sums_by_host && nif->tx_csum != NETVSC_VERIFY &&
        happens(600)) {
        *left = 0;
        return;
    }
    if (happens(100) && burst_get16(at) != 0x1234) {
        burst_put16(at, 0x1234);
        d->wrong = true;
    }
    *left = burst_get16(at);
}

static void put_tag(struct draft *d, uint32_t tci)
{
    memmove(d->data + 16, d->data + 12, d->bytes - 12);
    burst_put16(d->data + 12, 0x8100);
    burst_put16(d->data + 14, tci);
    d->bytes += 4;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static struct pbuf *some_chain(const uint8_t *data, uint32_t bytes)
{
    const struct pbuf_shape shape = {.layer = PBUF_RAW,
                                     .first_bytes = 1,
                                     .most_bytes = pick(1, 14, 60, 600, 9100),
                                     .pieces = 1 + below(40)};

    memcpy(world.memory, data, bytes);
    return pbuf_shape_make(&shape, world.memory, bytes);
}

/* As it arrives, from as it left: padded, and without a tag that says nothing but a priority. */
static void make_arrival(struct draft *d, unsigned tags, uint32_t tci)
{
    const uint32_t beside = tags ? 4 : 0;

    while (d->bytes - beside < PADDED)
        d->data[d->bytes++] = 0;
    if (!tags || tci & 0xFFF)
        return;
    memmove(d->data + 12, d->data + 16, d->bytes - 16);
    d->bytes -= 4;
}

static uint32_t send_one(unsigned from)
{
    struct netvsc_netif *nif = &pair.nif[from];
    struct draft *d = &world.way[1 - from][world.last[1 - from]];
    const unsigned tags = happens(700) ? 0 : happens(700) ? 1 : 2;
    const uint32_t tci = below(0x10000) & (happens(200) ? 0xF000 : 0xFFFF), most = nif->netif.mtu;
    uint32_t left_sum = 0, inner_sum_at;
    struct pbuf *p;

    memset(d, 0, offsetof(struct draft, data));
    d->bytes = IP + (happens(500) ? below(120) : below(most - 4 + 1));
    for (uint32_t i = 0; i < d->bytes; i++)
        d->data[i] = (uint8_t)below(256);
    memcpy(d->data, pair.nif[1 - from].netif.hwaddr, 6);
    memcpy(d->data + 6, nif->netif.hwaddr, 6);
    burst_put16(d->data + 12, 0x88B5); /* for experiments */
    if (happens(900))
        put_packet(d);
    if (d->l4_off && tags < 2)
        put_sum(d, nif, &left_sum);
    inner_sum_at = sum_off(d) + 4 * tags;
    for (unsigned i = 0; i < tags; i++)
        put_tag(d, i + 1 == tags ? tci : 7);
    p = some_chain(d->data, d->bytes);
    if (d->l4_off && tags < 2) {
        uint8_t field[2];

        burst_put16(field, left_sum);
        pbuf_take_at(p, field, sizeof(field), (u16_t)inner_sum_at);
    }
    assert_int_equal(nif->netif.linkoutput(&nif->netif, p), ERR_OK);
    pbuf_free(p);
    memset(world.memory, 0xEE, sizeof(world.memory));
    make_arrival(d, tags, tci);
    world.last[1 - from]++;
    return d->bytes;
}

/* ---- what arrives ---------------------------------------------------------------------------- */

static err_t on_frame(struct pbuf *p, struct netif *netif)
{
    static uint8_t flat[UINT16_MAX];
    const unsigned at = netif != &pair.nif[0].netif;
    const struct draft *d;

    pbuf_copy_partial(p, flat, p->tot_len, 0);
    if (flat[0] & 1) { /* lwIP leaves its groups */
        pbuf_free(p);
        return ERR_OK;
    }
    for (;; world.dropped[at]++, world.first[at]++) {
        assert_true(world.first[at] < world.last[at]);
        d = &world.way[at][world.first[at]];
        if (!d->wrong || (d->bytes == p->tot_len && memcmp(d->data, flat, d->bytes) == 0))
            break;
    }
    assert_int_equal(p->tot_len, d->bytes);
    assert_memory_equal(flat, d->data, d->bytes);
    world.first[at]++;
    pbuf_free(p);
    return ERR_OK;
}

static void all_arrive(void)
{
    for (unsigned i = 0; i < TURNS; i++)
        pair_turn();
    for (unsigned at = 0; at < 2; at++) {
        for (; world.first[at] < world.last[at]; world.first[at]++, world.dropped[at]++)
            assert_true(world.way[at][world.first[at]].wrong);
        assert_int_equal(pair.nif[at].stats.rx_drop_csum, world.dropped[at]);
        world.first[at] = world.last[at] = 0;
    }
}

static void frames_of_any_shape_arrive_as_they_were(unsigned number)
{
    (void)number;
    memset(&world, 0, sizeof(world));
    pair_open(0);
    for (unsigned i = 0; i < TURNS; i++)
        pair_turn(); /* lwIP says hello */
    for (unsigned i = 0; i < 2; i++) {
        netif_set_down(&pair.nif[i].netif);
        pair.nif[i].netif.input = on_frame;
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        const unsigned frames = below(ON_WAY_MAX) + 1;
        uint32_t bytes = 0;

        for (unsigned i = 0; i < frames && bytes < ON_WAY_BYTES; i++) {
            bytes += send_one(below(2));
            if (happens(200))
                pair_turn();
        }
        all_arrive();
    }
    pair_close();
}

int main(int argc, char **argv)
{
    if (pair_start())
        return 1;
    return chance_main(argc, argv, WORLDS, frames_of_any_shape_arrive_as_they_were);
}
