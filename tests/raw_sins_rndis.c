/* SPDX-License-Identifier: BSD-3-Clause */
/* RNDIS messages no guest sends: control, and frames. */
#include "raw_sins.h"

static void second_initialize(struct raw_guest *g)
{
    const struct rndis_initialize msg = {RNDIS_MSG_INITIALIZE, sizeof(msg), 8, 1, 0, 0x4000};

    raw_control_send(g, &msg, sizeof(msg));
}

static void query_with_info(struct raw_guest *g, uint32_t info_off, uint32_t info_bytes)
{
    const struct rndis_request msg = {.type = RNDIS_MSG_QUERY,
                                      .len_bytes = sizeof(msg),
                                      .request_id = 5,
                                      .oid = OID_PERMANENT_MAC,
                                      .info_off = info_off,
                                      .info_bytes = info_bytes};

    raw_control_send(g, &msg, sizeof(msg));
}

static void info_offset_zero(struct raw_guest *g)
{
    query_with_info(g, 0, 0);
}

static void info_past_the_end(struct raw_guest *g)
{
    query_with_info(g, 20, 4);
}

static void info_sum_wraps(struct raw_guest *g)
{
    query_with_info(g, 20, UINT32_MAX - 10);
}

static void info_offset_past_the_end(struct raw_guest *g)
{
    query_with_info(g, 5000, 4);
}

static void control_shorter_than_its_header(struct raw_guest *g)
{
    const struct rndis_simple msg = {RNDIS_MSG_KEEPALIVE, 8, 1};

    raw_control_send(g, &msg, sizeof(msg));
}

static void control_longer_than_sent(struct raw_guest *g)
{
    const struct rndis_simple msg = {RNDIS_MSG_KEEPALIVE, 4096, 1};

    raw_control_send(g, &msg, sizeof(msg));
}

static void control_without_header(struct raw_guest *g)
{
    const struct rndis_simple msg = {RNDIS_MSG_KEEPALIVE, 12, 1};

    raw_control_send(g, &msg, 8);
}

static void frame_by_control(struct raw_guest *g)
{
    uint8_t msg[128];

    raw_control_send(g, msg, raw_frame_message(msg, 60, 0));
}

static void set32(uint8_t *msg, size_t off, uint32_t value)
{
    memcpy(msg + off, &value, sizeof(value));
}

/* A frame of 60 bytes with one header word falsified. */
static void bad_frame(struct raw_guest *g, size_t off, uint32_t value)
{
    uint8_t msg[256] = {0};
    uint32_t bytes = raw_frame_message(msg, 60, 0);

    set32(msg, off, value);
    raw_section_send(g, 0, msg, bytes);
}

static void frame_type(struct raw_guest *g)
{
    bad_frame(g, 0, RNDIS_MSG_KEEPALIVE);
}

static void frame_longer_than_sent(struct raw_guest *g)
{
    bad_frame(g, 4, 105);
}

static void frame_much_longer_than_sent(struct raw_guest *g)
{
    bad_frame(g, 4, 112);
}

static void frame_of_no_bytes(struct raw_guest *g)
{
    bad_frame(g, 4, 0);
}

static void data_offset_past_the_end(struct raw_guest *g)
{
    bad_frame(g, 8, 200);
}

static void frame_shorter_than_its_header(struct raw_guest *g)
{
    bad_frame(g, 4, 43);
}

static void data_inside_the_header(struct raw_guest *g)
{
    bad_frame(g, 8, 32);
}

static void data_past_the_end(struct raw_guest *g)
{
    bad_frame(g, 12, 61);
}

static void data_sum_wraps(struct raw_guest *g)
{
    bad_frame(g, 12, UINT32_MAX - 8);
}

static void no_data(struct raw_guest *g)
{
    bad_frame(g, 12, 0);
}

static void out_of_band_data(struct raw_guest *g)
{
    bad_frame(g, 20, 4);
}

static void vc_handle(struct raw_guest *g)
{
    bad_frame(g, 36, 1);
}

/* A frame with one per-packet info element, spoilt. */
static void bad_ppi(struct raw_guest *g, size_t off, uint32_t value)
{
    uint8_t frame[128], msg[256] = {0};
    const struct rndis_ppi ppi = {RNDIS_PPI_BYTES, RNDIS_PPI_VLAN, RNDIS_PPI_DATA_OFF};

    raw_frame_message(frame, 60, 0);
    memcpy(msg, frame, 44);
    memcpy(msg + 44, &ppi, sizeof(ppi));
    memcpy(msg + 60, frame + 44, 60);
    set32(msg, 4, 120);
    set32(msg, 8, 52);
    set32(msg, 28, 36);
    set32(msg, 32, 16);
    set32(msg, off, value);
    raw_section_send(g, 0, msg, 120);
}

static void ppi_size_zero(struct raw_guest *g)
{
    bad_ppi(g, 44, 0);
}

static void ppi_size_past_the_end(struct raw_guest *g)
{
    bad_ppi(g, 44, 20);
}

static void ppi_data_elsewhere(struct raw_guest *g)
{
    bad_ppi(g, 52, 8);
}

