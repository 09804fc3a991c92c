/* SPDX-License-Identifier: BSD-3-Clause */
/* The host's end of the rings: wrap-around, and running full. */
#include <errno.h>

#include "hex.h"
#include "hvh_ring_words.h"
#include "hvh_var.h"
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

/* Where it may be made in place it is; around the end, and without room, nothing has happened. */
static void packet_made_in_place_is_the_one_that_is_put(void **state)
{
    static _Alignas(4096) uint8_t memory[2][2 * (4096 + 8192)];
    struct hvh_ring_out made, put;
    struct hvh_ring_in in;
    struct hvh_send pkt;
    unsigned in_place = 0;

    (void)state;
    for (uint32_t at = 0; at < 8192; at += 8) {
        const struct vmbus_region a = {memory[0], sizeof(memory[0])};
        const struct vmbus_region b = {memory[1], sizeof(memory[1])};
        uint8_t *body;

        assert_int_equal(hvh_ring_attach(&a, &in, &made), 0);
        assert_int_equal(hvh_ring_attach(&b, &in, &put), 0);
        made.write = put.write = at;
        atomic_store(&made.ctl->read_index, at);
        atomic_store(&put.ctl->read_index, at);
        hvh_send_init(&pkt, VMBUS_PKT_COMPLETION, at + 1, 8, 16);
        memset(pkt.body, 0x5A, 24);
        assert_int_equal(hvh_ring_put(&put, &pkt), 0);
        body = hvh_ring_make(&made, hvh_first_word(VMBUS_PKT_COMPLETION, 8, 16, 0), at + 1);
        if (!body) {
            assert_int_equal(made.write, at);
            continue;
        }
        in_place++;
        memset(body, 0x5A, 24);
        assert_int_equal(made.write, put.write);
        assert_memory_equal(made.data + at, put.data + at, 48);
        made.read = (made.write + 48) % 8192; /* 8 of these stay free */
        atomic_store(&made.ctl->read_index, made.read);
        assert_null(hvh_ring_make(&made, hvh_first_word(VMBUS_PKT_COMPLETION, 8, 16, 0), at + 1));
    }
    assert_int_equal(in_place, (8192 - 48) / 8);
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

/* ---- the packet after this one --------------------------------------------------------------- */

/* A packet of 32 bytes with its trailer, at (at) of the first ring. */
static void put_bare(uint8_t *base, uint32_t at, uint64_t xid)
{
    const struct vmbus_pkt_desc desc = {
        .type = VMBUS_PKT_INBAND, .header_qwords = 2, .total_qwords = 3, .xid = xid};

    memcpy(base + VMBUS_PAGE_BYTES + at, &desc, sizeof(desc));
}

static void what_comes_next_is_shown_if_it_is_there_and_in_one_piece(void **state)
{
    static _Alignas(4096) uint8_t memory[4 * VMBUS_PAGE_BYTES];
    const struct vmbus_region rings = {memory, sizeof(memory)};
    struct vmbus_ring_ctl *ctl = (void *)memory;
    const uint32_t last = VMBUS_PAGE_BYTES - 16; /* half of a packet's place before the end */
    struct vmbus_pkt_desc next;
    struct hvh_ring_in in;
    struct hvh_ring_out out;
    static struct hvh_packet pkt;

    (void)state;
    hvh_rings_init(&rings);
    assert_int_equal(hvh_ring_attach(&rings, &in, &out), 0);
    put_bare(memory, 0, 1);
    put_bare(memory, 32, 2);
    atomic_store(&ctl->write_index, 64);
    assert_false(hvh_ring_ahead(&in, &next, sizeof(next))); /* nobody has looked yet */
    assert_int_equal(hvh_ring_take(&in, &pkt), 1);
    assert_true(hvh_ring_ahead(&in, &next, sizeof(next)));
    assert_int_equal(next.xid, 2);
    assert_int_equal(in.read, 32); /* and it is still there to be taken */
    assert_false(hvh_ring_ahead(&in, &next, 40));
    assert_int_equal(hvh_ring_take(&in, &pkt), 1);
    assert_int_equal(pkt.desc.xid, 2);
    assert_false(hvh_ring_ahead(&in, &next, sizeof(next)));
    in.read = last;
    in.seen = 16;
    assert_true(hvh_ring_ahead(&in, &next, 16));
    assert_false(hvh_ring_ahead(&in, &next, 24)); /* goes around the end */
}

static void ring_taken_over_where_it_stands_is_empty(void **state)
{
    static _Alignas(4096) uint8_t memory[2 * 2 * VMBUS_PAGE_BYTES];
    const struct vmbus_region rings = {memory, sizeof(memory)};
    struct vmbus_ring_ctl *ctl = (void *)memory;
    static struct hvh_packet pkt;
    struct hvh_ring_out out;
    struct hvh_ring_in in;

    (void)state;
    hvh_rings_init(&rings);
    atomic_store(&ctl->read_index, 64);
    atomic_store(&ctl->write_index, 64);
    assert_int_equal(hvh_ring_attach(&rings, &in, &out), 0);
    assert_int_equal(hvh_ring_take(&in, &pkt), 0);
    put_bare(memory, 64, 3);
    atomic_store(&ctl->write_index, 96);
    assert_int_equal(hvh_ring_take(&in, &pkt), 1);
    assert_int_equal(pkt.desc.xid, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_wrap_at_every_position),
        cmocka_unit_test(golden_packet_wraps_and_an_exact_fit_is_refused),
        cmocka_unit_test(packet_made_in_place_is_the_one_that_is_put),
        cmocka_unit_test(guest_waiting_for_room_is_told_once_it_has_it),
        cmocka_unit_test(frames_gathered_keep_their_room),
        cmocka_unit_test(host_without_room_for_answers_asks_and_waits),
        cmocka_unit_test(one_step_takes_a_bounded_number_of_packets),
        cmocka_unit_test(what_comes_next_is_shown_if_it_is_there_and_in_one_piece),
        cmocka_unit_test(ring_taken_over_where_it_stands_is_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
