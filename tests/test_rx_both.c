/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whatever a transfer-page packet says, the quick way through it and the long one come to the same:
 * frames, completions, counters, and what else the guest sends. Two NICs are shown the same bytes;
 * one takes them as ever, the other has each range judged by itself.
 */
#include <string.h>

#include "chance.h"
#include "netvsc_rx_var.h"
#include "wire_twins.h"

#define SECTION_BYTES 1728u
#define SECTIONS 64u
#define PACKETS_MAX 12u
#define RANGES_MAX 80u /* more than a batch */
#define FRAGMENT_BYTES 1600u
#define IP_BYTES_MAX 65535u
#define LONG_RANGES 41u /* so many of them */

static struct wire quick, whole;

/* ---- the long way ---------------------------------------------------------------------------- */

static bool packet_ok(const struct vmbus_packet *pkt, struct vmbus_xfer_header *set,
                      struct nvs_rndis *nvs)
{
    if (pkt->header_bytes < sizeof(*set) || pkt->payload_bytes < 8)
        return false;
    memcpy(set, pkt->header, sizeof(*set));
    return set->set_id == NVS_RECV_BUF_ID && nvs_parse_rndis(pkt->payload, 8, nvs) == 0 &&
           set->range_count >= 1 && set->range_count <= VMBUS_XFER_RANGES_MAX &&
           set->range_count <= (pkt->header_bytes - sizeof(*set)) / sizeof(struct vmbus_xfer_range);
}

static void take_the_long_way(struct netvsc_queue *q, const struct vmbus_packet *pkt)
{
    struct vmbus_xfer_header set;
    struct nvs_rndis nvs;
    bool ok = true;

    if (pkt->type != VMBUS_PKT_XFER_PAGES) {
        q->stats.host_bad_packet++;
        return;
    }
    if (!packet_ok(pkt, &set, &nvs)) {
        q->stats.host_bad_set++;
        netvsc_owe(q, pkt->xid, NETVSC_ACK(NVS_STATUS_FAILURE), 1);
        return;
    }
    q->stats.rx_packets += nvs.channel_type == NVS_RNDIS_DATA;
    netvsc_owe(q, pkt->xid, NETVSC_ACK(NVS_STATUS_SUCCESS), set.range_count);
    for (uint32_t i = 0; i < set.range_count; i++) {
        struct vmbus_xfer_range range;

        memcpy(&range, pkt->header + sizeof(set) + i * sizeof(range), sizeof(range));
        ok &= netvsc_rx_range(q, &range, nvs.channel_type == NVS_RNDIS_DATA);
    }
    ok &= netvsc_rsc_end(q);
    if (!ok)
        q->ack[q->ack_count - 1].payload = NETVSC_ACK(NVS_STATUS_FAILURE);
}

/* ---- packets --------------------------------------------------------------------------------- */

/* Numbers that are right, nearly right, or make a sum wrap. */
static uint32_t some_word(void)
{
    static const uint32_t words[] = {0,  1,  8,   13,   14,   16,         36,         44,   52,
                                     60, 64, 100, 1514, 1728, UINT32_MAX, 0x80000000, 0x6B, 0xCAFE};

    switch (below(4)) {
    case 0:
        return below(2 * SECTION_BYTES);
    case 1:
        return 0u - 1 - below(260);
    default:
        return words[below(countof(words))];
    }
}

/* Elements, tags, verdicts and hashes, in front of the frame of the message in (section). */
static struct vmbus_xfer_range tagged_message(uint32_t section, uint32_t data_bytes)
{
    static const uint32_t types[] = {RNDIS_PPI_VLAN, RNDIS_PPI_CSUM, RNDIS_PPI_HASH,
                                     RNDIS_PPI_HASH_INFO};
    const uint32_t count = 1 + below(countof(types));
    uint8_t *msg = quick.t.recv.base + section * SECTION_BYTES;
    const uint32_t head_bytes =
        rndis_put_packet(msg, count * RNDIS_PPI_BYTES, data_bytes) - data_bytes;

