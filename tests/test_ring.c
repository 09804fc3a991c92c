/* SPDX-License-Identifier: BSD-3-Clause */
/* What a ring carries: every position, every fit, and the bytes of the protocol reference. */
#include <stdio.h>

#include "ring_fixture.h"

#define SIZE 8192u /* data area of three pages */

static struct ring_fixture f;

#define with_ring(test) with_ring_fixture(test, &f)

static uint64_t word_at(uint32_t at)
{
    uint64_t word;
    memcpy(&word, f.data + at % SIZE, sizeof(word));
    return word;
}

/* ---- positions ------------------------------------------------------------------------------- */

static void packets_of_every_size_survive_every_start_offset(void **state)
{
    static const uint32_t sizes[] = {0, 1, 7, 8, 40, 61, 1514, VMBUS_PKT_BYTES_MAX - 16};

    (void)state;
    for (uint32_t start = 0; start < SIZE; start += 8) {
        for (size_t i = 0; i < countof(sizes); i++) {
            uint32_t end = (start + 16 + (sizes[i] + 7) / 8 * 8) % SIZE;
            ring_fixture_restart(&f, start);
            assert_int_equal(ring_fixture_send(&f, sizes[i], (uint8_t)i), 0);
            vmbus_tx_publish(&f.tx);
            assert_int_equal(word_at(end), (uint64_t)start << 32);
            assert_int_equal(atomic_load(&f.ctl->write_index), (end + 8) % SIZE);
            ring_fixture_expect(&f, sizes[i], (uint8_t)i);
            vmbus_rx_publish(&f.rx);
            assert_int_equal(atomic_load(&f.ctl->read_index), (end + 8) % SIZE);
            assert_int_equal(word_at(end + 8), 0xEEEEEEEEEEEEEEEEu); /* nothing behind it touched */
        }
    }
}

static void headers_wrap_like_payloads(void **state)
{
    uint8_t header[48];
    const struct vmbus_send pkt = {.type = VMBUS_PKT_GPA_DIRECT,
                                   .wants_completion = true,
                                   .xid = 9,
                                   .header = header,
                                   .header_bytes = sizeof(header),
                                   .payload = "payload",
                                   .payload_bytes = 7};
    struct vmbus_rx_view view = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(header); i++)
        header[i] = (uint8_t)(i + 1);
    for (uint32_t start = SIZE - 96; start < SIZE; start += 8) {
        ring_fixture_restart(&f, start);
        vmbus_tx_write(&f.tx, &pkt);
        vmbus_tx_publish(&f.tx);
        assert_int_equal(vmbus_rx_peek(&f.rx, &view), 1);
        assert_int_equal(view.header_bytes, 64);
        assert_int_equal(view.desc.flags, VMBUS_PKT_FLAG_COMPLETION);
        assert_memory_equal(view.bytes + 16, header, sizeof(header));
        assert_memory_equal(view.bytes + 64, "payload\0", 8);
    }
}

static void packet_in_one_piece_is_read_in_place(void **state)
{
    struct vmbus_rx_view view = {0};

    (void)state;
    ring_fixture_restart(&f, SIZE - 32); /* 24 bytes and the trailer: ends exactly at the end */
    ring_fixture_send(&f, 8, 1);
    vmbus_tx_publish(&f.tx);
    assert_int_equal(vmbus_rx_peek(&f.rx, &view), 1);
    assert_ptr_equal(view.bytes, f.data + SIZE - 32);
    vmbus_rx_consume(&f.rx, &view);
    assert_int_equal(f.rx.read, 0);
}

static void only_the_trailer_beyond_the_end_needs_no_bounce(void **state)
{
    struct vmbus_rx_view view = {0};

    (void)state;
    ring_fixture_restart(&f, SIZE - 24);
    ring_fixture_send(&f, 8, 1);
    vmbus_tx_publish(&f.tx);
    assert_int_equal(vmbus_rx_peek(&f.rx, &view), 1);
    assert_ptr_equal(view.bytes, f.data + SIZE - 24);
    vmbus_rx_consume(&f.rx, &view);
    assert_int_equal(f.rx.read, 8);
}

