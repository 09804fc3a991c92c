/* SPDX-License-Identifier: BSD-3-Clause */
#include "raw_guest.h"

#include <stdlib.h>

#define START_NS UINT64_C(1000000000)
#define STEP_NS UINT64_C(1000)

static void far_end(void *ctx, const struct hvhost_frame *frame)
{
    struct raw_guest *g = ctx;

    g->port_frames++;
    g->port_last = *frame;
    memcpy(g->port_bytes, frame->data, frame->len_bytes);
    g->port_last.data = g->port_bytes;
}

struct raw_guest *raw_guest_create(const struct hvhost_nic_config *config)
{
    return raw_guest_create_on(NULL, config);
}

struct raw_guest *raw_guest_create_on(const struct hvhost_config *host,
                                      const struct hvhost_nic_config *config)
{
    struct raw_guest *g = calloc(1, sizeof(*g));
    struct hvhost_nic_config c = {0};

    assert_non_null(g);
    if (config)
        c = *config;
    if (c.recv_buf_bytes == 0)
        c.recv_buf_bytes = 256 * 1024;
    if (c.send_buf_bytes == 0)
        c.send_buf_bytes = 128 * 1024;
    if (c.ring_bytes == 0)
        c.ring_bytes = 64 * 1024;
    g->now_ns = START_NS;
    assert_int_equal(hvhost_create(host, &g->host), 0);
    assert_int_equal(hvhost_nic_add(g->host, &c, &g->nic), 0);
    assert_int_equal(hvhost_port_add(g->host, far_end, g, &g->port), 0);
    return g;
}

void raw_guest_open(struct raw_guest *g)
{
    size_t half;

    assert_int_equal(hvhost_nic_open(g->nic, &g->t), 0);
    half = g->t.primary.rings.len_bytes / 2;
    g->tx_ctl = (struct vmbus_ring_ctl *)(void *)g->t.primary.rings.base;
    g->rx_ctl = (struct vmbus_ring_ctl *)(void *)(g->t.primary.rings.base + half);
    g->tx_data = (uint8_t *)g->tx_ctl + VMBUS_PAGE_BYTES;
    g->rx_data = (uint8_t *)g->rx_ctl + VMBUS_PAGE_BYTES;
    g->data_bytes = (uint32_t)half - VMBUS_PAGE_BYTES;
    g->tx_write = 0;
    g->rx_read = 0;
    g->xid = 0;
    g->t.ops->irq_enable(g->t.ctx, true);
}

void raw_guest_destroy(struct raw_guest *g)
{
    const char *wrong = hvhost_audit(g->host);

    if (wrong)
        fail_msg("%s", wrong);
    if (g->t.ops)
        g->t.ops->close(g->t.ctx);
    hvhost_destroy(g->host);
    free(g);
}

void raw_step(struct raw_guest *g)
{
    g->now_ns += STEP_NS;
    hvhost_step(g->host, g->now_ns);
}

/* ---- rings, byte by byte: slow and simple ----------------------------------------------- */

void raw_write(struct raw_guest *g, const void *bytes, uint32_t len)
{
    const uint8_t *from = bytes;
    uint32_t old = g->tx_write;

    for (uint32_t i = 0; i < len; i++)
        g->tx_data[(old + i) % g->data_bytes] = from[i];
    g->tx_write = (old + len) % g->data_bytes;
    atomic_store(&g->tx_ctl->write_index, g->tx_write);
    if (!g->mute && !atomic_load(&g->tx_ctl->interrupt_mask) &&
        atomic_load(&g->tx_ctl->read_index) == old)
        g->t.ops->signal(g->t.ctx, g->t.primary.relid);
}

void raw_packet(struct raw_guest *g, struct vmbus_pkt_desc desc, const void *header,
                uint32_t header_bytes, const void *payload, uint32_t payload_bytes)
{
    uint8_t raw[RAW_PACKET_MAX] = {0};
    uint32_t padded = (payload_bytes + 7) & ~7u;
    uint32_t bytes = (uint32_t)sizeof(desc) + header_bytes + padded;

    assert_true(bytes + VMBUS_PKT_TRAILER_BYTES <= sizeof(raw));
    desc.header_qwords = (uint16_t)((sizeof(desc) + header_bytes) / 8);
    desc.total_qwords = (uint16_t)(bytes / 8);
    memcpy(raw, &desc, sizeof(desc));
    if (header_bytes)
        memcpy(raw + sizeof(desc), header, header_bytes);
    memcpy(raw + sizeof(desc) + header_bytes, payload, payload_bytes);
    memcpy(raw + bytes + 4, &g->tx_write, sizeof(g->tx_write));
    raw_write(g, raw, bytes + VMBUS_PKT_TRAILER_BYTES);
}

