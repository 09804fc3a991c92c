/* SPDX-License-Identifier: BSD-3-Clause */
/* Guests whose rings make no sense: given up, and nothing else suffers. */
#include "hvh_ring.h"
#include "raw_guest.h"

/*
 * A good packet, which must not be served because of the index (from its start) that announces it.
 */
static void index_after_good_packet(struct raw_guest *g, uint32_t index)
{
    uint32_t start = g->tx_write;
    uint8_t msg[256];

    g->mute = true;
    raw_section_send(g, 0, msg, raw_frame_message(msg, 60, 0));
    g->mute = false;
    atomic_store(&g->tx_ctl->write_index, start + index);
}

static void index_past_the_ring(struct raw_guest *g)
{
    index_after_good_packet(g, g->data_bytes - g->tx_write);
}

static void index_unaligned(struct raw_guest *g)
{
    index_after_good_packet(g, 64 + 4);
}

static void index_behind_the_descriptor(struct raw_guest *g)
{
    index_after_good_packet(g, 16);
}

static void index_in_the_descriptor(struct raw_guest *g)
{
    index_after_good_packet(g, 8);
}

static void descriptor(struct raw_guest *g, uint16_t header, uint16_t total)
{
    const struct vmbus_pkt_desc desc = {VMBUS_PKT_INBAND, header, total, 0, 1};
    uint8_t raw[64] = {0};

    memcpy(raw, &desc, sizeof(desc));
    g->mute = true;
    raw_write(g, raw, sizeof(raw));
    g->mute = false;
}

static void header_too_small(struct raw_guest *g)
{
    descriptor(g, 1, 7);
}

static void header_beyond_the_packet(struct raw_guest *g)
{
    descriptor(g, 8, 7);
}

static void packet_beyond_the_index(struct raw_guest *g)
{
    descriptor(g, 2, 8);
}

static void packet_of_half_a_megabyte(struct raw_guest *g)
{
    descriptor(g, 2, 65535);
}

static void packet_longer_than_any_legal_one(struct raw_guest *g)
{
    static uint8_t raw[6000];
    const struct vmbus_pkt_desc desc = {VMBUS_PKT_INBAND, 2, 5992 / 8, 0, 1};

    memcpy(raw, &desc, sizeof(desc));
    g->mute = true;
    raw_write(g, raw, sizeof(raw));
    g->mute = false;
}

static void read_index_of_the_other_ring(struct raw_guest *g)
{
    uint8_t msg[256];

    atomic_store(&g->rx_ctl->read_index, UINT32_MAX - 7);
    g->mute = true;
    raw_section_send(g, 0, msg, raw_frame_message(msg, 60, 0));
    g->mute = false;
}

static void corrupt_rings_are_given_up_and_survived(void **state)
{
    static void (*const ways[])(struct raw_guest *) = {
        index_past_the_ring,          index_unaligned,           index_behind_the_descriptor,
        index_in_the_descriptor,      header_too_small,          header_beyond_the_packet,
        packet_beyond_the_index,      packet_of_half_a_megabyte, packet_longer_than_any_legal_one,
        read_index_of_the_other_ring,
    };

    (void)state;
    for (unsigned i = 0; i < countof(ways); i++) {
        struct raw_guest *g = raw_guest_create(NULL);
        uint8_t msg[256];

        raw_bring_up(g);
        raw_step(g);
        ways[i](g);
        g->t.ops->signal(g->t.ctx, g->t.primary.relid);
        raw_step(g);
        if (raw_stat(g, bad_ring) != 1)
            fail_msg("way %u not noticed", i);

        /* Dead for good, but only for this guest. */
        raw_port_send(g, 60, NULL);
        raw_section_send(g, 0, msg, raw_frame_message(msg, 60, 0));
        raw_step(g);
        assert_int_equal(g->port_frames, 0);
        g->t.ops->close(g->t.ctx);
        raw_bring_up(g);
        raw_section_send(g, 0, msg, raw_frame_message(msg, 60, 0));
        raw_step(g);
        assert_int_equal(g->port_frames, 1);
        raw_guest_destroy(g);
    }
}

/* Any bytes at all in ring and buffers: the host may give up, it may not crash, hang or lie. */
static void random_packets_do_no_harm(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 300; round++) {
        struct raw_guest *g = raw_guest_create(NULL);
        uint8_t raw[256];

        raw_bring_up(g);
        for (unsigned i = 0; i < 20; i++) {
            struct vmbus_pkt_desc desc = {.flags = 1, .xid = i};
            struct raw_packet pkt;
            uint32_t kind;

            for (unsigned k = 0; k < sizeof(raw); k++) {
                seed = seed * 1664525u + 1013904223u;
                raw[k] = seed >> 30 ? (uint8_t)(seed >> 24 & 7) : (uint8_t)(seed >> 16);
            }
            kind = seed >> 20 & 3;
            desc.type = kind == 0 ? VMBUS_PKT_GPA_DIRECT : kind == 1 ? VMBUS_PKT_COMPLETION : 6;
            raw[64] = kind == 3 ? 125 : 107; /* the NVSP type */
            memset(raw + 65, 0, 3);
            memcpy(g->t.send.base, raw + 100, 100);
            memcpy(g->t.dma.base, raw + 100, 100);
            raw_packet(g, desc, raw, kind == 0 ? 32 : 0, raw + 64, 40);
            raw_step(g);
            while (raw_take(g, &pkt)) {
            }
        }
        raw_guest_destroy(g); /* audits */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corrupt_rings_are_given_up_and_survived),
        cmocka_unit_test(random_packets_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