/* The promise of vmbus_chan_recv(): pointers stay good until the batch is given back. */
static void wrapped_packet_stays_readable_until_publication(void **state)
{
    struct vmbus_rx_view first = {0};
    struct vmbus_rx_view later = {0};

    (void)state;
    ring_fixture_restart(&f, SIZE - 2000);
    for (uint8_t i = 0; i < 4; i++)
        assert_int_equal(ring_fixture_send(&f, 1800, i), 0); /* the second one wraps */
    vmbus_tx_publish(&f.tx);
    ring_fixture_expect(&f, 1800, 0);
    assert_int_equal(vmbus_rx_peek(&f.rx, &first), 1);
    assert_ptr_equal(first.bytes, f.bounce);
    vmbus_rx_consume(&f.rx, &first);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(vmbus_rx_peek(&f.rx, &later), 1);
        assert_ptr_not_equal(later.bytes, f.bounce);
        vmbus_rx_consume(&f.rx, &later);
    }
    for (uint32_t i = 0; i < 1800; i++)
        assert_int_equal(first.bytes[16 + i], ring_fixture_byte(1, i));
}

/* ---- room ------------------------------------------------------------------------------------ */

/* An exact fit must be refused, or a full ring would look like an empty one. */
static void full_ring_refuses_exact_fit_and_leaves_no_trace(void **state)
{
    (void)state;
    assert_int_equal(ring_fixture_send(&f, 4096, 0), 0);
    /* 8192 - 4120 = 4072 free: 16 + 4048 + 8 would be all of it. */
    assert_int_equal(vmbus_tx_free(&f.tx), 4072);
    assert_int_equal(ring_fixture_send(&f, 4048, 0), -EAGAIN);
    assert_int_equal(f.tx.write, 4120);
    assert_int_equal(word_at(4120), 0xEEEEEEEEEEEEEEEEu);
    assert_int_equal(ring_fixture_send(&f, 4040, 0), 0);
    assert_int_equal(vmbus_tx_free(&f.tx), 8);
    assert_int_equal(ring_fixture_send(&f, 0, 0), -EAGAIN);
}

static void room_appears_when_the_consumer_publishes(void **state)
{
    (void)state;
    while (ring_fixture_send(&f, 1000, 3) == 0) {
    }
    vmbus_tx_publish(&f.tx);
    ring_fixture_expect(&f, 1000, 3);
    assert_int_equal(ring_fixture_send(&f, 1000, 3), -EAGAIN); /* consumed, not published */
    vmbus_rx_publish(&f.rx);
    assert_int_equal(ring_fixture_send(&f, 1000, 3), 0);
}

static void reservation_keeps_back_what_it_is_told_to(void **state)
{
    (void)state;
    assert_int_equal(vmbus_tx_reserve(&f.tx, 4096, 4096), -EAGAIN);
    assert_int_equal(vmbus_tx_reserve(&f.tx, 4096, 4088), 0);
}

static void unpublished_packets_are_invisible(void **state)
{
    struct vmbus_rx_view view = {0};

    (void)state;
    assert_int_equal(vmbus_rx_peek(&f.rx, &view), 0);
    ring_fixture_send(&f, 40, 1);
    ring_fixture_send(&f, 40, 2);
    assert_int_equal(vmbus_rx_peek(&f.rx, &view), 0);
    vmbus_tx_publish(&f.tx);
    ring_fixture_expect(&f, 40, 1);
    ring_fixture_expect(&f, 40, 2);
    assert_int_equal(vmbus_rx_peek(&f.rx, &view), 0);
}

static void peeking_takes_nothing(void **state)
{
    struct vmbus_rx_view view = {0};

    (void)state;
    ring_fixture_send(&f, 40, 1);
    vmbus_tx_publish(&f.tx);
    assert_int_equal(vmbus_rx_peek(&f.rx, &view), 1);
    assert_int_equal(vmbus_rx_peek(&f.rx, &view), 1);
    ring_fixture_expect(&f, 40, 1);
}

/* ---- golden vectors: hyperv-net.md section 10 ------------------------------------------------ */

/* Bytes out of hexadecimal text with blanks. */
static size_t unhex(const char *text, uint8_t *out)
{
    size_t count = 0;
    unsigned byte;
    int used;

    while (sscanf(text, "%2x%n", &byte, &used) == 1) {
        out[count++] = (uint8_t)byte;
        text += used;
    }
    return count;
}

static void expect_bytes(uint32_t at, const char *hex)
{
    uint8_t want[256];
    size_t count = unhex(hex, want);

    for (size_t i = 0; i < count; i++) {
        if (f.data[(at + i) % SIZE] != want[i])
            fail_msg("byte %zu: 0x%02x, not 0x%02x", i, f.data[(at + i) % SIZE], want[i]);
    }
}

