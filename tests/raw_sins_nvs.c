/* SPDX-License-Identifier: BSD-3-Clause */
/* NVSP messages no guest sends. */
#include "raw_sins.h"

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

static void revoke_with_filter_on(struct raw_guest *g)
{
    nvs_words(g, NVS_MSG_REVOKE_RECV_BUF, NVS_RECV_BUF_ID, 0, 0);
}

const struct raw_sin raw_sins_nvs[] = {
    {"INIT again", "strict_nvs", .commit = init_again},
    {"NDIS_CONFIG after the buffers", "strict_nvs", .commit = config_after_buffers},
    {"RECV_BUF again", "strict_nvs", .commit = recv_buf_again},
    {"SEND_BUF again", "strict_nvs", .commit = send_buf_again},
    {"unknown NVSP message", "strict_nvs", .commit = unknown_message},
    {"NVSP message of 16 bytes", "strict_nvs", .commit = short_message},
    {"packet type 4", "strict_nvs", .commit = unknown_packet_type},
    {"NVSP message with pages", "strict_nvs", .commit = nvs_by_pages},
    {"message 107 of channel type 2", "strict_nvs", .commit = unknown_channel_type},
    {"completion with message 107", "strict_nvs", .commit = completion_of_another_type},
    {"revoke with the filter on", "strict_close", .commit = revoke_with_filter_on,
     .forgiven = true},
    {0},
};
