/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation
 *
 * What do lies cost? A host of a hundred lines (bench_min_host.c) puts packets of one 60-byte frame
 * each on the ring; then, in half of the samples, one field of every packet (case all) or of every
 * eighth (case eighth) is overwritten, chosen at random, with a value chosen at random: anything,
 * something small, something near the truth, or just below the end of what the field can say. All
 * fields of the packet and of the RNDIS message have their turn but two: lengths in the descriptor,
 * for such a ring is corrupt by definition and the channel is given up, and the transaction id,
 * which is the host's own affair.
 *
 * The driver's time is measured as in bench_ring.c, the median turn of a sample. Peer: the same
 * packets as they should be. So the pair says how much longer it takes to find a packet wrong than
 * to deliver it; that the checks of right packets are not free is in the rows rx60-1 and rx60-8.
 * Afterwards the NIC must be up, with all its books balanced.
 *
 * bench_hostile all|eighth PAIRS: {"ours":packets/s,"peer":..,"ratio":..,"refused_percent":..} per
 * pair; refused are those that were not delivered: some lies are allowed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_card.h"
#include "bench_min_host.h"
#include "nvs_reg.h"
#include "rndis_reg.h"
#include "vmbus_reg.h"

#define BATCH 64u
#define TURNS 3000u
#define FRAME_BYTES 60u
#define RANGE_OFF (sizeof(struct vmbus_pkt_desc) + sizeof(struct vmbus_xfer_header))
#define NVS_OFF (RANGE_OFF + sizeof(struct vmbus_xfer_range))

static struct {
    struct bench_card card;
    struct bench_min_host host;
    uint8_t frame[FRAME_BYTES];
    uint64_t delivered, sum;
    uint64_t dice;
    unsigned every; /* so many packets one is spoiled */
} b = {.dice = 1};

/* Where a lie can be told, from the packet's beginning or the message's. */
static const struct field {
    bool in_message;
    uint8_t off, bytes;
} fields[] = {
    {false, offsetof(struct vmbus_pkt_desc, type), 2},
    {false, sizeof(struct vmbus_pkt_desc) + offsetof(struct vmbus_xfer_header, set_id), 2},
    {false, sizeof(struct vmbus_pkt_desc) + offsetof(struct vmbus_xfer_header, range_count), 4},
    {false, RANGE_OFF + offsetof(struct vmbus_xfer_range, len_bytes), 4},
    {false, RANGE_OFF + offsetof(struct vmbus_xfer_range, off_bytes), 4},
    {false, NVS_OFF + offsetof(struct nvs_rndis, type), 4},
    {false, NVS_OFF + offsetof(struct nvs_rndis, channel_type), 4},
    {true, offsetof(struct rndis_packet, type), 4},
    {true, offsetof(struct rndis_packet, len_bytes), 4},
    {true, offsetof(struct rndis_packet, data_off), 4},
    {true, offsetof(struct rndis_packet, data_bytes), 4},
    {true, offsetof(struct rndis_packet, oob_off), 4},
    {true, offsetof(struct rndis_packet, oob_bytes), 4},
    {true, offsetof(struct rndis_packet, oob_count), 4},
    {true, offsetof(struct rndis_packet, ppi_off), 4},
    {true, offsetof(struct rndis_packet, ppi_bytes), 4},
};

static void on_rx(void *ctx, const struct netvsc_frame *frames, unsigned count)
{
    (void)ctx;
    for (unsigned i = 0; i < count; i++)
        b.sum += frames[i].data[0] + frames[i].len_bytes;
    b.delivered += count;
}

/* ---- lies ------------------------------------------------------------------------------------ */

/* xorshift64: the same lies in every run. */
static uint64_t roll(void)
{
    b.dice ^= b.dice << 13;
    b.dice ^= b.dice >> 7;
    b.dice ^= b.dice << 17;
    return b.dice;
}

static uint64_t lie(uint64_t truth)
{
    const uint64_t dice = roll(), small = dice >> 8 & 63;

    switch (dice % 4) {
    case 0:
        return dice >> 32;
    case 1:
        return small;
    case 2:
        return truth + small - 32;
    default:
        return UINT64_MAX - small;
    }
}

/* Nobody completes what is no receive packet any more: its section comes back by itself. */
static void take_back(uint64_t xid)
{
    struct bench_min_host *h = &b.host;

    h->queue[(h->next + h->free++) % h->packets] = (uint32_t)xid;
}