static const char v7[] = "07 00 05 00 0a 00 01 00  14 00 00 00 00 00 00 00"
                         "fe ca 00 00 02 00 00 00  0e 07 00 00 18 8d 00 00"
                         "0e 07 00 00 26 94 00 00  6b 00 00 00 00 00 00 00"
                         "ff ff ff ff 00 00 00 00  00 00 00 00 00 00 00 00"
                         "00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00"
                         "00 00 00 00 00 00 00 00";

static void vector_v1_nvsp_init_in_band(void **state)
{
    static const uint32_t init[10] = {1, 0x00060001, 0x00060001};
    const struct vmbus_send pkt = {.type = VMBUS_PKT_INBAND,
                                   .wants_completion = true,
                                   .xid = 1,
                                   .payload = init,
                                   .payload_bytes = sizeof(init)};

    (void)state;
    vmbus_tx_write(&f.tx, &pkt);
    expect_bytes(0, "06 00 02 00 07 00 01 00  01 00 00 00 00 00 00 00"
                    "01 00 00 00 01 00 06 00  01 00 06 00 00 00 00 00"
                    "00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00"
                    "00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00");
    assert_int_equal(f.tx.write, 64);
}

static void vector_v7_transfer_pages_read(void **state)
{
    struct vmbus_xfer_header header;
    struct vmbus_xfer_range range[2];
    struct vmbus_rx_view view = {0};

    (void)state;
    size_t count = unhex(v7, f.data);
    atomic_store(&f.ctl->write_index, (uint32_t)count);
    assert_int_equal(vmbus_rx_peek(&f.rx, &view), 1);
    assert_int_equal(view.desc.type, VMBUS_PKT_XFER_PAGES);
    assert_int_equal(view.desc.xid, 20);
    assert_int_equal(view.header_bytes, 40);
    assert_int_equal(view.len_bytes, 80);
    memcpy(&header, view.bytes + 16, sizeof(header));
    memcpy(range, view.bytes + 24, sizeof(range));
    assert_int_equal(header.set_id, 0xCAFE);
    assert_int_equal(header.range_count, 2);
    assert_int_equal(range[0].len_bytes, 0x70E);
    assert_int_equal(range[0].off_bytes, 0x8D18);
    assert_int_equal(range[1].off_bytes, 0x9426);
    vmbus_rx_consume(&f.rx, &view);
    assert_int_equal(vmbus_rx_peek(&f.rx, &view), 0);
}

static void vector_v8_acknowledgements(void **state)
{
    static const uint32_t status[10] = {108, 1};
    struct vmbus_send pkt = {
        .type = VMBUS_PKT_COMPLETION, .xid = 20, .payload = status, .payload_bytes = 8};

    (void)state;
    vmbus_tx_write(&f.tx, &pkt);
    expect_bytes(0, "0b 00 02 00 03 00 00 00  14 00 00 00 00 00 00 00"
                    "6c 00 00 00 01 00 00 00  00 00 00 00 00 00 00 00");
    assert_int_equal(f.tx.write, VMBUS_CHAN_ACK_BYTES);
    pkt.payload_bytes = 40;
    vmbus_tx_write(&f.tx, &pkt);
    expect_bytes(32, "0b 00 02 00 07 00 00 00  14 00 00 00 00 00 00 00"
                     "6c 00 00 00 01 00 00 00  00 00 00 00 00 00 00 00"
                     "00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00"
                     "00 00 00 00 00 00 00 00  00 00 00 00 20 00 00 00");
}