void raw_nvs(struct raw_guest *g, const void *msg, uint32_t len, uint16_t flags)
{
    struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_INBAND, .flags = flags, .xid = ++g->xid};
    uint8_t payload[NVS_MSG_BYTES] = {0};

    memcpy(payload, msg, len);
    raw_packet(g, desc, NULL, 0, payload, sizeof(payload));
}

static void give_room(struct raw_guest *g, uint32_t bytes)
{
    uint32_t write, room, want;

    atomic_store(&g->rx_ctl->read_index, g->rx_read);
    want = atomic_load(&g->rx_ctl->pending_send_size);
    write = atomic_load(&g->rx_ctl->write_index);
    room = g->data_bytes - (write + g->data_bytes - g->rx_read) % g->data_bytes;
    if (want && room > want && room - bytes <= want && !g->mute)
        g->t.ops->signal(g->t.ctx, g->t.primary.relid);
}

bool raw_take(struct raw_guest *g, struct raw_packet *pkt)
{
    uint32_t write = atomic_load(&g->rx_ctl->write_index);
    uint32_t trailer[2];

    if (write == g->rx_read)
        return false;
    pkt->start = g->rx_read;
    for (uint32_t i = 0; i < sizeof(pkt->desc); i++)
        pkt->raw[i] = g->rx_data[(pkt->start + i) % g->data_bytes];
    memcpy(&pkt->desc, pkt->raw, sizeof(pkt->desc));
    pkt->bytes = pkt->desc.total_qwords * 8u;
    assert_true(pkt->bytes + VMBUS_PKT_TRAILER_BYTES <= sizeof(pkt->raw));
    for (uint32_t i = 0; i < pkt->bytes + VMBUS_PKT_TRAILER_BYTES; i++)
        pkt->raw[i] = g->rx_data[(pkt->start + i) % g->data_bytes];
    memcpy(trailer, pkt->raw + pkt->bytes, sizeof(trailer));
    assert_int_equal(trailer[0], 0);
    assert_int_equal(trailer[1], pkt->start);

    pkt->header = pkt->raw + sizeof(pkt->desc);
    pkt->payload = pkt->raw + pkt->desc.header_qwords * 8u;
    pkt->header_bytes = pkt->desc.header_qwords * 8u - (uint32_t)sizeof(pkt->desc);
    pkt->payload_bytes = pkt->bytes - pkt->desc.header_qwords * 8u;
    g->rx_read = (pkt->start + pkt->bytes + VMBUS_PKT_TRAILER_BYTES) % g->data_bytes;
    give_room(g, pkt->bytes + VMBUS_PKT_TRAILER_BYTES);
    return true;
}

void raw_expect(struct raw_guest *g, struct raw_packet *pkt)
{
    raw_step(g);
    assert_true(raw_take(g, pkt));
}

void raw_expect_none(struct raw_guest *g)
{
    struct raw_packet pkt;

    raw_step(g);
    assert_false(raw_take(g, &pkt));
}

void raw_complete(struct raw_guest *g, uint64_t xid)
{
    struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_COMPLETION, .xid = xid};
    struct nvs_rndis_complete msg = {NVS_MSG_RNDIS_COMPLETE, NVS_STATUS_SUCCESS};

    raw_packet(g, desc, NULL, 0, &msg, sizeof(msg));
}

/* ---- bring-up --------------------------------------------------------------------------- */

static uint32_t completion_word(struct raw_guest *g, uint32_t type, unsigned word)
{
    struct raw_packet pkt;
    uint32_t words[10];

    raw_expect(g, &pkt);
    assert_int_equal(pkt.desc.type, VMBUS_PKT_COMPLETION);
    assert_int_equal(pkt.desc.xid, g->xid);
    assert_int_equal(pkt.payload_bytes, NVS_MSG_BYTES);
    memcpy(words, pkt.payload, sizeof(words));
    assert_int_equal(words[0], type);
    return words[word];
}