    for (unsigned i = 0; i < count; i++) {
        const uint32_t ppi[] = {RNDIS_PPI_BYTES, types[below(countof(types))], RNDIS_PPI_DATA_OFF,
                                below(1u << 16)};

        memcpy(msg + sizeof(struct rndis_packet) + i * sizeof(ppi), ppi, sizeof(ppi));
    }
    memset(msg + head_bytes, (int)below(256), data_bytes);
    return (struct vmbus_xfer_range){head_bytes + data_bytes, section * SECTION_BYTES};
}

static struct vmbus_xfer_range some_message(uint32_t section)
{
    static const uint32_t lengths[] = {60, 60, 60, 100, 14, 13, 1, 1518, 1519, 1600};
    const uint32_t bytes = lengths[below(countof(lengths))];
    const uint8_t fill = (uint8_t)below(256);

    switch (below(8)) {
    case 0:
        return tagged_message(section, bytes);
    case 1:
        return wire_fragment(&quick, section, bytes, fill, RNDIS_PACKET_ID_FIRST | 1);
    case 2:
    case 3:
        return wire_fragment(&quick, section, bytes, fill, 1);
    case 4:
        return wire_fragment(&quick, section, bytes, fill, RNDIS_PACKET_ID_LAST | 1);
    default:
        return wire_message(&quick, section, bytes, fill);
    }
}

/* Another value in one of its elements; in a message that has not so many it is the frame's. */
static void change_value(uint8_t *msg)
{
    const uint32_t word = below(1u << 16);

    memcpy(msg + sizeof(struct rndis_packet) + below(4) * RNDIS_PPI_BYTES + RNDIS_PPI_DATA_OFF,
           &word, sizeof(word));
}

static void spoil(uint8_t *bytes, uint32_t words)
{
    const uint32_t word = some_word();

    if (below(3) == 0)
        bytes[below(4 * words)] ^= (uint8_t)(1u << below(8));
    else
        memcpy(bytes + 4 * below(words), &word, sizeof(word));
}

/*
 * (count) messages in both receive buffers from (section) on, and the list of them. Half of them
 * are what the one before was, or nearly: there is a way for those.
 */
static void put_messages(struct vmbus_xfer_range *ranges, unsigned count, uint32_t section)
{
    static struct vmbus_xfer_range last = {.len_bytes = sizeof(struct rndis_packet)};

    for (unsigned i = 0; i < count; i++, section = (section + 1) % SECTIONS) {
        uint8_t *at = quick.t.recv.base + section * SECTION_BYTES;

        if (below(2)) {
            memmove(at, quick.t.recv.base + last.off_bytes, SECTION_BYTES);
            last.off_bytes = section * SECTION_BYTES;
            if (below(2))
                change_value(at);
        } else {
            last = some_message(section);
        }
        ranges[i] = last;
        if (below(12) == 0)
            spoil(at, 20);
        memcpy(whole.t.recv.base + section * SECTION_BYTES, at, SECTION_BYTES);
    }
}

/* One frame in fragments, as long as an IP packet can say or one byte more. */
static void put_long_frame(struct vmbus_xfer_range *ranges)
{
    uint32_t left = IP_BYTES_MAX + below(2);

    for (unsigned i = 0; i < LONG_RANGES; i++) {
        const uint32_t bytes = left < FRAGMENT_BYTES ? left : FRAGMENT_BYTES;
        const uint8_t flags = i == 0          ? RNDIS_PACKET_ID_FIRST | 1
                              : left == bytes ? RNDIS_PACKET_ID_LAST | 1
                                              : 1;

        ranges[i] = wire_fragment(&quick, i, bytes, 0, flags);
        left -= bytes;
    }
    memcpy(whole.t.recv.base, quick.t.recv.base, LONG_RANGES * SECTION_BYTES);
}

/* ---- comparing ------------------------------------------------------------------------------- */

