/* SPDX-License-Identifier: BSD-3-Clause */
/* An RNDIS PACKET message as the guest gets it: header, info elements, data, in one section. */
#include <string.h>

#include "hvh_rx_var.h"
#include "rss_reg.h"

static void element(struct hvh_head *head, uint32_t type, uint32_t word)
{
    const struct rndis_ppi ppi = {
        .size_bytes = RNDIS_PPI_BYTES, .type = type, .data_off = RNDIS_PPI_DATA_OFF};
    uint8_t *at = head->elements + head->elements_bytes;

    memcpy(at, &ppi, sizeof(ppi));
    memcpy(at + sizeof(ppi), &word, sizeof(word));
    head->elements_bytes += RNDIS_PPI_BYTES;
}

static uint32_t vlan_word(uint16_t tci)
{
    return (uint32_t)(tci >> 13) << RNDIS_VLAN_PRIO_SHIFT |
           (uint32_t)(tci >> 12 & 1) << RNDIS_VLAN_DEI_SHIFT |
           (uint32_t)(tci & 0xFFF) << RNDIS_VLAN_ID_SHIFT;
}

void hvh_describe(const struct hvhost_frame *frame, struct hvh_hash hash, uint32_t csum,
                  struct hvh_head *head)
{
    head->elements_bytes = 0;
    if (csum)
        element(head, RNDIS_PPI_CSUM, csum);
    if (frame->has_tci)
        element(head, RNDIS_PPI_VLAN, vlan_word(frame->tci));
    if (hash.type) {
        element(head, RNDIS_PPI_HASH, hash.value);
        element(head, RNDIS_PPI_HASH_INFO, NDIS_RSS_TOEPLITZ | hash.type);
    }
}

void hvh_describe_part(uint8_t flags, uint16_t id, struct hvh_head *head)
{
    const struct rndis_packet_id part = {
        .version = RNDIS_PACKET_ID_VERSION, .flags = flags | RNDIS_PACKET_ID_FRAGMENT, .id = id};
    uint32_t word;

    memcpy(&word, &part, sizeof(word));
    element(head, RNDIS_PPI_PACKET_ID, word);
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

void hvh_describe_data(const struct hvhost_nic *nic, uint32_t data_bytes, struct hvh_head *head)
{
    const uint32_t off = data_at(nic, head->elements_bytes);

    head->data_off = off;
    head->packet = (struct rndis_packet){
        .type = RNDIS_MSG_PACKET,
        .len_bytes = nic->config.whole_section ? nic->sections.bytes : off + data_bytes,
        .data_off = off - RNDIS_OFFSET_BASE,
        .data_bytes = data_bytes,
        .ppi_off = head->elements_bytes ? RNDIS_PACKET_OFF_MIN : 0,
        .ppi_bytes = head->elements_bytes,
    };
}
