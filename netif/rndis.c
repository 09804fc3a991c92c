/* SPDX-License-Identifier: BSD-3-Clause */
#include "rndis.h"
#include "rndis_quick.h"

#include <errno.h>
#include <string.h>

/* ---- build --------------------------------------------------------------------------------- */

uint32_t rndis_build_initialize(void *buf, uint32_t request_id)
{
    const struct rndis_initialize m = {.type = RNDIS_MSG_INITIALIZE,
                                       .len_bytes = sizeof(m),
                                       .request_id = request_id,
                                       .version_major = RNDIS_VERSION_MAJOR,
                                       .version_minor = RNDIS_VERSION_MINOR,
                                       .max_transfer_bytes = RNDIS_MAX_TRANSFER_BYTES};

    memcpy(buf, &m, sizeof(m));
    return sizeof(m);
}

uint32_t rndis_build_halt(void *buf, uint32_t request_id)
{
    const struct rndis_simple m = {
        .type = RNDIS_MSG_HALT, .len_bytes = sizeof(m), .request_id = request_id};

    memcpy(buf, &m, sizeof(m));
    return sizeof(m);
}

uint32_t rndis_build_request(void *buf, uint32_t type, uint32_t request_id, uint32_t oid,
                             const void *info, uint32_t info_bytes)
{
    /* Hyper-V fails a query whose offset is 0, even when there is no information. */
    const struct rndis_request m = {.type = type,
                                    .len_bytes = (uint32_t)sizeof(m) + info_bytes,
                                    .request_id = request_id,
                                    .oid = oid,
                                    .info_bytes = info_bytes,
                                    .info_off = RNDIS_REQUEST_INFO_OFF};

    memcpy(buf, &m, sizeof(m));
    if (info_bytes)
        memcpy((uint8_t *)buf + sizeof(m), info, info_bytes);
    return m.len_bytes;
}

uint32_t rndis_build_query(void *buf, uint32_t request_id, uint32_t oid)
{
    return rndis_build_request(buf, RNDIS_MSG_QUERY, request_id, oid, NULL, 0);
}

uint32_t rndis_build_set_u32(void *buf, uint32_t request_id, uint32_t oid, uint32_t value)
{
    return rndis_build_request(buf, RNDIS_MSG_SET, request_id, oid, &value, sizeof(value));
}

/* ---- parse --------------------------------------------------------------------------------- */

/*
 * (off, bytes) counted from byte 8 of a message of (msg_bytes >= 8): at or behind (off_min) and
 * inside? The one bounds rule of this file.
 */
static bool inside(uint32_t off, uint32_t bytes, uint32_t off_min, uint32_t msg_bytes)
{
    uint32_t room = msg_bytes - RNDIS_OFFSET_BASE;

    return off >= off_min && off <= room && bytes <= room - off;
}

/* Type and length; the length is at least 8 and at most (len_bytes). */
static int parse_header(const void *bytes, size_t len_bytes, struct rndis_header *out)
{
    if (len_bytes < sizeof(*out))
        return -EPROTO;
    memcpy(out, bytes, sizeof(*out));
    if (out->len_bytes < sizeof(*out) || out->len_bytes > len_bytes)
        return -EPROTO;
    return 0;
}

/* Header, type and fixed part of (size) bytes, all inside the message's own length. */
static int parse_fixed(const void *bytes, size_t len_bytes, uint32_t type, void *out, size_t size)
{
    struct rndis_header head;

    if (parse_header(bytes, len_bytes, &head) || head.type != type || head.len_bytes < size)
        return -EPROTO;
    memcpy(out, bytes, size);
    return 0;
}

int rndis_parse_request_id(const void *bytes, size_t len_bytes, uint32_t *request_id)
{
    struct rndis_simple m;

    if (len_bytes < sizeof(m))
        return -EPROTO;
    memcpy(&m, bytes, sizeof(m));
    if (!(m.type & RNDIS_MSG_COMPLETE))
        return -EPROTO;
    *request_id = m.request_id;
    return 0;
}

#define ALIGN_SHIFT_MAX 12u /* a page; a shift of 32 and more would be undefined */

int rndis_parse_initialize_complete(const void *bytes, size_t len_bytes,
                                    struct rndis_initialize_complete *out)
{
    const uint32_t type = RNDIS_MSG_INITIALIZE | RNDIS_MSG_COMPLETE;

    if (parse_fixed(bytes, len_bytes, type, out, sizeof(*out)))
        return -EPROTO;
    if (out->status == RNDIS_STATUS_SUCCESS &&
        (out->max_packets < 1 || out->align_shift > ALIGN_SHIFT_MAX))
        return -EPROTO;
    return 0;
}