/* Spoil a field of the packet at (at) of the ring with (xid). */
static void spoil(uint32_t at, uint64_t xid)
{
    const struct bench_min_ring *ring = &b.host.out;
    const struct field *f = &fields[roll() % (sizeof(fields) / sizeof(fields[0]))];
    uint64_t value = 0;
    uint8_t *field;

    field = f->in_message ? b.host.recv + xid * b.host.section_bytes + f->off
                          : ring->data + (at + f->off) % ring->size;
    memcpy(&value, field, f->bytes);
    value = lie(value);
    memcpy(field, &value, f->bytes);
    if (f->off == 0 && !f->in_message && (uint16_t)value != VMBUS_PKT_XFER_PAGES)
        take_back(xid);
}

/* Every so many of the packets from (at) to the end of the ring. */
static void spoil_some(uint32_t at)
{
    const struct bench_min_ring *ring = &b.host.out;
    struct vmbus_pkt_desc desc;

    for (unsigned i = 0; at != ring->at; i++) {
        memcpy(&desc, ring->data + at, 8); /* no word goes around the ring's end */
        memcpy(&desc.xid, ring->data + (at + 8) % ring->size, 8);
        if (i % b.every == 0)
            spoil(at, desc.xid);
        at = (at + desc.total_qwords * 8u + VMBUS_PKT_TRAILER_BYTES) % ring->size;
    }
}

/* ---- samples --------------------------------------------------------------------------------- */

/* The driver's share of a batch. */
static uint64_t turn(bool hostile)
{
    const uint32_t at = b.host.out.at;
    uint64_t begin;

    bench_min_host_offer(&b.host, b.frame, FRAME_BYTES, BATCH);
    if (hostile)
        spoil_some(at);
    b.card.now_ns += 1000;
    begin = bench_now_ns();
    bench_card_poll(&b.card, BATCH);
    return bench_now_ns() - begin;
}

/* Packets per second; 0 when the driver did not take them all. */
static double sample(bool hostile)
{
    static double took[TURNS];

    for (unsigned i = 0; i < TURNS; i++) {
        took[i] = (double)turn(hostile);
        if (netvsc_state(b.card.nic) != NETVSC_UP) /* and the memory may be gone */
            return 0;
        if (atomic_load(b.host.out.read_index) != b.host.out.at || b.host.drop_section)
            return 0;
    }
    return 1e9 * BATCH / bench_median(took, TURNS);
}

static bool measure_pair(void)
{
    uint64_t before = b.delivered;
    const double ours = sample(true);
    const double refused = 100.0 - (double)(b.delivered - before) * 100.0 / (TURNS * BATCH);
    double peer;

    before = b.delivered;
    peer = ours > 0 ? sample(false) : 0;
    if (peer <= 0 || b.delivered - before != TURNS * BATCH) {
        fprintf(stderr, "bench_hostile: %s\n",
                netvsc_state(b.card.nic) == NETVSC_UP ? "packets are missing"
                                                      : netvsc_failure(b.card.nic));
        return false;
    }
    printf("{\"ours\":%.0f,\"peer\":%.0f,\"ratio\":%.4f,\"refused_percent\":%.1f}\n", ours, peer,
           ours / peer, refused);
    return true;
}

static bool books_right(void)
{
    const char *wrong = netvsc_audit(b.card.nic);

    if (wrong || netvsc_state(b.card.nic) != NETVSC_UP)
        fprintf(stderr, "bench_hostile: afterwards: %s\n", wrong ? wrong : "the NIC is not up");
    return !wrong && netvsc_state(b.card.nic) == NETVSC_UP;
}

int main(int argc, char **argv)
{
    const struct bench_card_config config = {.card = {.poll = true}, .nic = {.rx = on_rx}};
    bool ok = true;

    if (argc != 3 || (strcmp(argv[1], "all") != 0 && strcmp(argv[1], "eighth") != 0)) {
        fprintf(stderr, "usage: bench_hostile all|eighth PAIRS\n");
        return 2;
    }
    b.every = strcmp(argv[1], "all") == 0 ? 1 : 8;
    if (bench_card_open(&b.card, &config))
        return 1;
    bench_card_settle(&b.card);
    memcpy(b.frame, netvsc_info(b.card.nic)->mac, 6);
    memcpy(b.frame + 12, "\x88\xb5", 2); /* IEEE 802: local experimental */
    if (bench_min_host_open(&b.host, &b.card.memory, netvsc_info(b.card.nic)->recv_section_bytes,
                            1))
        return 1;
    for (int i = 0; ok && i < atoi(argv[2]); i++)
        ok = measure_pair();
    return ok && books_right() ? 0 : 1;
}
