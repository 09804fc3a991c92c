/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Received frames of every size: over several pbufs, by copy and without, up to what the host can
 * lend and beyond what lwIP can say; and VLAN tags bit for bit.
 */
#include <string.h>

#include "lwip_bench.h"
#include "netif_wire.h"

#define FRAME_MAX 65536u
#define POOL_BYTES 2048u

static uint8_t frame[FRAME_MAX], got[FRAME_MAX];
static uint32_t got_bytes, got_pieces;

static err_t on_input(struct pbuf *p, struct netif *netif)
{
    (void)netif;
    got_pieces = pbuf_clen(p);
    got_bytes = pbuf_copy_partial(p, got, sizeof(got) - 1, 0);
    pbuf_free(p);
    return ERR_OK;
}

static void setup(uint32_t mtu_bytes, bool copy)
{
    stack_config.mtu_bytes = mtu_bytes;
    stack_config.rx_copybreak_bytes = copy ? NETVSC_RX_COPY_ALL : 0;
    stack_card_config.mtu_max_bytes = mtu_bytes;
    stack_card_config.recv_buf_bytes = 4u << 20;
    stack_setup(16);
    stack.nif.netif.input = on_input;
    memcpy(frame, stack_card_mac, 6);
    memcpy(frame + 6, stack_far_mac, 6);
    frame[12] = 0x88;
    frame[13] = 0xb5;
    for (uint32_t i = 14; i < FRAME_MAX; i++)
        frame[i] = (uint8_t)(i * 7 + i / 251);
}

static void send(uint32_t bytes, uint16_t tci, bool has_tci)
{
    const struct hvhost_frame out = {
        .data = frame, .len_bytes = bytes, .tci = tci, .has_tci = has_tci};

    got_bytes = 0;
    hvhost_port_send(stack.port, &out);
    stack_turn(2);
}

static void check(uint32_t bytes, bool copy)
{
    uint32_t pieces = copy ? (bytes + POOL_BYTES - 1) / POOL_BYTES : 2;

    send(bytes, 0, false);
    assert_int_equal(got_bytes, bytes);
    assert_memory_equal(got, frame, bytes);
    if (copy || bytes > 256)
        assert_int_equal(got_pieces, pieces);
}

static void frames_of_every_size_arrive_in_chains(void **state)
{
    static const uint32_t sizes[] = {61,   256,  257,  1514, 2047,  2048,  2049,
                                     4096, 4097, 9014, 9216, 32768, 65534, 65535};

    (void)state;
    for (unsigned copy = 0; copy < 2; copy++) {
        setup(65521, copy);
        for (uint32_t bytes = 14; bytes <= 64; bytes++)
            check(bytes, copy);
        for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
            check(sizes[i], copy);
        assert_int_equal(stack.nif.stats.rx_input, 51 + 14);
        stack_teardown();
    }
}

static void jumbo_frames_are_as_long_as_the_host_grants(void **state)
{
    struct hvhost_nic_stats host;

    (void)state;
    setup(9000, true);
    check(9014, true);
    send(9015, 0, false);
    hvhost_nic_stats(stack.card, &host);
    assert_int_equal(host.rx_drop_size, 1);
    stack_teardown();
}

/* 65,535 bytes and the tag lwIP wants to see: more than a chain can say. Counted, never cut. */
static void a_frame_above_the_stack_is_counted(void **state)
{
    (void)state;
    setup(65521, false);
    send(65531, 1, true);
    assert_int_equal(got_bytes, 65535);
    send(65532, 1, true);
    send(65535, 1, true);
    assert_int_equal(got_bytes, 0);
    assert_int_equal(stack.nif.stats.rx_above_stack, 2);
    stack_teardown();
}

/* The driver below lwIP hands up 65,536 bytes; 0, 13 and 65,537 it drops under their own name. */
static void the_driver_takes_up_to_65536_bytes(void **state)
{
    const struct wire_options options = {
        .recv_section_bytes = 65700, .recv_sections = 8, .mtu_bytes = 65521};
    static const struct {
        uint32_t bytes;
        bool taken;
    } rows[] = {{0, false}, {13, false}, {14, true}, {65535, true}, {65536, true}, {65537, false}};
    unsigned taken = 0, dropped = 0;
    struct wire w;

    (void)state;
    wire_up(&w, &options);
    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        wire_deliver(&w, i, rows[i].bytes, (uint8_t)i);
        wire_poll(&w);
        *(rows[i].taken ? &taken : &dropped) += 1;
        assert_int_equal(w.rx_count, taken);
        assert_int_equal(wire_stats(&w).rx_drop_size, dropped);
        if (rows[i].taken)
            assert_int_equal(w.frames[taken - 1].frame.len_bytes, rows[i].bytes);
    }
    wire_close(&w);
}

static void a_vlan_tag_arrives_bit_for_bit(void **state)
{
    static const uint16_t vids[] = {1, 2, 100, 0x555, 0xAAA, 4094, 4095};

    (void)state;
    for (unsigned copy = 0; copy < 2; copy++) {
        setup(1500, copy);
        for (unsigned i = 0; i < 16 * 7; i++) {
            uint16_t tci = (uint16_t)(i / 7 << 12 | vids[i % 7]);

            send(600, tci, true);
            assert_int_equal(got_bytes, 604);
            assert_memory_equal(got, frame, 12);
            assert_int_equal(got[12] << 8 | got[13], 0x8100);
            assert_int_equal(got[14] << 8 | got[15], tci);
            assert_memory_equal(got + 16, frame + 12, 588);
        }
        send(600, 0xF000, true); /* VLAN 0: only a priority */
        assert_int_equal(got_bytes, 600);
        stack_teardown();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_every_size_arrive_in_chains),
        cmocka_unit_test(jumbo_frames_are_as_long_as_the_host_grants),
        cmocka_unit_test(a_frame_above_the_stack_is_counted),
        cmocka_unit_test(the_driver_takes_up_to_65536_bytes),
        cmocka_unit_test(a_vlan_tag_arrives_bit_for_bit),
    };

    return cmocka_run_group_tests(tests, stack_start, NULL);
}
