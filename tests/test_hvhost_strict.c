/* SPDX-License-Identifier: BSD-3-Clause */
/* What a real host would punish: each rule broken once moves its counter and no other. */
#include "raw_guest.h"

struct row {
    const char *what;
    const char *counter;
    void (*sin)(struct raw_guest *g);
};

static void nvs_words(struct raw_guest *g, uint32_t type, uint32_t a, uint32_t b, uint16_t flags)
{
    const uint32_t msg[3] = {type, a, b};

    raw_nvs(g, msg, sizeof(msg), flags);
}

static void inband(struct raw_guest *g, uint16_t flags, const void *payload, uint32_t len)
{
    struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_INBAND, .flags = flags, .xid = ++g->xid};

    raw_packet(g, desc, NULL, 0, payload, len);
}

/* ---- NVSP ------------------------------------------------------------------------------- */

static void init_again(struct raw_guest *g)
{
    nvs_words(g, NVS_MSG_INIT, NVS_VERSION_61, NVS_VERSION_61, 1);
}

static void config_after_buffers(struct raw_guest *g)
{
    nvs_words(g, NVS_MSG_NDIS_CONFIG, 1514, 0, 0);
}

static void recv_buf_again(struct raw_guest *g)
{
    nvs_words(g, NVS_MSG_RECV_BUF, g->t.recv_gpadl, NVS_RECV_BUF_ID, 1);
}

static void send_buf_again(struct raw_guest *g)
{
    nvs_words(g, NVS_MSG_SEND_BUF, g->t.send_gpadl, NVS_SEND_BUF_ID, 1);
}

static void unknown_message(struct raw_guest *g)
{
    nvs_words(g, 99, 0, 0, 1);
}

static void short_message(struct raw_guest *g)
{
    const uint32_t msg[4] = {NVS_MSG_SWITCH_DATA_PATH};

    inband(g, 1, msg, sizeof(msg));
}

static void unknown_packet_type(struct raw_guest *g)
{
    struct vmbus_pkt_desc desc = {.type = 4};
    uint8_t payload[NVS_MSG_BYTES] = {0};

    raw_packet(g, desc, NULL, 0, payload, sizeof(payload));
}

static void unknown_channel_type(struct raw_guest *g)
{
    const struct nvs_rndis msg = {NVS_MSG_RNDIS, 2, NVS_SECTION_NONE, 0};

    raw_nvs(g, &msg, sizeof(msg), 1);
}

static void completion_of_another_type(struct raw_guest *g)
{
    struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_COMPLETION, .xid = 16};
    const uint32_t msg[2] = {NVS_MSG_RNDIS, 1};
    struct raw_packet pkt;

    raw_port_send(g, 60, NULL);
    raw_expect(g, &pkt);
    raw_packet(g, desc, NULL, 0, msg, sizeof(msg));
}

static void nvs_by_pages(struct raw_guest *g)
{
    const struct {
        struct vmbus_gpa_header head;
        struct vmbus_gpa_range range;
        uint64_t pfn;
    } ranges = {{0, 1}, {64, 0}, g->t.dma_pfn[0]};
    const uint32_t msg[10] = {NVS_MSG_SWITCH_DATA_PATH};
    struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_GPA_DIRECT, .flags = 1, .xid = ++g->xid};

    raw_packet(g, desc, &ranges, sizeof(ranges), msg, sizeof(msg));
}

/* ---- RNDIS ------------------------------------------------------------------------------ */

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

/* ---- memory ----------------------------------------------------------------------------- */

static void data_107(struct raw_guest *g, uint32_t section, uint32_t bytes)
{
    const struct nvs_rndis msg = {NVS_MSG_RNDIS, NVS_RNDIS_DATA, section, bytes};

    raw_nvs(g, &msg, sizeof(msg), 1);
}

static void section_past_the_buffer(struct raw_guest *g)
{
    data_107(g, 128 * 1024 / 6144, 6144);
}

static void section_number_overflows(struct raw_guest *g)
{
    data_107(g, 0xFFFFFFFEu, 100);
}

