/* SPDX-License-Identifier: BSD-3-Clause */
/* Golden bytes as written in the protocol reference: pairs of hex digits, spaces between. */
#ifndef HEX_H
#define HEX_H

#include <stdio.h>

#include "check.h"

/* Returns how many bytes (text) has; at most (max) are written. */
static inline size_t hex_parse(const char *text, uint8_t *out, size_t max)
{
    size_t count = 0;
    unsigned byte;
    int used;

    while (count < max && sscanf(text, " %2x%n", &byte, &used) == 1) {
        out[count++] = (uint8_t)byte;
        text += used;
    }
    return count;
}

/* (got) is exactly the bytes of (text). */
static inline void check_hex(const void *got, size_t got_bytes, const char *text)
{
    uint8_t want[512];
    size_t bytes = hex_parse(text, want, sizeof(want));

    assert_int_equal(got_bytes, bytes);
    assert_memory_equal(got, want, bytes);
}

#endif