int rndis_parse_set_complete(const void *bytes, size_t len_bytes, struct rndis_set_complete *out)
{
    return parse_fixed(bytes, len_bytes, RNDIS_MSG_SET | RNDIS_MSG_COMPLETE, out, sizeof(*out));
}

int rndis_parse_query_complete(const void *bytes, size_t len_bytes, struct rndis_info *out)
{
    struct rndis_query_complete m;

    memset(out, 0, sizeof(*out));
    if (parse_fixed(bytes, len_bytes, RNDIS_MSG_QUERY | RNDIS_MSG_COMPLETE, &m, sizeof(m)))
        return -EPROTO;
    out->status = m.status;
    if (m.status != RNDIS_STATUS_SUCCESS || m.info_bytes == 0)
        return 0;
    if (!inside(m.info_off, m.info_bytes, RNDIS_REPLY_INFO_OFF, m.len_bytes))
        return -EPROTO;
    out->data = (const uint8_t *)bytes + RNDIS_OFFSET_BASE + m.info_off;
    out->data_bytes = m.info_bytes;
    return 0;
}

int rndis_parse_indicate(const void *bytes, size_t len_bytes, struct rndis_info *out)
{
    struct rndis_indicate m;

    memset(out, 0, sizeof(*out));
    if (len_bytes > UINT32_MAX ||
        parse_fixed(bytes, len_bytes, RNDIS_MSG_INDICATE_STATUS, &m, sizeof(m)))
        return -EPROTO;
    out->status = m.status;
    if (m.buffer_bytes == 0)
        return 0;
    if (!inside(m.buffer_off, m.buffer_bytes, RNDIS_INDICATE_BUFFER_OFF, (uint32_t)len_bytes))
        return -EPROTO;
    out->data = (const uint8_t *)bytes + RNDIS_OFFSET_BASE + m.buffer_off;
    out->data_bytes = m.buffer_bytes;
    return 0;
}

/* Two areas inside one message, so the sums cannot overflow. */
static bool overlap(const struct rndis_layout *l)
{
    return l->ppi_off < l->data_off + l->data_bytes && l->data_off < l->ppi_off + l->ppi_bytes;
}

int rndis_parse_packet(const void *bytes, size_t len_bytes, uint32_t range_bytes,
                       struct rndis_layout *out)
{
    struct rndis_packet m;

    if (len_bytes < sizeof(m) || range_bytes < sizeof(m))
        return -EPROTO;
    memcpy(&m, bytes, sizeof(m));
    if (m.type != RNDIS_MSG_PACKET || m.len_bytes < sizeof(m) || m.len_bytes > range_bytes)
        return -EPROTO;
    if (!inside(m.data_off, m.data_bytes, RNDIS_PACKET_OFF_MIN, m.len_bytes))
        return -EPROTO;
    *out = (struct rndis_layout){.data_off = RNDIS_OFFSET_BASE + m.data_off,
                                 .data_bytes = m.data_bytes};
    if (m.ppi_bytes == 0)
        return 0;
    if (m.ppi_off % 4 != 0 || m.ppi_bytes > RNDIS_PPI_AREA_BYTES_MAX ||
        !inside(m.ppi_off, m.ppi_bytes, RNDIS_PACKET_OFF_MIN, m.len_bytes))
        return -EPROTO;
    out->ppi_off = RNDIS_OFFSET_BASE + m.ppi_off;
    out->ppi_bytes = m.ppi_bytes;
    return overlap(out) ? -EPROTO : 0;
}

static bool ppi_known(uint32_t type)
{
    return type == RNDIS_PPI_CSUM || type == RNDIS_PPI_VLAN || type == RNDIS_PPI_HASH ||
           type == RNDIS_PPI_PACKET_ID;
}

int rndis_parse_ppis(const void *bytes, size_t len_bytes, struct rndis_meta *out)
{
    const uint8_t *at = bytes;
    size_t left = len_bytes;
    struct rndis_ppi ppi;
    uint32_t word;

    memset(out, 0, sizeof(*out));
    while (left > 0) { /* every pass takes at least 12 bytes */
        if (left < sizeof(ppi))
            return -EPROTO;
        memcpy(&ppi, at, sizeof(ppi));
        if (ppi.size_bytes < sizeof(ppi) || ppi.size_bytes > left || ppi.size_bytes % 4 != 0)
            return -EPROTO;
        if (ppi_known(ppi.type)) {
            if (ppi.data_off < RNDIS_PPI_DATA_OFF || ppi.size_bytes < RNDIS_PPI_BYTES ||
                ppi.data_off > ppi.size_bytes - sizeof(word))
                return -EPROTO;
            memcpy(&word, at + ppi.data_off, sizeof(word));
            rndis_take_ppi(ppi.type, word, out);
        }
        at += ppi.size_bytes;
        left -= ppi.size_bytes;
    }
    return 0;
}
