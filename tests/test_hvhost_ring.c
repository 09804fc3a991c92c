/* SPDX-License-Identifier: BSD-3-Clause */
/* The host's end of the rings: wrap-around, who rings whom, running full, and corrupt guests. */
#include <errno.h>

#include "hex.h"
#include "hvh_ring.h"
#include "raw_guest.h"

static uint32_t free_bytes(const struct raw_guest *g)
{
    uint32_t read = atomic_load(&g->tx_ctl->read_index);

    return g->data_bytes - (g->tx_write + g->data_bytes - read) % g->data_bytes;
}

/* ---- wrap-around ------------------------------------------------------------------------- */

/* What the host sent for frame (i), whole and in order, wherever in the ring it lies. */
static void check_and_answer(struct raw_guest *g, const struct raw_packet *pkt, unsigned i)
{
    struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_COMPLETION, .xid = pkt->desc.xid};
    const uint32_t done[10] = {NVS_MSG_RNDIS_COMPLETE, NVS_STATUS_SUCCESS};
    const uint32_t data[10] = {NVS_MSG_RNDIS, NVS_RNDIS_DATA, NVS_SECTION_NONE};
    const uint32_t header[4] = {NVS_RECV_BUF_ID, 1, 44 + 60, (uint32_t)pkt->desc.xid * 1806};

    if (pkt->desc.type == VMBUS_PKT_COMPLETION) {
        assert_int_equal(pkt->desc.xid + (pkt->payload_bytes ? 1 : 0), g->xid);
        if (pkt->payload_bytes)
            assert_memory_equal(pkt->payload, done, sizeof(done));
        return;
    }
    assert_int_equal(pkt->desc.type, VMBUS_PKT_XFER_PAGES);
    assert_memory_equal(pkt->header, header, sizeof(header));
    assert_memory_equal(pkt->payload, data, sizeof(data));
    raw_packet(g, desc, NULL, 0, done, 8 + i % 5 * 8);
}

