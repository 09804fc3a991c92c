/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * NVSP messages: built whole (40 bytes, zero padded), parsed with every check that the message
 * itself allows. Pure functions without state.
 *
 * Parsers take a private copy of what the host sent; (len_bytes) may be padded up. They return 0
 * and fill (*out), or -EPROTO when the bytes make no sense, or -ECONNREFUSED when they make sense
 * and say no.
 */
#ifndef NVS_H
#define NVS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "nvs_reg.h"

struct nvs_msg {
    _Alignas(8) uint8_t bytes[NVS_MSG_BYTES];
};

void nvs_build_init(struct nvs_msg *msg, uint32_t version);
/* (mtu_bytes) without Ethernet header; the message wants it with. */
void nvs_build_ndis_config(struct nvs_msg *msg, uint32_t mtu_bytes, uint64_t capabilities);
/* The NDIS version that goes with NVSP (nvs_version). */
void nvs_build_ndis_version(struct nvs_msg *msg, uint32_t nvs_version);
void nvs_build_recv_buf(struct nvs_msg *msg, uint32_t gpadl);
void nvs_build_send_buf(struct nvs_msg *msg, uint32_t gpadl);
void nvs_build_revoke_recv_buf(struct nvs_msg *msg);
void nvs_build_revoke_send_buf(struct nvs_msg *msg);
/* RNDIS bytes in (section) of the send buffer, or elsewhere with NVS_SECTION_NONE and 0 bytes. */
void nvs_build_rndis(struct nvs_msg *msg, uint32_t channel_type, uint32_t section,
                     uint32_t section_bytes);

/* Ask for (count) more channels. */
void nvs_build_subchannel(struct nvs_msg *msg, uint32_t count);

int nvs_parse_type(const void *bytes, size_t len_bytes, uint32_t *type);
int nvs_parse_init_complete(const void *bytes, size_t len_bytes, struct nvs_init_complete *out);
/* Sections of the receive buffer of (buf_bytes): one group from its start, all inside. */
int nvs_parse_recv_buf_complete(const void *bytes, size_t len_bytes, size_t buf_bytes,
                                struct nvs_recv_buf_complete *out);
int nvs_parse_send_buf_complete(const void *bytes, size_t len_bytes, size_t buf_bytes,
                                struct nvs_send_buf_complete *out);
/* How many more channels were (granted). */
int nvs_parse_subchannel(const void *bytes, size_t len_bytes, uint32_t *granted);
/*
 * The table of message 134, NVS_SEND_TABLE_ENTRIES of them, unjudged. Hosts that speak
 * (nvs_version) 6.0 or less name a wrong offset.
 */
int nvs_parse_send_table(const void *bytes, size_t len_bytes, uint32_t nvs_version,
                         uint32_t *table);

/* What comes with every packet is inline. */

/* Inside a transfer-page packet: only type and channel type are looked at. */
static inline int nvs_parse_rndis(const void *bytes, size_t len_bytes, struct nvs_rndis *out)
{
    *out = (struct nvs_rndis){0};
    if (len_bytes < offsetof(struct nvs_rndis, section))
        return -EPROTO;
    memcpy(out, bytes, offsetof(struct nvs_rndis, section));
    return out->type == NVS_MSG_RNDIS ? 0 : -EPROTO;
}

/* Any status is a valid answer here; the caller looks at it. */
static inline int nvs_parse_rndis_complete(const void *bytes, size_t len_bytes,
                                           struct nvs_rndis_complete *out)
{
    if (len_bytes < sizeof(*out))
        return -EPROTO;
    memcpy(out, bytes, sizeof(*out));
    return out->type == NVS_MSG_RNDIS_COMPLETE ? 0 : -EPROTO;
}

#endif