static void ppi_over_the_frame(struct raw_guest *g)
{
    bad_ppi(g, 32, 20);
}

static void ppi_offset_unaligned(struct raw_guest *g)
{
    bad_ppi(g, 28, 38);
}

/* (count) VLAN elements of 16 bytes at (ppi_off) and the frame at (data_off) of a message. */
static void elements(struct raw_guest *g, unsigned count, uint32_t ppi_off, uint32_t data_off,
                     uint32_t len)
{
    const struct rndis_ppi ppi = {RNDIS_PPI_BYTES, RNDIS_PPI_VLAN, RNDIS_PPI_DATA_OFF};
    uint8_t frame[128], msg[1024] = {0};

    raw_frame_message(frame, 60, 0);
    memcpy(msg, frame, 44);
    for (unsigned i = 0; i < count; i++)
        memcpy(msg + 8 + ppi_off + 16 * i, &ppi, sizeof(ppi));
    memcpy(msg + 8 + data_off, frame + 44, 60);
    set32(msg, 4, len);
    set32(msg, 8, data_off);
    set32(msg, 28, ppi_off);
    set32(msg, 32, 16 * count);
    raw_section_send(g, 0, msg, len);
}

static void too_many_elements(struct raw_guest *g)
{
    elements(g, 20, 36, 36 + 320, 44 + 320 + 60);
}

static void elements_past_the_end(struct raw_guest *g)
{
    elements(g, 1, 96, 36, 112);
}

static void elements_at_an_odd_offset(struct raw_guest *g)
{
    elements(g, 1, 38, 60, 128);
}

static void checksum_of_no_packet(struct raw_guest *g)
{
    bad_ppi(g, 48, RNDIS_PPI_CSUM);
}

static void nine_messages(struct raw_guest *g)
{
    uint8_t msg[2048];
    uint32_t bytes = 0;

    for (unsigned i = 0; i < 9; i++)
        bytes += raw_frame_message(msg + bytes, 60, 0);
    raw_section_send(g, 0, msg, bytes);
}

static void first_message_unaligned(struct raw_guest *g)
{
    uint8_t msg[512];
    uint32_t bytes = raw_frame_message(msg, 61, 0);

    bytes += raw_frame_message(msg + bytes, 60, 0);
    raw_section_send(g, 0, msg, bytes);
}

const struct raw_sin raw_sins_rndis[] = {
    {"second INITIALIZE", "strict_rndis", .commit = second_initialize},
    {"info offset 0", "strict_rndis", .commit = info_offset_zero},
    {"info past the end", "strict_rndis", .commit = info_past_the_end},
    {"info offset and length wrap", "strict_rndis", .commit = info_sum_wraps},
    {"info offset past the end", "strict_rndis", .commit = info_offset_past_the_end},
    {"control message shorter than its header", "strict_rndis",
     .commit = control_shorter_than_its_header},
    {"control message longer than sent", "strict_rndis", .commit = control_longer_than_sent},
    {"control message of 8 bytes", "strict_rndis", .commit = control_without_header},
    {"PACKET as control message", "strict_rndis", .commit = frame_by_control},
    {"KEEPALIVE as data message", "strict_rndis", .commit = frame_type},
    {"PACKET longer than sent", "strict_rndis", .commit = frame_longer_than_sent},
    {"PACKET a multiple of 8 longer than sent", "strict_rndis",
     .commit = frame_much_longer_than_sent},
    {"PACKET of no bytes", "strict_rndis", .commit = frame_of_no_bytes},
    {"data offset past the end", "strict_rndis", .commit = data_offset_past_the_end},
    {"PACKET shorter than its header", "strict_rndis", .commit = frame_shorter_than_its_header},
    {"data inside the header", "strict_rndis", .commit = data_inside_the_header},
    {"data past the end", "strict_rndis", .commit = data_past_the_end},
    {"data length wraps", "strict_rndis", .commit = data_sum_wraps},
    {"no data", "strict_rndis", .commit = no_data},
    {"out-of-band data", "strict_rndis", .commit = out_of_band_data},
    {"VC handle", "strict_rndis", .commit = vc_handle},
    {"info element of size 0", "strict_rndis", .commit = ppi_size_zero},
    {"info element past the end", "strict_rndis", .commit = ppi_size_past_the_end},
    {"info element's data not at 12", "strict_rndis", .commit = ppi_data_elsewhere},
    {"info elements over the frame", "strict_rndis", .commit = ppi_over_the_frame},
    {"info elements unaligned", "strict_rndis", .commit = ppi_offset_unaligned},
    {"20 info elements", "strict_rndis", .commit = too_many_elements},
    {"info elements past the end", "strict_rndis", .commit = elements_past_the_end},
    {"info elements at offset 38", "strict_rndis", .commit = elements_at_an_odd_offset},
    {"checksum of what is no IP packet", "strict_offload", .commit = checksum_of_no_packet},
    {"nine messages in a packet", "strict_rndis", .commit = nine_messages, .gets_out = true},
    {"first of two messages not padded", "strict_rndis", .commit = first_message_unaligned},
    {0},
};