static void vector_v9_gpa_direct(void **state)
{
    static const uint64_t pages[] = {0x200000000,   0x1000000004C, 0x1000,        0xFC40000003C,
                                     0x2345,        0x200000000,   0x1000000004C, 0x1000,
                                     0xF00000005DC, 0x2345,        0x2346};
    static const uint32_t rndis[10] = {107, 0, 0xFFFFFFFF};
    struct vmbus_send pkt = {.type = VMBUS_PKT_GPA_DIRECT,
                             .wants_completion = true,
                             .xid = 0x2B,
                             .header = pages,
                             .header_bytes = 40,
                             .payload = rndis,
                             .payload_bytes = sizeof(rndis)};

    (void)state;
    ring_fixture_restart(&f, 0x40);
    vmbus_tx_write(&f.tx, &pkt);
    expect_bytes(0x40, "09 00 07 00 0c 00 01 00  2b 00 00 00 00 00 00 00"
                       "00 00 00 00 02 00 00 00  4c 00 00 00 00 01 00 00"
                       "00 10 00 00 00 00 00 00  3c 00 00 00 c4 0f 00 00"
                       "45 23 00 00 00 00 00 00  6b 00 00 00 00 00 00 00"
                       "ff ff ff ff 00 00 00 00  00 00 00 00 00 00 00 00"
                       "00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00"
                       "00 00 00 00 40 00 00 00");
    ring_fixture_restart(&f, 0x40);
    pkt.xid = 0x2C;
    pkt.header = pages + 5;
    pkt.header_bytes = 48;
    vmbus_tx_write(&f.tx, &pkt);
    expect_bytes(0x40, "09 00 08 00 0d 00 01 00  2c 00 00 00 00 00 00 00"
                       "00 00 00 00 02 00 00 00  4c 00 00 00 00 01 00 00"
                       "00 10 00 00 00 00 00 00  dc 05 00 00 00 0f 00 00"
                       "45 23 00 00 00 00 00 00  46 23 00 00 00 00 00 00"
                       "6b 00 00 00 00 00 00 00  ff ff ff ff 00 00 00 00"
                       "00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00"
                       "00 00 00 00 00 00 00 00  00 00 00 00 40 00 00 00");
}

static void vector_v15_wrap_around(void **state)
{
    static const uint32_t status[2] = {108, 1};
    const struct vmbus_send pkt = {
        .type = VMBUS_PKT_COMPLETION, .xid = 20, .payload = status, .payload_bytes = 8};

    (void)state;
    atomic_store(&f.ctl->write_index, 8176);
    assert_int_equal(vmbus_tx_init(&f.tx, f.base, f.len_bytes), 0); /* read index 0 */
    assert_int_equal(vmbus_tx_free(&f.tx), 16);
    assert_int_equal(vmbus_tx_reserve(&f.tx, 32, 0), -EAGAIN);
    atomic_store(&f.ctl->read_index, 4096);
    assert_int_equal(vmbus_tx_reserve(&f.tx, 32, 0), 0);
    assert_int_equal(vmbus_tx_free(&f.tx), 4112);
    vmbus_tx_write(&f.tx, &pkt);
    vmbus_tx_publish(&f.tx);
    expect_bytes(8176, "0b 00 02 00 03 00 00 00  14 00 00 00 00 00 00 00"
                       "6c 00 00 00 01 00 00 00  00 00 00 00 f0 1f 00 00");
    assert_int_equal(atomic_load(&f.ctl->write_index), 16);
}

static void vector_v16_no_packet_fits_in_eight_free_bytes(void **state)
{
    struct ring_fixture big;

    (void)state;
    ring_fixture_setup(&big, (2093056 + 4096) / 4096, 16);
    assert_int_equal(big.tx.size_bytes, 2093056);
    atomic_store(&big.ctl->write_index, 8);
    assert_int_equal(vmbus_tx_init(&big.tx, big.base, big.len_bytes), 0);
    assert_int_equal(vmbus_tx_free(&big.tx), 8);
    assert_int_equal(vmbus_tx_reserve(&big.tx, 8, 0), -EAGAIN);
    ring_fixture_teardown(&big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_ring(packets_of_every_size_survive_every_start_offset),
        with_ring(headers_wrap_like_payloads),
        with_ring(packet_in_one_piece_is_read_in_place),
        with_ring(only_the_trailer_beyond_the_end_needs_no_bounce),
        with_ring(wrapped_packet_stays_readable_until_publication),
        with_ring(full_ring_refuses_exact_fit_and_leaves_no_trace),
        with_ring(room_appears_when_the_consumer_publishes),
        with_ring(reservation_keeps_back_what_it_is_told_to),
        with_ring(unpublished_packets_are_invisible),
        with_ring(peeking_takes_nothing),
        with_ring(vector_v1_nvsp_init_in_band),
        with_ring(vector_v7_transfer_pages_read),
        with_ring(vector_v8_acknowledgements),
        with_ring(vector_v9_gpa_direct),
        with_ring(vector_v15_wrap_around),
        with_ring(vector_v16_no_packet_fits_in_eight_free_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
