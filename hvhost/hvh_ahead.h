/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory asked for before it is needed. Its lines were last used by the guest's processor,
 * and one takes as long to come from there as a hundred instructions; all that is done for a packet
 * does not take longer than the 25 lines of a frame.
 *
 * In two goes, with work in between: a processor can wait for a dozen lines at a time and for one
 * more stands still.
 */
#ifndef HVH_AHEAD_H
#define HVH_AHEAD_H

#include <stdint.h>

#define HVH_LINE_BYTES 64u
#define HVH_AHEAD_BYTES (12u * HVH_LINE_BYTES) /* in the first go */

struct hvh_ahead {
    const uint8_t *at, *end; /* not yet asked for */
};

/* How far the next go reaches. */
static inline const uint8_t *hvh_ahead_first(const struct hvh_ahead *ahead)
{
    return ahead->end - ahead->at > HVH_AHEAD_BYTES ? ahead->at + HVH_AHEAD_BYTES : ahead->end;
}

/* Up to (to), for reading. */
static inline void hvh_ahead_read(struct hvh_ahead *ahead, const uint8_t *to)
{
    for (; ahead->at < to; ahead->at += HVH_LINE_BYTES)
        __builtin_prefetch(ahead->at);
}

/* Up to (to), for writing: nobody else has the lines then. */
static inline void hvh_ahead_write(struct hvh_ahead *ahead, const uint8_t *to)
{
    for (; ahead->at < to; ahead->at += HVH_LINE_BYTES)
        __builtin_prefetch(ahead->at, 1);
}

#endif
