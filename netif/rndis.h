/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RNDIS messages: build requests, parse what the host says. Pure functions without state.
 *
 * Parsers work on a private copy: (bytes, len_bytes) is memory the host cannot write to. They
 * return 0 and fill (*out), or -EPROTO; nothing they return points outside what they were given.
 * Offsets in results count from the start of the message, not from byte 8 as on the wire.
 */
#ifndef RNDIS_H
#define RNDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "rndis_reg.h"

#define RNDIS_REQUEST_BYTES_MAX 704u /* longest message the functions below build: RSS's */
#define RNDIS_INFO_BYTES_MAX (RNDIS_REQUEST_BYTES_MAX - (uint32_t)sizeof(struct rndis_request))
#define RNDIS_PPI_AREA_BYTES_MAX 512u /* longest per-packet info we look at */

/* Build into (buf), RNDIS_REQUEST_BYTES_MAX long; the result is the length of the message. */
uint32_t rndis_build_initialize(void *buf, uint32_t request_id);
uint32_t rndis_build_halt(void *buf, uint32_t request_id);
uint32_t rndis_build_query(void *buf, uint32_t request_id, uint32_t oid);
uint32_t rndis_build_set_u32(void *buf, uint32_t request_id, uint32_t oid, uint32_t value);
/* With (info_bytes) <= RNDIS_INFO_BYTES_MAX of information. (type) = RNDIS_MSG_QUERY, _SET. */
uint32_t rndis_build_request(void *buf, uint32_t type, uint32_t request_id, uint32_t oid,
                             const void *info, uint32_t info_bytes);

/* What a frame carries beside it, in this order; a word of 0 is not sent. */
struct rndis_tx_info {
    bool has_hash, has_tci;
    uint16_t tci;  /* as in an 802.1Q tag */
    uint32_t hash; /* the queue's index makes the host complete on that queue */
    uint32_t csum; /* rndis_csum_word() */
    uint32_t lso;  /* rndis_lso_word(); never together with csum */
};
#define RNDIS_TX_PPIS_BYTES_MAX (3 * RNDIS_PPI_BYTES)

/* (kinds) are RNDIS_TXCSUM_*, (l4_off) counts from the start of the frame. */
uint32_t rndis_csum_word(uint32_t kinds, uint32_t l4_off);
uint32_t rndis_lso_word(bool v6, uint32_t mss_bytes, uint32_t l4_off);
/* Write its elements, RNDIS_PPI_BYTES each; returns how long they are. */
uint32_t rndis_build_tx_info(void *buf, const struct rndis_tx_info *info);
/* One of them, by words made in registers: what is put together in smaller pieces and then copied
 * in larger ones waits for its own stores. */
static inline void rndis_put_ppi(uint8_t *at, uint32_t type, uint32_t word)
{
    const uint64_t head = RNDIS_PPI_BYTES | (uint64_t)type << 32;
    const uint64_t data = RNDIS_PPI_DATA_OFF | (uint64_t)word << 32;

    memcpy(at, &head, sizeof(head));
    memcpy(at + sizeof(head), &data, sizeof(data));
}

/*
 * The header of a PACKET with (ppi_bytes) of them between it and the data; returns the length of
 * the message. By words, too.
 */
static inline uint32_t rndis_put_packet(uint8_t *at, uint32_t ppi_bytes, uint32_t data_bytes)
{
    const uint32_t len_bytes = (uint32_t)sizeof(struct rndis_packet) + ppi_bytes + data_bytes;
    const uint32_t ppi_off = ppi_bytes ? RNDIS_PACKET_OFF_MIN : 0;
    const uint32_t data_off = RNDIS_PACKET_OFF_MIN + ppi_bytes;
    const uint64_t first = RNDIS_MSG_PACKET | (uint64_t)len_bytes << 32;
    const uint64_t data = data_off | (uint64_t)data_bytes << 32;
    const uint64_t ppi = (uint64_t)ppi_bytes << 32 | ppi_off;

    memcpy(at, &first, 8);
    memcpy(at + offsetof(struct rndis_packet, data_off), &data, 8);
    memset(at + offsetof(struct rndis_packet, oob_off), 0, 28);
    memcpy(at + offsetof(struct rndis_packet, ppi_off), &ppi, 8);
    return len_bytes;
}

/* Request id of any completion but RESET's, however malformed it is otherwise. */
int rndis_parse_request_id(const void *bytes, size_t len_bytes, uint32_t *request_id);

/* Aggregation limits are sane in (*out): 1..2^32-1 packets, alignment 1..4096. Status is not
 * judged. */
int rndis_parse_initialize_complete(const void *bytes, size_t len_bytes,
                                    struct rndis_initialize_complete *out);
int rndis_parse_set_complete(const void *bytes, size_t len_bytes, struct rndis_set_complete *out);

struct rndis_info {
    uint32_t status;     /* RNDIS_STATUS_* */
    const uint8_t *data; /* inside (bytes); NULL when there is none */
    uint32_t data_bytes;
};

int rndis_parse_query_complete(const void *bytes, size_t len_bytes, struct rndis_info *out);

/* status = RNDIS_IND_*. Bounded by (len_bytes), because old hosts leave the buffer out of the
 * length. */
int rndis_parse_indicate(const void *bytes, size_t len_bytes, struct rndis_info *out);

/* Where things are in a PACKET message. */
struct rndis_layout {
    uint32_t data_off, data_bytes;
    uint32_t ppi_off, ppi_bytes; /* ppi_bytes 0 = none */
};

/*
 * (bytes) holds the first (len_bytes) of a message in a range of (range_bytes): 44 are needed. Data
 * and per-packet info lie inside the message, the message inside the range, and they do not
 * overlap.
 */
int rndis_parse_packet(const void *bytes, size_t len_bytes, uint32_t range_bytes,
                       struct rndis_layout *out);

/* What per-packet info said. */
struct rndis_meta {
    uint16_t tci; /* as in an 802.1Q tag */
    bool has_tci;
    uint32_t csum; /* RNDIS_RXCSUM_* */
    uint32_t hash;
    uint8_t fragment; /* RNDIS_PACKET_ID_*; 0 = a whole frame */
};

/* (bytes) is the whole per-packet info area. */
int rndis_parse_ppis(const void *bytes, size_t len_bytes, struct rndis_meta *out);

#endif
