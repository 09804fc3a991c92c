/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP and UDP packets whose sums, or whose cutting, are left to somebody else, and a look at what
 * came of it. Sums are plain ones of our own.
 */
#ifndef BURST_H
#define BURST_H

#include <stdbool.h>

#include "check.h"
#include "rndis_reg.h"

#define BURST_IP 14u /* offset of the IP header */

struct burst {
    bool v6;
    uint32_t head_bytes, payload_bytes;
    uint8_t frame[65536];
};

/* TCP (6) or UDP (17); its sum field holds the pseudo-header's sum. Identification and sequence
 * numbers are about to wrap; flags are CWR, ACK, PSH and FIN. */
void burst_packet(struct burst *b, bool v6, uint32_t proto, uint32_t payload_bytes);
/* TCP, prepared as LSO wants it. */
void burst_large(struct burst *b, bool v6, uint32_t payload_bytes);

/* The elements that go with them. */
uint32_t burst_csum_word(bool v6, uint32_t proto);
uint32_t burst_lso_word(bool v6, uint32_t mss);

/* All sums of the frame are right. */
void burst_check_sums(const uint8_t *frame, uint32_t bytes, bool v6, uint32_t proto);

uint32_t burst_get16(const uint8_t *at);
uint32_t burst_get32(const uint8_t *at);
void burst_put16(uint8_t *at, uint32_t value);
/* Folded sum of big-endian words, on top of (sum). */
uint32_t burst_sum(uint32_t sum, const uint8_t *at, uint32_t bytes);

#endif