void raw_bring_ready(struct raw_guest *g, uint32_t version, uint32_t mtu_bytes)
{
    struct nvs_init init = {NVS_MSG_INIT, version, version};
    struct nvs_ndis_config config = {.type = NVS_MSG_NDIS_CONFIG,
                                     .mtu_bytes = mtu_bytes + 14,
                                     .capabilities = NVS_CAP_8021Q | g->more_capabilities};
    struct nvs_ndis_version ndis = {NVS_MSG_NDIS_VERSION, NVS_NDIS_MAJOR, NVS_NDIS_MINOR};
    struct nvs_buf recv = {
        .type = NVS_MSG_RECV_BUF, .gpadl = g->t.recv_gpadl, .id = NVS_RECV_BUF_ID};
    struct nvs_buf send = {
        .type = NVS_MSG_SEND_BUF, .gpadl = g->t.send_gpadl, .id = NVS_SEND_BUF_ID};

    raw_nvs(g, &init, sizeof(init), 1);
    assert_int_equal(completion_word(g, NVS_MSG_INIT_COMPLETE, 3), NVS_STATUS_SUCCESS);
    if (version >= NVS_VERSION_2)
        raw_nvs(g, &config, sizeof(config), 0);
    raw_nvs(g, &ndis, sizeof(ndis), 0);
    raw_nvs(g, &recv, sizeof(recv), 1);
    assert_int_equal(completion_word(g, NVS_MSG_RECV_BUF_COMPLETE, 1), NVS_STATUS_SUCCESS);
    raw_nvs(g, &send, sizeof(send), 1);
    assert_int_equal(completion_word(g, NVS_MSG_SEND_BUF_COMPLETE, 1), NVS_STATUS_SUCCESS);
}

void raw_bring_up(struct raw_guest *g)
{
    struct rndis_initialize init = {.type = RNDIS_MSG_INITIALIZE,
                                    .len_bytes = sizeof(init),
                                    .request_id = 7,
                                    .version_major = 1,
                                    .max_transfer_bytes = RNDIS_MAX_TRANSFER_BYTES};
    uint32_t filter = NDIS_FILTER_DIRECTED | NDIS_FILTER_ALL_MULTICAST | NDIS_FILTER_BROADCAST;
    struct rndis_initialize_complete done;
    uint8_t reply[4096];

    raw_guest_open(g);
    raw_bring_ready(g, NVS_VERSION_61, RAW_MTU);
    assert_int_equal(raw_control(g, &init, sizeof(init), reply), sizeof(done));
    memcpy(&done, reply, sizeof(done));
    assert_int_equal(done.status, RNDIS_STATUS_SUCCESS);
    assert_int_equal(raw_set(g, OID_PACKET_FILTER, &filter, sizeof(filter)), RNDIS_STATUS_SUCCESS);
    raw_check_strict(g, NULL);
}

/* ---- control ---------------------------------------------------------------------------- */

void raw_control_send(struct raw_guest *g, const void *msg, uint32_t len)
{
    struct {
        struct vmbus_gpa_header head;
        struct vmbus_gpa_range range;
        uint64_t pfn;
    } header = {{0, 1}, {len, 64}, g->t.dma_pfn[0]};
    struct nvs_rndis nvs = {NVS_MSG_RNDIS, NVS_RNDIS_CONTROL, NVS_SECTION_NONE, 0};
    struct vmbus_pkt_desc desc = {.type = VMBUS_PKT_GPA_DIRECT, .flags = 1, .xid = ++g->xid};
    uint8_t payload[NVS_MSG_BYTES] = {0};

    assert_true(len <= VMBUS_PAGE_BYTES - 64);
    memcpy(g->t.dma.base + 64, msg, len);
    memcpy(payload, &nvs, sizeof(nvs));
    raw_packet(g, desc, &header, sizeof(header), payload, sizeof(payload));
}

uint32_t raw_control(struct raw_guest *g, const void *msg, uint32_t len, uint8_t *reply)
{
    struct raw_packet pkt;
    struct vmbus_xfer_range range;

    raw_control_send(g, msg, len);
    assert_int_equal(completion_word(g, NVS_MSG_RNDIS_COMPLETE, 1), NVS_STATUS_SUCCESS);
    assert_true(raw_take(g, &pkt));
    assert_int_equal(pkt.desc.type, VMBUS_PKT_XFER_PAGES);
    memcpy(&range, pkt.header + sizeof(struct vmbus_xfer_header), sizeof(range));
    memcpy(reply, g->t.recv.base + range.off_bytes, range.len_bytes);
    raw_complete(g, pkt.desc.xid);
    return range.len_bytes;
}

static uint32_t request(uint8_t *to, uint32_t type, uint32_t oid, const void *in, uint32_t in_bytes)
{
    struct rndis_request msg = {.type = type,
                                .len_bytes = (uint32_t)sizeof(msg) + in_bytes,
                                .request_id = 99,
                                .oid = oid,
                                .info_bytes = in_bytes,
                                .info_off = RNDIS_REQUEST_INFO_OFF};

    memcpy(to, &msg, sizeof(msg));
    if (in_bytes)
        memcpy(to + sizeof(msg), in, in_bytes);
    return msg.len_bytes;
}