static void more_than_a_section(struct raw_guest *g)
{
    data_107(g, 0, 6145);
}

struct one_range {
    struct vmbus_gpa_header head;
    struct vmbus_gpa_range range;
    uint64_t pfn[2];
};

static void gpa(struct raw_guest *g, const struct one_range *ranges, uint32_t header_bytes)
{
    const struct nvs_rndis msg = {NVS_MSG_RNDIS, NVS_RNDIS_DATA, NVS_SECTION_NONE, 0};
    struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_GPA_DIRECT, .flags = 1, .xid = ++g->xid};
    uint8_t payload[NVS_MSG_BYTES] = {0};

    memcpy(payload, &msg, sizeof(msg));
    raw_packet(g, desc, ranges, header_bytes, payload, sizeof(payload));
}

static void page_below_ram(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 1}, {100, 0}, {g->t.dma_pfn[0] - 1, 0}}, 24);
}

static void page_above_ram(struct raw_guest *g)
{
    uint64_t pages = g->t.dma.len_bytes / VMBUS_PAGE_BYTES;

    gpa(g, &(struct one_range){{0, 1}, {100, 0}, {g->t.dma_pfn[0] + pages, 0}}, 24);
}

static void page_number_overflows(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 1}, {100, 0}, {UINT64_MAX / 4096 + 2, 0}}, 24);
}

static void offset_past_the_page(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 1}, {100, 4096}, {g->t.dma_pfn[0], g->t.dma_pfn[1]}}, 32);
}

static void too_few_pages(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 1}, {4097, 0}, {g->t.dma_pfn[0], 0}}, 24);
}

static void too_many_pages(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 1}, {100, 0}, {g->t.dma_pfn[0], g->t.dma_pfn[1]}}, 32);
}

static void range_of_no_bytes(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 1}, {0, 100}, {g->t.dma_pfn[0], 0}}, 24);
}

static void too_many_ranges(struct raw_guest *g)
{
    const struct nvs_rndis msg = {NVS_MSG_RNDIS, NVS_RNDIS_DATA, NVS_SECTION_NONE, 0};
    struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_GPA_DIRECT, .flags = 1, .xid = ++g->xid};
    struct {
        struct vmbus_gpa_header head;
        struct {
            struct vmbus_gpa_range range;
            uint64_t pfn;
        } page[33];
    } ranges = {.head = {0, 33}};
    uint8_t payload[NVS_MSG_BYTES] = {0};

    raw_frame_message(g->t.dma.base, 132 - 44, 0);
    for (unsigned i = 0; i < 33; i++) {
        ranges.page[i].range = (struct vmbus_gpa_range){i ? 1 : 100, i ? 99 + i : 0};
        ranges.page[i].pfn = g->t.dma_pfn[0];
    }
    memcpy(payload, &msg, sizeof(msg));
    raw_packet(g, desc, &ranges, sizeof(ranges), payload, sizeof(payload));
}

static void no_ranges(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 0}, {0, 0}, {0, 0}}, 8);
}

static void range_count_beyond_the_header(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 3}, {100, 0}, {g->t.dma_pfn[0], 0}}, 24);
}

static void range_length_overflows(struct raw_guest *g)
{
    gpa(g, &(struct one_range){{0, 1}, {UINT32_MAX, 4095}, {g->t.dma_pfn[0], 0}}, 24);
}

static void header_across_a_page(struct raw_guest *g)
{
    struct one_range ranges = {{0, 1}, {104, 4096 - 20}, {g->t.dma_pfn[3], g->t.dma_pfn[4]}};

    raw_frame_message(g->t.dma.base + 4 * 4096 - 20, 60, 0);
    gpa(g, &ranges, 32);
}

