/* SPDX-License-Identifier: BSD-3-Clause */
/* An RNDIS PACKET message as the guest gets it: header, info elements, data, in one section. */
#include <string.h>

#include "hvh_rx_var.h"
#include "rss_reg.h"

static void element(struct hvh_elements *e, uint32_t type, uint32_t word)
{
    const struct rndis_ppi ppi = {
        .size_bytes = RNDIS_PPI_BYTES, .type = type, .data_off = RNDIS_PPI_DATA_OFF};

    memcpy(e->bytes + e->len, &ppi, sizeof(ppi));
    memcpy(e->bytes + e->len + sizeof(ppi), &word, sizeof(word));
    e->len += RNDIS_PPI_BYTES;
}

static uint32_t vlan_word(uint16_t tci)
{
    return (uint32_t)(tci >> 13) << RNDIS_VLAN_PRIO_SHIFT |
           (uint32_t)(tci >> 12 & 1) << RNDIS_VLAN_DEI_SHIFT |
           (uint32_t)(tci & 0xFFF) << RNDIS_VLAN_ID_SHIFT;
}

void hvh_describe(const struct hvhost_frame *frame, struct hvh_hash hash, uint32_t csum,
                  struct hvh_elements *e)
{
    e->len = 0;
    if (csum)
        element(e, RNDIS_PPI_CSUM, csum);
    if (frame->has_tci)
        element(e, RNDIS_PPI_VLAN, vlan_word(frame->tci));
    if (hash.type) {
        element(e, RNDIS_PPI_HASH, hash.value);
        element(e, RNDIS_PPI_HASH_INFO, NDIS_RSS_TOEPLITZ | hash.type);
    }
}

void hvh_describe_part(uint8_t flags, uint16_t id, struct hvh_elements *e)
{
    const struct rndis_packet_id part = {
        .version = RNDIS_PACKET_ID_VERSION, .flags = flags | RNDIS_PACKET_ID_FRAGMENT, .id = id};
    uint32_t word;

    memcpy(&word, &part, sizeof(word));
    element(e, RNDIS_PPI_PACKET_ID, word);
}

static uint32_t data_at(const struct hvhost_nic *nic, uint32_t elements_bytes)
{
    return nic->config.whole_section ? HVH_SECTION_HEAD_BYTES
                                     : (uint32_t)sizeof(struct rndis_packet) + elements_bytes;
}

uint32_t hvh_message_room(const struct hvhost_nic *nic, uint32_t elements_bytes)
{
    uint32_t taken = data_at(nic, elements_bytes) + HVH_SECTION_TAIL_BYTES;

    return nic->sections.bytes > taken ? nic->sections.bytes - taken : 0;
}

uint32_t hvh_message_write(const struct hvhost_nic *nic, const uint8_t *data, uint32_t bytes,
                           const struct hvh_elements *e, uint8_t *at)
{
    uint32_t off = data_at(nic, e->len);
    struct rndis_packet head = {
        .type = RNDIS_MSG_PACKET,
        .len_bytes = nic->config.whole_section ? nic->sections.bytes : off + bytes,
        .data_off = off - RNDIS_OFFSET_BASE,
        .data_bytes = bytes,
    };

    if (e->len > 0) {
        head.ppi_off = RNDIS_PACKET_OFF_MIN;
        head.ppi_bytes = e->len;
        for (uint32_t done = 0; done < e->len; done += RNDIS_PPI_BYTES)
            memcpy(at + sizeof(head) + done, e->bytes + done, RNDIS_PPI_BYTES);
    }
    memcpy(at, &head, sizeof(head));
    memcpy(at + off, data, bytes);
    return head.len_bytes;
}