uint32_t raw_query(struct raw_guest *g, uint32_t oid, const void *in, uint32_t in_bytes,
                   uint8_t *info, uint32_t *info_bytes)
{
    uint8_t msg[1024], reply[4096];
    struct rndis_query_complete done;
    uint32_t bytes;

    bytes = raw_control(g, msg, request(msg, RNDIS_MSG_QUERY, oid, in, in_bytes), reply);
    memcpy(&done, reply, sizeof(done));
    assert_int_equal(done.type, RNDIS_MSG_QUERY | RNDIS_MSG_COMPLETE);
    assert_int_equal(done.len_bytes, bytes);
    assert_int_equal(done.request_id, 99);
    assert_int_equal(done.info_off, RNDIS_REPLY_INFO_OFF);
    assert_int_equal(bytes, sizeof(done) + done.info_bytes);
    memcpy(info, reply + sizeof(done), done.info_bytes);
    *info_bytes = done.info_bytes;
    return done.status;
}

uint32_t raw_set(struct raw_guest *g, uint32_t oid, const void *in, uint32_t in_bytes)
{
    uint8_t msg[1024], reply[4096];
    struct rndis_set_complete done;
    uint32_t bytes = raw_control(g, msg, request(msg, RNDIS_MSG_SET, oid, in, in_bytes), reply);

    assert_int_equal(bytes, sizeof(done));
    memcpy(&done, reply, sizeof(done));
    assert_int_equal(done.type, RNDIS_MSG_SET | RNDIS_MSG_COMPLETE);
    assert_int_equal(done.request_id, 99);
    return done.status;
}

/* ---- frames ----------------------------------------------------------------------------- */

void raw_section_send(struct raw_guest *g, uint32_t section, const void *msg, uint32_t len)
{
    struct nvs_rndis nvs = {NVS_MSG_RNDIS, NVS_RNDIS_DATA, section, len};

    memcpy(g->t.send.base + section * 6144u, msg, len);
    raw_nvs(g, &nvs, sizeof(nvs), 1);
}

uint32_t raw_frame_message(uint8_t *to, uint32_t frame_bytes, uint8_t fill)
{
    struct rndis_packet head = {.type = RNDIS_MSG_PACKET,
                                .len_bytes = (uint32_t)sizeof(head) + frame_bytes,
                                .data_off = RNDIS_PACKET_OFF_MIN,
                                .data_bytes = frame_bytes};
    const uint8_t ends[12] = {2, 0, 0, 0, 0, 0x77, 0, 0x15, 0x5D, 0, 0, 1};

    memset(to + sizeof(head), fill, frame_bytes);
    memcpy(to, &head, sizeof(head));
    memcpy(to + sizeof(head), ends, frame_bytes < sizeof(ends) ? frame_bytes : sizeof(ends));
    return head.len_bytes;
}

void raw_port_send(struct raw_guest *g, uint32_t bytes, const uint8_t *to)
{
    static uint8_t data[65536];
    const uint8_t from[6] = {2, 0, 0, 0, 0, 0x77};
    struct hvhost_frame frame = {.data = data, .len_bytes = bytes};

    for (uint32_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)i;
    memset(data, 0xFF, 6);
    if (to)
        memcpy(data, to, 6);
    memcpy(data + 6, from, sizeof(from));
    hvhost_port_send(g->port, &frame);
}

/* ---- counters --------------------------------------------------------------------------- */

uint64_t raw_stat_find(const struct raw_guest *g, const char *name)
{
    struct hvhost_nic_stats stats;

    hvhost_nic_stats(g->nic, &stats);
#define X(field, help)                                                                             \
    if (strcmp(name, #field) == 0)                                                                 \
        return stats.field;
    HVHOST_NIC_STATS(X)
#undef X
    fail_msg("no counter %s", name);
    return 0;
}

void raw_check_strict(const struct raw_guest *g, const char *except)
{
    struct hvhost_nic_stats stats;

    hvhost_nic_stats(g->nic, &stats);
#define X(field, help)                                                                             \
    if (strncmp(#field, "strict_", 7) == 0 && stats.field != 0 &&                                  \
        (!except || strcmp(#field, except) != 0))                                                  \
        fail_msg("%s moved: %s", #field, help);
    HVHOST_NIC_STATS(X)
#undef X
}

uint32_t raw_word(const uint8_t *at, unsigned index)
{
    uint32_t value;

    memcpy(&value, at + 4 * index, sizeof(value));
    return value;
}

void raw_fault_once(struct raw_guest *g, enum hvhost_fault_on on, enum hvhost_fault_act act,
                    uint64_t arg)
{
    const struct hvhost_fault fault = {.on = on, .act = act, .arg = arg, .count = 1};

    hvhost_fault_arm(g->nic, &fault);
}