static void control_across_a_page(struct raw_guest *g)
{
    const struct rndis_simple alive = {RNDIS_MSG_KEEPALIVE, 12, 1};
    const struct nvs_rndis msg = {NVS_MSG_RNDIS, NVS_RNDIS_CONTROL, NVS_SECTION_NONE, 0};
    struct one_range ranges = {{0, 1}, {12, 4096 - 4}, {g->t.dma_pfn[3], g->t.dma_pfn[4]}};
    struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_GPA_DIRECT, .flags = 1, .xid = ++g->xid};
    uint8_t payload[NVS_MSG_BYTES] = {0};

    memcpy(g->t.dma.base + 4 * 4096 - 4, &alive, sizeof(alive));
    memcpy(payload, &msg, sizeof(msg));
    raw_packet(g, desc, &ranges, sizeof(ranges), payload, sizeof(payload));
}

/* ---- packets ---------------------------------------------------------------------------- */

static void completion_out_of_nowhere(struct raw_guest *g)
{
    raw_complete(g, 1234567);
}

static void completion_of_a_free_section(struct raw_guest *g)
{
    raw_complete(g, 17);
}

static void completion_twice(struct raw_guest *g)
{
    struct raw_packet pkt;

    raw_port_send(g, 60, NULL);
    raw_expect(g, &pkt);
    raw_complete(g, pkt.desc.xid);
    raw_complete(g, pkt.desc.xid);
}

static void completion_of_a_section_inside_a_batch(struct raw_guest *g)
{
    struct raw_packet pkt;

    raw_port_send(g, 60, NULL);
    raw_port_send(g, 60, NULL);
    raw_expect(g, &pkt);
    raw_complete(g, pkt.desc.xid + 1);
}

static void wrong_trailer(struct raw_guest *g)
{
    struct vmbus_pkt_desc desc = {VMBUS_PKT_INBAND, 2, 7, 0, 0};
    uint32_t raw[16] = {0};

    memcpy(raw, &desc, sizeof(desc));
    raw[4] = NVS_MSG_SWITCH_DATA_PATH;
    raw[15] = g->tx_write + 8;
    raw_write(g, raw, sizeof(raw));
}

static void junk_after_the_message(struct raw_guest *g)
{
    uint32_t msg[10] = {NVS_MSG_SWITCH_DATA_PATH};

    msg[9] = 1;
    inband(g, 0, msg, sizeof(msg));
}

static void junk_between_frames(struct raw_guest *g)
{
    uint8_t msg[512];
    uint32_t bytes = raw_frame_message(msg, 61, 0);

    set32(msg, 4, 112);
    memset(msg + bytes, 0x55, 112 - bytes);
    raw_section_send(g, 0, msg, 112 + raw_frame_message(msg + 112, 60, 0));
}

static void data_without_completion_flag(struct raw_guest *g)
{
    const struct nvs_rndis msg = {NVS_MSG_RNDIS, NVS_RNDIS_DATA, 0, 104};

    raw_nvs(g, &msg, sizeof(msg), 0);
}

static void unknown_flag_bit(struct raw_guest *g)
{
    const struct nvs_switch_data_path msg = {NVS_MSG_SWITCH_DATA_PATH, 0};

    raw_nvs(g, &msg, sizeof(msg), 0x8000);
}

static void second_doorbell(struct raw_guest *g)
{
    raw_complete(g, 0); /* a sin, but not the one looked at here: it has been rung for */
    g->t.ops->signal(g->t.ctx, g->t.primary.relid);
}

static void doorbell_without_reason(struct raw_guest *g)
{
    g->t.ops->signal(g->t.ctx, g->t.primary.relid);
    g->t.ops->signal(g->t.ctx, g->t.primary.relid);
}

static void doorbell_of_another_channel(struct raw_guest *g)
{
    g->t.ops->signal(g->t.ctx, g->t.primary.relid + 1);
}

static void close_with_filter_on(struct raw_guest *g)
{
    g->t.ops->close(g->t.ctx);
    g->t.ops = NULL;
}

static void revoke_with_filter_on(struct raw_guest *g)
{
    nvs_words(g, NVS_MSG_REVOKE_RECV_BUF, NVS_RECV_BUF_ID, 0, 0);
}

