/* SPDX-License-Identifier: BSD-3-Clause */
/* Two NICs of netif_wire.h that were shown the same bytes must come to the same. */
#ifndef WIRE_TWINS_H
#define WIRE_TWINS_H

#include "netif_wire.h"

/* Frames handed up since the last time; it forgets them. */
void twins_same_frames(struct wire *a, struct wire *b);
/* What they say to their hosts, polled before: completions and anything else. */
void twins_same_answers(struct wire *a, struct wire *b);
void twins_same_counters(const struct wire *a, const struct wire *b);

#endif
