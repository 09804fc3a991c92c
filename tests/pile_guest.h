/* SPDX-License-Identifier: BSD-3-Clause */
/* Who sends small frames, some at a time, and a host that knows which it has to see, and in which
 * order: that of their commits. */
#ifndef PILE_GUEST_H
#define PILE_GUEST_H

#include "check.h"

#include "netif_wire.h"
#include "netvsc_var.h"

#define PILE_HEADER_BYTES 44u
#define PILE_SECTION_BYTES 2048u
#define PILE_FRAMES_MAX 8u /* the host says */

/* Up with (options), or NULL: sections and limits are as above. */
void pile_up(struct wire *w, const struct wire_options *options);
/* All that was committed has come, and the books balance. */
void pile_down(struct wire *w);
/* Take, check and complete what there is; returns how many packets. */
unsigned pile_host_turn(struct wire *w);

/* A frame begun, for (tci) - 1 beside it; 0 = none. */
struct pile_draft {
    struct netvsc_slot slot;
    uint32_t len_bytes;
    uint32_t tci;
};

int pile_begin(struct wire *w, struct pile_draft *d, uint32_t len_bytes);
/* Its bytes; (tagged): with a VLAN tag inside. */
void pile_fill(struct pile_draft *d, uint8_t seed, bool tagged);
void pile_commit(struct wire *w, struct pile_draft *d);
/* All three. */
void pile_send(struct wire *w, uint32_t len_bytes, uint8_t seed);
/* What was committed last is to come with this tag, which nobody asked for. */
void pile_expect_tci(uint16_t tci);

#endif
