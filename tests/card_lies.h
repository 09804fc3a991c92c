/* SPDX-License-Identifier: BSD-3-Clause */
/* Beside card_life.h: memory that card and guest share says what neither wrote, by chance. */
#ifndef CARD_LIES_H
#define CARD_LIES_H

#include "card_life.h"

/* A word of what is shared becomes another. Contents prove nothing from then on (life.lies). */
void life_lie(void);
/* TCP in one frame, to be cut or passed on as it is: from the far end, and of the guest on (q). */
void life_far_sends_large(void);
void life_guest_sends_large(unsigned q);

#endif
