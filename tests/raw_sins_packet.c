/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets, completions and doorbells no guest makes. */
#include "raw_sins.h"

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
    const uint32_t msg[10] = {[0] = NVS_MSG_SWITCH_DATA_PATH, [9] = 1};
    struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_INBAND, .xid = ++g->xid};

    raw_packet(g, desc, NULL, 0, msg, sizeof(msg));
}

static void junk_between_frames(struct raw_guest *g)
{
    const uint32_t len_bytes = 112;
    uint8_t msg[512];
    uint32_t bytes = raw_frame_message(msg, 61, 0);

    memcpy(msg + offsetof(struct rndis_packet, len_bytes), &len_bytes, sizeof(len_bytes));
    memset(msg + bytes, 0x55, len_bytes - bytes);
    raw_section_send(g, 0, msg, len_bytes + raw_frame_message(msg + len_bytes, 60, 0));
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

const struct raw_sin raw_sins_packet[] = {
    {"completion out of nowhere", "strict_xid", .commit = completion_out_of_nowhere},
    {"completion of a free section", "strict_xid", .commit = completion_of_a_free_section},
    {"completion twice", "strict_xid", .commit = completion_twice},
    {"completion of a batch's second section", "strict_xid",
     .commit = completion_of_a_section_inside_a_batch},
    {"trailer off by 8", "strict_trailer", .commit = wrong_trailer},
    {"junk after the message", "strict_trailer", .commit = junk_after_the_message},
    {"junk between frames", "strict_trailer", .commit = junk_between_frames},
    {"data without completion flag", "strict_flag", .commit = data_without_completion_flag},
    {"unknown flag bit", "strict_flag", .commit = unknown_flag_bit},
    {"two doorbells in a row", "strict_doorbell", .commit = doorbell_without_reason},
    {"doorbell of another channel", "strict_doorbell", doorbell_of_another_channel,
     .forgiven = true},
    {"close with the filter on", "strict_close", .commit = close_with_filter_on, .forgiven = true},
    {0},
};