/* Packets of 32 to 64 bytes to the host, of 24, 64 and 80 from it: every position comes up. */
static void packets_wrap_at_every_position(void **state)
{
    const struct hvhost_nic_config config = {.ring_bytes = 24576};
    const uint32_t path[2] = {NVS_MSG_SWITCH_DATA_PATH, NVS_DATA_PATH_SYNTHETIC};
    struct raw_guest *g = raw_guest_create(&config);
    bool out[8192 / 8] = {false}, in[8192 / 8] = {false};
    unsigned positions = 0;
    uint8_t msg[256];

    (void)state;
    raw_bring_up(g);
    assert_int_equal(g->data_bytes, 8192);
    for (unsigned i = 0; i < 20000 && positions < 2 * 8192 / 8; i++) {
        struct raw_packet pkt;

        positions += !out[g->tx_write / 8];
        out[g->tx_write / 8] = true;
        raw_section_send(g, 0, msg, raw_frame_message(msg, 60 + i % 100, (uint8_t)i));
        raw_nvs(g, path, sizeof(path), 1);
        raw_port_send(g, 60, NULL);
        raw_step(g);
        while (raw_take(g, &pkt)) {
            positions += !in[pkt.start / 8];
            in[pkt.start / 8] = true;
            check_and_answer(g, &pkt, i);
        }
        assert_int_equal(g->port_frames, i + 1);
        assert_int_equal(g->port_bytes[30], (uint8_t)i);
    }
    assert_int_equal(positions, 2 * 8192 / 8);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

/* V15 of the reference: data area of 8192 bytes, 32 bytes to be written at 8176. */
static void golden_packet_wraps_and_an_exact_fit_is_refused(void **state)
{
    static _Alignas(4096) uint8_t memory[2 * (4096 + 8192)];
    const struct vmbus_region rings = {memory, sizeof(memory)};
    const uint32_t ack[2] = {NVS_MSG_RNDIS_COMPLETE, NVS_STATUS_SUCCESS};
    struct hvh_ring_out out;
    struct hvh_ring_in in;
    struct hvh_send pkt;

    (void)state;
    assert_int_equal(hvh_ring_attach(&rings, &in, &out), 0);
    hvh_send_init(&pkt, VMBUS_PKT_COMPLETION, 20, 0, sizeof(ack));
    memcpy(pkt.body, ack, sizeof(ack));

    out.write = 8176;
    assert_int_equal(hvh_ring_put(&out, &pkt), -EAGAIN); /* 16 bytes free */
    atomic_store(&out.ctl->read_index, 16);
    assert_int_equal(hvh_ring_put(&out, &pkt), -EAGAIN); /* 32: full would look empty */
    atomic_store(&out.ctl->read_index, 4096);
    assert_int_equal(hvh_ring_put(&out, &pkt), 0);
    assert_int_equal(out.write, 16);
    check_hex(out.data + 8176, 16, "0b 00 02 00 03 00 00 00 14 00 00 00 00 00 00 00");
    check_hex(out.data, 16, "6c 00 00 00 01 00 00 00 00 00 00 00 f0 1f 00 00");
}

/* ---- doorbells -------------------------------------------------------------------------- */

static void sleeping_host_does_not_look_until_rung(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    uint8_t msg[256];

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    g->mute = true;
    raw_section_send(g, 0, msg, raw_frame_message(msg, 60, 0));
    for (unsigned i = 0; i < 1000; i++)
        raw_step(g);
    assert_int_equal(g->port_frames, 0);
    assert_true(hvhost_next_deadline(g->host, g->now_ns) == UINT64_MAX);
    g->t.ops->signal(g->t.ctx, g->t.primary.relid);
    assert_int_equal(hvhost_next_deadline(g->host, g->now_ns), 0);
    raw_step(g);
    assert_int_equal(g->port_frames, 1);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void polling_host_needs_no_doorbell(void **state)
{
    const struct hvhost_nic_config config = {.poll = true};
    struct raw_guest *g = raw_guest_create(&config);
    uint8_t msg[256];

    (void)state;
    raw_bring_up(g);
    g->mute = true;
    raw_section_send(g, 0, msg, raw_frame_message(msg, 60, 0));
    raw_step(g);
    assert_int_equal(g->port_frames, 1);
    assert_true(atomic_load(&g->tx_ctl->interrupt_mask) != 0);
    raw_guest_destroy(g);
}

static void monitor_bit_is_seen_with_the_configured_latency(void **state)
{
    const struct hvhost_nic_config config = {.monitor_latency_us = 100};
    struct raw_guest *g = raw_guest_create(&config);
    const struct nvs_init init = {NVS_MSG_INIT, NVS_VERSION_61, NVS_VERSION_61};
    struct vmbus_monitor_page *page;
    struct raw_packet pkt;

    (void)state;
    raw_step(g); /* the host knows what time it is */
    raw_guest_open(g);
    assert_int_equal(g->t.primary.monitor_id, 0);
    page = (struct vmbus_monitor_page *)(void *)g->t.monitor_page.base;
    raw_step(g); /* looks, and again 100 us later */
    g->mute = true;
    raw_nvs(g, &init, sizeof(init), 1);
    atomic_fetch_or(&page->group[0].pending, 1u);
    for (unsigned us = 1; us < 100; us++)
        raw_expect_none(g);
    assert_int_equal(hvhost_next_deadline(g->host, g->now_ns), 1000);
    raw_expect(g, &pkt);
    assert_int_equal(atomic_load(&page->group[0].pending), 0);
    raw_check_strict(g, NULL);

    /* And the other way is no way: Linux does not signal for a channel with a monitor. */
    g->t.ops->signal(g->t.ctx, g->t.primary.relid);
    assert_int_equal(raw_stat(g, strict_doorbell), 1);
    raw_guest_destroy(g);
}

/* How long the host would sleep, in microseconds. */
static uint64_t sleep_us(const struct raw_guest *g)
{
    return hvhost_next_deadline(g->host, g->now_ns) / 1000;
}

static void an_idle_monitor_page_is_looked_at_more_seldom(void **state)
{
    const struct hvhost_nic_config config = {.monitor_latency_us = 100};
    struct raw_guest *g = raw_guest_create(&config);
    const struct nvs_init init = {NVS_MSG_INIT, NVS_VERSION_61, NVS_VERSION_61};
    struct vmbus_monitor_page *page;
    struct raw_packet pkt;
    unsigned looks = 0;

    (void)state;
    raw_guest_open(g);
    page = (struct vmbus_monitor_page *)(void *)g->t.monitor_page.base;
    for (unsigned us = 0; us < 20000; us++) { /* the silence after which it is idle, and more */
        raw_step(g);
        if (us >= 15000)
            looks += sleep_us(g) >= 999;
    }
    assert_in_range(looks, 4, 11);
    raw_nvs(g, &init, sizeof(init), 1);
    atomic_fetch_or(&page->group[0].pending, 1u);
    for (unsigned us = 0; us < 1001 && atomic_load(&page->group[0].pending); us++)
        raw_step(g);
    raw_expect(g, &pkt);
    assert_in_range(sleep_us(g), 0, 100); /* awake, and as attentive as said */
    raw_guest_destroy(g);
}

static void guest_is_interrupted_only_from_empty_and_unmasked(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);
    struct raw_packet pkt;
    uint64_t before;

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    while (g->t.ops->irq_take(g->t.ctx) == 0) {
    }
    before = raw_stat(g, interrupts);

    raw_port_send(g, 60, NULL);
    raw_port_send(g, 60, NULL);
    raw_step(g);
    assert_int_equal(raw_stat(g, interrupts), before + 1); /* one for both */
    assert_int_equal(g->t.ops->irq_take(g->t.ctx), 0);
    assert_int_equal(g->t.ops->irq_take(g->t.ctx), -EAGAIN);

    raw_port_send(g, 60, NULL);
    raw_step(g);
    assert_int_equal(raw_stat(g, interrupts), before + 1); /* not empty: still draining */

    while (raw_take(g, &pkt)) {
    }
    atomic_store(&g->rx_ctl->interrupt_mask, 1);
    raw_port_send(g, 60, NULL);
    raw_step(g);
    assert_int_equal(raw_stat(g, interrupts), before + 1); /* masked */
    assert_int_equal(g->t.ops->irq_take(g->t.ctx), -EAGAIN);
    raw_guest_destroy(g);
}

static void disabled_interrupts_wait_until_enabled(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);

    (void)state;
    raw_bring_up(g);
    while (g->t.ops->irq_take(g->t.ctx) == 0) {
    }
    g->t.ops->irq_enable(g->t.ctx, false);
    raw_port_send(g, 60, NULL);
    raw_step(g);
    assert_int_equal(g->t.ops->irq_take(g->t.ctx), -EAGAIN);
    g->t.ops->irq_enable(g->t.ctx, true);
    assert_int_equal(g->t.ops->irq_take(g->t.ctx), 0);
    raw_guest_destroy(g);
}

