/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private: parsing the PACKET messages that nearly all of them are. It reads memory the host may
 * write to, each word once and into a register. rndis_parse_packet() and rndis_parse_ppis() are the
 * authority: what is accepted here they accept with the same result (test_rndis_quick), and what is
 * not is left to them, on a copy of their own.
 */
#ifndef RNDIS_QUICK_H
#define RNDIS_QUICK_H

#include <stdatomic.h>

#include "rndis.h"

#define RNDIS_QUICK_PPIS_BYTES_MAX (4 * RNDIS_PPI_BYTES)

/* Memory of the host's, at any address: messages are not aligned. The fence costs nothing, but
 * behind it the compiler has to take memory for changed: there is no second look at it. */
static inline uint64_t rndis_quick_word(const uint8_t *host)
{
    uint64_t word;

    memcpy(&word, host, sizeof(word));
    atomic_signal_fence(memory_order_acquire);
    return word;
}

static inline uint32_t rndis_quick_half(const uint8_t *host)
{
    uint32_t half;

    memcpy(&half, host, sizeof(half));
    atomic_signal_fence(memory_order_acquire);
    return half;
}

/*
 * The message at (host), in a range of (range_bytes >= 44), has no elements, and its data is right
 * behind the header: how long that is. 0: it may be anything.
 */
static inline uint32_t rndis_quick_plain(const uint8_t *host, uint32_t range_bytes)
{
    const uint64_t head = rndis_quick_word(host);
    const uint64_t data = rndis_quick_word(host + offsetof(struct rndis_packet, data_off));
    const uint32_t ppi_bytes = rndis_quick_half(host + offsetof(struct rndis_packet, ppi_bytes));
    const uint32_t len_bytes = (uint32_t)(head >> 32), data_bytes = (uint32_t)(data >> 32);
    const uint64_t end = sizeof(struct rndis_packet) + (uint64_t)data_bytes; /* cannot wrap */

    if ((uint32_t)head != RNDIS_MSG_PACKET || (uint32_t)data != RNDIS_PACKET_OFF_MIN ||
        ppi_bytes != 0 || len_bytes > range_bytes || end > len_bytes)
        return 0;
    return data_bytes;
}

/* The same with elements right behind the header, few, and in front of the data. */
static inline bool rndis_quick_packet(const uint8_t *host, uint32_t range_bytes,
                                      struct rndis_layout *out)
{
    const uint64_t head = rndis_quick_word(host);
    const uint64_t data = rndis_quick_word(host + offsetof(struct rndis_packet, data_off));
    const uint32_t ppi_off = rndis_quick_half(host + offsetof(struct rndis_packet, ppi_off));
    const uint32_t ppi_bytes = rndis_quick_half(host + offsetof(struct rndis_packet, ppi_bytes));
    const uint32_t len_bytes = (uint32_t)(head >> 32), data_off = (uint32_t)data;
    const uint64_t end = RNDIS_OFFSET_BASE + (uint64_t)data_off + (data >> 32); /* cannot wrap */

    if ((uint32_t)head != RNDIS_MSG_PACKET || len_bytes > range_bytes || end > len_bytes)
        return false;
    if (ppi_bytes == 0 || ppi_off != RNDIS_PACKET_OFF_MIN ||
        ppi_bytes > RNDIS_QUICK_PPIS_BYTES_MAX || data_off < RNDIS_PACKET_OFF_MIN + ppi_bytes)
        return false;
    *out = (struct rndis_layout){.data_off = RNDIS_OFFSET_BASE + data_off,
                                 .data_bytes = (uint32_t)(data >> 32),
                                 .ppi_off = sizeof(struct rndis_packet),
                                 .ppi_bytes = ppi_bytes};
    return true;
}

static inline uint16_t rndis_vlan_tci(uint32_t word)
{
    uint32_t priority = (word >> RNDIS_VLAN_PRIO_SHIFT) & 0x7;
    uint32_t dei = (word >> RNDIS_VLAN_DEI_SHIFT) & 0x1;
    uint32_t id = (word >> RNDIS_VLAN_ID_SHIFT) & 0xFFF;

    return (uint16_t)(priority << 13 | dei << 12 | id);
}

static inline uint8_t rndis_fragment_flags(uint32_t word)
{
    struct rndis_packet_id id;

    memcpy(&id, &word, sizeof(id));
    return id.flags & RNDIS_PACKET_ID_FRAGMENT ? id.flags : 0;
}

/* One element with a word of data. */
static inline void rndis_take_ppi(uint32_t type, uint32_t word, struct rndis_meta *out)
{
    switch (type) {
    case RNDIS_PPI_CSUM:
        out->csum = word;
        break;
    case RNDIS_PPI_VLAN:
        out->tci = rndis_vlan_tci(word);
        out->has_tci = true;
        break;
    case RNDIS_PPI_HASH:
        out->hash = word;
        break;
    case RNDIS_PPI_PACKET_ID:
        out->fragment = rndis_fragment_flags(word);
        break;
    default: /* not ours to judge: hosts add elements */
        break;
    }
}

/* Its elements: of one word each, and none that makes it a fragment. */
static inline bool rndis_quick_ppis(const uint8_t *host, uint32_t len_bytes, struct rndis_meta *out)
{
    *out = (struct rndis_meta){0};
    if (len_bytes % RNDIS_PPI_BYTES != 0)
        return false;
    for (uint32_t off = 0; off < len_bytes; off += RNDIS_PPI_BYTES) {
        const uint8_t *ppi = host + off;
        const uint32_t size_bytes = rndis_quick_half(ppi);
        const uint32_t type = rndis_quick_half(ppi + offsetof(struct rndis_ppi, type));
        const uint32_t data_off = rndis_quick_half(ppi + offsetof(struct rndis_ppi, data_off));

        if (size_bytes != RNDIS_PPI_BYTES || data_off != RNDIS_PPI_DATA_OFF ||
            type == RNDIS_PPI_PACKET_ID)
            return false;
        rndis_take_ppi(type, rndis_quick_half(ppi + RNDIS_PPI_DATA_OFF), out);
    }
    return true;
}

/* Its only element makes it a fragment: RNDIS_PACKET_ID_*. 0: they may be anything. */
static inline uint8_t rndis_quick_fragment(const uint8_t *host, uint32_t len_bytes)
{
    const uint64_t usual = RNDIS_PPI_BYTES | (uint64_t)RNDIS_PPI_PACKET_ID << 32;
    uint64_t data;

    if (len_bytes != RNDIS_PPI_BYTES || rndis_quick_word(host) != usual)
        return 0;
    data = rndis_quick_word(host + offsetof(struct rndis_ppi, data_off));
    return (uint32_t)data == RNDIS_PPI_DATA_OFF ? rndis_fragment_flags((uint32_t)(data >> 32)) : 0;
}

#endif