static const struct row rows[] = {
    {"INIT again", "strict_nvs", init_again},
    {"NDIS_CONFIG after the buffers", "strict_nvs", config_after_buffers},
    {"RECV_BUF again", "strict_nvs", recv_buf_again},
    {"SEND_BUF again", "strict_nvs", send_buf_again},
    {"unknown NVSP message", "strict_nvs", unknown_message},
    {"NVSP message of 16 bytes", "strict_nvs", short_message},
    {"packet type 4", "strict_nvs", unknown_packet_type},
    {"NVSP message with pages", "strict_nvs", nvs_by_pages},
    {"message 107 of channel type 2", "strict_nvs", unknown_channel_type},
    {"completion with message 107", "strict_nvs", completion_of_another_type},
    {"second INITIALIZE", "strict_rndis", second_initialize},
    {"info offset 0", "strict_rndis", info_offset_zero},
    {"info past the end", "strict_rndis", info_past_the_end},
    {"info offset and length wrap", "strict_rndis", info_sum_wraps},
    {"info offset past the end", "strict_rndis", info_offset_past_the_end},
    {"control message shorter than its header", "strict_rndis", control_shorter_than_its_header},
    {"control message longer than sent", "strict_rndis", control_longer_than_sent},
    {"control message of 8 bytes", "strict_rndis", control_without_header},
    {"PACKET as control message", "strict_rndis", frame_by_control},
    {"KEEPALIVE as data message", "strict_rndis", frame_type},
    {"PACKET longer than sent", "strict_rndis", frame_longer_than_sent},
    {"PACKET a multiple of 8 longer than sent", "strict_rndis", frame_much_longer_than_sent},
    {"PACKET of no bytes", "strict_rndis", frame_of_no_bytes},
    {"data offset past the end", "strict_rndis", data_offset_past_the_end},
    {"PACKET shorter than its header", "strict_rndis", frame_shorter_than_its_header},
    {"data inside the header", "strict_rndis", data_inside_the_header},
    {"data past the end", "strict_rndis", data_past_the_end},
    {"data length wraps", "strict_rndis", data_sum_wraps},
    {"no data", "strict_rndis", no_data},
    {"out-of-band data", "strict_rndis", out_of_band_data},
    {"VC handle", "strict_rndis", vc_handle},
    {"info element of size 0", "strict_rndis", ppi_size_zero},
    {"info element past the end", "strict_rndis", ppi_size_past_the_end},
    {"info element's data not at 12", "strict_rndis", ppi_data_elsewhere},
    {"info elements over the frame", "strict_rndis", ppi_over_the_frame},
    {"info elements unaligned", "strict_rndis", ppi_offset_unaligned},
    {"20 info elements", "strict_rndis", too_many_elements},
    {"info elements past the end", "strict_rndis", elements_past_the_end},
    {"info elements at offset 38", "strict_rndis", elements_at_an_odd_offset},
    {"checksum of what is no IP packet", "strict_offload", checksum_of_no_packet},
    {"nine messages in a packet", "strict_rndis", nine_messages},
    {"first of two messages not padded", "strict_rndis", first_message_unaligned},
    {"section past the send buffer", "strict_gpa", section_past_the_buffer},
    {"section number overflows", "strict_gpa", section_number_overflows},
    {"more bytes than a section has", "strict_gpa", more_than_a_section},
    {"page below RAM", "strict_gpa", page_below_ram},
    {"page above RAM", "strict_gpa", page_above_ram},
    {"page number overflows", "strict_gpa", page_number_overflows},
    {"offset past the page", "strict_gpa", offset_past_the_page},
    {"a page too few", "strict_gpa", too_few_pages},
    {"a page too many", "strict_gpa", too_many_pages},
    {"range of no bytes", "strict_gpa", range_of_no_bytes},
    {"33 ranges", "strict_gpa", too_many_ranges},
    {"no ranges", "strict_gpa", no_ranges},
    {"more ranges than the header holds", "strict_gpa", range_count_beyond_the_header},
    {"range length overflows", "strict_gpa", range_length_overflows},
    {"RNDIS header across a page", "strict_page", header_across_a_page},
    {"control header across a page", "strict_page", control_across_a_page},
    {"completion out of nowhere", "strict_xid", completion_out_of_nowhere},
    {"completion of a free section", "strict_xid", completion_of_a_free_section},
    {"completion twice", "strict_xid", completion_twice},
    {"completion of a batch's second section", "strict_xid",
     completion_of_a_section_inside_a_batch},
    {"trailer off by 8", "strict_trailer", wrong_trailer},
    {"junk after the message", "strict_trailer", junk_after_the_message},
    {"junk between frames", "strict_trailer", junk_between_frames},
    {"data without completion flag", "strict_flag", data_without_completion_flag},
    {"unknown flag bit", "strict_flag", unknown_flag_bit},
    {"two doorbells in a row", "strict_doorbell", doorbell_without_reason},
    {"doorbell of another channel", "strict_doorbell", doorbell_of_another_channel},
    {"close with the filter on", "strict_close", close_with_filter_on},
    {"revoke with the filter on", "strict_close", revoke_with_filter_on},
};