/* ---- room ------------------------------------------------------------------------------- */

static void guest_waiting_for_room_is_told_once_it_has_it(void **state)
{
    const struct hvhost_nic_config config = {.ring_bytes = 16384};
    struct raw_guest *g = raw_guest_create(&config);
    uint8_t msg[256];
    uint32_t bytes = raw_frame_message(msg, 60, 0);
    struct raw_packet pkt;
    uint64_t before;

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    atomic_store(&g->rx_ctl->interrupt_mask, 1); /* has no say in this */
    before = raw_stat(g, interrupts);
    for (unsigned i = 0; i < 40; i++)
        raw_section_send(g, 0, msg, bytes); /* 1536 of 4096 bytes left */
    atomic_store(&g->tx_ctl->pending_send_size, 2000);
    raw_step(g);
    assert_int_equal(raw_stat(g, interrupts), before + 1);
    while (raw_take(g, &pkt)) {
    }

    raw_section_send(g, 0, msg, bytes);
    raw_step(g); /* there was room enough before: not again */
    assert_int_equal(raw_stat(g, interrupts), before + 1);
    atomic_store(&g->tx_ctl->pending_send_size, 4096);
    raw_section_send(g, 0, msg, bytes);
    raw_step(g); /* as much as there is: it can never be */
    assert_int_equal(raw_stat(g, interrupts), before + 1);
    atomic_store(&g->tx_ctl->pending_send_size, 4095);
    raw_section_send(g, 0, msg, bytes);
    raw_step(g); /* "tell me when it is empty" */
    assert_int_equal(raw_stat(g, interrupts), before + 2);
    assert_int_equal(g->port_frames, 43);
    raw_guest_destroy(g);
}

