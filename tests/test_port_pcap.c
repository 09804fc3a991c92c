/* SPDX-License-Identifier: BSD-3-Clause */
#include "check.h"
#include "port_pcap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/nvt-port-pcap-XXXXXX";

static int make_file(void **state)
{
    const int fd = mkstemp(path);

    (void)state;
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static size_t read_file(uint8_t *out, size_t max)
{
    FILE *file = fopen(path, "rb");
    size_t got;

    assert_non_null(file);
    got = fread(out, 1, max, file);
    fclose(file);
    return got;
}

static uint8_t frame_bytes[15] = {
    0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00, 0xee,
};

/* The file as the pcapng draft lays it out, on a little-endian machine. */
static void a_capture_is_pcapng_byte_for_byte(void **state)
{
    /* clang-format off */
    static const uint8_t expected[] = {
        /* section header: type, length, magic, version 1.0, length unknown */
        0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 28, 0, 0, 0,
        /* interface: Ethernet, no snap length, if_name "eth7x", if_tsresol 9, end */
        1, 0, 0, 0, 44, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
        2, 0, 5, 0, 'e', 't', 'h', '7', 'x', 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0,
        44, 0, 0, 0,
        /* packet: interface 0, time, captured, original, data and padding, outbound, end */
        6, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 0x44, 0x33, 0x22, 0x11, 0x88, 0x77, 0x66, 0x55,
        15, 0, 0, 0, 15, 0, 0, 0,
        0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x08, 0x00, 0xee, 0,
        2, 0, 4, 0, 2, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0,
    };
    /* clang-format on */
    const struct port_pcap_frame frame = {
        .data = frame_bytes,
        .len_bytes = sizeof(frame_bytes),
        .wall_ns = UINT64_C(0x1122334455667788),
        .sent = true,
    };
    struct port_pcap *pcap;
    uint8_t got[512];

    (void)state;
    assert_int_equal(port_pcap_open(path, "eth7x", &pcap), 0);
    port_pcap_write(pcap, &frame);
    assert_int_equal(port_pcap_frames(pcap), 1);
    assert_int_equal(port_pcap_close(pcap), 0);
    assert_int_equal(read_file(got, sizeof(got)), sizeof(expected));
    assert_memory_equal(got, expected, sizeof(expected));
}

static void a_tag_beside_the_frame_is_put_back_inside(void **state)
{
    /* clang-format off */
    static const uint8_t tagged[] = {
        0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x81, 0x00, 0xa1, 0x23, 0x08, 0x00, 0xee, 0,
        /* inbound */
        2, 0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0,
    };
    /* clang-format on */
    const struct port_pcap_frame frame = {
        .data = frame_bytes,
        .len_bytes = sizeof(frame_bytes),
        .tci = 0xa123,
        .has_tci = true,
    };
    struct port_pcap *pcap;
    uint8_t got[512];
    size_t len;

    (void)state;
    assert_int_equal(port_pcap_open(path, "a", &pcap), 0);
    port_pcap_write(pcap, &frame);
    assert_int_equal(port_pcap_close(pcap), 0);
    len = read_file(got, sizeof(got));
    assert_true(len > 36);
    assert_memory_equal(got + len - 4 - sizeof(tagged), tagged, sizeof(tagged));
    assert_int_equal(got[len - 4 - sizeof(tagged) - 8], 19); /* captured length counts the tag */
}

static void what_is_too_short_for_ethernet_is_skipped(void **state)
{
    const struct port_pcap_frame frame = {.data = frame_bytes, .len_bytes = 13};
    struct port_pcap *pcap;

    (void)state;
    assert_int_equal(port_pcap_open(path, "a", &pcap), 0);
    port_pcap_write(pcap, &frame);
    assert_int_equal(port_pcap_frames(pcap), 0);
    assert_int_equal(port_pcap_close(pcap), 0);
}

static void a_flushed_frame_can_be_read_while_the_capture_goes_on(void **state)
{
    const struct port_pcap_frame frame = {.data = frame_bytes, .len_bytes = sizeof(frame_bytes)};
    struct port_pcap *pcap;
    uint8_t got[512];

    (void)state;
    assert_int_equal(port_pcap_open(path, "a", &pcap), 0);
    port_pcap_write(pcap, &frame);
    assert_int_equal(read_file(got, sizeof(got)), 0);
    port_pcap_flush(pcap);
    assert_in_range(read_file(got, sizeof(got)), 100, 200);
    assert_int_equal(port_pcap_close(pcap), 0);
}

static void a_file_that_cannot_be_made_is_an_error(void **state)
{
    struct port_pcap *pcap = NULL;

    (void)state;
    assert_int_equal(port_pcap_open("/nonexistent/x.pcapng", "a", &pcap), -ENOENT);
    assert_null(pcap);
}

static void a_full_disk_ends_the_capture_and_nothing_else(void **state)
{
    const struct port_pcap_frame frame = {.data = frame_bytes, .len_bytes = sizeof(frame_bytes)};
    struct port_pcap *pcap;

    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    assert_int_equal(port_pcap_open("/dev/full", "a", &pcap), 0);
    port_pcap_write(pcap, &frame);
    port_pcap_flush(pcap);
    port_pcap_write(pcap, &frame);
    assert_int_equal(port_pcap_frames(pcap), 1); /* the second was not even tried */
    assert_int_equal(port_pcap_close(pcap), -ENOSPC);
}

static void closing_nothing_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(port_pcap_close(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_capture_is_pcapng_byte_for_byte),
        cmocka_unit_test(a_tag_beside_the_frame_is_put_back_inside),
        cmocka_unit_test(what_is_too_short_for_ethernet_is_skipped),
        cmocka_unit_test(a_flushed_frame_can_be_read_while_the_capture_goes_on),
        cmocka_unit_test(a_file_that_cannot_be_made_is_an_error),
        cmocka_unit_test(a_full_disk_ends_the_capture_and_nothing_else),
        cmocka_unit_test(closing_nothing_is_allowed),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
