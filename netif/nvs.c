/* SPDX-License-Identifier: BSD-3-Clause */
#include "nvs.h"

#include <errno.h>
#include <string.h>

/* Fields first, zeros behind: Hyper-V never answers a message shorter than the whole union. */
static void build(struct nvs_msg *msg, const void *fields, size_t len_bytes)
{
    memset(msg, 0, sizeof(*msg));
    memcpy(msg->bytes, fields, len_bytes);
}

void nvs_build_init(struct nvs_msg *msg, uint32_t version)
{
    const struct nvs_init m = {
        .type = NVS_MSG_INIT, .version_min = version, .version_max = version};

    build(msg, &m, sizeof(m));
}

void nvs_build_ndis_config(struct nvs_msg *msg, uint32_t mtu_bytes, uint64_t capabilities)
{
    const struct nvs_ndis_config m = {.type = NVS_MSG_NDIS_CONFIG,
                                      .mtu_bytes = mtu_bytes + NVS_MTU_EXTRA_BYTES,
                                      .capabilities = capabilities};

    build(msg, &m, sizeof(m));
}

void nvs_build_ndis_version(struct nvs_msg *msg, uint32_t nvs_version)
{
    const struct nvs_ndis_version m = {.type = NVS_MSG_NDIS_VERSION,
                                       .major = NVS_NDIS_MAJOR,
                                       .minor = nvs_version <= NVS_VERSION_4 ? NVS_NDIS_MINOR_OLD
                                                                             : NVS_NDIS_MINOR};

    build(msg, &m, sizeof(m));
}

void nvs_build_recv_buf(struct nvs_msg *msg, uint32_t gpadl)
{
    const struct nvs_buf m = {.type = NVS_MSG_RECV_BUF, .gpadl = gpadl, .id = NVS_RECV_BUF_ID};

    build(msg, &m, sizeof(m));
}

void nvs_build_send_buf(struct nvs_msg *msg, uint32_t gpadl)
{
    const struct nvs_buf m = {.type = NVS_MSG_SEND_BUF, .gpadl = gpadl, .id = NVS_SEND_BUF_ID};

    build(msg, &m, sizeof(m));
}

void nvs_build_revoke_recv_buf(struct nvs_msg *msg)
{
    const struct nvs_revoke_buf m = {.type = NVS_MSG_REVOKE_RECV_BUF, .id = NVS_RECV_BUF_ID};

    build(msg, &m, sizeof(m));
}

void nvs_build_revoke_send_buf(struct nvs_msg *msg)
{
    const struct nvs_revoke_buf m = {.type = NVS_MSG_REVOKE_SEND_BUF, .id = NVS_SEND_BUF_ID};

    build(msg, &m, sizeof(m));
}

void nvs_build_rndis(struct nvs_msg *msg, uint32_t channel_type, uint32_t section,
                     uint32_t section_bytes)
{
    const struct nvs_rndis m = {.type = NVS_MSG_RNDIS,
                                .channel_type = channel_type,
                                .section = section,
                                .section_bytes = section_bytes};

    build(msg, &m, sizeof(m));
}

void nvs_build_subchannel(struct nvs_msg *msg, uint32_t count)
{
    const struct nvs_subchannel m = {
        .type = NVS_MSG_SUBCHANNEL, .op = NVS_SUBCHANNEL_ALLOCATE, .count = count};

    build(msg, &m, sizeof(m));
}

int nvs_parse_type(const void *bytes, size_t len_bytes, uint32_t *type)
{
    if (len_bytes < sizeof(*type))
        return -EPROTO;
    memcpy(type, bytes, sizeof(*type));
    return 0;
}

/* Copy a message of (size) and type (want) to (*out). */
static int parse(const void *bytes, size_t len_bytes, uint32_t want, void *out, size_t size)
{
    uint32_t type;

    if (len_bytes < size)
        return -EPROTO;
    memcpy(&type, bytes, sizeof(type));
    if (type != want)
        return -EPROTO;
    memcpy(out, bytes, size);
    return 0;
}

int nvs_parse_init_complete(const void *bytes, size_t len_bytes, struct nvs_init_complete *out)
{
    int rc = parse(bytes, len_bytes, NVS_MSG_INIT_COMPLETE, out, sizeof(*out));

    if (rc)
        return rc;
    return out->status == NVS_STATUS_SUCCESS ? 0 : -ECONNREFUSED;
}

int nvs_parse_recv_buf_complete(const void *bytes, size_t len_bytes, size_t buf_bytes,
                                struct nvs_recv_buf_complete *out)
{
    int rc = parse(bytes, len_bytes, NVS_MSG_RECV_BUF_COMPLETE, out, sizeof(*out));

    if (rc)
        return rc;
    if (out->status != NVS_STATUS_SUCCESS)
        return -ECONNREFUSED;
    if (out->group_count != 1 || out->group_off_bytes != 0)
        return -EPROTO;
    if (out->section_bytes < NVS_SECTION_BYTES_MIN || out->section_bytes > buf_bytes)
        return -EPROTO;
    if (out->section_count < 1 || out->section_count > buf_bytes / out->section_bytes)
        return -EPROTO;
    return 0;
}

int nvs_parse_send_buf_complete(const void *bytes, size_t len_bytes, size_t buf_bytes,
                                struct nvs_send_buf_complete *out)
{
    int rc = parse(bytes, len_bytes, NVS_MSG_SEND_BUF_COMPLETE, out, sizeof(*out));

    if (rc)
        return rc;
    if (out->status != NVS_STATUS_SUCCESS)
        return -ECONNREFUSED;
    if (out->section_bytes < NVS_SECTION_BYTES_MIN || out->section_bytes > buf_bytes ||
        out->section_bytes % 4 != 0)
        return -EPROTO;
    return 0;
}

int nvs_parse_subchannel(const void *bytes, size_t len_bytes, uint32_t *granted)
{
    struct nvs_subchannel msg;
    int rc = parse(bytes, len_bytes, NVS_MSG_SUBCHANNEL, &msg, sizeof(msg));

    if (rc)
        return rc;
    if (msg.op != NVS_STATUS_SUCCESS)
        return -ECONNREFUSED;
    *granted = msg.count;
    return 0;
}

int nvs_parse_send_table(const void *bytes, size_t len_bytes, uint32_t nvs_version, uint32_t *table)
{
    const size_t table_bytes = NVS_SEND_TABLE_ENTRIES * sizeof(*table);
    struct nvs_send_table msg;
    int rc = parse(bytes, len_bytes, NVS_MSG_SEND_TABLE, &msg, sizeof(msg));

    if (rc)
        return rc;
    if (msg.entry_count != NVS_SEND_TABLE_ENTRIES || len_bytes < table_bytes)
        return -EPROTO;
    /* Then the table follows a message of full size, wherever the host says it is. */
    if (nvs_version <= NVS_VERSION_6 && len_bytes >= NVS_MSG_BYTES + table_bytes)
        msg.off_bytes = NVS_MSG_BYTES;
    if (msg.off_bytes < sizeof(msg) || msg.off_bytes > len_bytes - table_bytes)
        return -EPROTO;
    memcpy(table, (const uint8_t *)bytes + msg.off_bytes, table_bytes);
    return 0;
}