static void calls_are_equal(void)
{
    assert_int_equal(quick.rx_calls, whole.rx_calls);
    for (unsigned i = 0; i < quick.rx_count && i < whole.rx_count; i++)
        assert_int_equal(quick.frames[i].call, whole.frames[i].call);
}

struct shown {
    uint64_t header[1 + RANGES_MAX], payload[1];
    struct vmbus_packet pkt;
};

/* A packet of (count) ranges, of which the first message is in (section). */
static void make(struct shown *s, unsigned count, uint32_t section)
{
    s->payload[0] = NVS_MSG_RNDIS;
    s->header[0] = NVS_RECV_BUF_ID | (uint64_t)count << 32;
    s->pkt = (struct vmbus_packet){.type = below(50) ? VMBUS_PKT_XFER_PAGES : VMBUS_PKT_GPA_DIRECT,
                                   .xid = below(1u << 20),
                                   .header = (const uint8_t *)s->header,
                                   .header_bytes = 8 + 8 * count,
                                   .payload = (const uint8_t *)s->payload,
                                   .payload_bytes = below(50) ? 8 : 0};
    if (count == LONG_RANGES)
        put_long_frame((struct vmbus_xfer_range *)(s->header + 1));
    else
        put_messages((struct vmbus_xfer_range *)(s->header + 1), count, section);
    if (below(6) == 0)
        spoil((uint8_t *)s->header, 2 + 2 * count);
    if (below(30) == 0)
        spoil((uint8_t *)s->payload, 2);
    if (below(30) == 0)
        s->pkt.header_bytes = 8 * below(2 + count);
}

/* One packet of (count) ranges, or with 1 several of one. */
static void show(unsigned count)
{
    static struct shown shown[PACKETS_MAX];
    const unsigned packets = count == 1 ? 1 + below(PACKETS_MAX) : 1;
    struct vmbus_packet pkt[PACKETS_MAX];

    for (unsigned i = 0; i < packets; i++) {
        make(&shown[i], count, i);
        pkt[i] = shown[i].pkt;
    }
    netvsc_rx_packets(quick.nic->queue[0], pkt, packets, PACKETS_MAX);
    for (unsigned i = 0; i < packets; i++)
        take_the_long_way(whole.nic->queue[0], &pkt[i]);
    netvsc_rx_hand_up(quick.nic->queue[0]);
    netvsc_rx_hand_up(whole.nic->queue[0]);
    calls_are_equal();
    twins_same_frames(&quick, &whole);
    wire_poll(&quick);
    wire_poll(&whole);
    twins_same_answers(&quick, &whole);
}

static void compare(bool rsc)
{
    const struct wire_options options = {.rsc = rsc, .ring_pages = 32};
    struct netvsc_stats sum;

    chance_begin(1);
    wire_up(&quick, &options);
    wire_up(&whole, &options);
    for (unsigned i = 0; i < 60000; i++) {
        show(below(20) ? 1 + below(6) : 1 + below(RANGES_MAX));
        if (i % 16 == 0)
            twins_same_counters(&quick, &whole);
    }
    twins_same_counters(&quick, &whole);
    sum = wire_stats(&quick);
    assert_true(sum.rx_frames > 20000 && sum.rx_vlan > 1000 && sum.rx_multicast > 1000);
    assert_true(sum.rx_drop_range > 500 && sum.rx_drop_rndis > 1000 && sum.rx_drop_size > 1000);
    assert_true(sum.rx_drop_rsc_size > 10 || !rsc);
    assert_true(sum.host_bad_set > 500 && (sum.rx_rsc_frames > 1000 || !rsc));
    wire_close(&quick);
    wire_close(&whole);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void both_ways_take_whole_frames_alike(void **state)
{
    (void)state;
    compare(false);
}

static void both_ways_take_fragments_alike(void **state)
{
    (void)state;
    compare(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways_take_whole_frames_alike),
        cmocka_unit_test(both_ways_take_fragments_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