/* Frames gathered before answers are written must find the room they were promised. */
static void frames_gathered_keep_their_room(void **state)
{
    const struct hvhost_nic_config config = {.ring_bytes = 16384, .batch_frames = 64};
    const struct rndis_simple alive = {RNDIS_MSG_KEEPALIVE, 12, 1};
    struct raw_guest *g = raw_guest_create(&config);
    struct raw_packet pkt;
    unsigned frames = 0;
    uint8_t msg[256];
    uint32_t bytes = raw_frame_message(msg, 60, 0);

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    for (unsigned i = 0; i < 63; i++)
        raw_port_send(g, 60, NULL); /* 576 bytes of ring, once they are shown */
    for (unsigned i = 0; i < 53; i++)
        raw_section_send(g, 0, msg, bytes);     /* 64 bytes each */
    raw_control_send(g, &alive, sizeof(alive)); /* 144 bytes */
    raw_step(g);
    while (raw_take(g, &pkt)) {
        if (pkt.desc.type == VMBUS_PKT_XFER_PAGES)
            frames += (pkt.header_bytes - 8) / 8;
    }
    assert_true(frames >= 63);
    raw_guest_destroy(g);
}

static void host_without_room_for_answers_asks_and_waits(void **state)
{
    const struct hvhost_nic_config config = {.ring_bytes = 16384};
    struct raw_guest *g = raw_guest_create(&config);
    unsigned sent, answered = 0;
    uint8_t msg[256];
    uint32_t bytes = raw_frame_message(msg, 60, 0);
    struct raw_packet pkt;

    (void)state;
    raw_bring_up(g);
    /* Many requests, no answer taken, until the host stops taking requests. */
    for (sent = 0; free_bytes(g) > 64 + 8; sent++) {
        raw_section_send(g, 0, msg, bytes);
        raw_step(g);
    }
    assert_true(g->port_frames < sent);
    assert_true(atomic_load(&g->rx_ctl->pending_send_size) != 0);
    assert_true(hvhost_next_deadline(g->host, g->now_ns) == UINT64_MAX);

    /* A guest that does not tell of the room it made waits for ever. */
    g->mute = true;
    while (raw_take(g, &pkt))
        answered++;
    raw_step(g);
    assert_false(raw_take(g, &pkt));
    assert_int_equal(answered, g->port_frames);

    g->t.ops->signal(g->t.ctx, g->t.primary.relid);
    g->mute = false;
    for (unsigned i = 0; i < 100; i++) {
        raw_step(g);
        while (raw_take(g, &pkt))
            answered++;
    }
    assert_int_equal(answered, sent);
    assert_int_equal(g->port_frames, sent);
    assert_int_equal(atomic_load(&g->rx_ctl->pending_send_size), 0);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

static void one_step_takes_a_bounded_number_of_packets(void **state)
{
    const struct hvhost_nic_config config = {.ring_bytes = 256 * 1024};
    struct raw_guest *g = raw_guest_create(&config);
    uint8_t msg[256];
    uint32_t bytes = raw_frame_message(msg, 60, 0);

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    for (unsigned i = 0; i < 1000; i++)
        raw_section_send(g, 0, msg, bytes);
    raw_step(g);
    assert_int_equal(g->port_frames, 256);
    assert_int_equal(hvhost_next_deadline(g->host, g->now_ns), 0); /* and knows there is more */
    for (unsigned i = 0; i < 3; i++)
        raw_step(g);
    assert_int_equal(g->port_frames, 1000);
    raw_check_strict(g, NULL);
    raw_guest_destroy(g);
}

/* ---- corruption ------------------------------------------------------------------------- */

/* A good packet, which must not be served because of the index (from its start) that announces it.
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
        cmocka_unit_test(packets_wrap_at_every_position),
        cmocka_unit_test(golden_packet_wraps_and_an_exact_fit_is_refused),
        cmocka_unit_test(sleeping_host_does_not_look_until_rung),
        cmocka_unit_test(polling_host_needs_no_doorbell),
        cmocka_unit_test(monitor_bit_is_seen_with_the_configured_latency),
        cmocka_unit_test(an_idle_monitor_page_is_looked_at_more_seldom),
        cmocka_unit_test(guest_is_interrupted_only_from_empty_and_unmasked),
        cmocka_unit_test(disabled_interrupts_wait_until_enabled),
        cmocka_unit_test(guest_waiting_for_room_is_told_once_it_has_it),
        cmocka_unit_test(frames_gathered_keep_their_room),
        cmocka_unit_test(host_without_room_for_answers_asks_and_waits),
        cmocka_unit_test(one_step_takes_a_bounded_number_of_packets),
        cmocka_unit_test(corrupt_rings_are_given_up_and_survived),
        cmocka_unit_test(random_packets_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