static void each_rule_broken_moves_its_counter_alone(void **state)
{
    (void)state;
    for (unsigned i = 0; i < countof(rows); i++) {
        struct raw_guest *g = raw_guest_create(NULL);

        raw_bring_up(g);
        raw_step(g);
        rows[i].sin(g);
        raw_step(g);
        if (raw_stat_find(g, rows[i].counter) != 1)
            fail_msg("%s: %s is %u, not 1", rows[i].what, rows[i].counter,
                     (unsigned)raw_stat_find(g, rows[i].counter));
        raw_check_strict(g, rows[i].counter);
        if (strcmp(rows[i].counter, "strict_rndis") == 0 && rows[i].sin != nine_messages)
            assert_int_equal(g->port_frames, 0); /* nothing of it got out */
        raw_guest_destroy(g);
    }
}

/* The host goes on with a guest that sinned, unless told to punish. */
static bool still_served(struct raw_guest *g)
{
    const struct rndis_simple msg = {RNDIS_MSG_KEEPALIVE, 12, 1};
    struct raw_packet pkt;
    bool any = false;

    while (raw_take(g, &pkt)) {
    }
    raw_control_send(g, &msg, sizeof(msg));
    raw_step(g);
    while (raw_take(g, &pkt))
        any = true;
    return any;
}

static void sinners_are_served_on_unless_punished(void **state)
{
    (void)state;
    for (unsigned punish = 0; punish < 2; punish++) {
        for (unsigned i = 0; i < countof(rows); i++) {
            const struct hvhost_nic_config config = {.punish = punish != 0};
            struct raw_guest *g;

            if (strcmp(rows[i].counter, "strict_close") == 0 ||
                rows[i].sin == doorbell_of_another_channel)
                continue;
            g = raw_guest_create(&config);
            raw_bring_up(g);
            raw_step(g);
            rows[i].sin(g);
            raw_step(g);
            if (still_served(g) == (punish != 0))
                fail_msg("%s: punish %u", rows[i].what, punish);
            raw_guest_destroy(g);
        }
    }
}

static void surplus_doorbell_after_a_due_one_counts(void **state)
{
    struct raw_guest *g = raw_guest_create(NULL);

    (void)state;
    raw_bring_up(g);
    raw_step(g);
    second_doorbell(g);
    assert_int_equal(raw_stat(g, strict_doorbell), 1);
    raw_guest_destroy(g);
}

static void polling_host_takes_every_doorbell_for_surplus(void **state)
{
    const struct hvhost_nic_config config = {.poll = true};
    struct raw_guest *g = raw_guest_create(&config);

    (void)state;
    raw_bring_up(g); /* the mask is set: a correct guest never rings */
    assert_int_equal(raw_stat(g, doorbells), 0);
    g->t.ops->signal(g->t.ctx, g->t.primary.relid);
    assert_int_equal(raw_stat(g, strict_doorbell), 1);
    raw_guest_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_broken_moves_its_counter_alone),
        cmocka_unit_test(sinners_are_served_on_unless_punished),
        cmocka_unit_test(surplus_doorbell_after_a_due_one_counts),
        cmocka_unit_test(polling_host_takes_every_doorbell_for_surplus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
